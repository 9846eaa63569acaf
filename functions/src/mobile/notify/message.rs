//! `message`: what is shown.

use crate::mobile::read::{Body, Object};
use gateway::ApiError;
use gateway::envelope::mobile::{Refusal, parameter};
use model::clock::Timestamp;
use model::notification::android::{Block, ClickAction, HuaweiBlock, VivoBlock};
use model::notification::badge::Badge;
use model::notification::ext::Ext;
use model::notification::{Ios, Kind, Notification};
use serde_json::Value;

/// Reads and checks it; 10002, naming the field.
pub(super) fn read(body: &Body, now: Timestamp) -> Result<Notification, ApiError> {
    let message = body.object().object("message")?.ok_or_else(|| parameter("message", "is missing"))?;
    let kind = match message.text("type")? {
        None => Kind::default(),
        Some(name) => Kind::parse(&name).ok_or_else(|| message.wrong("type", "must be text, image or cmd"))?,
    };
    let notification = Notification {
        kind,
        title: message.text("title")?.unwrap_or_default(),
        body: message.text("body")?.unwrap_or_default(),
        attachment_url: message.text("attachment_url")?,
        big_text: message.text("big_text")?,
        badge: badge(&message)?,
        ext: ext(body, &message)?,
        show_begin: moment(&message, "show_begin_time")?,
        show_end: moment(&message, "show_end_time")?,
        ios: message.object("ios")?.map_or_else(|| Ok(Ios::default()), |ios| ios_block(&ios))?,
        android: block(&message, "android")?,
        fcm: block(&message, "fcm")?,
        huawei: HuaweiBlock {
            block: block(&message, "huawei")?,
            badge_class: message.object("huawei")?.map_or(Ok(None), |huawei| huawei.text("badge_class"))?,
        },
        xiaomi: block(&message, "xiaomi")?,
        oppo: block(&message, "oppo")?,
        vivo: vivo(&message)?,
        meizu: block(&message, "flyme")?,
    };
    notification.check(now).map_err(|flaw| Refusal::Parameter.error(flaw.to_string()))?;
    Ok(notification)
}

fn badge(message: &Object<'_>) -> Result<Badge, ApiError> {
    let wrong = || message.wrong("badge", "must be a number, or `+` and a number");
    let text = match message.get("badge") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => message.text("badge")?,
    };
    text.map_or(Ok(Badge::default()), |text| Badge::parse(&text).ok_or_else(wrong))
}

fn ext(body: &Body, message: &Object<'_>) -> Result<Option<Ext>, ApiError> {
    if message.object("ext")?.is_none() {
        return Ok(None);
    }
    let raw = body.raw("message", "ext").unwrap_or_default();
    Ext::parse(&raw).map(Some).map_err(|_| message.wrong("ext", "must be an object"))
}

fn moment(message: &Object<'_>, name: &str) -> Result<Option<Timestamp>, ApiError> {
    /// A moment beyond year 9999 is a mistake, and milliseconds in place of seconds are one.
    const LATEST_S: i64 = 253_402_300_800;
    match message.integer(name)? {
        None => Ok(None),
        Some(seconds) if (0..LATEST_S).contains(&seconds) => Ok(Some(Timestamp::from_seconds(seconds))),
        Some(_) => Err(message.wrong(name, "must be seconds since 1970")),
    }
}

fn ios_block(ios: &Object<'_>) -> Result<Ios, ApiError> {
    Ok(Ios {
        sound: ios.text("sound")?,
        content_available: ios.boolean("content_available")?.unwrap_or_default(),
        mutable_content: ios.boolean("mutable_content")?.unwrap_or_default(),
        category: ios.text("category")?,
        thread_id: ios.text("thread_id")?,
        subtitle: ios.text("subtitle")?,
        collapse_id: ios.text("apns_collapse_id")?,
    })
}

fn block(message: &Object<'_>, name: &str) -> Result<Block, ApiError> {
    let Some(block) = message.object(name)? else { return Ok(Block::default()) };
    let click_action = block.text("click_action")?.map(|action| {
        ClickAction::parse(&action).ok_or_else(|| block.wrong("click_action", "must be intent or open_app"))
    });
    Ok(Block {
        sound: block.text("sound")?,
        channel_id: block.text("channel_id")?,
        click_action: click_action.transpose()?,
        intent: block.text("intent")?,
    })
}

fn vivo(message: &Object<'_>) -> Result<VivoBlock, ApiError> {
    let Some(vivo) = message.object("vivo")? else { return Ok(VivoBlock::default()) };
    let flag = |name| match vivo.integer(name)? {
        None | Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(vivo.wrong(name, "must be 0 or 1")),
    };
    Ok(VivoBlock {
        block: block(message, "vivo")?,
        test_push: flag("push_mode")?,
        system_message: flag("classification")?,
    })
}
