//! The documents' own vectors, and rows of the contract that need no stack.

use super::crypto::OpenError;
use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::account::{CallbackMode, WechatCallback};
use model::clock::Timestamp;
use model::ids::{AccountId, OpenId};
use model::inbound::{Finished, FinishedAs, Happening, Inbound, MassCounts};
use model::secret::Secret;

const APPID: &str = "wxb11529c136998cb6";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const OTHER_KEY: &str = "demo0000000000000000000000000000000000000AA";
const RANDOM: [u8; 16] = *b"aaaabbbbccccdddd";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn key(text: &str) -> AesKey {
    AesKey::parse(&secret(text)).expect("a key")
}

/// Message, encrypted text, timestamp, nonce, `msg_signature`; padded by 7, 24 and 32 bytes.
fn vectors() -> [(String, &'static str, &'static str, &'static str, &'static str); 3] {
    [
        (
            "我是中文abcd123".to_owned(),
            "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
            "1409304348",
            "xxxxxx",
            "82c962d39941aa48552f90ef55aa323dc620cc10",
        ),
        (
            "hi".to_owned(),
            "jn1L23DB+6ELqJ+6bruv22gqRCEZYRg7ghKMJ0mD+uA1ybMpIxkWV8Aj0llqKRmlh7I64XL0dvNfn2kFT+Ryug==",
            "1700000000",
            "n0nce",
            "44097c2425deb08d7563da3aa3aa5523719629be",
        ),
        (
            "x".repeat(26),
            "jn1L23DB+6ELqJ+6bruv2whn1fDIMpmLPYOiQU5ZlCf5ISusdxHOJKY4l/VvGZXv1gdIWBk2mReXBoyRsZWbYWp3WTghbH/zS/0xHsPUs416Ez/Wti2iAH72px6IwxBl",
            "1700000000",
            "n0nce",
            "56cef6e382dfcf9025feef86567864a70d8d4bba",
        ),
    ]
}

#[test]
fn row_42_the_documents_address_checks_are_signed() {
    let token = secret("AAAAA");
    let check = |timestamp: &str, nonce: &str, signature: &str| {
        is_address_check(&token, &Query { signature, timestamp, nonce, ..Query::default() })
    };
    assert!(check("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"));
    assert!(check("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"));
    for wrong in [
        "",
        "f464b24fc39322e44b38aa78f5edd27bd144169",
        "F464B24FC39322E44B38AA78F5EDD27BD1441696",
        "e464b24fc39322e44b38aa78f5edd27bd1441696",
    ] {
        assert!(!check("1714036504", "1514711492", wrong), "row 41: {wrong}");
    }
}

#[test]
fn row_43_the_three_vectors_open_whatever_their_padding() {
    let (key, token) = (key(KEY), secret("pamtest"));
    for (message, encrypted, timestamp, nonce, signature) in vectors() {
        assert_eq!(String::from_utf8(key.open(encrypted, APPID).expect("it opens")).unwrap(), message);
        assert_eq!(key.seal(message.as_bytes(), APPID, RANDOM), encrypted);
        assert_eq!(sign(&token, &[timestamp, nonce, encrypted]), signature);
    }
}

#[test]
fn every_padding_from_1_to_32_opens_again() {
    let key = key(OTHER_KEY);
    for length in 0..=64 {
        let message = "m".repeat(length);
        let sealed = key.seal(message.as_bytes(), APPID, RANDOM);
        assert_eq!(STANDARD.decode(&sealed).unwrap().len() % 32, 0);
        assert_eq!(key.open(&sealed, APPID).expect("it opens"), message.as_bytes(), "{length}");
    }
}

/// The vectors' own key ends in bits that no byte has.
#[test]
fn row_44_a_key_with_trailing_bits_is_a_key() {
    assert!(base64::engine::general_purpose::STANDARD.decode(format!("{KEY}=")).is_err(), "else this shows nothing");
    for good in [KEY, OTHER_KEY, &"Z".repeat(43), &"9".repeat(43)] {
        assert!(AesKey::parse(&secret(good)).is_ok(), "{good}");
    }
    for bad in ["", &KEY[1..], &format!("{KEY}G"), &format!("{KEY}="), &"!".repeat(43)] {
        assert_eq!(AesKey::parse(&secret(bad)).unwrap_err(), MalformedKey, "{bad}");
    }
    assert!(!format!("{:?}", key(KEY)).contains("105"), "a key does not show in debug output");
}

