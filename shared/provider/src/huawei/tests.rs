use super::error::outcome_of;
use super::settings::HuaweiSettings;
use super::{Huawei, read_receipt};
use crate::testing::push::{INTENT, NOW, Stage, golden, plain, push, receipt, status, targets};
use crate::vendor::code::Code;
use crate::vendor::receipt::{Event, ReceiptError, Report};
use crate::vendor::{Ended, Target, fault};
use http::StatusCode;
use model::certificate::{HuaweiCertificate, HuaweiReceiptKey};
use model::clock::Timestamp;
use model::ids::{AccountId, DeviceToken};
use model::notification::badge::Badge;
use model::notification::ext::Ext;
use model::notification::{Kind, Notification};
use model::outcome::Outcome;
use model::secret::Secret;
use serde_json::{Value, json};
use standin::huawei::answer;
use std::sync::Arc;
use std::time::Duration;

const SEND: &str = "/v1/10086/messages:send";
const TOKEN: &str = "/oauth2/v3/token";

/// Huawei on loopback, and what the channel needs to reach it.
struct Bench {
    stage: Stage,
    vendor: Arc<standin::huawei::Huawei>,
    certificate: HuaweiCertificate,
}

impl Bench {
    async fn start() -> Self {
        let vendor = Arc::new(standin::huawei::Huawei::new("10086", "s&cret="));
        let stage = Stage::new({
            let vendor = vendor.clone();
            move |request, now_ms| vendor.answer(request, now_ms)
        })
        .await;
        Self { stage, vendor, certificate: certificate() }
    }

    fn channel(&self) -> Huawei {
        let server = &self.stage.server;
        let settings =
            HuaweiSettings { base_url: server.url("/"), token_url: server.url(TOKEN), ..HuaweiSettings::default() };
        Huawei::new(settings, self.stage.http.clone(), self.stage.tokens.clone(), self.stage.clock.clone())
    }

    async fn send(&self, message: &Notification, targets: &[Target]) -> Vec<Ended> {
        self.channel().send(push(message, &receipt(), targets, &self.certificate)).await
    }

    /// Sends to two devices, and Huawei answers each call like this.
    async fn answered(&self, answers: impl IntoIterator<Item = (u16, i64)>) -> Vec<Ended> {
        let answers =
            answers.into_iter().map(|(status, code)| answer(StatusCode::from_u16(status).unwrap(), code, "x"));
        self.vendor.desk.next_answers(answers);
        self.send(&plain(), &targets(["t1", "t2"])).await
    }

    /// The bodies of all sends.
    fn bodies(&self) -> Vec<Value> {
        self.stage.server.seen().iter().filter(|seen| seen.path() == SEND).map(|seen| seen.json()).collect()
    }

    fn sends(&self) -> usize {
        self.stage.server.count(SEND)
    }
}

fn certificate() -> HuaweiCertificate {
    HuaweiCertificate {
        id: AccountId::new("1/production"),
        app_name: "Demo".to_owned(),
        app_id: "10086".to_owned(),
        app_secret: Secret::new("s&cret=".to_owned()),
        category: None,
        badge_class: None,
        importance: None,
        test_messages: false,
        receipt_key: None,
    }
}

fn ok(count: usize) -> Vec<Ended> {
    Ended::ok().times(count)
}

/// What Huawei gets of `message`, which it takes.
async fn sent(message: &Notification) -> Value {
    let bench = Bench::start().await;
    assert_eq!(bench.send(message, &targets(["T1", "T2"])).await, ok(2));
    bench.bodies().remove(0)
}

#[tokio::test]
async fn the_golden_message_is_sent_as_documented() {
    assert_eq!(
        sent(&golden()).await,
        json!({"validate_only": false, "message": {
            "android": {
                "ttl": "3600s", "bi_tag": "P", "data": "{\"k\":1,\"s\":\"v\"}",
                "notification": {
                    "title": "Hi", "body": "Body", "sound": "/raw/ring", "default_sound": false, "channel_id": "ch",
                    "click_action": {"type": 1, "intent": INTENT},
                    "badge": {"add_num": 2, "class": "com.a.Main"}
                }
            },
            "token": ["T1", "T2"]
        }})
    );
}

