//! POST /interface/{ecode}/api/push/send: to some people, by the enterprise's own user ids.

use super::accept::{self, Acceptance, body_of};
use super::caller::{admit, authenticate, channel};
use super::read::{self, Fields, wrong};
use super::shelf::ShelfStore;
use crate::accepting::AcceptStore;
use gateway::envelope::service::{Refusal, success};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::audience::Recipient;
use model::channel::Address;
use model::ids::{Ecode, MediaId};
use model::service::{
    Article, DESCRIPTION_HALVES, Leads, MOST_ARTICLES, MOST_USERS, MediaKind, ServiceBody, ServiceMessage, TEXT_BYTES,
    TITLE_CHARS, halves, is_user_id,
};
use model::task::Task;
use serde_json::json;
use std::collections::HashSet;
use store::bindings::Bindings;
use store::capabilities;
use store::enterprises::ServiceCallers;
use store::objects::ObjectReader;
use store::repeats::RepeatReader;

capabilities! {
    /// What sending takes.
    pub struct SendStore {
        callers: ServiceCallers,
        shelf: ShelfStore,
        bindings: Bindings,
        objects: ObjectReader,
        noted: RepeatReader,
        accepting: AcceptStore,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Post, "/interface/{ecode}/api/push/send")];

/// The function.
pub const FUNCTION: Function = http_function!("service-send", Family::Service, ROUTES, SendStore, handle);

/// POST /interface/{ecode}/api/push/send?access_token
///
/// | field | | |
/// | --- | --- | --- |
/// | `channelId` | text, required | one of the enterprise's channels |
/// | `toUserId` | text with commas between, required | 1 to 1,000 user ids; blanks and repeats are passed over |
/// | `msgtype` | required | `text`, `image`, `voice`, `news`: the part of that name counts |
/// | `text` | `{"content"}` | at most 2,000 bytes |
/// | `image`, `voice` | `{"media_id"}` | uploaded by the enterprise, as that |
/// | `news` | `{"articles"}` | 1 to 10 of `title`, `description` (1,000 Chinese characters), `pcUrl`, `appUrl` (not both empty), `picUrl` or `picurl` |
/// | `userinfo` | `{"id","name","headimgurl"}` | kept with the message |
/// | `clientMsgId` | text, at most 64 characters | the same again within 24 hours is answered alike and sent once |
///
/// Answers `data`: `{"taskId", "unbound":[user ids that nobody is bound to]}`. 404 when nobody is bound at all. Of several
/// users who are bound to one person, the first one that the call names gets the message, and the others are left out: of
/// `unbound` and of what [`super::task`] tells, too. Accepted, not yet sent: see [`super::task`]. The part that
/// `msgtype` names is the one that counts; others are passed over.
///
/// Source: the API's document; where its tables and examples differ, the examples count.
async fn handle(context: &Context, store: &SendStore, request: Request) -> Result<Reply, ApiError> {
    let ecode = authenticate(&store.callers, &request).await?;
    let body = read::body(&request)?;
    let fields = Fields::of(&body);
    let (channel_id, users) = (fields.channel()?, users(&fields)?);
    let (said, sender) = (said(&fields)?, fields.sender()?);
    let repeat = fields.repeat("send")?;
    admit(context, &ecode)?;
    if let Some(task) = accept::standing(context, &store.accepting, &store.noted, &ecode, repeat.as_ref()).await? {
        return again(store, &task).await;
    }
    let channel = channel(&store.callers, &ecode, &channel_id).await?;
    let what = match said {
        Said::Ready(what) => what,
        Said::Uploaded(kind, id) => uploaded(context, store, &ecode, kind, &id).await?,
    };
    let mut openids = store.bindings.openids(&channel.id, &users).await?;
    let (mut recipients, mut bound, mut unbound) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for user in users {
        match openids.remove(&user) {
            None => unbound.push(user),
            // Another user of the call is the same person, who gets the message once.
            Some(openid) if !seen.insert(openid.clone()) => {}
            Some(openid) => {
                let slot = recipients.len() as u64;
                recipients.push(Recipient { slot, address: Address::Wechat(openid), quota_uid: None });
                bound.push(user);
            }
        }
    }
    if recipients.is_empty() {
        return Err(Refusal::Unbound.error("`toUserId`: none of these users is bound on this channel"));
    }
    let body = ServiceBody { what, sender, users: bound, unbound: unbound.clone() };
    let begun = accept::begin(context, &store.accepting, &ecode, repeat).await?;
    if let Some(task) = &begun.standing {
        return again(store, task).await;
    }
    let acceptance = Acceptance { channel, mass: false, body, recipients };
    let task = accept::finish(context, &store.accepting, begun, acceptance).await?;
    Ok(accepted(&task, &unbound))
}

