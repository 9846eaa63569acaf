use crate::testing::server::Reply;
use crate::testing::wechat::{CUSTOM, FakeWechat, article};
use model::channel::ChannelKind;
use model::outcome::{Attempt, Hold, Outcome};
use model::wechat::{CustomMessage, Text, WechatContent};
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

#[tokio::test]
async fn row_22_a_text_is_measured_in_bytes_and_not_sent_when_it_is_too_long() {
    let text = |content: String| WechatContent {
        custom: Some(CustomMessage::Text { text: Text { content } }),
        ..WechatContent::default()
    };
    for (content, calls) in [("x".repeat(2_048), 1), ("x".repeat(2_049), 0), ("字".repeat(683), 0)] {
        let wechat = FakeWechat::start().await;
        let attempt = wechat.send_message(ChannelKind::WechatCustom, text(content)).await;
        assert_eq!(wechat.server.count(CUSTOM), calls);
        if calls == 0 {
            assert_eq!(attempt, Attempt::failed(Outcome::TooLarge, Some(45002)).or_elsewhere(true));
        }
    }
}

#[tokio::test]
async fn row_32_row_33_an_answer_that_is_no_json_is_passing_and_a_code_may_be_a_text() {
    for body in ["", "<html></html>"] {
        let attempt = answered(Reply::json(body.to_owned())).await;
        assert_eq!(attempt.outcome, Outcome::Retry { after: None, at_most: None }, "{body}");
    }
    assert_eq!(answered(Reply::json(r#"{"errcode":"0","errmsg":"ok"}"#.to_owned())).await, Attempt::ok(None));
    let closed = answered(Reply::json(r#"{"errcode":"45015","errmsg":"no"}"#.to_owned())).await;
    assert_eq!(closed.vendor_code, Some(45015));
}

/// An administrator is asked; asking again within the hour gets the address blocked.
#[tokio::test]
async fn row_31_after_a_question_to_the_administrator_an_hour_passes() {
    let wechat = FakeWechat::start().await;
    let risky = || Reply::json(r#"{"errcode":89503,"errmsg":"this ip must be confirmed"}"#.to_owned());
    wechat.next_tokens([risky(), risky()]);
    assert_eq!(wechat.send_message(ChannelKind::WechatCustom, article()).await.outcome, Outcome::Auth);
    wechat.clock.advance(std::time::Duration::from_secs(3_500));
    assert_eq!(wechat.send_message(ChannelKind::WechatCustom, article()).await.outcome, Outcome::Auth);
    assert_eq!(wechat.token_calls(), 1);
    wechat.clock.advance(std::time::Duration::from_secs(200));
    wechat.send_message(ChannelKind::WechatCustom, article()).await;
    assert_eq!(wechat.token_calls(), 2);
}