#[tokio::test]
async fn a_plain_message_opens_the_app_and_has_no_badge() {
    assert_eq!(
        sent(&plain()).await["message"]["android"],
        json!({
            "ttl": "86400s", "bi_tag": "P",
            "notification": {"title": "Hi", "body": "Body", "click_action": {"type": 3}}
        })
    );
}

#[tokio::test]
async fn a_blank_title_is_the_apps_name_and_a_blank_text_the_title() {
    for (title, body, shown) in [(" ", "Body", ("Demo", "Body")), ("Hi", "", ("Hi", "Hi"))] {
        let message = Notification { title: title.to_owned(), body: body.to_owned(), ..Notification::default() };
        let notification = sent(&message).await["message"]["android"]["notification"].clone();
        assert_eq!((&notification["title"], &notification["body"]), (&json!(shown.0), &json!(shown.1)));
    }
}

/// Row 18, and rows 16 and 17.
#[tokio::test]
async fn a_badge_stays_within_huaweis_range() {
    for (badge, expected) in [
        (Badge::default(), json!({"add_num": 1, "class": "C"})),
        (Badge::Add(150), json!({"add_num": 99, "class": "C"})),
        (Badge::Set(150), json!({"set_num": 99, "class": "C"})),
        (Badge::Set(0), json!({"set_num": 0, "class": "C"})),
        (Badge::Add(0), Value::Null),
    ] {
        let mut message = Notification { badge, ..plain() };
        message.huawei.badge_class = Some("C".to_owned());
        assert_eq!(sent(&message).await["message"]["android"]["notification"]["badge"], expected, "{badge:?}");
    }
}

/// Row 27.
#[tokio::test]
async fn a_long_text_has_its_own_title() {
    let message = Notification { big_text: Some("long".to_owned()), ..plain() };
    let notification = sent(&message).await["message"]["android"]["notification"].clone();
    assert_eq!(
        notification,
        json!({"title": "Hi", "body": "Body", "style": 1, "big_title": "Hi", "big_body": "long", "click_action": {"type": 3}})
    );
}

#[tokio::test]
async fn only_a_picture_over_https_is_shown() {
    for (url, image) in [
        ("https://a/b.png", json!("https://a/b.png")),
        ("http://a/b.png", Value::Null),
        ("https://a/b.mp3", Value::Null),
    ] {
        let message = Notification { kind: Kind::Text, attachment_url: Some(url.to_owned()), ..plain() };
        assert_eq!(sent(&message).await["message"]["android"]["notification"]["image"], image);
    }
}

