//! The values that typed template keys take. The type of a key is its name without the number behind it.
//!
//! Source: WeChat's page "template message", table of parameter types, read 2026-11. Lengths count Unicode characters.

/// A type of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyType {
    Thing,
    Number,
    Letter,
    Symbol,
    CharacterString,
    Time,
    Date,
    Amount,
    PhoneNumber,
    CarNumber,
    Name,
    Phrase,
    Const,
}

/// Every type with its name.
const TYPES: [(&str, KeyType); 13] = [
    ("thing", KeyType::Thing),
    ("number", KeyType::Number),
    ("letter", KeyType::Letter),
    ("symbol", KeyType::Symbol),
    ("character_string", KeyType::CharacterString),
    ("time", KeyType::Time),
    ("date", KeyType::Date),
    ("amount", KeyType::Amount),
    ("phone_number", KeyType::PhoneNumber),
    ("car_number", KeyType::CarNumber),
    ("name", KeyType::Name),
    ("phrase", KeyType::Phrase),
    ("const", KeyType::Const),
];

impl KeyType {
    /// The type of a key; `None` for keys that take any text, such as `keyword1`.
    pub(super) fn of(key: &str) -> Option<Self> {
        let name = key.trim_end_matches(|letter: char| letter.is_ascii_digit());
        TYPES.iter().find(|(known, _)| *known == name && name.len() < key.len()).map(|(_, key_type)| *key_type)
    }

    /// Whether `value`, which is not blank, may stand there. `choices` are the values of a `const` key.
    pub(super) fn takes(self, value: &str, choices: Option<&[String]>) -> bool {
        let length = value.chars().count();
        match self {
            Self::Thing => length <= 20,
            Self::Number => length <= 32 && is_decimal(value),
            Self::Letter => length <= 32 && value.chars().all(|c| c.is_ascii_alphabetic()),
            Self::Symbol => length <= 5 && value.chars().all(is_symbol),
            Self::CharacterString => length <= 32 && value.chars().all(|c| c.is_ascii_graphic()),
            Self::Time => each_of_range(value, is_time),
            Self::Date => each_of_range(value, is_date),
            Self::Amount => is_amount(value),
            Self::PhoneNumber => {
                let digit_or_symbol = |c: char| c.is_ascii_digit() || c.is_ascii_punctuation();
                length <= 17 && value.chars().all(digit_or_symbol)
            }
            Self::CarNumber => length <= 8 && is_car_number(value),
            Self::Name => is_name(value, length),
            Self::Phrase => length <= 5 && value.chars().all(is_chinese),
            Self::Const => match choices {
                Some(choices) => choices.iter().any(|choice| choice == value),
                None => length <= 20,
            },
        }
    }
}

/// A Chinese character.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Neither letter, digit nor space.
fn is_symbol(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && !c.is_control()
}

/// Digits with at most one decimal point between them.
fn is_decimal(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    is_digits(whole) && is_digits(fraction)
}

/// One digit or more, nothing else.
fn is_digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// At most one currency sign, at most ten digits before the point, decimals, and 元 at the end if wanted.
fn is_amount(value: &str) -> bool {
    let number = value.strip_suffix('元').unwrap_or(value);
    let number = number
        .strip_prefix(|c: char| matches!(c, '\u{a5}' | '\u{ffe5}' | '$' | '€' | '£' | '₩' | '฿' | '₽' | '₫'))
        .unwrap_or(number);
    let whole = number.split('.').next().unwrap_or_default();
    whole.len() <= 10 && is_decimal(number)
}

/// Letters and digits; the first and the last character may be Chinese.
fn is_car_number(value: &str) -> bool {
    let last = value.chars().count().saturating_sub(1);
    value
        .chars()
        .enumerate()
        .all(|(index, c)| c.is_ascii_alphanumeric() || (is_chinese(c) && (index == 0 || index == last)))
}

/// Up to 20 letters and symbols, or up to 10 characters if any is Chinese.
fn is_name(value: &str, length: usize) -> bool {
    let limit = if value.chars().any(is_chinese) { 10 } else { 20 };
    length <= limit && !value.chars().any(char::is_numeric)
}

/// One moment, or two with `~` between.
fn each_of_range(value: &str, is_moment: fn(&str) -> bool) -> bool {
    let mut parts = value.split('~');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(only), None, None) => is_moment(only.trim()),
        (Some(from), Some(until), None) => is_moment(from.trim()) && is_moment(until.trim()),
        _ => false,
    }
}

/// `HH:MM` or `HH:MM:SS`, with a day before it if wanted.
fn is_time(value: &str) -> bool {
    match value.split_once(' ') {
        Some((day, clock)) => is_day(day) && is_clock(clock.trim_start()),
        None => is_clock(value) || day_with_clock(value),
    }
}

/// A day, with a time of day behind it if wanted.
fn is_date(value: &str) -> bool {
    match value.split_once(' ') {
        Some((day, clock)) => is_day(day) && is_clock(clock.trim_start()),
        None => is_day(value) || day_with_clock(value),
    }
}

