//! Connections of both protocols to any number of hosts.

use super::client::{HttpSettings, has_slept};
use super::connect::Connector;
use super::connection::{PING_INTERVAL, PING_TIMEOUT};
use super::guard::Forbidden;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The connections, and what it takes to make others.
pub(super) struct Pool {
    connector: Connector,
    idle_timeout: Duration,
    dated: Mutex<Dated>,
}

/// Connections and when they were last used, by the wall clock.
struct Dated {
    client: Client<Connector, Full<Bytes>>,
    used: SystemTime,
}

impl Pool {
    pub(super) fn new(settings: &HttpSettings, connector: Connector) -> Self {
        let idle_timeout = settings.idle_timeout;
        let dated = Dated { client: client(&connector, idle_timeout), used: SystemTime::now() };
        Self { connector, idle_timeout, dated: Mutex::new(dated) }
    }

    /// Takes all connections out of use: the next request makes a new one, requests under way end on theirs.
    pub(super) fn reconnect(&self) {
        self.dated().client = client(&self.connector, self.idle_timeout);
    }

    /// Sends. `given` says in the end, also when this is cut off, whether a connection had the request: otherwise nothing of
    /// it was written.
    pub(super) async fn request(
        &self,
        mut request: Request<Full<Bytes>>,
        given: &AtomicBool,
    ) -> Result<Response<Incoming>, ClientError> {
        let _noting = Noting { captured: capture_connection(&mut request), given };
        self.client().request(request).await
    }

    /// Notes that a connection was alive a moment ago.
    pub(super) fn touch(&self) {
        self.dated().used = SystemTime::now();
    }

    /// The connections, or none yet when these have slept for too long.
    fn client(&self) -> Client<Connector, Full<Bytes>> {
        let mut dated = self.dated();
        let now = SystemTime::now();
        if has_slept(dated.used, now, self.idle_timeout) {
            dated.client = client(&self.connector, self.idle_timeout);
        }
        dated.used = now;
        dated.client.clone()
    }

    fn dated(&self) -> MutexGuard<'_, Dated> {
        self.dated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says when a request ends whether a connection had it.
struct Noting<'a> {
    captured: CaptureConnection,
    given: &'a AtomicBool,
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        self.given.store(self.captured.connection_metadata().is_some(), Ordering::Relaxed);
    }
}

fn client(connector: &Connector, idle_timeout: Duration) -> Client<Connector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle_timeout)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .retry_canceled_requests(true)
        .build(connector.clone())
}

/// Whether the guard forbade the address.
pub(super) fn is_forbidden(error: &ClientError) -> bool {
    chain(error).any(|cause| cause.is::<Forbidden>())
}

/// Whether it is certain that the server has not processed the request, and will not.
pub(super) fn is_unsent(error: &ClientError) -> bool {
    // hyper calls "canceled" what the connection gave back unwritten.
    let handed_back =
        |cause: &(dyn Error + 'static)| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
    error.is_connect() || chain(error).any(|cause| handed_back(cause) || was_turned_away(cause))
}

/// Whether an HTTP/2 server said that it has not processed, and will not process, the request: its GOAWAY names an earlier
/// stream as the last one it saw to, or it refused the stream (RFC 9113, sections 6.8 and 8.7).
fn was_turned_away(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<h2::Error>().is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (error.is_go_away() || is_refused)
    })
}

fn chain<'a>(error: &'a ClientError) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let outermost: &'a (dyn Error + 'static) = error;
    std::iter::successors(Some(outermost), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Trust;
    use crate::http::connect::Connector;
    use crate::testing::server::{Reply, Server};

    /// The connection itself is seconds old by the process's own clock, which may stand still while it is frozen.
    #[tokio::test]
    async fn the_wall_clock_tells_that_a_pool_has_slept() {
        let server = Server::start(|_| Reply::json("{}")).await;
        let settings = HttpSettings::default();
        let pool = Pool::new(&settings, Connector::new(settings.connect_timeout, None, Trust::default()));
        let minute = Duration::from_secs(60);
        let now = SystemTime::now();
        for (used, connections) in [(now, 1), (now, 1), (now - minute, 2), (now + minute, 3)] {
            pool.dated().used = used;
            let request = Request::get(server.url("/")).body(Full::default()).unwrap();
            pool.request(request, &AtomicBool::new(false)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(server.connections(), connections, "{used:?}");
        }
    }
}
