//! GET /api/send/message.

use super::{
    FIRST, NOBODY, SECOND, accepted, assert_nothing_sent, aws_calls, fresh, only_page, outcomes, recipients, refused,
};
use local::seed;
use support::{Answer, Town};

async fn get(town: &Town, query: &str) -> Answer {
    town.api.get(&format!("/api/send/message?appToken={}&{query}", seed::APP_TOKEN)).await
}

#[tokio::test]
async fn a_text_is_sent_from_a_url_with_and_without_a_slash() {
    let town = fresh().await;
    let query = format!("appToken={}&content=%E4%BD%A0%E5%A5%BD+a%26b%3D%25&uid={FIRST}", seed::APP_TOKEN);
    let answer = town.api.get(&format!("/api/send/message/?{query}")).await;
    assert_eq!(outcomes(&answer), [accepted()]);
    assert!(only_page(&town).await.text.contains("你好 a&amp;b=%"));
    assert_eq!(outcomes(&town.api.get(&format!("/api/send/message?{query}")).await), [accepted()]);
    town.inbox_of(2).await;
    town.close().await;
}

#[tokio::test]
async fn the_answer_is_that_of_the_post() {
    let town = fresh().await;
    let answer = get(&town, &format!("content=x&uid={FIRST}")).await;
    let id = answer.message_id();
    let expected = format!(
        r#"{{"code":1000,"msg":"处理成功","data":[{{"uid":"{FIRST}","topicId":null,"messageId":{id},"messageContentId":{},"sendRecordId":{id},"code":1000,"status":"创建发送任务成功"}}],"success":true}}"#,
        id - 1
    );
    assert_eq!(answer.text, expected);
    let unknown = get(&town, &format!("content=x&uid={NOBODY}")).await;
    assert_eq!(outcomes(&unknown), [refused(&format!("用户UID=[{NOBODY}]不存在"))]);
    town.close().await;
}

#[tokio::test]
async fn row_31_an_empty_uid_counts_as_none() {
    let town = fresh().await;
    let answer = get(&town, "content=x&uid=&topicId=1").await;
    assert_eq!(outcomes(&answer), [accepted()]);
    assert_eq!(answer.targets()[0]["topicId"], 1);
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"]);
    let answer = get(&town, &format!("content=x&uid={FIRST}&topicId=&summary=&url=&verifyPay=&verifyPayType=")).await;
    assert_eq!(answer.targets()[0]["uid"], FIRST);
    assert_eq!(answer.targets().len(), 1);
    town.inbox_of(4).await;
    town.close().await;
}

#[tokio::test]
async fn uid_and_topic_may_both_be_given() {
    let town = fresh().await;
    let answer = get(&town, &format!("content=x&uid={FIRST}&topicId=1")).await;
    assert_eq!(outcomes(&answer), [accepted(), accepted()]);
    assert_eq!(recipients(&town.inbox_of(4).await), ["1", "1", "2", "3"]);
    town.close().await;
}

#[tokio::test]
async fn row_32_a_uid_given_twice_is_one_malformed_uid() {
    let town = fresh().await;
    for query in
        [format!("uid={FIRST}&uid={SECOND}"), format!("uid={FIRST},{SECOND}"), format!("uid={FIRST}&uid={FIRST}")]
    {
        let answer = get(&town, &format!("content=x&{query}")).await;
        assert_eq!(outcomes(&answer), [refused("UID不合法")], "{query}");
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_33_a_link_that_was_encoded_twice_opens_correctly() {
    let town = fresh().await;
    let twice = "https%253A%252F%252Fa.example%252Fx%253Fq%253D1%2526r%253D%2525E4%2525BD%2525A0";
    get(&town, &format!("content=x&uid={FIRST}&url={twice}")).await.message_id();
    let page = only_page(&town).await.text;
    assert!(page.contains("href=\"https://a.example/x?q=1&amp;r=%E4%BD%A0\""), "{page}");
    town.close().await;
}

#[tokio::test]
async fn a_link_that_was_encoded_once_keeps_what_it_encodes() {
    let town = fresh().await;
    let once = "https%3A%2F%2Fa.example%2F%3Fto%3Dhttp%253A%252F%252Fb.example";
    get(&town, &format!("content=x&uid={FIRST}&url={once}")).await.message_id();
    let page = only_page(&town).await.text;
    assert!(page.contains("href=\"https://a.example/?to=http%3A%2F%2Fb.example\""), "{page}");
    town.close().await;
}

#[tokio::test]
async fn row_34_the_content_is_always_text() {
    let town = fresh().await;
    get(&town, &format!("content=%3Cb%3Ebold%3C%2Fb%3E&contentType=2&uid={FIRST}")).await.message_id();
    let page = only_page(&town).await.text;
    assert!(page.contains("&lt;b&gt;bold&lt;/b&gt;") && !page.contains("<b>bold"), "{page}");
    town.close().await;
}

#[tokio::test]
async fn a_summary_may_be_given() {
    let town = fresh().await;
    get(&town, &format!("content=long&summary=short&uid={FIRST}")).await.message_id();
    assert_eq!(town.inbox_of(1).await[0].title, "short");
    town.close().await;
}

#[tokio::test]
async fn the_rules_are_those_of_the_post() {
    let town = fresh().await;
    let long = "x".repeat(1001);
    for (query, msg) in [
        ("".to_owned(), "content内容不能为空"),
        ("content=%20&uid=x".to_owned(), "content内容不能为空"),
        ("content=x".to_owned(), "uids和topicIds不能同时为空"),
        ("content=x&uid=&topicId=".to_owned(), "uids和topicIds不能同时为空"),
        (format!("content=x&uid={FIRST}&summary={}", &long[..101]), "summary过长，最多100个字符"),
        (format!("content=x&uid={FIRST}&url={long}"), "url过长，最多1000个字符"),
        (format!("content=x&uid={FIRST}&verifyPayType=3"), "verifyPayType只能是0、1或2"),
    ] {
        let answer = get(&town, &query).await;
        assert_eq!((answer.code(), answer.msg()), (1001, msg.to_owned()), "{query}");
    }
    assert_nothing_sent(&town).await;
    town.stack.aws().calls.reset();
    for query in ["topicId=abc", "topicId=1&topicId=2", "uid=x&verifyPay=maybe", "uid=x&verifyPayType=one"] {
        let answer = get(&town, &format!("content=x&{query}")).await;
        assert_eq!(answer.code(), 1005, "{query}");
        assert!(answer.msg().starts_with("接口 [/api/send/message] 出现异常："), "{}", answer.msg());
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

/// Outside a product the check is void, in every form in which it may be given.
#[tokio::test]
async fn the_payment_check_is_read_in_each_of_its_forms() {
    let town = fresh().await;
    let forms = ["verifyPay=true", "verifyPay=false", "verifyPay=True", "verifyPayType=0", "verifyPayType=1"];
    for form in forms {
        assert_eq!(outcomes(&get(&town, &format!("content=x&uid={FIRST}&{form}")).await), [accepted()], "{form}");
    }
    town.inbox_of(forms.len()).await;
    town.close().await;
}
