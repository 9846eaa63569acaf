//! What a client may say.

use super::credentials::Credentials;
use gateway::socket::FRAME_VERSION;
use gateway::{ApiError, ProblemKind};
use model::ids::TaskId;
use model::own::MOST_ACKS;
use model::secret::Secret;
use serde_json::{Map, Value};

/// A frame of a client's.
#[derive(Debug)]
pub(super) enum Incoming {
    /// `login`: who this is.
    Login(Credentials),
    /// `resume`: what have I missed?
    Resume,
    /// `ping`: I am here.
    Ping,
    /// `ack`: I have these.
    Ack(Vec<TaskId>),
}

impl Incoming {
    /// Reads a frame; the error names the field.
    pub(super) fn read(text: &str) -> Result<Self, ApiError> {
        let unreadable = || ApiError::problem("own_frame", ProblemKind::Invalid, "the frame is no JSON object");
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return Err(unreadable()) };
        if fields.get("v").and_then(Value::as_u64) != Some(FRAME_VERSION.into()) {
            return Err(wrong("v", "is not 1"));
        }
        match text_of(&fields, "type")?.as_deref() {
            Some("login") => Ok(Self::Login(Credentials {
                app_id: text_of(&fields, "app_id")?,
                push_token: text_of(&fields, "push_token")?.map(Secret::new),
                access_token: text_of(&fields, "access_token")?.map(Secret::new),
            })),
            Some("resume") => Ok(Self::Resume),
            Some("ping") => Ok(Self::Ping),
            Some("ack") => Ok(Self::Ack(tasks(&fields)?)),
            Some(_) => Err(wrong("type", "is none of login, resume, ping and ack")),
            None => Err(wrong("type", "is missing")),
        }
    }
}

fn wrong(field: &str, why: &str) -> ApiError {
    ApiError::Problem {
        code: "own_frame",
        kind: ProblemKind::Invalid,
        message: format!("`{field}` {why}"),
        field: Some(field.to_owned()),
    }
}

fn text_of(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name, "is no text")),
    }
}

/// Numbers, or text of digits: not every client has whole numbers of 53 bits.
fn tasks(fields: &Map<String, Value>) -> Result<Vec<TaskId>, ApiError> {
    let name = "task_ids";
    let Some(Value::Array(ids)) = fields.get(name) else { return Err(wrong(name, "is no list")) };
    if ids.len() > MOST_ACKS {
        return Err(wrong(name, "has more than 100 entries"));
    }
    let number = |id: &Value| id.as_u64().or_else(|| id.as_str()?.parse().ok()).filter(|id| *id < 1 << 53);
    let number = |id: &Value| number(id).map(TaskId::new).ok_or_else(|| wrong(name, "has an entry that is no task id"));
    ids.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(frame: &str) -> String {
        match Incoming::read(frame) {
            Err(ApiError::Problem { message, .. }) => message,
            other => panic!("{frame}: {other:?}"),
        }
    }

    #[test]
    fn a_frame_is_read_or_names_its_field() {
        let Ok(Incoming::Ack(tasks)) = Incoming::read(r#"{"v":1,"type":"ack","task_ids":[33,"9007199254740991"]}"#)
        else {
            panic!("an acknowledgement");
        };
        assert_eq!(tasks, [TaskId::new(33), TaskId::new((1 << 53) - 1)]);
        assert!(matches!(Incoming::read(r#"{"v":1,"type":"ping","more":true}"#), Ok(Incoming::Ping)));
        for bad in ["", "[]", "3", "{"] {
            assert_eq!(refusal(bad), "the frame is no JSON object", "{bad}");
        }
        assert_eq!(refusal(r#"{"type":"ping"}"#), "`v` is not 1");
        assert_eq!(refusal(r#"{"v":2,"type":"ping"}"#), "`v` is not 1");
        assert_eq!(refusal(r#"{"v":1}"#), "`type` is missing");
        assert_eq!(refusal(r#"{"v":1,"type":"subscribe"}"#), "`type` is none of login, resume, ping and ack");
        assert_eq!(refusal(r#"{"v":1,"type":"login","push_token":5}"#), "`push_token` is no text");
        for bad in [r#"null"#, r#"{}"#] {
            assert_eq!(refusal(&format!(r#"{{"v":1,"type":"ack","task_ids":{bad}}}"#)), "`task_ids` is no list");
        }
        for bad in ["-1", "1.5", "\"x\"", "9007199254740992"] {
            let frame = format!(r#"{{"v":1,"type":"ack","task_ids":[{bad}]}}"#);
            assert_eq!(refusal(&frame), "`task_ids` has an entry that is no task id", "{bad}");
        }
        let many = format!(r#"{{"v":1,"type":"ack","task_ids":[{}1]}}"#, "1,".repeat(100));
        assert_eq!(refusal(&many), "`task_ids` has more than 100 entries");
    }
}
