//! Push users of a mobile app, their devices, and the tags that they have.

use super::super::auth::not_found;
use super::super::call::{Call, Page, PageQuery, page};
use super::{app, id};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway::ApiError;
use model::channel::ChannelKind;
use model::device::{Binding, Card, Device, PushUser};
use model::ids::PushUserId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::devices::List;

/// Shards of an audience that are looked through for one page.
const MOST_SHARDS_READ: u16 = 32;

/// A push user with all devices.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct PushUserView {
    /// The user's number: `user_id` of the app's calls.
    user: u64,
    /// The name to sign in with.
    username: String,
    /// How the user is shown.
    nickname: Option<String>,
    /// The user's alias, unique in the app.
    alias: Option<String>,
    /// What groups the user belongs to.
    tags: Vec<String>,
    /// The user gets nothing.
    no_push: bool,
    /// No text is shown to the user.
    no_push_detail: bool,
    /// From which hour on nothing makes a sound, on the app's clock.
    no_push_start_hour: Option<u8>,
    /// Up to which hour.
    no_push_end_hour: Option<u8>,
    /// When the user signed up, epoch ms.
    created_ms: i64,
    /// The user's devices.
    devices: Vec<DeviceView>,
}

/// A device of a push user.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct DeviceView {
    /// Its number in the app.
    device: u64,
    /// Its number among the user's devices.
    device_sn: i32,
    /// How the app names its installation.
    device_guid: String,
    /// What a push names it by.
    push_token: String,
    /// 1 iOS, 2 Android, 3 Windows, 4 macOS, 5 Linux, 6 web; 0 when the app did not say.
    platform: i32,
    /// When somebody last signed in on it, epoch ms.
    seen_ms: i64,
    /// By which vendors it is reached, by channel. Their tokens are not shown.
    bindings: BTreeMap<String, BoundView>,
}

/// That a device is reached by a vendor.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct BoundView {
    /// The certificate that the device named.
    notifier: String,
    /// `production` or `development`.
    environment: String,
    /// When the vendor's token was bound, epoch ms.
    bound_ms: i64,
}

/// A device as a push to everybody, or to a tag, finds it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct TargetView {
    /// Its number in the app.
    device: u64,
    /// Whose it is.
    user: u64,
    /// Its user gets nothing.
    no_push: bool,
    /// By which vendors it is reached, by channel.
    bindings: BTreeMap<String, BoundView>,
}

/// Which user: exactly one of the fields.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct UserQuery {
    /// The name to sign in with.
    username: Option<String>,
    /// The alias.
    alias: Option<String>,
    /// The push token of one of the user's devices.
    push_token: Option<String>,
}

/// Which devices.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct TargetQuery {
    /// `next_cursor` of the page before; the first page without.
    cursor: Option<String>,
    /// How many are shown at most: 1 to 100, default 20.
    limit: Option<u16>,
    /// Only those of users with this tag.
    tag: Option<String>,
}

/// That a device is gone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct DeviceRemoved {
    /// It was there, and is no more.
    removed: bool,
}

/// GET /admin/mobile/{app}/users
///
/// The query is not written into the audit log: it says who somebody is.
pub(in crate::admin) async fn find(call: Call<'_>, query: UserQuery) -> Result<PushUserView, ApiError> {
    let (app, users) = (id(&call)?, &call.store.push_users);
    let found = match (&query.username, &query.alias, &query.push_token) {
        (Some(name), None, None) => users.by_name(&app, name).await?,
        (None, Some(alias), None) => users.by_alias(&app, alias).await?,
        (None, None, Some(token)) => match users.by_push_token(&app, token).await? {
            Some(found) => users.user(&app, found.user).await?,
            None => None,
        },
        _ => {
            let why = "give exactly one of `username`, `alias`, `push_token`";
            return Err(ApiError::invalid_field("username", why));
        }
    };
    found.map(view).ok_or_else(not_found)
}

/// GET /admin/mobile/{app}/users/{user}
pub(in crate::admin) async fn get(call: Call<'_>) -> Result<PushUserView, ApiError> {
    let user = call.store.push_users.user(&id(&call)?, user(&call)?).await?;
    user.map(view).ok_or_else(not_found)
}

