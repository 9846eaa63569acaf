//! Every key of the four tables: one constructor per shape, with the shape in its doc, and a parser where one is read
//! back. `pk` and `sk` are strings everywhere; numbers inside them are padded so that they sort.

pub mod mobile;
pub mod own;

use model::batch::{BatchId, Part};
use model::callback::CallbackId;
use model::certificate::{Environment, Provider};
use model::channel::ChannelKind;
use model::clock::{Day, Timestamp};
use model::follow::{Followed, ListClass};
use model::ids::{
    AccountId, AppId, BlockId, Ecode, FollowId, MediaId, MobileAppId, OpenId, Owner, ProductId, STRETCH_IDS,
    ServiceChannelId, TaskId, TopicId, Uid,
};
use model::qrcode::Code;
use ring::digest::{SHA256, digest};

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

/// SHA-256 in hex: for what is only compared, and for names that must not be read back.
pub(crate) fn hash(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

// ---- Apps ----

/// Apps: `TOKEN#<sha256 of the app token, hex>` / `APP`: what a sender may know of its app.
pub fn app_by_token(token_hash: &str) -> Key {
    Key::new(format!("TOKEN#{token_hash}"), "APP")
}

/// Apps: `APP#<app>` / `PROFILE`: the app itself.
pub fn app(app: AppId) -> Key {
    Key::new(format!("APP#{app}"), "PROFILE")
}

/// Apps: `APP#<app>` / `TOPIC#<topic>`.
pub fn topic(app: AppId, topic: TopicId) -> Key {
    Key::new(format!("APP#{app}"), format!("TOPIC#{topic}"))
}

/// Apps: `PRODUCT#<product>` / `PRODUCT`: the product itself. Product ids are public: buyers' end times are asked for by
/// them without a token.
pub fn product(product: ProductId) -> Key {
    Key::new(format!("PRODUCT#{product}"), "PRODUCT")
}

/// Apps: `APP#<app>` / `PRODUCT#<product>`: says that the product is the app's.
pub fn app_product(app: AppId, product: ProductId) -> Key {
    Key::new(format!("APP#{app}"), format!("{PRODUCT_PREFIX}{product}"))
}

/// Sort-key prefix of an app's topics.
pub const TOPIC_PREFIX: &str = "TOPIC#";
/// Sort-key prefix of an app's products.
pub const PRODUCT_PREFIX: &str = "PRODUCT#";

/// Apps: `APPS` / `<app, 16 digits>`: that there is such an app. For the operator's list.
pub fn app_listed(app: AppId) -> Key {
    Key::new(APPS.to_owned(), format!("{:016}", app.get()))
}

/// Apps: `APPS` / …: every app.
pub const APPS: &str = "APPS";

/// Apps: `IDS#<what>` / `HEAD`: the last id given to an app, a topic or a product.
pub fn last_id(what: &str) -> Key {
    Key::new(format!("IDS#{what}"), "HEAD")
}

/// Apps: `APP#<app>` / `CALLBACK`: the secrets that sign what the app's developer is told.
pub fn callback_secrets(app: AppId) -> Key {
    Key::new(format!("APP#{app}"), "CALLBACK")
}

/// Apps: `ACCOUNTS` / …: every WeChat account. Few, read by the token refresher as a list and by the workers one by one,
/// from memory for a minute at a time.
pub const ACCOUNTS: &str = "ACCOUNTS";

/// Apps: `ACCOUNTS` / `<appid>`: a WeChat account with its sealed secret.
pub fn account(account: &AccountId) -> Key {
    Key::new(ACCOUNTS.to_owned(), account.as_str())
}

/// The partition of the data keys, to which a permission can be narrowed.
pub const DATA_KEYS: &str = "SEAL";

/// Apps: `ACCESS#<appid>` / `ACCESS`: what back ends of an account need to call us.
pub fn access(account: &AccountId) -> Key {
    Key::new(format!("ACCESS#{account}"), "ACCESS")
}

/// Apps: `PUSHKEY#<sha256 of the key, hex>` / `ACCOUNT`: for which account a push key speaks.
pub fn push_key(key_hash: &str) -> Key {
    Key::new(format!("PUSHKEY#{key_hash}"), "ACCOUNT")
}

/// Apps: `ACCESS#<appid>` / `PUSHKEY#<sha256 of the key, hex>`: the same key in the list of its account.
pub fn push_key_listed(account: &AccountId, key_hash: &str) -> Key {
    Key::new(format!("ACCESS#{account}"), format!("PUSHKEY#{key_hash}"))
}

/// Apps: `CERT#<app>` / …: everything of a mobile app that its vendors know it by.
pub fn certificates(app: &MobileAppId) -> String {
    format!("CERT#{app}")
}

/// Sort-key prefix of an app's certificates.
pub const CERTIFICATE_PREFIX: &str = "FOR#";

/// Apps: `CERT#<app>` / `FOR#<provider>#<environment>`: a certificate, its secrets sealed.
pub fn certificate(app: &MobileAppId, provider: Provider, environment: Environment) -> Key {
    Key::new(certificates(app), format!("{CERTIFICATE_PREFIX}{}#{}", provider.as_str(), environment.as_str()))
}

/// Apps: `CERT#<app>` / `NAME#<name>`: which certificate a device means by that name.
pub fn certificate_name(app: &MobileAppId, name: &str) -> Key {
    Key::new(certificates(app), format!("NAME#{name}"))
}

/// Apps: `CERT#<app>` / `RECEIPTS`: what vendors prove by that a receipt is about a message of the app's, sealed.
pub fn receipt_secret(app: &MobileAppId) -> Key {
    Key::new(certificates(app), "RECEIPTS")
}

/// Apps: `RECEIPTS#<sha256 of the path secret, hex>` / `APP`: whose receipts come to an address.
pub fn receipt_address(path_hash: &str) -> Key {
    Key::new(format!("RECEIPTS#{path_hash}"), "APP")
}

/// Apps: `ENTERPRISES` / …: every enterprise. For the operator's list.
pub const ENTERPRISES: &str = "ENTERPRISES";

/// Apps: `ENTERPRISES` / `<ecode>`: an enterprise.
pub fn enterprise(ecode: &Ecode) -> Key {
    Key::new(ENTERPRISES.to_owned(), ecode.as_str())
}

/// Apps: `ENTERPRISE#<ecode>`: what the enterprise has.
pub fn enterprise_things(ecode: &Ecode) -> String {
    format!("ENTERPRISE#{ecode}")
}

/// Sort-key prefix of an enterprise's channels.
pub const CHANNEL_PREFIX: &str = "CHANNEL#";
/// Sort-key prefix of an enterprise's access tokens.
pub const ACCESS_TOKEN_PREFIX: &str = "TOKEN#";

/// Apps: `ENTERPRISE#<ecode>` / `CHANNEL#<channel>`: says that the channel is the enterprise's.
pub fn enterprise_channel(ecode: &Ecode, channel: &ServiceChannelId) -> Key {
    Key::new(enterprise_things(ecode), format!("{CHANNEL_PREFIX}{channel}"))
}

/// Apps: `ENTERPRISE#<ecode>` / `TOKEN#<token id>`: an access token of the enterprise, in the operator's list.
pub fn enterprise_token(ecode: &Ecode, id: &str) -> Key {
    Key::new(enterprise_things(ecode), format!("{ACCESS_TOKEN_PREFIX}{id}"))
}

/// Apps: `SERVICECHANNEL#<channel>` / `CHANNEL`: the channel itself. Callers name it without saying whose it is.
pub fn service_channel(channel: &ServiceChannelId) -> Key {
    Key::new(format!("SERVICECHANNEL#{channel}"), "CHANNEL")
}

/// Apps: `SERVICETOKEN#<sha256 of the token, hex>` / `TOKEN`: for which enterprise an access token speaks.
pub fn service_token(token_hash: &str) -> Key {
    Key::new(format!("SERVICETOKEN#{token_hash}"), "TOKEN")
}

/// Apps: `SEAL` / `<key id>`: a wrapped data key that seals secrets.
pub fn data_key(id: &str) -> Key {
    Key::new(DATA_KEYS.to_owned(), id)
}

// ---- Users ----

/// Users: `UID#<uid>` / `USER`: the person.
pub fn user(uid: &Uid) -> Key {
    Key::new(format!("UID#{uid}"), "USER")
}

/// Users: `OPENID#<appid>#<sha256 of the openid, hex>` / `USER`: which person an openid is.
///
/// The hash is all that is left of the openid once a user has left the account. It leads nobody back to it, and finds
/// the same person when the user returns.
pub fn user_by_openid(account: &AccountId, openid: &OpenId) -> Key {
    Key::new(format!("OPENID#{account}#{}", hash(openid.as_str())), "USER")
}

/// Sort-key prefix of what is bound to an openid.
pub const BOUND_PREFIX: &str = "B#";

/// Users: `OPENID#<appid>#<sha256 of the openid, hex>` / `B#<channel>#<user id>`: that a user of an enterprise is bound to
/// the openid, so that leaving the account finds it.
pub fn bound(account: &AccountId, openid: &OpenId, channel: &ServiceChannelId, user: &str) -> Key {
    Key::new(user_by_openid(account, openid).pk, format!("{BOUND_PREFIX}{channel}#{user}"))
}

/// Channel and user id in the sort key of what is bound to an openid.
pub fn parse_bound(sort: &str) -> Option<(ServiceChannelId, &str)> {
    let (channel, user) = sort.strip_prefix(BOUND_PREFIX)?.split_once('#')?;
    Some((ServiceChannelId::parse(channel)?, user))
}

/// Users: `BINDINGS#<channel>` / …: who of an enterprise's users is bound on a channel, by user id.
pub fn bindings(channel: &ServiceChannelId) -> String {
    format!("BINDINGS#{channel}")
}

/// Users: `BINDINGS#<channel>` / `<user id>`: which openid a user of an enterprise has on a channel.
pub fn binding(channel: &ServiceChannelId, user: &str) -> Key {
    Key::new(bindings(channel), user)
}

/// Users: `WINDOW#<appid>#<sha256 of the openid, hex>` / `WINDOW`: until when the account may write to the person without a
/// template.
pub fn window(account: &AccountId, openid: &OpenId) -> Key {
    Key::new(format!("WINDOW#{account}#{}", hash(openid.as_str())), "WINDOW")
}

/// Users: `SPT#<sha256 of the token, hex>` / `USER`: whose simple push token it is.
pub fn user_by_spt(spt_hash: &str) -> Key {
    Key::new(format!("SPT#{spt_hash}"), "USER")
}

/// Users: `UID#<uid>` / `APP#<app>` or `TOPIC#<topic>`: how the user stands to an app or a topic: following or not, blocked
/// or not, paid until when.
pub fn relation(uid: &Uid, app: AppId, followed: Followed) -> Key {
    match followed {
        Followed::App => app_follow(uid, app),
        Followed::Topic(topic) => topic_follow(uid, topic),
    }
}

/// Users: `FOLLOWS#<app>` / …: what is counted of the app's followers.
pub fn follower_counts(app: AppId) -> String {
    format!("FOLLOWS#{app}")
}

/// Users: `FOLLOWS#<app>` / `HEAD`: the last follow id given to the app.
pub fn follow_ids(app: AppId) -> Key {
    Key::new(follower_counts(app), "HEAD")
}

/// Users: `IDS#follows` / `HEAD`: the last stretch of follow ids given to any app.
pub fn follow_stretches() -> Key {
    id_counter("follows")
}

/// Sort-key prefix of the counts of stretches.
pub const STRETCH_PREFIX: &str = "S#";

/// Users: `FOLLOWS#<app>` / `S#<stretch, 12 digits>`: how many follows of each class a stretch of ids holds.
pub fn follower_count(app: AppId, stretch: u64) -> Key {
    Key::new(follower_counts(app), format!("{STRETCH_PREFIX}{stretch:012}"))
}

/// The stretch in the sort key of its counts.
pub fn parse_stretch(sort: &str) -> Option<u64> {
    sort.strip_prefix(STRETCH_PREFIX)?.parse().ok()
}

/// Users: `FOLLOWS#<app>#<class>` / …: the list of the app's follows of one class.
pub fn follower_list(app: AppId, class: ListClass) -> String {
    format!("FOLLOWS#{app}#{}", class.index())
}

/// Users: `FOLLOWS#<app>#<class>` / `F#<follow, 16 digits>`: one follow in a list. The order of ids is that of times.
pub fn follower_entry(app: AppId, class: ListClass, follow: FollowId) -> Key {
    Key::new(follower_list(app, class), audience_sort(follow))
}

/// First and last sort key of the follows of stretches.
pub fn stretch_span(first: u64, last: u64) -> (String, String) {
    let at = |id| audience_sort(FollowId::new(id));
    (at(first * STRETCH_IDS), at(last * STRETCH_IDS + (STRETCH_IDS - 1)))
}

/// The follow in the sort key of an audience or a list.
pub fn parse_follow(sort: &str) -> Option<FollowId> {
    sort.strip_prefix("F#")?.parse().ok().map(FollowId::new)
}

/// Users: `TRADE#<app>#<number>#<kind>` / `TRADE`: a purchase or refund that was recorded.
pub fn trade(app: AppId, trade_key: &str) -> Key {
    Key::new(format!("TRADE#{app}#{trade_key}"), "TRADE")
}

/// Users: `UID#<uid>` / `APP#<app>`: how the user stands to the app.
pub fn app_follow(uid: &Uid, app: AppId) -> Key {
    Key::new(format!("UID#{uid}"), format!("APP#{app}"))
}

/// Users: `UID#<uid>` / `TOPIC#<topic>`: how the user stands to the topic; points to its place in the audience.
pub fn topic_follow(uid: &Uid, topic: TopicId) -> Key {
    Key::new(format!("UID#{uid}"), format!("TOPIC#{topic}"))
}

/// Users: `APP#<app>#TOPIC#<topic>#<shard>` / …: one shard of a topic's audience.
pub fn audience_shard(app: AppId, topic: TopicId, shard: u16) -> String {
    format!("APP#{app}#TOPIC#{topic}#{shard}")
}

/// Users: audience shard / `F#<follow, 16 digits>`: one follower, with all that delivery needs.
pub fn audience_member(app: AppId, topic: TopicId, shard: u16, follow: FollowId) -> Key {
    Key::new(audience_shard(app, topic, shard), audience_sort(follow))
}

/// Sort key of a follower in an audience shard.
pub fn audience_sort(follow: FollowId) -> String {
    format!("F#{follow:0>16}", follow = follow.get())
}

/// Users: `QUOTA#<uid>#<day>` / `DAY`: what the user received on a day.
pub fn quota(uid: &Uid, day: Day) -> Key {
    Key::new(format!("QUOTA#{uid}#{}", day.number()), "DAY")
}

/// Users: `SEQUENCE#<app>#<topic>#<day>` / `DAY`: how many messages the topic was sent on a day.
pub fn topic_sequence(app: AppId, topic: TopicId, day: Day) -> Key {
    Key::new(format!("SEQUENCE#{app}#{topic}#{}", day.number()), "DAY")
}

// ---- Tasks ----

/// Tasks: `BLOCK#<block>`: the tasks whose ids lie in the block, and the records of their direct parts.
pub fn block(block: BlockId) -> String {
    format!("BLOCK#{block}")
}

/// Sort-key prefix of tasks in a block.
pub const TASK_PREFIX: &str = "T#";
/// Sort-key prefix of segments, in a block and in a part.
pub const SEGMENT_PREFIX: &str = "S#";
/// Sort-key prefix of a part's plan.
pub const PAGE_PREFIX: &str = "P#";

/// Tasks: `BLOCK#<block>` / `T#<id, 16 digits>`: a task, or, in the further blocks of a wide call, a pointer to it.
pub fn task(id: TaskId) -> Key {
    Key::new(block(id.block()), task_sort(id.get()))
}

/// Sort key of the task (or pointer) that begins at `id`.
pub fn task_sort(id: u64) -> String {
    format!("{TASK_PREFIX}{id:016}")
}

/// Tasks: `PART#<task>#<topic index>#<shard>`, or `PART#<task>#v#<shard>`: plan, records and summary of one shard of one
/// topic of a task, or of an app's devices.
pub fn part(task: TaskId, part: Part) -> String {
    match part {
        Part::Direct => block(task.block()),
        Part::Topic { index, shard } => format!("PART#{task}#{index}#{shard}"),
        Part::Devices { shard } => format!("PART#{task}#v#{shard}"),
    }
}

/// Tasks: part / `P#<page, 6 digits>`: which batches a page of the audience was cut into.
pub fn page(task: TaskId, in_part: Part, page: u32) -> Key {
    Key::new(part(task, in_part), page_sort(page))
}

/// Sort key of a page.
pub fn page_sort(page: u32) -> String {
    format!("{PAGE_PREFIX}{page:06}")
}

/// Tasks: part / `R`: the part's final tally.
pub fn summary(task: TaskId, in_part: Part) -> Key {
    Key::new(part(task, in_part), "R")
}

/// Tasks: part / `S#…<batch, 6 digits>#<writer>`: one segment of a batch's record. `writer` is random, so two workers
/// on the same batch never overwrite each other.
pub fn segment(batch: BatchId, writer: &str) -> Key {
    Key::new(part(batch.task, batch.part), format!("{}{writer}", segment_prefix(batch)))
}

/// Tasks: part / `C#<task, 16 digits>#<batch, 6 digits>#<channel>`: who is sending a batch on a channel.
pub fn claim(batch: BatchId, channel: ChannelKind) -> Key {
    let sort = format!("C#{:016}#{:06}#{channel}", batch.task.get(), batch.number);
    Key::new(part(batch.task, batch.part), sort)
}

/// Sort-key prefix of all segments of a batch.
pub fn segment_prefix(batch: BatchId) -> String {
    format!("{}{:06}#", segments_of(batch.task, batch.part), batch.number)
}

/// Sort-key prefix of all segments of a part: in a block several tasks share the partition, so the task is named.
pub fn segments_of(task: TaskId, in_part: Part) -> String {
    match in_part {
        Part::Direct => format!("{SEGMENT_PREFIX}{:016}#", task.get()),
        Part::Topic { .. } | Part::Devices { .. } => SEGMENT_PREFIX.to_owned(),
    }
}

/// The batch number in the sort key of a segment.
pub fn segment_batch(sort: &str) -> Option<u32> {
    let mut parts = sort.rsplit('#');
    let _writer = parts.next()?;
    parts.next()?.parse().ok()
}

/// The task in the sort key of a task or of a segment in a block.
pub fn sort_task(sort: &str) -> Option<TaskId> {
    sort.split('#').nth(1)?.parse().ok().map(TaskId::new)
}

/// Tasks: `RECEIPT#<account>#<msgid>` / `END`: what WeChat said later of a message that it had accepted.
pub fn receipt(account: &AccountId, msgid: u64) -> Key {
    Key::new(format!("RECEIPT#{account}#{msgid}"), "END")
}

/// Over how many partitions the due list is spread.
pub const DUE_SHARDS: u64 = 8;

/// Tasks: `DUE#<shard>` / `<epoch s, 12 digits>#<task, 16 digits>`: look at this task at that time.
pub fn due(at: Timestamp, task: TaskId) -> Key {
    Key::new(due_shard(task.block().get() % DUE_SHARDS), format!("{:012}#{:016}", at.seconds(), task.get()))
}

/// Tasks: `DUE#<shard>` / `<epoch s, 12 digits>#C<app>#<minute>`: look at the callbacks of `app` for what happened in
/// that minute (since the epoch) at that time. One entry for all of them.
pub fn due_callbacks(at: Timestamp, app: AppId, minute: i64) -> Key {
    Key::new(due_shard(app.get() % DUE_SHARDS), format!("{:012}#C{app}#{minute}", at.seconds()))
}

/// Tasks: `DUE#<shard>` / `<epoch s, 12 digits>#V<task, 16 digits>#<environment>`: ask a vendor at that time what arrived of
/// this task, in the name of its app in that environment.
pub fn due_arrivals(at: Timestamp, task: TaskId, environment: Environment) -> Key {
    let sort = format!("{:012}#V{:016}#{}", at.seconds(), task.get(), environment.as_str());
    Key::new(due_shard(task.block().get() % DUE_SHARDS), sort)
}

/// Partition of a due shard.
pub fn due_shard(shard: u64) -> String {
    format!("DUE#{shard}")
}

/// Sort key that lies after everything due at `at`.
pub fn due_until(at: Timestamp) -> String {
    format!("{:012}#~", at.seconds())
}

/// Time in the sort key of a due entry, and what is to be looked at.
pub fn parse_due(sort: &str) -> Option<(Timestamp, DueThing)> {
    let (at, thing) = sort.split_once('#')?;
    let thing = if let Some(callbacks) = thing.strip_prefix('C') {
        let (app, minute) = callbacks.split_once('#')?;
        DueThing::Callbacks { app: AppId::new(app.parse().ok()?), minute: minute.parse().ok()? }
    } else if let Some(arrivals) = thing.strip_prefix('V') {
        let (task, environment) = arrivals.split_once('#')?;
        let environment = Environment::parse(environment)?;
        DueThing::Arrivals { task: TaskId::new(task.parse().ok()?), environment }
    } else {
        DueThing::Task(TaskId::new(thing.parse().ok()?))
    };
    Some((Timestamp::from_seconds(at.parse().ok()?), thing))
}

/// What stands on the due list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueThing {
    /// A task.
    Task(TaskId),
    /// An app's callbacks for what happened in one minute since the epoch.
    Callbacks {
        /// The app.
        app: AppId,
        /// The minute.
        minute: i64,
    },
    /// What arrived of a task, by what its vendor says when it is asked.
    Arrivals {
        /// The task.
        task: TaskId,
        /// In whose name: of the task's app in this environment.
        environment: Environment,
    },
}

