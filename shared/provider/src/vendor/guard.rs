//! Telling dead tokens from a wrong certificate.
//!
//! A vendor that is called with the certificate of another app, or in the other environment, calls every single token
//! unknown. Believing it would delete an app's whole audience. So where a token may be fine and the certificate wrong, the
//! channel marks the attempt as doubtful, and whoever sees enough of them together judges: each channel over the targets
//! of its call, the caller over a task. Where there are too few to judge, a doubtful death is believed if another token was
//! accepted beside it, and not otherwise.
//!
//! Whoever may sign up can bring a crowd of tokens that are none. Where a single token was accepted the certificate is
//! proven: none of the others is believed dead, and the app's channel stays open.

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
    /// And those that were accepted: they prove the certificate.
    pub accepted: usize,
}

/// What attempts together say of the doubtful ones among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The certificate is taken to be at fault: more than half of twenty or more are doubtful.
    Certificate,
    /// The tokens are dead.
    Dead,
    /// There are too few to tell, and none was accepted.
    Unknown,
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
                self.accepted += usize::from(matches!(outcome, Outcome::Ok { .. }));
            }
            Outcome::Retry { .. }
            | Outcome::Auth
            | Outcome::TooLarge
            | Outcome::Quota { .. }
            | Outcome::Config
            | Outcome::Content => {}
        }
    }

    /// Whether the certificate is at fault rather than the tokens.
    pub const fn verdict(self) -> Verdict {
        match self.judged {
            ..ENOUGH if self.proves_the_certificate() => Verdict::Dead,
            ..ENOUGH => Verdict::Unknown,
            judged if self.doubtful * 2 > judged => Verdict::Certificate,
            _ => Verdict::Dead,
        }
    }

    /// Whether some token was accepted, so that the certificate cannot be altogether wrong.
    pub const fn proves_the_certificate(self) -> bool {
        self.accepted > 0
    }
}

/// Turns the doubtful verdicts of one call into [`Outcome::Config`] when the certificate is at fault: nothing is deleted.
/// They stay doubtful where the call proves the certificate all the same.
pub fn judge(ended: &mut [Ended]) {
    let mut tally = Tally::default();
    for one in ended.iter() {
        tally.count(one);
    }
    if tally.verdict() == Verdict::Certificate {
        for one in ended.iter_mut().filter(|one| one.doubtful) {
            one.attempt.outcome = Outcome::Config;
            one.doubtful = tally.proves_the_certificate();
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
    fn the_account_is_blamed_only_while_nothing_proves_the_certificate() {
        let doubtful = |ended: &[Ended]| ended.iter().filter(|one| one.doubtful).count();
        assert_eq!(doubtful(&some(0, 40)), 0, "about the account");
        assert_eq!(doubtful(&some(1, 40)), 40, "about these tokens alone");
    }

    #[test]
    fn too_few_tell_nothing() {
        let verdict = |judged, doubtful| Tally { judged, doubtful, accepted: 0 }.verdict();
        assert_eq!(verdict(19, 19), Verdict::Unknown);
        assert_eq!(verdict(20, 11), Verdict::Certificate);
        assert_eq!(verdict(20, 10), Verdict::Dead);
    }

    #[test]
    fn of_few_one_that_was_accepted_vouches_for_the_certificate() {
        let tally = |judged, doubtful| Tally { judged, doubtful, accepted: 1 };
        assert_eq!(tally(3, 2).verdict(), Verdict::Dead);
        assert_eq!(tally(20, 19).verdict(), Verdict::Certificate, "many may be a crowd that somebody brought");
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
