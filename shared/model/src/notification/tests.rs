use super::android::{Block, Click, ClickAction, HuaweiBlock, Phone, VivoBlock};
use super::badge::Badge;
use super::check::{Flaw, names_picture};
use super::ext::{Ext, NotAnObject};
use super::shrink::{Parts, fit};
use super::text::{cut, cut_json, json_bytes};
use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn text(body: &str) -> Notification {
    Notification { body: body.to_owned(), ..Notification::default() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_badge_is_a_number_or_a_step() {
    assert_eq!(Badge::parse(""), Some(Badge::Add(1)), "the documented default");
    assert_eq!(Badge::parse("0"), Some(Badge::Set(0)));
    assert_eq!(Badge::parse("150"), Some(Badge::Set(150)));
    assert_eq!(Badge::parse("+150"), Some(Badge::Add(150)));
    for bad in ["-1", "+", "+1.5", "abc", "++1", "+-1", " 1", "4294967296", "１"] {
        assert_eq!(Badge::parse(bad), None, "{bad}");
    }
    assert_eq!(Badge::Add(2).counter(3), 5);
    assert_eq!(Badge::Set(0).counter(3), 0);
    assert_eq!(Badge::Add(1).counter(u32::MAX), u32::MAX);
}

#[test]
fn a_vendors_block_overrides_android_field_by_field() {
    let message = Notification {
        android: Block {
            sound: some("ring"),
            channel_id: some("ch"),
            click_action: Some(ClickAction::OpenApp),
            intent: some("I"),
        },
        vivo: VivoBlock {
            block: Block { click_action: Some(ClickAction::Intent), ..Block::default() },
            ..VivoBlock::default()
        },
        huawei: HuaweiBlock { block: Block { sound: some("bell"), ..Block::default() }, ..HuaweiBlock::default() },
        ..text("Body")
    };
    let vivo = message.effective(Phone::Vivo);
    assert_eq!(vivo.click, Click::Intent("I"), "the page comes from `android`");
    assert_eq!(vivo.sound, Some("ring"));
    let huawei = message.effective(Phone::Huawei);
    assert_eq!((huawei.sound, huawei.channel_id, huawei.click), (Some("bell"), Some("ch"), Click::OpenApp));
    assert_eq!(message.check(NOW), Ok(()));
}

#[test]
fn a_page_that_no_block_names_is_refused_by_the_blocks_name() {
    let intent = Block { click_action: Some(ClickAction::Intent), ..Block::default() };
    let android = Notification { android: intent.clone(), ..text("Body") };
    assert_eq!(android.check(NOW), Err(Flaw::NoIntent("android")));
    let meizu = Notification { meizu: intent, ..text("Body") };
    let refused = meizu.check(NOW).unwrap_err();
    assert_eq!(refused.to_string(), "`message.flyme.intent` is required when `click_action` is `intent`");
}

#[test]
fn nothing_to_show_is_refused_unless_nothing_is_shown() {
    assert_eq!(Notification::default().check(NOW), Err(Flaw::Empty));
    assert_eq!(Notification { kind: Kind::Image, ..Notification::default() }.check(NOW), Err(Flaw::Empty));
    assert_eq!(Notification { kind: Kind::Cmd, ..Notification::default() }.check(NOW), Ok(()));
    assert_eq!(Notification { title: "Hi".to_owned(), ..Notification::default() }.check(NOW), Ok(()));
}

/// Row 58.
#[test]
fn a_picture_is_told_by_the_end_of_its_path() {
    for good in ["https://a/b.jpg", "https://a/b.JPEG", "https://a/b.png?x=1", "https://a/b.jpg#c.gif"] {
        assert!(names_picture(good), "{good}");
    }
    for bad in ["https://a/b.gif", "https://a/b", "https://a/b.gif?c.jpg", "jpg"] {
        assert!(!names_picture(bad), "{bad}");
    }
    let gif = Notification { attachment_url: some("https://a/b.gif"), ..text("Body") };
    assert_eq!(gif.check(NOW), Ok(()), "a text may have a sound or a film beside it");
    assert_eq!(Notification { kind: Kind::Image, ..gif }.check(NOW), Err(Flaw::NotAPicture));
}

/// Row 29.
#[test]
fn a_collapse_id_is_counted_in_bytes() {
    let with = |id: String| Notification { ios: Ios { collapse_id: Some(id), ..Ios::default() }, ..text("Body") };
    assert_eq!(with("a".repeat(64)).check(NOW), Ok(()));
    assert_eq!(with("a".repeat(65)).check(NOW), Err(Flaw::LongCollapseId));
    assert_eq!(with("字".repeat(21)).check(NOW), Ok(()));
    assert_eq!(with("字".repeat(22)).check(NOW), Err(Flaw::LongCollapseId));
}

/// Row 56.
#[test]
fn a_message_ends_after_it_begins_and_not_yet() {
    let with = |begin: Option<i64>, end: Option<i64>| {
        let at = |offset: Option<i64>| offset.map(|offset| Timestamp::from_seconds(NOW.seconds() + offset));
        Notification { show_begin: at(begin), show_end: at(end), ..text("Body") }.check(NOW)
    };
    assert_eq!(with(None, Some(1)), Ok(()));
    assert_eq!(with(None, Some(0)), Err(Flaw::EndsTooEarly));
    assert_eq!(with(Some(-10), Some(1)), Ok(()), "a beginning that has passed is now");
    assert_eq!(with(Some(10), Some(10)), Err(Flaw::EndsTooEarly));
    assert_eq!(with(Some(30 * 86_400), None), Ok(()));
    assert_eq!(with(Some(30 * 86_400 + 1), None), Err(Flaw::BeginsTooLate));
}

#[test]
fn a_message_lives_to_its_end_or_for_a_day() {
    assert_eq!(text("a").ttl(NOW), DEFAULT_TTL);
    assert_eq!(text("a").end(NOW), NOW.plus(DEFAULT_TTL));
    let ending = Notification { show_end: Some(NOW.plus(Duration::from_millis(1500))), ..text("a") };
    assert_eq!(ending.ttl(NOW), Duration::from_secs(2));
    assert_eq!(ending.ttl(NOW.plus(Duration::from_secs(9))), Duration::ZERO);
}

#[test]
fn data_keeps_every_digit_and_loses_its_blanks() {
    let ext = Ext::parse("{ \"n\" : 12345678901234567890.50,\n\t\"s\": \"a \\\" b\\\\\" , \"o\": {\"x\": [1, null]} }")
        .unwrap();
    assert_eq!(ext.as_json(), r#"{"n":12345678901234567890.50,"s":"a \" b\\","o":{"x":[1,null]}}"#);
    let texts = ext.texts();
    assert_eq!(texts["n"], "12345678901234567890.50");
    assert_eq!(texts["s"], "a \" b\\");
    assert_eq!(texts["o"], r#"{"x":[1,null]}"#);
    for bad in ["", "[]", "null", "\"a\"", "{\"a\":1", "{\"a\":1} x"] {
        assert_eq!(Ext::parse(bad), Err(NotAnObject), "{bad}");
    }
    assert_eq!(format!("{:?}", Ext::parse("{\"secret\":1}").unwrap()), "Ext(12 bytes)");
}

/// Row 25.
#[test]
fn texts_are_cut_between_scalar_values() {
    let emoji = "😀".repeat(60);
    for most in [32, 40, 49, 50] {
        let cut = cut(&emoji, most);
        assert_eq!(cut.chars().count(), most);
        assert!(cut.ends_with("😀…"), "{cut}");
    }
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "ab…");
    assert_eq!(cut("abcd", 1), "…");
    assert_eq!(cut("abcd", 0), "");
}

#[test]
fn bytes_of_json_are_counted_as_they_are_written() {
    for text in ["", "plain", "\"\\/\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}", "汉字😀\u{2028}"] {
        assert_eq!(json_bytes(text), serde_json::to_string(text).unwrap().len() - 2, "{text:?}");
    }
    assert_eq!(cut_json("\"\"\"\"", 8).unwrap(), "\"\"\"\"");
    assert_eq!(cut_json("\"\"\"\"\"", 9).unwrap(), "\"\"\"…");
    assert_eq!(cut_json("汉字", 5), None, "not one fits with the dots");
}

/// Stands for a vendor: shows one text, and everything in JSON.
fn payload(parts: &Parts<'_>) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ "text": parts.longest_text(), "image": parts.attachment_url })).unwrap()
}

#[test]
fn a_message_loses_its_attachment_first_and_then_the_end_of_its_text() {
    let message = Notification {
        attachment_url: some(&"u".repeat(80)),
        big_text: some(&"大".repeat(40)),
        ..text(&"b".repeat(90))
    };
    let fits = |most| fit(&message, most, payload).map(|bytes| String::from_utf8(bytes).unwrap());
    let whole = String::from_utf8(payload(&Parts::whole(&message))).unwrap();
    assert_eq!(fits(whole.len()).unwrap(), whole);
    let no_image = fits(whole.len() - 1).unwrap();
    assert!(no_image.contains("null") && no_image.contains(&"大".repeat(40)), "{no_image}");
    let cut = fits(100).unwrap();
    assert!(cut.len() <= 100 && cut.contains("大…"), "{cut}");
    // The long text does not fit at all, so the body is shown in its place, as far as it goes.
    let body = fits(29).unwrap();
    assert!(body.len() <= 29 && body.contains("b…"), "{body}");
    assert_eq!(fits(20), None, "what stands around the text is too large already");
}

#[test]
fn a_message_that_fits_is_rendered_once() {
    let calls = std::cell::Cell::new(0);
    let message = text("Body");
    let counted = |parts: &Parts<'_>| {
        calls.set(calls.get() + 1);
        payload(parts)
    };
    assert!(fit(&message, 4096, counted).is_some());
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_stored_message_is_short_and_reads_back() {
    let message = Notification {
        ext: Ext::parse("{\"k\":1}").ok(),
        huawei: HuaweiBlock { badge_class: some("com.a.Main"), ..HuaweiBlock::default() },
        vivo: VivoBlock { test_push: true, ..VivoBlock::default() },
        ..text("Body")
    };
    let stored = serde_json::to_string(&message).unwrap();
    assert_eq!(
        stored,
        r#"{"body":"Body","ext":"{\"k\":1}","huawei":{"badge_class":"com.a.Main"},"vivo":{"test_push":true}}"#
    );
    assert_eq!(serde_json::from_str::<Notification>(&stored).unwrap(), message);
    assert_eq!(Kind::parse("cmd"), Some(Kind::Cmd));
    assert_eq!(Kind::parse("Text"), None);
    assert_eq!(ClickAction::parse("open_app"), Some(ClickAction::OpenApp));
    assert_eq!(ClickAction::parse("url"), None);
}