/// Tasks: `CALLBACKS#<app>` / …: what the app's developer is told of, by time.
pub fn callbacks(app: AppId) -> String {
    format!("CALLBACKS#{app}")
}

/// Tasks: `CALLBACKS#<app>` / `<callback id>`: one callback with its attempts.
pub fn callback(app: AppId, id: &CallbackId) -> Key {
    Key::new(callbacks(app), id.as_str())
}

/// Tasks: `SWEEP` / `STATE`: how far the sweep has come.
pub fn sweep() -> Key {
    Key::new("SWEEP".to_owned(), "STATE")
}

/// Tasks: `IDS#<name>` / `HEAD`: the counter of an id allocator.
pub fn id_counter(name: &str) -> Key {
    Key::new(format!("IDS#{name}"), "HEAD")
}

// ---- Tokens ----

/// Tokens: `AUDIT` / …: what was asked of the operator's API, by time. Calls are few: the API's throttle bounds them.
pub const AUDIT: &str = "AUDIT";

/// Tokens: `AUDIT` / `<epoch ms, 13 digits>-<random>`: one call. Callers page by it, so it needs no encoding in a URL.
pub fn audit(at: Timestamp, random: &str) -> Key {
    Key::new(AUDIT.to_owned(), format!("{:013}-{random}", at.millis().max(0)))
}

