//! Signing up and signing in.

use super::{DeviceStore, no_user, password};
use crate::mobile::caller::{app, enabled};
use crate::mobile::read::{Body, Object};
use gateway::envelope::mobile::{Refusal, parameter, success};
use gateway::{ApiError, Context, Reply, Request};
use model::device::{Device, NAME_CHARS, PushUser};
use model::ids::PushUserId;
use model::mobile::MobileApp;
use serde_json::{Value, json};
use store::devices::{NewUser, Registered, SignIn};
use store::sessions::Session;
use tokio::task::spawn_blocking;

/// Characters of names, passwords and installations' names. Ours.
const CHARS: usize = 128;

/// POST /user/register/push
///
/// Open to whoever knows the app's id: the app on the phone calls it. 10004 when the name is taken; 10002 for an alias that
/// another user has, which leaves the user signed up without one.
pub(super) async fn register(context: &Context, store: &DeviceStore, request: &Request) -> Result<Reply, ApiError> {
    let app = app(context, &store.callers, request).await?;
    enabled(&app)?;
    let body = Body::of(request)?;
    let body = body.object();
    let (username, password) = (body.required("username", CHARS)?, body.required("password", CHARS)?);
    let alias = match body.text("alias")? {
        Some(_) => Some(body.required("alias", NAME_CHARS)?),
        None => None,
    };
    let device = device(&body)?;
    let kept = hashed(password).await?;
    let new = NewUser { username: username.clone(), password: kept, at: context.clock.now() };
    let user = match store.devices.register(&app.id, new).await? {
        Registered::New(user) => user,
        Registered::Taken => return Err(Refusal::UserExists.error("`username` is taken; choose another")),
    };
    if let Some(alias) = alias
        && store.devices.set_alias(&app.id, user, Some(&alias)).await? == Some(false)
    {
        return Err(super::settings::alias_taken());
    }
    let (user, device) = on_device(context, store, &app, user, device).await?;
    Ok(success(shown(&user, device.as_ref())))
}

/// POST /token/login, /token/user, /token/id
///
/// `data.token` goes into the header `access-token` for 30 days. 10008 when name and password do not belong together.
pub(super) async fn sign_in(context: &Context, store: &DeviceStore, request: &Request) -> Result<Reply, ApiError> {
    let app = app(context, &store.callers, request).await?;
    enabled(&app)?;
    let body = Body::of(request)?;
    let body = body.object();
    let found = if request.path == "/token/id" {
        let id = body.integer("user_id")?.ok_or_else(|| parameter("user_id", "is missing"))?;
        match u64::try_from(id) {
            Ok(id) => store.devices.user(&app.id, PushUserId::new(id)).await?,
            Err(_) => None,
        }
    } else {
        store.devices.by_name(&app.id, &body.required("username", CHARS)?).await?
    };
    let password = body.required("password", CHARS)?;
    let device = device(&body)?;
    let refused = || Refusal::TokenInvalid.error("name and password do not belong together");
    // As long for a name that nobody has: the time tells nothing.
    let kept = found.as_ref().map_or_else(String::new, |user| user.password.clone());
    let is_it = spawn_blocking(move || {
        if kept.is_empty() {
            let _as_long = password::kept(&password);
            return false;
        }
        password::is_it(&password, &kept)
    });
    let is_it = is_it.await.map_err(|error| ApiError::Internal { code: "panicked", source: Box::new(error) })?;
    let user = found.filter(|_| is_it).ok_or_else(refused)?;
    let (user, device) = on_device(context, store, &app, user.id, device).await?;
    let session = Session { app: app.id.clone(), user: user.id, device: device.as_ref().map(|device| device.id) };
    let token = store.signing.begin(&session, context.clock.now()).await?;
    let mut shown = shown(&user, device.as_ref());
    shown["token"] = json!(token.expose());
    Ok(success(shown))
}

async fn hashed(password: String) -> Result<String, ApiError> {
    let kept = spawn_blocking(move || password::kept(&password)).await;
    kept.map_err(|error| ApiError::Internal { code: "panicked", source: Box::new(error) })
}

/// `device_guid` and `platform`.
fn device(body: &Object<'_>) -> Result<Option<(String, i32)>, ApiError> {
    let platform = match body.integer("platform")? {
        None => 0,
        Some(number) if (1..=6).contains(&number) => i32::try_from(number).unwrap_or(0),
        Some(_) => return Err(body.wrong("platform", "must be 1 to 6")),
    };
    match body.text("device_guid")? {
        Some(_) => Ok(Some((body.required("device_guid", CHARS)?, platform))),
        None => Ok(None),
    }
}

/// The user, and the device on which it signs in where one is named.
async fn on_device(
    context: &Context,
    store: &DeviceStore,
    app: &MobileApp,
    user: PushUserId,
    device: Option<(String, i32)>,
) -> Result<(PushUser, Option<Device>), ApiError> {
    let Some((guid, platform)) = device else {
        return Ok((store.devices.user(&app.id, user).await?.ok_or_else(no_user)?, None));
    };
    let at = SignIn { guid, platform, shards: app.shards, at: context.clock.now() };
    let (device, user) = store.devices.sign_in(&app.id, user, at).await?.ok_or_else(no_user)?;
    Ok((user, Some(device)))
}

/// A user as its calls answer it.
fn shown(user: &PushUser, device: Option<&Device>) -> Value {
    let mut shown = super::settings::shown(user);
    if let Some(device) = device {
        shown["push_token"] = json!(device.push_token);
        shown["device_sn"] = json!(device.sn);
    }
    shown
}
