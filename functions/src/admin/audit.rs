//! What was asked of this API.

use super::call::{Call, Page, PageQuery, page};
use gateway::ApiError;
use schemars::JsonSchema;
use serde::Serialize;
use store::audit::AuditEntry;

/// A call of this API.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AuditView {
    /// When it came, epoch ms.
    at_ms: i64,
    /// `admin`, `app:<id>`, or `nobody` when the token was missing or wrong.
    who: String,
    /// From which address, as API Gateway saw it; empty on one machine.
    from: String,
    /// The method.
    method: String,
    /// The path, without the query.
    path: String,
    /// The HTTP status of the answer; `null` while it is under way, or when its process died.
    status: Option<u16>,
    /// The code of an error.
    code: Option<String>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            at_ms: entry.at_ms.millis(),
            who: entry.who,
            from: entry.from,
            method: entry.method,
            path: entry.path,
            status: entry.status,
            code: entry.code,
        }
    }
}

/// GET /admin/audit
pub(super) async fn list(call: Call<'_>, query: PageQuery) -> Result<Page<AuditView>, ApiError> {
    let limit = query.limit()?;
    let is_name = |text: &str| {
        let (at, random) = text.split_once('-')?;
        let sound = at.len() == 13 && at.bytes().all(|b| b.is_ascii_digit()) && random.len() == 8;
        (sound && random.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| text.to_owned())
    };
    let before = query.after(is_name)?;
    let entries = call.store.audit_log.page(before.as_deref(), limit).await?;
    Ok(page(entries, limit, |(name, _)| name.clone(), |(_, entry)| AuditView::from(entry)))
}
