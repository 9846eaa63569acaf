//! Batches whose last item stays unprocessed, as AWS answers under load.

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// A batch without its last item.
#[derive(Debug)]
pub(super) struct Shortened {
    /// The request to execute; nothing when no item is left.
    pub(super) request: Option<Bytes>,
    /// Where the answer lists what was left out: `UnprocessedItems` or `UnprocessedKeys`.
    member: &'static str,
    /// What was left out, shaped like `RequestItems`.
    left_out: Value,
}

/// Take the last item off a `BatchWriteItem` or `BatchGetItem` request; nothing when it holds none.
pub(super) fn shorten(operation: &str, body: &[u8]) -> Option<Shortened> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let tables = request.get_mut("RequestItems")?.as_object_mut()?;
    let table = tables.keys().next_back()?.clone();
    let entry = tables.get_mut(&table)?;
    let reads = operation == "BatchGetItem";
    let items = if reads { entry.get_mut("Keys")? } else { &mut *entry }.as_array_mut()?;
    let last = items.pop()?;
    let emptied = items.is_empty();
    let mut left_out = Map::new();
    if reads {
        let mut keys = entry.clone();
        keys["Keys"] = json!([last]);
        left_out.insert(table.clone(), keys);
    } else {
        left_out.insert(table.clone(), json!([last]));
    }
    if emptied {
        tables.remove(&table);
    }
    let request = if tables.is_empty() { None } else { Some(Bytes::from(request.to_string())) };
    let member = if reads { "UnprocessedKeys" } else { "UnprocessedItems" };
    Some(Shortened { request, member, left_out: Value::Object(left_out) })
}

impl Shortened {
    /// The answer to a batch that had only this item.
    pub(super) fn answer_alone(&self) -> Bytes {
        let mut answer = json!({ self.member: self.left_out });
        if self.member == "UnprocessedKeys" {
            answer["Responses"] = json!({});
        }
        Bytes::from(answer.to_string())
    }

    /// The database's answer with the item listed as unprocessed. An error passes unchanged.
    pub(super) fn complete(&self, answer: &Bytes) -> Bytes {
        match serde_json::from_slice::<Value>(answer) {
            Ok(Value::Object(mut members)) if !members.contains_key("__type") => {
                members.insert(self.member.to_owned(), self.left_out.clone());
                Bytes::from(Value::Object(members).to_string())
            }
            _ => answer.clone(),
        }
    }
}
