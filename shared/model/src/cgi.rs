//! The rules of WeChat's own API as we serve it: what a call is answered that keeps them not, and what values a template
//! takes.
//!
//! Codes and texts are WeChat's, because SDKs act on them: they fetch a token anew on 40001, 40014 and 42001, and some of
//! them without end. So those three are said of the token and of nothing else.

use crate::typed;
use crate::wechat::TemplateData;

/// Bytes of a request body.
pub const BODY_BYTES: usize = 64 * 1024;
/// How long a token of ours is said to live, in seconds. Clients that keep one to the very end are met half-way, see
/// [`TOKEN_GRACE_S`].
pub const TOKEN_LIFE_S: i64 = 7_200;
/// How long a token works beyond its life, in seconds: WeChat's own work on for as long.
pub const TOKEN_GRACE_S: i64 = 300;
/// Uses of one form id, and of a prepay id in its place. WeChat's page "template message" of mini programs, of 2019.
pub const FORM_USES: u32 = 1;
/// See [`FORM_USES`].
pub const PREPAY_USES: u32 = 3;
/// A bad token may be tried this often in a minute from one address; then 45011, which ends the loop of an SDK that
/// fetches anew without end.
pub const BAD_TOKEN_TRIES: u32 = 20;

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The route wants GET.
    NeedsGet,
    /// The route wants POST.
    NeedsPost,
    /// `grant_type` is not `client_credential`.
    GrantType,
    /// `appid` is missing.
    AppidMissing,
    /// There is no such account.
    AppidUnknown,
    /// `secret` is missing.
    SecretMissing,
    /// `secret` is wrong, or was replaced.
    SecretWrong,
    /// The operator has suspended the account: said on the token call.
    AccountSuspended,
    /// The same, said on a send.
    SendingSuspended,
    /// There is no `access_token`.
    TokenMissing,
    /// It is no token of ours, or its secret was replaced.
    TokenInvalid,
    /// Its life is over.
    TokenExpired,
    /// The body is too large.
    BodyTooLarge,
    /// The body is empty.
    BodyEmpty,
    /// The body is no JSON object, or a field has a type that it cannot have.
    BodyMalformed,
    /// Too many calls in this minute.
    CallsPerMinute,
    /// The account's messages of the day are used up.
    CallsPerDay,
    /// `touser` is missing or no openid.
    Recipient,
    /// The user has left the account.
    Unsubscribed,
    /// `template_id` is missing.
    TemplateMissing,
    /// The account has no such template.
    TemplateUnknown,
    /// The template is mapped to no subscription template.
    TemplateUnmapped,
    /// `form_id` is missing.
    FormMissing,
    /// `form_id` has been used.
    FormUsed,
    /// A value does not fit the type of its key.
    Value,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: &'static [Self] = &[
        Self::NeedsGet,
        Self::NeedsPost,
        Self::GrantType,
        Self::AppidMissing,
        Self::AppidUnknown,
        Self::SecretMissing,
        Self::SecretWrong,
        Self::AccountSuspended,
        Self::SendingSuspended,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::BodyTooLarge,
        Self::BodyEmpty,
        Self::BodyMalformed,
        Self::CallsPerMinute,
        Self::CallsPerDay,
        Self::Recipient,
        Self::Unsubscribed,
        Self::TemplateMissing,
        Self::TemplateUnknown,
        Self::TemplateUnmapped,
        Self::FormMissing,
        Self::FormUsed,
        Self::Value,
    ];

    /// The stable code (`docs/errors.md`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::NeedsGet => "needs_get",
            Self::NeedsPost => "needs_post",
            Self::GrantType => "grant_type",
            Self::AppidMissing => "appid_missing",
            Self::AppidUnknown => "appid_unknown",
            Self::SecretMissing => "secret_missing",
            Self::SecretWrong => "secret_wrong",
            Self::AccountSuspended => "account_suspended",
            Self::SendingSuspended => "sending_suspended",
            Self::TokenMissing => "access_token_missing",
            Self::TokenInvalid => "access_token_invalid",
            Self::TokenExpired => "access_token_expired",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyEmpty => "body_empty",
            Self::BodyMalformed => "body_malformed",
            Self::CallsPerMinute => "calls_per_minute",
            Self::CallsPerDay => "calls_per_day",
            Self::Recipient => "recipient_invalid",
            Self::Unsubscribed => "recipient_unsubscribed",
            Self::TemplateMissing => "template_missing",
            Self::TemplateUnknown => "template_unknown",
            Self::TemplateUnmapped => "template_unmapped",
            Self::FormMissing => "form_missing",
            Self::FormUsed => "form_used",
            Self::Value => "template_value",
        }
    }

    /// WeChat's `errcode`.
    pub const fn errcode(self) -> i32 {
        match self {
            Self::NeedsGet => 43001,
            Self::NeedsPost => 43002,
            Self::GrantType => 40002,
            Self::AppidMissing => 41002,
            Self::AppidUnknown => 40013,
            Self::SecretMissing => 41004,
            Self::SecretWrong => 40125,
            Self::AccountSuspended => 50002,
            Self::SendingSuspended => 48004,
            Self::TokenMissing => 41001,
            Self::TokenInvalid => 40001,
            Self::TokenExpired => 42001,
            Self::BodyTooLarge => 45002,
            Self::BodyEmpty => 44002,
            Self::BodyMalformed => 47001,
            Self::CallsPerMinute => 45011,
            Self::CallsPerDay => 45009,
            Self::Recipient => 40003,
            Self::Unsubscribed => 43004,
            Self::TemplateMissing => 40036,
            Self::TemplateUnknown => 40037,
            Self::TemplateUnmapped => 45103,
            Self::FormMissing => 41028,
            Self::FormUsed => 41029,
            Self::Value => 47003,
        }
    }

    /// WeChat's `errmsg`, as far as SDKs are known to read it byte for byte, and in its manner otherwise.
    pub const fn errmsg(self) -> &'static str {
        match self {
            Self::NeedsGet => "require GET method",
            Self::NeedsPost => "require POST method",
            Self::GrantType => "invalid grant_type",
            Self::AppidMissing => "appid missing",
            Self::AppidUnknown => "invalid appid",
            Self::SecretMissing => "appsecret missing",
            Self::SecretWrong => "invalid appsecret",
            Self::AccountSuspended => "user limited",
            Self::SendingSuspended => "api forbidden for irregularities",
            Self::TokenMissing => "access_token missing",
            Self::TokenInvalid => "invalid credential, access_token is invalid or not latest",
            Self::TokenExpired => "access_token expired",
            Self::BodyTooLarge => "content size out of limit",
            Self::BodyEmpty => "empty post data",
            Self::BodyMalformed => "data format error",
            Self::CallsPerMinute => "api minute-quota reach limit, must slower, retry next minute",
            Self::CallsPerDay => "reach max api daily quota limit",
            Self::Recipient => "invalid openid: touser",
            Self::Unsubscribed => "require subscribe: touser",
            Self::TemplateMissing => "invalid template_id size",
            Self::TemplateUnknown => "invalid template_id",
            Self::TemplateUnmapped => "api removed: map this template_id to a subscription template",
            Self::FormMissing => "invalid form_id",
            Self::FormUsed => "form id used count reach limit",
            Self::Value => "argument invalid!",
        }
    }

    /// The refusal of that stable code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.code() == code)
    }
}

