use super::error::{outcome_of, outcome_of_value};
use super::sign::Signer;
use super::*;
use crate::testing::push::{INTENT, NOW, Stage, answer, form, golden, plain, push, receipt, status, targets};
use crate::testing::server::Reply;
use crate::vendor::Ended;
use crate::vendor::code::Code;
use crate::vendor::fault::{later, later_by};
use crate::vendor::receipt::{Event, ReceiptError, Report};
use model::certificate::MeizuCertificate;
use model::ids::{AccountId, DeviceToken};
use model::notification::android::{Block, Phone};
use model::notification::{Kind, Notification};
use model::outcome::{Hold, Outcome};
use model::secret::Secret;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "app-secret";
const SPENT: Outcome = Outcome::Quota { hold: Hold::UntilBeijingMidnight };

fn certificate() -> MeizuCertificate {
    MeizuCertificate {
        id: AccountId::new("demo/meizu"),
        app_id: "10000".to_owned(),
        app_secret: Secret::new(SECRET.to_owned()),
        app_name: "演示".to_owned(),
        receipt_token: None,
    }
}

/// Meizu on loopback, and the channel in front of it.
struct Scene {
    stage: Stage,
    meizu: Arc<standin::meizu::Meizu>,
    channel: Meizu,
}

async fn scene() -> Scene {
    let meizu = Arc::new(standin::meizu::Meizu::new("10000", SECRET));
    let stage = Stage::new({
        let meizu = Arc::clone(&meizu);
        move |request, now_ms| meizu.answer(request, now_ms)
    })
    .await;
    let channel = Meizu::new(&stage.server.url("/"), stage.http.clone(), stage.clock.clone());
    Scene { stage, meizu, channel }
}

impl Scene {
    async fn send(&self, message: &Notification, tokens: &[&str]) -> Vec<Ended> {
        self.channel.send(push(message, &receipt(), &targets(tokens.iter().copied()), &certificate())).await
    }

    /// `messageJson` of the last call.
    fn last_json(&self) -> Value {
        serde_json::from_str(&form(self.stage.server.seen().last().unwrap())["messageJson"]).unwrap()
    }
}

#[test]
fn the_vendors_own_example_is_signed_as_it_says() {
    let json = r#"{"title":"title","content":"content","pushTimeInfo":{"offLine":1,"validTime":24}}"#;
    let secret = Secret::new("<APP_SECRET>".to_owned());
    let sign = Signer::new("10000", json).sign("RA50c6348036344485d01776773577c64740465480a6b", &secret);
    assert_eq!(sign, "ac076ff25d9900015a681cb5172aa53b");
}

#[tokio::test]
async fn the_golden_request() {
    let scene = scene().await;
    assert_eq!(scene.send(&golden(), &["T1", "T2"]).await, Ended::ok().times(2));
    let seen = scene.stage.server.seen();
    let form = form(&seen[0]);
    assert_eq!(seen[0].path(), settings::PATH);
    assert_eq!((&*form["appId"], &*form["pushIds"], form.len()), ("10000", "T1,T2", 4));
    let expected = json!({
        "noticeBarInfo": {"noticeMsgType": 0, "noticeBarType": 0, "title": "Hi", "content": "Body"},
        "noticeExpandInfo": {"noticeExpandType": 0},
        "clickTypeInfo": {"clickType": 1, "activity": "com.a.M", "parameters": {"k": 1, "s": "v", "p": "1"}},
        "pushTimeInfo": {"offLine": 1, "validTime": 1},
        "advanceInfo": {"fixDisplay": 0, "notificationType": {"vibrate": 1, "lights": 1, "sound": 1}},
        "extra": {"callback": "U", "callback.param": "P", "callback.type": "1"},
    });
    assert_eq!(scene.last_json(), expected);
}

#[tokio::test]
async fn what_is_signed_is_what_is_sent_whatever_it_holds() {
    // Edge case 46: the stand-in signs the decoded text.
    let scene = scene().await;
    let message = Notification { title: "a&b=c".to_owned(), body: "你好 + \"%\" & 😀".to_owned(), ..plain() };
    assert_eq!(scene.send(&message, &["T1"]).await, [Ended::ok()]);
    let accepted = scene.meizu.desk.take_accepted();
    assert_eq!((&*accepted[0].title, &*accepted[0].body), (&*message.title, &*message.body));
    assert!(scene.stage.server.seen()[0].body.is_ascii());
}

