//! What a message shows, and WeChat's ids of it.
//!
//! A message names what an enterprise uploaded by our id. WeChat's is got when the message is sent: from the one item that
//! holds it for everybody, or, when there is none that works, by an upload under that item's lease. When WeChat does not know
//! an id any more (40007), it is got anew once. Articles become a draft, whose thumbs become material first. Each of these
//! is kept as soon as it is there, so a process that dies in between costs at most an upload or a draft that nobody uses.

use super::Delivery;
use gateway::error::causes;
use model::account::WechatAccount;
use model::audience::Recipient;
use model::clock::Timestamp;
use model::ids::MediaId;
use model::message::Message;
use model::outcome::{Attempt, BREAKER_OPEN, Outcome};
use model::service::{MassMessage, MediaKind, OwnMedia, UploadedArticle, WECHAT_MEDIA_LIFE};
use model::wechat::{CustomMessage, WechatMessage};
use provider::channel::{Call, Channel, Credentials};
use provider::wechat::draft::{self, Draft};
use provider::wechat::media::{File, add_thumb, upload};
use provider::wechat::{CallError, WechatClient};
use rand::distr::{Alphanumeric, SampleString};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::StoreError;
use store::media::KeptBytes;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// WeChat does not know the id (any more).
const UNKNOWN_MEDIA: i32 = 40007;
/// How long a lease is held at most: reading the bytes and uploading them, each with its own limit, are over by then.
const LEASE: Duration = Duration::from_secs(30);
/// How long whoever has not got the lease waits for who has, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(6);
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);
/// When a message whose media somebody else is still uploading comes back.
const BUSY: Duration = Duration::from_secs(5);

/// A batch's message on its way to the channel.
pub(super) struct Showing<'a> {
    delivery: &'a Delivery<'a>,
    credentials: &'a Credentials,
    state: Mutex<State>,
}

/// How far the message is.
#[derive(Clone)]
enum State {
    /// Nothing was asked for yet.
    Untouched,
    /// It can be sent. The id is WeChat's of what it shows.
    Ready { id: Option<String>, message: Arc<Message> },
    /// It cannot, and everybody's attempt ends like this.
    Failed(Attempt),
}

impl<'a> Showing<'a> {
    pub(super) fn new(delivery: &'a Delivery<'a>, credentials: &'a Credentials) -> Self {
        Self { delivery, credentials, state: Mutex::new(State::Untouched) }
    }

    /// Sends the message to `recipients` by `until`; one attempt each, in the same order.
    pub(super) async fn send(&self, channel: &dyn Channel, recipients: &[&Recipient], until: Instant) -> Vec<Attempt> {
        let (id, message) = match self.ready(None).await {
            Ok(ready) => ready,
            Err(attempt) => return vec![attempt; recipients.len()],
        };
        let credentials = self.credentials;
        let mut attempts = channel.send(Call { message: &message, recipients, credentials, until }).await;
        let stale = |attempt: &Attempt| attempt.vendor_code == Some(UNKNOWN_MEDIA);
        let Some(id) = id.filter(|_| attempts.iter().any(stale)) else { return attempts };
        info!(batch.id = %self.delivery.batch.id, "WeChat does not know its id of what the message shows any more");
        let again: Vec<&Recipient> =
            recipients.iter().zip(&attempts).filter(|(_, attempt)| stale(attempt)).map(|(one, _)| *one).collect();
        let mut renewed = match self.ready(Some(&id)).await {
            Ok((_, message)) => channel.send(Call { message: &message, recipients: &again, credentials, until }).await,
            Err(attempt) => vec![attempt; again.len()],
        }
        .into_iter();
        for attempt in attempts.iter_mut().filter(|attempt| stale(attempt)) {
            if let Some(second) = renewed.next() {
                *attempt = second;
            }
        }
        attempts
    }

