//! The route table: what is served where, what is read, what is answered.

use super::call::{Call, Page, PageQuery};
use super::{
    access, accounts, apps, audit, bindings, callbacks, certificates, enterprises, followers, messages, mobile,
    products, topics,
};
use futures::future::BoxFuture;
use gateway::{ApiError, Reply};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Who may do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The operator.
    AdminOnly,
    /// The operator, and whoever has the token of the app in the path.
    AppOwner,
}

pub(super) type Handler = for<'a> fn(Call<'a>) -> BoxFuture<'a, Result<Reply, ApiError>>;
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One thing that can be asked.
pub struct AdminRoute {
    /// The method.
    pub method: Method,
    /// The path; `{name}` is one segment.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Who may.
    pub access: Access,
    /// What is read: the query of a GET, the body of anything else. `None`: nothing.
    pub(super) input: Option<SchemaOf>,
    /// The status of success.
    pub status: StatusCode,
    /// What is answered.
    pub(super) answer: SchemaOf,
    pub(super) handler: Handler,
}

/// Answers with a value of ours.
fn reply<T: Serialize>(status: StatusCode, answer: &T) -> Reply {
    Reply::json(status, answer)
}

/// The schema of a type.
fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// `route!(GET "/path", Access, 200, handler(Input) -> Answer, "what it does")`.
macro_rules! route {
    (@read $call:ident GET $input:ty) => { $call.query::<$input>()? };
    (@read $call:ident $method:ident $input:ty) => { $call.body::<$input>()? };
    ($method:ident $path:literal, $access:ident, $status:literal, $handler:path => ($answer:ty), $summary:literal) => {
        AdminRoute {
            method: Method::$method,
            path: $path,
            summary: $summary,
            access: Access::$access,
            input: None,
            status: status($status),
            answer: schema::<$answer>,
            handler: |call| {
                Box::pin(async move {
                    let answer: $answer = $handler(call).await?;
                    Ok(reply(status($status), &answer))
                })
            },
        }
    };
    ($method:ident $path:literal, $access:ident, $status:literal, $handler:path => ($input:ty, $answer:ty), $summary:literal) => {
        AdminRoute {
            method: Method::$method,
            path: $path,
            summary: $summary,
            access: Access::$access,
            input: Some(schema::<$input>),
            status: status($status),
            answer: schema::<$answer>,
            handler: |call| {
                Box::pin(async move {
                    let input = route!(@read call $method $input);
                    let answer: $answer = $handler(call, input).await?;
                    Ok(reply(status($status), &answer))
                })
            },
        }
    };
}

const fn status(number: u16) -> StatusCode {
    match number {
        201 => StatusCode::CREATED,
        202 => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    }
}

