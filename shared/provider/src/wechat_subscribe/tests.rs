use crate::testing::server::Reply;
use crate::testing::wechat::{FakeWechat, MSGID, SUBSCRIBE, article, subscription};
use model::channel::ChannelKind;
use model::outcome::{Attempt, Outcome};
use serde_json::json;

#[tokio::test]
async fn the_request_is_what_wechat_documents_and_its_id_is_kept() {
    let wechat = FakeWechat::start().await;
    let attempt = wechat.send_message(ChannelKind::WechatSubscribe, subscription()).await;
    assert_eq!(attempt, Attempt::ok(Some(MSGID)));
    let seen = wechat.server.seen();
    let sent = seen.iter().find(|seen| seen.path() == SUBSCRIBE).expect("a send");
    assert_eq!(
        sent.json(),
        json!({
            "touser": "odemo00000000000000000000000",
            "template_id": "demo-subscribe",
            "page": "pages/index",
            "data": { "thing1": { "value": "奶茶" } },
        })
    );
}

#[tokio::test]
async fn without_a_grant_the_recipient_does_not_want_it() {
    let wechat = FakeWechat::start().await;
    wechat.next_sends([Reply::json(r#"{"errcode":43101,"errmsg":"user refuse to accept the msg"}"#.to_owned())]);
    let attempt = wechat.send_message(ChannelKind::WechatSubscribe, subscription()).await;
    assert_eq!(attempt, Attempt::failed(Outcome::Suppressed, Some(43101)));
}

#[tokio::test]
async fn what_is_no_subscription_message_is_not_sent() {
    let wechat = FakeWechat::start().await;
    let attempt = wechat.send_message(ChannelKind::WechatSubscribe, article()).await;
    assert_eq!(attempt, Attempt::failed(Outcome::Content, None));
    assert!(wechat.server.seen().is_empty());
}
