use super::Apns;
use super::error::{Action, REASONS, ended};
use super::settings::ApnsSettings;
use crate::testing::http2::{Http2Server, Options, Pem, Reaction};
use crate::testing::push::{NOW, golden, pem, plain};
use crate::testing::{ManualClock, MemoryVault, in_time};
use crate::token::TokenHolder;
use crate::vendor::{Ended, Push, Target, fault};
use bytes::Bytes;
use http::{Request, StatusCode};
use model::certificate::{ApnsCertificate, ApnsKey, Environment};
use model::clock::Clock;
use model::ids::{AccountId, DeviceToken, TaskId};
use model::notification::ext::Ext;
use model::notification::{Ios, Kind, Notification};
use model::outcome::Outcome;
use model::secret::Secret;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use standin::apns::{Key, refusal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Apple behind TLS and HTTP/2, and what the channel needs to reach it.
struct Bench {
    server: Http2Server,
    apple: Arc<standin::apns::Apns>,
    heads: Arc<Mutex<Vec<Request<()>>>>,
    clock: Arc<ManualClock>,
    vault: Arc<MemoryVault>,
    certificate: ApnsCertificate,
}

impl Bench {
    async fn start(options: Options) -> Self {
        Self::scripted(options, |_, _| None).await
    }

    /// `script` comes before the stand-in, and may do something else.
    async fn scripted(
        options: Options,
        script: impl Fn(&Request<Bytes>, usize) -> Option<Reaction> + Send + Sync + 'static,
    ) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &SystemRandom::new());
        let (key_id, team_id) = ("ABCDE12345".to_owned(), "TEAM123456".to_owned());
        let key = Key {
            key_id: key_id.clone(),
            team_id: team_id.clone(),
            public_key: pair.unwrap().public_key().as_ref().to_vec(),
        };
        let private_key = Secret::new(pem("PRIVATE KEY", pkcs8.as_ref()));
        let token = ApnsKey::Token { key_id, team_id, private_key };
        Self::with(options, Some(key), None, token, script).await
    }

    async fn with(
        options: Options,
        key: Option<Key>,
        client: Option<&Pem>,
        own: ApnsKey,
        script: impl Fn(&Request<Bytes>, usize) -> Option<Reaction> + Send + Sync + 'static,
    ) -> Self {
        let apple = Arc::new(standin::apns::Apns::new("com.a", key));
        let clock = Arc::new(ManualClock::new(NOW));
        let heads = Arc::<Mutex<Vec<Request<()>>>>::default();
        let count = AtomicUsize::new(0);
        let server = Http2Server::start(options, client, {
            let (apple, clock, heads) = (apple.clone(), clock.clone(), heads.clone());
            move |request| {
                heads.lock().unwrap().push(request.clone().map(|_| ()));
                let ordered = script(request, count.fetch_add(1, Ordering::SeqCst));
                let answer = || apple.answer(request, clock.now().millis());
                ordered.unwrap_or_else(|| Reaction::Answer(Box::new(answer())))
            }
        })
        .await;
        let certificate = ApnsCertificate {
            id: AccountId::new("1/production"),
            bundle_id: "com.a".to_owned(),
            environment: Environment::Production,
            key: own,
        };
        Self { server, apple, heads, clock, vault: Arc::default(), certificate }
    }

    /// Another instance: the same vault, everything else of its own.
    fn instance(&self) -> Apns {
        let settings = ApnsSettings {
            production_url: self.server.url(),
            development_url: "https://127.0.0.1:1/".to_owned(),
            roots: Some(self.server.root.clone()),
        };
        let tokens = Arc::new(TokenHolder::new(self.vault.clone(), self.clock.clone()));
        Apns::new(settings, tokens, self.clock.clone())
    }

    async fn send(&self, message: &Notification, targets: &[Target]) -> Vec<Ended> {
        self.send_by(&self.instance(), message, targets).await
    }

    async fn send_by(&self, apns: &Apns, message: &Notification, targets: &[Target]) -> Vec<Ended> {
        let certificate = &self.certificate;
        apns.send(Push {
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

    /// How many tokens have been signed.
    fn generation(&self) -> u64 {
        let mint = super::Mint::of(&self.certificate, self.clock.clone()).unwrap();
        self.vault.peek(mint.key()).map_or(0, |held| held.generation)
    }

    fn jwt(&self) -> String {
        let heads = self.heads.lock().unwrap();
        heads.last().unwrap().headers()["authorization"].to_str().unwrap().to_owned()
    }
}

fn device(number: usize) -> Target {
    Target { token: DeviceToken::new(format!("{number:064x}")), badge: Some(5) }
}

fn devices(count: usize) -> Vec<Target> {
    (0..count).map(device).collect()
}

/// Section 8.1 of what the channels are built to: the golden request.
#[tokio::test]
async fn the_golden_message_is_sent_as_documented() {
    let bench = Bench::start(Options::default()).await;
    assert_eq!(bench.send(&golden(), &[device(1)]).await, [Ended::ok()]);
    let accepted = bench.apple.desk.take_accepted();
    assert_eq!(
        accepted[0].raw,
        json!({
            "aps": {"alert": {"title": "Hi", "body": "Body"}, "badge": 5, "sound": "a.caf", "thread-id": "g"},
            "ext": {"k": 1, "s": "v"},
            "mx_task": "42"
        })
    );
    let heads = bench.heads.lock().unwrap();
    let head = |name: &str| heads[0].headers()[name].to_str().unwrap().to_owned();
    assert_eq!(heads[0].version(), http::Version::HTTP_2);
    assert_eq!(head("apns-topic"), "com.a");
    assert_eq!(head("apns-push-type"), "alert");
    assert_eq!(head("apns-priority"), "10");
    assert_eq!(head("apns-expiration"), "1700003600");
    assert_eq!(head("apns-collapse-id"), "c1");
    assert_eq!(head("apns-id").len(), 36);
}

/// Row 22.
#[tokio::test]
async fn a_command_is_a_background_push() {
    let bench = Bench::start(Options::default()).await;
    let message = Notification { kind: Kind::Cmd, ..golden() };
    assert_eq!(bench.send(&message, &[device(1)]).await, [Ended::ok()]);
    let raw = bench.apple.desk.take_accepted().remove(0).raw;
    assert_eq!(raw["aps"], json!({"content-available": 1}));
    assert_eq!((&raw["title"], &raw["body"], &raw["ext"]), (&json!("Hi"), &json!("Body"), &json!({"k": 1, "s": "v"})));
    let heads = bench.heads.lock().unwrap();
    assert_eq!(
        (&heads[0].headers()["apns-push-type"], &heads[0].headers()["apns-priority"]),
        (&"background".parse().unwrap(), &"5".parse().unwrap())
    );
}

#[tokio::test]
async fn every_field_of_the_ios_block_has_its_place() {
    let bench = Bench::start(Options::default()).await;
    let some = |text: &str| Some(text.to_owned());
    let message = Notification {
        kind: Kind::Image,
        big_text: some("long"),
        attachment_url: some("https://a/b.png"),
        ios: Ios { content_available: true, category: some("cat"), subtitle: some("sub"), ..Ios::default() },
        ..plain()
    };
    bench.send(&message, &[Target { badge: None, ..device(1) }]).await;
    assert_eq!(
        bench.apple.desk.take_accepted()[0].raw,
        json!({
            "aps": {
                "alert": {"title": "Hi", "subtitle": "sub", "body": "long"},
                "sound": "default", "category": "cat", "content-available": 1, "mutable-content": 1
            },
            "attachment_url": "https://a/b.png",
            "mx_task": "42"
        })
    );
}

#[tokio::test]
async fn devices_share_one_connection_and_each_has_its_badge() {
    let bench = Bench::start(Options { pace: Duration::from_millis(5), ..Options::default() }).await;
    let targets: Vec<Target> =
        (0..250).map(|number| Target { badge: Some(number as u32 % 3), ..device(number) }).collect();
    let ended = bench.send(&plain(), &targets).await;
    assert!(ended.iter().all(|one| *one == Ended::ok()) && ended.len() == 250);
    assert_eq!(bench.server.connections(), 1);
    assert!(bench.server.most_streams() > 20, "{}", bench.server.most_streams());
    for accepted in bench.apple.desk.take_accepted() {
        let number = u64::from_str_radix(&accepted.token, 16).unwrap();
        assert_eq!(accepted.raw["aps"]["badge"], number % 3);
    }
}

#[tokio::test]
async fn the_servers_limit_of_streams_is_kept() {
    let options = Options { max_streams: 7, pace: Duration::from_millis(2), ..Options::default() };
    let bench = Bench::start(options).await;
    let ended = bench.send(&plain(), &devices(100)).await;
    assert!(ended.iter().all(|one| *one == Ended::ok()));
    assert_eq!((bench.server.connections(), bench.server.requests()), (1, 100));
    assert!(bench.server.most_streams() <= 7, "{}", bench.server.most_streams());
}

#[tokio::test]
async fn a_connection_that_says_goodbye_loses_nothing() {
    let options = Options { requests_per_connection: 60, max_streams: 10, pace: Duration::from_millis(3) };
    let bench = Bench::start(options).await;
    let ended = bench.send(&plain(), &devices(100)).await;
    assert!(ended.iter().all(|one| *one == Ended::ok()), "{ended:?}");
    assert!(bench.server.connections() >= 2, "{}", bench.server.connections());
    assert_eq!(bench.apple.desk.take_accepted().len(), 100, "and doubles nothing");
}

#[tokio::test]
async fn a_stream_that_was_turned_away_is_sent_again_at_once() {
    let bench = Bench::scripted(Options::default(), |_, number| (number == 0).then_some(Reaction::RefuseStream)).await;
    assert_eq!(bench.send(&plain(), &[device(1)]).await, [Ended::ok()]);
    let stubborn = Bench::scripted(Options::default(), |_, _| Some(Reaction::RefuseStream)).await;
    let ended = stubborn.send(&plain(), &[device(1)]).await;
    assert_eq!(ended, [Ended::with(fault::later(None), None, "not_reached")]);
    assert_eq!(stubborn.server.requests(), 3);
}

/// Row 62.
#[tokio::test]
async fn a_lost_answer_is_tried_again_and_marked() {
    let bench = Bench::scripted(Options::default(), |_, _| Some(Reaction::Drop)).await;
    let ended = bench.send(&plain(), &[device(1)]).await;
    assert_eq!(ended, [Ended::with(fault::later(None), None, "maybe_duplicate")]);
    assert_eq!(bench.server.requests(), 1, "not again by itself");
}

/// Row 30: the caller compares the time with that of the binding.
#[tokio::test]
async fn a_dead_device_comes_with_the_time_of_its_death() {
    let bench = Bench::start(Options::default()).await;
    bench.apple.desk.set_device(device(1).token.as_str(), "Unregistered");
    let ended = bench.send(&plain(), &devices(3)).await;
    let dead = Ended {
        dead_since: Some(NOW.minus(Duration::from_secs(3600))),
        ..Ended::with(Outcome::Invalid, Some(410), "Unregistered")
    };
    assert_eq!(ended, [Ended::ok(), dead, Ended::ok()]);
}

/// Row 28.
#[tokio::test]
async fn data_that_is_too_large_fails_before_it_is_sent() {
    let bench = Bench::start(Options::default()).await;
    let with = |bytes: usize| Notification {
        body: "Body and some more".to_owned(),
        ext: Ext::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes))).ok(),
        ..plain()
    };
    bench.send(&with(0), &[device(1)]).await;
    let around = bench.apple.desk.take_accepted()[0].raw.to_string().len();
    let sent = async |bytes| {
        let ended = bench.send(&with(bytes), &[device(1)]).await;
        (ended, bench.apple.desk.take_accepted().pop().map(|accepted| accepted.body))
    };
    assert_eq!(sent(4096 - around).await, (vec![Ended::ok()], Some("Body and some more".to_owned())));
    // One byte more costs the end of the body; data is never cut.
    assert_eq!(sent(4097 - around).await, (vec![Ended::ok()], Some("Body and some …".to_owned())));
    let refused = Ended::with(Outcome::TooLarge, None, "PayloadTooLarge");
    assert_eq!(sent(4096).await, (vec![refused], None));
    assert_eq!(bench.server.requests(), 3);
}

