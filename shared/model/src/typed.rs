//! The types of template keys: a key named by a type and a number (`thing4`, `time2`) takes only values of that type, and
//! WeChat refuses a whole message for one that does not fit (47003).
//!
//! Texts that are too long are shortened, as WeChat's other clients do it; the other types have a form that cutting
//! would break. Source: WeChat's page "template message parameter types", read 2026-08.

/// `value` as the type of `key` may show it, or the rule that it breaks; `None` for a key without a type. Texts get at
/// most `room` scalar values, where their type does not allow even less.
pub fn fit(key: &str, value: &str, room: usize) -> Option<Result<String, &'static str>> {
    Some(match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        // Any characters, on one line.
        "thing" | "const" => Ok(shorten(&one_line(value), 20.min(room))),
        "character_string" => {
            let value = one_line(value);
            if value.chars().all(|c| matches!(c, ' '..='~')) {
                Ok(shorten(&value, 32.min(room)))
            } else {
                Err("digits, letters and symbols only, no Chinese")
            }
        }
        "phone_number" => {
            let value = one_line(value);
            if value.chars().any(char::is_alphabetic) {
                Err("digits and symbols only")
            } else {
                Ok(shorten(&value, 17))
            }
        }
        "car_number" => Ok(shorten(&one_line(value), 8)),
        "number" => check(value, is_number, "at most 32 digits, decimals allowed"),
        "letter" => check(value, is_letters, "at most 32 letters"),
        "symbol" => check(value, is_symbols, "at most 5 symbols"),
        "time" => check(value, is_time, "a time by the 24 h clock, with or without a date"),
        "date" => check(value, is_date, "year-month-day, with or without a time"),
        "amount" => check(value, is_amount, "a currency sign and at most 10 digits"),
        "name" => check(value, is_name, "at most 10 Chinese characters or 20 letters, no digits"),
        "phrase" => check(value, is_phrase, "at most 5 Chinese characters"),
        _ => return None,
    })
}

/// Nothing in it leaves a mark: white space, control characters, and the invisible ones that count as neither.
pub fn is_blank(value: &str) -> bool {
    let invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}');
    value.chars().all(|c| c.is_whitespace() || c.is_control() || invisible(c))
}

/// At most `most` scalar values: what is longer loses its end to `...`, as WeChat's other clients do it.
fn shorten(value: &str, most: usize) -> String {
    if value.chars().count() <= most {
        return value.to_owned();
    }
    value.chars().take(most.saturating_sub(3)).chain("...".chars()).collect()
}

/// Without control characters; each run of white space is one space.
fn one_line(value: &str) -> String {
    let spaced: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `value` when it has the form, otherwise the rule.
fn check(value: &str, has_form: fn(&str) -> bool, rule: &'static str) -> Result<String, &'static str> {
    let value = value.trim();
    if has_form(value) { Ok(value.to_owned()) } else { Err(rule) }
}

/// At most 32 digits, with or without a sign and decimals.
fn is_number(value: &str) -> bool {
    is_decimal(value.strip_prefix('-').unwrap_or(value), 32)
}

/// At most 32 letters.
fn is_letters(value: &str) -> bool {
    (1..=32).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// At most 5 symbols.
fn is_symbols(value: &str) -> bool {
    (1..=5).contains(&value.chars().count()) && !value.chars().any(|c| c.is_alphanumeric() || c.is_whitespace())
}

/// One currency sign, at most 10 digits, decimals, and `元`; sign and `元` may be missing.
fn is_amount(value: &str) -> bool {
    let value = value.strip_suffix('元').unwrap_or(value);
    let sign = |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '.' | '-' | '+' | ',');
    is_decimal(value.strip_prefix(sign).unwrap_or(value), 10)
}

/// At most 10 characters, or 20 when all are Latin letters; letters and the marks that names have.
fn is_name(value: &str) -> bool {
    let most = if value.is_ascii() { 20 } else { 10 };
    (1..=most).contains(&value.chars().count())
        && value.chars().any(char::is_alphabetic)
        && value.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '.' | '\'' | '-' | '·'))
}

/// At most 5 Chinese characters.
fn is_phrase(value: &str) -> bool {
    let han = |c| matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}');
    (1..=5).contains(&value.chars().count()) && value.chars().all(han)
}

/// A time by the 24 h clock, with or without a date before it, or a range of two with `~`.
fn is_time(value: &str) -> bool {
    is_range_of(value, |date, time| time.is_some_and(is_clock) && date.is_none_or(is_day))
}

/// A date, with or without a time behind it, or a range of two with `~`.
fn is_date(value: &str) -> bool {
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
