//! The service account's API, for enterprises whose back ends write to their people by their own user ids.
//!
//! | function | route | does |
//! | --- | --- | --- |
//! | `service-upload-media` | POST /interface/{ecode}/api/push/uploadMedia | takes pictures, recordings, thumbs and articles |
//! | `service-send` | POST /interface/{ecode}/api/push/send | text, picture, recording or articles to some |
//! | `service-mass-send` | POST /interface/{ecode}/api/push/mass/send | the same to everybody who follows |
//! | `service-task` | GET /interface/{ecode}/api/push/task/{taskId} | what became of it |
//!
//! Every call has `access_token` in its query, and everything is answered at HTTP 200 as
//! `{"msg","code","data","timestamp"}`; see [`gateway::envelope::service`] for the codes. Checks come in this order: the
//! enterprise (404) and the token (401), the body (400, 413), the pace (429), a repeat, the channel (404, 403), what was
//! uploaded (404, 400), the people (404).

pub(crate) mod accept;
mod caller;
mod inspect;
pub mod mass_send;
pub(crate) mod message;
mod read;
pub mod send;
mod shelf;
pub mod task;
mod thumb;
pub mod upload_media;
mod voice;

use model::service::Format;
use std::time::Duration;

/// What recording `bytes` are, and how long it is; `None` when they are none that WeChat plays.
pub fn recording(bytes: &[u8]) -> Option<(Format, Duration)> {
    let amr = voice::amr(bytes).map(|length| (Format::Amr, length));
    amr.or_else(|| voice::mp3(bytes).map(|length| (Format::Mp3, length)))
}
