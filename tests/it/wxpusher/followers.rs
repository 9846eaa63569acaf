//! GET /api/fun/wxuser and GET /api/fun/wxuser/v2.

use super::{FIRST, NOBODY, SECOND, THIRD, change_follow, fresh};
use crate::follows::{self, new};
use local::seed;
use model::app::Topic;
use model::follow::Source;
use model::ids::{FollowId, TopicId};
use serde_json::{Value, json};
use store::Capability;
use store::apps::AppWriter;
use store::following::Wish;
use support::{Answer, Town};

async fn v1(town: &Town, query: &str) -> Answer {
    town.api.get(&format!("/api/fun/wxuser?appToken={}{query}", seed::APP_TOKEN)).await
}

async fn v2(town: &Town, query: &str) -> Answer {
    town.api.get(&format!("/api/fun/wxuser/v2?appToken={}{query}", seed::APP_TOKEN)).await
}

/// `data` of a success.
fn data(answer: &Answer) -> Value {
    assert_eq!((answer.code(), answer.msg()), (1000, "处理成功".to_owned()), "{}", answer.text);
    answer.json()["data"].clone()
}

/// One field of every record.
fn column(data: &Value, name: &str) -> Vec<Value> {
    data["records"].as_array().expect("records").iter().map(|record| record[name].clone()).collect()
}

#[tokio::test]
async fn a_row_has_what_every_sdk_reads() {
    let town = fresh().await;
    change_follow(&town, 1, |follower| follower.pay_end_ms = model::clock::Timestamp::from_millis(1_603_540_859_285))
        .await;
    follows::following(&town).set_remark(follows::APP, FollowId::new(1), Some("值班")).await.unwrap();
    let page = data(&v2(&town, &format!("&uid={FIRST}")).await);
    let records = page["records"].as_array().expect("records");
    let row = |id| records.iter().find(|record| record["id"] == id).expect("a row");
    let created = row(1)["createTime"].as_i64().expect("a time");
    assert!((town.now().millis() - created).abs() < 60_000);
    let app = json!({
        "uid": FIRST, "appOrTopicId": 1, "headImg": "", "createTime": created, "nickName": "值班", "reject": false,
        "id": 1, "type": 0, "target": "演示应用", "payEndTime": 1_603_540_859_285_i64, "enable": true,
    });
    assert_eq!(*row(1), app);
    assert_eq!((&row(4)["type"], &row(4)["target"]), (&json!(1), &json!("演示主题")));
    assert_eq!((&row(4)["appOrTopicId"], &row(4)["payEndTime"]), (&json!(1), &json!(0)));
    town.close().await;
}

#[tokio::test]
async fn row_52_a_page_has_at_most_100_rows() {
    let town = fresh().await;
    let page = data(&v2(&town, "&page=1&pageSize=100").await);
    assert_eq!((&page["total"], &page["page"], &page["pageSize"]), (&json!(6), &json!(1), &json!(100)));
    assert_eq!(column(&page, "id"), [6, 5, 4, 3, 2, 1]);
    for size in ["101", "0", "-1"] {
        let answer = v2(&town, &format!("&pageSize={size}")).await;
        assert_eq!(answer.code(), 1001, "{size}");
        assert!(answer.msg().contains("pageSize"));
    }
    assert_eq!(v2(&town, "&type=2").await.code(), 1001);
    for query in ["&pageSize=x", "&page=x", "&type=x", "&isBlock=maybe"] {
        assert_eq!(v2(&town, query).await.code(), 1005, "{query}");
    }
    town.close().await;
}

#[tokio::test]
async fn row_53_past_the_last_page_there_is_nothing_and_the_total_is_right() {
    let town = fresh().await;
    for query in ["&page=2&pageSize=6", "&page=999999999999&pageSize=100", "&page=9223372036854775807"] {
        let page = data(&v2(&town, query).await);
        assert_eq!((&page["total"], &page["records"]), (&json!(6), &json!([])), "{query}");
    }
    let page = data(&v2(&town, "&page=2&pageSize=4").await);
    assert_eq!(column(&page, "id"), [2, 1]);
    for first in ["&page=0", "&page=-7", ""] {
        let page = data(&v2(&town, first).await);
        assert_eq!((&page["page"], &page["pageSize"]), (&json!(1), &json!(10)), "{first}");
    }
    town.close().await;
}

#[tokio::test]
async fn row_54_a_user_who_follows_the_app_and_two_topics_has_three_rows() {
    let town = fresh().await;
    let topic = Topic { id: TopicId::new(9), name: "第二主题".to_owned(), in_product: false, shards: 1 };
    AppWriter::open(town.stack.store()).put_topic(follows::APP, &topic).await.unwrap();
    let uid = seed::uid(2).unwrap();
    let wish = Wish { uid: &uid, source: Source::Link, cause: "x", at: town.now() };
    new(follows::following(&town).follow_topic(follows::APP, topic.id, 1, wish).await.unwrap());
    let page = data(&v2(&town, &format!("&uid={SECOND}")).await);
    assert_eq!(page["total"], 3);
    assert_eq!(column(&page, "target"), ["第二主题", "演示主题", "演示应用"]);
    assert_eq!(column(&page, "type"), [1, 1, 0]);
    let ids: std::collections::BTreeSet<i64> =
        column(&page, "id").iter().map(|id| id.as_i64().expect("an integer")).collect();
    assert_eq!(ids.len(), 3);
    let one = data(&v2(&town, &format!("&uid={SECOND}&pageSize=1&page=3")).await);
    assert_eq!((&one["total"], column(&one, "type")), (&json!(3), vec![json!(0)]));
    town.close().await;
}

