//! Applications, their topics and products (Apps table).
//!
//! An app stands twice: as its profile, which is the truth, and under the hash of its token with what sending needs, so
//! that a call asks once who is asking. A copy carries the `rev` of the profile it was written from.

use crate::db::{Ask, Put, Range, Update, Updated};
use crate::item::{Attributes, Item, Reader, json, n, s};
use crate::qrcodes::QrMaker;
use crate::rounds::Rounds;
use crate::{Capability, Grant, Resource, Store, StoreError, keys};
use model::app::{App, AppProfile, Product, Topic};
use model::follow::Followed;
use model::ids::{AppId, ProductId, TopicId};
use model::qrcode::{Code, QrCode};
use model::secret::Secret;

capability! {
    /// Says who a token belongs to.
    Senders: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Reads topics.
    Topics: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Reads topics by the handful.
    TopicNames: [("dynamodb:BatchGetItem", Apps)]
}

capability! {
    /// Reads apps by their number, and the products of apps.
    Apps: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Lists apps, topics and products.
    AppLists: [("dynamodb:Query", Apps), ("dynamodb:BatchGetItem", Apps)]
}

capability! {
    /// Creates and changes apps, topics and products.
    AppWriter: [
        ("dynamodb:GetItem", Apps), ("dynamodb:PutItem", Apps), ("dynamodb:UpdateItem", Apps),
        ("dynamodb:DeleteItem", Apps),
    ]
}

/// Finds, or makes at first use, the permanent QR codes of apps and topics.
#[derive(Clone)]
pub struct DefaultCodes {
    store: Store,
    maker: QrMaker,
}

impl Capability for DefaultCodes {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), maker: QrMaker::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = QrMaker::grants();
        grants.push(Grant::new("dynamodb:GetItem", Resource::Apps));
        grants.push(Grant::new("dynamodb:UpdateItem", Resource::Apps));
        grants
    }
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

impl TopicNames {
    /// Those of `topics` that `app` has, at most some hundred. Ids may repeat.
    pub async fn get(&self, app: AppId, topics: impl IntoIterator<Item = TopicId>) -> Result<Vec<Topic>, StoreError> {
        let mut keys: Vec<_> = topics.into_iter().map(|topic| keys::topic(app, topic)).collect();
        keys.sort_unstable();
        keys.dedup();
        let items = self.0.get_many(&self.0.names().apps, keys).await?;
        items.iter().map(|item| Reader::new("topic", item).json("topic")).collect()
    }
}

impl Apps {
    /// The app with that number. What of it others may see: name, prompt, settings URL, and whether there is a callback
    /// URL. Strongly consistent.
    pub async fn get(&self, app: AppId) -> Result<Option<AppProfile>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::app(app), true).await?;
        item.map(|item| Reader::new("app", &item).json("profile")).transpose()
    }

    /// The product with that number, whoever's it is: its ids are public.
    pub async fn product(&self, product: ProductId) -> Result<Option<Product>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::product(product), true).await?;
        item.map(|item| Reader::new("product", &item).json("product")).transpose()
    }
}

impl AppLists {
    /// At most `most` apps after `after`, by number.
    pub async fn apps(&self, after: Option<AppId>, most: u16) -> Result<Vec<AppProfile>, StoreError> {
        let from = AppId::new(after.map_or(0, |after| after.get() + 1));
        let last = AppId::new(9_999_999_999_999_999);
        let range = Range::Between(keys::app_listed(from).sk, keys::app_listed(last).sk);
        let mut ask = Ask::new(&self.0.names().apps, keys::APPS.to_owned(), range);
        ask.limit = Some(i32::from(most));
        let page = self.0.query_page(&ask, None).await?;
        let ids = page.items.iter().map(|item| Reader::new("app", item).number("id").map(AppId::new));
        let keys = ids.map(|id| id.map(keys::app)).collect::<Result<Vec<_>, _>>()?;
        let items = self.0.get_many(&self.0.names().apps, keys).await?;
        let profiles = items.iter().map(|item| Reader::new("app", item).json::<AppProfile>("profile"));
        let mut profiles = profiles.collect::<Result<Vec<_>, _>>()?;
        profiles.sort_unstable_by_key(|profile| profile.app.id);
        Ok(profiles)
    }

