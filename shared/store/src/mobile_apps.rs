//! Apps of the mobile family (Apps table).

use crate::StoreError;
use crate::db::{Ask, Put, Range};
use crate::item::{Attributes, Item, Reader, json, s};
use crate::keys::hash;
use crate::keys::mobile as keys;
use crate::revision::Revision;
use crate::rounds::Rounds;
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

/// What the items are called in errors.
const WHAT: &str = "mobile app";
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
    /// At most `limit` apps after `after`, by id.
    pub async fn page(&self, after: Option<&MobileAppId>, limit: u16) -> Result<Vec<MobileApp>, StoreError> {
        // A blank sorts before every character that an id may have: just behind the id itself.
        let from = after.map_or_else(|| " ".to_owned(), |after| format!("{} ", after.as_str()));
        let range = Range::Between(from, "~".to_owned());
        let mut ask = Ask::new(&self.0.names().apps, keys::APPS.to_owned(), range);
        ask.limit = Some(i32::from(limit));
        self.0.query_page(&ask, None).await?.items.iter().map(read).collect()
    }

    /// Adds an app; `false` when its id is taken.
    pub async fn create(&self, app: &MobileApp) -> Result<bool, StoreError> {
        let item = item(app)?.build();
        Ok(match self.0.put_new(&self.0.names().apps, item.clone()).await? {
            Put::Written => true,
            // What stands there may be ours: the SDK repeats a call whose answer was lost.
            Put::Refused(standing) => standing.as_ref() == Some(&item),
        })
    }

    /// Changes an app; answers what `change` said last, and the app after it. `None` when there is no such app. Of two who
    /// change it at once, the second one's change is made to what the first one left.
    pub async fn change<T>(
        &self,
        app: &MobileAppId,
        change: impl Fn(&mut MobileApp) -> T,
    ) -> Result<Option<(T, MobileApp)>, StoreError> {
        let table = &self.0.names().apps;
        let mut rounds = Rounds::of("changing a mobile app");
        loop {
            rounds.next().await?;
            let Some(standing) = self.0.get(table, keys::app(app), true).await? else { return Ok(None) };
            let (before, seen) = (read(&standing)?, Revision::of(WHAT, &standing)?);
            let mut after = before.clone();
            let answer = change(&mut after);
            if after == before || self.0.put_over(table, item(&after)?, seen).await? {
                return Ok(Some((answer, after)));
            }
        }
    }

    /// Writes an app, whatever stands there: for filling a table that nobody uses yet.
    pub async fn put(&self, app: &MobileApp) -> Result<(), StoreError> {
        self.0.put(&self.0.names().apps, item(app)?.build()).await
    }
}

fn item(app: &MobileApp) -> Result<Item, StoreError> {
    let key = keys::app(&app.id);
    Ok(Item::keyed(key.pk, key.sk).with("app", s(json(WHAT, app)?)))
}

fn read(item: &Attributes) -> Result<MobileApp, StoreError> {
    Reader::new(WHAT, item).json("app")
}
