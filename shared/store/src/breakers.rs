//! Breakers (Tokens table): an (account, channel) that is closed to traffic, because only an operator can mend it or
//! because its quota is gone.

use crate::db::refused;
use crate::error::failed;
use crate::item::{Item, Reader, n, s};
use crate::{StoreError, keys};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::AccountId;
use std::time::Duration;

capability! {
    /// Opens, probes and closes breakers.
    Breakers: [
        ("dynamodb:GetItem", Tokens),
        ("dynamodb:PutItem", Tokens),
        ("dynamodb:UpdateItem", Tokens),
        ("dynamodb:DeleteItem", Tokens),
    ]
}

/// Whether traffic may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Closed,
    /// It may not, until then.
    Open {
        /// When to ask again.
        until: Timestamp,
        /// Nothing of the account may pass, on no other channel either.
        whole_account: bool,
    },
    /// One batch may, to see whether the trouble is over; the caller reports with [`Breakers::close`] or
    /// [`Breakers::trip`].
    Probe,
}

/// Why, and until when, a breaker is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// Until when.
    pub until: Timestamp,
    /// A reason that an operator can read.
    pub reason: String,
    /// The vendor's code, where there was one.
    pub vendor_code: Option<i32>,
    /// Nothing of the account may pass, on no other channel either: there is no token to be had.
    pub whole_account: bool,
}

/// How long a probe may take before another one is let through.
const PROBE: Duration = Duration::from_secs(30);

impl Breakers {
    /// Whether traffic may pass. Eventually consistent, half a read unit.
    pub async fn gate(&self, account: &AccountId, channel: ChannelKind, now: Timestamp) -> Result<Gate, StoreError> {
        let table = &self.0.names().tokens;
        let Some(item) = self.0.get(table, keys::breaker(account, channel), false).await? else {
            return Ok(Gate::Closed);
        };
        let reader = Reader::new("breaker", &item);
        let (until, whole_account) = (Timestamp::from_millis(reader.number("until_ms")?), reader.flag("whole_account"));
        if now < until {
            return Ok(Gate::Open { until, whole_account });
        }
        let key = keys::breaker(account, channel);
        let next = now.plus(PROBE);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(table)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("SET until_ms = :next")
            .condition_expression("until_ms = :until")
            .expression_attribute_values(":next", n(next.millis()))
            .expression_attribute_values(":until", n(until.millis()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Gate::Probe),
            Err(error) if refused(&error) => Ok(Gate::Open { until: next, whole_account }),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// Closes the way.
    pub async fn trip(&self, account: &AccountId, channel: ChannelKind, trip: &Trip) -> Result<(), StoreError> {
        let key = keys::breaker(account, channel);
        let item = Item::keyed(key.pk, key.sk)
            .with("until_ms", n(trip.until.millis()))
            .with("reason", s(&trip.reason))
            .with_some("vendor_code", trip.vendor_code.map(n))
            .with_flag("whole_account", trip.whole_account)
            .expiring(trip.until.plus(Duration::from_secs(7 * 86_400)))
            .build();
        self.0.put(&self.0.names().tokens, item).await
    }

    /// The trouble is over.
    pub async fn close(&self, account: &AccountId, channel: ChannelKind) -> Result<(), StoreError> {
        self.0.delete(&self.0.names().tokens, keys::breaker(account, channel)).await
    }
}