#[tokio::test]
async fn texts_are_cut_by_characters_and_blank_ones_replaced() {
    // Edge case 25.
    let scene = scene().await;
    let message = Notification { title: "😀".repeat(60), body: "字".repeat(101), ..plain() };
    assert_eq!(scene.send(&message, &["T1"]).await, [Ended::ok()]);
    let bar = &scene.last_json()["noticeBarInfo"];
    assert_eq!(bar["title"], format!("{}…", "😀".repeat(31)));
    assert_eq!(bar["content"], format!("{}…", "字".repeat(99)));

    let blank = Notification { title: " \n".to_owned(), body: String::new(), ..plain() };
    assert_eq!(scene.send(&blank, &["T1"]).await, [Ended::ok()]);
    let bar = &scene.last_json()["noticeBarInfo"];
    assert_eq!((&bar["title"], &bar["content"]), (&json!("演示"), &json!("演示")));
}

#[tokio::test]
async fn times_sounds_and_long_texts_are_meizus() {
    let scene = scene().await;
    let silent = Block { sound: Some("none".to_owned()), ..Block::default() };
    let message = Notification {
        show_begin: Some(NOW.plus(Duration::from_secs(3600))),
        show_end: Some(NOW.plus(Duration::from_secs(2 * 3600 + 1))),
        big_text: Some("long".to_owned()),
        meizu: silent,
        ..plain()
    };
    assert_eq!(scene.send(&message, &["T1"]).await, [Ended::ok()]);
    let json = scene.last_json();
    assert_eq!(json["pushTimeInfo"]["validTime"], 3);
    assert_eq!(json["advanceInfo"]["fixDisplay"], 1);
    assert_eq!(json["advanceInfo"]["fixStartDisplayTime"], "2023-11-15 07:13:20");
    assert_eq!(json["advanceInfo"]["fixEndDisplayTime"], "2023-11-15 08:13:21");
    assert_eq!(json["advanceInfo"]["notificationType"]["sound"], 0);
    assert_eq!(json["noticeExpandInfo"], json!({"noticeExpandType": 1, "noticeExpandContent": "long"}));
    assert_eq!(json["clickTypeInfo"], json!({"clickType": 0}));

    // A begin that has passed is none, and Meizu keeps nothing for longer than three days.
    let message =
        Notification { show_begin: Some(NOW), show_end: Some(NOW.plus(Duration::from_secs(9 * 86_400))), ..plain() };
    assert_eq!(scene.send(&message, &["T1"]).await, [Ended::ok()]);
    let json = scene.last_json();
    assert_eq!((&json["advanceInfo"]["fixDisplay"], &json["pushTimeInfo"]["validTime"]), (&json!(0), &json!(72)));
    assert_eq!(scene.send(&plain(), &["T1"]).await, [Ended::ok()]);
    assert_eq!(scene.last_json()["pushTimeInfo"]["validTime"], 24, "the default");
}

#[tokio::test]
async fn an_intent_becomes_class_and_parameters() {
    let scene = scene().await;
    let with = |intent: &str| Notification {
        meizu: Block { intent: Some(intent.to_owned()), ..Block::default() },
        ..golden()
    };
    // Edge case 24.
    scene.send(&with("intent:#Intent;component=com.a/.B;S.k=x;end"), &["T1"]).await;
    let click = scene.last_json()["clickTypeInfo"].clone();
    assert_eq!(click, json!({"clickType": 1, "activity": "com.a.B", "parameters": {"k": 1, "s": "v"}}));
    scene.send(&with("intent://host#Intent;scheme=x;end"), &["T1"]).await;
    assert_eq!(scene.last_json()["clickTypeInfo"]["clickType"], 0);
    assert!(INTENT.contains("component="));
}