#[test]
fn what_was_altered_does_not_open() {
    let key = key(KEY);
    let sealed = STANDARD.decode(key.seal(b"<xml/>", APPID, RANDOM)).unwrap();
    // Nothing in this encryption says that the message is whole: what stands before the last block is for the signature
    // to protect. The last block holds the appid and the padding.
    for at in sealed.len() - 16..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 0x41;
        assert!(key.open(&STANDARD.encode(&altered), APPID).is_err(), "{at}");
    }
    for nonsense in ["", "====", "aGk=", "not base64!", &STANDARD.encode([0; 16]), &STANDARD.encode([7; 31])] {
        assert_eq!(key.open(nonsense, APPID), Err(OpenError::Undecipherable), "{nonsense}");
    }
}

fn callback(mode: CallbackMode) -> WechatCallback {
    WechatCallback {
        original_id: "gh_x".to_owned(),
        token: secret("pamtest"),
        aes_key: Some(secret(KEY)),
        previous_aes_key: Some(secret(OTHER_KEY)),
        mode,
    }
}

const TEXT: &str = "<xml><ToUserName><![CDATA[gh_x]]></ToUserName><FromUserName><![CDATA[oU]]></FromUserName>\
    <CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[#1 hi]]></Content>\
    <MsgId>3717005636572528642</MsgId></xml>";

fn text_is(inbound: &Inbound, content: &str) {
    assert_eq!(inbound.what, Happening::Text { content: content.to_owned() });
}

/// Signs and reads a body as WeChat would send it: encrypted under `under` if there is one.
fn post(mode: CallbackMode, body: &str, under: Option<&str>, appid: &str) -> Result<Call, Refused> {
    let body = match under {
        Some(under) if body.starts_with('{') => {
            serde_json::json!({ "ToUserName": "gh_x", "Encrypt": key(under).seal(body.as_bytes(), appid, RANDOM) })
                .to_string()
        }
        Some(under) => {
            let sealed = key(under).seal(body.as_bytes(), appid, RANDOM);
            format!("<xml><ToUserName><![CDATA[gh_x]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>")
        }
        None => body.to_owned(),
    };
    post_raw(mode, &body, under.is_some(), NOW)
}

fn post_raw(mode: CallbackMode, body: &str, encrypted: bool, now: Timestamp) -> Result<Call, Refused> {
    let callback = callback(mode);
    let (timestamp, nonce) = (NOW.seconds().to_string(), "n0nce");
    let sealed = body::parse(body.as_bytes()).map(|(_, fields)| body::text(&fields, "Encrypt")).unwrap_or_default();
    let query = Query {
        signature: &sign(&callback.token, &[&timestamp, nonce]),
        timestamp: &timestamp,
        nonce,
        encrypt_type: if encrypted { "aes" } else { "" },
        msg_signature: &sign(&callback.token, &[&timestamp, nonce, &sealed]),
    };
    read(&Keys::new(&AccountId::new(APPID), &callback), &query, body.as_bytes(), now)
}

#[test]
fn a_text_is_read_in_every_mode() {
    for (mode, under) in [
        (CallbackMode::Safe, Some(KEY)),
        (CallbackMode::Compatible, Some(KEY)),
        (CallbackMode::Compatible, None),
        (CallbackMode::Plain, None),
    ] {
        let call = post(mode, TEXT, under, APPID).expect("a call");
        text_is(&call.inbound, "#1 hi");
        assert_eq!((call.inbound.to.as_str(), call.inbound.from.as_str()), ("gh_x", "oU"));
        assert_eq!(call.inbound.at, NOW);
        let later = TEXT.replace("1700000000", "1700000009");
        let later = post(CallbackMode::Plain, &later, None, APPID).expect("a call").inbound;
        assert_eq!(call.inbound.repeat_key, later.repeat_key, "`MsgId` alone names a message");
        assert!(!call.inbound.repeat_key.contains("oU"));
    }
}

