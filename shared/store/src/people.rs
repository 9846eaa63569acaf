//! People (Users table): who an openid is, the message switch, leaving the official account and coming back.
//!
//! A person has one UID for ever. When a user leaves the official account, WeChat asks that the user's data be deleted,
//! and WxPusher's users expect to find their follows again when they come back. Both hold: the openid is erased from the
//! person and from every follow, and what stays says nothing of who it was: the UID, which we drew, what it follows, and
//! the hash of the openid. The hash finds the person when the same openid arrives anew.
//!
//! What every follow copies from the person (address, switch, reachable or not) is changed at the person first. The
//! person is marked unsettled until all follows agree, so that a repeat finishes what a dead process began.

use crate::db::{Ask, Put, Range, Update, Updated};
use crate::item::{Attributes, Item, Reader, n, s};
use crate::relations::{Relation, Relations, change, unchanged, with_person};
use crate::rounds::Rounds;
use crate::seal::{Opener, Sealer};
use crate::{Capability, Grant, Resource, Store, StoreError, keys};
use model::clock::Timestamp;
use model::ids::{AccountId, OpenId, Spt, Uid};
use model::secret::Secret;

capability! {
    /// Reads people.
    PeopleReader: [("dynamodb:GetItem", Users), ("dynamodb:BatchGetItem", Users)]
}

capability! {
    /// Finds, creates and changes people.
    People: [
        ("dynamodb:GetItem", Users), ("dynamodb:PutItem", Users), ("dynamodb:UpdateItem", Users),
        ("dynamodb:DeleteItem", Users), ("dynamodb:Query", Users),
    ]
}

/// Shows people their simple push tokens.
#[derive(Clone)]
pub struct Spts {
    store: Store,
    opener: Opener,
    sealer: Sealer,
}

impl Capability for Spts {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), opener: Opener::open(store), sealer: Sealer::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = [Opener::grants(), Sealer::grants()].concat();
        grants.push(Grant::new("dynamodb:GetItem", Resource::Users));
        grants.push(Grant::new("dynamodb:PutItem", Resource::Users));
        grants.push(Grant::new("dynamodb:UpdateItem", Resource::Users));
        grants
    }
}

/// A person as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Under which UID.
    pub uid: Uid,
    /// The WeChat account through which the person is reached.
    pub account: AccountId,
    /// As what; `None` once the person has left the account.
    pub openid: Option<OpenId>,
    /// The person has switched messages off, for all apps.
    pub muted: bool,
    /// The person has left the account, or WeChat says that the openid is dead.
    pub unreachable: bool,
    /// When the person last came or went.
    reach_ms: Timestamp,
    spt: Option<String>,
    rev: u64,
    unsettled: bool,
}

/// Who arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The person.
    pub person: PersonRecord,
    /// Nobody knew the openid before.
    pub is_new: bool,
}

impl PersonRecord {
    pub(crate) fn read(item: &Attributes) -> Result<Self, StoreError> {
        let reader = Reader::new("user", item);
        Ok(Self {
            uid: reader.uid()?,
            account: AccountId::new(reader.string("account")?),
            openid: reader.optional("openid")?.map(OpenId::new),
            muted: reader.flag("muted"),
            unreachable: reader.flag("unreachable"),
            reach_ms: Timestamp::from_millis(reader.number_or("reach_ms", 0)?),
            spt: reader.optional("spt")?.map(str::to_owned),
            rev: reader.number_or("rev", 0)?,
            unsettled: reader.flag("unsettled"),
        })
    }
}

impl Store {
    async fn person(&self, uid: &Uid) -> Result<Option<PersonRecord>, StoreError> {
        let item = self.get(&self.names().users, keys::user(uid), true).await?;
        item.map(|item| PersonRecord::read(&item)).transpose()
    }

    async fn uid_of(&self, account: &AccountId, openid: &OpenId) -> Result<Option<Uid>, StoreError> {
        let item = self.get(&self.names().users, keys::user_by_openid(account, openid), true).await?;
        item.map(|item| Reader::new("openid", &item).uid()).transpose()
    }
}

impl PeopleReader {
    /// The person with that UID.
    pub async fn get(&self, uid: &Uid) -> Result<Option<PersonRecord>, StoreError> {
        self.0.person(uid).await
    }

