//! Reading and writing DynamoDB items without ceremony.

use crate::StoreError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use model::clock::Timestamp;
use model::ids::Uid;
use std::collections::HashMap;

/// An item as the SDK wants it.
pub type Attributes = HashMap<String, AttributeValue>;

pub(crate) fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn b(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// Builds an item.
#[derive(Default)]
pub(crate) struct Item(Attributes);

impl Item {
    /// With the two key attributes that every table has.
    pub(crate) fn keyed(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self::default().with("pk", s(pk)).with("sk", s(sk))
    }

    pub(crate) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn with_some(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// `flag` is written only when set: an absent attribute costs nothing.
    pub(crate) fn with_flag(self, name: &str, flag: bool) -> Self {
        self.with_some(name, flag.then_some(AttributeValue::Bool(true)))
    }

    /// The TTL attribute of every table: epoch seconds.
    pub(crate) fn expiring(self, at: Timestamp) -> Self {
        self.with("expires_at", n(at.seconds()))
    }

    pub(crate) fn build(self) -> Attributes {
        self.0
    }
}

/// Reads an item of the kind `what`.
pub(crate) struct Reader<'a> {
    pub(crate) what: &'static str,
    pub(crate) item: &'a Attributes,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(what: &'static str, item: &'a Attributes) -> Self {
        Self { what, item }
    }

    fn get(&self, name: &str) -> Result<&'a AttributeValue, StoreError> {
        self.item.get(name).ok_or_else(|| StoreError::corrupt(self.what, format!("`{name}` is missing")))
    }

    fn wrong(&self, name: &str) -> StoreError {
        StoreError::corrupt(self.what, format!("`{name}` has the wrong type"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.item.contains_key(name)
    }

    pub(crate) fn string(&self, name: &str) -> Result<&'a str, StoreError> {
        self.get(name)?.as_s().map(String::as_str).map_err(|_| self.wrong(name))
    }

    /// The text of an attribute that may be missing.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&'a str>, StoreError> {
        if self.has(name) { self.string(name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.get(name)?.as_n().map_err(|_| self.wrong(name))?.parse().map_err(|_| self.wrong(name))
    }

    pub(crate) fn number_or<T: std::str::FromStr>(&self, name: &str, otherwise: T) -> Result<T, StoreError> {
        if self.has(name) { self.number(name) } else { Ok(otherwise) }
    }

    /// The number of an attribute that may be missing.
    pub(crate) fn some_number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, StoreError> {
        if self.has(name) { self.number(name).map(Some) } else { Ok(None) }
    }

    /// A list of texts; missing means empty.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, StoreError> {
        if !self.has(name) {
            return Ok(Vec::new());
        }
        let list = self.get(name)?.as_l().map_err(|_| self.wrong(name))?;
        list.iter().map(|text| text.as_s().cloned().map_err(|_| self.wrong(name))).collect()
    }

    pub(crate) fn uid(&self) -> Result<Uid, StoreError> {
        Uid::parse(self.string("uid")?).map_err(|error| StoreError::corrupt(self.what, error))
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<&'a [u8], StoreError> {
        self.get(name)?.as_b().map(AsRef::as_ref).map_err(|_| self.wrong(name))
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.item.get(name), Some(AttributeValue::Bool(true)))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        serde_json::from_str(self.string(name)?).map_err(|error| StoreError::corrupt(self.what, error))
    }
}

/// JSON text of something of ours, which always has one.
pub(crate) fn json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(what, error))
}
