//! Who is calling: the headers that every call of the family has.

use gateway::envelope::mobile::{Refusal, parameter};
use gateway::{ApiError, Context, Request};
use model::ids::{MobileAppId, PushUserId};
use model::mobile::MobileApp;
use model::secret::Secret;
use store::capabilities;
use store::devices::DeviceOwners;
use store::mobile_apps::{MobileApps, token_hash};
use store::sessions::{Session, Sessions};

capabilities! {
    /// What it takes to know who is calling.
    pub struct CallerStore {
        apps: MobileApps,
        sessions: Sessions,
        owners: DeviceOwners,
    }
}

/// Who is calling.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// The app's own back end, for itself or in place of a user.
    Admin {
        /// The app.
        app: MobileApp,
        /// `user_id`: in whose place.
        acting: Option<PushUserId>,
    },
    /// A push user.
    User {
        /// The app.
        app: MobileApp,
        /// Who has signed in, and on which device.
        session: Session,
    },
}

impl Caller {
    /// Reads `app_id`, `access-token` and `user_id`: 40000, 10003, 10008, 10002. Nobody but an admin acts for another, so
    /// `user_id` of a user's call is not looked at; `group_id` never is, for there are no groups here. Whoever signed in on
    /// a device speaks for the user as long as the user has the device.
    pub(crate) async fn of(context: &Context, store: &CallerStore, request: &Request) -> Result<Self, ApiError> {
        let known = app(context, store, request).await?;
        let token = header(request, "access-token")
            .ok_or_else(|| Refusal::TokenMissing.error("the header `access-token` is missing"))?;
        let token = Secret::new(token.to_owned());
        let hash = token_hash(&token);
        if known.admin_token_hashes.contains(&hash) {
            return Self::admin(known, request);
        }
        let session = store.sessions.of(&token, context.clock.now()).await?;
        // A user of another app is nobody here.
        let Some(session) = session.filter(|session| session.app == known.id) else {
            // The app's token may have been replaced since the app was read.
            context.mobile_apps.forget(&known.id);
            let read = app(context, store, request).await?;
            if read.admin_token_hashes.contains(&hash) {
                return Self::admin(read, request);
            }
            return Err(Refusal::TokenInvalid.error("the access token is unknown or over; sign in again"));
        };
        let app = known;
        if let Some(device) = session.device
            && !store.owners.has(&app.id, session.user, device).await?
        {
            return Err(Refusal::TokenInvalid.error("the device of the access token was removed; sign in again"));
        }
        Ok(Self::User { app, session })
    }

    /// The app's own back end.
    fn admin(app: MobileApp, request: &Request) -> Result<Self, ApiError> {
        let acting = header(request, "user_id").map(|text| {
            text.parse().map(PushUserId::new).map_err(|_| parameter("user_id", "(header) must be a user's number"))
        });
        Ok(Self::Admin { app, acting: acting.transpose()? })
    }

    /// Which app it is about.
    pub(crate) const fn app(&self) -> &MobileApp {
        match self {
            Self::Admin { app, .. } | Self::User { app, .. } => app,
        }
    }

    /// Whether it is the app's own back end.
    pub(crate) const fn is_admin(&self) -> bool {
        matches!(self, Self::Admin { .. })
    }

    /// The app, for what only its back end may do: 10010 for a user, 12006 while push is not enabled.
    pub(crate) fn sender(&self) -> Result<&MobileApp, ApiError> {
        if !self.is_admin() {
            return Err(Refusal::Forbidden.error("a user's token may not do this; use the app's admin token"));
        }
        enabled(self.app())
    }

    /// The user whom it is about: who has signed in, or in whose place an admin acts. 10000 for an admin who names none.
    pub(crate) fn user(&self) -> Result<PushUserId, ApiError> {
        match self {
            Self::User { session, .. } => Ok(session.user),
            Self::Admin { acting, .. } => {
                acting.ok_or_else(|| Refusal::NoUser.error("the header `user_id` is needed with an admin token"))
            }
        }
    }
}

/// The app, unless push is disabled for it.
pub(crate) fn enabled(app: &MobileApp) -> Result<&MobileApp, ApiError> {
    if app.enabled { Ok(app) } else { Err(Refusal::Disabled.error("push is not enabled for this app")) }
}

/// The app that the header `app_id` names: 40000 when there is none. Read once in ten seconds and instance.
pub(crate) async fn app(context: &Context, store: &CallerStore, request: &Request) -> Result<MobileApp, ApiError> {
    let id = header(request, "app_id").ok_or_else(|| Refusal::App.error("the header `app_id` is missing"))?;
    let unknown = || Refusal::App.error("the header `app_id` names no app");
    let id = MobileAppId::parse(id).map_err(|_| unknown())?;
    let now = context.clock.now();
    if let Some(app) = context.mobile_apps.get(&id, now) {
        return Ok(app);
    }
    let app = store.apps.get(&id).await?.ok_or_else(unknown)?;
    context.mobile_apps.put(id, app.clone(), now);
    Ok(app)
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|text| !text.is_empty())
}
