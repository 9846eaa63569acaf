//! Our own channel's side of the WebSocket API: connections of apps and browsers that are open. The protocol is described
//! in `docs/own-channel.md`.
//!
//! | function | route |
//! | --- | --- |
//! | [`connect`] `own-connect` | `$connect`: a connection opens, perhaps with credentials in its handshake |
//! | [`message`] `own-message` | `$default`: signing in, heartbeat, resuming, acknowledgements |
//! | [`disconnect`] `own-disconnect` | `$disconnect`: a connection has closed |
//!
//! Credentials come in headers or in the first message, never in the address, which is logged on the way.

pub mod connect;
mod credentials;
pub mod disconnect;
mod incoming;
pub mod message;
