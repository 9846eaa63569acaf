//! The client: base URL, token, and one repeat with a fresh token.

use super::answer::Answer;
use super::error::CallError;
use super::token::{StableToken, token_key};
use crate::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use crate::token::{Token, TokenError, TokenHolder};
use bytes::Bytes;
use http::HeaderValue;
use model::account::WechatAccount;
use model::clock::{Clock, Timestamp};
use std::sync::Arc;
use url::form_urlencoded::byte_serialize;

/// What nearly every call's body is.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Calls WeChat's API. Cheap to clone.
#[derive(Clone)]
pub struct WechatClient(Arc<Inner>);

struct Inner {
    /// Without a slash at its end.
    base_url: String,
    http: HttpClient,
    tokens: Arc<TokenHolder>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for WechatClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WechatClient").field("base_url", &crate::http::redacted(&self.0.base_url)).finish()
    }
}

impl WechatClient {
    /// A client of the API at `base_url`.
    pub fn new(base_url: &str, http: HttpClient, tokens: Arc<TokenHolder>, clock: Arc<dyn Clock>) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self(Arc::new(Inner { base_url, http, tokens, clock }))
    }

    /// The present moment, by the clock that was handed in.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Posts `body` (raw UTF-8 JSON) to `path` in the name of `account`.
    ///
    /// When the token is refused, one fresh token is got and the call repeated once; refused again, the answer stands.
    pub async fn post(&self, account: &WechatAccount, path: &str, body: Bytes) -> Result<Answer, CallError> {
        self.post_as(account, path, JSON, body).await
    }

    /// The same with a body of another type. `path` may end in a query.
    pub(super) async fn post_as(
        &self,
        account: &WechatAccount,
        path: &str,
        content_type: HeaderValue,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let key = token_key(&account.id);
        let fetch = StableToken::new(self.clone(), account);
        let token = self.0.tokens.get(&key, &fetch).await?;
        let refused = match self.post_once(path, &token, content_type.clone(), body.clone()).await {
            Err(error) if error.wants_new_token() => error,
            answered => return answered,
        };
        tracing::debug!(account = %account.id, generation = token.generation, code = refused.vendor_code(), rid = refused.rid(), "wechat refused the token");
        match self.0.tokens.refused(&key, token.generation, &fetch).await {
            Ok(token) => self.post_once(path, &token, content_type, body).await,
            // There is no other token, so WeChat's own answer says more.
            Err(TokenError::Refused) => Err(refused),
            Err(error) => Err(error.into()),
        }
    }

    async fn post_once(
        &self,
        path: &str,
        token: &Token,
        content_type: HeaderValue,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        // The token's alphabet is not documented.
        let token: String = byte_serialize(token.value.expose().as_bytes()).collect();
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{separator}access_token={token}", self.0.base_url);
        let response = self.0.http.send(HttpRequest::post(url, content_type, body)).await?;
        Answer::read(&response)
    }

    /// Posts `body` without a token.
    pub(super) async fn post_plain(&self, path_and_query: &str, body: Bytes) -> Result<HttpResponse, HttpError> {
        let url = format!("{}{path_and_query}", self.0.base_url);
        self.0.http.send(HttpRequest::post_json(url, body)).await
    }
}
