//! Tokens on the way of a send: refused, refreshed, not to be had.

use crate::testing::server::Reply;
use crate::testing::wechat::{FakeWechat, MSGID, NOW, TOKEN, keyword_account, recipient};
use crate::token::{Refresh, TokenError};
use model::outcome::{Attempt, Outcome};
use std::time::Duration;

const SOON: Outcome = Outcome::Retry { after: None, at_most: None };

fn token_of(target: &str) -> &str {
    target.split_once("access_token=").unwrap().1
}

#[tokio::test]
async fn a_token_that_is_refused_once_costs_one_refresh_and_one_repeat() {
    for code in [40001, 40014, 42001, 41001] {
        let wechat = FakeWechat::start().await;
        wechat.next_sends([Reply::errcode(code)]);
        assert_eq!(wechat.send().await, Attempt::ok(Some(MSGID)), "{code}");
        let sends = wechat.sends();
        let tokens: Vec<_> = sends.iter().map(|seen| token_of(seen.target())).collect();
        assert_eq!(tokens, ["t%2F0%2B", "t%2F1%2B"]);
        assert_eq!(sends[0].body, sends[1].body, "the same client_msg_id above all");
        assert_eq!(wechat.token_calls(), 3, "the first, the same again, the forced one");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_for_good_is_a_matter_for_the_operator() {
    let wechat = FakeWechat::start().await;
    wechat.next_sends(std::iter::repeat_n(Reply::errcode(40001), 100));
    let refused = Attempt::failed(Outcome::Auth, Some(40001));
    for _ in 0..20 {
        assert_eq!(wechat.send().await, refused);
    }
    assert_eq!(wechat.token_calls(), 3);
    assert_eq!(wechat.sends().len(), 21, "one repeat in all");
}

#[tokio::test]
async fn a_hundred_sends_that_are_refused_together_cause_one_refresh() {
    let wechat = FakeWechat::start().await;
    wechat.send().await;
    wechat.next_sends(std::iter::repeat_n(Reply::errcode(42001), 32));
    let recipients: Vec<_> = (0..100).map(recipient).collect();
    let attempts = wechat.send_to(&recipients, &keyword_account()).await;
    assert!(attempts.iter().all(|attempt| *attempt == Attempt::ok(Some(MSGID))), "{attempts:?}");
    assert_eq!(wechat.token_calls(), 3);
}

#[tokio::test]
async fn a_token_call_that_is_refused_is_for_the_operator_and_not_repeated_at_once() {
    for code in [40001, 40013, 40125, 40164, 40243, 41004, 50002, 89503] {
        let wechat = FakeWechat::start().await;
        wechat.next_tokens(std::iter::repeat_n(Reply::errcode(code), 100));
        for _ in 0..20 {
            let expected = Attempt::failed(Outcome::Auth, i32::try_from(code).ok());
            assert_eq!(wechat.send().await, expected);
        }
        assert_eq!((wechat.token_calls(), wechat.sends().len()), (1, 0), "{code}");
    }
}

#[tokio::test]
async fn a_risky_address_is_not_asked_about_again_within_the_hour() {
    let wechat = FakeWechat::start().await;
    wechat.next_tokens([Reply::errcode(89503), Reply::errcode(40125)]);
    wechat.send().await;
    wechat.clock.advance(Duration::from_secs(3599));
    assert_eq!(wechat.send().await.vendor_code, Some(89503));
    wechat.clock.advance(Duration::from_secs(1));
    assert_eq!(wechat.send().await.vendor_code, Some(40125));
    assert_eq!(wechat.token_calls(), 2);
}

#[tokio::test]
async fn trouble_on_the_way_to_a_token_lets_the_message_wait() {
    let minute = Outcome::Retry { after: Some(Duration::from_secs(60)), at_most: None };
    for (reply, expected) in [
        (Reply::Drop, Attempt::failed(SOON, None)),
        (Reply::Hang(Duration::from_secs(5)), Attempt::failed(SOON, None)),
        (Reply::status(502), Attempt::failed(SOON, Some(502))),
        (Reply::json("<html>"), Attempt::failed(SOON, None)),
        (Reply::errcode(-1), Attempt::failed(SOON, Some(-1))),
        (Reply::errcode(45009), Attempt::failed(minute, Some(45009))),
    ] {
        let wechat = FakeWechat::start().await;
        wechat.next_tokens([reply.clone()]);
        assert_eq!(wechat.send().await, expected, "{reply:?}");
        wechat.clock.advance(Duration::from_secs(61));
        assert_eq!(wechat.send().await, Attempt::ok(Some(MSGID)), "and then it is there");
    }
}

#[tokio::test]
async fn a_token_answer_without_a_token_is_none() {
    for body in [r#"{"expires_in":7200}"#, r#"{"access_token":"","expires_in":7200}"#, r#"{"access_token":"t"}"#] {
        let wechat = FakeWechat::start().await;
        wechat.next_tokens([Reply::json(body)]);
        assert!(matches!(wechat.send().await.outcome, Outcome::Retry { at_most: Some(3), .. }), "{body}");
        assert!(wechat.sends().is_empty());
    }
    let wechat = FakeWechat::start().await;
    wechat.next_tokens([Reply::json(r#"{"access_token":"t","expires_in":"7200"}"#)]);
    assert_eq!(wechat.send().await, Attempt::ok(Some(MSGID)), "a number as text is fine");
}

#[tokio::test]
async fn the_schedule_refreshes_through_the_registry() {
    let wechat = FakeWechat::start().await;
    let account = keyword_account();
    assert_eq!(wechat.registry.refresh_token(&account).await.unwrap(), Refresh::Renewed);
    assert_eq!(wechat.registry.refresh_token(&account).await.unwrap(), Refresh::NotDue);
    assert_eq!(wechat.send().await, Attempt::ok(Some(MSGID)));
    assert_eq!(wechat.server.count(TOKEN), 1, "the send found it in the vault");
    wechat.clock.advance(Duration::from_secs(7000));
    wechat.next_tokens([Reply::errcode(40164)]);
    let error = wechat.registry.refresh_token(&account).await.unwrap_err();
    assert!(matches!(&error, TokenError::Fetch(fetch) if fetch.code == Some(40164)), "{error:?} at {NOW:?}");
    assert!(!format!("{error} {error:?}").contains("demo0000"), "no secret in an error");
}