#[tokio::test]
async fn a_call_has_a_hundred_ids_at_most() {
    // Edge case 43.
    let scene = scene().await;
    let tokens: Vec<String> = (0..101).map(|number| format!("T{number}")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    assert_eq!(scene.send(&plain(), &tokens).await, Ended::ok().times(101));
    let mut counts: Vec<_> =
        scene.stage.server.seen().iter().map(|seen| form(seen)["pushIds"].split(',').count()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 100]);
    let mut got: Vec<_> = scene.meizu.desk.take_accepted().into_iter().map(|accepted| accepted.token).collect();
    got.sort();
    let mut sent = tokens.clone();
    sent.sort_unstable();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn a_success_that_lists_ids_failed_for_those() {
    // Edge cases 44 and 45.
    let scene = scene().await;
    let codes = [("b", "110002"), ("c", "110010"), ("d", "201"), ("e", "501"), ("f", "424242")];
    for (token, code) in codes {
        scene.meizu.desk.set_device(token, code);
    }
    let ended = scene.send(&plain(), &["a", "b", "c", "d", "e", "f"]).await;
    let ended: Vec<_> = ended.into_iter().map(|one| (one.attempt.outcome, one.attempt.vendor_code)).collect();
    assert_eq!(
        ended,
        [
            (Outcome::Ok { vendor_id: None }, None),
            (Outcome::Invalid, Some(110_002)),
            (Outcome::Suppressed, Some(110_010)),
            (Outcome::Content, Some(201)),
            (later(None), Some(501)),
            (Outcome::Content, Some(424_242)),
        ]
    );
    let accepted = scene.meizu.desk.take_accepted();
    assert_eq!(accepted.iter().map(|one| &*one.token).collect::<Vec<_>>(), ["a"]);
    scene.meizu.desk.next_answers([answer(&json!({"code": "110010", "message": "too fast", "value": ""}))]);
    assert_eq!(scene.send(&plain(), &["a"]).await[0].attempt.outcome, later_by(5), "the same number at the top");
}

#[tokio::test]
async fn a_list_of_failures_that_cannot_be_read_resends_nothing() {
    let scene = scene().await;
    for value in [json!(null), json!(""), json!({}), json!("x"), json!(["a"]), json!(7), json!({"a": "110002"})] {
        scene.meizu.desk.next_answers([answer(&json!({"code": 200, "value": value}))]);
        assert_eq!(scene.send(&plain(), &["a"]).await, [Ended::ok()], "{value}");
    }
    scene.meizu.desk.next_answers([answer(&json!({"code": 200, "value": {"110002": "a, b"}}))]);
    let ended = scene.send(&plain(), &["a", "b", "c"]).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Invalid).count(), 2);
}

/// The tables of the README.
#[test]
fn every_code_has_its_class() {
    let top: &[(&[i64], Outcome)] = &[
        (&[200], Outcome::Ok { vendor_id: None }),
        (&[110_010], later_by(5)),
        (&[1003, 1001, 500], later(None)),
        (&[110_019, 110_051], SPENT),
        (&[1006, 110_000, 110_001, 110_031, 110_033, 110_009], Outcome::Config),
        (&[1005, 110_004, 110_032, 110_053], Outcome::Content),
        (&[0, 1, 110_002, 110_003, i64::MAX], Outcome::Content),
    ];
    for (codes, outcome) in top {
        for code in *codes {
            assert_eq!(outcome_of(Code(*code)), *outcome, "{code}");
        }
    }
    let value: &[(&[i64], Outcome)] = &[
        (&[110_002, 110_003], Outcome::Invalid),
        (&[110_010, 110_005, 520, 110_011], Outcome::Suppressed),
        (&[201], Outcome::Content),
        (&[501, 513, 518, 519], later(None)),
        (&[0, 200, 1003, i64::MIN], Outcome::Content),
    ];
    for (codes, outcome) in value {
        for code in *codes {
            assert_eq!(outcome_of_value(Code(*code)), *outcome, "{code}");
        }
    }
}

#[tokio::test]
async fn the_stand_in_refuses_what_meizu_refuses() {
    let scene = scene().await;
    let mut wrong = certificate();
    wrong.app_secret = Secret::new("other".to_owned());
    let (message, receipt, targets) = (plain(), receipt(), targets(["a"]));
    let ended = scene.channel.send(push(&message, &receipt, &targets, &wrong)).await;
    assert_eq!(ended[0].attempt.vendor_code, Some(1006));
    wrong = MeizuCertificate { app_id: "10001".to_owned(), ..certificate() };
    let ended = scene.channel.send(push(&message, &receipt, &targets, &wrong)).await;
    assert_eq!((ended[0].attempt.vendor_code, &ended[0].attempt.outcome), (Some(110_001), &Outcome::Config));
    assert!(scene.meizu.desk.take_accepted().is_empty());
}

