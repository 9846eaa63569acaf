//! Who is calling: the account that an access token of ours belongs to.

use super::refused;
use gateway::access_token::Presented;
use gateway::{ApiError, Context, Request};
use model::cgi::{BAD_TOKEN_TRIES, Refusal};
use model::ids::AccountId;
use store::access::{Access, Accessible};

/// Who is calling.
pub(super) struct Caller {
    pub(super) account: AccountId,
    pub(super) known: Accessible,
}

/// How back ends of `account` prove themselves. Read once in ten seconds and instance: that is how long a secret that was
/// replaced may still work, and what keeps a call from costing a read.
pub(super) async fn access_of(
    context: &Context,
    access: &Access,
    account: &AccountId,
) -> Result<Option<Accessible>, ApiError> {
    let now = context.clock.now();
    if let Some(known) = context.access.get(account, now) {
        return Ok(Some(known));
    }
    let known = access.get(account).await?;
    if let Some(known) = &known {
        context.access.put(account.clone(), known.clone(), now);
    }
    Ok(known)
}

impl Caller {
    /// The caller whose `token` it is; 41001, 40001 or 42001 when it is nobody's. Whoever keeps coming with the same bad
    /// token is told to slow down (45011): some SDKs fetch anew and call again without end.
    pub(super) async fn of(
        context: &Context,
        access: &Access,
        request: &Request,
        token: Option<&str>,
    ) -> Result<Self, ApiError> {
        let token = token.ok_or_else(|| refused(Refusal::TokenMissing))?;
        let why = match Presented::read(token) {
            None => Refusal::TokenInvalid,
            Some(presented) => match access_of(context, access, &presented.account).await? {
                None => Refusal::TokenInvalid,
                Some(known) => match presented.check(&known.token_key, context.clock.now()) {
                    Ok(()) => return Self::admitted(context, presented.account, known),
                    Err(why) => why,
                },
            },
        };
        let source = request.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let start: String = token.chars().take(128).collect();
        let tries = context.minutes.count(&format!("token {source} {start}"), context.clock.now());
        Err(refused(if tries > BAD_TOKEN_TRIES { Refusal::CallsPerMinute } else { why }))
    }

    fn admitted(context: &Context, account: AccountId, known: Accessible) -> Result<Self, ApiError> {
        if known.access.suspended {
            context.access.forget(&account);
            return Err(refused(Refusal::SendingSuspended));
        }
        Ok(Self { account, known })
    }

    /// Counts a call of the account: 45011 when it is one too many for this minute.
    pub(super) fn count(&self, context: &Context) -> Result<(), ApiError> {
        let most = self.known.access.calls_per_minute;
        if most == 0 || context.minutes.count(&format!("sends {}", self.account), context.clock.now()) <= most {
            Ok(())
        } else {
            Err(refused(Refusal::CallsPerMinute))
        }
    }
}
