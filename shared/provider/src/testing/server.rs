//! A scripted HTTP/1.1 server on loopback that shows the exact bytes of what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Request line and headers, with their line ends.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The same for a stand-in.
    pub(crate) fn request(&self) -> http::Request<bytes::Bytes> {
        let mut lines = self.head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let method = first.next().unwrap_or_default();
        let mut request = http::Request::builder().method(method).uri(first.next().unwrap_or_default());
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            request = request.header(name, value);
        }
        request.body(self.body.clone().into()).unwrap()
    }
}

/// What the server does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers and keeps the connection.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Answers, and closes the connection a moment later without having said so.
    AnswerThenClose(String),
    /// Closes the connection without a word.
    Drop,
    /// Reads on and says nothing for this long, then closes.
    Hang(Duration),
}

impl Reply {
    pub(crate) fn json(body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/json; encoding=utf-8".to_owned())];
        Self::Answer { status: 200, headers, body: body.into() }
    }

    pub(crate) fn errcode(code: i64) -> Self {
        Self::json(format!(r#"{{"errcode":{code},"errmsg":"text rid: 5f0d1a2b-0a1b2c3d-11223344"}}"#))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    /// What a stand-in answers.
    pub(crate) fn of(answer: &http::Response<bytes::Bytes>) -> Self {
        let headers = [("content-type", &http::header::CONTENT_TYPE), ("retry-after", &http::header::RETRY_AFTER)];
        let given = headers
            .into_iter()
            .filter_map(|(name, header)| Some((name, answer.headers().get(header)?.to_str().ok()?.to_owned())));
        Self::Answer {
            status: answer.status().as_u16(),
            headers: given.collect(),
            body: String::from_utf8(answer.body().to_vec()).unwrap(),
        }
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    hanging: Arc<Hanging>,
}

/// How many requests are being left without an answer, and how many there were at most.
#[derive(Default)]
struct Hanging {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, seen: Arc::default(), connections: Arc::default(), hanging: Arc::default() };
        let (seen, connections, script) = (server.seen.clone(), server.connections.clone(), Arc::new(script));
        let hanging = server.hanging.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, seen.clone(), hanging.clone(), script.clone()));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests came for `path`.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path() == path).count()
    }

    /// Most requests that were left hanging at a time.
    pub(crate) fn most_hanging(&self) -> usize {
        self.hanging.peak.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Seen>>>,
    hanging: Arc<Hanging>,
    script: Arc<impl Fn(&Seen) -> Reply>,
) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let reply = script(&request);
        seen.lock().unwrap().push(request);
        match reply {
            Reply::Answer { status, headers, body } => {
                let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
                // A client may hang up before it has read everything.
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::AnswerThenClose(body) => {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                return;
            }
            Reply::Drop => return,
            Reply::Hang(time) => {
                let now = hanging.now.fetch_add(1, Ordering::SeqCst) + 1;
                hanging.peak.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(time).await;
                hanging.now.fetch_sub(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end + 4].to_vec()).unwrap();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse::<usize>().unwrap());
            while buffer.len() < end + 4 + length {
                if stream.read_buf(buffer).await.ok()? == 0 {
                    return None;
                }
            }
            // Uploads are no text; what tests look at in them is.
            let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
            buffer.drain(..end + 4 + length);
            return Some(Seen { head, body });
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
