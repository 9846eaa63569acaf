//! What the channels to phones are tested with: the golden message, targets, and a stand-in behind a server.

use super::server::{Reply, Seen, Server};
use super::{ManualClock, MemoryVault, in_time};
use crate::http::{HttpClient, HttpSettings};
use crate::token::TokenHolder;
use crate::vendor::{Push, Receipt, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use model::clock::{Clock, Timestamp};
use model::ids::{DeviceToken, TaskId};
use model::notification::Notification;
use model::notification::android::{Block, ClickAction, HuaweiBlock, VivoBlock};
use model::notification::badge::Badge;
use model::notification::ext::Ext;
use model::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

/// 2023-11-14 22:13:20 UTC, 06:13:20 in Beijing.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The page of the golden message.
pub(crate) const INTENT: &str = "intent:#Intent;component=com.a/com.a.M;S.p=1;end";

/// A message that says something in every block.
pub(crate) fn golden() -> Notification {
    let some = |text: &str| Some(text.to_owned());
    Notification {
        title: "Hi".to_owned(),
        body: "Body".to_owned(),
        badge: Badge::Add(2),
        ext: Some(Ext::parse(r#"{"k":1,"s":"v"}"#).unwrap()),
        show_end: Some(Timestamp::from_seconds(1_700_003_600)),
        ios: model::notification::Ios {
            sound: some("a.caf"),
            thread_id: some("g"),
            collapse_id: some("c1"),
            ..Default::default()
        },
        android: Block {
            sound: some("ring"),
            channel_id: some("ch"),
            click_action: Some(ClickAction::Intent),
            intent: some(INTENT),
        },
        huawei: HuaweiBlock { badge_class: some("com.a.Main"), ..Default::default() },
        vivo: VivoBlock { test_push: true, system_message: true, ..Default::default() },
        ..Notification::default()
    }
}

/// The least that can be shown.
pub(crate) fn plain() -> Notification {
    Notification { title: "Hi".to_owned(), body: "Body".to_owned(), ..Notification::default() }
}

/// Devices with these tokens, whose badge counter is 5 after the message.
pub(crate) fn targets<T: Into<String>>(tokens: impl IntoIterator<Item = T>) -> Vec<Target> {
    tokens.into_iter().map(|token| Target { token: DeviceToken::new(token), badge: Some(5) }).collect()
}

/// Where vendors report: the `U` and `P` of the golden requests.
pub(crate) fn receipt() -> Receipt {
    Receipt { url: Secret::new("U".to_owned()), parameter: "P".to_owned() }
}

/// `message` to `targets` as task 42.
pub(crate) fn push<'a, C>(
    message: &'a Notification,
    receipt: &'a Receipt,
    targets: &'a [Target],
    certificate: &'a C,
) -> Push<'a, C> {
    Push { task: TaskId::new(42), message, receipt: Some(receipt), lists: None, targets, certificate, until: in_time() }
}

/// A server, and what a channel needs to call it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) http: HttpClient,
    pub(crate) vault: Arc<MemoryVault>,
    pub(crate) tokens: Arc<TokenHolder>,
}

impl Stage {
    /// A server that answers as `stand_in` does at the time of the stage's clock.
    pub(crate) async fn new(
        stand_in: impl Fn(&Request<Bytes>, i64) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let its_clock = Arc::clone(&clock);
        let script = move |seen: &Seen| Reply::of(&stand_in(&seen.request(), its_clock.now().millis()));
        Self::over(Server::start(script).await, clock)
    }

    /// A server that answers as `script` says.
    pub(crate) async fn scripted(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::over(Server::start(script).await, Arc::new(ManualClock::new(NOW)))
    }

    fn over(server: Server, clock: Arc<ManualClock>) -> Self {
        let http = HttpClient::new(HttpSettings {
            connect_timeout: Duration::from_secs(2),
            // An unoptimised stand-in needs its time for a megabyte.
            total_timeout: Duration::from_secs(20),
            ..HttpSettings::default()
        });
        let vault = Arc::<MemoryVault>::default();
        let tokens = Arc::new(TokenHolder::new(vault.clone(), clock.clone()));
        Self { server, clock, http, vault, tokens }
    }
}

/// The fields of a form body, each once.
pub(crate) fn form(seen: &Seen) -> std::collections::BTreeMap<String, String> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
    let fields: std::collections::BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(fields.len(), pairs.len(), "a field stands twice");
    fields
}

/// An answer of HTTP 200 with this JSON.
pub(crate) fn answer(body: &serde_json::Value) -> Response<Bytes> {
    standin::json(http::StatusCode::OK, body)
}

/// An answer with this status and nothing in it.
pub(crate) fn status(status: u16) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::new()).unwrap()
}

/// PEM around `der`.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
