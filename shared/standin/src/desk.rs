//! What a stand-in accepted, and what it is told to refuse.

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A notification that a stand-in accepted for one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The device.
    pub token: String,
    /// The title as it would be shown; empty for what is not shown.
    pub title: String,
    /// The text as it would be shown.
    pub body: String,
    /// What the vendor was given for this device: the body, or the fields of the form as an object.
    pub raw: Value,
}

/// The part of a stand-in that its owner talks to.
#[derive(Debug, Default)]
pub struct Desk(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    accepted: Vec<Accepted>,
    devices: HashMap<String, String>,
    answers: VecDeque<Response<Bytes>>,
    issued: u64,
}

impl Desk {
    /// What was accepted since the last call.
    pub fn take_accepted(&self) -> Vec<Accepted> {
        std::mem::take(&mut self.inner().accepted)
    }

    /// From now on this device is answered with the vendor's `code` (APNs: the reason).
    pub fn set_device(&self, token: &str, code: &str) {
        self.inner().devices.insert(token.to_owned(), code.to_owned());
    }

    /// From now on this device is like any other.
    pub fn clear_device(&self, token: &str) {
        self.inner().devices.remove(token);
    }

    /// The next sends are answered like this, one each, whatever they ask.
    pub fn next_answers(&self, answers: impl IntoIterator<Item = Response<Bytes>>) {
        self.inner().answers.extend(answers);
    }

    /// How many tokens this vendor has issued.
    pub fn tokens_issued(&self) -> u64 {
        self.inner().issued
    }

    /// For stand-ins: notes that a device got something.
    pub fn accept(&self, accepted: Accepted) {
        self.inner().accepted.push(accepted);
    }

    /// For stand-ins: the code that this device is to be answered with.
    pub fn device(&self, token: &str) -> Option<String> {
        self.inner().devices.get(token).cloned()
    }

    /// For stand-ins: the answer that was ordered for this send.
    pub fn ordered(&self) -> Option<Response<Bytes>> {
        self.inner().answers.pop_front()
    }

    /// For stand-ins: the number of the token that is being issued, from 1.
    pub fn issue(&self) -> u64 {
        let mut inner = self.inner();
        inner.issued += 1;
        inner.issued
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