/// Every route.
pub static TABLE: &[AdminRoute] = &[
    route!(GET "/admin/apps", AdminOnly, 200, apps::list => (PageQuery, Page<apps::AppView>), "Lists apps, by number"),
    route!(POST "/admin/apps", AdminOnly, 201, apps::create => (apps::NewApp, apps::AppCreated), "Creates an app; its token and its callback secret are shown this once"),
    route!(GET "/admin/apps/{app}", AdminOnly, 200, apps::get => (apps::AppView), "Shows an app"),
    route!(PATCH "/admin/apps/{app}", AdminOnly, 200, apps::edit => (apps::AppChange, apps::AppView), "Changes an app; what is left out stays, `null` clears"),
    route!(POST "/admin/apps/{app}/token", AdminOnly, 200, apps::reset_token => (apps::NewToken), "Makes a new token; the old one is dead with the next call"),
    route!(POST "/admin/apps/{app}/callback-secret", AdminOnly, 200, apps::rotate_secret => (apps::NewSecret), "Makes a new callback secret; the old one signs beside it for a day"),
    route!(GET "/admin/apps/{app}/qrcode", AdminOnly, 200, apps::qrcode => (apps::QrView), "The permanent QR code by which people follow the app"),
    route!(GET "/admin/apps/{app}/topics", AdminOnly, 200, topics::list => (topics::TopicList), "Lists the topics of an app"),
    route!(POST "/admin/apps/{app}/topics", AdminOnly, 201, topics::create => (topics::NewTopic, topics::TopicView), "Creates a topic"),
    route!(PATCH "/admin/apps/{app}/topics/{topic}", AdminOnly, 200, topics::edit => (topics::TopicChange, topics::TopicView), "Changes a topic"),
    route!(GET "/admin/apps/{app}/topics/{topic}/qrcode", AdminOnly, 200, topics::qrcode => (apps::QrView), "The permanent QR code by which people follow the topic"),
    route!(GET "/admin/apps/{app}/followers", AdminOnly, 200, followers::list => (followers::FollowerQuery, Page<followers::FollowerView>), "Lists who follows an app or its topics, newest first"),
    route!(GET "/admin/apps/{app}/followers/{follower}", AdminOnly, 200, followers::get => (followers::FollowerView), "Shows a follow"),
    route!(PATCH "/admin/apps/{app}/followers/{follower}", AdminOnly, 200, followers::edit => (followers::FollowerChange, followers::FollowerView), "Notes a remark, blocks or lifts a block"),
    route!(GET "/admin/apps/{app}/users/{uid}", AdminOnly, 200, followers::user => (followers::UserView), "How a user stands to the app and its topics, also one who has left or was removed"),
    route!(PATCH "/admin/apps/{app}/users/{uid}", AdminOnly, 200, followers::edit_user => (followers::UserChange, followers::UserView), "Blocks a user, or lifts a block, also one whose follow is gone"),
    route!(GET "/admin/apps/{app}/products", AdminOnly, 200, products::list => (products::ProductList), "Lists the products of an app"),
    route!(POST "/admin/apps/{app}/products", AdminOnly, 201, products::create => (products::NewProduct, products::ProductView), "Creates a product; it cannot be changed afterwards"),
    route!(POST "/admin/apps/{app}/products/{product}/purchases", AdminOnly, 200, products::purchase => (products::NewTrade, products::TradeView), "Records a payment, once per trade number"),
    route!(POST "/admin/apps/{app}/products/{product}/refunds", AdminOnly, 200, products::refund => (products::NewTrade, products::TradeView), "Records a refund, once per trade number"),
    route!(GET "/admin/apps/{app}/callbacks", AppOwner, 200, callbacks::list => (callbacks::CallbackQuery, Page<callbacks::CallbackView>), "Lists callbacks with their attempts, newest first"),
    route!(GET "/admin/apps/{app}/callbacks/{callback}", AppOwner, 200, callbacks::get => (callbacks::CallbackView), "Shows a callback"),
    route!(POST "/admin/apps/{app}/callbacks/{callback}/replay", AppOwner, 202, callbacks::replay => (callbacks::CallbackView), "Tries a callback anew that has ended"),
    route!(GET "/admin/messages", AdminOnly, 200, messages::list => (messages::MessageQuery, Page<messages::MessageView>), "Lists accepted calls and how far they have come, newest first; a page may be short"),
    route!(GET "/admin/messages/{message}", AdminOnly, 200, messages::get => (messages::MessageView), "Shows the call that a message id belongs to"),
    route!(GET "/admin/accounts", AdminOnly, 200, accounts::list => (accounts::AccountList), "Lists WeChat accounts, without their secrets"),
    route!(POST "/admin/accounts", AdminOnly, 201, accounts::create => (accounts::NewAccount, accounts::AccountView), "Adds a WeChat account"),
    route!(GET "/admin/accounts/{appid}", AdminOnly, 200, accounts::get => (accounts::AccountView), "Shows a WeChat account, without its secrets"),
    route!(PATCH "/admin/accounts/{appid}", AdminOnly, 200, accounts::edit => (accounts::AccountChange, accounts::AccountView), "Changes a WeChat account; what is left out stays, `null` clears"),
    route!(POST "/admin/accounts/{appid}/test", AdminOnly, 200, accounts::test_notice::test => (accounts::test_notice::TestMessage, accounts::test_notice::TestOutcome), "Sends a test notice to one openid, at once"),
    route!(GET "/admin/accounts/{appid}/access", AdminOnly, 200, access::get => (access::AccessView), "Says what the account's back ends may do"),
    route!(PATCH "/admin/accounts/{appid}/access", AdminOnly, 200, access::edit => (access::AccessChange, access::AccessView), "Changes what the account's back ends may do; what is left out stays, and so do secret and tokens"),
    route!(POST "/admin/accounts/{appid}/access", AdminOnly, 200, access::issue => (access::AccessChange, access::SecretIssued), "Makes a new secret for the account's back ends, shown this once; the one before and its tokens are dead within ten seconds"),
    route!(GET "/admin/accounts/{appid}/push-keys", AdminOnly, 200, access::push_keys => (access::PushKeyList), "Lists the account's keys for pushes by openid, shortened"),
    route!(POST "/admin/accounts/{appid}/push-keys", AdminOnly, 201, access::issue_push_key => (access::NewPushKey, access::PushKeyIssued), "Makes a key for pushes by openid, shown this once"),
    route!(DELETE "/admin/accounts/{appid}/push-keys/{key}", AdminOnly, 200, access::withdraw_push_key => (access::PushKeyWithdrawn), "Withdraws a key for pushes; it is dead with the next call"),
    route!(GET "/admin/mobile", AdminOnly, 200, mobile::list => (PageQuery, Page<mobile::MobileAppView>), "Lists mobile apps, by id"),
    route!(POST "/admin/mobile", AdminOnly, 201, mobile::create => (mobile::NewMobileApp, mobile::MobileAppCreated), "Adds a mobile app; the token of its back end is shown this once"),
    route!(GET "/admin/mobile/{app}", AdminOnly, 200, mobile::get => (mobile::MobileAppView), "Shows a mobile app"),
    route!(PATCH "/admin/mobile/{app}", AdminOnly, 200, mobile::edit => (mobile::MobileAppChange, mobile::MobileAppView), "Changes a mobile app; what is left out stays; it is used within ten seconds"),
    route!(POST "/admin/mobile/{app}/token", AdminOnly, 200, mobile::new_token => (mobile::BackEndTokenChange, mobile::BackEndToken), "Makes a new token of the app's back end, shown this once; the ones before are dead within ten seconds, unless the newest is kept"),
    route!(DELETE "/admin/mobile/{app}/previous-token", AdminOnly, 200, mobile::withdraw_previous_token => (mobile::MobileAppView), "Withdraws the token that was kept; it is dead within ten seconds"),
    route!(GET "/admin/mobile/{app}/receipt-addresses", AdminOnly, 200, mobile::receipt_addresses => (mobile::ReceiptAddressList), "Says what vendors' consoles are to be told as the address of receipts"),
    route!(GET "/admin/mobile/{app}/users", AdminOnly, 200, mobile::users::find => (mobile::users::UserQuery, mobile::users::PushUserView), "Finds a push user by name, alias or push token"),
    route!(GET "/admin/mobile/{app}/users/{user}", AdminOnly, 200, mobile::users::get => (mobile::users::PushUserView), "Shows a push user with devices and tags"),
    route!(DELETE "/admin/mobile/{app}/users/{user}/devices/{device_sn}", AdminOnly, 200, mobile::users::remove_device => (mobile::users::DeviceRemoved), "Removes a device of a push user"),
    route!(GET "/admin/mobile/{app}/devices", AdminOnly, 200, mobile::users::devices => (mobile::users::TargetQuery, Page<mobile::users::TargetView>), "Lists devices as pushes find them, all or those with a tag; a page may be short"),
    route!(GET "/admin/mobile/{app}/tags", AdminOnly, 200, mobile::users::tags => (PageQuery, Page<String>), "Lists the tags that were ever used"),
    route!(GET "/admin/mobile/{app}/tasks", AdminOnly, 200, mobile::tasks::list => (PageQuery, Page<mobile::tasks::PushView>), "Lists the pushes of the last seven days with their counters, newest first; a page may be short"),
    route!(GET "/admin/mobile/{app}/tasks/{task}", AdminOnly, 200, mobile::tasks::get => (mobile::tasks::PushView), "Shows a push with its counters"),
    route!(GET "/admin/mobile/{app}/certificates", AdminOnly, 200, certificates::list => (certificates::CertificateList), "Lists a mobile app's certificates, without their secrets"),
    route!(PUT "/admin/mobile/{app}/certificates/{provider}/{environment}", AdminOnly, 200, certificates::put => (certificates::NewCertificate, certificates::CertificateView), "Enters a certificate of a mobile app, in the place of the one before; it is used within a minute"),
    route!(DELETE "/admin/mobile/{app}/certificates/{provider}/{environment}", AdminOnly, 200, certificates::remove => (certificates::CertificateRemoved), "Removes a certificate of a mobile app"),
    route!(POST "/admin/mobile/{app}/certificates/{provider}/{environment}/test", AdminOnly, 200, certificates::test => (certificates::TestPush, certificates::PushOutcome), "Sends a test push to one phone, at once"),
    route!(GET "/admin/enterprises", AdminOnly, 200, enterprises::list => (enterprises::EnterpriseList), "Lists enterprises of the service account's API"),
    route!(POST "/admin/enterprises", AdminOnly, 201, enterprises::create => (enterprises::NewEnterprise, enterprises::EnterpriseView), "Adds an enterprise"),
    route!(GET "/admin/enterprises/{ecode}", AdminOnly, 200, enterprises::get => (enterprises::EnterpriseView), "Shows an enterprise"),
    route!(GET "/admin/enterprises/{ecode}/channels", AdminOnly, 200, enterprises::channels => (enterprises::ChannelList), "Lists the channels of an enterprise"),
    route!(POST "/admin/enterprises/{ecode}/channels", AdminOnly, 201, enterprises::create_channel => (enterprises::NewChannel, enterprises::ChannelView), "Adds a channel on a WeChat account"),
    route!(GET "/admin/enterprises/{ecode}/tokens", AdminOnly, 200, enterprises::tokens => (enterprises::AccessTokenList), "Lists the access tokens of an enterprise, without the tokens"),
    route!(POST "/admin/enterprises/{ecode}/tokens", AdminOnly, 201, enterprises::issue_token => (enterprises::NewAccessToken, enterprises::AccessTokenIssued), "Issues an access token, shown this once"),
    route!(DELETE "/admin/enterprises/{ecode}/tokens/{token}", AdminOnly, 200, enterprises::revoke_token => (enterprises::Gone), "Withdraws an access token; it is dead with the next call"),
    route!(GET "/admin/enterprises/{ecode}/media", AdminOnly, 200, enterprises::media => (PageQuery, Page<enterprises::MediaView>), "Lists what an enterprise uploaded, by id"),
    route!(GET "/admin/enterprises/{ecode}/channels/{channel}/bindings", AdminOnly, 200, bindings::list => (PageQuery, Page<bindings::BindingView>), "Lists which users are bound on a channel, by user id"),
    AdminRoute {
        method: Method::POST,
        path: "/admin/enterprises/{ecode}/channels/{channel}/bindings",
        summary: "Binds up to 100,000 users to openids; the body may be CSV, too (`text/csv`); `?from_row=` goes on where an import ended",
        access: Access::AdminOnly,
        input: Some(schema::<bindings::NewBindings>),
        status: StatusCode::OK,
        answer: schema::<bindings::Imported>,
        handler: |call| Box::pin(bindings::import(call)),
    },
    route!(DELETE "/admin/enterprises/{ecode}/channels/{channel}/bindings/{user}", AdminOnly, 200, bindings::remove => (enterprises::Gone), "Lets a user go"),
    route!(POST "/admin/enterprises/{ecode}/channels/{channel}/invitations", AdminOnly, 201, bindings::invite => (bindings::NewInvitation, bindings::InvitationView), "Makes a QR code that binds a user to whoever scans it first"),
    route!(GET "/admin/audit", AdminOnly, 200, audit::list => (PageQuery, Page<audit::AuditView>), "Lists what was asked of this API, newest first"),
];

