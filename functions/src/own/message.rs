//! `$default`, binary `own-message`: something came in on a connection of the WebSocket API.
//!
//! - `login`: signs a device in, and answers as `resume` does.
//! - `resume`: answers `welcome` with the messages that the device was sent and has not acknowledged, within their life.
//! - `ping`: notes that the connection is alive, and answers `pong`.
//! - `ack`: the device has these messages; counted in `mxpush_received`, and answered `acked` once that is done, so a client
//!   that hears nothing says it again.
//!
//! Anything else, and anything before signing in, is answered by an `error` frame and changes nothing. A device that was
//! removed is signed out by its next `resume` or `ping`. At most 20 messages,
//! and 100 KB of them, are offered at a time; `more` says that there are others.
//!
//! A connection that says more than 200 frames in ten seconds is ended, and what it said last is not read. Its client may
//! come back. Ours: API Gateway limits all connections of a stage together, so one could take what is everybody's.

use super::credentials::{CredentialStore, Credentials};
use super::incoming::Incoming;
use futures::future::try_join_all;
use gateway::limiter::Caller;
use gateway::socket::FRAME_VERSION;
use gateway::{ApiError, Context, Function, ProblemKind, SocketReply, SocketRequest, SocketRoute, socket_function};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::{MobileAppId, Owner, TaskId};
use model::own::{HEARTBEAT, MOST_FRAMES, MOST_OFFERS, Offer};
use model::task::{Content, Task};
use provider::own::frame::MessageFrame;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use store::StoreError;
use store::capabilities;
use store::own::{Acked, Connections, Hangup, Waiting, Whose};
use store::statistics::Statistics;
use store::tasks::TaskReader;

capabilities! {
    /// What serving a connection needs.
    pub struct MessageStore {
        credentials: CredentialStore,
        connections: Connections,
        waiting: Waiting,
        tasks: TaskReader,
        statistics: Statistics,
        hangup: Hangup,
    }
}

/// The function.
pub const FUNCTION: Function = socket_function!("own-message", SocketRoute::Message, MessageStore, handle);

/// Bytes of messages in one answer: with its envelope below API Gateway's 128 KB.
const OFFERED_BYTES: usize = 100 * 1024;

async fn handle(context: &Context, store: &MessageStore, request: SocketRequest) -> Result<SocketReply, ApiError> {
    let (connection, now) = (request.on.id.as_str(), context.clock.now());
    if context.limiter.admit(Caller::Connection(connection.to_owned()), MOST_FRAMES, now).is_err() {
        tracing::warn!("a connection said too much and is ended");
        store.hangup.close(connection).await?;
        return Ok(SocketReply::silent());
    }
    match Incoming::read(request.body.as_deref().unwrap_or_default())? {
        Incoming::Login(credentials) => login(context, store, connection, &credentials).await,
        Incoming::Resume => {
            let whose = heard(store, connection, now).await?;
            welcome(store, &whose, now).await
        }
        Incoming::Ping => {
            heard(store, connection, now).await?;
            Ok(SocketReply::frame(&Bare { v: FRAME_VERSION, kind: "pong" }))
        }
        Incoming::Ack(tasks) => {
            let whose = signed_in(store, connection, now).await?;
            try_join_all(tasks.iter().map(|task| acknowledge(store, &whose, *task, now))).await?;
            Ok(SocketReply::frame(&AckedFrame { v: FRAME_VERSION, kind: "acked", task_ids: &tasks }))
        }
    }
}

async fn login(
    context: &Context,
    store: &MessageStore,
    connection: &str,
    credentials: &Credentials,
) -> Result<SocketReply, ApiError> {
    let whose = credentials.check(context, &store.credentials).await?;
    let now = context.clock.now();
    // The same connection may sign in as another device: it is no longer the one before.
    if store.connections.whose(connection, now).await?.is_some_and(|before| before != whose) {
        store.connections.closed(connection, now).await?;
    }
    store.connections.sign_in(connection, &whose, now).await?;
    welcome(store, &whose, now).await
}

