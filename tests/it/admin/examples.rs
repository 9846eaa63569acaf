//! The calls of `docs/admin.md`, run as they stand there.

use super::town_with;
use crate::template::project::text;
use local::stack::TEST_ADMIN_TOKEN;
use std::process::Stdio;
use support::receiver::Receiver;

/// The blocks marked `sh`, in their order.
fn examples() -> String {
    let page = text("docs/admin.md");
    let blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    blocks.filter(|block| !block.contains("cargo run")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_works_as_it_stands() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    // The receiver of the page listens where the reader's does.
    let script = examples().replace("http://127.0.0.1:9000", &receiver.url(""));
    assert!(script.matches("api ").count() >= 10, "{script}");
    let run = tokio::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("URL", town.stack.url())
        .env("TOKEN", TEST_ADMIN_TOKEN)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    let output = run.await.expect("bash");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(!out.contains("\"error\"") && !out.contains("\"code\":1001"), "{out}");
    let actions: Vec<_> = receiver.told_times(2).await.iter().map(|told| told.json()["action"].clone()).collect();
    assert!(actions.contains(&"app_subscribe".into()) && actions.contains(&"order_pay".into()), "{actions:?}");
    assert_eq!(town.inbox_of(1).await[0].recipient, local::seed::openid(1).as_str());
    town.close().await;
}
