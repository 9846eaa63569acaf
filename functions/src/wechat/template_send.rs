//! POST /cgi-bin/message/template/send: a template message to one openid.

use super::accept::{AcceptStore, Acceptance, accept};
use super::caller::Caller;
use super::read::Fields;
use super::{refused, value_refused};
use gateway::envelope::cgi::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::cgi::{Refusal, fit_values, is_openid};
use model::ids::{MessageId, OpenId};
use model::wechat::{TemplateMessage, WechatContent};
use serde::Serialize;
use std::time::Duration;
use store::access::Access;
use store::capabilities;
use store::forms::Sends;
use store::people::PeopleReader;

capabilities! {
    /// What sending takes.
    pub struct SendStore {
        access: Access,
        sends: Sends,
        people: PeopleReader,
        accepting: AcceptStore,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Any, "/cgi-bin/message/template/send")];

/// The function.
pub const FUNCTION: Function = http_function!("wechat-template-send", Family::Cgi, ROUTES, SendStore, handle);

/// For how long a repeat with the same `client_msg_id` is the same message. WeChat's page "template message".
const REPEAT_LIFE: Duration = Duration::from_secs(600);

/// POST /cgi-bin/message/template/send?access_token
///
/// | field | | |
/// | --- | --- | --- |
/// | `access_token` | in the query, or else in the body | one of ours |
/// | `touser` | text, required | an openid of the account |
/// | `template_id` | text, required | one of the account's list, where the operator has entered it |
/// | `data` | `{key: {"value", "color"}}` | texts of typed keys are shortened to what WeChat takes |
/// | `url`, `miniprogram` | text; `{"appid","pagepath"}` | what a tap opens; passed on both |
/// | `client_msg_id` | text | the same message again for ten minutes: the first msgid, nothing sent twice |
///
/// `{"errcode":0,"errmsg":"ok","msgid"}`: accepted, not yet sent. The msgid is a whole number below 2^53. Checks in this
/// order: 43002; 41001, 40001, 42001; 48004; 45002, 44002, 47001; 45011, 45009; 40003, 43004; 40036, 40037; 47003.
///
/// Source: WeChat's page "template message"; leniency as SDKs in use need it.
pub(crate) async fn handle(context: &Context, store: &SendStore, request: Request) -> Result<Reply, ApiError> {
    let (caller, fields) = store.authenticate(context, &request).await?;
    let message = TemplateMessage {
        template_id: fields.text("template_id")?.unwrap_or_default(),
        url: fields.text("url")?,
        miniprogram: fields.miniprogram()?,
        data: fields.data()?,
    };
    let repeat = fields.text("client_msg_id")?;
    let openid = store.recipient(context, &caller, &fields).await?;
    if message.template_id.trim().is_empty() {
        return Err(refused(Refusal::TemplateMissing));
    }
    if caller.known.access.templates.as_ref().is_some_and(|known| !known.contains(&message.template_id)) {
        return Err(refused(Refusal::TemplateUnknown));
    }
    let data = fit_values(message.data).map_err(|key| value_refused(&key))?;
    let repeat = repeat.map(|id| (format!("template {} {id}", openid.as_str()), REPEAT_LIFE));
    let content = WechatContent { template: Some(TemplateMessage { data, ..message }), ..WechatContent::default() };
    let acceptance = Acceptance { account: caller.account, content, openids: vec![openid], repeat };
    Ok(sent(accept(context, &store.accepting, acceptance).await?))
}

#[derive(Serialize)]
struct Sent {
    errcode: i32,
    errmsg: &'static str,
    msgid: u64,
}

/// The answer to a message that was accepted.
pub(super) fn sent(id: MessageId) -> Reply {
    success(&Sent { errcode: 0, errmsg: "ok", msgid: id.get() })
}

impl SendStore {
    /// What accepting takes.
    pub(super) const fn accepting(&self) -> &AcceptStore {
        &self.accepting
    }

    /// Who is calling, and with what. The token is looked for in the query first, then in the body.
    pub(super) async fn authenticate(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<(Caller, Fields), ApiError> {
        if request.method != http::Method::POST {
            return Err(refused(Refusal::NeedsPost));
        }
        let query = request.query();
        let body = Fields::of(request);
        let token = match query.get("access_token") {
            Some(token) => Some(token.to_owned()),
            None => body.as_ref().ok().and_then(|fields| fields.text("access_token").ok().flatten()),
        };
        let caller = Caller::of(context, &self.access, request, token.as_deref()).await?;
        Ok((caller, body?))
    }

    /// Counts the call, and says who the message is for.
    pub(super) async fn recipient(
        &self,
        context: &Context,
        caller: &Caller,
        fields: &Fields,
    ) -> Result<OpenId, ApiError> {
        caller.count(context)?;
        let (most, day) = (caller.known.access.calls_per_day, context.clock.now().beijing_day());
        if most > 0 && !self.sends.take(&caller.account, day, most).await? {
            return Err(refused(Refusal::CallsPerDay));
        }
        let openid =
            fields.text("touser")?.filter(|text| is_openid(text)).ok_or_else(|| refused(Refusal::Recipient))?;
        let openid = OpenId::new(openid);
        match self.people.by_openid(&caller.account, &openid).await? {
            Some(person) if person.unreachable => Err(refused(Refusal::Unsubscribed)),
            Some(_) | None => Ok(openid),
        }
    }
}
