//! The channels to phones as the registry knows them: each vendor's `send` behind the trait.
//!
//! A call is one message to many devices of one app. What single devices ask for (no sound in their quiet hours, no text
//! on the screen) makes at most four different notifications of it, each sent to those who are to get it so.

mod check;
pub mod settings;

#[cfg(test)]
mod tests;

pub use check::check;

use crate::apns::Apns;
use crate::channel::{Call, Channel, ChannelLimits, Credentials};
use crate::fcm::Fcm;
use crate::http::HttpClient;
use crate::huawei::Huawei;
use crate::meizu::Meizu;
use crate::oppo::Oppo;
use crate::token::TokenHolder;
use crate::vendor::{Ended, Lists, Push, Receipt, Target, fault};
use crate::vivo::{StatisticsError, Vivo};
use crate::xiaomi::Xiaomi;
use async_trait::async_trait;
use futures::future::join_all;
use model::audience::Recipient;
use model::certificate::Certificate;
use model::channel::{Address, ChannelKind};
use model::clock::Clock;
use model::message::{Message, PushMessage};
use model::notification::Notification;
use model::outcome::{Attempt, Outcome};
use settings::PhoneSettings;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// In whose name a phone vendor is called, and where it reports.
#[derive(Debug, Clone)]
pub struct PhoneCredentials {
    /// The app's certificate for the vendor.
    pub certificate: Arc<Certificate>,
    /// Where the vendor reports what became of this batch; `None` asks for no report.
    pub receipt: Option<Receipt>,
    /// Where the lists of this batch are noted; `None` when the vendor is not asked about them.
    pub lists: Option<Arc<dyn Lists>>,
}

/// A vendor's channel, as far as the trait needs it.
#[async_trait]
trait Vendor: Send + Sync {
    /// The certificates it takes.
    type Certificate: Sync;
    /// Which channel it is.
    const KIND: ChannelKind;

    /// The certificate, if it is this vendor's.
    fn certificate(certificate: &Certificate) -> Option<&Self::Certificate>;

    /// How it wants to be called.
    fn limits(&self) -> ChannelLimits;

    /// Sends: one end per target, in order.
    async fn push(&self, push: Push<'_, Self::Certificate>) -> Vec<Ended>;
}

macro_rules! vendor {
    ($vendor:ident, $certificate:ident) => {
        #[async_trait]
        impl Vendor for $vendor {
            type Certificate = model::certificate::$certificate;
            const KIND: ChannelKind = ChannelKind::$vendor;

            fn certificate(certificate: &Certificate) -> Option<&Self::Certificate> {
                if let Certificate::$vendor(certificate) = certificate { Some(certificate) } else { None }
            }

            fn limits(&self) -> ChannelLimits {
                $vendor::limits(self)
            }

            async fn push(&self, push: Push<'_, Self::Certificate>) -> Vec<Ended> {
                self.send(push).await
            }
        }
    };
}

vendor!(Apns, ApnsCertificate);
vendor!(Fcm, FcmCertificate);
vendor!(Huawei, HuaweiCertificate);
vendor!(Xiaomi, XiaomiCertificate);
vendor!(Oppo, OppoCertificate);
vendor!(Vivo, VivoCertificate);
vendor!(Meizu, MeizuCertificate);

/// A vendor behind the trait of channels.
struct Phone<V>(V);

/// All channels to phones.
pub(crate) struct Phones {
    apns: Phone<Apns>,
    fcm: Phone<Fcm>,
    huawei: Phone<Huawei>,
    xiaomi: Phone<Xiaomi>,
    oppo: Phone<Oppo>,
    vivo: Phone<Vivo>,
    meizu: Phone<Meizu>,
}

impl Phones {
    /// Wires every one. It opens no connection and reads no token.
    pub(crate) fn new(
        settings: &PhoneSettings,
        http: &HttpClient,
        tokens: &Arc<TokenHolder>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (http, tokens, clock) = (|| http.clone(), || Arc::clone(tokens), || Arc::clone(clock));
        Self {
            apns: Phone(Apns::new(settings.apns.clone(), tokens(), clock())),
            fcm: Phone(Fcm::new(settings.fcm.clone(), http(), tokens(), clock())),
            huawei: Phone(Huawei::new(settings.huawei.clone(), http(), tokens(), clock())),
            xiaomi: Phone(Xiaomi::new(settings.xiaomi.clone(), http(), clock())),
            oppo: Phone(Oppo::new(&settings.oppo, &http(), tokens(), clock())),
            vivo: Phone(Vivo::new(&settings.vivo_base_url, http(), tokens(), clock())),
            meizu: Phone(Meizu::new(&settings.meizu_base_url, http(), clock())),
        }
    }

