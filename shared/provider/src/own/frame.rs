//! The frame of a message: what `docs/own-channel.md` documents. Names are those of `POST /push/notify`.

use model::ids::TaskId;
use model::notification::android::{Block, ClickAction, HuaweiBlock, VivoBlock};
use model::notification::badge::Badge;
use model::notification::{Ios, Kind, Notification};
use serde::Serialize;
use serde_json::value::RawValue;

/// The version of every frame.
pub const VERSION: u8 = 1;

/// A message for a device.
#[derive(Debug, Serialize)]
pub struct MessageFrame<'a> {
    v: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    task_id: u64,
    #[serde(skip_serializing_if = "is_false")]
    silent: bool,
    #[serde(skip_serializing_if = "is_false")]
    hidden: bool,
    message: Shown<'a>,
}

impl<'a> MessageFrame<'a> {
    /// The frame of `notification`, sent as `task`. `silent`: the user wants no sound now. `hidden`: the user wants no text
    /// on the screen.
    pub fn new(task: TaskId, notification: &'a Notification, silent: bool, hidden: bool) -> Self {
        Self { v: VERSION, kind: "message", task_id: task.get(), silent, hidden, message: Shown::of(notification) }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// `message`, as the call had it. What it left out is left out.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    big_text: Option<&'a str>,
    badge: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_begin_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ios: Option<ShownIos<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    android: Option<ShownBlock<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    huawei: Option<ShownBlock<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xiaomi: Option<ShownBlock<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oppo: Option<ShownBlock<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vivo: Option<ShownBlock<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flyme: Option<ShownBlock<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fcm: Option<ShownBlock<'a>>,
}

impl<'a> Shown<'a> {
    fn of(notification: &'a Notification) -> Self {
        let kind = match notification.kind {
            Kind::Text => "text",
            Kind::Image => "image",
            Kind::Cmd => "cmd",
        };
        let badge = match notification.badge {
            Badge::Set(number) => number.to_string(),
            Badge::Add(number) => format!("+{number}"),
        };
        Self {
            kind,
            title: &notification.title,
            body: &notification.body,
            attachment_url: notification.attachment_url.as_deref(),
            big_text: notification.big_text.as_deref(),
            badge,
            ext: notification.ext.as_ref().and_then(|ext| ext.as_raw()),
            show_begin_time: notification.show_begin.map(|at| at.seconds()),
            show_end_time: notification.show_end.map(|at| at.seconds()),
            ios: ShownIos::of(&notification.ios),
            android: ShownBlock::of(&notification.android),
            huawei: ShownBlock::huawei(&notification.huawei),
            xiaomi: ShownBlock::of(&notification.xiaomi),
            oppo: ShownBlock::of(&notification.oppo),
            vivo: ShownBlock::vivo(&notification.vivo),
            flyme: ShownBlock::of(&notification.meizu),
            fcm: ShownBlock::of(&notification.fcm),
        }
    }
}

/// The `ios` block.
#[derive(Debug, Serialize)]
struct ShownIos<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    content_available: bool,
    #[serde(skip_serializing_if = "is_false")]
    mutable_content: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apns_collapse_id: Option<&'a str>,
}

impl<'a> ShownIos<'a> {
    fn of(ios: &'a Ios) -> Option<Self> {
        (*ios != Ios::default()).then_some(Self {
            sound: ios.sound.as_deref(),
            content_available: ios.content_available,
            mutable_content: ios.mutable_content,
            category: ios.category.as_deref(),
            thread_id: ios.thread_id.as_deref(),
            subtitle: ios.subtitle.as_deref(),
            apns_collapse_id: ios.collapse_id.as_deref(),
        })
    }
}

/// The `android` block or a vendor's.
#[derive(Debug, Serialize)]
struct ShownBlock<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge_class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push_mode: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<u8>,
}

impl<'a> ShownBlock<'a> {
    fn bare(block: &'a Block) -> Self {
        let click_action = block.click_action.map(|action| match action {
            ClickAction::Intent => "intent",
            ClickAction::OpenApp => "open_app",
        });
        Self {
            sound: block.sound.as_deref(),
            channel_id: block.channel_id.as_deref(),
            click_action,
            intent: block.intent.as_deref(),
            badge_class: None,
            push_mode: None,
            classification: None,
        }
    }

    fn of(block: &'a Block) -> Option<Self> {
        (*block != Block::default()).then(|| Self::bare(block))
    }

    fn huawei(block: &'a HuaweiBlock) -> Option<Self> {
        let own = || Self { badge_class: block.badge_class.as_deref(), ..Self::bare(&block.block) };
        (*block != HuaweiBlock::default()).then(own)
    }

    fn vivo(block: &'a VivoBlock) -> Option<Self> {
        (*block != VivoBlock::default()).then(|| Self {
            push_mode: block.test_push.then_some(1),
            classification: block.system_message.then_some(1),
            ..Self::bare(&block.block)
        })
    }
}
