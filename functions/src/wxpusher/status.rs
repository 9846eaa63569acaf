//! GET /api/send/query/{messageId}, and GET /api/send/query/status as newer SDKs ask: how far a message has come.

use crate::workers::progress::{ProgressStore, of_message};
use gateway::envelope::wxpusher::success_saying;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::ids::MessageId;
use model::inbound::FinishedAs;
use model::record::State;
use model::task::Progress;

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Get, "/api/send/query/{messageId}"), Route::new(Method::Get, "/api/send/query/{messageId}/")];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-status", Family::Wxpusher, ROUTES, ProgressStore, handle);

/// GET /api/send/query/{messageId}, or GET /api/send/query/status?sendRecordId
///
/// The second is how newer SDKs ask. A send record id is a message id, so both answer alike; its path takes the first
/// one's route.
///
/// No token: ids are public by design, and the answer says nothing of the content. Code 1000 with `data` a bare
/// integer: 1 waiting, 2 under way, 3 handed over to WeChat (not: seen), 4 failed, 0 unknown or older than seven days.
/// `msg` is the state in words. Code 1005 when the id is no number.
async fn handle(context: &Context, store: &ProgressStore, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let (name, text) = match request.path_parameter("messageId").trim() {
        "status" => ("sendRecordId", query.get("sendRecordId").unwrap_or_default().trim()),
        text => ("messageId", text),
    };
    let number: i64 = text.parse().map_err(|_| ApiError::unreadable(format!("{name}应为整数")))?;
    let progress = match u64::try_from(number) {
        Ok(number) if number > 0 => of_message(context, store, MessageId::new(number)).await?,
        _ => None,
    };
    let (data, msg) = describe(progress);
    Ok(success_saying(&msg, data))
}

fn describe(progress: Option<Progress>) -> (i32, String) {
    match progress {
        None => (0, "消息不存在".to_owned()),
        Some(Progress::Waiting) => (1, "等待发送".to_owned()),
        Some(Progress::Sending) => (2, "发送中".to_owned()),
        Some(Progress::Sent) => (3, "发送成功".to_owned()),
        Some(Progress::Failed(state)) => (4, format!("发送失败：{}", reason(state))),
        Some(Progress::Undelivered(end)) => (4, format!("发送失败：{}", later_reason(&end))),
    }
}

/// Why WeChat did not deliver what it had accepted.
const fn later_reason(end: &FinishedAs) -> &'static str {
    match end {
        FinishedAs::UserBlocked => "用户拒收",
        FinishedAs::SystemFailed => "微信系统原因，未能送达",
        FinishedAs::FrequencyLimited => "用户接收消息过于频繁",
        FinishedAs::Failed { .. } | FinishedAs::Delivered => "微信未能送达",
    }
}

const fn reason(state: State) -> &'static str {
    match state {
        State::Invalid => "用户未关注公众号",
        State::Suppressed => "用户拒收",
        State::TooLarge => "内容过长",
        State::Config => "公众号配置有误，请联系管理员",
        State::Content => "微信拒绝了该消息",
        State::Expired => "超时未能送达",
        State::Sent | State::Retrying | State::Passed | State::Skipped => "未知原因",
    }
}
