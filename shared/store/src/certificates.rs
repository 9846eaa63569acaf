//! Certificates of mobile apps (Apps table): what phone vendors know an app by, the secrets sealed, the rest as it is; and
//! what proves that a vendor's receipt is about a message of the app's.
//!
//! One partition an app. A certificate is one for (provider, environment); putting another replaces it.

use crate::StoreError;
use crate::db::{Ask, Put, Range, Update, Updated, sort_key};
use crate::item::{Attributes, Item, Reader, json, s};
use crate::keys::{self, hash};
use crate::seal::{Opener, Sealer};
use model::certificate::form::Fields;
use model::certificate::{Environment, Provider, Scope};
use model::ids::{AccountId, MobileAppId, letters};
use model::secret::Secret;

capability_with! {
    /// Reads certificates and opens their secrets.
    Certificates { opener: Opener }: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Lists an app's certificates without their secrets.
    CertificateLists: [("dynamodb:Query", Apps)]
}

capability! {
    /// Says which certificate a device means.
    CertificateNames: [("dynamodb:GetItem", Apps)]
}

capability_with! {
    /// Writes certificates, sealing their secrets.
    CertificateWriter { sealer: Sealer }: [
        ("dynamodb:GetItem", Apps),
        ("dynamodb:PutItem", Apps),
        ("dynamodb:UpdateItem", Apps),
        ("dynamodb:DeleteItem", Apps),
    ]
}

capability! {
    /// Says whose receipts come to an address.
    ReceiptAddresses: [("dynamodb:GetItem", Apps)]
}

/// A certificate as it is stored.
#[derive(Debug, Clone)]
pub struct StoredCertificate {
    /// Whose it is.
    pub provider: Provider,
    /// For which environment.
    pub environment: Environment,
    /// What devices call it; unique within the app.
    pub name: String,
    /// What was entered; without the secrets where only a list was asked for.
    pub fields: Fields,
    /// Changes with every change of it, whatever changed: names it among all certificates, its tokens among all tokens.
    pub id: AccountId,
}

/// What an app's receipts are told apart from a stranger's by.
#[derive(Debug, Clone)]
pub struct ReceiptSecret {
    /// The secret part of the address.
    pub path: Secret<String>,
    /// What signs the parameter that a vendor brings back.
    pub key: Secret<String>,
}

/// What became of writing a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It stands.
    Done,
    /// Another certificate of the app has its name; nothing was written.
    NameTaken,
}

/// Characters of an address's secret part: with our longest public address it stays below the 128 bytes that Xiaomi, vivo
/// and Meizu take.
const PATH_CHARS: usize = 32;
/// Characters of what signs: 256 bits and some.
const KEY_CHARS: usize = 43;

impl Certificates {
    /// The certificate of `app` for (provider, environment), secrets opened; `None` when there is none. Strongly consistent
    /// reads would save nothing: a new certificate is used within a minute.
    pub async fn get(&self, scope: &Scope, provider: Provider) -> Result<Option<StoredCertificate>, StoreError> {
        let key = keys::certificate(&scope.app, provider, scope.environment);
        let Some(item) = self.store.get(&self.store.names().apps, key, true).await? else { return Ok(None) };
        let mut read = read(&scope.app, provider, scope.environment, &item)?;
        let sealed = Reader::new("certificate", &item).string("secrets")?;
        let opened = self.opener.unseal(&owner(&scope.app, provider, scope.environment), sealed).await?;
        let secrets: Fields =
            serde_json::from_str(opened.expose()).map_err(|_| StoreError::Seal("opened: it holds no certificate"))?;
        read.fields = read.fields.and(secrets);
        Ok(Some(read))
    }

    /// The same without its secrets, which stay sealed.
    pub async fn without_secrets(
        &self,
        scope: &Scope,
        provider: Provider,
    ) -> Result<Option<StoredCertificate>, StoreError> {
        let key = keys::certificate(&scope.app, provider, scope.environment);
        let item = self.store.get(&self.store.names().apps, key, true).await?;
        item.map(|item| read(&scope.app, provider, scope.environment, &item)).transpose()
    }

