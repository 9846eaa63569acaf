//! Logs: JSON lines with the fields of the house style; one span per invocation.
//!
//! Never a token, a secret, a full openid or a body: those have types that print as `***` or shortened.

use std::io::Write;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging to standard output, which Lambda hands to CloudWatch. `filter` is a level or a list of
/// `target=level`. Starting twice is harmless.
pub fn start(filter: &str) {
    start_into(filter, BoxMakeWriter::new(std::io::stdout));
}

/// Starts logging into `writer`.
pub fn start_into(filter: &str, writer: BoxMakeWriter) {
    let filter = EnvFilter::try_new(spelled_out(filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish();
    // A second start finds the first one in place.
    let started = tracing::subscriber::set_global_default(subscriber);
    drop(started);
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

    #[test]
    fn debug_is_ours_and_everything_else_is_taken_as_it_stands() {
        assert_eq!(spelled_out("debug"), "info,functions=debug,tuisong=debug,local=debug");
        assert_eq!(spelled_out("warn"), "warn");
        assert_eq!(spelled_out("debug,hyper=trace"), "debug,hyper=trace");
        // The prefix of our crates' names, as this very crate has it.
        assert!(module_path!().starts_with("tuisong"));
    }
}