#[tokio::test]
async fn a_long_text_is_cut_to_fit() {
    let bench = Bench::start(Options::default()).await;
    let message = Notification { body: "汉".repeat(3000), ..plain() };
    assert_eq!(bench.send(&message, &[device(1)]).await, [Ended::ok()]);
    let accepted = bench.apple.desk.take_accepted().remove(0);
    assert!(accepted.body.ends_with("汉…") && accepted.body.len() > 3900, "{}", accepted.body.len());
}

#[tokio::test]
async fn what_apple_finds_too_large_is_sent_once_more_and_smaller() {
    let too_large = |_: &Request<Bytes>, _| Some(Reaction::Answer(refusal("PayloadTooLarge")));
    let bench = Bench::scripted(Options::default(), too_large).await;
    let long = Notification { body: "b".repeat(1000), ..plain() };
    let ended = bench.send(&long, &[device(1)]).await;
    assert_eq!(ended, [Ended::with(Outcome::TooLarge, Some(413), "PayloadTooLarge")]);
    assert_eq!(bench.server.requests(), 2);
}

/// Row 31.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_instances_replace_an_expired_token_once() {
    let expired = Arc::<Mutex<Option<String>>>::default();
    let script = {
        let expired = expired.clone();
        move |request: &Request<Bytes>, _| {
            let shown = request.headers()["authorization"].to_str().unwrap();
            let is_expired = expired.lock().unwrap().as_deref() == Some(shown);
            is_expired.then(|| Reaction::Answer(refusal("ExpiredProviderToken")))
        }
    };
    let bench = Arc::new(Bench::scripted(Options::default(), script).await);
    bench.send(&plain(), &[device(0)]).await;
    *expired.lock().unwrap() = Some(bench.jwt());
    bench.clock.advance(Duration::from_secs(25 * 60));
    assert_eq!(bench.generation(), 1, "held as good for 20 minutes more");
    let workers = (0..50).map(|number| {
        let bench = bench.clone();
        tokio::spawn(async move { bench.send(&plain(), &devices(1 + number % 3)).await })
    });
    for worker in workers.collect::<Vec<_>>() {
        assert!(worker.await.unwrap().iter().all(|one| *one == Ended::ok()));
    }
    assert_eq!(bench.generation(), 2, "one new token");
}

