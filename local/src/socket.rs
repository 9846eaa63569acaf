//! The WebSocket API: what API Gateway's is in the cloud. It holds the connections and knows of no function but by its
//! route.
//!
//! A client connects to [`PATH`] on the API's address. The function of `$connect` decides whether the connection opens;
//! what comes in goes to that of `$default`, and its answer goes back; when the connection has closed, that of
//! `$disconnect` is called. Limits are API Gateway's, and so is what happens at each: a frame of more than 32 KB or a
//! message of more than 128 KB closes the connection with 1009, ten silent minutes or two hours close it with 1001.
//!
//! Like there, `$disconnect` is a try: a stop of this process does not make it.

use crate::aws::{Command, Connections, MAX_MESSAGE_BYTES};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use functions::routes;
use gateway::lambda::serve_socket;
use gateway::socket::Connection;
use gateway::{Context, Function, Invocation, Kind, SocketReply, SocketRequest, SocketRoute};
use http::{HeaderMap, StatusCode};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// Where clients connect: the name of the API's stage.
pub const PATH: &str = "/live";

/// The largest frame that comes in, in bytes (API Gateway quotas).
const MAX_FRAME_BYTES: usize = 32 * 1024;
/// Read buffer of a connection. Small: an idle one holds it for hours.
const READ_BUFFER_BYTES: usize = 2 * 1024;
/// How long a function may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Calls of one function that run at a time, as in the cloud a reserved concurrency would have it. Each function has its own:
/// when thousands connect at once, whoever is connected signs in before the last one is.
const CONCURRENCY: usize = 32;
/// How long a client that takes nothing is waited for.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to answer a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// When a connection is closed that does nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketLimits {
    /// After so long without a message, either way. API Gateway: 10 minutes.
    pub idle: Duration,
    /// After so long in any case. API Gateway: 2 hours.
    pub life: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(600), life: Duration::from_secs(7200) }
    }
}

/// A function, and how often it may run at the same time.
struct Served {
    function: Function,
    permits: Arc<Semaphore>,
}

/// The right to call a function once.
struct Turn {
    function: Function,
    _permit: OwnedSemaphorePermit,
}

/// The API.
pub struct Sockets {
    context: Arc<Context>,
    connections: Arc<Connections>,
    limits: SocketLimits,
    functions: HashMap<SocketRoute, Served>,
    requests: AtomicU64,
    stopping: watch::Receiver<bool>,
}

impl Sockets {
    /// An API over every socket function of the route table.
    pub fn new(
        context: Arc<Context>,
        connections: Arc<Connections>,
        limits: SocketLimits,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let functions = routes::ALL.iter().filter_map(|&function| match function.kind {
            Kind::Socket { route, .. } => {
                Some((route, Served { function, permits: Arc::new(Semaphore::new(CONCURRENCY)) }))
            }
            Kind::Http { .. } | Kind::Queue { .. } | Kind::Schedule { .. } => None,
        });
        Arc::new(Self {
            context,
            connections,
            limits,
            functions: functions.collect(),
            requests: AtomicU64::new(0),
            stopping,
        })
    }

    /// The API as something to serve.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().route(PATH, get(connect)).with_state(Arc::clone(self))
    }

    /// Waits until the function of `route` may run once more. Whoever hangs up meanwhile costs no call.
    async fn turn(&self, route: SocketRoute) -> Option<Turn> {
        let Served { function, permits } = self.functions.get(&route)?;
        Some(Turn { function: *function, _permit: permits.clone().acquire_owned().await.ok()? })
    }

    /// Calls the function of `route` when it is its turn; `None` when it does not answer in time.
    async fn call(&self, route: SocketRoute, request: SocketRequest) -> Option<SocketReply> {
        self.call_now(self.turn(route).await?, request).await
    }

    async fn call_now(&self, turn: Turn, request: SocketRequest) -> Option<SocketReply> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let deadline = std::time::Instant::now() + TIMEOUT;
        let invocation = Invocation { request_id: format!("local-socket-{number}"), deadline };
        timeout(TIMEOUT, serve_socket(turn.function, self.context.clone(), invocation, request)).await.ok()
    }
}

