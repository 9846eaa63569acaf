use super::auth::{sign, token_key};
use super::error::{outcome_of, outcome_of_status};
use super::*;
use crate::testing::push::{INTENT, NOW, Stage, answer, golden, plain, push, receipt, status, targets};
use crate::testing::server::Seen;
use crate::vendor::code::Code;
use crate::vendor::fault::{later, later_by};
use crate::vendor::receipt::{Event, Report};
use crate::vendor::{Ended, Lists, Push};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::certificate::VivoCertificate;
use model::clock::Timestamp;
use model::ids::{AccountId, DeviceToken};
use model::notification::android::{Block, Phone, VivoBlock};
use model::notification::badge::Badge;
use model::notification::ext::Ext;
use model::notification::{Kind, Notification};
use model::outcome::{Hold, Outcome};
use model::secret::Secret;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SPENT: Outcome = Outcome::Quota { hold: Hold::UntilBeijingMidnight };

fn certificate() -> VivoCertificate {
    VivoCertificate {
        id: AccountId::new("demo/vivo"),
        app_id: 10004,
        app_key: "key-1".to_owned(),
        app_secret: Secret::new("secret-1".to_owned()),
        app_name: "演示".to_owned(),
        category: None,
        may_badge: false,
        callback_id: None,
    }
}

/// vivo on loopback, and the channel in front of it.
struct Scene {
    stage: Stage,
    vivo: Arc<standin::vivo::Vivo>,
    channel: Vivo,
}

async fn scene() -> Scene {
    let vivo = Arc::new(standin::vivo::Vivo::new(10004, "key-1", "secret-1").with_test_user("R"));
    let stage = Stage::new({
        let vivo = Arc::clone(&vivo);
        move |request, now_ms| vivo.answer(request, now_ms)
    })
    .await;
    let channel = Vivo::new(&stage.server.url("/"), stage.http.clone(), stage.tokens.clone(), stage.clock.clone());
    Scene { stage, vivo, channel }
}

impl Scene {
    async fn send_as(&self, message: &Notification, tokens: &[&str], certificate: &VivoCertificate) -> Vec<Ended> {
        self.channel.send(push(message, &receipt(), &targets(tokens.iter().copied()), certificate)).await
    }

    async fn send(&self, message: &Notification, tokens: &[&str]) -> Vec<Ended> {
        self.send_as(message, tokens, &certificate()).await
    }

    fn last(&self) -> Value {
        self.stage.server.seen().last().unwrap().json()
    }

    /// How often each of `send`, `saveListPayload` and `pushToList` was called.
    fn calls(&self) -> [usize; 3] {
        [settings::SEND_PATH, settings::SAVE_PATH, settings::LIST_PATH].map(|path| self.stage.server.count(path))
    }
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("R{number}")).collect()
}

fn strs(tokens: &[String]) -> Vec<&str> {
    tokens.iter().map(String::as_str).collect()
}

fn outcomes(ended: &[Ended]) -> Vec<(Outcome, Option<i32>)> {
    ended.iter().map(|one| (one.attempt.outcome.clone(), one.attempt.vendor_code)).collect()
}

/// Which of vivo's tokens a request shows.
fn issued(head: &str) -> Option<&str> {
    head.split_once("authtoken: vivo-")?.1.lines().next()?.split('.').nth(2)
}

fn is_sent(ended: &Ended) -> bool {
    matches!(ended.attempt.outcome, Outcome::Ok { .. })
}

#[test]
fn the_token_call_is_signed_with_md5_of_trimmed_parts() {
    let expected = "ac022b1f6b3c4711b19e8a69b67eef3d";
    let now = Timestamp::from_millis(1_700_000_000_000);
    assert_eq!(sign(10004, "key-1", now, &Secret::new("secret-1".to_owned())), expected);
    assert_eq!(sign(10004, " key-1\n", now, &Secret::new("\tsecret-1 ".to_owned())), expected);
}

