//! GET /push/certificate: what a client's SDK registers with its phone's vendor by.

use super::caller::{Caller, CallerStore, enabled};
use gateway::envelope::mobile::{parameter, success};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::certificate::form::Told;
use model::certificate::{Environment, Provider, Scope};
use store::capabilities;
use store::certificates::Certificates;

capabilities! {
    /// What it takes to tell of certificates.
    pub struct CertificateStore {
        callers: CallerStore,
        certificates: Certificates,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Get, "/push/certificate")];

/// The function.
pub const FUNCTION: Function = http_function!("mobile-certificate", Family::Mobile, ROUTES, CertificateStore, handle);

/// GET /push/certificate
///
/// Headers `app_id` and `access-token` (a user's, or the app's admin token). `provider`: 1 APNs, 2 Huawei, 3 Xiaomi,
/// 4 Meizu, 5 vivo, 6 OPPO, 7 FCM. `environment`: 0 development, 1 production, default 1.
///
/// `data` is `{"app_id","app_key","app_secret","certificate","name"}`, each text or `null`, or `null` where the app has no
/// such certificate. `name` is what the device names as `notifier_name`. Secrets of the server are told to admin tokens only
/// (`app_secret` of Huawei, Xiaomi, Meizu and vivo; in `certificate` Apple's key and OPPO's MasterSecret; in `app_secret`
/// Google's service account); OPPO's `app_secret` is the phone's own and told to everybody.
/// 40000; 10003, 10008; 12006; 10002.
///
/// Source: the family's documentation (push API). What stands in which field is ours.
async fn handle(context: &Context, store: &CertificateStore, request: Request) -> Result<Reply, ApiError> {
    let caller = Caller::of(context, &store.callers, &request).await?;
    let app = enabled(caller.app())?;
    let query = request.query();
    let number = |name: &str| query.integer(name).map_err(|_| parameter(name, "must be a whole number"));
    let provider =
        number("provider")?.ok_or_else(|| parameter("provider", "is missing; it is a number from 1 to 7"))?;
    let provider =
        Provider::from_number(provider).ok_or_else(|| parameter("provider", "must be a number from 1 to 7"))?;
    let environment = number("environment")?.unwrap_or(1);
    let environment =
        Environment::from_number(environment).ok_or_else(|| parameter("environment", "must be 0 or 1"))?;
    let scope = Scope::new(app.id.clone(), environment);
    let found = if caller.is_admin() {
        store.certificates.get(&scope, provider).await?
    } else {
        store.certificates.without_secrets(&scope, provider).await?
    };
    Ok(success(found.map(|found| Told::of(provider, &found.name, &found.fields))))
}
