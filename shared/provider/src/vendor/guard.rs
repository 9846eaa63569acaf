//! Telling dead tokens from a wrong certificate.
//!
//! A vendor that is called with the certificate of another app, or in the other environment, calls every single token
//! unknown. Believing it would delete an app's whole audience. So where a token may be fine and the certificate wrong, the
//! channel marks the attempt as doubtful, and whoever sees enough of them together judges: each channel over the targets
//! of its call, the caller over a task.

use super::Ended;
use model::outcome::Outcome;

/// Fewer than this tell nothing.
const ENOUGH: usize = 20;

/// Counts how many attempts of an app in a task, or in a call, were doubtful.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that reached a verdict on the token: accepted, dead or muted.
    pub judged: usize,
    /// Of these, the doubtful ones.
    pub doubtful: usize,
}

impl Tally {
    /// Counts one attempt.
    pub fn count(&mut self, ended: &Ended) {
        self.note(&ended.attempt.outcome, ended.doubtful);
    }

    /// Counts one attempt that ended like this.
    pub fn note(&mut self, outcome: &Outcome, doubtful: bool) {
        match outcome {
            Outcome::Ok { .. } | Outcome::Invalid | Outcome::Suppressed => {
                self.judged += 1;
                self.doubtful += usize::from(doubtful);
            }
            Outcome::Retry { .. }
            | Outcome::Auth
            | Outcome::TooLarge
            | Outcome::Quota { .. }
            | Outcome::Config
            | Outcome::Content => {}
        }
    }

    /// Whether there are enough verdicts to tell.
    pub const fn tells(self) -> bool {
        self.judged >= ENOUGH
    }

    /// Whether the certificate is at fault rather than the tokens: more than half of twenty or more.
    pub const fn is_certificate(self) -> bool {
        self.tells() && self.doubtful * 2 > self.judged
    }
}

/// Turns the doubtful verdicts of one call into [`Outcome::Config`] when the certificate is at fault: nothing is deleted.
pub fn judge(ended: &mut [Ended]) {
    let mut tally = Tally::default();
    for one in ended.iter() {
        tally.count(one);
    }
    if tally.is_certificate() {
        for one in ended.iter_mut().filter(|one| one.doubtful) {
            one.attempt.outcome = Outcome::Config;
            one.doubtful = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(ok: usize, doubtful: usize) -> Vec<Ended> {
        let mut ended = Ended::ok().times(ok);
        let dead = Ended { doubtful: true, ..Ended::with(Outcome::Invalid, Some(400), "BadDeviceToken") };
        ended.extend(dead.times(doubtful));
        judge(&mut ended);
        ended
    }

    fn count(ended: &[Ended], outcome: &Outcome) -> usize {
        ended.iter().filter(|one| one.attempt.outcome == *outcome).count()
    }

    #[test]
    fn a_few_dead_tokens_are_dead() {
        assert_eq!(count(&some(0, 19), &Outcome::Invalid), 19, "too few to tell");
        assert_eq!(count(&some(10, 10), &Outcome::Invalid), 10, "half is not more than half");
    }

    #[test]
    fn when_most_tokens_are_called_dead_none_is_believed() {
        let ended = some(9, 11);
        assert_eq!(count(&ended, &Outcome::Invalid), 0);
        assert_eq!(count(&ended, &Outcome::Config), 11);
    }

    #[test]
    fn undoubted_deaths_stand() {
        let mut ended = Ended::with(Outcome::Invalid, Some(410), "Unregistered").times(30);
        judge(&mut ended);
        assert_eq!(count(&ended, &Outcome::Invalid), 30);
    }

    #[test]
    fn trouble_is_no_verdict() {
        let mut ended = Ended::with(super::super::fault::later(None), Some(503), "vendor_trouble").times(100);
        ended.extend(some(0, 10));
        judge(&mut ended);
        assert_eq!(count(&ended, &Outcome::Invalid), 10);
    }
}
