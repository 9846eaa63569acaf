use super::*;
use crate::channel::Credentials;
use crate::testing::in_time;
use crate::testing::server::Reply;
use crate::testing::wechat::{FakeWechat, MSGID, NOW, SEND, TOKEN, account, keyword_account, notice, recipient};
use model::account::NoticePart;
use model::message::Message;
use model::outcome::{Hold, Outcome};
use std::time::Duration;

const SOON: Outcome = Outcome::Retry { after: None, at_most: None };
const A_FEW_TIMES: Outcome = Outcome::Retry { after: None, at_most: Some(3) };

/// One send that is answered with `reply`; the attempt, and how often WeChat was called.
async fn answered(reply: Reply) -> (Attempt, usize) {
    let wechat = FakeWechat::start().await;
    wechat.next_sends([reply]);
    (wechat.send().await, wechat.sends().len())
}

#[tokio::test]
async fn the_request_is_what_wechat_documents_byte_by_byte() {
    let wechat = FakeWechat::start().await;
    assert_eq!(wechat.send().await, Attempt::ok(Some(MSGID)));
    let seen = wechat.server.seen();
    let host = wechat.server.address;
    let version = env!("CARGO_PKG_VERSION");
    let [token, send] = &seen[..] else { panic!("{seen:?}") };
    let head = |target: &str, length: usize| {
        format!(
            "POST {target} HTTP/1.1\r\ncontent-type: application/json; charset=utf-8\r\n\
             user-agent: tuisong/{version}\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let token_body = r#"{"grant_type":"client_credential","appid":"wx00000000000000d1","secret":"demo0000000000000000000000000000","force_refresh":false}"#;
    assert_eq!((&token.head, &*token.body), (&head(TOKEN, token_body.len()), token_body));
    let send_body = concat!(
        r#"{"touser":"odemo00000000000000000000000","template_id":"demo-keyword","#,
        r#""url":"https://example.com/m/k?a=1","client_msg_id":"0123456789abcde-1001","data":{"#,
        r#""first":{"value":"磁盘 \"/\" 快满了"},"keyword1":{"value":"监控"},"keyword2":{"value":"RID1001"},"#,
        r#""keyword3":{"value":"2026-11-23 23:59:59"},"remark":{"value":"点击查看详情"}}}"#
    );
    let target = format!("{SEND}?access_token=t%2F0%2B");
    assert_eq!((&send.head, &*send.body), (&head(&target, send_body.len()), send_body));
}

#[tokio::test]
async fn each_recipient_gets_one_attempt_in_order_and_an_id_of_its_own() {
    let wechat = FakeWechat::start().await;
    let recipients: Vec<_> = (0..100).map(recipient).collect();
    let attempts = wechat.send_to(&recipients, &keyword_account()).await;
    assert_eq!(attempts, vec![Attempt::ok(Some(MSGID)); 100]);
    let mut ids: Vec<_> = wechat.sends().iter().map(|seen| seen.json()["client_msg_id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), wechat.token_calls()), (100, 1));
    assert_eq!(wechat.send_to(&[], &keyword_account()).await, []);
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_announced() {
    let wechat = FakeWechat::start().await;
    wechat.next_sends(std::iter::repeat_n(Reply::Hang(Duration::from_millis(100)), 100));
    let recipients: Vec<_> = (0..100).map(recipient).collect();
    wechat.send_to(&recipients, &keyword_account()).await;
    let limits = wechat.channel().limits();
    assert_eq!(wechat.server.most_hanging(), limits.calls_in_flight.get());
    assert_eq!(limits.recipients_per_call.get(), 1);
}

#[tokio::test]
async fn attempts_stand_at_the_place_of_their_recipients() {
    let wechat = FakeWechat::start().await;
    // The answers follow the order in which calls arrive, so one call at a time.
    for (slot, code) in [(1, 43004), (2, 43019), (3, 0)] {
        let reply = if code == 0 { None } else { Some(Reply::errcode(code)) };
        wechat.next_sends(reply);
        let attempt = wechat.send_to(&[recipient(slot)], &keyword_account()).await.remove(0);
        let expected = match code {
            43004 => Attempt::failed(Outcome::Invalid, Some(43004)),
            43019 => Attempt::failed(Outcome::Suppressed, Some(43019)),
            _ => Attempt::ok(Some(MSGID)),
        };
        assert_eq!(attempt, expected);
    }
}

#[tokio::test]
async fn an_empty_url_is_left_out() {
    let wechat = FakeWechat::start().await;
    let message = Message::Notice(model::message::Notice { url: String::new(), ..notice() });
    let credentials = Credentials::Wechat(keyword_account());
    let call = Call { message: &message, recipients: &[&recipient(0)], credentials: &credentials, until: in_time() };
    wechat.channel().send(call).await;
    assert!(wechat.sends()[0].json().get("url").is_none());
}

#[tokio::test]
async fn codes_decide_and_are_reported() {
    let quota = Outcome::Quota { hold: Hold::UntilBeijingMidnight };
    for (code, outcome) in [
        (-1, SOON),
        (45009, quota),
        (43117, Outcome::Retry { after: Some(Duration::from_secs(3600)), at_most: None }),
        (40037, Outcome::Content),
        (48004, Outcome::Config),
        (43101, Outcome::Suppressed),
        (12345, A_FEW_TIMES),
    ] {
        assert_eq!(answered(Reply::errcode(code.into())).await, (Attempt::failed(outcome, Some(code)), 1), "{code}");
    }
}

#[tokio::test]
async fn the_minute_limit_waits_for_the_next_minute() {
    let (attempt, _) = answered(Reply::errcode(45011)).await;
    let Outcome::Retry { after: Some(after), at_most: None } = attempt.outcome else { panic!("{attempt:?}") };
    // 40 s are left of the minute; up to 10 s more spread the rush.
    assert!((Duration::from_secs(40)..=Duration::from_secs(50)).contains(&after), "{after:?} from {NOW:?}");
}

#[tokio::test]
async fn a_repeat_that_wechat_recognises_is_a_success() {
    assert_eq!(answered(Reply::errcode(45065)).await, (Attempt::ok(None), 1));
}

#[tokio::test]
async fn http_trouble_is_tried_again_with_the_wait_that_was_asked_for() {
    let too_many = Reply::Answer { status: 429, headers: vec![("retry-after", "17".to_owned())], body: String::new() };
    let asked = Outcome::Retry { after: Some(Duration::from_secs(17)), at_most: None };
    assert_eq!(answered(too_many).await, (Attempt::failed(asked, Some(429)), 1));
    for status in [500, 502, 503] {
        let expected = Attempt::failed(SOON, Some(status.into()));
        assert_eq!(answered(Reply::status(status)).await, (expected, 1));
    }
    assert_eq!(answered(Reply::status(404)).await.0, Attempt::failed(Outcome::Config, Some(404)));
}

#[tokio::test]
async fn a_call_without_an_answer_is_tried_again_by_the_worker_not_here() {
    for reply in [Reply::Drop, Reply::Hang(Duration::from_secs(5))] {
        assert_eq!(answered(reply).await, (Attempt::failed(SOON, None), 1));
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_no_success() {
    let html = Reply::Answer {
        status: 200,
        headers: vec![("content-type", "text/html".to_owned())],
        body: "<html>maintenance</html>".to_owned(),
    };
    for reply in [html, Reply::json(""), Reply::json("[]"), Reply::json("null"), Reply::json(r#"{"errcode":"#)] {
        assert_eq!(answered(reply).await.0, Attempt::failed(SOON, None));
    }
    for body in [r#"{"errcode":0,"errmsg":"ok"}"#, "{}", r#"{"errcode":[]}"#, r#"{"errcode":0,"msgid":"x"}"#] {
        assert_eq!(answered(Reply::json(body)).await.0, Attempt::failed(A_FEW_TIMES, None), "{body}");
    }
}

#[tokio::test]
async fn numbers_may_arrive_as_text() {
    let ok = Reply::json(format!(r#"{{"errcode":"0","msgid":"{MSGID}"}}"#));
    assert_eq!(answered(ok).await.0, Attempt::ok(Some(MSGID)));
    let gone = Reply::json(r#"{"errcode":"43004","errmsg":"require subscribe"}"#);
    assert_eq!(answered(gone).await.0, Attempt::failed(Outcome::Invalid, Some(43004)));
}

#[tokio::test]
async fn a_text_that_is_too_long_for_wechat_is_shortened_once() {
    let long =
        || account(&[("keyword1", NoticePart::Time), ("keyword2", NoticePart::MuteHint), ("k", NoticePart::Summary)]);
    let message = Message::Notice(model::message::Notice { summary: "长".repeat(100), ..notice() });
    let credentials = Credentials::Wechat(long());
    let wechat = FakeWechat::start().await;
    wechat.next_sends([Reply::errcode(47003)]);
    let call = Call { message: &message, recipients: &[&recipient(0)], credentials: &credentials, until: in_time() };
    assert_eq!(wechat.channel().send(call).await, [Attempt::ok(Some(MSGID))]);
    let sent: Vec<_> = wechat.sends().iter().map(|seen| seen.json()["data"]["k"]["value"].to_string()).collect();
    assert_eq!(sent, [format!("\"{}\"", "长".repeat(100)), format!("\"{}…\"", "长".repeat(19))]);

    wechat.next_sends([Reply::errcode(47003), Reply::errcode(47003)]);
    let refused = Attempt::failed(Outcome::Content, Some(47003));
    assert_eq!(wechat.channel().send(call).await, std::slice::from_ref(&refused));
    assert_eq!(wechat.sends().len(), 4, "once, not again and again");

    assert_eq!(answered(Reply::errcode(47003)).await, (refused, 1), "nothing to shorten");
}

#[tokio::test]
async fn what_a_key_cannot_hold_is_refused_before_it_is_sent() {
    let wechat = FakeWechat::start().await;
    let attempts = wechat.send_to(&[recipient(0)], &account(&[("phrase1", NoticePart::Reference)])).await;
    assert_eq!(attempts, [Attempt::failed(Outcome::Content, Some(47003))]);
    assert!(wechat.server.seen().is_empty());
}
