use super::auth::{sign, token_key};
use super::error::outcome_of;
use super::settings::OppoSettings;
use super::*;
use crate::testing::push::{INTENT, NOW, Stage, answer, form, golden, plain, push, receipt, status, targets};
use crate::testing::server::Seen;
use crate::vendor::Ended;
use crate::vendor::code::Code;
use crate::vendor::fault::later_by;
use crate::vendor::receipt::{Event, ReceiptError, Report};
use model::certificate::{OppoCategory, OppoCertificate};
use model::clock::Timestamp;
use model::ids::{AccountId, DeviceToken};
use model::notification::android::Phone;
use model::notification::badge::Badge;
use model::notification::ext::Ext;
use model::notification::{Kind, Notification};
use model::outcome::{Hold, Outcome};
use model::secret::Secret;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "appkey-1";
const SECRET: &str = "master-secret-1";
const SPENT: Outcome = Outcome::Quota { hold: Hold::UntilBeijingMidnight };

fn certificate() -> OppoCertificate {
    OppoCertificate {
        id: AccountId::new("demo/oppo"),
        app_key: KEY.to_owned(),
        master_secret: Secret::new(SECRET.to_owned()),
        app_name: "演示".to_owned(),
        category: None,
    }
}

/// OPPO's two servers on loopback, and the channel in front of them.
struct Scene {
    home: Stage,
    away: Stage,
    oppo: Arc<standin::oppo::Oppo>,
    abroad: Arc<standin::oppo::Oppo>,
    channel: Oppo,
}

async fn scene() -> Scene {
    let oppo = Arc::new(standin::oppo::Oppo::new(KEY, SECRET, false).with_category("ORDER"));
    let abroad = Arc::new(standin::oppo::Oppo::new(KEY, SECRET, true));
    let stage = async |oppo: &Arc<standin::oppo::Oppo>| {
        let oppo = Arc::clone(oppo);
        Stage::new(move |request, now_ms| oppo.answer(request, now_ms)).await
    };
    let (home, away) = (stage(&oppo).await, stage(&abroad).await);
    let settings = OppoSettings { mainland: home.server.url("/"), overseas: away.server.url("") };
    let channel = Oppo::new(&settings, &home.http, home.tokens.clone(), home.clock.clone());
    Scene { home, away, oppo, abroad, channel }
}

impl Scene {
    async fn send_as(&self, message: &Notification, tokens: &[&str], certificate: &OppoCertificate) -> Vec<Ended> {
        self.channel.send(push(message, &receipt(), &targets(tokens.iter().copied()), certificate)).await
    }

    async fn send(&self, message: &Notification, tokens: &[&str]) -> Vec<Ended> {
        self.send_as(message, tokens, &certificate()).await
    }

    /// `notification` of the first element of the last call.
    fn last(&self) -> Value {
        messages(self.home.server.seen().last().unwrap())[0]["notification"].clone()
    }

    fn sends(&self) -> usize {
        self.home.server.count(settings::PATH)
    }
}

fn messages(seen: &Seen) -> Value {
    serde_json::from_str(&form(seen)["messages"]).unwrap()
}

fn outcomes(ended: &[Ended]) -> Vec<(Outcome, Option<i32>)> {
    ended.iter().map(|one| (one.attempt.outcome.clone(), one.attempt.vendor_code)).collect()
}

#[test]
fn the_token_call_is_signed_with_sha_256() {
    let sign = sign(KEY, Timestamp::from_millis(1_700_000_000_000), &Secret::new(SECRET.to_owned()));
    assert_eq!(sign, "9aa2053d4ae51ba5966dd35e4f88c122a1c77bf2f622b5cf7b154c9f2df4b465");
}