/// Tokens: `UPSTREAM#<kind>#<account>` / `TOKEN`: an upstream access token we hold.
pub fn upstream_token(kind: &str, account: &str) -> Key {
    Key::new(format!("UPSTREAM#{kind}#{account}"), "TOKEN")
}

/// Tokens: `INBOUND#<account>#<repeat key>` / `DONE`: that an event of WeChat's is done.
pub fn inbound_done(account: &AccountId, repeat_key: &str) -> Key {
    Key::new(format!("INBOUND#{account}#{repeat_key}"), "DONE")
}

/// Tokens: `BREAKER#<account>#<channel>` / `STATE`.
pub fn breaker(account: &AccountId, channel: ChannelKind) -> Key {
    Key::new(format!("BREAKER#{account}#{channel}"), "STATE")
}

/// Tokens: `QR#<first 16 characters of the code>` / `<code>`: a QR code and its last scan. So a code is found by itself
/// and by its beginning.
pub fn qr_code(code: &Code) -> Key {
    Key::new(qr_codes(code.short()), code.as_str())
}

/// Tokens: `QR#<first 16 characters of the code>`.
pub fn qr_codes(short: &str) -> String {
    format!("QR#{short}")
}

/// Tokens: `MEDIA#<ecode>`: what an enterprise uploaded.
pub fn media_of(ecode: &Ecode) -> String {
    format!("MEDIA#{ecode}")
}

