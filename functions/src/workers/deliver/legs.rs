//! Who is on which leg.

use model::audience::Recipient;
use model::batch::Batch;
use model::channel::ChannelKind;
use model::record::BatchRecord;

/// The unserved recipients of a batch, as one copy of it sees them.
pub(super) struct Legs<'a> {
    /// Those whose turn on this copy's channel it is.
    pub(super) here: Vec<Turn<'a>>,
    /// Those who are on another channel.
    pub(super) elsewhere: Vec<Away>,
}

/// A recipient on this copy's channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    /// The recipient.
    pub(super) recipient: &'a Recipient,
    /// On which of its legs it is.
    pub(super) leg: u8,
    /// The leg that can follow, and its channel.
    pub(super) next: Option<(u8, ChannelKind)>,
}

/// A recipient on another channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Away {
    /// What the record calls it.
    pub(super) slot: u64,
    /// On which of its legs it is.
    pub(super) leg: u8,
    /// Where that one is served.
    pub(super) channel: ChannelKind,
}

impl<'a> Legs<'a> {
    /// Sorts the recipients of `batch` by what `record` says of them.
    pub(super) fn new(batch: &'a Batch, record: &BatchRecord) -> Self {
        let mut legs = Self { here: Vec::new(), elsewhere: Vec::new() };
        for recipient in batch.recipients.iter().filter(|recipient| !record.is_final(recipient.slot)) {
            // A record that has passed the last leg can only be another version's; who is there is done with.
            let Some((leg, channel)) = batch.leg(recipient, record.leg(recipient.slot)) else { continue };
            if channel == batch.channel {
                let next = batch.leg(recipient, leg.saturating_add(1));
                legs.here.push(Turn { recipient, leg, next });
            } else {
                legs.elsewhere.push(Away { slot: recipient.slot, leg, channel });
            }
        }
        legs
    }

    /// Whether nobody is left.
    pub(super) fn everybody_is_served(&self) -> bool {
        self.here.is_empty() && self.elsewhere.is_empty()
    }
}

impl Turn<'_> {
    /// Whether another leg can follow.
    pub(super) const fn has_further(&self) -> bool {
        self.next.is_some()
    }

    /// The recipient on its next leg.
    pub(super) fn onward(&self) -> Option<Away> {
        self.next.map(|(leg, channel)| Away { slot: self.recipient.slot, leg, channel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::batch::{BatchId, Part};
    use model::channel::Address;
    use model::clock::Timestamp;
    use model::ids::{AccountId, MessageId, OpenId, Owner, TaskId};
    use model::message::{Message, Naming};
    use model::record::{Entry, State};
    use model::wechat::WechatMessage;
    use std::collections::BTreeMap;

    fn batch(channel: ChannelKind) -> Batch {
        let account = AccountId::new("wx00000000000000d1");
        let naming = Naming { message_id: MessageId::new(2), id_per_slot: true, nonce: "n".to_owned() };
        Batch {
            id: BatchId { task: TaskId::new(1), part: Part::Direct, number: 0 },
            owner: Owner::Account(account.clone()),
            channel,
            legs: vec![ChannelKind::WechatCustom, ChannelKind::WechatTemplate],
            account,
            accepted_ms: Timestamp::default(),
            message: Message::Wechat(WechatMessage { naming, content: Box::default(), media: None }),
            recipients: (0..4)
                .map(|slot| Recipient { slot, address: Address::Wechat(OpenId::new("o")), quota_uid: None })
                .collect(),
            attempt: 1,
            topic: None,
            redriven: false,
        }
    }

    #[test]
    fn each_copy_sees_those_whose_turn_on_its_channel_it_is() {
        let mut record = BatchRecord::default();
        let entries = [(0, Entry::new(State::Sent)), (1, Entry::new(State::Passed)), (2, Entry::new(State::Retrying))];
        record.merge(BTreeMap::from(entries), false);
        let slots = |turns: &[Turn]| turns.iter().map(|turn| (turn.recipient.slot, turn.leg)).collect::<Vec<_>>();

        let [custom, template] = [ChannelKind::WechatCustom, ChannelKind::WechatTemplate].map(batch);
        let first = Legs::new(&custom, &record);
        assert_eq!(slots(&first.here), [(2, 0), (3, 0)]);
        assert!(first.here.iter().all(|turn| turn.has_further()));
        assert_eq!(first.elsewhere, [Away { slot: 1, leg: 1, channel: ChannelKind::WechatTemplate }]);

        let second = Legs::new(&template, &record);
        assert_eq!(slots(&second.here), [(1, 1)]);
        assert!(!second.here[0].has_further(), "nothing follows the last leg");
        assert_eq!(second.elsewhere.len(), 2);
        assert!(!second.everybody_is_served());
    }
}
