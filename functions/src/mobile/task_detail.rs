//! POST /push/task/detail: what tasks came to, channel by channel.

use super::caller::{Caller, CallerStore};
use super::read::Body;
use super::statistics::{CountStore, of_task};
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::envelope::mobile::{parameter, success};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::channel::ChannelKind;
use model::ids::{Owner, TaskId};
use model::task::Task;
use serde_json::{Map, Value, json};
use store::capabilities;
use store::tasks::TaskReader;

capabilities! {
    /// What counting takes.
    pub struct DetailStore {
        callers: CallerStore,
        tasks: TaskReader,
        counts: CountStore,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Post, "/push/task/detail")];

/// The function.
pub const FUNCTION: Function = http_function!("mobile-task-detail", Family::Mobile, ROUTES, DetailStore, handle);

/// Tasks of one call. Ours.
const MOST_TASKS: usize = 100;
/// Tasks that are counted side by side.
const SIDE_BY_SIDE: usize = 8;

/// The channels as the family's statistics call them, in the order of its documentation.
const NAMES: [(&str, ChannelKind); 8] = [
    ("apns", ChannelKind::Apns),
    ("fcm", ChannelKind::Fcm),
    ("flyme", ChannelKind::Meizu),
    ("huawei", ChannelKind::Huawei),
    ("mxpush", ChannelKind::Own),
    ("oppo", ChannelKind::Oppo),
    ("vivo", ChannelKind::Vivo),
    ("xiaomi", ChannelKind::Xiaomi),
];

/// POST /push/task/detail
///
/// Headers `app_id` and `access-token` (the app's admin token). `{"list":[task ids]}`, at most 100; ids may be text of digits.
///
/// `data` has an object per task in the order of the list: `task_id` and, for each of `apns`, `fcm`, `flyme`, `huawei`,
/// `mxpush`, `oppo`, `vivo`, `xiaomi`, how many devices were its `_target`, how many messages it accepted (`_sent`), and how
/// many arrived (`_received`). Ids of nothing, and of other apps' tasks, are left out; tasks are known for seven days.
/// 40000; 10003, 10008; 10010; 12006; 10002.
///
/// Source: the family's documentation (push API). What the counters count is ours, see [`model::statistics`].
async fn handle(context: &Context, store: &DetailStore, request: Request) -> Result<Reply, ApiError> {
    let caller = Caller::of(context, &store.callers, &request).await?;
    let app = caller.sender()?;
    let ids = Body::of(&request)?.object().integers("list")?.ok_or_else(|| parameter("list", "is missing"))?;
    if ids.len() > MOST_TASKS {
        return Err(parameter("list", "holds more than 100 ids"));
    }
    let (owner, now) = (Owner::Mobile(app.id.clone()), context.clock.now());
    let counted = ids.into_iter().filter_map(|id| u64::try_from(id).ok()).map(TaskId::new).map(|id| {
        let owner = &owner;
        async move {
            // Another app's task does not exist either.
            match store.tasks.get(id, now).await?.filter(|task| task.owner == *owner) {
                Some(task) => counters(store, &task).await.map(Some),
                None => Ok::<_, ApiError>(None),
            }
        }
    });
    let counted: Vec<Option<Value>> =
        stream::iter(counted.collect::<Vec<_>>()).buffered(SIDE_BY_SIDE).try_collect().await?;
    Ok(success(counted.into_iter().flatten().collect::<Vec<_>>()))
}

async fn counters(store: &DetailStore, task: &Task) -> Result<Value, ApiError> {
    let counted = of_task(&store.counts, task).await?;
    let mut fields = Map::new();
    for (name, channel) in NAMES {
        let counts = counted.channels.get(&channel).copied().unwrap_or_default();
        fields.insert(format!("{name}_target"), json!(counts.target));
        fields.insert(format!("{name}_sent"), json!(counts.sent));
        fields.insert(format!("{name}_received"), json!(counts.received));
    }
    fields.insert("task_id".to_owned(), json!(task.id));
    Ok(Value::Object(fields))
}