#[tokio::test]
async fn the_golden_request() {
    let scene = scene().await;
    let ended = scene.send(&golden(), &["R"]).await;
    assert_eq!(outcomes(&ended), [(Outcome::Ok { vendor_id: Some(542_921_510_410_936_321) }, None)]);
    let seen = scene.stage.server.seen();
    let [auth, send] = &seen[..] else { panic!("{seen:?}") };
    let sign = "ac022b1f6b3c4711b19e8a69b67eef3d";
    let expected = json!({"appId": 10004, "appKey": "key-1", "timestamp": 1_700_000_000_000_i64, "sign": sign});
    assert_eq!((auth.path(), auth.json()), (settings::AUTH_PATH, expected));
    assert_eq!(issued(&send.head), Some("1"), "{}", send.head);
    let expected = json!({
        "appId": 10004, "regId": "R", "notifyType": 4, "title": "Hi", "content": "Body", "timeToLive": 3600,
        "skipType": 4, "skipContent": INTENT, "networkType": -1, "classification": 1,
        "clientCustomMap": {"k": "1", "s": "v"},
        // Of the task and the phones, so that no two calls of a task share it: SHA-256 of `R,`, its first 16 digits.
        "requestId": "42-be2bbdc509d2593d",
        "pushMode": 1, "foregroundShow": true, "extra": {"callback": "U", "callback.param": "P"},
    });
    assert_eq!(send.json(), expected);
}

#[tokio::test]
async fn what_arrived_is_told_by_task_under_a_token_that_is_renewed() {
    let scene = scene().await;
    scene.vivo.desk.set_device("gone", "2");
    let ended = scene.send(&plain(), &["a", "b", "gone"]).await;
    let Outcome::Ok { vendor_id: Some(task) } = ended[0].attempt.outcome else { panic!("{ended:?}") };
    scene.vivo.forget_tokens();
    let told = scene.channel.arrivals(&certificate(), &[task, 7]).await.unwrap();
    assert_eq!(told, [(task, 2)], "what vivo does not know is left out");
    let seen = scene.stage.server.seen();
    let asked = seen.last().unwrap();
    assert_eq!(asked.target(), format!("/report/getStatistics?taskIds={task},7"));
    assert!(asked.head.starts_with("GET ") && issued(&asked.head) == Some("2"), "{}", asked.head);
    // One more than a question holds is refused whole.
    let refused = scene.channel.arrivals(&certificate(), &[1; settings::TASKS_PER_QUESTION + 1]).await;
    let cause = std::error::Error::source(&refused.unwrap_err()).unwrap().to_string();
    assert_eq!(cause, "code 10045");
}

#[tokio::test]
async fn many_phones_are_a_list_and_a_remainder_of_one_is_not() {
    // Edge case 41.
    let scene = scene().await;
    let tokens = numbered(1001);
    let ended = scene.send(&plain(), &strs(&tokens)).await;
    assert!(ended.len() == 1001 && ended.iter().all(is_sent));
    assert_eq!(scene.calls(), [1, 1, 1]);
    let got: BTreeSet<String> = scene.vivo.desk.take_accepted().into_iter().map(|accepted| accepted.token).collect();
    assert_eq!(got, tokens.iter().cloned().collect());

    let tokens = numbered(2000);
    assert!(scene.send(&plain(), &strs(&tokens)).await.iter().all(is_sent));
    assert_eq!(scene.calls(), [1, 2, 3], "the notification is left once for both lists");
    assert_eq!(scene.vivo.desk.tokens_issued(), 1);
}

/// Lists as they are noted.
#[derive(Debug)]
struct Noting {
    vivo: Arc<standin::vivo::Vivo>,
    noted: Mutex<Vec<(String, u64)>>,
}

impl Lists for Noting {
    fn note<'a>(&'a self, list: &'a str, vendor_task: u64) -> BoxFuture<'a, ()> {
        assert_eq!(self.vivo.desk.take_accepted().len(), 0, "it has not gone out yet");
        self.noted.lock().unwrap().push((list.to_owned(), vendor_task));
        std::future::ready(()).boxed()
    }
}

