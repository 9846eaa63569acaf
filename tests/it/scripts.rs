//! The scripts in `tests/deploy/deployed` that a reader can follow, run against the program that `cargo run` starts, and
//! its log read afterwards. The same scripts run against the deployed template.

use crate::template::project::root;
use local::seed;
use local::seed::mobile::{self, APP, device_token};
use local::seed::phones::certificate_fields;
use model::certificate::Provider;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use support::program::program;
use support::{Client, until};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// The operator's token of the runs.
pub(crate) const ADMIN_TOKEN: &str = "AD_script00000000000000000000000000";

/// The program as `cargo run` starts it, and where it is.
pub(crate) struct Program {
    child: Child,
    url: String,
    sandbox: String,
    /// Where a developer of this machine may listen.
    port: u16,
    folder: TempDir,
}

impl Program {
    /// Starts it with this much in its log.
    pub(crate) async fn start(log: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (sandbox, port) = (free_port().await, free_port().await);
        let mut child = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--log", log, "--admin-token", ADMIN_TOKEN])
            .args(["--sandbox-listen", &format!("127.0.0.1:{sandbox}")])
            .args(["--callbacks-to", &format!("127.0.0.1:{port}")])
            .arg("--data")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo build` first", program().display()));
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = loop {
            let line = lines.next_line().await.expect("its output").expect("`ready` before its end");
            if let Some(url) = line.strip_prefix("ready ") {
                break url.to_owned();
            }
        };
        Self { child, url, sandbox: format!("http://127.0.0.1:{sandbox}"), port, folder }
    }

    /// A client of the API.
    pub(crate) fn api(&self) -> Client {
        Client::new(&self.url)
    }

    /// A client of the stand-ins.
    pub(crate) fn sandbox(&self) -> Client {
        Client::new(&self.sandbox)
    }

    /// The most memory it has had, in KB.
    pub(crate) fn peak_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().expect("a process")));
        let status = status.expect("Linux, which keeps account of memory");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
        peak.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        self.child.kill().await.expect("to be killed");
    }

    /// Runs a script of the package `deployed`; what it must not find in a log is added to `secrets`.
    async fn run(&self, script: &str, more: &[&str], secrets: &Path) {
        let run = Command::new("python3")
            .args(["-m", &format!("deployed.{script}"), &self.url, &self.sandbox])
            .args(more)
            .arg(secrets)
            .current_dir(root().join("tests/deploy"))
            .stdin(Stdio::null())
            .output();
        let output = run.await.expect("Python 3, which `make test` needs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {out}\n{err}");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.jsonl")).expect("a log")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A port that nobody listens on.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// What goes wrong is logged at more length than what goes well: wrong tokens and secrets, a vendor that fails in every
/// way, bodies that cannot be read.
async fn go_wrong(program: &Program) -> Vec<String> {
    const WRONG: &str = "hunter2hunter2hunter2hunter2hunter";
    let (api, sandbox) = (program.api(), program.sandbox());
    let content = "what fails 失败";
    push_wrong(&api, &sandbox, WRONG, content).await;
    let send = async |token: &str, content: &str| {
        let body = json!({ "appToken": token, "content": content, "uids": [seed::uid(3).expect("a UID").as_str()] });
        api.post("/api/send/message", &body).await
    };
    send(&format!("AT_{}", &WRONG[..32]), content).await;
    send(WRONG, content).await;
    api.post("/api/send/message", &json!({ "appToken": [seed::APP_TOKEN, WRONG], "content": content })).await;
    let broken = format!("{{\"appToken\":\"{}\",\"content\":\"{content}", seed::APP_TOKEN);
    api.send(http::Method::POST, "/api/send/message", &[("content-type", "application/json")], broken).await;
    for secret in [WRONG, seed::SECRET] {
        let token = format!("/cgi-bin/token?grant_type=client_credential&appid=wx00000000000000ff&secret={secret}");
        api.get(&token).await;
        api.get(&token.replace("00ff", "00d1")).await;
    }
    api.post(&format!("/cgi-bin/message/template/send?access_token={WRONG}"), &json!({ "touser": WRONG })).await;
    for key in [WRONG, &format!("Bearer {WRONG}")] {
        let headers = [("authorization", key)];
        api.send(http::Method::POST, "/api/v4/pushes/wechat", &headers, json!({ "openids": [WRONG] }).to_string())
            .await;
        api.send(http::Method::GET, "/admin/apps", &headers, "").await;
    }
    api.get(&format!("/m/{WRONG}")).await;
    api.get(&format!("/wechat/callback/{}?signature={WRONG}&timestamp=1&nonce=1&echostr={WRONG}", seed::ACCOUNT)).await;
    for fault in
        [json!({ "errcode": 40001 }), json!({ "errcode": -1 }), json!({ "status": 502 }), json!({ "drop": true })]
    {
        let mut fault = fault;
        fault["channel"] = json!("wechat-template");
        assert_eq!(sandbox.post("/sandbox/faults", &fault).await.status.as_u16(), 200);
    }
    let finish = json!({ "channel": "wechat-template", "finish": "system failed" });
    assert_eq!(sandbox.post("/sandbox/faults", &finish).await.status.as_u16(), 200);
    let message = send(seed::APP_TOKEN, content).await.message_id();
    let status = async || api.get(&format!("/api/send/query/{message}")).await.json()["data"].clone();
    until("the message as failed, in the end", || async { status().await == 4 }).await;
    let mut secrets = vec![WRONG.to_owned(), content.to_owned()];
    secrets.extend([seed::APP_TOKEN, seed::SECRET, seed::PUSH_KEY, ADMIN_TOKEN].map(str::to_owned));
    secrets.extend([1, 2, 3].map(|n| seed::openid(n).as_str().to_owned()));
    secrets.extend(ChannelKind::PHONES.iter().map(|channel| device_token(*channel, 1).as_str().to_owned()));
    secrets.extend(Provider::ALL.iter().flat_map(|provider| credentials(*provider)));
    secrets
}

/// What phone vendors know the demo app by: of each secret its longest word, for a log may break lines elsewhere.
fn credentials(provider: Provider) -> Vec<String> {
    let fields = certificate_fields(provider).only(provider, true);
    let word = |name: &str| {
        let value = fields.get(name).unwrap_or_default();
        value.split(|c: char| !(c.is_ascii_alphanumeric() || "-+/".contains(c))).max_by_key(|word| word.len())
    };
    fields.names().filter_map(word).map(str::to_owned).collect()
}

/// The same for pushes: wrong tokens, a body that cannot be read, vendors that refuse and break off.
async fn push_wrong(api: &Client, sandbox: &Client, wrong: &str, content: &str) {
    let push = async |token: &str, body: String| {
        let headers = [("app_id", APP), ("access-token", token), ("content-type", "application/json")];
        api.send(http::Method::POST, "/push/notify", &headers, body).await.json()
    };
    let body = json!({ "audience": { "alias": ["alias1"] }, "message": { "title": content, "body": content } });
    assert_eq!(push(wrong, body.to_string()).await["code"], 10_008);
    assert_eq!(push(mobile::ADMIN_TOKEN, format!("{{\"message\":\"{content}")).await["code"], 10_002);
    let body_with = |name: &str| json!({ "username": name, "password": wrong });
    let app = [("app_id", APP), ("content-type", "application/json")];
    api.send(http::Method::POST, "/token/login", &app, body_with("user1").to_string()).await;
    for (channel, how) in [
        ("apns", json!({ "errcode": 403 })),
        ("fcm", json!({ "status": 502 })),
        ("huawei", json!({ "drop": true })),
        ("xiaomi", json!({ "status": 502 })),
        ("oppo", json!({ "errcode": -1 })),
        ("vivo", json!({ "drop": "after" })),
        ("meizu", json!({ "errcode": 110_010 })),
    ] {
        let mut fault = how;
        fault["channel"] = json!(channel);
        assert_eq!(sandbox.post("/sandbox/faults", &fault).await.status.as_u16(), 200, "{fault}");
    }
    assert_eq!(push(mobile::ADMIN_TOKEN, body.to_string()).await["code"], 200);
    let faults = async || sandbox.get("/sandbox/faults").await.json()["faults"].clone();
    until("every vendor has failed once", || async { faults().await == json!([]) }).await;
}

/// The journey of a follower, a WeChat back end's day, an app's and a portal's, and then whatever can go wrong, against the
/// program that `cargo run` starts; and not one secret, token, openid or body in its log, at the most talkative level.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_ways_work_against_the_program_and_leave_no_secret_in_its_log() {
    let program = Program::start("trace").await;
    let (secrets, port) = (program.file("secrets"), program.port.to_string());
    program.run("journey", &[ADMIN_TOKEN, &port], &secrets).await;
    program.run("wechat", &[], &secrets).await;
    program.run("mobile", &[], &secrets).await;
    program.run("portal", &[ADMIN_TOKEN], &secrets).await;
    let mut unspeakable = go_wrong(&program).await;
    let from_scripts = std::fs::read_to_string(&secrets).expect("what the scripts saw");
    unspeakable.extend(from_scripts.lines().map(str::to_owned));
    // The scripts and this test know some; the tokens that the stand-in gave are in nobody's hands but the product's.
    assert!(unspeakable.len() >= 40, "{unspeakable:?}");
    assert!(unspeakable.iter().all(|secret| secret.len() >= 8), "{unspeakable:?}");

    let log = program.log();
    for secret in &unspeakable {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "`{secret}` is in the log");
    }
    // The log is the log of all that: every function that took part wrote into it, at every level.
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let wrote = |function: &str| lines.iter().any(|line| line["span"]["function"] == function);
    for function in [
        "admin",
        "callback",
        "deliver",
        "devices",
        "fanout",
        "mobile-certificate",
        "mobile-notify",
        "mobile-task-detail",
        "page",
        "receipt",
        "service-mass-send",
        "service-send",
        "service-task",
        "service-upload-media",
        "wechat-event",
        "wechat-push",
        "wechat-template-send",
        "wechat-token",
        "wechat-wxopen-template-send",
        "wxpusher-qrcode-create",
        "wxpusher-qrcode-scan",
        "wxpusher-send",
        "wxpusher-status",
        "wxpusher-user-reject",
        "wxpusher-user-remove",
        "wxpusher-users-v2",
    ] {
        assert!(wrote(function), "`{function}` logged nothing");
    }
    let doubted = lines.iter().filter(|line| line["maybe_duplicate"] == true || line["reason"] == "maybe_duplicate");
    assert!(doubted.count() >= 2, "the pushes whose answers were lost are not marked");
    for level in ["INFO", "WARN", "DEBUG"] {
        assert!(lines.iter().any(|line| line["level"] == level), "nothing at {level}");
    }
    program.stop().await;
}
