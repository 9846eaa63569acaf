//! WeChat accounts: whose name a template message carries, and how a notice fills the account's template.

use crate::ids::AccountId;
use crate::message::Notice;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the WeChat channels need to act for an account.
#[derive(Debug, Clone)]
pub struct WechatAccount {
    /// The appid.
    pub id: AccountId,
    /// The appsecret, opened from its seal.
    pub secret: Secret<String>,
    /// The template that carries notices; `None` for an account that sends none, such as a mini program.
    pub notice_template: Option<NoticeTemplate>,
    /// How WeChat calls us for this account; `None` until an operator has set it up.
    pub callback: Option<WechatCallback>,
}

/// What the endpoints that speak WeChat's API know of an account: nothing by which WeChat would know us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountAccess {
    /// SHA-256, in hex, of the secret that we issued to the account's back ends. It is not the account's own appsecret,
    /// which they need no more.
    pub secret_hash: String,
    /// Counts the secrets that were issued, from 1.
    pub secret_version: u32,
    /// The operator lets nobody send through the account for now.
    #[serde(default)]
    pub suspended: bool,
    /// The account's template list. `None` when nobody has entered it: then every id is taken, and WeChat decides.
    #[serde(default)]
    pub templates: Option<Vec<String>>,
    /// What templates of the retired mini program call stand for, by their ids.
    #[serde(default)]
    pub mappings: BTreeMap<String, TemplateMapping>,
    /// Sends in a minute and function instance; 0 means no limit.
    #[serde(default)]
    pub calls_per_minute: u32,
    /// Sends in a day (Asia/Shanghai); 0 means no limit, and costs no write.
    #[serde(default)]
    pub calls_per_day: u32,
}

/// A subscription template in the place of one of the retired mini program call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMapping {
    /// The subscription template.
    pub template_id: String,
    /// Which of its keys shows what came under which old one, for example `keyword1` to `thing1`. A key that is not here
    /// keeps its name.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
}

/// How WeChat calls us for an account: what the operator typed into WeChat's console under "server configuration".
#[derive(Debug, Clone)]
pub struct WechatCallback {
    /// `gh_…`, the account's original id: messages for another one are refused. Empty takes any.
    pub original_id: String,
    /// The token that signs every call: 3 to 32 letters or digits.
    pub token: Secret<String>,
    /// EncodingAESKey, 43 characters. Needed in the modes that encrypt.
    pub aes_key: Option<Secret<String>>,
    /// The EncodingAESKey before a change: for some minutes messages may come under either.
    pub previous_aes_key: Option<Secret<String>>,
    /// Which bodies are taken.
    pub mode: CallbackMode,
}

/// WeChat's "message encryption mode".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CallbackMode {
    /// Only encrypted bodies are taken. The one to choose: in the others, whoever saw one signed address can forge.
    #[default]
    Safe,
    /// Bodies come twice, in the clear and encrypted. What was encrypted counts.
    Compatible,
    /// Bodies come in the clear; the signature does not cover them.
    Plain,
}

/// A template of the account and what each of its keys shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeTemplate {
    /// Template id as the account's template list shows it.
    pub template_id: String,
    /// Keys of the template and what fills them. Every key of the template must be here: WeChat refuses a message
    /// with a missing or blank key (47003).
    pub fields: Vec<NoticeField>,
}

/// One key of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeField {
    /// The key, for example `keyword1` or `thing1`. A typed prefix (`thing`, `time`, …) brings WeChat's limits.
    pub key: String,
    /// What it shows.
    pub shows: NoticePart,
}

/// A part of a notice that a template key can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticePart {
    /// The summary.
    Summary,
    /// The name of the app.
    AppName,
    /// `RID` and the message id.
    Reference,
    /// When it was sent, Beijing time.
    Time,
    /// A fixed line that tells how to read on.
    Hint,
    /// A fixed line that tells how to switch messages off.
    MuteHint,
}

impl NoticePart {
    /// The text that this part of `notice` shows to the recipient at `slot`.
    pub fn text(self, notice: &Notice, slot: u64) -> String {
        match self {
            Self::Summary => notice.summary.clone(),
            Self::AppName => notice.app_name.clone(),
            Self::Reference => notice.reference(slot),
            Self::Time => notice.sent_ms.beijing_text(),
            Self::Hint => "点击查看详情".to_owned(),
            Self::MuteHint => "不想再收到？我的-消息开关".to_owned(),
        }
    }
}