#[tokio::test]
async fn what_vivo_calls_a_list_is_noted_before_it_goes_out() {
    let scene = scene().await;
    let noting = Noting { vivo: Arc::clone(&scene.vivo), noted: Mutex::default() };
    let (message, receipt, certificate) = (plain(), receipt(), certificate());
    let send = async |tokens: &[&str]| {
        let targets = targets(tokens.iter().copied());
        let push = push(&message, &receipt, &targets, &certificate);
        let ended = scene.channel.send(Push { lists: Some(&noting), ..push }).await;
        scene.vivo.desk.take_accepted();
        ended[0].attempt.outcome.clone()
    };
    let sent = [send(&["a", "b"]).await, send(&["a", "b"]).await, send(&["a", "c"]).await];
    send(&["a"]).await;
    let noted = noting.noted.lock().unwrap().clone();
    let ids: Vec<Outcome> = noted.iter().map(|(_, id)| Outcome::Ok { vendor_id: Some(*id) }).collect();
    assert_eq!(ids, sent, "as its answer says it; a single send has its own receipt");
    let lists: Vec<&str> = noted.iter().map(|(list, _)| list.as_str()).collect();
    assert!(lists[0] == lists[1] && lists[0] != lists[2], "the same for the same phones: {lists:?}");
}

#[tokio::test]
async fn request_ids_are_the_same_for_the_same_phones_only() {
    let scene = scene().await;
    let ids = |seen: &[Seen]| -> Vec<String> {
        let sends = seen.iter().filter(|seen| seen.path() == settings::SEND_PATH);
        sends.map(|seen| seen.json()["requestId"].as_str().unwrap().to_owned()).collect()
    };
    for token in ["a", "b", "a"] {
        scene.send(&plain(), &[token]).await;
    }
    let ids = ids(&scene.stage.server.seen());
    assert!(ids[0] == ids[2] && ids[0] != ids[1], "{ids:?}");
    // One that vivo has seen is a message that has arrived.
    scene.vivo.desk.next_answers([answer(&json!({"result": 10102, "desc": "repeat"}))]);
    assert_eq!(scene.send(&plain(), &["a"]).await, [Ended::ok()]);
}

#[tokio::test]
async fn a_list_names_the_phones_that_failed() {
    let scene = scene().await;
    for (token, status) in [("b", "1"), ("c", "2"), ("d", "4"), ("e", "9")] {
        scene.vivo.desk.set_device(token, status);
    }
    let ended = outcomes(&scene.send(&plain(), &["a", "b", "c", "d", "e"]).await);
    assert!(matches!(ended[0], (Outcome::Ok { vendor_id: Some(_) }, None)));
    let (dead, refused) = (Outcome::Invalid, Outcome::Content);
    let expected = [(dead.clone(), Some(1)), (dead.clone(), Some(2)), (refused.clone(), Some(4)), (refused, Some(9))];
    assert_eq!(ended[1..], expected);
    assert_eq!(scene.vivo.desk.take_accepted().len(), 1);

    assert_eq!(outcomes(&scene.send(&plain(), &["b"]).await), [(dead.clone(), Some(1))], "alone, too");
    // The singular in a list, and no name in a single send.
    let singular = json!({"result": "0", "taskId": 7, "invalidUser": [{"userid": "a", "status": "2"}]});
    scene.vivo.desk.next_answers([answer(&json!({"result": 0, "taskId": "9"})), answer(&singular)]);
    let ended = outcomes(&scene.send(&plain(), &["a", "f"]).await);
    assert_eq!(ended, [(dead.clone(), Some(2)), (Outcome::Ok { vendor_id: Some(7) }, None)]);
    scene.vivo.desk.next_answers([answer(&json!({"result": 0, "invalidUser": {"status": 1}}))]);
    assert_eq!(outcomes(&scene.send(&plain(), &["a"]).await), [(dead, Some(1))]);
}

