//! QR codes by which users follow: what they carry, how long they hold, and where their pictures are.

use crate::clock::Timestamp;
use crate::follow::Followed;
use crate::ids::{AppId, letters};
use crate::limits;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A code: 64 letters or digits that cannot be guessed. It is the only credential of a scan's result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(String);

impl Code {
    /// Letters and digits of a code.
    pub const CHARS: usize = 64;
    /// Letters and digits at the beginning of a code that name it as well: for short links.
    pub const SHORT_CHARS: usize = 16;

    /// A new one, drawn from `random`.
    pub fn draw(random: &mut impl CryptoRng) -> Self {
        Self(letters(random, Self::CHARS))
    }

    /// `None` for anything that is no code.
    pub fn parse(text: &str) -> Option<Self> {
        is_letters(text, Self::CHARS).then(|| Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its beginning.
    pub fn short(&self) -> &str {
        self.0.get(..Self::SHORT_CHARS).unwrap_or_default()
    }

    /// Path of its picture.
    pub fn picture_path(&self) -> String {
        format!("/api/qrcode/{}.jpg", self.0)
    }

    /// A shorter path of the same picture.
    pub fn short_picture_path(&self) -> String {
        format!("/q/{}.jpg", self.short())
    }

    /// What WeChat tells us when somebody scans the code: at most 64 characters.
    pub fn scene(&self, way: Way) -> String {
        match way {
            Way::Picture => self.0.clone(),
            Way::Link => format!("{LINK_SCENE}{}", self.short()),
        }
    }

    /// Path of the page that follows with it.
    pub fn page_path(&self) -> String {
        format!("/q/{}", self.short())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A code, or the beginning of one, as it stands in a path; `.jpg` after it is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeKey {
    /// All of it.
    Whole(Code),
    /// Its beginning.
    Short(String),
}

/// How somebody came to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// By its picture.
    Picture,
    /// By its link: the page shows a picture of its own, so that a scan says which it was.
    Link,
}

/// What the scene of a code begins with whose page was opened.
const LINK_SCENE: &str = "link_";

impl CodeKey {
    /// The code that WeChat tells us a scan of, and how its picture was come by; `None` when it is none of ours.
    pub fn of_scene(scene: &str) -> Option<(Self, Way)> {
        match scene.strip_prefix(LINK_SCENE) {
            Some(short) if is_letters(short, Code::SHORT_CHARS) => Some((Self::Short(short.to_owned()), Way::Link)),
            Some(_) => None,
            None => Code::parse(scene).map(|code| (Self::Whole(code), Way::Picture)),
        }
    }

    /// `None` for what can be neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix(".jpg").unwrap_or(text);
        let short = || is_letters(text, Code::SHORT_CHARS).then(|| Self::Short(text.to_owned()));
        Code::parse(text).map(Self::Whole).or_else(short)
    }
}

fn is_letters(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A QR code as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QrCode {
    /// The code.
    pub code: Code,
    /// Whose followers it makes.
    pub app_id: AppId,
    /// What they follow.
    pub followed: Followed,
    /// What the developer is told with every scan; `None` for the default code of an app or a topic.
    pub extra: Option<String>,
    /// When scanning it begins to do nothing; `None`: never.
    pub expires: Option<Timestamp>,
}

impl QrCode {
    /// Whether scanning it still does something at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// How long the result of a scan can be read.
    pub fn readable_until(&self) -> Option<Timestamp> {
        self.expires.map(|expires| expires.plus(limits::SCAN_RESULT_KEPT))
    }
}

/// Why a QR code is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrRefusal {
    /// `extra` is missing or blank.
    ExtraBlank,
    /// `extra` is too long.
    ExtraTooLong,
    /// `validTime` is negative or too long.
    ValidTime,
}

impl QrRefusal {
    /// Every rule.
    pub const ALL: &'static [Self] = &[Self::ExtraBlank, Self::ExtraTooLong, Self::ValidTime];

    /// The stable code (`docs/errors.md`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExtraBlank => "extra_blank",
            Self::ExtraTooLong => "extra_too_long",
            Self::ValidTime => "valid_time_out_of_range",
        }
    }

