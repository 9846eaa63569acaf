//! A notice in the account's template: what each key shows, within the limits of its type.
//!
//! One blank or ill-typed key fails the whole message (47003), so every value is made to fit here, and what cannot be
//! made to fit is refused before it is sent (WeChat contract, 1.2).

use super::error::RenderError;
use super::settings::{TIGHT_CHARS, UNTYPED_CHARS};
use super::wire::Data;
use model::account::NoticeField;
use model::message::Notice;
use model::typed;

/// How much room texts get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// All that their type allows.
    Full,
    /// Little: after WeChat found one too long.
    Tight,
}

/// Stands for a blank value.
const PLACEHOLDER: &str = "-";

/// What the keys of the template show to the recipient at `slot`.
pub(super) fn render(fields: &[NoticeField], notice: &Notice, slot: u64, width: Width) -> Result<Data, RenderError> {
    let values = fields.iter().map(|field| {
        let value = fit(&field.key, &field.shows.text(notice, slot), width)
            .map_err(|rule| RenderError { key: field.key.clone(), rule })?;
        Ok((field.key.clone(), value))
    });
    values.collect::<Result<_, _>>().map(Data)
}

/// `value` as the key may show it, or the rule that it breaks.
pub(super) fn fit(key: &str, value: &str, width: Width) -> Result<String, &'static str> {
    let value = if typed::is_blank(value) { PLACEHOLDER } else { value };
    let room = if width == Width::Tight { TIGHT_CHARS } else { usize::MAX };
    // `first`, `keyword1`, `remark` and whatever an old template calls its keys have no type. Line breaks are shown.
    typed::fit(key, value, room).unwrap_or_else(|| Ok(cut(&printable(value), UNTYPED_CHARS.min(room))))
}

/// At most `most` scalar values, the last of them `…` when some are missing.
fn cut(value: &str, most: usize) -> String {
    if value.chars().count() <= most {
        return value.to_owned();
    }
    value.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Without control characters, except line breaks.
fn printable(value: &str) -> String {
    value.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

#[cfg(test)]
mod tests;
