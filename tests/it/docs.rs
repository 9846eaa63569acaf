//! The documents held against the code: whoever adds a code, a metric, a channel or a setting writes it down.

use crate::template::channels::queue;
use crate::template::environment;
use crate::template::project::{Project, attribute, root, rust_files, text};
use gateway::Context;
use gateway::metrics::Metric;
use model::channel::ChannelKind;
use model::wxpusher::Refusal;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

type Names = BTreeSet<String>;

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Names {
    names.into_iter().map(str::to_owned).collect()
}

/// First cells of all table rows of a Markdown page, headers left out.
fn first_cells(page: &str) -> Vec<String> {
    let lines: Vec<&str> = page.lines().collect();
    let is_rule = |line: &&&str| line.starts_with("|-") || line.starts_with("| -") || line.starts_with("|:-");
    let rows = lines.iter().enumerate().filter(|(at, line)| {
        line.starts_with('|') && !is_rule(line) && !lines.get(at + 1).as_ref().is_some_and(is_rule)
    });
    rows.map(|(_, line)| line.split('|').nth(1).unwrap_or_default().trim().to_owned()).collect()
}

/// Names in backticks in the first cells of tables. One that stands twice is an error: a name has one row.
fn rows(page: &str) -> Names {
    let mut found = Names::new();
    for cell in first_cells(page) {
        if let Some(name) = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
            assert!(found.insert(name.to_owned()), "`{name}` has two rows");
        }
    }
    found
}

/// The codes in Rust text: what a `fn code` answers, and what is given to errors where they are made. Tests, which
/// stand at the end of a file, are left out.
fn codes(source: &str) -> Names {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Names::new();
    for function in source.split("fn code(").skip(1) {
        let (mut depth, mut body) = (0, String::new());
        for piece in function.split_inclusive(['{', '}']) {
            body.push_str(piece);
            depth += if piece.ends_with('{') { 1 } else { -1 };
            if depth == 0 {
                break;
            }
        }
        found.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    for marker in ["refused(", "problem(", "conflict(", "code:"] {
        for given in source.split(marker).skip(1) {
            let literal = given.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            found.extend(literal.map(str::to_owned));
        }
    }
    found.retain(|code| !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    found
}

/// Every code that the functions can log or count.
fn all_codes() -> Names {
    let folders = ["shared/model/src", "shared/store/src", "shared/gateway/src", "functions/src"];
    let files = folders.iter().flat_map(|folder| rust_files(&root().join(folder)));
    let sources = files.filter(|file| file.file_name().is_none_or(|name| name != "tests.rs"));
    sources.flat_map(|file| codes(&fs::read_to_string(file).expect("a source file"))).collect()
}

#[test]
fn every_error_code_has_its_row() {
    let codes = all_codes();
    // That the search finds what it should: each enum, and both ways of giving a code.
    for known in Refusal::ALL.iter().map(|refusal| refusal.code()).chain([
        "token_wrong",
        "panicked",
        "unreadable",
        "store_unavailable",
        "not_yet",
    ]) {
        assert!(codes.contains(known), "{known} was not found in the sources");
    }
    assert_eq!(rows(&text("docs/errors.md")), codes);
}

#[test]
fn every_metric_has_its_row() {
    let metrics = names(Metric::ALL.iter().map(|metric| metric.name()));
    let mut rows = rows(&text("docs/metrics.md"));
    // Other tables of the page are about settings, which begin in lower case.
    rows.retain(|name| name.starts_with(|first: char| first.is_ascii_uppercase()));
    assert_eq!(rows, metrics);
}

#[test]
fn every_channel_has_its_row() {
    assert_eq!(rows(&text("docs/channels.md")), names(ChannelKind::ALL.iter().map(|channel| channel.as_str())));
}

#[test]
fn the_words_of_the_field_are_explained() {
    let explained: Names = first_cells(&text("docs/glossary.md")).into_iter().collect();
    for word in [
        "app",
        "recipient",
        "channel",
        "message",
        "task",
        "batch",
        "delivery",
        "attempt",
        "outcome",
        "receipt",
        "fan-out",
    ] {
        assert!(explained.contains(word), "docs/glossary.md does not explain `{word}`");
    }
}

#[test]
fn every_setting_is_explained() {
    let page = text("docs/operations.md");
    // A row may explain several that belong together.
    let explained: Names = first_cells(&page)
        .iter()
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    let parameters: Names =
        Project::read().template["Parameters"].as_object().expect("parameters").keys().cloned().collect();
    let missing: Vec<_> = parameters.difference(&explained).collect();
    assert!(missing.is_empty(), "docs/operations.md does not explain the parameters {missing:?}");

    let of_explained: Names =
        explained.into_iter().filter(|name| name.starts_with("TUISONG_") || name.starts_with("AWS_")).collect();
    assert_eq!(of_explained, environment::known(), "docs/operations.md explains other variables than are read");
}

#[test]
fn the_calls_in_flight_are_those_of_code_and_template() {
    let project = Project::read();
    let config = environment::read_through(&BTreeMap::new()).0.expect("a configuration");
    let context = Context::new(config);
    let page = text("docs/metrics.md");
    for &channel in ChannelKind::ALL {
        let header = page.lines().find(|line| line.starts_with("| what |") && line.contains(channel.as_str()));
        let column = header.and_then(|line| line.split('|').position(|cell| cell.trim() == channel.as_str()));
        let column = column.unwrap_or_else(|| panic!("docs/metrics.md has no column `{channel}`"));
        let figure = |what: &str| {
            let row = page.lines().find(|line| line.starts_with(&format!("| {what} |")));
            let cell = row.and_then(|row| row.split('|').nth(column)).map(str::trim);
            cell.and_then(|cell| cell.parse::<u64>().ok()).unwrap_or_else(|| panic!("no figure for `{what}`"))
        };
        let sources = project.events("DeliverFunction", "SQS");
        let queue = attribute(&queue(channel), "Arn");
        let (_, source) = sources.iter().find(|(_, event)| event["Queue"] == queue).expect("the channel's mapping");
        let in_flight = context.channels().channel(channel).limits().calls_in_flight.get();
        assert_eq!(figure("calls in flight per instance"), in_flight as u64);
        assert_eq!(json!(figure("batches per invocation")), source["BatchSize"]);
        assert_eq!(json!(figure("instances")), source["ScalingConfig"]["MaximumConcurrency"]);
    }
}

#[test]
fn codes_are_found_wherever_they_are_given() {
    let source = r#"
        pub const fn code(&self) -> &'static str {
            match self {
                Self::One { .. } => "one",
                Self::Two => { "two" }
            }
        }
        fn after() { log("not_a_code"); }
        fn use_them() {
            ApiError::refused("three", "text");
            ApiError::refused(
                "four", "text");
            ApiError::Internal { code: "five", source };
            let code: i32 = 6;
            ("code", "seven");
        }
        #[cfg(test)]
        mod tests { ApiError::refused("eight", "text"); }
    "#;
    assert_eq!(codes(source), names(["one", "two", "three", "four", "five"]));
}

#[test]
fn rows_are_what_stands_below_a_rule() {
    let page = "| `header` | x |\n|---|---|\n| `one` | x |\n| two | `x` |\n\ntext\n| `three` |\n";
    assert_eq!(rows(page), names(["one", "three"]));
    assert_eq!(first_cells(page), ["`one`", "two", "`three`"]);
}
