//! Pushes by openid: what is taken, what is refused, what became of it.

use super::{PUSH, Shop, both, openid};
use http::Method;
use local::{Options, seed};
use serde_json::{Value, json};
use store::push_keys::{PushKeyEntry, PushKeyWriter};
use support::{Answer, crowd_openid};

fn refused(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    (answer.status.as_u16(), body["code"].as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn row_70_an_article_without_a_picture_goes_to_openids_in_a_text() {
    let shop = Shop::open().await;
    shop.talks(1);
    shop.talks(2);
    let body = json!({
        "openids": format!(" {}, ,{},{}", openid(1), openid(2), openid(1)),
        "news_entity": { "title": "标题", "url": "https://www.baidu.com" },
    });
    let id = shop.pushed(&body).await;
    let outcome = shop.done(&id).await;
    assert_eq!(outcome["counts"]["total"], 2);
    assert_eq!(outcome["counts"]["sent"], 2);
    for message in shop.town.inbox_of(2).await {
        assert_eq!(message.channel, "wechat-custom");
    }
    shop.town.close().await;
}

#[tokio::test]
async fn row_20_one_article_is_sent_as_an_array_of_one() {
    let shop = Shop::open().await;
    shop.talks(1);
    shop.pushed(&both(&[1])).await;
    let inbox = shop.town.inbox_of(1).await;
    assert_eq!(inbox[0].raw["news"]["articles"].as_array().map(Vec::len), Some(1));
    shop.town.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_push_is_said_and_nothing_is_kept() {
    let shop = Shop::open().await;
    for key in ["", "wrong", "Bearer wrong", "Basic demo-push-key"] {
        assert_eq!(refused(&shop.push_as(key, &both(&[1])).await), (401, "push_key".to_owned()), "{key}");
    }
    let mut nobody = both(&[1]);
    nobody["openids"] = json!([]);
    assert_eq!(refused(&shop.push_as(seed::PUSH_KEY, &nobody).await), (422, "push_openids".to_owned()));
    let neither = json!({ "openids": [openid(1)] });
    assert_eq!(refused(&shop.push_as(seed::PUSH_KEY, &neither).await), (422, "push_entity".to_owned()));
    let large = "x".repeat(2 << 20);
    let headers = [("authorization", seed::PUSH_KEY)];
    let answer = shop.town.api.send(Method::POST, PUSH, &headers, large).await;
    assert_eq!(refused(&answer), (413, "push_too_large".to_owned()));
    let patch = shop.town.api.send(Method::PATCH, PUSH, &headers, "").await;
    assert_eq!(patch.status.as_u16(), 405);
    let calls = shop.town.stack.aws().calls.snapshot();
    let sends = calls.iter().filter(|call| call.service == "sqs" && call.operation == "SendMessage").count();
    assert_eq!((sends, shop.town.arrived()), (0, 0), "nothing is queued");
    shop.town.close().await;
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_push() {
    let shop = Shop::open().await;
    shop.talks(1);
    let headers = [("authorization", "Bearer demo-push-key"), ("idempotency-key", "order 1")];
    let push = || async { shop.town.api.send(Method::POST, PUSH, &headers, both(&[1]).to_string()).await };
    let answers = futures::future::join_all((0..4).map(|_| push())).await;
    let ids: Vec<_> = answers.iter().map(|answer| answer.headers["x-push-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    shop.town.inbox_of(1).await;
    assert_eq!(push().await.headers["x-push-id"], ids[0]);
    let wrong = [("authorization", "demo-push-key"), ("idempotency-key", "")];
    let answer = shop.town.api.send(Method::POST, PUSH, &wrong, both(&[1]).to_string()).await;
    assert_eq!(refused(&answer), (422, "push_idempotency_key".to_owned()));
    shop.town.inbox_of(1).await;
    shop.town.close().await;
}

#[tokio::test]
async fn a_push_is_its_accounts_own() {
    let shop = Shop::open().await;
    let id = shop.pushed(&both(&[1])).await;
    let writer = <PushKeyWriter as store::Capability>::open(shop.town.stack.store());
    let mini = model::ids::AccountId::new(seed::MINI_PROGRAM);
    let key = model::secret::Secret::new("other-key".to_owned());
    let entry = PushKeyEntry::of(&key, None, shop.town.now());
    writer.issue(&mini, &key, &entry).await.expect("a key");
    let ask = |key: &'static str, id: String| {
        let api = shop.town.api.clone();
        async move { api.send(Method::GET, &format!("{PUSH}/{id}"), &[("authorization", key)], "").await }
    };
    assert_eq!(ask("other-key", id.clone()).await.status.as_u16(), 404);
    assert_eq!(ask("demo-push-key", "nonsense".to_owned()).await.status.as_u16(), 404);
    assert_eq!(ask("", id.clone()).await.status.as_u16(), 401);
    assert_eq!(ask("demo-push-key", id).await.status.as_u16(), 200);
    shop.town.close().await;
}

#[tokio::test]
async fn a_page_of_outcomes_is_a_batch() {
    let shop = Shop::with(Options { crowd: 1_200, ..Options::for_tests() }).await;
    let openids: Vec<String> = (1..=1_200).map(|n| crowd_openid(n).as_str().to_owned()).collect();
    let mut body = both(&[]);
    body["openids"] = json!(openids);
    let id = shop.pushed(&body).await;
    let first = shop.done(&id).await;
    assert_eq!((&first["counts"]["total"], &first["counts"]["sent"]), (&json!(1_200), &json!(1_200)));
    let (mut seen, mut page) = (Vec::new(), first);
    loop {
        for told in page["recipients"].as_array().expect("recipients") {
            assert_eq!((&told["state"], &told["leg"]), (&json!("sent"), &json!("template")), "{told}");
            assert_eq!(told["legs"][0]["code"], 45015, "{told}");
            seen.push(told["openid"].as_str().expect("an openid").to_owned());
        }
        let Some(next) = page["next"].as_u64() else { break };
        page = shop.outcome(&format!("{id}?after={next}")).await;
        assert_eq!(page.get("counts"), None::<&Value>, "only the first page counts");
    }
    assert_eq!(seen, openids);
    shop.town.close().await;
}
