//! What goes wrong on the channel, and what it means for a delivery.

use super::Posted;
use model::outcome::{Attempt, Outcome};
use std::error::Error;

/// What is known of the connections could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the connections cannot be read or written")]
pub struct LinesError(#[source] Box<dyn Error + Send + Sync>);

impl LinesError {
    /// For this reason.
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(source))
    }
}

/// The HTTP status of a connection that is gone.
const GONE: i32 = 410;

/// The device has no connection: another way may reach it. Nothing is wrong with its address.
pub(super) const fn offline(had_some: bool) -> Attempt {
    Attempt::failed(Outcome::Suppressed, if had_some { Some(GONE) } else { None }).or_elsewhere(true)
}

/// Passing trouble.
pub(super) const fn again() -> Attempt {
    Attempt::failed(Outcome::Retry { after: None, at_most: None }, None)
}

/// What the frames to the connections of one device come to, of which none was taken; `None` when all of them are gone.
pub(super) fn failed(posted: &[Posted]) -> Option<Attempt> {
    let any = |what: fn(&Posted) -> bool| posted.iter().any(what);
    if any(|posted| matches!(posted, Posted::Failed(_))) {
        Some(again())
    } else if any(|posted| matches!(posted, Posted::Forbidden)) {
        Some(Attempt::failed(Outcome::Config, Some(403)))
    } else if any(|posted| matches!(posted, Posted::TooLarge)) {
        Some(Attempt::failed(Outcome::TooLarge, Some(413)))
    } else {
        None
    }
}