#[tokio::test]
async fn the_golden_request() {
    let scene = scene().await;
    assert_eq!(scene.send(&golden(), &["CN_x"]).await, [Ended::ok()]);
    let seen = scene.home.server.seen();
    let [auth, batch] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((auth.path(), batch.path()), (settings::AUTH_PATH, settings::PATH));
    assert_eq!(form(auth)["timestamp"], "1700000000000");
    assert!(form(batch)["auth_token"].starts_with("oppo/+"), "what has to be escaped arrives as it was issued");
    let expected = json!([{
        "target_type": 2, "target_value": "CN_x", "verify_registration_id": false,
        "notification": {
            "app_message_id": "42", "style": 1, "title": "Hi", "content": "Body",
            "click_action_type": 5, "click_action_url": INTENT, "action_parameters": "{\"k\":1,\"s\":\"v\"}",
            "show_time_type": 0, "off_line": true, "off_line_ttl": 3600, "channel_id": "ch",
            "badge_operation_type": 0, "badge_message_count": 5, "call_back_url": "U", "call_back_parameter": "P",
        },
    }]);
    assert_eq!(messages(batch), expected);
}

#[tokio::test]
async fn each_phone_has_its_own_number_on_the_icon() {
    let scene = scene().await;
    let badge = |badge, counter: Option<u32>| {
        let message = Notification { badge, ..plain() };
        let mut targets = targets(["CN_x"]);
        targets[0].badge = counter;
        let scene = &scene;
        async move {
            let ended = scene.channel.send(push(&message, &receipt(), &targets, &certificate())).await;
            assert_eq!(ended, [Ended::ok()]);
            let last = scene.last();
            (
                last.get("badge_operation_type").and_then(Value::as_i64),
                last.get("badge_message_count").and_then(Value::as_i64),
            )
        }
    };
    // Edge cases 16 to 18.
    assert_eq!(badge(Badge::default(), Some(4)).await, (Some(1), None));
    assert_eq!(badge(Badge::Set(0), None).await, (Some(0), Some(0)));
    assert_eq!(badge(Badge::Set(150), None).await, (Some(0), Some(99)));
    assert_eq!(badge(Badge::Add(150), Some(153)).await, (Some(0), Some(99)));
    assert_eq!(badge(Badge::Add(2), None).await, (Some(1), None), "the caller keeps no counter");
    assert_eq!(badge(Badge::Add(0), Some(7)).await, (None, None));

    let message = Notification { badge: Badge::Add(2), ..plain() };
    let mut targets = targets(["CN_a", "CN_b"]);
    targets[1].badge = Some(9);
    scene.channel.send(push(&message, &receipt(), &targets, &certificate())).await;
    let messages = messages(scene.home.server.seen().last().unwrap());
    let counts: Vec<_> =
        messages.as_array().unwrap().iter().map(|one| &one["notification"]["badge_message_count"]).collect();
    assert_eq!(counts, [5, 9]);
}

#[tokio::test]
async fn texts_are_cut_by_characters_and_long_ones_have_their_style() {
    // Edge cases 25 and 27.
    let scene = scene().await;
    let message = Notification { title: "😀".repeat(60), body: "字".repeat(51), ..plain() };
    assert_eq!(scene.send(&message, &["CN_x"]).await, [Ended::ok()]);
    let last = scene.last();
    assert_eq!(last["title"], format!("{}…", "😀".repeat(49)));
    assert_eq!((&last["content"], &last["style"]), (&json!(format!("{}…", "字".repeat(49))), &json!(1)));
    let message = Notification { big_text: Some("长".repeat(129)), ..plain() };
    assert_eq!(scene.send(&message, &["CN_x"]).await, [Ended::ok()]);
    let last = scene.last();
    assert_eq!((&last["content"], &last["style"]), (&json!(format!("{}…", "长".repeat(127))), &json!(2)));
    let message = Notification { title: " ".to_owned(), body: "\"quoted\" & 100%".to_owned(), ..plain() };
    assert_eq!(scene.send(&message, &["CN_x"]).await, [Ended::ok()]);
    assert_eq!((&scene.last()["title"], &scene.last()["content"]), (&json!("演示"), &json!("\"quoted\" & 100%")));
}

