use super::error::outcome_of;
use super::settings::XiaomiSettings;
use super::*;
use crate::testing::push::{INTENT, NOW, Stage, answer, form, golden, plain, push, receipt, status, targets};
use crate::testing::server::Reply;
use crate::vendor::Ended;
use crate::vendor::code::Code;
use crate::vendor::fault::{later, later_by};
use crate::vendor::receipt::{Event, ReceiptError, Report};
use model::certificate::{XiaomiCertificate, XiaomiRegion};
use model::ids::{AccountId, DeviceToken};
use model::notification::android::{Block, Phone};
use model::notification::ext::Ext;
use model::notification::{Kind, Notification};
use model::outcome::{Hold, Outcome};
use model::secret::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "app-secret==";
const SPENT: Outcome = Outcome::Quota { hold: Hold::UntilBeijingMidnight };

fn certificate() -> XiaomiCertificate {
    XiaomiCertificate {
        id: AccountId::new("demo/xiaomi"),
        app_secret: Secret::new(SECRET.to_owned()),
        package: "com.a".to_owned(),
        app_name: "演示".to_owned(),
        region: XiaomiRegion::Mainland,
    }
}

/// Xiaomi on loopback, and the channel in front of it.
struct Scene {
    stage: Stage,
    xiaomi: Arc<standin::xiaomi::Xiaomi>,
    channel: Xiaomi,
}

async fn scene() -> Scene {
    let xiaomi = Arc::new(standin::xiaomi::Xiaomi::new(SECRET, "com.a"));
    let stage = Stage::new({
        let xiaomi = Arc::clone(&xiaomi);
        move |request, now_ms| xiaomi.answer(request, now_ms)
    })
    .await;
    let channel = channel(&stage);
    Scene { stage, xiaomi, channel }
}

fn channel(stage: &Stage) -> Xiaomi {
    let settings = XiaomiSettings { mainland: stage.server.url("/"), ..XiaomiSettings::default() };
    Xiaomi::new(settings, stage.http.clone(), stage.clock.clone())
}

impl Scene {
    async fn send(&self, message: &Notification, tokens: &[&str]) -> Vec<Ended> {
        self.channel.send(push(message, &receipt(), &targets(tokens.iter().copied()), &certificate())).await
    }

    /// The fields of the last call.
    fn last(&self) -> BTreeMap<String, String> {
        form(self.stage.server.seen().last().unwrap())
    }
}

