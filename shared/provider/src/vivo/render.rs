//! A notification as vivo's JSON. What all calls have in common is rendered once; ids are put in front of it.

use super::settings::{
    CONTENT_CHARS, CUSTOM_CHARS, CUSTOM_PAIRS, LIST_TTL_SECONDS, SKIP_CONTENT_CHARS, TITLE_CHARS, TTL_SECONDS,
};
use super::wire::{Extra, Payload};
use crate::vendor::words::{not_blank, title_and_text};
use crate::vendor::{Ended, Push, hex};
use model::certificate::VivoCertificate;
use model::clock::Timestamp;
use model::ids::TaskId;
use model::notification::SILENT;
use model::notification::android::{Click, Phone};
use model::notification::badge::Badge;
use model::notification::text::cut;
use model::outcome::Outcome;
use ring::digest::{Context, SHA256};

/// What all calls for one message have in common: JSON objects without their opening brace.
pub(super) struct Rendered {
    task: TaskId,
    single: String,
    list: String,
}

impl Rendered {
    /// Renders `push`, or says why it cannot be sent.
    pub(super) fn new(push: &Push<'_, VivoCertificate>, now: Timestamp) -> Result<Self, Ended> {
        let own = push.message.ext.as_ref().map(|ext| ext.texts()).unwrap_or_default();
        let chars = own.iter().map(|(key, value)| key.chars().count() + value.chars().count()).sum::<usize>();
        // Never cut: half of an app's data is worse than none.
        if own.len() > CUSTOM_PAIRS || chars > CUSTOM_CHARS {
            return Err(Ended::with(Outcome::TooLarge, None, "client_custom_map"));
        }
        let mut payload = payload(push, &own, now)?;
        let single = without_brace(&payload);
        let ttl = push.message.ttl(now).as_secs();
        payload.time_to_live = ttl.clamp(*LIST_TTL_SECONDS.start(), *LIST_TTL_SECONDS.end());
        // An address of the message's own is for single sends only.
        payload.extra.take_if(|extra| extra.id.is_none());
        Ok(Self { task: push.task, single, list: without_brace(&payload) })
    }

    /// The body for one phone. Its regId is checked to hold nothing that JSON would escape.
    pub(super) fn single(&self, reg_id: &str) -> String {
        format!(r#"{{"regId":"{reg_id}","requestId":"{}",{}"#, self.request_id([reg_id]), self.single)
    }

    /// The body that leaves the notification for lists. Each send leaves its own, so it has a random `requestId`.
    pub(super) fn list(&self) -> String {
        format!(r#"{{"requestId":"{}-{:016x}",{}"#, self.task, rand::random::<u64>(), self.list)
    }

    /// `<task>-<16 hexadecimal digits>`: the same for the same phones in every attempt, and different for all others of the
    /// task, whichever worker serves them.
    pub(super) fn request_id<'a>(&self, reg_ids: impl IntoIterator<Item = &'a str>) -> String {
        let mut hash = Context::new(&SHA256);
        for reg_id in reg_ids {
            hash.update(reg_id.as_bytes());
            hash.update(b",");
        }
        format!("{}-{}", self.task, hex(&hash.finish().as_ref()[..8]))
    }
}

fn without_brace(payload: &Payload<'_>) -> String {
    // Strings and numbers into a string: this cannot fail, and an empty one would only be refused.
    let mut json = serde_json::to_string(payload).unwrap_or_default();
    json.remove(0);
    json
}

fn payload<'a>(
    push: &Push<'a, VivoCertificate>,
    own: &'a std::collections::BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Payload<'a>, Ended> {
    let (message, certificate) = (push.message, push.certificate);
    let effective = message.effective(Phone::Vivo);
    // vivo has no long text, so it stands in only when there is no other.
    let text = not_blank(&message.body).or(message.big_text.as_deref()).unwrap_or_default();
    let (title, content) = title_and_text(message, text, &certificate.app_name);
    let page = match effective.click {
        Click::Intent(uri) if uri.chars().count() > SKIP_CONTENT_CHARS => {
            return Err(Ended::with(Outcome::Content, None, "intent_too_long"));
        }
        Click::Intent(uri) => Some(uri),
        Click::OpenApp | Click::Nowhere => None,
    };
    let extra = push.receipt.map(|to| {
        let id = certificate.callback_id.as_deref();
        Extra { callback: if id.is_some() { None } else { Some(to.url.expose()) }, id, param: &to.parameter }
    });
    Ok(Payload {
        app_id: certificate.app_id,
        notify_type: if effective.sound == Some(SILENT) { 1 } else { 4 },
        title: cut(title, TITLE_CHARS),
        content: cut(content, CONTENT_CHARS),
        time_to_live: message.ttl(now).as_secs().clamp(*TTL_SECONDS.start(), *TTL_SECONDS.end()),
        skip_type: if page.is_some() { 4 } else { 1 },
        skip_content: page,
        network_type: -1,
        classification: u8::from(message.vivo.system_message),
        category: certificate.category.as_deref(),
        client_custom_map: own,
        push_mode: u8::from(message.vivo.test_push),
        foreground_show: true,
        add_badge: certificate.may_badge && message.badge == Badge::Add(1),
        extra,
    })
}