/// The answer that the call got the first time.
async fn again(store: &SendStore, task: &Task) -> Result<Reply, ApiError> {
    let unbound = body_of(&store.objects, task).await?.map(|body| body.unbound).unwrap_or_default();
    Ok(accepted(task, &unbound))
}

fn accepted(task: &Task, unbound: &[String]) -> Reply {
    success(json!({ "taskId": task.id.to_string(), "unbound": unbound }))
}

/// What is said, as far as the call alone tells.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// All of it.
    Ready(ServiceMessage),
    /// Something that has to be there.
    Uploaded(MediaKind, MediaId),
}

async fn uploaded(
    context: &Context,
    store: &SendStore,
    ecode: &Ecode,
    kind: MediaKind,
    id: &MediaId,
) -> Result<ServiceMessage, ApiError> {
    let field = format!("{}.media_id", kind.as_str());
    Ok(ServiceMessage::Media(store.shelf.take_as(context, ecode, id, kind, &field).await?))
}

/// To whom: trimmed, without blanks and repeats.
fn users(fields: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    let text = fields.required("toUserId")?;
    let mut seen = HashSet::new();
    let mut users = Vec::new();
    for user in text.split(',').map(str::trim).filter(|user| !user.is_empty()) {
        if !is_user_id(user) {
            return Err(wrong(
                "`toUserId` holds something that is no user id: 1 to 64 characters without blanks or `#`",
            ));
        }
        if seen.insert(user) {
            users.push(user.to_owned());
        }
    }
    match users.len() {
        0 => Err(wrong("`toUserId` names nobody")),
        count if count > MOST_USERS => {
            Err(wrong(format!("`toUserId` names {count} users, and at most {MOST_USERS} are taken at a time")))
        }
        _ => Ok(users),
    }
}

fn said(fields: &Fields<'_>) -> Result<Said, ApiError> {
    let kind = fields.required("msgtype")?;
    let part =
        |name: &str| fields.object(name)?.ok_or_else(|| wrong(format!("`{name}` is required for this `msgtype`")));
    match kind.as_str() {
        "text" => {
            let content = part("text")?.required("content")?;
            if content.len() > TEXT_BYTES {
                let bytes = content.len();
                return Err(wrong(format!("`text.content` has {bytes} bytes, and at most {TEXT_BYTES} are taken")));
            }
            Ok(Said::Ready(ServiceMessage::Text(content)))
        }
        "image" => Ok(Said::Uploaded(MediaKind::Image, part("image")?.media_id("media_id")?)),
        "voice" => Ok(Said::Uploaded(MediaKind::Voice, part("voice")?.media_id("media_id")?)),
        "news" => {
            let articles = part("news")?.objects("articles", MOST_ARTICLES)?;
            let articles = articles.iter().map(article).collect::<Result<_, _>>()?;
            Ok(Said::Ready(ServiceMessage::News(articles)))
        }
        _ => Err(wrong("`msgtype` must be `text`, `image`, `voice` or `news`")),
    }
}

