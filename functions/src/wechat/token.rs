//! GET /cgi-bin/token and POST /cgi-bin/stable_token: an access token of ours.

use super::caller::access_of;
use super::read::Fields;
use super::refused;
use gateway::envelope::cgi::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, access_token, http_function};
use model::cgi::{Refusal, TOKEN_LIFE_S};
use model::ids::AccountId;
use model::secret::Secret;
use serde::Serialize;
use store::access::Access;
use store::capabilities;
use tracing::info;

capabilities! {
    /// What issuing a token takes.
    pub struct TokenStore {
        access: Access,
    }
}

const STABLE: &str = "/cgi-bin/stable_token";

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Any, "/cgi-bin/token"), Route::new(Method::Any, STABLE)];

/// The function.
pub const FUNCTION: Function = http_function!("wechat-token", Family::Cgi, ROUTES, TokenStore, handle);

/// The answer, exactly: SDKs read no more, and one more field would confuse some.
#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    expires_in: i64,
}

/// GET /cgi-bin/token?grant_type&appid&secret, and POST /cgi-bin/stable_token with the same as JSON
///
/// `appid` is the account's, `secret` the one that we issued for it. `{"access_token","expires_in":7200}`; the token has at
/// most 512 characters of `[A-Za-z0-9_-]` and works five minutes longer than it says. No other token ends with it.
/// 43001 or 43002 for the wrong method, 40002, 41002, 40013, 41004, 40125, 50002. Nothing is written.
///
/// Source: WeChat's pages "get access token" and "getStableAccessToken"; that tokens live side by side is ours.
pub(crate) async fn handle(context: &Context, store: &TokenStore, request: Request) -> Result<Reply, ApiError> {
    let claim = if request.path.ends_with(STABLE) { from_body(&request)? } else { from_query(&request)? };
    if claim.grant_type.as_deref() != Some("client_credential") {
        return Err(refused(Refusal::GrantType));
    }
    let account = AccountId::new(claim.appid.ok_or_else(|| refused(Refusal::AppidMissing))?);
    let known = access_of(context, &store.access, &account).await?.ok_or_else(|| refused(Refusal::AppidUnknown))?;
    let secret = claim.secret.ok_or_else(|| refused(Refusal::SecretMissing))?;
    let mut known = known;
    if !known.has_secret(&secret) {
        // It may have been issued in the last ten seconds.
        context.access.forget(&account);
        known = access_of(context, &store.access, &account).await?.ok_or_else(|| refused(Refusal::AppidUnknown))?;
    }
    if !known.has_secret(&secret) {
        return Err(refused(Refusal::SecretWrong));
    }
    if known.access.suspended {
        return Err(refused(Refusal::AccountSuspended));
    }
    let token = access_token::issue(&account, &known.token_key, context.clock.now());
    info!(app.id = %account, "access token issued");
    Ok(success(&Granted { access_token: token.expose(), expires_in: TOKEN_LIFE_S }))
}

/// Who the caller claims to be.
struct Claim {
    grant_type: Option<String>,
    appid: Option<String>,
    secret: Option<Secret<String>>,
}

fn from_query(request: &Request) -> Result<Claim, ApiError> {
    if request.method != http::Method::GET {
        return Err(refused(Refusal::NeedsGet));
    }
    let query = request.query();
    let get = |name| query.get(name).map(str::to_owned);
    Ok(Claim { grant_type: get("grant_type"), appid: get("appid"), secret: get("secret").map(Secret::new) })
}

fn from_body(request: &Request) -> Result<Claim, ApiError> {
    if request.method != http::Method::POST {
        return Err(refused(Refusal::NeedsPost));
    }
    let fields = Fields::of(request)?;
    Ok(Claim {
        grant_type: fields.text("grant_type")?,
        appid: fields.text("appid")?,
        secret: fields.text("secret")?.map(Secret::new),
    })
}
