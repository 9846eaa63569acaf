//! A browser that a test drives: chromedriver over its own HTTP protocol (W3C WebDriver).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use support::Client;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// One window of a headless Chromium.
pub(crate) struct Browser {
    client: Client,
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Whether there is one on this machine. With `CI` set a missing one is a failure.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests must see that one did not run")]
    pub(crate) fn is_there(what: &str) -> bool {
        let there = Path::new(CHROMEDRIVER).exists();
        assert!(there || std::env::var_os("CI").is_none(), "{CHROMEDRIVER} is missing: {what} was not tested");
        if !there {
            eprintln!("SKIPPED: {CHROMEDRIVER} is missing, so {what} was not tested in a browser");
        }
        there
    }

    /// Starts one with a window of this size, in pixels.
    pub(crate) async fn start(width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Command::new(CHROMEDRIVER)
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("a line").expect("chromedriver says where it listens");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').trim().to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::new(&format!("http://127.0.0.1:{port}"));
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "timeouts": { "pageLoad": 20_000, "script": 5_000 },
            "goog:chromeOptions": { "args": arguments },
        } } });
        let answer = client.post("/session", &wanted).await.json();
        let session = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        Self { session: format!("/session/{session}"), client, _driver: driver, _profile: profile }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let path = format!("{}{path}", self.session);
        let body = if method == Method::GET { String::new() } else { body.to_string() };
        let answer = self.client.send(method, &path, &[("content-type", "application/json")], body).await.json();
        answer["value"].clone()
    }

    /// Opens a page, and gives what is on it a moment to act.
    pub(crate) async fn open(&self, url: &str, moment: Duration) {
        self.call(Method::POST, "/url", json!({ "url": url })).await;
        tokio::time::sleep(moment).await;
    }

    /// The title of the page that is open.
    pub(crate) async fn title(&self) -> String {
        self.call(Method::GET, "/title", Value::Null).await.as_str().unwrap_or_default().to_owned()
    }

    /// The text of a dialog that is open, which is closed; `None` when there is none.
    pub(crate) async fn dialog(&self) -> Option<String> {
        let text = self.call(Method::GET, "/alert/text", Value::Null).await.as_str().map(str::to_owned);
        if text.is_some() {
            self.call(Method::POST, "/alert/dismiss", json!({})).await;
        }
        text
    }

    /// Runs a script on the page that is open; what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.call(Method::POST, "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Clicks the first element that a CSS selector finds. `false` when there is none.
    pub(crate) async fn click(&self, selector: &str) -> bool {
        let found = self.call(Method::POST, "/element", json!({ "using": "css selector", "value": selector })).await;
        let Some(id) = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str) else {
            return false;
        };
        self.call(Method::POST, &format!("/element/{id}/click"), json!({})).await.is_null()
    }

    /// Takes a picture of the window. `TUISONG_PICTURES` names a folder in which it is kept as `name`, for whoever wants to
    /// see it.
    pub(crate) async fn photograph(&self, name: &str) {
        let picture = self.call(Method::GET, "/screenshot", Value::Null).await;
        let picture = STANDARD.decode(picture.as_str().unwrap_or_default()).expect("a picture");
        assert!(picture.starts_with(b"\x89PNG"));
        if let Some(folder) = std::env::var_os("TUISONG_PICTURES") {
            std::fs::write(Path::new(&folder).join(name), picture).expect("a picture");
        }
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        self.call(Method::DELETE, "", Value::Null).await;
    }
}
