//! Who is believed, in which form, and what happens when we cannot keep up. Numbers are those of WeChat's edge cases.

use super::{NEWCOMER, acts, fields, first, follows_of, said, tell, tell_as, text, told, town, types, uid_of, waiting};
use crate::wxpusher::aws_calls;
use gateway::Invocation;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use http::{Method, StatusCode};
use local::aws::{AwsFault, FaultKind};
use local::seed;
use model::account::{CallbackMode, WechatCallback};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::secret::Secret;
use provider::wechat_event::peer::{address_check, post};
use serde_json::json;
use std::time::{Duration, Instant};
use store::Capability;
use store::accounts::AccountWriter;
use support::Town;

const OTHER_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn path(query: &str) -> String {
    format!("/wechat/callback/{}?{query}", seed::ACCOUNT)
}

/// Sets how WeChat calls us for the demo account, as an operator would.
async fn set_up(town: &Town, callback: WechatCallback) {
    let mut account = seed::account();
    account.callback = Some(callback);
    AccountWriter::open(town.stack.store()).put(&account).await.expect("a store");
    town.stack.context().accounts.forget(&AccountId::new(seed::ACCOUNT));
}

/// What the developer of app 1 was to be told, by action: what happened in one second has no order.
async fn actions(town: &Town) -> Vec<String> {
    let told = told(town, 1).await;
    let mut actions: Vec<_> = told.iter().map(|body| body["action"].as_str().expect("an action").to_owned()).collect();
    actions.sort();
    actions
}

/// Nothing was done or will be.
async fn assert_nothing_happened(town: &Town) {
    assert_eq!(waiting(town).await, 0);
    assert!(told(town, 1).await.is_empty());
    assert!(uid_of(town, NEWCOMER).await.is_none() && follows_of(town, NEWCOMER).await.is_empty());
}

#[tokio::test]
async fn rows_41_and_42_the_address_check_echoes_only_what_is_signed() {
    let town = town().await;
    let query = address_check(&seed::callback(), "4375120948345356249", town.now());
    let answer = town.api.get(&path(&query)).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "4375120948345356249"));
    for wrong in [
        query.replace("signature=", "signature=0"),
        query.replace("nonce=", "nonce=9"),
        "echostr=4375120948345356249".to_owned(),
        String::new(),
    ] {
        let answer = town.api.get(&path(&wrong)).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, ""), "{wrong}");
    }
    let unknown = town.api.get(&format!("/wechat/callback/wx0000000000000000?{query}")).await;
    assert_eq!((unknown.status, unknown.text.as_str()), (StatusCode::FORBIDDEN, ""));
    town.close().await;
}

#[tokio::test]
async fn row_45_what_is_for_another_appid_is_refused_and_not_queued() {
    let town = town().await;
    let command = text(NEWCOMER, town.now(), "#1", "1");
    let call = post(&AccountId::new("wx00000000000000d2"), &seed::callback(), &command, false, town.now());
    let answer = town.api.send(Method::POST, &path(&call.query), &[], call.body).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, ""));
    assert_nothing_happened(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_46_the_previous_key_is_taken_and_answers_right_after_a_change() {
    let town = town().await;
    let (old, mut new) = (seed::callback(), seed::callback());
    new.previous_aes_key = new.aes_key.take();
    new.aes_key = Some(Secret::new(OTHER_KEY.to_owned()));
    set_up(&town, new.clone()).await;
    for (number, callback) in [("1", &old), ("2", &new)] {
        let answer = tell_as(&town, callback, &text(&first(), town.now(), "我的UID", number), false).await;
        assert!(said(&first(), callback, &answer).contains("UID_demo000000000000000000000001"));
    }
    town.close().await;
}

/// An operator changes the token; the instance remembers the account with the old one.
#[tokio::test]
async fn a_changed_token_is_known_at_once() {
    let town = town().await;
    assert!(types(&town, &first(), "我的UID").await.contains("UID_demo"));
    let mut changed = seed::account();
    let callback = WechatCallback { token: Secret::new("anotherToken".to_owned()), ..seed::callback() };
    changed.callback = Some(callback.clone());
    AccountWriter::open(town.stack.store()).put(&changed).await.expect("a store");
    let answer = tell_as(&town, &callback, &text(&first(), town.now(), "我的UID", "1"), false).await;
    assert!(said(&first(), &callback, &answer).contains("UID_demo"));
    assert_eq!(tell(&town, &text(&first(), town.now(), "我的UID", "2")).await.status, StatusCode::FORBIDDEN);
    town.close().await;
}

#[tokio::test]
async fn row_47_an_account_in_safe_mode_refuses_what_is_not_encrypted() {
    let town = town().await;
    let plain = WechatCallback { mode: CallbackMode::Plain, ..seed::callback() };
    let answer = tell_as(&town, &plain, &text(NEWCOMER, town.now(), "#1", "1"), false).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, ""));
    assert_nothing_happened(&town).await;
    town.close().await;
}

