//! Tokens.

use super::{SEND, Shop, errcode, message, openid, token_of, token_path};
use http::Method;
use local::seed;
use serde_json::json;
use std::time::Duration;
use store::Capability;
use store::access::AccessWriter;
use support::Town;

#[tokio::test]
async fn row_1_a_doubled_slash_changes_nothing() {
    let shop = Shop::open().await;
    let answer = shop.town.api.get(&format!("/{}", token_path(seed::ACCOUNT, seed::SECRET))).await;
    let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
    let path = format!("//cgi-bin//message/template/send?access_token={token}");
    let answer = shop.town.api.post(&path, &message(1)).await;
    assert_eq!(errcode(&answer), 0, "{}", answer.text);
    assert_eq!(errcode(&shop.town.api.get("//cgi-bin/token").await), 40002);
    shop.town.inbox_of(1).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_8_tokens_live_side_by_side_to_their_end() {
    let shop = Shop::open().await;
    let other = token_of(&shop.town.api, seed::ACCOUNT).await;
    let body = json!({ "grant_type": "client_credential", "appid": seed::ACCOUNT, "secret": seed::SECRET });
    let stable = shop.town.api.post("/cgi-bin/stable_token", &body).await.json();
    let stable = stable["access_token"].as_str().expect("a token").to_owned();
    shop.town.stack.advance(Duration::from_secs(7_400));
    for (token, to) in [(&shop.token, 1), (&other, 2), (&stable, 3)] {
        let answer = shop.town.api.post(&format!("{SEND}?access_token={token}"), &message(to)).await;
        assert_eq!(errcode(&answer), 0, "{}", answer.text);
    }
    shop.town.inbox_of(3).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_9_after_its_life_a_token_is_expired_in_words_that_sdks_read() {
    let shop = Shop::open().await;
    shop.town.stack.advance(Duration::from_secs(7_501));
    let answer = shop.send(&message(1)).await;
    assert_eq!(errcode(&answer), 42001);
    assert!(answer.json()["errmsg"].as_str().expect("a text").starts_with("access_token expired"));
    assert!(shop.town.inbox().is_empty());
    shop.town.close().await;
}

#[tokio::test]
async fn row_11_the_wrong_method_is_said_at_http_200() {
    let shop = Shop::open().await;
    let post = shop.town.api.post(&token_path(seed::ACCOUNT, seed::SECRET), &json!({})).await;
    assert_eq!(errcode(&post), 43001);
    assert_eq!(errcode(&shop.town.api.get("/cgi-bin/stable_token").await), 43002);
    assert_eq!(errcode(&shop.town.api.get(&format!("{SEND}?access_token={}", shop.token)).await), 43002);
    let put = shop.town.api.send(Method::PUT, SEND, &[], "{}").await;
    assert_eq!(errcode(&put), 43002);
    shop.town.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_token_call_is_said_in_order() {
    let town = Town::demo().await;
    let (account, secret) = (seed::ACCOUNT, seed::SECRET);
    for (query, code) in [
        ("", 40002),
        ("grant_type=client_credential", 41002),
        ("grant_type=client_credential&appid=wx00000000000000ff", 40013),
        (&format!("grant_type=client_credential&appid={account}"), 41004),
        (&format!("grant_type=client_credential&appid={account}&secret=wrong"), 40125),
        (&format!("grant_type=password&appid={account}&secret={secret}"), 40002),
    ] {
        assert_eq!(errcode(&town.api.get(&format!("/cgi-bin/token?{query}")).await), code, "{query}");
    }
    let api = &town.api;
    let stable =
        |body: &'static str| async move { errcode(&api.send(Method::POST, "/cgi-bin/stable_token", &[], body).await) };
    assert_eq!(stable("").await, 44002);
    assert_eq!(stable("[]").await, 47001);
    assert_eq!(stable("{}").await, 40002);
    assert_eq!(town.api.get("/cgi-bin/nothing").await.status.as_u16(), 404);
    town.close().await;
}

#[tokio::test]
async fn row_7_a_secret_that_was_replaced_ends_its_tokens_and_a_client_without_end_is_slowed_down() {
    let shop = Shop::open().await;
    shop.sent(&message(1)).await;
    let fresh = model::secret::Secret::new("fresh000000000000000000000000000".to_owned());
    let writer = AccessWriter::open(shop.town.stack.store());
    writer.put(&model::ids::AccountId::new(seed::ACCOUNT), &seed::access(), &fresh).await.expect("access");
    // What an instance remembers of the account is over in ten seconds.
    shop.town.stack.advance(Duration::from_secs(10));
    assert_eq!(errcode(&shop.town.api.get(&token_path(seed::ACCOUNT, seed::SECRET)).await), 40125);
    let mut codes = Vec::new();
    for _ in 0..40 {
        codes.push(errcode(&shop.send(&message(1)).await));
    }
    // A minute may turn on the way, and the count begins anew.
    assert_eq!(codes[0], 40001);
    assert!(codes.contains(&45011), "{codes:?}");
    let token = shop.town.api.get(&token_path(seed::ACCOUNT, fresh.expose())).await.json();
    let path = format!("{SEND}?access_token={}", token["access_token"].as_str().expect("a token"));
    assert_eq!(errcode(&shop.town.api.post(&path, &message(2)).await), 0, "others are not slowed down");
    shop.town.inbox_of(2).await;
    shop.town.close().await;
}

#[tokio::test]
async fn a_token_of_one_account_is_worth_nothing_for_another() {
    let shop = Shop::open().await;
    let mini = token_of(&shop.town.api, seed::MINI_PROGRAM).await;
    // The mini program's token speaks for the mini program, which has no such mapping; nothing reaches the account.
    let path = format!("{}?access_token={}", super::WXOPEN, shop.token);
    let form = json!({ "touser": openid(1), "template_id": "demo-form", "form_id": "f", "data": {} });
    assert_eq!(errcode(&shop.town.api.post(&path, &form).await), 45103, "the mapping is the mini program's");
    // The appid within a token cannot be changed.
    let mut forged = mini.clone();
    let at = forged.len() / 3;
    let other = if &forged[at..=at] == "A" { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    let answer = shop.town.api.post(&format!("{SEND}?access_token={forged}"), &message(1)).await;
    assert_eq!(errcode(&answer), 40001);
    assert!(shop.town.inbox().is_empty());
    shop.town.close().await;
}
