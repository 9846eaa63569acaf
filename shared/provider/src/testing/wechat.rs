//! WeChat on loopback: hands out tokens, and answers sends as the test says.

use super::server::{Reply, Seen, Server};
use super::{ManualClock, MemoryLines, MemoryVault, in_time};
use crate::channel::{Call, Channel, Credentials, Registry, Settings};
use crate::http::{HttpClient, HttpSettings};
use crate::wechat::CallError;
use crate::wechat::media::File;
use model::account::{NoticeField, NoticePart, NoticeTemplate, WechatAccount};
use model::audience::Recipient;
use model::channel::{Address, ChannelKind};
use model::clock::Timestamp;
use model::ids::{AccountId, MessageId, OpenId};
use model::message::{Message, Naming, Notice};
use model::outcome::Attempt;
use model::secret::Secret;
use model::service::MediaKind;
use model::wechat::{Article, CustomMessage, News, SubscribeMessage, TemplateValue, WechatContent, WechatMessage};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SEND: &str = "/cgi-bin/message/template/send";
pub(crate) const CUSTOM: &str = "/cgi-bin/message/custom/send";
pub(crate) const SUBSCRIBE: &str = "/cgi-bin/message/subscribe/send";
pub(crate) const MASS: &str = "/cgi-bin/message/mass/sendall";
pub(crate) const UPLOAD: &str = "/cgi-bin/media/upload";
pub(crate) const TOKEN: &str = "/cgi-bin/stable_token";
pub(crate) const MSGID: u64 = 3_717_005_636_572_528_642;
/// 20 s into a minute, before midnight in Beijing.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_449_560);

pub(crate) struct FakeWechat {
    pub(crate) server: Server,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) registry: Registry,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    /// Counts up with every forced token.
    token: AtomicU64,
    /// Answers to the next sends; when there is none, all is well.
    sends: Mutex<VecDeque<Reply>>,
    /// Answers to the next token calls; when there is none, a token.
    tokens: Mutex<VecDeque<Reply>>,
}

