//! The calls that are counted and timed: one for every way in which a client sends.

use crate::Failure;
use crate::cloud::FIRST;
use local::seed;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use support::Client;

/// A way of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// One push to every phone of an app, all on this channel.
    MobileAll(ChannelKind),
    /// A push to one user each.
    MobileAlias,
    /// A WxPusher message to one UID each.
    WxpusherUid,
    /// One WxPusher message to everybody who follows a topic.
    WxpusherTopic,
    /// A template message to one openid each.
    WechatTemplate,
    /// One push to many openids.
    WechatPush,
    /// A message of an enterprise to one user each.
    ServiceSend,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::MobileAll(ChannelKind::Apns),
        Self::MobileAll(ChannelKind::Fcm),
        Self::MobileAll(ChannelKind::Huawei),
        Self::MobileAll(ChannelKind::Xiaomi),
        Self::MobileAll(ChannelKind::Oppo),
        Self::MobileAll(ChannelKind::Vivo),
        Self::MobileAll(ChannelKind::Meizu),
        Self::MobileAlias,
        Self::WxpusherUid,
        Self::WxpusherTopic,
        Self::WechatTemplate,
        Self::WechatPush,
        Self::ServiceSend,
    ];

    /// What it is called.
    pub fn name(self) -> String {
        match self {
            Self::MobileAll(channel) => format!("mobile, all, {channel}"),
            Self::MobileAlias => "mobile, one user, apns".to_owned(),
            Self::WxpusherUid => "wxpusher, one uid".to_owned(),
            Self::WxpusherTopic => "wxpusher, topic".to_owned(),
            Self::WechatTemplate => "wechat, template message".to_owned(),
            Self::WechatPush => "wechat, push to openids".to_owned(),
            Self::ServiceSend => "service account, one user".to_owned(),
        }
    }

    /// The function that accepts it.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::MobileAll(_) | Self::MobileAlias => "mobile-notify",
            Self::WxpusherUid | Self::WxpusherTopic => "wxpusher-send",
            Self::WechatTemplate => "wechat-template-send",
            Self::WechatPush => "wechat-push",
            Self::ServiceSend => "service-send",
        }
    }

    /// The channel that delivers it.
    pub const fn channel(self) -> ChannelKind {
        match self {
            Self::MobileAll(channel) => channel,
            Self::MobileAlias => ChannelKind::Apns,
            Self::WxpusherUid | Self::WxpusherTopic | Self::WechatTemplate | Self::WechatPush => {
                ChannelKind::WechatTemplate
            }
            Self::ServiceSend => ChannelKind::WechatCustom,
        }
    }

    /// Whether one call reaches everybody.
    pub const fn is_one_call(self) -> bool {
        matches!(self, Self::MobileAll(_) | Self::WxpusherTopic | Self::WechatPush)
    }
}

/// Title and text of every message: some 60 characters, as a shop would send.
pub const TITLE: &str = "订单已发货";
/// See [`TITLE`].
pub const TEXT: &str = "您的订单 2026112500017 已由顺丰发出，预计明天 18:00 前送达。";

/// A client of every family.
#[derive(Clone)]
pub struct Caller {
    api: Client,
    /// People and phones there are to send to, beside those of the seed.
    crowd: u64,
    /// An access token of the demo account. Checking one calls nobody.
    token: String,
}

