//! In whose name a phone vendor is called, where it reports, and where lists are noted that it will be asked about.

use super::Delivery;
use futures::FutureExt;
use futures::future::BoxFuture;
use gateway::context::PhoneAccount;
use gateway::error::causes;
use gateway::{Context, WorkerError};
use model::batch::BatchId;
use model::certificate::{Provider, Scope};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::MobileAppId;
use model::secret::Secret;
use model::statistics::is_asked;
use provider::channel::Credentials;
use provider::phone::PhoneCredentials;
use provider::vendor::receipt::{MAX_URL_BYTES, ReceiptSigner};
use provider::vendor::{Lists, Receipt};
use std::sync::Arc;
use store::StoreError;
use store::certificates::{Certificates, ReceiptSecret};
use store::statistics::Statistics;
use tracing::{error, warn};

/// The credentials for this copy's channel; `None` when the app has no certificate that could be used.
pub(super) async fn credentials(delivery: &Delivery<'_>) -> Result<Option<Credentials>, WorkerError> {
    let batch = &delivery.batch;
    let (Some(scope), Some(provider)) = (Scope::of(&batch.account), Provider::of(batch.channel)) else {
        return Ok(None);
    };
    let certificates = &delivery.store.certificates;
    let Some(account) = account(delivery.context, certificates, &scope, provider).await? else { return Ok(None) };
    let receipt = account.receipts.as_ref().and_then(|secret| receipt(delivery, &scope.app, secret));
    let lists = is_asked(batch.channel).then(|| NotedLists::of(delivery));
    Ok(Some(Credentials::Phone(PhoneCredentials { certificate: account.certificate, receipt, lists })))
}

/// Where the lists of a batch are noted.
struct NotedLists {
    statistics: Statistics,
    batch: BatchId,
    channel: ChannelKind,
    expires: Timestamp,
}

impl NotedLists {
    fn of(delivery: &Delivery<'_>) -> Arc<dyn Lists> {
        let (statistics, batch) = (delivery.store.statistics.clone(), delivery.batch.id);
        Arc::new(Self { statistics, batch, channel: delivery.batch.channel, expires: delivery.expires() })
    }
}

impl Lists for NotedLists {
    fn note<'a>(&'a self, list: &'a str, vendor_task: u64) -> BoxFuture<'a, ()> {
        let Self { statistics, batch, channel, expires } = self;
        async move {
            if let Err(error) = statistics.note_list(*batch, *channel, list, vendor_task, *expires).await {
                // Tolerated: the answer names it as well, and only a number hangs on it.
                warn!(batch.id = %batch, %channel, cause = causes(&error), "a list could not be noted");
            }
        }
        .boxed()
    }
}

impl std::fmt::Debug for NotedLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotedLists").field("batch", &self.batch).finish_non_exhaustive()
    }
}

/// What `scope` is known by at `provider`, read a moment ago or now; `None` when it has no certificate that could be used.
pub(crate) async fn account(
    context: &Context,
    certificates: &Certificates,
    scope: &Scope,
    provider: Provider,
) -> Result<Option<PhoneAccount>, StoreError> {
    let (key, now) = ((scope.account(), provider.channel()), context.clock.now());
    if let Some(account) = context.certificates.get(&key, now) {
        return Ok(Some(account));
    }
    let (stored, receipts) =
        futures::try_join!(certificates.get(scope, provider), certificates.receipt_secret(&scope.app))?;
    let Some(stored) = stored else { return Ok(None) };
    match stored.fields.certificate(provider, scope.environment, stored.id) {
        Ok(certificate) => {
            let account = PhoneAccount { certificate: Arc::new(certificate), receipts };
            context.certificates.put(key, account.clone(), now);
            Ok(Some(account))
        }
        Err(wrong) => {
            // Checked when it was entered; only another version's rules can find it wanting.
            error!(app.id = %scope.app, channel = %provider.channel(), field = wrong.field, "the certificate cannot be used");
            Ok(None)
        }
    }
}

/// Where the vendor reports what became of this batch. A deployment whose address is too long for vendors, or unknown, asks
/// for no reports.
fn receipt(delivery: &Delivery<'_>, app: &MobileAppId, secret: &ReceiptSecret) -> Option<Receipt> {
    let (batch, base) = (&delivery.batch, &delivery.context.config.public_url);
    let url = format!("{base}/receipt/{}/{}", batch.channel, secret.path.expose());
    if base.is_empty() || url.len() > MAX_URL_BYTES {
        warn!(
            bytes = url.len(),
            most = MAX_URL_BYTES,
            "receipts are not asked for: the public address is missing or too long"
        );
        return None;
    }
    let parameter = ReceiptSigner::new(&secret.key).param(app, batch.id, batch.channel);
    Some(Receipt { url: Secret::new(url), parameter })
}
