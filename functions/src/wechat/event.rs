//! GET and POST /wechat/callback/{account}: what WeChat tells us.

use super::inbound::{InboundStore, act, is_to_be_done};
use futures::future::{Either, select};
use gateway::error::causes;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::{StatusCode, header};
use model::account::WechatAccount;
use model::clock::Timestamp;
use model::ids::AccountId;
use provider::wechat_event::{Call, Keys, PassiveReply, Query, Refused, is_address_check, read};
use std::pin::pin;
use std::time::Duration;
use store::accounts::Accounts;
use store::capabilities;
use store::inbound::InboundQueue;
use tokio::time::error::Elapsed;
use tracing::warn;

capabilities! {
    /// What it takes to hear WeChat.
    pub struct EventStore {
        accounts: Accounts,
        queue: InboundQueue,
        inbound: InboundStore,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Get, "/wechat/callback/{account}"), Route::new(Method::Post, "/wechat/callback/{account}")];

/// The function.
pub const FUNCTION: Function = http_function!("wechat-event", Family::WechatEvent, ROUTES, EventStore, handle);

/// How long doing what an event asks for may take. WeChat waits for 5 seconds.
const PATIENCE: Duration = Duration::from_millis(3_500);
/// How long the queue's copy of an event rests: when it arrives, the event is done, or whoever was doing it died.
const COPY_RESTS: Duration = Duration::from_secs(10);

/// GET /wechat/callback/{account}, POST /wechat/callback/{account}
///
/// `account` is the appid. GET is WeChat's check of the address: 200 with `echostr`, or 403 with nothing.
///
/// POST is a message or an event: signed, in plain, compatible or safe mode, XML or JSON, at most 64 KB. 200 with
/// `success`, or with what the person is to read. 403 when it is not believed (signature, key, mode, account, a clock ten
/// minutes off), 400 when it cannot be read.
///
/// The event is put on the queue and done side by side. When it is done in time the person is answered; when not, or when
/// this process dies, the queue's copy has it done. 500, upon which WeChat repeats, only when the event is neither done
/// nor on the queue. What needs nothing from us, such as "delivered", costs no call.
///
/// Source: WeChat's pages "Access Guide", "Receiving messages", "Passive user reply", "Message encryption".
async fn handle(context: &Context, store: &EventStore, request: Request) -> Result<Reply, ApiError> {
    let id = AccountId::new(request.path_parameter("account"));
    let query = request.query();
    let value = |name: &str| query.get(name).unwrap_or_default();
    let signed = Query {
        signature: value("signature"),
        timestamp: value("timestamp"),
        nonce: value("nonce"),
        encrypt_type: value("encrypt_type"),
        msg_signature: value("msg_signature"),
    };
    if request.method == http::Method::GET {
        // Rare, and made right after the console's settings were changed: nothing remembered will do.
        let account = fresh(context, store, &id).await?;
        let callback = account.callback.as_ref().ok_or_else(unknown)?;
        return match is_address_check(&callback.token, &signed) {
            true => Ok(plain(value("echostr").to_owned())),
            false => Err(refused(&Refused::Signature("signature"))),
        };
    }
    let call = hear(context, store, &id, &signed, &request.body).await?;
    let reply = do_in_time(context, store, &id, &call).await?;
    Ok(answer(context, &call, reply))
}

/// Reads a call under the account's keys: those remembered, and, when they do not fit, those of this moment.
async fn hear(
    context: &Context,
    store: &EventStore,
    id: &AccountId,
    query: &Query<'_>,
    body: &[u8],
) -> Result<Call, ApiError> {
    let now = context.clock.now();
    let read_as = |account: &WechatAccount| match &account.callback {
        Some(callback) => Ok(read(&Keys::new(id, callback), query, body, now)),
        None => Err(unknown()),
    };
    if let Some(account) = context.accounts.get(id, now)
        && let Ok(call) = read_as(&account)?
    {
        return Ok(call);
    }
    read_as(&fresh(context, store, id).await?)?.map_err(|cause| refused(&cause))
}

async fn fresh(context: &Context, store: &EventStore, id: &AccountId) -> Result<WechatAccount, ApiError> {
    let account = store.accounts.get(id).await?.ok_or_else(unknown)?;
    context.accounts.put(id.clone(), account.clone(), context.clock.now());
    Ok(account)
}

/// Does what the event asks for, or has it done later. What the person is answered, if anything.
async fn do_in_time(
    context: &Context,
    store: &EventStore,
    id: &AccountId,
    call: &Call,
) -> Result<Option<String>, ApiError> {
    let inbound = &call.inbound;
    if !is_to_be_done(inbound) {
        return Ok(None);
    }
    let kept = pin!(tokio::time::timeout(PATIENCE, store.queue.keep(id, inbound, COPY_RESTS)));
    let done = pin!(tokio::time::timeout(PATIENCE, act(context, &store.inbound, id, inbound)));
    // Once it is done, its copy is not waited for.
    let (done, kept) = match select(done, kept).await {
        Either::Left((Ok(Ok(reply)), _)) => return Ok(reply),
        Either::Left((late, kept)) => (late, kept.await),
        Either::Right((kept, done)) => (done.await, kept),
    };
    let what = inbound.what.label();
    match (done, kept) {
        (Ok(Ok(reply)), Ok(Ok(()))) => Ok(reply),
        (Ok(Ok(reply)), unkept) => {
            // Tolerated: it is done, and its copy was for the case that it would not be.
            let cause = said(unkept);
            warn!(account = %id, what, cause, "what WeChat told is done, and its copy could not be put on the queue");
            Ok(reply)
        }
        (late, Ok(Ok(()))) => {
            let cause = said(late);
            warn!(account = %id, what, cause, "what WeChat told will be done from the queue");
            Ok(None)
        }
        (_, Ok(Err(cause))) => Err(cause.into()),
        (_, Err(elapsed)) => Err(ApiError::Internal { code: "store_unavailable", source: Box::new(elapsed) }),
    }
}

/// Why something was not done.
fn said<T>(outcome: Result<Result<T, store::StoreError>, Elapsed>) -> String {
    match outcome {
        Ok(done) => done.err().map(|error| causes(&error)).unwrap_or_default(),
        Err(_) => "it took too long".to_owned(),
    }
}

fn answer(context: &Context, call: &Call, reply: Option<String>) -> Reply {
    let reply = reply.map(PassiveReply::Text);
    let body = call.reply(reply.as_ref(), now(context), rand::random(), rand::random());
    let mut answer = Reply::new(StatusCode::OK).header(header::CONTENT_TYPE, call.content_type(reply.is_some()));
    answer.body = body.into();
    answer
}

fn now(context: &Context) -> Timestamp {
    context.clock.now()
}

fn plain(text: String) -> Reply {
    let mut reply = Reply::new(StatusCode::OK).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply.body = text.into();
    reply
}

/// An appid that we do not serve is refused like a wrong signature, so nobody learns which ones we serve.
fn unknown() -> ApiError {
    ApiError::refused("wechat_unsigned", "no such account, or WeChat is not set up to call us for it")
}

fn refused(cause: &Refused) -> ApiError {
    match cause {
        Refused::Body(cause) => ApiError::unreadable(cause.to_string()),
        Refused::Signature(_) | Refused::Stale => ApiError::refused("wechat_unsigned", cause.to_string()),
        Refused::NotEncrypted | Refused::Undecipherable | Refused::OtherAccount => {
            ApiError::refused("wechat_not_for_us", cause.to_string())
        }
    }
}
