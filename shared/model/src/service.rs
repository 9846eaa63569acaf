//! What enterprises say to their people through WeChat service accounts: texts, pictures, voice and articles, to some by
//! the enterprise's own user ids, or to everybody who follows.

use crate::ids::{Ecode, MediaId, ServiceChannelId};
use crate::message::Naming;
use crate::task::Stored;
use crate::wechat::{Media, Text};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `text.content` to single people, in bytes (the API's document; a Chinese character has three).
pub const TEXT_BYTES: usize = 2_000;
/// `text.content` to everybody, in bytes. The document names none; WeChat's own limit for a text, as developers have found.
pub const MASS_TEXT_BYTES: usize = 2_048;
/// Distinct `toUserId` of a call. Ours.
pub const MOST_USERS: usize = 1_000;
/// Characters of a user id. WeChat's longest scene, so that every user can have a QR code.
pub const USER_CHARS: usize = 64;
/// Articles of one message (the API's document).
pub const MOST_ARTICLES: usize = 10;
/// Halves of a `description`: a Chinese character counts two (the API's document: 1,000 of them).
pub const DESCRIPTION_HALVES: usize = 2_000;
/// Characters of a title. WeChat's page "draft/add" (32) is about articles; a card shows two lines. Ours: as the old page.
pub const TITLE_CHARS: usize = 64;
/// Bytes of a URL: WeChat's `content_source_url`, page "draft/add", read 2026-11.
pub const URL_BYTES: usize = 1_024;
/// Characters of `clientMsgId`. Ours.
pub const CLIENT_MSG_ID_CHARS: usize = 64;
/// For how long a repeat with the same `clientMsgId` is the same call. Ours.
pub const REPEAT_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Bytes of a picture. WeChat's page "new temporary media", read 2026-11.
pub const IMAGE_BYTES: usize = 10 * 1024 * 1024;
/// Bytes and length of a voice. The same page.
pub const VOICE_BYTES: usize = 2 * 1024 * 1024;
/// The longest voice. The same page.
pub const VOICE_LENGTH: Duration = Duration::from_secs(60);
/// Bytes of a thumb. The same page.
pub const THUMB_BYTES: usize = 64 * 1024;
/// Bytes of a file that are taken with the call itself. API Gateway hands a function at most 6 MB, a third of which the
/// encoding takes; larger files go to the bucket by a link.
pub const DIRECT_BYTES: usize = 4 * 1024 * 1024;

/// How long something uploaded is kept after its last use.
pub const MEDIA_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// An object that is older than this when it is used is written anew: the bucket forgets by the age of objects.
pub const OBJECT_RENEWED_AFTER: Duration = Duration::from_secs(30 * 86_400);
/// When the bucket forgets an object of `media/`: after the life of whoever used it last before it was to be renewed.
pub const OBJECT_LIFE: Duration = Duration::from_secs(61 * 86_400);
/// How long a link to upload by works.
pub const UPLOAD_LINK_LIFE: Duration = Duration::from_secs(900);
/// How long WeChat's id of an upload is used. It works for three days (WeChat's page "new temporary media").
pub const WECHAT_MEDIA_LIFE: Duration = Duration::from_secs(60 * 3600);

/// What something uploaded is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A recording.
    Voice,
    /// The picture that stands for an article.
    Thumb,
    /// Articles.
    News,
}

impl MediaKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Image, Self::Voice, Self::Thumb, Self::News];

    /// As callers and WeChat name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Thumb => "thumb",
            Self::News => "news",
        }
    }

    /// A file's kind by its name; articles are no file.
    pub fn of_file(name: &str) -> Option<Self> {
        [Self::Image, Self::Voice, Self::Thumb].into_iter().find(|kind| kind.as_str() == name)
    }

    /// The most bytes that are taken.
    pub const fn most_bytes(self) -> usize {
        match self {
            // A larger picture is scaled down to a thumb.
            Self::Image | Self::Thumb => IMAGE_BYTES,
            Self::Voice => VOICE_BYTES,
            Self::News => 1024 * 1024,
        }
    }
}

/// What bytes turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// AMR.
    Amr,
    /// MP3.
    Mp3,
    /// Articles as JSON.
    Json,
}

impl Format {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Amr => "audio/amr",
            Self::Mp3 => "audio/mpeg",
            Self::Json => "application/json",
        }
    }

    /// What a file name ends in.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Amr => "amr",
            Self::Mp3 => "mp3",
            Self::Json => "json",
        }
    }
}

