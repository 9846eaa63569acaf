//! What is too large to be cheap in an item: bodies and audiences, as objects in S3.
//!
//! An object is written before the task that names it, so a task never points to nothing. Objects of calls that were
//! refused afterwards are removed by the bucket's lifecycle, like all others, a day after the tasks themselves.

use crate::error::failed;
use crate::keys::hash;
use crate::{StoreError, item};
use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use model::audience::Recipient;
use model::limits;
use model::task::Stored;
use std::io::Read;

capability! {
    /// Writes bodies and audiences.
    ObjectWriter: [("s3:PutObject", Bucket)]
}

capability! {
    /// Reads bodies and audiences. Who may not list a bucket is told "forbidden", not "not there", of an object that is
    /// gone.
    ObjectReader: [("s3:GetObject", Bucket), ("s3:ListBucket", BucketNames)]
}

/// The largest object we read: 10,000 recipients or 40,000 characters, with room.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

impl ObjectWriter {
    /// Keeps a message's content: inline while that is cheaper, else as `bodies/<nonce>-<hash>`.
    pub async fn keep_body(&self, nonce: &str, content: String) -> Result<Stored<String>, StoreError> {
        // Compression never gains more than a factor of about a thousand, and short texts need no trying.
        if content.len() <= limits::INLINE_BYTES / 2 {
            return Ok(Stored::Inline(content));
        }
        let packed = deflate(content.as_bytes());
        if packed.len() <= limits::INLINE_BYTES {
            return Ok(Stored::Inline(content));
        }
        let key = key("bodies", nonce, &content);
        self.put(&key, packed).await?;
        Ok(Stored::Object(key))
    }

    /// Keeps the recipients of a call: inline while that is cheaper, else as `audiences/<nonce>-<hash>`.
    pub async fn keep_recipients(
        &self,
        nonce: &str,
        recipients: Vec<Recipient>,
    ) -> Result<Stored<Vec<Recipient>>, StoreError> {
        // A recipient is about 50 bytes.
        if recipients.len() <= 32 {
            return Ok(Stored::Inline(recipients));
        }
        let content = item::json("audience", &recipients)?;
        let packed = deflate(content.as_bytes());
        if packed.len() <= limits::INLINE_BYTES / 2 {
            return Ok(Stored::Inline(recipients));
        }
        let key = key("audiences", nonce, &content);
        self.put(&key, packed).await?;
        Ok(Stored::Object(key))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .s3()
            .put_object()
            .bucket(&self.0.names().bucket)
            .key(key)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(|_| ())
            .map_err(failed("PutObject"))
    }
}

impl ObjectReader {
    /// The content of a message; `None` when its object is gone.
    pub async fn body(&self, stored: Stored<String>) -> Result<Option<String>, StoreError> {
        match stored {
            Stored::Inline(content) => Ok(Some(content)),
            Stored::Object(key) => {
                let Some(bytes) = self.get(&key).await? else { return Ok(None) };
                String::from_utf8(bytes).map(Some).map_err(|error| StoreError::corrupt("body", error))
            }
        }
    }

    /// The recipients of a call.
    pub async fn recipients(&self, stored: Stored<Vec<Recipient>>) -> Result<Vec<Recipient>, StoreError> {
        match stored {
            Stored::Inline(recipients) => Ok(recipients),
            Stored::Object(key) => {
                let bytes =
                    self.get(&key).await?.ok_or_else(|| StoreError::corrupt("audience", "its object is gone"))?;
                serde_json::from_slice(&bytes).map_err(|error| StoreError::corrupt("audience", error))
            }
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let answer = self.0.s3().get_object().bucket(&self.0.names().bucket).key(key).send().await;
        let body = match answer {
            Ok(answer) => answer.body,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(failed("GetObject")(error)),
        };
        let bytes = body.collect().await.map_err(|error| StoreError::corrupt("object", error))?;
        inflate(&bytes.into_bytes()).map(Some)
    }
}

impl crate::Store {
    /// Deletes an object; one that is gone already is none to complain of.
    pub(crate) async fn delete_object(&self, key: &str) -> Result<(), StoreError> {
        let call = self.s3().delete_object().bucket(&self.names().bucket).key(key);
        call.send().await.map(drop).map_err(failed("DeleteObject"))
    }
}

/// Where `content` stands. Two calls may share a nonce, when they repeat one another, and say different things: the one
/// whose task stands finds what it said.
fn key(folder: &str, nonce: &str, content: &str) -> String {
    format!("{folder}/{nonce}-{}", &hash(content)[..16])
}

/// Compresses.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() / 2);
    // Reading from a slice into a vector cannot fail.
    let read = DeflateEncoder::new(bytes, Compression::new(6)).read_to_end(&mut packed);
    debug_assert!(read.is_ok());
    packed
}

/// Reverses [`deflate`].
pub(crate) fn inflate(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(packed.len() * 3);
    DeflateDecoder::new(packed)
        .take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| StoreError::corrupt("compressed data", error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_contents_under_one_nonce_are_different_objects() {
        let (one, other) = (key("audiences", "n", "one"), key("audiences", "n", "other"));
        assert_eq!(one, "audiences/n-7692c3ad3540bb80");
        assert_ne!(one, other);
        assert_eq!(one, key("audiences", "n", "one"), "a repeat writes the same object");
    }

    #[test]
    fn what_was_packed_unpacks() {
        let text = "推送网关 push gateway ".repeat(3000);
        let packed = deflate(text.as_bytes());
        assert!(packed.len() < text.len() / 50);
        assert_eq!(inflate(&packed).unwrap(), text.as_bytes());
        assert!(
            inflate(&packed[..packed.len() / 2]).is_err()
                || inflate(&packed[..packed.len() / 2]).unwrap() != text.as_bytes()
        );
        assert!(inflate(b"\xff\xff\xff").is_err());
    }
}
