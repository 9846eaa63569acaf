//! Who has signed in (Tokens table): the access tokens of push users, as hashes.

use crate::StoreError;
use crate::item::{Item, Reader, n, s};
use crate::keys::hash;
use crate::keys::mobile as keys;
use model::clock::Timestamp;
use model::ids::{DeviceId, MobileAppId, PushUserId, letters};
use model::secret::Secret;
use std::time::Duration;

capability! {
    /// Says who has signed in.
    Sessions: [("dynamodb:GetItem", Tokens)]
}

capability! {
    /// Signs users in.
    SessionWriter: [("dynamodb:PutItem", Tokens)]
}

/// How long a user stays signed in.
pub const SESSION_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// Characters of a token.
const TOKEN_CHARS: usize = 43;

/// A push user who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// In which app.
    pub app: MobileAppId,
    /// Who.
    pub user: PushUserId,
    /// On which device, where the app said so.
    pub device: Option<DeviceId>,
}

impl Sessions {
    /// Whose token it is; `None` for one that is unknown or over. Strongly consistent.
    pub async fn of(&self, token: &Secret<String>, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let item = self.0.get(&self.0.names().tokens, keys::session(&hash(token.expose())), true).await?;
        let Some(item) = item else { return Ok(None) };
        let reader = Reader::new("session", &item);
        if reader.number::<i64>("expires_at")? <= now.seconds() {
            return Ok(None);
        }
        let app = MobileAppId::parse(reader.string("app")?).map_err(|error| StoreError::corrupt("session", error))?;
        let device = reader.some_number("device")?.map(DeviceId::new);
        Ok(Some(Session { app, user: PushUserId::new(reader.number("user")?), device }))
    }
}

impl SessionWriter {
    /// Signs somebody in. Answers the token, which is kept nowhere.
    pub async fn begin(&self, session: &Session, now: Timestamp) -> Result<Secret<String>, StoreError> {
        let token = Secret::new(letters(&mut rand::rng(), TOKEN_CHARS));
        let key = keys::session(&hash(token.expose()));
        let item = Item::keyed(key.pk, key.sk)
            .with("app", s(session.app.as_str()))
            .with("user", n(session.user))
            .with_some("device", session.device.map(n))
            .expiring(now.plus(SESSION_LIFE))
            .build();
        self.0.put(&self.0.names().tokens, item).await?;
        Ok(token)
    }
}
