//! The demo seed: the same on every machine, so that documents and tests can quote it. Its keys are public.

pub mod mobile;
pub mod phones;

use crate::sandbox::{Followers, ServerConfiguration, World};
use model::account::{
    AccountAccess, CallbackMode, NoticeField, NoticePart, NoticeTemplate, TemplateMapping, WechatAccount,
    WechatCallback,
};
use model::app::{App, AppProfile, Topic};
use model::audience::Follower;
use model::clock::Timestamp;
use model::ids::{AccountId, AppId, Ecode, FollowId, OpenId, ServiceChannelId, Spt, TopicId, Uid};
use model::secret::Secret;
use std::collections::BTreeMap;
use store::access::AccessWriter;
use store::accounts::AccountWriter;
use store::apps::{AppWriter, Senders, Topics};
use store::bindings::BindingImporter;
use store::enterprises::{AccessTokenEntry, Enterprise, EnterpriseWriter, ServiceChannel};
use store::follows::{FollowWriter, Person};
use store::people::Spts;
use store::push_keys::{PushKeyEntry, PushKeyWriter};
use store::{Capability, Store, StoreError};

/// Token of app 1.
pub const APP_TOKEN: &str = "AT_demo0000000000000000000000000000";
/// Token of app 2, which has topic 2 and no followers.
pub const OTHER_TOKEN: &str = "AT_other000000000000000000000000000";
/// The WeChat account.
pub const ACCOUNT: &str = "wx00000000000000d1";
/// Its secret.
pub const SECRET: &str = "demo0000000000000000000000000000";
/// Its original id, as WeChat names it in messages.
pub const ORIGINAL_ID: &str = "gh_demo00000001";
/// The token by which WeChat signs what it tells us of the account.
pub const CALLBACK_TOKEN: &str = "demoCallbackToken";
/// The account's EncodingAESKey.
pub const AES_KEY: &str = "demo0000000000000000000000000000000000000AA";
/// The mini program, which has the same secret.
pub const MINI_PROGRAM: &str = "wx00000000000000d2";
/// The key that pushes by openid in the name of the account.
pub const PUSH_KEY: &str = "demo-push-key";
/// The enterprise, its channel on the account, and the token that speaks for it.
pub const ENTERPRISE: &str = "demo";
/// See [`ENTERPRISE`].
pub const SERVICE_CHANNEL: &str = "demo";
/// See [`ENTERPRISE`].
pub const ACCESS_TOKEN: &str = "demo-access-token";
/// How many people follow app 1 and topic 1.
pub const FOLLOWERS: u64 = 3;

/// UID of demo follower `n` (1, 2 or 3).
pub fn uid(n: u64) -> Result<Uid, StoreError> {
    numbered_uid("demo", n)
}

/// `UID_<name><number>`, padded with zeros to the length of a UID.
pub fn numbered_uid(name: &str, n: u64) -> Result<Uid, StoreError> {
    let digits = Uid::BODY_CHARS.saturating_sub(name.len());
    Uid::parse(&format!("UID_{name}{n:0digits$}"))
        .map_err(|error| StoreError::Corrupt { what: "seed", why: error.to_string() })
}

/// Openid of demo follower `n` (1, 2 or 3).
pub fn openid(n: u64) -> OpenId {
    OpenId::new(format!("odemo{n:023}"))
}

/// Simple push token of demo follower `n` (1, 2 or 3).
pub fn spt(n: u64) -> Result<Spt, StoreError> {
    let wrong = || StoreError::Corrupt { what: "seed", why: "a simple push token has not its form".to_owned() };
    Spt::parse(&format!("SPT_demo{n:024}")).ok_or_else(wrong)
}