    pub(crate) const fn apns(&self) -> &dyn Channel {
        &self.apns
    }

    pub(crate) const fn fcm(&self) -> &dyn Channel {
        &self.fcm
    }

    pub(crate) const fn huawei(&self) -> &dyn Channel {
        &self.huawei
    }

    pub(crate) const fn xiaomi(&self) -> &dyn Channel {
        &self.xiaomi
    }

    pub(crate) const fn oppo(&self) -> &dyn Channel {
        &self.oppo
    }

    pub(crate) const fn vivo(&self) -> &dyn Channel {
        &self.vivo
    }

    /// What the vendor of `certificate` says arrived of what it calls `tasks`: devices by task. Nothing of a vendor that is
    /// not asked.
    pub(crate) async fn arrivals(
        &self,
        certificate: &Certificate,
        tasks: &[u64],
    ) -> Result<Vec<(u64, u64)>, StatisticsError> {
        match certificate {
            Certificate::Vivo(vivo) => self.vivo.0.arrivals(vivo, tasks).await,
            Certificate::Apns(_)
            | Certificate::Fcm(_)
            | Certificate::Huawei(_)
            | Certificate::Xiaomi(_)
            | Certificate::Oppo(_)
            | Certificate::Meizu(_) => Ok(Vec::new()),
        }
    }

    pub(crate) const fn meizu(&self) -> &dyn Channel {
        &self.meizu
    }
}

/// What a device asks of the message: no sound, no text.
type Wish = (bool, bool);

#[async_trait]
impl<V: Vendor> Channel for Phone<V> {
    fn kind(&self) -> ChannelKind {
        V::KIND
    }

    fn limits(&self) -> ChannelLimits {
        Vendor::limits(&self.0)
    }

    async fn send(&self, call: Call<'_>) -> Vec<Attempt> {
        let (Message::Push(message), Credentials::Phone(credentials)) = (call.message, call.credentials) else {
            return vec![misrouted(); call.recipients.len()];
        };
        let Some(certificate) = V::certificate(&credentials.certificate) else {
            return vec![misrouted(); call.recipients.len()];
        };
        let mut groups: BTreeMap<Wish, Vec<(usize, Target)>> = BTreeMap::new();
        for (place, &recipient) in call.recipients.iter().enumerate() {
            if let Some((wish, target)) = target::<V>(recipient) {
                groups.entry(wish).or_default().push((place, target));
            }
        }
        let sent = groups.into_iter().map(|(wish, group)| async move {
            let PushMessage { task, notification } = message;
            let notification = as_wished(notification, wish);
            let (places, targets): (Vec<usize>, Vec<Target>) = group.into_iter().unzip();
            let push = Push {
                task: *task,
                message: &notification,
                receipt: credentials.receipt.as_ref(),
                lists: credentials.lists.as_deref(),
                targets: &targets,
                certificate,
                until: call.until,
            };
            let ended = self.0.push(push).await;
            let cut_off = ended.iter().filter(|one| one.reason == fault::CUT_OFF).count();
            if cut_off > 0 {
                tracing::warn!(channel = %V::KIND, task.id = %task, cut_off, "time was up before the vendor answered; maybe duplicates");
            }
            places.into_iter().zip(ended).collect::<Vec<_>>()
        });
        let mut attempts = vec![no_way(); call.recipients.len()];
        for (place, ended) in join_all(sent).await.into_iter().flatten() {
            attempts[place] = of_this_vendor(ended.into());
        }
        attempts
    }
}

fn target<V: Vendor>(recipient: &Recipient) -> Option<(Wish, Target)> {
    let Address::Device(device) = &recipient.address else { return None };
    let way = recipient.address.way(V::KIND)?;
    Some(((device.silent, device.hidden), Target { token: way.token.clone(), badge: way.badge }))
}

fn as_wished(notification: &Notification, (silent, hidden): Wish) -> Cow<'_, Notification> {
    let mut wished = Cow::Borrowed(notification);
    if silent {
        wished = Cow::Owned(wished.silenced());
    }
    if hidden {
        wished = Cow::Owned(wished.veiled());
    }
    wished
}

/// A token that one vendor refuses says nothing of the others, which know the app by other certificates.
fn of_this_vendor(attempt: Attempt) -> Attempt {
    let outcome = if attempt.outcome == Outcome::Auth { Outcome::Config } else { attempt.outcome };
    Attempt { outcome, ..attempt }
}

/// A batch of another family in this channel's queue: cannot happen, and is not sent.
const fn misrouted() -> Attempt {
    Attempt::failed(Outcome::Content, None)
}

/// The device has no token on this channel: cannot happen, and another way may do.
const fn no_way() -> Attempt {
    Attempt::failed(Outcome::Content, None).or_elsewhere(true)
}