#[tokio::test]
async fn a_fresh_token_that_is_called_expired_is_not_replaced() {
    let script = |_: &Request<Bytes>, _| Some(Reaction::Answer(refusal("ExpiredProviderToken")));
    let bench = Bench::scripted(Options::default(), script).await;
    let ended = bench.send(&plain(), &[device(1)]).await;
    assert_eq!(ended, [Ended::with(Outcome::Config, Some(403), "ExpiredProviderToken")]);
    assert_eq!((bench.generation(), bench.server.requests()), (1, 1), "our clock is wrong, or Apple's");
    // An old one is replaced once, and then it is not the token.
    bench.clock.advance(Duration::from_secs(21 * 60));
    let ended = bench.send(&plain(), &[device(1)]).await;
    assert_eq!(ended, [Ended::with(Outcome::Config, Some(403), "ExpiredProviderToken")]);
    assert_eq!((bench.generation(), bench.server.requests()), (2, 3));
}

/// Row 32.
#[tokio::test]
async fn after_too_many_tokens_the_same_one_is_used_over_another_connection() {
    let first =
        |_: &Request<Bytes>, number| (number == 1).then(|| Reaction::Answer(refusal("TooManyProviderTokenUpdates")));
    let bench = Bench::scripted(Options::default(), first).await;
    let apns = bench.instance();
    assert_eq!(bench.send_by(&apns, &plain(), &[device(1)]).await, [Ended::ok()]);
    let jwt = bench.jwt();
    let ended = bench.send_by(&apns, &plain(), &[device(1)]).await;
    assert_eq!(ended, [Ended::with(fault::later_by(60), Some(429), "TooManyProviderTokenUpdates")]);
    assert_eq!(bench.server.connections(), 1);
    assert_eq!(bench.send_by(&apns, &plain(), &[device(1)]).await, [Ended::ok()]);
    assert_eq!((bench.server.connections(), bench.generation()), (2, 1));
    assert_eq!(bench.jwt(), jwt);
}

