//! What an enterprise uploaded, taken down to be used.

use super::inspect::inspect;
use gateway::envelope::service::Refusal;
use gateway::{ApiError, Context};
use model::ids::{Ecode, MediaId};
use model::service::{MediaKind, OwnMedia, UploadedArticle};
use store::capabilities;
use store::media::{MediaBytes, MediaReader, MediaRecord, MediaWriter, RefusedBytes};

capabilities! {
    /// What taking it down takes.
    pub struct ShelfStore {
        records: MediaReader,
        bytes: MediaBytes,
        writer: MediaWriter,
    }
}

impl ShelfStore {
    /// What `ecode` uploaded as `id`, which the field `field` of the call names. What was put into the bucket by a link is
    /// looked at the first time that it is taken; what is refused then is refused for good.
    pub(super) async fn take(
        &self,
        context: &Context,
        ecode: &Ecode,
        id: &MediaId,
        field: &str,
    ) -> Result<MediaRecord, ApiError> {
        let now = context.clock.now();
        let unknown = || Refusal::Media.error(format!("`{field}`: there is no such media"));
        let record = self.records.get(ecode, id, now).await?.ok_or_else(unknown)?;
        if record.kept.is_some() {
            self.writer.note_use(ecode, &record, now).await?;
            return Ok(record);
        }
        if let Some(why) = &record.refused {
            return Err(Refusal::of_code(&why.code).unwrap_or(Refusal::File).error(&why.message));
        }
        let Some(bytes) = self.writer.uploaded(ecode, id, record.kind.most_bytes()).await? else {
            return Err(Refusal::Media.error(format!("`{field}`: nothing has been uploaded to its link yet")));
        };
        let inspected = match inspect(record.kind, bytes).await {
            Ok(inspected) => inspected,
            Err(ApiError::Refused { code, message }) => {
                // The next call is told the same, and does not look again.
                let why = RefusedBytes { code: code.to_owned(), message };
                self.writer.refuse(ecode, &record, &why).await?;
                return Err(ApiError::refused(code, why.message));
            }
            Err(error) => return Err(error),
        };
        Ok(self.writer.settle(ecode, &record, inspected.format, inspected.bytes, now).await?)
    }

    /// The same, when it is what `kind` says.
    pub(super) async fn take_as(
        &self,
        context: &Context,
        ecode: &Ecode,
        id: &MediaId,
        kind: MediaKind,
        field: &str,
    ) -> Result<OwnMedia, ApiError> {
        let record = self.take(context, ecode, id, field).await?;
        if record.kind != kind {
            let (is, wanted) = (record.kind.as_str(), kind.as_str());
            return Err(
                Refusal::Field.error(format!("`{field}` was uploaded as `{is}`, and `{wanted}` is wanted here"))
            );
        }
        Ok(OwnMedia { owner: ecode.clone(), id: record.id, kind })
    }

    /// The articles that were uploaded as `id`.
    pub(super) async fn articles(
        &self,
        context: &Context,
        ecode: &Ecode,
        id: &MediaId,
        field: &str,
    ) -> Result<(OwnMedia, Vec<UploadedArticle>), ApiError> {
        let media = self.take_as(context, ecode, id, MediaKind::News, field).await?;
        let record = self.records.get(ecode, id, context.clock.now()).await?;
        let bytes = match record.and_then(|record| record.kept) {
            Some(kept) => self.bytes.get(ecode, &kept).await?,
            None => None,
        };
        let unknown = || Refusal::Media.error(format!("`{field}`: the articles are gone; upload them again"));
        let articles = serde_json::from_slice(&bytes.ok_or_else(unknown)?);
        let articles: Vec<UploadedArticle> =
            articles.map_err(|error| ApiError::Internal { code: "store_corrupt", source: Box::new(error) })?;
        Ok((media, articles))
    }
}
