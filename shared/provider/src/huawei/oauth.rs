//! The token call: client credentials (RFC 6749, section 4.4).
//!
//! The holder renews a token when five minutes of its hour are left. Huawei counts token calls: 1,000 in five minutes.

use crate::http::HttpClient;
use crate::token::{Fetch, FetchError, Fetched, TokenKey, Upstream};
use crate::vendor::oauth;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::certificate::HuaweiCertificate;
use model::secret::Secret;
use std::sync::Arc;
use url::form_urlencoded::Serializer;

/// Asks for tokens in the name of one app.
#[derive(Clone)]
pub(super) struct TokenCall {
    key: TokenKey,
    app_id: String,
    app_secret: Secret<String>,
    http: HttpClient,
    token_url: Arc<str>,
}

impl TokenCall {
    pub(super) fn new(certificate: &HuaweiCertificate, http: HttpClient, token_url: Arc<str>) -> Self {
        let key = TokenKey { upstream: Upstream::Huawei, account: certificate.id.clone() };
        let HuaweiCertificate { app_id, app_secret, .. } = certificate;
        Self { key, app_id: app_id.clone(), app_secret: app_secret.clone(), http, token_url }
    }

    /// What the token is held under.
    pub(super) const fn key(&self) -> &TokenKey {
        &self.key
    }

    async fn call(self) -> Result<Fetched, FetchError> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.app_id.as_str()),
            ("client_secret", self.app_secret.expose().as_str()),
        ];
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        oauth::fetch(&self.http, &self.token_url, form).await
    }
}

impl Fetch for TokenCall {
    fn fetch(&self, _force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        self.clone().call().boxed()
    }
}