    /// The person that an openid of an account is, also when that person has left.
    pub async fn by_openid(&self, account: &AccountId, openid: &OpenId) -> Result<Option<PersonRecord>, StoreError> {
        match self.0.uid_of(account, openid).await? {
            Some(uid) => self.0.person(&uid).await,
            None => Ok(None),
        }
    }

    /// The people that simple push tokens belong to, in the order of the tokens; `None` for a token that is nobody's.
    pub async fn by_spts(&self, spts: &[Spt]) -> Result<Vec<Option<PersonRecord>>, StoreError> {
        futures::future::try_join_all(spts.iter().map(|spt| async move {
            let key = keys::user_by_spt(&keys::hash(spt.expose()));
            let Some(item) = self.0.get(&self.0.names().users, key, true).await? else { return Ok(None) };
            self.0.person(&Reader::new("simple push token", &item).uid()?).await
        }))
        .await
    }
}

impl People {
    /// The person that `openid` is, who was seen on the account at `at`: found, created, or back again.
    ///
    /// Two who see the same newcomer at once get the same UID. A person who had left is restored with everything they
    /// follow; but not when they left after `at`: then the answer is as they are, unreachable.
    pub async fn arrive(&self, account: &AccountId, openid: &OpenId, at: Timestamp) -> Result<Arrival, StoreError> {
        let table = &self.0.names().users;
        let mut is_new = false;
        let mut rounds = Rounds::of("finding a person");
        loop {
            rounds.next().await?;
            let uid = match self.0.uid_of(account, openid).await? {
                Some(uid) => uid,
                None => {
                    let uid = Uid::draw(&mut rand::rng());
                    let key = keys::user_by_openid(account, openid);
                    let pointer = Item::keyed(key.pk, key.sk).with("uid", s(uid.as_str())).build();
                    match self.0.put_new(table, pointer).await? {
                        Put::Written => {
                            is_new = true;
                            uid
                        }
                        Put::Refused(_) => continue,
                    }
                }
            };
            let Some(person) = self.0.person(&uid).await? else {
                // New, or whoever drew this UID died here.
                let key = keys::user(&uid);
                let item = Item::keyed(key.pk, key.sk)
                    .with("uid", s(uid.as_str()))
                    .with("account", s(account.as_str()))
                    .with("openid", s(openid.as_str()))
                    .with("reach_ms", n(at.millis()));
                self.0.put_new(table, item.build()).await?;
                continue;
            };
            let person = self.seen(person, openid, at).await?;
            return Ok(Arrival { person, is_new });
        }
    }

    /// Notes that the person was seen, and restores them when they had left.
    async fn seen(&self, person: PersonRecord, openid: &OpenId, at: Timestamp) -> Result<PersonRecord, StoreError> {
        let is_here = person.openid.is_some() && !person.unreachable;
        if is_here && person.reach_ms >= at {
            return self.settle(person, at).await;
        }
        let update = if is_here {
            Update::default()
        } else {
            change().set("openid", s(openid.as_str())).flag("unreachable", false)
        };
        let update =
            update.set("reach_ms", n(at.millis())).when("attribute_not_exists(#reach_ms) OR #reach_ms <= :reach_ms");
        match self.update(&person.uid, update).await? {
            Some(changed) => self.settle(changed, at).await,
            // They left later than `at`.
            None => Ok(self.0.person(&person.uid).await?.unwrap_or(person)),
        }
    }

    /// The person behind `openid` left the account at `at`: they and all their follows become unreachable, and the openid
    /// is erased everywhere. `None` when nobody was known by it. Nothing happens when they were seen after `at`.
    pub async fn depart(&self, account: &AccountId, openid: &OpenId, at: Timestamp) -> Result<Option<Uid>, StoreError> {
        let Some(uid) = self.0.uid_of(account, openid).await? else { return Ok(None) };
        let update = change()
            .remove("openid")
            .flag("unreachable", true)
            .set("reach_ms", n(at.millis()))
            .when("attribute_exists(#pk) AND (attribute_not_exists(#reach_ms) OR #reach_ms <= :reach_ms)");
        if let Some(changed) = self.update(&uid, update).await? {
            self.settle(changed, at).await?;
        }
        Ok(Some(uid))
    }

