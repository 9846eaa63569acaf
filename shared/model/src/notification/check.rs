//! What a message must not be, whatever the channel.

use super::android::{Click, Phone};
use super::{Kind, Notification};
use crate::clock::Timestamp;
use std::time::Duration;

/// Most bytes of `apns-collapse-id` (Apple, "Sending notification requests to APNs").
pub const COLLAPSE_ID_BYTES: usize = 64;
/// How far ahead a message may be timed. A decision of ours.
pub const LONGEST_DELAY: Duration = Duration::from_secs(30 * 86_400);
/// Endings of a picture's name.
const PICTURE_ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Why a message is refused. The text names the field as the call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is nothing to show.
    #[error("`message.title` and `message.body` are both empty; give one of them, or use `type` `cmd`")]
    Empty,
    /// The attachment of an image message is no picture.
    #[error("`message.attachment_url` must end in jpg, jpeg or png")]
    NotAPicture,
    /// A tap is to open a page that no block names. Holds the name of the block.
    #[error("`message.{0}.intent` is required when `click_action` is `intent`")]
    NoIntent(&'static str),
    /// The collapse id is too long.
    #[error("`message.ios.apns_collapse_id` is longer than {COLLAPSE_ID_BYTES} bytes")]
    LongCollapseId,
    /// It ends before it begins, or has ended.
    #[error("`message.show_end_time` must lie after `show_begin_time` and in the future")]
    EndsTooEarly,
    /// It begins too late.
    #[error("`message.show_begin_time` must lie within 30 days")]
    BeginsTooLate,
}

impl Notification {
    /// Checks everything that is known of a message before anybody is looked up. `now` decides what has passed.
    pub fn check(&self, now: Timestamp) -> Result<(), Flaw> {
        if self.kind != Kind::Cmd && self.title.is_empty() && self.body.is_empty() {
            return Err(Flaw::Empty);
        }
        if self.kind == Kind::Image && self.attachment_url.as_deref().is_some_and(|url| !names_picture(url)) {
            return Err(Flaw::NotAPicture);
        }
        if self.android.click_action == Some(super::android::ClickAction::Intent) && self.android.intent.is_none() {
            // A vendor's own block may still name the page, so only phones without one are in trouble.
            if Phone::ALL.iter().all(|phone| self.effective(*phone).click == Click::Nowhere) {
                return Err(Flaw::NoIntent("android"));
            }
        }
        for phone in Phone::ALL {
            if self.effective(*phone).click == Click::Nowhere {
                return Err(Flaw::NoIntent(phone.block_name()));
            }
        }
        if self.ios.collapse_id.as_ref().is_some_and(|id| id.len() > COLLAPSE_ID_BYTES) {
            return Err(Flaw::LongCollapseId);
        }
        let begin = self.show_begin.unwrap_or(now).max(now);
        if begin > now.plus(LONGEST_DELAY) {
            return Err(Flaw::BeginsTooLate);
        }
        if self.show_end.is_some_and(|end| end <= begin) {
            return Err(Flaw::EndsTooEarly);
        }
        Ok(())
    }
}

/// Whether a URL's path ends like a picture's. Query and fragment do not count.
pub fn names_picture(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| PICTURE_ENDINGS.contains(&ending.as_str()))
}