    /// All topics of an app, by number.
    pub async fn topics(&self, app: AppId) -> Result<Vec<Topic>, StoreError> {
        let items = self.of_app(app, keys::TOPIC_PREFIX).await?;
        let topics = items.iter().map(|item| Reader::new("topic", item).json::<Topic>("topic"));
        let mut topics = topics.collect::<Result<Vec<_>, _>>()?;
        topics.sort_unstable_by_key(|topic| topic.id);
        Ok(topics)
    }

    /// All products of an app, by number.
    pub async fn products(&self, app: AppId) -> Result<Vec<Product>, StoreError> {
        let items = self.of_app(app, keys::PRODUCT_PREFIX).await?;
        let ids = items.iter().map(|item| Reader::new("product", item).number("id").map(ProductId::new));
        let keys = ids.map(|id| id.map(keys::product)).collect::<Result<Vec<_>, _>>()?;
        let items = self.0.get_many(&self.0.names().apps, keys).await?;
        let products = items.iter().map(|item| Reader::new("product", item).json::<Product>("product"));
        let mut products = products.collect::<Result<Vec<_>, _>>()?;
        products.sort_unstable_by_key(|product| product.id);
        Ok(products)
    }

    async fn of_app(&self, app: AppId, prefix: &str) -> Result<Vec<Attributes>, StoreError> {
        let range = Range::Prefix(prefix.to_owned());
        self.0.query_all(&Ask::new(&self.0.names().apps, keys::app(app).pk, range)).await
    }
}

/// What has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// Apps.
    Apps,
    /// Topics, over all apps.
    Topics,
    /// Products, over all apps.
    Products,
}

impl Numbered {
    const fn name(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Topics => "topics",
            Self::Products => "products",
        }
    }
}

impl AppWriter {
    /// The next number, from 1. Never given twice; a number that is not used after all leaves a gap.
    pub async fn draw(&self, of: Numbered) -> Result<u64, StoreError> {
        let update = Update::default().add("last", 1);
        match self.0.update(&self.0.names().apps, keys::last_id(of.name()), update).await? {
            Updated::Done(item) | Updated::Refused(Some(item)) => Reader::new("last id", &item).number("last"),
            Updated::Refused(None) => Err(StoreError::corrupt("last id", "it was refused")),
        }
    }

    /// Sees to it that numbers up to `number` are not drawn: for what is written with numbers of its own.
    pub async fn reserve(&self, of: Numbered, number: u64) -> Result<(), StoreError> {
        let update = Update::default().set("last", n(number)).when("attribute_not_exists(#last) OR #last < :last");
        self.0.update(&self.0.names().apps, keys::last_id(of.name()), update).await.map(drop)
    }

    /// Writes a new app and lets `token` speak for it. `false`: the number is taken, nothing was changed. A repeat with
    /// the same token is content.
    pub async fn create(&self, profile: &AppProfile, token: &Secret<String>) -> Result<bool, StoreError> {
        let (table, hash) = (&self.0.names().apps, token_hash(token));
        let key = keys::app(profile.app.id);
        let item = Item::keyed(key.pk, key.sk)
            .with("profile", s(json("app", profile)?))
            .with("token_hash", s(&hash))
            .with("rev", n(1));
        if let Put::Refused(Some(item)) = self.0.put_new(table, item.build()).await?
            && Reader::new("app", &item).string("token_hash")? != hash
        {
            return Ok(false);
        }
        let listed = keys::app_listed(profile.app.id);
        self.0.put(table, Item::keyed(listed.pk, listed.sk).with("id", n(profile.app.id)).build()).await?;
        self.0.put_unless_newer(table, token_item(&profile.app, &hash, 1)?, 1).await?;
        Ok(true)
    }