    /// What the app's receipts are told by; `None` for an app that never had a certificate.
    pub async fn receipt_secret(&self, app: &MobileAppId) -> Result<Option<ReceiptSecret>, StoreError> {
        let key = keys::receipt_secret(app);
        let Some(item) = self.store.get(&self.store.names().apps, key, true).await? else { return Ok(None) };
        let sealed = Reader::new("receipt secret", &item).string("secret")?;
        let opened = self.opener.unseal(&receipt_owner(app), sealed).await?;
        let (path, key) = opened.expose().split_once('.').ok_or(StoreError::Seal("opened: it is no receipt secret"))?;
        Ok(Some(ReceiptSecret { path: Secret::new(path.to_owned()), key: Secret::new(key.to_owned()) }))
    }
}

impl CertificateLists {
    /// Every certificate of `app`, without secrets. One Query: an app has at most fourteen.
    pub async fn all(&self, app: &MobileAppId) -> Result<Vec<StoredCertificate>, StoreError> {
        let range = Range::Prefix(keys::CERTIFICATE_PREFIX.to_owned());
        let ask = Ask::new(&self.0.names().apps, keys::certificates(app), range);
        let items = self.0.query_all(&ask).await?;
        let certificates = items.iter().filter_map(|item| {
            let (provider, environment) = sort_key(item).strip_prefix(keys::CERTIFICATE_PREFIX)?.split_once('#')?;
            Some(read(app, Provider::parse(provider)?, Environment::parse(environment)?, item))
        });
        certificates.collect()
    }
}

impl CertificateNames {
    /// The certificate that devices of `app` call `name`; `None` when there is none. Half a read unit.
    pub async fn find(&self, app: &MobileAppId, name: &str) -> Result<Option<(Provider, Environment)>, StoreError> {
        let key = keys::certificate_name(app, name);
        let Some(item) = self.0.get(&self.0.names().apps, key, false).await? else { return Ok(None) };
        let reader = Reader::new("certificate name", &item);
        let (provider, environment) = (reader.string("provider")?, reader.string("environment")?);
        Ok(Provider::parse(provider).zip(Environment::parse(environment)))
    }
}

impl CertificateWriter {
    /// Writes a certificate in the place of the one before for the same provider and environment, and sees to it that the
    /// app has a receipt secret.
    ///
    /// The name comes first and leads to the certificate's place. A process that dies behind it leaves a name too many,
    /// which the next writing of the certificate mends or another certificate takes over. So a name is another's only if the
    /// certificate that it leads to calls itself so.
    pub async fn put(
        &self,
        scope: &Scope,
        provider: Provider,
        name: &str,
        fields: &Fields,
    ) -> Result<Written, StoreError> {
        let Scope { app, environment } = scope;
        self.ensure_receipt_secret(app).await?;
        let table = &self.store.names().apps;
        let before = self.store.get(table, keys::certificate(app, provider, *environment), true).await?;
        if !self.claim_name(scope, provider, name).await? {
            return Ok(Written::NameTaken);
        }
        let secrets = Secret::new(json("certificate", &fields.only(provider, true))?);
        let sealed = self.sealer.seal(&owner(app, provider, *environment), &secrets).await?;
        let key = keys::certificate(app, provider, *environment);
        let item = Item::keyed(key.pk, key.sk)
            .with("name", s(name))
            .with("fields", s(json("certificate", &fields.only(provider, false))?))
            .with("secrets", s(sealed))
            .with("version", s(letters(&mut rand::rng(), 8)))
            .build();
        self.store.put(table, item).await?;
        let before = before.as_ref().and_then(|item| Reader::new("certificate", item).string("name").ok());
        if let Some(before) = before.filter(|before| *before != name) {
            self.release_name(scope, provider, before).await?;
        }
        Ok(Written::Done)
    }

    /// Has `name` lead to the certificate; `false` when it is another's.
    async fn claim_name(&self, scope: &Scope, provider: Provider, name: &str) -> Result<bool, StoreError> {
        let (table, key) = (&self.store.names().apps, keys::certificate_name(&scope.app, name));
        let claim = || {
            let claim = Update::default().set("provider", s(provider.as_str()));
            claim.set("environment", s(scope.environment.as_str()))
        };
        let free = "attribute_not_exists(#provider) OR (#provider = :provider AND #environment = :environment)";
        let Updated::Refused(standing) = self.store.update(table, key.clone(), claim().when(free)).await? else {
            return Ok(true);
        };
        // It was taken a moment ago and is free by now: the caller may try again.
        let Some(standing) = standing else { return Ok(false) };
        let reader = Reader::new("certificate name", &standing);
        let (of, at) = (reader.string("provider")?, reader.string("environment")?);
        if let Some((of, at)) = Provider::parse(of).zip(Environment::parse(at)) {
            let other = self.store.get(table, keys::certificate(&scope.app, of, at), true).await?;
            if other.is_some_and(|other| Reader::new("certificate", &other).string("name").ok() == Some(name)) {
                return Ok(false);
            }
        }
        let take = claim().when("#provider = :of AND #environment = :at").value(":of", s(of)).value(":at", s(at));
        Ok(self.store.update(table, key, take).await?.is_done())
    }

