//! GET /api/send/message: send a text to one UID or topic, from a URL.

use super::accept::{AcceptStore, accept};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Query, Reply, Request, Route, http_function};
use model::wxpusher::Submission;

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Get, "/api/send/message"), Route::new(Method::Get, "/api/send/message/")];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-send-get", Family::Wxpusher, ROUTES, AcceptStore, handle);

/// GET /api/send/message?appToken&content&uid&topicId&url&summary&verifyPay&verifyPayType
///
/// Always text. `uid` and `topicId` may both be given; empty values count as absent; a `uid` given twice is one
/// malformed UID, as it is on the original. Answers as the POST does.
async fn handle(context: &Context, store: &AcceptStore, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let token = query.get("appToken").map(str::to_owned);
    let submission = read(&query)?;
    accept(context, store, token, submission).await
}

fn read(query: &Query) -> Result<Submission, ApiError> {
    Ok(Submission {
        content: query.get("content").map(str::to_owned),
        content_type: None,
        summary: query.get("summary").map(str::to_owned),
        url: query.get("url").map(decode_again),
        uids: query.get("uid").map(str::to_owned).into_iter().collect(),
        topic_ids: query.integer("topicId")?.into_iter().collect(),
        verify_pay: query.boolean("verifyPay")?,
        verify_pay_type: query.integer("verifyPayType")?,
    })
}

/// The PHP SDK encodes the link twice; once is already undone.
fn decode_again(url: &str) -> String {
    let is_encoded = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if is_encoded("http%3A") || is_encoded("https%3A") {
        percent_encoding::percent_decode_str(url).decode_utf8_lossy().into_owned()
    } else {
        url.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_encoded_twice_is_decoded_once_more() {
        assert_eq!(decode_again("http%3A%2F%2Fx.cn%2F%3Fa%3D1"), "http://x.cn/?a=1");
        assert_eq!(decode_again("HTTPS%3a%2f%2fx.cn"), "HTTPS://x.cn");
        assert_eq!(decode_again("https://x.cn/?u=http%3A%2F%2Fy"), "https://x.cn/?u=http%3A%2F%2Fy");
        assert_eq!(decode_again("中文"), "中文");
    }
}