#[tokio::test]
async fn rows_48_and_49_every_mode_and_format_is_heard_and_answered_in_kind() {
    let town = town().await;
    let mut number = 0;
    for mode in [CallbackMode::Plain, CallbackMode::Compatible, CallbackMode::Safe] {
        let callback = WechatCallback { mode, ..seed::callback() };
        set_up(&town, callback.clone()).await;
        for json in [false, true] {
            number += 1;
            let message = text(&first(), town.now(), "我的UID", &number.to_string());
            let answer = tell_as(&town, &callback, &message, json).await;
            assert!(said(&first(), &callback, &answer).contains("UID_demo000000000000000000000001"), "{mode:?} {json}");
            assert_eq!(answer.text.starts_with('{'), json, "{}", answer.text);
        }
    }
    // Of a body that comes twice, what is in the clear counts for nothing.
    let callback = WechatCallback { mode: CallbackMode::Compatible, ..seed::callback() };
    set_up(&town, callback.clone()).await;
    let message = text(NEWCOMER, town.now(), "我的UID", "77");
    let call = post(&AccountId::new(seed::ACCOUNT), &callback, &message, false, town.now());
    let forged = call.body.replacen("我的UID", "#1", 1);
    assert_ne!(forged, call.body);
    let answer = town.api.send(Method::POST, &path(&call.query), &[], forged).await;
    assert!(said(NEWCOMER, &callback, &answer).contains("UID_"));
    assert!(follows_of(&town, NEWCOMER).await.is_empty());
    town.close().await;
}

#[tokio::test]
async fn row_50_a_document_type_is_400_and_nothing_is_expanded() {
    let town = town().await;
    let plain = WechatCallback { mode: CallbackMode::Plain, ..seed::callback() };
    set_up(&town, plain.clone()).await;
    let query = post(&AccountId::new(seed::ACCOUNT), &plain, &[], false, town.now()).query;
    let lol = (1..9).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect::<String>();
    let bomb = format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{lol}]><xml><Content>&l8;</Content></xml>");
    let large = format!("<xml><Content>{}</Content></xml>", "x".repeat(70_000));
    for body in [bomb.as_str(), &large, "<xml>", "no xml", "", "{", "[]"] {
        let started = Instant::now();
        let answer = town.api.send(Method::POST, &path(&query), &[], body.to_owned()).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::BAD_REQUEST, ""), "{:.40}", body);
        assert!(started.elapsed() < Duration::from_secs(3));
    }
    // A stranger's four megabytes are not even looked at.
    let answer = town.api.send(Method::POST, &path("signature=0"), &[], vec![b'<'; 4_000_000]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_nothing_happened(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_51_what_comes_three_times_is_done_once_and_answered_alike() {
    let town = town().await;
    let at = town.now();
    let follow = text(NEWCOMER, at, "#1", "3717005636572528642");
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = tell(&town, &follow).await;
        answers.push(said(NEWCOMER, &seed::callback(), &answer));
    }
    assert!(answers[0].contains("演示应用") && answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let command = text(NEWCOMER, at, "#1 hello", "3717005636572528643");
    let event = fields(NEWCOMER, at, &[("MsgType", "event"), ("Event", "CLICK"), ("EventKey", "MESSAGES_OFF")]);
    for _ in 0..3 {
        tell(&town, &command).await;
        tell(&town, &event).await;
    }
    assert_eq!(actions(&town).await, ["app_subscribe", "send_up_cmd"]);
    assert_eq!(follows_of(&town, NEWCOMER).await.len(), 1);
    town.close().await;
}

/// The copy of a wish that was taken back meanwhile does not bring it to life again.
#[tokio::test]
async fn a_late_copy_undoes_nothing() {
    let town = town().await;
    let follow = text(NEWCOMER, town.now(), "#1", "1");
    tell(&town, &follow).await;
    tell(&town, &text(NEWCOMER, town.now(), "退订 1", "2")).await;
    assert!(follows_of(&town, NEWCOMER).await.is_empty());
    tell(&town, &follow).await;
    assert!(follows_of(&town, NEWCOMER).await.is_empty());
    assert_eq!(told(&town, 1).await.len(), 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_message_at_once_is_done_once() {
    let town = town().await;
    let follow = text(NEWCOMER, town.now(), "#1", "1");
    let answers = futures::future::join_all((0..6).map(|_| tell(&town, &follow))).await;
    for answer in &answers {
        assert!(said(NEWCOMER, &seed::callback(), answer).contains("演示应用"));
    }
    let command = text(NEWCOMER, town.now(), "#1 hello", "2");
    futures::future::join_all((0..6).map(|_| tell(&town, &command))).await;
    assert_eq!(follows_of(&town, NEWCOMER).await.len(), 1);
    assert_eq!(actions(&town).await, ["app_subscribe", "send_up_cmd"]);
    town.close().await;
}

fn broken(service: &str, operation: &str) -> AwsFault {
    let kind =
        FaultKind::Error { status: 500, code: "InternalServerError".to_owned(), message: "by a test".to_owned() };
    AwsFault::new(service, operation, kind).times(u32::MAX)
}

async fn work_queue(town: &Town) {
    let deployment = town.stack.deployment();
    let url = &deployment.queue_urls["InboundQueue"];
    let received = deployment.sqs.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(12);
    let messages = received.send().await.expect("messages").messages.unwrap_or_default();
    assert!(!messages.is_empty(), "nothing waits");
    let records = messages.iter().map(|message| QueueRecord {
        message_id: message.message_id.clone().unwrap_or_default(),
        body: message.body.clone().unwrap_or_default(),
    });
    let event = QueueEvent { records: records.collect() };
    let invocation = Invocation { request_id: "test".to_owned(), deadline: Instant::now() + Duration::from_secs(30) };
    let reply = serve_queue(functions::workers::inbound::FUNCTION, town.stack.context().clone(), invocation, event);
    assert!(reply.await.batch_item_failures.is_empty());
    for message in messages {
        let receipt = message.receipt_handle.unwrap_or_default();
        deployment.sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await.expect("deleted");
    }
}

#[tokio::test]
async fn row_57_while_we_are_down_wechat_hears_success_once_the_event_is_on_the_queue() {
    let town = town().await;
    town.stack.aws().faults.inject(broken("dynamodb", "UpdateItem").on("UsersTable"));
    let started = Instant::now();
    let answer = tell(&town, &text(NEWCOMER, town.now(), "#1", "1")).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "success"));
    assert_eq!(waiting(&town).await, 1);
    town.stack.aws().faults.clear();
    work_queue(&town).await;
    assert_eq!(follows_of(&town, NEWCOMER).await.len(), 1);
    assert_eq!(told(&town, 1).await.len(), 1);
    // WeChat asks again after all: it is done, and answered.
    let answer = tell(&town, &text(NEWCOMER, town.now(), "#1", "1")).await;
    assert!(said(NEWCOMER, &seed::callback(), &answer).contains("演示应用"));
    assert_eq!(told(&town, 1).await.len(), 1);
    town.close().await;
}

#[tokio::test]
async fn row_57_a_table_that_hangs_does_not_keep_wechat_waiting() {
    let town = town().await;
    let hang = AwsFault::new("dynamodb", "*", FaultKind::Delay(Duration::from_secs(20))).on("TokensTable").times(99);
    town.stack.aws().faults.inject(hang);
    let started = Instant::now();
    let answer = tell(&town, &text(NEWCOMER, town.now(), "#1", "1")).await;
    assert!(started.elapsed() < Duration::from_millis(4_900), "{:?}", started.elapsed());
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "success"));
    assert_eq!(waiting(&town).await, 1);
    town.stack.aws().faults.clear();
    town.close().await;
}

