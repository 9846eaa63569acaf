//! Who the targets of a simple push are: whoever's token is named.

use super::AcceptStore;
use super::resolve::{Resolved, take_quotas};
use gateway::limiter::Caller;
use gateway::{ApiError, Context};
use model::audience::{Follower, Ineligible, PayFilter};
use model::clock::Timestamp;
use model::ids::{AccountId, FollowId, OpenId, Spt, Uid};
use model::wxpusher::{Sending, SimpleRefusal};
use std::collections::HashMap;
use store::people::{PeopleReader, PersonRecord};
use store::quotas::Taken;

/// A token as the call named it, and whose it is.
pub(super) type Found = Vec<(String, Result<PersonRecord, SimpleRefusal>)>;

/// Finds the people behind the tokens, and the account through which they are reached.
///
/// A task goes out through one account. Tokens of people on another one than the first of the call are refused.
pub(super) async fn find(
    context: &Context,
    people: &PeopleReader,
    sending: &Sending,
) -> Result<(AccountId, Found), ApiError> {
    let well_formed: Vec<Spt> = sending.uids.iter().filter_map(|text| Spt::parse(text)).collect();
    let known = people.by_spts(&well_formed).await?;
    let mut known: HashMap<&str, PersonRecord> =
        well_formed.iter().zip(known).filter_map(|(spt, person)| Some((spt.expose(), person?))).collect();
    let (mut account, mut found) = (None, Vec::new());
    for text in &sending.uids {
        let person = known.remove(text.as_str()).ok_or(SimpleRefusal::Unknown).and_then(|person| {
            let account = account.get_or_insert_with(|| person.account.clone());
            if *account == person.account { Ok(person) } else { Err(SimpleRefusal::OtherAccount) }
        });
        if let Ok(person) = &person {
            let (caller, most) = (Caller::Simple(person.uid.clone()), context.config.calls_per_10s);
            let admitted = context.limiter.admit(caller, most, context.clock.now());
            admitted.map_err(|retry_after| ApiError::TooMany { retry_after })?;
        }
        found.push((text.clone(), person));
    }
    // Without anybody nothing is sent, and the account is never used.
    Ok((account.unwrap_or_else(|| AccountId::new("")), found))
}

/// Counts the quotas of those who can be reached.
pub(super) async fn resolve(context: &Context, store: &AcceptStore, found: Found) -> Result<Resolved, ApiError> {
    let now = context.clock.now();
    let checked: Vec<(String, Result<Follower, SimpleRefusal>)> = found
        .into_iter()
        .map(|(name, person)| {
            let follower =
                person.map(follower).and_then(|follower| match follower.eligible(PayFilter::Everyone, now) {
                    Ok(()) => Ok(follower),
                    Err(why) => Err(SimpleRefusal::Ineligible(why)),
                });
            (name, follower)
        })
        .collect();
    // Two tokens never lead to one person, so nobody is counted twice.
    let eligible: Vec<Uid> =
        checked.iter().filter_map(|(_, follower)| Some(follower.as_ref().ok()?.uid.clone())).collect();
    let taken = take_quotas(context, store, &eligible, now).await?;
    let mut resolved = Resolved {
        uids: Vec::new(),
        topics: Vec::new(),
        simple: true,
        counted: Vec::new(),
        unused: Vec::new(),
        spent: Vec::new(),
        day: now.beijing_day(),
    };
    for (name, follower) in checked {
        let follower = follower.and_then(|follower| match taken.get(&follower.uid) {
            Some(Taken::Refused) => Err(SimpleRefusal::Ineligible(Ineligible::OverQuota)),
            last => {
                resolved.counted.push(follower.uid.clone());
                if last == Some(&Taken::Last) {
                    resolved.spent.push(follower.uid.clone());
                }
                Ok(follower)
            }
        });
        resolved.uids.push((name, follower.map_err(|refusal| refusal.status())));
    }
    Ok(resolved)
}

/// A person as if they followed: what decides whether a message goes out is the same.
fn follower(person: PersonRecord) -> Follower {
    Follower {
        follow_id: FollowId::new(0),
        uid: person.uid,
        openid: person.openid.unwrap_or_else(|| OpenId::new("")),
        created_ms: Timestamp::default(),
        rejected: false,
        muted: person.muted,
        unreachable: person.unreachable,
        pay_end_ms: Timestamp::default(),
        over_quota_day: None,
    }
}
