//! GET /api/fun/wxuser/v2: who follows an app and its topics.

use super::sender::authenticate;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::app::App;
use model::follow::{FollowRecord, Followed, ListClass, ListFilter};
use model::ids::{TopicId, Uid};
use model::limits::WXPUSHER_PAGE_SIZE;
use model::wxpusher::{DEFAULT_PAGE_SIZE, PageOf, lenient_page};
use serde::Serialize;
use std::collections::HashMap;
use store::apps::{Senders, TopicNames};
use store::capabilities;
use store::followers::{FollowerPage, Followers};

capabilities! {
    /// What listing needs.
    pub struct UsersV2Store {
        senders: Senders,
        topics: TopicNames,
        followers: Followers,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Get, "/api/fun/wxuser/v2"), Route::new(Method::Get, "/api/fun/wxuser/v2/")];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-users-v2", Family::Wxpusher, ROUTES, UsersV2Store, handle);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FollowReply {
    uid: String,
    app_or_topic_id: u64,
    head_img: &'static str,
    create_time: i64,
    nick_name: String,
    reject: bool,
    id: u64,
    #[serde(rename = "type")]
    kind: u8,
    target: String,
    pay_end_time: i64,
    enable: bool,
}

/// GET /api/fun/wxuser/v2?appToken&page&pageSize&uid&isBlock&type
///
/// A row for every follow, of the app (`type` 0) and of its topics (1), newest first: a user who follows the app and two
/// topics has three. `page` counts from 1 (less is 1); `pageSize` is 10 unless given, 1 to 100, else code 1001. `uid`,
/// `isBlock` and `type` filter, empty ones do not. `total` counts the rows after the filters; `records` is empty past the
/// end. `id` is what remove and reject want; `nickName` the owner's remark; `payEndTime` 0 or the end of the paid period
/// (epoch ms), which may lie in the past; `enable` whether the user takes messages.
///
/// The thousandth page costs what the first costs; see `docs/data.md`.
async fn handle(context: &Context, store: &UsersV2Store, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let (page, size) = (lenient_page(query.integer("page")?), query.integer("pageSize")?);
    let (rejected, kind) = (query.boolean("isBlock")?, query.integer("type")?);
    let app = authenticate(context, &store.senders, query.get("appToken").map(str::to_owned)).await?;
    let size = match size.map(usize::try_from) {
        None => DEFAULT_PAGE_SIZE,
        Some(Ok(size)) if (1..=WXPUSHER_PAGE_SIZE).contains(&size) => size,
        Some(_) => return Err(ApiError::refused("page_size_out_of_range", "pageSize应为1到100")),
    };
    let topic = match kind {
        None => None,
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(_) => return Err(ApiError::refused("follow_type_unknown", "type只能是0或1")),
    };
    let filter = ListFilter { topic, rejected };
    let found = match query.get("uid").map(|uid| Uid::parse(uid.trim())) {
        None => store.followers.page(app.id, filter, page, size, context.clock.now()).await?,
        Some(Err(_)) => FollowerPage::default(),
        Some(Ok(uid)) => {
            let mut records = store.followers.of_user(app.id, &uid).await?;
            records.retain(|record| filter.admits(ListClass::of(record.followed, record.rejected)));
            FollowerPage::of(records, page, size)
        }
    };
    let topics = store.topics.get(app.id, found.records.iter().filter_map(|record| record.followed.topic())).await?;
    let topics: HashMap<TopicId, String> = topics.into_iter().map(|topic| (topic.id, topic.name)).collect();
    let records = found.records.iter().map(|record| reply(record, &app, &topics)).collect();
    Ok(success(PageOf { total: found.total, page, page_size: size, records }))
}

fn reply(record: &FollowRecord, app: &App, topics: &HashMap<TopicId, String>) -> FollowReply {
    let (kind, number, target) = match record.followed {
        Followed::App => (0, app.id.get(), app.name.clone()),
        Followed::Topic(topic) => (1, topic.get(), topics.get(&topic).cloned().unwrap_or_default()),
    };
    FollowReply {
        uid: record.uid.to_string(),
        app_or_topic_id: number,
        head_img: "",
        create_time: record.created_ms.millis(),
        nick_name: record.remark.clone().unwrap_or_default(),
        reject: record.rejected,
        id: record.id.get(),
        kind,
        target,
        pay_end_time: record.pay_end_ms.millis(),
        enable: record.is_enabled(),
    }
}
