//! A message as Google's JSON.
//!
//! All devices of a call get the same but for token and badge: what is common is rendered once per distinct badge, and the
//! token is put at its end.

use super::settings::{MAX_PAYLOAD_BYTES, MAX_TTL};
use super::wire::{Android, AndroidNotification, FcmOptions, Message, Notification as Shown};
use crate::vendor::{Push, Target};
use bytes::Bytes;
use model::clock::Timestamp;
use model::notification::android::{Click, Phone};
use model::notification::check::names_picture;
use model::notification::shrink::{Parts, fit};
use model::notification::{Kind, Notification, SILENT};
use std::collections::BTreeMap;

/// A call, rendered.
pub(super) struct Rendered<'a> {
    message: &'a Notification,
    task: String,
    receipt: Option<&'a str>,
    label: String,
    now: Timestamp,
    messages: BTreeMap<Option<u32>, Option<Vec<u8>>>,
}

impl<'a> Rendered<'a> {
    /// Renders `push` at `now`.
    pub(super) fn of<C>(push: &Push<'a, C>, now: Timestamp) -> Self {
        let (task, label) = (push.task.to_string(), format!("t{}", push.task));
        let receipt = push.receipt.map(|to| to.parameter.as_str());
        let mut rendered = Self { message: push.message, task, receipt, label, now, messages: BTreeMap::new() };
        for badge in push.targets.iter().map(|target| target.counter(push.message)) {
            if !rendered.messages.contains_key(&badge) {
                let message = rendered.render(badge, MAX_PAYLOAD_BYTES);
                rendered.messages.insert(badge, message);
            }
        }
        rendered
    }

    /// The body for one device; `None` when the message cannot be made to fit.
    pub(super) fn body(&self, target: &Target) -> Option<Bytes> {
        let message = self.messages.get(&target.counter(self.message))?.as_ref()?;
        Some(with_token(message, target))
    }

    /// A smaller one, after Google found it too large.
    pub(super) fn smaller(&self, target: &Target) -> Option<Bytes> {
        let badge = target.counter(self.message);
        let refused = self.messages.get(&badge)?.as_ref()?.len();
        Some(with_token(&self.render(badge, refused / 4 * 3)?, target))
    }

    fn render(&self, badge: Option<u32>, most: usize) -> Option<Vec<u8>> {
        fit(self.message, most.saturating_sub(TOKEN_FIELD.len() + 2), |parts| self.message(badge, parts))
    }

    fn message(&self, badge: Option<u32>, parts: &Parts<'_>) -> Vec<u8> {
        let message = self.message;
        let effective = message.effective(Phone::Fcm);
        let silent = effective.sound == Some(SILENT);
        let shown = message.kind != Kind::Cmd;
        let picture = parts.attachment_url.filter(|url| names_picture(url));
        let is_image = message.kind == Kind::Image;
        let intent = if let Click::Intent(uri) = effective.click { Some(uri) } else { None };
        let on_android = AndroidNotification {
            image: picture.filter(|_| !is_image),
            sound: effective.sound.filter(|_| !silent),
            notification_priority: silent.then_some(LOW_PRIORITY),
            click_action: intent.and_then(action),
            channel_id: effective.channel_id,
            notification_count: badge,
        };
        let message = Message {
            notification: shown.then(|| Shown {
                title: &message.title,
                body: parts.longest_text(),
                image: picture.filter(|_| is_image),
            }),
            data: self.data(intent, (!shown).then(|| parts.longest_text())),
            android: Android {
                priority: "HIGH",
                ttl: format!("{}s", message.ttl(self.now).min(MAX_TTL).as_secs()),
                notification: (shown && on_android != AndroidNotification::default()).then_some(on_android),
            },
            fcm_options: FcmOptions { analytics_label: &self.label },
        };
        // Strings and numbers into a buffer: this cannot fail, and an empty message would only be refused.
        serde_json::to_vec(&message).unwrap_or_default()
    }

    /// The caller's own data as strings. `text`: of a message that is not shown, beside its title.
    fn data(&self, intent: Option<&str>, text: Option<&str>) -> BTreeMap<String, String> {
        let (reserved, mut data): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (self.message.ext.iter()).flat_map(|ext| ext.texts()).partition(|(key, _)| is_reserved(key));
        for (key, value) in reserved {
            data.entry(format!("x_{key}")).or_insert(value);
        }
        if let Some(text) = text {
            for (key, value) in [("title", self.message.title.as_str()), ("body", text)] {
                if !value.is_empty() {
                    data.entry(key.to_owned()).or_insert_with(|| value.to_owned());
                }
            }
        }
        data.insert("mx_task".to_owned(), self.task.clone());
        if let Some(receipt) = self.receipt {
            data.insert("mx_receipt".to_owned(), receipt.to_owned());
        }
        if let Some(intent) = intent {
            data.insert("mx_intent".to_owned(), intent.to_owned());
        }
        data
    }
}

/// Of what makes no sound: it is shown without a sound and without coming up over what is on the screen.
const LOW_PRIORITY: &str = "PRIORITY_LOW";

/// What stands before the token; with the token's quotes it counts as a part of the message.
const TOKEN_FIELD: &[u8] = br#","token":"#;

/// The whole body: a JSON object that ends with the device's token.
fn with_token(message: &[u8], target: &Target) -> Bytes {
    // It always ends in a brace, and has members before it.
    let members = message.strip_suffix(b"}").unwrap_or_default();
    let token = serde_json::Value::from(target.token.as_str()).to_string();
    let parts: [&[u8]; 5] = [br#"{"message":"#, members, TOKEN_FIELD, token.as_bytes(), b"}}"];
    Bytes::from(parts.concat())
}

/// Keys that Google keeps for itself ("FCM HTTP v1", `data`, read 2026-08).
fn is_reserved(key: &str) -> bool {
    matches!(key, "from" | "message_type") || key.starts_with("google") || key.starts_with("gcm")
}

/// The action of an intent URI: `…#Intent;action=com.a.OPEN;…;end`.
fn action(uri: &str) -> Option<&str> {
    let (_, parts) = uri.split_once("#Intent;")?;
    parts.split(';').find_map(|part| part.strip_prefix("action=")).filter(|action| !action.is_empty())
}
