//! Lists of an app's followers (Users table), newest first, with totals and deep pages that cost no more than the first.
//!
//! Every follow has an entry in the list of its class (of the app or of a topic; blocked or not). Entries are sorted by
//! follow id, which is the order of times. How many entries of each class a *stretch* of 512 ids holds is counted once
//! and kept; a page is found by these counts and read from there. A filter takes the lists that it names and merges
//! them, so it reads nothing that it leaves out.
//!
//! Counts are kept by whoever lists, never by whoever follows: a counter that every follow adds to would count a repeat
//! twice. Whoever writes an entry marks its stretch before: the kept count is gone then, and is not kept anew until the
//! writer must be done. A marked stretch is counted by reading it.

use crate::Store;
use crate::StoreError;
use crate::db::{Ask, Range, Update, Updated, sort_key};
use crate::item::{Attributes, Reader, n, s};
use crate::keys;
use crate::relations::{Relation, Relations};
use futures::future::try_join_all;
use model::clock::Timestamp;
use model::follow::{Bond, FollowRecord, Followed, ListClass, ListFilter, StretchCount, locate};
use model::ids::{AppId, FollowId, TopicId, Uid};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime};

capability! {
    /// Lists followers.
    Followers: [
        ("dynamodb:GetItem", Users), ("dynamodb:BatchGetItem", Users), ("dynamodb:Query", Users),
        ("dynamodb:UpdateItem", Users),
    ]
}

capability! {
    /// Says until when users have paid.
    PayEnds: [("dynamodb:GetItem", Users)]
}

/// How long after its mark a writer may still write entries. Functions that write them are stopped earlier, or mark
/// again.
const SETTLE: Duration = Duration::from_secs(30);

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct FollowerPage {
    /// How many follows the whole list has.
    pub total: u64,
    /// Those of this page, newest first.
    pub records: Vec<FollowRecord>,
}

impl FollowerPage {
    /// The page `page` (from 1) of `size` of a list that is at hand whole.
    pub fn of(records: Vec<FollowRecord>, page: u64, size: usize) -> Self {
        let before = usize::try_from(page.saturating_sub(1)).unwrap_or(usize::MAX).saturating_mul(size);
        let total = records.len() as u64;
        Self { total, records: records.into_iter().skip(before).take(size).collect() }
    }
}

/// Marks on stretches whose entries are being written.
pub(crate) struct Marks<'a> {
    store: &'a Store,
    app: AppId,
}

/// A mark that was set.
pub(crate) struct Mark {
    stretch: u64,
    since: Instant,
}

impl<'a> Marks<'a> {
    pub(crate) const fn of(store: &'a Store, app: AppId) -> Self {
        Self { store, app }
    }

    /// Says that entries of `stretch` are about to change.
    ///
    /// `at` may be the time of an event that has waited in a queue; a mark holds from the present moment on.
    pub(crate) async fn mark(&self, stretch: u64, at: Timestamp) -> Result<Mark, StoreError> {
        let since = Instant::now();
        self.until(stretch, at.max(wall_clock()).plus(SETTLE)).await?;
        Ok(Mark { stretch, since })
    }

    /// Says that they have changed. Marks once more when that took so long that somebody may have counted before it.
    pub(crate) async fn confirm(&self, mark: Mark, at: Timestamp) -> Result<(), StoreError> {
        let took = mark.since.elapsed();
        if took > SETTLE / 2 { self.until(mark.stretch, at.max(wall_clock()).plus(SETTLE)).await } else { Ok(()) }
    }

    /// Forgets the count of `stretch`; none is kept before `until`.
    pub(crate) async fn until(&self, stretch: u64, until: Timestamp) -> Result<(), StoreError> {
        let update = Update::default().set("settle_ms", n(until.millis())).remove("counts");
        self.store.update(&self.store.names().users, keys::follower_count(self.app, stretch), update).await?;
        Ok(())
    }
}

/// This machine's clock. Not the functions' clock, which the caller has: what counts here is how long writers take.
fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since_epoch)
}

/// What is known of a stretch.
struct Known {
    stretch: u64,
    settle_ms: i64,
    counts: Option<[u32; 4]>,
}

impl Known {
    fn read(item: &Attributes) -> Result<Self, StoreError> {
        let reader = Reader::new("follower count", item);
        let stretch = keys::parse_stretch(sort_key(item));
        let counts = reader.optional("counts")?.map(|text| {
            let numbers: Vec<u32> = text.split(',').filter_map(|number| number.parse().ok()).collect();
            <[u32; 4]>::try_from(numbers).map_err(|_| StoreError::corrupt("follower count", "not four numbers"))
        });
        Ok(Self {
            stretch: stretch.ok_or_else(|| StoreError::corrupt("follower count", "its key is no stretch"))?,
            settle_ms: reader.number_or("settle_ms", 0)?,
            counts: counts.transpose()?,
        })
    }
}

