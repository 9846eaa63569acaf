//! From the call to the last delivery: the whole product in one process, the vendors in another.

use crate::Failure;
use crate::accept::Use;
use crate::calls::{Call, Caller};
use crate::cloud::{remove_demo_phones, settings, settle_phones};
use crate::prices::{Prices, Used};
use crate::process::{Helper, say};
use crate::vendors::Vendors;
use local::Options;
use model::channel::ChannelKind;
use model::clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Town;
use tokio::io::{AsyncBufReadExt, BufReader};

/// What the whole product used for a push.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Spent {
    /// CPU of the process, AWS's local engines included, s.
    pub cpu_s: f64,
    /// What AWS would charge for the calls, without Lambda's time, dollars.
    pub dollars: f64,
}

/// Runs the product on `folder` with `phones` iPhones of the demo app. `push` on the standard input sends to all of them and is answered
/// once the call is accepted; `spent` is answered with what was used since then.
pub async fn serve(folder: &Path, vendors: &Vendors, phones: u64) -> Result<(), Failure> {
    let options = Options { settings: settings(vendors)?, data: Some(folder.join("aws")), ..Options::for_tests() };
    let town = Town::with(options).await;
    let (store, now) = (town.stack.store(), town.stack.clock().now());
    remove_demo_phones(store).await?;
    settle_phones(town.stack.aws(), store, ChannelKind::Apns, phones, now).await?;
    let caller = Caller::new(town.api.clone(), phones).await?;
    let (prices, mut before) = (Prices::read()?, Use::now());
    say(&json!({}));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "push" {
            town.stack.aws().calls.reset();
            before = Use::now();
            caller.send(Call::MobileAll(ChannelKind::Apns), 1).await?;
            say(&json!({}));
        } else {
            // Pollers that found nothing are not the message's.
            let calls = town.stack.aws().calls.snapshot();
            let polls = |call: &&local::aws::CallStats| call.operation == "ReceiveMessage";
            let empty = calls
                .iter()
                .filter(polls)
                .map(|call| call.figures.count - call.figures.messages.min(call.figures.count));
            let dollars = Used::of(&calls, empty.sum()).bill(&prices).total();
            say(&json!(Spent { cpu_s: Use::now().cpu_s - before.cpu_s, dollars }));
        }
    }
    town.close().await;
    Ok(())
}

/// What a push to so many phones came to.
#[derive(Debug, Clone, Copy)]
pub struct Pushed {
    /// From the call to the last delivery, s.
    pub seconds: f64,
    /// What it took.
    pub spent: Spent,
}

/// What the vendors accepted by now.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Taken {
    /// By Apple.
    pub apns: u64,
}

/// Starts [`serve`] under `arguments` and pushes to its `phones` phones. An error when the last one has nothing within `patience`.
pub async fn measure(
    arguments: &[&str],
    vendors: &mut Helper,
    phones: u64,
    patience: Duration,
) -> Result<Pushed, Failure> {
    let (mut product, _) = Helper::start::<serde_json::Value>(arguments).await?;
    let before: Taken = vendors.ask("accepted").await?;
    let started = Instant::now();
    product.ask::<serde_json::Value>("push").await?;
    loop {
        let taken: Taken = vendors.ask("accepted").await?;
        if taken.apns >= before.apns + phones {
            break;
        }
        if started.elapsed() > patience {
            return Err(format!("{} of {phones} phones after {patience:?}", taken.apns - before.apns).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    // The last records are written after the last answers.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spent = product.ask("spent").await?;
    product.end().await?;
    Ok(Pushed { seconds, spent })
}
