//! In whose name a phone vendor is called, and where it reports.

use super::Delivery;
use gateway::context::PhoneAccount;
use gateway::{Context, WorkerError};
use model::certificate::{Provider, Scope};
use model::ids::MobileAppId;
use model::secret::Secret;
use provider::channel::Credentials;
use provider::phone::PhoneCredentials;
use provider::vendor::Receipt;
use provider::vendor::receipt::{MAX_URL_BYTES, ReceiptSigner};
use std::sync::Arc;
use store::StoreError;
use store::certificates::{Certificates, ReceiptSecret};
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
    Ok(Some(Credentials::Phone(PhoneCredentials { certificate: account.certificate, receipt })))
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
