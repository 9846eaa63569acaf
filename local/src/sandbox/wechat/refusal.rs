//! WeChat's error answers.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;

use super::CONTENT_TYPE;
use crate::sandbox::reply::Reply;

/// Why a call is refused. Codes and texts are those of WeChat's page "global return codes".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// -1: ours, when the inbox cannot be written.
    SystemError,
    /// 40001 on a message call: replaced, revoked or never issued.
    TokenNotLatest,
    /// 40002
    GrantType,
    /// 40003: missing, or not an openid of this account.
    Openid,
    /// 40013: of the account, or of a mini program that is not bound to it.
    Appid,
    /// 40014: not what a token looks like.
    TokenIllegal,
    /// 40033: a `\uXXXX` escape in the body.
    EscapedCharacters,
    /// 40036: missing or empty.
    TemplateIdSize,
    /// 40037: not in the account's list.
    TemplateId,
    /// 40053: an unknown action, or a scene that is empty, too long or out of range.
    ActionInfo,
    /// 40125: wrong secret.
    Secret,
    /// 40165: a page of a mini program that cannot be opened.
    MiniProgramPage,
    /// 41001
    TokenMissing,
    /// 41002
    AppidMissing,
    /// 41004
    SecretMissing,
    /// 42001
    TokenExpired,
    /// 43001
    NeedsGet,
    /// 43002
    NeedsPost,
    /// 43004: the recipient does not follow the account.
    NotFollowing,
    /// 44002
    EmptyBody,
    /// 45009: daily limit.
    Quota,
    /// 47001: not JSON, or a field of a wrong type.
    Format,
    /// 47003: a value that does not fit the type of its key.
    Value {
        /// The key.
        key: String,
        /// Whether the value is missing or blank.
        blank: bool,
    },
    /// 48001: the account may not use this call.
    Unauthorised,
    /// 40008
    MessageType,
    /// 41006
    MediaMissing,
    /// 44004
    EmptyText,
    /// 43101: the user has not allowed one more message of this template
    NotGranted,
    /// 45002
    TextSize,
    /// 45003: missing, or too long
    TitleSize,
    /// 45008: not exactly one
    ArticleCount,
    /// 45015: the person has done nothing lately
    WindowClosed,
    /// 45047: all messages that what they did allowed are sent
    WindowUsedUp,
    /// 45162: no array
    ArticlesForm,
    /// 40004
    MediaType,
    /// 40005
    FileType,
    /// 40007: unknown, expired, of another account or of another type
    MediaId,
    /// 40035: a bad parameter
    Parameter,
    /// 40137
    ImageFormat,
    /// 41005
    MediaDataMissing,
    /// 44001
    MediaEmpty,
    /// 45001
    MediaSize,
    /// 45004
    DescriptionSize,
    /// 45005
    UrlSize,
    /// 45007
    VoiceLength,
    /// 45011
    CallsPerMinute,
    /// 45028: no messages to everybody are left for today or this month
    MassQuota,
    /// 45066: a repeat within a minute
    RepeatedSoon,
    /// 45067
    MessageIdSize,
    /// 45110
    AuthorSize,
    /// 45065: the message that this one repeats has this id
    Repeated {
        /// The id.
        msg_id: i64,
    },
    /// A code that a fault ordered.
    Ordered(i64),
}

impl Refusal {
    /// `errcode`.
    pub(super) const fn code(&self) -> i64 {
        match self {
            Self::SystemError => -1,
            Self::TokenNotLatest => 40001,
            Self::GrantType => 40002,
            Self::Openid => 40003,
            Self::Appid => 40013,
            Self::TokenIllegal => 40014,
            Self::EscapedCharacters => 40033,
            Self::TemplateIdSize => 40036,
            Self::TemplateId => 40037,
            Self::ActionInfo => 40053,
            Self::Secret => 40125,
            Self::MiniProgramPage => 40165,
            Self::TokenMissing => 41001,
            Self::AppidMissing => 41002,
            Self::SecretMissing => 41004,
            Self::TokenExpired => 42001,
            Self::NeedsGet => 43001,
            Self::NeedsPost => 43002,
            Self::NotFollowing => 43004,
            Self::EmptyBody => 44002,
            Self::Quota => 45009,
            Self::Format => 47001,
            Self::Value { .. } => 47003,
            Self::Unauthorised => 48001,
            Self::MessageType => 40008,
            Self::MediaMissing => 41006,
            Self::EmptyText => 44004,
            Self::NotGranted => 43101,
            Self::TextSize => 45002,
            Self::TitleSize => 45003,
            Self::ArticleCount => 45008,
            Self::WindowClosed => 45015,
            Self::WindowUsedUp => 45047,
            Self::ArticlesForm => 45162,
            Self::MediaType => 40004,
            Self::FileType => 40005,
            Self::MediaId => 40007,
            Self::Parameter => 40035,
            Self::ImageFormat => 40137,
            Self::MediaDataMissing => 41005,
            Self::MediaEmpty => 44001,
            Self::MediaSize => 45001,
            Self::DescriptionSize => 45004,
            Self::UrlSize => 45005,
            Self::VoiceLength => 45007,
            Self::CallsPerMinute => 45011,
            Self::MassQuota => 45028,
            Self::RepeatedSoon => 45066,
            Self::MessageIdSize => 45067,
            Self::AuthorSize => 45110,
            Self::Repeated { .. } => 45065,
            Self::Ordered(code) => *code,
        }
    }

