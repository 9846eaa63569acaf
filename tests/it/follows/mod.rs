//! People, follows and lists of followers, as the store keeps them. What users and owners see of them over HTTP is in
//! `wxpusher`.

mod codes;
mod lists;
mod people;
mod records;
mod trades;

use crate::wxpusher::dynamodb;
use local::seed;
use model::audience::Follower;
use model::follow::{FollowOutcome, Source};
use model::ids::{AccountId, AppId, FollowId, OpenId, TopicId, Uid};
use serde_json::{Value, json};
use store::Capability;
use store::audience::{Audience, Span};
use store::followers::Followers;
use store::following::{Following, Wish};
use store::follows::Follows;
use store::people::{People, PeopleReader};
use support::Town;

pub(crate) const APP: AppId = AppId::new(1);
pub(crate) const OTHER: AppId = AppId::new(2);
pub(crate) const TOPIC: TopicId = TopicId::new(1);

pub(crate) fn account() -> AccountId {
    AccountId::new(seed::ACCOUNT)
}

pub(crate) fn following(town: &Town) -> Following {
    Following::open(town.stack.store())
}

pub(crate) fn followers(town: &Town) -> Followers {
    Followers::open(town.stack.store())
}

pub(crate) fn people(town: &Town) -> People {
    People::open(town.stack.store())
}

pub(crate) fn person_reader(town: &Town) -> PeopleReader {
    PeopleReader::open(town.stack.store())
}

/// A person who has just arrived on the demo account.
pub(crate) async fn newcomer(town: &Town, n: u64) -> (Uid, OpenId) {
    let openid = OpenId::new(format!("onewcomer{n:019}"));
    let arrival = people(town).arrive(&account(), &openid, town.now()).await.expect("an arrival");
    assert!(arrival.is_new);
    (arrival.person.uid, openid)
}

/// A wish to follow by scanning, with a cause of its own.
pub(crate) fn scan<'a>(town: &Town, uid: &'a Uid, cause: &'a str) -> Wish<'a> {
    Wish { uid, source: Source::Scan, cause, at: town.now() }
}

pub(crate) async fn follow_app(town: &Town, app: AppId, uid: &Uid, cause: &str) -> FollowOutcome {
    following(town).follow_app(app, scan(town, uid, cause)).await.expect("an outcome")
}

pub(crate) async fn follow_topic(town: &Town, uid: &Uid, cause: &str) -> FollowOutcome {
    following(town).follow_topic(APP, TOPIC, 1, scan(town, uid, cause)).await.expect("an outcome")
}

/// The id of a new follow.
#[track_caller]
pub(crate) fn new(outcome: FollowOutcome) -> FollowId {
    match outcome {
        FollowOutcome::New(id) => id,
        other => panic!("{other:?} is not new"),
    }
}

/// What direct sending sees of the follow.
pub(crate) async fn direct(town: &Town, app: AppId, uid: &Uid) -> Option<Follower> {
    let found = Follows::open(town.stack.store()).of_app(app, std::slice::from_ref(uid)).await;
    found.expect("followers").remove(uid)
}

/// What fan-out sees of the follow of topic 1.
pub(crate) async fn member(town: &Town, uid: &Uid) -> Option<Follower> {
    let span = Span { after: None, upto: None };
    let page = Audience::open(town.stack.store()).page(APP, TOPIC, 0, span, 10_000).await.expect("an audience");
    page.followers.into_iter().find(|follower| follower.uid == *uid)
}

/// Every item of a partition of the Users table.
pub(crate) async fn partition(town: &Town, pk: &str) -> Vec<Value> {
    let table = &town.stack.context().config.names.users;
    let body = json!({
        "TableName": table,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": { ":pk": { "S": pk } },
    });
    dynamodb(town, "Query", &body).await["Items"].as_array().expect("items").clone()
}
