//! A message as Huawei's JSON, the same for all devices: rendered once, and tokens put at its end.

use super::settings::{MAX_BADGE, MAX_BODY_BYTES, MAX_TTL};
use super::wire::{Android, Badge as WireBadge, ClickAction, Message, Notification as Shown};
use crate::vendor::words::title_and_text;
use crate::vendor::{Push, Target};
use bytes::Bytes;
use model::certificate::HuaweiCertificate;
use model::clock::Timestamp;
use model::notification::android::{Click, Phone};
use model::notification::badge::Badge;
use model::notification::check::names_picture;
use model::notification::ext::Ext;
use model::notification::shrink::{Parts, fit};
use model::notification::{Kind, Notification, SILENT};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A message that is ready but for its tokens.
pub(super) struct Rendered<'a> {
    message: &'a Notification,
    certificate: &'a HuaweiCertificate,
    /// Comes back in receipts: the batch, or at least the task.
    tag: String,
    now: Timestamp,
}

/// The importance of what makes no sound.
const LOW: &str = "LOW";
/// The one importance that needs a right.
const HIGH: &str = "HIGH";

impl<'a> Rendered<'a> {
    pub(super) fn of(push: &Push<'a, HuaweiCertificate>, now: Timestamp) -> Self {
        let tag = push.receipt.map_or_else(|| push.task.to_string(), |to| to.parameter.clone());
        Self { message: push.message, certificate: push.certificate, tag, now }
    }

    /// The body without tokens; `None` when it cannot be made to fit.
    pub(super) fn whole(&self) -> Option<Vec<u8>> {
        self.render(MAX_BODY_BYTES, true)
    }

    /// A smaller one, after Huawei found `refused` bytes too large.
    pub(super) fn smaller(&self, refused: usize) -> Option<Vec<u8>> {
        self.render(refused / 4 * 3, true)
    }

    /// One that asks for no high priority; `None` when there was none in it.
    pub(super) fn calm(&self) -> Option<Vec<u8>> {
        if self.certificate.importance.as_deref() == Some(HIGH) { self.render(MAX_BODY_BYTES, false) } else { None }
    }

    fn render(&self, most: usize, high: bool) -> Option<Vec<u8>> {
        fit(self.message, most.saturating_sub(BEFORE_TOKENS.len() + AFTER_TOKENS.len()), |parts| self.head(parts, high))
    }

    /// `{"validate_only":false,"message":{…`, without the two closing braces.
    fn head(&self, parts: &Parts<'_>, high: bool) -> Vec<u8> {
        let (message, certificate) = (self.message, self.certificate);
        let shown = message.kind != Kind::Cmd;
        let wire = Message {
            data: (!shown).then(|| self.data(parts)),
            android: Android {
                ttl: format!("{}s", message.ttl(self.now).min(MAX_TTL).as_secs()),
                bi_tag: &self.tag,
                category: certificate.category.as_deref(),
                target_user_type: certificate.test_messages.then_some(1),
                data: message.ext.as_ref().filter(|_| shown).map(Ext::as_json),
                notification: shown.then(|| self.notification(parts, high)),
            },
        };
        let mut head = br#"{"validate_only":false,"message":"#.to_vec();
        // Strings and numbers into a buffer: this cannot fail, and without a message Huawei refuses the call.
        let _ = serde_json::to_writer(&mut head, &wire);
        head.pop();
        head
    }

    fn notification<'b>(&'b self, parts: &'b Parts<'_>, high: bool) -> Shown<'b> {
        let effective = self.message.effective(Phone::Huawei);
        let silent = effective.sound == Some(SILENT);
        let (kind, intent) = match effective.click {
            Click::Intent(uri) => (1, Some(uri)),
            Click::OpenApp | Click::Nowhere => (3, None),
        };
        let big_text = parts.big_text.as_deref();
        let (title, body) = title_and_text(self.message, &parts.body, &self.certificate.app_name);
        let picture = |url: &&str| url.starts_with("https://") && names_picture(url);
        Shown {
            title,
            body,
            image: parts.attachment_url.filter(picture),
            sound: effective
                .sound
                .filter(|_| !silent)
                .map(|sound| if sound.starts_with('/') { sound.to_owned() } else { format!("/raw/{sound}") }),
            default_sound: effective.sound.map(|_| false),
            channel_id: effective.channel_id,
            click_action: ClickAction { kind, intent },
            style: big_text.map(|_| 1),
            big_title: big_text.map(|_| title),
            big_body: big_text,
            badge: self.badge(),
            importance: if silent {
                Some(LOW)
            } else {
                self.certificate.importance.as_deref().filter(|importance| high || *importance != HIGH)
            },
        }
    }

    /// Needs the class of the icon; without one, Huawei takes no badge.
    fn badge(&self) -> Option<WireBadge<'_>> {
        let class = self.message.huawei.badge_class.as_deref().or(self.certificate.badge_class.as_deref())?;
        match self.message.badge {
            Badge::Set(number) => Some(WireBadge { add_num: None, set_num: Some(number.min(MAX_BADGE)), class }),
            Badge::Add(0) => None,
            Badge::Add(number) => Some(WireBadge { add_num: Some(number.min(MAX_BADGE)), set_num: None, class }),
        }
    }

    /// The data of a message that is not shown: the caller's own, with its texts beside it unless they are in there already.
    fn data(&self, parts: &Parts<'_>) -> String {
        let texts = [("title", self.message.title.as_str()), ("body", parts.longest_text())];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let own = self.message.ext.as_ref();
        let mut texts = texts.peekable();
        if texts.peek().is_none() {
            return own.map_or_else(|| "{}".to_owned(), |ext| ext.as_json().to_owned());
        }
        let mut data: BTreeMap<String, Box<RawValue>> =
            own.iter().flat_map(|ext| ext.entries()).map(|(key, value)| (key, value.to_owned())).collect();
        for (key, text) in texts {
            if let Ok(text) = serde_json::value::to_raw_value(text) {
                data.entry(key.to_owned()).or_insert(text);
            }
        }
        serde_json::to_string(&data).unwrap_or_default()
    }
}

/// What stands around the tokens. It counts for the limit, they do not.
const BEFORE_TOKENS: &[u8] = br#","token":["#;
const AFTER_TOKENS: &[u8] = b"]}}";

/// The whole body for these devices.
pub(super) fn with_tokens(head: &[u8], targets: &[&Target]) -> Bytes {
    let tokens: usize = targets.iter().map(|target| target.token.as_str().len() + 3).sum();
    let mut body = Vec::with_capacity(head.len() + tokens + 16);
    body.extend_from_slice(head);
    body.extend_from_slice(BEFORE_TOKENS);
    for (number, target) in targets.iter().enumerate() {
        if number > 0 {
            body.push(b',');
        }
        // A string into a buffer: this cannot fail.
        let _ = serde_json::to_writer(&mut body, target.token.as_str());
    }
    body.extend_from_slice(AFTER_TOKENS);
    body.into()
}
