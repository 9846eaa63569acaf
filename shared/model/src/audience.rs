//! Who is meant: followers, the rule that says who of them is eligible, and recipients.

use crate::channel::{Address, DeviceAddress, Which};
use crate::clock::{Day, Timestamp};
use crate::ids::{FollowId, OpenId, Uid};
use serde::{Deserialize, Serialize};

/// A user following an app or a topic: everything that decides whether a message goes out, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    /// The follow's own id.
    pub follow_id: FollowId,
    /// Who follows.
    pub uid: Uid,
    /// Where the user is reached. Empty once the user has left the account: it is erased then.
    pub openid: OpenId,
    /// Since when.
    pub created_ms: Timestamp,
    /// The app has blocked the user on this follow.
    pub rejected: bool,
    /// The user has switched messages off, for all apps.
    pub muted: bool,
    /// The user has left the official account, or WeChat says the openid is dead.
    pub unreachable: bool,
    /// Paid until; zero when never paid.
    pub pay_end_ms: Timestamp,
    /// The last day on which the user's daily quota was found used up.
    pub over_quota_day: Option<Day>,
}

/// Who of the followers is meant, by payment. WxPusher: `verifyPayType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum PayFilter {
    /// 0: everyone.
    #[default]
    Everyone,
    /// 1: only who is inside a paid period.
    Paid,
    /// 2: only who never paid or whose period has ended.
    Unpaid,
}

impl PayFilter {
    /// From WxPusher's number; `None` for anything but 0, 1 and 2.
    pub const fn from_wxpusher(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Everyone),
            1 => Some(Self::Paid),
            2 => Some(Self::Unpaid),
            _ => None,
        }
    }

    /// The filter as it applies to a resource: void when the resource is in no product.
    pub const fn within(self, in_product: bool) -> Self {
        if in_product { self } else { Self::Everyone }
    }
}

/// Why a follower does not get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ineligible {
    /// The app has blocked the user.
    Rejected,
    /// The user has left the official account.
    Unreachable,
    /// The user has switched messages off.
    Muted,
    /// Only paying users are meant.
    NotPaid,
    /// Only users who do not pay are meant.
    AlreadyPaid,
    /// The user's daily quota is used up.
    OverQuota,
}

impl Follower {
    /// Whether a message goes out to this follower at `now`.
    pub fn eligible(&self, filter: PayFilter, now: Timestamp) -> Result<(), Ineligible> {
        let paid = self.pay_end_ms > now;
        if self.rejected {
            Err(Ineligible::Rejected)
        } else if self.unreachable || self.openid.as_str().is_empty() {
            Err(Ineligible::Unreachable)
        } else if self.muted {
            Err(Ineligible::Muted)
        } else if filter == PayFilter::Paid && !paid {
            Err(Ineligible::NotPaid)
        } else if filter == PayFilter::Unpaid && paid {
            Err(Ineligible::AlreadyPaid)
        } else if self.over_quota_day == Some(now.beijing_day()) {
            Err(Ineligible::OverQuota)
        } else {
            Ok(())
        }
    }
}

/// One who receives: a slot and an address.
///
/// The slot is what a batch's record calls the recipient. It is unique within its part of the task and never changes:
/// the position in the request for a direct recipient, the follow id for a topic's follower. So a batch that is built a
/// second time, from an audience that has changed meanwhile, still recognises who has been served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat")]
pub struct Recipient {
    /// What the record calls this recipient.
    #[serde(rename = "s")]
    pub slot: u64,
    /// Where the recipient is reached.
    #[serde(flatten)]
    pub address: Address,
    /// Set on the few followers whose daily counter is due for a step with this message (see [`crate::quota`]).
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quota_uid: Option<Uid>,
}

/// A recipient as it is read, with a field for each variant of [`Address`]. `flatten` would read the same, but by way of
/// a copy of everything.
#[derive(Deserialize)]
struct Flat {
    #[serde(rename = "s")]
    slot: u64,
    #[serde(rename = "o")]
    wechat: Option<OpenId>,
    #[serde(rename = "d")]
    device: Option<DeviceAddress>,
    #[serde(rename = "f")]
    followers: Option<Which>,
    #[serde(rename = "q")]
    quota_uid: Option<Uid>,
}

impl TryFrom<Flat> for Recipient {
    type Error = &'static str;

