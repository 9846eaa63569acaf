//! What was asked of the operator's API, by whom and with what outcome (Tokens table, TTL).

use crate::db::{Ask, Range, just_below, sort_key};
use crate::item::{Item, Reader, json, s};
use crate::{StoreError, keys};
use model::clock::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

capability! {
    /// Writes down calls of the operator's API.
    AuditWriter: [("dynamodb:PutItem", Tokens)]
}

capability! {
    /// Reads the calls written down.
    AuditLog: [("dynamodb:Query", Tokens)]
}

/// How long a call can be looked up.
pub const RETENTION: Duration = Duration::from_secs(90 * 86_400);

/// One call. It never holds a token, a body or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it came, epoch ms.
    pub at_ms: Timestamp,
    /// Who asked: `admin`, `app:<id>`, or `nobody` when the token was missing or wrong.
    pub who: String,
    /// From which address, as API Gateway saw it; empty when nobody says.
    pub from: String,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The HTTP status of the answer; `None` while the call is under way, or when its process died.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The code of an error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

/// Names an entry that was written, so that its outcome can be added.
#[derive(Debug, Clone)]
pub struct AuditKey(keys::Key);

impl AuditWriter {
    /// Writes a call down. Its outcome is added with [`AuditWriter::write_again`].
    pub async fn write(&self, entry: &AuditEntry) -> Result<AuditKey, StoreError> {
        let key = AuditKey(keys::audit(entry.at_ms, &Alphanumeric.sample_string(&mut rand::rng(), 8)));
        self.write_again(&key, entry).await?;
        Ok(key)
    }

    /// Writes a call down once more, with its outcome.
    pub async fn write_again(&self, key: &AuditKey, entry: &AuditEntry) -> Result<(), StoreError> {
        let item = Item::keyed(&key.0.pk, &key.0.sk)
            .with("entry", s(json("audit entry", entry)?))
            .expiring(entry.at_ms.plus(RETENTION))
            .build();
        self.0.put(&self.0.names().tokens, item).await
    }
}

impl AuditLog {
    /// At most `limit` calls, the newest first, from the one before `before` on, each with the name by which the next page
    /// is asked for.
    pub async fn page(&self, before: Option<&str>, limit: u16) -> Result<Vec<(String, AuditEntry)>, StoreError> {
        let range = Range::Between("0".to_owned(), before.map_or_else(|| "~".to_owned(), just_below));
        let mut ask = Ask::new(&self.0.names().tokens, keys::AUDIT.to_owned(), range);
        (ask.descending, ask.limit) = (true, Some(i32::from(limit)));
        let page = self.0.query_page(&ask, None).await?;
        let read = |item| Ok((sort_key(item).to_owned(), Reader::new("audit entry", item).json("entry")?));
        page.items.iter().map(read).collect()
    }
}