#[tokio::test]
async fn when_lists_do_not_go_phones_are_served_one_by_one() {
    let scene = scene().await;
    let quota = || answer(&json!({"result": 10252, "desc": "list quota"}));
    scene.vivo.desk.next_answers([quota()]);
    let ended = scene.send(&plain(), &["a", "b", "c"]).await;
    assert!(ended.iter().all(is_sent) && scene.calls() == [3, 1, 0]);
    assert_eq!(scene.vivo.desk.take_accepted().len(), 3);

    // A malformed regId refuses the whole list, and is found.
    scene.vivo.desk.set_device("bad", "10302");
    let ended = scene.send(&plain(), &["a", "bad", "c"]).await;
    let ended: Vec<_> = ended.iter().map(|one| one.attempt.outcome == Outcome::Invalid).collect();
    assert_eq!(ended, [false, true, false]);
    assert_eq!(scene.vivo.desk.take_accepted().len(), 2);
}

#[tokio::test]
async fn once_the_day_is_over_no_further_call_is_made() {
    // Edge case 42.
    let scene = scene().await;
    let spent = || answer(&json!({"result": 10070, "desc": "total exceeded"}));
    scene.vivo.desk.next_answers((0..9000).map(|_| spent()));
    let ended = scene.send(&plain(), &strs(&numbered(5000))).await;
    assert!(ended.len() == 5000 && ended.iter().all(|one| one.attempt.outcome == SPENT));
    assert_eq!(scene.calls(), [0, 1, 0], "the notification could not even be left");
    // Also in the middle of single sends.
    let scene = self::scene().await;
    let quota = answer(&json!({"result": 10252, "desc": "list quota"}));
    scene.vivo.desk.next_answers(std::iter::once(quota).chain((0..999).map(|_| spent())));
    let ended = scene.send(&plain(), &strs(&numbered(500))).await;
    assert!(ended.iter().all(|one| one.attempt.outcome == SPENT));
    let [sends, ..] = scene.calls();
    assert!(sends <= 16, "{sends} calls, only what was in flight");
}

#[tokio::test]
async fn what_differs_between_a_list_and_a_single_send() {
    let scene = scene().await;
    let short = Notification { show_end: Some(NOW.plus(Duration::from_secs(10))), ..plain() };
    assert!(is_sent(&scene.send(&short, &["a"]).await[0]));
    assert_eq!((&scene.last()["timeToLive"], &scene.last()["extra"]["callback"]), (&json!(60), &json!("U")));
    assert!(scene.send(&short, &["a", "b"]).await.iter().all(is_sent));
    let seen = scene.stage.server.seen();
    let left = seen.iter().find(|seen| seen.path() == settings::SAVE_PATH).unwrap().json();
    assert_eq!((&left["timeToLive"], left.get("extra"), left.get("regId")), (&json!(900), None, None));
    let with_id = VivoCertificate { callback_id: Some("77".to_owned()), ..certificate() };
    for tokens in [&["a"][..], &["a", "b"]] {
        assert!(scene.send_as(&plain(), tokens, &with_id).await.iter().all(is_sent));
        let seen = scene.stage.server.seen();
        let with_extra = seen.iter().rev().find(|seen| seen.path() != settings::LIST_PATH).unwrap().json();
        assert_eq!(with_extra["extra"], json!({"callback.id": "77", "callback.param": "P"}));
    }
}

