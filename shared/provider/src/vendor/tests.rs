use super::*;
use crate::channel::ChannelLimits;
use crate::http::Fields;
use crate::http::HttpResponse;
use crate::vendor::call::{Answer, CallError, read};
use crate::vendor::receipt::{Event, ReceiptSigner, Report, each};
use bytes::Bytes;
use futures::FutureExt;
use http::StatusCode;
use model::batch::{BatchId, Part};
use model::channel::ChannelKind;
use model::ids::MobileAppId;
use serde::Deserialize;
use std::num::NonZeroUsize;
use std::time::Duration;

#[derive(Debug, Deserialize)]
struct Plain {
    code: code::Code,
}

impl Answer for Plain {
    const OK: code::Code = code::Code(0);

    fn code(&self) -> code::Code {
        self.code
    }

    fn words(&self) -> (&str, &str) {
        ("text", "id")
    }
}

fn response(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse {
        status: StatusCode::from_u16(status).unwrap(),
        content_type: String::new(),
        retry_after: Some(Duration::from_secs(9)),
        headers: Fields::default(),
        body: Bytes::from_static(body.as_bytes()),
        connection: 0,
    }
}

#[test]
fn a_code_counts_at_any_status_but_5xx_and_success_at_2xx_only() {
    let code = |status, body| match read::<Plain>(&response(status, body)) {
        Ok(_) => "ok".to_owned(),
        Err(CallError::Code { code, .. }) => code.to_string(),
        Err(CallError::Status { status, .. }) => status.as_str().to_owned(),
        Err(CallError::Unreadable { .. }) => "unreadable".to_owned(),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(code(200, r#"{"code":"0"}"#), "ok");
    assert_eq!(code(200, r#"{"code":7}"#), "7");
    assert_eq!(code(400, r#"{"code":"7"}"#), "7");
    assert_eq!(code(404, r#"{"code":0}"#), "404");
    assert_eq!(code(403, "<html>"), "403");
    assert_eq!(code(500, r#"{"code":7}"#), "500");
    assert_eq!(code(302, ""), "302");
    for body in ["", "[]", "{}", "null", r#"{"code":null}"#] {
        assert_eq!(code(200, body), "unreadable", "{body}");
    }
}

#[test]
fn what_the_vendor_asks_for_comes_before_the_tables_delay() {
    let error = read::<Plain>(&response(200, r#"{"code":7}"#)).unwrap_err();
    assert_eq!(error.ended(|_| fault::later_by(60)).attempt.outcome, fault::later_by(9));
    assert_eq!(error.ended(|_| Outcome::Content), call::of_code_alone(Outcome::Content, code::Code(7)));
    let error = read::<Plain>(&response(503, "")).unwrap_err();
    assert_eq!(error.ended(|_| Outcome::Content).attempt.outcome, fault::later_by(9));
}

#[test]
fn a_token_call_blames_no_message() {
    for outcome in [Outcome::Content, Outcome::TooLarge, Outcome::Invalid, Outcome::Config, Outcome::Suppressed] {
        let error = read::<Plain>(&response(200, r#"{"code":7}"#)).unwrap_err();
        let of_code: fn(code::Code) -> Outcome = match outcome {
            Outcome::Content => |_| Outcome::Content,
            Outcome::TooLarge => |_| Outcome::TooLarge,
            Outcome::Invalid => |_| Outcome::Invalid,
            Outcome::Config => |_| Outcome::Config,
            _ => |_| Outcome::Suppressed,
        };
        assert_eq!(error.of_token_call(of_code).outcome, Outcome::Auth);
    }
    let error = read::<Plain>(&response(502, "")).unwrap_err();
    assert_eq!(error.of_token_call(|_| Outcome::Content).outcome, fault::later_by(9));
}

#[test]
fn a_refusal_may_be_answered_by_another_vendor_and_silence_may_not() {
    let elsewhere = |outcome| Ended::with(outcome, None, "x").attempt.elsewhere;
    assert!(elsewhere(Outcome::Invalid) && elsewhere(Outcome::Content) && Ended::not_carried().attempt.elsewhere);
    assert!(!elsewhere(Outcome::Suppressed), "its user does not want it");
    assert!(!Ended::ok().attempt.elsewhere);
    // The other vendors know us by other keys.
    assert_eq!(fault::of_token(&crate::token::TokenError::Refused).attempt.outcome, Outcome::Config);
}

#[test]
fn a_receipts_parameter_is_short_and_only_ours() {
    let app = |id| MobileAppId::parse(id).unwrap();
    let demo = app("demo");
    let batch = |task, part, number| BatchId { task: TaskId::new(task), part, number };
    let signer = ReceiptSigner::new(&Secret::new("receipt-secret".to_owned()));
    let param = signer.param(&demo, batch(42, Part::Direct, 0), ChannelKind::Xiaomi);
    assert_eq!(param, "42.d.0.36fee4f994f8ce4d", "computed with another implementation");
    let longest = batch((1 << 53) - 1, Part::Topic { index: 255, shard: u16::MAX }, u32::MAX);
    assert!(signer.param(&demo, longest, ChannelKind::Xiaomi).len() <= 64);
    let read = |app: &MobileAppId, channel, param: &str| signer.batch(app, channel, param);
    assert_eq!(read(&demo, ChannelKind::Xiaomi, &param), Some(batch(42, Part::Direct, 0)));
    assert_eq!(read(&app("other"), ChannelKind::Xiaomi, &param), None);
    assert_eq!(read(&demo, ChannelKind::Oppo, &param), None);
    let signature = &param["42.d.0.".len()..];
    for param in [
        format!("43.d.0.{signature}"),
        format!("42.d.1.{signature}"),
        format!("42.d.0.{}", &signature[1..]),
        format!("42.d.0.{}", signature.to_uppercase()),
        format!("042.d.0.{signature}"),
        format!(".{signature}"),
        "42".to_owned(),
        String::new(),
    ] {
        assert_eq!(read(&demo, ChannelKind::Xiaomi, &param), None, "{param}");
    }
    let other = ReceiptSigner::new(&Secret::new("other".to_owned()));
    assert_eq!(other.batch(&demo, ChannelKind::Xiaomi, &param), None);
}

#[test]
fn a_comma_list_of_tokens_is_one_report_each() {
    let tokens = |list| -> Vec<String> {
        each(list, "p", Event::Delivered).map(|Report { token, .. }| token.as_str().to_owned()).collect()
    };
    assert_eq!(tokens("a,b"), ["a", "b"]);
    assert_eq!(tokens(" a ,, b,"), ["a", "b"]);
    assert!(tokens("").is_empty());
}

#[test]
fn a_token_that_reads_as_several_is_none() {
    for sound in ["a", "CN_0123456789abcdef", "RA50c6348036344485d01776773577c64740465480a6b", "a+/=:-_.~"] {
        assert!(chunks::is_sound(sound), "{sound}");
    }
    for bad in ["", "a,b", "a b", "a\n", "\u{7f}", "令牌", "a\"b", "a\\b", &"a".repeat(513)] {
        assert!(!chunks::is_sound(bad), "{bad}");
    }
}

/// Workers hold the futures of several calls on several threads.
#[test]
fn sends_may_be_held_by_any_thread() {
    use crate::testing::push::{plain, push, receipt, targets};
    use crate::{apns::Apns, fcm::Fcm, huawei::Huawei};
    use model::certificate::{ApnsCertificate, FcmCertificate, HuaweiCertificate};
    use model::certificate::{MeizuCertificate, OppoCertificate, VivoCertificate, XiaomiCertificate};

    const fn held<T: Send>(_: &T) {}
    // Never called: it is enough that it compiles.
    fn all(
        channels: (&crate::meizu::Meizu, &crate::oppo::Oppo, &crate::vivo::Vivo, &crate::xiaomi::Xiaomi),
        certificates: (&MeizuCertificate, &OppoCertificate, &VivoCertificate, &XiaomiCertificate),
    ) {
        let (message, receipt, targets) = (plain(), receipt(), targets(["a"]));
        held(&channels.0.send(push(&message, &receipt, &targets, certificates.0)));
        held(&channels.1.send(push(&message, &receipt, &targets, certificates.1)));
        held(&channels.2.send(push(&message, &receipt, &targets, certificates.2)));
        held(&channels.3.send(push(&message, &receipt, &targets, certificates.3)));
    }
    fn others(channels: (&Apns, &Fcm, &Huawei), certificates: (&ApnsCertificate, &FcmCertificate, &HuaweiCertificate)) {
        let (message, receipt, targets) = (plain(), receipt(), targets(["a"]));
        held(&channels.0.send(push(&message, &receipt, &targets, certificates.0)));
        held(&channels.1.send(push(&message, &receipt, &targets, certificates.1)));
        held(&channels.2.send(push(&message, &receipt, &targets, certificates.2)));
    }
    let _ = (all, others);
}

fn target(token: &str) -> Target {
    Target { token: DeviceToken::new(token), badge: None }
}

/// How a call ends for `hangs` that takes too long, and for everybody else who is answered at once.
async fn answered(chunk: &[&Target]) -> Vec<Ended> {
    if chunk.iter().any(|target| target.token.as_str() == "hangs") {
        std::future::pending::<()>().await;
    }
    Ended::ok().times(chunk.len())
}

#[tokio::test]
async fn a_call_that_hangs_is_cut_off_alone_and_none_begins_after_that() {
    let limits = ChannelLimits {
        recipients_per_call: NonZeroUsize::new(2).unwrap(),
        calls_in_flight: NonZeroUsize::new(2).unwrap(),
        recognises_repeats: false,
    };
    let until = || Instant::now() + Duration::from_millis(200);
    let reasons = |ended: Vec<Ended>| ended.iter().map(|ended| ended.reason).collect::<Vec<_>>();
    let targets = ["a", "b", "hangs", "c", "d", "e"].map(target);
    let ended = chunks::in_chunks(&targets, limits, until(), |chunk| answered(chunk).boxed()).await;
    assert_eq!(reasons(ended), ["ok", "ok", "cut_off", "cut_off", "ok", "ok"]);
    // Both places are taken until time is up.
    let targets = ["hangs", "a", "hangs", "b", "c", "d"].map(target);
    let ended = chunks::in_chunks(&targets, limits, until(), |chunk| answered(chunk).boxed()).await;
    assert_eq!(reasons(ended), ["cut_off", "cut_off", "cut_off", "cut_off", "not_begun", "not_begun"]);
}

#[tokio::test]
async fn what_the_calls_within_a_call_were_answered_is_not_cut_off_with_it() {
    let whole = ChannelLimits { recipients_per_call: NonZeroUsize::new(100).unwrap(), ..chunks::ONE_BY_ONE };
    let targets = ["a", "hangs", "b"].map(target);
    let until = Instant::now() + Duration::from_millis(700);
    let ended = chunks::in_chunks(&targets, whole, until, |chunk| {
        let one_by_one = chunks::in_chunks(chunk.iter().copied(), chunks::ONE_BY_ONE, chunks::within(until), |one| {
            answered(one).boxed()
        });
        one_by_one.boxed()
    })
    .await;
    assert_eq!(ended, [Ended::ok(), fault::cut_off(), Ended::ok()]);
}
