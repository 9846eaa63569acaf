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
use std::time::Duration;

capability! {
    /// Writes down connections that opened without credentials.
    Arrivals: [("dynamodb:PutItem", Users)]
}

capability! {
    /// Says on which connections nobody has signed in in time.
    Strangers: [("dynamodb:Query", Users), ("dynamodb:BatchGetItem", Users)]
}

/// How long they are known: longer than they are looked for.
const KEPT: Duration = Duration::from_secs(600);
/// Minutes that are looked through each time: the last one that is over, and the one before for a run that was left out.
const MINUTES: i64 = 2;

impl Arrivals {
    /// A connection opens on which nobody has signed in. Twice is once.
    pub async fn note(&self, connection: &str, now: Timestamp) -> Result<(), StoreError> {
        let key = keys::stranger(minute(now), connection);
        self.0.put(&self.0.names().users, Item::keyed(key.pk, key.sk).expiring(now.plus(KEPT)).build()).await
    }
}

impl Strangers {
    /// The connections that opened in the last two minutes of which each is over by [`SIGN_IN_WITHIN`], and on which nobody
    /// has signed in, whether or not they are still open. Which those are is read eventually consistent, since they are
    /// half a minute old; who has signed in is not.
    pub async fn overdue(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let table = &self.0.names().users;
        let last = minute(now.minus(SIGN_IN_WITHIN)) - 1;
        let places = (last + 1 - MINUTES..=last).flat_map(keys::strangers);
        let asks = places.map(|pk| async move {
            self.0.query_all(&Ask { consistent: false, ..Ask::new(table, pk, Range::All) }).await
        });
        let noted: Vec<String> = try_join_all(asks).await?.into_iter().flatten().filter_map(connection).collect();
        let sockets = noted.iter().map(|connection| keys::socket(connection)).collect();
        let mut signed_in = HashSet::new();
        for item in self.0.get_many(table, sockets).await? {
            signed_in.insert(Reader::new("connection", &item).string("pk")?.to_owned());
        }
        Ok(noted.into_iter().filter(|connection| !signed_in.contains(&keys::socket(connection).pk)).collect())
    }
}

const fn minute(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

fn connection(item: crate::item::Attributes) -> Option<String> {
    keys::parse_stranger(sort_key(&item)).map(str::to_owned)
}
