//! `audience`: whom a message is for.

use crate::mobile::read::Object;
use gateway::ApiError;
use gateway::envelope::mobile::{Refusal, parameter};
use model::push::{Audience, MOST_TARGETS};
use serde_json::Value;
use std::collections::HashSet;
use std::hash::Hash;

const FIELD: &str = "audience";
const SHAPE: &str = "must be \"all\" or an object with exactly one of tag, alias, user_id, push_token";

/// Reads it: exactly one key, a list of 1 to 500 (12005 above, however many of them are the same).
pub(super) fn read(body: &Object<'_>) -> Result<Audience, ApiError> {
    let object = match body.get(FIELD) {
        None => return Err(parameter(FIELD, "is missing")),
        Some(Value::String(all)) if all == "all" => return Ok(Audience::All),
        Some(Value::Object(_)) => body.object(FIELD)?,
        Some(_) => None,
    };
    let object = object.ok_or_else(|| parameter(FIELD, SHAPE))?;
    let mut names = object.names();
    let (Some(name), None) = (names.next(), names.next()) else { return Err(parameter(FIELD, SHAPE)) };
    if !["tag", "alias", "user_id", "push_token"].contains(&name) {
        return Err(parameter(FIELD, SHAPE));
    }
    let count = object.list(name)?.map_or(0, <[Value]>::len);
    if count == 0 {
        return Err(object.wrong(name, "is empty"));
    }
    if count > MOST_TARGETS {
        let path = object.path_of(name);
        return Err(Refusal::TooManyTargets.error(format!("`{path}` holds {count} targets; at most {MOST_TARGETS}")));
    }
    Ok(match name {
        "tag" => Audience::Tag(distinct(object.texts(name)?)),
        "alias" => Audience::Alias(distinct(object.texts(name)?)),
        "user_id" => Audience::UserId(distinct(object.integers(name)?)),
        _ => Audience::PushToken(distinct(object.texts(name)?)),
    })
}

/// Each once, in the order of the call.
fn distinct<T: Clone + Eq + Hash>(values: Option<Vec<T>>) -> Vec<T> {
    let mut seen = HashSet::new();
    values.unwrap_or_default().into_iter().filter(|value| seen.insert(value.clone())).collect()
}
