//! What a user switches: alias, tags, badge, and what is shown when.

use super::{Call, no_device, no_user};
use crate::mobile::caller::Caller;
use gateway::ApiError;
use gateway::Reply;
use gateway::envelope::mobile::{Refusal, parameter, success};
use model::device::{MOST_TAGS, NAME_CHARS, PushUser, QuietHours};
use serde_json::{Value, json};
use store::devices::{Switch, Tagged};

/// Another user has the alias.
pub(super) fn alias_taken() -> ApiError {
    Refusal::Parameter.error("`alias` is bound by another user")
}

/// A user without what is nobody's business.
pub(super) fn shown(user: &PushUser) -> Value {
    json!({
        "user_id": user.id,
        "username": user.username,
        "nickname": user.nickname,
        "alias": user.alias,
        "tags": user.tags,
        "no_push": user.muted,
        "no_push_detail": user.hidden,
        "no_push_start_hour": user.quiet.map(|quiet| quiet.start),
        "no_push_end_hour": user.quiet.map(|quiet| quiet.end),
    })
}

impl Call<'_> {
    /// POST /user/push/alias: 10002 when another user has it, or when `push_token` is not of a device of this user.
    pub(super) async fn alias(&self) -> Result<Reply, ApiError> {
        let body = self.body()?;
        let body = body.object();
        let alias = match body.text("alias")? {
            Some(_) => Some(body.required("alias", NAME_CHARS)?),
            None if body.get("alias").is_none() => return Err(parameter("alias", "is missing")),
            None => None,
        };
        if let Some(token) = body.text("push_token")? {
            let found = self.store.devices.by_push_token(&self.app.id, &token).await?;
            if found.is_none_or(|found| found.user != self.user) {
                return Err(no_device("push_token"));
            }
        }
        match self.store.devices.set_alias(&self.app.id, self.user, alias.as_deref()).await? {
            Some(true) => Ok(success(true)),
            Some(false) => Err(alias_taken()),
            None => Err(no_user()),
        }
    }

    /// GET /user/push/tag
    pub(super) async fn tags(&self) -> Result<Reply, ApiError> {
        let user = self.store.devices.user(&self.app.id, self.user).await?.ok_or_else(no_user)?;
        Ok(success(user.tags))
    }

    /// POST /user/push/tag: 10002 above 100 tags.
    pub(super) async fn add_tags(&self) -> Result<Reply, ApiError> {
        let tags = self.given_tags()?;
        self.change_tags(|user| user.extend(tags.iter().cloned())).await
    }

    /// DELETE /user/push/tag
    pub(super) async fn remove_tags(&self) -> Result<Reply, ApiError> {
        let tags = self.given_tags()?;
        self.change_tags(|user| user.retain(|tag| !tags.contains(tag))).await
    }

    /// DELETE /user/push/tag/all
    pub(super) async fn clear_tags(&self) -> Result<Reply, ApiError> {
        self.change_tags(std::collections::BTreeSet::clear).await
    }

    async fn change_tags(&self, change: impl Fn(&mut std::collections::BTreeSet<String>)) -> Result<Reply, ApiError> {
        match self.store.devices.change_tags(&self.app.id, self.user, change).await?.ok_or_else(no_user)? {
            Tagged::With(tags) => Ok(success(tags)),
            Tagged::TooMany => Err(parameter("tags", &format!("would leave the user with more than {MOST_TAGS} tags"))),
        }
    }

    fn given_tags(&self) -> Result<Vec<String>, ApiError> {
        let tags = self.body()?.object().texts("tags")?.ok_or_else(|| parameter("tags", "is missing"))?;
        let is_wrong = |tag: &String| tag.chars().count() > NAME_CHARS || tag.chars().any(char::is_control);
        if tags.is_empty() || tags.len() > MOST_TAGS || tags.iter().any(is_wrong) {
            let rule = format!("must hold 1 to {MOST_TAGS} tags of at most {NAME_CHARS} characters");
            return Err(parameter("tags", &rule));
        }
        Ok(tags)
    }

    /// POST /user/push/badge: of the device on which the user has signed in, or of all.
    pub(super) async fn badge(&self) -> Result<Reply, ApiError> {
        let badge = self.body()?.object().integer("badge")?.ok_or_else(|| parameter("badge", "is missing"))?;
        let wrong = |_| parameter("badge", "must be a number from 0 on");
        let badge = u32::try_from(badge).ok().filter(|badge| i32::try_from(*badge).is_ok()).ok_or(()).map_err(wrong)?;
        let user = self.store.devices.user(&self.app.id, self.user).await?.ok_or_else(no_user)?;
        let here = match self.caller {
            Caller::User { session, .. } => session.device,
            Caller::Admin { .. } => None,
        };
        for device in user.devices.iter().filter(|device| here.is_none_or(|here| here == device.id)) {
            self.store.badges.set(&self.app.id, (device.shard, device.id), badge).await?;
        }
        Ok(success(true))
    }

    /// PUT, POST /user/push
    pub(super) async fn mute(&self) -> Result<Reply, ApiError> {
        let muted = self.value()?.parse().map_err(|_| parameter("value", "must be true or false"))?;
        self.switch(Switch::Muted(muted)).await
    }

    /// PUT, POST /user/push/detail
    pub(super) async fn hide(&self) -> Result<Reply, ApiError> {
        let hidden = self.value()?.parse().map_err(|_| parameter("value", "must be true or false"))?;
        self.switch(Switch::Hidden(hidden)).await
    }

    /// PUT, POST /user/push/limit
    pub(super) async fn quiet_hours(&self) -> Result<Reply, ApiError> {
        let body = self.body()?;
        let body = body.object();
        let hour = |name| match body.integer(name)? {
            None => Ok(None),
            Some(hour) => match u8::try_from(hour) {
                Ok(hour) if hour < 24 => Ok(Some(hour)),
                _ => Err(body.wrong(name, "must be an hour from 0 to 23")),
            },
        };
        let quiet = match (hour("no_push_start_hour")?, hour("no_push_end_hour")?) {
            (Some(start), Some(end)) => Some(QuietHours { start, end }),
            (None, None) => None,
            (Some(_), None) => return Err(parameter("no_push_end_hour", "is missing")),
            (None, Some(_)) => return Err(parameter("no_push_start_hour", "is missing")),
        };
        self.switch(Switch::Quiet(quiet)).await
    }

    /// PUT, POST /user/push/nickname
    pub(super) async fn nickname(&self) -> Result<Reply, ApiError> {
        let name = self.request.query().get("value").map(str::to_owned);
        if name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARS) {
            return Err(parameter("value", &format!("is longer than {NAME_CHARS} characters")));
        }
        self.switch(Switch::Nickname(name)).await
    }

    fn value(&self) -> Result<String, ApiError> {
        self.request.query().get("value").map(str::to_owned).ok_or_else(|| parameter("value", "is missing"))
    }

    async fn switch(&self, switch: Switch) -> Result<Reply, ApiError> {
        let user = self.store.devices.set(&self.app.id, self.user, switch).await?.ok_or_else(no_user)?;
        Ok(success(shown(&user)))
    }
}
