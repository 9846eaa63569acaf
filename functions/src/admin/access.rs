//! What lets the back ends of a WeChat account send through us: the secret by which they fetch tokens, and push keys.
//! Both are made by us, shown once and kept as hashes; the account's own appsecret is not among them.

use super::accounts::account;
use super::call::Call;
use gateway::ApiError;
use model::account::{AccountAccess, TemplateMapping};
use model::ids::letters;
use model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Templates and mappings of one account.
const MOST_TEMPLATES: usize = 200;

/// What an account's back ends may do. All of it is written anew, with a new secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccess {
    /// Nobody sends through the account for now.
    #[serde(default)]
    suspended: bool,
    /// The account's template ids; left out, every id is taken and WeChat decides.
    templates: Option<Vec<String>>,
    /// What templates of the retired mini program call stand for, by their ids.
    #[serde(default)]
    mappings: BTreeMap<String, Mapping>,
    /// Sends in a minute and function instance; 0 means no limit.
    #[serde(default)]
    calls_per_minute: u32,
    /// Sends in a day; 0 means no limit.
    #[serde(default)]
    calls_per_day: u32,
}

/// A subscription template in the place of a retired one.
#[derive(Debug, Deserialize, JsonSchema)]
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

/// A new push key, shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PushKeyIssued {
    /// What calls of /api/v4/pushes/wechat carry.
    key: String,
}

/// POST /admin/accounts/{appid}/access
///
/// Access tokens that were issued for an earlier secret die with it.
pub(super) async fn issue(call: Call<'_>, new: NewAccess) -> Result<SecretIssued, ApiError> {
    let account = account(&call).await?;
    for (field, count) in [("templates", new.templates.as_ref().map_or(0, Vec::len)), ("mappings", new.mappings.len())]
    {
        if count > MOST_TEMPLATES {
            return Err(ApiError::invalid_field(field, format!("it has more than {MOST_TEMPLATES} entries")));
        }
    }
    let standing = call.store.access.get(&account.id).await?;
    let version = standing.map_or(0, |standing| standing.access.secret_version) + 1;
    let mapping = |mapping: Mapping| TemplateMapping { template_id: mapping.template_id, keys: mapping.keys };
    let access = AccountAccess {
        secret_hash: String::new(),
        secret_version: version,
        suspended: new.suspended,
        templates: new.templates,
        mappings: new.mappings.into_iter().map(|(id, with)| (id, mapping(with))).collect(),
        calls_per_minute: new.calls_per_minute,
        calls_per_day: new.calls_per_day,
    };
    let secret = Secret::new(letters(&mut rand::rng(), 32));
    call.store.access_writer.put(&account.id, &access, &secret).await?;
    Ok(SecretIssued { secret: secret.expose().clone(), version })
}

/// POST /admin/accounts/{appid}/push-keys
pub(super) async fn issue_push_key(call: Call<'_>) -> Result<PushKeyIssued, ApiError> {
    let account = account(&call).await?;
    let key = Secret::new(format!("PK_{}", letters(&mut rand::rng(), 32)));
    call.store.access_writer.put_push_key(&account.id, &key).await?;
    Ok(PushKeyIssued { key: key.expose().clone() })
}
