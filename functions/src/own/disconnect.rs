//! `$disconnect`, binary `own-disconnect`: a connection of the WebSocket API has closed.
//!
//! API Gateway tries to say so and promises nothing: a connection of which nobody said so is found out by the first message
//! to it, or when it has not been heard of for two heartbeats.
//!
//! Side effects: the device loses the connection. Twice is once.

use gateway::{ApiError, Context, Function, SocketReply, SocketRequest, SocketRoute, socket_function};
use store::capabilities;
use store::own::Connections;

capabilities! {
    /// What closing a connection needs.
    pub struct DisconnectStore {
        connections: Connections,
    }
}

/// The function.
pub const FUNCTION: Function = socket_function!("own-disconnect", SocketRoute::Disconnect, DisconnectStore, handle);

async fn handle(context: &Context, store: &DisconnectStore, request: SocketRequest) -> Result<SocketReply, ApiError> {
    store.connections.closed(&request.on.id, context.clock.now()).await?;
    Ok(SocketReply::silent())
}
