//! Everything that is logged in this process while tests run, looked at for what must not be there: secrets, tokens, whole
//! openids.
//!
//! [`watch`] listens to every event and span: to our own crates at the most talkative level and to the others at `info`, which
//! is what `trace` means to an operator. Where `TUISONG_WATCH_LOGS` is set, as `make secrets` does, the AWS SDK and the HTTP
//! libraries are listened to at `debug`, too. A secret in a field ends the whole run at once, naming test, place and field and
//! not the secret: a log with a secret in it is nothing to go on with, and no other test can pass over it.
//!
//! `known.rs` says where secrets are known from. One that is known only after it was logged is found, too: words are
//! remembered.

mod known;
mod words;

pub use known::{keep_out, keep_out_of, keep_out_of_request};

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Debug, Write as _};
use std::io::{self, Write as _};
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry};
use words::{hash, is_issued, words};

/// What is listened to. Not to what stands in for S3: it notes the signed addresses that it is called at, and is in nothing that
/// is deployed.
const LEVELS: &str = "info,functions=trace,tuisong=trace,local=trace,s3s=off";
/// The same with the libraries under us, but not with what else stands in for AWS.
const MORE_LEVELS: &str = "debug,functions=trace,tuisong=trace,local=trace,dynoxide=info,rustack=info,s3s=off";
/// Words that are remembered, at most twice as many.
const REMEMBERED: usize = 500_000;

/// Where a secret was logged.
#[derive(Debug, Clone)]
pub struct Found {
    /// The test, as far as its thread tells.
    pub test: String,
    /// The target of the event or span.
    pub target: &'static str,
    /// Its file and line.
    pub place: String,
    /// The field. That of the text is `message`.
    pub field: &'static str,
}

impl Found {
    fn new(spot: Spot) -> Self {
        let (data, field) = spot;
        let thread = std::thread::current();
        // Tests on one thread have its name; the threads of the others are the runtime's.
        let test = thread.name().filter(|name| !name.starts_with("tokio")).unwrap_or("a test with threads of its own");
        let place = format!("{}:{}", data.file().unwrap_or("?"), data.line().unwrap_or_default());
        Self { test: test.to_owned(), target: data.target(), place, field }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in `{}` of {} ({}), during {}", self.field, self.target, self.place, self.test)
    }
}

/// An event or span, and a field of it.
type Spot = (&'static Metadata<'static>, &'static str);

/// What is known and what was heard, words by their hashes.
#[derive(Default)]
pub struct Watch {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    secrets: HashSet<u64>,
    /// The last words, and those before.
    heard: [HashMap<u64, Spot>; 2],
}

impl Watch {
    /// `secret` must not be logged from now on; where it has been already.
    pub fn keep_out(&self, secret: &str) -> Option<Found> {
        let mut inner = self.lock();
        let mut spot = None;
        for word in words::whole(secret.as_bytes()).map(hash) {
            if inner.secrets.insert(word) {
                spot = spot.or_else(|| inner.heard.iter().find_map(|heard| heard.get(&word).copied()));
            }
        }
        drop(inner);
        spot.map(Found::new)
    }

    /// Whether a word was logged lately.
    pub fn has_heard(&self, word: &str) -> bool {
        let word = hash(word.as_bytes());
        self.lock().heard.iter().any(|heard| heard.contains_key(&word))
    }

    /// Looks at a field.
    fn hear(&self, text: &str, spot: Spot) -> Option<Found> {
        let mut inner = self.lock();
        for word in words(text.as_bytes()) {
            let hashed = hash(word);
            if is_issued(word) || inner.secrets.contains(&hashed) {
                drop(inner);
                return Some(Found::new(spot));
            }
            if inner.heard[0].insert(hashed, spot).is_none() && inner.heard[0].len() >= REMEMBERED {
                inner.heard.swap(0, 1);
                inner.heard[0].clear();
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [`Watch`] is told through `tracing`; what it finds is handed on.
pub struct Listener<W, F> {
    watch: W,
    found: F,
}

impl<W: Deref<Target = Watch>, F: Fn(Found)> Listener<W, F> {
    /// A listener.
    pub const fn new(watch: W, found: F) -> Self {
        Self { watch, found }
    }

    /// Looks at all fields of an event or a span.
    fn look(&self, data: &'static Metadata<'static>, record: impl FnOnce(&mut dyn Visit)) {
        record(&mut Fields { data, watch: &self.watch, found: &self.found });
    }
}

/// The levels that are listened to, with those of the libraries or without.
pub fn levels(with_libraries: bool) -> Targets {
    let levels = if with_libraries { MORE_LEVELS } else { LEVELS };
    levels.parse().expect("levels")
}

impl<S, W, F> Layer<S> for Listener<W, F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Deref<Target = Watch> + 'static,
    F: Fn(Found) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.look(attributes.metadata(), |visit| attributes.record(visit));
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(span) {
            self.look(span.metadata(), |visit| values.record(visit));
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.look(event.metadata(), |visit| event.record(visit));
    }
}

struct Fields<'a, F> {
    data: &'static Metadata<'static>,
    watch: &'a Watch,
    found: &'a F,
}

impl<F: Fn(Found)> Visit for Fields<'_, F> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        thread_local! { static TEXT: RefCell<String> = const { RefCell::new(String::new()) } }
        // Taken out, not borrowed: whatever prints itself might log on its way.
        let mut text = TEXT.take();
        text.clear();
        // Into a text it does not fail.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
        TEXT.set(text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(found) = self.watch.hear(value, (self.data, field.name())) {
            (self.found)(found);
        }
    }

    // Numbers are no secrets.
    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_bool(&mut self, _: &Field, _: bool) {}
}

/// The watch over this process, once it has begun.
static WATCH: OnceLock<Watch> = OnceLock::new();

/// Listens from now on, until the process ends. Once is enough; more does no harm.
pub fn watch() {
    let mut is_first = false;
    let watch = WATCH.get_or_init(|| {
        is_first = true;
        Watch::default()
    });
    if is_first {
        known::keep_out_seed();
        let with_libraries = std::env::var_os("TUISONG_WATCH_LOGS").is_some();
        let listener = registry().with(Listener::new(watch, |found| end(&found)).with_filter(levels(with_libraries)));
        // Whoever listens already is a program that writes a log of its own.
        drop(tracing::subscriber::set_global_default(listener));
    }
}

/// Whether a word was logged lately, anywhere in this process.
pub fn has_heard(word: &str) -> bool {
    WATCH.get().is_some_and(|watch| watch.has_heard(word))
}

/// Ends the run: what is thrown in a task of the product might be caught there.
fn end(found: &Found) -> ! {
    // Past what captures the output of the test that happens to run here.
    drop(writeln!(io::stderr().lock(), "A SECRET IS LOGGED {found}"));
    std::process::exit(101)
}