#[tokio::test]
async fn once_the_quota_is_gone_no_further_call_is_made() {
    let scene = scene().await;
    let tokens: Vec<String> = (0..1000).map(|number| format!("T{number}")).collect();
    let spent = || answer(&json!({"code": "110051", "message": "daily limit", "value": ""}));
    scene.meizu.desk.next_answers((0..10).map(|_| spent()));
    let ended = scene.send(&plain(), &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(ended.iter().all(|one| one.attempt.outcome == SPENT) && ended.len() == 1000);
    assert!(scene.stage.server.seen().len() <= settings::CALLS_IN_FLIGHT.get(), "only what was in flight");
}

#[tokio::test]
async fn trouble_on_the_way_is_tried_again_later_and_not_here() {
    let scene = scene().await;
    for code in [500, 502, 503] {
        scene.meizu.desk.next_answers([status(code)]);
        assert_eq!(scene.send(&plain(), &["a"]).await[0].attempt.outcome, later(None), "{code}");
    }
    for (body, outcome) in [("<html>", 3), ("", 3)] {
        let stage = Stage::scripted(move |_| Reply::json(body)).await;
        let channel = Meizu::new(&stage.server.url(""), stage.http.clone(), stage.clock.clone());
        let ended = channel.send(push(&plain(), &receipt(), &targets(["a"]), &certificate())).await;
        assert_eq!(ended[0].attempt.outcome, Outcome::Retry { after: None, at_most: Some(outcome) });
        assert_eq!(stage.server.seen().len(), 1);
    }
    // Edge case 62.
    let stage = Stage::scripted(|_| Reply::Drop).await;
    let channel = Meizu::new(&stage.server.url(""), stage.http.clone(), stage.clock.clone());
    let ended = channel.send(push(&plain(), &receipt(), &targets(["a"]), &certificate())).await;
    assert_eq!((&ended[0].attempt.outcome, ended[0].reason), (&later(None), "maybe_duplicate"));
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    let scene = scene().await;
    // Edge case 21.
    let cmd = Notification { kind: Kind::Cmd, ..plain() };
    assert!(!Phone::Meizu.carries(Kind::Cmd) && Phone::Meizu.carries(Kind::Image));
    assert_eq!(scene.send(&cmd, &["a"]).await, [Ended::not_carried()]);
    assert!(scene.send(&plain(), &[]).await.is_empty());
    assert!(scene.stage.server.seen().is_empty());

    let ended = scene.send(&plain(), &["a,b", "ok", "", "c d"]).await;
    let invalid: Vec<_> = ended.iter().map(|one| one.attempt.outcome == Outcome::Invalid).collect();
    assert_eq!(invalid, [true, false, true, true]);
    assert_eq!(form(&scene.stage.server.seen()[0])["pushIds"], "ok");
}

#[test]
fn a_receipt_is_read_when_it_carries_the_token() {
    let token = Secret::new("console-token".to_owned());
    let cb = r#"{"NS1-1":{"param":"42.ab","type":1,"targets":["a","b"]},"NS1-2":{"param":"42.ab","type":"2","targets":["a"]}}"#;
    let body = |token: &str| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("cb", cb).append_pair("access_token", token).finish()
    };
    let report = |token: &str, event| Report { token: DeviceToken::new(token), param: "42.ab".to_owned(), event };
    let expected = vec![report("a", Event::Delivered), report("b", Event::Delivered), report("a", Event::Clicked)];
    assert_eq!(read_receipt(body("console-token").as_bytes(), &token), Ok(expected));
    // Edge case 50.
    for wrong in ["", "console-tokeN", "console-token "] {
        assert_eq!(read_receipt(body(wrong).as_bytes(), &token), Err(ReceiptError::Unauthorised), "{wrong}");
    }
    assert_eq!(read_receipt(b"", &Secret::new(String::new())), Err(ReceiptError::Unauthorised));
    for bad in ["access_token=console-token", "access_token=console-token&cb=", "access_token=console-token&cb=%5B%5D"]
    {
        assert!(matches!(read_receipt(bad.as_bytes(), &token), Err(ReceiptError::Malformed(_))), "{bad}");
    }
}

#[tokio::test]
async fn an_audience_is_not_deleted_for_a_wrong_app() {
    let scene = scene().await;
    let tokens: Vec<String> = (0..30).map(|number| format!("T{number}")).collect();
    for token in &tokens[..20] {
        scene.meizu.desk.set_device(token, "110003");
    }
    let ended = scene.send(&plain(), &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Config).count(), 20);
    // An app that was uninstalled is no doubt about ours.
    for token in &tokens[..20] {
        scene.meizu.desk.set_device(token, "110002");
    }
    let ended = scene.send(&plain(), &tokens.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Invalid).count(), 20);
}
