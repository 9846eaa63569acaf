//! The header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::Duration;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the form that RFC 9110 has senders use.
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// What `value` asks for, seen from `now`. A date that has passed asks for nothing more: zero.
pub(super) fn parse(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at = PrimitiveDateTime::parse(value, HTTP_DATE).ok()?.assume_utc();
    Some((at - now).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(1994-11-06 08:49:07 UTC);

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(parse("120", NOW), Some(Duration::from_secs(120)));
        assert_eq!(parse(" 0 ", NOW), Some(Duration::ZERO));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT", NOW), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_date_that_has_passed_means_now() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:00 GMT", NOW), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_neither_is_ignored() {
        for value in ["", "-1", "soon", "1.5", "99999999999999999999999", "Sun, 06 Nov 1994"] {
            assert_eq!(parse(value, NOW), None, "{value}");
        }
    }
}
