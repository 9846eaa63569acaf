//! What a function is handed at its edge, built once per instance.

use crate::config::Config;
use crate::in_flight::InFlight;
use crate::limiter::Limiter;
use crate::lines::StoredLines;
use crate::metrics::Metrics;
use crate::minutes::MinuteCounts;
use crate::remembered::Remembered;
use crate::vault::StoredTokens;
use model::account::WechatAccount;
use model::certificate::Certificate;
use model::channel::ChannelKind;
use model::clock::{Clock, Timestamp};
use model::ids::{AccountId, MobileAppId};
use model::mobile::MobileApp;
use provider::channel::{Registry, Settings};
use provider::http::{HttpClient, HttpSettings};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::Store;
use store::access::Accessible;
use store::certificates::ReceiptSecret;
use tokio::sync::{Mutex, Semaphore};

/// How long an account is believed unchanged: a new secret is used a minute later.
const ACCOUNT_LIFE: Duration = Duration::from_secs(60);
/// How long it is believed how back ends of an account prove themselves: a secret that was replaced, and every token of
/// its, works on for this long at most.
const ACCESS_LIFE: Duration = Duration::from_secs(10);
/// How long a closed breaker is believed closed: a dead account is hammered this long at most by each instance.
const BREAKER_LIFE: Duration = Duration::from_secs(5);

/// Everything a handler may use. Nothing connects before it is used.
pub struct Context {
    /// The settings.
    pub config: Config,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// From which a function takes its capabilities.
    pub store: Store,
    /// Where metrics go.
    pub metrics: Metrics,
    /// Calls per app in this instance.
    pub limiter: Limiter,
    /// WeChat accounts read a moment ago.
    pub accounts: Remembered<AccountId, WechatAccount>,
    /// What phone vendors know apps by, read a moment ago. A certificate that is replaced is used a minute later.
    pub certificates: Remembered<(AccountId, ChannelKind), PhoneAccount>,
    /// How back ends of accounts prove themselves, read a moment ago.
    pub access: Remembered<AccountId, Accessible>,
    /// Apps of the mobile family, read a moment ago.
    pub mobile_apps: Remembered<MobileAppId, MobileApp>,
    /// What is counted by the minute.
    pub minutes: MinuteCounts,
    /// Breakers found closed a moment ago.
    pub closed_breakers: Remembered<(AccountId, ChannelKind), ()>,
    /// Calls to developers' URLs under way, by app.
    pub callbacks_in_flight: InFlight,
    callback_http: OnceLock<HttpClient>,
    channels: OnceLock<Registry>,
    in_flight: OnceLock<HashMap<ChannelKind, Arc<Semaphore>>>,
    turns: HashMap<ChannelKind, Arc<Mutex<()>>>,
}

/// What a phone vendor knows an app by, and what its receipts are told by.
#[derive(Debug, Clone)]
pub struct PhoneAccount {
    /// The certificate, opened.
    pub certificate: Arc<Certificate>,
    /// `None` for an app that has none: no reports are asked for then.
    pub receipts: Option<ReceiptSecret>,
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Context {
    /// A context on this machine's clock, with metrics on standard output.
    pub fn new(config: Config) -> Self {
        let metrics = Metrics::printed(&config.stack);
        Self::with(config, Arc::new(SystemClock), metrics)
    }

    /// A context with a clock and a place for metrics of the caller's.
    pub fn with(config: Config, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        let store = Store::new(config.aws.clone(), config.names.clone(), config.seal.clone());
        Self {
            config,
            clock,
            store,
            metrics,
            limiter: Limiter::default(),
            accounts: Remembered::for_at_most(ACCOUNT_LIFE),
            certificates: Remembered::for_at_most(ACCOUNT_LIFE),
            access: Remembered::for_at_most(ACCESS_LIFE),
            mobile_apps: Remembered::for_at_most(ACCESS_LIFE),
            minutes: MinuteCounts::default(),
            closed_breakers: Remembered::for_at_most(BREAKER_LIFE),
            callbacks_in_flight: InFlight::default(),
            callback_http: OnceLock::new(),
            channels: OnceLock::new(),
            in_flight: OnceLock::new(),
            turns: ChannelKind::ALL.iter().map(|&kind| (kind, Arc::default())).collect(),
        }
    }

    /// The calls that this instance may have in flight on `channel`, over all the batches it works on.
    pub fn in_flight(&self, channel: ChannelKind) -> Arc<Semaphore> {
        let all = self.in_flight.get_or_init(|| {
            let permits = |&kind: &ChannelKind| {
                let calls = self.channels().channel(kind).limits().calls_in_flight.get();
                (kind, Arc::new(Semaphore::new(calls)))
            };
            ChannelKind::ALL.iter().map(permits).collect()
        });
        // Every kind has its entry; one call at a time is the safe answer to a bug.
        all.get(&channel).cloned().unwrap_or_else(|| Arc::new(Semaphore::new(1)))
    }

    /// Whose turn it is to send a large batch on `channel`.
    pub fn turn(&self, channel: ChannelKind) -> Arc<Mutex<()>> {
        // Every kind has its entry; a lock of its own is the safe answer to a bug.
        self.turns.get(&channel).cloned().unwrap_or_default()
    }

    /// The client for URLs that developers gave us, callbacks and pictures of pushes: it reaches the public internet,
    /// the exceptions of the settings, and nothing else, and follows no redirect.
    pub fn callback_http(&self) -> &HttpClient {
        self.callback_http.get_or_init(|| {
            let settings = HttpSettings { total_timeout: model::callback::TIMEOUT, ..HttpSettings::default() };
            HttpClient::guarded_except(settings, self.config.callback_exceptions.iter().copied())
        })
    }

    /// The channels. Built when first asked for: endpoints never do.
    pub fn channels(&self) -> &Registry {
        self.channels.get_or_init(|| {
            let settings = Settings {
                wechat_base_url: self.config.wechat_url.clone(),
                fetching: self.config.fetching,
                phones: self.config.phones.clone(),
            };
            let http = HttpClient::new(HttpSettings {
                total_timeout: Duration::from_millis(self.config.upstream_timeout_ms),
                ..HttpSettings::default()
            });
            let vault = Arc::new(StoredTokens::open(&self.store));
            let lines = Arc::new(StoredLines::open(&self.store, self.clock.clone()));
            Registry::new(&settings, http, vault, lines, self.clock.clone())
        })
    }
}
