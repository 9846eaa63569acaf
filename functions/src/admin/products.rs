//! Products of an app, and what was paid for them.

use super::auth::not_found;
use super::call::{Call, conflict, named};
use crate::workers::callback::tell;
use gateway::ApiError;
use model::app::{AppProfile, Product};
use model::callback::{AppSubscribe, CallbackEvent, OrderPay};
use model::clock::Timestamp;
use model::follow::{Followed, Source};
use model::ids::{ProductId, TopicId, Uid};
use model::payment::{Trade, TradeKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::apps::Numbered;
use store::payments::Recorded;

const NAME_CHARS: usize = 64;
const TEXT_CHARS: usize = 10_000;
/// Topics of one product.
const MOST_TOPICS: usize = 20;
/// A trade number: 27 digits at WeChat; others may be longer.
const TRADE_NO_CHARS: usize = 64;
/// The longest a purchase pays for: 100 years keep times in range.
const MOST_MS: u64 = 100 * 366 * 86_400_000;
/// The largest amount: 2^53 fen.
const MOST_FEN: u64 = 1 << 53;

/// A product.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ProductView {
    /// The product's number, unique over all apps.
    id: u64,
    /// Its name.
    name: String,
    /// Contact after the sale.
    contact: String,
    /// One line.
    summary: String,
    /// What is sold.
    description: String,
    /// A purchase pays for the app's direct messages.
    app: bool,
    /// The topics that a purchase pays for.
    topics: Vec<u64>,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.get(),
            name: product.name,
            contact: product.contact,
            summary: product.summary,
            description: product.description,
            app: product.resources.contains(&Followed::App),
            topics: product.resources.iter().filter_map(|followed| followed.topic()).map(TopicId::get).collect(),
        }
    }
}

/// The products of an app, by number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ProductList {
    items: Vec<ProductView>,
}

/// A product to be created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProduct {
    /// 1 to 64 characters.
    name: String,
    /// 1 to 64 characters.
    contact: String,
    /// 1 to 64 characters.
    summary: String,
    /// 1 to 10,000 characters.
    description: String,
    /// Whether a purchase pays for the app's direct messages.
    #[serde(default)]
    app: bool,
    /// Topics of the app that a purchase pays for, at most 20.
    #[serde(default)]
    topics: Vec<u64>,
}

/// A payment or a refund.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTrade {
    /// Who paid, or was paid back.
    uid: String,
    /// The number of the trade, as in the user's bill: 1 to 64 characters. A number is recorded once per kind.
    trade_no: String,
    /// By how much the paid time grows, or shrinks for a refund, ms; not negative.
    add_time_ms: u64,
    /// Fen; not negative.
    amount_fen: u64,
    /// When the order was made, epoch ms; now, when left out. A repeat keeps the first one's.
    create_time_ms: Option<i64>,
}

/// What became of a trade.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TradeView {
    /// `false`: it was recorded before; nothing was done.
    applied: bool,
    /// Until when the user has paid now, for each thing that the product pays for.
    paid: Vec<PaidView>,
}

/// Until when something is paid for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PaidView {
    /// The topic; `null` for the app.
    topic: Option<u64>,
    /// Epoch ms; 0 when never paid.
    until_ms: i64,
}

/// GET /admin/apps/{app}/products
pub(super) async fn list(call: Call<'_>) -> Result<ProductList, ApiError> {
    let app = call.app().await?.app.id;
    let products = call.store.app_lists.products(app).await?;
    Ok(ProductList { items: products.into_iter().map(ProductView::from).collect() })
}

/// POST /admin/apps/{app}/products
pub(super) async fn create(call: Call<'_>, new: NewProduct) -> Result<ProductView, ApiError> {
    let app = call.app().await?.app.id;
    let (name, contact) = (named("name", &new.name, NAME_CHARS)?, named("contact", &new.contact, NAME_CHARS)?);
    let summary = named("summary", &new.summary, NAME_CHARS)?;
    let description = named("description", &new.description, TEXT_CHARS)?;
    if new.topics.len() > MOST_TOPICS {
        return Err(ApiError::invalid_field("topics", format!("more than {MOST_TOPICS} topics")));
    }
    let mut resources: Vec<Followed> = new.app.then_some(Followed::App).into_iter().collect();
    for (at, topic) in new.topics.iter().enumerate() {
        let topic = TopicId::new(*topic);
        if call.store.topics.get(app, topic).await?.is_none() {
            return Err(ApiError::invalid_field(format!("topics[{at}]"), "the app has no such topic"));
        }
        if !resources.contains(&Followed::Topic(topic)) {
            resources.push(Followed::Topic(topic));
        }
    }
    if resources.is_empty() {
        return Err(ApiError::invalid_field("topics", "the product pays for nothing: set `app`, or name a topic"));
    }
    let id = ProductId::new(call.store.app_writer.draw(Numbered::Products).await?);
    let product = Product { id, app_id: app, name, contact, summary, description, resources };
    if call.store.app_writer.create_product(&product).await? {
        Ok(product.into())
    } else {
        Err(conflict("number_taken", "the next number of products is taken; try again"))
    }
}

