//! The function that waking is measured against: what `cargo lambda new --http` writes, answering a fixed text.

use lambda_http::{Error, Request, Response, run, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(async |_: Request| Ok::<_, Error>(Response::new("Hello".to_owned())))).await
}
