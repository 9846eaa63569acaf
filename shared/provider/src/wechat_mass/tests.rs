use crate::channel::Call;
use crate::testing::in_time;
use crate::testing::server::Reply;
use crate::testing::wechat::{FakeWechat, MASS, keyword_account, notice, recipient};
use model::audience::Recipient;
use model::channel::{Address, ChannelKind, Which};
use model::message::Message;
use model::outcome::{Attempt, Hold, Outcome};
use model::service::{MassContent, MassMessage};
use model::wechat::{Media, Text};
use serde_json::json;

fn everybody() -> Recipient {
    Recipient { slot: 0, address: Address::Followers(Which::All), quota_uid: None }
}

async fn send(wechat: &FakeWechat, content: MassContent, to: Recipient) -> Attempt {
    let message = MassMessage { naming: notice().naming, content, media: None, links: Vec::new() };
    let message = Message::Mass(message);
    let credentials = crate::channel::Credentials::Wechat(keyword_account());
    let call = Call { message: &message, recipients: &[&to], credentials: &credentials, until: in_time() };
    wechat.registry.channel(ChannelKind::WechatMass).send(call).await.remove(0)
}

fn text() -> MassContent {
    MassContent::Text { text: Text { content: "大家好".to_owned() } }
}

#[tokio::test]
async fn one_call_names_everybody_and_itself() {
    let wechat = FakeWechat::start().await;
    let answer = r#"{"errcode":0,"errmsg":"send job submission success","msg_id":34182,"msg_data_id":206227730}"#;
    wechat.next_sends([Reply::json(answer.to_owned())]);
    let content = MassContent::Mpnews { mpnews: Media { media_id: "D1".to_owned() } };
    assert_eq!(send(&wechat, content, everybody()).await, Attempt::ok(Some(34_182)));
    let seen = wechat.server.seen();
    let sent = seen.iter().find(|seen| seen.path() == MASS).expect("a call").json();
    let expected = json!({
        "filter": { "is_to_all": true }, "msgtype": "mpnews", "mpnews": { "media_id": "D1" },
        "clientmsgid": "0123456789abcde-1001", "send_ignore_reprint": 1,
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn row_37_a_repeat_that_wechat_recognises_is_sent_under_the_first_id() {
    let wechat = FakeWechat::start().await;
    wechat.next_sends([Reply::json(r#"{"errcode":45065,"errmsg":"clientmsgid exist","msg_id":34182}"#.to_owned())]);
    assert_eq!(send(&wechat, text(), everybody()).await, Attempt::ok(Some(34_182)));
    wechat.next_sends([Reply::errcode(45066)]);
    let soon = send(&wechat, text(), everybody()).await;
    let minute = Some(std::time::Duration::from_secs(60));
    assert_eq!(soon.outcome, Outcome::Retry { after: minute, at_most: None }, "too soon after the first to say");
}

#[tokio::test]
async fn an_account_that_may_send_no_more_waits() {
    for code in [45028, 45009] {
        let wechat = FakeWechat::start().await;
        wechat.next_sends([Reply::errcode(code)]);
        let attempt = send(&wechat, text(), everybody()).await;
        assert_eq!(attempt.outcome, Outcome::Quota { hold: Hold::UntilBeijingMidnight }, "{code}");
    }
}

#[tokio::test]
async fn row_36_nobody_is_sent_a_mass_message_alone() {
    let wechat = FakeWechat::start().await;
    assert_eq!(send(&wechat, text(), recipient(0)).await, Attempt::failed(Outcome::Content, None));
    assert!(wechat.server.seen().is_empty());
}
