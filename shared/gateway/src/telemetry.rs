//! Logs: JSON lines with the fields of the house style; one span per invocation.
//!
//! Never a token, a secret, a full openid or a body: those have types that print as `***` or shortened.

use std::io::Write;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// Starts logging to standard output, which Lambda hands to CloudWatch. `filter` is a level or a list of
/// `target=level`. Starting twice is harmless.
pub fn start(filter: &str) {
    start_into(filter, BoxMakeWriter::new(std::io::stdout));
}

/// Starts logging into `writer`.
pub fn start_into(filter: &str, writer: BoxMakeWriter) {
    let lines = layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer);
    // A second start finds the first one in place.
    let started = tracing::subscriber::set_global_default(registry().with(targets(filter)).with(lines));
    drop(started);
}

/// Levels by target and nothing more: filters over spans and their values would bring a regular expression engine into
/// every function. What cannot be read counts as `info`.
fn targets(filter: &str) -> Targets {
    spelled_out(filter).parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO))
}

/// `debug` alone is meant for our own crates: what the AWS SDK has to say at that level is a hundred lines a message.
fn spelled_out(filter: &str) -> String {
    match filter {
        "debug" | "trace" => format!("info,functions={filter},tuisong={filter},local={filter}"),
        other => other.to_owned(),
    }
}

/// A writer for [`start_into`] that appends to a file.
pub fn into_file(file: std::fs::File) -> BoxMakeWriter {
    let file = std::sync::Arc::new(file);
    BoxMakeWriter::new(move || Shared(file.clone()))
}

struct Shared(std::sync::Arc<std::fs::File>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (&*self.0).flush()
    }
}

/// A writer for [`start_into`] that writes to standard error.
pub fn into_stderr() -> BoxMakeWriter {
    BoxMakeWriter::new(std::io::stderr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_level_is_everywhere_and_a_target_only_where_it_says() {
        let level = |filter: &str, target: &str, level| targets(filter).would_enable(target, &level);
        assert!(level("info", "hyper", Level::INFO) && !level("info", "hyper", Level::DEBUG));
        assert!(level("debug", "tuisong_gateway::lambda", Level::DEBUG) && !level("debug", "hyper", Level::DEBUG));
        assert!(
            level("warn,hyper=trace", "hyper::proto", Level::TRACE) && !level("warn,hyper=trace", "h2", Level::INFO)
        );
        for unreadable in ["a=b=c", "h2=loud"] {
            assert!(level(unreadable, "h2", Level::INFO) && !level(unreadable, "h2", Level::DEBUG), "{unreadable}");
        }
    }

    #[test]
    fn debug_is_ours_and_everything_else_is_taken_as_it_stands() {
        assert_eq!(spelled_out("debug"), "info,functions=debug,tuisong=debug,local=debug");
        assert_eq!(spelled_out("warn"), "warn");
        assert_eq!(spelled_out("debug,hyper=trace"), "debug,hyper=trace");
        // The prefix of our crates' names, as this very crate has it.
        assert!(module_path!().starts_with("tuisong"));
    }
}
