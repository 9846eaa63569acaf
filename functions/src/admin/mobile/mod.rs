//! Mobile apps: adding and changing them, the tokens of their back ends, and where vendors report to.

pub(super) mod tasks;
pub(super) mod users;

use super::auth::not_found;
use super::call::{Call, Page, PageQuery, conflict, named, page};
use gateway::ApiError;
use model::channel::ChannelKind;
use model::ids::{MobileAppId, letters};
use model::mobile::{MOST_SHARDS, MobileApp, SHANGHAI_MIN};
use model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::mobile_apps::token_hash;

const NAME_CHARS: usize = 64;
/// Letters and digits of a back end's token, behind its `MA_`.
const TOKEN_CHARS: usize = 40;
/// Minutes by which the clocks of this world are behind and ahead of UTC at most.
const UTC_OFFSETS: std::ops::RangeInclusive<i32> = -720..=840;
/// The vendors that report what became of a message; Apple and Google do not.
const REPORTING: [ChannelKind; 5] =
    [ChannelKind::Huawei, ChannelKind::Xiaomi, ChannelKind::Oppo, ChannelKind::Vivo, ChannelKind::Meizu];

/// A mobile app.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct MobileAppView {
    /// Its id: the header `app_id` of its calls.
    app: String,
    /// What it is called.
    name: String,
    /// Whether push is enabled. Where it is not, every call of the app is refused (12006).
    enabled: bool,
    /// Over how many partitions its devices are spread: about one per 150,000 devices that one second is to reach.
    shards: u16,
    /// Minutes by which its clock is ahead of UTC: quiet hours are in it.
    utc_offset_min: i32,
    /// How many tokens its back ends may use: 1, or 2 while one is being changed.
    tokens: usize,
}

impl From<MobileApp> for MobileAppView {
    fn from(app: MobileApp) -> Self {
        Self {
            app: app.id.to_string(),
            name: app.name,
            enabled: app.enabled,
            shards: app.shards,
            utc_offset_min: app.utc_offset_min,
            tokens: app.admin_token_hashes.len(),
        }
    }
}

/// A mobile app to be added.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewMobileApp {
    /// 1 to 64 letters, digits, `-` or `_`.
    app: String,
    /// What it is called, at most 64 characters.
    name: String,
    /// 1 to 256, 1 when left out. It can grow, and not shrink.
    shards: Option<u16>,
    /// -720 to 840; that of Shanghai, 480, when left out.
    utc_offset_min: Option<i32>,
}

/// A new mobile app, with what is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct MobileAppCreated {
    app: MobileAppView,
    /// `MA_…`: the header `access-token` of the app's back end.
    token: String,
}

/// What a mobile app is to become. What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct MobileAppChange {
    name: Option<String>,
    enabled: Option<bool>,
    /// Not fewer than there are: a device stays in the one that it came into.
    shards: Option<u16>,
    utc_offset_min: Option<i32>,
}

/// How a token is replaced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct BackEndTokenChange {
    /// `true`: the newest of the tokens before works beside the new one until it is withdrawn. Otherwise none does.
    #[serde(default)]
    keep_previous: bool,
}

/// A new token of an app's back end.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct BackEndToken {
    /// `MA_…`: the header `access-token` of the app's back end. Shown this once.
    token: String,
    /// Whether the one before works beside it.
    previous_works: bool,
}

/// Where vendors report to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct ReceiptAddressList {
    /// One per vendor that reports; none before the app has its first certificate.
    items: Vec<ReceiptAddress>,
}

/// Where a vendor reports to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct ReceiptAddress {
    /// The vendor, by its channel.
    channel: String,
    /// What its console is to be told; the last part is the app's secret.
    url: String,
}

/// GET /admin/mobile
pub(in crate::admin) async fn list(call: Call<'_>, query: PageQuery) -> Result<Page<MobileAppView>, ApiError> {
    let limit = query.limit()?;
    let after = query.after(|text| MobileAppId::parse(text).ok())?;
    let apps = call.store.mobile_app_writer.page(after.as_ref(), limit).await?;
    Ok(page(apps, limit, |app| app.id.to_string(), MobileAppView::from))
}

/// GET /admin/mobile/{app}
pub(in crate::admin) async fn get(call: Call<'_>) -> Result<MobileAppView, ApiError> {
    app(&call).await.map(MobileAppView::from)
}

/// POST /admin/mobile
pub(in crate::admin) async fn create(call: Call<'_>, new: NewMobileApp) -> Result<MobileAppCreated, ApiError> {
    let id = MobileAppId::parse(new.app.trim())
        .map_err(|_| ApiError::invalid_field("app", "it is not 1 to 64 letters, digits, `-` or `_`"))?;
    let token = token();
    let app = MobileApp {
        id,
        name: named("name", &new.name, NAME_CHARS)?,
        enabled: true,
        shards: shards(new.shards)?.unwrap_or(1),
        utc_offset_min: utc_offset(new.utc_offset_min)?.unwrap_or(SHANGHAI_MIN),
        admin_token_hashes: vec![token_hash(&token)],
    };
    if !call.store.mobile_app_writer.create(&app).await? {
        return Err(conflict("mobile_app_exists", "a mobile app of that id is there; choose another one"));
    }
    Ok(MobileAppCreated { app: app.into(), token: token.expose().clone() })
}

