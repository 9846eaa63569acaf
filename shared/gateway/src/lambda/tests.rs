use super::*;
use crate::context::SystemClock;
use crate::event::QueueRecord;
use crate::function::{Family, Method, Route};
use crate::metrics::Metrics;
use store::capabilities;

capabilities! {
    /// These functions need nothing.
    pub(crate) struct NoStore {}
}

async fn stumble(_context: &Context, _store: &NoStore, request: Request) -> Result<Reply, ApiError> {
    assert!(request.raw_query.is_empty(), "a bug that a query brings out");
    Ok(Reply::new(http::StatusCode::NO_CONTENT))
}

async fn work(_context: &Context, _store: &NoStore, _invocation: &Invocation, body: String) -> Result<(), WorkerError> {
    match body.as_str() {
        "good" => Ok(()),
        "early" => Err(WorkerError::NotYet("a test")),
        other => panic!("a bug that `{other}` brings out"),
    }
}

const ENDPOINT: Function =
    crate::http_function!("endpoint", Family::Wxpusher, &[Route::new(Method::Get, "/api/x")], NoStore, stumble);
const WORKER: Function = crate::queue_function!("worker", NoStore, work);

fn context() -> Arc<Context> {
    let environment = |name: &str| name.starts_with("AWS_").then(|| "none".to_owned());
    let config = Config::read(&environment).unwrap();
    Arc::new(Context::with(config, Arc::new(SystemClock), Metrics::counted()))
}

fn invocation() -> Invocation {
    Invocation { request_id: "test".to_owned(), deadline: Instant::now() + Duration::from_secs(1) }
}

#[tokio::test]
async fn a_panic_is_answered_counted_and_survived() {
    let context = context();
    let call = |raw_query: &str| {
        let request = Request { path: "/api/x".to_owned(), raw_query: raw_query.to_owned(), ..Request::default() };
        serve_http(ENDPOINT, context.clone(), invocation(), request)
    };
    let reply = call("bug=1").await;
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status.as_u16(), &body["code"], &body["success"]), (200, &1005.into(), &false.into()));
    assert!(!String::from_utf8_lossy(&reply.body).contains("bug"), "the caller learns nothing of it");
    assert_eq!(context.metrics.counted_under("Panicked{function=endpoint}"), 1);
    assert_eq!(call("").await.status.as_u16(), 204, "the instance goes on");
}

#[tokio::test]
async fn a_panic_fails_the_one_message_it_happened_in() {
    let context = context();
    let record = |body: &str| QueueRecord { message_id: body.to_owned(), body: body.to_owned() };
    let event = QueueEvent { records: ["good", "bad", "early", "good"].map(record).to_vec() };
    let reply = serve_queue(WORKER, context.clone(), invocation(), event).await;
    let failed: Vec<&str> = reply.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect();
    assert_eq!(failed, ["bad", "early"]);
    assert_eq!(context.metrics.counted_under("Panicked"), 1);
    assert_eq!(context.metrics.counted_under("MessageFailed{function=worker,code=not_yet}"), 1);
}

#[tokio::test]
async fn a_function_is_not_served_by_another_trigger() {
    let event = QueueEvent { records: vec![QueueRecord { message_id: "1".to_owned(), body: String::new() }] };
    let reply = serve_queue(ENDPOINT, context(), invocation(), event).await;
    assert_eq!(reply.batch_item_failures.len(), 1, "nothing is acknowledged");
    assert!(serve_schedule(WORKER, context(), invocation(), serde_json::Value::Null).await.is_err());
}
