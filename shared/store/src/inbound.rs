//! What WeChat told us and is still to be done (queue of inbound events), and what was done (Tokens table, TTL).
//!
//! An event is put on the queue before anything is done about it, so that it is done also when the process dies in
//! between. When it is done, that and what the person was answered is kept for a day: WeChat says the same up to three
//! times, and the queue's own copy arrives in any case.

use crate::db::Put;
use crate::error::failed;
use crate::item::{Item, Reader, s};
use crate::{StoreError, item, keys};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::inbound::Inbound;
use serde::{Deserialize, Serialize};
use std::time::Duration;

capability! {
    /// Puts what WeChat told us on the queue.
    InboundQueue: [("sqs:SendMessage", InboundQueue)]
}

capability! {
    /// Knows what was done about the events of the last day.
    InboundDone: [("dynamodb:GetItem", Tokens), ("dynamodb:PutItem", Tokens)]
}

/// How long it is known that an event was done. WeChat repeats within seconds, the queue within its four days; a copy
/// that is older than this does its event again, which changes nothing that stands.
const KEPT: Duration = Duration::from_secs(86_400);

/// A message on the queue of inbound events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InboundMessage {
    /// Something that WeChat told us of an account.
    InboundV1 {
        /// The account.
        account: AccountId,
        /// What.
        inbound: Inbound,
    },
}

/// An event that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What the person was answered.
    pub reply: Option<String>,
}

impl InboundQueue {
    /// Puts an event on the queue, to be looked at after `delay` (whole seconds). The group is the account: one account's
    /// flood delays only itself.
    pub async fn keep(&self, account: &AccountId, inbound: &Inbound, delay: Duration) -> Result<(), StoreError> {
        let message = InboundMessage::InboundV1 { account: account.clone(), inbound: inbound.clone() };
        let delay = i32::try_from(delay.as_secs()).ok().filter(|&seconds| seconds > 0);
        self.0
            .sqs()
            .send_message()
            .queue_url(&self.0.names().inbound_queue)
            .message_group_id(account.as_str())
            .message_body(item::json("inbound event", &message)?)
            .set_delay_seconds(delay)
            .send()
            .await
            .map(|_| ())
            .map_err(failed("SendMessage"))
    }
}

impl InboundDone {
    /// Whether the event is done, and what was answered.
    pub async fn find(&self, account: &AccountId, inbound: &Inbound) -> Result<Option<Done>, StoreError> {
        let key = keys::inbound_done(account, &inbound.repeat_key);
        let item = self.0.get(&self.0.names().tokens, key, true).await?;
        item.map(|item| read(&item)).transpose()
    }

    /// Keeps that the event is done. Of two who did it at once the first one's answer stands, and is returned to both.
    pub async fn keep(
        &self,
        account: &AccountId,
        inbound: &Inbound,
        reply: Option<String>,
        now: Timestamp,
    ) -> Result<Done, StoreError> {
        let key = keys::inbound_done(account, &inbound.repeat_key);
        let item = Item::keyed(key.pk, key.sk).with_some("reply", reply.as_ref().map(s)).expiring(now.plus(KEPT));
        match self.0.put_new(&self.0.names().tokens, item.build()).await? {
            Put::Refused(Some(first)) => read(&first),
            Put::Written | Put::Refused(None) => Ok(Done { reply }),
        }
    }
}

fn read(item: &crate::item::Attributes) -> Result<Done, StoreError> {
    let reader = Reader::new("inbound event", item);
    let reply = reader.has("reply").then(|| reader.string("reply").map(str::to_owned)).transpose()?;
    Ok(Done { reply })
}
