//! Imports of many bindings: what they cost, what is told of wrong rows, and that one which was stopped goes on.

use super::Portal;
use crate::admin::done;
use crate::scripts::Program;
use http::Method;
use local::aws::{AwsFault, FaultKind};
use local::stack::TEST_ADMIN_TOKEN;
use serde_json::{Value, json};
use std::time::Instant;
use support::{Answer, Client};

const BINDINGS: &str = "/admin/enterprises/demo/channels/demo/bindings";
/// Rows that are wrong and shown.
const MOST_SHOWN: u64 = 100;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Json,
}

impl Form {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
        }
    }

    /// The line that an error names for row `n` (from 0): JSON has none above its rows.
    const fn line(self, n: u64) -> u64 {
        match self {
            Self::Csv => n + 2,
            Self::Json => n + 1,
        }
    }

    fn body(self, rows: &[(String, String)]) -> String {
        match self {
            Self::Csv => {
                let lines = rows.iter().map(|(user, openid)| format!("{user},{openid}\n"));
                std::iter::once("user_id,openid\n".to_owned()).chain(lines).collect()
            }
            Self::Json => {
                let rows = rows.iter().map(|(user, openid)| json!({ "user_id": user, "openid": openid }));
                json!({ "rows": rows.collect::<Vec<_>>() }).to_string()
            }
        }
    }
}

/// `count` rows, the ids of this form's own users.
fn rows(form: Form, count: u64) -> Vec<(String, String)> {
    let letter = if form == Form::Csv { 'c' } else { 'j' };
    (0..count).map(|n| (format!("{letter}{n:06}"), format!("o{letter}{n:026}"))).collect()
}

async fn post(api: &Client, token: &str, form: Form, from_row: u64, body: String) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", form.content_type())];
    api.send(Method::POST, &format!("{BINDINGS}?from_row={from_row}"), &headers, body).await
}

/// Imports all `rows`, in as many calls as it takes. How many.
async fn import(api: &Client, token: &str, form: Form, rows: &[(String, String)]) -> u64 {
    let (mut from_row, mut bound, mut calls) = (1, 0, 0);
    loop {
        let answer = post(api, token, form, from_row, form.body(rows)).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        let answer = answer.json();
        assert_eq!((&answer["rows"], &answer["wrong"]), (&json!(rows.len()), &json!(0)), "{answer}");
        bound += answer["bound"].as_u64().expect("a number");
        calls += 1;
        match answer["next_row"].as_u64() {
            Some(next) => from_row = next,
            None => break,
        }
    }
    assert_eq!(bound, rows.len() as u64, "each row once");
    calls
}

/// Imports `rows` of which every `every`-th is wrong: each is told with its line, the first hundred of them, and nobody
/// is bound.
async fn refuse(api: &Client, token: &str, form: Form, rows: &[(String, String)], every: u64) {
    let mut rows = rows.to_vec();
    let wrong: Vec<u64> = (0..rows.len() as u64).filter(|n| n % every == every - 1).collect();
    for (at, &n) in wrong.iter().enumerate() {
        let row = &mut rows[usize::try_from(n).expect("a row")];
        match at % 3 {
            0 => row.0 = "two words".to_owned(),
            1 => row.1 = "!".to_owned(),
            _ => row.0 = format!("{}000000", if form == Form::Csv { 'c' } else { 'j' }),
        }
    }
    let answer = post(api, token, form, 1, form.body(&rows)).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!((&answer["bound"], &answer["wrong"]), (&json!(0), &json!(wrong.len())), "{answer}");
    let told: Vec<u64> =
        answer["errors"].as_array().expect("errors").iter().filter_map(|error| error["line"].as_u64()).collect();
    let shown = usize::try_from(MOST_SHOWN).expect("a number").min(wrong.len());
    assert_eq!(told, wrong[..shown].iter().map(|&n| form.line(n)).collect::<Vec<_>>());
    let says = |at: usize, what: &str| answer["errors"][at]["message"].as_str().is_some_and(|said| said.contains(what));
    assert!(says(0, "`user_id`") && says(1, "`openid`") && says(2, &format!("line {} already", form.line(0))));
}

#[tokio::test]
async fn thousands_of_rows_are_checked_line_by_line_and_bound_for_two_writes_each() {
    let portal = Portal::open().await;
    let (api, calls) = (&portal.town.api, &portal.town.stack.aws().calls);
    for form in [Form::Csv, Form::Json] {
        let rows = rows(form, 3_000);
        calls.reset();
        refuse(api, TEST_ADMIN_TOKEN, form, &rows, 20).await;
        let writes = |table: &str| -> f64 {
            calls.snapshot().iter().filter(|call| call.resource == table).map(|call| call.figures.write_units).sum()
        };
        assert_eq!(writes("UsersTable"), 0.0, "{form:?}: nobody is bound while a row is wrong");
        import(api, TEST_ADMIN_TOKEN, form, &rows).await;
        assert_eq!(writes("UsersTable"), 6_000.0, "{form:?}");
        let (last, _) = &rows[rows.len() - 1];
        done(&portal.town, 200, Method::DELETE, &format!("{BINDINGS}/{last}"), Value::Null).await;
    }
    portal.town.close().await;
}

