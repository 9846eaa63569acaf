//! Access tokens of OAuth 2.0 (RFC 6749): Google's and Huawei's.

use super::fault::{UNREADABLE_ATTEMPTS, later};
use crate::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use crate::token::{FetchError, Fetched};
use http::HeaderValue;
use model::outcome::Outcome;
use model::secret::Secret;
use serde::Deserialize;
use std::time::Duration;

/// How long an instance does not ask again after an error that only an operator can mend.
const CONFIG_HOLD: Duration = Duration::from_secs(30);
/// How long it does not after passing trouble.
const RETRY_HOLD: Duration = Duration::from_secs(1);
/// The most of an answer's own words that is logged.
const WORDS: usize = 200;
/// No vendor's token lives longer, whatever an answer says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

#[derive(Deserialize)]
struct Granted {
    access_token: Secret<String>,
    expires_in: u64,
}

/// RFC 6749, section 5.2. Huawei's `error` is a number.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Denied {
    error: serde_json::Value,
    error_description: String,
}

/// Posts `form` to the token endpoint at `url`.
pub(crate) async fn fetch(http: &HttpClient, url: &str, form: String) -> Result<Fetched, FetchError> {
    match http.send(HttpRequest::post(url, FORM, form)).await {
        Ok(answer) => read(&answer),
        Err(error @ HttpError::BadUrl { .. }) => Err(failed(Outcome::Config, None, error.to_string())),
        Err(error) => Err(failed(later(None), None, error.to_string())),
    }
}

fn read(answer: &HttpResponse) -> Result<Fetched, FetchError> {
    let status = answer.status;
    let code = Some(i32::from(status.as_u16()));
    if status.is_success() {
        let unreadable = Outcome::Retry { after: None, at_most: Some(UNREADABLE_ATTEMPTS) };
        return match serde_json::from_slice::<Granted>(&answer.body) {
            Ok(granted) if !granted.access_token.expose().is_empty() => {
                let life = Duration::from_secs(granted.expires_in).min(LONGEST_LIFE);
                Ok(Fetched { value: granted.access_token, life })
            }
            Ok(_) | Err(_) => Err(failed(unreadable, code, "the answer holds no access token".to_owned())),
        };
    }
    let outcome = match status.as_u16() {
        408 | 429 | 500..=599 => later(answer.retry_after),
        // What stands in the request is our settings.
        _ => Outcome::Config,
    };
    let denied: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let words: String = denied.error_description.chars().take(WORDS).filter(|c| !c.is_control()).collect();
    Err(failed(outcome, code, format!("http status {status}, error {}: {words}", denied.error)))
}

fn failed(outcome: Outcome, code: Option<i32>, reason: String) -> FetchError {
    let hold = match &outcome {
        Outcome::Retry { after, .. } => after.unwrap_or(RETRY_HOLD),
        _ => CONFIG_HOLD,
    };
    FetchError { outcome, code, reason, hold }
}
