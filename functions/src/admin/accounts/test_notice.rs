//! A test notice, sent while the operator waits.

use super::account;
use crate::admin::call::{Call, TEST_TIME, conflict, named};
use gateway::ApiError;
use model::audience::Recipient;
use model::channel::{Address, ChannelKind};
use model::ids::{MessageId, OpenId, letters};
use model::message::{Message, Naming, Notice};
use provider::channel::{Call as ChannelCall, Credentials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// To whom a test notice goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct TestMessage {
    /// A follower of the account, by openid.
    openid: String,
    /// What it says: 1 to 100 characters; a greeting, when left out.
    summary: Option<String>,
}

/// How a test notice ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct TestOutcome {
    /// `ok`, or what WeChat's answer means: invalid, suppressed, retry, auth, too_large, quota, config, content.
    outcome: String,
    /// WeChat's `errcode`, when there was one; docs/channels.md says what they mean.
    vendor_code: Option<i32>,
}

/// POST /admin/accounts/{appid}/test
///
/// Past every queue, and with no record: it shows whether secret, template and network are right.
pub(in crate::admin) async fn test(call: Call<'_>, test: TestMessage) -> Result<TestOutcome, ApiError> {
    let account = account(&call).await?;
    if account.notice_template.is_none() {
        return Err(conflict("no_template", "the account has no notice template; set one first"));
    }
    let openid = named("openid", &test.openid, 64)?;
    let text = test.summary.unwrap_or_else(|| "测试消息 / a test".to_owned());
    let now = call.context.clock.now();
    let message = Message::Notice(Notice {
        app_name: "Tuisong".to_owned(),
        summary: named("summary", &text, model::limits::WXPUSHER_SUMMARY_CHARS)?,
        naming: Naming { message_id: MessageId::new(0), id_per_slot: false, nonce: letters(&mut rand::rng(), 22) },
        sent_ms: now,
        url: call.base_url()?,
    });
    let recipient = Recipient { slot: 0, address: Address::Wechat(OpenId::new(openid)), quota_uid: None };
    let credentials = Credentials::Wechat(account);
    let channel = call.context.channels().channel(ChannelKind::WechatTemplate);
    let until = Instant::now() + TEST_TIME;
    let call = ChannelCall { message: &message, recipients: &[&recipient], credentials: &credentials, until };
    let attempts = channel.send(call).await;
    let outcome = attempts.first().map_or("retry", |attempt| attempt.outcome.label());
    let vendor_code = attempts.first().and_then(|attempt| attempt.vendor_code);
    Ok(TestOutcome { outcome: outcome.to_owned(), vendor_code })
}