/// The table takes so many writes a second and no more: what is bound stays bound, and the caller goes on behind it.
#[tokio::test]
async fn an_import_that_the_table_stops_says_where_to_go_on() {
    let portal = Portal::open().await;
    let rows = rows(Form::Csv, 2_500);
    let throttled = FaultKind::Error {
        status: 400,
        code: "ProvisionedThroughputExceededException".to_owned(),
        message: "a test".to_owned(),
    };
    let faults = &portal.town.stack.aws().faults;
    // 1,000 rows are 80 calls; then a second thousand is begun.
    faults.inject(AwsFault::new("dynamodb", "BatchWriteItem", FaultKind::Delay(std::time::Duration::ZERO)).times(90));
    faults.inject(AwsFault::new("dynamodb", "BatchWriteItem", throttled.clone()).times(1_000));
    let api = &portal.town.api;
    let answer = post(api, TEST_ADMIN_TOKEN, Form::Csv, 1, Form::Csv.body(&rows)).await.json();
    assert_eq!((&answer["bound"], &answer["next_row"]), (&json!(1_000), &json!(1_001)), "{answer}");
    // Nothing at all is an error, so that nobody goes on in a circle.
    let answer = post(api, TEST_ADMIN_TOKEN, Form::Csv, 1_001, Form::Csv.body(&rows)).await;
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text);
    faults.clear();
    let answer = post(api, TEST_ADMIN_TOKEN, Form::Csv, 1_001, Form::Csv.body(&rows)).await.json();
    assert_eq!((&answer["bound"], &answer["next_row"]), (&json!(1_500), &Value::Null), "{answer}");
    portal.town.close().await;
}

/// The most that one import takes, against the program that `cargo run` starts. `docs/admin.md` has its figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some minutes: cargo test --workspace --test it -- --ignored --nocapture a_hundred_thousand_bindings"]
#[expect(clippy::print_stderr, reason = "whoever runs it wants its figures")]
async fn a_hundred_thousand_bindings() {
    let program = Program::start("info").await;
    let (api, sandbox, token) = (program.api(), program.sandbox(), crate::scripts::ADMIN_TOKEN);
    // As many rows as an event of Lambda's holds: in JSON it has each quotation mark as two characters.
    for (form, count) in [(Form::Csv, 100_000), (Form::Json, 70_000)] {
        let rows = rows(form, count);
        let (body, before) = (form.body(&rows).len(), program.peak_kb());
        let started = Instant::now();
        refuse(&api, token, form, &rows, 650).await;
        let (checking, checked) = (started.elapsed(), program.peak_kb());
        sandbox.send(Method::DELETE, "/sandbox/calls", &[], "").await;
        let started = Instant::now();
        let calls = import(&api, token, form, &rows).await;
        let (took, counted) = (started.elapsed(), sandbox.get("/sandbox/calls").await.json());
        let users = counted["calls"].as_array().expect("calls").iter().filter(|call| call["resource"] == "UsersTable");
        let units: f64 = users.filter_map(|call| call["write_units"].as_f64()).sum();
        assert_eq!(units, 2.0 * rows.len() as f64, "{form:?}");
        let mut listed = 0;
        let mut path = format!("{BINDINGS}?limit=100");
        let authorization = format!("Bearer {token}");
        loop {
            let page = api.send(Method::GET, &path, &[("authorization", authorization.as_str())], "").await.json();
            let letter = if form == Form::Csv { "c" } else { "j" };
            let items = page["items"].as_array().expect("items");
            listed +=
                items.iter().filter(|item| item["user_id"].as_str().is_some_and(|id| id.starts_with(letter))).count();
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("{BINDINGS}?limit=100&cursor={cursor}");
        }
        assert_eq!(listed, rows.len(), "{form:?}: each row is there");
        eprintln!(
            "{form:?}: {count} rows, {body} bytes, {:.1} s to check; {calls} calls, {:.1} s, {units} WU to import; peak memory \
             {before} KB before, {checked} KB when all rows were checked, {} KB at the end",
            checking.as_secs_f64(),
            took.as_secs_f64(),
            program.peak_kb(),
        );
    }
    program.stop().await;
}