/// DELETE /admin/mobile/{app}/users/{user}/devices/{device_sn}
///
/// As if the user had removed it: whoever signed in there has to do so anew, and no push finds it.
pub(in crate::admin) async fn remove_device(call: Call<'_>) -> Result<DeviceRemoved, ApiError> {
    let sn = call.text("device_sn").parse().map_err(|_| not_found())?;
    match call.store.push_devices.remove(&id(&call)?, user(&call)?, sn).await? {
        true => Ok(DeviceRemoved { removed: true }),
        false => Err(not_found()),
    }
}

/// GET /admin/mobile/{app}/devices
///
/// In the order in which a push finds them, shard by shard: a page may be short, or empty, with more behind it.
pub(in crate::admin) async fn devices(call: Call<'_>, query: TargetQuery) -> Result<Page<TargetView>, ApiError> {
    let pages = PageQuery { cursor: query.cursor, limit: query.limit };
    let limit = usize::from(pages.limit()?);
    let (mut shard, mut after) = pages.after(place)?.unwrap_or_default();
    let app = app(&call).await?;
    let tags: Vec<String> = query.tag.into_iter().collect();
    // Everybody with a tag is one list; everybody is one per shard.
    let shards = if tags.is_empty() { app.shards } else { 1 };
    let (first, mut items) = (shard, Vec::new());
    while shard < shards && shard - first < MOST_SHARDS_READ && items.len() < limit {
        let list = if tags.is_empty() { List::Shard(shard) } else { List::Tags(&tags) };
        let found = call.store.audience.page(&app.id, list, after, None, limit - items.len()).await?;
        items.extend(found.cards.iter().map(target));
        if found.last {
            (shard, after) = (shard + 1, None);
        } else {
            after = found.seen;
            break;
        }
    }
    let next_cursor = (shard < shards).then(|| format!("{shard}.{}", after.unwrap_or(0)));
    Ok(Page { items, next_cursor })
}

/// GET /admin/mobile/{app}/tags
pub(in crate::admin) async fn tags(call: Call<'_>, query: PageQuery) -> Result<Page<String>, ApiError> {
    let (app, limit) = (id(&call)?, query.limit()?);
    // A tag may hold anything, and a cursor has to stand in a URL.
    let tag = |text: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let after = query.after(tag)?;
    let tags = call.store.push_users.tags(&app, after.as_deref(), limit).await?;
    Ok(page(tags, limit, |tag| URL_SAFE_NO_PAD.encode(tag), |tag| tag))
}

/// A place in an app's lists: a shard, and the last device that was looked at in it.
fn place(text: &str) -> Option<(u16, Option<u64>)> {
    let (shard, device) = text.split_once('.')?;
    Some((shard.parse().ok()?, Some(device.parse().ok()?)))
}

fn user(call: &Call<'_>) -> Result<PushUserId, ApiError> {
    call.number("user").map(PushUserId::new)
}

fn view(user: PushUser) -> PushUserView {
    PushUserView {
        user: user.id.get(),
        devices: user.devices.iter().map(device).collect(),
        username: user.username,
        nickname: user.nickname,
        alias: user.alias,
        tags: user.tags.into_iter().collect(),
        no_push: user.muted,
        no_push_detail: user.hidden,
        no_push_start_hour: user.quiet.map(|quiet| quiet.start),
        no_push_end_hour: user.quiet.map(|quiet| quiet.end),
        created_ms: user.created_ms.millis(),
    }
}

fn device(device: &Device) -> DeviceView {
    DeviceView {
        device: device.id.get(),
        device_sn: device.sn,
        device_guid: device.guid.clone(),
        push_token: device.push_token.clone(),
        platform: device.platform,
        seen_ms: device.seen_ms.millis(),
        bindings: bindings(&device.bindings),
    }
}

fn target(card: &Card) -> TargetView {
    TargetView {
        device: card.device.get(),
        user: card.user.get(),
        no_push: card.muted,
        bindings: bindings(&card.bindings),
    }
}

fn bindings(bindings: &BTreeMap<ChannelKind, Binding>) -> BTreeMap<String, BoundView> {
    let bound = |binding: &Binding| BoundView {
        notifier: binding.notifier.clone(),
        environment: binding.environment.as_str().to_owned(),
        bound_ms: binding.bound.millis(),
    };
    bindings.iter().map(|(channel, binding)| (channel.to_string(), bound(binding))).collect()
}