    /// Changes an app; `None` when there is none. `change` may be called more than once. Senders see it with the next
    /// call. A repeat after an error brings everything into line.
    pub async fn edit(&self, app: AppId, change: impl Fn(&mut AppProfile)) -> Result<Option<AppProfile>, StoreError> {
        let table = &self.0.names().apps;
        let mut rounds = Rounds::of("editing an app");
        loop {
            rounds.next().await?;
            let Some(item) = self.0.get(table, keys::app(app), true).await? else { return Ok(None) };
            let reader = Reader::new("app", &item);
            let (mut profile, rev): (AppProfile, u64) = (reader.json("profile")?, reader.number_or("rev", 0)?);
            change(&mut profile);
            profile.app.id = app;
            let update = Update::default().set("profile", s(json("app", &profile)?)).add("rev", 1);
            let update = crate::relations::unchanged(update, rev);
            let Updated::Done(item) = self.0.update(table, keys::app(app), update).await? else { continue };
            let reader = Reader::new("app", &item);
            // Under the token that holds now. Where it is gone meanwhile, whoever reset it writes the copy.
            let copy = Update::default()
                .set("app", s(json("app", &profile.app)?))
                .set("rev", n(rev + 1))
                .when("attribute_exists(#pk) AND (attribute_not_exists(#rev) OR #rev <= :rev)");
            self.0.update(table, keys::app_by_token(reader.string("token_hash")?), copy).await?;
            return Ok(Some(profile));
        }
    }

    /// Lets `token` speak for the app, and no other from the next call on. `false` when there is no such app.
    ///
    /// The profile names the new token and those that are to die; they are deleted, and only then the new one is
    /// written: no moment has two. Whoever died in between left their names, and the next reset deletes them.
    pub async fn reset_token(&self, app: AppId, token: &Secret<String>) -> Result<bool, StoreError> {
        let (table, hash) = (&self.0.names().apps, token_hash(token));
        let mut rounds = Rounds::of("resetting a token");
        loop {
            rounds.next().await?;
            let Some(item) = self.0.get(table, keys::app(app), true).await? else { return Ok(false) };
            let reader = Reader::new("app", &item);
            let rev: u64 = reader.number_or("rev", 0)?;
            let mut dying = reader.texts("dying_hashes")?;
            let current = reader.string("token_hash")?.to_owned();
            if current != hash && !dying.contains(&current) {
                dying.push(current);
            }
            let list = aws_sdk_dynamodb::types::AttributeValue::L(dying.iter().map(s).collect());
            let update = Update::default().set("token_hash", s(&hash)).set("dying_hashes", list).add("rev", 1);
            let update = crate::relations::unchanged(update, rev);
            if !self.0.update(table, keys::app(app), update).await?.is_done() {
                continue;
            }
            for old in &dying {
                self.0.delete(table, keys::app_by_token(old)).await?;
            }
            let profile: AppProfile = reader.json("profile")?;
            self.0.put_unless_newer(table, token_item(&profile.app, &hash, rev + 1)?, rev + 1).await?;
            let done = Update::default().remove("dying_hashes").add("rev", 1);
            let done = crate::relations::unchanged(done, rev + 1);
            if !self.0.update(table, keys::app(app), done).await?.is_done() {
                // Somebody edited it meanwhile, and what stands under the token may be older than the profile; or reset
                // it, and ours must die with the others.
                let now = self.0.get(table, keys::app(app), true).await?;
                let now = now.map(|item| Reader::new("app", &item).string("token_hash").map(str::to_owned));
                if now.transpose()?.as_ref() != Some(&hash) {
                    self.0.delete(table, keys::app_by_token(&hash)).await?;
                }
                self.edit(app, |_| {}).await?;
            }
            return Ok(true);
        }
    }

    /// Writes an app and lets `token` speak for it, whatever stands there: for filling a table that nobody uses yet.
    pub async fn put(&self, profile: &AppProfile, token: &Secret<String>) -> Result<(), StoreError> {
        let (table, hash) = (&self.0.names().apps, token_hash(token));
        let (key, listed) = (keys::app(profile.app.id), keys::app_listed(profile.app.id));
        self.reserve(Numbered::Apps, profile.app.id.get()).await?;
        self.0.put(table, Item::keyed(listed.pk, listed.sk).with("id", n(profile.app.id)).build()).await?;
        let item = Item::keyed(key.pk, key.sk)
            .with("profile", s(json("app", profile)?))
            .with("token_hash", s(&hash))
            .with("rev", n(1));
        self.0.put(table, item.build()).await?;
        self.0.put(table, token_item(&profile.app, &hash, 1)?).await
    }