#[tokio::test]
async fn a_command_is_data_only() {
    let message = Notification { kind: Kind::Cmd, ..golden() };
    let body = sent(&message).await;
    assert_eq!(body["message"]["android"], json!({"ttl": "3600s", "bi_tag": "P"}));
    let data: Value = serde_json::from_str(body["message"]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, json!({"k": 1, "s": "v", "title": "Hi", "body": "Body"}));
    let ext = Ext::parse(r#"{"n":12345678901234567890.5}"#).ok();
    let body = sent(&Notification { kind: Kind::Cmd, ext, ..Notification::default() }).await;
    assert_eq!(body["message"]["data"], r#"{"n":12345678901234567890.5}"#);
}

#[tokio::test]
async fn the_certificates_defaults_are_sent() {
    let mut bench = Bench::start().await;
    bench.certificate.category = Some("WORK".to_owned());
    bench.certificate.importance = Some("NORMAL".to_owned());
    bench.certificate.badge_class = Some("C".to_owned());
    bench.certificate.test_messages = true;
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await, ok(1));
    let android = &bench.bodies()[0]["message"]["android"];
    assert_eq!((&android["category"], &android["target_user_type"]), (&json!("WORK"), &json!(1)));
    assert_eq!(android["notification"]["importance"], "NORMAL");
    assert_eq!(android["notification"]["badge"], json!({"add_num": 1, "class": "C"}));
}

/// Row 36.
#[tokio::test]
async fn dead_tokens_are_named_and_the_live_ones_not_sent_again() {
    let bench = Bench::start().await;
    bench.vendor.desk.set_device("t2", "dead");
    let ended = bench.send(&plain(), &targets(["t1", "t2", "t3"])).await;
    let dead = Ended::with(Outcome::Invalid, Some(80_100_000), "illegal_token");
    assert_eq!(ended, [Ended::ok(), dead.clone(), Ended::ok()]);
    assert_eq!(bench.sends(), 1);
    // The list at the top of the answer, and with HTTP 400.
    let top = json!({"code": 80100000, "msg": "x", "illegal_tokens": ["t1"], "requestId": "r"});
    bench.vendor.desk.next_answers([standin::json(StatusCode::BAD_REQUEST, &top)]);
    assert_eq!(bench.send(&plain(), &targets(["t1", "t2"])).await, [dead, Ended::ok()]);
    // No list at all: whoever lives has it, and is not sent it again.
    assert_eq!(bench.answered([(200, 80_100_000)]).await, ok(2));
    assert_eq!(bench.sends(), 3);
}

/// Row 37.
#[tokio::test]
async fn an_expired_token_is_replaced_once() {
    let bench = Bench::start().await;
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await, ok(1));
    bench.vendor.expire_tokens();
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await, ok(1));
    assert_eq!((bench.vendor.desk.tokens_issued(), bench.sends()), (2, 3));
    for code in [80_200_001, 80_200_003] {
        let ended = bench.answered([(200, code), (401, code)]).await;
        assert_eq!(ended, Ended::with(Outcome::Config, i32::try_from(code).ok(), "config").times(2));
    }
    bench.vendor.desk.next_answers([status(401)]);
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await, ok(1), "also without a code");
}

#[tokio::test]
async fn a_token_is_shared_and_renewed_five_minutes_before_its_end() {
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.send(&plain(), &targets(["t1"])).await;
    }
    assert_eq!(bench.vendor.desk.tokens_issued(), 1);
    bench.stage.clock.advance(Duration::from_secs(3301));
    bench.send(&plain(), &targets(["t1"])).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.vendor.desk.tokens_issued(), 2);
}

#[tokio::test]
async fn a_wrong_secret_sends_nothing() {
    let mut bench = Bench::start().await;
    bench.certificate.app_secret = Secret::new("wrong".to_owned());
    let ended = bench.send(&plain(), &targets(["t1"])).await;
    assert_eq!(ended, [Ended::with(Outcome::Config, Some(400), "no_token")]);
    for id in ["", "../x", "1/2", "1 2"] {
        bench.certificate.app_id = id.to_owned();
        let ended = bench.send(&plain(), &targets(["t1"])).await;
        assert_eq!(ended, [Ended::with(Outcome::Config, None, "malformed_app_id")], "{id}");
    }
    assert_eq!(bench.sends(), 0);
}

/// Row 38.
#[tokio::test]
async fn a_thousand_and_one_devices_are_two_calls() {
    let bench = Bench::start().await;
    let many = targets((0..1001).map(|number| format!("t{number}")));
    assert_eq!(bench.send(&plain(), &many).await, ok(1001));
    let mut sizes: Vec<usize> =
        bench.bodies().iter().map(|body| body["message"]["token"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1000]);
}

#[tokio::test]
async fn too_many_tokens_are_sent_by_halves() {
    let bench = Bench::start().await;
    let too_many = || answer(StatusCode::OK, 80_300_010, "x");
    bench.vendor.desk.next_answers([too_many(), too_many()]);
    bench.vendor.desk.set_device("t4", "dead");
    let ended = bench.send(&plain(), &targets(["t0", "t1", "t2", "t3", "t4"])).await;
    assert_eq!(ended[..4], ok(4));
    assert_eq!(ended[4].attempt.outcome, Outcome::Invalid);
    let tokens: Vec<Value> = bench.bodies().iter().map(|body| body["message"]["token"].clone()).collect();
    assert_eq!(tokens[1..], [json!(["t0", "t1"]), json!(["t0"]), json!(["t1"]), json!(["t2", "t3", "t4"])]);
    // One token cannot be halved.
    bench.vendor.desk.next_answers([too_many()]);
    let ended = bench.send(&plain(), &targets(["t0"])).await;
    assert_eq!(ended, [Ended::with(Outcome::Content, Some(80_300_010), "content")]);
}