#[tokio::test]
async fn the_golden_request() {
    let scene = scene().await;
    assert_eq!(scene.send(&golden(), &["T1", "T2"]).await, Ended::ok().times(2));
    let seen = &scene.stage.server.seen()[0];
    assert_eq!(seen.target(), "/v3/message/regid");
    assert!(seen.head.contains("authorization: key=app-secret==\r\n"), "{}", seen.head);
    let expected = [
        ("registration_id", "T1,T2"),
        ("restricted_package_name", "com.a"),
        ("pass_through", "0"),
        ("title", "Hi"),
        ("description", "Body"),
        ("payload", r#"{"k":1,"s":"v"}"#),
        ("notify_type", "-1"),
        ("notify_id", "42"),
        ("time_to_live", "3600000"),
        ("extra.channel_id", "ch"),
        ("extra.sound_uri", "android.resource://com.a/raw/ring"),
        ("extra.notify_effect", "2"),
        ("extra.intent_uri", INTENT),
        ("extra.jobkey", "t42"),
        ("extra.k", "1"),
        ("extra.s", "v"),
        ("extra.callback", "U"),
        ("extra.callback.param", "P"),
        ("extra.callback.type", "177"),
    ];
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(scene.last(), expected);
}

#[tokio::test]
async fn the_least_message_says_no_more_than_it_must() {
    let scene = scene().await;
    let (message, receipt, targets, certificate) = (plain(), receipt(), targets(["T1"]), certificate());
    let push = crate::vendor::Push { receipt: None, ..push(&message, &receipt, &targets, &certificate) };
    assert_eq!(scene.channel.send(push).await, [Ended::ok()]);
    let fields = scene.last();
    assert!(!fields.keys().any(|name| name.starts_with("extra.callback") || name == "payload"));
    assert_eq!((&*fields["time_to_live"], &*fields["extra.notify_effect"]), ("86400000", "1"));
}

#[tokio::test]
async fn texts_are_cut_by_characters_and_blank_ones_replaced() {
    // Edge cases 25 and 26.
    let scene = scene().await;
    let message = Notification { title: "😀".repeat(60), body: "字".repeat(128), ..plain() };
    assert_eq!(scene.send(&message, &["T1"]).await, [Ended::ok()]);
    let fields = scene.last();
    assert_eq!(fields["title"], format!("{}…", "😀".repeat(48)));
    assert_eq!(fields["description"], format!("{}…", "字".repeat(126)));

    let blank = Notification { title: "   ".to_owned(), ..plain() };
    assert_eq!(scene.send(&blank, &["T1"]).await, [Ended::ok()]);
    assert_eq!((&*scene.last()["title"], &*scene.last()["description"]), ("演示", "Body"));

    let long = Notification { big_text: Some("long".to_owned()), ..plain() };
    assert_eq!(scene.send(&long, &["T1"]).await, [Ended::ok()]);
    assert_eq!((&*scene.last()["description"], &*scene.last()["extra.notification_style_type"]), ("long", "1"));
}

#[tokio::test]
async fn xiaomi_waits_itself_for_a_week_and_keeps_for_ten_days() {
    let scene = scene().await;
    let days = |days: u64| NOW.plus(Duration::from_secs(days * 86_400));
    let timed = |begin, end| Notification { show_begin: Some(begin), show_end: Some(end), ..plain() };
    assert_eq!(scene.send(&timed(days(7), days(20)), &["T1"]).await, [Ended::ok()]);
    assert_eq!(scene.last()["time_to_send"], days(7).millis().to_string());
    assert_eq!(scene.last()["time_to_live"], "864000000");
    scene.send(&timed(days(8), days(9)), &["T1"]).await;
    assert!(!scene.last().contains_key("time_to_send"), "the gateway waits");
    scene.send(&timed(NOW, days(1)), &["T1"]).await;
    assert!(!scene.last().contains_key("time_to_send"), "that is now");
}

#[tokio::test]
async fn silence_and_whole_sound_addresses_are_left_as_they_are() {
    let scene = scene().await;
    let with =
        |sound: &str| Notification { xiaomi: Block { sound: Some(sound.to_owned()), ..Block::default() }, ..plain() };
    assert_eq!(scene.send(&with("none"), &["T1"]).await, [Ended::ok()]);
    assert_eq!(scene.last()["notify_type"], "6");
    assert!(!scene.last().contains_key("extra.sound_uri"));
    assert_eq!(scene.send(&with("android.resource://com.b/raw/x"), &["T1"]).await, [Ended::ok()]);
    assert_eq!(scene.last()["extra.sound_uri"], "android.resource://com.b/raw/x");
}

#[tokio::test]
async fn own_data_is_whole_in_the_payload_and_beside_it_where_it_fits() {
    let scene = scene().await;
    let with = |json: &str| Notification { ext: Some(Ext::parse(json).unwrap()), ..plain() };
    // Names of Xiaomi's, nested values, and null are in the payload only.
    let json = r#"{"a":"x","b":true,"callback":"evil","channel_id":"evil","n":null,"notification_large_icon_uri":"y","o":{"p":1}}"#;
    assert_eq!(scene.send(&with(json), &["T1"]).await, [Ended::ok()]);
    let fields = scene.last();
    assert_eq!((&*fields["payload"], &*fields["extra.a"], &*fields["extra.b"]), (json, "x", "true"));
    assert_eq!(fields["extra.callback"], "U");
    for absent in ["extra.channel_id", "extra.n", "extra.notification_large_icon_uri", "extra.o"] {
        assert!(!fields.contains_key(absent), "{absent}");
    }
    let many: BTreeMap<String, u32> = (0..30).map(|number| (format!("k{number:02}"), number)).collect();
    assert_eq!(scene.send(&with(&serde_json::to_string(&many).unwrap()), &["T1"]).await, [Ended::ok()]);
    assert_eq!(scene.last().keys().filter(|name| name.starts_with("extra.k")).count(), 10);
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(1100));
    assert_eq!(scene.send(&with(&large), &["T1"]).await, [Ended::ok()]);
    assert!(!scene.last().contains_key("extra.a"));

    let calls = scene.stage.server.seen().len();
    let too_large = format!(r#"{{"a":"{}"}}"#, "字".repeat(500));
    let ended = scene.send(&with(&too_large), &["T1", "T2"]).await;
    assert_eq!(ended, Ended::with(Outcome::TooLarge, None, "payload").times(2), "never cut");
    assert_eq!(scene.stage.server.seen().len(), calls);
}

#[tokio::test]
async fn a_call_has_a_thousand_ids_at_most() {
    let scene = scene().await;
    let tokens: Vec<String> = (0..1001).map(|number| format!("T{number}")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    assert_eq!(scene.send(&plain(), &tokens).await, Ended::ok().times(1001));
    let seen = scene.stage.server.seen();
    let mut counts: Vec<_> = seen.iter().map(|seen| form(seen)["registration_id"].split(',').count()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1000]);
    assert_eq!(scene.xiaomi.desk.take_accepted().len(), 1001);
}

#[test]
fn every_code_has_its_class() {
    let table: &[(&[i64], Outcome)] = &[
        (&[0], Outcome::Ok { vendor_id: None }),
        (&[21301, 22022], Outcome::Config),
        (&[200_001], SPENT),
        (&[200_002], later_by(1)),
        (&[-1, 1, 10016, 10017, 200_000, 200_003, i64::MAX], Outcome::Content),
    ];
    for (codes, outcome) in table {
        for code in *codes {
            assert_eq!(outcome_of(Code(*code)), *outcome, "{code}");
        }
    }
}

#[tokio::test]
async fn codes_and_statuses_are_for_the_whole_call() {
    let scene = scene().await;
    let coded = |code: serde_json::Value| answer(&json!({"result": "error", "code": code, "reason": "r", "data": ""}));
    for (reply, outcome, code) in [
        (coded(json!(200_001)), SPENT, Some(200_001)),
        (coded(json!("200002")), later_by(1), Some(200_002)),
        (coded(json!(10017)), Outcome::Content, Some(10017)),
        (status(500), later(None), Some(500)),
        (status(404), Outcome::Config, Some(404)),
        (answer(&json!({"result": "ok"})), Outcome::Retry { after: None, at_most: Some(3) }, Some(200)),
    ] {
        scene.xiaomi.desk.next_answers([reply]);
        let ended = scene.send(&plain(), &["a", "b"]).await;
        assert!(
            ended.iter().all(|one| (&one.attempt.outcome, one.attempt.vendor_code) == (&outcome, code)),
            "{ended:?}"
        );
        assert_eq!(ended.len(), 2);
    }
    // A warning about the channel is no failure.
    let warned = answer(&json!({"result": "ok", "code": 0, "data": {"id": "x", "channel_exceed_quota": true}}));
    scene.xiaomi.desk.next_answers([warned]);
    assert_eq!(scene.send(&plain(), &["a"]).await, [Ended::ok()]);
}

#[tokio::test]
async fn a_wrong_key_is_the_operators() {
    let scene = scene().await;
    let (message, receipt, targets) = (plain(), receipt(), targets(["a"]));
    for (secret, code, reason) in [("wrong", Some(21301), "config"), ("a\nb", None, "malformed_secret")] {
        let wrong = XiaomiCertificate { app_secret: Secret::new(secret.to_owned()), ..certificate() };
        let ended = scene.channel.send(push(&message, &receipt, &targets, &wrong)).await;
        assert_eq!(ended, [Ended::with(Outcome::Config, code, reason)]);
    }
    let wrong = XiaomiCertificate { package: "com.b".to_owned(), ..certificate() };
    let ended = scene.channel.send(push(&message, &receipt, &targets, &wrong)).await;
    assert_eq!(ended[0].attempt.vendor_code, Some(22022));
}

#[tokio::test]
async fn dead_ids_that_an_answer_names_are_dead() {
    let scene = scene().await;
    scene.xiaomi.desk.set_device("b", "bad_regids");
    let ended = scene.send(&plain(), &["a", "b"]).await;
    assert_eq!(ended, [Ended::ok(), Ended::with(Outcome::Invalid, None, "bad_regids")]);
    scene.xiaomi.desk.next_answers([answer(&json!({"code": 0, "data": {"bad_regids": ["a"]}}))]);
    assert_eq!(scene.send(&plain(), &["a"]).await[0].attempt.outcome, Outcome::Invalid);
}

#[tokio::test]
async fn every_region_has_a_host_of_its_own_over_tls() {
    let settings = XiaomiSettings::default();
    let mut hosts: Vec<_> = XiaomiRegion::ALL.iter().map(|region| settings.base_url(*region)).collect();
    assert!(hosts.iter().all(|host| host.starts_with("https://")));
    hosts.sort_unstable();
    hosts.dedup();
    assert_eq!(hosts.len(), 5);
    // A certificate of another region calls another host.
    let stage = Stage::scripted(|_| Reply::json(r#"{"code":0}"#)).await;
    let settings = XiaomiSettings {
        mainland: "http://127.0.0.1:1".to_owned(),
        europe: stage.server.url(""),
        ..XiaomiSettings::default()
    };
    let channel = Xiaomi::new(settings, stage.http.clone(), stage.clock.clone());
    let european = XiaomiCertificate { region: XiaomiRegion::Europe, ..certificate() };
    let (message, receipt, targets) = (plain(), receipt(), targets(["a"]));
    assert_eq!(channel.send(push(&message, &receipt, &targets, &european)).await, [Ended::ok()]);
    let unreached = channel.send(push(&message, &receipt, &targets, &certificate())).await;
    assert_eq!(unreached, [Ended::with(later(None), None, "not_reached")]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    // Edge case 21.
    let scene = scene().await;
    assert!(!Phone::Xiaomi.carries(Kind::Cmd) && Phone::Xiaomi.carries(Kind::Image));
    assert_eq!(scene.send(&Notification { kind: Kind::Cmd, ..plain() }, &["a"]).await, [Ended::not_carried()]);
    assert_eq!(scene.send(&plain(), &["a,b"]).await[0].attempt.outcome, Outcome::Invalid);
    assert!(scene.stage.server.seen().is_empty());
}

#[test]
fn a_receipt_names_what_became_of_each_id() {
    // Edge case 47.
    let data = r#"{"m1":{"param":"42.ab","type":1,"targets":"a,b","jobkey":"t42","timestamp":"1"},
        "m2":{"param":"42.ab","type":"16","targets":"c"},"m3":{"type":128,"targets":"d","extra":"x"}}"#;
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("data", data).finish();
    let report =
        |token: &str, param: &str, event| Report { token: DeviceToken::new(token), param: param.to_owned(), event };
    let expected = vec![
        report("a", "42.ab", Event::Delivered),
        report("b", "42.ab", Event::Delivered),
        report("c", "42.ab", Event::Invalid),
        report("d", "", Event::OverQuota),
    ];
    assert_eq!(read_receipt(body.as_bytes()), Ok(expected));
    for (kind, event) in [(2, Event::Clicked), (32, Event::Suppressed), (64, Event::Other), (3, Event::Other)] {
        let body = format!(r#"data={{"m":{{"type":{kind},"targets":"a"}}}}"#);
        assert_eq!(read_receipt(body.as_bytes()).unwrap()[0].event, event);
    }
    for bad in ["", "x=1", "data=", "data=[]", "data={\"m\":{}}", "data={\"m\":{\"type\":\"x\"}}"] {
        assert!(matches!(read_receipt(bad.as_bytes()), Err(ReceiptError::Malformed(_))), "{bad}");
    }
}