    /// Writes a topic of `app`, new or changed. The code of its QR picture stays.
    pub async fn put_topic(&self, app: AppId, topic: &Topic) -> Result<(), StoreError> {
        self.reserve(Numbered::Topics, topic.id.get()).await?;
        let update = Update::default().set("topic", s(json("topic", topic)?));
        self.0.update(&self.0.names().apps, keys::topic(app, topic.id), update).await.map(drop)
    }

    /// Writes a product and marks what it sells, so that `verifyPay` means something there. `false`: the number is taken by
    /// another product. A repeat is content.
    pub async fn create_product(&self, product: &Product) -> Result<bool, StoreError> {
        let (table, key) = (&self.0.names().apps, keys::product(product.id));
        let item = Item::keyed(key.pk, key.sk).with("product", s(json("product", product)?)).build();
        if let Put::Refused(Some(item)) = self.0.put_new(table, item).await?
            && Reader::new("product", &item).json::<Product>("product")? != *product
        {
            return Ok(false);
        }
        let listed = keys::app_product(product.app_id, product.id);
        self.0.put(table, Item::keyed(listed.pk, listed.sk).with("id", n(product.id)).build()).await?;
        for followed in &product.resources {
            match *followed {
                Followed::App => self.edit(product.app_id, |profile| profile.app.in_product = true).await.map(drop)?,
                Followed::Topic(id) => {
                    let item = self.0.get(table, keys::topic(product.app_id, id), true).await?;
                    if let Some(item) = item {
                        let topic: Topic = Reader::new("topic", &item).json("topic")?;
                        self.put_topic(product.app_id, &Topic { in_product: true, ..topic }).await?;
                    }
                }
            }
        }
        Ok(true)
    }
}

impl DefaultCodes {
    /// The permanent QR code of the app or of a topic of it; made at the first call. `None` when there is no such app or
    /// topic. Two who ask at once get the same.
    pub async fn of(&self, app: AppId, followed: Followed) -> Result<Option<Code>, StoreError> {
        let table = &self.store.names().apps;
        let key = match followed {
            Followed::App => keys::app(app),
            Followed::Topic(topic) => keys::topic(app, topic),
        };
        let Some(item) = self.store.get(table, key.clone(), true).await? else { return Ok(None) };
        if let Some(code) = read_code(&item)? {
            return Ok(Some(code));
        }
        let code = Code::draw(&mut rand::rng());
        // First, so that no code is shown that leads nowhere. One that nobody is shown does no harm.
        let qr = QrCode { code: code.clone(), app_id: app, followed, extra: None, expires: None };
        self.maker.create(&qr).await?;
        let update = Update::default().set("qr", s(code.as_str()));
        match self.store.update(table, key, update.when("attribute_exists(#pk) AND attribute_not_exists(#qr)")).await? {
            Updated::Done(_) => Ok(Some(code)),
            Updated::Refused(Some(item)) => read_code(&item),
            Updated::Refused(None) => Ok(None),
        }
    }
}

fn read_code(item: &Attributes) -> Result<Option<Code>, StoreError> {
    let text = Reader::new("app", item).optional("qr")?;
    text.map(|text| Code::parse(text).ok_or_else(|| StoreError::corrupt("app", "its QR code has not its form")))
        .transpose()
}

fn token_item(app: &App, hash: &str, rev: u64) -> Result<Attributes, StoreError> {
    let key = keys::app_by_token(hash);
    Ok(Item::keyed(key.pk, key.sk).with("app", s(json("app", app)?)).with("rev", n(rev)).build())
}

/// Tokens that are only compared are kept as SHA-256 in hex: 32 random letters and digits need no salt.
fn token_hash(token: &Secret<String>) -> String {
    keys::hash(token.expose())
}
