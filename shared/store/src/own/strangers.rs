//! Connections that opened without credentials: nobody has signed in on them yet, and perhaps nobody will.
//!
//! API Gateway tells a function when a connection opens and knows no timer, so such a connection is written down under its
//! minute, and a schedule looks through minutes that are over.

use crate::StoreError;
use crate::db::{Ask, Range, sort_key};
use crate::item::{Item, Reader};
use crate::keys::own as keys;
use futures::future::try_join_all;
use model::clock::Timestamp;
use model::own::SIGN_IN_WITHIN;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

capability! {
    /// Writes down connections that opened without credentials.
    Arrivals: [("dynamodb:PutItem", Users)]
}

capability! {
    /// Says on which connections nobody has signed in in time, and forgets those that were ended.
    Strangers: [("dynamodb:Query", Users), ("dynamodb:BatchGetItem", Users), ("dynamodb:DeleteItem", Users)]
}

/// How long they are known: longer than they are looked for.
const KEPT: Duration = Duration::from_secs(600);
/// Minutes for which a connection is looked for.
const MINUTES: i64 = 5;

impl Arrivals {
    /// A connection opens on which nobody has signed in. Twice is once.
    pub async fn note(&self, connection: &str, now: Timestamp) -> Result<(), StoreError> {
        let key = keys::stranger(minute(now), connection);
        self.0.put(&self.0.names().users, Item::keyed(key.pk, key.sk).expiring(now.plus(KEPT)).build()).await
    }
}

/// A connection that opened without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    minute: i64,
    connection: String,
}

impl Stranger {
    /// API Gateway's id of it.
    pub fn connection(&self) -> &str {
        &self.connection
    }
}

impl Strangers {
    /// The minutes to be looked through at `now`, when all up to `looked` are done with: those of whose connections each is
    /// over by [`SIGN_IN_WITHIN`], earliest first, five at most.
    pub fn minutes(looked: Option<i64>, now: Timestamp) -> RangeInclusive<i64> {
        let last = minute(now.minus(SIGN_IN_WITHIN)) - 1;
        let earliest = last + 1 - MINUTES;
        // A minute that lies ahead was noted by a clock that has been put back.
        let first = looked.filter(|looked| *looked <= last).map_or(earliest, |looked| earliest.max(looked + 1));
        first..=last
    }

    /// The connections that opened in `minute`, but for those that were struck off. Eventually consistent: they are half a
    /// minute old.
    pub async fn noted(&self, minute: i64) -> Result<Vec<Stranger>, StoreError> {
        let table = &self.0.names().users;
        let asks = keys::strangers(minute).map(|pk| async move {
            self.0.query_all(&Ask { consistent: false, ..Ask::new(table, pk, Range::All) }).await
        });
        let items = try_join_all(asks).await?.into_iter().flatten();
        Ok(items.filter_map(connection).map(|connection| Stranger { minute, connection }).collect())
    }

    /// Those of `noted` on which nobody has signed in, whether or not they are still open. Strongly consistent.
    pub async fn overdue(&self, noted: &[Stranger]) -> Result<Vec<Stranger>, StoreError> {
        let sockets = noted.iter().map(|stranger| keys::socket(&stranger.connection)).collect();
        let mut signed_in = HashSet::new();
        for item in self.0.get_many(&self.0.names().users, sockets).await? {
            signed_in.insert(Reader::new("connection", &item).string("pk")?.to_owned());
        }
        let overdue = noted.iter().filter(|stranger| !signed_in.contains(&keys::socket(&stranger.connection).pk));
        Ok(overdue.cloned().collect())
    }

    /// Forgets one that was ended, so that it is ended once.
    pub async fn strike_off(&self, stranger: &Stranger) -> Result<(), StoreError> {
        let key = keys::stranger(stranger.minute, &stranger.connection);
        self.0.delete(&self.0.names().users, key).await
    }
}

const fn minute(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

fn connection(item: crate::item::Attributes) -> Option<String> {
    keys::parse_stranger(sort_key(&item)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_looked_through_once_and_for_five_when_that_failed() {
        let minutes =
            |looked, seconds| Strangers::minutes(looked, Timestamp::from_seconds(seconds)).collect::<Vec<_>>();
        let start = 100 * 60;
        assert_eq!(minutes(Some(97), start + 29), [98], "whoever came in the last second of 99 has a second left");
        assert_eq!(minutes(Some(98), start + 30), [99]);
        assert_eq!(minutes(Some(99), start + 30), [0; 0]);
        assert_eq!(minutes(Some(97), start + 30), [98, 99], "a run was left out");
        for looked in [None, Some(7), Some(94), Some(200)] {
            assert_eq!(minutes(looked, start + 30), [95, 96, 97, 98, 99], "{looked:?}");
        }
    }
}