    /// Removes a name that leads to the certificate. Another may have taken it over.
    async fn release_name(&self, scope: &Scope, provider: Provider, name: &str) -> Result<(), StoreError> {
        let key = keys::certificate_name(&scope.app, name);
        let values = [
            (":provider".to_owned(), s(provider.as_str())),
            (":environment".to_owned(), s(scope.environment.as_str())),
        ];
        let its = "provider = :provider AND environment = :environment";
        self.store.delete_if(&self.store.names().apps, key, its, values.into()).await
    }

    /// Removes a certificate and its name. `false`: there was none.
    pub async fn remove(&self, scope: &Scope, provider: Provider) -> Result<bool, StoreError> {
        let table = &self.store.names().apps;
        let key = || keys::certificate(&scope.app, provider, scope.environment);
        let Some(item) = self.store.get(table, key(), true).await? else { return Ok(false) };
        let name = Reader::new("certificate", &item).string("name")?;
        self.release_name(scope, provider, name).await?;
        self.store.delete(table, key()).await?;
        Ok(true)
    }

    /// Two at once: the first one's secret stands, and the address of the other is nobody's.
    async fn ensure_receipt_secret(&self, app: &MobileAppId) -> Result<(), StoreError> {
        let table = &self.store.names().apps;
        if self.store.get(table, keys::receipt_secret(app), true).await?.is_some() {
            return Ok(());
        }
        let path = letters(&mut rand::rng(), PATH_CHARS);
        let secret = Secret::new(format!("{path}.{}", letters(&mut rand::rng(), KEY_CHARS)));
        self.put_receipt_secret(app, &path, &secret).await
    }

    /// Makes `path` and `key` the app's receipt secret unless it has one: for seeds that everybody may know.
    pub async fn seed_receipt_secret(&self, app: &MobileAppId, receipt: &ReceiptSecret) -> Result<(), StoreError> {
        let secret = Secret::new(format!("{}.{}", receipt.path.expose(), receipt.key.expose()));
        self.put_receipt_secret(app, receipt.path.expose(), &secret).await
    }

    async fn put_receipt_secret(
        &self,
        app: &MobileAppId,
        path: &str,
        secret: &Secret<String>,
    ) -> Result<(), StoreError> {
        let table = &self.store.names().apps;
        // The address first: one without a secret behind it is never given to a vendor.
        let at = keys::receipt_address(&hash(path));
        self.store.put(table, Item::keyed(at.pk, at.sk).with("app", s(app.as_str())).build()).await?;
        let at = keys::receipt_secret(app);
        let sealed = self.sealer.seal(&receipt_owner(app), secret).await?;
        match self.store.put_new(table, Item::keyed(at.pk, at.sk).with("secret", s(sealed)).build()).await? {
            Put::Written | Put::Refused(_) => Ok(()),
        }
    }
}

impl ReceiptAddresses {
    /// The app whose receipts come to an address with `path` in it; `None` for an address that we never gave to anybody.
    pub async fn app(&self, path: &str) -> Result<Option<MobileAppId>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::receipt_address(&hash(path)), false).await?;
        let Some(item) = item else { return Ok(None) };
        Ok(MobileAppId::parse(Reader::new("receipt address", &item).string("app")?).ok())
    }
}

fn read(
    app: &MobileAppId,
    provider: Provider,
    environment: Environment,
    item: &Attributes,
) -> Result<StoredCertificate, StoreError> {
    let reader = Reader::new("certificate", item);
    let version = reader.string("version")?;
    let id = AccountId::new(format!("{app}/{}/{}/{version}", provider.as_str(), environment.as_str()));
    let (name, fields) = (reader.string("name")?.to_owned(), reader.json("fields")?);
    Ok(StoredCertificate { provider, environment, name, fields, id })
}

/// What a certificate's secrets are bound to.
fn owner(app: &MobileAppId, provider: Provider, environment: Environment) -> String {
    format!("certificate:{app}:{}:{}", provider.as_str(), environment.as_str())
}

/// What an app's receipt secret is bound to.
fn receipt_owner(app: &MobileAppId) -> String {
    format!("receipts:{app}")
}