/// PATCH /admin/mobile/{app}
///
/// Used within ten seconds: every instance remembers an app for as long. A device that signs in on a new shard meanwhile may
/// miss a message to everybody that an instance takes which does not know of it.
pub(in crate::admin) async fn edit(call: Call<'_>, change: MobileAppChange) -> Result<MobileAppView, ApiError> {
    let name = change.name.map(|name| named("name", &name, NAME_CHARS)).transpose()?;
    let (shards, utc_offset_min) = (shards(change.shards)?, utc_offset(change.utc_offset_min)?);
    let id = id(&call)?;
    let edited = call.store.mobile_app_writer.change(&id, |app| {
        if shards.is_some_and(|shards| shards < app.shards) {
            return false;
        }
        super::apps::set(&mut app.name, name.clone());
        super::apps::set(&mut app.enabled, change.enabled);
        super::apps::set(&mut app.shards, shards);
        super::apps::set(&mut app.utc_offset_min, utc_offset_min);
        true
    });
    match edited.await?.ok_or_else(not_found)? {
        (true, app) => Ok(app.into()),
        (false, app) => {
            let why = format!("there are {} already, and devices stay where they are", app.shards);
            Err(ApiError::invalid_field("shards", why))
        }
    }
}

/// POST /admin/mobile/{app}/token
pub(in crate::admin) async fn new_token(call: Call<'_>, change: BackEndTokenChange) -> Result<BackEndToken, ApiError> {
    let token = token();
    let hash = token_hash(&token);
    let id = id(&call)?;
    let changed = call.store.mobile_app_writer.change(&id, |app| {
        app.admin_token_hashes.truncate(usize::from(change.keep_previous));
        app.admin_token_hashes.insert(0, hash.clone());
    });
    let ((), app) = changed.await?.ok_or_else(not_found)?;
    Ok(BackEndToken { token: token.expose().clone(), previous_works: app.admin_token_hashes.len() > 1 })
}

/// DELETE /admin/mobile/{app}/previous-token
pub(in crate::admin) async fn withdraw_previous_token(call: Call<'_>) -> Result<MobileAppView, ApiError> {
    let id = id(&call)?;
    let changed = call.store.mobile_app_writer.change(&id, |app| {
        let had = app.admin_token_hashes.len() > 1;
        app.admin_token_hashes.truncate(1);
        had
    });
    match changed.await?.ok_or_else(not_found)? {
        (true, app) => Ok(app.into()),
        (false, _) => Err(not_found()),
    }
}

/// GET /admin/mobile/{app}/receipt-addresses
pub(in crate::admin) async fn receipt_addresses(call: Call<'_>) -> Result<ReceiptAddressList, ApiError> {
    let (app, base) = (app(&call).await?, call.base_url()?);
    let secret = call.store.certificates.receipt_secret(&app.id).await?;
    let items = secret.into_iter().flat_map(|secret| {
        let base = &base;
        REPORTING.map(|channel| ReceiptAddress {
            channel: channel.to_string(),
            url: format!("{base}/receipt/{channel}/{}", secret.path.expose()),
        })
    });
    Ok(ReceiptAddressList { items: items.collect() })
}

/// The id of a mobile app that the path names; what has not its form names nothing.
pub(in crate::admin) fn id(call: &Call<'_>) -> Result<MobileAppId, ApiError> {
    MobileAppId::parse(call.text("app")).map_err(|_| not_found())
}

/// The mobile app that the path names.
pub(in crate::admin) async fn app(call: &Call<'_>) -> Result<MobileApp, ApiError> {
    call.store.mobile_apps.get(&id(call)?).await?.ok_or_else(not_found)
}

fn token() -> Secret<String> {
    Secret::new(format!("MA_{}", letters(&mut rand::rng(), TOKEN_CHARS)))
}

fn shards(given: Option<u16>) -> Result<Option<u16>, ApiError> {
    match given {
        Some(shards) if !(1..=MOST_SHARDS).contains(&shards) => {
            Err(ApiError::invalid_field("shards", format!("it is a number from 1 to {MOST_SHARDS}")))
        }
        given => Ok(given),
    }
}

fn utc_offset(given: Option<i32>) -> Result<Option<i32>, ApiError> {
    match given {
        Some(minutes) if !UTC_OFFSETS.contains(&minutes) => {
            let (from, to) = (UTC_OFFSETS.start(), UTC_OFFSETS.end());
            Err(ApiError::invalid_field("utc_offset_min", format!("it is a number from {from} to {to}")))
        }
        given => Ok(given),
    }
}