#[tokio::test]
async fn a_token_is_used_for_45_minutes_and_then_replaced() {
    let bench = Bench::start(Options::default()).await;
    let apns = bench.instance();
    for _ in 0..20 {
        assert_eq!(bench.send_by(&apns, &plain(), &[device(1)]).await, [Ended::ok()]);
        let issued = super::jwt::issued_at(bench.jwt().trim_start_matches("bearer ")).unwrap();
        let age = bench.clock.now().since(issued);
        assert!(age <= Duration::from_secs(52 * 60), "{age:?}");
        // A renewal goes on beside the sends; the stand-in refuses a second one within 20 minutes.
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench.clock.advance(Duration::from_secs(5 * 60));
    }
    assert!((2..=3).contains(&bench.generation()), "{} in 95 minutes", bench.generation());
}

#[tokio::test]
async fn a_key_that_does_not_sign_reaches_nobody() {
    let mut bench = Bench::start(Options::default()).await;
    for key in ["", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let (key_id, team_id) = ("ABCDE12345".to_owned(), "TEAM123456".to_owned());
        bench.certificate.key = ApnsKey::Token { key_id, team_id, private_key: Secret::new(key.to_owned()) };
        let ended = bench.send(&plain(), &devices(2)).await;
        assert_eq!(ended, Ended::with(Outcome::Config, None, "no_token").times(2), "{key:?}");
    }
    assert_eq!(bench.server.requests(), 0);
}