impl Script {
    fn reply(&self, seen: &Seen) -> Reply {
        let (queue, otherwise) = match seen.path() {
            TOKEN => {
                let force = seen.json()["force_refresh"] == true;
                let number = self.token.fetch_add(u64::from(force), Ordering::SeqCst) + u64::from(force);
                (&self.tokens, Reply::json(format!(r#"{{"access_token":"t/{number}+","expires_in":7200}}"#)))
            }
            SEND | CUSTOM | SUBSCRIBE | MASS | UPLOAD => {
                (&self.sends, Reply::json(format!(r#"{{"errcode":0,"errmsg":"ok","msgid":{MSGID}}}"#)))
            }
            _ => return Reply::status(404),
        };
        queue.lock().unwrap().pop_front().unwrap_or(otherwise)
    }
}

impl FakeWechat {
    pub(crate) async fn start() -> Self {
        let script = Arc::<Script>::default();
        let server = Server::start({
            let script = Arc::clone(&script);
            move |seen| script.reply(seen)
        })
        .await;
        let http = HttpClient::new(HttpSettings {
            connect_timeout: Duration::from_millis(200),
            total_timeout: Duration::from_millis(200),
            ..HttpSettings::default()
        });
        let clock = Arc::new(ManualClock::new(NOW));
        // The slash at the end is a common way to write a base URL.
        let settings = Settings { wechat_base_url: server.url("/"), ..Settings::default() };
        let registry =
            Registry::new(&settings, http, Arc::<MemoryVault>::default(), Arc::<MemoryLines>::default(), clock.clone());
        Self { server, clock, registry, script }
    }

    pub(crate) fn next_sends(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.sends.lock().unwrap().extend(replies);
    }

    pub(crate) fn next_tokens(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.tokens.lock().unwrap().extend(replies);
    }

    pub(crate) fn channel(&self) -> &dyn Channel {
        self.registry.channel(ChannelKind::WechatTemplate)
    }

    /// Sends the notice to one recipient.
    pub(crate) async fn send(&self) -> Attempt {
        let mut attempts = self.send_to(&[recipient(0)], &keyword_account()).await;
        assert_eq!(attempts.len(), 1);
        attempts.remove(0)
    }

    pub(crate) async fn send_to(&self, recipients: &[Recipient], account: &WechatAccount) -> Vec<Attempt> {
        let (message, credentials) = (Message::Notice(notice()), Credentials::Wechat(account.clone()));
        let recipients: Vec<&Recipient> = recipients.iter().collect();
        let call = Call { message: &message, recipients: &recipients, credentials: &credentials, until: in_time() };
        self.channel().send(call).await
    }

    /// Sends `content` to one recipient through a channel.
    pub(crate) async fn send_message(&self, channel: ChannelKind, content: WechatContent) -> Attempt {
        let message =
            Message::Wechat(WechatMessage { naming: notice().naming, content: Box::new(content), media: None });
        let (to, credentials) = (recipient(0), Credentials::Wechat(keyword_account()));
        let call = Call { message: &message, recipients: &[&to], credentials: &credentials, until: in_time() };
        let mut attempts = self.registry.channel(channel).send(call).await;
        assert_eq!(attempts.len(), 1);
        attempts.remove(0)
    }

    /// Uploads a file; WeChat's id of it.
    pub(crate) async fn upload(&self, kind: MediaKind, file: &File) -> Result<String, CallError> {
        crate::wechat::media::upload(self.registry.wechat(), &keyword_account(), kind, file).await
    }

    pub(crate) fn sends(&self) -> Vec<Seen> {
        self.server.seen().into_iter().filter(|seen| seen.path() == SEND).collect()
    }

    pub(crate) fn token_calls(&self) -> usize {
        self.server.count(TOKEN)
    }
}

pub(crate) fn recipient(slot: u64) -> Recipient {
    let openid = OpenId::new(format!("odemo{slot:023}"));
    Recipient { slot, address: Address::Wechat(openid), quota_uid: None }
}

pub(crate) fn notice() -> Notice {
    Notice {
        app_name: "监控".to_owned(),
        summary: "磁盘 \"/\" 快满了".to_owned(),
        naming: Naming {
            message_id: MessageId::new(1001),
            id_per_slot: true,
            nonce: "0123456789abcdefABCDEF".to_owned(),
        },
        sent_ms: Timestamp::from_millis(1_795_449_599_999),
        url: "https://example.com/m/k?a=1".to_owned(),
    }
}

pub(crate) fn article() -> WechatContent {
    let article =
        Article { title: "标题".to_owned(), description: None, url: "https://example.com".to_owned(), picurl: None };
    WechatContent {
        custom: Some(CustomMessage::News { news: News { articles: [article] } }),
        ..WechatContent::default()
    }
}

pub(crate) fn subscription() -> WechatContent {
    let data = [("thing1".to_owned(), TemplateValue { value: "奶茶".to_owned(), color: None })];
    let message = SubscribeMessage {
        template_id: "demo-subscribe".to_owned(),
        page: Some("pages/index".to_owned()),
        data: data.into(),
    };
    WechatContent { subscribe: Some(message), ..WechatContent::default() }
}

pub(crate) fn account(fields: &[(&str, NoticePart)]) -> WechatAccount {
    WechatAccount {
        id: AccountId::new("wx00000000000000d1"),
        secret: Secret::new("demo0000000000000000000000000000".to_owned()),
        notice_template: Some(NoticeTemplate {
            template_id: "demo-keyword".to_owned(),
            fields: fields.iter().map(|(key, shows)| NoticeField { key: (*key).to_owned(), shows: *shows }).collect(),
        }),
        callback: None,
    }
}

pub(crate) fn keyword_account() -> WechatAccount {
    account(&[
        ("first", NoticePart::Summary),
        ("keyword1", NoticePart::AppName),
        ("keyword2", NoticePart::Reference),
        ("keyword3", NoticePart::Time),
        ("remark", NoticePart::Hint),
    ])
}
