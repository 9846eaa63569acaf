//! The few parts of DynamoDB's JSON that the front reads or writes.
//!
//! Requests and answers are skimmed, not parsed into trees: items pass through unread.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::aws::calls::Share;

/// What `X-Amz-Target` starts with.
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// The member that makes DynamoDB report the units a call consumed.
const ASK_FOR_UNITS: &[u8] = br#""ReturnConsumedCapacity":"TOTAL","#;

/// The operation's name, from the `X-Amz-Target` header.
pub(super) fn operation(headers: &http::HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(TARGET_PREFIX)
}

/// How an operation is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charge {
    /// In read units.
    Read,
    /// In write units.
    Write,
    /// Not by units: table management and the like.
    None,
}

/// How `operation` is charged.
pub(super) fn charge(operation: &str) -> Charge {
    match operation {
        "GetItem" | "Query" | "Scan" | "BatchGetItem" | "TransactGetItems" => Charge::Read,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => Charge::Write,
        _ => Charge::None,
    }
}

/// What a request says about itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RequestHead {
    table_name: Option<String>,
    #[serde(deserialize_with = "present")]
    return_consumed_capacity: bool,
    request_items: BTreeMap<String, IgnoredAny>,
    transact_items: Vec<TransactItem>,
}

/// One action of a transaction; exactly one member is there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TransactItem {
    put: Option<OnTable>,
    update: Option<OnTable>,
    delete: Option<OnTable>,
    get: Option<OnTable>,
    condition_check: Option<OnTable>,
}

/// An action's table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnTable {
    table_name: String,
}

impl TransactItem {
    /// The table of whichever action it is.
    fn table(&self) -> Option<&str> {
        let action = self.put.as_ref().or(self.update.as_ref()).or(self.delete.as_ref());
        let action = action.or(self.get.as_ref()).or(self.condition_check.as_ref());
        action.map(|action| action.table_name.as_str())
    }
}

/// True when the member stands in the document at all, whatever it says.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl RequestHead {
    /// Skim a request. A body the database will refuse has an empty head.
    pub(super) fn skim(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether the caller decided for itself whether it wants the units reported.
    pub(super) fn decides_about_units(&self) -> bool {
        self.return_consumed_capacity
    }

    /// The tables, each once.
    pub(super) fn tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self.table_name.iter().chain(self.request_items.keys()).cloned().collect();
        tables.extend(self.transact_items.iter().filter_map(TransactItem::table).map(str::to_owned));
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// How many of a transaction's actions are on `table`.
    fn actions_on(&self, table: &str) -> u32 {
        let actions = self.transact_items.iter().filter(|item| item.table() == Some(table)).count();
        u32::try_from(actions).unwrap_or(u32::MAX)
    }
}

/// The same request, asking for the units. Bodies that are no JSON object with members stay as they are.
pub(super) fn ask_for_units(body: Bytes) -> Bytes {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let Some(open) = body.iter().position(|byte| !blank(byte)).filter(|at| body[*at] == b'{') else {
        return body;
    };
    let (head, members) = body.split_at(open + 1);
    if members.iter().find(|byte| !blank(byte)) == Some(&b'}') {
        return body;
    }
    let mut asking = BytesMut::with_capacity(body.len() + ASK_FOR_UNITS.len());
    asking.put_slice(head);
    asking.put_slice(ASK_FOR_UNITS);
    asking.put_slice(members);
    asking.freeze()
}

/// What an answer says about its price.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnswerTail {
    #[serde(rename = "ConsumedCapacity")]
    consumed: Option<Consumed>,
    #[serde(rename = "__type")]
    error: Option<String>,
}

/// `ConsumedCapacity`: an object for one table, a list for batches and transactions.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Consumed {
    One(Capacity),
    Many(Vec<Capacity>),
}

/// The units one table consumed, its indexes included.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capacity {
    table_name: String,
    capacity_units: f64,
    #[serde(default)]
    read_capacity_units: Option<f64>,
    #[serde(default)]
    write_capacity_units: Option<f64>,
}

impl Capacity {
    /// Split into reads and writes. Transactions name the kind (a repeated one is charged as a read); other answers
    /// leave it to the operation.
    fn share(self, charge: Charge) -> Share {
        let (read_units, write_units) = match (self.read_capacity_units, self.write_capacity_units) {
            (None, None) if charge == Charge::Write => (0.0, self.capacity_units),
            (None, None) => (self.capacity_units, 0.0),
            (read, write) => (read.unwrap_or(0.0), write.unwrap_or(0.0)),
        };
        Share { resource: self.table_name, read_units, write_units }
    }
}

/// What a call cost each of its tables. Every table it names is listed, with zeros where nothing was consumed.
///
/// A write refused by its condition costs AWS's customer too, by the size of the item that stands there; the answer
/// does not say it, so the smallest is counted: 1 unit, and 2 for each action of a cancelled transaction.
pub(super) fn shares(operation: &str, head: &RequestHead, answer: &[u8]) -> Vec<Share> {
    let charge = charge(operation);
    let tail: AnswerTail =
        if charge == Charge::None { AnswerTail::default() } else { serde_json::from_slice(answer).unwrap_or_default() };
    let mut shares: Vec<Share> = match tail.consumed {
        Some(Consumed::One(capacity)) => vec![capacity.share(charge)],
        Some(Consumed::Many(capacities)) => capacities.into_iter().map(|each| each.share(charge)).collect(),
        None => Vec::new(),
    };
    let error = tail.error.as_deref().and_then(|name| name.rsplit('#').next());
    for table in head.tables() {
        if shares.iter().any(|share| share.resource == table) {
            continue;
        }
        let write_units = match error {
            Some("ConditionalCheckFailedException") => 1.0,
            Some("TransactionCanceledException") if charge == Charge::Write => 2.0 * f64::from(head.actions_on(&table)),
            _ => 0.0,
        };
        shares.push(Share { resource: table, read_units: 0.0, write_units });
    }
    shares
}
