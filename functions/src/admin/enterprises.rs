//! Enterprises of the service account's API: their channels, access tokens, and what they uploaded.

use super::auth::not_found;
use super::call::{Call, Page, PageQuery, conflict, named, page};
use gateway::ApiError;
use model::ids::{AccountId, Ecode, MediaId, ServiceChannelId, letters};
use model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::enterprises::{AccessTokenEntry, Enterprise, FoundChannel, Made, ServiceChannel};
use store::media::MediaRecord;

const NAME_CHARS: usize = 64;
/// Letters and digits of an access token.
const TOKEN_CHARS: usize = 43;

/// An enterprise.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct EnterpriseView {
    /// Its code, as it stands in the paths of its calls.
    ecode: String,
    /// What it is called.
    name: String,
    /// Since when it is here, epoch ms.
    since_ms: i64,
}

/// Every enterprise, by code.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct EnterpriseList {
    items: Vec<EnterpriseView>,
}

/// An enterprise to be added.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEnterprise {
    /// 1 to 64 letters, digits, `-` or `_`.
    ecode: String,
    /// What it is called, at most 64 characters.
    name: String,
}

/// A channel of an enterprise.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ChannelView {
    /// `channelId` of its calls.
    channel: String,
    /// The WeChat account that it sends through.
    account: String,
    /// What it is called.
    name: String,
    /// Since when it is here, epoch ms.
    since_ms: i64,
}

/// Every channel of an enterprise, by id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ChannelList {
    items: Vec<ChannelView>,
}

/// A channel to be added.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChannel {
    /// 1 to 64 letters, digits, `-` or `_`; unique over all enterprises.
    channel: String,
    /// The appid of a WeChat account that is here.
    account: String,
    /// What it is called, at most 64 characters.
    name: String,
}

/// An access token, without the token itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccessTokenView {
    /// By which it is withdrawn.
    id: String,
    /// What it is for.
    name: String,
    /// When it was issued, epoch ms.
    issued_ms: i64,
}

/// Every access token of an enterprise, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccessTokenList {
    items: Vec<AccessTokenView>,
}

/// An access token to be issued.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccessToken {
    /// What it is for, at most 64 characters.
    name: String,
}

/// An access token that was issued.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccessTokenIssued {
    /// By which it is withdrawn.
    id: String,
    /// `access_token` of the enterprise's calls. Shown this once.
    access_token: String,
}

/// Something that was withdrawn or removed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Gone {
    /// What it was called.
    id: String,
}

impl Gone {
    pub(super) fn was(id: &str) -> Self {
        Self { id: id.to_owned() }
    }
}

/// Something that an enterprise uploaded.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct MediaView {
    /// `media_id` of its calls.
    media_id: String,
    /// `image`, `voice`, `thumb` or `news`.
    kind: String,
    /// How many bytes; `null` while they are awaited.
    bytes: Option<u64>,
    /// What they are, as a media type.
    media_type: Option<String>,
    /// When it was uploaded first, epoch ms.
    uploaded_ms: i64,
    /// When it was used last, to the day, epoch ms.
    used_ms: i64,
}

impl From<MediaRecord> for MediaView {
    fn from(record: MediaRecord) -> Self {
        Self {
            media_id: record.id.as_str().to_owned(),
            kind: record.kind.as_str().to_owned(),
            bytes: record.kept.as_ref().map(|kept| kept.bytes),
            media_type: record.kept.as_ref().map(|kept| kept.format.media_type().to_owned()),
            uploaded_ms: record.created.millis(),
            used_ms: record.used.millis(),
        }
    }
}

/// GET /admin/enterprises
pub(super) async fn list(call: Call<'_>) -> Result<EnterpriseList, ApiError> {
    let items = call.store.enterprises.all().await?;
    Ok(EnterpriseList { items: items.into_iter().map(view).collect() })
}

/// POST /admin/enterprises
pub(super) async fn create(call: Call<'_>, new: NewEnterprise) -> Result<EnterpriseView, ApiError> {
    let ecode = Ecode::parse(new.ecode.trim()).ok_or_else(|| not_a_name("ecode"))?;
    let name = named("name", &new.name, NAME_CHARS)?;
    let enterprise = Enterprise { ecode, name, created: call.context.clock.now() };
    match call.store.enterprise_writer.create(&enterprise).await? {
        Made::Made => Ok(view(enterprise)),
        Made::Taken => Err(conflict("enterprise_exists", "an enterprise of that code is there")),
    }
}

/// GET /admin/enterprises/{ecode}
pub(super) async fn get(call: Call<'_>) -> Result<EnterpriseView, ApiError> {
    enterprise(&call).await.map(view)
}

