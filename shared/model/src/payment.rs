//! Purchases and refunds: how they move the end of a paid period.

use crate::clock::Timestamp;
use crate::ids::{AppId, ProductId, Uid};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether money came or went. WxPusher: `type` of `order_pay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradeKind {
    /// 1: the user paid.
    Purchase,
    /// 2: the user was paid back.
    Refund,
}

impl TradeKind {
    /// As callers read it.
    pub const fn number(self) -> i64 {
        match self {
            Self::Purchase => 1,
            Self::Refund => 2,
        }
    }
}

/// A payment or a refund of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// The number in the user's bill. With the kind it names the trade: notices of payments repeat.
    pub trade_no: String,
    /// Purchase or refund.
    pub kind: TradeKind,
    /// Whose product it is.
    pub app_id: AppId,
    /// What was bought.
    pub product: ProductId,
    /// Who bought it.
    pub uid: Uid,
    /// By how much the paid period grows or shrinks; never negative.
    pub period: Duration,
    /// In fen; never negative.
    pub amount_fen: u64,
    /// When it happened.
    pub at: Timestamp,
}

impl Trade {
    /// Names the trade among all of its app.
    pub fn key(&self) -> String {
        format!("{}#{}", self.trade_no, self.kind.number())
    }

    /// Where the paid period of a resource ends after this trade, when it ended at `before` (zero: never paid).
    ///
    /// A purchase counts from now or from the end of what is paid already; a refund shortens, not below zero.
    pub fn pay_end(&self, before: Timestamp, now: Timestamp) -> Timestamp {
        match self.kind {
            TradeKind::Purchase => before.max(now).plus(self.period),
            TradeKind::Refund => before.minus(self.period).max(Timestamp::default()),
        }
    }

    /// `addTime` of the callback, in milliseconds: negative for a refund.
    pub fn add_time_ms(&self) -> i64 {
        self.signed(self.period.as_millis())
    }

    /// `amount` of the callback, in fen: negative for a refund.
    pub fn amount(&self) -> i64 {
        self.signed(u128::from(self.amount_fen))
    }

    fn signed(&self, value: u128) -> i64 {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        match self.kind {
            TradeKind::Purchase => value,
            TradeKind::Refund => -value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn trade(kind: TradeKind, millis: u64) -> Trade {
        Trade {
            trade_no: "202209252308016755383125546".to_owned(),
            kind,
            app_id: AppId::new(1),
            product: ProductId::new(12),
            uid: Uid::parse("UID_demo000000000000000000000001").unwrap(),
            period: Duration::from_millis(millis),
            amount_fen: 50,
            at: NOW,
        }
    }

    #[test]
    fn a_purchase_counts_from_now_or_from_the_end_of_what_is_paid() {
        let end = |before| trade(TradeKind::Purchase, 500).pay_end(Timestamp::from_millis(before), NOW).millis();
        assert_eq!(end(0), 1_000_500, "never paid");
        assert_eq!(end(999_999), 1_000_500, "run out");
        assert_eq!(end(1_000_300), 1_000_800, "still paid");
    }

    #[test]
    fn a_refund_shortens_and_never_goes_below_zero() {
        let end = |before| trade(TradeKind::Refund, 500).pay_end(Timestamp::from_millis(before), NOW).millis();
        assert_eq!(end(1_000_300), 999_800);
        assert_eq!(end(300), 0);
        assert_eq!(end(0), 0);
    }

    #[test]
    fn a_refund_is_told_in_negative_numbers() {
        let refund = trade(TradeKind::Refund, 86_400_000);
        assert_eq!((refund.add_time_ms(), refund.amount()), (-86_400_000, -50));
        let purchase = trade(TradeKind::Purchase, 86_400_000);
        assert_eq!((purchase.add_time_ms(), purchase.amount()), (86_400_000, 50));
        assert_ne!(refund.key(), purchase.key(), "a refund may carry the number of its purchase");
    }
}