    /// What the caller reads.
    pub fn message(self) -> String {
        match self {
            Self::ExtraBlank => "extra不能为空".to_owned(),
            Self::ExtraTooLong => format!("extra过长，最多{}个字符", limits::WXPUSHER_EXTRA_CHARS),
            Self::ValidTime => format!("validTime应为1到{}秒", limits::WXPUSHER_QR_LONGEST.as_secs()),
        }
    }
}

/// Checks what a developer asks of a QR code: `extra` is kept verbatim, and `validTime` (seconds) 0 is the default, as
/// typed clients send 0 for what was not set.
pub fn check(extra: Option<String>, valid_time: Option<i64>) -> Result<(String, Duration), QrRefusal> {
    let extra = extra.filter(|extra| !extra.trim().is_empty()).ok_or(QrRefusal::ExtraBlank)?;
    if extra.chars().nth(limits::WXPUSHER_EXTRA_CHARS).is_some() {
        return Err(QrRefusal::ExtraTooLong);
    }
    let valid = match valid_time {
        None | Some(0) => limits::WXPUSHER_QR_DEFAULT,
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).map_err(|_| QrRefusal::ValidTime)?),
    };
    if valid > limits::WXPUSHER_QR_LONGEST { Err(QrRefusal::ValidTime) } else { Ok((extra, valid)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_itself_and_by_its_beginning() {
        let code = Code::draw(&mut rand::rng());
        assert_eq!(CodeKey::parse(code.as_str()), Some(CodeKey::Whole(code.clone())));
        assert_eq!(CodeKey::parse(&format!("{code}.jpg")), Some(CodeKey::Whole(code.clone())));
        let short = code.short_picture_path();
        let short = short.strip_prefix("/q/").unwrap();
        assert_eq!(CodeKey::parse(short), Some(CodeKey::Short(code.short().to_owned())));
        for bad in ["", ".jpg", "abc", &code.as_str()[1..], "../../../../etc/pa", &format!("{code}x")] {
            assert_eq!(CodeKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_scene_says_which_code_and_how_it_was_come_by() {
        let code = Code::draw(&mut rand::rng());
        for way in [Way::Picture, Way::Link] {
            let scene = code.scene(way);
            assert!((1..=64).contains(&scene.len()), "{scene}");
            let (key, read) = CodeKey::of_scene(&scene).expect("ours");
            assert_eq!(read, way);
            assert!(key == CodeKey::Whole(code.clone()) || key == CodeKey::Short(code.short().to_owned()));
        }
        for foreign in ["", "abc", "link_", "link_abc", code.short(), "last_trade_no_1"] {
            assert_eq!(CodeKey::of_scene(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn extra_counts_characters_and_is_kept_verbatim() {
        let extra = |text: &str| check(Some(text.to_owned()), None).map(|(extra, _)| extra);
        assert_eq!(extra(&"字".repeat(64)), Ok("字".repeat(64)));
        assert_eq!(extra(&"字".repeat(65)), Err(QrRefusal::ExtraTooLong));
        assert_eq!(extra(" {\"a\":1} "), Ok(" {\"a\":1} ".to_owned()));
        assert_eq!(extra(" \t"), Err(QrRefusal::ExtraBlank));
        assert_eq!(check(None, None), Err(QrRefusal::ExtraBlank));
    }

    #[test]
    fn the_time_is_half_an_hour_unless_said_otherwise() {
        let valid = |seconds| check(Some("x".to_owned()), seconds).map(|(_, valid)| valid.as_secs());
        assert_eq!(valid(None), Ok(1_800));
        assert_eq!(valid(Some(0)), Ok(1_800));
        assert_eq!(valid(Some(1)), Ok(1));
        assert_eq!(valid(Some(2_592_000)), Ok(2_592_000));
        for bad in [-1, 2_592_001, i64::MIN, i64::MAX] {
            assert_eq!(valid(Some(bad)), Err(QrRefusal::ValidTime), "{bad}");
        }
    }

    #[test]
    fn a_code_closes_when_it_expires() {
        let at = Timestamp::from_seconds;
        let mut code = QrCode {
            code: Code::draw(&mut rand::rng()),
            app_id: AppId::new(1),
            followed: Followed::App,
            extra: None,
            expires: Some(at(100)),
        };
        assert!(code.is_open(at(99)) && !code.is_open(at(100)));
        assert_eq!(code.readable_until(), Some(at(100 + 86_400)));
        code.expires = None;
        assert!(code.is_open(at(1 << 40)));
    }
}
