//! In whose name a phone vendor is called, and where it reports.

use super::Delivery;
use gateway::WorkerError;
use gateway::context::PhoneAccount;
use model::certificate::{Provider, Scope};
use model::ids::MobileAppId;
use model::secret::Secret;
use provider::channel::Credentials;
use provider::phone::PhoneCredentials;
use provider::vendor::Receipt;
use provider::vendor::receipt::{MAX_URL_BYTES, ReceiptSigner};
use std::sync::Arc;
use store::certificates::ReceiptSecret;
use tracing::{error, warn};

/// The credentials for this copy's channel; `None` when the app has no certificate that could be used.
pub(super) async fn credentials(delivery: &Delivery<'_>) -> Result<Option<Credentials>, WorkerError> {
    let batch = &delivery.batch;
    let (Some(scope), Some(provider)) = (Scope::of(&batch.account), Provider::of(batch.channel)) else {
        return Ok(None);
    };
    let key = (batch.account.clone(), batch.channel);
    let account = match delivery.context.certificates.get(&key, delivery.now()) {
        Some(account) => account,
        None => match load(delivery, &scope, provider).await? {
            None => return Ok(None),
            Some(account) => {
                delivery.context.certificates.put(key, account.clone(), delivery.now());
                account
            }
        },
    };
    let receipt = account.receipts.as_ref().and_then(|secret| receipt(delivery, &scope.app, secret));
    Ok(Some(Credentials::Phone(PhoneCredentials { certificate: account.certificate, receipt })))
}

async fn load(delivery: &Delivery<'_>, scope: &Scope, provider: Provider) -> Result<Option<PhoneAccount>, WorkerError> {
    let certificates = &delivery.store.certificates;
    let (stored, receipts) =
        futures::try_join!(certificates.get(scope, provider), certificates.receipt_secret(&scope.app))?;
    let Some(stored) = stored else { return Ok(None) };
    match stored.fields.certificate(provider, scope.environment, stored.id) {
        Ok(certificate) => Ok(Some(PhoneAccount { certificate: Arc::new(certificate), receipts })),
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
