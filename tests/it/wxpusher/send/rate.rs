//! How often an app may call.

use crate::wxpusher::{NOBODY, assert_nothing_sent, aws_calls, fresh_with};
use local::{Options, seed};
use model::app::App;
use model::ids::{AccountId, AppId};
use serde_json::json;
use std::time::Duration;
use support::{Answer, Town};

const TOKEN: &str = "AT_rate0000000000000000000000000000";

/// An app that is allowed what the deployment allows, or `most` calls in ten seconds.
async fn limited(settings: Options, most: Option<u32>) -> Town {
    let town = fresh_with(settings).await;
    let app = App {
        id: AppId::new(3),
        name: "rate".to_owned(),
        account: AccountId::new(seed::ACCOUNT),
        in_product: false,
        calls_per_10s: most,
    };
    town.put_app(&app, TOKEN).await;
    town
}

async fn call(town: &Town) -> Answer {
    let body = json!({ "appToken": TOKEN, "content": "x", "uids": [NOBODY] });
    town.api.post("/api/send/message", &body).await
}

#[tokio::test]
async fn an_app_may_call_twenty_times_in_ten_seconds() {
    let town = limited(Options::for_tests(), None).await;
    for n in 1..=20 {
        assert_eq!(call(&town).await.code(), 1000, "call {n}");
    }
    town.stack.aws().calls.reset();
    let refused = call(&town).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (200, 1001));
    let seconds: u64 = refused.headers["retry-after"].to_str().expect("a text").parse().expect("a number");
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert_eq!(refused.msg(), format!("调用频率过高，请{seconds}秒后再试"));
    assert_eq!(aws_calls(&town), ["dynamodb GetItem AppsTable"]);
    let by_get = town.api.get(&format!("/api/send/message?appToken={TOKEN}&content=x&uid={NOBODY}")).await;
    assert_eq!(by_get.code(), 1001, "both ways of sending count together");

    let other = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "uids": [NOBODY] });
    assert_eq!(town.api.post("/api/send/message", &other).await.code(), 1000, "another app is not held up");
    town.stack.advance(Duration::from_secs(seconds));
    assert_eq!(call(&town).await.code(), 1000, "it said when to come back");
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn the_deployment_or_the_app_may_set_another_rate() {
    let mut settings = Options::for_tests();
    settings.settings.insert("TUISONG_CALLS_PER_10S".to_owned(), "2".to_owned());
    let town = limited(settings.clone(), None).await;
    let codes = [call(&town).await.code(), call(&town).await.code(), call(&town).await.code()];
    assert_eq!(codes, [1000, 1000, 1001]);
    town.close().await;

    let town = limited(settings, Some(3)).await;
    let codes =
        [call(&town).await.code(), call(&town).await.code(), call(&town).await.code(), call(&town).await.code()];
    assert_eq!(codes, [1000, 1000, 1000, 1001]);
    town.close().await;
}