    fn try_from(Flat { slot, wechat, device, followers, quota_uid }: Flat) -> Result<Self, Self::Error> {
        let address = match (wechat, device, followers) {
            (Some(openid), None, None) => Address::Wechat(openid),
            (None, Some(device), None) => Address::Device(device),
            (None, None, Some(which)) => Address::Followers(which),
            _ => return Err("a recipient has one address: `o`, `d` or `f`"),
        };
        Ok(Self { slot, address, quota_uid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{ChannelKind, Way};
    use crate::ids::DeviceToken;

    fn follower() -> Follower {
        Follower {
            follow_id: FollowId::new(1),
            uid: Uid::parse("UID_demo000000000000000000000001").unwrap(),
            openid: OpenId::new("odemo00000000000000000000001"),
            created_ms: Timestamp::default(),
            rejected: false,
            muted: false,
            unreachable: false,
            pay_end_ms: Timestamp::default(),
            over_quota_day: None,
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_449_600_000);

    #[test]
    fn each_obstacle_names_itself() {
        let with = |change: fn(&mut Follower)| {
            let mut changed = follower();
            change(&mut changed);
            changed.eligible(PayFilter::Everyone, NOW)
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|f| f.rejected = true), Err(Ineligible::Rejected));
        assert_eq!(with(|f| f.muted = true), Err(Ineligible::Muted));
        assert_eq!(with(|f| f.unreachable = true), Err(Ineligible::Unreachable));
        assert_eq!(with(|f| f.over_quota_day = Some(NOW.beijing_day())), Err(Ineligible::OverQuota));
        let yesterday = |f: &mut Follower| f.over_quota_day = Some(Day::from_number(NOW.beijing_day().number() - 1));
        assert_eq!(with(yesterday), Ok(()), "yesterday's quota is over");
    }

    #[test]
    fn paid_means_that_the_end_lies_ahead() {
        let mut paying = follower();
        paying.pay_end_ms = NOW.plus(std::time::Duration::from_millis(1));
        assert_eq!(paying.eligible(PayFilter::Paid, NOW), Ok(()));
        assert_eq!(paying.eligible(PayFilter::Unpaid, NOW), Err(Ineligible::AlreadyPaid));
        paying.pay_end_ms = NOW;
        assert_eq!(paying.eligible(PayFilter::Paid, NOW), Err(Ineligible::NotPaid));
        assert_eq!(paying.eligible(PayFilter::Unpaid, NOW), Ok(()));
    }

    #[test]
    fn a_filter_is_void_outside_a_product() {
        assert_eq!(PayFilter::Paid.within(false), PayFilter::Everyone);
        assert_eq!(PayFilter::Paid.within(true), PayFilter::Paid);
    }

    #[test]
    fn a_recipient_is_short_on_the_wire_and_read_in_any_order() {
        let way = Way {
            channel: ChannelKind::Fcm,
            token: DeviceToken::new("T"),
            bound: Timestamp::from_seconds(7),
            badge: None,
        };
        let device = DeviceAddress { ways: vec![way], silent: true, hidden: false };
        for (address, wire, turned) in [
            (Address::Wechat(OpenId::new("oX")), r#"{"s":7,"o":"oX"}"#, r#"{"o":"oX","s":7}"#),
            (Address::Followers(Which::All), r#"{"s":7,"f":"all"}"#, r#"{"f":"all","s":7}"#),
            (
                Address::Device(device),
                r#"{"s":7,"d":{"w":[{"c":"fcm","t":"T","b":7000}],"q":true}}"#,
                r#"{"d":{"q":true,"w":[{"b":7000,"t":"T","c":"fcm"}]},"new":[],"s":7}"#,
            ),
        ] {
            let recipient = Recipient { slot: 7, address, quota_uid: None };
            assert_eq!(serde_json::to_string(&recipient).unwrap(), wire);
            assert_eq!(serde_json::from_str::<Recipient>(wire).unwrap(), recipient);
            assert_eq!(serde_json::from_str::<Recipient>(turned).unwrap(), recipient);
        }
        let wire = r#"{"s":7,"o":"oX","q":"UID_demo000000000000000000000001"}"#;
        let counted: Recipient = serde_json::from_str(wire).unwrap();
        assert_eq!(counted.quota_uid, Some(follower().uid));
        assert_eq!(serde_json::to_string(&counted).unwrap(), wire);
    }

    #[test]
    fn a_recipient_has_one_address() {
        for (wire, problem) in [
            (r#"{"s":7}"#, "a recipient has one address: `o`, `d` or `f`"),
            (r#"{"s":7,"o":"oX","f":"all"}"#, "a recipient has one address: `o`, `d` or `f`"),
            (r#"{"o":"oX"}"#, "missing field `s`"),
            (r#"{"s":7,"f":"some"}"#, "unknown variant `some`, expected `all`"),
            (r#"{"s":7,"d":{}}"#, "missing field `w`"),
        ] {
            let refusal = serde_json::from_str::<Recipient>(wire).unwrap_err().to_string();
            assert!(refusal.starts_with(problem), "{wire}: {refusal}");
        }
    }
}