#[test]
fn row_45_a_message_for_another_appid_is_refused() {
    let refused = post(CallbackMode::Safe, TEXT, Some(KEY), "wx0000000000000000").unwrap_err();
    assert_eq!(refused, Refused::OtherAccount);
    let other = TEXT.replace("gh_x", "gh_y");
    assert_eq!(post(CallbackMode::Safe, &other, Some(KEY), APPID).unwrap_err(), Refused::OtherAccount);
    assert_eq!(post(CallbackMode::Plain, &other, None, APPID).unwrap_err(), Refused::OtherAccount);
}

#[test]
fn row_46_the_previous_key_opens_and_answers() {
    let call = post(CallbackMode::Safe, TEXT, Some(OTHER_KEY), APPID).expect("a call");
    let reply = call.reply(Some(&PassiveReply::Text("yes".to_owned())), NOW, 7, RANDOM);
    let (_, fields) = body::parse(reply.as_bytes()).unwrap();
    let sealed = body::text(&fields, "Encrypt");
    let opened = key(OTHER_KEY).open(&sealed, APPID).expect("the previous key");
    assert!(String::from_utf8(opened).unwrap().contains("<![CDATA[yes]]>"));
    assert!(key(KEY).open(&sealed, APPID).is_err());
    assert_eq!(body::text(&fields, "MsgSignature"), sign(&secret("pamtest"), &["1700000000", "7", &sealed]));
    let order = ["<Encrypt>", "<MsgSignature>", "<TimeStamp>1700000000</TimeStamp>", "<Nonce>"];
    let places: Vec<_> = order.iter().map(|name| reply.find(name).expect("an element")).collect();
    assert!(places.is_sorted(), "{reply}");
}

#[test]
fn row_47_a_safe_account_takes_nothing_in_the_clear() {
    assert_eq!(post(CallbackMode::Safe, TEXT, None, APPID).unwrap_err(), Refused::NotEncrypted);
    // Nor does naming it encrypted help a body that is not.
    assert_eq!(post_raw(CallbackMode::Safe, TEXT, true, NOW).unwrap_err(), Refused::Undecipherable);
}

#[test]
fn row_48_of_a_body_that_comes_twice_the_encrypted_one_counts() {
    let sealed = key(KEY).seal(TEXT.as_bytes(), APPID, RANDOM);
    let both = TEXT.replace("#1 hi", "#666 forged").replace("</xml>", &format!("<Encrypt>{sealed}</Encrypt></xml>"));
    text_is(&post_raw(CallbackMode::Compatible, &both, true, NOW).expect("a call").inbound, "#1 hi");
}

#[test]
fn row_49_json_is_read_like_xml_and_answered_in_json() {
    let json = serde_json::json!({
        "ToUserName": "gh_x", "FromUserName": "oU", "CreateTime": 1_700_000_000, "MsgType": "text",
        "Content": "#1 hi", "MsgId": 3_717_005_636_572_528_642_u64,
    });
    let json = json.to_string();
    for (mode, under) in [(CallbackMode::Safe, Some(KEY)), (CallbackMode::Plain, None)] {
        let call = post(mode, &json, under, APPID).expect("a call");
        assert_eq!(call.inbound, post(mode, TEXT, under, APPID).expect("a call").inbound);
        let reply = call.reply(Some(&PassiveReply::Text("a \"]]>\" b".to_owned())), NOW, 7, RANDOM);
        let mut value: serde_json::Value = serde_json::from_str(&reply).expect("JSON");
        if under.is_some() {
            let opened = key(KEY).open(value["Encrypt"].as_str().unwrap(), APPID).unwrap();
            value = serde_json::from_slice(&opened).expect("JSON");
        }
        assert_eq!((&value["ToUserName"], &value["FromUserName"]), (&"oU".into(), &"gh_x".into()));
        assert_eq!(value["Content"], "a \"]]>\" b");
    }
}

