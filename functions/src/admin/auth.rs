//! Who is asking.

use super::AdminStore;
use super::table::{Access, Found};
use gateway::limiter::Caller;
use gateway::{ApiError, Context, ProblemKind, Request};
use http::header;
use model::ids::AppId;
use model::secret::Secret;
use ring::digest::{SHA256, digest};
use std::fmt;
use std::time::Duration;

/// Wrong tokens of ten seconds after which a further one waits longer, and is told so.
const WRONG_TOKENS: u32 = 20;
/// How long a wrong token waits for its answer. A right one never does, so nobody can shut the operator out.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one too many waits.
const LONG_PAUSE: Duration = Duration::from_secs(2);

/// Somebody whose token is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Principal {
    /// The operator.
    Admin,
    /// The owner of an app, by the app's own token.
    App(AppId),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::App(app) => write!(f, "app:{app}"),
        }
    }
}

impl Principal {
    /// Whether what was found may be done. Another app's things look to an app's owner as if they were not there.
    pub(super) fn may(self, found: &Found) -> Result<(), ApiError> {
        match (self, found.route.access) {
            (Self::Admin, _) => Ok(()),
            (Self::App(app), Access::AppOwner) if found.parameters.get("app") == Some(&app.to_string()) => Ok(()),
            (Self::App(_), Access::AppOwner) => Err(not_found()),
            (Self::App(_), Access::AdminOnly) => Err(ApiError::problem(
                "forbidden",
                ProblemKind::Forbidden,
                "an app's token opens the app's callbacks only; use the operator's token",
            )),
        }
    }
}

/// There is no such thing, or it is another's.
pub(super) fn not_found() -> ApiError {
    ApiError::problem("not_found", ProblemKind::NotFound, "there is no such thing; check the ids in the path")
}

/// Who is asking; `None` when nobody says so, or the token is wrong.
pub(super) async fn principal(
    context: &Context,
    store: &AdminStore,
    request: &Request,
) -> Result<Option<Principal>, ApiError> {
    let Some(token) = bearer(request) else { return Ok(None) };
    if is_admin(&token, &context.config.admin_token_hashes) {
        return Ok(Some(Principal::Admin));
    }
    // Only what has the form of an app's token is worth a read.
    if !token.expose().starts_with("AT_") || token.expose().len() != 35 {
        return Ok(None);
    }
    Ok(store.senders.by_token(&token).await?.map(|app| Principal::App(app.id)))
}

fn bearer(request: &Request) -> Option<Secret<String>> {
    let value = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| Secret::new(token.trim().to_owned()))
}

/// Whether the token's hash is one of `hashes`. Every bit of every hash is looked at, whatever the first ones say.
fn is_admin(token: &Secret<String>, hashes: &[[u8; 32]]) -> bool {
    let given = digest(&SHA256, token.expose().as_bytes());
    let mut found = false;
    for hash in hashes {
        let differing = hash.iter().zip(given.as_ref()).fold(0, |bits, (one, other)| bits | (one ^ other));
        found |= std::hint::black_box(differing) == 0;
    }
    found
}

/// The refusal of a missing or wrong token, after a pause: guessing is slow.
pub(super) async fn refusal(context: &Context) -> ApiError {
    // One window for everybody: an instance serves few, and a stranger's address is easily another one.
    match context.limiter.admit(Caller::Stranger, WRONG_TOKENS, context.clock.now()) {
        Ok(()) => {
            tokio::time::sleep(PAUSE).await;
            ApiError::problem(
                "unauthenticated",
                ProblemKind::Unauthenticated,
                "the operator's token is missing or wrong; send it as `Authorization: Bearer …`",
            )
        }
        Err(retry_after) => {
            tokio::time::sleep(LONG_PAUSE).await;
            ApiError::TooMany { retry_after }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_right_hash_among_several_is_enough() {
        let hash = |text: &str| <[u8; 32]>::try_from(digest(&SHA256, text.as_bytes()).as_ref()).unwrap();
        let token = Secret::new("right".to_owned());
        assert!(is_admin(&token, &[hash("old"), hash("right")]));
        assert!(!is_admin(&token, &[hash("old")]));
        assert!(!is_admin(&token, &[]), "no hash, no operator");
    }
}
