//! WxPusher's API: scripts, alarm systems and SDKs in six languages move here by changing their base URL.
//!
//! | function | route | does |
//! | --- | --- | --- |
//! | `wxpusher-send` | POST /api/send/message | sends to UIDs and topics |
//! | `wxpusher-send-get` | GET /api/send/message | the same for one UID and topic, as text, from a URL |
//! | `wxpusher-status` | GET /api/send/query/{messageId}, /api/send/query/status | says how far a message has come |
//!
//! Every path is also served with a slash at its end. Answers are HTTP 200 with
//! `{"code","msg","data","success"}`; see [`gateway::envelope::wxpusher`].

mod accept;
pub mod send;
pub mod send_get;
pub mod status;
