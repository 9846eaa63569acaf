//! What a handler is handed, and how bodies, queries and pages are read.

use super::AdminStore;
use super::auth::not_found;
use gateway::{ApiError, Context, ProblemKind, Request};
use http::header;
use model::app::AppProfile;
use model::ids::AppId;
use model::limits;
use provider::http::{Refusal, guard};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// A call that may be served.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) context: &'a Context,
    pub(super) store: &'a AdminStore,
    pub(super) request: &'a Request,
    pub(super) parameters: &'a HashMap<String, String>,
}

/// How long a test message may take. The function itself has ten seconds.
pub(super) const TEST_TIME: Duration = Duration::from_secs(8);

/// Things of a page at most, and unless the caller says otherwise.
const MOST_SHOWN: u16 = 100;
const SHOWN: u16 = 20;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// `next_cursor` of the page before; the first page without.
    pub(super) cursor: Option<String>,
    /// How many things are shown: 1 to 100, default 20.
    pub(super) limit: Option<u16>,
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Page<T> {
    /// The things.
    pub(super) items: Vec<T>,
    /// What to ask the next page with; `null` on the last one.
    pub(super) next_cursor: Option<String>,
}

impl Call<'_> {
    /// What a path's `{name}` stands for, as a number; what is none names nothing.
    pub(super) fn number(&self, name: &str) -> Result<u64, ApiError> {
        self.parameters.get(name).and_then(|text| text.parse().ok()).ok_or_else(not_found)
    }

    /// What a path's `{name}` stands for.
    pub(super) fn text(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The app that the path names.
    pub(super) async fn app(&self) -> Result<AppProfile, ApiError> {
        let app = AppId::new(self.number("app")?);
        self.store.apps.get(app).await?.ok_or_else(not_found)
    }

    /// Where people reach us, without a slash at the end.
    pub(super) fn base_url(&self) -> Result<String, ApiError> {
        self.request.public_url(&self.context.config.public_url)
    }

    /// The body.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.body_of(limits::REQUEST_BODY_BYTES)
    }

    /// The body, which may have `most` bytes.
    pub(super) fn body_of<T: DeserializeOwned>(&self, most: usize) -> Result<T, ApiError> {
        if let Some(sent) = self.request.headers.get(header::CONTENT_TYPE) {
            let sent = sent.to_str().unwrap_or_default();
            if !sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
                return Err(ApiError::ContentType { sent: sent.to_owned() });
            }
        }
        let body = &self.request.body;
        if body.len() > most {
            return Err(ApiError::unreadable(format!("the body is larger than {most} bytes")));
        }
        let body: &[u8] = if body.is_empty() { b"{}" } else { body };
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| unusable(&error))?;
        reader.end().map_err(|error| ApiError::unreadable(format!("the body is not JSON: {error}")))?;
        Ok(read)
    }

    /// The query.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let parsed = form_urlencoded::parse(self.request.raw_query.as_bytes());
        let reader = serde_urlencoded::Deserializer::new(parsed);
        serde_path_to_error::deserialize(reader).map_err(|error| {
            let field = error.path().to_string();
            ApiError::invalid_field(field, format!("the query cannot be used: {}", error.into_inner()))
        })
    }
}

fn unusable(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let (path, inner) = (error.path().to_string(), error.inner());
    if !inner.is_data() {
        return ApiError::unreadable(format!(
            "the body is not JSON, at line {} column {}",
            inner.line(),
            inner.column()
        ));
    }
    // What is missing has no path of its own, but serde names it.
    let text = inner.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let named = text.strip_prefix("missing field `").or_else(|| text.strip_prefix("unknown field `"));
    let field = match (path.as_str(), named.and_then(|rest| rest.split('`').next())) {
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) if !path.ends_with(name) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    };
    ApiError::invalid_field(field, text)
}

impl PageQuery {
    /// How many things are shown.
    pub(super) fn limit(&self) -> Result<u16, ApiError> {
        let limit = self.limit.unwrap_or(SHOWN);
        if (1..=MOST_SHOWN).contains(&limit) {
            Ok(limit)
        } else {
            Err(ApiError::invalid_field("limit", format!("it is a number from 1 to {MOST_SHOWN}")))
        }
    }

    /// The cursor, read by `parse`.
    pub(super) fn after<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        let wrong = || ApiError::invalid_field("cursor", "it is not the `next_cursor` of a page of this list");
        self.cursor.as_deref().map(|text| parse(text).ok_or_else(wrong)).transpose()
    }
}

/// A page of what was found; `cursor` names the last one when there may be more.
pub(super) fn page<T, U>(
    found: Vec<T>,
    limit: u16,
    cursor: impl Fn(&T) -> String,
    show: impl FnMut(T) -> U,
) -> Page<U> {
    let next_cursor = if found.len() >= usize::from(limit) { found.last().map(cursor) } else { None };
    Page { items: found.into_iter().map(show).collect(), next_cursor }
}

/// A text that is there and not too long, without blanks around it.
pub(super) fn named(field: &str, text: &str, most: usize) -> Result<String, ApiError> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(ApiError::invalid_field(field, "it is blank")),
        count if count > most => Err(ApiError::invalid_field(field, format!("it has more than {most} characters"))),
        _ => Ok(text.to_owned()),
    }
}

/// The same for one that may be missing; blank counts as missing.
pub(super) fn optional(field: &str, text: Option<String>, most: usize) -> Result<Option<String>, ApiError> {
    text.filter(|text| !text.trim().is_empty()).map(|text| named(field, &text, most)).transpose()
}

/// A URL that people open: `http` or `https`.
pub(super) fn link(field: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = optional(field, text, model::callback::URL_BYTES)? else { return Ok(None) };
    let is_link = text.starts_with("https://") || text.starts_with("http://");
    if is_link && !text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Ok(Some(text))
    } else {
        Err(ApiError::invalid_field(field, "it is not an `http` or `https` URL"))
    }
}

/// A URL that we call: it must lead to the public internet, today.
pub(super) async fn callback_url(context: &Context, text: Option<String>) -> Result<Option<String>, ApiError> {
    const FIELD: &str = "callback_url";
    let Some(text) = optional(FIELD, text, model::callback::URL_BYTES)? else { return Ok(None) };
    match guard::refuses(&text, &context.config.callback_exceptions).await {
        None => Ok(Some(text)),
        Some(refusal @ (Refusal::Malformed | Refusal::Scheme | Refusal::Credentials)) => {
            Err(ApiError::invalid_field(FIELD, refusal.to_string()))
        }
        Some(Refusal::Address) => Err(ApiError::invalid_field(
            FIELD,
            "its host is, or resolves to, an address that is not on the public internet",
        )),
    }
}

/// It cannot be done as things stand.
pub(super) fn conflict(code: &'static str, message: &str) -> ApiError {
    ApiError::Problem { code, kind: ProblemKind::Conflict, message: message.to_owned(), field: None }
}