    /// The message with WeChat's id in it, another one than `refused`. Whoever comes while it is got waits for it.
    async fn ready(&self, refused: Option<&str>) -> Result<(Option<String>, Arc<Message>), Attempt> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Ready { id, message } if refused.is_none() || id.as_deref() != refused => {
                return Ok((id.clone(), Arc::clone(message)));
            }
            State::Failed(attempt) => return Err(attempt.clone()),
            State::Ready { .. } | State::Untouched => {}
        }
        let got = Box::pin(self.with_media(refused)).await;
        *state = match &got {
            Ok((id, message)) => State::Ready { id: id.clone(), message: Arc::clone(message) },
            Err(attempt) => State::Failed(attempt.clone()),
        };
        got
    }

    async fn with_media(&self, refused: Option<&str>) -> Result<(Option<String>, Arc<Message>), Attempt> {
        let mut message = self.delivery.batch.message.clone();
        let id = match &mut message {
            Message::Wechat(WechatMessage { content, media: Some(media), .. }) => {
                let id = self.uploaded(media, refused).await?;
                match &mut content.custom {
                    Some(CustomMessage::Image { image: shown } | CustomMessage::Voice { voice: shown }) => {
                        shown.media_id.clone_from(&id);
                    }
                    _ => return Err(Attempt::failed(Outcome::Content, None)),
                }
                Some(id)
            }
            Message::Mass(MassMessage { content, media: Some(media), links, naming }) => {
                let id = match media.kind {
                    MediaKind::News => self.drafted(media, links, &naming.nonce, refused).await?,
                    _ => self.uploaded(media, refused).await?,
                };
                content.show(id.clone());
                Some(id)
            }
            _ => None,
        };
        Ok((id, Arc::new(message)))
    }

    /// WeChat's id of an upload.
    async fn uploaded(&self, media: &OwnMedia, refused: Option<&str>) -> Result<String, Attempt> {
        let name = media.id.as_str();
        let until = self.now().plus(WECHAT_MEDIA_LIFE);
        self.held(name, refused, Some(until), async || {
            let file = self.file(media).await?;
            let account = self.account()?;
            upload(self.wechat(), account, media.kind, &file).await.map_err(|error| self.failed(&error))
        })
        .await
    }

    /// WeChat's id of a thumb that works for good.
    async fn thumb(&self, media: &OwnMedia, refused: Option<&str>) -> Result<String, Attempt> {
        self.held(&format!("thumb-{}", media.id), refused, None, async || {
            let file = self.file(media).await?;
            add_thumb(self.wechat(), self.account()?, &file).await.map_err(|error| self.failed(&error))
        })
        .await
    }

    /// WeChat's id of the draft that the message sends. A draft is gone once it is sent, so it is the task's own.
    async fn drafted(
        &self,
        media: &OwnMedia,
        links: &[Option<String>],
        nonce: &str,
        refused: Option<&str>,
    ) -> Result<String, Attempt> {
        let until = self.delivery.expires();
        self.held(&format!("draft-{nonce}"), refused, Some(until), async || {
            let articles: Vec<UploadedArticle> = serde_json::from_slice(&self.file(media).await?.bytes)
                .map_err(|error| self.broken(&StoreError::Corrupt { what: "articles", why: error.to_string() }))?;
            let account = self.account()?;
            let mut thumbs: Vec<String> = Vec::with_capacity(articles.len());
            for article in &articles {
                thumbs.push(self.thumb(&self.thumb_of(media, &article.thumb), None).await?);
            }
            match self.draft(account, &articles, &thumbs, links).await {
                Err(CallError::Code { code, .. }) if code == i64::from(UNKNOWN_MEDIA) => {
                    // Somebody has cleared up the account's material.
                    for (article, thumb) in articles.iter().zip(&mut thumbs) {
                        *thumb = self.thumb(&self.thumb_of(media, &article.thumb), Some(thumb.as_str())).await?;
                    }
                    self.draft(account, &articles, &thumbs, links).await.map_err(|error| self.failed(&error))
                }
                drafted => drafted.map_err(|error| self.failed(&error)),
            }
        })
        .await
    }

    async fn draft(
        &self,
        account: &WechatAccount,
        articles: &[UploadedArticle],
        thumbs: &[String],
        links: &[Option<String>],
    ) -> Result<String, CallError> {
        let drafts = articles.iter().zip(thumbs).enumerate().map(|(at, (article, thumb))| Draft {
            article,
            thumb,
            link: links.get(at).and_then(Option::as_deref),
        });
        draft::add(self.wechat(), account, &drafts.collect::<Vec<_>>()).await
    }

    fn thumb_of(&self, media: &OwnMedia, id: &MediaId) -> OwnMedia {
        OwnMedia { owner: media.owner.clone(), id: id.clone(), kind: MediaKind::Thumb }
    }

    /// WeChat's id of `name`, another one than `refused`: the one that is held, or one that `get` gets, which at most one
    /// caller does at a time.
    async fn held(
        &self,
        name: &str,
        refused: Option<&str>,
        until: Option<Timestamp>,
        get: impl AsyncFnOnce() -> Result<String, Attempt>,
    ) -> Result<String, Attempt> {
        let (ids, account) = (&self.delivery.store.wechat_media, &self.delivery.batch.account);
        let holder = Alphanumeric.sample_string(&mut rand::rng(), 12);
        let started = tokio::time::Instant::now();
        loop {
            let now = self.now();
            let held = ids.load(account, name, now).await.map_err(|error| self.broken(&error))?;
            if let Some(id) = held.filter(|id| Some(id.as_str()) != refused) {
                return Ok(id);
            }
            let leased = ids.try_lease(account, name, refused, &holder, now, now.plus(LEASE)).await;
            if leased.map_err(|error| self.broken(&error))? {
                break;
            }
            if started.elapsed() > PATIENCE {
                return Err(Attempt::failed(Outcome::Retry { after: Some(BUSY), at_most: None }, None));
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let got = get().await;
        let kept = match &got {
            Ok(id) => ids.keep(account, name, &holder, id, until).await.map(drop),
            Err(_) => ids.release(account, name, &holder).await,
        };
        if let Err(error) = kept {
            // Tolerated: the next message gets another id; the lease runs out by itself.
            warn!(cause = causes(&error), "WeChat's id of an upload could not be kept");
        }
        got
    }

    /// The bytes of what was uploaded to us.
    async fn file(&self, media: &OwnMedia) -> Result<File, Attempt> {
        let store = self.delivery.store;
        let record = store.media.get(&media.owner, &media.id, self.now()).await.map_err(|error| self.broken(&error))?;
        let kept: Option<KeptBytes> = record.and_then(|record| record.kept);
        let gone = || Attempt::failed(Outcome::Content, Some(UNKNOWN_MEDIA));
        let kept = kept.ok_or_else(gone)?;
        let bytes = store.media_bytes.get(&media.owner, &kept).await.map_err(|error| self.broken(&error))?;
        let name = format!("{}.{}", media.id, kept.format.extension());
        Ok(File { name, format: kept.format, bytes: bytes.ok_or_else(gone)? })
    }

    fn account(&self) -> Result<&'a WechatAccount, Attempt> {
        match self.credentials {
            Credentials::Wechat(account) => Ok(account),
            // What is uploaded to WeChat is nothing for phones.
            Credentials::Phone(_) | Credentials::Own(_) => Err(Attempt::failed(Outcome::Content, None)),
        }
    }

    fn wechat(&self) -> &WechatClient {
        self.delivery.context.channels().wechat()
    }

    fn now(&self) -> Timestamp {
        self.delivery.now()
    }

    /// What a refused upload means for the message. The answer was to the upload, and says nothing of recipients.
    fn failed(&self, error: &CallError) -> Attempt {
        let now = self.now();
        let attempt = error.attempt(now, rand::random());
        let (outcome, code, rid) = (attempt.outcome.label(), attempt.vendor_code, error.rid());
        warn!(batch.id = %self.delivery.batch.id, outcome, code, rid, error = %error, "what a message shows could not be brought to WeChat");
        match attempt.outcome {
            // The quota of uploads is none of messages: this one waits, the others go on.
            Outcome::Quota { hold } => {
                let after = Some(hold.end(now).since(now));
                Attempt { outcome: Outcome::Retry { after, at_most: None }, ..attempt }
            }
            // So is what the account may upload: texts go on, so no breaker is opened.
            Outcome::Config => {
                Attempt { outcome: Outcome::Retry { after: Some(BREAKER_OPEN), at_most: None }, ..attempt }
            }
            // It was no recipient that was refused: none of them was named.
            Outcome::Invalid | Outcome::Suppressed => Attempt { outcome: Outcome::Content, ..attempt },
            Outcome::Ok { .. } | Outcome::Retry { .. } | Outcome::Auth | Outcome::TooLarge | Outcome::Content => {
                attempt
            }
        }
    }

    /// Our own store failed: the message waits.
    fn broken(&self, error: &StoreError) -> Attempt {
        warn!(batch.id = %self.delivery.batch.id, cause = causes(error), "what a message shows could not be read");
        Attempt::failed(Outcome::Retry { after: None, at_most: None }, None)
    }
}
