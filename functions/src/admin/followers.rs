//! Who follows an app and its topics: lists, remarks, blocks.

use super::apps::given;
use super::auth::not_found;
use super::call::{Call, Page, PageQuery, optional};
use gateway::ApiError;
use model::follow::{Bond, FollowRecord, Followed, ListFilter};
use model::ids::{AppId, FollowId, TopicId, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a remark.
const REMARK_CHARS: usize = 64;

/// A follow of an app or of a topic of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct FollowerView {
    /// The record id, by which WxPusher's calls remove and block, too.
    id: u64,
    /// Who follows.
    uid: String,
    /// The topic; `null` for the app itself.
    topic: Option<u64>,
    /// Since when, epoch ms.
    since_ms: i64,
    /// The app has blocked the user.
    rejected: bool,
    /// The user has switched messages off.
    muted: bool,
    /// The user is in the official account.
    reachable: bool,
    /// Paid until, epoch ms; 0 when never.
    paid_until_ms: i64,
    /// The owner's note.
    remark: Option<String>,
}

impl From<FollowRecord> for FollowerView {
    fn from(record: FollowRecord) -> Self {
        Self {
            id: record.id.get(),
            uid: record.uid.as_str().to_owned(),
            topic: record.followed.topic().map(model::ids::TopicId::get),
            since_ms: record.created_ms.millis(),
            rejected: record.rejected,
            muted: record.muted,
            reachable: !record.unreachable,
            paid_until_ms: record.pay_end_ms.millis(),
            remark: record.remark,
        }
    }
}

/// Which follows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FollowerQuery {
    /// `next_cursor` of the page before; the first page without.
    cursor: Option<String>,
    /// How many are shown: 1 to 100, default 20.
    limit: Option<u16>,
    /// Only of this user. All of them at once.
    uid: Option<String>,
    /// Only blocked ones, or only others.
    rejected: Option<bool>,
    /// Only follows of topics, or only of the app.
    topics: Option<bool>,
}

/// What a follow is to become. What is left out stays; `null` clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FollowerChange {
    /// The owner's note, at most 64 characters: shown as the user's name in lists.
    #[serde(default, deserialize_with = "given")]
    remark: Option<Option<String>>,
    /// Blocks the user on this follow, or lifts the block.
    rejected: Option<bool>,
}

/// How a user stands to an app and its topics.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct UserView {
    /// Who.
    uid: String,
    /// The app, when the user had anything to do with it, then topics.
    items: Vec<BondView>,
}

/// How a user stands to the app or to a topic of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct BondView {
    /// The topic; `null` for the app itself.
    topic: Option<u64>,
    /// The record id of the follow; `null` when the user does not follow.
    follower: Option<u64>,
    /// The app has blocked the user here.
    rejected: bool,
    /// Paid until, epoch ms; 0 when never.
    paid_until_ms: i64,
}

impl From<Bond> for BondView {
    fn from(bond: Bond) -> Self {
        Self {
            topic: bond.followed.topic().map(TopicId::get),
            follower: bond.follow.map(FollowId::get),
            rejected: bond.rejected,
            paid_until_ms: bond.pay_end_ms.millis(),
        }
    }
}

/// A block, or the end of one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    /// The topic; left out, the app itself.
    topic: Option<u64>,
    /// Whether the user is blocked.
    rejected: bool,
}

/// GET /admin/apps/{app}/followers
pub(super) async fn list(call: Call<'_>, query: FollowerQuery) -> Result<Page<FollowerView>, ApiError> {
    let app = call.app().await?.app.id;
    let pages = PageQuery { cursor: query.cursor, limit: query.limit };
    let (limit, filter) = (pages.limit()?, ListFilter { topic: query.topics, rejected: query.rejected });
    if let Some(uid) = &query.uid {
        let uid = Uid::parse(uid).map_err(|error| ApiError::invalid_field("uid", error.to_string()))?;
        let mut records = call.store.followers.of_user(app, &uid).await?;
        records.retain(|record| filter.admits(model::follow::ListClass::of(record.followed, record.rejected)));
        return Ok(Page { items: records.into_iter().map(FollowerView::from).collect(), next_cursor: None });
    }
    let number = pages.after(|text| text.parse::<u64>().ok().filter(|page| *page > 1))?.unwrap_or(1);
    let now = call.context.clock.now();
    let found = call.store.followers.page(app, filter, number, usize::from(limit), now).await?;
    let more = number.saturating_mul(u64::from(limit)) < found.total;
    Ok(Page {
        items: found.records.into_iter().map(FollowerView::from).collect(),
        next_cursor: more.then(|| (number + 1).to_string()),
    })
}

/// GET /admin/apps/{app}/followers/{follower}
pub(super) async fn get(call: Call<'_>) -> Result<FollowerView, ApiError> {
    let (app, id) = ids(&call)?;
    call.store.followers.by_id(app, id).await?.map(FollowerView::from).ok_or_else(not_found)
}

/// PATCH /admin/apps/{app}/followers/{follower}
pub(super) async fn edit(call: Call<'_>, change: FollowerChange) -> Result<FollowerView, ApiError> {
    let (app, id) = ids(&call)?;
    if let Some(remark) = change.remark {
        let remark = optional("remark", remark, REMARK_CHARS)?;
        if !call.store.following.set_remark(app, id, remark.as_deref()).await? {
            return Err(not_found());
        }
    }
    if let Some(reject) = change.rejected
        && !call.store.following.reject(app, id, reject, call.context.clock.now()).await?
    {
        return Err(not_found());
    }
    get(call).await
}

/// GET /admin/apps/{app}/users/{uid}
pub(super) async fn user(call: Call<'_>) -> Result<UserView, ApiError> {
    let (app, uid) = (AppId::new(call.number("app")?), Uid::parse(call.text("uid")).map_err(|_| not_found())?);
    let bonds = call.store.followers.bonds(app, &uid).await?;
    if bonds.is_empty() {
        return Err(not_found());
    }
    Ok(UserView { uid: uid.as_str().to_owned(), items: bonds.into_iter().map(BondView::from).collect() })
}

/// PATCH /admin/apps/{app}/users/{uid}
///
/// A follow that is removed keeps its block, and has no record id any more by which the block could be lifted.
pub(super) async fn edit_user(call: Call<'_>, change: UserChange) -> Result<UserView, ApiError> {
    let (app, uid) = (AppId::new(call.number("app")?), Uid::parse(call.text("uid")).map_err(|_| not_found())?);
    let followed = change.topic.map_or(Followed::App, |topic| Followed::Topic(TopicId::new(topic)));
    let now = call.context.clock.now();
    if !call.store.following.set_block(app, followed, &uid, change.rejected, now).await? {
        return Err(not_found());
    }
    user(call).await
}

fn ids(call: &Call<'_>) -> Result<(AppId, FollowId), ApiError> {
    Ok((AppId::new(call.number("app")?), FollowId::new(call.number("follower")?)))
}
