//! Which user of an enterprise has which openid on a channel: lists, imports, QR codes, removal.

use super::auth::not_found;
use super::call::{Call, Page, PageQuery, conflict, page};
use super::enterprises::{Gone, channel};
use gateway::error::causes;
use gateway::{ApiError, Reply};
use http::{StatusCode, header};
use model::cgi::is_openid;
use model::ids::OpenId;
use model::qrcode::CodeKey;
use model::service::is_user_id;
use provider::wechat::create_qrcode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};
use store::bindings::{Binding, Invitation};

/// Rows of one import.
const MOST_ROWS: usize = 100_000;
/// Bytes of one import: what an event of Lambda's holds, with room.
const MOST_BYTES: usize = 6 * 1024 * 1024;
/// Rows that are wrong and shown; the others are counted.
const MOST_SHOWN: usize = 100;
/// Rows that are written before the time is looked at, and how long one call writes: it is answered within ten seconds.
const CHUNK_ROWS: usize = 1_000;
const WRITING: Duration = Duration::from_secs(5);
/// The longest life of a QR code (WeChat's page "QR code with parameters").
const LONGEST_S: u64 = 30 * 86_400;
const DEFAULT_S: u64 = 86_400;

/// A user of an enterprise on a channel.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct BindingView {
    /// The enterprise's id of the user.
    user_id: String,
    /// The openid on the channel's account; `null` once the person has left the account.
    openid: Option<String>,
    /// Since when, epoch ms.
    since_ms: i64,
}

impl From<Binding> for BindingView {
    fn from(binding: Binding) -> Self {
        Self {
            user_id: binding.user,
            openid: binding.openid.map(|openid| openid.as_str().to_owned()),
            since_ms: binding.at.millis(),
        }
    }
}

/// Rows to be imported.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBindings {
    /// At most 100,000.
    rows: Vec<Row>,
}

/// A user and an openid.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// The enterprise's id of the user: 1 to 64 characters without blanks, commas and `#`.
    user_id: String,
    /// An openid of the channel's account.
    openid: String,
}

/// What became of an import.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Imported {
    /// Rows that were read.
    rows: usize,
    /// Rows that are bound now, those before `from_row` left out.
    bound: usize,
    /// Rows that are wrong. While there is one, nothing is bound.
    wrong: usize,
    /// The first hundred of them.
    errors: Vec<RowError>,
    /// The row to go on from, by the same import with `?from_row=`: time was up, or the table took no more just then. `null`
    /// when all is done.
    next_row: Option<usize>,
}

/// A row that is wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct RowError {
    /// Which, from 1; of a CSV file its line.
    line: usize,
    /// What is wrong.
    message: String,
}

/// Where an import begins.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning {
    from_row: Option<usize>,
}

/// Whom a QR code is to bind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvitation {
    /// The enterprise's id of the user; it is what the code says when it is scanned.
    user_id: String,
    /// How long the code works, in seconds: at most 30 days, a day when left out.
    life_s: Option<u64>,
}

/// A QR code by which a user is bound.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct InvitationView {
    /// Whom it binds: whoever scans it first.
    user_id: String,
    /// What the picture of the code says, to be drawn by whoever shows it.
    url: String,
    /// Until when, epoch ms.
    expires_ms: i64,
}

/// GET /admin/enterprises/{ecode}/channels/{channel}/bindings
pub(super) async fn list(call: Call<'_>, query: PageQuery) -> Result<Page<BindingView>, ApiError> {
    let channel = channel(&call).await?;
    let limit = query.limit()?;
    let after = query.after(|text| is_user_id(text).then(|| text.to_owned()))?;
    let found = call.store.binding_lists.page(&channel.id, after.as_deref(), limit).await?;
    Ok(page(found, limit, |binding| binding.user.clone(), BindingView::from))
}

