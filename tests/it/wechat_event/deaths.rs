//! A process that dies between any two writes: of a follow by QR code, and of a purchase and what the developer is told
//! of it. Whoever repeats it (the queue's copy, WeChat, the operator) makes it whole, and it is done once.

use super::scan::code;
use super::{NEWCOMER, fields, follows_of, listens, tell, told, town, uid_of};
use crate::admin::ask;
use crate::wxpusher::FIRST;
use http::Method;
use local::aws::{AwsFault, FaultKind};
use model::follow::Followed;
use serde_json::{Value, json};
use support::Town;

/// More calls than any of this makes.
const MANY: u32 = 1_000;

/// How the store treats a process at the moment of its death: the call is not made, or made and the answer never read.
fn ends() -> [FaultKind; 2] {
    let refused =
        FaultKind::Error { status: 400, code: "ValidationException".to_owned(), message: "a test".to_owned() };
    [refused, FaultKind::LoseResponse]
}

/// From the `nth` call of the store on (from 0), everything ends like this.
fn dies(town: &Town, nth: u32, end: &FaultKind) {
    let faults = &town.stack.aws().faults;
    faults.inject(AwsFault::new("dynamodb", "*", FaultKind::Delay(std::time::Duration::ZERO)).times(nth));
    faults.inject(AwsFault::new("dynamodb", "*", end.clone()).times(MANY));
}

/// Whether the death came before the end; from now on all is well.
fn died(town: &Town) -> bool {
    let faults = &town.stack.aws().faults;
    let met = faults.pending() < MANY;
    faults.clear();
    met
}

#[tokio::test]
async fn a_follow_survives_a_death_between_any_two_writes() {
    for end in ends() {
        let mut deaths = 0;
        loop {
            let town = town().await;
            let code = code(&town, Followed::App, Some("order-7"), 1800).await;
            let scene = format!("qrscene_{}", code.code);
            let event =
                fields(NEWCOMER, town.now(), &[("MsgType", "event"), ("Event", "subscribe"), ("EventKey", &scene)]);
            dies(&town, deaths, &end);
            tell(&town, &event).await;
            let died = died(&town);
            // WeChat repeats what it had no answer to; the queue's copy does the same, ten seconds later.
            let answer = tell(&town, &event).await;
            assert_eq!(answer.status, 200, "{deaths} {end:?}: {}", answer.text);
            let follows = follows_of(&town, NEWCOMER).await;
            assert_eq!(follows.len(), 1, "{deaths} {end:?}: {follows:?}");
            let uid = uid_of(&town, NEWCOMER).await.expect("a person");
            let told = told(&town, 1).await;
            assert_eq!(told.len(), 1, "{deaths} {end:?}: {told:?}");
            assert_eq!((&told[0]["data"]["uid"], &told[0]["data"]["extra"]), (&json!(uid), &json!("order-7")));
            // Every copy of the follow is there, once: the list, and what direct sending reads.
            let list = format!("/api/fun/wxuser/v2?appToken={}&type=0&page=1&pageSize=100", local::seed::APP_TOKEN);
            let listed = town.api.get(&list).await.json()["data"].clone();
            let rows = listed["records"].as_array().expect("records").iter().filter(|row| row["uid"] == json!(uid));
            assert_eq!((rows.count(), &listed["total"]), (1, &json!(4)), "{deaths} {end:?}");
            assert_eq!(town.send(json!({ "content": "x", "uids": [uid] })).await.targets()[0]["code"], 1000);
            town.close().await;
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths >= 10, "{deaths} deaths under {end:?}: a follow makes more calls than that");
    }
}

#[tokio::test]
async fn a_purchase_survives_a_death_between_its_record_and_its_callbacks() {
    const DAY: i64 = 86_400_000;
    for end in ends() {
        let mut deaths = 0;
        loop {
            let town = town().await;
            listens(&town, 2, true).await;
            let product = json!({ "name": "x", "contact": "x", "summary": "x", "description": "x", "app": true });
            let product = ask(&town, Method::POST, "/admin/apps/2/products", product).await.json();
            let path = format!("/admin/apps/2/products/{}/purchases", product["id"]);
            let trade = json!({ "uid": FIRST, "trade_no": "T1", "add_time_ms": DAY, "amount_fen": 990 });
            let before = town.now().millis();
            dies(&town, deaths, &end);
            ask(&town, Method::POST, &path, trade.clone()).await;
            let died = died(&town);
            // The operator's program had no answer, or none that it liked: it repeats the notice.
            let answer = ask(&town, Method::POST, &path, trade.clone()).await;
            assert_eq!(answer.status, 200, "{deaths} {end:?}: {}", answer.text);
            let again = ask(&town, Method::POST, &path, trade).await.json();
            assert_eq!(again["applied"], false, "{deaths} {end:?}: it was finished");
            let until = again["paid"][0]["until_ms"].as_i64().expect("a time");
            assert!((before + DAY..before + DAY + 60_000).contains(&until), "{deaths} {end:?}: {until}");
            let mut actions: Vec<Value> = told(&town, 2).await.iter().map(|body| body["action"].clone()).collect();
            actions.sort_by_key(ToString::to_string);
            assert_eq!(actions, ["app_subscribe", "order_pay"], "{deaths} {end:?}");
            town.close().await;
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths >= 12, "{deaths} deaths under {end:?}: a purchase makes more calls than that");
    }
}
