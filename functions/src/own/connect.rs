//! `$connect`, binary `own-connect`: a connection of the WebSocket API opens.
//!
//! With credentials in the handshake (headers `app_id` and `push-token` or `access-token`; subprotocols `app.…` and `push.…` or
//! `access.…` for browsers) the device has signed in on it. Wrong ones are refused with 401 and it does not open. Without
//! any it opens, and they are expected in the first message: nothing is sent to it before. A client that offers the
//! subprotocol `tuisong.v1` gets it.
//!
//! Side effects: the connection is noted, two writes; one without credentials is noted as that, one write, and ended when
//! nobody has signed in on it in time (`release-due` looks for those). One whose handshake fails afterwards is struck off by
//! the first message to it, or goes by itself.

use super::credentials::{CredentialStore, Credentials};
use gateway::{ApiError, Context, Function, SocketReply, SocketRequest, SocketRoute, socket_function};
use store::capabilities;
use store::own::{Arrivals, Connections};

capabilities! {
    /// What opening a connection needs.
    pub struct ConnectStore {
        credentials: CredentialStore,
        connections: Connections,
        arrivals: Arrivals,
    }
}

/// The function.
pub const FUNCTION: Function = socket_function!("own-connect", SocketRoute::Connect, ConnectStore, handle);

async fn handle(context: &Context, store: &ConnectStore, request: SocketRequest) -> Result<SocketReply, ApiError> {
    match Credentials::of_handshake(&request) {
        Some(credentials) => {
            let whose = credentials.check(context, &store.credentials).await?;
            store.connections.sign_in(&request.on.id, &whose, context.clock.now()).await?;
        }
        None => store.arrivals.note(&request.on.id, context.clock.now()).await?,
    }
    Ok(SocketReply::in_our_protocol(&request))
}
