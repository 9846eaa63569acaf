//! Certificates of mobile apps: what phone vendors know an app by.

use super::call::{Call, TEST_TIME, conflict, named};
use super::mobile::{app, id};
use crate::workers::deliver::phone_account;
use gateway::ApiError;
use model::audience::Recipient;
use model::certificate::form::{Fields, MAX_NAME_CHARS};
use model::certificate::{Environment, Provider, Scope};
use model::channel::{Address, DeviceAddress, Way};
use model::ids::{AccountId, DeviceToken, TaskId};
use model::message::{Message, PushMessage};
use model::notification::Notification;
use provider::channel::{Call as ChannelCall, Credentials};
use provider::phone::{PhoneCredentials, check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;
use store::certificates::{StoredCertificate, Written};

/// A certificate, without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CertificateView {
    /// `apns`, `huawei`, `xiaomi`, `meizu`, `vivo`, `oppo` or `fcm`.
    provider: String,
    /// `production` or `development`.
    environment: String,
    /// What devices name as `notifier_name`.
    name: String,
    /// What was entered and is no secret.
    fields: BTreeMap<String, String>,
    /// The secret fields that such a certificate has; none is ever shown.
    secrets: Vec<String>,
}

/// The certificates of an app.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CertificateList {
    /// All of them.
    items: Vec<CertificateView>,
}

/// A certificate to enter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCertificate {
    /// What devices name as `notifier_name`: 1 to 64 characters, unique in the app.
    name: String,
    /// What the vendor's console shows, secrets among it; docs/channels.md lists the fields of each provider.
    fields: BTreeMap<String, String>,
}

/// That a certificate is gone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CertificateRemoved {
    /// It was there, and is no more.
    removed: bool,
}

/// A push to one phone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestPush {
    /// What the vendor calls the app on the phone: device token, registration id, push id.
    token: String,
    /// The title; a greeting, when left out.
    title: Option<String>,
    /// The text; a greeting, when left out.
    body: Option<String>,
}

/// How a test push ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PushOutcome {
    /// `ok`, or what the vendor's answer means: invalid, suppressed, retry, auth, too_large, quota, config, content.
    outcome: String,
    /// The vendor's code, when there was one; docs/channels.md says what they mean.
    vendor_code: Option<i32>,
}

fn view(stored: &StoredCertificate) -> CertificateView {
    let value = |name: &str| stored.fields.get(name).unwrap_or_default().to_owned();
    let secrets = stored.provider.fields().iter().filter(|field| field.secret).map(|field| field.name.to_owned());
    CertificateView {
        provider: stored.provider.as_str().to_owned(),
        environment: stored.environment.as_str().to_owned(),
        name: stored.name.clone(),
        fields: stored.fields.names().map(|name| (name.to_owned(), value(name))).collect(),
        secrets: secrets.collect(),
    }
}

fn place(call: &Call<'_>) -> Result<(Scope, Provider), ApiError> {
    let provider = Provider::parse(call.text("provider")).ok_or_else(super::auth::not_found)?;
    let environment = Environment::parse(call.text("environment")).ok_or_else(super::auth::not_found)?;
    Ok((Scope::new(id(call)?, environment), provider))
}

/// GET /admin/mobile/{app}/certificates
pub(super) async fn list(call: Call<'_>) -> Result<CertificateList, ApiError> {
    let stored = call.store.certificate_lists.all(&app(&call).await?.id).await?;
    Ok(CertificateList { items: stored.iter().map(view).collect() })
}

/// PUT /admin/mobile/{app}/certificates/{provider}/{environment}
///
/// All fields together: what is left out is empty from now on. It is used within a minute.
pub(super) async fn put(call: Call<'_>, new: NewCertificate) -> Result<CertificateView, ApiError> {
    let (scope, provider) = place(&call)?;
    app(&call).await?;
    let name = named("name", &new.name, MAX_NAME_CHARS)?;
    let fields = Fields::new(new.fields);
    let wrong = |field: &str, why: &str| ApiError::invalid_field(format!("fields.{field}"), format!("`{field}` {why}"));
    let certificate = fields
        .certificate(provider, scope.environment, AccountId::new(scope.app.as_str()))
        .map_err(|error| wrong(&error.field, error.why))?;
    check(&certificate).map_err(|(field, why)| wrong(field, &why))?;
    match call.store.certificate_writer.put(&scope, provider, &name, &fields).await? {
        Written::Done => {}
        Written::NameTaken => {
            return Err(conflict(
                "name_taken",
                "another certificate of the app has this name; devices tell them apart by it",
            ));
        }
    }
    let stored = call.store.certificates.without_secrets(&scope, provider).await?;
    stored.as_ref().map(view).ok_or_else(super::auth::not_found)
}

/// DELETE /admin/mobile/{app}/certificates/{provider}/{environment}
pub(super) async fn remove(call: Call<'_>) -> Result<CertificateRemoved, ApiError> {
    let (scope, provider) = place(&call)?;
    match call.store.certificate_writer.remove(&scope, provider).await? {
        true => Ok(CertificateRemoved { removed: true }),
        false => Err(super::auth::not_found()),
    }
}

/// POST /admin/mobile/{app}/certificates/{provider}/{environment}/test
///
/// Past every queue, and with no record: it shows whether certificate and network are right.
pub(super) async fn test(call: Call<'_>, test: TestPush) -> Result<PushOutcome, ApiError> {
    let (scope, provider) = place(&call)?;
    // What is tested is what stands there now.
    call.context.certificates.forget(&(scope.account(), provider.channel()));
    let account = phone_account(call.context, &call.store.certificates, &scope, provider).await?;
    let account = account.ok_or_else(super::auth::not_found)?;
    let token = named("token", &test.token, 512)?;
    let text = |given: Option<String>, otherwise: &str| given.unwrap_or_else(|| otherwise.to_owned());
    let notification = Notification {
        title: text(test.title, "Tuisong"),
        body: text(test.body, "测试消息 / a test"),
        ..Notification::default()
    };
    let message = Message::Push(PushMessage { task: TaskId::new(0), notification: Box::new(notification) });
    let bound = call.context.clock.now();
    let way = Way { channel: provider.channel(), token: DeviceToken::new(token), bound, badge: None };
    let address = Address::Device(DeviceAddress { ways: vec![way], silent: false, hidden: false });
    let recipient = Recipient { slot: 0, address, quota_uid: None };
    let credentials =
        Credentials::Phone(PhoneCredentials { certificate: account.certificate, receipt: None, lists: None });
    let channel = call.context.channels().channel(provider.channel());
    let until = Instant::now() + TEST_TIME;
    let call = ChannelCall { message: &message, recipients: &[&recipient], credentials: &credentials, until };
    let attempts = channel.send(call).await;
    let outcome = attempts.first().map_or("retry", |attempt| attempt.outcome.label());
    let vendor_code = attempts.first().and_then(|attempt| attempt.vendor_code);
    Ok(PushOutcome { outcome: outcome.to_owned(), vendor_code })
}