/// POST /admin/enterprises/{ecode}/channels/{channel}/bindings
///
/// JSON, or `text/csv` with a user id and an openid a line, with or without a first line that names the two. All rows are
/// looked at before the first is bound. A user who is bound already is bound anew. It ends when its time is up, and says
/// where; the same import with `?from_row=` goes on, and repeating a part of it changes nothing.
pub(super) async fn import(call: Call<'_>) -> Result<Reply, ApiError> {
    let channel = channel(&call).await?;
    let Beginning { from_row } = call.query()?;
    let rows = read(&call)?;
    let Checked { bindings, wrong, errors } = check(&rows);
    let mut imported = Imported { rows: rows.len(), bound: 0, wrong, errors, next_row: None };
    drop(rows);
    if imported.wrong == 0 {
        let (started, now) = (Instant::now(), call.context.clock.now());
        let first = from_row.unwrap_or(1).max(1) - 1;
        let mut at = first.min(bindings.len());
        for chunk in bindings[at..].chunks(CHUNK_ROWS) {
            if started.elapsed() > WRITING {
                imported.next_row = Some(at + 1);
                break;
            }
            let written = call.store.binding_importer.bind_all(&channel.account, &channel.id, chunk, now).await;
            if let Err(error) = written {
                // The table takes about a thousand rows of a channel a second; what is bound stays bound, so the caller
                // goes on from here.
                if imported.bound == 0 {
                    return Err(error.into());
                }
                tracing::warn!(at, cause = causes(&error), "an import was stopped by the table");
                imported.next_row = Some(at + 1);
                break;
            }
            at += chunk.len();
            imported.bound += chunk.len();
        }
    }
    Ok(Reply::json(StatusCode::OK, &imported))
}

/// Rows with their lines.
fn read(call: &Call<'_>) -> Result<Vec<(usize, Row)>, ApiError> {
    let request = call.request;
    if request.body.len() > MOST_BYTES {
        return Err(ApiError::unreadable(format!("the body is larger than {MOST_BYTES} bytes; import it in parts")));
    }
    let sent = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_csv = sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv");
    let rows = if is_csv { csv_rows(&request.body)? } else { numbered(call.body_of::<NewBindings>(MOST_BYTES)?.rows) };
    if rows.len() > MOST_ROWS {
        let count = rows.len();
        return Err(ApiError::invalid_field(
            "rows",
            format!("there are {count}, and at most {MOST_ROWS} are taken at a time"),
        ));
    }
    Ok(rows)
}

fn numbered(rows: Vec<Row>) -> Vec<(usize, Row)> {
    rows.into_iter().enumerate().map(|(at, row)| (at + 1, row)).collect()
}

fn csv_rows(body: &[u8]) -> Result<Vec<(usize, Row)>, ApiError> {
    // Spreadsheets write a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(body);
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|error| ApiError::unreadable(format!("the body is no CSV in UTF-8: {error}")))?;
        // The reader says where it began to look for the record: before empty lines, and before the second half of a CRLF.
        let looked = record.position().map_or(counted, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
        let rest = body.get(looked..).unwrap_or_default();
        let start = looked + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        line += body.get(counted..start).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        counted = start;
        let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
        let names_columns = rows.is_empty() && matches!(field(0).to_ascii_lowercase().as_str(), "user_id" | "userid");
        if !names_columns {
            rows.push((line, Row { user_id: field(0), openid: field(1) }));
        }
        if rows.len() > MOST_ROWS {
            break;
        }
    }
    Ok(rows)
}

/// What was found in the rows of an import. Every row is looked at, and no more is kept of the wrong ones than is shown.
#[derive(Default)]
struct Checked {
    bindings: Vec<(String, OpenId)>,
    wrong: usize,
    errors: Vec<RowError>,
}

impl Checked {
    fn is_wrong(&mut self, line: usize, message: impl FnOnce() -> String) {
        self.wrong += 1;
        if self.errors.len() < MOST_SHOWN {
            self.errors.push(RowError { line, message: message() });
        }
    }
}

fn check(rows: &[(usize, Row)]) -> Checked {
    let mut checked = Checked { bindings: Vec::with_capacity(rows.len()), ..Checked::default() };
    let mut lines: HashMap<&str, usize> = HashMap::with_capacity(rows.len());
    for (line, Row { user_id, openid }) in rows {
        let (user_id, openid) = (user_id.trim(), openid.trim());
        if !is_user_id(user_id) {
            checked.is_wrong(*line, || "`user_id` is not 1 to 64 characters without blanks, commas and `#`".to_owned());
        } else if !is_openid(openid) {
            checked.is_wrong(*line, || "`openid` is no openid".to_owned());
        } else {
            // Which of two rows holds is for the caller to say; and the table takes no two writes of an item in one call.
            match lines.entry(user_id) {
                Entry::Occupied(first) => {
                    checked.is_wrong(*line, || format!("`user_id` stands in line {} already", first.get()));
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(*line);
                    checked.bindings.push((user_id.to_owned(), OpenId::new(openid)));
                }
            }
        }
    }
    checked
}

