//! What lets the back ends of a WeChat account send through us: the secret by which they fetch tokens, and push keys.
//! Both are made by us, shown once and kept as hashes; the account's own appsecret is not among them.

use super::accounts::{ROUNDS, account, changed_meanwhile};
use super::apps::{given, set};
use super::auth::not_found;
use super::call::{Call, conflict, named, optional};
use gateway::ApiError;
use model::account::{AccountAccess, TemplateMapping};
use model::ids::{AccountId, letters};
use model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::push_keys::PushKeyEntry;

/// Templates and mappings of one account.
const MOST_TEMPLATES: usize = 200;
/// Characters of a template's id.
const TEMPLATE_ID_CHARS: usize = 128;
/// Push keys of one account.
const MOST_PUSH_KEYS: usize = 50;
/// Characters of a push key's name.
const NAME_CHARS: usize = 64;

/// What an account's back ends are to be allowed. What is left out stays; `null` clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessChange {
    /// Nobody sends through the account for now.
    suspended: Option<bool>,
    /// The account's template ids; `null`: every id is taken, and WeChat decides.
    #[serde(default, deserialize_with = "given")]
    templates: Option<Option<Vec<String>>>,
    /// What templates of the retired mini program call stand for, by their ids.
    mappings: Option<BTreeMap<String, Mapping>>,
    /// Sends in a minute and function instance; 0 means no limit.
    calls_per_minute: Option<u32>,
    /// Sends in a day; 0 means no limit.
    calls_per_day: Option<u32>,
}

/// What an account's back ends may do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AccessView {
    /// Counts the secrets that were issued, from 1.
    version: u32,
    /// Nobody sends through the account for now.
    suspended: bool,
    /// The account's template ids; `null`: every id is taken, and WeChat decides.
    templates: Option<Vec<String>>,
    /// What templates of the retired mini program call stand for, by their ids.
    mappings: BTreeMap<String, Mapping>,
    /// Sends in a minute and function instance; 0 means no limit.
    calls_per_minute: u32,
    /// Sends in a day; 0 means no limit.
    calls_per_day: u32,
}

/// A subscription template in the place of a retired one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    /// The subscription template.
    template_id: String,
    /// Which of its keys shows what came under which old one. A key that is not here keeps its name.
    #[serde(default)]
    keys: BTreeMap<String, String>,
}

/// A new secret, shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SecretIssued {
    /// What back ends use as `secret`, with the account's appid.
    secret: String,
    /// Counts the secrets that were issued, from 1.
    version: u32,
}

/// A push key to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPushKey {
    /// Whose it will be, for the list: at most 64 characters.
    name: Option<String>,
}

/// A new push key, shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PushKeyIssued {
    /// What calls of /api/v4/pushes/wechat carry.
    key: String,
    /// What withdraws it.
    id: String,
}

/// A push key, shortened.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PushKeyView {
    /// What withdraws it.
    id: String,
    /// Whose it is.
    name: Option<String>,
    /// Its first characters.
    begins: String,
    /// When it was made, epoch ms.
    created_ms: i64,
}

/// The push keys of an account, the oldest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PushKeyList {
    items: Vec<PushKeyView>,
}

/// A push key that is no more.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PushKeyWithdrawn {
    /// Which.
    id: String,
}

/// GET /admin/accounts/{appid}/access
pub(super) async fn get(call: Call<'_>) -> Result<AccessView, ApiError> {
    let id = AccountId::new(call.text("appid"));
    call.store.access.get(&id).await?.map(|standing| view(standing.access)).ok_or_else(not_found)
}

/// POST /admin/accounts/{appid}/access
///
/// Access tokens that were issued for an earlier secret die with it, within ten seconds everywhere.
pub(super) async fn issue(call: Call<'_>, change: AccessChange) -> Result<SecretIssued, ApiError> {
    let id = account(&call).await?.id;
    let change = checked(change)?;
    let secret = Secret::new(letters(&mut rand::rng(), 32));
    for _ in 0..ROUNDS {
        let standing = call.store.access.get(&id).await?;
        let mut access = standing.as_ref().map_or_else(nothing, |standing| standing.access.clone());
        access.secret_version += 1;
        change.apply(&mut access);
        if call.store.access_writer.issue(&id, &access, &secret, standing.as_ref()).await? {
            call.context.access.forget(&id);
            return Ok(SecretIssued { secret: secret.expose().clone(), version: access.secret_version });
        }
    }
    Err(changed_meanwhile())
}

/// PATCH /admin/accounts/{appid}/access
///
/// The secret stays, and so do the tokens that were issued for it. Used everywhere within ten seconds.
pub(super) async fn edit(call: Call<'_>, change: AccessChange) -> Result<AccessView, ApiError> {
    let (id, change) = (AccountId::new(call.text("appid")), checked(change)?);
    for _ in 0..ROUNDS {
        let standing = call.store.access.get(&id).await?.ok_or_else(not_found)?;
        let mut access = standing.access.clone();
        change.apply(&mut access);
        if call.store.access_writer.change(&id, &access, &standing).await? {
            call.context.access.forget(&id);
            return Ok(view(access));
        }
    }
    Err(changed_meanwhile())
}

