use super::Fcm;
use super::settings::FcmSettings;
use crate::http::{HttpClient, HttpSettings};
use crate::testing::http2::{Http2Server, Options, Reaction};
use crate::testing::push::{INTENT, NOW, golden, plain};
use crate::testing::server::{Reply, Server};
use crate::testing::{ManualClock, MemoryVault, in_time};
use crate::token::TokenHolder;
use crate::vendor::{Ended, Push, Target, fault};
use bytes::Bytes;
use http::Response;
use model::certificate::{FcmCertificate, ServiceAccount};
use model::clock::Clock;
use model::ids::{AccountId, DeviceToken, TaskId};
use model::notification::ext::Ext;
use model::notification::{Kind, Notification};
use model::outcome::Outcome;
use model::secret::Secret;
use ring::signature::{KeyPair, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use standin::fcm::{Account, device_refusal, refusal, violation};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEY: &str = include_str!("../testing/service_account_key.pem");

/// Google on loopback, and what the channel needs to reach it.
struct Bench {
    server: Server,
    google: Arc<standin::fcm::Fcm>,
    clock: Arc<ManualClock>,
    vault: Arc<MemoryVault>,
    certificate: FcmCertificate,
}

fn google() -> Arc<standin::fcm::Fcm> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let public_key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap().public_key().as_ref().to_vec();
    let client_email = "push@demo-project.iam.gserviceaccount.com".to_owned();
    let account = Account { client_email, public_key };
    Arc::new(standin::fcm::Fcm::new("demo-project", account))
}

fn certificate() -> FcmCertificate {
    let service_account = serde_json::from_value(json!({
        "type": "service_account", "project_id": "demo-project", "private_key_id": "k1", "private_key": KEY,
        "client_email": "push@demo-project.iam.gserviceaccount.com", "token_uri": "https://elsewhere.example/",
    }));
    FcmCertificate { id: AccountId::new("1/production"), service_account: service_account.unwrap() }
}

impl Bench {
    async fn start() -> Self {
        let (google, clock) = (google(), Arc::new(ManualClock::new(NOW)));
        let server = Server::start({
            let (google, clock) = (google.clone(), clock.clone());
            move |seen| Reply::of(&google.answer(&seen.request(), clock.now().millis()))
        })
        .await;
        Self { server, google, clock, vault: Arc::default(), certificate: certificate() }
    }

    /// Another instance: the same vault, everything else of its own.
    fn instance(&self) -> Fcm {
        let settings =
            FcmSettings { base_url: self.server.url("/"), token_url: self.server.url("/token"), roots: None };
        self.instance_with(settings)
    }

    fn instance_with(&self, settings: FcmSettings) -> Fcm {
        let tokens = Arc::new(TokenHolder::new(self.vault.clone(), self.clock.clone()));
        Fcm::new(settings, HttpClient::new(HttpSettings::default()), tokens, self.clock.clone())
    }

    async fn send(&self, message: &Notification, targets: &[Target]) -> Vec<Ended> {
        self.send_by(&self.instance(), message, targets).await
    }

    async fn send_by(&self, fcm: &Fcm, message: &Notification, targets: &[Target]) -> Vec<Ended> {
        let certificate = &self.certificate;
        fcm.send(Push {
            task: TaskId::new(42),
            message,
            receipt: None,
            lists: None,
            targets,
            certificate,
            until: in_time(),
        })
        .await
    }

    /// Sends to one device that Google answers like this.
    async fn answered(&self, answers: impl IntoIterator<Item = Response<Bytes>>) -> Ended {
        self.google.desk.next_answers(answers);
        self.send(&plain(), &[device("T")]).await.remove(0)
    }

    fn sends(&self) -> usize {
        self.server.count("/v1/projects/demo-project/messages:send")
    }
}

fn device(token: &str) -> Target {
    Target { token: DeviceToken::new(token), badge: Some(5) }
}

async fn accepted(message: &Notification) -> Value {
    let bench = Bench::start().await;
    assert_eq!(bench.send(message, &[device("T")]).await, [Ended::ok()]);
    bench.google.desk.take_accepted().remove(0).raw
}

