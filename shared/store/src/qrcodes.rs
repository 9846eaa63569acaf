//! QR codes by which users follow, and who scanned them last (Tokens table, TTL).

use crate::db::{Ask, Put, Range, Update, Updated};
use crate::item::{Attributes, Item, Reader, json, n, s};
use crate::{StoreError, keys};
use model::clock::Timestamp;
use model::ids::Uid;
use model::qrcode::{Code, CodeKey, QrCode, Way};
use std::time::Duration;

capability! {
    /// Makes QR codes.
    QrMaker: [("dynamodb:PutItem", Tokens)]
}

capability! {
    /// Reads QR codes and their scans.
    QrCodes: [("dynamodb:GetItem", Tokens), ("dynamodb:Query", Tokens)]
}

capability! {
    /// Notes scans, and where WeChat's own picture of a code leads.
    QrScans: [("dynamodb:UpdateItem", Tokens)]
}

/// How long whoever asks WeChat for a code's address has it to themselves: longer than a call to WeChat takes.
const ASKING: Duration = Duration::from_secs(10);

/// A QR code and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrState {
    /// The code.
    pub code: QrCode,
    /// Who scanned it last.
    pub scanned_by: Option<Uid>,
    /// What the picture shows, when WeChat was asked for an address of its own.
    target: Option<String>,
    /// The same of the picture on its page.
    link_target: Option<String>,
}

impl QrMaker {
    /// Writes a code. Its 64 characters are drawn, so none stands there already; a repeat by the SDK finds its own.
    pub async fn create(&self, code: &QrCode) -> Result<(), StoreError> {
        let key = keys::qr_code(&code.code);
        let mut item = Item::keyed(key.pk, key.sk).with("qr", s(json("QR code", code)?));
        if let (Some(expires), Some(kept)) = (code.expires, code.readable_until()) {
            item = item.with("closes_ms", n(expires.millis())).expiring(kept);
        }
        match self.0.put_new(&self.0.names().tokens, item.build()).await? {
            Put::Written | Put::Refused(_) => Ok(()),
        }
    }
}

impl QrCodes {
    /// The code, until the result of its scan may no longer be read at `now`; [`QrCode::is_open`] says whether scanning
    /// it still does something. Strongly consistent: a scan that was noted is seen.
    pub async fn get(&self, key: &CodeKey, now: Timestamp) -> Result<Option<QrState>, StoreError> {
        let item = match key {
            CodeKey::Whole(code) => self.0.get(&self.0.names().tokens, keys::qr_code(code), true).await?,
            CodeKey::Short(short) => {
                let mut ask = Ask::new(&self.0.names().tokens, keys::qr_codes(short), Range::All);
                ask.limit = Some(1);
                self.0.query_page(&ask, None).await?.items.into_iter().next()
            }
        };
        let state = item.map(|item| read(&item)).transpose()?;
        Ok(state.filter(|state| state.code.readable_until().is_none_or(|until| now < until)))
    }
}

impl QrState {
    /// What the picture that is come by this way shows, once WeChat was asked.
    pub fn target(&self, way: Way) -> Option<&str> {
        match way {
            Way::Picture => self.target.as_deref(),
            Way::Link => self.link_target.as_deref(),
        }
    }
}

/// The attributes of a picture: what it shows, and when WeChat was asked.
const fn attributes(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::Picture => ("target", "asked_ms"),
        Way::Link => ("link_target", "link_asked_ms"),
    }
}

impl QrScans {
    /// Notes that `uid` scanned the code at `at`. The last scan counts: an older one that comes late changes nothing.
    /// `false` when the code is gone or had expired at `at`: nothing is to follow from the scan.
    pub async fn note(&self, code: &Code, uid: &Uid, at: Timestamp) -> Result<bool, StoreError> {
        let update = Update::default()
            .set("scanned_by", s(uid.as_str()))
            .set("scanned_ms", n(at.millis()))
            .when("attribute_exists(#pk)")
            .when("attribute_not_exists(#closes_ms) OR #closes_ms > :scanned_ms")
            .when("attribute_not_exists(#scanned_ms) OR #scanned_ms <= :scanned_ms");
        match self.0.update(&self.0.names().tokens, keys::qr_code(code), update).await? {
            Updated::Done(_) => Ok(true),
            Updated::Refused(None) => Ok(false),
            Updated::Refused(Some(item)) => Ok(read(&item)?.code.is_open(at)),
        }
    }

    /// Whether the caller is to ask WeChat for the code's address. Of all who look at a new code at once one is; when it
    /// got no answer, another may after `ASKING`.
    pub async fn may_ask(&self, code: &Code, way: Way, now: Timestamp) -> Result<bool, StoreError> {
        let (target, asked) = attributes(way);
        let update = Update::default()
            .set(asked, n(now.millis()))
            .when("attribute_exists(#pk)")
            .when(&format!("attribute_not_exists(#{target})"))
            .when(&format!("attribute_not_exists(#{asked}) OR #{asked} < :before"))
            .value(":before", n(now.minus(ASKING).millis()));
        let updated = self.0.update(&self.0.names().tokens, keys::qr_code(code), update).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }

    /// Keeps what the code's picture shows, unless somebody else has kept another address before; the answer is the one
    /// that is kept. `None` when the code is gone.
    pub async fn keep_target(&self, code: &Code, way: Way, target: &str) -> Result<Option<String>, StoreError> {
        let (name, _) = attributes(way);
        let update = Update::default()
            .set(name, s(target))
            .when(&format!("attribute_exists(#pk) AND attribute_not_exists(#{name})"));
        let item = match self.0.update(&self.0.names().tokens, keys::qr_code(code), update).await? {
            Updated::Done(item) | Updated::Refused(Some(item)) => item,
            Updated::Refused(None) => return Ok(None),
        };
        Ok(read(&item)?.target(way).map(str::to_owned))
    }
}

fn read(item: &Attributes) -> Result<QrState, StoreError> {
    let reader = Reader::new("QR code", item);
    Ok(QrState {
        code: reader.json("qr")?,
        scanned_by: reader
            .optional("scanned_by")?
            .map(|uid| Uid::parse(uid).map_err(|error| StoreError::corrupt("QR code", error)))
            .transpose()?,
        target: reader.optional("target")?.map(str::to_owned),
        link_target: reader.optional("link_target")?.map(str::to_owned),
    })
}
