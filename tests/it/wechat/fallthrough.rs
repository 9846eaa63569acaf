//! From one leg to the next: for which reasons, never twice, and both recorded.

use super::{Shop, both, message, openid};
use local::seed;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Town, until};

/// Leg, state and code of every leg of the only recipient.
fn legs(outcome: &Value) -> Vec<(String, String, Option<i64>)> {
    let [told] = &outcome["recipients"].as_array().expect("recipients")[..] else { panic!("{outcome}") };
    let leg = |leg: &Value| {
        let text = |name: &str| leg[name].as_str().expect("a text").to_owned();
        (text("leg"), text("state"), leg["code"].as_i64())
    };
    told["legs"].as_array().expect("legs").iter().map(leg).collect()
}

fn leg(name: &str, state: &str, code: Option<i64>) -> (String, String, Option<i64>) {
    (name.to_owned(), state.to_owned(), code)
}

/// Channels of the inbox in order.
fn channels(town: &Town) -> Vec<String> {
    town.inbox().into_iter().map(|message| message.channel).collect()
}

#[tokio::test]
async fn row_23_a_silent_user_gets_the_template_and_both_legs_are_told() {
    let shop = Shop::open().await;
    let id = shop.pushed(&both(&[1])).await;
    let outcome = shop.done(&id).await;
    assert_eq!(legs(&outcome), [leg("custom", "passed", Some(45015)), leg("template", "sent", None)]);
    assert!(outcome["recipients"][0]["msgid"].as_str().is_some_and(|id| id.len() == 19), "{outcome}");
    shop.town.inbox_of(1).await;
    assert_eq!(channels(&shop.town), ["wechat-template"]);
    shop.town.close().await;
}

#[tokio::test]
async fn who_has_just_written_gets_the_article_and_no_template() {
    let shop = Shop::open().await;
    shop.talks(1);
    let id = shop.pushed(&both(&[1])).await;
    assert_eq!(legs(&shop.done(&id).await), [leg("custom", "sent", None)]);
    shop.town.inbox_of(1).await;
    assert_eq!(channels(&shop.town), ["wechat-custom"]);
    shop.town.close().await;
}

