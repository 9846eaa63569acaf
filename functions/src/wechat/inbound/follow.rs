//! Following: by a QR code with what a developer put into it, by the permanent code of an app or topic, by its link, and
//! by `#<app>`.

use super::{Doing, words};
use gateway::error::causes;
use model::app::AppProfile;
use model::callback::{AppSubscribe, CallbackEvent, SendUpCmd};
use model::follow::{FollowOutcome, Followed, Source};
use model::ids::{AppId, Uid};
use model::qrcode::{CodeKey, QrCode, Way};
use store::StoreError;
use store::bindings::{Accepted, Invitation};
use store::callbacks::Recorded;
use store::following::Wish;
use tracing::warn;

impl Doing<'_> {
    /// The person follows the account, perhaps by scanning one of our codes.
    pub(super) async fn subscribed(&self, scene: Option<&str>) -> Result<String, StoreError> {
        self.store.bound.restore(self.account, &self.inbound.from).await?;
        let Some(scene) = scene else {
            let uid = self.person().await?;
            return Ok(words::welcome(&uid));
        };
        Ok(self.scanned(scene).await?.unwrap_or_else(words::welcome_by_scan))
    }

    /// The person scanned a code.
    pub(super) async fn scanned(&self, scene: &str) -> Result<Option<String>, StoreError> {
        let uid = self.person().await?;
        let Some((key, way)) = CodeKey::of_scene(scene) else { return self.invited(scene).await.map(Some) };
        let found = self.store.codes.get(&key, self.context.clock.now()).await?.map(|state| state.code);
        let Some(code) = found else { return Ok(Some(words::unknown_code())) };
        if !code.is_open(self.inbound.at) {
            return Ok(Some(words::expired_code()));
        }
        let Some(app) = self.app(code.app_id).await? else { return Ok(Some(words::unknown_code())) };
        let source = match way {
            Way::Picture => Source::Scan,
            Way::Link => Source::Link,
        };
        let Some((outcome, name)) = self.follow(&uid, &app, code.followed, source).await? else {
            return Ok(Some(words::unknown_code()));
        };
        match (&code.extra, outcome) {
            (_, FollowOutcome::Rejected | FollowOutcome::NoSuchPerson) => Ok(Some(words::rejected(&name))),
            (Some(extra), outcome) => self.scanned_by(&uid, &app, &code, extra, outcome, &name).await,
            (None, FollowOutcome::New(_)) => {
                self.tell_follow(&uid, &app, code.followed, source, "").await?;
                Ok(Some(prompt(&app, code.followed, &name)))
            }
            (None, FollowOutcome::Already(_)) => Ok(Some(words::already(&name))),
        }
    }

    /// A code of an enterprise, whose scene is the id of one of its users: whoever scans it first is that user.
    async fn invited(&self, scene: &str) -> Result<String, StoreError> {
        let (openid, at) = (&self.inbound.from, self.inbound.at);
        match self.store.invitations.accept(self.account, scene, openid, at).await? {
            Accepted::No => Ok(words::unknown_code()),
            Accepted::Over => Ok(words::expired_code()),
            Accepted::Yes(invitation) => {
                let Invitation { channel, user, .. } = invitation;
                self.store.bindings.bind(self.account, &channel, &user, openid, at).await?;
                Ok(words::bound())
            }
        }
    }

    /// A developer's own code: every scan counts, also of who follows already. What to say is the developer's.
    async fn scanned_by(
        &self,
        uid: &Uid,
        app: &AppProfile,
        code: &QrCode,
        extra: &str,
        outcome: FollowOutcome,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        // The code may have expired between reading it and now; its scan then counts for nothing.
        if !self.store.scans.note(&code.code, uid, self.inbound.at).await? {
            return Ok(Some(words::expired_code()));
        }
        self.tell_follow(uid, app, code.followed, Source::Scan, extra).await?;
        Ok(matches!(outcome, FollowOutcome::New(_)).then(|| words::followed(name)))
    }

    /// `#97`.
    pub(super) async fn follow_by_number(&self, number: u64) -> Result<String, StoreError> {
        let Some(app) = self.app(AppId::new(number)).await? else { return Ok(words::no_such_app(number)) };
        let uid = self.person().await?;
        let name = &app.app.name;
        match self.follow(&uid, &app, Followed::App, Source::Command).await? {
            Some((FollowOutcome::New(_), _)) => {
                self.tell_follow(&uid, &app, Followed::App, Source::Command, "").await?;
                Ok(prompt(&app, Followed::App, name))
            }
            Some((FollowOutcome::Already(_), _)) => Ok(words::already_by_number(name, number)),
            Some((FollowOutcome::Rejected | FollowOutcome::NoSuchPerson, _)) => Ok(words::rejected(name)),
            None => Ok(words::no_such_app(number)),
        }
    }

    /// `#97 some text`, or a text to the only app that listens.
    pub(super) async fn pass_on(&self, number: u64, text: &str) -> Result<String, StoreError> {
        let Some(app) = self.app(AppId::new(number)).await? else { return Ok(words::no_such_app(number)) };
        let uid = self.person().await?;
        let name = &app.app.name;
        let follow = self.store.follows.of_app(app.app.id, std::slice::from_ref(&uid)).await?.remove(&uid);
        match follow {
            None => return Ok(words::follow_first(name, number)),
            Some(follow) if follow.rejected => return Ok(words::rejected(name)),
            Some(_) if app.callback_url.is_none() => return Ok(words::takes_no_messages(name)),
            Some(_) => {}
        }
        let event = CallbackEvent::SendUpCmd(SendUpCmd {
            uid,
            app_id: app.app.id,
            app_key: None,
            app_name: name.clone(),
            user_name: String::new(),
            user_head_img: String::new(),
            time: self.inbound.at,
            content: text.to_owned(),
        });
        self.tell(&app, &event).await?;
        Ok(words::passed_on(name))
    }

    /// Follows the app or a topic of it; the outcome and what it is called. `None` when there is no such topic.
    async fn follow(
        &self,
        uid: &Uid,
        app: &AppProfile,
        followed: Followed,
        source: Source,
    ) -> Result<Option<(FollowOutcome, String)>, StoreError> {
        let wish = Wish { uid, source, cause: &self.inbound.repeat_key, at: self.inbound.at };
        let id = app.app.id;
        match followed {
            Followed::App => {
                let outcome = self.store.following.follow_app(id, wish).await?;
                Ok(Some((outcome, app.app.name.clone())))
            }
            Followed::Topic(topic) => {
                let Some(topic) = self.store.topics.get(id, topic).await? else { return Ok(None) };
                let outcome = self.store.following.follow_topic(id, topic.id, topic.shards, wish).await?;
                Ok(Some((outcome, topic.name)))
            }
        }
    }

    /// Tells the app's developer of a follower. Of topics nobody is told.
    async fn tell_follow(
        &self,
        uid: &Uid,
        app: &AppProfile,
        followed: Followed,
        source: Source,
        extra: &str,
    ) -> Result<(), StoreError> {
        if followed != Followed::App {
            return Ok(());
        }
        let event = CallbackEvent::AppSubscribe(AppSubscribe {
            app_id: app.app.id,
            app_key: app.key.clone(),
            app_name: app.app.name.clone(),
            source,
            user_name: String::new(),
            user_head_img: String::new(),
            time: self.inbound.at,
            uid: uid.clone(),
            extra: extra.to_owned(),
        });
        self.tell(app, &event).await
    }

    async fn tell(&self, app: &AppProfile, event: &CallbackEvent) -> Result<(), StoreError> {
        if app.callback_url.is_none() {
            return Ok(());
        }
        let (id, writer) = (app.app.id, &self.store.callbacks);
        let now = self.context.clock.now();
        let recorded = writer.record(id, event, self.inbound.at, &self.inbound.repeat_key, now).await?;
        if let Recorded::New(callback) = recorded
            && let Err(error) = writer.hint(id, &callback).await
        {
            warn!(app.id = %id, cause = causes(&error), "callback hint lost; the due list makes up for it");
        }
        Ok(())
    }
}

/// What a new follower reads: the owner's words, or ours.
fn prompt(app: &AppProfile, followed: Followed, name: &str) -> String {
    let own = app.follow_prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty());
    match (followed, own) {
        (Followed::App, Some(prompt)) => prompt.to_owned(),
        (Followed::App, None) | (Followed::Topic(_), _) => words::followed(name),
    }
}
