//! POST /cgi-bin/message/wxopen/template/send: what mini programs sent until 2020, sent as a subscription message.

use super::accept::{Acceptance, accept};
use super::template_send::{SendStore, sent};
use super::{refused, value_refused};
use gateway::error::causes;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::account::TemplateMapping;
use model::cgi::{Refusal, fit_values, form_uses};
use model::wechat::{SubscribeMessage, TemplateData, WechatContent};
use store::capabilities;
use store::forms::Forms;
use tracing::warn;

capabilities! {
    /// What sending takes.
    pub struct WxopenStore {
        sending: SendStore,
        forms: Forms,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Any, "/cgi-bin/message/wxopen/template/send")];

/// The function.
pub const FUNCTION: Function = http_function!("wechat-wxopen-template-send", Family::Cgi, ROUTES, WxopenStore, handle);

/// POST /cgi-bin/message/wxopen/template/send?access_token
///
/// | field | | |
/// | --- | --- | --- |
/// | `access_token`, `touser` | | as in `wechat-template-send` |
/// | `template_id` | text, required | one that the operator has mapped to a subscription template |
/// | `form_id` | text or number, required | counted, never passed on: one use, three of a `prepay_id` |
/// | `page` | text | what a tap opens |
/// | `data` | `{key: {"value"}}` | each key under the name that the mapping gives it |
/// | `emphasis_keyword`, `color` | | taken and ignored, since subscription messages have neither |
///
/// The answer and the checks of `wechat-template-send`, with 45103 for a template that is not mapped, and 41028, 41029
/// for the form id before 47003. WeChat has retired this call; what goes out is `subscribe/send`.
pub(crate) async fn handle(context: &Context, store: &WxopenStore, request: Request) -> Result<Reply, ApiError> {
    let (caller, fields) = store.sending.authenticate(context, &request).await?;
    let (template_id, form_id, page) = (fields.text("template_id")?, fields.text("form_id")?, fields.text("page")?);
    let data = fields.data()?;
    let openid = store.sending.recipient(context, &caller, &fields).await?;
    let template_id = template_id.ok_or_else(|| refused(Refusal::TemplateMissing))?;
    let mapping = caller.known.access.mappings.get(&template_id);
    let mapping = mapping.ok_or_else(|| refused(Refusal::TemplateUnmapped))?;
    let form_id = form_id.ok_or_else(|| refused(Refusal::FormMissing))?;
    let (account, most, now) = (caller.account.clone(), form_uses(&form_id), context.clock.now());
    let data = match fit_values(renamed(mapping, data)) {
        Ok(data) => data,
        // A form id is used up by messages only; but one that is used up is said first.
        Err(_) if store.forms.is_used_up(&account, &form_id, most).await? => return Err(refused(Refusal::FormUsed)),
        Err(key) => return Err(value_refused(&key)),
    };
    if !store.forms.take(&account, &form_id, most, now).await? {
        return Err(refused(Refusal::FormUsed));
    }
    let subscribe = Some(SubscribeMessage { template_id: mapping.template_id.clone(), page, data });
    let content = WechatContent { subscribe, ..WechatContent::default() };
    let acceptance = Acceptance { account: account.clone(), content, openids: vec![openid], repeat: None };
    match accept(context, store.sending.accepting(), acceptance).await {
        Ok(id) => Ok(sent(id)),
        Err(error) => {
            if let Err(cause) = store.forms.give_back(&account, &form_id).await {
                // Tolerated: the form id may be refused when the call is repeated.
                warn!(cause = causes(&cause), "a form id could not be given back");
            }
            Err(error)
        }
    }
}

/// The values under the keys of the subscription template, without colours.
fn renamed(mapping: &TemplateMapping, data: TemplateData) -> TemplateData {
    let named = data.into_iter().map(|(key, mut value)| {
        value.color = None;
        (mapping.keys.get(&key).cloned().unwrap_or(key), value)
    });
    named.collect()
}
