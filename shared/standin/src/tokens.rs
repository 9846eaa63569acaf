//! Access tokens, as a vendor issues them for a while.

use ring::hmac;
use ring::rand::{SystemRandom, generate};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tokens of one app at one vendor.
///
/// A vendor remembers what it issued. A stand-in may be started again while whoever calls it still holds its token, so a token
/// says itself when it ends, and is signed with what only the app and its vendor know.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: hmac::Key,
    /// What stands before and behind each, as at this vendor.
    frame: [&'static str; 2],
    series: Mutex<Series>,
}

/// No two stand-ins issue tokens of one series, so none that is new is like one from before.
#[derive(Debug)]
struct Series {
    id: String,
    /// Whether tokens of other series are over.
    alone: bool,
}

impl Series {
    fn new(alone: bool) -> Self {
        // Without randomness the series has no number; tokens of one process differ all the same.
        let random = generate::<[u8; 8]>(&SystemRandom::new()).map(|random| u64::from_be_bytes(random.expose()));
        Self { id: format!("{:016x}", random.unwrap_or_default()), alone }
    }
}

impl Tokens {
    /// Of an app with `secret`, in this vendor's `frame`.
    pub(crate) fn new(secret: &[u8], frame: [&'static str; 2]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { key, frame, series: Mutex::new(Series::new(false)) }
    }

    /// The `number`-th token of this process. It ends at `end`, in the unit that [`Tokens::end`] is asked in.
    pub(crate) fn issue(&self, number: u64, end: i64) -> String {
        let [before, behind] = self.frame;
        let said = format!("{end}.{}.{number}", self.series().id);
        format!("{before}{said}.{}{behind}", self.signature(&said))
    }

    /// When `token` ends; the beginning of time when it was recalled, `None` when nobody issued it.
    pub(crate) fn end(&self, token: &str) -> Option<i64> {
        let [before, behind] = self.frame;
        let (said, signature) = token.strip_prefix(before)?.strip_suffix(behind)?.rsplit_once('.')?;
        if signature != self.signature(said) {
            return None;
        }
        let mut parts = said.split('.');
        let (end, id) = (parts.next()?.parse().ok()?, parts.next()?);
        let series = self.series();
        Some(if series.alone && series.id != id { i64::MIN } else { end })
    }

    /// From now on, all that were issued are over.
    pub(crate) fn recall(&self) {
        *self.series() = Series::new(true);
    }

    fn signature(&self, said: &str) -> String {
        let tag = hmac::sign(&self.key, said.as_bytes());
        tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_that_was_started_again_knows_its_tokens_and_issues_others() {
        let start = || Tokens::new(b"secret", ["<", ">"]);
        let (before, after) = (start(), start());
        let token = before.issue(1, 100);
        assert_eq!((before.end(&token), after.end(&token)), (Some(100), Some(100)));
        assert_ne!(after.issue(1, 100), token);
        assert_eq!(Tokens::new(b"another", ["<", ">"]).end(&token), None);
        for forged in [token.replacen("100", "101", 1), token[1..].to_owned(), String::new(), "<>".to_owned()] {
            assert_eq!(after.end(&forged), None, "{forged}");
        }
    }

    #[test]
    fn what_was_recalled_is_over_and_what_is_issued_then_is_not() {
        let (tokens, elsewhere) = (Tokens::new(b"secret", ["", ""]), Tokens::new(b"secret", ["", ""]));
        let old = [tokens.issue(1, 100), elsewhere.issue(1, 100)];
        tokens.recall();
        assert_eq!(old.map(|token| tokens.end(&token)), [Some(i64::MIN); 2]);
        assert_eq!(tokens.end(&tokens.issue(2, 100)), Some(100));
    }
}
