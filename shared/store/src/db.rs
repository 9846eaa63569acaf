//! The few DynamoDB calls that every entity uses, and the batch calls that honour what is reported per entry.

use crate::error::failed;
use crate::item::n;
use crate::item::{Attributes, s};
use crate::keys::Key;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::time::Duration;

/// Keys of one BatchGetItem (DynamoDB quota).
const GET_ENTRIES: usize = 100;
/// Items of one BatchWriteItem (DynamoDB quota).
const WRITE_ENTRIES: usize = 25;
/// Batch calls of one request that run side by side.
const BATCH_CALLS: usize = 8;
/// How often what a batch call left undone is tried again.
const BATCH_ATTEMPTS: u32 = 6;

/// What became of a conditional put.
#[derive(Debug)]
pub(crate) enum Put {
    /// It was written.
    Written,
    /// The condition did not hold; this is the item that stands there.
    Refused(Option<Attributes>),
}

/// What became of a conditional update.
#[derive(Debug)]
pub(crate) enum Updated {
    /// It was done; this is the item as it is now.
    Done(Attributes),
    /// The condition did not hold; this is the item that stands there, if any.
    Refused(Option<Attributes>),
}

impl Updated {
    /// Whether it was done.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// An update under way: every attribute goes by an alias, so that no name can be one of DynamoDB's reserved words.
#[derive(Default)]
pub(crate) struct Update {
    sets: Vec<String>,
    removes: Vec<String>,
    adds: Vec<String>,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: Attributes,
}

impl Update {
    fn alias(&mut self, name: &str) -> String {
        self.names.insert(format!("#{name}"), name.to_owned());
        format!("#{name}")
    }

    pub(crate) fn set(mut self, name: &str, value: AttributeValue) -> Self {
        let alias = self.alias(name);
        self.sets.push(format!("{alias} = :{name}"));
        self.values.insert(format!(":{name}"), value);
        self
    }

    /// Sets the attribute unless it has a value.
    pub(crate) fn set_first(mut self, name: &str, value: AttributeValue) -> Self {
        let alias = self.alias(name);
        self.sets.push(format!("{alias} = if_not_exists({alias}, :{name})"));
        self.values.insert(format!(":{name}"), value);
        self
    }

    /// Sets the attribute, or removes it when there is no value.
    pub(crate) fn set_or_remove(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove(name),
        }
    }

    /// A flag is there when it is set and absent when it is not.
    pub(crate) fn flag(self, name: &str, is_set: bool) -> Self {
        self.set_or_remove(name, is_set.then_some(flag()))
    }

    pub(crate) fn remove(mut self, name: &str) -> Self {
        let alias = self.alias(name);
        self.removes.push(alias);
        self
    }

    pub(crate) fn add(mut self, name: &str, by: i64) -> Self {
        let alias = self.alias(name);
        self.adds.push(format!("{alias} :{name}"));
        self.values.insert(format!(":{name}"), n(by));
        self
    }

    /// Under a condition that names attributes as `#name`.
    pub(crate) fn when(mut self, condition: &str) -> Self {
        for word in condition.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '#')) {
            if let Some(name) = word.strip_prefix('#') {
                self.alias(name);
            }
        }
        self.condition = Some(match self.condition {
            None => condition.to_owned(),
            Some(before) => format!("({before}) AND ({condition})"),
        });
        self
    }

    /// A value that the condition names.
    pub(crate) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn expression(&self) -> String {
        let clause = |verb: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{verb} {} ", parts.join(", ")),
        };
        [clause("SET", &self.sets), clause("REMOVE", &self.removes), clause("ADD", &self.adds)].concat()
    }
}

/// One page of a Query.
pub(crate) struct Page {
    pub(crate) items: Vec<Attributes>,
    pub(crate) more: Option<Attributes>,
}

/// What a Query asks for.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) table: &'a str,
    pub(crate) pk: String,
    pub(crate) range: Range,
    pub(crate) consistent: bool,
    pub(crate) descending: bool,
    pub(crate) limit: Option<i32>,
}

/// Which sort keys.
#[derive(Clone)]
pub(crate) enum Range {
    All,
    Prefix(String),
    Between(String, String),
}

