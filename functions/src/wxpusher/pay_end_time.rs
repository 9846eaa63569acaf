//! GET /api/product/query-pay-end-time: until when a user has paid for a product.

use futures::future::try_join_all;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::follow::Followed;
use model::ids::{ProductId, Uid};
use serde::Serialize;
use store::apps::Apps;
use store::capabilities;
use store::followers::PayEnds;

capabilities! {
    /// What the question needs.
    pub struct PayEndStore {
        apps: Apps,
        pay_ends: PayEnds,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[
    Route::new(Method::Get, "/api/product/query-pay-end-time"),
    Route::new(Method::Get, "/api/product/query-pay-end-time/"),
];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-pay-end-time", Family::Wxpusher, ROUTES, PayEndStore, handle);

/// As the documentation writes it, `ID` and all.
#[derive(Debug, Serialize)]
struct PayEndReply {
    #[serde(rename = "resourceType")]
    kind: u8,
    #[serde(rename = "resourceID")]
    id: u64,
    #[serde(rename = "payEndTime")]
    pay_end_time: i64,
}

/// GET /api/product/query-pay-end-time?uid&prodId
///
/// No token. Code 1000 with a row for everything that the product pays for: `resourceType` 1 (the app) or 2 (a topic; not
/// the 0 and 1 of the lists), `resourceID`, `payEndTime` (epoch ms, 0 when never paid). Code 1001 when the UID has not its
/// form or there is no such product; 1005 when `prodId` is missing or no number.
///
/// Source: the WxPusher documentation of today.
async fn handle(_context: &Context, store: &PayEndStore, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let number = query.integer("prodId")?.ok_or_else(|| ApiError::unreadable("缺少参数prodId"))?;
    let uid = query.get("uid").and_then(|uid| Uid::parse(uid.trim()).ok());
    let uid = uid.ok_or_else(|| ApiError::refused("uid_malformed", "UID不合法"))?;
    let unknown = || ApiError::refused("product_unknown", "产品不存在");
    let id = u64::try_from(number).map(ProductId::new).map_err(|_| unknown())?;
    let product = store.apps.product(id).await?.ok_or_else(unknown)?;
    let (app, uid) = (product.app_id, &uid);
    let rows = product.resources.iter().map(|&followed| async move {
        let end = store.pay_ends.get(app, followed, uid).await?;
        let (kind, id) = match followed {
            Followed::App => (1, app.get()),
            Followed::Topic(topic) => (2, topic.get()),
        };
        Ok::<_, ApiError>(PayEndReply { kind, id, pay_end_time: end.millis() })
    });
    Ok(success(try_join_all(rows).await?))
}
