//! POST /receipt/{channel}/{secret}: what phone vendors report later, and what apps acknowledge.
//!
//! A report is believed because it came to an address that only the vendor was given, because of the vendor's own proof where
//! there is one, and because it brings back a parameter that only we can have made, which names its batch. What is not
//! believed changes nothing. What is believed may come any number of times: arrivals are a set, and a dead token is dead once.

use crate::workers::deliver::phone_account;
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::function::Family;
use gateway::metrics::Metric;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::{StatusCode, header};
use model::batch::BatchId;
use model::certificate::{Certificate, Environment, Provider, Scope};
use model::channel::ChannelKind;
use model::ids::{DeviceToken, MobileAppId, Owner};
use model::limits::REQUEST_BODY_BYTES;
use provider::vendor::receipt::{Event, ReceiptError, ReceiptSigner, Report};
use provider::{huawei, meizu, oppo, vivo, xiaomi};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::capabilities;
use store::certificates::{Certificates, ReceiptAddresses};
use store::devices::{DeadTokens, UserReader};
use store::statistics::Statistics;
use store::tasks::TaskReader;
use tracing::{info, warn};

capabilities! {
    /// What it takes to believe a receipt and to act on it.
    pub struct ReceiptStore {
        addresses: ReceiptAddresses,
        certificates: Certificates,
        users: UserReader,
        tasks: TaskReader,
        statistics: Statistics,
        dead: DeadTokens,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Post, "/receipt/{channel}/{secret}")];

/// The function.
pub const FUNCTION: Function = http_function!("receipt", Family::WechatEvent, ROUTES, ReceiptStore, handle);

/// Deliveries that one call may report; vendors put at most 1,000 into one. Ours.
const MOST_REPORTS: usize = 5000;
/// Dead tokens that are forgotten side by side.
const SIDE_BY_SIDE: usize = 8;

/// POST /receipt/{channel}/{secret}
///
/// `channel`: `huawei`, `xiaomi`, `oppo`, `vivo` or `meizu`, whose receipts come in the vendor's own form to the address that
/// every message of the app carries. 200 when it was taken, also where nothing of it is known (or any more: a task is known
/// for seven days); 401 where the vendor's proof is wrong; 400 where it is not of the vendor's form or reports more than
/// 5,000 deliveries; 404 for an address that we never gave away; 500 when nothing is certain and the vendor may repeat.
///
/// `channel` `apns` or `fcm`: an app acknowledges a message that its device got. `secret` is the device's push token, the body
/// `{"app_id","receipt"}` with what the message carried as `mx_receipt`. 200; 404 for a token that is no device's of the app;
/// 400.
///
/// Arrivals are counted once per device however often they are reported; tokens that the vendor calls dead are forgotten,
/// unless they were bound after the message was accepted.
///
/// Source: the vendors' pages on receipts, named in `shared/provider`. Acknowledgements are ours.
async fn handle(context: &Context, store: &ReceiptStore, request: Request) -> Result<Reply, ApiError> {
    let channel = ChannelKind::parse(request.path_parameter("channel")).filter(|channel| channel.is_phone());
    let channel = channel.ok_or(ApiError::NoSuchPath)?;
    if request.body.len() > REQUEST_BODY_BYTES {
        return Err(ApiError::unreadable("the receipt is larger than 1 MB"));
    }
    let heard = match channel {
        ChannelKind::Apns | ChannelKind::Fcm => acknowledgement(store, channel, &request).await?,
        _ => report(context, store, channel, &request).await?,
    };
    let Some(Heard { app, signer, reports }) = heard else { return Ok(Reply::new(StatusCode::UNAUTHORIZED)) };
    Receipt { context, store, app: &app, channel }.act(&signer, reports).await?;
    Ok(taken(channel))
}

/// A call that may be about messages of an app.
struct Heard {
    app: MobileAppId,
    signer: ReceiptSigner,
    reports: Vec<Report>,
}

