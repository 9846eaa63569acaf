//! The demo app's certificates: what the stand-ins of phone vendors know it by.

use model::certificate::form::Fields;
use model::certificate::{Certificate, Environment, Provider, Scope};
use model::ids::{AccountId, MobileAppId};
use model::secret::Secret;
use serde_json::json;
use store::certificates::{CertificateWriter, ReceiptSecret, Written};
use store::{Capability, Store, StoreError};

/// The mobile app.
pub const MOBILE_APP: &str = "demo";
/// The secret part of the addresses that vendors report the demo app's messages to.
pub const RECEIPT_PATH: &str = "demoReceiptPath00000000000000000";
/// What signs the parameters of the demo app's receipts.
pub const RECEIPT_KEY: &str = "demoReceiptKey00000000000000000000000000000";
/// The token that the demo app's console at Meizu would show beside the receipt address.
pub const MEIZU_RECEIPT_TOKEN: &str = "demo-meizu-receipt-token";
/// User name and key of the demo app's receipts at Huawei.
pub const HUAWEI_RECEIPT_USER: &str = "demo-huawei";
/// See [`HUAWEI_RECEIPT_USER`].
pub const HUAWEI_RECEIPT_KEY: &str = "demo-huawei-receipt-key";

/// Keys that everybody may know, and that open nothing but the stand-ins.
const APNS_KEY: &str = include_str!("demo_apns_key.p8");
const FCM_KEY: &str = include_str!("demo_fcm_key.pem");

/// What devices call the demo app's certificate of a provider.
pub fn certificate_name(provider: Provider) -> String {
    format!("demo-{}", provider.as_str())
}

/// The demo app's certificate of a provider, as an operator would enter it.
pub fn certificate_fields(provider: Provider) -> Fields {
    let service_account = json!({
        "type": "service_account",
        "project_id": "tuisong-demo",
        "private_key_id": "demo",
        "private_key": FCM_KEY,
        "client_email": "push@tuisong-demo.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string();
    let fields: &[(&str, &str)] = match provider {
        Provider::Apns => &[
            ("bundle_id", "com.example.demo"),
            ("key_id", "DEMOKEY001"),
            ("team_id", "DEMOTEAM01"),
            ("private_key", APNS_KEY),
        ],
        Provider::Huawei => &[
            ("app_id", "100000001"),
            ("app_secret", "demo-huawei-secret"),
            ("app_name", "演示"),
            ("badge_class", "com.example.demo.MainActivity"),
            ("callback_user", HUAWEI_RECEIPT_USER),
            ("callback_key", HUAWEI_RECEIPT_KEY),
        ],
        Provider::Xiaomi => &[
            ("app_id", "2882303761500000001"),
            ("app_key", "5700000000001"),
            ("app_secret", "demo-xiaomi-secret"),
            ("package", "com.example.demo"),
            ("app_name", "演示"),
        ],
        Provider::Meizu => &[
            ("app_id", "100001"),
            ("app_key", "demo-meizu-key"),
            ("app_secret", "demo-meizu-secret"),
            ("app_name", "演示"),
            ("callback_token", MEIZU_RECEIPT_TOKEN),
        ],
        Provider::Vivo => &[
            ("app_id", "10001"),
            ("app_key", "demo-vivo-key"),
            ("app_secret", "demo-vivo-secret"),
            ("app_name", "演示"),
        ],
        Provider::Oppo => &[
            ("app_key", "demo-oppo-key"),
            ("app_secret", "demo-oppo-client-secret"),
            ("master_secret", "demo-oppo-master-secret"),
            ("app_name", "演示"),
        ],
        Provider::Fcm => &[
            ("sender_id", "100000000001"),
            ("client_config", r#"{"project_info":{"project_number":"100000000001","project_id":"tuisong-demo"}}"#),
        ],
    };
    let google = (provider == Provider::Fcm).then(|| ("service_account".to_owned(), service_account));
    Fields::new(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(google))
}

/// The demo app's certificates, opened: what the stand-ins are told.
pub fn certificates() -> Vec<Certificate> {
    let open = |provider: &Provider| {
        let id = AccountId::new(format!("{MOBILE_APP}/{}", provider.as_str()));
        certificate_fields(*provider).certificate(*provider, Environment::Production, id).ok()
    };
    Provider::ALL.iter().filter_map(open).collect()
}

/// Enters the demo app's certificates.
pub async fn write(store: &Store) -> Result<(), StoreError> {
    let wrong = |why: &str| StoreError::Corrupt { what: "seed", why: why.to_owned() };
    let app = MobileAppId::parse(MOBILE_APP).map_err(|error| wrong(&error.to_string()))?;
    let writer = CertificateWriter::open(store);
    let (path, key) = (Secret::new(RECEIPT_PATH.to_owned()), Secret::new(RECEIPT_KEY.to_owned()));
    writer.seed_receipt_secret(&app, &ReceiptSecret { path, key }).await?;
    let scope = Scope::new(app, Environment::Production);
    for provider in Provider::ALL {
        let (name, fields) = (certificate_name(*provider), certificate_fields(*provider));
        if writer.put(&scope, *provider, &name, &fields).await? == Written::NameTaken {
            return Err(wrong("two certificates have one name"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_a_certificate_that_can_be_used() {
        assert_eq!(certificates().len(), Provider::ALL.len());
        assert_eq!(RECEIPT_PATH.len(), 32);
    }
}
