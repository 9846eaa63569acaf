//! WeChat accounts. Secrets go in and never come out.

mod parts;
pub(super) mod test_notice;

use super::apps::given;
use super::auth::not_found;
use super::call::{Call, conflict, named};
use gateway::ApiError;
use model::account::{CallbackMode, WechatAccount};
use model::ids::AccountId;
use model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const SECRET_CHARS: usize = 128;
/// How often a change is tried again that somebody else's came before.
pub(super) const ROUNDS: u32 = 4;

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
    let account = WechatAccount {
        id: AccountId::new(appid),
        secret: Secret::new(named("secret", &new.secret, SECRET_CHARS)?),
        notice_template: new.notice_template.as_ref().map(parts::template).transpose()?,
        callback: new.callback.map(parts::callback).transpose()?,
    };
    parts::check(&account)?;
    if !call.store.account_writer.create(&account).await? {
        return Err(conflict("account_exists", "an account of that appid is there; change it with PATCH"));
    }
    written(&call, account)
}

/// PATCH /admin/accounts/{appid}
///
/// Two changes at once are both made, one after the other; where they name the same field the later one stands.
pub(super) async fn edit(call: Call<'_>, change: AccountChange) -> Result<AccountView, ApiError> {
    let id = AccountId::new(call.text("appid"));
    for _ in 0..ROUNDS {
        let standing = call.store.accounts.for_change(&id).await?.ok_or_else(not_found)?;
        if standing.is_broken && change.secret.is_none() {
            return Err(conflict("account_broken", "its secrets cannot be opened; give `secret` and `callback` anew"));
        }
        let mut account = standing.account;
        apply(&mut account, &change)?;
        if call.store.account_writer.replace(&account, standing.revision).await? {
            return written(&call, account);
        }
    }
    Err(changed_meanwhile())
}

fn apply(account: &mut WechatAccount, change: &AccountChange) -> Result<(), ApiError> {
    if let Some(secret) = &change.secret {
        account.secret = Secret::new(named("secret", secret, SECRET_CHARS)?);
    }
    if let Some(new) = &change.notice_template {
        account.notice_template = new.as_ref().map(parts::template).transpose()?;
    }
    match &change.callback {
        None => {}
        Some(None) => account.callback = None,
        Some(Some(change)) => account.callback = Some(parts::changed(account.callback.take(), change)?),
    }
    parts::check(account)
}

/// Too many change the same thing at once.
pub(super) fn changed_meanwhile() -> ApiError {
    conflict("changed_meanwhile", "others are changing it at this moment; look at it and try again")
}

pub(super) async fn account(call: &Call<'_>) -> Result<WechatAccount, ApiError> {
    let id = AccountId::new(call.text("appid"));
    call.store.accounts.get(&id).await?.ok_or_else(not_found)
}

fn written(call: &Call<'_>, account: WechatAccount) -> Result<AccountView, ApiError> {
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
                .map(|field| FieldView { key: field.key, shows: parts::shows(field.shows) })
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
