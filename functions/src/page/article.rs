//! The articles of an enterprise's message: the page that lists them, and the short link that leads to each.

use super::render::{ArticleView, articles_page, gone_page};
use super::{PageStore, find, reply};
use crate::service_account::accept::body_of;
use gateway::{ApiError, Context, Reply, Request};
use http::{HeaderMap, StatusCode, header};
use model::service::{Leads, ServiceMessage};
use model::task::Task;
use percent_encoding::{CONTROLS, utf8_percent_encode};

/// GET /m/{key}: the list.
pub(super) async fn list(store: &PageStore, task: &Task) -> Result<Reply, ApiError> {
    let body = body_of(&store.objects, task).await?;
    let Some(ServiceMessage::News(articles)) = body.map(|body| body.what) else {
        return Ok(reply(StatusCode::NOT_FOUND, gone_page()));
    };
    let key = task.page_key();
    // Beside the page itself, whatever address it was opened by.
    let urls: Vec<String> = articles
        .iter()
        .enumerate()
        .map(|(at, article)| match article.link.leads() {
            Leads::To(url) => url.to_owned(),
            Leads::Apart | Leads::Nowhere => format!("/m/{key}/{at}"),
        })
        .collect();
    let views: Vec<ArticleView<'_>> = articles
        .iter()
        .zip(&urls)
        .map(|(article, url)| ArticleView {
            title: &article.title,
            description: &article.description,
            url,
            picture: article.picture.as_deref(),
        })
        .collect();
    Ok(reply(StatusCode::OK, articles_page(&views, &task.accepted_ms.beijing_text())))
}

/// GET /m/{key}/{article}: to the article, which is another one on phones than on desktops.
pub(super) async fn lead(context: &Context, store: &PageStore, request: &Request) -> Result<Reply, ApiError> {
    let gone = || reply(StatusCode::NOT_FOUND, gone_page());
    let Ok(at) = request.path_parameter("article").parse::<usize>() else { return Ok(gone()) };
    let Some(task) = find(context, store, request.path_parameter("key")).await? else { return Ok(gone()) };
    let body = body_of(&store.objects, &task).await?;
    let target = body.as_ref().and_then(|body| body.what.link(at)?.target(is_phone(&request.headers)));
    let Some(target) = target else { return Ok(gone()) };
    // A header holds ASCII only; what is encoded already stays as it is.
    let target = utf8_percent_encode(target, CONTROLS).to_string();
    Ok(Reply::new(StatusCode::FOUND)
        .header(header::LOCATION, &target)
        .header(header::CACHE_CONTROL, "private, no-store")
        .header(header::VARY, "User-Agent")
        .header(header::REFERRER_POLICY, "no-referrer"))
}

/// Whether somebody opens it on a phone or a tablet. WeChat on a desktop names itself, and may name a phone beside.
fn is_phone(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let names = |names: &[&str]| names.iter().any(|name| agent.contains(name));
    names(&["Android", "iPhone", "iPad", "iPod", "HarmonyOS", "Mobile"])
        && !names(&["WindowsWechat", "MacWechat", "Windows NT"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wechat_on_a_desktop_is_no_phone() {
        let on = |agent: &str| is_phone(&HeaderMap::from_iter([(header::USER_AGENT, agent.parse().unwrap())]));
        assert!(on("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.50"));
        assert!(on("Mozilla/5.0 (Linux; Android 14; V2309A) MicroMessenger/8.0.50"));
        assert!(!on(
            "Mozilla/5.0 (Windows NT 10.0) MicroMessenger/7.0.20 NetType/WIFI MiniProgramEnv/Windows WindowsWechat"
        ));
        assert!(!on("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) MicroMessenger/6.8.0 MacWechat/3.8"));
        assert!(!on("Mozilla/5.0 (X11; Linux x86_64)"));
        assert!(!is_phone(&HeaderMap::new()));
    }
}
