//! How a request fails.

use std::error::Error;
use std::sync::Arc;

/// Why no response came back.
///
/// The text names the request without its query string, so it can be logged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// The request was not written (name not resolved, connection or handshake failed or took too long), or the server said
    /// that it has not processed it. A repeat cannot double anything.
    #[error("no connection for {request}: {cause}")]
    Unsent {
        /// Method and URL without query.
        request: String,
        /// What went wrong, without addresses of ours.
        cause: Arc<str>,
    },
    /// The request was written, at least in part, and what became of it is unknown: the answer took too long or the
    /// connection was lost.
    #[error("no answer to {request}: {cause}")]
    Unknown {
        /// Method and URL without query.
        request: String,
        /// What went wrong.
        cause: Arc<str>,
    },
    /// The answer is larger than this client reads. The request itself was received.
    #[error("the answer to {request} is larger than {limit} bytes")]
    TooLarge {
        /// Method and URL without query.
        request: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// The URL cannot or must not be called. Nothing was sent.
    #[error("{request} is not called: {refusal}")]
    BadUrl {
        /// Method and URL without query.
        request: String,
        /// What is wrong with it.
        refusal: Refusal,
    },
}

impl HttpError {
    /// What went wrong, without naming the request: for the log of requests whose path is somebody's address.
    pub fn cause(&self) -> String {
        match self {
            Self::Unsent { cause, .. } | Self::Unknown { cause, .. } => cause.to_string(),
            Self::TooLarge { limit, .. } => format!("the answer is larger than {limit} bytes"),
            Self::BadUrl { refusal, .. } => refusal.to_string(),
        }
    }

    /// Whether it is certain that the other side has not seen the request.
    pub const fn is_unsent(&self) -> bool {
        match self {
            Self::Unsent { .. } | Self::BadUrl { .. } => true,
            Self::Unknown { .. } | Self::TooLarge { .. } => false,
        }
    }
}

/// The innermost cause. It is the operating system's, rustls's or hyper's text, none of which quotes a URL.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().into()
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read as an absolute URL with a host, or a header of the request is malformed.
    #[error("it is not an absolute URL with a host")]
    Malformed,
    /// Its scheme is neither `http` nor `https`.
    #[error("its scheme is neither `http` nor `https`")]
    Scheme,
    /// It carries a user name or password, which would end up in logs and error texts.
    #[error("it carries a user name or password; use a header or a path with a secret instead")]
    Credentials,
    /// Its host is, or resolves to, an address that is not on the public internet (guarded clients only).
    #[error("its host is not a public internet address")]
    Address,
}