#[tokio::test]
async fn every_field_is_vivos() {
    let scene = scene().await;
    // Edge cases 25 and 27.
    let message = Notification {
        title: "😀".repeat(60),
        body: "字".repeat(101),
        big_text: Some("long".to_owned()),
        show_end: Some(NOW.plus(Duration::from_secs(9 * 86_400))),
        vivo: VivoBlock { block: Block { sound: Some("none".to_owned()), ..Block::default() }, ..VivoBlock::default() },
        ..plain()
    };
    assert!(is_sent(&scene.send(&message, &["a"]).await[0]));
    let last = scene.last();
    assert_eq!(last["title"], format!("{}…", "😀".repeat(39)));
    assert_eq!(last["content"], format!("{}…", "字".repeat(99)));
    assert_eq!((&last["notifyType"], &last["timeToLive"], &last["skipType"]), (&json!(1), &json!(86_400), &json!(1)));
    assert_eq!((&last["pushMode"], &last["classification"]), (&json!(0), &json!(0)));
    for absent in ["skipContent", "clientCustomMap", "addBadge", "category"] {
        assert!(last.get(absent).is_none(), "{absent}");
    }

    let granted = VivoCertificate { may_badge: true, category: Some("ORDER".to_owned()), ..certificate() };
    let system = VivoBlock { system_message: true, ..VivoBlock::default() };
    let mut message = Notification { vivo: system, ..plain() };
    assert!(is_sent(&scene.send_as(&message, &["a"], &granted).await[0]));
    assert_eq!((&scene.last()["addBadge"], &scene.last()["category"]), (&json!(true), &json!("ORDER")));
    message.badge = Badge::Add(2);
    scene.send_as(&message, &["a"], &granted).await;
    assert!(scene.last().get("addBadge").is_none(), "vivo adds one and no more");
    message.vivo.system_message = false;
    assert_eq!(outcomes(&scene.send_as(&message, &["a"], &granted).await), [(Outcome::Content, Some(10097))]);
    // Only test users get what is sent in test mode.
    let test = Notification { vivo: VivoBlock { test_push: true, ..VivoBlock::default() }, ..plain() };
    let ended = scene.send(&test, &["R", "a"]).await;
    assert_eq!((is_sent(&ended[0]), outcomes(&ended)[1].clone()), (true, (Outcome::Content, Some(4))));
}

#[tokio::test]
async fn a_token_serves_for_ninety_minutes_and_is_replaced_when_refused() {
    let scene = scene().await;
    scene.send(&plain(), &["a"]).await;
    scene.stage.clock.advance(Duration::from_secs(89 * 60));
    scene.send(&plain(), &["a"]).await;
    assert_eq!(scene.vivo.desk.tokens_issued(), 1);
    let held = scene.stage.vault.peek(&token_key(&certificate())).unwrap();
    assert_eq!(held.expires.since(NOW), settings::TOKEN_USE);
    scene.stage.clock.advance(Duration::from_secs(7 * 60));
    scene.send(&plain(), &["a"]).await;
    assert_eq!(scene.vivo.desk.tokens_issued(), 2);

    scene.vivo.forget_tokens();
    assert!(is_sent(&scene.send(&plain(), &["a"]).await[0]));
    assert_eq!(scene.vivo.desk.tokens_issued(), 3);
    scene.stage.clock.advance(Duration::from_secs(60));
    let refused = || answer(&json!({"result": "10000", "desc": "auth"}));
    scene.vivo.desk.next_answers([refused(), refused()]);
    assert_eq!(outcomes(&scene.send(&plain(), &["a"]).await), [(Outcome::Config, Some(10000))]);
}

#[tokio::test]
async fn wrong_keys_are_the_operators() {
    let scene = scene().await;
    let secret = Secret::new("x".to_owned());
    let wrong = VivoCertificate { app_secret: secret, id: AccountId::new("1"), ..certificate() };
    assert_eq!(outcomes(&scene.send_as(&plain(), &["a"], &wrong).await), [(Outcome::Config, Some(10206))]);
    // A token of this app under another appId.
    scene.send(&plain(), &["a"]).await;
    let other = VivoCertificate { app_id: 10005, ..certificate() };
    assert_eq!(outcomes(&scene.send_as(&plain(), &["a"], &other).await), [(Outcome::Config, Some(10094))]);
}