/// `2019年10月1日15:01`, without a space.
fn day_with_clock(value: &str) -> bool {
    value.split_once('日').is_some_and(|(day, clock)| is_day(&format!("{day}日")) && is_clock(clock))
}

/// `2019-10-01`, `2019/10/1`, `2019.10.1` or `2019年10月1日`.
fn is_day(value: &str) -> bool {
    let plain = match value.strip_suffix('日') {
        Some(chinese) => chinese.replacen('年', "-", 1).replacen('月', "-", 1),
        None => value.to_owned(),
    };
    ['-', '/', '.'].iter().any(|&separator| {
        let parts: Vec<&str> = plain.split(separator).collect();
        matches!(parts[..], [year, month, day]
            if year.len() == 4
                && is_digits(year)
                && within(month, 1..=12)
                && within(day, 1..=31))
    })
}

/// `HH:MM` or `HH:MM:SS` on a 24-hour clock.
fn is_clock(value: &str) -> bool {
    let parts: Vec<&str> = value.split(':').collect();
    match parts[..] {
        [hour, minute] => within(hour, 0..=23) && minute.len() == 2 && within(minute, 0..=59),
        [hour, minute, second] => {
            within(hour, 0..=23)
                && minute.len() == 2
                && within(minute, 0..=59)
                && second.len() == 2
                && within(second, 0..=59)
        }
        _ => false,
    }
}

/// One or two digits whose number is in `range`.
fn within(value: &str, range: std::ops::RangeInclusive<u8>) -> bool {
    value.len() <= 2 && is_digits(value) && value.parse().is_ok_and(|number| range.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::KeyType;

    /// Whether the key takes the value.
    fn takes(key: &str, value: &str) -> bool {
        KeyType::of(key).is_some_and(|key_type| key_type.takes(value, None))
    }

    #[test]
    fn keys_without_a_type_are_told_apart() {
        for key in ["keyword1", "first", "remark", "thing", "things1", "1", ""] {
            assert_eq!(KeyType::of(key), None, "{key}");
        }
        assert_eq!(KeyType::of("character_string12"), Some(KeyType::CharacterString));
    }

    #[test]
    fn values_that_fit_their_type_are_taken() {
        for (key, value) in [
            ("thing1", "二十个字二十个字二十个字二十个字二十个字"),
            ("number1", "12.50"),
            ("letter1", "abcXYZ"),
            ("symbol1", "!?、。…"),
            ("character_string1", "SN-2026/11#0001"),
            ("time1", "15:01"),
            ("time1", "2019年10月1日 15:01"),
            ("time1", "2019年10月1日15:01"),
            ("time1", "2019-10-01 15:01:09~16:00"),
            ("date1", "2019年10月1日"),
            ("date1", "2019-10-01"),
            ("date1", "2019-10-01 15:01 ~ 2019-10-02"),
            ("amount1", "¥100.5元"),
            ("amount1", "1234567890"),
            ("phone_number1", "+86-0766-66888866"),
            ("car_number1", "粤A8Z888挂"),
            ("name1", "欧阳娜娜"),
            ("name1", "Ludwig van Beethoven"),
            ("phrase1", "配送中"),
            ("const1", "anything"),
        ] {
            assert!(takes(key, value), "{key}: {value}");
        }
    }

    #[test]
    fn values_that_break_their_type_are_refused() {
        for (key, value) in [
            ("thing1", "二十个字二十个字二十个字二十个字二十个字1"),
            ("number1", "12,5"),
            ("number1", "1.2.3"),
            ("number1", ".5"),
            ("letter1", "abc1"),
            ("symbol1", "a"),
            ("symbol1", "!!!!!!"),
            ("character_string1", "单号1"),
            ("character_string1", "123456789012345678901234567890123"),
            ("time1", "25:00"),
            ("time1", "3 pm"),
            ("time1", "15:01~16:00~17:00"),
            ("time1", "2019-13-01 15:01"),
            ("date1", "yesterday"),
            ("date1", "15:01"),
            ("amount1", "12345678901"),
            ("amount1", "¥"),
            ("amount1", "$$5"),
            ("phone_number1", "123456789012345678"),
            ("phone_number1", "call me"),
            ("car_number1", "粤A88粤88"),
            ("car_number1", "123456789"),
            ("name1", "一二三四五六七八九十一"),
            ("name1", "R2D2"),
            ("phrase1", "delivered"),
            ("phrase1", "一二三四五六"),
        ] {
            assert!(!takes(key, value), "{key}: {value}");
        }
    }

    #[test]
    fn const_takes_one_of_its_choices() {
        let choices = ["paid".to_owned(), "sent".to_owned()];
        assert!(KeyType::Const.takes("paid", Some(&choices)));
        assert!(!KeyType::Const.takes("lost", Some(&choices)));
    }
}
