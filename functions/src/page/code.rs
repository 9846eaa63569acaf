//! The page and the picture of a QR code by which people follow.

use super::{PageStore, picture, reply};
use crate::page::render::{FollowView, closed_code_page, follow_page};
use gateway::error::causes;
use gateway::{ApiError, Context, Reply, Request};
use http::{StatusCode, header};
use model::account::WechatAccount;
use model::app::AppProfile;
use model::follow::Followed;
use model::ids::AccountId;
use model::qrcode::{CodeKey, QrCode, Way};
use provider::wechat::create_qrcode;
use std::time::Duration;
use store::qrcodes::QrState;
use tracing::warn;

/// The longest that a picture is kept by whoever fetched it.
const MOST_CACHED: Duration = Duration::from_secs(86_400);
/// How often whoever comes second looks whether WeChat has answered the first, and how long after each other.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// GET /q/{code}: the page. GET /q/{code}.jpg, GET /api/qrcode/{code}.jpg: the picture.
pub(super) async fn serve(context: &Context, store: &PageStore, request: &Request) -> Result<Reply, ApiError> {
    let named = request.path_parameter("code");
    let is_picture = named.ends_with(".jpg");
    let now = context.clock.now();
    let found = match CodeKey::parse(named) {
        Some(key) => store.codes.get(&key, now).await?,
        None => None,
    };
    let app = match &found {
        Some(state) => store.apps.get(state.code.app_id).await?,
        None => None,
    };
    let (Some(state), Some(app)) = (found, app) else { return Ok(closed(StatusCode::NOT_FOUND, is_picture)) };
    if !state.code.is_open(now) {
        return Ok(closed(StatusCode::GONE, is_picture));
    }
    match is_picture {
        true => {
            let way = if request.query().get("by") == Some("link") { Way::Link } else { Way::Picture };
            show_picture(context, store, request, &state, &app, way).await
        }
        false => show_page(store, &state.code, &app).await,
    }
}

fn closed(status: StatusCode, is_picture: bool) -> Reply {
    if is_picture {
        return Reply::new(status).header(header::CACHE_CONTROL, "no-store");
    }
    reply(status, closed_code_page())
}

async fn show_page(store: &PageStore, code: &QrCode, app: &AppProfile) -> Result<Reply, ApiError> {
    let topic = match code.followed {
        Followed::App => None,
        Followed::Topic(topic) => match store.topics.get(app.app.id, topic).await? {
            Some(topic) => Some(topic.name),
            None => return Ok(closed(StatusCode::NOT_FOUND, false)),
        },
    };
    // A developer's own code means a scan wherever it stands; of an app's permanent code the page is the link.
    let by = if code.extra.is_none() { "?by=link" } else { "" };
    let page = follow_page(&FollowView {
        app_name: &app.app.name,
        topic: topic.as_deref(),
        description: app.description.as_deref(),
        picture: &format!("{}{by}", code.code.short_picture_path()),
        command: (code.extra.is_none() && code.followed == Followed::App).then(|| app.app.id.get()),
        until: code.expires.map(|expires| expires.beijing_text()).as_deref(),
    });
    Ok(reply(StatusCode::OK, page))
}

/// The picture shows WeChat's own address of the code, so that WeChat tells us who scanned it. An account without such
/// codes has the address of our page instead.
async fn show_picture(
    context: &Context,
    store: &PageStore,
    request: &Request,
    state: &QrState,
    app: &AppProfile,
    way: Way,
) -> Result<Reply, ApiError> {
    let code = &state.code;
    let (text, kept) = match target(context, store, state, &app.app.account, way).await? {
        Some(target) => (target, true),
        None => {
            let address = request.public_url(&context.config.public_url)?;
            (format!("{address}{}", code.code.page_path()), false)
        }
    };
    let Some(jpeg) = picture::qr_code(&text) else {
        return Err(ApiError::Internal {
            code: "store_corrupt",
            source: "the address of a QR code is too long".into(),
        });
    };
    let left = code.expires.map_or(MOST_CACHED, |expires| expires.since(context.clock.now())).min(MOST_CACHED);
    let cached = if kept { format!("public, max-age={}", left.as_secs()) } else { "no-store".to_owned() };
    let mut reply = Reply::new(StatusCode::OK)
        .header(header::CONTENT_TYPE, "image/jpeg")
        .header(header::CACHE_CONTROL, &cached)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    reply.body = jpeg.into();
    Ok(reply)
}

/// WeChat's address of the code, asked for at most once: whoever comes while the first one asks waits for the answer.
/// `None` when WeChat has none.
async fn target(
    context: &Context,
    store: &PageStore,
    state: &QrState,
    account: &AccountId,
    way: Way,
) -> Result<Option<String>, ApiError> {
    if let Some(target) = state.target(way) {
        return Ok(Some(target.to_owned()));
    }
    let code = &state.code;
    let Some(account) = account_of(context, store, account).await? else { return Ok(None) };
    // Without a callback nobody would tell us of a scan.
    if account.callback.is_none() {
        return Ok(None);
    }
    let now = context.clock.now();
    if !store.scans.may_ask(&code.code, way, now).await? {
        for _ in 0..LOOKS {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let again = store.codes.get(&CodeKey::Whole(code.code.clone()), context.clock.now()).await?;
            if let Some(target) = again.as_ref().and_then(|state| state.target(way)) {
                return Ok(Some(target.to_owned()));
            }
        }
        return Ok(None);
    }
    let life = code.expires.map(|expires| expires.since(now));
    match create_qrcode(context.channels().wechat(), &account, &code.code.scene(way), life).await {
        Ok(target) => Ok(store.scans.keep_target(&code.code, way, &target).await?),
        Err(cause) => {
            warn!(account = %account.id, cause = causes(&cause), "WeChat made no QR code; the picture leads to our page");
            Ok(None)
        }
    }
}

async fn account_of(context: &Context, store: &PageStore, id: &AccountId) -> Result<Option<WechatAccount>, ApiError> {
    if let Some(account) = context.accounts.get(id, context.clock.now()) {
        return Ok(Some(account));
    }
    let account = store.accounts.get(id).await?;
    if let Some(account) = &account {
        context.accounts.put(id.clone(), account.clone(), context.clock.now());
    }
    Ok(account)
}
