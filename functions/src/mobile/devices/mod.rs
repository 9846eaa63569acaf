//! Push users and their devices: the calls that apps and their back ends make so that there is somebody to push to.
//!
//! | call | body or query | does |
//! | --- | --- | --- |
//! | POST /user/register/push | `username`, `password`, `alias`?, `device_guid`?, `platform`? | signs a user up, and in where a device is named |
//! | POST /token/login, /token/user | `username`, `password`, `device_guid`?, `platform`? | signs a user in |
//! | POST /token/id | `user_id`, `password`, `device_guid`?, `platform`? | the same by number |
//! | PUT, POST /user/token/bind | `device_sn`, `device_token`, `notifier_name` | binds a vendor's token to a device |
//! | DELETE, POST /user/token/unbind | query `deviceSn` | takes a device's tokens away |
//! | POST /user/push/alias | `alias`, `push_token`? | the user's alias, unique in the app; an empty one takes it away |
//! | GET, POST, DELETE /user/push/tag | `tags` | shows, adds, takes away the user's tags |
//! | DELETE /user/push/tag/all | | takes all of them away |
//! | POST /user/push/badge | `badge` | the number on the icon, as the app shows it |
//! | PUT, POST /user/push | query `value` | `true`: the user gets nothing (`no_push`) |
//! | PUT, POST /user/push/detail | query `value` | `true`: no text on the screen (`no_push_detail`) |
//! | PUT, POST /user/push/limit | `no_push_start_hour`, `no_push_end_hour` | hours without a sound; none given: no such hours |
//! | PUT, POST /user/push/nickname | query `value` | how the user is called |
//! | GET /user/device/list | | the user's devices |
//! | DELETE, POST /user/device/remove | query `device_sn` | removes a device |
//!
//! Headers: `app_id` for all; `access-token` for all but signing up and in: a user's own, or an admin's together with
//! `user_id`. A push token is answered only where a device is named. Source: the family's documentation (push, user and
//! token API); what it leaves open is ours.

mod accounts;
mod password;
mod settings;
mod tokens;

use super::caller::{Caller, CallerStore, enabled};
use super::read::Body;
use gateway::envelope::mobile::{Refusal, parameter};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::Method as Verb;
use model::ids::PushUserId;
use model::mobile::MobileApp;
use store::capabilities;
use store::certificates::CertificateNames;
use store::devices::{Badges, Devices};
use store::sessions::SessionWriter;

capabilities! {
    /// What the calls of users and their devices take.
    pub struct DeviceStore {
        callers: CallerStore,
        devices: Devices,
        badges: Badges,
        signing: SessionWriter,
        certificates: CertificateNames,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[
    Route::new(Method::Post, "/user/register/push"),
    Route::new(Method::Post, "/token/login"),
    Route::new(Method::Post, "/token/user"),
    Route::new(Method::Post, "/token/id"),
    Route::new(Method::Put, "/user/token/bind"),
    Route::new(Method::Post, "/user/token/bind"),
    Route::new(Method::Delete, "/user/token/unbind"),
    Route::new(Method::Post, "/user/token/unbind"),
    Route::new(Method::Post, "/user/push/alias"),
    Route::new(Method::Get, "/user/push/tag"),
    Route::new(Method::Post, "/user/push/tag"),
    Route::new(Method::Delete, "/user/push/tag"),
    Route::new(Method::Delete, "/user/push/tag/all"),
    Route::new(Method::Post, "/user/push/badge"),
    Route::new(Method::Put, "/user/push"),
    Route::new(Method::Post, "/user/push"),
    Route::new(Method::Put, "/user/push/detail"),
    Route::new(Method::Post, "/user/push/detail"),
    Route::new(Method::Put, "/user/push/limit"),
    Route::new(Method::Post, "/user/push/limit"),
    Route::new(Method::Put, "/user/push/nickname"),
    Route::new(Method::Post, "/user/push/nickname"),
    Route::new(Method::Get, "/user/device/list"),
    Route::new(Method::Delete, "/user/device/remove"),
    Route::new(Method::Post, "/user/device/remove"),
];

/// The function.
pub const FUNCTION: Function = http_function!("devices", Family::Mobile, ROUTES, DeviceStore, handle);

/// A call of a user, or in a user's place.
struct Call<'a> {
    context: &'a Context,
    store: &'a DeviceStore,
    request: &'a Request,
    app: &'a MobileApp,
    user: PushUserId,
    caller: &'a Caller,
}

/// The paths of [`ROUTES`], each with its verbs: see the page of the module for what they read and do.
///
/// 40000; 12006; 10003, 10008 and 10000 (not for signing up and in); then what each call says.
async fn handle(context: &Context, store: &DeviceStore, request: Request) -> Result<Reply, ApiError> {
    match request.path.as_str() {
        "/user/register/push" => accounts::register(context, store, &request).await,
        "/token/login" | "/token/user" | "/token/id" => accounts::sign_in(context, store, &request).await,
        _ => {
            let caller = Caller::of(context, &store.callers, &request).await?;
            let (app, user) = (enabled(caller.app())?, caller.user()?);
            Call { context, store, request: &request, app, user, caller: &caller }.answer().await
        }
    }
}

impl Call<'_> {
    async fn answer(&self) -> Result<Reply, ApiError> {
        match (self.request.path.as_str(), &self.request.method) {
            ("/user/token/bind", _) => self.bind().await,
            ("/user/token/unbind", _) => self.unbind().await,
            ("/user/push/alias", _) => self.alias().await,
            ("/user/push/tag", &Verb::GET) => self.tags().await,
            ("/user/push/tag", &Verb::DELETE) => self.remove_tags().await,
            ("/user/push/tag", _) => self.add_tags().await,
            ("/user/push/tag/all", _) => self.clear_tags().await,
            ("/user/push/badge", _) => self.badge().await,
            ("/user/push", _) => self.mute().await,
            ("/user/push/detail", _) => self.hide().await,
            ("/user/push/limit", _) => self.quiet_hours().await,
            ("/user/push/nickname", _) => self.nickname().await,
            ("/user/device/list", _) => self.list().await,
            ("/user/device/remove", _) => self.remove().await,
            _ => Err(ApiError::NoSuchPath),
        }
    }

    fn body(&self) -> Result<Body, ApiError> {
        Body::of(self.request)
    }

    /// The number of a device in the query.
    fn sn(&self, name: &str) -> Result<i32, ApiError> {
        let query = self.request.query();
        let text = query.get(name).ok_or_else(|| parameter(name, "is missing"))?;
        text.trim().parse().map_err(|_| parameter(name, "must be a device's number"))
    }
}

/// There is no such user (any more).
fn no_user() -> ApiError {
    Refusal::NoUser.error("there is no such user")
}

/// The user has no such device.
fn no_device(field: &str) -> ApiError {
    parameter(field, "names no device of the user")
}
