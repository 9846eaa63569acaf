//! What enterprises uploaded: a record in the Tokens table, the bytes in S3 under `media/<ecode>/<sha256>`.
//!
//! A record's id follows from whose it is, what it is for and its bytes, so the same file uploaded by twenty callers at once
//! is one record and one object. The object is written before the record, so no record points to nothing.
//!
//! A file that is too large for a call is put into the bucket by a link: its record is *awaited* until somebody looks, finds
//! the bytes under `uploads/` and keeps them as any others, or says in the record why not.
//!
//! The bucket forgets objects by their age, a record is forgotten by its last use: whoever uses something whose object has
//! come of age writes the object anew.

use crate::db::{Ask, Put, Range, Update, Updated, sort_key};
use crate::error::failed;
use crate::item::{Attributes, Item, Reader, n, s};
use crate::{StoreError, item, keys};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use model::clock::Timestamp;
use model::ids::{Ecode, MediaId};
use model::service::{Format, MEDIA_LIFE, MediaKind, OBJECT_RENEWED_AFTER, UPLOAD_LINK_LIFE};
use ring::digest::{SHA256, digest};
use std::time::Duration;

capability! {
    /// Reads records of what was uploaded.
    MediaReader: [("dynamodb:GetItem", Tokens)]
}

capability! {
    /// Lists what an enterprise uploaded.
    MediaLists: [("dynamodb:Query", Tokens)]
}

capability! {
    /// Reads the bytes of what was uploaded.
    MediaBytes: [("s3:GetObject", Bucket), ("s3:ListBucket", BucketNames)]
}

capability! {
    /// Keeps what is uploaded, makes links to upload by, and notes uses.
    MediaWriter: [
        ("dynamodb:PutItem", Tokens),
        ("dynamodb:UpdateItem", Tokens),
        ("s3:PutObject", Bucket),
        ("s3:GetObject", Bucket),
        ("s3:ListBucket", BucketNames),
        ("s3:DeleteObject", Bucket),
    ]
}

/// Something that an enterprise uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRecord {
    /// Its id.
    pub id: MediaId,
    /// What it is for.
    pub kind: MediaKind,
    /// Its bytes; `None` while they are awaited.
    pub kept: Option<KeptBytes>,
    /// What came by the link and cannot be used: why, for good.
    pub refused: Option<RefusedBytes>,
    /// When it was uploaded first.
    pub created: Timestamp,
    /// When it was used last, to the day.
    pub used: Timestamp,
}

/// Bytes that are in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBytes {
    /// SHA-256 of them, hex.
    pub hash: String,
    /// How many.
    pub bytes: u64,
    /// What they are.
    pub format: Format,
    /// When the object was written.
    pub stored: Timestamp,
}

/// Why bytes that came by a link were not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBytes {
    /// The stable code of the refusal.
    pub code: String,
    /// What whoever asks is told.
    pub message: String,
}

