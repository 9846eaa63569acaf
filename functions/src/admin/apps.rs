//! Apps: create, edit, reset the token, rotate the callback secret, and the QR code by which people follow.

use super::auth::not_found;
use super::call::{Call, Page, PageQuery, callback_url, link, named, optional, page};
use crate::workers::callback::sign::new_secret;
use gateway::ApiError;
use model::app::{App, AppProfile};
use model::follow::Followed;
use model::ids::{AccountId, AppId, letters};
use model::qrcode::Code;
use model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use store::apps::Numbered;
use store::callback_secrets::OVERLAP;

/// Characters of an app's name, of a contact and of the texts that people read.
const NAME_CHARS: usize = 64;
const TEXT_CHARS: usize = 1_000;

/// An app.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AppView {
    /// The app's number.
    id: u64,
    /// Shown as the sender.
    name: String,
    /// The WeChat account its messages go out through, by appid.
    account: String,
    /// `AK_…`: names the app in callbacks of old receivers; no secret.
    key: String,
    /// Where the developer is called back; `null`: nobody is called.
    callback_url: Option<String>,
    /// Where a user sets the app up.
    settings_url: Option<String>,
    /// What a user reads who begins to follow.
    follow_prompt: Option<String>,
    /// How users reach the owner.
    contact: Option<String>,
    /// What the app pushes.
    description: Option<String>,
    /// Calls allowed in ten seconds; `null` takes the deployment's default, 0 means no limit.
    calls_per_10s: Option<u32>,
    /// Whether the app belongs to a product, so that paying means something.
    in_product: bool,
    /// When it was created, epoch ms.
    created_ms: i64,
}

impl From<AppProfile> for AppView {
    fn from(profile: AppProfile) -> Self {
        Self {
            id: profile.app.id.get(),
            name: profile.app.name,
            account: profile.app.account.as_str().to_owned(),
            key: profile.key,
            callback_url: profile.callback_url,
            settings_url: profile.settings_url,
            follow_prompt: profile.follow_prompt,
            contact: profile.contact,
            description: profile.description,
            calls_per_10s: profile.app.calls_per_10s,
            in_product: profile.app.in_product,
            created_ms: profile.created_ms.millis(),
        }
    }
}

/// An app to be created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApp {
    /// 1 to 64 characters.
    name: String,
    /// Appid of an account that is there.
    account: String,
    callback_url: Option<String>,
    settings_url: Option<String>,
    follow_prompt: Option<String>,
    contact: Option<String>,
    description: Option<String>,
    calls_per_10s: Option<u32>,
}

/// What an app is to become. What is left out stays; `null` clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppChange {
    name: Option<String>,
    account: Option<String>,
    #[serde(default, deserialize_with = "given")]
    callback_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    settings_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    follow_prompt: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    contact: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    calls_per_10s: Option<Option<u32>>,
}

/// Tells a field that is `null` from one that is not there.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A new app, with what is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AppCreated {
    app: AppView,
    /// `AT_…`: lets programs send as the app.
    token: String,
    /// `whsec_…`: signs the app's callbacks.
    callback_secret: String,
}

/// A new token, shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewToken {
    /// `AT_…`.
    token: String,
}

/// A new callback secret, shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewSecret {
    /// `whsec_…`.
    callback_secret: String,
    /// Until when the one before signs beside it, epoch ms.
    previous_until_ms: i64,
}

/// A permanent QR code.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct QrView {
    /// The code: 64 letters or digits.
    code: String,
    /// A page that tells a phone what to do.
    page_url: String,
    /// The picture, a JPEG.
    picture_url: String,
}

pub(super) fn qr_view(call: &Call<'_>, code: &Code) -> Result<QrView, ApiError> {
    let base = call.base_url()?;
    Ok(QrView {
        code: code.as_str().to_owned(),
        page_url: format!("{base}{}", code.page_path()),
        picture_url: format!("{base}{}", code.picture_path()),
    })
}

/// GET /admin/apps
pub(super) async fn list(call: Call<'_>, query: PageQuery) -> Result<Page<AppView>, ApiError> {
    let limit = query.limit()?;
    let after = query.after(|text| text.parse().ok().map(AppId::new))?;
    let apps = call.store.app_lists.apps(after, limit).await?;
    Ok(page(apps, limit, |profile| profile.app.id.to_string(), AppView::from))
}

/// GET /admin/apps/{app}
pub(super) async fn get(call: Call<'_>) -> Result<AppView, ApiError> {
    call.app().await.map(AppView::from)
}