    /// Switches messages on or off for everything that the person follows. `false` when nobody has the UID.
    pub async fn set_muted(&self, uid: &Uid, muted: bool, at: Timestamp) -> Result<bool, StoreError> {
        let update = change().flag("muted", muted).when("attribute_exists(#pk)");
        match self.update(uid, update).await? {
            Some(changed) => self.settle(changed, at).await.map(|_| true),
            None => Ok(false),
        }
    }

    async fn update(&self, uid: &Uid, update: Update) -> Result<Option<PersonRecord>, StoreError> {
        match self.0.update(&self.0.names().users, keys::user(uid), update).await? {
            Updated::Done(item) => PersonRecord::read(&item).map(Some),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Brings every follow into agreement with the person, and takes the person's mark away.
    async fn settle(&self, person: PersonRecord, at: Timestamp) -> Result<PersonRecord, StoreError> {
        let mut person = person;
        let mut must = person.unsettled;
        let mut rounds = Rounds::of("settling a person");
        loop {
            rounds.next().await?;
            if !must {
                return Ok(person);
            }
            let ask = Ask::new(&self.0.names().users, keys::user(&person.uid).pk, Range::All);
            for item in self.0.query_all(&ask).await? {
                if let Some(relation) = Relation::read(&item)? {
                    self.bring_into_line(relation, &person, at).await?;
                }
            }
            let update = unchanged(Update::default().remove("unsettled"), person.rev);
            match self.update(&person.uid, update).await? {
                Some(settled) => return Ok(settled),
                None => person = self.0.person(&person.uid).await?.unwrap_or(person),
            }
            must = true;
        }
    }

    async fn bring_into_line(
        &self,
        relation: Relation,
        person: &PersonRecord,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let relations = Relations(&self.0);
        let mut relation = relation;
        let mut rounds = Rounds::of("changing a follow");
        loop {
            rounds.next().await?;
            if relation.agrees_with(person) {
                return relations.settle(relation, at).await.map(drop);
            }
            let update = with_person(unchanged(change(), relation.rev), person);
            match relations.update(relation.key(), update).await? {
                Some(changed) => return relations.settle(changed, at).await.map(drop),
                None => match relations.get(&relation.uid, relation.app, relation.followed).await? {
                    Some(again) => relation = again,
                    None => return Ok(()),
                },
            }
        }
    }
}

impl Spts {
    /// The simple push token of the person with that UID, made at the first call; `None` when nobody has the UID.
    ///
    /// It is kept sealed, because its user wants to see it again, and found by its hash.
    pub async fn of(&self, uid: &Uid) -> Result<Option<Spt>, StoreError> {
        let Some(person) = self.store.person(uid).await? else { return Ok(None) };
        if let Some(sealed) = &person.spt {
            return self.unseal(uid, sealed).await.map(Some);
        }
        self.give(uid, Spt::draw(&mut rand::rng())).await
    }

    /// Gives the person `spt` unless they have one; the answer is the one they have then. `None` when nobody has the UID.
    pub async fn give(&self, uid: &Uid, spt: Spt) -> Result<Option<Spt>, StoreError> {
        let table = &self.store.names().users;
        let sealed = self.sealer.seal(&owner(uid), &Secret::new(spt.expose().to_owned())).await?;
        let key = keys::user_by_spt(&keys::hash(spt.expose()));
        // First, so that no token is shown that leads nowhere. One that nobody is shown does no harm.
        self.store.put(table, Item::keyed(key.pk, key.sk).with("uid", s(uid.as_str())).build()).await?;
        let update =
            Update::default().set("spt", s(sealed)).when("attribute_exists(#pk) AND attribute_not_exists(#spt)");
        match self.store.update(table, keys::user(uid), update).await? {
            Updated::Done(_) => Ok(Some(spt)),
            Updated::Refused(None) => Ok(None),
            Updated::Refused(Some(item)) => match PersonRecord::read(&item)?.spt {
                Some(sealed) => self.unseal(uid, &sealed).await.map(Some),
                None => Ok(None),
            },
        }
    }

    async fn unseal(&self, uid: &Uid, sealed: &str) -> Result<Spt, StoreError> {
        let text = self.opener.unseal(&owner(uid), sealed).await?;
        Spt::parse(text.expose()).ok_or_else(|| StoreError::corrupt("user", "the simple push token has not its form"))
    }
}

/// What a sealed simple push token is bound to.
fn owner(uid: &Uid) -> String {
    format!("spt:{uid}")
}
