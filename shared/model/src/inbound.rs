//! What WeChat tells us about people and messages: events, and texts that people type in the chat.

use crate::clock::Timestamp;
use crate::ids::OpenId;
use serde::{Deserialize, Serialize};

/// One thing that WeChat told us of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// `gh_…` of the account: whom the message was for, and who a reply comes from.
    pub to: String,
    /// Who did it.
    pub from: OpenId,
    /// When, to the second, by WeChat's clock.
    pub at: Timestamp,
    /// What is the same in every repeat of this message and in no other of the account (WeChat sends up to three
    /// times): 32 hexadecimal digits.
    pub repeat_key: String,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// The person typed a text, or tapped an entry of a menu message.
    Text {
        /// As typed.
        content: String,
    },
    /// The person sent something else: a picture, a voice, a place.
    OtherMessage {
        /// WeChat's `MsgType`.
        message_type: String,
    },
    /// The person followed the account, by a QR code with a scene or without.
    Subscribe {
        /// The scene of the QR code, without WeChat's prefix.
        scene: Option<String>,
    },
    /// The person no longer follows the account.
    Unsubscribe,
    /// A follower of the account scanned a QR code with a scene.
    Scan {
        /// The scene.
        scene: String,
    },
    /// The person tapped an entry of the account's menu.
    Click {
        /// The key that the menu gives the entry.
        key: String,
    },
    /// What became of messages that WeChat had accepted, by WeChat's id.
    Finished {
        /// Each with its end.
        messages: Vec<Finished>,
    },
    /// Something that needs nothing from us.
    Other {
        /// WeChat's `Event`, lower-case.
        event: String,
    },
}

/// What became of one message that WeChat had accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// WeChat's id of the message: the `msgid` of the answer to the send.
    pub msgid: u64,
    /// How it ended.
    pub end: FinishedAs,
    /// How many people a mass message reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<MassCounts>,
}

/// What WeChat counts of a mass message once it is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassCounts {
    /// Everybody it was for.
    pub total: u64,
    /// Who was left after WeChat's filters; those sent and those failed together, as a rule.
    pub filtered: u64,
    /// To whom it was sent.
    pub sent: u64,
    /// To whom it could not be sent.
    pub errors: u64,
}

/// How a message ended that WeChat had accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum FinishedAs {
    /// It was shown, or, of a mass message, sent to whom WeChat did not filter out.
    Delivered,
    /// The user has blocked the account (`user block`).
    UserBlocked,
    /// WeChat could not deliver it for a reason of its own (`system failed`).
    SystemFailed,
    /// The user got too many messages (`freq limit`).
    FrequencyLimited,
    /// Anything else, in WeChat's words, at most [`FinishedAs::TEXT_CHARS`] characters.
    Failed {
        /// WeChat's words, or its code.
        text: String,
    },
}

impl FinishedAs {
    /// The most of WeChat's words that is kept.
    pub const TEXT_CHARS: usize = 60;

    /// From the `Status` of a finish event. WeChat writes `failed:user block` and `failed: system failed`: the space
    /// says nothing, nor does the case.
    pub fn from_status(status: &str) -> Self {
        let (head, tail) = status.split_once(':').map_or((status, ""), |(head, tail)| (head, tail));
        let (head, tail) = (head.trim().to_ascii_lowercase(), tail.trim().to_ascii_lowercase());
        match (head.as_str(), tail.as_str()) {
            ("success" | "send success" | "sendsuccess", "") => Self::Delivered,
            ("failed", "user block") => Self::UserBlocked,
            ("failed", "system failed") => Self::SystemFailed,
            ("failed", "freq limit") => Self::FrequencyLimited,
            _ => Self::Failed { text: status.trim().chars().take(Self::TEXT_CHARS).collect() },
        }
    }

    /// The label in logs and metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::UserBlocked => "user_blocked",
            Self::SystemFailed => "system_failed",
            Self::FrequencyLimited => "frequency_limited",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Happening {
    /// The label in logs and metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::OtherMessage { .. } => "other_message",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Scan { .. } => "scan",
            Self::Click { .. } => "click",
            Self::Finished { .. } => "finished",
            Self::Other { .. } => "other",
        }
    }
}

