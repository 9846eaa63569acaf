//! A notice in the account's template: what each key shows, within the limits of its type.
//!
//! One blank or ill-typed key fails the whole message (47003), so every value is made to fit here, and what cannot be
//! made to fit is refused before it is sent (WeChat contract, 1.2).

use super::error::RenderError;
use super::settings::{TIGHT_CHARS, UNTYPED_CHARS};
use super::typed;
use super::wire::Data;
use model::account::NoticeField;
use model::message::Notice;

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
    let value = if is_blank(value) { PLACEHOLDER } else { value };
    let text = |most| if width == Width::Tight { TIGHT_CHARS.min(most) } else { most };
    match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        // Any characters, on one line.
        "thing" | "const" => Ok(shorten(&one_line(value), 20)),
        "character_string" => {
            let value = one_line(value);
            if !value.chars().all(|c| matches!(c, ' '..='~')) {
                return Err("digits, letters and symbols only, no Chinese");
            }
            Ok(shorten(&value, text(32)))
        }
        "phone_number" => {
            let value = one_line(value);
            if value.chars().any(char::is_alphabetic) {
                return Err("digits and symbols only");
            }
            Ok(shorten(&value, 17))
        }
        "car_number" => Ok(shorten(&one_line(value), 8)),
        // The others have a form that cutting would break.
        "number" => typed::check(value, typed::is_number, "at most 32 digits, decimals allowed"),
        "letter" => typed::check(value, typed::is_letters, "at most 32 letters"),
        "symbol" => typed::check(value, typed::is_symbols, "at most 5 symbols"),
        "time" => typed::check(value, typed::is_time, "a time by the 24 h clock, with or without a date"),
        "date" => typed::check(value, typed::is_date, "year-month-day, with or without a time"),
        "amount" => typed::check(value, typed::is_amount, "a currency sign and at most 10 digits"),
        "name" => typed::check(value, typed::is_name, "at most 10 Chinese characters or 20 letters, no digits"),
        "phrase" => typed::check(value, typed::is_phrase, "at most 5 Chinese characters"),
        // `first`, `keyword1`, `remark` and whatever an old template calls its keys. Line breaks are shown.
        _ => Ok(cut(&printable(value), text(UNTYPED_CHARS))),
    }
}

/// At most `most` scalar values: what is longer loses its end to `...`, as WeChat's other clients do it.
fn shorten(value: &str, most: usize) -> String {
    if value.chars().count() <= most {
        return value.to_owned();
    }
    value.chars().take(most.saturating_sub(3)).chain("...".chars()).collect()
}

/// At most `most` scalar values, the last of them `…` when some are missing.
fn cut(value: &str, most: usize) -> String {
    if value.chars().count() <= most {
        return value.to_owned();
    }
    value.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Nothing in it leaves a mark: white space, control characters, and the invisible ones that count as neither.
fn is_blank(value: &str) -> bool {
    let invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}');
    value.chars().all(|c| c.is_whitespace() || c.is_control() || invisible(c))
}

/// Without control characters; each run of white space is one space.
fn one_line(value: &str) -> String {
    let spaced: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without control characters, except line breaks.
fn printable(value: &str) -> String {
    value.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

#[cfg(test)]
mod tests;