/// Tokens: `MEDIA#<ecode>` / `<media id>`: one thing that an enterprise uploaded.
pub fn media(ecode: &Ecode, id: &MediaId) -> Key {
    Key::new(media_of(ecode), id.as_str())
}

/// Tokens: `WECHATMEDIA#<appid>#<name>` / `MEDIA`: WeChat's id of something of ours, with the lease under which it is got.
pub fn wechat_media(account: &AccountId, name: &str) -> Key {
    Key::new(format!("WECHATMEDIA#{account}#{name}"), "MEDIA")
}

/// Tokens: `INVITE#<appid>#<sha256 of the scene, hex>` / `INVITE`: whom a scan of a QR code binds.
pub fn invitation(account: &AccountId, scene: &str) -> Key {
    Key::new(format!("INVITE#{account}#{}", hash(scene)), "INVITE")
}

/// Tokens: `REPEAT#<owner>#<sha256 of what repeats, hex>` / `REPEAT`: which task a call made that may be repeated.
pub fn repeat(owner: &Owner, what_hash: &str) -> Key {
    Key::new(format!("REPEAT#{owner}#{what_hash}"), "REPEAT")
}

/// Tokens: `FORM#<appid>#<sha256 of the form id, hex>` / `FORM`: how often a form id was used.
pub fn form(account: &AccountId, form_hash: &str) -> Key {
    Key::new(format!("FORM#{account}#{form_hash}"), "FORM")
}

