//! Upstream tokens are renewed before they run out, so that no delivery waits for one.
//!
//! Idempotent: the token holder refreshes under a lease, and only what is about to run out.

use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{Context, Function, Invocation, WorkerError, schedule_function};
use store::accounts::Accounts;
use store::capabilities;
use store::tokens::UpstreamTokens;
use tracing::{error, info};

capabilities! {
    /// What refreshing needs.
    pub struct RefreshStore {
        accounts: Accounts,
        /// What the channels' token holder uses.
        tokens: UpstreamTokens,
    }
}

/// The function.
pub const FUNCTION: Function = schedule_function!("refresh-tokens", RefreshStore, handle);

async fn handle(
    context: &Context,
    store: &RefreshStore,
    _invocation: &Invocation,
    _input: serde_json::Value,
) -> Result<(), WorkerError> {
    for (id, account) in store.accounts.all().await? {
        let refreshed = match account {
            Ok(account) => {
                let refreshed = context.channels().refresh_token(&account).await;
                refreshed.map_err(|cause| causes(&cause))
            }
            Err(cause) => Err(causes(&cause)),
        };
        match refreshed {
            Ok(refresh) => info!(account = %id, ?refresh, "token looked at"),
            Err(cause) => {
                error!(account = %id, cause, "token refresh failed; see docs/operations.md");
                context.metrics.count(Metric::TokenRefreshFailed, &[("account", id.as_str())], 1, context.clock.now());
            }
        }
    }
    Ok(())
}
