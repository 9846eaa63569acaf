//! Uploads: what a message shows has to be at WeChat first.
//!
//! Facts are from WeChat's pages "new temporary media" and "new permanent material", read 2026-11.

use super::client::WechatClient;
use super::error::CallError;
use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;
use model::account::WechatAccount;
use model::service::{Format, MediaKind};

/// A file to be uploaded.
#[derive(Debug, Clone)]
pub struct File {
    /// What it is called: letters, digits, `.`, `-` and `_`. WeChat refuses a part without a name.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Uploads a file for a message of type `kind`; WeChat's id of it, which works for three days on this account.
pub async fn upload(
    client: &WechatClient,
    account: &WechatAccount,
    kind: MediaKind,
    file: &File,
) -> Result<String, CallError> {
    let path = format!("/cgi-bin/media/upload?type={}", kind.as_str());
    let answer = post(client, account, &path, file).await?;
    // The id of a thumb goes by another name.
    let id = if kind == MediaKind::Thumb { "thumb_media_id" } else { "media_id" };
    answer.text(id).or_else(|error| answer.text("media_id").map_err(|_| error)).map(str::to_owned)
}

/// Adds a picture to the account's material, as the thumb of articles; WeChat's id of it, which works for good.
pub async fn add_thumb(client: &WechatClient, account: &WechatAccount, file: &File) -> Result<String, CallError> {
    let answer = post(client, account, "/cgi-bin/material/add_material?type=thumb", file).await?;
    answer.text("media_id").map(str::to_owned)
}

async fn post(
    client: &WechatClient,
    account: &WechatAccount,
    path: &str,
    file: &File,
) -> Result<super::Answer, CallError> {
    let boundary = format!("tuisong-{:032x}", rand::random::<u128>());
    // Letters, digits and `-` make a header value.
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
        .unwrap_or(HeaderValue::from_static("multipart/form-data"));
    client.post_as(account, path, content_type, form(&boundary, file)).await
}

/// A form of one part named `media`, as WeChat asks for.
fn form(boundary: &str, file: &File) -> Bytes {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
        file.name,
        file.format.media_type()
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let mut form = BytesMut::with_capacity(head.len() + file.bytes.len() + tail.len());
    form.put(head.as_bytes());
    form.put(file.bytes.as_ref());
    form.put(tail.as_bytes());
    form.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::server::Reply;
    use crate::testing::wechat::FakeWechat;

    fn file() -> File {
        File { name: "a.jpg".to_owned(), format: Format::Jpeg, bytes: Bytes::from_static(b"\xff\xd8\r\n--x") }
    }

    #[test]
    fn the_part_has_the_name_and_the_type_that_wechat_asks_for() {
        let form = form("B", &file());
        let expected = b"--B\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.jpg\"\r\nContent-Type: \
            image/jpeg\r\n\r\n\xff\xd8\r\n--x\r\n--B--\r\n";
        assert_eq!(&form[..], &expected[..]);
    }

    #[tokio::test]
    async fn row_35_the_id_of_a_thumb_goes_by_another_name() {
        let wechat = FakeWechat::start().await;
        wechat.next_sends([Reply::json(r#"{"type":"thumb","thumb_media_id":"T1","created_at":1}"#.to_owned())]);
        assert_eq!(wechat.upload(MediaKind::Thumb, &file()).await.unwrap(), "T1");
        wechat.next_sends([Reply::json(r#"{"errcode":0,"type":"image","media_id":"M1","created_at":"1"}"#.to_owned())]);
        assert_eq!(wechat.upload(MediaKind::Image, &file()).await.unwrap(), "M1");
        let seen = wechat.server.seen();
        let call = seen.iter().find(|seen| seen.path() == "/cgi-bin/media/upload").expect("an upload");
        assert!(call.target().contains("type=thumb&access_token="), "{}", call.target());
    }

    #[tokio::test]
    async fn a_fresh_token_is_got_once_for_an_upload_too() {
        let wechat = FakeWechat::start().await;
        wechat.next_sends([
            Reply::json(r#"{"errcode":40001,"errmsg":"no"}"#.to_owned()),
            Reply::json(r#"{"media_id":"M1"}"#.to_owned()),
        ]);
        assert_eq!(wechat.upload(MediaKind::Image, &file()).await.unwrap(), "M1");
        assert_eq!(wechat.token_calls(), 3, "the first, the same again, the forced one");
    }
}