#[tokio::test]
async fn a_client_certificate_needs_no_token() {
    let client = Pem::generate("Apple Push Services: com.a");
    let own =
        || ApnsKey::Certificate { chain: client.certificate.clone(), private_key: Secret::new(client.key.clone()) };
    let bench = Bench::with(Options::default(), None, Some(&client), own(), |_, _| None).await;
    assert_eq!(bench.send(&plain(), &devices(2)).await, Ended::ok().times(2));
    assert!(!bench.heads.lock().unwrap()[0].headers().contains_key("authorization"));
    assert_eq!(bench.vault.loads(), 0);

    let stranger = Pem::generate("Somebody else");
    let mut other = bench;
    other.certificate.key =
        ApnsKey::Certificate { chain: stranger.certificate.clone(), private_key: Secret::new(stranger.key.clone()) };
    let ended = other.send(&plain(), &[device(1)]).await;
    assert!(matches!(ended[0].attempt.outcome, Outcome::Retry { .. }), "{ended:?}");
    assert_eq!(other.apple.desk.take_accepted().len(), 2, "nothing new");
}

#[tokio::test]
async fn when_most_devices_are_called_unknown_the_certificate_is_blamed() {
    let bench = Bench::start(Options::default()).await;
    for number in 0..15 {
        bench.apple.desk.set_device(device(number).token.as_str(), "BadDeviceToken");
    }
    let few = bench.send(&plain(), &devices(40)).await;
    assert_eq!(few.iter().filter(|one| one.attempt.outcome == Outcome::Invalid && one.doubtful).count(), 15);
    let most = bench.send(&plain(), &devices(25)).await;
    assert_eq!(most.iter().filter(|one| one.attempt.outcome == Outcome::Config).count(), 15);
    assert!(most.iter().all(|one| one.attempt.outcome != Outcome::Invalid));
}

