//! Mobile push: an app's back end sends to audiences of devices, over the phone vendors.
//!
//! | function | route | does |
//! | --- | --- | --- |
//! | `mobile-certificate` | GET /push/certificate | tells a client what its phone registers with its vendor by |
//! | `mobile-notify` | POST /push/notify | accepts a notification for an audience |
//! | `mobile-task-detail` | POST /push/task/detail | says what tasks came to, channel by channel |
//! | `devices` | /user/…, /token/… | push users, their devices, and what they have switched |
//!
//! Every call names its app in the header `app_id` and proves itself by the header `access-token`: the app's own (an *admin*
//! token), or that of a push user who has signed in. Answers are `{"code","data","message"}` at HTTP 200; see
//! [`gateway::envelope::mobile`].

pub(crate) mod caller;
pub mod certificate;
pub mod devices;
pub mod notify;
pub(crate) mod read;
pub(crate) mod statistics;
pub mod task_detail;