#[tokio::test]
async fn oppo_waits_itself_and_is_told_both_ends() {
    // Edge case 55.
    let scene = scene().await;
    let begin = NOW.plus(Duration::from_secs(3600));
    let message = Notification { show_begin: Some(begin), ..plain() };
    assert_eq!(scene.send(&message, &["CN_x"]).await, [Ended::ok()]);
    let last = scene.last();
    let end = begin.plus(Duration::from_secs(86_400));
    assert_eq!((&last["show_time_type"], &last["off_line_ttl"]), (&json!(1), &json!(86_400)));
    assert_eq!((&last["show_start_time"], &last["show_end_time"]), (&json!(begin.millis()), &json!(end.millis())));
    let message = Notification { show_end: Some(NOW.plus(Duration::from_secs(20 * 86_400))), ..plain() };
    assert_eq!(scene.send(&message, &["CN_x"]).await, [Ended::ok()]);
    assert_eq!((&scene.last()["show_time_type"], &scene.last()["off_line_ttl"]), (&json!(0), &json!(864_000)));
}

#[tokio::test]
async fn a_batch_fails_phone_by_phone() {
    // Edge case 39.
    let scene = scene().await;
    let tokens: Vec<String> = (0..1000).map(|number| format!("CN_{number}")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    scene.oppo.desk.set_device("CN_7", "10000");
    let ended = scene.send(&plain(), &tokens).await;
    assert_eq!(ended.iter().filter(|one| **one == Ended::ok()).count(), 999);
    assert_eq!(outcomes(&ended)[7], (Outcome::Invalid, Some(10000)));
    assert_eq!((scene.sends(), scene.oppo.desk.take_accepted().len()), (1, 999));

    for (token, code) in [("CN_a", "10001"), ("CN_b", "55"), ("CN_c", "33"), ("CN_d", "999")] {
        scene.oppo.desk.set_device(token, code);
    }
    let ended = outcomes(&scene.send(&plain(), &["CN_a", "CN_b", "CN_c", "CN_d", "CN_0"]).await);
    let expected = [
        (Outcome::Suppressed, Some(10001)),
        (later_by(60), Some(55)),
        (SPENT, Some(33)),
        (Outcome::Content, Some(999)),
        (Outcome::Ok { vendor_id: None }, None),
    ];
    assert_eq!(ended, expected);
}

#[tokio::test]
async fn an_element_without_a_code_is_a_success_and_an_unknown_answer_resends_nothing() {
    let scene = scene().await;
    let id = "CN_a";
    for data in [
        json!([{"messageId": "m", "registrationId": id, "errorCode": "", "errorMessage": ""}]),
        json!([{"messageId": "m", "registrationId": id, "errorCode": null}]),
        json!([{"messageId": "m", "registrationId": id, "errorCode": "0"}]),
        json!([{"messageId": "m", "registrationId": "CN_other", "errorCode": 10000}]),
        json!([]),
        json!({"messageId": "m"}),
        json!(null),
    ] {
        scene.oppo.desk.next_answers([answer(&json!({"code": "0", "data": data}))]);
        assert_eq!(scene.send(&plain(), &[id]).await, [Ended::ok()], "{data}");
    }
    let beside_others =
        json!([{"registrationId": "CN_b", "errorCode": ""}, {"registrationId": id, "errorCode": "10001"}]);
    scene.oppo.desk.next_answers([answer(&json!({"code": 0, "data": beside_others}))]);
    let ended = outcomes(&scene.send(&plain(), &[id, "CN_b"]).await);
    assert_eq!(ended, [(Outcome::Suppressed, Some(10001)), (Outcome::Ok { vendor_id: None }, None)]);
}

#[tokio::test]
async fn a_large_message_goes_to_fewer_phones_at_a_time() {
    let scene = scene().await;
    let tokens: Vec<String> = (0..300).map(|number| format!("CN_{number}")).collect();
    let ext = Ext::parse(&format!(r#"{{"a":"{}"}}"#, "字".repeat(1000))).unwrap();
    let message = Notification { ext: Some(ext), ..plain() };
    let ended = scene.send(&message, &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(ended.len() == 300 && ended.iter().all(|one| *one == Ended::ok()));
    let sends: Vec<_> = scene.home.server.seen().into_iter().filter(|seen| seen.path() == settings::PATH).collect();
    assert_eq!(sends.len(), 2, "nine kilobytes each");
    assert!(sends.iter().all(|seen| seen.body.len() <= settings::CALL_BYTES));
    assert_eq!(scene.oppo.desk.take_accepted().len(), 300);
}

#[tokio::test]
async fn a_repeat_is_not_shown_twice() {
    let scene = scene().await;
    assert_eq!(scene.send(&plain(), &["CN_a"]).await, [Ended::ok()]);
    assert_eq!(scene.send(&plain(), &["CN_a"]).await, [Ended::ok()]);
    assert_eq!((scene.sends(), scene.oppo.desk.take_accepted().len()), (2, 1));
}

#[tokio::test]
async fn phones_outside_of_china_have_a_server_of_their_own() {
    // Edge case 40.
    let scene = scene().await;
    let tokens = ["CN_a", "US_b", "plain", "OPPO_EU_c", "X_CN_d", "OPPO_CN"];
    assert_eq!(scene.send(&plain(), &tokens).await, Ended::ok().times(6));
    let got = |oppo: &standin::oppo::Oppo| -> Vec<String> {
        oppo.desk.take_accepted().into_iter().map(|accepted| accepted.token).collect()
    };
    assert_eq!(got(&scene.oppo), ["CN_a", "plain", "X_CN_d"]);
    assert_eq!(got(&scene.abroad), ["US_b", "OPPO_EU_c", "OPPO_CN"]);
    assert_eq!((scene.home.server.count(settings::AUTH_PATH), scene.away.server.count(settings::AUTH_PATH)), (1, 1));

    // Ends stand at the place of their targets.
    scene.abroad.desk.set_device("US_b", "10001");
    let ended = outcomes(&scene.send(&plain(), &["CN_1", "US_b", "CN_2"]).await);
    assert_eq!(ended[1], (Outcome::Suppressed, Some(10001)));
    assert!(ended[0] == ended[2] && ended[0].1.is_none());
}

#[tokio::test]
async fn a_token_serves_for_twelve_hours_and_everybody() {
    let scene = scene().await;
    for _ in 0..3 {
        assert_eq!(scene.send(&plain(), &["CN_a"]).await, [Ended::ok()]);
    }
    assert_eq!(scene.oppo.desk.tokens_issued(), 1);
    scene.home.clock.advance(Duration::from_secs(12 * 3600 + 1));
    assert_eq!(scene.send(&plain(), &["CN_a"]).await, [Ended::ok()]);
    assert_eq!(scene.oppo.desk.tokens_issued(), 2);
    let held = scene.home.vault.peek(&token_key(&certificate().id, false)).unwrap();
    assert!(held.value.expose().starts_with("oppo/+") && held.value.expose().contains(".2."), "the second one is held");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let scene = scene().await;
    scene.send(&plain(), &["CN_a"]).await;
    scene.oppo.forget_tokens();
    assert_eq!(scene.send(&plain(), &["CN_b"]).await, [Ended::ok()]);
    assert_eq!((scene.oppo.desk.tokens_issued(), scene.sends()), (2, 3));
    let refused = || answer(&json!({"code": 11, "message": "Invalid AuthToken"}));
    scene.home.clock.advance(Duration::from_secs(60));
    scene.oppo.desk.next_answers([refused(), refused()]);
    assert_eq!(outcomes(&scene.send(&plain(), &["CN_b"]).await), [(Outcome::Config, Some(11))]);
    assert_eq!(scene.sends(), 5);
}

#[tokio::test]
async fn wrong_keys_and_clocks_are_the_operators() {
    let scene = scene().await;
    let wrong_key = OppoCertificate { app_key: "x".to_owned(), id: AccountId::new("1"), ..certificate() };
    assert_eq!(outcomes(&scene.send_as(&plain(), &["CN_a"], &wrong_key).await), [(Outcome::Config, Some(14))]);
    let secret = Secret::new("x".to_owned());
    let wrong_secret = OppoCertificate { master_secret: secret, id: AccountId::new("2"), ..certificate() };
    assert_eq!(outcomes(&scene.send_as(&plain(), &["CN_a"], &wrong_secret).await), [(Outcome::Config, Some(16))]);
    assert_eq!(scene.sends(), 0);
}

#[tokio::test]
async fn a_category_that_is_not_permitted_is_left_out_once() {
    let scene = scene().await;
    let with = |name: &str| OppoCertificate {
        category: Some(OppoCategory { name: name.to_owned(), notify_level: Some(2) }),
        ..certificate()
    };
    assert_eq!(scene.send_as(&plain(), &["CN_a"], &with("ORDER")).await, [Ended::ok()]);
    assert_eq!((&scene.last()["category"], &scene.last()["notify_level"]), (&json!("ORDER"), &json!(2)));
    assert_eq!(scene.sends(), 1);
    assert_eq!(scene.send_as(&plain(), &["CN_b"], &with("OTHER")).await, [Ended::ok()]);
    assert!(scene.last().get("category").is_none() && scene.last().get("notify_level").is_none());
    assert_eq!(scene.sends(), 3);
    // One by one, if that is how OPPO says it.
    scene.oppo.desk.set_device("CN_c", "67");
    let ended = outcomes(&scene.send_as(&plain(), &["CN_c", "CN_d"], &with("ORDER")).await);
    assert_eq!(ended, [(Outcome::Content, Some(67)), (Outcome::Ok { vendor_id: None }, None)]);
    assert_eq!((scene.sends(), messages(scene.home.server.seen().last().unwrap()).as_array().unwrap().len()), (5, 1));
    // Without a category there is nothing to leave out.
    assert_eq!(outcomes(&scene.send(&plain(), &["CN_c"]).await), [(Outcome::Content, Some(67))]);
    assert_eq!(scene.sends(), 6);
}

#[tokio::test]
async fn a_dead_id_that_spoils_a_call_costs_nobody_else() {
    let scene = scene().await;
    scene.oppo.desk.set_device("CN_b", "10000");
    scene.oppo.desk.next_answers([answer(&json!({"code": 10000, "message": "Invalid RegistrationId"}))]);
    let ended = outcomes(&scene.send(&plain(), &["CN_a", "CN_b", "CN_c"]).await);
    let sent = (Outcome::Ok { vendor_id: None }, None);
    assert_eq!(ended, [sent.clone(), (Outcome::Invalid, Some(10000)), sent]);
}

#[tokio::test]
async fn an_audience_is_not_deleted_for_a_wrong_app() {
    let scene = scene().await;
    let tokens: Vec<String> = (0..30).map(|number| format!("CN_{number}")).collect();
    for token in &tokens[..20] {
        scene.oppo.desk.set_device(token, "10000");
    }
    let ended = scene.send(&plain(), &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Config).count(), 20);
    assert!(!ended.iter().any(|one| one.attempt.outcome == Outcome::Invalid));
}

/// The table of OPPO's page.
#[test]
fn every_code_has_its_class() {
    let table: &[(&[i64], Outcome)] = &[
        (&[0], Outcome::Ok { vendor_id: None }),
        (&[10000], Outcome::Invalid),
        (&[10001], Outcome::Suppressed),
        (&[10002, 10003], Outcome::Content),
        (&[11, 29], Outcome::Config),
        (&[-2, -1], later_by(5)),
        (&[13, 55], later_by(60)),
        (&[33, 34], SPENT),
        (&[14, 15, 16, 17, 18, 19, 26, 27, 28, 30], Outcome::Config),
        (&[12, 20, 21, 22, 23, 24, 25, 31, 32, 40, 41, 51, 59, 67], Outcome::Content),
        (&[1, 10, 35, 66, 10004, i64::MAX], Outcome::Content),
    ];
    for (codes, outcome) in table {
        for code in *codes {
            assert_eq!(outcome_of(Code(*code)), *outcome, "{code}");
        }
    }
}

#[tokio::test]
async fn trouble_waits_for_five_seconds_unless_oppo_says_otherwise() {
    let scene = scene().await;
    scene.oppo.desk.next_answers([status(503)]);
    assert_eq!(scene.send(&plain(), &["CN_a"]).await[0].attempt.outcome, later_by(5));
    let asked = http::Response::builder().status(503).header("retry-after", "17").body(Vec::new().into()).unwrap();
    scene.oppo.desk.next_answers([asked]);
    assert_eq!(scene.send(&plain(), &["CN_a"]).await[0].attempt.outcome, later_by(17));
    scene.oppo.desk.next_answers([answer(&json!({"code": "-1", "message": "Service Currently Unavailable"}))]);
    assert_eq!(outcomes(&scene.send(&plain(), &["CN_a"]).await), [(later_by(5), Some(-1))]);
    scene.oppo.desk.next_answers([status(429)]);
    assert_eq!(scene.send(&plain(), &["CN_a"]).await[0].attempt.outcome, later_by(5));
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    // Edge case 21.
    let scene = scene().await;
    assert!(!Phone::Oppo.carries(Kind::Cmd) && Phone::Oppo.carries(Kind::Image));
    assert_eq!(scene.send(&Notification { kind: Kind::Cmd, ..plain() }, &["CN_a"]).await, [Ended::not_carried()]);
    let large = Ext::parse(&format!(r#"{{"a":"{}"}}"#, "x".repeat(4000))).unwrap();
    let ended = scene.send(&Notification { ext: Some(large), ..plain() }, &["CN_a"]).await;
    assert_eq!(ended[0].attempt.outcome, Outcome::TooLarge);
    let mut message = golden();
    message.android.intent = Some("x".repeat(2001));
    assert_eq!(scene.send(&message, &["CN_a"]).await, [Ended::with(Outcome::Content, None, "intent_too_long")]);
    assert_eq!(scene.send(&plain(), &["CN_\"a"]).await[0].attempt.outcome, Outcome::Invalid);
    assert!(scene.home.server.seen().is_empty() && scene.away.server.seen().is_empty());
}

#[test]
fn a_receipt_is_an_array_or_one_element_of_it() {
    let entry = |kind: &str| {
        json!({"messageId": "m", "appId": "1", "taskId": "t", "registrationIds": "a,b", "eventTime": "1",
            "param": "42.ab", "eventType": kind})
    };
    let report = |token: &str, event| Report { token: DeviceToken::new(token), param: "42.ab".to_owned(), event };
    let both = |event| vec![report("a", event), report("b", event)];
    for (kind, event) in [
        ("push_arrive", Event::Delivered),
        ("regid_invalid", Event::Invalid),
        ("user_daily_limit", Event::OverQuota),
        ("something_new", Event::Other),
    ] {
        assert_eq!(read_receipt(json!([entry(kind)]).to_string().as_bytes()), Ok(both(event)), "{kind}");
        // Edge case 49.
        assert_eq!(read_receipt(entry(kind).to_string().as_bytes()), Ok(both(event)), "{kind}");
    }
    assert_eq!(read_receipt(b"[]"), Ok(Vec::new()));
    for bad in ["", "x", "7", "[1]", "\"a\""] {
        assert!(matches!(read_receipt(bad.as_bytes()), Err(ReceiptError::Malformed(_))), "{bad}");
    }
}