#[tokio::test]
async fn row_24_who_does_not_follow_gets_no_template_and_is_marked() {
    let shop = Shop::open().await;
    shop.town.stack.sandbox().wechat(seed::ACCOUNT).expect("the account").unfollow(&openid(1));
    let id = shop.pushed(&both(&[1])).await;
    assert_eq!(legs(&shop.done(&id).await), [leg("custom", "invalid", Some(43004))]);
    assert!(shop.town.inbox().is_empty());
    until("the mark", || async { super::errcode(&shop.send(&message(1)).await) == 43004 }).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_25_an_article_whose_answer_is_lost_is_tried_three_times_then_the_template() {
    let shop = Shop::open().await;
    shop.talks(1);
    shop.order(json!({ "channel": "wechat-custom", "operation": "send", "drop": "before", "forever": true })).await;
    let id = shop.pushed(&both(&[1])).await;
    assert_eq!(legs(&shop.done(&id).await), [leg("custom", "passed", None), leg("template", "sent", None)]);
    shop.town.inbox_of(1).await;
    let calls = shop.town.sandbox.get("/sandbox/calls").await.text;
    assert!(calls.contains("message/custom/send"), "{calls}");
    shop.town.close().await;
}

#[tokio::test]
async fn row_26_the_sixth_article_becomes_a_template_until_the_user_writes_again() {
    let shop = Shop::open().await;
    shop.talks(1);
    for n in 1..=5 {
        let id = shop.pushed(&both(&[1])).await;
        assert_eq!(legs(&shop.done(&id).await), [leg("custom", "sent", None)], "article {n}");
    }
    let id = shop.pushed(&both(&[1])).await;
    assert_eq!(legs(&shop.done(&id).await), [leg("custom", "passed", Some(45047)), leg("template", "sent", None)]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    shop.talks(1);
    let id = shop.pushed(&both(&[1])).await;
    assert_eq!(legs(&shop.done(&id).await), [leg("custom", "sent", None)]);
    shop.town.inbox_of(7).await;
    shop.town.close().await;
}

#[tokio::test]
async fn whose_window_is_known_to_have_closed_is_not_tried_in_vain() {
    use store::windows::{Opening, WindowWriter};
    let shop = Shop::open().await;
    let writer = <WindowWriter as store::Capability>::open(shop.town.stack.store());
    let account = model::ids::AccountId::new(seed::ACCOUNT);
    let ago = |hours: u64| shop.town.now().minus(Duration::from_secs(hours * 3600));
    // What comes late and is older changes nothing.
    for (to, hours) in [(1, 49), (1, 60), (2, 47)] {
        writer.open(&account, &seed::openid(to), Opening::Message, ago(hours)).await.expect("a window");
    }
    shop.talks(2);
    let outcome = shop.done(&shop.pushed(&both(&[1])).await).await;
    assert_eq!(legs(&outcome), [leg("custom", "skipped", None), leg("template", "sent", None)]);
    let outcome = shop.done(&shop.pushed(&both(&[2])).await).await;
    assert_eq!(legs(&outcome), [leg("custom", "sent", None)]);
    // With nothing behind it, the article is tried all the same.
    let mut alone = both(&[1]);
    alone.as_object_mut().expect("an object").remove("template_entity");
    let outcome = shop.done(&shop.pushed(&alone).await).await;
    assert_eq!(legs(&outcome), [leg("custom", "content", Some(45015))]);
    shop.town.inbox_of(2).await;
    shop.town.close().await;
}

#[tokio::test]
async fn an_account_without_the_right_to_articles_sends_templates_at_once() {
    let shop = Shop::open().await;
    for n in 1..=3 {
        shop.talks(n);
    }
    shop.order(json!({ "channel": "wechat-custom", "operation": "send", "errcode": 48001, "forever": true })).await;
    let id = shop.pushed(&both(&[1])).await;
    assert_eq!(legs(&shop.done(&id).await), [leg("custom", "passed", Some(48001)), leg("template", "sent", None)]);
    until("an alarm", || async { shop.town.stack.context().metrics.counted_under("BreakerOpened") == 1 }).await;
    let id = shop.pushed(&both(&[2, 3])).await;
    let outcome = shop.done(&id).await;
    for told in outcome["recipients"].as_array().expect("recipients") {
        assert_eq!((&told["legs"][0]["state"], &told["leg"]), (&json!("skipped"), &json!("template")), "{told}");
    }
    shop.town.inbox_of(3).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_27_a_token_that_was_withdrawn_costs_one_fetch_and_no_second_message() {
    let shop = Shop::open().await;
    shop.sent(&message(1)).await;
    shop.town.inbox_of(1).await;
    let account = shop.town.stack.sandbox().wechat(seed::ACCOUNT).expect("the account");
    let before = account.token_fetches().stable;
    account.revoke_tokens();
    shop.sent(&message(2)).await;
    shop.town.inbox_of(2).await;
    assert_eq!(account.token_fetches().stable, before + 1);
    shop.town.close().await;
}

#[tokio::test]
async fn row_28_a_hundred_messages_that_meet_an_expired_token_fetch_one() {
    let shop = Shop::with(local::Options { crowd: 100, ..local::Options::for_tests() }).await;
    shop.sent(&message(1)).await;
    shop.town.inbox_of(1).await;
    let account = shop.town.stack.sandbox().wechat(seed::ACCOUNT).expect("the account");
    let before = account.token_fetches().stable;
    account.expire_tokens();
    let openids: Vec<String> = (1..=100).map(|n| support::crowd_openid(n).as_str().to_owned()).collect();
    let mut push = both(&[]);
    push["openids"] = json!(openids);
    push.as_object_mut().expect("an object").remove("news_entity");
    shop.pushed(&push).await;
    shop.town.inbox_of(101).await;
    assert_eq!(account.token_fetches().stable, before + 1);
    shop.town.close().await;
}

#[tokio::test]
async fn row_30_a_token_call_from_an_unlisted_address_opens_the_breaker_and_starts_no_storm() {
    let shop = Shop::open().await;
    shop.order(json!({ "channel": "wechat", "operation": "token", "errcode": 40164, "forever": true })).await;
    for to in [1, 2, 3] {
        shop.sent(&message(to)).await;
    }
    until("an alarm", || async { shop.town.stack.context().metrics.counted_under("BreakerOpened") > 0 }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let calls = shop.town.stack.aws().calls.snapshot();
    let tokens: u64 = calls.iter().filter(|call| call.operation == "stable_token").map(|call| call.figures.count).sum();
    assert!((1..=2).contains(&tokens), "{tokens} token calls");
    assert!(shop.town.inbox().is_empty());
    shop.town.close().await;
}
