//! The one error of the endpoints: what the caller may know, and what the log needs.

use std::error::Error;
use std::time::Duration;
use store::StoreError;

/// Why a request was not done. It has no `Display`: the caller's text and the log's text are asked for by name, so
/// neither can be mistaken for the other.
#[derive(Debug)]
pub enum ApiError {
    /// The request breaks a rule. The message names the field and the rule.
    Refused {
        /// Stable code for logs, for example `content_too_long`.
        code: &'static str,
        /// What the caller reads.
        message: String,
    },
    /// The request breaks a rule, for families whose callers tell kinds of rules apart by the HTTP status.
    Problem {
        /// Stable code, which the caller reads, too.
        code: &'static str,
        /// Which kind of rule.
        kind: ProblemKind,
        /// What the caller reads.
        message: String,
        /// The field that is wrong, as a path, for example `fields[0].key`.
        field: Option<String>,
    },
    /// The request could not be read at all.
    Unreadable {
        /// What the caller reads.
        message: String,
    },
    /// The body is of a type that the endpoint does not read.
    ContentType {
        /// The type as it was sent.
        sent: String,
    },
    /// Too many calls.
    TooMany {
        /// When to come back.
        retry_after: Duration,
    },
    /// There is no such path.
    NoSuchPath,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// Something of ours, or behind us, failed. The caller learns nothing of it.
    Internal {
        /// Stable code for logs and metrics.
        code: &'static str,
        /// What happened.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A kind of broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// A field has a value that cannot be used.
    Invalid,
    /// Nobody says who is asking, or the token is wrong.
    Unauthenticated,
    /// Who is asking may not do this.
    Forbidden,
    /// There is no such thing, or it is another's.
    NotFound,
    /// It cannot be done as things stand.
    Conflict,
}

impl ApiError {
    /// A broken rule of a kind.
    pub fn problem(code: &'static str, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self::Problem { code, kind, message: message.into(), field: None }
    }

    /// A field that cannot be used.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (message, field) = (message.into(), Some(field.into()));
        Self::Problem { code: "invalid_field", kind: ProblemKind::Invalid, message, field }
    }

    /// A broken rule.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    /// An unreadable request.
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::Unreadable { message: message.into() }
    }

    /// The stable code (`docs/errors.md`).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } | Self::Problem { code, .. } | Self::Internal { code, .. } => code,
            Self::Unreadable { .. } => "unreadable",
            Self::ContentType { .. } => "content_type",
            Self::TooMany { .. } => "too_many_calls",
            Self::NoSuchPath => "no_such_path",
            Self::MethodNotAllowed => "method_not_allowed",
        }
    }

    /// The chain of causes, for the log. Empty for everything that is the caller's.
    pub fn log_text(&self) -> String {
        match self {
            Self::Internal { source, .. } => causes(source.as_ref()),
            Self::Refused { .. }
            | Self::Problem { .. }
            | Self::Unreadable { .. }
            | Self::ContentType { .. }
            | Self::TooMany { .. }
            | Self::NoSuchPath
            | Self::MethodNotAllowed => String::new(),
        }
    }
}

/// An error and what caused it, in one line.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal { code: error.code(), source: Box::new(error) }
    }
}