impl Followers {
    /// The page `page` (from 1) of `size` follows of `app` that `filter` shows, newest first: by `created_ms`, then by id.
    ///
    /// Strongly consistent: a follow that was answered is there. Costs the counts of all stretches (one read unit for
    /// about 30, that is 15,000 followers), at most one stretch of entries too many, and one read unit per follow shown,
    /// whatever the page.
    pub async fn page(
        &self,
        app: AppId,
        filter: ListFilter,
        page: u64,
        size: usize,
        now: Timestamp,
    ) -> Result<FollowerPage, StoreError> {
        let stretches = self.stretches(app, now).await?;
        let before = page.saturating_sub(1).saturating_mul(size as u64);
        let (total, start) = locate(&stretches, filter, before);
        let Some(start) = start else { return Ok(FollowerPage { total, records: Vec::new() }) };
        let skip = usize::try_from(start.skip).unwrap_or(usize::MAX);
        let lists = filter.classes().map(|class| self.entries_from(app, class, start.stretch, skip + size));
        let mut entries: Vec<Entry> = try_join_all(lists).await?.into_iter().flatten().collect();
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
        let entries: Vec<Entry> = entries.into_iter().skip(skip).take(size).collect();
        Ok(FollowerPage { total, records: self.records(app, &entries).await? })
    }

    /// What `uid` follows of `app`, newest first.
    pub async fn of_user(&self, app: AppId, uid: &Uid) -> Result<Vec<FollowRecord>, StoreError> {
        let mut records = self.of_person(uid).await?;
        records.retain(|record| record.app_id == app);
        Ok(records)
    }

    /// Everything that `uid` follows, newest first: for the user's own eyes.
    pub async fn of_person(&self, uid: &Uid) -> Result<Vec<FollowRecord>, StoreError> {
        let ask = Ask::new(&self.0.names().users, keys::user(uid).pk, Range::All);
        let mut records = Vec::new();
        for item in self.0.query_all(&ask).await? {
            records.extend(Relation::read(&item)?.and_then(|relation| relation.record()));
        }
        records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_ms, record.id)));
        Ok(records)
    }

    /// How `uid` stands to `app` and its topics, the app first; also where the user has left or was removed.
    pub async fn bonds(&self, app: AppId, uid: &Uid) -> Result<Vec<Bond>, StoreError> {
        let ask = Ask::new(&self.0.names().users, keys::user(uid).pk, Range::All);
        let mut bonds = Vec::new();
        for item in self.0.query_all(&ask).await? {
            let relation = Relation::read(&item)?.filter(|relation| relation.app == app);
            bonds.extend(relation.map(|Relation { followed, follow_id, rejected, pay_end_ms, .. }| Bond {
                followed,
                follow: follow_id,
                rejected,
                pay_end_ms,
            }));
        }
        bonds.sort_unstable_by_key(|bond| bond.followed);
        Ok(bonds)
    }

    /// The follow of `app` with the record id `id`; `None` when it is gone, never was, or is another app's.
    pub async fn by_id(&self, app: AppId, id: FollowId) -> Result<Option<FollowRecord>, StoreError> {
        let relation = find(&self.0, app, id).await?;
        Ok(relation.and_then(|relation| relation.record()).filter(|record| record.id == id))
    }

    /// The counts of all stretches, newest first.
    async fn stretches(&self, app: AppId, now: Timestamp) -> Result<Vec<StretchCount>, StoreError> {
        let table = &self.0.names().users;
        let range = Range::Prefix(keys::STRETCH_PREFIX.to_owned());
        let items = self.0.query_all(&Ask::new(table, keys::follower_counts(app), range)).await?;
        let mut known = items.iter().map(Known::read).collect::<Result<Vec<_>, _>>()?;
        // Runs of neighbouring stretches are counted with one Query per class.
        let runs = known.chunk_by(|one, next| one.counts.is_none() && next.counts.is_none());
        let unknown = runs.filter_map(|run| match (run.first(), run.last()) {
            (Some(first), Some(last)) if first.counts.is_none() => Some((first.stretch, last.stretch)),
            _ => None,
        });
        let counted = try_join_all(unknown.map(|(first, last)| self.count(app, first, last))).await?;
        let counted: HashMap<u64, [u32; 4]> = counted.into_iter().flatten().collect();
        let mut keep = Vec::new();
        for stretch in known.iter_mut().filter(|stretch| stretch.counts.is_none()) {
            let counts = counted.get(&stretch.stretch).copied().unwrap_or_default();
            stretch.counts = Some(counts);
            if stretch.settle_ms < now.millis() {
                keep.push(self.keep(app, stretch.stretch, stretch.settle_ms, counts));
            }
        }
        try_join_all(keep).await?;
        let counted = known.into_iter().rev();
        Ok(counted
            .map(|known| StretchCount { stretch: known.stretch, counts: known.counts.unwrap_or_default() })
            .collect())
    }

    /// Counts the entries of neighbouring stretches by reading them.
    async fn count(&self, app: AppId, first: u64, last: u64) -> Result<BTreeMap<u64, [u32; 4]>, StoreError> {
        let (from, to) = keys::stretch_span(first, last);
        let of_class = ListClass::ALL.map(|class| {
            let range = Range::Between(from.clone(), to.clone());
            let ask = Ask::new(&self.0.names().users, keys::follower_list(app, class), range);
            async move { Ok::<_, StoreError>((class, self.0.query_all(&ask).await?)) }
        });
        let mut counts: BTreeMap<u64, [u32; 4]> = BTreeMap::new();
        for (class, items) in try_join_all(of_class).await? {
            for item in items {
                let id = keys::parse_follow(sort_key(&item));
                let id = id.ok_or_else(|| StoreError::corrupt("follower entry", "its key is no follow"))?;
                counts.entry(id.stretch()).or_default()[class.index()] += 1;
            }
        }
        Ok(counts)
    }

    /// Keeps a count unless somebody has marked the stretch since it was read.
    async fn keep(&self, app: AppId, stretch: u64, settle_ms: i64, counts: [u32; 4]) -> Result<(), StoreError> {
        let text = counts.map(|count| count.to_string()).join(",");
        let update = Update::default()
            .set("counts", s(text))
            .when("#settle_ms = :seen AND attribute_not_exists(#counts)")
            .value(":seen", n(settle_ms));
        match self.0.update(&self.0.names().users, keys::follower_count(app, stretch), update).await? {
            // Refused: it is counted again the next time.
            Updated::Done(_) | Updated::Refused(_) => Ok(()),
        }
    }

    /// At most `most` entries of a class, newest first, from the end of `stretch`.
    async fn entries_from(
        &self,
        app: AppId,
        class: ListClass,
        stretch: u64,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (from, to) = (keys::stretch_span(0, 0).0, keys::stretch_span(stretch, stretch).1);
        let mut ask = Ask::new(&self.0.names().users, keys::follower_list(app, class), Range::Between(from, to));
        ask.descending = true;
        let (mut entries, mut start) = (Vec::new(), None);
        loop {
            ask.limit = i32::try_from(most - entries.len()).ok();
            let page = self.0.query_page(&ask, start).await?;
            for item in &page.items {
                entries.push(Entry::read(item)?);
            }
            match page.more {
                more @ Some(_) if entries.len() < most => start = more,
                _ => return Ok(entries),
            }
        }
    }

    /// The follows behind entries, in their order. One that has ended or moved since is left out.
    async fn records(&self, app: AppId, entries: &[Entry]) -> Result<Vec<FollowRecord>, StoreError> {
        let mut keys: Vec<_> = entries.iter().map(|entry| keys::relation(&entry.uid, app, entry.followed)).collect();
        // Who left and follows anew can have two entries for a moment; a batch names no key twice.
        keys.sort_unstable();
        keys.dedup();
        let mut by_id = HashMap::new();
        for item in self.0.get_many(&self.0.names().users, keys).await? {
            if let Some(record) = Relation::read(&item)?.and_then(|relation| relation.record()) {
                by_id.insert(record.id, record);
            }
        }
        Ok(entries.iter().filter_map(|entry| by_id.remove(&entry.id)).collect())
    }
}