/// GET /admin/enterprises/{ecode}/channels
pub(super) async fn channels(call: Call<'_>) -> Result<ChannelList, ApiError> {
    let ecode = enterprise(&call).await?.ecode;
    let items = call.store.enterprises.channels(&ecode).await?;
    Ok(ChannelList { items: items.into_iter().map(channel_view).collect() })
}

/// POST /admin/enterprises/{ecode}/channels
pub(super) async fn create_channel(call: Call<'_>, new: NewChannel) -> Result<ChannelView, ApiError> {
    let ecode = enterprise(&call).await?.ecode;
    let id = ServiceChannelId::parse(new.channel.trim()).ok_or_else(|| not_a_name("channel"))?;
    let name = named("name", &new.name, NAME_CHARS)?;
    let account = AccountId::new(new.account.trim());
    if call.store.accounts.get(&account).await?.is_none() {
        return Err(ApiError::invalid_field("account", "there is no WeChat account of that appid; add it first"));
    }
    let channel = ServiceChannel { id, ecode, account, name, created: call.context.clock.now() };
    match call.store.enterprise_writer.create_channel(&channel).await? {
        Made::Made => Ok(channel_view(channel)),
        Made::Taken => Err(conflict("channel_exists", "a channel of that id is there; choose another one")),
    }
}

/// GET /admin/enterprises/{ecode}/tokens
pub(super) async fn tokens(call: Call<'_>) -> Result<AccessTokenList, ApiError> {
    let ecode = enterprise(&call).await?.ecode;
    let tokens = call.store.enterprises.tokens(&ecode).await?.into_iter();
    let items =
        tokens.map(|token| AccessTokenView { id: token.id, name: token.name, issued_ms: token.created.millis() });
    Ok(AccessTokenList { items: items.collect() })
}

/// POST /admin/enterprises/{ecode}/tokens
pub(super) async fn issue_token(call: Call<'_>, new: NewAccessToken) -> Result<AccessTokenIssued, ApiError> {
    let ecode = enterprise(&call).await?.ecode;
    let (id, token) = (letters(&mut rand::rng(), 12), letters(&mut rand::rng(), TOKEN_CHARS));
    let name = named("name", &new.name, NAME_CHARS)?;
    let entry = AccessTokenEntry { id, name, created: call.context.clock.now() };
    call.store.enterprise_writer.issue(&ecode, &entry, &Secret::new(token.clone())).await?;
    Ok(AccessTokenIssued { id: entry.id, access_token: token })
}

/// DELETE /admin/enterprises/{ecode}/tokens/{token}
pub(super) async fn revoke_token(call: Call<'_>) -> Result<Gone, ApiError> {
    let ecode = enterprise(&call).await?.ecode;
    let id = call.text("token");
    let revoked = call.store.enterprise_writer.revoke(&ecode, id).await?;
    if revoked { Ok(Gone::was(id)) } else { Err(not_found()) }
}

/// GET /admin/enterprises/{ecode}/media
pub(super) async fn media(call: Call<'_>, query: PageQuery) -> Result<Page<MediaView>, ApiError> {
    let ecode = enterprise(&call).await?.ecode;
    let (limit, after) = (query.limit()?, query.after(MediaId::parse)?);
    let found = call.store.media.page(&ecode, after.as_ref(), limit, call.context.clock.now()).await?;
    Ok(page(found, limit, |record| record.id.to_string(), MediaView::from))
}

/// The enterprise that the path names.
pub(super) async fn enterprise(call: &Call<'_>) -> Result<Enterprise, ApiError> {
    let ecode = Ecode::parse(call.text("ecode")).ok_or_else(not_found)?;
    call.store.enterprises.get(&ecode).await?.ok_or_else(not_found)
}

/// The channel that the path names.
pub(super) async fn channel(call: &Call<'_>) -> Result<ServiceChannel, ApiError> {
    let ecode = Ecode::parse(call.text("ecode")).ok_or_else(not_found)?;
    let id = ServiceChannelId::parse(call.text("channel")).ok_or_else(not_found)?;
    match call.store.service_callers.channel(&ecode, &id).await? {
        FoundChannel::Own(channel) => Ok(channel),
        FoundChannel::Anothers | FoundChannel::Unknown => Err(not_found()),
    }
}

fn not_a_name(field: &str) -> ApiError {
    ApiError::invalid_field(field, "it is not 1 to 64 letters, digits, `-` or `_`")
}

fn view(enterprise: Enterprise) -> EnterpriseView {
    EnterpriseView { ecode: enterprise.ecode.to_string(), name: enterprise.name, since_ms: enterprise.created.millis() }
}

fn channel_view(channel: ServiceChannel) -> ChannelView {
    ChannelView {
        channel: channel.id.to_string(),
        account: channel.account.as_str().to_owned(),
        name: channel.name,
        since_ms: channel.created.millis(),
    }
}