#[test]
fn row_50_a_document_type_is_refused_and_expands_nothing() {
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>{}",
        "x".repeat(100),
        TEXT.replace("<![CDATA[#1 hi]]>", "&b;")
    );
    for body in [
        bomb.as_str(),
        "<!DOCTYPE x SYSTEM \"http://evil.example/x.dtd\"><xml/>",
        "<xml><a>&unknown;</a></xml>",
        "<xml><a></xml></a>",
        "<xml>",
        "<xml/><xml/>",
        "<xml></xml>trailing",
        "",
        "   ",
        "plain words",
        "{\"a\":",
        "[1]",
        &format!("{}{}", "<a>".repeat(40), "</a>".repeat(40)),
    ] {
        let refused = post_raw(CallbackMode::Plain, body, false, NOW).unwrap_err();
        assert!(matches!(refused, Refused::Body(BodyError::Malformed(_))), "{body}: {refused:?}");
    }
    let large = format!("<xml><a>{}</a></xml>", "x".repeat(MAX_BODY_BYTES));
    assert_eq!(post_raw(CallbackMode::Plain, &large, false, NOW).unwrap_err(), Refused::Body(BodyError::TooLarge));
}

#[test]
fn quoted_and_plain_text_and_any_order_are_the_same() {
    let plain = "<?xml version=\"1.0\"?>\n<xml>\n <MsgId>3717005636572528642</MsgId><Unknown><a>1</a></Unknown>\n\
        <Content>#1 &lt;&#x4F60;&#22909;&gt; &amp;</Content><MsgType>text</MsgType><FromUserName> oU </FromUserName>\
        <CreateTime>1700000000</CreateTime><ToUserName>gh_x</ToUserName></xml>";
    text_is(&post(CallbackMode::Plain, plain, None, APPID).expect("a call").inbound, "#1 <你好> &");
}

#[test]
fn a_call_is_believed_for_ten_minutes() {
    let at = |seconds: i64| {
        post_raw(CallbackMode::Plain, TEXT, false, Timestamp::from_seconds(NOW.seconds() + seconds)).map(|_| ())
    };
    assert_eq!((at(600), at(-600)), (Ok(()), Ok(())));
    assert_eq!((at(601), at(-601)), (Err(Refused::Stale), Err(Refused::Stale)));
}

#[test]
fn a_wrong_signature_is_refused_before_the_body_is_looked_at() {
    let callback = callback(CallbackMode::Plain);
    let keys = Keys::new(&AccountId::new(APPID), &callback);
    let good = sign(&callback.token, &["1700000000", "n"]);
    let query = Query { signature: &good, timestamp: "1700000000", nonce: "n", ..Query::default() };
    assert!(read(&keys, &query, TEXT.as_bytes(), NOW).is_ok());
    for (changed, body) in [
        (Query { signature: "", ..query }, TEXT),
        (Query { nonce: "m", ..query }, TEXT),
        (Query { timestamp: "1700000001", ..query }, TEXT),
        (Query::default(), "<!DOCTYPE"),
    ] {
        assert_eq!(read(&keys, &changed, body.as_bytes(), NOW).unwrap_err(), Refused::Signature("signature"));
    }
    let sealed = key(KEY).seal(TEXT.as_bytes(), APPID, RANDOM);
    let body = format!("<xml><Encrypt>{sealed}</Encrypt></xml>");
    let changed = Query { encrypt_type: "aes", msg_signature: &good, ..query };
    assert_eq!(read(&keys, &changed, body.as_bytes(), NOW).unwrap_err(), Refused::Signature("msg_signature"));
}

fn event(name: &str, more: &str) -> Inbound {
    let body = format!(
        "<xml><ToUserName>gh_x</ToUserName><FromUserName>oU</FromUserName><CreateTime>1700000000</CreateTime>\
         <MsgType>event</MsgType><Event>{name}</Event>{more}</xml>"
    );
    post(CallbackMode::Plain, &body, None, APPID).expect("a call").inbound
}

