//! The `android` block and the vendors' blocks beside it.

use super::{Kind, is_default};
use serde::{Deserialize, Serialize};

/// Who reaches an Android phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phone {
    /// Google's service.
    Fcm,
    /// Huawei Push Kit.
    Huawei,
    /// Xiaomi MiPush.
    Xiaomi,
    /// OPPO (HeyTap).
    Oppo,
    /// vivo.
    Vivo,
    /// Meizu (Flyme).
    Meizu,
}

impl Phone {
    /// Every one of them.
    pub const ALL: &'static [Self] = &[Self::Fcm, Self::Huawei, Self::Xiaomi, Self::Oppo, Self::Vivo, Self::Meizu];

    /// Whether the vendor carries messages of this kind. A phone whose vendor does not gets none; that is no error.
    pub const fn carries(self, kind: Kind) -> bool {
        match (self, kind) {
            (_, Kind::Text | Kind::Image) | (Self::Fcm | Self::Huawei, Kind::Cmd) => true,
            (Self::Xiaomi | Self::Oppo | Self::Vivo | Self::Meizu, Kind::Cmd) => false,
        }
    }

    /// What the call names its block: Meizu's is `flyme`.
    pub const fn block_name(self) -> &'static str {
        match self {
            Self::Fcm => "fcm",
            Self::Huawei => "huawei",
            Self::Xiaomi => "xiaomi",
            Self::Oppo => "oppo",
            Self::Vivo => "vivo",
            Self::Meizu => "flyme",
        }
    }
}

/// What every block may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Block {
    /// A sound file of the app, without its suffix; `none` for silence, where the vendor knows silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// The notification channel of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<String>,
    /// What a tap does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_action: Option<ClickAction>,
    /// The intent URI that a tap opens, for [`ClickAction::Intent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
}

/// What a tap does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClickAction {
    /// Opens a certain page of the app.
    Intent,
    /// Opens the app.
    OpenApp,
}

impl ClickAction {
    /// From the name of the call; `None` for anything but `intent` and `open_app`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "intent" => Some(Self::Intent),
            "open_app" => Some(Self::OpenApp),
            _ => None,
        }
    }
}

/// The `huawei` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct HuaweiBlock {
    /// What every block may say.
    #[serde(flatten)]
    pub block: Block,
    /// The Activity class of the icon that carries the badge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge_class: Option<String>,
}

/// The `vivo` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct VivoBlock {
    /// What every block may say.
    #[serde(flatten)]
    pub block: Block,
    /// `push_mode` 1: only to the test users of vivo's console.
    #[serde(skip_serializing_if = "is_default")]
    pub test_push: bool,
    /// `classification` 1: a system message, not one of operation.
    #[serde(skip_serializing_if = "is_default")]
    pub system_message: bool,
}

/// The values that hold on the phones of one vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective<'a> {
    /// See [`Block::sound`].
    pub sound: Option<&'a str>,
    /// See [`Block::channel_id`].
    pub channel_id: Option<&'a str>,
    /// What a tap does.
    pub click: Click<'a>,
}

/// What a tap does, with all it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Click<'a> {
    /// Opens the app.
    OpenApp,
    /// Opens the page of this intent URI, for example `intent:#Intent;component=com.a/com.a.M;S.p=1;end`.
    Intent(&'a str),
    /// A page is to be opened and no block says which: refused by [`super::check`], and like [`Click::OpenApp`] if it is
    /// met all the same.
    Nowhere,
}

impl<'a> Effective<'a> {
    pub(super) fn of(own: &'a Block, android: &'a Block) -> Self {
        let text = |own: &'a Option<String>, android: &'a Option<String>| own.as_deref().or(android.as_deref());
        let click = match own.click_action.or(android.click_action) {
            None | Some(ClickAction::OpenApp) => Click::OpenApp,
            Some(ClickAction::Intent) => text(&own.intent, &android.intent).map_or(Click::Nowhere, Click::Intent),
        };
        Self { sound: text(&own.sound, &android.sound), channel_id: text(&own.channel_id, &android.channel_id), click }
    }
}
