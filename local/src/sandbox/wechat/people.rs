//! The people of an account: who follows, what they did last, and which one-time messages they allowed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Something a person does that lets the account write to them for a while.
/// Source: WeChat's page "customer service messages", read 2026-11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opening {
    /// Sent any message: 48 hours.
    Message,
    /// Tapped an entry of the menu that calls the account: one minute.
    Tap,
    /// Followed: one minute.
    Follow,
    /// Scanned a QR code with a scene: one minute.
    Scan,
}

/// One person, as far as something happened.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Person {
    /// Whether they follow; `None` leaves it to the world.
    pub(super) follows: Option<bool>,
    /// When they last did each, epoch ms.
    pub(super) openings: BTreeMap<Opening, i64>,
    /// How many customer-service messages answered something they did at a moment.
    pub(super) answered: BTreeMap<(Opening, i64), u32>,
    /// How many one-time messages they still allow, by template.
    pub(super) grants: HashMap<Box<str>, u32>,
}

/// The people by openid.
#[derive(Debug, Default)]
pub(super) struct People(HashMap<Box<str>, Person>);

impl People {
    /// The person, if something happened to them.
    pub(super) fn get(&self, openid: &str) -> Option<&Person> {
        self.0.get(openid)
    }

    /// The person, to change.
    pub(super) fn of(&mut self, openid: &str) -> &mut Person {
        self.0.entry(Box::from(openid)).or_default()
    }

    /// Those who started to follow and those who stopped.
    pub(super) fn moved(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().filter_map(|(openid, person)| person.follows.map(|follows| (&**openid, follows)))
    }

    /// When the person last did `opening`, epoch ms.
    pub(super) fn last(&self, openid: &str, opening: Opening) -> Option<i64> {
        self.get(openid)?.openings.get(&opening).copied()
    }
}

/// Where people are kept: a JSON array of appid, openid and whether they follow. Written whole: a person acts by hand.
#[derive(Debug)]
pub(super) struct PeopleFile(PathBuf);

impl PeopleFile {
    /// The file in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.join("wechat-people.json"))
    }

    /// Who is kept; nobody when there is no file.
    pub(super) fn read(&self) -> io::Result<Vec<(String, String, bool)>> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.0.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Keeps these. Under another name first, so that a kill leaves no half a file.
    pub(super) fn write(&self, people: &[(String, String, bool)]) -> io::Result<()> {
        let fresh = self.0.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(people)?)?;
        fs::rename(&fresh, &self.0)
    }
}