/// DELETE /admin/enterprises/{ecode}/channels/{channel}/bindings/{user}
pub(super) async fn remove(call: Call<'_>) -> Result<Gone, ApiError> {
    let (channel, user) = (channel(&call).await?, call.text("user"));
    let removed = is_user_id(user) && call.store.binding_writer.unbind(&channel.id, user).await?;
    if removed { Ok(Gone::was(user)) } else { Err(not_found()) }
}

/// POST /admin/enterprises/{ecode}/channels/{channel}/invitations
pub(super) async fn invite(call: Call<'_>, new: NewInvitation) -> Result<InvitationView, ApiError> {
    let channel = channel(&call).await?;
    let user = new.user_id.trim().to_owned();
    // A scene of the form of our own codes would be taken for one of them.
    if !is_user_id(&user) || CodeKey::of_scene(&user).is_some() {
        return Err(ApiError::invalid_field("user_id", "it is not 1 to 64 characters without blanks, commas and `#`"));
    }
    let life = new.life_s.unwrap_or(DEFAULT_S);
    if !(60..=LONGEST_S).contains(&life) {
        return Err(ApiError::invalid_field("life_s", format!("it is a number from 60 to {LONGEST_S}")));
    }
    let account = call.store.accounts.get(&channel.account).await?.ok_or_else(not_found)?;
    let now = call.context.clock.now();
    let life = Duration::from_secs(life);
    let (ecode, until) = (channel.ecode, now.plus(life));
    let invitation = Invitation { ecode, channel: channel.id, user: user.clone(), until };
    if !call.store.invitations.put(&channel.account, &invitation, now).await? {
        return Err(conflict(
            "invitation_open",
            "the account has an open code with this user id for another channel; wait until it expires",
        ));
    }
    match create_qrcode(call.context.channels().wechat(), &account, &user, Some(life)).await {
        Ok(url) => Ok(InvitationView { user_id: user, url, expires_ms: until.millis() }),
        Err(error) => {
            tracing::warn!(account = %account.id, cause = causes(&error), "WeChat made no QR code for an invitation");
            Err(conflict("no_qrcode", "WeChat made no QR code for this account; see the log for its code"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_spreadsheet_is_read_with_its_lines() {
        let file = "\u{feff}userId,openid\r\nuser1,oA\r\n\r\n\"张三\" , oB\r\nuser3\r\n";
        let rows = csv_rows(file.as_bytes()).unwrap();
        let lines: Vec<(usize, &str, &str)> =
            rows.iter().map(|(line, row)| (*line, row.user_id.as_str(), row.openid.as_str())).collect();
        assert_eq!(lines, [(2, "user1", "oA"), (4, "张三", "oB"), (5, "user3", "")]);
        let Checked { bindings, wrong, errors } = check(&rows);
        assert_eq!((bindings.len(), wrong, errors[0].line), (2, 1, 5));
        assert!(csv_rows(b"\xff\xfe,x").is_err(), "no UTF-8");
    }

    #[test]
    fn a_user_stands_in_one_row() {
        let openid = "oA000000000000000000000001".to_owned();
        let rows = ["u1", "u2", " u1"].map(|user| Row { user_id: user.to_owned(), openid: openid.clone() });
        let Checked { bindings, wrong, errors } = check(&numbered(rows.into()));
        assert_eq!((bindings.len(), wrong, errors.len(), errors[0].line), (2, 1, 1, 3));
        assert!(errors[0].message.contains("line 1"), "{}", errors[0].message);
    }

    #[test]
    fn of_a_file_that_is_wrong_throughout_a_hundred_rows_are_shown_and_all_are_counted() {
        let rows = (0..MOST_ROWS).map(|_| Row { user_id: "two words".to_owned(), openid: String::new() });
        let Checked { bindings, wrong, errors } = check(&numbered(rows.collect()));
        assert_eq!((bindings.len(), wrong, errors.len()), (0, MOST_ROWS, MOST_SHOWN));
        assert_eq!(errors.iter().map(|error| error.line).max(), Some(MOST_SHOWN), "the first ones");
    }
}
