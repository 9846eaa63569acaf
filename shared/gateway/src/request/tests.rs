use super::*;

fn fields(json: &str) -> Fields {
    let request = Request { body: Bytes::from(json.to_owned()), ..Request::default() };
    request.json_object().unwrap()
}

fn message(error: ApiError) -> String {
    match error {
        ApiError::Unreadable { message } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn null_missing_and_blank_are_the_same() {
    let fields = fields(r#"{"a":null,"b":"","c":[],"d":[null,""," "]}"#);
    assert_eq!(fields.integer("a").unwrap(), None);
    assert_eq!(fields.integer("b").unwrap(), None);
    assert_eq!(fields.boolean("b").unwrap(), None);
    assert_eq!(fields.text("a").unwrap(), None);
    assert_eq!(fields.text("missing").unwrap(), None);
    assert!(fields.texts("c").unwrap().is_empty() && fields.texts("d").unwrap().is_empty());
    assert!(fields.integers("d").unwrap().is_empty() && fields.integers("a").unwrap().is_empty());
}

#[test]
fn numbers_and_text_change_into_each_other() {
    let fields = fields(r#"{"n":"10","f":2.0,"t":42,"ids":["10",11,"012"],"flags":"true","one":1,"uids":["a",5]}"#);
    assert_eq!(fields.integer("n").unwrap(), Some(10));
    assert_eq!(fields.integer("f").unwrap(), Some(2));
    assert_eq!(fields.text("t").unwrap().as_deref(), Some("42"));
    assert_eq!(fields.integers("ids").unwrap(), [10, 11, 12]);
    assert_eq!(fields.boolean("flags").unwrap(), Some(true));
    assert_eq!(fields.boolean("one").unwrap(), Some(true));
    assert_eq!(fields.texts("uids").unwrap(), ["a", "5"]);
}

#[test]
fn what_means_nothing_names_its_field() {
    let fields = fields(r#"{"ids":["test"],"uids":"UID_x","content":{},"n":"x","b":"yes","big":1e300}"#);
    assert!(message(fields.integers("ids").unwrap_err()).contains("ids"));
    assert!(message(fields.texts("uids").unwrap_err()).contains("uids"), "a scalar is not wrapped");
    assert!(message(fields.text("content").unwrap_err()).contains("content"));
    assert!(message(fields.integer("n").unwrap_err()).contains('n'));
    assert!(message(fields.boolean("b").unwrap_err()).contains('b'));
    assert!(message(fields.integer("big").unwrap_err()).contains("big"));
}

#[test]
fn the_last_of_two_equal_keys_wins() {
    assert_eq!(fields(r#"{"a":1,"a":2}"#).integer("a").unwrap(), Some(2));
}

#[test]
fn only_an_object_is_read() {
    for body in ["", "  \n", "[]", "3", "{\"a\":", "null"] {
        let request = Request { body: Bytes::from(body.to_owned()), ..Request::default() };
        assert!(matches!(request.json_object(), Err(ApiError::Unreadable { .. })), "{body:?}");
    }
}

#[test]
fn json_is_recognised_with_any_charset_and_nothing_else_is() {
    let typed = |content_type: &str| {
        let mut request = Request { body: Bytes::from_static(b"{}"), ..Request::default() };
        request.headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        request.json_object()
    };
    assert!(typed("application/json").is_ok());
    assert!(typed("Application/JSON; charset=GBK").is_ok());
    assert!(matches!(typed("text/plain"), Err(ApiError::ContentType { .. })));
    assert!(matches!(typed("application/x-www-form-urlencoded"), Err(ApiError::ContentType { .. })));
}

#[test]
fn a_query_is_decoded_once_and_repeats_are_joined() {
    let request = Request {
        raw_query: "uid=a&uid=b&content=%E4%BD%A0+x&topicId=&url=http%253A%252F%252Fx".to_owned(),
        ..Request::default()
    };
    let query = request.query();
    assert_eq!(query.get("uid"), Some("a,b"));
    assert_eq!(query.get("content"), Some("你 x"));
    assert_eq!(query.get("topicId"), None);
    assert_eq!(query.get("url"), Some("http%3A%2F%2Fx"));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(fields("\u{feff}{\"a\":1}").integer("a").unwrap(), Some(1));
}

#[test]
fn half_an_emoji_becomes_a_replacement_character() {
    let text = |json: &str| fields(json).text("a").unwrap().unwrap();
    assert_eq!(text(r#"{"a":"x\ud83d"}"#), "x\u{fffd}");
    assert_eq!(text(r#"{"a":"\ude00y"}"#), "\u{fffd}y");
    assert_eq!(text(r#"{"a":"\ud83d\ud83d\ude00"}"#), "\u{fffd}😀", "the whole one beside it stays whole");
    assert_eq!(text(r#"{"a":"\\ud83d"}"#), "\\ud83d", "an escaped backslash is no escape");
    assert_eq!(text(r#"{"a":"\u00e9\n"}"#), "é\n");
    let cut = Request { body: Bytes::from_static(br#"{"a":"\ud8"#), ..Request::default() };
    assert!(matches!(cut.json_object(), Err(ApiError::Unreadable { .. })));
    let end = Request { body: Bytes::from_static(br#"{"a":"\"#), ..Request::default() };
    assert!(matches!(end.json_object(), Err(ApiError::Unreadable { .. })));
}

#[test]
fn the_public_address_is_the_configured_one_or_the_callers() {
    let with = |headers: &[(&'static str, &'static str)]| {
        let mut request = Request::default();
        for (name, value) in headers {
            request.headers.insert(*name, HeaderValue::from_static(value));
        }
        request
    };
    let url = |request: &Request, configured: &str| request.public_url(configured).ok();
    let called = with(&[("host", "abc.execute-api.us-east-1.amazonaws.com"), ("x-forwarded-host", "evil.example")]);
    assert_eq!(url(&called, "https://push.example.com").as_deref(), Some("https://push.example.com"));
    assert_eq!(url(&called, "").as_deref(), Some("https://abc.execute-api.us-east-1.amazonaws.com"));
    let plain = with(&[("host", "127.0.0.1:8080"), ("x-forwarded-proto", "http")]);
    assert_eq!(url(&plain, "").as_deref(), Some("http://127.0.0.1:8080"));
    for host in ["", "evil.example/x", "a b", "evil.example?", "user@evil.example", "x\"onload=y"] {
        assert_eq!(url(&with(&[("host", host)]), ""), None, "{host}");
    }
    assert_eq!(url(&with(&[]), ""), None);
}

#[test]
fn a_query_is_read_as_numbers_and_booleans() {
    let request = Request { raw_query: "a=%2012&b=x&c=true&d=&e=2".to_owned(), ..Request::default() };
    let query = request.query();
    assert_eq!(query.integer("a").ok(), Some(Some(12)));
    assert!(query.integer("b").is_err() && query.boolean("e").is_err());
    assert_eq!(query.boolean("c").ok(), Some(Some(true)));
    assert_eq!((query.integer("d").ok(), query.boolean("f").ok()), (Some(None), Some(None)));
}