    /// `errmsg`, without the rid.
    fn text(&self) -> String {
        match self {
            Self::SystemError => "system error".to_owned(),
            Self::TokenNotLatest => "invalid credential, access_token is invalid or not latest".to_owned(),
            Self::GrantType => "invalid grant_type".to_owned(),
            Self::Openid => "invalid openid".to_owned(),
            Self::Appid => "invalid appid".to_owned(),
            Self::TokenIllegal => "invalid access_token".to_owned(),
            Self::EscapedCharacters => {
                r"invalid charset. please check your request, if include \uxxxx will create fail!".to_owned()
            }
            Self::TemplateIdSize => "invalid template_id size".to_owned(),
            Self::TemplateId => "invalid template_id".to_owned(),
            Self::ActionInfo => "invalid action info".to_owned(),
            Self::Secret => "invalid appsecret".to_owned(),
            Self::MiniProgramPage => "invalid weapp pagepath".to_owned(),
            Self::TokenMissing => "access_token missing".to_owned(),
            Self::AppidMissing => "appid missing".to_owned(),
            Self::SecretMissing => "appsecret missing".to_owned(),
            Self::TokenExpired => "access_token expired".to_owned(),
            Self::NeedsGet => "require GET method".to_owned(),
            Self::NeedsPost => "require POST method".to_owned(),
            Self::NotFollowing => "require subscribe".to_owned(),
            Self::EmptyBody => "empty post data".to_owned(),
            Self::Quota => "reach max api daily quota limit".to_owned(),
            Self::Format => "data format error".to_owned(),
            Self::Value { key, blank: true } => {
                format!("argument invalid! data.{key}.value is empty")
            }
            Self::Value { key, blank: false } => {
                format!("argument invalid! data.{key}.value invalid")
            }
            Self::Unauthorised => "api unauthorized".to_owned(),
            Self::MessageType => "invalid message type".to_owned(),
            Self::MediaMissing => "media_id missing".to_owned(),
            Self::EmptyText => "empty content".to_owned(),
            Self::NotGranted => "user refuse to accept the msg".to_owned(),
            Self::TextSize => "content size out of limit".to_owned(),
            Self::TitleSize => "title size out of limit".to_owned(),
            Self::ArticleCount => "article size out of limit".to_owned(),
            Self::WindowClosed => "response out of time limit or subscription is canceled".to_owned(),
            Self::WindowUsedUp => "out of response count limit".to_owned(),
            Self::ArticlesForm => "invalid articles".to_owned(),
            Self::MediaType => "invalid media type".to_owned(),
            Self::FileType => "invalid file type".to_owned(),
            Self::MediaId => "invalid media_id".to_owned(),
            Self::Parameter => "invalid parameter".to_owned(),
            Self::ImageFormat => "invalid image format".to_owned(),
            Self::MediaDataMissing => "media data missing".to_owned(),
            Self::MediaEmpty => "empty media data".to_owned(),
            Self::MediaSize => "media size out of limit".to_owned(),
            Self::DescriptionSize => "description size out of limit".to_owned(),
            Self::UrlSize => "url size out of limit".to_owned(),
            Self::VoiceLength => "playtime out of limit".to_owned(),
            Self::CallsPerMinute => "api minute-quota reach limit, must slower, retry next minute".to_owned(),
            Self::MassQuota => "has no masssend quota".to_owned(),
            Self::RepeatedSoon => "same clientmsgid retry too fast".to_owned(),
            Self::MessageIdSize => "clientmsgid size out of limit".to_owned(),
            Self::AuthorSize => "author size out of limit".to_owned(),
            Self::Repeated { .. } => "clientmsgid exist".to_owned(),
            Self::Ordered(code) => ordered(*code).to_owned(),
        }
    }

    /// The answer: HTTP 200, `{"errcode","errmsg"}`, the text ending in a fresh rid.
    pub(super) fn reply(&self) -> Reply {
        let mut answer = serde_json::json!({
            "errcode": self.code(),
            "errmsg": format!("{} rid: {}", self.text(), rid()),
        });
        if let Self::Repeated { msg_id } = self {
            answer["msg_id"] = serde_json::json!(msg_id);
        }
        Reply { status: StatusCode::OK, content_type: CONTENT_TYPE, retry_after: None, body: answer.to_string() }
    }
}

/// What WeChat says with a code that only a fault makes the stand-in answer.
const fn ordered(code: i64) -> &'static str {
    match code {
        -1 => "system error",
        40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
        40243 => "AppSecret has been frozen, please unfreeze it on the official platform",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        89503 => "ip waiting for the administrator to confirm",
        _ => "ordered by a sandbox fault",
    }
}

/// A request id as WeChat writes them: the second in hexadecimal, then two random parts.
fn rid() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (second, third): (u32, u32) = rand::random();
    format!("{seconds:08x}-{second:08x}-{third:08x}")
}
