//! Access tokens.
//!
//! `POST /cgi-bin/stable_token`, JSON `{"grant_type":"client_credential","appid","secret","force_refresh":bool}`, answers
//! `{"access_token","expires_in"}`: one token shared by all callers, `expires_in` its remaining life in seconds. In its
//! last 5 minutes it is replaced, and both work. `force_refresh` replaces it at once if 30 s passed since the last time
//! and that happened less than 20 times today; else it is ignored. A token stands for 5 minutes after it was replaced,
//! but only the last replaced one does: two forced refreshes end a token.
//!
//! `GET /cgi-bin/token?grant_type=client_credential&appid=&secret=` answers the same from a slot of its own: each call
//! makes a new token, and the one before lives on for 5 minutes. 2,000 calls a day.
//!
//! Checks, first failure answers: method 43002 / 43001, body 44002, 47001, grant type 40002, appid 41002, 40013,
//! secret 41004, 40125.
//! Source: WeChat's pages "getStableAccessToken" and "get access token", read 2026-11.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use model::secret::Secret;
use serde::Deserialize;

use super::account::Account;
use super::held::Granted;
use super::refusal::Refusal;
use super::{CHANNELS, SERVICE, Wechat, json_reply, parameter};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::FaultOperation;
use crate::sandbox::reply::{Arrival, Reply};

/// The body of `stable_token`. Fields that are missing count as empty.
#[derive(Deserialize)]
struct StableRequest {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    appid: String,
    secret: Option<Secret<String>>,
    #[serde(default)]
    force_refresh: bool,
}

/// `POST /cgi-bin/stable_token`
pub(super) async fn stable_token(State(sandbox): State<Arc<Sandbox>>, method: Method, body: Bytes) -> Response {
    let arrival = arrival("stable_token", body.len());
    sandbox
        .answer(arrival, ordered, || granted(sandbox.wechat.grant_stable(&method, &body, sandbox.clock.now_ms())))
        .await
}

/// `GET /cgi-bin/token`
pub(super) async fn plain_token(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let arrival = arrival("token", body.len());
    sandbox
        .answer(arrival, ordered, || {
            granted(sandbox.wechat.grant_plain(&method, query.as_deref(), sandbox.clock.now_ms()))
        })
        .await
}

/// A token call.
fn arrival(operation: &'static str, request_bytes: usize) -> Arrival<'static> {
    Arrival {
        service: SERVICE,
        operation,
        channels: CHANNELS,
        kind: FaultOperation::Token,
        recipient: None,
        request_bytes,
    }
}

/// An ordered code in WeChat's shape.
pub(super) fn ordered(code: i64) -> Reply {
    Refusal::Ordered(code).reply()
}

/// The answer to a token call.
fn granted(outcome: Result<Granted, Refusal>) -> Reply {
    match outcome {
        Ok(granted) => json_reply(&granted),
        Err(refusal) => refusal.reply(),
    }
}

impl Wechat {
    /// The shared token of the account that `body` names.
    fn grant_stable(&self, method: &Method, body: &[u8], now_ms: i64) -> Result<Granted, Refusal> {
        if method != Method::POST {
            return Err(Refusal::NeedsPost);
        }
        if body.is_empty() {
            return Err(Refusal::EmptyBody);
        }
        let request: StableRequest = serde_json::from_slice(body).map_err(|_| Refusal::Format)?;
        let account = self.identified(&request.grant_type, &request.appid, request.secret.as_ref())?;
        Ok(account.state().tokens.stable(request.force_refresh, now_ms))
    }

    /// A new token for the account that `query` names.
    fn grant_plain(&self, method: &Method, query: Option<&str>, now_ms: i64) -> Result<Granted, Refusal> {
        if method != Method::GET {
            return Err(Refusal::NeedsGet);
        }
        let secret = Secret::new(parameter(query, "secret"));
        let account = self.identified(&parameter(query, "grant_type"), &parameter(query, "appid"), Some(&secret))?;
        account.state().tokens.plain(now_ms)
    }

    /// The account, if the secret is its own.
    fn identified(&self, grant_type: &str, appid: &str, secret: Option<&Secret<String>>) -> Result<&Account, Refusal> {
        if grant_type != "client_credential" {
            return Err(Refusal::GrantType);
        }
        if appid.is_empty() {
            return Err(Refusal::AppidMissing);
        }
        let account = self.account(appid).ok_or(Refusal::Appid)?;
        let secret = secret.filter(|secret| !secret.expose().is_empty()).ok_or(Refusal::SecretMissing)?;
        if *secret != account.given.secret {
            return Err(Refusal::Secret);
        }
        Ok(account)
    }
}