/// Something that an enterprise uploaded, as a message names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnMedia {
    /// Whose it is.
    #[serde(rename = "e")]
    pub owner: Ecode,
    /// Which.
    #[serde(rename = "i")]
    pub id: MediaId,
    /// What it is for.
    #[serde(rename = "k")]
    pub kind: MediaKind,
}

/// Where an article leads: phones to one place, desktops to another, or everybody to the only one there is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    /// For desktops: `pcUrl`.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pc: Option<String>,
    /// For phones: `appUrl`.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
}

/// What a link asks of whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads<'a> {
    /// Nowhere.
    Nowhere,
    /// To one address, whatever it is opened on.
    To(&'a str),
    /// It depends: our short link decides.
    Apart,
}

impl Link {
    /// Where it leads.
    pub fn leads(&self) -> Leads<'_> {
        match (&self.pc, &self.app) {
            (None, None) => Leads::Nowhere,
            (Some(pc), Some(app)) if pc != app => Leads::Apart,
            (_, Some(url)) | (Some(url), None) => Leads::To(url),
        }
    }

    /// Where somebody goes who opens it on a phone, or not on one.
    pub fn target(&self, phone: bool) -> Option<&str> {
        let (first, other) = if phone { (&self.app, &self.pc) } else { (&self.pc, &self.app) };
        first.as_deref().or(other.as_deref())
    }

    /// The address that is put into a message: the link's own, or the short one of article `at` on the page at `page`.
    pub fn shown(&self, page: &str, at: usize) -> Option<String> {
        match self.leads() {
            Leads::Nowhere => None,
            Leads::To(url) => Some(url.to_owned()),
            Leads::Apart => Some(format!("{page}/{at}")),
        }
    }
}

/// An article as a card shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// Its title.
    #[serde(rename = "t")]
    pub title: String,
    /// What it is about.
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it leads.
    #[serde(flatten)]
    pub link: Link,
    /// Its picture.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// An article that was uploaded, to be sent to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedArticle {
    /// The picture that stands for it: a thumb of the same enterprise.
    pub thumb: MediaId,
    /// Its title.
    pub title: String,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// The text of its page, HTML.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The picture stands on the page as well.
    #[serde(default)]
    pub show_cover: bool,
    /// Where "read on" leads.
    #[serde(default)]
    pub link: Link,
}

/// Who is shown as the sender, as the caller said. Kept with the message; WeChat shows the account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sender {
    /// The caller's id of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headimgurl: Option<String>,
}

/// What a task of an enterprise sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceContent {
    /// Through which of its channels.
    #[serde(rename = "c")]
    pub channel: ServiceChannelId,
    /// It goes to everybody who follows.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub mass: bool,
    /// The rest, a [`ServiceBody`] as JSON: short in nearly every case, and kept apart where it is not.
    #[serde(rename = "b")]
    pub body: Stored<String>,
}

/// What is said, and to whom in the caller's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBody {
    /// What is said.
    #[serde(rename = "w")]
    pub what: ServiceMessage,
    /// Who is shown as the sender.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Sender>,
    /// User ids of the recipients, by slot. None for a mass message.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// User ids that nobody is bound to.
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    pub unbound: Vec<String>,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceMessage {
    /// A text.
    Text(String),
    /// A picture or a recording.
    Media(OwnMedia),
    /// Articles as cards, at least one.
    News(Vec<Article>),
    /// Articles that were uploaded, and where each leads.
    Mpnews(OwnMedia, Vec<Link>),
}

impl ServiceMessage {
    /// Where article `at` leads.
    pub fn link(&self, at: usize) -> Option<&Link> {
        match self {
            Self::Text(_) | Self::Media(_) => None,
            Self::News(articles) => articles.get(at).map(|article| &article.link),
            Self::Mpnews(_, links) => links.get(at),
        }
    }
}

/// A message to everybody who follows an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassMessage {
    /// What it is called.
    #[serde(flatten)]
    pub naming: Naming,
    /// What is said.
    #[serde(flatten)]
    pub content: MassContent,
    /// What of ours it shows, as [`crate::wechat::WechatMessage::media`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<OwnMedia>,
    /// Where "read on" leads, article by article.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Option<String>>,
}