/// A change whose parts were looked at.
struct Checked {
    suspended: Option<bool>,
    templates: Option<Option<Vec<String>>>,
    mappings: Option<BTreeMap<String, TemplateMapping>>,
    calls_per_minute: Option<u32>,
    calls_per_day: Option<u32>,
}

impl Checked {
    fn apply(&self, access: &mut AccountAccess) {
        set(&mut access.suspended, self.suspended);
        set(&mut access.templates, self.templates.clone());
        set(&mut access.mappings, self.mappings.clone());
        set(&mut access.calls_per_minute, self.calls_per_minute);
        set(&mut access.calls_per_day, self.calls_per_day);
    }
}

fn checked(change: AccessChange) -> Result<Checked, ApiError> {
    let templates = change.templates.as_ref().and_then(Option::as_ref).map_or(0, Vec::len);
    for (field, count) in [("templates", templates), ("mappings", change.mappings.as_ref().map_or(0, BTreeMap::len))] {
        if count > MOST_TEMPLATES {
            return Err(ApiError::invalid_field(field, format!("it has more than {MOST_TEMPLATES} entries")));
        }
    }
    for (at, id) in change.templates.iter().flatten().flatten().enumerate() {
        named(&format!("templates[{at}]"), id, TEMPLATE_ID_CHARS)?;
    }
    let mappings = change.mappings.map(|mappings| mappings.into_iter().map(mapping).collect());
    Ok(Checked {
        suspended: change.suspended,
        templates: change.templates,
        mappings: mappings.transpose()?,
        calls_per_minute: change.calls_per_minute,
        calls_per_day: change.calls_per_day,
    })
}

fn mapping((old, new): (String, Mapping)) -> Result<(String, TemplateMapping), ApiError> {
    let template_id = named(&format!("mappings.{old}.template_id"), &new.template_id, TEMPLATE_ID_CHARS)?;
    Ok((old, TemplateMapping { template_id, keys: new.keys }))
}

/// What an account's back ends may do before anybody has said so.
fn nothing() -> AccountAccess {
    AccountAccess {
        secret_hash: String::new(),
        secret_version: 0,
        suspended: false,
        templates: None,
        mappings: BTreeMap::new(),
        calls_per_minute: 0,
        calls_per_day: 0,
    }
}

fn view(access: AccountAccess) -> AccessView {
    let mapping = |mapping: TemplateMapping| Mapping { template_id: mapping.template_id, keys: mapping.keys };
    AccessView {
        version: access.secret_version,
        suspended: access.suspended,
        templates: access.templates,
        mappings: access.mappings.into_iter().map(|(old, new)| (old, mapping(new))).collect(),
        calls_per_minute: access.calls_per_minute,
        calls_per_day: access.calls_per_day,
    }
}

/// GET /admin/accounts/{appid}/push-keys
pub(super) async fn push_keys(call: Call<'_>) -> Result<PushKeyList, ApiError> {
    let account = account(&call).await?;
    let mut items: Vec<PushKeyView> = call.store.push_keys.all(&account.id).await?.into_iter().map(shortened).collect();
    items.sort_by(|one, other| (one.created_ms, &one.id).cmp(&(other.created_ms, &other.id)));
    Ok(PushKeyList { items })
}

fn shortened((id, entry): (String, PushKeyEntry)) -> PushKeyView {
    PushKeyView { id, name: entry.name, begins: entry.begins, created_ms: entry.at_ms.millis() }
}

/// POST /admin/accounts/{appid}/push-keys
pub(super) async fn issue_push_key(call: Call<'_>, new: NewPushKey) -> Result<PushKeyIssued, ApiError> {
    let account = account(&call).await?;
    let name = optional("name", new.name, NAME_CHARS)?;
    if call.store.push_keys.all(&account.id).await?.len() >= MOST_PUSH_KEYS {
        let text =
            format!("the account has {MOST_PUSH_KEYS} push keys, the most that one may have; withdraw some first");
        return Err(conflict("too_many_push_keys", &text));
    }
    let key = Secret::new(format!("PK_{}", letters(&mut rand::rng(), 32)));
    let entry = PushKeyEntry::of(&key, name, call.context.clock.now());
    let id = call.store.push_keys.issue(&account.id, &key, &entry).await?;
    Ok(PushKeyIssued { key: key.expose().clone(), id })
}

/// DELETE /admin/accounts/{appid}/push-keys/{key}
pub(super) async fn withdraw_push_key(call: Call<'_>) -> Result<PushKeyWithdrawn, ApiError> {
    let (account, id) = (AccountId::new(call.text("appid")), call.text("key"));
    if call.store.push_keys.withdraw(&account, id).await? {
        Ok(PushKeyWithdrawn { id: id.to_owned() })
    } else {
        Err(not_found())
    }
}
