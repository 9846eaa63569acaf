//! What cannot be read, and the shape of every error.

use super::{FIRST, SECOND, assert_nothing_sent, aws_calls, fresh};
use http::Method;
use local::seed;
use serde_json::{Value, json};
use support::{Answer, Town};

const PATH: &str = "/api/send/message";
const JSON: (&str, &str) = ("content-type", "application/json");

/// The request was not readable: 1005, nothing asked of AWS, nothing told of our insides.
async fn assert_unreadable(town: &Town, answer: &Answer, path: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (200, 1005), "{}", answer.text);
    assert!(answer.msg().starts_with(&format!("接口 [{path}] 出现异常：")), "{}", answer.msg());
    assert!(answer.json()["data"].is_null());
    for inside in ["serde", "::", "expected", "invalid type", "alloc", "java", "panic"] {
        assert!(!answer.msg().contains(inside), "{}", answer.msg());
    }
    assert_eq!(aws_calls(town), [""; 0], "{}", answer.text);
}

async fn send_field(town: &Town, field: &str, value: Value) -> Answer {
    let mut body = json!({ "content": "x", "uids": [FIRST] });
    body[field] = value;
    town.send(body).await
}

#[tokio::test]
async fn row_11_a_topic_id_that_is_no_number_is_unreadable() {
    let town = fresh().await;
    for bad in [json!(["abc"]), json!([1, "1x"]), json!([true]), json!([[1]]), json!(["99999999999999999999"])] {
        let answer = send_field(&town, "topicIds", bad.clone()).await;
        assert_unreadable(&town, &answer, PATH).await;
        assert!(answer.msg().contains("topicIds"), "{bad}: {}", answer.msg());
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_12_a_scalar_is_not_wrapped_into_a_list() {
    let town = fresh().await;
    for (field, bad) in [
        ("uids", json!(FIRST)),
        ("uids", json!(format!("{FIRST},{SECOND}"))),
        ("uids", json!("")),
        ("uids", json!({ "0": FIRST })),
        ("uids", json!([[FIRST]])),
        ("uids", json!([{ "uid": FIRST }])),
        ("topicIds", json!(1)),
        ("topicIds", json!("1")),
    ] {
        let answer = send_field(&town, field, bad.clone()).await;
        assert_unreadable(&town, &answer, PATH).await;
        assert!(answer.msg().contains(field), "{bad}: {}", answer.msg());
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn a_field_of_another_type_is_unreadable_and_named() {
    let town = fresh().await;
    for (field, bad) in [
        ("content", json!(["x"])),
        ("content", json!({})),
        ("summary", json!([])),
        ("url", json!({})),
        ("contentType", json!("text")),
        ("contentType", json!([1])),
        ("verifyPay", json!("maybe")),
        ("verifyPay", json!([])),
        ("verifyPayType", json!("all")),
        ("appToken", json!(["x"])),
    ] {
        let mut body = json!({ "appToken": seed::APP_TOKEN, "content": "x", "uids": [FIRST] });
        body[field] = bad.clone();
        let answer = town.api.post(PATH, &body).await;
        assert_unreadable(&town, &answer, PATH).await;
        assert!(answer.msg().contains(field), "{bad}: {}", answer.msg());
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_26_a_form_is_refused_by_its_type() {
    let town = fresh().await;
    let form = format!("appToken={}&content=x&uids={FIRST}", seed::APP_TOKEN);
    for content_type in
        ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8", "text/plain"]
    {
        let answer = town.api.send(Method::POST, PATH, &[("content-type", content_type)], form.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (200, 1005));
        assert_eq!(answer.msg(), format!("服务器错误:Content type '{content_type}' not supported"));
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_27_broken_json_is_unreadable_and_names_the_path_as_called() {
    let town = fresh().await;
    let truncated = format!(r#"{{"appToken":"{}","content":"x","uids":["{FIRST}""#, seed::APP_TOKEN);
    let deep = "[".repeat(100_000);
    let not_utf8 = b"{\"content\":\"\xff\xfe\"}".to_vec();
    let bodies: [&[u8]; 11] = [
        b"",
        b"  \n",
        b"\xef\xbb\xbf",
        b"{",
        truncated.as_bytes(),
        b"{'content':'x'}",
        b"[]",
        b"\"x\"",
        b"null",
        deep.as_bytes(),
        &not_utf8,
    ];
    for body in bodies {
        for path in [PATH, "/api/send/message/"] {
            let answer = town.api.send(Method::POST, path, &[JSON], body.to_vec()).await;
            assert_unreadable(&town, &answer, path).await;
        }
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}

/// Clients throw away the body of any other status, and some fail on a missing key.
#[tokio::test]
async fn row_82_every_error_is_http_200_with_four_keys() {
    let town = fresh().await;
    let token = seed::APP_TOKEN;
    let posts = [
        json!({ "content": "x", "uids": [FIRST] }),
        json!({ "appToken": "x", "content": "x", "uids": [FIRST] }),
        json!({ "appToken": token, "uids": [FIRST] }),
        json!({ "appToken": token, "content": "x" }),
        json!({ "appToken": token, "content": "x", "uids": FIRST }),
        json!({ "appToken": token, "content": "x", "uids": [FIRST], "contentType": 4 }),
        json!([]),
    ];
    let gets = [
        PATH.to_owned(),
        format!("{PATH}?appToken={token}"),
        format!("{PATH}?appToken={token}&content=x"),
        format!("{PATH}?appToken={token}&content=x&topicId=abc"),
        format!("{PATH}?appToken={token}&content=x&uid={FIRST}&verifyPay=maybe"),
        format!("{PATH}?appToken=x&content=x&uid={FIRST}"),
        "/api/send/query/abc".to_owned(),
        "/api/send/query/status".to_owned(),
    ];
    let mut answers = Vec::new();
    for body in &posts {
        answers.push(town.api.post(PATH, body).await);
    }
    for path in &gets {
        answers.push(town.api.get(path).await);
    }
    answers.push(town.api.send(Method::POST, PATH, &[("content-type", "text/xml")], "<x/>").await);
    answers.push(town.api.send(Method::POST, PATH, &[JSON], "{").await);
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!([1001, 1005].contains(&answer.code()), "{}", answer.text);
        assert!(answer.json()["data"].is_null() && !answer.msg().is_empty());
        assert_eq!(answer.json().as_object().expect("an object").len(), 4);
        assert!(answer.text.starts_with(r#"{"code":1"#) && answer.text.ends_with(r#","data":null,"success":false}"#));
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}