/// What a mass message says. The name of a variant is WeChat's `msgtype`, its content the object of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
pub enum MassContent {
    /// A text.
    Text {
        /// The content.
        text: Text,
    },
    /// A picture.
    Image {
        /// The picture.
        image: Media,
    },
    /// A recording.
    Voice {
        /// The recording.
        voice: Media,
    },
    /// Articles.
    Mpnews {
        /// The draft that holds them.
        mpnews: Media,
    },
}

impl MassContent {
    /// Puts WeChat's id of what it shows into it.
    pub fn show(&mut self, media_id: String) {
        match self {
            Self::Text { .. } => {}
            Self::Image { image: media } | Self::Voice { voice: media } | Self::Mpnews { mpnews: media } => {
                media.media_id = media_id;
            }
        }
    }
}

/// The length of a text in halves: a Chinese character, and whatever else is not ASCII, counts two.
pub fn halves(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// Whether `text` can be a user id: 1 to 64 characters, none of them blank, a control character, or what parts lists and
/// keys.
pub fn is_user_id(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | '#');
    (1..=USER_CHARS).contains(&text.chars().count()) && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(pc: &str, app: &str) -> Link {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Link { pc: given(pc), app: given(app) }
    }

    #[test]
    fn only_a_link_that_leads_apart_needs_our_short_one() {
        let page = "https://x.cn/m/1-a";
        assert_eq!(link("", "").shown(page, 0), None);
        assert_eq!(link("p", "").shown(page, 0), Some("p".to_owned()));
        assert_eq!(link("", "a").shown(page, 0), Some("a".to_owned()));
        assert_eq!(link("a", "a").shown(page, 0), Some("a".to_owned()));
        assert_eq!(link("p", "a").shown(page, 3), Some("https://x.cn/m/1-a/3".to_owned()));
        assert_eq!((link("p", "a").target(true), link("p", "a").target(false)), (Some("a"), Some("p")));
        assert_eq!((link("p", "").target(true), link("", "a").target(false)), (Some("p"), Some("a")));
    }

    #[test]
    fn a_chinese_character_counts_two_halves() {
        assert_eq!(halves("ab中文"), 6);
        assert_eq!(halves(&"字".repeat(1_000)), DESCRIPTION_HALVES);
    }

    #[test]
    fn a_user_id_parts_no_list_and_no_key() {
        for good in ["598d79f4c0e90bcc340ca3b5", "a", "张三", "a@b.cn", &"字".repeat(64)] {
            assert!(is_user_id(good), "{good}");
        }
        for bad in ["", "a,b", "a b", "a#b", "a\n", &"x".repeat(65)] {
            assert!(!is_user_id(bad), "{bad}");
        }
    }

    #[test]
    fn a_mass_message_is_written_as_wechat_reads_it_and_read_back() {
        let naming = Naming { message_id: crate::ids::MessageId::new(7), id_per_slot: false, nonce: "n".to_owned() };
        let mut content = MassContent::Image { image: Media { media_id: String::new() } };
        content.show("M1".to_owned());
        let owner = Ecode::parse("demo").unwrap();
        let id = MediaId::parse(&"a".repeat(32)).unwrap();
        let media = Some(OwnMedia { owner, id, kind: MediaKind::Image });
        let message = crate::message::Message::Mass(MassMessage { naming, content, media, links: vec![None] });
        let wire = serde_json::to_value(&message).unwrap();
        assert_eq!(
            (&wire["kind"], &wire["msgtype"], &wire["image"]["media_id"]),
            (&"mass".into(), &"image".into(), &"M1".into())
        );
        assert_eq!(serde_json::from_value::<crate::message::Message>(wire).unwrap(), message);
    }

    #[test]
    fn a_body_comes_back_as_it_was() {
        let article =
            Article { title: "标题".to_owned(), description: String::new(), link: link("p", "a"), picture: None };
        let body = ServiceBody {
            what: ServiceMessage::News(vec![article]),
            sender: Some(Sender { id: Some("1".to_owned()), name: None, headimgurl: None }),
            users: vec!["u1".to_owned()],
            unbound: Vec::new(),
        };
        let json = serde_json::to_string(&body).unwrap();
        assert_eq!(serde_json::from_str::<ServiceBody>(&json).unwrap(), body);
        assert_eq!(body.what.link(0), Some(&link("p", "a")));
        assert_eq!(body.what.link(1), None);
    }
}
