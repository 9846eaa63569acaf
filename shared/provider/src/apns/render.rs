//! A message as Apple's headers and payload.
//!
//! Both are the same for all devices of a call but for the badge, so the payload is rendered once per distinct badge.

use super::settings::MAX_PAYLOAD_BYTES;
use super::wire::{Alert, Aps, Payload};
use crate::vendor::{Ended, Push};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::certificate::ApnsCertificate;
use model::clock::Timestamp;
use model::ids::DeviceToken;
use model::notification::check::COLLAPSE_ID_BYTES;
use model::notification::shrink::{Parts, fit};
use model::notification::{Kind, Notification, SILENT};
use model::outcome::Outcome;
use ring::digest;
use std::collections::BTreeMap;

/// A call, rendered.
pub(super) struct Rendered<'a> {
    message: &'a Notification,
    task: String,
    receipt: Option<&'a str>,
    payloads: BTreeMap<Option<u32>, Option<Bytes>>,
}

/// Sound of a message that names none.
const DEFAULT_SOUND: &str = "default";

impl<'a> Rendered<'a> {
    /// Renders the payloads of `push`.
    pub(super) fn of(push: &Push<'a, ApnsCertificate>) -> Self {
        let receipt = push.receipt.map(|to| to.parameter.as_str());
        let mut rendered =
            Self { message: push.message, task: push.task.to_string(), receipt, payloads: BTreeMap::new() };
        for badge in push.targets.iter().map(|target| target.counter(push.message)) {
            if !rendered.payloads.contains_key(&badge) {
                let payload = rendered.render(badge, MAX_PAYLOAD_BYTES);
                rendered.payloads.insert(badge, payload);
            }
        }
        rendered
    }

    /// The task, as text.
    pub(super) fn task(&self) -> &str {
        &self.task
    }

    /// The payload for a device with this badge; `None` when it cannot be made to fit.
    pub(super) fn payload(&self, badge: Option<u32>) -> Option<Bytes> {
        self.payloads.get(&badge).cloned().flatten()
    }

    /// A smaller one, after Apple found `refused` bytes too large.
    pub(super) fn smaller(&self, badge: Option<u32>, refused: usize) -> Option<Bytes> {
        self.render(badge, refused / 4 * 3)
    }

    fn render(&self, badge: Option<u32>, most: usize) -> Option<Bytes> {
        fit(self.message, most, |parts| payload(self, badge, parts)).map(Bytes::from)
    }
}

fn payload(rendered: &Rendered<'_>, badge: Option<u32>, parts: &Parts<'_>) -> Vec<u8> {
    let message = rendered.message;
    let ios = &message.ios;
    let sound = Some(ios.sound.as_deref().unwrap_or(DEFAULT_SOUND)).filter(|sound| *sound != SILENT);
    let shown = message.kind != Kind::Cmd;
    let aps = if shown {
        let mutable = ios.mutable_content || message.kind == Kind::Image || parts.attachment_url.is_some();
        Aps {
            alert: Some(Alert {
                title: &message.title,
                subtitle: ios.subtitle.as_deref().unwrap_or_default(),
                body: parts.longest_text(),
            }),
            badge,
            sound,
            category: ios.category.as_deref(),
            thread_id: ios.thread_id.as_deref(),
            content_available: ios.content_available.then_some(1),
            mutable_content: mutable.then_some(1),
        }
    } else {
        Aps { content_available: Some(1), ..Aps::default() }
    };
    let payload = Payload {
        aps,
        ext: message.ext.as_ref().and_then(|ext| ext.as_raw()),
        attachment_url: parts.attachment_url,
        title: if shown { "" } else { &message.title },
        body: if shown { "" } else { parts.longest_text() },
        mx_task: &rendered.task,
        mx_receipt: rendered.receipt,
    };
    // Strings and numbers into a buffer: this cannot fail, and an empty payload would only be refused.
    serde_json::to_vec(&payload).unwrap_or_default()
}

/// The headers that all devices share at `now`. Fails for all devices at once.
pub(super) fn headers(
    message: &Notification,
    certificate: &ApnsCertificate,
    now: Timestamp,
) -> Result<HeaderMap, Ended> {
    let refused = |outcome, reason| Ended::with(outcome, None, reason);
    let (push_type, priority) = match message.kind {
        Kind::Text | Kind::Image => ("alert", "10"),
        // Apple refuses a background push with any other priority.
        Kind::Cmd => ("background", "5"),
    };
    let topic = HeaderValue::from_str(&certificate.bundle_id);
    let topic = topic.map_err(|_| refused(Outcome::Config, "BadTopic"))?;
    let expiration = HeaderValue::from(message.end(now).seconds().max(0));
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("apns-topic"), topic);
    headers.insert(HeaderName::from_static("apns-push-type"), HeaderValue::from_static(push_type));
    headers.insert(HeaderName::from_static("apns-priority"), HeaderValue::from_static(priority));
    headers.insert(HeaderName::from_static("apns-expiration"), expiration);
    if let Some(id) = &message.ios.collapse_id {
        let id = HeaderValue::from_bytes(id.as_bytes()).ok().filter(|id| id.len() <= COLLAPSE_ID_BYTES);
        headers.insert(
            HeaderName::from_static("apns-collapse-id"),
            id.ok_or_else(|| refused(Outcome::Content, "BadCollapseId"))?,
        );
    }
    Ok(headers)
}

/// The id of a delivery (`apns-id`): the same for every attempt, so that one search finds them all. A UUID of our own
/// making (version 8, RFC 9562).
pub(super) fn delivery_id(task: &str, token: &DeviceToken) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [task, "/", token.as_str()] {
        context.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&context.finish().as_ref()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let mut id = String::with_capacity(36);
    for (n, byte) in bytes.into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.extend([digit(byte >> 4), digit(byte & 0x0f)]);
    }
    id
}
