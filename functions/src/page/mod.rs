//! The pages: what a message card opens, and what leads to following.

mod article;
mod code;
pub mod picture;
pub mod render;

use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::{HeaderName, StatusCode, header};
use model::task::{Content, Task, parse_page_key};
use render::{Page, PageView, gone_page, message_page};
use store::accounts::Accounts;
use store::apps::{Apps, Topics};
use store::capabilities;
use store::objects::ObjectReader;
use store::qrcodes::{QrCodes, QrScans};
use store::tasks::TaskReader;
use store::tokens::UpstreamTokens;

capabilities! {
    /// What the pages read.
    pub struct PageStore {
        tasks: TaskReader,
        objects: ObjectReader,
        codes: QrCodes,
        scans: QrScans,
        apps: Apps,
        topics: Topics,
        /// Who asks WeChat for the address of a code.
        accounts: Accounts,
        /// What the token holder uses.
        tokens: UpstreamTokens,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[
    Route::new(Method::Get, "/m/{key}"),
    Route::new(Method::Get, "/m/{key}/{article}"),
    Route::new(Method::Get, "/q/{code}"),
    Route::new(Method::Get, "/api/qrcode/{code}"),
];

/// The function.
pub const FUNCTION: Function = http_function!("page", Family::Page, ROUTES, PageStore, handle);

/// GET /m/{key}, /m/{key}/{article}, /q/{code}, /q/{code}.jpg, /api/qrcode/{code}.jpg
///
/// `/m/` is the page of a message.
/// The key is the task's id and 128 random bits, and is the only credential. 200 with the message as text, HTML or
/// Markdown; 404 with a friendly page when it is unknown, deleted or older than seven days: the three look the same.
/// No cookie is read or set, nothing of the stranger's runs, and the address is told to no other site. Of a message with
/// articles the page lists them, and `/m/{key}/{article}` leads to one: 302 to one address on phones, and to another on
/// desktops; 404 as above.
///
/// The others are the page that leads to following and the picture of a QR code; the code, or the first sixteen
/// characters of it, is the only credential. 200; 404 when there is none; 410 once it has expired. The picture is a JPEG and
/// may be cached until the code expires.
async fn handle(context: &Context, store: &PageStore, request: Request) -> Result<Reply, ApiError> {
    if request.path_parameters.contains_key("code") {
        return code::serve(context, store, &request).await;
    }
    match request.path_parameters.contains_key("article") {
        true => article::lead(context, store, &request).await,
        false => message(context, store, request).await,
    }
}

async fn message(context: &Context, store: &PageStore, request: Request) -> Result<Reply, ApiError> {
    let Some(task) = find(context, store, request.path_parameter("key")).await?.filter(|task| !task.is_erased()) else {
        return Ok(reply(StatusCode::NOT_FOUND, gone_page()));
    };
    if let Content::Service(_) = &task.content {
        return article::list(store, &task).await;
    }
    // Other content has no page.
    let (sent_at, Content::Page(page)) = (task.accepted_ms.beijing_text(), task.content) else {
        return Ok(reply(StatusCode::NOT_FOUND, gone_page()));
    };
    let Some(content) = store.objects.body(page.text).await? else {
        return Ok(reply(StatusCode::NOT_FOUND, gone_page()));
    };
    let page = message_page(&PageView {
        title: &page.summary,
        app_name: &page.app_name,
        content: &content,
        content_type: page.content_type,
        original_url: page.url.as_deref(),
        sent_at: &sent_at,
    });
    Ok(reply(StatusCode::OK, page))
}

async fn find(context: &Context, store: &PageStore, key: &str) -> Result<Option<Task>, ApiError> {
    let Some((id, nonce)) = parse_page_key(key) else { return Ok(None) };
    let task = store.tasks.get(id, context.clock.now()).await?;
    Ok(task.filter(|task| equal_in_constant_time(&task.nonce, nonce)))
}

/// Whether two texts are equal, in a time that does not tell where they differ.
fn equal_in_constant_time(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differing == 0
}

fn reply(status: StatusCode, page: Page) -> Reply {
    Reply::html(status, page.html)
        .header(header::CONTENT_SECURITY_POLICY, &page.content_security_policy)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::CACHE_CONTROL, "private, no-store")
        .header(HeaderName::from_static("x-robots-tag"), "noindex, nofollow")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_texts_are_equal() {
        assert!(equal_in_constant_time("abc", "abc"));
        for other in ["abd", "ab", "abcd", ""] {
            assert!(!equal_in_constant_time("abc", other), "{other}");
        }
    }
}
