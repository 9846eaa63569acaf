//! What must not be logged, and where it is known from: the demo seed, and what goes over the wire between a test and the
//! product. There it has a name that says what it is.

use super::{WATCH, end};
use local::seed::{self, mobile, phones};
use local::stack::TEST_ADMIN_TOKEN;
use model::certificate::Provider;
use model::channel::ChannelKind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use url::form_urlencoded::parse;

/// What the names of fields, parameters and headers of secrets and addresses end in, in small letters. Those of certificates come
/// on top.
const NAMES: [&str; 13] = [
    "token",
    "secret",
    "authorization",
    "password",
    "push_key",
    "private_key",
    "aes_key",
    "aeskey",
    "receipt_key",
    "upload_url",
    "spt",
    "openid",
    "touser",
];

/// Names of secret fields of certificates.
static OF_CERTIFICATES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let fields = Provider::ALL.iter().flat_map(|provider| provider.fields());
    fields.filter(|field| field.secret).map(|field| field.name).collect()
});

/// What stands before the signature in a link into the bucket: nothing else of it is secret.
const SIGNATURE: &str = "Signature=";

/// A longer body holds contents.
const MOST_BYTES: usize = 64 * 1024;

/// The secrets of the demo seed.
pub(super) fn keep_out_seed() {
    let secrets = [
        seed::APP_TOKEN,
        seed::OTHER_TOKEN,
        seed::SECRET,
        seed::CALLBACK_TOKEN,
        seed::AES_KEY,
        seed::PUSH_KEY,
        seed::ACCESS_TOKEN,
        mobile::ADMIN_TOKEN,
        phones::RECEIPT_PATH,
        phones::RECEIPT_KEY,
        TEST_ADMIN_TOKEN,
    ];
    secrets.into_iter().for_each(keep_out);
    for provider in Provider::ALL {
        let fields = phones::certificate_fields(*provider).only(*provider, true);
        fields.names().filter_map(|name| fields.get(name)).for_each(keep_out_value);
    }
    for n in 1..=seed::FOLLOWERS {
        keep_out(seed::openid(n).as_str());
    }
    for n in 1..=mobile::USERS {
        keep_out(&mobile::password(n));
        for channel in ChannelKind::PHONES {
            keep_out(mobile::device_token(*channel, n).as_str());
            keep_out(&mobile::push_token(*channel, n));
        }
    }
}

/// `secret` must not be logged from now on, nor have been. Does nothing before [`watch`](super::watch).
pub fn keep_out(secret: &str) {
    let secret = secret.rsplit_once(SIGNATURE).map_or(secret, |(_, signature)| signature);
    if let Some(found) = WATCH.get().and_then(|watch| watch.keep_out(secret)) {
        end(&found);
    }
}

/// A secret may be a text of JSON that has a secret in it, as Google's service accounts are.
fn keep_out_value(value: &str) {
    match serde_json::from_str(value) {
        Ok(json @ Value::Object(_)) => keep_out_json(&json, false),
        _ => keep_out(value),
    }
}

/// Every secret in a body of JSON.
pub fn keep_out_of(body: &[u8]) {
    if WATCH.get().is_some() && matches!(body.first(), Some(b'{' | b'[')) && body.len() <= MOST_BYTES {
        keep_out_json(&serde_json::from_slice(body).unwrap_or_default(), false);
    }
}

/// Every secret in the address and the headers of a request.
pub fn keep_out_of_request(path: &str, headers: &[(&str, &str)]) {
    for (name, value) in headers {
        // A test signs a call of AWS for itself.
        if is_secret(name) && !value.starts_with("AWS4-") {
            keep_out(value);
        }
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    for (name, value) in parse(query.as_bytes()) {
        if is_secret(&name) {
            keep_out(&value);
        }
    }
    // A page is shown to whoever knows the rest of its address, and a receipt is taken from whoever does.
    let rest = path.strip_prefix("/m/").and_then(|key| key.split_once('-').map(|(_, nonce)| nonce));
    let rest = rest.or_else(|| path.strip_prefix("/receipt/").and_then(|rest| rest.split('/').nth(1)));
    rest.into_iter().for_each(keep_out);
}

fn keep_out_json(json: &Value, is_named: bool) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| keep_out_json(value, is_secret(name))),
        Value::Array(items) => items.iter().for_each(|item| keep_out_json(item, is_named)),
        Value::String(text) if is_named => keep_out_value(text),
        _ => {}
    }
}

/// Whether what is called this is a secret, or a list of them.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('s').unwrap_or(&name);
    NAMES.iter().any(|end| name.ends_with(end)) || OF_CERTIFICATES.contains(name)
}
