//! Who signs in on a connection.

use gateway::{ApiError, Context, ProblemKind, SocketRequest};
use model::clock::Timestamp;
use model::device::Device;
use model::ids::MobileAppId;
use model::own::OwnAddress;
use model::secret::Secret;
use store::StoreError;
use store::capabilities;
use store::devices::UserReader;
use store::own::Whose;
use store::sessions::Sessions;

capabilities! {
    /// What checking credentials needs.
    pub struct CredentialStore {
        users: UserReader,
        sessions: Sessions,
    }
}

/// What somebody shows who signs in: an app, and a device's push token or a user's access token.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    /// The app.
    pub(super) app_id: Option<String>,
    /// The push token of the device.
    pub(super) push_token: Option<Secret<String>>,
    /// The access token of a user who has signed in on a device.
    pub(super) access_token: Option<Secret<String>>,
}

impl CredentialStore {
    /// Whether the device that has signed in is still its user's: a device may be removed while its connection is open.
    pub(super) async fn has_still(&self, whose: &Whose) -> Result<bool, StoreError> {
        let user = self.users.user(&whose.app, whose.user).await?;
        Ok(user.is_some_and(|user| user.devices.iter().any(|device| device.id == whose.address.device)))
    }
}

impl Credentials {
    /// Those in a handshake, in headers (`app_id`, and `push-token` or `access-token`) or, for browsers, which cannot set
    /// headers, among the subprotocols (`app.…`, and `push.…` or `access.…`). `None` when there are none: they are then
    /// expected in the first message.
    pub(super) fn of_handshake(request: &SocketRequest) -> Option<Self> {
        let offered = |prefix: &str| request.protocols().find_map(|protocol| protocol.strip_prefix(prefix));
        let found = |header: &str, prefix: &str| request.header(header).or_else(|| offered(prefix)).map(str::to_owned);
        let credentials = Self {
            app_id: found("app_id", "app."),
            push_token: found("push-token", "push.").map(Secret::new),
            access_token: found("access-token", "access.").map(Secret::new),
        };
        (credentials.push_token.is_some() || credentials.access_token.is_some()).then_some(credentials)
    }

    /// Whose they are. What is wrong with them is said; whether an app exists is not.
    pub(super) async fn check(&self, context: &Context, store: &CredentialStore) -> Result<Whose, ApiError> {
        let now = context.clock.now();
        match (&self.push_token, &self.access_token) {
            (Some(token), _) => self.by_push_token(store, token).await,
            (None, Some(token)) => self.by_access_token(store, token, now).await,
            (None, None) => Err(ApiError::problem(
                "own_credentials_missing",
                ProblemKind::Unauthenticated,
                "`push_token` or `access_token` is missing",
            )),
        }
    }

    fn app(&self) -> Result<Option<MobileAppId>, ApiError> {
        let wrong = |_| {
            let message = "`app_id` is no app id";
            ApiError::problem("own_app_id", ProblemKind::Unauthenticated, message)
        };
        self.app_id.as_deref().map(MobileAppId::parse).transpose().map_err(wrong)
    }

    async fn by_push_token(&self, store: &CredentialStore, token: &Secret<String>) -> Result<Whose, ApiError> {
        let Some(app) = self.app()? else {
            let message = "`app_id` is missing";
            return Err(ApiError::problem("own_app_id", ProblemKind::Unauthenticated, message));
        };
        let found = store.users.by_push_token(&app, token.expose()).await?;
        let unknown = || {
            let message = "`push_token` is no device's of this app; sign in anew with a `device_guid`";
            ApiError::problem("own_push_token", ProblemKind::Unauthenticated, message)
        };
        let found = found.ok_or_else(unknown)?;
        Ok(Whose { app, user: found.user, address: address(&found.device) })
    }

    async fn by_access_token(
        &self,
        store: &CredentialStore,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Whose, ApiError> {
        let unknown = || {
            let message = "`access_token` is unknown or over, or of another app";
            ApiError::problem("own_access_token", ProblemKind::Unauthenticated, message)
        };
        let session = store.sessions.of(token, now).await?.ok_or_else(unknown)?;
        if self.app()?.is_some_and(|app| app != session.app) {
            return Err(unknown());
        }
        let user = store.users.user(&session.app, session.user).await?;
        let devices = user.map(|user| user.devices).unwrap_or_default();
        let device = devices.iter().find(|device| Some(device.id) == session.device);
        let none = || {
            let message = "the user has signed in on no device; sign in with a `device_guid`";
            ApiError::problem("own_no_device", ProblemKind::Unauthenticated, message)
        };
        Ok(Whose { address: address(device.ok_or_else(none)?), user: session.user, app: session.app })
    }
}

const fn address(device: &Device) -> OwnAddress {
    OwnAddress { shard: device.shard, device: device.id }
}
