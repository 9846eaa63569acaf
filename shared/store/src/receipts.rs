//! Receipts (Tasks table): what WeChat says later of a message that it had accepted.
//!
//! Only bad news is written, and how many people a mass message reached. That a message was shown is what its record
//! says already, so the usual receipt costs no write. Bad news stands under WeChat's id of the message, which the
//! record holds, and is joined when somebody asks: so it does not matter whether it comes before or after our own
//! record.

use crate::item::{Item, Reader, json, s};
use crate::{StoreError, keys};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::inbound::{Finished, FinishedAs, MassCounts};
use model::limits;

capability! {
    /// Keeps what WeChat says later of a message.
    ReceiptWriter: [("dynamodb:PutItem", Tasks)]
}

capability! {
    /// Reads what WeChat said later of a message.
    ReceiptReader: [("dynamodb:GetItem", Tasks)]
}

/// What WeChat said later of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// How it ended.
    pub end: FinishedAs,
    /// How many people a mass message reached.
    pub counts: Option<MassCounts>,
}

impl ReceiptWriter {
    /// Keeps how a message of `account` ended, for as long as its task can be. A repeat writes the same.
    pub async fn keep(&self, account: &AccountId, finished: &Finished, now: Timestamp) -> Result<(), StoreError> {
        let key = keys::receipt(account, finished.msgid);
        let counts = finished.counts.as_ref().map(|counts| json("receipt", counts)).transpose()?;
        let item = Item::keyed(key.pk, key.sk)
            .with("end", s(json("receipt", &finished.end)?))
            .with_some("counts", counts.map(s))
            .expiring(now.plus(limits::TASK_RETENTION));
        self.0.put(&self.0.names().tasks, item.build()).await
    }
}

impl ReceiptReader {
    /// How the message ended, if WeChat said that it ended badly, or if it was one to everybody.
    pub async fn get(&self, account: &AccountId, msgid: u64) -> Result<Option<Receipt>, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::receipt(account, msgid), true).await?;
        item.map(|item| {
            let reader = Reader::new("receipt", &item);
            let counts = reader.has("counts").then(|| reader.json("counts")).transpose()?;
            Ok(Receipt { end: reader.json("end")?, counts })
        })
        .transpose()
    }
}
