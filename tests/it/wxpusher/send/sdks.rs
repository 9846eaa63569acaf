//! Requests as programs written for the original service send them, byte for byte where their form is known.

use crate::wxpusher::{FIRST, accepted, assert_nothing_sent, fresh, only_page, outcomes, recipients};
use http::Method;
use local::seed;
use support::{Answer, Town};

const TOKEN: &str = seed::APP_TOKEN;

async fn post(town: &Town, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Answer {
    town.api.send(Method::POST, "/api/send/message", headers, body).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// `requests.post(json=…)`: escapes what is not ASCII, and says `null` for what was not given.
#[tokio::test]
async fn the_python_sdk_sends() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken": "{TOKEN}", "content": "\u4f60\u597d \ud83d\ude00", "summary": null, "contentType": 1, "topicIds": [], "uids": ["{FIRST}"], "verifyPay": null, "url": null}}"#
    );
    assert_eq!(outcomes(&post(&town, &[JSON, ("accept", "*/*")], body).await), [accepted()]);
    assert!(only_page(&town).await.text.contains("你好 😀"));
    town.close().await;
}

/// Its sample configuration holds blank texts for what is to be filled in.
#[tokio::test]
async fn the_python_sdks_sample_configuration_names_nobody() {
    let town = fresh().await;
    let body = format!(r#"{{"appToken": "{TOKEN}", "content": "x", "topicIds": [""], "uids": [""]}}"#);
    let answer = post(&town, &[JSON], body).await;
    assert_eq!((answer.code(), answer.msg()), (1001, "uids和topicIds不能同时为空".to_owned()));
    assert_nothing_sent(&town).await;
    town.close().await;
}

/// A struct with its zero values.
#[tokio::test]
async fn the_go_sdk_sends() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken":"{TOKEN}","content":"x","summary":"","contentType":1,"topicIds":[1],"uids":null,"url":""}}"#
    );
    assert_eq!(outcomes(&post(&town, &[JSON], body).await), [accepted()]);
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"]);
    town.close().await;
}

/// Ids as texts, `contentType` left out.
#[tokio::test]
async fn the_php_sdk_sends() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken":"{TOKEN}","content":"x","summary":"y","uids":["{FIRST}"],"topicIds":["1"],"url":"https:\/\/a.example\/"}}"#
    );
    let answer = post(&town, &[("content-type", "application/json; charset=utf-8")], body).await;
    assert_eq!(outcomes(&answer), [accepted(), accepted()]);
    assert_eq!(recipients(&town.inbox_of(4).await), ["1", "1", "2", "3"]);
    town.close().await;
}

/// They send `null` lists, and numbers and booleans as texts.
#[tokio::test]
async fn the_dotnet_sdks_send() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken":"{TOKEN}","content":"x","summary":null,"contentType":"1","topicIds":null,"uids":["{FIRST}"],"url":null,"verifyPay":"false","verifyPayType":"0"}}"#
    );
    assert_eq!(
        outcomes(&post(&town, &[("content-type", "application/json; charset=utf-8")], body).await),
        [accepted()]
    );
    let topic = format!(r#"{{"appToken":"{TOKEN}","content":"x","topicIds":["1"],"uids":[]}}"#);
    assert_eq!(outcomes(&post(&town, &[JSON], topic).await), [accepted()]);
    town.inbox_of(4).await;
    town.close().await;
}

/// Bodies carry a `Charset` header; requests without a body still say that they are JSON, and nothing of a length.
#[tokio::test]
async fn the_java_sdk_sends_and_asks() {
    let town = fresh().await;
    let headers = [("content-type", "application/json"), ("charset", "UTF-8")];
    let body = format!(
        r#"{{"appToken":"{TOKEN}","content":"内容","contentType":2,"topicIds":[],"uids":["{FIRST}"],"verifyPayType":0}}"#
    );
    let id = post(&town, &headers, body).await.message_id();
    for path in [format!("/api/send/query/{id}"), format!("/api/send/query/status?sendRecordId={id}")] {
        let answer = town.api.send(Method::GET, &path, &headers, "").await;
        assert_eq!(answer.code(), 1000, "{path}");
        assert!(answer.json()["data"].is_i64(), "{path}");
    }
    let path = format!("/api/send/message?appToken={TOKEN}&content=x&uid={FIRST}");
    assert_eq!(outcomes(&town.api.send(Method::GET, &path, &headers, "").await), [accepted()]);
    town.inbox_of(2).await;
    town.close().await;
}

/// Fields that we do not know, and a field given twice: the last one counts.
#[tokio::test]
async fn what_is_unknown_or_repeated_does_no_harm() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken":"x","appToken":"{TOKEN}","content":"erstens","content":"letztens","uids":["{FIRST}"],"extra":{{"a":[1]}},"sptList":[]}}"#
    );
    assert_eq!(outcomes(&post(&town, &[JSON], body).await), [accepted()]);
    let page = only_page(&town).await.text;
    assert!(page.contains("letztens") && !page.contains("erstens"));
    town.close().await;
}

/// Numbers and texts change into each other where nothing is lost.
#[tokio::test]
async fn scalars_are_read_leniently() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken":"{TOKEN}","content":12345,"summary":false,"contentType":1.0,"uids":["{FIRST}"],"topicIds":[" 99 "],"verifyPay":0}}"#
    );
    let answer = post(&town, &[JSON], body).await;
    assert_eq!(outcomes(&answer)[0], accepted());
    assert_eq!(answer.targets()[1]["topicId"], 99);
    let page = only_page(&town).await.text;
    assert!(page.contains("12345") && page.contains("<h1>false</h1>"));
    town.close().await;
}