/// Path, headers and body.
type Request = (String, Vec<(&'static str, String)>, Value);

impl Caller {
    /// A client of the API behind `api`.
    pub async fn new(api: Client, crowd: u64) -> Result<Self, Failure> {
        let path =
            format!("/cgi-bin/token?grant_type=client_credential&appid={}&secret={}", seed::ACCOUNT, seed::SECRET);
        let answer = api.get(&path).await;
        let token = answer.json()["access_token"].as_str().ok_or("no token")?.to_owned();
        Ok(Self { api, crowd: crowd.max(1), token })
    }

    /// Sends the `n`-th message (from 1). A refusal is an error.
    pub async fn send(&self, call: Call, n: u64) -> Result<(), Failure> {
        let (path, headers, body) = self.request(call, n)?;
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self.api.send(http::Method::POST, &path, &headers, body.to_string()).await;
        let said = if answer.text.is_empty() { Value::Null } else { answer.json() };
        let codes = ["code", "errcode"].map(|name| said[name].as_i64());
        if answer.status != http::StatusCode::OK
            || codes.into_iter().flatten().any(|code| ![0, 200, 1000].contains(&code))
        {
            return Err(format!("{} was not accepted: {} {}", call.name(), answer.status, answer.text).into());
        }
        Ok(())
    }

    fn request(&self, call: Call, n: u64) -> Result<Request, Failure> {
        let n = (n - 1) % self.crowd + 1;
        let json_type = ("content-type", "application/json".to_owned());
        Ok(match call {
            Call::MobileAll(_) | Call::MobileAlias => {
                let audience = match call {
                    Call::MobileAlias => json!({ "user_id": [FIRST + n - 1] }),
                    _ => json!("all"),
                };
                // Without our own channel, which nobody is connected to here.
                let setting = json!({
                    "distribution_strategy": "ospush_only", "ospush_sequence": sequence(call.channel()),
                });
                let message = json!({ "title": TITLE, "body": TEXT });
                let body = json!({ "audience": audience, "message": message, "setting": setting });
                let app = ("app_id", seed::mobile::APP.to_owned());
                let token = ("access-token", seed::mobile::ADMIN_TOKEN.to_owned());
                ("/push/notify".to_owned(), vec![json_type, app, token], body)
            }
            Call::WxpusherUid => {
                let uid = seed::crowd_uid(n)?.to_string();
                let body = json!({ "appToken": seed::APP_TOKEN, "content": TEXT, "uids": [uid] });
                ("/api/send/message".to_owned(), vec![json_type], body)
            }
            Call::WxpusherTopic => {
                let body = json!({ "appToken": seed::APP_TOKEN, "content": TEXT, "topicIds": [seed::CROWD_TOPIC] });
                ("/api/send/message".to_owned(), vec![json_type], body)
            }
            Call::WechatTemplate => {
                let data = json!({ "keyword1": { "value": TEXT } });
                let touser = seed::crowd_openid(n);
                let body = json!({ "touser": touser.as_str(), "template_id": "demo-keyword", "data": data });
                (format!("/cgi-bin/message/template/send?access_token={}", self.token), vec![json_type], body)
            }
            Call::WechatPush => {
                let openids: Vec<String> =
                    (1..=self.crowd).map(|n| seed::crowd_openid(n).as_str().to_owned()).collect();
                let template = json!({ "template_id": "demo-keyword", "data": { "keyword1": { "value": TEXT } } });
                let key = ("authorization", seed::PUSH_KEY.to_owned());
                let body = json!({ "openids": openids, "template_entity": template });
                ("/api/v4/pushes/wechat".to_owned(), vec![json_type, key], body)
            }
            Call::ServiceSend => {
                let user = format!("user{}", (n - 1) % seed::FOLLOWERS + 1);
                let (channel, text) = (seed::SERVICE_CHANNEL, json!({ "content": TEXT }));
                let body = json!({ "channelId": channel, "toUserId": user, "msgtype": "text", "text": text });
                let path = format!("/interface/{}/api/push/send?access_token={}", seed::ENTERPRISE, seed::ACCESS_TOKEN);
                (path, vec![json_type], body)
            }
        })
    }
}

/// The sequence of vendors that leads to `channel` at once. Apple's is not in it: iPhones have no other.
fn sequence(channel: ChannelKind) -> Vec<&'static str> {
    if channel == ChannelKind::Apns { vec!["fcm"] } else { vec![channel.as_str()] }
}
