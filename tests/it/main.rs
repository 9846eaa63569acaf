//! The integration tests: one binary, a fresh stack in memory per test, the same SDK calls as in the cloud.

mod admin;
mod callbacks;
mod chat_page;
mod cost;
mod docs;
mod events;
mod fallback;
mod faults;
mod follows;
mod kill;
mod log;
mod mobile;
mod own;
mod page;
mod scripts;
mod service;
mod template;
mod wechat;
mod wechat_event;
mod wxpusher;
