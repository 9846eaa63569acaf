//! Speaking to a connection through API Gateway.

use crate::StoreError;
use crate::error::failed;
use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;

capability! {
    /// Sends to connections of the WebSocket API.
    Line: [("execute-api:ManageConnections", Connections)]
}

capability! {
    /// Ends connections of the WebSocket API.
    Hangup: [("execute-api:ManageConnections", ConnectionEnds)]
}

/// What became of a message to a connection.
#[derive(Debug)]
pub enum Posted {
    /// API Gateway has it. Whether the client does, its acknowledgement says.
    Taken,
    /// There is no such connection (any more).
    Gone,
    /// Too large for a message of the API.
    TooLarge,
    /// We may not: the function lacks the permission, or the API is another account's.
    Forbidden,
    /// Not now: too many calls, or trouble on the way. Whether it arrived is not known.
    Failed(StoreError),
}

impl Line {
    /// Sends a message to a connection.
    pub async fn post(&self, connection: &str, message: &str) -> Posted {
        let posted =
            self.0.connections().post_to_connection().connection_id(connection).data(Blob::new(message)).send().await;
        match posted {
            Ok(_) => Posted::Taken,
            Err(error) => read(error),
        }
    }
}

impl Hangup {
    /// Ends a connection. Twice is once.
    pub async fn close(&self, connection: &str) -> Result<(), StoreError> {
        let closed = self.0.connections().delete_connection().connection_id(connection).send().await;
        let Err(error) = closed else { return Ok(()) };
        // By its status where API Gateway names no error, as it does not always.
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (error.as_service_error(), status) {
            (Some(DeleteConnectionError::GoneException(_)), _) | (_, Some(410)) => Ok(()),
            _ => Err(failed("DeleteConnection")(error)),
        }
    }
}

fn read(error: SdkError<PostToConnectionError>) -> Posted {
    match error.as_service_error() {
        Some(PostToConnectionError::GoneException(_)) => return Posted::Gone,
        Some(PostToConnectionError::PayloadTooLargeException(_)) => return Posted::TooLarge,
        Some(PostToConnectionError::ForbiddenException(_)) => return Posted::Forbidden,
        _ => {}
    }
    let status = error.raw_response().map(|response| response.status().as_u16());
    match status {
        // By its status where API Gateway names no error, as it does not always.
        Some(410) => Posted::Gone,
        Some(413) => Posted::TooLarge,
        Some(401 | 403) => {
            tracing::error!(code = error.code(), "api gateway lets us send to no connection");
            Posted::Forbidden
        }
        _ => Posted::Failed(failed("PostToConnection")(error)),
    }
}