#[test]
fn every_code_has_its_class() {
    let table: &[(&[i64], Outcome)] = &[
        (&[0, 10102], Outcome::Ok { vendor_id: None }),
        (&[10302], Outcome::Invalid),
        (&[10000], Outcome::Config),
        (&[10070, 10073, 10252, 10254], SPENT),
        (&[10071, 10072], later_by(60)),
        (&[10094, 10200, 10201, 10202, 10203, 10204, 10205, 10206, 10207], Outcome::Config),
        (&[10043, 10045, 10097, 10001, 10208, 10300, 10303, 1, i64::MIN], Outcome::Content),
    ];
    for (codes, outcome) in table {
        for code in *codes {
            assert_eq!(outcome_of(Code(*code)), *outcome, "{code}");
        }
    }
    let statuses = [(1, Outcome::Invalid), (2, Outcome::Invalid), (4, Outcome::Content), (3, Outcome::Content)];
    for (status, outcome) in statuses {
        assert_eq!(outcome_of_status(Code(status)), outcome, "{status}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_for_the_whole_call() {
    let scene = scene().await;
    for (reply, outcome) in [
        (status(500), later(None)),
        (answer(&json!({"result": 10071, "desc": "too fast"})), later_by(60)),
        (answer(&json!({"desc": "?"})), Outcome::Retry { after: None, at_most: Some(3) }),
    ] {
        scene.vivo.desk.next_answers([reply]);
        let ended = scene.send(&plain(), &["a", "b"]).await;
        assert!(ended.len() == 2 && ended.iter().all(|one| one.attempt.outcome == outcome), "{ended:?}");
    }
    scene.vivo.desk.next_answers([answer(&json!({"result": 0, "desc": "no taskId"}))]);
    let ended = scene.send(&plain(), &["a", "b"]).await;
    assert_eq!(ended[1].attempt.outcome, Outcome::Retry { after: None, at_most: Some(3) });
    assert!(scene.vivo.desk.take_accepted().is_empty());
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    // Edge case 21.
    let scene = scene().await;
    assert!(!Phone::Vivo.carries(Kind::Cmd) && Phone::Vivo.carries(Kind::Image));
    assert_eq!(scene.send(&Notification { kind: Kind::Cmd, ..plain() }, &["a"]).await, [Ended::not_carried()]);
    let pairs: Vec<String> = (0..11).map(|number| format!(r#""k{number}":1"#)).collect();
    for json in [format!("{{{}}}", pairs.join(",")), format!(r#"{{"a":"{}"}}"#, "x".repeat(1024))] {
        let message = Notification { ext: Some(Ext::parse(&json).unwrap()), ..plain() };
        assert_eq!(scene.send(&message, &["a"]).await, [Ended::with(Outcome::TooLarge, None, "client_custom_map")]);
    }
    let mut message = golden();
    message.android.intent = Some("x".repeat(1025));
    assert_eq!(scene.send(&message, &["a"]).await, [Ended::with(Outcome::Content, None, "intent_too_long")]);
    assert!(scene.stage.server.seen().is_empty());
}

#[test]
fn a_receipt_of_an_unknown_form_counts_nothing() {
    let read = |body: Value| read_receipt(body.to_string().as_bytes());
    let report =
        |token: &str| Report { token: DeviceToken::new(token), param: "42.ab".to_owned(), event: Event::Delivered };
    let known = json!({"542": {"param": "42.ab", "targets": "a,b", "ackType": "0", "ackTime": 1}});
    assert_eq!(read(known), receipt::Read { reports: vec![report("a"), report("b")], unknown: false });
    let partly = json!({"542": {"param": "42.ab", "targets": "a"}, "543": {"what": 1}});
    assert_eq!(read(partly), receipt::Read { reports: vec![report("a")], unknown: true });
    for unknown in [json!([]), json!(7), json!({"a": "b"}), json!({"1": {"param": "p", "targets": "a", "ackType": 5}})]
    {
        assert_eq!(read(unknown), receipt::Read { reports: Vec::new(), unknown: true });
    }
    assert!(read_receipt(b"not json").unknown);
}

#[tokio::test]
async fn an_audience_is_not_deleted_for_a_wrong_app() {
    let scene = scene().await;
    let tokens: Vec<String> = (0..30).map(|number| format!("T{number}")).collect();
    for token in &tokens[..20] {
        scene.vivo.desk.set_device(token, "1");
    }
    let ended = scene.send(&plain(), &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Config).count(), 20);
    // An app that was uninstalled is no doubt about ours.
    for token in &tokens[..20] {
        scene.vivo.desk.set_device(token, "2");
    }
    let ended = scene.send(&plain(), &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Invalid).count(), 20);
}