impl PayEnds {
    /// Until when `uid` has paid for `followed` of `app`; zero when never.
    pub async fn get(&self, app: AppId, followed: Followed, uid: &Uid) -> Result<Timestamp, StoreError> {
        let relation = Relations(&self.0).get(uid, app, followed).await?;
        Ok(relation.map_or_else(Timestamp::default, |relation| relation.pay_end_ms))
    }
}

/// An entry of a list.
struct Entry {
    id: FollowId,
    uid: Uid,
    followed: Followed,
}

impl Entry {
    fn read(item: &Attributes) -> Result<Self, StoreError> {
        let reader = Reader::new("follower entry", item);
        let id = keys::parse_follow(sort_key(item));
        let topic = reader.some_number("topic")?.map(TopicId::new);
        Ok(Self {
            id: id.ok_or_else(|| StoreError::corrupt("follower entry", "its key is no follow"))?,
            uid: reader.uid()?,
            followed: topic.map_or(Followed::App, Followed::Topic),
        })
    }
}

/// The relation that the record id `id` of `app` stands for, whether or not the follow has ended since.
pub(crate) async fn find(store: &Store, app: AppId, id: FollowId) -> Result<Option<Relation>, StoreError> {
    let keys = ListClass::ALL.map(|class| keys::follower_entry(app, class, id)).to_vec();
    let Some(item) = store.get_many(&store.names().users, keys).await?.into_iter().next() else { return Ok(None) };
    let entry = Entry::read(&item)?;
    let relation = Relations(store).get(&entry.uid, app, entry.followed).await?;
    let is_it = |relation: &Relation| {
        relation.follow_id == Some(id) || relation.left.as_ref().is_some_and(|(left, _)| *left == id)
    };
    Ok(relation.filter(is_it))
}
