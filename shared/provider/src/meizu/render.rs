//! A notification as Meizu's `messageJson`.

use super::intent;
use super::settings::{CONTENT_CHARS, EXPANDED_CHARS, TITLE_CHARS, VALID_HOURS};
use super::wire::{
    AdvanceInfo, ClickTypeInfo, Extra, MessageJson, NoticeBarInfo, NoticeExpandInfo, NotificationType, Parameter,
    PushTimeInfo,
};
use crate::vendor::Push;
use crate::vendor::words::{not_blank, title_and_text};
use model::certificate::MeizuCertificate;
use model::clock::Timestamp;
use model::notification::android::{Click, Phone};
use model::notification::text::cut;
use model::notification::{Notification, SILENT};
use std::collections::BTreeMap;

/// The text of `messageJson`, compact: exactly these bytes are signed and sent.
pub(super) fn message_json(push: &Push<'_, MeizuCertificate>, now: Timestamp) -> String {
    let message = push.message;
    let effective = message.effective(Phone::Meizu);
    let long = message.big_text.as_deref().and_then(not_blank);
    let text = not_blank(&message.body).or(long).unwrap_or_default();
    let (title, content) = title_and_text(message, text, &push.certificate.app_name);
    let json = MessageJson {
        notice_bar_info: NoticeBarInfo {
            notice_msg_type: 0,
            notice_bar_type: 0,
            title: cut(title, TITLE_CHARS),
            content: cut(content, CONTENT_CHARS),
        },
        notice_expand_info: NoticeExpandInfo {
            notice_expand_type: u8::from(long.is_some()),
            notice_expand_content: long.map(|long| cut(long, EXPANDED_CHARS)),
        },
        click_type_info: click(message, effective.click),
        push_time_info: PushTimeInfo { off_line: 1, valid_time: valid_hours(message, now) },
        advance_info: advance(message, effective.sound != Some(SILENT), now),
        extra: push.receipt.map(|to| Extra { callback: to.url.expose(), param: &to.parameter, kind: "1" }),
    };
    // Strings into a string: this cannot fail, and an empty one would only be refused.
    serde_json::to_string(&json).unwrap_or_default()
}

fn valid_hours(message: &Notification, now: Timestamp) -> u64 {
    message.ttl(now).as_secs().div_ceil(3600).clamp(*VALID_HOURS.start(), *VALID_HOURS.end())
}

fn click<'a>(message: &'a Notification, click: Click<'a>) -> ClickTypeInfo<'a> {
    let own = message.ext.as_ref().map(|ext| ext.entries()).unwrap_or_default();
    let mut parameters: BTreeMap<_, _> = own.into_iter().map(|(key, value)| (key, Parameter::Own(value))).collect();
    let intent = match click {
        Click::Intent(uri) => intent::read(uri),
        Click::OpenApp | Click::Nowhere => None,
    };
    // An intent that names no Activity cannot be carried; the app itself is the nearest.
    let Some(intent) = intent else { return ClickTypeInfo { click_type: 0, activity: None, parameters } };
    for (key, text) in intent.texts {
        parameters.entry(key.into_owned()).or_insert(Parameter::Text(text));
    }
    ClickTypeInfo { click_type: 1, activity: Some(intent.activity), parameters }
}

fn advance(message: &Notification, sounds: bool, now: Timestamp) -> AdvanceInfo {
    let begin = message.show_begin.filter(|begin| *begin > now);
    AdvanceInfo {
        fix_display: u8::from(begin.is_some()),
        fix_start_display_time: begin.map(Timestamp::beijing_text),
        fix_end_display_time: begin.map(|begin| message.end(begin).beijing_text()),
        notification_type: NotificationType { vibrate: 1, lights: 1, sound: u8::from(sounds) },
    }
}
