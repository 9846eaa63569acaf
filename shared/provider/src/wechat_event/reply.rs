//! Passive replies: what an answer to WeChat's call may say to the person.

use super::body::Format;
use model::clock::Timestamp;
use model::ids::OpenId;
use serde_json::json;

/// Bytes of a text that WeChat shows; a longer one is cut at a character.
const TEXT_BYTES: usize = 2_048;

/// What is said back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassiveReply {
    /// A text. `<a href="…">` links are shown as links.
    Text(String),
    /// A picture that was uploaded to the account.
    Image {
        /// Its media id.
        media_id: String,
    },
    /// One article; WeChat takes no more.
    News {
        /// Its title.
        title: String,
        /// The line below it.
        description: String,
        /// Its picture, JPEG or PNG; empty for none.
        picture: String,
        /// What a tap opens.
        url: String,
    },
}

/// A reply from the account to the person.
pub(super) fn render(reply: &PassiveReply, format: Format, account: &str, to: &OpenId, now: Timestamp) -> String {
    match format {
        Format::Xml => xml(reply, account, to.as_str(), now.seconds()),
        Format::Json => json_text(reply, account, to.as_str(), now.seconds()),
    }
}

fn xml(reply: &PassiveReply, account: &str, to: &str, now: i64) -> String {
    let (kind, content) = match reply {
        PassiveReply::Text(text) => ("text", element("Content", shown(text))),
        PassiveReply::Image { media_id } => ("image", format!("<Image>{}</Image>", element("MediaId", media_id))),
        PassiveReply::News { title, description, picture, url } => {
            let item = [("Title", title), ("Description", description), ("PicUrl", picture), ("Url", url)];
            let item: String = item.iter().map(|(name, value)| element(name, value)).collect();
            ("news", format!("<ArticleCount>1</ArticleCount><Articles><item>{item}</item></Articles>"))
        }
    };
    // Whoever the call came from is now the one it goes to.
    format!(
        "<xml>{}{}<CreateTime>{now}</CreateTime>{}{content}</xml>",
        element("ToUserName", to),
        element("FromUserName", account),
        element("MsgType", kind),
    )
}

fn json_text(reply: &PassiveReply, account: &str, to: &str, now: i64) -> String {
    let mut message = json!({ "ToUserName": to, "FromUserName": account, "CreateTime": now });
    match reply {
        PassiveReply::Text(text) => {
            message["MsgType"] = json!("text");
            message["Content"] = json!(shown(text));
        }
        PassiveReply::Image { media_id } => {
            message["MsgType"] = json!("image");
            message["Image"] = json!({ "MediaId": media_id });
        }
        PassiveReply::News { title, description, picture, url } => {
            message["MsgType"] = json!("news");
            message["ArticleCount"] = json!(1);
            let article = json!({ "Title": title, "Description": description, "PicUrl": picture, "Url": url });
            message["Articles"] = json!([article]);
        }
    }
    message.to_string()
}

/// An element with a text in it. `]]>` would end the section early, so it is split over two.
pub(super) fn element(name: &str, text: &str) -> String {
    let text = text.replace("]]>", "]]]]><![CDATA[>");
    // Control characters are no XML at all, quoted or not.
    let text: String = text.chars().filter(|&c| matches!(c, '\t' | '\n' | '\r') || !c.is_control()).collect();
    format!("<{name}><![CDATA[{text}]]></{name}>")
}

fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES)]
}
