//! WeChat accounts. Secrets go in and never come out.

use super::apps::{given, set};
use super::auth::not_found;
use super::call::{Call, conflict, named};
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use gateway::ApiError;
use model::account::{CallbackMode, NoticeField, NoticePart, NoticeTemplate, WechatAccount, WechatCallback};
use model::audience::Recipient;
use model::channel::{Address, ChannelKind};
use model::ids::{AccountId, MessageId, OpenId, letters};
use model::message::{Message, Naming, Notice};
use model::secret::Secret;
use provider::channel::{Call as ChannelCall, Credentials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const SECRET_CHARS: usize = 128;
/// Keys of a template.
const MOST_FIELDS: usize = 32;

/// A WeChat account, without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccountView {
    /// The appid.
    appid: String,
    /// The template that carries notices; `null` for an account that sends none.
    notice_template: Option<TemplateView>,
    /// How WeChat calls us; `null` until it is set up.
    callback: Option<AccountCallbackView>,
    /// The address to be entered in WeChat's console under "server configuration".
    server_url: String,
    /// The secrets could not be opened: write them again.
    broken: bool,
}

/// A template of the account and what each of its keys shows.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateView {
    /// Its id, as the account's template list shows it.
    template_id: String,
    /// Every key of the template, and what fills it.
    fields: Vec<FieldView>,
}

/// A key of a template.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldView {
    /// For example `keyword1` or `thing1`.
    key: String,
    /// What it shows.
    shows: Shows,
}

/// What a key of a template shows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shows {
    /// The summary.
    Summary,
    /// The name of the app.
    AppName,
    /// `RID` and the message id.
    Reference,
    /// When it was sent, Beijing time.
    Time,
    /// A line that tells how to read on.
    Hint,
    /// A line that tells how to switch messages off.
    MuteHint,
}

/// How WeChat calls us, without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccountCallbackView {
    /// `gh_…`; empty takes messages for any.
    original_id: String,
    /// Which bodies are taken.
    mode: Mode,
    /// Whether an EncodingAESKey is set.
    has_aes_key: bool,
    /// Whether the one before is still taken, too.
    has_previous_aes_key: bool,
}

/// WeChat's "message encryption mode".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Only encrypted bodies are taken.
    #[default]
    Safe,
    /// Bodies come twice, in the clear and encrypted.
    Compatible,
    /// Bodies come in the clear.
    Plain,
}

/// An account to be added.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// `wx…`: 1 to 64 letters, digits, `-` or `_`.
    appid: String,
    /// The appsecret.
    secret: String,
    notice_template: Option<TemplateView>,
    callback: Option<NewCallback>,
}

/// How WeChat is to call us.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCallback {
    /// `gh_…`; left out, messages for any are taken.
    #[serde(default)]
    original_id: String,
    /// The token typed into WeChat's console: 3 to 32 letters or digits.
    token: String,
    /// EncodingAESKey, 43 letters or digits. Needed unless the mode is `plain`.
    aes_key: Option<String>,
    #[serde(default)]
    mode: Mode,
}

/// What an account is to become. What is left out stays; `null` clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountChange {
    secret: Option<String>,
    #[serde(default, deserialize_with = "given")]
    notice_template: Option<Option<TemplateView>>,
    #[serde(default, deserialize_with = "given")]
    callback: Option<Option<CallbackChange>>,
}

/// What the callback is to become. A new `aes_key` makes the one that stood the previous one, which is taken, too, until
/// it is cleared: WeChat uses both for some minutes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackChange {
    original_id: Option<String>,
    token: Option<String>,
    aes_key: Option<String>,
    /// `null` ends the time in which the key before is taken.
    #[serde(default, deserialize_with = "given")]
    previous_aes_key: Option<Option<String>>,
    mode: Option<Mode>,
}

/// Every account, by appid.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccountList {
    items: Vec<AccountView>,
}

/// To whom a test notice goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestMessage {
    /// A follower of the account, by openid.
    openid: String,
    /// What it says: 1 to 100 characters; a greeting, when left out.
    summary: Option<String>,
}

/// How a test notice ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TestOutcome {
    /// `ok`, or what WeChat's answer means: invalid, suppressed, retry, auth, too_large, quota, config, content.
    outcome: String,
    /// WeChat's `errcode`, when there was one; docs/channels.md says what they mean.
    vendor_code: Option<i32>,
}

/// GET /admin/accounts
pub(super) async fn list(call: Call<'_>) -> Result<AccountList, ApiError> {
    let accounts = call.store.accounts.all().await?;
    let items = accounts.into_iter().map(|(id, account)| match account {
        Ok(account) => view(&call, account),
        Err(error) => {
            tracing::error!(account = %id, cause = gateway::error::causes(&error), "account unreadable");
            Ok(AccountView {
                server_url: server_url(&call, &id)?,
                appid: id.as_str().to_owned(),
                notice_template: None,
                callback: None,
                broken: true,
            })
        }
    });
    Ok(AccountList { items: items.collect::<Result<_, _>>()? })
}

