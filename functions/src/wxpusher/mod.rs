//! WxPusher's API: scripts, alarm systems and SDKs in six languages move here by changing their base URL.
//!
//! | function | route | does |
//! | --- | --- | --- |
//! | `wxpusher-send` | POST /api/send/message | sends to UIDs and topics |
//! | `wxpusher-send-get` | GET /api/send/message | the same for one UID and topic, as text, from a URL |
//! | `wxpusher-status` | GET /api/send/query/{messageId}, /api/send/query/status | says how far a message has come |
//! | `wxpusher-message-delete` | DELETE /api/send/message | deletes the content of a message |
//! | `wxpusher-simple-push` | POST /api/send/message/simple-push, GET /api/send/message/{spt}/{content} | sends with a user's own token |
//! | `wxpusher-qrcode-create` | POST /api/fun/create/qrcode | makes a QR code by which users follow |
//! | `wxpusher-qrcode-scan` | GET /api/fun/scan-qrcode-uid | says who scanned it last |
//! | `wxpusher-users-v1` | GET /api/fun/wxuser | lists the followers of an app |
//! | `wxpusher-users-v2` | GET /api/fun/wxuser/v2 | lists the follows of an app and its topics |
//! | `wxpusher-user-remove` | DELETE /api/fun/remove | ends a follow |
//! | `wxpusher-user-reject` | PUT /api/fun/reject | blocks a user, or lifts the block |
//! | `wxpusher-pay-end-time` | GET /api/product/query-pay-end-time | says until when a user has paid |
//!
//! Every path is also served with a slash at its end. Answers are HTTP 200 with
//! `{"code","msg","data","success"}`; see [`gateway::envelope::wxpusher`].

mod accept;
pub mod message_delete;
pub mod pay_end_time;
pub mod qrcode_create;
pub mod qrcode_scan;
mod record;
pub mod send;
pub mod send_get;
mod sender;
pub mod simple_push;
pub mod status;
pub mod user_reject;
pub mod user_remove;
pub mod users_v1;
pub mod users_v2;
