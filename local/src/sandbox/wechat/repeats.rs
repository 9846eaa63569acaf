//! `client_msg_id`: the same openid and id within ten minutes is one message.

use std::collections::{HashMap, VecDeque};
use std::io;

use serde::Deserialize;

use super::Account;
use super::template::CHANNEL;
use crate::sandbox::inbox::Inbox;

/// How long a repeat is recognised, in milliseconds.
/// Source: WeChat's page "template message", field `client_msg_id`, read 2026-11.
const WINDOW_MS: i64 = 10 * 60 * 1000;

/// Openid and `client_msg_id`. Each account has a map of its own.
type Key = (Box<str>, Box<str>);

/// The messages of the last ten minutes that had an id.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// When each was accepted and the msgid it was answered with.
    seen: HashMap<Key, (i64, i64)>,
    /// The same keys, oldest first.
    order: VecDeque<(i64, Key)>,
}

impl Repeats {
    /// The msgid of the message that this one repeats.
    pub(super) fn find(&self, openid: &str, id: &str, now_ms: i64) -> Option<i64> {
        self.seen
            .get(&(Box::from(openid), Box::from(id)))
            .filter(|(at_ms, _)| now_ms - at_ms < WINDOW_MS)
            .map(|(_, msgid)| *msgid)
    }

    /// Remembers an accepted message and forgets those that are too old.
    pub(super) fn remember(&mut self, openid: &str, id: &str, at_ms: i64, msgid: i64) {
        while let Some((oldest_ms, _)) = self.order.front() {
            if at_ms - oldest_ms < WINDOW_MS {
                break;
            }
            if let Some((oldest_ms, key)) = self.order.pop_front()
                && self.seen.get(&key).is_some_and(|(seen_ms, _)| *seen_ms == oldest_ms)
            {
                self.seen.remove(&key);
            }
        }
        let key: Key = (Box::from(openid), Box::from(id));
        self.order.push_back((at_ms, key.clone()));
        self.seen.insert(key, (at_ms, msgid));
    }
}

/// What restoring reads of a line of the inbox.
#[derive(Deserialize)]
struct Line {
    at_ms: i64,
    channel: Box<str>,
    account: Box<str>,
    recipient: Box<str>,
    raw: Raw,
}

/// What restoring reads of the request.
#[derive(Deserialize)]
struct Raw {
    client_msg_id: Option<Box<str>>,
    msgid: Option<Box<str>>,
}

/// Takes the messages of the last ten minutes from the inbox. A line that another channel wrote, or that lacks what a
/// repeat is recognised by, is passed over.
pub(super) fn restore(accounts: &[Account], inbox: &Inbox, now_ms: i64) -> io::Result<()> {
    let lines = inbox.lines_from(now_ms - WINDOW_MS)?;
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            continue;
        };
        let account = accounts.iter().find(|account| *account.given.appid == *line.account);
        let msgid = line.raw.msgid.and_then(|msgid| msgid.parse().ok());
        if let (Some(account), Some(id), Some(msgid), true) =
            (account, line.raw.client_msg_id, msgid, &*line.channel == CHANNEL)
        {
            account.state().repeats.remember(&line.recipient, &id, line.at_ms, msgid);
        }
    }
    Ok(())
}