async fn signed_in(store: &MessageStore, connection: &str, now: Timestamp) -> Result<Whose, ApiError> {
    store.connections.whose(connection, now).await?.ok_or_else(nobody)
}

fn nobody() -> ApiError {
    let message = "nobody has signed in on this connection; send a `login` first";
    ApiError::problem("own_not_signed_in", ProblemKind::Unauthenticated, message)
}

/// Notes that the connection is alive. A device that was removed meanwhile is signed out on it.
async fn heard(store: &MessageStore, connection: &str, now: Timestamp) -> Result<Whose, ApiError> {
    let whose = signed_in(store, connection, now).await?;
    if !store.credentials.has_still(&whose).await? {
        store.connections.closed(connection, now).await?;
        return Err(nobody());
    }
    store.connections.heard(connection, &whose, now).await?;
    Ok(whose)
}

/// What the device was sent and has not acknowledged.
async fn welcome(store: &MessageStore, whose: &Whose, now: Timestamp) -> Result<SocketReply, ApiError> {
    let device = whose.address.device;
    let (offers, mut more) = store.waiting.offers(&whose.app, device, MOST_OFFERS, now).await?;
    let read = try_join_all(offers.iter().map(|offer| offered(store, whose, offer, now))).await?;
    let (mut messages, mut bytes) = (Vec::new(), 0);
    for message in read.into_iter().flatten() {
        bytes += message.get().len();
        if bytes > OFFERED_BYTES && !messages.is_empty() {
            more = true;
            break;
        }
        messages.push(message);
    }
    let heartbeat_s = HEARTBEAT.as_secs();
    Ok(SocketReply::frame(&Welcome { v: FRAME_VERSION, kind: "welcome", heartbeat_s, messages, more }))
}

/// The frame of a message that is offered again; `None` when the task is gone, and then it is not offered any more.
async fn offered(
    store: &MessageStore,
    whose: &Whose,
    offer: &Offer,
    now: Timestamp,
) -> Result<Option<Box<RawValue>>, ApiError> {
    if let Some(Task { content: Content::Push(push), .. }) = store.tasks.get(offer.task, now).await? {
        let frame = MessageFrame::new(offer.task, &push.notification, offer.silent, offer.hidden);
        let unreadable = |error| ApiError::Internal { code: "store_corrupt", source: Box::new(error) };
        return to_raw_value(&frame).map(Some).map_err(unreadable);
    }
    store.waiting.finish(&whose.app, whose.address.device, offer.task).await?;
    Ok(None)
}

/// Counts an acknowledgement, then notes it: a process that dies in between counts it again, which changes nothing. One of
/// a message that the app never sent is passed over: anybody could fill the table with those.
async fn acknowledge(store: &MessageStore, whose: &Whose, task: TaskId, now: Timestamp) -> Result<(), StoreError> {
    let (app, device) = (&whose.app, whose.address.device);
    let acked = match store.waiting.acknowledge(app, device, task).await? {
        Some(acked) => acked,
        None if is_the_apps(store, app, task, now).await? => {
            store.waiting.acknowledge_early(app, device, task, now).await?
        }
        None => return Ok(()),
    };
    match acked {
        Acked::Sent { batch, expires } => {
            store.statistics.received(batch, ChannelKind::Own, &[whose.address.token()], expires).await?;
            store.waiting.finish(app, device, task).await
        }
        Acked::Early | Acked::Again => Ok(()),
    }
}

/// Whether there is such a task, and the app sent it.
async fn is_the_apps(
    store: &MessageStore,
    app: &MobileAppId,
    task: TaskId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let task = store.tasks.get(task, now).await?;
    Ok(task.is_some_and(|task| matches!(&task.owner, Owner::Mobile(owner) if owner == app)))
}

/// A frame that says only what it is.
#[derive(Serialize)]
struct Bare {
    v: u8,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct AckedFrame<'a> {
    v: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    task_ids: &'a [TaskId],
}

#[derive(Serialize)]
struct Welcome {
    v: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    heartbeat_s: u64,
    messages: Vec<Box<RawValue>>,
    more: bool,
}