#[tokio::test]
async fn row_55_filters_go_together() {
    let town = fresh().await;
    assert!(follows::following(&town).reject(follows::APP, FollowId::new(2), true, town.now()).await.unwrap());
    let unblocked = data(&v2(&town, "&isBlock=false&type=0").await);
    assert_eq!((&unblocked["total"], column(&unblocked, "uid")), (&json!(2), vec![json!(THIRD), json!(FIRST)]));
    let blocked = data(&v2(&town, "&isBlock=true").await);
    assert_eq!((column(&blocked, "id"), column(&blocked, "reject")), (vec![json!(2)], vec![json!(true)]));
    assert_eq!(data(&v2(&town, "&isBlock=true&type=1").await)["total"], 0);
    let of_user = data(&v2(&town, &format!("&uid={SECOND}&isBlock=true")).await);
    assert_eq!(column(&of_user, "id"), [2]);
    town.close().await;
}

#[tokio::test]
async fn row_56_empty_parameters_filter_nothing() {
    let town = fresh().await;
    assert_eq!(data(&v2(&town, "&page=1&pageSize=50&uid=&isBlock=&type=").await)["total"], 6);
    town.close().await;
}

#[tokio::test]
async fn row_57_the_older_list_finds_one_user_without_page_and_size() {
    let town = fresh().await;
    let page = data(&v1(&town, &format!("&uid={SECOND}")).await);
    let created = page["records"][0]["createTime"].clone();
    let record = json!({ "createTime": created, "enable": true, "headImg": "", "nickName": "", "uid": SECOND });
    assert_eq!(page, json!({ "total": 1, "page": 1, "pageSize": 10, "records": [record] }));
    let everybody = data(&v1(&town, "").await);
    assert_eq!(
        (&everybody["total"], column(&everybody, "uid")),
        (&json!(3), vec![json!(THIRD), json!(SECOND), json!(FIRST)])
    );
    for nobody in [NOBODY, "c1BcpqxEbD8irqlGUh9BhOqR2BvH8yWZ", "x,y"] {
        for page in [v1(&town, &format!("&uid={nobody}")).await, v2(&town, &format!("&uid={nobody}")).await] {
            assert_eq!((&data(&page)["total"], &data(&page)["records"]), (&json!(0), &json!([])), "{nobody}");
        }
    }
    town.close().await;
}

#[tokio::test]
async fn the_older_list_is_lenient_with_numbers() {
    let town = fresh().await;
    for (query, page, size) in [
        ("&page=0&pageSize=1000", 1, 100),
        ("&page=-1&pageSize=0", 1, 10),
        ("&page=2&pageSize=1uid", 2, 1),
        ("&page=1&pageSize=-5", 1, 10),
    ] {
        let answer = data(&v1(&town, query).await);
        assert_eq!((&answer["page"], &answer["pageSize"]), (&json!(page), &json!(size)), "{query}");
    }
    assert_eq!(column(&data(&v1(&town, "&page=2&pageSize=1uid").await), "uid"), [SECOND]);
    assert_eq!(v1(&town, "&pageSize=uid").await.code(), 1005);
    town.close().await;
}

#[tokio::test]
async fn who_takes_no_messages_is_not_enabled() {
    let town = fresh().await;
    follows::people(&town).set_muted(&seed::uid(1).unwrap(), true, town.now()).await.unwrap();
    follows::people(&town).depart(&follows::account(), &seed::openid(2), town.now()).await.unwrap();
    assert!(follows::following(&town).reject(follows::APP, FollowId::new(3), true, town.now()).await.unwrap());
    assert_eq!(column(&data(&v1(&town, "").await), "enable"), [false, false, false], "blocked, gone, muted");
    assert_eq!(column(&data(&v2(&town, "&type=0").await), "enable"), [true, false, false], "a block is told apart");
    town.close().await;
}

#[tokio::test]
async fn a_list_is_for_its_owner() {
    let town = fresh().await;
    for path in ["/api/fun/wxuser", "/api/fun/wxuser/v2", "/api/fun/wxuser/", "/api/fun/wxuser/v2/"] {
        let other = town.api.get(&format!("{path}?appToken={}", seed::OTHER_TOKEN)).await;
        assert_eq!((&data(&other)["total"], &data(&other)["records"]), (&json!(0), &json!([])));
        let of_user = town.api.get(&format!("{path}?appToken={}&uid={FIRST}", seed::OTHER_TOKEN)).await;
        assert_eq!(data(&of_user)["total"], 0, "{path}");
        let wrong = town.api.get(&format!("{path}?appToken=AT_wrong")).await;
        assert_eq!((wrong.code(), wrong.msg()), (1001, "appToken不正确".to_owned()));
    }
    town.close().await;
}
