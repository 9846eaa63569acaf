//! A page full of attacks, opened by a real browser.
//!
//! Skipped, loudly, where there is no Chromium; with `CI` set that is a failure.

use super::page_of;
use crate::wxpusher::{fresh, page_path};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CHROMIUM: &str = "/usr/bin/chromium";
/// How long a browser may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What an attack that works leaves in the title.
pub(super) const OWNED: &str = "OWNED";

/// A server that must be asked for nothing but what the page may show; it notes every request with its headers.
pub(super) struct Canary {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// What is served at `/control`.
    control: Arc<Mutex<String>>,
}

impl Canary {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let canary = Self { base, requests: Arc::default(), control: Arc::default() };
        let (requests, control) = (canary.requests.clone(), canary.control.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (requests, control) = (requests.clone(), control.clone());
                tokio::spawn(async move {
                    let mut head = vec![0; 16 * 1024];
                    let Ok(length) = stream.read(&mut head).await else { return };
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let (content_type, body) = match path.as_str() {
                        "/control" => ("text/html", control.lock().expect("a page").clone()),
                        path if path.ends_with(".css") => ("text/css", "body{}".to_owned()),
                        path if path.ends_with(".html") => ("text/html", format!("<title>{OWNED}</title>")),
                        _ => ("text/javascript", format!("document.title='{OWNED}'")),
                    };
                    requests.lock().expect("the requests").push(head);
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
                         Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n{body}"
                    );
                    // A browser that has gone away needs no answer.
                    drop(stream.write_all(answer.as_bytes()).await);
                });
            }
        });
        canary
    }

    /// Its address.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What is served at `/control` from now on.
    pub(super) fn show(&self, page: &str) {
        *self.control.lock().expect("a page") = page.to_owned();
    }

    /// The requests so far, without the icon that browsers ask every site for.
    pub(super) fn take(&self) -> Vec<String> {
        let mut requests = std::mem::take(&mut *self.requests.lock().expect("the requests"));
        requests.retain(|head| !head.starts_with("GET /favicon.ico"));
        requests
    }

    /// Ways to run a script, or to reach another server without one. The canary's address stands in each.
    fn attacks(&self) -> String {
        let base = &self.base;
        let run = format!("document.title='{OWNED}';new Image().src='{base}/ran'");
        [
            format!("<script>{run}</script>"),
            format!("<script src={base}/a.js></script>"),
            format!("<scr<script>ipt>{run}</scr</script>ipt>"),
            format!("<img src=data:, onerror=\"{run}\">"),
            format!("<svg onload=\"{run}\"><script>{run}</script></svg>"),
            format!("<svg></p><style><a id=\"</style><img src=data:, onerror={run}>\">"),
            format!("<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=data:, onerror={run}&gt;\">"),
            format!("<noscript><p title=\"</noscript><img src=data:, onerror={run}>\">"),
            format!("<body onload=\"{run}\">"),
            format!("<details open ontoggle=\"{run}\">x</details>"),
            format!("<input autofocus onfocus=\"{run}\">"),
            format!("<video src=data:, onerror=\"{run}\"><source src={base}/v.mp4></video>"),
            format!("<iframe src=\"javascript:parent.{run}\"></iframe><iframe src={base}/f.html></iframe>"),
            format!("<iframe srcdoc=\"<script>parent.{run}</script>\"></iframe>"),
            format!("<object data={base}/o.html></object><embed src={base}/e.html>"),
            format!("<link rel=stylesheet href={base}/l.css><link rel=preload as=script href={base}/p.js>"),
            format!("<link rel=prefetch href={base}/q.html>"),
            format!("<style>@import '{base}/s.css'; body{{background:url({base}/s.png)}}</style>"),
            format!("<div style=\"background-image:url({base}/d.png);width:9px;height:9px\">x</div>"),
            format!("<table background={base}/t.png><tr><td>x</table>"),
            format!("<audio autoplay src={base}/a.mp3></audio>"),
            format!("<form action={base}/form.html><input name=a></form>"),
            format!("<a id=x href=\"javascript:{run}\">x</a><area ping={base}/ping href=x>"),
            format!("<meta http-equiv=refresh content=\"1;url={base}/m.html\">"),
            format!("<copy data-clipboard-text='\"><script>{run}</script>' onclick=\"{run}\">copy</copy>"),
            format!("<base href={base}/b/><img srcset=\"r.png 1x\">"),
        ]
        .join("\n")
    }
}

/// The document that Chromium makes of `url`, after what is on the page had time to act.
fn dump(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let mut browser = Command::new(CHROMIUM)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--virtual-time-budget=4000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", url])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a browser");
    let mut output = browser.stdout.take().expect("its output");
    let reader = std::thread::spawn(move || {
        let mut document = Vec::new();
        std::io::Read::read_to_end(&mut output, &mut document).expect("a document");
        String::from_utf8_lossy(&document).into_owned()
    });
    let started = Instant::now();
    while browser.try_wait().expect("a browser").is_none() {
        if started.elapsed() > PATIENCE {
            browser.kill().expect("it ends");
            panic!("the browser did not come to an end with {url}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    reader.join().expect("a document")
}

async fn open(url: String) -> String {
    tokio::task::spawn_blocking(move || dump(&url)).await.expect("a document")
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests must see that one did not run")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_79_in_a_browser_no_script_of_the_content_runs_and_no_request_leaves() {
    if !Path::new(CHROMIUM).exists() {
        assert!(std::env::var_os("CI").is_none(), "{CHROMIUM} is missing: the page was not tested in a browser");
        eprintln!("SKIPPED: {CHROMIUM} is missing, so the page was not tested in a browser");
        return;
    }
    let canary = Canary::start().await;
    let attacks = canary.attacks();

    // The attacks are real: without our walls they run, and they reach the canary.
    canary.show(&format!("<title>harmless</title>{attacks}"));
    let document = open(format!("{}/control", canary.base)).await;
    assert!(document.contains(&format!("<title>{OWNED}")), "the attacks do nothing: {document}");
    let reached = canary.take();
    for path in ["/ran", "/a.js", "/f.html", "/l.css", "/s.png", "/d.png", "/m.html"] {
        let asked = format!("GET {path} ");
        assert!(reached.iter().any(|head| head.starts_with(&asked)), "no attack reaches {path}: {reached:?}");
    }

    // With our walls they do not; only a picture is loaded, and its server learns nothing of the page.
    let town = fresh().await;
    let picture = format!("<p>harmless</p><img src=\"{}/picture.png\">", canary.base);
    let page = page_of(&town, &format!("{picture}{attacks}"), 2).await;
    assert!(page.text.contains("harmless"));
    let document = open(format!("{}{}", town.stack.url(), page_path(&town, &town.inbox()[0]))).await;
    assert!(document.contains("harmless") && !document.contains(&format!("<title>{OWNED}")), "{document}");
    let requests = canary.take();
    let lines: Vec<&str> = requests.iter().filter_map(|head| head.lines().next()).collect();
    assert_eq!(lines, ["GET /picture.png HTTP/1.1"]);
    let head = requests[0].to_ascii_lowercase();
    assert!(!head.contains("\r\nreferer:") && !head.contains("\r\ncookie:"), "{head}");
    town.close().await;
}