/// The demo apps. They may be called more often than an app is by default: people try things out in loops.
pub fn apps() -> [(App, &'static str, Topic); 2] {
    let app = |id, name: &str| App {
        id: AppId::new(id),
        name: name.to_owned(),
        account: AccountId::new(ACCOUNT),
        in_product: false,
        calls_per_10s: Some(0),
    };
    let topic = |id, name: &str| Topic { id: TopicId::new(id), name: name.to_owned(), in_product: false, shards: 1 };
    [(app(1, "演示应用"), APP_TOKEN, topic(1, "演示主题")), (app(2, "另一个应用"), OTHER_TOKEN, topic(2, "另一个主题"))]
}

/// The demo WeChat account.
pub fn account() -> WechatAccount {
    let field = |key: &str, shows| NoticeField { key: key.to_owned(), shows };
    WechatAccount {
        id: AccountId::new(ACCOUNT),
        secret: Secret::new(SECRET.to_owned()),
        notice_template: Some(NoticeTemplate {
            template_id: "demo-keyword".to_owned(),
            fields: vec![
                field("first", NoticePart::AppName),
                field("keyword1", NoticePart::Summary),
                field("keyword2", NoticePart::Reference),
                field("keyword3", NoticePart::Time),
                field("remark", NoticePart::Hint),
            ],
        }),
        callback: Some(callback()),
    }
}

/// What the demo account's console would say of a gateway at `url`.
pub fn server_configuration(url: &str) -> ServerConfiguration {
    ServerConfiguration { url: format!("{url}/wechat/callback/{ACCOUNT}"), callback: callback(), json: false }
}

/// How WeChat calls us for the demo account.
pub fn callback() -> WechatCallback {
    WechatCallback {
        original_id: ORIGINAL_ID.to_owned(),
        token: Secret::new(CALLBACK_TOKEN.to_owned()),
        aes_key: Some(Secret::new(AES_KEY.to_owned())),
        previous_aes_key: None,
        mode: CallbackMode::Safe,
    }
}

/// The demo mini program.
pub fn mini_program() -> WechatAccount {
    WechatAccount {
        id: AccountId::new(MINI_PROGRAM),
        secret: Secret::new(SECRET.to_owned()),
        notice_template: None,
        callback: None,
    }
}

/// What back ends of the demo account may do.
pub fn access() -> AccountAccess {
    AccountAccess {
        secret_hash: String::new(),
        secret_version: 1,
        suspended: false,
        templates: Some(vec!["demo-keyword".to_owned(), "demo-typed".to_owned()]),
        mappings: BTreeMap::new(),
        calls_per_minute: 0,
        calls_per_day: 0,
    }
}

/// What back ends of the demo mini program may do.
pub fn mini_program_access() -> AccountAccess {
    let keys = [("keyword1", "thing1"), ("keyword2", "time2"), ("keyword3", "thing3"), ("keyword4", "thing4")];
    let mapping = TemplateMapping {
        template_id: "demo-subscribe".to_owned(),
        keys: keys.map(|(old, new)| (old.to_owned(), new.to_owned())).into(),
    };
    AccountAccess { templates: None, mappings: [("demo-form".to_owned(), mapping)].into(), ..access() }
}

/// A follower of app 1 or of a topic, new and without any peculiarity.
pub fn follower(uid: Uid, openid: OpenId, follow_id: u64, now: Timestamp) -> Follower {
    Follower {
        follow_id: FollowId::new(follow_id),
        uid,
        openid,
        created_ms: now,
        rejected: false,
        muted: false,
        unreachable: false,
        pay_end_ms: Timestamp::default(),
        over_quota_day: None,
    }
}

/// The topic of app 1 that a crowd follows.
pub const CROWD_TOPIC: u64 = 77;

/// UID of the `n`-th of a crowd (from 1).
pub fn crowd_uid(n: u64) -> Result<Uid, StoreError> {
    numbered_uid("crowd", n)
}

/// Openid of the `n`-th of a crowd (from 1).
pub fn crowd_openid(n: u64) -> OpenId {
    OpenId::new(format!("ocrowd{n:022}"))
}

/// The demo world with a crowd of `count` that follows the official account.
pub fn world_with_crowd(count: u64) -> World {
    let mut world = World::demo();
    let demo = (1..=FOLLOWERS).map(openid);
    let everybody: Vec<OpenId> = demo.chain((1..=count).map(crowd_openid)).collect();
    for account in &mut world.wechat {
        account.followers = Followers::listed(everybody.iter().map(OpenId::as_str));
    }
    world
}

/// Writes `count` people who follow app 1 and `topic`, which is created; `change` may alter each follow. Everything is
/// written again when it is there already.
pub async fn crowd(
    store: &Store,
    topic: u64,
    count: u64,
    now: Timestamp,
    change: impl Fn(&mut Follower),
) -> Result<(), StoreError> {
    let (mut people, mut of_app, mut of_topic) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=count {
        let (uid, openid) = (crowd_uid(n)?, crowd_openid(n));
        people.push(Person { account: AccountId::new(ACCOUNT), openid: openid.clone(), uid: uid.clone() });
        for (follows, first) in [(&mut of_app, 1_000_000), (&mut of_topic, 2_000_000)] {
            let mut follow = follower(uid.clone(), openid.clone(), first + n, now);
            change(&mut follow);
            follows.push(follow);
        }
    }
    let (app, topic_id) = (AppId::new(1), TopicId::new(topic));
    let topic = Topic { id: topic_id, name: "人群".to_owned(), in_product: false, shards: 1 };
    let (apps, follows) = (AppWriter::open(store), FollowWriter::open(store));
    follows.put_people(&people).await?;
    follows.put_app_follows(app, &of_app).await?;
    follows.put_topic_follows(app, topic_id, 0, &of_topic).await?;
    // Last: a topic that can be sent to is whole.
    apps.put_topic(app, &topic).await
}

/// Writes the seed unless it is there already: a second start leaves what was changed since the first.
pub async fn demo(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let present = Senders::open(store).by_token(&Secret::new(APP_TOKEN.to_owned())).await?;
    if present.is_some() {
        return Ok(());
    }
    let [(first, first_token, first_topic), (second, second_token, second_topic)] = apps();
    let mut people = Vec::new();
    let (mut of_app, mut of_topic) = (Vec::new(), Vec::new());
    for n in 1..=FOLLOWERS {
        people.push(Person { account: AccountId::new(ACCOUNT), openid: openid(n), uid: uid(n)? });
        of_app.push(follower(uid(n)?, openid(n), n, now));
        of_topic.push(follower(uid(n)?, openid(n), FOLLOWERS + n, now));
    }
    let (account, second_token) = (account(), Secret::new(second_token.to_owned()));
    let (apps, follows, accounts) = (AppWriter::open(store), FollowWriter::open(store), AccountWriter::open(store));
    let profile = |app: App| AppProfile::bare(app.clone(), format!("AK_demo{:028}", app.id.get()), now);
    let (first, second) = (profile(first), profile(second));
    let (accesses, secret) = (AccessWriter::open(store), Secret::new(SECRET.to_owned()));
    let (mini_program, push_key) = (mini_program(), Secret::new(PUSH_KEY.to_owned()));
    let (access, mini_program_access) = (access(), mini_program_access());
    let (push_keys, push_key_entry) = (PushKeyWriter::open(store), PushKeyEntry::of(&push_key, None, now));
    futures::try_join!(
        accounts.put(&account),
        accounts.put(&mini_program),
        accesses.put(&account.id, &access, &secret),
        accesses.put(&mini_program.id, &mini_program_access, &secret),
        push_keys.issue(&account.id, &push_key, &push_key_entry),
        follows.put_people(&people),
        follows.put_app_follows(first.app.id, &of_app),
        follows.put_topic_follows(first.app.id, first_topic.id, 0, &of_topic),
        apps.put_topic(first.app.id, &first_topic),
        apps.put_topic(second.app.id, &second_topic),
        apps.put(&second, &second_token),
    )?;
    let spts = Spts::open(store);
    for n in 1..=FOLLOWERS {
        spts.give(&uid(n)?, spt(n)?).await?;
    }
    mobile::demo(store, now).await?;
    enterprise(store, now).await?;
    phones::write(store).await?;
    // Last: its presence says that the seed is whole.
    apps.put(&first, &Secret::new(first_token.to_owned())).await
}

/// Writes the demo enterprise, whose users `user1` to `user3` are the three followers.
async fn enterprise(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let wrong = || StoreError::Corrupt { what: "seed", why: "a name has not its form".to_owned() };
    let (ecode, name) = (Ecode::parse(ENTERPRISE).ok_or_else(wrong)?, "演示企业".to_owned());
    let channel = ServiceChannel {
        id: ServiceChannelId::parse(SERVICE_CHANNEL).ok_or_else(wrong)?,
        ecode: ecode.clone(),
        account: AccountId::new(ACCOUNT),
        name: "演示服务号".to_owned(),
        created: now,
    };
    let token = AccessTokenEntry { id: "demo".to_owned(), name: "演示".to_owned(), created: now };
    let (writer, bindings) = (EnterpriseWriter::open(store), BindingImporter::open(store));
    let users: Vec<(String, OpenId)> = (1..=FOLLOWERS).map(|n| (format!("user{n}"), openid(n))).collect();
    writer.create(&Enterprise { ecode: ecode.clone(), name, created: now }).await?;
    writer.create_channel(&channel).await?;
    writer.issue(&ecode, &token, &Secret::new(ACCESS_TOKEN.to_owned())).await?;
    bindings.bind_all(&channel.account, &channel.id, &users, now).await
}

/// Writes a crowd of `count` unless there is one already.
pub async fn crowd_once(store: &Store, count: u64, now: Timestamp) -> Result<(), StoreError> {
    let present = Topics::open(store).get(AppId::new(1), TopicId::new(CROWD_TOPIC)).await?;
    if count == 0 || present.is_some() {
        return Ok(());
    }
    crowd(store, CROWD_TOPIC, count, now, |_| {}).await
}
