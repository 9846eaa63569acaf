//! Requests for the tests of the stand-ins.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use std::collections::BTreeMap;

/// A form as fields.
pub(crate) type Fields = BTreeMap<String, String>;

/// The fields of a form.
pub(crate) fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A POST of a form, with headers.
pub(crate) fn post_form(path: &str, headers: &[(&str, &str)], fields: &Fields) -> Request<Bytes> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    post(path, "application/x-www-form-urlencoded", headers, body)
}

/// A POST of JSON, with headers.
pub(crate) fn post_json(path: &str, headers: &[(&str, &str)], body: &Value) -> Request<Bytes> {
    post(path, "application/json", headers, body.to_string())
}

fn post(path: &str, content_type: &str, headers: &[(&str, &str)], body: String) -> Request<Bytes> {
    let mut request = Request::post(path).header("content-type", content_type);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// The JSON of an answer.
pub(crate) fn body(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}
