//! Certificates as an operator enters them and as they are stored: named fields, some of them secret.

use super::{
    ApnsCertificate, ApnsKey, Certificate, Environment, FcmCertificate, HuaweiCertificate, HuaweiReceiptKey,
    MeizuCertificate, OppoCategory, OppoCertificate, Provider, VivoCertificate, XiaomiCertificate, XiaomiRegion,
};
use crate::ids::AccountId;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A field of a provider's certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// It is sealed, and shown to nobody but the app's administrators.
    pub secret: bool,
    /// It has to be there.
    pub required: bool,
}

const fn open(name: &'static str) -> Field {
    Field { name, secret: false, required: true }
}

const fn secret(name: &'static str) -> Field {
    Field { name, secret: true, required: true }
}

const fn optional(field: Field) -> Field {
    Field { required: false, ..field }
}

/// Longest value of a field, in bytes: a service account or a certificate chain has some 5 KB.
pub const MAX_VALUE_BYTES: usize = 16 * 1024;
/// Longest name of a certificate, in characters. Ours.
pub const MAX_NAME_CHARS: usize = 64;

impl Provider {
    /// The fields of its certificates.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Apns => {
                const {
                    &[
                        open("bundle_id"),
                        optional(open("key_id")),
                        optional(open("team_id")),
                        optional(open("certificate")),
                        secret("private_key"),
                    ]
                }
            }
            Self::Huawei => {
                const {
                    &[
                        open("app_id"),
                        secret("app_secret"),
                        open("app_name"),
                        optional(open("category")),
                        optional(open("badge_class")),
                        optional(open("importance")),
                        optional(open("test_messages")),
                        optional(open("callback_user")),
                        optional(secret("callback_key")),
                    ]
                }
            }
            Self::Xiaomi => {
                const {
                    &[
                        open("app_id"),
                        open("app_key"),
                        secret("app_secret"),
                        open("package"),
                        open("app_name"),
                        optional(open("region")),
                    ]
                }
            }
            Self::Meizu => {
                const {
                    &[
                        open("app_id"),
                        open("app_key"),
                        secret("app_secret"),
                        open("app_name"),
                        optional(secret("callback_token")),
                    ]
                }
            }
            Self::Vivo => {
                const {
                    &[
                        open("app_id"),
                        open("app_key"),
                        secret("app_secret"),
                        open("app_name"),
                        optional(open("category")),
                        optional(open("may_badge")),
                        optional(open("callback_id")),
                    ]
                }
            }
            Self::Oppo => {
                const {
                    &[
                        open("app_key"),
                        optional(open("app_secret")),
                        secret("master_secret"),
                        open("app_name"),
                        optional(open("category")),
                        optional(open("notify_level")),
                    ]
                }
            }
            Self::Fcm => {
                const { &[secret("service_account"), optional(open("sender_id")), optional(open("client_config"))] }
            }
        }
    }
}

/// What is wrong with a certificate. The text quotes nothing of what was entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct FieldError {
    /// Which field.
    pub field: String,
    /// What is wrong, and what would be right.
    pub why: &'static str,
}

