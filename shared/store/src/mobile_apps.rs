//! Apps of the mobile family (Apps table).

use crate::StoreError;
use crate::db::{Ask, Put, Range};
use crate::item::{Attributes, Item, Reader, json, s};
use crate::keys::hash;
use crate::keys::mobile as keys;
use model::ids::MobileAppId;
use model::mobile::MobileApp;
use model::secret::Secret;

capability! {
    /// Reads apps of the mobile family.
    MobileApps: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Lists and writes apps of the mobile family.
    MobileAppWriter: [("dynamodb:GetItem", Apps), ("dynamodb:PutItem", Apps), ("dynamodb:Query", Apps)]
}

/// SHA-256 of a token, in hex: the form in which an app keeps it. Hashes may be compared in any time: they tell nothing of
/// what has the same beginning.
pub fn token_hash(token: &Secret<String>) -> String {
    hash(token.expose())
}

impl MobileApps {
    /// The app; `None` when there is none. Strongly consistent.
    pub async fn get(&self, app: &MobileAppId) -> Result<Option<MobileApp>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::app(app), true).await?;
        item.as_ref().map(read).transpose()
    }
}

impl MobileAppWriter {
    /// Every app, by id.
    pub async fn all(&self) -> Result<Vec<MobileApp>, StoreError> {
        let ask = Ask::new(&self.0.names().apps, keys::APPS.to_owned(), Range::All);
        self.0.query_all(&ask).await?.iter().map(read).collect()
    }

    /// Adds an app; `false` when its id is taken.
    pub async fn create(&self, app: &MobileApp) -> Result<bool, StoreError> {
        match self.0.put_new(&self.0.names().apps, item(app)?).await? {
            Put::Written => Ok(true),
            Put::Refused(_) => Ok(false),
        }
    }

    /// Writes an app, whatever stands there.
    pub async fn put(&self, app: &MobileApp) -> Result<(), StoreError> {
        self.0.put(&self.0.names().apps, item(app)?).await
    }
}

fn item(app: &MobileApp) -> Result<Attributes, StoreError> {
    let key = keys::app(&app.id);
    Ok(Item::keyed(key.pk, key.sk).with("app", s(json("mobile app", app)?)).build())
}

fn read(item: &Attributes) -> Result<MobileApp, StoreError> {
    Reader::new("mobile app", item).json("app")
}
