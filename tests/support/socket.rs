//! A client of the WebSocket API, as simple as one can be: it says and hears frames.

use futures::{SinkExt, StreamExt};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a frame is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The answer to the handshake.
    pub opened: Response,
}

impl Socket {
    /// Connects.
    pub async fn open(url: &str) -> Self {
        Self::try_open(url, &[]).await.expect("a connection")
    }

    /// Connects with these headers; `Err` is the status of the refusal.
    pub async fn try_open(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, StatusCode> {
        let mut request = url.into_client_request().expect("an address");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match timeout(PATIENCE, connect_async(request)).await.expect("an answer to the handshake") {
            Ok((stream, opened)) => Ok(Self { stream, opened }),
            Err(Error::Http(refused)) => Err(refused.status()),
            Err(error) => panic!("no connection: {error}"),
        }
    }

    /// Connects and signs in with a push token; the welcome is the second.
    pub async fn device(url: &str, app: &str, push_token: &str) -> (Self, Value) {
        let mut socket = Self::open(url).await;
        let welcome = socket.login(app, push_token).await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        (socket, welcome)
    }

    /// Says text.
    pub async fn say_text(&mut self, text: String) {
        crate::log::keep_out_of(text.as_bytes());
        // A server that has hung up is found out by what is heard.
        drop(self.stream.send(Message::Text(text.into())).await);
    }

    /// Says a frame of version 1.
    pub async fn say(&mut self, mut frame: Value) {
        frame["v"] = json!(1);
        self.say_text(frame.to_string()).await;
    }

    /// Signs in with a push token; what is answered.
    pub async fn login(&mut self, app: &str, push_token: &str) -> Value {
        self.say(json!({ "type": "login", "app_id": app, "push_token": push_token })).await;
        self.hear().await
    }

    /// Acknowledges messages, and waits until that is counted.
    pub async fn acknowledge(&mut self, tasks: &[u64]) {
        self.say(json!({ "type": "ack", "task_ids": tasks })).await;
        let answer = self.hear().await;
        assert_eq!((&answer["type"], &answer["task_ids"]), (&json!("acked"), &json!(tasks)), "{answer}");
    }

    /// The next frame.
    pub async fn hear(&mut self) -> Value {
        self.hear_within(PATIENCE).await.expect("a frame")
    }

    /// The next frame that is a message: its task and the message.
    pub async fn message(&mut self) -> (u64, Value) {
        let frame = self.hear().await;
        assert_eq!((&frame["v"], &frame["type"]), (&json!(1), &json!("message")), "{frame}");
        (frame["task_id"].as_u64().expect("a task"), frame["message"].clone())
    }

    /// The next frame, if one comes in time; `None` also when the connection closes.
    pub async fn hear_within(&mut self, patience: Duration) -> Option<Value> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => break serde_json::from_str(&text).ok(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => break None,
                }
            }
        };
        timeout(patience, next).await.ok().flatten()
    }

    /// Waits until the server closes the connection; the code that it gives, where it gives one.
    pub async fn closed(&mut self) -> Option<u16> {
        let closed = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break None,
                }
            }
        };
        timeout(PATIENCE, closed).await.expect("the connection stays open")
    }

    /// Closes the connection, and waits until the server has noticed.
    pub async fn leave(mut self) {
        drop(self.stream.close(None).await);
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}