#[tokio::test]
async fn the_golden_message_is_sent_as_documented() {
    assert_eq!(
        accepted(&golden()).await,
        json!({"message": {
            "token": "T",
            "notification": {"title": "Hi", "body": "Body"},
            "data": {"k": "1", "s": "v", "mx_task": "42", "mx_intent": INTENT},
            "android": {
                "priority": "HIGH", "ttl": "3600s",
                "notification": {"sound": "ring", "channel_id": "ch", "notification_count": 5}
            },
            "fcm_options": {"analytics_label": "t42"}
        }})
    );
}

#[tokio::test]
async fn a_command_is_data_only() {
    let sent = accepted(&Notification { kind: Kind::Cmd, ..golden() }).await;
    assert_eq!(sent["message"].get("notification"), None);
    assert_eq!(sent["message"]["android"], json!({"priority": "HIGH", "ttl": "3600s"}));
    assert_eq!(sent["message"]["data"]["title"], "Hi");
    assert_eq!(sent["message"]["data"]["k"], "1");
}

/// Row 35.
#[tokio::test]
async fn reserved_keys_are_renamed_and_never_replace_the_callers_own() {
    let ext = r#"{"from":"x","google.a":1,"gcm":true,"x_from":"mine","mx_task":"y"}"#;
    let sent = accepted(&Notification { ext: Ext::parse(ext).ok(), ..plain() }).await;
    assert_eq!(sent["message"]["data"], json!({"x_from": "mine", "x_google.a": "1", "x_gcm": "true", "mx_task": "42"}));
}

#[tokio::test]
async fn a_picture_and_an_action_have_their_places() {
    let mut message = Notification { attachment_url: Some("https://a/b.png?x".to_owned()), ..golden() };
    message.android.intent = Some("intent:#Intent;action=com.a.OPEN;component=com.a/.M;end".to_owned());
    message.big_text = Some("long".to_owned());
    let sent = accepted(&message).await;
    assert_eq!(sent["message"]["notification"]["body"], "long");
    assert_eq!(sent["message"]["android"]["notification"]["image"], "https://a/b.png?x");
    assert_eq!(sent["message"]["android"]["notification"]["click_action"], "com.a.OPEN");
    message.kind = Kind::Image;
    let sent = accepted(&message).await;
    assert_eq!(sent["message"]["notification"]["image"], "https://a/b.png?x");
    assert_eq!(sent["message"]["android"]["notification"].get("image"), None);
}

#[tokio::test]
async fn each_device_has_its_badge_and_its_own_end() {
    let bench = Bench::start().await;
    bench.google.desk.set_device("gone", "UNREGISTERED");
    bench.google.desk.set_device("other", "SENDER_ID_MISMATCH");
    let targets = [device("gone"), Target { badge: Some(7), ..device("a") }, Target { badge: None, ..device("other") }];
    let ended = bench.send(&plain(), &targets).await;
    assert_eq!(ended[0], Ended::with(Outcome::Invalid, Some(404), "UNREGISTERED"));
    assert_eq!(ended[1], Ended::ok());
    let other = Ended { doubtful: true, ..Ended::with(Outcome::Invalid, Some(403), "SENDER_ID_MISMATCH") };
    assert_eq!(ended[2], other);
    let accepted = bench.google.desk.take_accepted();
    assert_eq!(accepted[0].raw["message"]["android"]["notification"]["notification_count"], 7);
    assert_eq!(bench.google.desk.tokens_issued(), 1);
}

#[tokio::test]
async fn when_most_tokens_are_another_projects_the_certificate_is_blamed() {
    let bench = Bench::start().await;
    let targets: Vec<Target> = (0..25).map(|number| device(&format!("T{number}"))).collect();
    for target in &targets[..20] {
        bench.google.desk.set_device(target.token.as_str(), "SENDER_ID_MISMATCH");
    }
    let ended = bench.send(&plain(), &targets).await;
    assert_eq!(ended.iter().filter(|one| one.attempt.outcome == Outcome::Config).count(), 20);
    assert_eq!(ended.iter().filter(|one| **one == Ended::ok()).count(), 5);
}

#[tokio::test]
async fn a_device_of_another_platform_holds_up_no_other() {
    let bench = Bench::start().await;
    let targets: Vec<Target> = (0..300).map(|number| device(&format!("T{number}"))).collect();
    bench.google.desk.set_device("T0", "THIRD_PARTY_AUTH_ERROR");
    let ended = bench.send(&plain(), &targets).await;
    assert_eq!(ended[0].attempt.outcome, Outcome::Config);
    assert!(ended[1..].iter().all(|one| *one == Ended::ok()));
}