/// Tokens: `SENDS#<appid>#<day>` / `DAY`: sends of an account on a day, where it has a limit.
pub fn sends(account: &AccountId, day: Day) -> Key {
    Key::new(format!("SENDS#{account}#{}", day.number()), "DAY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_their_numbers() {
        assert!(task_sort(9) < task_sort(10));
        assert!(audience_sort(FollowId::new(999)) < audience_sort(FollowId::new(1_000_000)));
        let due = |s, id| due(Timestamp::from_seconds(s), TaskId::new(id)).sk;
        assert!(due(5, 900) < due(6, 1) && due(6, 1) < due_until(Timestamp::from_seconds(6)));
        assert!(due_until(Timestamp::from_seconds(6)) < due(7, 0));
    }

    #[test]
    fn a_bound_user_is_found_whatever_the_id() {
        let (account, openid) = (AccountId::new("wx1"), OpenId::new("o1"));
        let channel = ServiceChannelId::parse("portal-1").unwrap();
        let key = bound(&account, &openid, &channel, "张三@x");
        assert_eq!(parse_bound(&key.sk), Some((channel, "张三@x")));
        assert_eq!(key.pk, user_by_openid(&account, &openid).pk);
        assert_eq!(parse_bound("USER"), None);
    }

    #[test]
    fn what_a_key_says_can_be_read_back() {
        let at = Timestamp::from_seconds(1_795_449_600);
        assert_eq!(parse_due(&due(at, TaskId::new(77)).sk), Some((at, DueThing::Task(TaskId::new(77)))));
        let callbacks = DueThing::Callbacks { app: AppId::new(9), minute: 29_924_160 };
        assert_eq!(parse_due(&due_callbacks(at, AppId::new(9), 29_924_160).sk), Some((at, callbacks)));
        for &environment in Environment::ALL {
            let arrivals = DueThing::Arrivals { task: TaskId::new(77), environment };
            assert_eq!(parse_due(&due_arrivals(at, TaskId::new(77), environment).sk), Some((at, arrivals)));
        }
        assert_eq!(parse_due("nonsense"), None);
        for part in [Part::Direct, Part::Topic { index: 2, shard: 11 }, Part::Devices { shard: 3 }] {
            let batch = BatchId { task: TaskId::new(123), part, number: 45 };
            let key = segment(batch, "aZ09");
            assert_eq!(segment_batch(&key.sk), Some(45));
            assert!(key.sk.starts_with(&segment_prefix(batch)));
            assert!(key.sk.starts_with(&segments_of(batch.task, part)));
        }
        assert_eq!(sort_task(&task_sort(9)), Some(TaskId::new(9)));
        let direct = BatchId { task: TaskId::new(123), part: Part::Direct, number: 0 };
        assert_eq!(sort_task(&segment(direct, "x").sk), Some(TaskId::new(123)));
    }
}
