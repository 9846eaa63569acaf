//! What a call of the mobile family asks phones to show: the `message` object of `POST /push/notify`, typed.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`android`] | the `android` block, the vendors' blocks, and the effective values of both |
//! | [`badge`] | the number on the app's icon |
//! | [`check`] | what a message must not be |
//! | [`ext`] | the caller's own data |
//! | [`shrink`] | making a message fit a vendor's limit in bytes |
//! | [`text`] | cutting texts by scalar values |
//!
//! The endpoint reads JSON into this and reports what it cannot read; every channel renders it its own way. What a vendor
//! has no field for is left out: that is never an error.

pub mod android;
pub mod badge;
pub mod check;
pub mod ext;
pub mod shrink;
pub mod text;

#[cfg(test)]
mod tests;

use crate::clock::Timestamp;
use android::{Block, Effective, HuaweiBlock, Phone, VivoBlock};
use badge::Badge;
use ext::Ext;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a vendor keeps a notification for a phone that is off, when the caller names no end. A decision of ours.
pub const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);

/// The sound that is none, in any block.
pub const SILENT: &str = "none";
/// What is shown to users who want no text on their screens. A decision of ours.
pub const VEIL: &str = "您有一条新消息";

/// What is shown, or handed to the app.
///
/// An optional text is `None` when the caller left it out or sent an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Notification {
    /// What kind of message it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// The title; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The text; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// URL of a picture (or, for apps of their own making, sound or film). Nothing here fetches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_url: Option<String>,
    /// A longer text, for vendors that can show one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub big_text: Option<String>,
    /// What happens to the number on the app's icon.
    #[serde(default, skip_serializing_if = "is_default")]
    pub badge: Badge,
    /// The caller's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<Ext>,
    /// Not shown before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_begin: Option<Timestamp>,
    /// Not shown after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_end: Option<Timestamp>,
    /// For iPhones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ios: Ios,
    /// For every Android phone, unless its vendor's block says otherwise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub android: Block,
    /// For phones reached through FCM.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fcm: Block,
    /// For Huawei phones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub huawei: HuaweiBlock,
    /// For Xiaomi phones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub xiaomi: Block,
    /// For OPPO phones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub oppo: Block,
    /// For vivo phones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vivo: VivoBlock,
    /// For Meizu phones; the call names the block `flyme`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub meizu: Block,
}

/// The kind of a message: `message.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Shown as text.
    #[default]
    Text,
    /// Shown with a picture, where the vendor shows pictures.
    Image,
    /// Not shown: handed to the app. Only APNs, FCM and Huawei carry it.
    Cmd,
}

impl Kind {
    /// From the name of the call; `None` for anything but `text`, `image` and `cmd`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "image" => Some(Self::Image),
            "cmd" => Some(Self::Cmd),
            _ => None,
        }
    }
}

/// The `ios` block. Names are Apple's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Ios {
    /// A sound file of the app. Absent: the default sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// Wake the app in the background as well.
    #[serde(skip_serializing_if = "is_default")]
    pub content_available: bool,
    /// Let the app's notification service extension change it before it is shown.
    #[serde(skip_serializing_if = "is_default")]
    pub mutable_content: bool,
    /// Which buttons it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Notifications with the same id are shown as a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// A second title line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Replaces the notification shown under the same id; at most [`check::COLLAPSE_ID_BYTES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapse_id: Option<String>,
}

impl Notification {
    /// The values that hold on the phones of `phone`: its own block where it says something, else the `android` block.
    pub fn effective(&self, phone: Phone) -> Effective<'_> {
        let block = match phone {
            Phone::Fcm => &self.fcm,
            Phone::Huawei => &self.huawei.block,
            Phone::Xiaomi => &self.xiaomi,
            Phone::Oppo => &self.oppo,
            Phone::Vivo => &self.vivo.block,
            Phone::Meizu => &self.meizu,
        };
        Effective::of(block, &self.android)
    }

    /// How long a vendor may keep it from `now` on: until its end, or [`DEFAULT_TTL`]. Zero once the end has passed.
    ///
    /// Whole seconds, rounded up: a message with a fraction of a second left is not yet over.
    pub fn ttl(&self, now: Timestamp) -> Duration {
        let left = self.show_end.map_or(DEFAULT_TTL, |end| end.since(now));
        Duration::from_secs(left.as_millis().div_ceil(1000) as u64)
    }

    /// When it is over: its end, or [`DEFAULT_TTL`] from `now`.
    pub fn end(&self, now: Timestamp) -> Timestamp {
        self.show_end.unwrap_or_else(|| now.plus(DEFAULT_TTL))
    }

    /// The same without a sound, wherever it is shown.
    #[must_use]
    pub fn silenced(&self) -> Self {
        let mut quiet = self.clone();
        let blocks = [
            &mut quiet.android,
            &mut quiet.fcm,
            &mut quiet.huawei.block,
            &mut quiet.xiaomi,
            &mut quiet.oppo,
            &mut quiet.vivo.block,
            &mut quiet.meizu,
        ];
        let sounds = blocks.into_iter().map(|block| &mut block.sound);
        for sound in sounds.chain([&mut quiet.ios.sound]) {
            *sound = Some(SILENT.to_owned());
        }
        quiet
    }

    /// The same with a general text in place of its own. What is handed to the app alone stays as it is.
    #[must_use]
    pub fn veiled(&self) -> Self {
        if self.kind == Kind::Cmd {
            return self.clone();
        }
        let ios = Ios { subtitle: None, ..self.ios.clone() };
        let (kind, title, body) = (Kind::Text, String::new(), VEIL.to_owned());
        Self { kind, title, body, attachment_url: None, big_text: None, ios, ..self.clone() }
    }

    /// The text that a vendor shows which shows one text only: the long one if there is one.
    pub fn longest_text(&self) -> &str {
        self.big_text.as_deref().unwrap_or(&self.body)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