/// GET /admin/accounts/{appid}
pub(super) async fn get(call: Call<'_>) -> Result<AccountView, ApiError> {
    view(&call, account(&call).await?)
}

/// POST /admin/accounts
pub(super) async fn create(call: Call<'_>, new: NewAccount) -> Result<AccountView, ApiError> {
    let appid = named("appid", &new.appid, 64)?;
    if !appid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(ApiError::invalid_field("appid", "it holds other characters than letters, digits, `-` and `_`"));
    }
    let id = AccountId::new(appid);
    let callback = new.callback.map(|new| -> Result<WechatCallback, ApiError> {
        let aes_key = new.aes_key.as_deref().map(aes_key).transpose()?;
        let original_id = new.original_id.trim().to_owned();
        Ok(WechatCallback {
            original_id,
            token: callback_token(&new.token)?,
            aes_key,
            previous_aes_key: None,
            mode: mode(new.mode),
        })
    });
    let account = WechatAccount {
        secret: Secret::new(named("secret", &new.secret, SECRET_CHARS)?),
        notice_template: new.notice_template.map(template).transpose()?,
        callback: callback.transpose()?,
        ..blank(id.clone())
    };
    check(&account)?;
    if call.store.accounts.get(&id).await?.is_some() {
        return Err(conflict("account_exists", "an account of that appid is there; change it with PATCH"));
    }
    write(&call, account).await
}

/// PATCH /admin/accounts/{appid}
pub(super) async fn edit(call: Call<'_>, change: AccountChange) -> Result<AccountView, ApiError> {
    let mut account = account(&call).await?;
    if let Some(secret) = &change.secret {
        account.secret = Secret::new(named("secret", secret, SECRET_CHARS)?);
    }
    if let Some(new) = change.notice_template {
        account.notice_template = new.map(template).transpose()?;
    }
    match change.callback {
        None => {}
        Some(None) => account.callback = None,
        Some(Some(change)) => {
            let standing = account.callback.take();
            account.callback = Some(changed(standing, change)?);
        }
    }
    check(&account)?;
    write(&call, account).await
}

fn changed(standing: Option<WechatCallback>, change: CallbackChange) -> Result<WechatCallback, ApiError> {
    let token = change.token.as_deref().map(callback_token).transpose()?;
    let mut callback = match (standing, token) {
        (Some(standing), token) => {
            let mut standing = standing;
            set(&mut standing.token, token);
            standing
        }
        (None, Some(token)) => WechatCallback {
            original_id: String::new(),
            token,
            aes_key: None,
            previous_aes_key: None,
            mode: CallbackMode::default(),
        },
        (None, None) => {
            return Err(ApiError::invalid_field("callback.token", "there is none yet, so it must be given"));
        }
    };
    if let Some(key) = change.aes_key.as_deref().map(aes_key).transpose()? {
        callback.previous_aes_key = callback.aes_key.replace(key);
    }
    match change.previous_aes_key {
        None => {}
        Some(None) => callback.previous_aes_key = None,
        Some(Some(key)) => callback.previous_aes_key = Some(aes_key(&key)?),
    }
    set(&mut callback.original_id, change.original_id.map(|id| id.trim().to_owned()));
    set(&mut callback.mode, change.mode.map(mode));
    Ok(callback)
}

/// POST /admin/accounts/{appid}/test
///
/// Past every queue, and with no record: it shows whether secret, template and network are right.
pub(super) async fn test(call: Call<'_>, test: TestMessage) -> Result<TestOutcome, ApiError> {
    let account = account(&call).await?;
    if account.notice_template.is_none() {
        return Err(conflict("no_template", "the account has no notice template; set one first"));
    }
    let openid = named("openid", &test.openid, 64)?;
    let text = test.summary.unwrap_or_else(|| "测试消息 / a test".to_owned());
    let now = call.context.clock.now();
    let message = Message::Notice(Notice {
        app_name: "Tuisong".to_owned(),
        summary: named("summary", &text, model::limits::WXPUSHER_SUMMARY_CHARS)?,
        naming: Naming { message_id: MessageId::new(0), id_per_slot: false, nonce: letters(&mut rand::rng(), 22) },
        sent_ms: now,
        url: call.base_url()?,
    });
    let recipients = [Recipient { slot: 0, address: Address::Wechat(OpenId::new(openid)), quota_uid: None }];
    let credentials = Credentials::Wechat(account);
    let channel = call.context.channels().channel(ChannelKind::WechatTemplate);
    let sent = channel.send(ChannelCall { message: &message, recipients: &recipients, credentials: &credentials });
    let attempts = sent.await;
    let outcome = attempts.first().map_or("retry", |attempt| attempt.outcome.label());
    let vendor_code = attempts.first().and_then(|attempt| attempt.vendor_code);
    Ok(TestOutcome { outcome: outcome.to_owned(), vendor_code })
}

