//! Messages in WeChat's own words: what back ends of an account say, one form for each channel that can carry it.
//!
//! Field names are WeChat's, and so is what the serialised form looks like: the channels send it as it is.

use crate::channel::ChannelKind;
use crate::message::Naming;
use crate::service::OwnMedia;
use serde::{Deserialize, Serialize};

/// What a task says to openids: the forms that were given, tried in the order of [`WechatContent::legs`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct WechatContent {
    /// As a customer-service message: only to who has turned to the account lately.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomMessage>,
    /// As a template message of an official account.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateMessage>,
    /// As a subscription message of a mini program.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<SubscribeMessage>,
}

impl WechatContent {
    /// The channels that can carry it, in the order in which they are tried.
    pub fn legs(&self) -> Vec<ChannelKind> {
        let legs = [
            (ChannelKind::WechatCustom, self.custom.is_some()),
            (ChannelKind::WechatTemplate, self.template.is_some()),
            (ChannelKind::WechatSubscribe, self.subscribe.is_some()),
        ];
        legs.into_iter().filter(|(_, given)| *given).map(|(channel, _)| channel).collect()
    }
}

/// The same in a batch, with what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WechatMessage {
    /// What it is called.
    #[serde(flatten)]
    pub naming: Naming,
    /// What is said.
    #[serde(flatten)]
    pub content: Box<WechatContent>,
    /// What of ours it shows. WeChat's id of it is asked for when the message is sent, and takes the place of the empty one
    /// in the content.
    #[serde(rename = "media", default, skip_serializing_if = "Option::is_none")]
    pub media: Option<OwnMedia>,
}

/// A customer-service message. The name of a variant is WeChat's `msgtype`, its content the object of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
pub enum CustomMessage {
    /// A text, in which `<a>` makes links. At most 2,048 bytes.
    Text {
        /// The content.
        text: Text,
    },
    /// A picture that was uploaded.
    Image {
        /// The picture.
        image: Media,
    },
    /// A voice message that was uploaded.
    Voice {
        /// The recording.
        voice: Media,
    },
    /// A video that was uploaded.
    Video {
        /// The video.
        video: Video,
    },
    /// A piece of music.
    Music {
        /// The music.
        music: Music,
    },
    /// A card that opens a page. WeChat takes exactly one article.
    News {
        /// The article, alone in WeChat's array.
        news: News,
    },
    /// An article of the account's material.
    Mpnews {
        /// The material.
        mpnews: Media,
    },
    /// An article that was published.
    Mpnewsarticle {
        /// The article.
        mpnewsarticle: PublishedArticle,
    },
    /// A card that opens a mini program.
    Miniprogrampage {
        /// The card.
        miniprogrampage: MiniProgramPage,
    },
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The text.
    pub content: String,
}

/// Something that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// WeChat's id of it; of an upload it lives for three days.
    pub media_id: String,
}

/// A video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Video {
    /// The video.
    pub media_id: String,
    /// The picture that stands for it.
    pub thumb_media_id: String,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A piece of music.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Music {
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it is.
    pub musicurl: String,
    /// Where it is in better quality.
    pub hqmusicurl: String,
    /// The picture that stands for it.
    pub thumb_media_id: String,
}

/// WeChat's array of articles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Exactly one: two are refused (45008).
    pub articles: [Article; 1],
}

/// A card that opens a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// Its title.
    pub title: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What a tap opens.
    pub url: String,
    /// Its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picurl: Option<String>,
}

/// An article that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedArticle {
    /// WeChat's id of it.
    pub article_id: String,
}

/// A card that opens a mini program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniProgramPage {
    /// Its title.
    pub title: String,
    /// Which mini program.
    pub appid: String,
    /// Which of its pages.
    pub pagepath: String,
    /// The picture of the card.
    pub thumb_media_id: String,
}

/// A template message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMessage {
    /// Which of the account's templates.
    pub template_id: String,
    /// What a tap opens, unless it opens a mini program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The mini program that a tap opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramJump>,
    /// Values by key.
    pub data: TemplateData,
}

/// A mini program that a card opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniProgramJump {
    /// Which one.
    pub appid: String,
    /// Which of its pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagepath: Option<String>,
}

/// A subscription message of a mini program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeMessage {
    /// Which of the account's subscription templates.
    pub template_id: String,
    /// The page that a tap opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Values by key, without colours.
    pub data: TemplateData,
}

/// Values of a template by key. In the order of their keys, so that equal messages are equal bytes.
pub type TemplateData = std::collections::BTreeMap<String, TemplateValue>;

/// The value of a template's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateValue {
    /// The text.
    pub value: String,
    /// Its colour, which WeChat has ignored since 2023.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_custom_message_is_written_as_wechat_reads_it() {
        let article =
            Article { title: "标题".to_owned(), description: None, url: "https://x.cn".to_owned(), picurl: None };
        let news = CustomMessage::News { news: News { articles: [article] } };
        let wire = json!({ "msgtype": "news", "news": { "articles": [{ "title": "标题", "url": "https://x.cn" }] } });
        assert_eq!(serde_json::to_value(&news).unwrap(), wire);
        assert_eq!(serde_json::from_value::<CustomMessage>(wire).unwrap(), news);
    }

    #[test]
    fn the_article_comes_before_the_template() {
        let template =
            TemplateMessage { template_id: "t".to_owned(), url: None, miniprogram: None, data: TemplateData::new() };
        let text = CustomMessage::Text { text: Text { content: "hi".to_owned() } };
        let both = WechatContent { custom: Some(text), template: Some(template), subscribe: None };
        assert_eq!(both.legs(), [ChannelKind::WechatCustom, ChannelKind::WechatTemplate]);
        assert!(WechatContent::default().legs().is_empty());
    }
}
