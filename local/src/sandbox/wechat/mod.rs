//! WeChat's stand-in: access tokens and messages, as strict as WeChat's pages say.
//!
//! Base URL `http://<sandbox>/wechat`, so `POST /wechat/cgi-bin/stable_token` and so on. Every outcome is HTTP 200
//! with `{"errcode","errmsg"}`; token answers leave them out on success. Errors end in a `rid` as WeChat's do.
//!
//! | path | page |
//! |---|---|
//! | `POST /cgi-bin/stable_token`, `GET /cgi-bin/token` | [`token`] |
//! | `POST /cgi-bin/message/template/send` | [`template`]; how it ended is told later, see [`finish`] |
//! | `POST /cgi-bin/message/custom/send` | [`custom`] |
//! | `POST /cgi-bin/message/subscribe/send` | [`subscribe`] |
//! | `POST /cgi-bin/media/upload`, `POST /cgi-bin/material/add_material` | [`media`] |
//! | `POST /cgi-bin/draft/add` | [`draft`] |
//! | `POST /cgi-bin/message/mass/sendall` | [`mass`] |
//! | `POST /cgi-bin/qrcode/create`, `GET /cgi-bin/showqrcode` | [`qrcode`] |
//!
//! The other direction, what people do and WeChat tells the gateway, is on the page of [`user`].
//!
//! Not enforced: the caller's IP whitelist, frozen secrets, and limits per minute but those of mass messages. They are
//! faults to order: 40164, 40243 and 45011, which are answered in WeChat's own words.

mod account;
mod controls;
mod custom;
mod draft;
mod finish;
mod held;
mod mass;
mod media;
mod people;
mod qrcode;
mod refusal;
mod repeats;
mod subscribe;
mod template;
mod token;
mod typed;
mod user;

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use serde::Serialize;

use self::account::Account;
pub use self::controls::{TokenFetches, WechatControls};
pub(super) use self::finish::Endings;
pub use self::finish::FINISH_AFTER;
pub use self::mass::MassAnswer;
pub use self::people::Opening;
use self::people::PeopleFile;
use self::refusal::Refusal;
pub use self::user::ServerConfiguration;
pub(super) use self::user::routes as user_routes;
use super::Sandbox;
use super::inbox::Inbox;
use super::reply::Reply;
use super::world::WechatAccount;

/// The upstream's name.
pub(super) const SERVICE: &str = "wechat";

/// The channels this stand-in receives.
pub(super) const CHANNELS: &[&str] = &[template::CHANNEL, custom::CHANNEL, subscribe::CHANNEL, mass::CHANNEL];

/// Those whose messages are followed by a finish event.
pub(super) const FINISHED: &[&str] = &[template::CHANNEL];

/// `Content-Type` of WeChat's answers.
const CONTENT_TYPE: &str = "application/json; encoding=utf-8";

/// The paths below `/wechat`. Any method is routed: WeChat answers a wrong one with a code of its own.
pub(super) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/cgi-bin/stable_token", any(token::stable_token))
        .route("/cgi-bin/token", any(token::plain_token))
        .route("/cgi-bin/message/template/send", any(template::send))
        .route("/cgi-bin/message/custom/send", any(custom::send))
        .route("/cgi-bin/message/subscribe/send", any(subscribe::send))
        .route("/cgi-bin/media/upload", any(media::upload).layer(DefaultBodyLimit::max(media::BODY_BYTES)))
        .route(
            "/cgi-bin/material/add_material",
            any(media::add_material).layer(DefaultBodyLimit::max(media::BODY_BYTES)),
        )
        .route("/cgi-bin/draft/add", any(draft::add))
        .route("/cgi-bin/message/mass/sendall", any(mass::send_all))
        .route("/cgi-bin/qrcode/create", any(qrcode::create))
        .route("/cgi-bin/showqrcode", any(qrcode::show))
}

/// The accounts and what happened to them.
pub(super) struct Wechat {
    accounts: Vec<Account>,
    people: Option<PeopleFile>,
}

impl Wechat {
    /// The accounts as they are at `now_ms`. Repeats of messages that `inbox` holds are recognised.
    ///
    /// With a `folder`, who started or stopped to follow is kept in it, and so is known after a restart.
    pub(super) fn new(
        accounts: Vec<WechatAccount>,
        inbox: &Inbox,
        folder: Option<&Path>,
        now_ms: i64,
    ) -> io::Result<Self> {
        let accounts: Vec<Account> = accounts.into_iter().map(Account::new).collect();
        repeats::restore(&accounts, inbox, now_ms)?;
        mass::restore(&accounts, inbox, now_ms)?;
        let people = folder.map(PeopleFile::new);
        if let Some(file) = &people {
            for (appid, openid, follows) in file.read()? {
                if let Some(account) = accounts.iter().find(|account| account.given.appid == appid) {
                    account.state().people.of(&openid).follows = Some(follows);
                }
            }
        }
        Ok(Self { accounts, people })
    }

    /// Keeps who started or stopped to follow.
    fn keep_people(&self) -> io::Result<()> {
        let Some(file) = &self.people else { return Ok(()) };
        let moved = self.accounts.iter().flat_map(|account| {
            let moved: Vec<(String, String, bool)> = (account.state().people.moved())
                .map(|(openid, follows)| (account.given.appid.clone(), openid.to_owned(), follows))
                .collect();
            moved
        });
        file.write(&moved.collect::<Vec<_>>())
    }

    /// The account with this appid.
    fn account(&self, appid: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.given.appid == appid)
    }

    /// The account that `access_token` was issued for.
    fn authorised(&self, access_token: &str, now_ms: i64) -> Result<&Account, Refusal> {
        if access_token.is_empty() {
            return Err(Refusal::TokenMissing);
        }
        if !held::is_well_formed(access_token) {
            return Err(Refusal::TokenIllegal);
        }
        for account in &self.accounts {
            if let Some(standing) = account.state().tokens.standing(access_token, now_ms) {
                return standing.map(|()| account);
            }
        }
        Err(Refusal::TokenNotLatest)
    }
}

/// The value of a query parameter; empty if it is not there.
fn parameter(query: Option<&str>, name: &str) -> String {
    url::form_urlencoded::parse(query.unwrap_or("").as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// HTTP 200 with this JSON, or with -1 if it cannot be written.
fn json_reply(answer: &impl Serialize) -> Reply {
    match serde_json::to_string(answer) {
        Ok(body) => Reply { status: axum::http::StatusCode::OK, content_type: CONTENT_TYPE, retry_after: None, body },
        Err(_) => Refusal::SystemError.reply(),
    }
}