#[tokio::test]
async fn without_the_right_to_high_priority_a_message_is_sent_once_more_and_calmer() {
    let mut bench = Bench::start().await;
    bench.certificate.importance = Some("HIGH".to_owned());
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await, ok(1));
    let importance = |number: usize| bench.bodies()[number]["message"]["android"]["notification"]["importance"].clone();
    assert_eq!((importance(0), importance(1)), (json!("HIGH"), Value::Null));
    bench.vendor.grant_high_priority();
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await, ok(1));
    assert_eq!(bench.sends(), 3);
    let ended = bench.answered([(200, 80_300_011), (200, 80_300_011)]).await;
    assert_eq!(ended, Ended::with(Outcome::Config, Some(80_300_011), "config").times(2));
}

#[tokio::test]
async fn what_is_too_large_is_cut_and_data_never() {
    let bench = Bench::start().await;
    let long = Notification { body: "汉".repeat(2000), ..plain() };
    assert_eq!(bench.send(&long, &targets(["t1"])).await, ok(1));
    assert!(bench.vendor.desk.take_accepted()[0].body.ends_with('…'));
    bench.vendor.desk.next_answers([answer(StatusCode::OK, 80_300_008, "x")]);
    assert_eq!(bench.send(&long, &targets(["t1"])).await, ok(1));
    assert!(bench.vendor.desk.take_accepted()[0].body.len() < 3200);
    let data = Notification { ext: Ext::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(4096))).ok(), ..plain() };
    let ended = bench.send(&data, &targets(["t1"])).await;
    assert_eq!(ended, [Ended::with(Outcome::TooLarge, None, "too_large")]);
    assert_eq!(bench.sends(), 3);
}

#[tokio::test]
async fn all_tokens_dead_is_believed_of_a_few_only() {
    let bench = Bench::start().await;
    let few = targets((0..20).map(|number| format!("t{number}")));
    let many = targets((0..21).map(|number| format!("t{number}")));
    for target in &many {
        bench.vendor.desk.set_device(target.token.as_str(), "dead");
    }
    let ended = bench.send(&plain(), &few[..3]).await;
    assert!(ended.iter().all(|one| one.attempt.outcome == Outcome::Invalid && one.doubtful));
    assert!(bench.send(&plain(), &many).await.iter().all(|one| one.attempt.outcome == Outcome::Config));
}

#[tokio::test]
async fn statuses_speak_where_no_code_does() {
    let bench = Bench::start().await;
    for (number, outcome) in [
        (404, Outcome::Config),
        (500, fault::later(None)),
        (502, fault::later(None)),
        (503, fault::later_by(30)),
        (400, Outcome::Content),
    ] {
        bench.vendor.desk.next_answers([status(number)]);
        let ended = bench.send(&plain(), &targets(["t1"])).await;
        assert_eq!(ended[0].attempt.outcome, outcome, "{number}");
    }
    let mut busy = status(503);
    busy.headers_mut().insert("retry-after", "7".parse().unwrap());
    bench.vendor.desk.next_answers([busy]);
    assert_eq!(bench.send(&plain(), &targets(["t1"])).await[0].attempt.outcome, fault::later_by(7));
}

/// The whole table.
#[test]
fn each_code_has_its_class() {
    let class = |code: i64| outcome_of(Code(code));
    for code in [80_100_001, 80_100_002, 80_100_003, 80_100_004, 80_100_013, 80_100_016, 80_100_018] {
        assert_eq!(class(code), Outcome::Content, "{code}");
    }
    for code in [80_200_001, 80_200_003, 80_300_002, 80_300_011, 80_300_013, 80_600_003] {
        assert_eq!(class(code), Outcome::Config, "{code}");
    }
    for code in [80_100_017, 80_300_006] {
        assert_eq!(class(code), fault::later_by(60), "{code}");
    }
    assert_eq!(class(80_000_000), Outcome::Ok { vendor_id: None });
    assert_eq!(class(80_100_000), Outcome::Ok { vendor_id: None });
    assert_eq!(class(80_300_007), Outcome::Invalid);
    assert_eq!(class(80_300_008), Outcome::TooLarge);
    assert_eq!(class(81_000_001), fault::later(None));
    for unknown in [0, 1, -1, 80_100_099, 80_999_999] {
        assert_eq!(class(unknown), Outcome::Content, "{unknown}");
    }
}

