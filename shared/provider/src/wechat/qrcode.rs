//! QR codes with a scene: scanning one tells us who did, and which code it was.

use super::client::WechatClient;
use super::error::CallError;
use bytes::Bytes;
use model::account::WechatAccount;
use serde_json::json;
use std::time::Duration;

/// The longest life of a temporary code (WeChat's page "QR code with parameters", read 2026-08).
const MOST_LIFE: Duration = Duration::from_secs(2_592_000);

/// Makes a code whose scan reports `scene` (1 to 64 characters), and returns the address that its picture
/// shows. `life` is how long it works, at most 30 days; `None` makes a permanent one, of which an account has at
/// most 100,000.
pub async fn create_qrcode(
    client: &WechatClient,
    account: &WechatAccount,
    scene: &str,
    life: Option<Duration>,
) -> Result<String, CallError> {
    let info = json!({ "scene": { "scene_str": scene } });
    let body = match life {
        Some(life) => json!({
            "action_name": "QR_STR_SCENE",
            "expire_seconds": life.min(MOST_LIFE).as_secs().max(1),
            "action_info": info,
        }),
        None => json!({ "action_name": "QR_LIMIT_STR_SCENE", "action_info": info }),
    };
    let answer = client.post(account, "/cgi-bin/qrcode/create", Bytes::from(body.to_string())).await?;
    // Without a ticket WeChat has no such code, whatever the address says.
    answer.text("ticket")?;
    answer.text("url").map(str::to_owned)
}
