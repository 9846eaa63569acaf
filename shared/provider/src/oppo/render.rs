//! A notification as elements of OPPO's `messages`.
//!
//! The elements of a batch differ in the registration id and the number on the icon only, so everything else is rendered
//! and encoded once.

use super::settings::{
    ACTION_PARAMETERS_CHARS, CALL_BYTES, CLICK_URL_CHARS, CONTENT_CHARS, LONG_CONTENT_CHARS, LONGEST_TTL, MAX_BADGE,
    RECIPIENTS_PER_CALL, TITLE_CHARS,
};
use super::wire::Notification;
use crate::vendor::form::{encode, push_encoded};
use crate::vendor::words::{not_blank, title_and_text};
use crate::vendor::{Ended, Push, Target};
use model::certificate::OppoCertificate;
use model::clock::Timestamp;
use model::notification::android::{Click, Phone};
use model::notification::badge::Badge;
use model::notification::text::cut;
use model::outcome::Outcome;
use std::num::NonZeroUsize;

/// What the elements of a batch have in common, encoded for the form.
pub(super) struct Template {
    /// Up to the registration id.
    head: String,
    /// From there to the badge.
    middle: String,
    badge: Badge,
}

impl Template {
    /// Renders `push`, with the certificate's category or without; or says why it cannot be sent.
    pub(super) fn new(push: &Push<'_, OppoCertificate>, now: Timestamp, with_category: bool) -> Result<Self, Ended> {
        let notification = notification(push, now, with_category)?;
        // Strings into a string: this cannot fail, and an empty one would only be refused.
        let mut json = serde_json::to_string(&notification).unwrap_or_default();
        // The badge follows.
        json.pop();
        let middle = format!(r#"","verify_registration_id":false,"notification":{json}"#);
        let head = encode(r#"{"target_type":2,"target_value":""#);
        Ok(Self { head, middle: encode(&middle), badge: push.message.badge })
    }

    /// How many of its elements go into one call.
    pub(super) fn targets_per_call(&self) -> NonZeroUsize {
        let fitting = NonZeroUsize::new(CALL_BYTES / self.element_bytes()).unwrap_or(NonZeroUsize::MIN);
        fitting.min(RECIPIENTS_PER_CALL)
    }

    /// Most bytes of an element, with room for its registration id and badge.
    const fn element_bytes(&self) -> usize {
        self.head.len() + self.middle.len() + 256
    }

    /// Appends `messages` for these targets, encoded.
    pub(super) fn push_messages(&self, body: &mut String, targets: &[&Target]) {
        body.reserve(targets.len() * self.element_bytes());
        push_encoded(body, "[");
        for (place, target) in targets.iter().enumerate() {
            if place > 0 {
                push_encoded(body, ",");
            }
            body.push_str(&self.head);
            // A token is checked to hold nothing that JSON would escape.
            push_encoded(body, target.token.as_str());
            body.push_str(&self.middle);
            push_encoded(body, &badge(self.badge, target.badge));
            push_encoded(body, "}}");
        }
        push_encoded(body, "]");
    }
}

/// The last fields of `notification`. OPPO can add one and no more; for other steps the device's counter is set.
fn badge(badge: Badge, counter: Option<u32>) -> String {
    let set = |number: u32| format!(r#","badge_operation_type":0,"badge_message_count":{}"#, number.min(MAX_BADGE));
    match (badge, counter) {
        (Badge::Set(number), _) => set(number),
        (Badge::Add(0), _) => String::new(),
        (Badge::Add(2..), Some(counter)) => set(counter),
        (Badge::Add(_), _) => r#","badge_operation_type":1"#.to_owned(),
    }
}

fn notification<'a>(
    push: &Push<'a, OppoCertificate>,
    now: Timestamp,
    with_category: bool,
) -> Result<Notification<'a>, Ended> {
    let message = push.message;
    let effective = message.effective(Phone::Oppo);
    let long = message.big_text.as_deref().and_then(not_blank);
    let (title, text) = title_and_text(message, long.unwrap_or(&message.body), &push.certificate.app_name);
    let intent = match effective.click {
        Click::Intent(uri) if uri.chars().count() > CLICK_URL_CHARS => {
            return Err(Ended::with(Outcome::Content, None, "intent_too_long"));
        }
        Click::Intent(uri) => Some(uri),
        Click::OpenApp | Click::Nowhere => None,
    };
    let own = message.ext.as_ref().map(|ext| ext.as_json());
    // Never cut: half of an app's data is worse than none.
    if own.is_some_and(|json| json.chars().count() > ACTION_PARAMETERS_CHARS) {
        return Err(Ended::with(Outcome::TooLarge, None, "action_parameters"));
    }
    // Both ends must be given.
    let shown = message.show_begin.filter(|begin| *begin > now).map(|begin| (begin, message.end(begin)));
    let category = push.certificate.category.as_ref().filter(|_| with_category);
    Ok(Notification {
        app_message_id: push.task.to_string(),
        style: if long.is_some() { 2 } else { 1 },
        title: cut(title, TITLE_CHARS),
        content: cut(text, if long.is_some() { LONG_CONTENT_CHARS } else { CONTENT_CHARS }),
        click_action_type: if intent.is_some() { 5 } else { 0 },
        click_action_url: intent,
        action_parameters: own,
        show_time_type: u8::from(shown.is_some()),
        show_start_time: shown.map(|(begin, _)| begin.millis()),
        show_end_time: shown.map(|(_, end)| end.millis()),
        off_line: true,
        off_line_ttl: message.ttl(now).min(LONGEST_TTL).as_secs().max(1),
        channel_id: effective.channel_id,
        category: category.map(|category| &*category.name),
        notify_level: category.and_then(|category| category.notify_level),
        call_back_url: push.receipt.map(|to| to.url.expose().as_str()),
        call_back_parameter: push.receipt.map(|to| to.parameter.as_str()),
    })
}