/// A route and what its names stand for.
pub(super) struct Found {
    pub(super) route: &'static AdminRoute,
    pub(super) parameters: HashMap<String, String>,
}

/// Why there is no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Not with any method.
    Path,
    /// Not with this one.
    Method,
}

impl Missing {
    pub(super) const fn to_error(self) -> ApiError {
        match self {
            Self::Path => ApiError::NoSuchPath,
            Self::Method => ApiError::MethodNotAllowed,
        }
    }
}

/// The route for `method` and `path`.
pub(super) fn find(method: &Method, path: &str) -> Result<Found, Missing> {
    static ROUTER: OnceLock<matchit::Router<Vec<&'static AdminRoute>>> = OnceLock::new();
    let router = ROUTER.get_or_init(router);
    let found = router.at(path).map_err(|_| Missing::Path)?;
    let route = found.value.iter().find(|route| route.method == *method).ok_or(Missing::Method)?;
    let decode = |value: &str| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
    let parameters = found.params.iter().map(|(name, value)| (name.to_owned(), decode(value))).collect();
    Ok(Found { route, parameters })
}

fn router() -> matchit::Router<Vec<&'static AdminRoute>> {
    let mut by_path: HashMap<&'static str, Vec<&'static AdminRoute>> = HashMap::new();
    for route in TABLE {
        by_path.entry(route.path).or_default().push(route);
    }
    let mut router = matchit::Router::new();
    for (path, routes) in by_path {
        // Paths that contradict each other would be a mistake in the table; a test inserts them all.
        if let Err(error) = router.insert(path, routes) {
            tracing::error!(path, %error, "route left out");
        }
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found() {
        for route in TABLE {
            let path = route.path.replace(['{', '}'], "");
            let found = find(&route.method, &path).unwrap_or_else(|missing| panic!("{path}: {missing:?}"));
            assert_eq!((found.route.path, &found.route.method), (route.path, &route.method));
        }
        assert_eq!(find(&Method::DELETE, "/admin/apps").err(), Some(Missing::Method));
        assert_eq!(find(&Method::GET, "/admin/nothing").err(), Some(Missing::Path));
    }
}
