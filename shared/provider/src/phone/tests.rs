use super::*;
use crate::http::HttpSettings;
use crate::testing::push::{NOW, plain};
use crate::testing::server::{Reply, Server};
use crate::testing::{ManualClock, MemoryVault, in_time};
use model::certificate::{HuaweiCertificate, MeizuCertificate};
use model::channel::{DeviceAddress, Way};
use model::ids::{AccountId, DeviceToken, OpenId, TaskId};
use model::notification::VEIL;
use model::secret::Secret;
use standin::meizu::Meizu as StandIn;
use std::time::Duration;

fn recipient(slot: u64, ways: &[(ChannelKind, &str)], (silent, hidden): Wish) -> Recipient {
    let way = |&(channel, token): &(ChannelKind, &str)| Way {
        channel,
        token: DeviceToken::new(token),
        bound: NOW,
        badge: Some(5),
    };
    let device = DeviceAddress { ways: ways.iter().map(way).collect(), silent, hidden };
    Recipient { slot, address: Address::Device(device), quota_uid: None }
}

fn credentials() -> Credentials {
    let certificate = MeizuCertificate {
        id: AccountId::new("demo/meizu/production"),
        app_id: "110".to_owned(),
        app_secret: Secret::new("meizu-secret".to_owned()),
        app_name: "Demo".to_owned(),
        receipt_token: None,
    };
    let certificate = Arc::new(Certificate::Meizu(certificate));
    Credentials::Phone(PhoneCredentials { certificate, receipt: None, lists: None })
}

fn message() -> Message {
    Message::Push(PushMessage { task: TaskId::new(42), notification: Box::new(plain()) })
}

#[tokio::test]
async fn each_device_gets_the_form_that_it_asked_for_and_its_own_attempt() {
    let vendor = Arc::new(StandIn::new("110", "meizu-secret"));
    vendor.desk.set_device("dead", "110002");
    let answering = Arc::clone(&vendor);
    let server = Server::start(move |seen| Reply::of(&answering.answer(&seen.request(), NOW.millis()))).await;
    let settings = PhoneSettings { meizu_base_url: server.url(""), ..PhoneSettings::default() };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
    let http = HttpClient::new(HttpSettings { total_timeout: Duration::from_secs(20), ..HttpSettings::default() });
    let tokens = Arc::new(TokenHolder::new(Arc::<MemoryVault>::default(), Arc::clone(&clock)));
    let phones = Phones::new(&settings, &http, &tokens, &clock);

    let (meizu, huawei) = (ChannelKind::Meizu, ChannelKind::Huawei);
    let recipients = [
        recipient(1, &[(meizu, "loud")], (false, false)),
        recipient(2, &[(huawei, "H"), (meizu, "dead")], (false, false)),
        recipient(3, &[(meizu, "quiet")], (true, false)),
        recipient(4, &[(huawei, "elsewhere")], (false, false)),
        recipient(5, &[(meizu, "veiled")], (false, true)),
        Recipient { slot: 6, address: Address::Wechat(OpenId::new("o")), quota_uid: None },
    ];
    let (message, credentials) = (message(), credentials());
    let recipients = recipients.each_ref();
    let call = Call { message: &message, recipients: &recipients, credentials: &credentials, until: in_time() };
    let attempts = phones.meizu().send(call).await;
    let labels: Vec<&str> = attempts.iter().map(|attempt| attempt.outcome.label()).collect();
    assert_eq!(labels, ["ok", "invalid", "ok", "content", "ok", "content"]);
    assert!(attempts[3].elsewhere, "another way may do");
    let mut accepted = vendor.desk.take_accepted();
    accepted.sort_by(|a, b| a.token.cmp(&b.token));
    let shown: Vec<(&str, &str, &str)> =
        accepted.iter().map(|one| (one.token.as_str(), one.title.as_str(), one.body.as_str())).collect();
    assert_eq!(shown, [("loud", "Hi", "Body"), ("quiet", "Hi", "Body"), ("veiled", "Demo", VEIL)]);
    let sound = |place: usize| accepted[place].raw.to_string().replace('\\', "").contains(r#""sound":1"#);
    assert!(sound(0) && !sound(1) && sound(2));
}

#[tokio::test]
async fn a_certificate_of_another_vendor_sends_nothing() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
    let http = HttpClient::new(HttpSettings::default());
    let tokens = Arc::new(TokenHolder::new(Arc::<MemoryVault>::default(), Arc::clone(&clock)));
    let phones = Phones::new(&PhoneSettings::default(), &http, &tokens, &clock);
    let to = recipient(1, &[(ChannelKind::Huawei, "T")], (false, false));
    let (message, credentials) = (message(), credentials());
    let call = Call { message: &message, recipients: &[&to], credentials: &credentials, until: in_time() };
    assert_eq!(phones.huawei().send(call).await[0].outcome, Outcome::Content);
    assert!(<Huawei as Vendor>::certificate(&Certificate::Huawei(huawei())).is_some());
}

fn huawei() -> HuaweiCertificate {
    HuaweiCertificate {
        id: AccountId::new("demo/huawei/production"),
        app_name: "Demo".to_owned(),
        app_id: "1".to_owned(),
        app_secret: Secret::new("s".to_owned()),
        category: None,
        badge_class: None,
        importance: None,
        test_messages: false,
        receipt_key: None,
    }
}
