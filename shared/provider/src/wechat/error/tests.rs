use super::*;
use crate::token::{FetchError, VaultError};
use Action::*;

/// Section 2 of the contract, row by row.
const TABLE: &[(&[i64], Action)] = &[
    (&[-1], Retry(Wait::Backoff)),
    (&[40001], RefreshToken),
    (&[40014, 42001], RefreshToken),
    (&[41001], RefreshToken),
    (&[42007, 61007], Operator),
    (&[40002, 40013, 40125, 41002, 41004], Operator),
    (&[40164], Operator),
    (&[40243], Operator),
    (&[89503, 89501, 89506, 89507], Operator),
    (&[45035, 61004], Operator),
    (&[45009], SpentForToday),
    (&[45011], Retry(Wait::NextMinute)),
    (&[43117], Retry(Wait::Seconds(3600))),
    (&[40003], RecipientGone),
    (&[43004], RecipientGone),
    (&[43005], RecipientGone),
    (&[43019], RecipientUnwilling),
    (&[46004, 50005], RecipientGone),
    (&[43101], RecipientUnwilling),
    (&[43107, 43108], Operator),
    (&[45015], OtherChannel),
    (&[45047], OtherChannel),
    (&[48002], RecipientUnwilling),
    (&[45072, 45080, 45081], BadMessage),
    (&[48001], Operator),
    (&[48003], Operator),
    (&[48004], Operator),
    (&[48006], Operator),
    (&[48008], OtherChannel),
    (&[50001, 50002], Operator),
    (&[40036, 40037], BadMessage),
    (&[43116], Operator),
    (&[40249], Operator),
    (&[41028, 41029], BadMessage),
    (&[41030, 40165], BadMessage),
    (&[45026, 45027], Operator),
    (&[47003], Shorten),
    (&[47001, 44002, 40035], BadMessage),
    (&[40033], BadMessage),
    (&[43001, 43002, 43003], BadMessage),
    (&[45103], BadMessage),
    (&[40004, 40005, 40006, 40007, 46001], BadMessage),
    (&[40008, 45162, 45166], BadMessage),
    (&[40039, 40048, 40066], BadMessage),
    (&[41005, 41006, 41009, 44001, 44003, 44004], BadMessage),
    (&[45001, 45002, 45003, 45004, 45005, 45006, 45007, 45008], BadMessage),
    (&[40031, 40032, 40130], BadMessage),
    (&[45065], Accept),
    (&[45066], Retry(Wait::Seconds(60))),
    (&[45067], BadMessage),
    (&[87014], BadMessage),
    (&[0], Accept),
    (&[-2, 1, 40000, 45010, 99999, i64::MIN, i64::MAX], Unknown),
];

/// 20 s into a minute.
const NOW: Timestamp = Timestamp::from_seconds(1_795_449_560);

const fn later(seconds: u64) -> Outcome {
    Outcome::Retry { after: Some(Duration::from_secs(seconds)), at_most: None }
}

const SOON: Outcome = Outcome::Retry { after: None, at_most: None };
const A_FEW_TIMES: Outcome = Outcome::Retry { after: None, at_most: Some(3) };

#[test]
fn every_row_of_the_table_has_its_action() {
    for (codes, action) in TABLE {
        for code in *codes {
            assert_eq!(action_of(*code), *action, "{code}");
        }
    }
}

#[test]
fn every_row_of_the_table_has_its_outcome() {
    for (codes, action) in TABLE {
        for code in *codes {
            let expected = match (code, action) {
                (_, Accept) => Outcome::Ok { vendor_id: None },
                (-1, _) => SOON,
                (45011, _) => later(40),
                (43117, _) => later(3600),
                (45066, _) => later(60),
                (45009, _) => Outcome::Quota { hold: Hold::UntilBeijingMidnight },
                (40003 | 43004 | 43005 | 46004 | 50005, _) => Outcome::Invalid,
                (43019 | 43101 | 48002, _) => Outcome::Suppressed,
                (40001 | 40014 | 42001 | 41001, _) => Outcome::Auth,
                (_, Operator) => Outcome::Config,
                (_, Unknown) => A_FEW_TIMES,
                _ => Outcome::Content,
            };
            assert_eq!(outcome_of(*code, NOW, 0.0), expected, "{code}");
        }
    }
}

#[test]
fn the_next_minute_is_entered_spread_out() {
    assert_eq!(outcome_of(45011, NOW, 0.5), later(45));
    assert_eq!(outcome_of(45011, Timestamp::from_seconds(1_795_449_600), 0.0), later(60));
}

