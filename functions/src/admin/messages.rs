//! Accepted calls and how far they have come.

use super::auth::not_found;
use super::call::{Call, Page, PageQuery};
use crate::workers::progress::part;
use gateway::ApiError;
use model::ids::{BlockId, MessageId, Owner, TopicId};
use model::record::{State, Tally};
use model::task::{Content, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Blocks of ids looked through for one page: about 2 RU each.
const BLOCKS: u64 = 32;
/// Batches of an unfinished part above which its records are not added up, as in a status query.
const MOST_BATCHES_READ: u32 = 64;

/// An accepted call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct MessageView {
    /// WxPusher's `messageContentId`.
    id: u64,
    /// Who sent it: `app:<id>` or `account:<appid>`.
    owner: String,
    /// When it was accepted, epoch ms.
    accepted_ms: i64,
    /// What its card shows; `null` for a message in WeChat's own words. The content is not shown.
    summary: Option<String>,
    /// How many users it names.
    recipients: u32,
    /// The topics it names.
    topics: Vec<u64>,
    /// Whether nothing more will happen.
    finished: bool,
    /// How many recipients stand how: `sent`, `retrying`, `invalid`, … Whoever was not tried yet is not among them.
    outcomes: BTreeMap<String, u64>,
}

/// Which calls.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageQuery {
    /// `next_cursor` of the page before; the first page without.
    cursor: Option<String>,
    /// How many are shown, about: 1 to 100, default 20.
    limit: Option<u16>,
    /// Only of this app.
    app: Option<u64>,
}

/// GET /admin/messages
///
/// Calls stand by their ids, so a page walks back from the newest id: it may be short, or empty, with more behind it.
pub(super) async fn list(call: Call<'_>, query: MessageQuery) -> Result<Page<MessageView>, ApiError> {
    let pages = PageQuery { cursor: query.cursor, limit: query.limit };
    let limit = usize::from(pages.limit()?);
    let from = match pages.after(|text| text.parse::<u64>().ok())? {
        Some(block) => block,
        None => call.store.head.next_block().await?.get(),
    };
    let now = call.context.clock.now();
    let (mut items, mut block) = (Vec::new(), from);
    while block > 1 && from - block < BLOCKS && items.len() < limit {
        block -= 1;
        let mut tasks = call.store.blocks.block(BlockId::new(block)).await?;
        tasks.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        for (_, task) in tasks {
            let task = task?;
            let wanted = query.app.is_none_or(|app| matches!(&task.owner, Owner::App(id) if id.get() == app));
            if wanted && now < task.expires() {
                items.push(view(&call, &task).await?);
            }
        }
    }
    Ok(Page { items, next_cursor: (block > 1).then(|| block.to_string()) })
}

/// GET /admin/messages/{message}
///
/// The id of a target, or of the call itself.
pub(super) async fn get(call: Call<'_>) -> Result<MessageView, ApiError> {
    let (id, now) = (call.number("message")?, call.context.clock.now());
    let task = match call.store.tasks.of_message(MessageId::new(id), now).await? {
        Some(task) => Some(task),
        None => call.store.tasks.get(model::ids::TaskId::new(id), now).await?,
    };
    view(&call, &task.ok_or_else(not_found)?).await
}

async fn view(call: &Call<'_>, task: &Task) -> Result<MessageView, ApiError> {
    let (mut finished, mut tally) = (true, Tally::default());
    for of in task.parts() {
        let state = part(&call.store.plans, &call.store.records, task, of, MOST_BATCHES_READ).await?;
        finished &= state.finished;
        tally.add_all(&state.tally);
    }
    let outcomes = State::ALL.into_iter().filter(|&state| tally.of(state) > 0);
    Ok(MessageView {
        id: task.id.get(),
        owner: match &task.owner {
            Owner::App(app) => format!("app:{app}"),
            Owner::Account(account) => format!("account:{account}"),
            Owner::Mobile(app) => format!("mobile:{app}"),
            Owner::Enterprise(ecode) => format!("enterprise:{ecode}"),
        },
        accepted_ms: task.accepted_ms.millis(),
        summary: match &task.content {
            Content::Page(page) => Some(page.summary.clone()),
            Content::Wechat(_) | Content::Service(_) => None,
            Content::Push(push) => Some(push.notification.title.clone()),
        },
        recipients: task.direct_count,
        topics: task.topics.iter().map(|topic| topic.topic_id).map(TopicId::get).collect(),
        finished,
        outcomes: outcomes.map(|state| (state.label().to_owned(), tally.of(state))).collect(),
    })
}