fn request(id: &str) -> SocketRequest {
    SocketRequest { on: Connection { id: id.to_owned() }, ..SocketRequest::default() }
}

/// `$connect`, and then the connection.
async fn connect(State(sockets): State<Arc<Sockets>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let id = Connections::new_id();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let opening = SocketRequest { headers: Some(headers), ..request(&id) };
    let called = {
        let turn = sockets.turn(SocketRoute::Connect).await;
        let Some(turn) = turn else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let sockets = Arc::clone(&sockets);
        // In a task of its own: a client that hangs up does not stop a function half-way.
        tokio::spawn(async move { sockets.call_now(turn, opening).await }).await
    };
    let Ok(Some(reply)) = called else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if !(200..300).contains(&reply.status_code) {
        return StatusCode::from_u16(reply.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    }
    let protocol = reply.headers.get("Sec-WebSocket-Protocol").cloned();
    upgrade
        .protocols(protocol)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .on_upgrade(move |socket| async move {
            let outbox = sockets.connections.open(&id);
            let stopped = hold(&sockets, &id, socket, outbox).await;
            sockets.connections.closed(&id);
            if !stopped {
                drop(sockets.call(SocketRoute::Disconnect, request(&id)).await);
            }
        })
}

/// Until this process stops. An error means that it has.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

/// A function at work on what came in.
type Working = JoinHandle<Option<SocketReply>>;

/// Holds a connection until it ends. Whether it ended because this process does.
async fn hold(sockets: &Arc<Sockets>, id: &str, mut socket: WebSocket, mut outbox: mpsc::Receiver<Command>) -> bool {
    let (limits, mut stopping) = (sockets.limits, sockets.stopping.clone());
    let end = Instant::now() + limits.life;
    let mut deadline = std::pin::pin!(sleep_until((Instant::now() + limits.idle).min(end)));
    let mut working: Option<Working> = None;
    loop {
        let heard = tokio::select! {
            command = outbox.recv() => match command {
                Some(Command::Send(text)) => send(&mut socket, text).await,
                Some(Command::Close) | None => { close(socket, close_code::NORMAL, "").await; return false }
            },
            reply = async { match &mut working { Some(work) => work.await, None => std::future::pending().await } } => {
                working = None;
                match reply.ok().flatten().and_then(|reply| reply.body) {
                    Some(body) => send(&mut socket, body).await,
                    None => true,
                }
            },
            // One message after another: a client that sends faster than it is served waits.
            incoming = socket.recv(), if working.is_none() => match incoming {
                Some(Ok(Message::Text(text))) => { working = Some(work(sockets, id, text.as_str())); true }
                Some(Ok(Message::Binary(data))) => {
                    working = Some(work(sockets, id, &String::from_utf8_lossy(&data)));
                    true
                }
                // Control frames are answered by the library and keep nothing open.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_))) | None => return false,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a connection broke a rule");
                    if error.to_string().contains("too") {
                        close(socket, close_code::SIZE, "message too big").await;
                    }
                    return false;
                }
            },
            () = deadline.as_mut() => { close(socket, close_code::AWAY, "Going away").await; return false }
            () = stopped(&mut stopping) => { close(socket, close_code::AWAY, "Going away").await; return true }
        };
        if !heard {
            return false;
        }
        deadline.as_mut().reset((Instant::now() + limits.idle).min(end));
    }
}

fn work(sockets: &Arc<Sockets>, id: &str, text: &str) -> Working {
    let (sockets, request) = (Arc::clone(sockets), SocketRequest { body: Some(text.to_owned()), ..request(id) });
    tokio::spawn(async move { sockets.call(SocketRoute::Message, request).await })
}

/// Whether the client takes it.
async fn send(socket: &mut WebSocket, text: String) -> bool {
    matches!(timeout(SEND_PATIENCE, socket.send(Message::Text(text.into()))).await, Ok(Ok(())))
}

/// Says why, and waits a moment for the client to say it back.
async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let closing = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    if matches!(timeout(CLOSE_PATIENCE, socket.send(closing)).await, Ok(Ok(()))) {
        drop(timeout(CLOSE_PATIENCE, async { while let Some(Ok(_)) = socket.recv().await {} }).await);
    }
}