/// POST /admin/apps
///
/// The secret is written before the app, under a number that nobody else has: an app is whole or is not there.
pub(super) async fn create(call: Call<'_>, new: NewApp) -> Result<AppCreated, ApiError> {
    let account = account(&call, &new.account).await?;
    let name = named("name", &new.name, NAME_CHARS)?;
    let callback_url = callback_url(call.context, new.callback_url).await?;
    let settings_url = link("settings_url", new.settings_url)?;
    let follow_prompt = optional("follow_prompt", new.follow_prompt, TEXT_CHARS)?;
    let contact = optional("contact", new.contact, NAME_CHARS)?;
    let description = optional("description", new.description, TEXT_CHARS)?;
    let (writer, now) = (&call.store.app_writer, call.context.clock.now());
    let (token, secret) = (token(), new_secret());
    // A number that is taken all the same was written by hand; the next one is free.
    for _ in 0..3 {
        let id = AppId::new(writer.draw(Numbered::Apps).await?);
        let app = App {
            id,
            name: name.clone(),
            account: account.clone(),
            in_product: false,
            calls_per_10s: new.calls_per_10s,
        };
        let profile = AppProfile {
            callback_url: callback_url.clone(),
            settings_url: settings_url.clone(),
            follow_prompt: follow_prompt.clone(),
            contact: contact.clone(),
            description: description.clone(),
            ..AppProfile::bare(app, format!("AK_{}", letters(&mut rand::rng(), 32)), now)
        };
        if call.store.apps.get(id).await?.is_some() {
            continue;
        }
        call.store.callback_secrets.put(id, &secret, now).await?;
        if writer.create(&profile, &token).await? {
            return Ok(AppCreated {
                app: profile.into(),
                token: token.expose().clone(),
                callback_secret: secret.expose().clone(),
            });
        }
    }
    Err(super::call::conflict("number_taken", "the next numbers of apps are taken; try again"))
}

/// PATCH /admin/apps/{app}
pub(super) async fn edit(call: Call<'_>, change: AppChange) -> Result<AppView, ApiError> {
    let app = AppId::new(call.number("app")?);
    let name = change.name.map(|name| named("name", &name, NAME_CHARS)).transpose()?;
    let account = match &change.account {
        Some(appid) => Some(account(&call, appid).await?),
        None => None,
    };
    let callback_url = match change.callback_url {
        Some(url) => Some(callback_url(call.context, url).await?),
        None => None,
    };
    let settings_url = change.settings_url.map(|url| link("settings_url", url)).transpose()?;
    let prompt = change.follow_prompt.map(|text| optional("follow_prompt", text, TEXT_CHARS)).transpose()?;
    let contact = change.contact.map(|text| optional("contact", text, NAME_CHARS)).transpose()?;
    let description = change.description.map(|text| optional("description", text, TEXT_CHARS)).transpose()?;
    let edited = call
        .store
        .app_writer
        .edit(app, |profile| {
            set(&mut profile.app.name, name.clone());
            set(&mut profile.app.account, account.clone());
            set(&mut profile.callback_url, callback_url.clone());
            set(&mut profile.settings_url, settings_url.clone());
            set(&mut profile.follow_prompt, prompt.clone());
            set(&mut profile.contact, contact.clone());
            set(&mut profile.description, description.clone());
            set(&mut profile.app.calls_per_10s, change.calls_per_10s);
        })
        .await?;
    edited.map(AppView::from).ok_or_else(not_found)
}

/// Sets what was given.
pub(super) fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

/// POST /admin/apps/{app}/token
pub(super) async fn reset_token(call: Call<'_>) -> Result<NewToken, ApiError> {
    let (app, token) = (AppId::new(call.number("app")?), token());
    if call.store.app_writer.reset_token(app, &token).await? {
        Ok(NewToken { token: token.expose().clone() })
    } else {
        Err(not_found())
    }
}

/// POST /admin/apps/{app}/callback-secret
pub(super) async fn rotate_secret(call: Call<'_>) -> Result<NewSecret, ApiError> {
    let (app, secret, now) = (call.app().await?.app.id, new_secret(), call.context.clock.now());
    call.store.callback_secrets.put(app, &secret, now).await?;
    Ok(NewSecret { callback_secret: secret.expose().clone(), previous_until_ms: now.plus(OVERLAP).millis() })
}

/// GET /admin/apps/{app}/qrcode
pub(super) async fn qrcode(call: Call<'_>) -> Result<QrView, ApiError> {
    let app = AppId::new(call.number("app")?);
    let code = call.store.codes.of(app, Followed::App).await?.ok_or_else(not_found)?;
    qr_view(&call, &code)
}

/// A new app token.
fn token() -> Secret<String> {
    Secret::new(format!("AT_{}", letters(&mut rand::rng(), 32)))
}

/// The account of that appid, which must be there.
async fn account(call: &Call<'_>, appid: &str) -> Result<AccountId, ApiError> {
    let id = AccountId::new(appid.trim());
    match call.store.accounts.get(&id).await? {
        Some(account) => Ok(account.id),
        None => Err(ApiError::invalid_field("account", "there is no WeChat account of that appid; add it first")),
    }
}