/// Whether `text` can be an openid. WeChat says no more of them than that they are long and need no escaping.
pub fn is_openid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// How often a form id may be used: a prepay id stands for a payment and counts three times.
pub fn form_uses(form_id: &str) -> u32 {
    let is_prepay = form_id.len() >= 28 && form_id.starts_with("wx");
    if is_prepay { PREPAY_USES } else { FORM_USES }
}

/// The values as they go out: texts of typed keys shortened to what their type takes. `Err` names the first key whose
/// value cannot be made to fit, in the order of keys. Keys without a type keep theirs as they are.
pub fn fit_values(mut data: TemplateData) -> Result<TemplateData, String> {
    for (key, value) in &mut data {
        match typed::fit(key, &value.value, usize::MAX) {
            None => {}
            Some(_) if typed::is_blank(&value.value) => return Err(key.clone()),
            Some(Ok(fitting)) => value.value = fitting,
            Some(Err(_)) => return Err(key.clone()),
        }
    }
    Ok(data)
}

/// Keys whose values WeChat has dropped without a word since May 2023.
const DROPPED: [&str; 2] = ["first", "remark"];

/// Whether everything the message says is in keys that WeChat does not show.
pub fn shows_nothing(data: &TemplateData) -> bool {
    let says = |value: &str| !typed::is_blank(value);
    data.iter().any(|(_, value)| says(&value.value))
        && data.iter().filter(|(_, value)| says(&value.value)).all(|(key, _)| DROPPED.contains(&key.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::TemplateValue;

    fn data(values: &[(&str, &str)]) -> TemplateData {
        let value = |text: &str| TemplateValue { value: text.to_owned(), color: None };
        values.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect()
    }

    #[test]
    fn codes_are_distinct_and_found_again() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of_code(refusal.code()), Some(*refusal));
            assert!(!refusal.errmsg().is_empty());
        }
    }

    #[test]
    fn row_16_a_thing_of_21_characters_is_shortened() {
        let fitted = fit_values(data(&[("thing1", &"字".repeat(21)), ("keyword1", &"x".repeat(900))])).unwrap();
        assert_eq!(fitted["thing1"].value, format!("{}...", "字".repeat(17)));
        assert_eq!(fitted["keyword1"].value.len(), 900, "a key without a type is not ours to judge");
    }

    #[test]
    fn row_17_chinese_in_a_character_string_is_refused_and_named() {
        assert_eq!(fit_values(data(&[("character_string3", "单号")])), Err("character_string3".to_owned()));
        assert_eq!(fit_values(data(&[("thing1", " ")])), Err("thing1".to_owned()), "blank");
    }

    #[test]
    fn row_18_first_and_remark_alone_show_nothing() {
        assert!(shows_nothing(&data(&[("first", "hi"), ("keyword1", ""), ("remark", "bye")])));
        assert!(!shows_nothing(&data(&[("first", "hi"), ("keyword1", "x")])));
        assert!(!shows_nothing(&data(&[])), "an empty card was meant to be empty");
    }

    #[test]
    fn a_prepay_id_counts_three_times() {
        assert_eq!(form_uses("b7ed924575c449a080bb140e90a6f326"), 1);
        assert_eq!(form_uses("wx201410272009395522657a690389285100"), 3);
        assert_eq!(form_uses("wx1"), 1);
    }
}
