//! A notification as Xiaomi's form, without the registration ids.

use super::settings::{
    CALLBACK_TYPE, DESCRIPTION_CHARS, EXTRA_CHARS, EXTRA_PAIRS, LONGEST_DELAY, LONGEST_TTL, PAYLOAD_BYTES, TITLE_CHARS,
};
use super::wire::RESERVED_EXTRAS;
use crate::vendor::form::{encode, push_pair};
use crate::vendor::words::{not_blank, title_and_text};
use crate::vendor::{Ended, Push};
use model::certificate::XiaomiCertificate;
use model::clock::Timestamp;
use model::notification::SILENT;
use model::notification::android::{Click, Phone};
use model::notification::ext::Ext;
use model::notification::text::cut;
use model::outcome::Outcome;

/// Everything but `registration_id`, encoded; or why it cannot be sent.
pub(super) fn form(push: &Push<'_, XiaomiCertificate>, now: Timestamp) -> Result<String, Ended> {
    let message = push.message;
    let effective = message.effective(Phone::Xiaomi);
    let long = message.big_text.as_deref().and_then(not_blank);
    let (title, description) = title_and_text(message, long.unwrap_or(&message.body), &push.certificate.app_name);
    let silent = effective.sound == Some(SILENT);
    let mut form = String::with_capacity(512);
    let mut pair = |name: &str, value: &str| push_pair(&mut form, name, value);
    pair("restricted_package_name", &push.certificate.package);
    pair("pass_through", "0");
    pair("title", &cut(title, TITLE_CHARS));
    pair("description", &cut(description, DESCRIPTION_CHARS));
    // -1: sound, vibration and light. 6: vibration and light.
    pair("notify_type", if silent { "6" } else { "-1" });
    // Only one notification is shown at a time unless this differs; Xiaomi takes 31 bits of it.
    pair("notify_id", &(push.task.get() & 0x7fff_ffff).to_string());
    pair("time_to_live", &message.ttl(now).min(LONGEST_TTL).as_millis().to_string());
    if let Some(begin) = message.show_begin.filter(|begin| *begin > now && begin.since(now) <= LONGEST_DELAY) {
        pair("time_to_send", &begin.millis().to_string());
    }
    if let Some(channel) = effective.channel_id {
        pair("extra.channel_id", channel);
    }
    if let Some(sound) = effective.sound.filter(|_| !silent) {
        pair("extra.sound_uri", &sound_uri(&push.certificate.package, sound));
    }
    match effective.click {
        Click::Intent(uri) => {
            pair("extra.notify_effect", "2");
            pair("extra.intent_uri", uri);
        }
        Click::OpenApp | Click::Nowhere => pair("extra.notify_effect", "1"),
    }
    pair("extra.jobkey", &format!("t{}", push.task));
    if long.is_some() {
        pair("extra.notification_style_type", "1");
    }
    if let Some(to) = push.receipt {
        pair("extra.callback", to.url.expose());
        pair("extra.callback.param", &to.parameter);
        pair("extra.callback.type", CALLBACK_TYPE);
    }
    if let Some(ext) = &message.ext {
        push_ext(&mut form, ext)?;
    }
    Ok(form)
}

/// `payload` holds all of the caller's data; what is plain and fits is in `extra.*` as well, where apps can read it
/// without their code running.
fn push_ext(form: &mut String, ext: &Ext) -> Result<(), Ended> {
    // Never cut: half of an app's data is worse than none.
    if encode(ext.as_json()).len() > PAYLOAD_BYTES {
        return Err(Ended::with(Outcome::TooLarge, None, "payload"));
    }
    push_pair(form, "payload", ext.as_json());
    let (mut pairs, mut chars) = (0, 0);
    let plain = ext.entries();
    for (key, text) in ext.texts() {
        let is_plain = plain.get(&key).is_some_and(|raw| !raw.get().starts_with(['{', '[', 'n']));
        let size = key.chars().count() + text.chars().count();
        let fits = pairs < EXTRA_PAIRS && chars + size <= EXTRA_CHARS;
        if is_plain && fits && !is_reserved(&key) {
            (pairs, chars) = (pairs + 1, chars + size);
            push_pair(form, &format!("extra.{key}"), &text);
        }
    }
    Ok(())
}

fn is_reserved(key: &str) -> bool {
    RESERVED_EXTRAS.contains(&key) || key.starts_with("notification_") || key.starts_with("__")
}

/// A bare name is a raw resource of the app.
fn sound_uri(package: &str, sound: &str) -> String {
    if sound.contains("://") { sound.to_owned() } else { format!("android.resource://{package}/raw/{sound}") }
}