pub(super) async fn account(call: &Call<'_>) -> Result<WechatAccount, ApiError> {
    let id = AccountId::new(call.text("appid"));
    call.store.accounts.get(&id).await?.ok_or_else(not_found)
}

async fn write(call: &Call<'_>, account: WechatAccount) -> Result<AccountView, ApiError> {
    call.store.account_writer.put(&account).await?;
    call.context.accounts.forget(&account.id);
    view(call, account)
}

fn view(call: &Call<'_>, account: WechatAccount) -> Result<AccountView, ApiError> {
    Ok(AccountView {
        server_url: server_url(call, &account.id)?,
        appid: account.id.as_str().to_owned(),
        notice_template: account.notice_template.map(|template| TemplateView {
            template_id: template.template_id,
            fields: template
                .fields
                .into_iter()
                .map(|field| FieldView { key: field.key, shows: shows(field.shows) })
                .collect(),
        }),
        callback: account.callback.map(|callback| AccountCallbackView {
            original_id: callback.original_id,
            mode: match callback.mode {
                CallbackMode::Safe => Mode::Safe,
                CallbackMode::Compatible => Mode::Compatible,
                CallbackMode::Plain => Mode::Plain,
            },
            has_aes_key: callback.aes_key.is_some(),
            has_previous_aes_key: callback.previous_aes_key.is_some(),
        }),
        broken: false,
    })
}

fn server_url(call: &Call<'_>, id: &AccountId) -> Result<String, ApiError> {
    Ok(format!("{}/wechat/callback/{id}", call.base_url()?))
}

/// What WeChat calls us with must be readable in the mode that is set.
fn check(account: &WechatAccount) -> Result<(), ApiError> {
    match &account.callback {
        Some(callback) if callback.mode != CallbackMode::Plain && callback.aes_key.is_none() => {
            Err(ApiError::invalid_field("callback.aes_key", "it is needed unless the mode is `plain`"))
        }
        _ => Ok(()),
    }
}

fn callback_token(text: &str) -> Result<Secret<String>, ApiError> {
    let text = text.trim();
    if (3..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err(ApiError::invalid_field("callback.token", "it is not 3 to 32 letters or digits"))
    }
}

/// 43 characters are 258 bits: 32 bytes and two bits that WeChat does not promise to be zero.
const AES_KEY: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

fn aes_key(text: &str) -> Result<Secret<String>, ApiError> {
    let text = text.trim();
    let is_key = text.len() == 43
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && AES_KEY.decode(format!("{text}=")).is_ok_and(|key| key.len() == 32);
    if is_key {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err(ApiError::invalid_field(
            "callback.aes_key",
            "it is not 43 letters or digits, as WeChat's console shows them",
        ))
    }
}

fn template(new: TemplateView) -> Result<NoticeTemplate, ApiError> {
    let template_id = named("notice_template.template_id", &new.template_id, 128)?;
    if new.fields.is_empty() || new.fields.len() > MOST_FIELDS {
        let text = format!("it names no key, or more than {MOST_FIELDS}");
        return Err(ApiError::invalid_field("notice_template.fields", text));
    }
    let mut fields: Vec<NoticeField> = Vec::new();
    for (at, field) in new.fields.into_iter().enumerate() {
        let name = format!("notice_template.fields[{at}].key");
        let key = named(&name, &field.key, 64)?;
        if fields.iter().any(|known| known.key == key) {
            return Err(ApiError::invalid_field(name, "it stands there twice"));
        }
        fields.push(NoticeField { key, shows: part(field.shows) });
    }
    Ok(NoticeTemplate { template_id, fields })
}

const fn part(shows: Shows) -> NoticePart {
    match shows {
        Shows::Summary => NoticePart::Summary,
        Shows::AppName => NoticePart::AppName,
        Shows::Reference => NoticePart::Reference,
        Shows::Time => NoticePart::Time,
        Shows::Hint => NoticePart::Hint,
        Shows::MuteHint => NoticePart::MuteHint,
    }
}

const fn shows(part: NoticePart) -> Shows {
    match part {
        NoticePart::Summary => Shows::Summary,
        NoticePart::AppName => Shows::AppName,
        NoticePart::Reference => Shows::Reference,
        NoticePart::Time => Shows::Time,
        NoticePart::Hint => Shows::Hint,
        NoticePart::MuteHint => Shows::MuteHint,
    }
}

const fn mode(mode: Mode) -> CallbackMode {
    match mode {
        Mode::Safe => CallbackMode::Safe,
        Mode::Compatible => CallbackMode::Compatible,
        Mode::Plain => CallbackMode::Plain,
    }
}

/// An account of that appid without anything.
fn blank(id: AccountId) -> WechatAccount {
    WechatAccount { id, secret: Secret::new(String::new()), notice_template: None, callback: None }
}