/// The fields of a certificate, secrets among them.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, String>);

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Fields {
    /// Fields as they were entered; empty ones count as absent.
    pub fn new(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(fields.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// What was entered into a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Those that are secret in a certificate of `provider`, or those that are not.
    #[must_use]
    pub fn only(&self, provider: Provider, secret: bool) -> Self {
        let is_secret = |name: &str| provider.fields().iter().any(|field| field.name == name && field.secret);
        let kept = self.0.iter().filter(|(name, _)| is_secret(name) == secret);
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// These and `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The names of what was entered.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The certificate that these fields are, known among all others as `id`.
    pub fn certificate(
        &self,
        provider: Provider,
        environment: Environment,
        id: AccountId,
    ) -> Result<Certificate, FieldError> {
        self.check(provider)?;
        let text = |name: &str| self.get(name).unwrap_or_default().trim().to_owned();
        let some = |name: &str| self.get(name).map(|value| value.trim().to_owned());
        let hidden = |name: &str| Secret::new(text(name));
        let (app_name, app_secret) = (text("app_name"), hidden("app_secret"));
        Ok(match provider {
            Provider::Apns => {
                let key = ApnsKey::of(some("key_id"), some("team_id"), some("certificate"), hidden("private_key"));
                let key = key.map_err(|_| FieldError {
                    field: "key_id".to_owned(),
                    why: "and `team_id` make an authentication key, `certificate` a client certificate: give the two or the one",
                })?;
                Certificate::Apns(ApnsCertificate { id, bundle_id: text("bundle_id"), environment, key })
            }
            Provider::Huawei => Certificate::Huawei(HuaweiCertificate {
                id,
                app_name,
                app_id: text("app_id"),
                app_secret,
                category: some("category"),
                badge_class: some("badge_class"),
                importance: self.one_of("importance", &["LOW", "NORMAL", "HIGH"])?,
                test_messages: self.flag("test_messages")?,
                receipt_key: match (some("callback_user"), some("callback_key")) {
                    (None, None) => None,
                    (Some(user), Some(key)) => Some(HuaweiReceiptKey { user, key: Secret::new(key) }),
                    (user, _) => {
                        let field = if user.is_some() { "callback_key" } else { "callback_user" };
                        return Err(FieldError { field: field.to_owned(), why: "is missing beside the other half" });
                    }
                },
            }),
            Provider::Xiaomi => Certificate::Xiaomi(XiaomiCertificate {
                id,
                app_secret,
                package: text("package"),
                app_name,
                region: self.region()?,
            }),
            Provider::Meizu => Certificate::Meizu(MeizuCertificate {
                id,
                app_id: text("app_id"),
                app_secret,
                app_name,
                receipt_token: some("callback_token").map(Secret::new),
            }),
            Provider::Vivo => Certificate::Vivo(VivoCertificate {
                id,
                app_id: text("app_id")
                    .parse()
                    .map_err(|_| FieldError { field: "app_id".to_owned(), why: "is a number at vivo" })?,
                app_key: text("app_key"),
                app_secret,
                app_name,
                category: some("category"),
                may_badge: self.flag("may_badge")?,
                callback_id: some("callback_id"),
            }),
            Provider::Oppo => Certificate::Oppo(OppoCertificate {
                id,
                app_key: text("app_key"),
                master_secret: hidden("master_secret"),
                app_name,
                category: self.oppo_category()?,
            }),
            Provider::Fcm => {
                let account = self.get("service_account").unwrap_or_default();
                let service_account = serde_json::from_str(account).map_err(|_| FieldError {
                    field: "service_account".to_owned(),
                    why: "is the JSON file of a service account, with `project_id`, `client_email` and `private_key`",
                })?;
                Certificate::Fcm(FcmCertificate { id, service_account })
            }
        })
    }

    fn check(&self, provider: Provider) -> Result<(), FieldError> {
        let wrong = |field: &str, why| Err(FieldError { field: field.to_owned(), why });
        for name in self.names() {
            if !provider.fields().iter().any(|field| field.name == name) {
                return wrong(name, "is no field of this provider's certificates");
            }
        }
        for field in provider.fields() {
            match self.get(field.name) {
                None if field.required => return wrong(field.name, "is missing"),
                Some(value) if value.len() > MAX_VALUE_BYTES => {
                    return wrong(field.name, "is longer than 16,384 bytes");
                }
                None | Some(_) => {}
            }
        }
        Ok(())
    }

    fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<String>, FieldError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        if words.contains(&value) {
            return Ok(Some(value.to_owned()));
        }
        Err(FieldError {
            field: name.to_owned(),
            why: "is none of the words that the vendor knows; see docs/channels.md",
        })
    }

    fn flag(&self, name: &str) -> Result<bool, FieldError> {
        self.one_of(name, &["true", "false"]).map(|word| word.as_deref() == Some("true"))
    }

    fn region(&self) -> Result<XiaomiRegion, FieldError> {
        let names = ["mainland", "singapore", "europe", "russia", "india"];
        let name = self.one_of("region", &names)?;
        let place = names.iter().position(|known| Some(*known) == name.as_deref());
        Ok(place.and_then(|place| XiaomiRegion::ALL.get(place)).copied().unwrap_or_default())
    }

    fn oppo_category(&self) -> Result<Option<OppoCategory>, FieldError> {
        let level = self.one_of("notify_level", &["1", "2", "16"])?.and_then(|level| level.parse().ok());
        match (self.get("category"), level) {
            (None, None) => Ok(None),
            (Some(name), notify_level) => Ok(Some(OppoCategory { name: name.to_owned(), notify_level })),
            (None, Some(_)) => {
                Err(FieldError { field: "category".to_owned(), why: "is missing beside `notify_level`" })
            }
        }
    }
}

/// What a client's SDK is told of a certificate: `data` of `GET /push/certificate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The app's id at the vendor: Apple's bundle id, Google's sender or project.
    pub app_id: Option<String>,
    /// The key that the phone registers with.
    pub app_key: Option<String>,
    /// OPPO's secret for phones; the others' secret, for administrators only.
    pub app_secret: Option<String>,
    /// Google's public configuration; for administrators the server's key or certificate.
    pub certificate: Option<String>,
    /// What the device names as `notifier_name`.
    pub name: String,
}

impl Told {
    /// What is told of a certificate called `name`. Where `fields` holds no secrets, none is told.
    pub fn of(provider: Provider, name: &str, fields: &Fields) -> Self {
        let some = |name: &str| fields.get(name).map(str::to_owned);
        let (app_id, app_key, app_secret, certificate) = match provider {
            Provider::Apns => (
                some("bundle_id"),
                None,
                None,
                fields.get("private_key").map(|key| {
                    // A chain alone is of no use to anybody, so both go together.
                    format!("{}{key}", fields.get("certificate").map(|chain| format!("{chain}\n")).unwrap_or_default())
                }),
            ),
            Provider::Huawei => (some("app_id"), None, some("app_secret"), None),
            Provider::Xiaomi | Provider::Meizu | Provider::Vivo => {
                (some("app_id"), some("app_key"), some("app_secret"), None)
            }
            Provider::Oppo => (None, some("app_key"), some("app_secret"), some("master_secret")),
            Provider::Fcm => (some("sender_id"), None, some("service_account"), some("client_config")),
        };
        Self { app_id, app_key, app_secret, certificate, name: name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn read(provider: Provider, pairs: &[(&str, &str)]) -> Result<Certificate, FieldError> {
        fields(pairs).certificate(provider, Environment::Production, AccountId::new("demo"))
    }

    const HUAWEI: [(&str, &str); 3] = [("app_id", "1"), ("app_secret", "hunter2"), ("app_name", "Demo")];

    #[test]
    fn whatever_is_missing_or_wrong_names_its_field() {
        let field = |provider, pairs: &[(&str, &str)]| read(provider, pairs).unwrap_err().field;
        assert!(read(Provider::Huawei, &HUAWEI).is_ok());
        assert_eq!(field(Provider::Huawei, &HUAWEI[..2]), "app_name");
        assert_eq!(field(Provider::Huawei, &[HUAWEI.as_slice(), &[("region", "x")]].concat()), "region");
        assert_eq!(field(Provider::Huawei, &[HUAWEI.as_slice(), &[("importance", "LOUD")]].concat()), "importance");
        assert_eq!(field(Provider::Huawei, &[HUAWEI.as_slice(), &[("callback_user", "u")]].concat()), "callback_key");
        let apns = [("bundle_id", "com.a"), ("private_key", "pem"), ("key_id", "K")];
        assert_eq!(field(Provider::Apns, &apns), "key_id");
        let vivo = [("app_id", "x"), ("app_key", "k"), ("app_secret", "s"), ("app_name", "n")];
        assert_eq!(field(Provider::Vivo, &vivo), "app_id");
        assert_eq!(field(Provider::Fcm, &[("service_account", "{}")]), "service_account");
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        assert_eq!(field(Provider::Fcm, &[("service_account", &long)]), "service_account");
        let oppo = [("app_key", "k"), ("master_secret", "m"), ("app_name", "n"), ("notify_level", "2")];
        assert_eq!(field(Provider::Oppo, &oppo), "category");
    }

    #[test]
    fn an_empty_field_is_none() {
        assert!(read(Provider::Huawei, &[HUAWEI.as_slice(), &[("importance", " ")]].concat()).is_ok());
    }

    #[test]
    fn a_region_is_one_of_xiaomis() {
        let with = |region| {
            let pairs =
                [("app_id", "1"), ("app_key", "k"), ("app_secret", "s"), ("package", "com.a"), ("app_name", "n")];
            match read(Provider::Xiaomi, &[pairs.as_slice(), &[("region", region)]].concat()) {
                Ok(Certificate::Xiaomi(certificate)) => Some(certificate.region),
                _ => None,
            }
        };
        assert_eq!(with(""), Some(XiaomiRegion::Mainland));
        assert_eq!(with("india"), Some(XiaomiRegion::India));
        assert_eq!(with("mars"), None);
    }

    #[test]
    fn a_client_is_told_no_secret_of_the_server() {
        for provider in Provider::ALL {
            let entered: Vec<(&str, &str)> = provider.fields().iter().map(|field| (field.name, "value")).collect();
            let all = fields(&entered);
            let public = Told::of(*provider, "n", &all.only(*provider, false));
            let private = Told::of(*provider, "n", &all);
            assert_ne!(public, private, "{provider:?}: administrators see more");
            let shown = serde_json::to_value(&public).unwrap();
            let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["app_id", "app_key", "app_secret", "certificate", "name"]);
        }
        let oppo = fields(&[("app_key", "k"), ("app_secret", "client"), ("master_secret", "m")]);
        let told = Told::of(Provider::Oppo, "n", &oppo.only(Provider::Oppo, false));
        assert_eq!((told.app_secret.as_deref(), told.certificate), (Some("client"), None));
    }

    #[test]
    fn debug_output_shows_names_only() {
        assert_eq!(format!("{:?}", fields(&HUAWEI)), r#"{"app_id", "app_name", "app_secret"}"#);
    }
}
