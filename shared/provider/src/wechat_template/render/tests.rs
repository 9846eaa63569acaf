use super::*;
use model::account::NoticePart;
use model::clock::Timestamp;
use model::ids::MessageId;
use model::message::Naming;

fn full(key: &str, value: &str) -> Result<String, &'static str> {
    fit(key, value, Width::Full)
}

#[track_caller]
fn fits(key: &str, value: &str, shown: &str) {
    assert_eq!(full(key, value).as_deref(), Ok(shown), "{key} {value:?}");
}

fn notice() -> Notice {
    Notice {
        app_name: "监控".to_owned(),
        summary: "磁盘快满了".to_owned(),
        naming: Naming { message_id: MessageId::new(1001), id_per_slot: true, nonce: "nonce".to_owned() },
        sent_ms: Timestamp::from_millis(1_795_449_599_999),
        url: "https://example.com/m/1".to_owned(),
    }
}

#[test]
fn long_texts_are_shortened_as_other_clients_do_it() {
    for (key, most) in [("thing4", 20), ("const1", 20), ("character_string3", 32), ("car_number1", 8)] {
        let (just, over) = ("a".repeat(most), "a".repeat(most + 1));
        fits(key, &just, &just);
        fits(key, &over, &format!("{}...", "a".repeat(most - 3)));
    }
    fits("phone_number2", "+86-0755-1234567", "+86-0755-1234567");
    fits("phone_number2", "+86-0755-123456789", "+86-0755-12345...");
}

#[test]
fn length_is_counted_in_scalar_values_never_in_bytes() {
    let twenty = "磁盘快满了".repeat(4);
    fits("thing1", &twenty, &twenty);
    let emoji = "😀".repeat(21);
    fits("thing1", &emoji, &format!("{}...", "😀".repeat(17)));
}

#[test]
fn a_value_that_its_type_cannot_hold_is_refused_and_not_cut() {
    for (key, value) in [
        ("character_string3", "磁盘"),
        ("phone_number1", "call me"),
        ("number1", "12a"),
        ("number1", "1.2.3"),
        ("number1", "."),
        ("letter1", "abc1"),
        ("letter1", ""),
        ("symbol1", "a"),
        ("symbol1", "!!!!!!"),
        ("time2", "soon"),
        ("time2", "2026-11-23"),
        ("time2", "25:00"),
        ("time2", "12:60"),
        ("time2", "12:5"),
        ("time2", "2026-13-01 12:00"),
        ("time2", "12:00~13:00~14:00"),
        ("date1", "12:00"),
        ("date1", "23-11-2026"),
        ("amount1", "12345678901"),
        ("amount1", "ten"),
        ("name1", "alice2"),
        ("name1", "一二三四五六七八九十一"),
        ("name1", "-"),
        ("phrase1", "一二三四五六"),
        ("phrase1", "abc"),
    ] {
        assert!(full(key, value).is_err(), "{key} {value}");
    }
}

#[test]
fn well_formed_typed_values_pass_as_they_are() {
    for (key, value) in [
        ("number1", "-12.50"),
        ("letter1", "abcXYZ"),
        ("symbol1", "#!?"),
        ("time2", "2026-11-23 23:59:59"),
        ("time2", "2026年11月23日 9:30"),
        ("time2", "9:30~11:00"),
        ("time2", "2026-11-23 09:30 ~ 2026-11-24 10:00"),
        ("date1", "2026-11-23"),
        ("date1", "2026年11月23日~2026年11月24日"),
        ("date1", "2026/11/23 10:00"),
        ("amount1", "¥12.50元"),
        ("amount1", "100"),
        ("amount1", "$0.5"),
        ("name1", "张三"),
        ("name1", "Grace Hopper"),
        ("phrase1", "已处理"),
        ("car_number1", "粤A12345"),
    ] {
        fits(key, value, value);
    }
}

#[test]
fn a_blank_value_becomes_a_placeholder() {
    for blank in ["", " ", "\n\t", "\u{200b}\u{feff}", "\u{3000}", "\u{0}"] {
        for key in ["thing1", "first", "keyword1", "remark", "character_string1", "const1"] {
            fits(key, blank, "-");
        }
    }
}

#[test]
fn a_typed_text_stands_on_one_line_and_an_untyped_one_keeps_its_lines() {
    fits("thing1", " disk\n\nis  full\r\n", "disk is full");
    fits("remark", " disk\nis\tfull\u{7}\n", "disk\nisfull");
}

#[test]
fn an_untyped_text_has_room_until_wechat_complains() {
    let long = "x".repeat(201);
    fits("keyword1", &"x".repeat(200), &"x".repeat(200));
    fits("keyword1", &long, &format!("{}…", "x".repeat(199)));
    assert_eq!(fit("keyword1", &long, Width::Tight), Ok(format!("{}…", "x".repeat(19))));
    assert_eq!(fit("character_string1", &long, Width::Tight), Ok(format!("{}...", "x".repeat(17))));
}

#[test]
fn each_part_of_a_notice_fits_the_demo_templates() {
    let field = |key: &str, shows| NoticeField { key: key.to_owned(), shows };
    let typed = [
        field("thing1", NoticePart::Summary),
        field("time2", NoticePart::Time),
        field("character_string3", NoticePart::Reference),
    ];
    let Data(shown) = render(&typed, &notice(), 2, Width::Full).unwrap();
    let shown: Vec<(&str, &str)> = shown.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(shown, [("thing1", "磁盘快满了"), ("time2", "2026-11-23 23:59:59"), ("character_string3", "RID1003")]);
}

#[test]
fn an_impossible_template_names_its_key() {
    let fields = [NoticeField { key: "phrase3".to_owned(), shows: NoticePart::Reference }];
    let error = render(&fields, &notice(), 0, Width::Full).unwrap_err();
    assert_eq!(error.key, "phrase3");
    assert!(error.to_string().contains("at most 5 Chinese characters"), "{error}");
}
