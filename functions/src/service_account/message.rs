//! What the channels are asked to show of what an enterprise says.

use model::message::{Message, Naming};
use model::service::{MassContent, MassMessage, MediaKind, OwnMedia, ServiceBody, ServiceMessage};
use model::wechat::{Article, CustomMessage, Media, News, Text, WechatContent, WechatMessage};

/// The message of a task whose page is at `page`; `None` when it says nothing that can be shown to this audience.
pub(crate) fn message(body: &ServiceBody, mass: bool, naming: Naming, page: &str) -> Option<Message> {
    if mass {
        to_everybody(body, naming, page).map(Message::Mass)
    } else {
        to_some(body, naming, page).map(Message::Wechat)
    }
}

/// WeChat's id of what is ours is filled in when the message is sent.
fn awaited() -> Media {
    Media { media_id: String::new() }
}

fn to_some(body: &ServiceBody, naming: Naming, page: &str) -> Option<WechatMessage> {
    let mut media = None;
    let custom = match &body.what {
        ServiceMessage::Text(content) => CustomMessage::Text { text: Text { content: content.clone() } },
        ServiceMessage::Media(own) => {
            media = Some(own.clone());
            match own.kind {
                MediaKind::Image => CustomMessage::Image { image: awaited() },
                MediaKind::Voice => CustomMessage::Voice { voice: awaited() },
                MediaKind::Thumb | MediaKind::News => return None,
            }
        }
        ServiceMessage::News(articles) => {
            let first = articles.first()?;
            // WeChat shows one article a message. Several are on our page, which the card of the first opens.
            let url = if articles.len() > 1 { Some(page.to_owned()) } else { first.link.shown(page, 0) };
            let article = Article {
                title: first.title.clone(),
                description: Some(first.description.clone()).filter(|text| !text.is_empty()),
                url: url?,
                picurl: first.picture.clone(),
            };
            CustomMessage::News { news: News { articles: [article] } }
        }
        ServiceMessage::Mpnews(..) => return None,
    };
    let content = Box::new(WechatContent { custom: Some(custom), ..WechatContent::default() });
    Some(WechatMessage { naming, content, media })
}

fn to_everybody(body: &ServiceBody, naming: Naming, page: &str) -> Option<MassMessage> {
    let with = |content, media: &OwnMedia| (content, Some(media.clone()), Vec::new());
    let (content, media, links) = match &body.what {
        ServiceMessage::Text(content) => {
            (MassContent::Text { text: Text { content: content.clone() } }, None, Vec::new())
        }
        ServiceMessage::Media(own) => match own.kind {
            MediaKind::Image => with(MassContent::Image { image: awaited() }, own),
            MediaKind::Voice => with(MassContent::Voice { voice: awaited() }, own),
            MediaKind::Thumb | MediaKind::News => return None,
        },
        ServiceMessage::Mpnews(own, links) => {
            let links = links.iter().enumerate().map(|(at, link)| link.shown(page, at));
            (MassContent::Mpnews { mpnews: awaited() }, Some(own.clone()), links.collect())
        }
        ServiceMessage::News(_) => return None,
    };
    Some(MassMessage { naming, content, media, links })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::MessageId;
    use model::service::{Article as Card, Link};

    fn naming() -> Naming {
        Naming { message_id: MessageId::new(2), id_per_slot: false, nonce: "n".to_owned() }
    }

    fn card(title: &str, pc: &str, app: &str) -> Card {
        let link = Link { pc: Some(pc.to_owned()), app: Some(app.to_owned()) };
        Card { title: title.to_owned(), description: String::new(), link, picture: None }
    }

    fn shown(articles: Vec<Card>) -> Article {
        let body = ServiceBody { what: ServiceMessage::News(articles), sender: None, users: vec![], unbound: vec![] };
        match message(&body, false, naming(), "https://x.cn/m/1-a") {
            Some(Message::Wechat(message)) => match message.content.custom {
                Some(CustomMessage::News { news: News { articles: [article] } }) => article,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn row_20_several_articles_are_one_card_that_opens_our_page() {
        let article = shown(vec![card("一", "http://p", "http://a"), card("二", "http://p", "http://p")]);
        assert_eq!((article.title.as_str(), article.url.as_str()), ("一", "https://x.cn/m/1-a"));
        assert_eq!(shown(vec![card("一", "http://p", "http://p")]).url, "http://p");
        assert_eq!(shown(vec![card("一", "http://p", "http://a")]).url, "https://x.cn/m/1-a/0");
    }

    /// An object in the place of WeChat's array is refused (45162): ours is an array by its type.
    #[test]
    fn row_21_the_articles_of_a_card_are_an_array() {
        let body = ServiceBody {
            what: ServiceMessage::News(vec![card("一", "http://p", "http://p")]),
            sender: None,
            users: vec![],
            unbound: vec![],
        };
        let Some(Message::Wechat(message)) = message(&body, false, naming(), "") else { panic!("a message") };
        let wire = serde_json::to_value(&message.content.custom).unwrap();
        assert_eq!(wire["news"]["articles"].as_array().map(Vec::len), Some(1));
    }
}