#[tokio::test]
async fn row_57_only_what_was_kept_nowhere_is_500() {
    let town = town().await;
    // The queue alone: what is done is done.
    town.stack.aws().faults.inject(broken("sqs", "SendMessage").on("InboundQueue"));
    let answer = tell(&town, &text(NEWCOMER, town.now(), "#1", "1")).await;
    assert!(said(NEWCOMER, &seed::callback(), &answer).contains("演示应用"));
    // Both.
    town.stack.aws().faults.inject(broken("dynamodb", "*").on("TokensTable"));
    let answer = tell(&town, &text(&first(), town.now(), "关闭消息", "2")).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
    town.stack.aws().faults.clear();
    // So WeChat repeats it, and it is done.
    let answer = tell(&town, &text(&first(), town.now(), "关闭消息", "2")).await;
    assert!(said(&first(), &seed::callback(), &answer).contains("消息已关闭"));
    town.close().await;
}

#[tokio::test]
async fn what_needs_nothing_from_us_costs_no_call() {
    let town = town().await;
    types(&town, &first(), "我的UID").await;
    town.stack.aws().calls.reset();
    acts(&town, &first(), json!({ "event": "VIEW", "key": "https://a.example/" })).await;
    let done = [("MsgType", "event"), ("Event", "TEMPLATESENDJOBFINISH"), ("MsgID", "17"), ("Status", "success")];
    for _ in 0..3 {
        let answer = tell(&town, &fields(&first(), town.now(), &done)).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "success"));
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    town.close().await;
}

#[tokio::test]
async fn a_recorded_call_is_not_believed_ten_minutes_later() {
    let town = town().await;
    let message = text(NEWCOMER, town.now(), "#1", "1");
    let long_ago = Timestamp::from_seconds(town.now().seconds() - 601);
    let call = post(&AccountId::new(seed::ACCOUNT), &seed::callback(), &message, false, long_ago);
    let answer = town.api.send(Method::POST, &path(&call.query), &[], call.body).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, ""));
    assert_nothing_happened(&town).await;
    town.close().await;
}
