//! The operator's API: apps, topics, followers, products and what was paid for them, messages, callbacks, WeChat
//! accounts, enterprises, mobile apps with their certificates, devices and pushes, and what was asked of it by whom.
//! `docs/admin.md` shows how it is used, `GET /admin/openapi.json` says all of it.
//!
//! One function with a router of its own ([`table`]): it is no endpoint that other programs were written for,
//! and is called by people. A file per kind of thing; what a handler reads and answers is a type, from which the
//! document is drawn up.
//!
//! Every call is written down before it changes anything, and again with its outcome; so is every one that is refused.

mod access;
mod accounts;
mod apps;
mod audit;
mod auth;
mod bindings;
mod call;
mod callbacks;
mod certificates;
mod enterprises;
mod followers;
mod messages;
mod mobile;
pub mod openapi;
mod products;
pub mod table;
mod topics;

use crate::mobile::statistics::CountStore;
use auth::Principal;
use call::Call;
use gateway::envelope::admin;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::StatusCode;
use model::clock::Timestamp;
use store::access::{Access, AccessWriter};
use store::accounts::{AccountWriter, Accounts};
use store::apps::{AppLists, AppWriter, Apps, DefaultCodes, Senders, Topics};
use store::audit::{AuditEntry, AuditLog, AuditWriter};
use store::bindings::{BindingImporter, BindingLists, BindingWriter, Invitations};
use store::callback_secrets::CallbackSecretWriter;
use store::callbacks::{CallbackLog, CallbackWriter};
use store::capabilities;
use store::certificates::{CertificateLists, CertificateWriter, Certificates};
use store::devices::{AudienceReader, Devices, UserReader};
use store::enterprises::{EnterpriseWriter, Enterprises, ServiceCallers};
use store::followers::{Followers, PayEnds};
use store::following::Following;
use store::ids::IdHead;
use store::media::MediaLists;
use store::mobile_apps::{MobileAppWriter, MobileApps};
use store::payments::Payments;
use store::plan::PlanReader;
use store::push_keys::PushKeyWriter;
use store::records::RecordReader;
use store::statistics::AppTasks;
use store::sweep::BlockReader;
use store::tasks::TaskReader;
use store::tokens::UpstreamTokens;

capabilities! {
    /// What the operator's API needs.
    pub struct AdminStore {
        apps: Apps,
        app_lists: AppLists,
        app_writer: AppWriter,
        codes: DefaultCodes,
        topics: Topics,
        senders: Senders,
        followers: Followers,
        pay_ends: PayEnds,
        following: Following,
        payments: Payments,
        accounts: Accounts,
        account_writer: AccountWriter,
        access: Access,
        access_writer: AccessWriter,
        push_keys: PushKeyWriter,
        mobile_apps: MobileApps,
        mobile_app_writer: MobileAppWriter,
        push_users: UserReader,
        push_devices: Devices,
        audience: AudienceReader,
        app_tasks: AppTasks,
        push_counts: CountStore,
        certificates: Certificates,
        certificate_lists: CertificateLists,
        certificate_writer: CertificateWriter,
        enterprises: Enterprises,
        enterprise_writer: EnterpriseWriter,
        service_callers: ServiceCallers,
        media: MediaLists,
        binding_lists: BindingLists,
        binding_writer: BindingWriter,
        binding_importer: BindingImporter,
        invitations: Invitations,
        /// What the channels' token holder uses, for a test message.
        tokens: UpstreamTokens,
        callback_secrets: CallbackSecretWriter,
        callbacks: CallbackWriter,
        callback_log: CallbackLog,
        tasks: TaskReader,
        plans: PlanReader,
        records: RecordReader,
        head: IdHead,
        blocks: BlockReader,
        audit: AuditWriter,
        audit_log: AuditLog,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Any, "/admin/{path+}")];

/// The function.
pub const FUNCTION: Function = http_function!("admin", Family::Admin, ROUTES, AdminStore, handle);

/// ANY /admin/{path+}
///
/// `Authorization: Bearer` and the operator's token, or, for an app's callbacks, the app's own. Errors are
/// `{"error":{"code","message","field"}}` with the HTTP status of their kind.
async fn handle(context: &Context, store: &AdminStore, request: Request) -> Result<Reply, ApiError> {
    if request.path == openapi::PATH && request.method == http::Method::GET {
        return Ok(admin::close(Reply::json(StatusCode::OK, &openapi::document())));
    }
    let principal = auth::principal(context, store, &request).await?;
    let mut entry = entry(&request, principal, context.clock.now());
    let found = table::find(&request.method, &request.path);
    let permitted = match (principal, &found) {
        (None, _) => Err(auth::refusal(context).await),
        (Some(_), Err(error)) => Err(error.to_error()),
        (Some(principal), Ok(found)) => principal.may(found).map(|()| found),
    };
    let found = match permitted {
        Ok(permitted) => permitted,
        Err(error) => {
            note_outcome(&mut entry, &admin::error(&error), Some(error.code()));
            store.audit.write(&entry).await?;
            return Err(error);
        }
    };
    // Before anything is changed: a change that nobody knows of must not be.
    let changes = request.method != http::Method::GET;
    let key = if changes { Some(store.audit.write(&entry).await?) } else { None };
    let call = Call { context, store, request: &request, parameters: &found.parameters };
    let answer = (found.route.handler)(call).await;
    match &answer {
        Ok(reply) => note_outcome(&mut entry, reply, None),
        Err(error) => note_outcome(&mut entry, &admin::error(error), Some(error.code())),
    }
    match key {
        Some(key) => store.audit.write_again(&key, &entry).await?,
        None => drop(store.audit.write(&entry).await?),
    }
    answer.map(admin::close)
}

fn entry(request: &Request, principal: Option<Principal>, now: Timestamp) -> AuditEntry {
    // API Gateway puts the caller's address behind whatever the caller wrote there.
    let forwarded = request.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let from = forwarded.rsplit(',').next().unwrap_or_default().trim();
    AuditEntry {
        at_ms: now,
        who: principal.map_or_else(|| "nobody".to_owned(), |principal| principal.to_string()),
        from: shortened(from, 64),
        method: shortened(request.method.as_str(), 16),
        path: shortened(&request.path, 256),
        status: None,
        code: None,
    }
}

/// Strangers fill these fields, too.
fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn note_outcome(entry: &mut AuditEntry, reply: &Reply, code: Option<&str>) {
    entry.status = Some(reply.status.as_u16());
    entry.code = code.map(str::to_owned);
}