/// A use is noted when the last note is older than this.
const NOTED_EVERY: Duration = Duration::from_secs(86_400);
/// How long a record is kept whose bytes never came: a day after its link, as the bucket keeps what came.
const AWAITED_LIFE: Duration = Duration::from_secs(2 * 86_400);

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// SHA-256 in hex.
fn hash_of(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id of bytes with this hash, of this enterprise, for this use.
fn id_of(ecode: &Ecode, kind: MediaKind, hash: &str) -> MediaId {
    let named = hash_of(format!("{ecode}\n{}\n{hash}", kind.as_str()).as_bytes());
    // A SHA-256 has 64 digits.
    MediaId::parse(&named[..MediaId::CHARS]).unwrap_or_else(|| unreachable!("the digits of a hash make an id"))
}

fn object_of(ecode: &Ecode, hash: &str) -> String {
    format!("media/{ecode}/{hash}")
}

fn upload_of(ecode: &Ecode, id: &MediaId) -> String {
    format!("uploads/{ecode}/{id}")
}

impl MediaReader {
    /// What `ecode` uploaded as `id`; `None` for what is unknown, expired or another's. Strongly consistent.
    pub async fn get(&self, ecode: &Ecode, id: &MediaId, now: Timestamp) -> Result<Option<MediaRecord>, StoreError> {
        let item = self.0.get(&self.0.names().tokens, keys::media(ecode, id), true).await?;
        item.filter(|item| is_alive(item, now)).map(|item| read(id.clone(), &item)).transpose()
    }
}

impl MediaLists {
    /// At most `limit` things after `after`, by id.
    pub async fn page(
        &self,
        ecode: &Ecode,
        after: Option<&MediaId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<MediaRecord>, StoreError> {
        // An id has only digits and letters below `g`; what comes after one begins with it and something more.
        let range = match after {
            None => Range::All,
            Some(after) => Range::Between(format!("{after}0"), "g".to_owned()),
        };
        let mut ask = Ask::new(&self.0.names().tokens, keys::media_of(ecode), range);
        ask.limit = Some(i32::from(limit));
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let page = self.0.query_page(&ask, start).await?;
            for item in page.items.iter().filter(|item| is_alive(item, now)) {
                let id = MediaId::parse(sort_key(item)).ok_or_else(|| StoreError::corrupt("media", "its id"))?;
                found.push(read(id, item)?);
            }
            // What has expired is in the range until TTL gets to it: fewer than `limit` would read as the end.
            start = page.more;
            if found.len() >= usize::from(limit) || start.is_none() {
                found.truncate(usize::from(limit));
                return Ok(found);
            }
        }
    }
}

impl MediaBytes {
    /// The bytes; `None` when the bucket has forgotten them.
    pub async fn get(&self, ecode: &Ecode, kept: &KeptBytes) -> Result<Option<Bytes>, StoreError> {
        self.0.get_plain(&object_of(ecode, &kept.hash)).await
    }
}

impl MediaWriter {
    /// Keeps bytes that were looked at; what they are known by. A repeat changes nothing but the time of the last use.
    pub async fn keep(
        &self,
        ecode: &Ecode,
        kind: MediaKind,
        format: Format,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<MediaRecord, StoreError> {
        let hash = hash_of(&bytes);
        let id = id_of(ecode, kind, &hash);
        // Known bytes cost this one write; what is not known, or comes of age, is written.
        let fresh = Timestamp::from_millis(now.millis() - millis(OBJECT_RENEWED_AFTER));
        let again = Update::default()
            .set("used_ms", n(now.millis()))
            .set("expires_at", n(now.plus(MEDIA_LIFE).seconds()))
            .when("attribute_exists(#sha256) AND #stored_ms > :fresh")
            .value(":fresh", n(fresh.millis()));
        match self.0.update(&self.0.names().tokens, keys::media(ecode, &id), again).await? {
            Updated::Done(item) => read(id, &item),
            Updated::Refused(_) => self.keep_as(ecode, id, kind, hash, format, bytes, now).await,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "private, and every one is a column")]
    async fn keep_as(
        &self,
        ecode: &Ecode,
        id: MediaId,
        kind: MediaKind,
        hash: String,
        format: Format,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<MediaRecord, StoreError> {
        let count = bytes.len() as u64;
        self.0.put_plain(&object_of(ecode, &hash), format, bytes).await?;
        let kept = KeptBytes { hash, bytes: count, format, stored: now };
        let update = Update::default()
            .set("kind", s(kind.as_str()))
            .set("kept", s(item::json("media", &kept.format)?))
            .set("sha256", s(&kept.hash))
            .set("bytes", n(count))
            .set("stored_ms", n(now.millis()))
            .set("used_ms", n(now.millis()))
            .set("expires_at", n(now.plus(MEDIA_LIFE).seconds()))
            .set_first("created_ms", n(now.millis()));
        self.0.update(&self.0.names().tokens, keys::media(ecode, &id), update).await?;
        Ok(MediaRecord { id, kind, kept: Some(kept), refused: None, created: now, used: now })
    }

    /// Makes a link by which bytes can be put into the bucket, and the id that they will be known by. With a `size` the
    /// bucket takes exactly so many.
    pub async fn await_upload(
        &self,
        ecode: &Ecode,
        id: MediaId,
        kind: MediaKind,
        size: Option<u32>,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let key = keys::media(ecode, &id);
        let record = Item::keyed(key.pk, key.sk)
            .with("kind", s(kind.as_str()))
            .with("created_ms", n(now.millis()))
            .with("used_ms", n(now.millis()))
            .expiring(now.plus(AWAITED_LIFE));
        if let Put::Refused(_) = self.0.put_new(&self.0.names().tokens, record.build()).await? {
            return Err(StoreError::corrupt("media", "a drawn id is taken"));
        }
        let config = PresigningConfig::expires_in(UPLOAD_LINK_LIFE)
            .map_err(|error| StoreError::corrupt("link to upload by", error))?;
        let put = self.0.s3().put_object().bucket(&self.0.names().bucket).key(upload_of(ecode, &id));
        let put = put.set_content_length(size.map(i64::from));
        let presigned = put.presigned(config).await.map_err(failed("PutObject"))?;
        Ok(presigned.uri().to_owned())
    }

    /// The bytes that were put into the bucket for `id`; `None` while there are none. At most one byte more than `most`
    /// comes back: enough to see that they are too many.
    pub async fn uploaded(&self, ecode: &Ecode, id: &MediaId, most: usize) -> Result<Option<Bytes>, StoreError> {
        self.0.get_range(&upload_of(ecode, id), most + 1).await
    }

    /// Keeps what was uploaded for the awaited `record`, after it was looked at.
    pub async fn settle(
        &self,
        ecode: &Ecode,
        record: &MediaRecord,
        format: Format,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<MediaRecord, StoreError> {
        let (hash, id) = (hash_of(&bytes), record.id.clone());
        let kept = self.keep_as(ecode, id, record.kind, hash, format, bytes, now).await?;
        self.0.delete_object(&upload_of(ecode, &record.id)).await?;
        Ok(MediaRecord { created: record.created, ..kept })
    }

    /// Notes that what was uploaded for the awaited `record` cannot be used, so that nobody looks at it again.
    pub async fn refuse(&self, ecode: &Ecode, record: &MediaRecord, why: &RefusedBytes) -> Result<(), StoreError> {
        // Another caller may have found better bytes there a moment ago.
        let update = Update::default()
            .set("refused", s(&why.message))
            .set("refused_code", s(&why.code))
            .when("attribute_exists(#pk) AND attribute_not_exists(#sha256)");
        self.0.update(&self.0.names().tokens, keys::media(ecode, &record.id), update).await?;
        self.0.delete_object(&upload_of(ecode, &record.id)).await
    }

    /// Notes that `record` is used: it is kept for another [`MEDIA_LIFE`]. Costs a write a day at most.
    pub async fn note_use(&self, ecode: &Ecode, record: &MediaRecord, now: Timestamp) -> Result<(), StoreError> {
        let Some(kept) = &record.kept else { return Ok(()) };
        if now.since(record.used) < NOTED_EVERY {
            return Ok(());
        }
        let mut update = Update::default()
            .set("used_ms", n(now.millis()))
            .set("expires_at", n(now.plus(MEDIA_LIFE).seconds()))
            .when("attribute_exists(#pk)");
        if now.since(kept.stored) >= OBJECT_RENEWED_AFTER {
            let object = object_of(ecode, &kept.hash);
            if let Some(bytes) = self.0.get_plain(&object).await? {
                self.0.put_plain(&object, kept.format, bytes).await?;
                update = update.set("stored_ms", n(now.millis()));
            }
        }
        self.0.update(&self.0.names().tokens, keys::media(ecode, &record.id), update).await?;
        Ok(())
    }
}

/// TTL removes records when it gets to it.
fn is_alive(item: &Attributes, now: Timestamp) -> bool {
    Reader::new("media", item).number_or("expires_at", i64::MAX).is_ok_and(|until: i64| now.seconds() < until)
}

fn read(id: MediaId, item: &Attributes) -> Result<MediaRecord, StoreError> {
    let reader = Reader::new("media", item);
    let kind = reader.string("kind")?;
    let kind = MediaKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let millis = |name| reader.number(name).map(Timestamp::from_millis);
    let kept = match reader.has("sha256") {
        false => None,
        true => Some(KeptBytes {
            hash: reader.string("sha256")?.to_owned(),
            bytes: reader.number("bytes")?,
            format: reader.json("kept")?,
            stored: millis("stored_ms")?,
        }),
    };
    let refused = match reader.has("refused") {
        false => None,
        true => Some(RefusedBytes {
            code: reader.string("refused_code")?.to_owned(),
            message: reader.string("refused")?.to_owned(),
        }),
    };
    Ok(MediaRecord {
        id,
        kind: kind.ok_or_else(|| StoreError::corrupt("media", "its kind is unknown"))?,
        kept,
        refused,
        created: millis("created_ms")?,
        used: millis("used_ms")?,
    })
}

impl crate::Store {
    async fn put_plain(&self, key: &str, format: Format, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.s3().put_object().bucket(&self.names().bucket).key(key).content_type(format.media_type());
        put.body(ByteStream::from(bytes)).send().await.map(drop).map_err(failed("PutObject"))
    }

    async fn get_plain(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.get_range(key, usize::MAX).await
    }

    /// The first `most` bytes of an object.
    async fn get_range(&self, key: &str, most: usize) -> Result<Option<Bytes>, StoreError> {
        let mut get = self.s3().get_object().bucket(&self.names().bucket).key(key);
        if most < usize::MAX {
            get = get.range(format!("bytes=0-{}", most - 1));
        }
        let answer = match get.send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            // Nothing is in an empty object, so no range of it can be had.
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 416) => {
                return Ok(Some(Bytes::new()));
            }
            Err(error) => return Err(failed("GetObject")(error)),
        };
        let body = answer.body.collect().await.map_err(|error| StoreError::corrupt("object", error))?;
        Ok(Some(body.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_owner_use_and_bytes() {
        let (one, other) = (Ecode::parse("one").unwrap(), Ecode::parse("other").unwrap());
        let hash = hash_of(b"bytes");
        let id = id_of(&one, MediaKind::Image, &hash);
        assert_eq!(id, id_of(&one, MediaKind::Image, &hash));
        assert_ne!(id, id_of(&other, MediaKind::Image, &hash), "another's id is of no use");
        assert_ne!(id, id_of(&one, MediaKind::Thumb, &hash));
        assert_ne!(id, id_of(&one, MediaKind::Image, &hash_of(b"others")));
    }
}
