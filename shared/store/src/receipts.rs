//! Receipts (Tasks table): what WeChat says later of a message that it had accepted.
//!
//! Only bad news is written. That a message was shown is what its record says already, so the usual receipt costs no
//! write. Bad news stands under WeChat's id of the message, which the record holds, and is joined when somebody asks:
//! so it does not matter whether it comes before or after our own record.

use crate::item::{Item, Reader, json, s};
use crate::{StoreError, keys};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::inbound::FinishedAs;
use model::limits;

capability! {
    /// Keeps what WeChat says later of a message.
    ReceiptWriter: [("dynamodb:PutItem", Tasks)]
}

capability! {
    /// Reads what WeChat said later of a message.
    ReceiptReader: [("dynamodb:GetItem", Tasks)]
}

impl ReceiptWriter {
    /// Keeps how the message `msgid` of `account` ended, for as long as its task can be. A repeat writes the same.
    pub async fn keep(
        &self,
        account: &AccountId,
        msgid: u64,
        end: &FinishedAs,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::receipt(account, msgid);
        let item = Item::keyed(key.pk, key.sk)
            .with("end", s(json("receipt", end)?))
            .expiring(now.plus(limits::TASK_RETENTION));
        self.0.put(&self.0.names().tasks, item.build()).await
    }
}

impl ReceiptReader {
    /// How the message ended, if WeChat said that it ended badly.
    pub async fn get(&self, account: &AccountId, msgid: u64) -> Result<Option<FinishedAs>, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::receipt(account, msgid), true).await?;
        item.map(|item| Reader::new("receipt", &item).json("end")).transpose()
    }
}
