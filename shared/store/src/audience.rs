//! A topic's audience, read page by page (Users table).

use crate::db::{Ask, Range};
use crate::follows::follower;
use crate::{StoreError, keys};
use model::audience::Follower;
use model::ids::{AppId, FollowId, TopicId};

capability! {
    /// Pages through the followers of topics.
    Audience: [("dynamodb:Query", Users)]
}

/// Followers between two follow ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// After this follow; `None` from the first.
    pub after: Option<FollowId>,
    /// Up to and with this follow; `None` to the last.
    pub upto: Option<FollowId>,
}

/// Some followers, in the order of their follow ids.
#[derive(Debug, Clone)]
pub struct AudiencePage {
    /// The followers.
    pub followers: Vec<Follower>,
    /// Whether the span ends here.
    pub last: bool,
}

impl Audience {
    /// At most `limit` followers of one shard. Eventually consistent, half the price: who followed in the last second
    /// is not owed this message, and whoever was blocked in the last second may still get it.
    pub async fn page(
        &self,
        app: AppId,
        topic: TopicId,
        shard: u16,
        span: Span,
        limit: usize,
    ) -> Result<AudiencePage, StoreError> {
        let from = span.after.map_or(0, |id| id.get() + 1);
        let to = span.upto.map_or(9_999_999_999_999_999, FollowId::get);
        let range = Range::Between(keys::audience_sort(FollowId::new(from)), keys::audience_sort(FollowId::new(to)));
        let mut ask = Ask::new(&self.0.names().users, keys::audience_shard(app, topic, shard), range);
        ask.consistent = false;
        let mut followers = Vec::new();
        let mut start = None;
        // A Query page ends at 1 MB: some thousand followers.
        loop {
            ask.limit = i32::try_from(limit - followers.len()).ok();
            let page = self.0.query_page(&ask, start).await?;
            for item in &page.items {
                followers.push(follower(item)?);
            }
            match page.more {
                None => return Ok(AudiencePage { followers, last: true }),
                Some(_) if followers.len() >= limit => return Ok(AudiencePage { followers, last: false }),
                more => start = more,
            }
        }
    }
}
