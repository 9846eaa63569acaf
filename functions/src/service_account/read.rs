//! Reading bodies: what is wrong is refused, and the message names the field.

use gateway::envelope::service::Refusal;
use gateway::request::boolean;
use gateway::{ApiError, Request};
use model::ids::{MediaId, ServiceChannelId};
use model::limits::REQUEST_BODY_BYTES;
use model::service::{CLIENT_MSG_ID_CHARS, Link, REPEAT_LIFE, Sender, URL_BYTES};
use serde_json::{Map, Value};
use std::time::Duration;

/// A field that is wrong.
pub(super) fn wrong(message: impl Into<String>) -> ApiError {
    Refusal::Field.error(message)
}

/// The fields of an object, and where it stands: `news.articles[0]`.
pub(super) struct Fields<'a> {
    at: String,
    fields: &'a Map<String, Value>,
}

/// The body as a JSON object.
pub(super) fn body(request: &Request) -> Result<Map<String, Value>, ApiError> {
    if request.body.len() > REQUEST_BODY_BYTES {
        return Err(Refusal::TooLarge.error(format!("the body has more than {REQUEST_BODY_BYTES} bytes")));
    }
    let body = request.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&request.body);
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::Body.error("the body must be a JSON object")),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Refusal::Body.error(format!("the body is no JSON, at line {line} column {column}")))
        }
    }
}

impl<'a> Fields<'a> {
    /// The fields of the body.
    pub(super) const fn of(fields: &'a Map<String, Value>) -> Self {
        Self { at: String::new(), fields }
    }

    /// A field's name as callers find it.
    pub(super) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A text that is there and not blank; a number is one too.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let text = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(wrong(format!("`{}` must be a text", self.path(name)))),
        };
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// The same with a longest length, in characters.
    pub(super) fn text_of(&self, name: &str, most: usize) -> Result<Option<String>, ApiError> {
        let text = self.text(name)?;
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(wrong(format!("`{}` has more than {most} characters", self.path(name))));
        }
        Ok(text)
    }

    /// The same for one that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| wrong(format!("`{}` is required", self.path(name))))
    }

    /// A boolean: `true`, `"true"`, 1 or `"1"`.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let refused = || wrong(format!("`{}` must be true or false", self.path(name)));
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(0) => Ok(Some(false)),
                Some(1) => Ok(Some(true)),
                _ => Err(refused()),
            },
            Some(Value::String(text)) => boolean(text).map_err(|_| refused()),
            Some(Value::Array(_) | Value::Object(_)) => Err(refused()),
        }
    }

    /// An object that is there.
    pub(super) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Fields { at: self.path(name), fields })),
            Some(_) => Err(wrong(format!("`{}` must be an object", self.path(name)))),
        }
    }

    /// An array of `1` to `most` objects.
    pub(super) fn objects(&self, name: &str, most: usize) -> Result<Vec<Fields<'a>>, ApiError> {
        let path = self.path(name);
        let Some(Value::Array(values)) = self.get(name) else {
            return Err(wrong(format!("`{path}` is required: an array of 1 to {most} articles")));
        };
        if values.is_empty() || values.len() > most {
            return Err(wrong(format!("`{path}` holds {} articles, not 1 to {most}", values.len())));
        }
        let fields = values.iter().enumerate().map(|(at, value)| match value {
            Value::Object(fields) => Ok(Fields { at: format!("{path}[{at}]"), fields }),
            _ => Err(wrong(format!("`{path}[{at}]` must be an object"))),
        });
        fields.collect()
    }

    /// The id of something uploaded.
    pub(super) fn media_id(&self, name: &str) -> Result<MediaId, ApiError> {
        let text = self.required(name)?;
        // What has not the form of an id is the id of nothing.
        let unknown = || Refusal::Media.error(format!("`{}`: there is no such media", self.path(name)));
        MediaId::parse(text.trim()).ok_or_else(unknown)
    }

    /// A web address.
    pub(super) fn url(&self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let url = text.trim();
        let is_web = ["http://", "https://"].into_iter().any(|scheme| {
            url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && url.len() > scheme.len()
        });
        if !is_web || url.len() > URL_BYTES || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let path = self.path(name);
            return Err(wrong(format!("`{path}` must be an http or https address of at most {URL_BYTES} bytes")));
        }
        Ok(Some(url.to_owned()))
    }

    /// Where an article leads.
    pub(super) fn link(&self) -> Result<Link, ApiError> {
        Ok(Link { pc: self.url("pcUrl")?, app: self.url("appUrl")? })
    }

    /// Which channel.
    pub(super) fn channel(&self) -> Result<ServiceChannelId, ApiError> {
        let text = self.required("channelId")?;
        // What has not the form of an id is the id of nothing.
        let unknown = || Refusal::Channel.error("`channelId`: there is no such channel");
        ServiceChannelId::parse(text.trim()).ok_or_else(unknown)
    }

    /// Who is shown as the sender.
    pub(super) fn sender(&self) -> Result<Option<Sender>, ApiError> {
        const MOST: usize = 256;
        let Some(given) = self.object("userinfo")? else { return Ok(None) };
        let sender = Sender {
            id: given.text_of("id", MOST)?,
            name: given.text_of("name", MOST)?,
            headimgurl: given.text_of("headimgurl", URL_BYTES)?,
        };
        Ok((sender != Sender::default()).then_some(sender))
    }

    /// By what a repeat of the call is recognised, and for how long.
    pub(super) fn repeat(&self, call: &str) -> Result<Option<(String, Duration)>, ApiError> {
        let id = self.text_of("clientMsgId", CLIENT_MSG_ID_CHARS)?;
        Ok(id.map(|id| (format!("service {call} {id}"), REPEAT_LIFE)))
    }
}