#[tokio::test]
async fn a_wrong_topic_stops_the_rest() {
    let mut bench = Bench::start(Options::default()).await;
    bench.certificate.bundle_id = "com.b".to_owned();
    let ended = bench.send(&plain(), &devices(1000)).await;
    assert_eq!(ended, Ended::with(Outcome::Config, Some(400), "TopicDisallowed").times(1000));
    assert!(bench.server.requests() <= 200, "{}", bench.server.requests());
}

#[tokio::test]
async fn a_token_that_is_no_path_is_not_sent() {
    let bench = Bench::start(Options::default()).await;
    for bad in ["", "../x", "zz", "ab?c", "ab/cd", &"a".repeat(300)] {
        let ended = bench.send(&plain(), &[Target { token: DeviceToken::new(bad), badge: None }]).await;
        assert_eq!(ended, [Ended::with(Outcome::Invalid, None, "malformed_token")], "{bad}");
    }
    assert_eq!(bench.server.requests(), 0);
}

/// The table, and the stand-in's statuses against it.
#[test]
fn each_reason_has_its_class() {
    for (status, reason, action) in REASONS {
        let status = StatusCode::from_u16(*status).unwrap();
        let ended = ended(status, reason, None, None);
        let expected = match action {
            Action::Dead | Action::DeadOrWrongCertificate => Outcome::Invalid,
            Action::Refuse => Outcome::Content,
            Action::Operator | Action::RefreshToken => Outcome::Config,
            Action::Later | Action::Reconnect => fault::later(None),
            Action::LaterByAMinute | Action::KeepToken => fault::later_by(60),
            Action::Shrink => Outcome::TooLarge,
        };
        assert_eq!(ended.attempt.outcome, expected, "{reason}");
        assert_eq!(ended.reason, *reason);
        assert_eq!(ended.doubtful, matches!(*reason, "BadDeviceToken" | "DeviceTokenNotForTopic"));
        assert_eq!(refusal(reason).status(), status, "{reason}");
    }
    let class = |reason: &str| REASONS.iter().filter(|(_, known, _)| *known == reason).map(|row| row.2).next();
    let dead = ["BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken", "Unregistered", "ExpiredToken"];
    for (_, reason, action) in REASONS {
        let is_dead = matches!(action, Action::Dead | Action::DeadOrWrongCertificate);
        assert_eq!(is_dead, dead.contains(reason), "{reason}");
    }
    assert_eq!(class("TooManyProviderTokenUpdates"), Some(Action::KeepToken));
    assert_eq!(class("ExpiredProviderToken"), Some(Action::RefreshToken));
    assert_eq!(class("Shutdown"), Some(Action::Reconnect));
}

#[test]
fn a_reason_that_nobody_knows_costs_no_token() {
    for (status, expected) in [
        (400, Outcome::Content),
        (403, Outcome::Config),
        (410, Outcome::Content),
        (429, fault::later_by(9)),
        (500, fault::later_by(9)),
    ] {
        let ended = ended(StatusCode::from_u16(status).unwrap(), "SomethingNew", None, Some(Duration::from_secs(9)));
        assert_eq!(ended.attempt.outcome, expected, "{status}");
    }
}

/// The caller's time is nearly over. Nine devices have their message, and the tenth's answer does not come.
#[tokio::test]
async fn a_device_whose_answer_does_not_come_costs_no_other_its_own() {
    let bench = Bench::scripted(Options::default(), |request, _| {
        request.uri().path().ends_with(device(3).token.as_str()).then_some(Reaction::Hang)
    })
    .await;
    let targets = devices(10);
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
    let mut expected = vec![Ended::ok(); 10];
    expected[3] = fault::cut_off();
    assert_eq!(ended, expected);
    assert_eq!(bench.apple.desk.take_accepted().len(), 9);
}
