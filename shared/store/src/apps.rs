//! Applications and their topics (Apps table).

use crate::item::{Attributes, Item, Reader, json, s};
use crate::{StoreError, keys};
use model::app::{App, Topic};
use model::ids::{AppId, TopicId};
use model::secret::Secret;
use ring::digest::{SHA256, digest};

capability! {
    /// Says who a token belongs to.
    Senders: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Reads topics.
    Topics: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Creates and changes apps and topics.
    AppWriter: [("dynamodb:PutItem", Apps)]
}

impl Senders {
    /// The app that `token` belongs to; `None` for a token that is unknown or was reset.
    ///
    /// One strongly consistent read, never cached: a reset token is dead on the very next call.
    pub async fn by_token(&self, token: &Secret<String>) -> Result<Option<App>, StoreError> {
        let key = keys::app_by_token(&token_hash(token));
        let item = self.0.get(&self.0.names().apps, key, true).await?;
        item.map(|item| Reader::new("app", &item).json("app")).transpose()
    }
}

impl Topics {
    /// The topic of `app`; `None` when it does not exist or is another app's, which look the same from outside.
    pub async fn get(&self, app: AppId, topic: TopicId) -> Result<Option<Topic>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::topic(app, topic), true).await?;
        item.map(|item| Reader::new("topic", &item).json("topic")).transpose()
    }
}

impl AppWriter {
    /// Writes an app and lets `token` speak for it.
    pub async fn put(&self, app: &App, token: &Secret<String>) -> Result<(), StoreError> {
        self.0.put_many(&self.0.names().apps, app_items(app, token)?).await
    }

    /// Writes a topic of `app`.
    pub async fn put_topic(&self, app: AppId, topic: &Topic) -> Result<(), StoreError> {
        let key = keys::topic(app, topic.id);
        let item = Item::keyed(key.pk, key.sk).with("topic", s(json("topic", topic)?)).build();
        self.0.put(&self.0.names().apps, item).await
    }
}

fn app_items(app: &App, token: &Secret<String>) -> Result<Vec<Attributes>, StoreError> {
    let text = json("app", app)?;
    let hash = token_hash(token);
    let by_token = keys::app_by_token(&hash);
    let profile = keys::app(app.id);
    Ok(vec![
        Item::keyed(by_token.pk, by_token.sk).with("app", s(&text)).build(),
        Item::keyed(profile.pk, profile.sk).with("app", s(&text)).with("token_hash", s(hash)).build(),
    ])
}

/// Tokens that are only compared are kept as SHA-256 in hex: 32 random letters and digits need no salt.
fn token_hash(token: &Secret<String>) -> String {
    digest(&SHA256, token.expose().as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
