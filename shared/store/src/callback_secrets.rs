//! The secrets that sign callbacks (Apps table), sealed. An app has one, and for a day after a rotation the one before.

use crate::item::{Item, Reader, n, s};
use crate::seal::{Opener, Sealer};
use crate::{StoreError, keys};
use model::clock::Timestamp;
use model::ids::AppId;
use model::secret::Secret;
use std::time::Duration;

/// How long the secret before the last rotation goes on signing beside the new one.
pub const OVERLAP: Duration = Duration::from_secs(86_400);

capability_with! {
    /// Reads the secrets of apps.
    CallbackSecrets { opener: Opener }: [("dynamodb:GetItem", Apps)]
}

capability_with! {
    /// Writes the secrets of apps.
    CallbackSecretWriter { sealer: Sealer }: [("dynamodb:GetItem", Apps), ("dynamodb:PutItem", Apps)]
}

impl CallbackSecrets {
    /// The secrets that sign `app`'s callbacks at `now`, the newest first; none when the app never had one.
    pub async fn of(&self, app: AppId, now: Timestamp) -> Result<Vec<Secret<String>>, StoreError> {
        let Some(item) = self.store.get(&self.store.names().apps, keys::callback_secrets(app), true).await? else {
            return Ok(Vec::new());
        };
        let reader = Reader::new("callback secret", &item);
        let mut secrets = vec![self.opener.unseal(&owner(app), reader.string("secret")?).await?];
        if reader.has("previous") && reader.number::<i64>("previous_until_ms")? > now.millis() {
            secrets.push(self.opener.unseal(&owner(app), reader.string("previous")?).await?);
        }
        Ok(secrets)
    }
}

impl CallbackSecretWriter {
    /// Makes `secret` the one that signs. The one before goes on signing beside it for [`OVERLAP`].
    pub async fn put(&self, app: AppId, secret: &Secret<String>, now: Timestamp) -> Result<(), StoreError> {
        let table = &self.store.names().apps;
        let key = keys::callback_secrets(app);
        let standing = self.store.get(table, key.clone(), true).await?;
        let previous =
            standing.as_ref().map(|item| Reader::new("callback secret", item).string("secret")).transpose()?;
        let item = Item::keyed(key.pk, key.sk)
            .with("secret", s(self.sealer.seal(&owner(app), secret).await?))
            .with_some("previous", previous.map(s))
            .with_some("previous_until_ms", previous.map(|_| n(now.plus(OVERLAP).millis())))
            .build();
        self.store.put(table, item).await
    }
}

/// What a callback secret is bound to.
fn owner(app: AppId) -> String {
    format!("callback:{app}")
}