/// Row 33.
#[tokio::test]
async fn only_a_token_that_is_named_is_dead() {
    let bench = Bench::start().await;
    let number = violation("message.data[0].value", "Invalid value (TYPE_STRING), 1");
    let ended = bench.answered([*number]).await;
    assert_eq!(ended, Ended::with(Outcome::Content, Some(400), "INVALID_ARGUMENT"));
    let named = violation("message.token", "Invalid registration");
    assert_eq!(bench.answered([*named]).await.attempt.outcome, Outcome::Invalid);
    let said = "The registration token is not a valid FCM registration token";
    let said = refusal(400, "INVALID_ARGUMENT", said, Some("INVALID_ARGUMENT"));
    assert_eq!(bench.answered([*said]).await.attempt.outcome, Outcome::Invalid);
    let vague = refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", Some("INVALID_ARGUMENT"));
    assert_eq!(bench.answered([*vague]).await.attempt.outcome, Outcome::Content);
}

/// Row 34.
#[tokio::test]
async fn a_spent_quota_waits_as_long_as_google_says_or_a_minute() {
    let bench = Bench::start().await;
    let mut asked = *device_refusal("QUOTA_EXCEEDED");
    assert_eq!(bench.answered([asked.clone()]).await.attempt.outcome, fault::later_by(60));
    asked.headers_mut().insert("retry-after", "7".parse().unwrap());
    assert_eq!(bench.answered([asked]).await.attempt.outcome, fault::later_by(7));
}

#[tokio::test]
async fn each_code_has_its_class() {
    let bench = Bench::start().await;
    for (code, outcome) in [
        ("UNREGISTERED", Outcome::Invalid),
        ("SENDER_ID_MISMATCH", Outcome::Invalid),
        ("THIRD_PARTY_AUTH_ERROR", Outcome::Config),
        ("INTERNAL", fault::later(None)),
        ("UNAVAILABLE", fault::later(None)),
    ] {
        let ended = bench.answered([*device_refusal(code)]).await;
        assert_eq!((&ended.attempt.outcome, ended.reason), (&outcome, code));
    }
    for (status, name, outcome) in [
        (403, "PERMISSION_DENIED", Outcome::Config),
        (404, "NOT_FOUND", Outcome::Config),
        (400, "FAILED_PRECONDITION", Outcome::Content),
        (500, "INTERNAL", fault::later(None)),
        (503, "UNAVAILABLE", fault::later(None)),
        (502, "BAD_GATEWAY", fault::later(None)),
        (418, "TEAPOT", Outcome::Content),
    ] {
        let ended = bench.answered([*refusal(status, name, "text", None)]).await;
        assert_eq!(ended.attempt.outcome, outcome, "{status}");
        assert_eq!(ended.attempt.vendor_code, Some(i32::from(status)));
    }
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let bench = Bench::start().await;
    let fcm = bench.instance();
    assert_eq!(bench.send_by(&fcm, &plain(), &[device("T")]).await, [Ended::ok()]);
    bench.google.revoke_tokens();
    let targets: Vec<Target> = (0..20).map(|number| device(&format!("T{number}"))).collect();
    assert!(bench.send_by(&fcm, &plain(), &targets).await.iter().all(|one| *one == Ended::ok()));
    assert_eq!(bench.google.desk.tokens_issued(), 2);
    let denied = || *refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", None);
    let ended = bench.answered([denied(), denied()]).await;
    assert_eq!(ended, Ended::with(Outcome::Config, Some(401), "UNAUTHENTICATED"));
}

#[tokio::test]
async fn instances_share_a_token_and_replace_it_before_it_ends() {
    let bench = Bench::start().await;
    for _ in 0..3 {
        assert_eq!(bench.send(&plain(), &[device("T")]).await, [Ended::ok()]);
    }
    assert_eq!(bench.google.desk.tokens_issued(), 1);
    bench.clock.advance(Duration::from_secs(2900));
    bench.send(&plain(), &[device("T")]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.google.desk.tokens_issued(), 2);
}