fn article(fields: &Fields<'_>) -> Result<Article, ApiError> {
    let title = fields.text_of("title", TITLE_CHARS)?;
    let title = title.ok_or_else(|| wrong(format!("`{}` is required", fields.path("title"))))?;
    let description = fields.text("description")?.unwrap_or_default();
    if halves(&description) > DESCRIPTION_HALVES {
        let path = fields.path("description");
        return Err(wrong(format!("`{path}` is longer than {} Chinese characters", DESCRIPTION_HALVES / 2)));
    }
    let link = fields.link()?;
    if link.leads() == Leads::Nowhere {
        let (pc, app) = (fields.path("pcUrl"), fields.path("appUrl"));
        return Err(wrong(format!("`{pc}` and `{app}` cannot both be empty")));
    }
    // The document's table has the one spelling, its example the other.
    let picture = match fields.url("picUrl")? {
        Some(url) => Some(url),
        None => fields.url("picurl")?,
    };
    Ok(Article { title, description, link, picture })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value};

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn read(body: Value) -> Result<Said, String> {
        said(&Fields::of(&object(body))).map_err(|error| match error {
            ApiError::Refused { message, .. } => message,
            other => panic!("{other:?}"),
        })
    }

    fn people(text: Value) -> Result<Vec<String>, String> {
        users(&Fields::of(&object(json!({ "toUserId": text })))).map_err(|error| match error {
            ApiError::Refused { message, .. } => message,
            other => panic!("{other:?}"),
        })
    }

    fn news(article: Value) -> Value {
        json!({ "msgtype": "news", "news": { "articles": [article] } })
    }

    #[test]
    fn users_are_trimmed_and_named_once() {
        assert_eq!(people(json!(" a, b ,,a,张三 ")).unwrap(), ["a", "b", "张三"]);
        assert_eq!(people(json!(598)).unwrap(), ["598"]);
        assert!(people(json!(" , ")).unwrap_err().contains("nobody"));
        assert!(people(json!("a b")).unwrap_err().contains("no user id"));
        let many = (0..1_001).map(|n| format!("u{n}")).collect::<Vec<_>>().join(",");
        assert!(people(json!(many)).unwrap_err().contains("1001"));
    }

    #[test]
    fn row_22_a_text_is_measured_in_bytes() {
        let text = |content: String| json!({ "msgtype": "text", "text": { "content": content } });
        assert!(read(text("x".repeat(2_000))).is_ok());
        assert!(read(text("x".repeat(2_001))).unwrap_err().contains("`text.content` has 2001 bytes"));
        assert!(read(text("字".repeat(666))).is_ok());
        assert!(read(text("字".repeat(2_000))).unwrap_err().contains("6000 bytes"), "characters are not bytes");
    }

    #[test]
    fn row_71_both_spellings_of_a_picture_are_read_and_one_link_must_be_there() {
        for name in ["picUrl", "picurl"] {
            let mut article = json!({ "title": "t", "pcUrl": "http://www.qq.com" });
            article[name] = json!("http://x.cn/a.jpg");
            let Ok(Said::Ready(ServiceMessage::News(articles))) = read(news(article)) else { panic!("{name}") };
            assert_eq!(articles[0].picture.as_deref(), Some("http://x.cn/a.jpg"), "{name}");
        }
        let nowhere = read(news(json!({ "title": "t", "pcUrl": "", "appUrl": null }))).unwrap_err();
        assert!(nowhere.contains("`news.articles[0].pcUrl` and `news.articles[0].appUrl`"), "{nowhere}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = |article: Value| read(news(article)).unwrap_err();
        assert!(error(json!({ "pcUrl": "http://x.cn" })).contains("`news.articles[0].title` is required"));
        assert!(error(json!({ "title": "t", "pcUrl": "javascript:alert(1)" })).contains("`news.articles[0].pcUrl`"));
        let long = json!({ "title": "t", "pcUrl": "http://x.cn", "description": "字".repeat(1_001) });
        assert!(error(long).contains("`news.articles[0].description`"));
        let fits = json!({ "title": "t", "appUrl": "http://x.cn", "description": "字".repeat(1_000) });
        assert!(read(news(fits)).is_ok());
        let many = json!({ "msgtype": "news", "news": { "articles": vec![json!({}); 11] } });
        assert!(read(many).unwrap_err().contains("11 articles"));
        assert!(read(json!({ "msgtype": "news", "news": { "articles": [] } })).is_err());
        assert!(read(json!({ "msgtype": "image", "voice": {} })).unwrap_err().contains("`image`"));
        assert!(read(json!({ "msgtype": "mpnews" })).unwrap_err().contains("`msgtype`"));
        assert!(
            read(json!({ "msgtype": "image", "image": { "media_id": "nope" } })).unwrap_err().contains("no such media")
        );
    }
}
