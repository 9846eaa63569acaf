//! What naming a follow by its record id takes: remove and reject read it alike.

use gateway::{ApiError, Fields, Query, Request};
use model::ids::FollowId;

/// Parameters from the query, or, when it names none of them, from a JSON body: one SDK sends them there.
pub(super) enum Parameters {
    Query(Query),
    Body(Fields),
}

impl Parameters {
    pub(super) fn read(request: &Request) -> Result<Self, ApiError> {
        let query = request.query();
        let is_named = ["appToken", "id", "reject"].into_iter().any(|name| query.get(name).is_some());
        if is_named || request.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::Query(query));
        }
        request.json_object().map(Self::Body)
    }

    pub(super) fn token(&self) -> Result<Option<String>, ApiError> {
        match self {
            Self::Query(query) => Ok(query.get("appToken").map(str::to_owned)),
            Self::Body(fields) => fields.text("appToken"),
        }
    }

    /// The record id; `None` for a number that no record can have.
    pub(super) fn id(&self) -> Result<Option<FollowId>, ApiError> {
        let number = match self {
            Self::Query(query) => query.integer("id")?,
            Self::Body(fields) => fields.integer("id")?,
        };
        let number = number.ok_or_else(|| ApiError::unreadable("缺少参数id"))?;
        Ok(u64::try_from(number).ok().filter(|number| (1..1 << 53).contains(number)).map(FollowId::new))
    }

    pub(super) fn reject(&self) -> Result<bool, ApiError> {
        let value = match self {
            Self::Query(query) => query.boolean("reject")?,
            Self::Body(fields) => fields.boolean("reject")?,
        };
        value.ok_or_else(|| ApiError::unreadable("缺少参数reject"))
    }
}

/// The refusal of an id that is gone, never was, or is another app's: one text, so nobody can probe.
pub(super) fn no_such_record() -> ApiError {
    ApiError::refused("record_unknown", "关注记录不存在")
}

/// `data` of both, as the documentation has it.
pub(super) const DELETED: &str = "删除成功";