/// POST /admin/apps/{app}/products/{product}/purchases
pub(super) async fn purchase(call: Call<'_>, new: NewTrade) -> Result<TradeView, ApiError> {
    record(call, new, TradeKind::Purchase).await
}

/// POST /admin/apps/{app}/products/{product}/refunds
pub(super) async fn refund(call: Call<'_>, new: NewTrade) -> Result<TradeView, ApiError> {
    record(call, new, TradeKind::Refund).await
}

/// Records a trade, then its callbacks, then says that it is finished: a repeat after a crash does what is missing, and
/// one after the end does nothing. The paid time has moved before the developer is told.
async fn record(call: Call<'_>, new: NewTrade, kind: TradeKind) -> Result<TradeView, ApiError> {
    let profile = call.app().await?;
    let product = ProductId::new(call.number("product")?);
    let product = call.store.apps.product(product).await?.filter(|product| product.app_id == profile.app.id);
    let product = product.ok_or_else(not_found)?;
    let trade = trade(&call, &product, new, kind)?;
    let now = call.context.clock.now();
    let applied = match call.store.payments.record(&trade, &product, now).await? {
        Recorded::Applied { trade: recorded, followed_app } => {
            if !is_same(&recorded, &trade) {
                return Err(conflict("trade_differs", "this trade number was recorded with other contents"));
            }
            tell_developer(&call, &profile, &recorded, followed_app.is_some()).await?;
            call.store.payments.finish(&recorded).await?;
            true
        }
        Recorded::Already => false,
        Recorded::Blocked => {
            return Err(conflict("buyer_blocked", "the app has blocked the user; nothing was recorded"));
        }
        Recorded::NoSuchPerson => return Err(ApiError::invalid_field("uid", "nobody has this UID")),
    };
    let mut paid = Vec::new();
    for &followed in &product.resources {
        let until = call.store.pay_ends.get(profile.app.id, followed, &trade.uid).await?;
        paid.push(PaidView { topic: followed.topic().map(TopicId::get), until_ms: until.millis() });
    }
    Ok(TradeView { applied, paid })
}

fn trade(call: &Call<'_>, product: &Product, new: NewTrade, kind: TradeKind) -> Result<Trade, ApiError> {
    let trade_no = named("trade_no", &new.trade_no, TRADE_NO_CHARS)?;
    if !trade_no.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(ApiError::invalid_field("trade_no", "it holds other characters than letters, digits, `-` and `_`"));
    }
    if new.add_time_ms > MOST_MS {
        return Err(ApiError::invalid_field("add_time_ms", "it is more than 100 years"));
    }
    if new.amount_fen > MOST_FEN {
        return Err(ApiError::invalid_field("amount_fen", "it is too large"));
    }
    let now = call.context.clock.now();
    let at = new.create_time_ms.map_or(now, Timestamp::from_millis);
    if at.millis() < 0 || at > now.plus(Duration::from_secs(86_400)) {
        return Err(ApiError::invalid_field("create_time_ms", "it is not a moment of the past, in epoch ms"));
    }
    Ok(Trade {
        trade_no,
        kind,
        app_id: product.app_id,
        product: product.id,
        uid: Uid::parse(&new.uid).map_err(|error| ApiError::invalid_field("uid", error.to_string()))?,
        period: Duration::from_millis(new.add_time_ms),
        amount_fen: new.amount_fen,
        at,
    })
}

/// Whether two trades of one number say the same; a repeat may have been sent at another time.
fn is_same(one: &Trade, other: &Trade) -> bool {
    *one == Trade { at: one.at, ..other.clone() }
}

async fn tell_developer(
    call: &Call<'_>,
    profile: &AppProfile,
    trade: &Trade,
    follows_now: bool,
) -> Result<(), ApiError> {
    if profile.callback_url.is_none() {
        return Ok(());
    }
    let key = format!("order:{}", trade.key());
    let app = profile.app.id;
    if follows_now {
        let event = CallbackEvent::AppSubscribe(AppSubscribe {
            app_id: app,
            app_key: profile.key.clone(),
            app_name: profile.app.name.clone(),
            source: Source::Order,
            user_name: String::new(),
            user_head_img: String::new(),
            time: trade.at,
            uid: trade.uid.clone(),
            extra: String::new(),
        });
        tell(call.context, &call.store.callbacks, app, &event, trade.at, &key).await?;
    }
    let event = CallbackEvent::OrderPay(OrderPay::from(trade));
    tell(call.context, &call.store.callbacks, app, &event, trade.at, &key).await?;
    Ok(())
}
