//! The few parts of SQS's JSON that the front reads or writes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::calls::{SQS_BILLED_CHUNK_BYTES, bytes};

/// The member that AWS takes on every queue since fair queues came (2025-07), and the engine on FIFO queues only.
const GROUP: &str = "MessageGroupId";

/// What a request says about itself, or an answer about its messages.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Head {
    queue_url: Option<String>,
    queue_name: Option<String>,
    #[serde(flatten)]
    message: Message,
    entries: Vec<Message>,
    messages: Vec<Message>,
}

/// The parts of a message that AWS counts as payload.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Message {
    /// In what is sent.
    message_body: Option<String>,
    /// In what is received.
    body: Option<String>,
    message_attributes: BTreeMap<String, Attribute>,
}

/// A message attribute.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attribute {
    data_type: String,
    string_value: Option<String>,
    /// Base64 of the value.
    binary_value: Option<String>,
}

impl Message {
    /// Bytes of body and attributes (name, type, value).
    fn payload(&self) -> u64 {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let body = text(&self.message_body) + text(&self.body);
        let attributes = self.message_attributes.iter().map(|(name, attribute)| {
            let binary = text(&attribute.binary_value) / 4 * 3;
            name.len() + attribute.data_type.len() + text(&attribute.string_value) + binary
        });
        bytes(body + attributes.sum::<usize>())
    }
}

impl Head {
    /// Skim a request or an answer. A body that the engine will refuse has an empty head.
    pub(super) fn skim(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The queue's name, `""` for calls about none.
    pub(super) fn queue(&self) -> &str {
        let from_url = self.queue_url.as_deref().and_then(|url| url.rsplit('/').next());
        from_url.or(self.queue_name.as_deref()).unwrap_or("")
    }

    /// Bytes of all messages' payload.
    fn payload(&self) -> u64 {
        let listed = self.entries.iter().chain(&self.messages);
        self.message.payload() + listed.map(Message::payload).sum::<u64>()
    }
}

/// How many messages a call carried, and as how many requests AWS bills it: one for each 64 KiB of payload begun, the
/// payload of all its messages taken together.
pub(super) fn weigh(operation: &str, request: &Head, answer: &[u8]) -> (u64, u64) {
    let (messages, payload) = match operation {
        "ReceiveMessage" => {
            let received = Head::skim(answer);
            (bytes(received.messages.len()), received.payload())
        }
        "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => {
            (bytes(request.entries.len()), request.payload())
        }
        "SendMessage" => (1, request.payload()),
        "DeleteMessage" | "ChangeMessageVisibility" => (1, 0),
        _ => (0, 0),
    };
    (messages, payload.div_ceil(SQS_BILLED_CHUNK_BYTES).max(1))
}

/// The request as the engine takes it: without message groups unless the queue is FIFO.
pub(super) fn without_groups(operation: &str, queue: &str, body: Bytes) -> Bytes {
    let sends = matches!(operation, "SendMessage" | "SendMessageBatch");
    if !sends || queue.ends_with(".fifo") || !contains(&body, GROUP.as_bytes()) {
        return body;
    }
    let Ok(mut request) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    if let Some(members) = request.as_object_mut() {
        members.remove(GROUP);
    }
    let entries = request.get_mut("Entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.remove(GROUP);
    }
    Bytes::from(request.to_string())
}

/// Whether `needle` stands in `haystack`; cheaper than parsing a request that has nothing to change.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A batch without its last entry.
#[derive(Debug)]
pub(super) struct Shortened {
    /// The request to execute; nothing when no entry is left.
    pub(super) request: Option<Bytes>,
    /// The entry's id, as the caller gave it.
    id: Value,
}

/// Take the last entry off a batch; nothing when it holds none.
pub(super) fn shorten(body: &[u8]) -> Option<Shortened> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let entries = request.get_mut("Entries")?.as_array_mut()?;
    let id = entries.pop()?.get("Id")?.clone();
    let emptied = entries.is_empty();
    let request = if emptied { None } else { Some(Bytes::from(request.to_string())) };
    Some(Shortened { request, id })
}

impl Shortened {
    /// The engine's answer (or none) with the entry listed as failed. An error passes unchanged.
    pub(super) fn complete(&self, answer: Option<&Bytes>) -> Bytes {
        let failed = json!({
            "Id": self.id, "SenderFault": false, "Code": "InternalError",
            "Message": "the entry was not executed; send it again",
        });
        let Some(answer) = answer else {
            return Bytes::from(json!({ "Successful": [], "Failed": [failed] }).to_string());
        };
        let Ok(Value::Object(mut members)) = serde_json::from_slice(answer) else {
            return answer.clone();
        };
        if members.contains_key("__type") {
            return answer.clone();
        }
        let list = members.entry("Failed").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(failed);
        }
        Bytes::from(Value::Object(members).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that merely speaks of the member keeps it.
    #[test]
    fn groups_are_taken_off_members_only() {
        let body = json!({
            "QueueUrl": "http://h/0/q", "MessageGroupId": "a",
            "MessageBody": "{\"MessageGroupId\":\"kept\"}",
        });
        let stripped = without_groups("SendMessage", "q", Bytes::from(body.to_string()));
        let stripped: Value = serde_json::from_slice(&stripped).unwrap();
        assert_eq!(stripped["MessageBody"], body["MessageBody"]);
        assert_eq!(stripped.get("MessageGroupId"), None);
    }

    /// FIFO queues need the group.
    #[test]
    fn fifo_queues_keep_their_groups() {
        let body = Bytes::from(json!({ "MessageGroupId": "a", "MessageBody": "b" }).to_string());
        assert_eq!(without_groups("SendMessage", "q.fifo", body.clone()), body);
    }

    /// 64 KiB are one request, one byte more are two, and an empty receive is one.
    #[test]
    fn payload_is_billed_by_chunks_of_64_kib() {
        let batch = |length: usize| {
            let half = "x".repeat(length / 2);
            let rest = "x".repeat(length - length / 2);
            Head::skim(json!({ "Entries": [{ "MessageBody": half }, { "MessageBody": rest }] }).to_string().as_bytes())
        };
        assert_eq!(weigh("SendMessageBatch", &batch(65_536), b"{}"), (2, 1));
        assert_eq!(weigh("SendMessageBatch", &batch(65_537), b"{}"), (2, 2));
        assert_eq!(weigh("ReceiveMessage", &Head::default(), b"{}"), (0, 1));
    }

    /// Attribute names, types and values are payload as well.
    #[test]
    fn attributes_are_payload() {
        let request = json!({
            "MessageBody": "12345",
            "MessageAttributes": { "name": { "DataType": "String", "StringValue": "value" } },
        });
        assert_eq!(Head::skim(request.to_string().as_bytes()).payload(), 5 + 4 + 6 + 5);
    }
}
