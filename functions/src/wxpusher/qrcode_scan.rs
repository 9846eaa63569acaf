//! GET /api/fun/scan-qrcode-uid: who scanned a QR code last.

use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::limiter::Caller;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::qrcode::{Code, CodeKey};
use store::capabilities;
use store::qrcodes::QrCodes;

capabilities! {
    /// What the question needs.
    pub struct QrScanStore {
        codes: QrCodes,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Get, "/api/fun/scan-qrcode-uid"), Route::new(Method::Get, "/api/fun/scan-qrcode-uid/")];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-qrcode-scan", Family::Wxpusher, ROUTES, QrScanStore, handle);

/// Questions a minute for one code and instance. The documentation asks for one in ten seconds; only clear abuse is
/// refused.
const MOST_A_MINUTE: u32 = 60;

/// GET /api/fun/scan-qrcode-uid?code
///
/// The code is the credential: no token is read, and a wrong one does no harm. Code 1000 with the UID as a bare text;
/// asking again gives it again, until a day after the code expired. Code 1001 with `暂无用户扫描二维码`, by which clients
/// know to keep asking, while nobody has scanned it; 1001 with another text when there is no such code, or it has expired
/// unscanned.
async fn handle(context: &Context, store: &QrScanStore, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let text = query.get("code").ok_or_else(|| ApiError::refused("qrcode_missing", "code不能为空"))?;
    let unknown = || ApiError::refused("qrcode_unknown", "二维码不存在或已过期");
    let code = Code::parse(text.trim()).ok_or_else(unknown)?;
    let now = context.clock.now();
    let state = store.codes.get(&CodeKey::Whole(code.clone()), now).await?.ok_or_else(unknown)?;
    context
        .limiter
        .admit(Caller::Scan(code), MOST_A_MINUTE, now)
        .map_err(|retry_after| ApiError::TooMany { retry_after })?;
    match state.scanned_by {
        Some(uid) => Ok(success(uid.as_str())),
        None if state.code.is_open(now) => Err(ApiError::refused("qrcode_not_scanned", "暂无用户扫描二维码")),
        None => Err(unknown()),
    }
}