impl<'a> Ask<'a> {
    pub(crate) fn new(table: &'a str, pk: String, range: Range) -> Self {
        Self { table, pk, range, consistent: true, descending: false, limit: None }
    }
}

impl Store {
    pub(crate) async fn get(&self, table: &str, key: Key, consistent: bool) -> Result<Option<Attributes>, StoreError> {
        self.dynamodb()
            .get_item()
            .table_name(table)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .consistent_read(consistent)
            .send()
            .await
            .map(|answer| answer.item)
            .map_err(failed("GetItem"))
    }

    pub(crate) async fn put(&self, table: &str, item: Attributes) -> Result<(), StoreError> {
        self.dynamodb()
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .send()
            .await
            .map(|_| ())
            .map_err(failed("PutItem"))
    }

    /// Writes `item` unless its key is taken.
    pub(crate) async fn put_new(&self, table: &str, item: Attributes) -> Result<Put, StoreError> {
        let answer = self
            .dynamodb()
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Put::Written),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => Ok(Put::Refused(refused.item.clone())),
                _ => Err(failed("PutItem")(error)),
            },
        }
    }

    /// Does an update and says what the item is now.
    pub(crate) async fn update(&self, table: &str, key: Key, update: Update) -> Result<Updated, StoreError> {
        let answer = self
            .dynamodb()
            .update_item()
            .table_name(table)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression(update.expression())
            .set_condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values((!update.values.is_empty()).then_some(update.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Updated::Done(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Updated::Refused(refused.item.clone()))
                }
                _ => Err(failed("UpdateItem")(error)),
            },
        }
    }

    /// Writes a copy of something unless a newer one stands there: `rev` counts the changes of the original.
    pub(crate) async fn put_unless_newer(&self, table: &str, item: Attributes, rev: u64) -> Result<(), StoreError> {
        let answer = self
            .dynamodb()
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(rev) OR rev <= :rev")
            .expression_attribute_values(":rev", n(rev))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("PutItem")(error)),
        }
    }

    /// Deletes a copy of something unless a newer one stands there.
    pub(crate) async fn delete_unless_newer(&self, table: &str, key: Key, rev: u64) -> Result<(), StoreError> {
        let values = HashMap::from([(":rev".to_owned(), n(rev))]);
        self.delete_if(table, key, "attribute_not_exists(rev) OR rev <= :rev", values).await
    }

    /// Deletes an item if `condition` holds for it; `condition` names attributes that are no reserved words.
    pub(crate) async fn delete_if(
        &self,
        table: &str,
        key: Key,
        condition: &str,
        values: Attributes,
    ) -> Result<(), StoreError> {
        let answer = self
            .dynamodb()
            .delete_item()
            .table_name(table)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.as_service_error(), Some(DeleteItemError::ConditionalCheckFailedException(_))) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("DeleteItem")(error)),
        }
    }

    pub(crate) async fn delete(&self, table: &str, key: Key) -> Result<(), StoreError> {
        self.dynamodb()
            .delete_item()
            .table_name(table)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .send()
            .await
            .map(|_| ())
            .map_err(failed("DeleteItem"))
    }

    /// One page of a Query.
    pub(crate) async fn query_page(&self, ask: &Ask<'_>, start: Option<Attributes>) -> Result<Page, StoreError> {
        let mut call = self
            .dynamodb()
            .query()
            .table_name(ask.table)
            .expression_attribute_values(":pk", s(&ask.pk))
            .consistent_read(ask.consistent)
            .scan_index_forward(!ask.descending)
            .set_limit(ask.limit)
            .set_exclusive_start_key(start);
        call = match &ask.range {
            Range::All => call.key_condition_expression("pk = :pk"),
            Range::Prefix(prefix) => call
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", s(prefix)),
            Range::Between(from, to) => call
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", s(from))
                .expression_attribute_values(":to", s(to)),
        };
        let answer = call.send().await.map_err(failed("Query"))?;
        Ok(Page { items: answer.items.unwrap_or_default(), more: answer.last_evaluated_key })
    }

    /// All pages of a Query. For partitions whose size has a bound.
    pub(crate) async fn query_all(&self, ask: &Ask<'_>) -> Result<Vec<Attributes>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self.query_page(ask, start).await?;
            items.extend(page.items);
            match page.more {
                Some(more) => start = Some(more),
                None => return Ok(items),
            }
        }
    }

    /// Strongly consistent reads of any number of keys; keys without an item are left out.
    pub(crate) async fn get_many(&self, table: &str, keys: Vec<Key>) -> Result<Vec<Attributes>, StoreError> {
        let chunks: Vec<Vec<Attributes>> = keys
            .chunks(GET_ENTRIES)
            .map(|chunk| {
                chunk
                    .iter()
                    .map(|key| HashMap::from([("pk".to_owned(), s(&key.pk)), ("sk".to_owned(), s(&key.sk))]))
                    .collect()
            })
            .collect();
        let found: Vec<Vec<Attributes>> = stream::iter(chunks)
            .map(|chunk| self.get_chunk(table, chunk))
            .buffer_unordered(BATCH_CALLS)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn get_chunk(&self, table: &str, mut keys: Vec<Attributes>) -> Result<Vec<Attributes>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for attempt in 0..BATCH_ATTEMPTS {
            pause(attempt).await;
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::corrupt("batch of keys", error))?;
            let answer = self
                .dynamodb()
                .batch_get_item()
                .request_items(table, wanted)
                .send()
                .await
                .map_err(failed("BatchGetItem"))?;
            found.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
            keys = match answer.unprocessed_keys.unwrap_or_default().remove(table) {
                Some(rest) if !rest.keys.is_empty() => rest.keys,
                _ => return Ok(found),
            };
        }
        Err(StoreError::Undone { operation: "BatchGetItem", entries: keys.len(), attempts: BATCH_ATTEMPTS })
    }

    /// Writes any number of items, unconditionally; what a call leaves undone is written again.
    pub(crate) async fn put_many(&self, table: &str, items: Vec<Attributes>) -> Result<(), StoreError> {
        let chunks: Vec<Vec<Attributes>> = items.chunks(WRITE_ENTRIES).map(<[Attributes]>::to_vec).collect();
        stream::iter(chunks).map(|chunk| self.put_chunk(table, chunk)).buffer_unordered(BATCH_CALLS).try_collect().await
    }

    async fn put_chunk(&self, table: &str, items: Vec<Attributes>) -> Result<(), StoreError> {
        let mut requests = items
            .into_iter()
            .map(|item| {
                let put = PutRequest::builder()
                    .set_item(Some(item))
                    .build()
                    .map_err(|error| StoreError::corrupt("batch of items", error))?;
                Ok(WriteRequest::builder().put_request(put).build())
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        for attempt in 0..BATCH_ATTEMPTS {
            pause(attempt).await;
            let answer = self
                .dynamodb()
                .batch_write_item()
                .request_items(table, requests)
                .send()
                .await
                .map_err(failed("BatchWriteItem"))?;
            requests = answer.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Undone { operation: "BatchWriteItem", entries: requests.len(), attempts: BATCH_ATTEMPTS })
    }
}

/// Before attempt 0 nothing, then 50, 100, 200 … ms: what was left undone was left so because of load.
pub(crate) async fn pause(attempt: u32) {
    if attempt > 0 {
        tokio::time::sleep(Duration::from_millis(25 << attempt)).await;
    }
}

/// Whether an update was refused by its condition.
pub(crate) fn refused<R>(
    error: &aws_smithy_runtime_api::client::result::SdkError<
        aws_sdk_dynamodb::operation::update_item::UpdateItemError,
        R,
    >,
) -> bool {
    error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception())
}

/// A bound below the sort key `name` and above every other one of its length before it. `name` ends in a letter or a
/// digit: what sorts right below these stands in no sort key, and `~` sorts behind them all.
pub(crate) fn just_below(name: &str) -> String {
    let mut text = name.to_owned();
    let last = text.pop().filter(char::is_ascii_alphanumeric).unwrap_or('0');
    text.push(char::from(u8::try_from(last).unwrap_or(b'0') - 1));
    text.push('~');
    text
}

/// The sort key of an item.
pub(crate) fn sort_key(item: &Attributes) -> &str {
    item.get("sk").and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// An expression value for a flag.
pub(crate) const fn flag() -> AttributeValue {
    AttributeValue::Bool(true)
}
