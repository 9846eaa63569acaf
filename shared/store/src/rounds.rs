//! Changes that others make at the same moment.

use crate::error::StoreError;
use std::time::Duration;

/// How often a change is tried.
const MOST: u32 = 12;
/// The longest rest before the second round; it doubles with every further one, up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_millis(4);
const LONGEST_REST: Duration = Duration::from_millis(128);

/// The rounds of a change that is made to what was read: whenever somebody else was quicker, it is read and made again.
///
/// Before every round but the first there is a random rest, longer each time. Without it, of several who change one item in a
/// busy moment, the slowest would lose every round.
pub(crate) struct Rounds {
    operation: &'static str,
    begun: u32,
}

impl Rounds {
    /// None yet. `operation` is what the error calls the change.
    pub(crate) const fn of(operation: &'static str) -> Self {
        Self { operation, begun: 0 }
    }

    /// Begins a round, after its rest.
    ///
    /// # Errors
    ///
    /// [`StoreError::Undone`] when there were [`MOST`] of them already.
    pub(crate) async fn next(&mut self) -> Result<(), StoreError> {
        if self.begun == MOST {
            return Err(StoreError::Undone { operation: self.operation, entries: 1, attempts: MOST });
        }
        if self.begun > 0 {
            tokio::time::sleep(longest_rest(self.begun).mul_f64(rand::random())).await;
        }
        self.begun += 1;
        Ok(())
    }
}

/// The longest rest after `rounds` of them.
fn longest_rest(rounds: u32) -> Duration {
    FIRST_REST.saturating_mul(1 << (rounds - 1).min(16)).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_a_limit() {
        let rests: Vec<_> = (1..MOST).map(|rounds| longest_rest(rounds).as_millis()).collect();
        assert_eq!(rests, [4, 8, 16, 32, 64, 128, 128, 128, 128, 128, 128]);
    }

    #[tokio::test]
    async fn whoever_is_always_late_gives_up_and_says_at_what() {
        let mut rounds = Rounds::of("editing an app");
        for _ in 0..MOST {
            rounds.next().await.unwrap();
        }
        let error = rounds.next().await.unwrap_err();
        assert_eq!(error.to_string(), "editing an app left 1 entries undone after 12 attempts");
    }
}
