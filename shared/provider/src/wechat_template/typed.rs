//! The forms of typed template keys that cannot be shortened (WeChat contract, 1.2).

/// `value` when it has the form, otherwise the rule.
pub(super) fn check(value: &str, has_form: fn(&str) -> bool, rule: &'static str) -> Result<String, &'static str> {
    let value = value.trim();
    if has_form(value) { Ok(value.to_owned()) } else { Err(rule) }
}

/// At most 32 digits, with or without a sign and decimals.
pub(super) fn is_number(value: &str) -> bool {
    is_decimal(value.strip_prefix('-').unwrap_or(value), 32)
}

/// At most 32 letters.
pub(super) fn is_letters(value: &str) -> bool {
    (1..=32).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// At most 5 symbols.
pub(super) fn is_symbols(value: &str) -> bool {
    (1..=5).contains(&value.chars().count()) && !value.chars().any(|c| c.is_alphanumeric() || c.is_whitespace())
}

/// One currency sign, at most 10 digits, decimals, and `元`; sign and `元` may be missing.
pub(super) fn is_amount(value: &str) -> bool {
    let value = value.strip_suffix('元').unwrap_or(value);
    let sign = |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '.' | '-' | '+' | ',');
    is_decimal(value.strip_prefix(sign).unwrap_or(value), 10)
}

/// At most 10 characters, or 20 when all are Latin letters; letters and the marks that names have.
pub(super) fn is_name(value: &str) -> bool {
    let most = if value.is_ascii() { 20 } else { 10 };
    (1..=most).contains(&value.chars().count())
        && value.chars().any(char::is_alphabetic)
        && value.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '.' | '\'' | '-' | '·'))
}

/// At most 5 Chinese characters.
pub(super) fn is_phrase(value: &str) -> bool {
    let han = |c| matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}');
    (1..=5).contains(&value.chars().count()) && value.chars().all(han)
}

/// A time by the 24 h clock, with or without a date before it, or a range of two with `~`.
pub(super) fn is_time(value: &str) -> bool {
    is_range_of(value, |date, time| time.is_some_and(is_clock) && date.is_none_or(is_day))
}

/// A date, with or without a time behind it, or a range of two with `~`.
pub(super) fn is_date(value: &str) -> bool {
    is_range_of(value, |date, time| date.is_some_and(is_day) && time.is_none_or(is_clock))
}

/// Splits a range at `~` and each end at its space; a lone part with a `:` is a time, without one a date.
fn is_range_of(value: &str, is_moment: fn(Option<&str>, Option<&str>) -> bool) -> bool {
    let ends: Vec<&str> = value.split('~').collect();
    ends.len() <= 2
        && ends.iter().all(|end| {
            let parts: Vec<&str> = end.split_whitespace().collect();
            match parts[..] {
                [date, time] => is_moment(Some(date), Some(time)),
                [lone] if lone.contains(':') => is_moment(None, Some(lone)),
                [lone] => is_moment(Some(lone), None),
                _ => false,
            }
        })
}

/// `H:MM` or `HH:MM:SS`.
fn is_clock(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let Some((hour, rest)) = parts.split_first() else { return false };
    is_within(hour, 1..=2, 0..=23)
        && (1..=2).contains(&rest.len())
        && rest.iter().all(|part| is_within(part, 2..=2, 0..=59))
}

/// `2026-11-23`, `2026/11/23`, `2026.11.23` or `2026年11月23日`.
fn is_day(text: &str) -> bool {
    let text = text.strip_suffix('日').unwrap_or(text);
    let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月']).collect();
    match parts[..] {
        [year, month, day] => {
            is_within(year, 4..=4, 0..=9999) && is_within(month, 1..=2, 1..=12) && is_within(day, 1..=2, 1..=31)
        }
        _ => false,
    }
}

fn is_within(text: &str, digits: std::ops::RangeInclusive<usize>, values: std::ops::RangeInclusive<u32>) -> bool {
    digits.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse().is_ok_and(|number| values.contains(&number))
}

/// Digits with at most one point among them, and at most `most` digits in all.
fn is_decimal(text: &str, most: usize) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.bytes().filter(u8::is_ascii_digit).count();
    digits(whole) && digits(decimals) && count <= most
}