/// What the vendor wants to hear.
fn taken(channel: ChannelKind) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    if channel == ChannelKind::Huawei {
        reply = reply.header(header::CONTENT_TYPE, "application/json");
        reply.body = huawei::RECEIPT_REPLY.into();
    }
    reply
}

/// A vendor's report; `None` when it does not prove that it is the vendor's.
async fn report(
    context: &Context,
    store: &ReceiptStore,
    channel: ChannelKind,
    request: &Request,
) -> Result<Option<Heard>, ApiError> {
    let app = store.addresses.app(request.path_parameter("secret")).await?.ok_or(ApiError::NoSuchPath)?;
    let secret = store.certificates.receipt_secret(&app).await?.ok_or(ApiError::NoSuchPath)?;
    let proofs = proofs(context, store, &app, channel).await?;
    match read(context, channel, request, &proofs) {
        Ok(reports) if reports.len() > MOST_REPORTS => {
            Err(ApiError::unreadable("the receipt reports more than 5000 deliveries"))
        }
        Ok(reports) => Ok(Some(Heard { app, signer: ReceiptSigner::new(&secret.key), reports })),
        Err(ReceiptError::Unauthorised) => {
            warn!(app.id = %app, %channel, "a receipt does not prove that it is the vendor's");
            Ok(None)
        }
        Err(error @ ReceiptError::Malformed(_)) => Err(ApiError::unreadable(error.to_string())),
    }
}

/// The certificates by which the app's vendor may prove itself: one of two environments, whose receipts come to one address.
async fn proofs(
    context: &Context,
    store: &ReceiptStore,
    app: &MobileAppId,
    channel: ChannelKind,
) -> Result<Vec<Certificate>, ApiError> {
    let Some(provider) = Provider::of(channel).filter(|_| matches!(channel, ChannelKind::Huawei | ChannelKind::Meizu))
    else {
        return Ok(Vec::new());
    };
    let mut proofs = Vec::new();
    for environment in Environment::ALL {
        let scope = Scope::new(app.clone(), *environment);
        if let Some(account) = phone_account(context, &store.certificates, &scope, provider).await? {
            proofs.push(Certificate::clone(&account.certificate));
        }
    }
    Ok(proofs)
}

/// Reads a report. Where any certificate of the app has something to prove it by, it is proven by one of them.
fn read(
    context: &Context,
    channel: ChannelKind,
    request: &Request,
    proofs: &[Certificate],
) -> Result<Vec<Report>, ReceiptError> {
    let body = &request.body;
    match channel {
        ChannelKind::Xiaomi => xiaomi::read_receipt(body),
        ChannelKind::Oppo => oppo::read_receipt(body),
        ChannelKind::Vivo => {
            let read = vivo::read_receipt(body);
            if read.unknown {
                info!("a receipt of vivo's has parts that nobody understands; nothing is counted for them");
            }
            Ok(read.reports)
        }
        ChannelKind::Huawei => {
            let signature = request.headers.get(huawei::SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
            let keys = proofs.iter().filter_map(|certificate| match certificate {
                Certificate::Huawei(huawei) => huawei.receipt_key.as_ref(),
                _ => None,
            });
            proven(keys, |key| huawei::read_receipt(body, signature, key, context.clock.now()))
        }
        ChannelKind::Meizu => {
            let tokens = proofs.iter().filter_map(|certificate| match certificate {
                Certificate::Meizu(meizu) => meizu.receipt_token.as_ref(),
                _ => None,
            });
            // Meizu always shows the token of its console; without one entered here nothing can be compared.
            proven(tokens, |token| {
                token.map_or(Err(ReceiptError::Unauthorised), |token| meizu::read_receipt(body, token))
            })
        }
        _ => Ok(Vec::new()),
    }
}

/// Reads with each of `proofs` until one holds; without a proof when there is none.
fn proven<P>(
    proofs: impl Iterator<Item = P>,
    read: impl Fn(Option<P>) -> Result<Vec<Report>, ReceiptError>,
) -> Result<Vec<Report>, ReceiptError> {
    let mut last = None;
    for proof in proofs {
        match read(Some(proof)) {
            Err(ReceiptError::Unauthorised) => last = Some(Err(ReceiptError::Unauthorised)),
            read => return read,
        }
    }
    last.unwrap_or_else(|| read(None))
}

/// What an app sends back.
#[derive(Deserialize)]
struct Acknowledgement {
    app_id: MobileAppId,
    receipt: String,
}

/// A device's own acknowledgement: it speaks for itself alone.
async fn acknowledgement(
    store: &ReceiptStore,
    channel: ChannelKind,
    request: &Request,
) -> Result<Option<Heard>, ApiError> {
    let Acknowledgement { app_id: app, receipt } = serde_json::from_slice(&request.body)
        .map_err(|_| ApiError::unreadable("`app_id` and `receipt` are expected"))?;
    let found = store.users.by_push_token(&app, request.path_parameter("secret")).await?;
    let found = found.ok_or(ApiError::NoSuchPath)?;
    let secret = store.certificates.receipt_secret(&app).await?.ok_or(ApiError::NoSuchPath)?;
    let token = found.device.bindings.get(&channel).map(|binding| binding.token.clone());
    let reports = token.map(|token| Report { token, param: receipt, event: Event::Delivered });
    Ok(Some(Heard { app, signer: ReceiptSigner::new(&secret.key), reports: reports.into_iter().collect() }))
}

/// A receipt that is believed, as far as its parameters say.
struct Receipt<'a> {
    context: &'a Context,
    store: &'a ReceiptStore,
    app: &'a MobileAppId,
    channel: ChannelKind,
}

