//! POST /api/fun/create/qrcode: make a QR code that carries something of the developer's.

use super::sender::authenticate;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::follow::Followed;
use model::qrcode::{Code, QrCode, check};
use serde::Serialize;
use store::apps::Senders;
use store::capabilities;
use store::qrcodes::QrMaker;

capabilities! {
    /// What making a code needs.
    pub struct QrCreateStore {
        senders: Senders,
        maker: QrMaker,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Post, "/api/fun/create/qrcode"), Route::new(Method::Post, "/api/fun/create/qrcode/")];

/// The function.
pub const FUNCTION: Function =
    http_function!("wxpusher-qrcode-create", Family::Wxpusher, ROUTES, QrCreateStore, handle);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct QrReply {
    expires: i64,
    code: String,
    short_url: String,
    extra: String,
    url: String,
}

/// POST /api/fun/create/qrcode
///
/// | field | | |
/// | --- | --- | --- |
/// | `appToken` | text, required | |
/// | `extra` | text, required | 1 to 64 characters, not blank; told with every scan, verbatim |
/// | `validTime` | seconds | 1 to 2,592,000; 0 or absent: 1,800 |
///
/// Code 1000 with `code` (64 letters or digits, the only credential of the scan's result), `expires` (epoch ms), `extra`,
/// and `url` and `shortUrl`, both addresses of the same picture. Code 1001 when a rule is broken. Two calls with the same
/// `extra` are two codes.
///
/// Source: the WxPusher documentation; the reply as its SDKs read it.
async fn handle(context: &Context, store: &QrCreateStore, request: Request) -> Result<Reply, ApiError> {
    let fields = request.json_object()?;
    let (token, extra, valid_time) = (fields.text("appToken")?, fields.text("extra")?, fields.integer("validTime")?);
    let app = authenticate(context, &store.senders, token).await?;
    let (extra, valid) =
        check(extra, valid_time).map_err(|refusal| ApiError::refused(refusal.code(), refusal.message()))?;
    let base = request.public_url(&context.config.public_url)?;
    let (code, expires) = (Code::draw(&mut rand::rng()), context.clock.now().plus(valid));
    let qr =
        QrCode { code, app_id: app.id, followed: Followed::App, extra: Some(extra.clone()), expires: Some(expires) };
    store.maker.create(&qr).await?;
    Ok(success(QrReply {
        expires: expires.millis(),
        code: qr.code.to_string(),
        short_url: format!("{base}{}", qr.code.short_picture_path()),
        extra,
        url: format!("{base}{}", qr.code.picture_path()),
    }))
}