#[test]
fn on_the_token_call_nothing_speaks_against_a_message_or_a_recipient() {
    for (codes, _) in TABLE {
        for code in *codes {
            let outcome = token_outcome_of(*code, NOW, 0.0);
            let expected = matches!(outcome, Outcome::Auth | Outcome::Retry { .. });
            assert!(expected, "{code}: {outcome:?}");
        }
    }
    for code in [40001, 40125, 40013, 40164, 40243, 50002, 89503] {
        assert_eq!(token_outcome_of(code, NOW, 0.0), Outcome::Auth, "{code}");
    }
    assert_eq!(token_outcome_of(45009, NOW, 0.0), later(60));
    assert_eq!(token_outcome_of(45011, NOW, 0.0), later(40));
    assert_eq!(token_outcome_of(-1, NOW, 0.0), SOON);
}

#[test]
fn a_status_speaks_of_the_way_and_seldom_of_the_message() {
    let outcome = |status: u16, after: Option<u64>| {
        let status = StatusCode::from_u16(status).unwrap();
        CallError::Status { status, retry_after: after.map(Duration::from_secs) }.attempt(NOW, 0.0)
    };
    assert_eq!(outcome(429, Some(7)), Attempt::failed(later(7), Some(429)));
    assert_eq!(outcome(503, Some(9)).outcome, later(9));
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        assert_eq!(outcome(status, None).outcome, SOON, "{status}");
    }
    for status in [301, 302, 307, 401, 403, 404, 405, 407] {
        assert_eq!(outcome(status, None).outcome, Outcome::Config, "{status}");
    }
    for status in [400, 406, 415, 422] {
        assert_eq!(outcome(status, None).outcome, Outcome::Content, "{status}");
    }
    assert_eq!(outcome(413, None).outcome, Outcome::TooLarge);
}

#[test]
fn trouble_on_the_way_is_tried_again() {
    let (request, cause) = ("POST https://example.com/".to_owned(), "lost".into());
    for error in [
        HttpError::Unsent { request: request.clone(), cause: std::sync::Arc::clone(&cause) },
        HttpError::Unknown { request: request.clone(), cause },
    ] {
        assert_eq!(CallError::Http(error).outcome(NOW, 0.0), SOON);
    }
    let bad = HttpError::BadUrl { request, refusal: crate::http::Refusal::Malformed };
    assert_eq!(CallError::Http(bad).outcome(NOW, 0.0), Outcome::Config);
    assert_eq!(CallError::NotJson { bytes: 0, content_type: String::new() }.outcome(NOW, 0.0), SOON);
    assert_eq!(CallError::Incomplete { field: "msgid" }.outcome(NOW, 0.0), A_FEW_TIMES);
}

#[test]
fn for_want_of_a_token_the_message_waits_or_the_operator_is_called() {
    let attempt = |error: TokenError| CallError::Token(error).attempt(NOW, 0.0);
    assert_eq!(attempt(TokenError::Vault(VaultError::new("down"))), Attempt::failed(SOON, None));
    assert_eq!(attempt(TokenError::Busy), Attempt::failed(SOON, None));
    assert_eq!(attempt(TokenError::Interrupted), Attempt::failed(SOON, None));
    assert_eq!(attempt(TokenError::Refused), Attempt::failed(Outcome::Auth, None));
    let fetch =
        FetchError { outcome: Outcome::Auth, code: Some(40164), reason: String::new(), hold: Duration::from_secs(30) };
    assert_eq!(attempt(TokenError::Fetch(fetch)), Attempt::failed(Outcome::Auth, Some(40164)));
}

#[test]
fn the_rid_is_found_and_nothing_else_is_taken_for_it() {
    let rid_of =
        |text: &str| CallError::Code { code: 40003, message: text.to_owned(), accepted: None }.rid().map(str::to_owned);
    assert_eq!(rid_of("invalid openid rid: 5f0d1a2b-0a1b2c3d-11223344").as_deref(), Some("5f0d1a2b-0a1b2c3d-11223344"));
    assert_eq!(rid_of("rid:5f0d1a2b-0a1b2c3d-11223344, more").as_deref(), Some("5f0d1a2b-0a1b2c3d-11223344"));
    for text in ["", "invalid openid", "rid: ", "hint: [a.b]", "rid: 你好"] {
        assert_eq!(rid_of(text), None, "{text}");
    }
}
