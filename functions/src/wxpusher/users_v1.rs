//! GET /api/fun/wxuser: the followers of an app, in the form of older SDKs.

use super::sender::authenticate;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::follow::{FollowRecord, Followed, ListFilter};
use model::ids::Uid;
use model::wxpusher::{PageOf, lenient_page, lenient_size};
use serde::Serialize;
use store::apps::Senders;
use store::capabilities;
use store::followers::{FollowerPage, Followers};

capabilities! {
    /// What listing needs.
    pub struct UsersV1Store {
        senders: Senders,
        followers: Followers,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Get, "/api/fun/wxuser"), Route::new(Method::Get, "/api/fun/wxuser/")];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-users-v1", Family::Wxpusher, ROUTES, UsersV1Store, handle);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserReply {
    create_time: i64,
    enable: bool,
    head_img: &'static str,
    nick_name: &'static str,
    uid: String,
}

/// GET /api/fun/wxuser?appToken&page&pageSize&uid
///
/// Followers of the app, never of its topics, newest first. `page` counts from 1 (less is 1), `pageSize` is 10 unless
/// given and at most 100 (more is 100); the reply says which were taken. `uid` shows one user. `enable`: messages reach
/// the user. `headImg` and `nickName` are empty, as WeChat tells them of nobody any more.
///
/// One SDK glues the name of the next parameter to the size (`pageSize=1uid`): leading digits count.
async fn handle(context: &Context, store: &UsersV1Store, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let app = authenticate(context, &store.senders, query.get("appToken").map(str::to_owned)).await?;
    let page = lenient_page(query.integer("page")?);
    let size = query.get("pageSize").map(str::trim);
    let size = size.map(|text| leading_number(text).ok_or_else(|| ApiError::unreadable("参数pageSize应为整数")));
    let size = lenient_size(size.transpose()?);
    let followers = match query.get("uid") {
        None => {
            let filter = ListFilter { topic: Some(false), rejected: None };
            store.followers.page(app.id, filter, page, size, context.clock.now()).await?
        }
        Some(uid) => one_user(store, app.id, uid.trim(), page, size).await?,
    };
    let records = followers.records.iter().map(reply).collect();
    Ok(success(PageOf { total: followers.total, page, page_size: size, records }))
}

async fn one_user(
    store: &UsersV1Store,
    app: model::ids::AppId,
    uid: &str,
    page: u64,
    size: usize,
) -> Result<FollowerPage, ApiError> {
    let Ok(uid) = Uid::parse(uid) else { return Ok(FollowerPage::default()) };
    let mut records = store.followers.of_user(app, &uid).await?;
    records.retain(|record| record.followed == Followed::App);
    Ok(FollowerPage::of(records, page, size))
}

fn reply(record: &FollowRecord) -> UserReply {
    UserReply {
        create_time: record.created_ms.millis(),
        enable: record.is_enabled() && !record.rejected,
        head_img: "",
        nick_name: "",
        uid: record.uid.to_string(),
    }
}

/// The number that a text begins with, sign and all.
fn leading_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    text.get(..text.len() - digits.len() + end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_digits_count() {
        assert_eq!(leading_number("1uid"), Some(1));
        assert_eq!(leading_number("50"), Some(50));
        assert_eq!(leading_number("-3x"), Some(-3));
        for bad in ["uid", "", "-", "字1"] {
            assert_eq!(leading_number(bad), None, "{bad}");
        }
    }
}
