use crate::testing::server::Reply;
use crate::testing::wechat::{CUSTOM, FakeWechat, article};
use model::channel::ChannelKind;
use model::outcome::{Attempt, Hold, Outcome};
use serde_json::json;

/// One article that is answered with `reply`.
async fn answered(reply: Reply) -> Attempt {
    let wechat = FakeWechat::start().await;
    wechat.next_sends([reply]);
    wechat.send_message(ChannelKind::WechatCustom, article()).await
}

fn errcode(code: i64) -> Reply {
    Reply::json(format!(r#"{{"errcode":{code},"errmsg":"no"}}"#))
}

#[tokio::test]
async fn an_article_goes_out_alone_in_its_array_and_without_an_id() {
    let wechat = FakeWechat::start().await;
    wechat.next_sends([Reply::json(r#"{"errcode":0,"errmsg":"ok"}"#.to_owned())]);
    assert_eq!(wechat.send_message(ChannelKind::WechatCustom, article()).await, Attempt::ok(None));
    let seen = wechat.server.seen();
    let sent = seen.iter().find(|seen| seen.path() == CUSTOM).expect("a send");
    assert_eq!(
        sent.json(),
        json!({
            "touser": "odemo00000000000000000000000",
            "msgtype": "news",
            "news": { "articles": [{ "title": "标题", "url": "https://example.com" }] },
        })
    );
}

#[tokio::test]
async fn a_closed_leg_lets_another_follow_unless_the_recipient_is_gone() {
    for code in [45015, 45047, 45002, 45008, 48008, 40007] {
        let expected = Attempt::failed(Outcome::Content, i32::try_from(code).ok()).or_elsewhere(true);
        assert_eq!(answered(errcode(code)).await, expected, "{code}");
    }
    assert_eq!(answered(errcode(48002)).await, Attempt::failed(Outcome::Suppressed, Some(48002)).or_elsewhere(true));
    assert_eq!(answered(errcode(43019)).await, Attempt::failed(Outcome::Suppressed, Some(43019)));
    for code in [40003, 43004, 46004, 50005] {
        assert_eq!(
            answered(errcode(code)).await,
            Attempt::failed(Outcome::Invalid, i32::try_from(code).ok()),
            "{code}"
        );
    }
}

#[tokio::test]
async fn what_closes_the_account_closes_the_channel() {
    let quota = Outcome::Quota { hold: Hold::UntilBeijingMidnight };
    assert_eq!(answered(errcode(45009)).await.outcome, quota);
    assert_eq!(answered(errcode(48001)).await.outcome, Outcome::Config);
    assert_eq!(answered(errcode(-1)).await.outcome, Outcome::Retry { after: None, at_most: None });
}