const SIGNED_AT: Timestamp = Timestamp::from_millis(1_563_105_451_261);
const SIGNATURE: &str = "timestamp=1563105451261; nonce=a07bfa17-6d82-4b53-a9a2-07cfef5ceef1; \
                         value=GEiCeBOzL8oKoNIk6ygyxD8SBIeh7u8eQIeLJA+pVPA=";

fn receipt_key() -> HuaweiReceiptKey {
    HuaweiReceiptKey { user: "cbuser".to_owned(), key: Secret::new("cbsecret".to_owned()) }
}

/// Row 48.
#[test]
fn a_receipt_is_believed_when_it_is_signed_and_recent() {
    let read = |signature: Option<&str>, now: Timestamp| {
        read_receipt(br#"{"statuses":[]}"#, signature, Some(&receipt_key()), now)
    };
    assert_eq!(read(Some(SIGNATURE), SIGNED_AT), Ok(Vec::new()));
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(read(Some(SIGNATURE), SIGNED_AT.plus(minutes(5))), Ok(Vec::new()));
    let refused = Err(ReceiptError::Unauthorised);
    assert_eq!(read(Some(SIGNATURE), SIGNED_AT.plus(minutes(10))), refused);
    assert_eq!(read(Some(SIGNATURE), SIGNED_AT.minus(minutes(10))), refused);
    assert_eq!(read(None, SIGNED_AT), refused);
    for (from, to) in [("GEiC", "GEiD"), ("a07b", "a07c"), ("261;", "262;"), ("value=", "valve="), ("timestamp", "t")] {
        assert_eq!(read(Some(&SIGNATURE.replace(from, to)), SIGNED_AT), refused, "{from}");
    }
    assert_eq!(read_receipt(br#"{"statuses":[]}"#, None, None, SIGNED_AT), Ok(Vec::new()), "no key is set up");
}

#[test]
fn both_forms_of_receipt_are_read() {
    let body = json!({"statuses": [
        {"biTag": "42", "appid": "10086", "token": "t1", "status": 0, "timestamp": 1_563_105_451_261_u64, "requestId": "r"},
        {"biTag": "42", "token": "t2", "status": "2"},
        {"token": "t3", "pushType": 0, "appPackageName": "com.a", "deliveryStatus": {"result": 5, "timestamp": 1}},
        {"token": "t4", "biTag": null, "deliveryStatus": {"result": 6}},
        {"token": "t5", "status": 10},
        {"token": "t6", "status": 102},
        {"token": "t7", "status": 201},
        {"token": "t8", "status": 15},
        {"token": "t9"},
    ]});
    let reports = read_receipt(body.to_string().as_bytes(), None, None, NOW).unwrap();
    let report =
        |token: &str, param: &str, event| Report { token: DeviceToken::new(token), param: param.to_owned(), event };
    assert_eq!(
        reports,
        [
            report("t1", "42", Event::Delivered),
            report("t2", "42", Event::Invalid),
            report("t3", "", Event::Invalid),
            report("t4", "", Event::Suppressed),
            report("t5", "", Event::Suppressed),
            report("t6", "", Event::OverQuota),
            report("t7", "", Event::Other),
            report("t8", "", Event::Other),
            report("t9", "", Event::Other),
        ]
    );
    for bad in ["", "[]", "{}", "{\"statuses\":{}}", "{\"statuses\":[{}]}"] {
        assert!(matches!(read_receipt(bad.as_bytes(), None, None, NOW), Err(ReceiptError::Malformed(_))), "{bad}");
    }
    let many = json!({"statuses": vec![json!({"token": "t", "status": 0}); 1001]}).to_string();
    assert!(matches!(read_receipt(many.as_bytes(), None, None, NOW), Err(ReceiptError::Malformed(_))));
}
