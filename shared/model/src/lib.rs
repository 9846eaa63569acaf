//! What Tuisong is about, without saying how any of it is stored, sent or served.
//!
//! Ids, limits, messages, audiences, tasks, batches, outcomes and the rules between them. Nothing here does I/O:
//! the clock and randomness are handed in, so every rule is tested in microseconds. The words are those of
//! `docs/glossary.md`, one meaning each.

pub mod account;
pub mod app;
pub mod audience;
pub mod batch;
pub mod callback;
pub mod certificate;
pub mod cgi;
pub mod channel;
pub mod clock;
pub mod device;
pub mod follow;
pub mod ids;
pub mod inbound;
pub mod limits;
pub mod message;
pub mod mobile;
pub mod notification;
pub mod outcome;
pub mod own;
pub mod payment;
pub mod push;
pub mod qrcode;
pub mod quota;
pub mod record;
pub mod retry;
pub mod secret;
pub mod service;
pub mod statistics;
pub mod task;
pub mod typed;
pub mod wechat;
pub mod wxpusher;