/// A text as a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// `#97`: follow app 97.
    Follow(u64),
    /// `#97 some text`: pass the text on to app 97.
    Command {
        /// The app's number.
        app: u64,
        /// What follows the first run of blanks, as typed but for blanks at its end.
        text: String,
    },
    /// `#` and something that is no command: `#97text`, `#`, `#abc`.
    Malformed,
    /// A text without `#`.
    Words(String),
}

/// Reads a typed text. Full-width `＃`, digits and blanks count like the narrow ones: phones with a Chinese keyboard
/// write them.
///
/// Source: WxPusher's documentation, "send up messages"; that a missing blank makes no command is ours.
pub fn read_typed(content: &str) -> Typed {
    let content = content.trim();
    let Some(rest) = content.strip_prefix(['#', '＃']) else { return Typed::Words(content.to_owned()) };
    let digits: String = rest.chars().map_while(narrow_digit).collect();
    let after: String = rest.chars().skip(digits.chars().count()).collect();
    let Ok(app) = digits.parse::<u64>() else { return Typed::Malformed };
    match after.trim_start() {
        "" => Typed::Follow(app),
        text if after.starts_with(char::is_whitespace) => Typed::Command { app, text: text.to_owned() },
        _ => Typed::Malformed,
    }
}

fn narrow_digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three failures that WeChat names stay apart, however it puts its blanks.
    #[test]
    fn row_55_a_failed_finish_is_one_of_three_or_in_wechats_words() {
        assert_eq!(FinishedAs::from_status("success"), FinishedAs::Delivered);
        assert_eq!(FinishedAs::from_status("failed:user block"), FinishedAs::UserBlocked);
        assert_eq!(FinishedAs::from_status("failed: system failed"), FinishedAs::SystemFailed);
        assert_eq!(FinishedAs::from_status("failed:freq limit"), FinishedAs::FrequencyLimited);
        assert_eq!(FinishedAs::from_status(" Failed :User Block "), FinishedAs::UserBlocked);
        assert_eq!(FinishedAs::from_status("send success"), FinishedAs::Delivered);
        let other = FinishedAs::from_status(&format!("err(30001){}", "x".repeat(99)));
        assert!(matches!(&other, FinishedAs::Failed { text } if text.starts_with("err(30001)") && text.len() == 60));
    }

    /// What cannot be written cannot wait on a queue.
    #[test]
    fn everything_that_can_happen_can_be_kept_and_read_back() {
        let ends = [
            FinishedAs::Delivered,
            FinishedAs::UserBlocked,
            FinishedAs::SystemFailed,
            FinishedAs::FrequencyLimited,
            FinishedAs::Failed { text: "err(30001)".to_owned() },
        ];
        let messages =
            ends.into_iter().map(|end| Finished { msgid: 3_717_005_636_572_528_642, end, counts: None }).collect();
        let text = "x".to_owned();
        for what in [
            Happening::Text { content: text.clone() },
            Happening::OtherMessage { message_type: text.clone() },
            Happening::Subscribe { scene: Some(text.clone()) },
            Happening::Subscribe { scene: None },
            Happening::Unsubscribe,
            Happening::Scan { scene: text.clone() },
            Happening::Click { key: text.clone() },
            Happening::Finished { messages },
            Happening::Other { event: text },
        ] {
            let written = serde_json::to_string(&what).unwrap_or_else(|error| panic!("{what:?}: {error}"));
            assert_eq!(serde_json::from_str::<Happening>(&written).unwrap(), what, "{written}");
        }
    }

    #[test]
    fn a_hash_a_number_and_a_blank_make_a_command() {
        let command = |text: &str| Typed::Command { app: 97, text: text.to_owned() };
        assert_eq!(read_typed("#97 some text"), command("some text"));
        assert_eq!(read_typed(" #97   some  text \n"), command("some  text"));
        assert_eq!(read_typed("＃９７\u{3000}文字"), command("文字"));
        assert_eq!(read_typed("#97\nline\nline"), command("line\nline"));
        for follow in ["#97", "＃97", "#97 ", "#97\u{3000}\u{3000}"] {
            assert_eq!(read_typed(follow), Typed::Follow(97), "{follow}");
        }
        for malformed in ["#97text", "#", "# 97", "#abc", "#-1", "#99999999999999999999999 x", "##97"] {
            assert_eq!(read_typed(malformed), Typed::Malformed, "{malformed}");
        }
        assert_eq!(read_typed(" 97 "), Typed::Words("97".to_owned()));
    }
}