/// What a receipt says of one batch.
#[derive(Default)]
struct OfBatch {
    arrived: Vec<DeviceToken>,
    dead: Vec<DeviceToken>,
}

impl Receipt<'_> {
    async fn act(&self, signer: &ReceiptSigner, reports: Vec<Report>) -> Result<(), ApiError> {
        let mut batches: BTreeMap<BatchId, OfBatch> = BTreeMap::new();
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        for Report { token, param, event } in reports {
            let batch = signer.batch(self.app, self.channel, &param);
            *counts.entry(if batch.is_some() { event.label() } else { "unknown" }).or_default() += 1;
            let Some(batch) = batch else { continue };
            let of_batch = batches.entry(batch).or_default();
            match event {
                // Nobody taps what has not arrived.
                Event::Delivered | Event::Clicked => of_batch.arrived.push(token),
                Event::Invalid => of_batch.dead.push(token),
                Event::Suppressed | Event::OverQuota | Event::Other => {}
            }
        }
        for (batch, of_batch) in batches {
            self.act_on(batch, of_batch).await?;
        }
        for (event, count) in counts {
            let dimensions = [("channel", self.channel.as_str()), ("event", event)];
            self.context.metrics.count(Metric::Receipts, &dimensions, count, self.context.clock.now());
        }
        Ok(())
    }

    async fn act_on(&self, batch: BatchId, OfBatch { arrived, dead }: OfBatch) -> Result<(), ApiError> {
        let task = self.store.tasks.get(batch.task, self.context.clock.now()).await?;
        // Too late: its counters are gone. Or another app's, which the signature rules out already.
        let Some(task) = task.filter(|task| task.owner == Owner::Mobile(self.app.clone())) else { return Ok(()) };
        if !arrived.is_empty() {
            self.store.statistics.received(batch, self.channel, &arrived, task.expires()).await?;
        }
        let forgotten = dead.iter().map(|token| {
            let before = Some(task.accepted_ms);
            async move { self.store.dead.forget(self.app, self.channel, token, before).await }
        });
        let forgotten: Vec<bool> =
            stream::iter(forgotten.collect::<Vec<_>>()).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        info!(
            app.id = %self.app,
            task.id = %batch.task,
            batch.id = %batch,
            channel = %self.channel,
            arrived = arrived.len(),
            dead = dead.len(),
            forgotten = forgotten.iter().filter(|gone| **gone).count(),
            "receipt taken",
        );
        Ok(())
    }
}
