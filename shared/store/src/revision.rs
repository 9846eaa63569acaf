//! Changes of an item that is read, altered and written back: refused when somebody else's came between.

use crate::item::{Attributes, Item, Reader, n};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

/// Which state of an item was read. Items that were never changed have none written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(u64);

impl Revision {
    /// Of an item that does not stand there yet.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of(what: &'static str, item: &Attributes) -> Result<Self, StoreError> {
        Reader::new(what, item).number_or("rev", 0).map(Self)
    }
}

impl Store {
    /// Writes `item` over the state that was `seen`; `false` when another one stands there by now.
    pub(crate) async fn put_over(&self, table: &str, item: Item, seen: Revision) -> Result<bool, StoreError> {
        let item = item.with("rev", n(seen.0 + 1)).build();
        let call = self.dynamodb().put_item().table_name(table).set_item(Some(item.clone()));
        let call = call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let call = match seen {
            Revision::NONE => call.condition_expression("attribute_not_exists(rev)"),
            Revision(rev) => call.condition_expression("rev = :seen").expression_attribute_values(":seen", n(rev)),
        };
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // What stands there may be ours: the SDK repeats a call whose answer was lost.
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(refused.item.as_ref() == Some(&item))
                }
                _ => Err(crate::error::failed("PutItem")(error)),
            },
        }
    }
}