fn scene_of(inbound: &Inbound) -> Option<String> {
    match &inbound.what {
        Happening::Subscribe { scene } => scene.clone(),
        Happening::Scan { scene } => Some(scene.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn row_52_the_prefix_of_a_scene_is_taken_off_once() {
    let scene = |key: &str| scene_of(&event("subscribe", key));
    assert_eq!(scene("<EventKey><![CDATA[qrscene_qrscene_1]]></EventKey>").as_deref(), Some("qrscene_1"));
    for none in ["<EventKey></EventKey>", "<EventKey/>", "", "<EventKey>last_trade_no_1</EventKey>"] {
        assert_eq!(scene(none), None, "{none}");
    }
}

#[test]
fn row_53_a_scan_and_a_first_scan_have_the_same_scene() {
    let first = event("subscribe", "<EventKey>qrscene_abc</EventKey><Ticket>T</Ticket>");
    let later = event("SCAN", "<EventKey>abc</EventKey><Ticket>T</Ticket>");
    assert_eq!(scene_of(&first), scene_of(&later));
    assert_ne!(first.repeat_key, later.repeat_key);
}

#[test]
fn events_are_known_whatever_their_case() {
    assert_eq!(event("UnSubscribe", "").what, Happening::Unsubscribe);
    assert_eq!(event("CLICK", "<EventKey>K</EventKey>").what, Happening::Click { key: "K".to_owned() });
    assert_eq!(event("VIEW", "<EventKey>http://x</EventKey>").what, Happening::Other { event: "view".to_owned() });
}

#[test]
fn row_51_a_repeat_has_the_key_of_the_first_and_nothing_else_has() {
    let click = |key: &str| event("CLICK", &format!("<EventKey>{key}</EventKey>")).repeat_key;
    assert_eq!(click("a"), click("a"));
    for other in [click("b"), event("SCAN", "<EventKey>a</EventKey>").repeat_key] {
        assert_ne!(click("a"), other);
    }
    let text = |body: &str| post(CallbackMode::Plain, body, None, APPID).expect("a call").inbound.repeat_key;
    assert_ne!(text(TEXT), text(&TEXT.replace("8642<", "8643<")));
}

#[test]
fn row_55_finish_events_name_their_message_by_msgid() {
    let finish = |status: &str| {
        let more = format!("<MsgID>3717005636572528642</MsgID><Status><![CDATA[{status}]]></Status>");
        event("TEMPLATESENDJOBFINISH", &more)
    };
    for (status, end) in [
        ("success", FinishedAs::Delivered),
        ("failed:user block", FinishedAs::UserBlocked),
        ("failed: system failed", FinishedAs::SystemFailed),
    ] {
        let expected =
            Happening::Finished { messages: vec![Finished { msgid: 3_717_005_636_572_528_642, end, counts: None }] };
        assert_eq!(finish(status).what, expected, "{status}");
    }
    let mass = event(
        "MASSSENDJOBFINISH",
        "<MsgID>1000001625</MsgID><Status>err(30003)</Status><TotalCount>9</TotalCount><FilterCount>8</FilterCount><SentCount>5</SentCount><ErrorCount>3</ErrorCount>",
    );
    let counts = Some(MassCounts { total: 9, filtered: 8, sent: 5, errors: 3 });
    let end = FinishedAs::Failed { text: "err(30003)".to_owned() };
    assert_eq!(mass.what, Happening::Finished { messages: vec![Finished { msgid: 1_000_001_625, end, counts }] });
}

#[test]
fn a_list_of_subscription_events_is_an_object_or_an_array() {
    let sent = |list: &str| {
        let json = format!(
            r#"{{"ToUserName":"gh_x","FromUserName":"oU","CreateTime":1700000000,"MsgType":"event","Event":"subscribe_msg_sent_event","List":{list}}}"#
        );
        post(CallbackMode::Plain, &json, None, APPID).expect("a call").inbound.what
    };
    let one = r#"{"TemplateId":"T","MsgID":"17","ErrorCode":"0","ErrorStatus":"success"}"#;
    let two = r#"{"TemplateId":"T","MsgID":18,"ErrorCode":43101,"ErrorStatus":"user refuse to accept the msg"}"#;
    let first = Finished { msgid: 17, end: FinishedAs::Delivered, counts: None };
    let refused = FinishedAs::Failed { text: "user refuse to accept the msg".to_owned() };
    assert_eq!(sent(one), Happening::Finished { messages: vec![first.clone()] });
    assert_eq!(
        sent(&format!("[{one},{two}]")),
        Happening::Finished {
            messages: vec![first.clone(), Finished { msgid: 18, end: refused.clone(), counts: None }]
        }
    );
    let xml = event(
        "subscribe_msg_sent_event",
        "<SubscribeMsgSentEvent><List><TemplateId>T</TemplateId><MsgID>17</MsgID><ErrorCode>0</ErrorCode></List>\
         <List><MsgID>18</MsgID><ErrorCode>43101</ErrorCode><ErrorStatus>user refuse to accept the msg</ErrorStatus></List>\
         </SubscribeMsgSentEvent>",
    );
    assert_eq!(
        xml.what,
        Happening::Finished { messages: vec![first, Finished { msgid: 18, end: refused, counts: None }] }
    );
}

#[test]
fn row_58_a_reply_stays_well_formed_whatever_it_says() {
    let call = post(CallbackMode::Plain, TEXT, None, APPID).expect("a call");
    for said in ["]]>", "a]]]]>>b", "<xml>&amp;</xml>", "行\n行\t\u{1}\u{0}", "]]>]]>]]>"] {
        let reply = call.reply(Some(&PassiveReply::Text(said.to_owned())), NOW, 7, RANDOM);
        let (_, fields) = body::parse(reply.as_bytes()).expect("well-formed");
        let shown: String = said.chars().filter(|&c| c == '\n' || c == '\t' || !c.is_control()).collect();
        assert_eq!(body::text(&fields, "Content"), shown);
        // The classic mistake: the reply goes to whom the call came from.
        assert_eq!(
            (body::text(&fields, "ToUserName"), body::text(&fields, "FromUserName")),
            ("oU".into(), "gh_x".into())
        );
        assert_eq!(body::text(&fields, "MsgType"), "text");
    }
    let news = PassiveReply::News {
        title: "T]]>".to_owned(),
        description: "D".to_owned(),
        picture: String::new(),
        url: "https://a.example/?a=1&b=2".to_owned(),
    };
    let (_, fields) = body::parse(call.reply(Some(&news), NOW, 7, RANDOM).as_bytes()).expect("well-formed");
    assert_eq!(fields["Articles"]["item"]["Title"], "T]]>");
    let image = PassiveReply::Image { media_id: "M".to_owned() };
    let (_, fields) = body::parse(call.reply(Some(&image), NOW, 7, RANDOM).as_bytes()).expect("well-formed");
    assert_eq!(fields["Image"]["MediaId"], "M");
    assert_eq!(call.reply(None, NOW, 7, RANDOM), "success");
}

#[test]
fn a_text_is_cut_at_a_character_where_wechat_would_refuse_it() {
    let call = post(CallbackMode::Plain, TEXT, None, APPID).expect("a call");
    let reply = call.reply(Some(&PassiveReply::Text("字".repeat(700))), NOW, 7, RANDOM);
    let (_, fields) = body::parse(reply.as_bytes()).unwrap();
    assert_eq!(body::text(&fields, "Content"), "字".repeat(682));
}

#[test]
fn what_lacks_its_sender_or_type_cannot_be_read() {
    for missing in ["FromUserName", "CreateTime", "MsgType"] {
        let body = TEXT.replace(missing, "Other");
        let refused = post(CallbackMode::Plain, &body, None, APPID).unwrap_err();
        assert!(matches!(refused, Refused::Body(_)), "{missing}: {refused:?}");
    }
    let from = post(CallbackMode::Plain, TEXT, None, APPID).unwrap().inbound.from;
    assert_eq!(from, OpenId::new("oU"));
}
