//! How getting a token fails.

use super::ROUND;
use model::outcome::{Attempt, Outcome};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// The vault could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the token vault failed")]
pub struct VaultError(#[source] Arc<dyn Error + Send + Sync>);

impl VaultError {
    /// Wraps what the vault's storage reported.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

/// The upstream did not hand out a token. Classified by the upstream's module, where its codes are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upstream gave no token: {reason} (outcome {}, code {code:?})", outcome.label())]
pub struct FetchError {
    /// What it means for the messages that wait for the token: `Retry` or `Auth`.
    pub outcome: Outcome,
    /// The upstream's code, where there was one.
    pub code: Option<i32>,
    /// For the log: what happened, without secrets.
    pub reason: String,
    /// How long this instance does not ask again.
    pub hold: Duration,
}

/// Why there is no token to send with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The upstream gave none.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Another instance has been fetching it for longer than [`super::PATIENCE`].
    #[error("another instance is fetching the token")]
    Busy,
    /// The upstream refuses the token that it hands out itself, and a forced fetch is not due.
    #[error("the upstream refuses the token that it has just issued")]
    Refused,
    /// Only the scheduled refresher may fetch it, and has not done so yet.
    #[error("the token waits for refresh-tokens, which alone may fetch it")]
    Awaited,
    /// The fetch was cut short, for example by the end of the process.
    #[error("the fetch of the token was cut short")]
    Interrupted,
}

impl TokenError {
    /// What it means for the messages that wait for the token.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Vault(_) | Self::Busy | Self::Interrupted => Outcome::Retry { after: None, at_most: None },
            Self::Awaited => Outcome::Retry { after: Some(ROUND), at_most: None },
            Self::Fetch(error) => error.outcome.clone(),
            Self::Refused => Outcome::Auth,
        }
    }

    /// The attempt of a delivery that ended for want of a token.
    pub fn attempt(&self) -> Attempt {
        let code = match self {
            Self::Fetch(error) => error.code,
            Self::Vault(_) | Self::Busy | Self::Awaited | Self::Refused | Self::Interrupted => None,
        };
        Attempt::failed(self.outcome(), code)
    }
}
