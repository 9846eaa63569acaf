//! Topics of an app.

use super::apps::{QrView, qr_view};
use super::auth::not_found;
use super::call::{Call, named};
use gateway::ApiError;
use model::app::Topic;
use model::follow::Followed;
use model::ids::{AppId, TopicId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::apps::Numbered;

/// Characters of a topic's name.
const NAME_CHARS: usize = 64;

/// A topic.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TopicView {
    /// The topic's number, unique over all apps.
    id: u64,
    /// Shown in lists.
    name: String,
    /// Whether the topic belongs to a product, so that paying means something.
    in_product: bool,
}

impl From<Topic> for TopicView {
    fn from(topic: Topic) -> Self {
        Self { id: topic.id.get(), name: topic.name, in_product: topic.in_product }
    }
}

/// The topics of an app, by number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TopicList {
    items: Vec<TopicView>,
}

/// A topic to be created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTopic {
    /// 1 to 64 characters.
    name: String,
}

/// What a topic is to become.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicChange {
    /// 1 to 64 characters.
    name: String,
}

/// GET /admin/apps/{app}/topics
pub(super) async fn list(call: Call<'_>) -> Result<TopicList, ApiError> {
    let app = call.app().await?.app.id;
    let topics = call.store.app_lists.topics(app).await?;
    Ok(TopicList { items: topics.into_iter().map(TopicView::from).collect() })
}

/// POST /admin/apps/{app}/topics
pub(super) async fn create(call: Call<'_>, new: NewTopic) -> Result<TopicView, ApiError> {
    let app = call.app().await?.app.id;
    let name = named("name", &new.name, NAME_CHARS)?;
    let id = TopicId::new(call.store.app_writer.draw(Numbered::Topics).await?);
    let topic = Topic { id, name, in_product: false, shards: 1 };
    call.store.app_writer.put_topic(app, &topic).await?;
    Ok(topic.into())
}

/// PATCH /admin/apps/{app}/topics/{topic}
pub(super) async fn edit(call: Call<'_>, change: TopicChange) -> Result<TopicView, ApiError> {
    let (app, topic) = (AppId::new(call.number("app")?), TopicId::new(call.number("topic")?));
    let name = named("name", &change.name, NAME_CHARS)?;
    let topic = call.store.topics.get(app, topic).await?.ok_or_else(not_found)?;
    let topic = Topic { name, ..topic };
    call.store.app_writer.put_topic(app, &topic).await?;
    Ok(topic.into())
}

/// GET /admin/apps/{app}/topics/{topic}/qrcode
pub(super) async fn qrcode(call: Call<'_>) -> Result<QrView, ApiError> {
    let (app, topic) = (AppId::new(call.number("app")?), TopicId::new(call.number("topic")?));
    let code = call.store.codes.of(app, Followed::Topic(topic)).await?.ok_or_else(not_found)?;
    qr_view(&call, &code)
}
