//! Calls under a token that the vendor issues.

use super::call::CallError;
use super::code::Code;
use crate::token::{Fetch, Token, TokenError, TokenHolder, TokenKey};
use futures::future::BoxFuture;

/// Calls with the token of `key`. When the vendor refuses the token, one fresh one is got and the call repeated once;
/// refused again, the answer stands.
pub(crate) async fn with_token<'a, T>(
    tokens: &TokenHolder,
    key: &TokenKey,
    fetch: &dyn Fetch,
    is_refusal: fn(Code) -> bool,
    call: impl Fn(Token) -> BoxFuture<'a, Result<T, CallError>>,
) -> Result<T, CallError> {
    let token = tokens.get(key, fetch).await?;
    let generation = token.generation;
    let refused = match call(token).await {
        Err(error) if error.code().is_some_and(is_refusal) => error,
        answered => return answered,
    };
    tracing::debug!(token.key = %key, generation, error = %refused, "the vendor refused the token");
    match tokens.refused(key, generation, fetch).await {
        Ok(token) => call(token).await,
        // There is no other token, so the vendor's own answer says more.
        Err(TokenError::Refused) => Err(refused),
        Err(error) => Err(error.into()),
    }
}
