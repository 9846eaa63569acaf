//! What people type and tap: commands, their UID, what they follow, the message switch.

use super::{Doing, words};
use model::follow::{FollowRecord, Followed};
use model::ids::{AppId, TopicId, Uid};
use model::inbound::{Typed, read_typed};
use std::collections::BTreeMap;
use store::StoreError;

/// The keys that entries of the account's menu have (`docs/wechat.md`).
pub(crate) const MY_UID: &str = "MY_UID";
pub(crate) const MY_SUBSCRIPTIONS: &str = "MY_SUBSCRIPTIONS";
pub(crate) const MESSAGES_OFF: &str = "MESSAGES_OFF";
pub(crate) const MESSAGES_ON: &str = "MESSAGES_ON";

/// A wish that can be typed and tapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    MyUid,
    MySubscriptions,
    Mute(bool),
    LeaveApp(u64),
    LeaveTopic(u64),
    Help,
}

impl Doing<'_> {
    /// A text.
    pub(super) async fn typed(&self, content: &str) -> Result<Option<String>, StoreError> {
        match read_typed(content) {
            Typed::Follow(app) => self.follow_by_number(app).await.map(Some),
            Typed::Command { app, text } => self.pass_on(app, &text).await.map(Some),
            Typed::Malformed => Ok(Some(words::help())),
            Typed::Words(text) => match ask(&text) {
                Some(asked) => self.answer(asked).await.map(Some),
                None => self.to_whom(&text).await,
            },
        }
    }

    /// A tap on the menu. A key that is not ours belongs to somebody else's entry.
    pub(super) async fn tapped(&self, key: &str) -> Result<Option<String>, StoreError> {
        let asked = match key {
            MY_UID => Ask::MyUid,
            MY_SUBSCRIPTIONS => Ask::MySubscriptions,
            MESSAGES_OFF => Ask::Mute(true),
            MESSAGES_ON => Ask::Mute(false),
            _ => return Ok(None),
        };
        self.answer(asked).await.map(Some)
    }

    async fn answer(&self, asked: Ask) -> Result<String, StoreError> {
        let (uid, at) = (self.person().await?, self.inbound.at);
        match asked {
            Ask::MyUid => Ok(words::my_uid(&uid)),
            Ask::MySubscriptions => self.subscriptions(&uid).await,
            Ask::Mute(muted) => {
                self.store.people.set_muted(&uid, muted, at).await?;
                Ok(words::muted(muted))
            }
            Ask::LeaveApp(app) => {
                let left = self.store.following.leave(AppId::new(app), Followed::App, &uid, at).await?;
                Ok(words::left(left))
            }
            Ask::LeaveTopic(topic) => {
                let followed = Followed::Topic(TopicId::new(topic));
                let follows = self.store.followers.of_person(&uid).await?;
                let Some(follow) = follows.iter().find(|follow| follow.followed == followed) else {
                    return Ok(words::left(false));
                };
                let left = self.store.following.leave(follow.app_id, followed, &uid, at).await?;
                Ok(words::left(left))
            }
            Ask::Help => Ok(words::help()),
        }
    }

    /// What the person follows, with the way to each app's settings and the way out.
    async fn subscriptions(&self, uid: &Uid) -> Result<String, StoreError> {
        let follows = self.store.followers.of_person(uid).await?;
        let mut topics: BTreeMap<AppId, Vec<TopicId>> = BTreeMap::new();
        let mut apps = Vec::new();
        for FollowRecord { app_id, followed, .. } in follows.iter().take(words::MOST_SUBSCRIPTIONS) {
            match followed {
                Followed::App => apps.push(*app_id),
                Followed::Topic(topic) => topics.entry(*app_id).or_default().push(*topic),
            }
        }
        let mut lines = Vec::new();
        for app in apps {
            if let Some(profile) = self.store.apps.get(app).await? {
                lines.push(words::subscribed_app(&profile, uid));
            }
        }
        for (app, topics) in topics {
            for topic in self.store.topic_names.get(app, topics).await? {
                lines.push(words::subscribed_topic(topic.id.get(), &topic.name));
            }
        }
        Ok(words::subscriptions(&lines, follows.len()))
    }

    /// A text without `#` goes to the app that listens when the person follows one such app; with several the person is
    /// asked. With none it is nobody's, and nothing is said.
    async fn to_whom(&self, text: &str) -> Result<Option<String>, StoreError> {
        let uid = self.person().await?;
        let follows = self.store.followers.of_person(&uid).await?;
        let mut listening = Vec::new();
        for follow in follows.iter().filter(|follow| follow.followed == Followed::App && !follow.rejected) {
            if listening.len() == words::MOST_CHOICES {
                break;
            }
            if let Some(app) = self.app(follow.app_id).await?
                && app.callback_url.is_some()
            {
                listening.push((app.app.id.get(), app.app.name));
            }
        }
        match listening.as_slice() {
            [] => Ok(None),
            [(app, _)] => self.pass_on(*app, text).await.map(Some),
            several => Ok(Some(words::choose(several))),
        }
    }
}

/// What a text without `#` asks for.
fn ask(text: &str) -> Option<Ask> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "uid" | "我的uid" | "myuid" => return Some(Ask::MyUid),
        "我的订阅" | "订阅" | "mysubscriptions" => return Some(Ask::MySubscriptions),
        "关闭消息" | "messagesoff" => return Some(Ask::Mute(true)),
        "开启消息" | "messageson" => return Some(Ask::Mute(false)),
        "帮助" | "help" | "?" | "？" => return Some(Ask::Help),
        _ => {}
    }
    let number = |prefix: &str| plain.strip_prefix(prefix)?.trim_start_matches(['#', '＃']).parse().ok();
    number("退订主题").map(Ask::LeaveTopic).or_else(|| number("退订").map(Ask::LeaveApp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_understood_however_they_are_spaced_and_cased() {
        assert_eq!(ask("我的 UID"), Some(Ask::MyUid));
        assert_eq!(ask("My UID"), Some(Ask::MyUid));
        assert_eq!(ask("我的订阅"), Some(Ask::MySubscriptions));
        assert_eq!((ask("关闭消息"), ask("开启消息")), (Some(Ask::Mute(true)), Some(Ask::Mute(false))));
        assert_eq!(ask("退订 97"), Some(Ask::LeaveApp(97)));
        assert_eq!(ask("退订#97"), Some(Ask::LeaveApp(97)));
        assert_eq!(ask("退订主题 12"), Some(Ask::LeaveTopic(12)));
        assert_eq!(ask("帮助"), Some(Ask::Help));
        for words in ["退订", "退订 abc", "你好", "97", ""] {
            assert_eq!(ask(words), None, "{words}");
        }
    }
}
