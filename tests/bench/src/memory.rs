//! How large a worker becomes: fan-out in a process of its own, which is given the queue messages of a push to everybody.
//!
//! (`deliver` says the same of itself where its speed is measured.)

use crate::Failure;
use crate::accept::{Address, Use};
use crate::calls::{Call, Caller};
use crate::cloud::Cloud;
use crate::process::{Helper, listen, say};
use functions::routes;
use gateway::Invocation;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::Client;

/// The function's timeout in `template.yaml`: what is not done by then goes on in the next invocation.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Fans out. A line is a list of queue messages of one invocation; it is answered with what the process used by then.
pub async fn serve(cloud: &Cloud) -> Result<(), Failure> {
    let (context, fanout) = (cloud.context()?, routes::by_name("fanout").ok_or("there is no fanout")?);
    say(&json!(Use::now()));
    listen(|line| {
        let context = context.clone();
        async move {
            let bodies: Vec<String> = serde_json::from_str(&line).unwrap_or_default();
            let records = bodies.into_iter().zip(0..);
            let records = records.map(|(body, n)| QueueRecord { message_id: format!("{n}"), body });
            let event = QueueEvent { records: records.collect() };
            let invocation = Invocation { request_id: "bench".to_owned(), deadline: Instant::now() + TIMEOUT };
            let reply = serve_queue(fanout, context, invocation, event).await;
            if reply.batch_item_failures.is_empty() { json!(Use::now()) } else { Value::Null }
        }
    })
    .await
}

/// Pushes to everybody through `address` and fans out in a process of its own; what that process used.
pub async fn measure(file: &str, cloud: &mut Helper, address: &Address, phones: u64) -> Result<Use, Failure> {
    let caller = Caller::new(Client::new(&address.url), phones).await?;
    let (mut fanout, before) = Helper::start::<Use>(&["fanout", "--cloud", file]).await?;
    caller.send(Call::MobileAll(ChannelKind::Apns), 1).await?;
    let mut used = before;
    loop {
        let bodies: Vec<String> = cloud.ask("take TasksQueue").await?;
        if bodies.is_empty() {
            break;
        }
        let done: Option<Use> = fanout.ask(&serde_json::to_string(&bodies)?).await?;
        used = done.ok_or("fan-out failed")?;
    }
    fanout.end().await?;
    Ok(Use { cpu_s: used.cpu_s - before.cpu_s, ..used })
}