#[tokio::test]
async fn a_service_account_that_google_refuses_sends_nothing() {
    let mut bench = Bench::start().await;
    bench.certificate.service_account.client_email = "else@demo-project.iam.gserviceaccount.com".to_owned();
    let ended = bench.send(&plain(), &[device("T"), device("U")]).await;
    assert_eq!(ended, Ended::with(Outcome::Config, Some(400), "no_token").times(2));
    for id in ["", "a/b", "..", "a b"] {
        bench.certificate.service_account.project_id = id.to_owned();
        let ended = bench.send(&plain(), &[device("T")]).await;
        assert_eq!(ended, [Ended::with(Outcome::Config, None, "malformed_project_id")], "{id}");
    }
    bench.certificate.service_account =
        ServiceAccount { private_key: Secret::new("no key".to_owned()), ..certificate().service_account };
    bench.certificate.id = AccountId::new("2/production");
    let ended = bench.send(&plain(), &[device("T")]).await;
    assert_eq!(ended, [Ended::with(Outcome::Config, None, "no_token")]);
    assert_eq!(bench.sends(), 0);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_cut_and_data_never() {
    let bench = Bench::start().await;
    let long = Notification { body: "\"汉\"".repeat(2000), ..plain() };
    assert_eq!(bench.send(&long, &[device("T")]).await, [Ended::ok()]);
    assert!(bench.google.desk.take_accepted()[0].body.ends_with('…'));
    let data = Notification { ext: Ext::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(5000))).ok(), ..plain() };
    assert_eq!(bench.send(&data, &[device("T")]).await, [Ended::with(Outcome::TooLarge, None, "TOO_LARGE")]);
    assert_eq!(bench.sends(), 1);
    let too_big = || *refusal(400, "INVALID_ARGUMENT", "Android message is too big", Some("INVALID_ARGUMENT"));
    bench.google.desk.next_answers([too_big()]);
    assert_eq!(bench.send(&long, &[device("T")]).await, [Ended::ok()], "smaller");
    assert_eq!(bench.sends(), 3);
}

#[tokio::test]
async fn all_calls_share_one_connection() {
    let clock = Arc::new(ManualClock::new(NOW));
    let google = google();
    let server = Http2Server::start(Options { pace: Duration::from_millis(3), ..Options::default() }, None, {
        let (google, clock) = (google.clone(), clock.clone());
        move |request| Reaction::Answer(Box::new(google.answer(request, clock.now().millis())))
    })
    .await;
    let bench = Bench::start().await;
    let fcm = bench.instance_with(FcmSettings {
        base_url: server.url(),
        token_url: bench.server.url("/token"),
        roots: Some(server.root.clone()),
    });
    let targets: Vec<Target> = (0..200).map(|number| device(&format!("T{number}"))).collect();
    assert_eq!(bench.send_by(&fcm, &plain(), &targets).await, Ended::ok().times(200));
    assert_eq!(server.connections(), 1);
    assert!(server.most_streams() > 20, "{}", server.most_streams());
}

/// The caller's time is nearly over. Nine devices have their message, and the tenth's answer does not come.
#[tokio::test]
async fn a_device_whose_answer_does_not_come_costs_no_other_its_own() {
    let (google, clock) = (google(), Arc::new(ManualClock::new(NOW)));
    let server = Server::start({
        let (google, clock) = (google.clone(), clock.clone());
        move |seen| match seen.body.contains("\"T3\"") {
            true => Reply::Hang(Duration::from_secs(30)),
            false => Reply::of(&google.answer(&seen.request(), clock.now().millis())),
        }
    })
    .await;
    let bench = Bench { server, google, clock, vault: Arc::default(), certificate: certificate() };
    let targets: Vec<Target> = (0..10).map(|number| device(&format!("T{number}"))).collect();
    let (message, certificate) = (plain(), &bench.certificate);
    let until = Instant::now() + Duration::from_secs(2);
    let push = Push {
        task: TaskId::new(42),
        message: &message,
        receipt: None,
        lists: None,
        targets: &targets,
        certificate,
        until,
    };
    let ended = bench.instance().send(push).await;
    for (number, ended) in ended.iter().enumerate() {
        match number {
            3 => assert_eq!((ended.reason, &ended.attempt.outcome), (fault::CUT_OFF, &fault::later_by(10))),
            _ => assert_eq!(*ended, Ended::ok(), "{number}"),
        }
    }
    assert_eq!(bench.google.desk.take_accepted().len(), 9);
}
