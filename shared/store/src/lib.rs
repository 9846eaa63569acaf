//! What DynamoDB, SQS and S3 hold: the only crate that sees the AWS SDK.
//!
//! One file per entity, keys in [`keys`], every access pattern in `docs/data.md`. What a function may do with the
//! store is a type: each *capability* offers a few calls and names the AWS actions they need, and a function's
//! capabilities are what `template.yaml` grants it. The owner comes first in every read, so tenant scoping is the only
//! way in.
//!
//! The table is the truth and a queue is only a hint: nothing here relies on a message arriving, or arriving once.

#[macro_use]
mod capability;
mod clients;
mod db;
mod error;
mod item;
mod rounds;
mod tagged;

pub mod access;
pub mod accounts;
pub mod apps;
pub mod audience;
pub mod audit;
pub mod bindings;
pub mod breakers;
pub mod callback_secrets;
pub mod callbacks;
pub mod certificates;
pub mod claims;
pub mod devices;
pub mod due;
pub mod enterprises;
pub mod followers;
pub mod following;
pub mod follows;
pub mod forms;
pub mod ids;
pub mod inbound;
pub mod keys;
pub mod media;
pub mod mobile_apps;
pub mod objects;
pub mod own;
pub mod payments;
pub mod people;
pub mod plan;
pub mod push_keys;
pub mod qrcodes;
pub mod queue;
pub mod quotas;
pub mod receipts;
pub mod records;
mod relations;
pub mod repeats;
pub mod revision;
pub mod seal;
pub mod sessions;
pub mod statistics;
pub mod sweep;
pub mod tasks;
pub mod tokens;
pub mod wechat_media;
pub mod windows;

pub use capability::{Capability, Grant, Resource};
pub use clients::{AwsSettings, Names, SealSettings, Store};
pub use error::StoreError;
pub use item::Attributes;
