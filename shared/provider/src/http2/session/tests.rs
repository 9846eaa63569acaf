use super::*;
use crate::http2::frame::Head;
use bytes::Bytes;
use futures::task::noop_waker;
use http::{HeaderMap, HeaderName, StatusCode, header};

/// What a server sends.
struct Said(Vec<u8>);

impl Said {
    fn nothing() -> Self {
        Self(Vec::new())
    }

    /// What a server says first.
    fn settings(settings: &[(u16, u32)]) -> Self {
        let mut said = Self::nothing();
        frame::settings(&mut said.0, settings);
        said
    }

    fn frame(mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        frame::begin(&mut self.0, payload.len(), kind, flags, stream);
        self.0.extend_from_slice(payload);
        self
    }

    fn number(mut self, kind: u8, stream: u32, number: u32) -> Self {
        frame::number(&mut self.0, kind, stream, number);
        self
    }

    /// An answer of status 200 with that body.
    fn answer(self, stream: u32, body: &[u8]) -> Self {
        let said = self.frame(kind::HEADERS, flag::END_HEADERS, stream, OK);
        said.frame(kind::DATA, flag::END_STREAM, stream, body)
    }

    fn goaway(self, last: u32, code: Code) -> Self {
        self.frame(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), code.0.to_be_bytes()].concat())
    }
}

/// `:status: 200`.
const OK: &[u8] = &[0x88];
const LIMIT: Option<usize> = Some(100_000);

/// Asks for something.
fn ask(session: &mut Session, body: impl Into<Bytes>, limit: Option<usize>) -> Result<u32, Failure> {
    ask_with(session, &HeaderMap::new(), body, limit)
}

fn ask_with(
    session: &mut Session,
    headers: &HeaderMap,
    body: impl Into<Bytes>,
    limit: Option<usize>,
) -> Result<u32, Failure> {
    let (method, body) = (&Method::POST, &body.into());
    let path = ["/3/device/", "00ff"];
    let request = Outgoing { method, scheme: "https", authority: "push.example.com", path, headers, more: &[], body };
    session.request(request, limit)
}

/// A session whose server has said `settings`, and what it has said itself until then taken away.
fn opened(settings: &[(u16, u32)]) -> Session {
    let mut session = Session::new();
    session.received(&Said::settings(settings).0).unwrap();
    frames(&mut session);
    session
}

/// What is to go out, frame by frame.
fn frames(session: &mut Session) -> Vec<(Head, Vec<u8>)> {
    let mut output = Vec::new();
    session.take_output(&mut output);
    session.note_written(output.len());
    let mut rest = output.strip_prefix(PREFACE).unwrap_or(&output);
    let mut frames = Vec::new();
    while let Some(head) = Head::read(rest) {
        let (payload, after) = rest[HEAD_BYTES..].split_at(head.length);
        frames.push((head, payload.to_vec()));
        rest = after;
    }
    assert_eq!(rest, b"", "all of it are frames");
    frames
}

/// Kind, stream and number of each frame that carries one.
fn numbers(session: &mut Session) -> Vec<(u8, u32, u32)> {
    let of = |(head, payload): (Head, Vec<u8>)| {
        let number = u32::from_be_bytes(*payload.last_chunk().unwrap());
        (head.kind, head.stream, number)
    };
    frames(session).into_iter().filter(|(head, _)| head.kind != kind::SETTINGS).map(of).collect()
}

fn answer(session: &mut Session, stream: u32) -> Option<Result<Answer, Failure>> {
    match session.poll_answer(stream, &Context::from_waker(&noop_waker())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// The body of an answer that has come.
fn body(session: &mut Session, stream: u32) -> Bytes {
    answer(session, stream).expect("an answer").expect("a good one").body
}

fn failure(session: &mut Session, stream: u32) -> Failure {
    answer(session, stream).expect("an end").expect_err("a failure")
}

#[test]
fn a_connection_begins_with_the_preface_and_our_settings() {
    let mut session = Session::new();
    assert_eq!((session.most_streams(), session.is_open()), (None, true));
    let mut output = Vec::new();
    session.take_output(&mut output);
    assert!(output.starts_with(PREFACE));
    session.received(&Said::settings(&[(setting::MAX_CONCURRENT_STREAMS, 7)]).0).unwrap();
    assert_eq!(session.most_streams(), Some(7));
    let (ack, payload) = frames(&mut session).remove(0);
    assert_eq!((ack.kind, ack.flags, payload.len()), (kind::SETTINGS, flag::ACK, 0));
}

#[test]
fn an_answer_may_come_in_pieces_of_any_size() {
    let said = Said::settings(&[])
        .frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x48, 0x03, b'1', b'0', b'3'])
        .frame(kind::HEADERS, flag::PADDED | flag::PRIORITY, 1, &[&[2, 0, 0, 0, 0, 9], &OK[..0], &[0, 0]].concat())
        .frame(kind::CONTINUATION, 0, 1, OK)
        .frame(kind::CONTINUATION, flag::END_HEADERS, 1, &[0x5c, 0x01, b'5'])
        .frame(kind::PRIORITY, 0, 1, &[0; 5])
        .frame(0x77, 0xff, 99, b"whatever is new")
        .frame(kind::DATA, flag::PADDED, 1, b"\x03abc\0\0\0")
        .frame(kind::DATA, 0, 1, b"de")
        .frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &[0x40, 0x01, b't', 0x01, b'v'])
        .frame(kind::PING, 0, 0, b"pingpong");
    for size in [1, 2, 7, 64, 10_000] {
        let mut session = Session::new();
        let stream = ask(&mut session, "{}", LIMIT).unwrap();
        frames(&mut session);
        for piece in said.0.chunks(size) {
            session.received(piece).unwrap();
        }
        let answer = answer(&mut session, stream).unwrap().unwrap();
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"abcde"[..]));
        assert_eq!(format!("{:?}", answer.headers), r#"{"content-length"}"#);
        assert_eq!(answer.headers.get(&header::CONTENT_LENGTH), Some("5"));
        let (pong, payload) = frames(&mut session).pop().unwrap();
        assert_eq!((pong.kind, pong.flags, &payload[..]), (kind::PING, flag::ACK, &b"pingpong"[..]));
    }
}

#[test]
fn a_body_waits_for_room_on_its_stream_and_on_the_connection() {
    let mut session = opened(&[(setting::INITIAL_WINDOW_SIZE, 40_000)]);
    let first = ask(&mut session, "x".repeat(50_000), LIMIT).unwrap();
    let second = ask(&mut session, "x".repeat(30_000), LIMIT).unwrap();
    let sent = |session: &mut Session| {
        let frames = frames(session).into_iter().filter(|(head, _)| head.kind == kind::DATA);
        frames.map(|(head, payload)| (head.stream, payload.len(), head.has(flag::END_STREAM))).collect::<Vec<_>>()
    };
    // The first one fills its stream; of the second one goes what the connection has room for.
    let full = PAYLOAD_BYTES;
    assert_eq!(
        sent(&mut session),
        [
            (first, full, false),
            (first, full, false),
            (first, 7_232, false),
            (second, full, false),
            (second, 9_151, false)
        ]
    );
    session.received(&Said::nothing().number(kind::WINDOW_UPDATE, first, 10_000).0).unwrap();
    assert_eq!(sent(&mut session), [], "the connection has none");
    session.received(&Said::nothing().number(kind::WINDOW_UPDATE, 0, 5_000).0).unwrap();
    assert_eq!(sent(&mut session), [(first, 5_000, false)]);
    // The server takes away more than it has given: what is over has to come back first.
    session.received(&Said::settings(&[(setting::INITIAL_WINDOW_SIZE, 30_000)]).0).unwrap();
    session.received(&Said::nothing().number(kind::WINDOW_UPDATE, 0, 100_000).0).unwrap();
    assert_eq!(sent(&mut session), [(second, 30_000 - full - 9_151, true)]);
    session.received(&Said::nothing().number(kind::WINDOW_UPDATE, first, 5_001).0).unwrap();
    assert_eq!(sent(&mut session), [(first, 1, false)]);
    session.received(&Said::settings(&[(setting::INITIAL_WINDOW_SIZE, 60_000)]).0).unwrap();
    assert_eq!(sent(&mut session), [(first, 4_999, true)]);
}

#[test]
fn a_server_that_reads_larger_frames_gets_them() {
    let mut session = opened(&[(setting::MAX_FRAME_SIZE, 30_000)]);
    ask(&mut session, "x".repeat(30_001), LIMIT).unwrap();
    let sizes: Vec<usize> = frames(&mut session)[1..].iter().map(|(head, _)| head.length).collect();
    assert_eq!(sizes, [30_000, 1]);
}

#[test]
fn headers_that_are_larger_than_a_frame_go_on_in_the_next() {
    let mut session = opened(&[]);
    // Of characters that have no shorter code.
    let large = (HeaderName::from_static("x-large"), "{".repeat(20_000).parse().unwrap());
    ask_with(&mut session, &HeaderMap::from_iter([large]), "{}", LIMIT).unwrap();
    let sent = frames(&mut session);
    let heads: Vec<(u8, u8)> = sent.iter().map(|(head, _)| (head.kind, head.flags)).collect();
    assert_eq!(heads, [(kind::HEADERS, 0), (kind::CONTINUATION, flag::END_HEADERS), (kind::DATA, flag::END_STREAM)]);
    let block = [&sent[0].1[..], &sent[1].1].concat();
    let mut values = Vec::new();
    Decoder::default().read(&block, |_, value| values.push(value.len())).unwrap();
    assert!(values.contains(&20_000), "{values:?}");
}

#[test]
fn a_server_may_go_on_once_we_have_read() {
    let mut session = opened(&[]);
    let stream = ask(&mut session, "{}", Some(10 << 20)).unwrap();
    frames(&mut session);
    session.received(&Said::nothing().frame(kind::HEADERS, flag::END_HEADERS, stream, OK).0).unwrap();
    let mut given = [i64::from(CONNECTION_WINDOW), i64::from(WINDOW)];
    for _ in 0..1_000 {
        session.received(&Said::nothing().frame(kind::DATA, 0, stream, &[b'x'; 4_000]).0).unwrap();
        given = given.map(|given| given - 4_000);
        for (kind, about, more) in numbers(&mut session) {
            assert_eq!(kind, kind::WINDOW_UPDATE);
            given[usize::from(about == stream)] += i64::from(more);
        }
        assert!(given[0] >= i64::from(CONNECTION_WINDOW) / 2 && given[1] >= i64::from(WINDOW) / 2, "{given:?}");
        assert!(given[0] <= i64::from(CONNECTION_WINDOW) && given[1] <= i64::from(WINDOW), "{given:?}");
    }
    session.received(&Said::nothing().frame(kind::DATA, flag::END_STREAM, stream, b"").0).unwrap();
    assert_eq!(body(&mut session, stream).len(), 4_000_000);
}

#[test]
fn an_answer_that_is_too_large_or_not_wanted_is_cut_off() {
    let mut session = opened(&[]);
    let small = ask(&mut session, "{}", Some(3)).unwrap();
    let none = ask(&mut session, "{}", None).unwrap();
    frames(&mut session);
    session.received(&Said::nothing().answer(small, b"four").answer(none, b"anything").0).unwrap();
    assert_eq!(failure(&mut session, small), Failure::TooLarge);
    assert_eq!(body(&mut session, none), "");
    let cancel = Code::CANCEL.0;
    assert_eq!(numbers(&mut session), [(kind::RST_STREAM, small, cancel), (kind::RST_STREAM, none, cancel)]);
    // Just as large as it may be, and a status alone.
    let fits = ask(&mut session, "{}", Some(4)).unwrap();
    let none = ask(&mut session, "{}", None).unwrap();
    frames(&mut session);
    let said = Said::nothing().answer(fits, b"four");
    session.received(&said.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, none, OK).0).unwrap();
    assert_eq!((body(&mut session, fits), body(&mut session, none)), ("four".into(), "".into()));
    assert_eq!(numbers(&mut session), []);
}

/// A server that refuses a request for its size need not have read it.
#[test]
fn an_answer_before_the_end_of_the_request_ends_both() {
    let mut session = opened(&[(setting::INITIAL_WINDOW_SIZE, 10)]);
    let stream = ask(&mut session, "x".repeat(20), LIMIT).unwrap();
    frames(&mut session);
    session.received(&Said::nothing().answer(stream, b"no").number(kind::RST_STREAM, stream, 0).0).unwrap();
    assert_eq!(body(&mut session, stream), "no");
    assert_eq!(numbers(&mut session), [(kind::RST_STREAM, stream, Code::CANCEL.0)]);
    session.received(&Said::nothing().number(kind::WINDOW_UPDATE, stream, 100).0).unwrap();
    assert_eq!(numbers(&mut session), [], "the rest is not sent");
}

#[test]
fn whoever_is_forgotten_costs_nobody_else() {
    let mut session = opened(&[]);
    let [gone, stays] = [(); 2].map(|()| ask(&mut session, "{}", LIMIT).unwrap());
    frames(&mut session);
    session.forget(gone);
    assert_eq!(numbers(&mut session), [(kind::RST_STREAM, gone, Code::CANCEL.0)]);
    // The server sent this before it knew. A header of it is remembered nevertheless.
    let said = Said::nothing()
        .frame(kind::HEADERS, flag::END_HEADERS, gone, &[0x88, 0x40, 0x01, b'a', 0x01, b'b'])
        .frame(kind::DATA, flag::END_STREAM, gone, b"late")
        .frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stays, &[0x88, 0xbe]);
    session.received(&said.0).unwrap();
    let headers = answer(&mut session, stays).unwrap().unwrap().headers;
    assert_eq!(headers.get(&HeaderName::from_static("a")), Some("b"));
    // Forgetting what has ended says nothing.
    let ended = ask(&mut session, "{}", LIMIT).unwrap();
    frames(&mut session);
    session.received(&Said::nothing().answer(ended, b"").0).unwrap();
    session.forget(ended);
    assert_eq!((numbers(&mut session), session.open), (vec![], 0));
}

#[test]
fn a_stream_that_the_server_resets_fails_alone() {
    let mut session = opened(&[]);
    let [refused, broken, good] = [(); 3].map(|()| ask(&mut session, "{}", LIMIT).unwrap());
    frames(&mut session);
    let said = Said::nothing()
        .number(kind::RST_STREAM, refused, Code::REFUSED_STREAM.0)
        .number(kind::RST_STREAM, broken, 2)
        .answer(good, b"x");
    session.received(&said.0).unwrap();
    assert_eq!(failure(&mut session, refused), Failure::Refused);
    let said = "the server reset the stream: INTERNAL_ERROR";
    assert_eq!(failure(&mut session, broken), Failure::Broken(said.into()));
    assert_eq!((body(&mut session, good), numbers(&mut session)), ("x".into(), vec![]));
}

#[test]
fn goodbye_leaves_out_what_came_too_late() {
    let mut session = opened(&[]);
    let [before, after] = [(); 2].map(|()| ask(&mut session, "{}", LIMIT).unwrap());
    frames(&mut session);
    session.received(&Said::nothing().goaway(u32::MAX >> 1, Code::NO_ERROR).0).unwrap();
    assert!(!session.is_open() && answer(&mut session, after).is_none());
    assert_eq!(ask(&mut session, "{}", LIMIT), Err(Failure::Unwritten));
    session.received(&Said::nothing().goaway(before, Code::ENHANCE_YOUR_CALM).0).unwrap();
    assert_eq!((failure(&mut session, after), session.farewell()), (Failure::LeftOut, Some("ENHANCE_YOUR_CALM")));
    assert!(!session.wind_up(), "one is under way");
    session.received(&Said::nothing().answer(before, b"x").0).unwrap();
    assert_eq!(body(&mut session, before), "x");
    assert!(session.wind_up());
    assert_eq!(numbers(&mut session), [(kind::GOAWAY, 0, Code::NO_ERROR.0)]);
}

#[test]
fn what_was_written_is_known_to_the_byte() {
    let mut session = opened(&[]);
    let streams = [(); 3].map(|()| ask(&mut session, "{}", LIMIT).unwrap());
    let mut output = Vec::new();
    session.take_output(&mut output);
    let late = ask(&mut session, "{}", LIMIT).unwrap();
    // The first one, and one byte of the second.
    let mut first = 0;
    while Head::read(&output[first..]).unwrap().stream == streams[0] {
        first += HEAD_BYTES + Head::read(&output[first..]).unwrap().length;
    }
    session.note_written(first);
    session.note_written(1);
    session.end(&"gone".into());
    let broken = Failure::Broken("gone".into());
    let failures = [streams[0], streams[1], streams[2], late].map(|stream| failure(&mut session, stream));
    assert_eq!(failures, [broken.clone(), broken, Failure::Unwritten, Failure::Unwritten]);
    assert_eq!(ask(&mut session, "{}", LIMIT), Err(Failure::Unwritten));
}

/// What was not written yet of streams that the server leaves out stays unwritten.
#[test]
fn goodbye_keeps_what_it_leaves_out_from_going_out() {
    let mut session = Session::new();
    session.received(&Said::settings(&[(setting::INITIAL_WINDOW_SIZE, 10)]).0).unwrap();
    let first = ask(&mut session, "x".repeat(15), LIMIT).unwrap();
    let second = ask(&mut session, "{}", LIMIT).unwrap();
    session.received(&Said::nothing().number(kind::WINDOW_UPDATE, first, 5).goaway(first, Code::NO_ERROR).0).unwrap();
    let sent: Vec<(u8, u32)> = frames(&mut session).iter().map(|(head, _)| (head.kind, head.stream)).collect();
    let ours = [(kind::SETTINGS, 0), (kind::WINDOW_UPDATE, 0), (kind::SETTINGS, 0)];
    let firsts = [(kind::HEADERS, first), (kind::DATA, first), (kind::DATA, first)];
    assert_eq!(sent, [&ours[..], &firsts].concat());
    assert_eq!(failure(&mut session, second), Failure::LeftOut);
}

/// Whatever a server says of what it has begun to answer: it has processed it.
#[test]
fn what_was_begun_is_not_taken_back() {
    let mut session = opened(&[]);
    let [refused, left] = [(); 2].map(|()| ask(&mut session, "{}", LIMIT).unwrap());
    frames(&mut session);
    let said = Said::nothing()
        .frame(kind::HEADERS, flag::END_HEADERS, refused, OK)
        .frame(kind::HEADERS, flag::END_HEADERS, left, OK)
        .number(kind::RST_STREAM, refused, Code::REFUSED_STREAM.0)
        .goaway(refused, Code::NO_ERROR);
    session.received(&said.0).unwrap();
    for stream in [refused, left] {
        let failed = failure(&mut session, stream);
        assert!(matches!(failed, Failure::Broken(_)), "{failed:?}");
    }
}

/// Requests that have not gone out when a server errs never do.
#[test]
fn what_waits_behind_a_violation_is_unwritten() {
    let mut session = opened(&[(setting::INITIAL_WINDOW_SIZE, 1)]);
    let sent = ask(&mut session, "{}", LIMIT).unwrap();
    frames(&mut session);
    let waits = ask(&mut session, "{}", LIMIT).unwrap();
    let violation = session.received(&Said::nothing().number(kind::RST_STREAM, 2, 0).0).unwrap_err();
    let out: Vec<u8> = frames(&mut session).iter().map(|(head, _)| head.kind).collect();
    assert_eq!(out, [kind::GOAWAY]);
    session.end(&violation.cause());
    assert_eq!(failure(&mut session, waits), Failure::Unwritten);
    assert_eq!(failure(&mut session, sent), Failure::Broken(violation.cause()));
}

#[test]
fn the_last_number_is_the_end() {
    let mut session = opened(&[]);
    session.next_id = (u32::MAX >> 1) - 2;
    let before = ask(&mut session, "{}", LIMIT).unwrap();
    let last = ask(&mut session, "{}", LIMIT).unwrap();
    assert_eq!((before, last, session.is_open()), ((1 << 31) - 3, (1 << 31) - 1, false));
    session.received(&Said::nothing().answer(last, b"x").answer(before, b"y").0).unwrap();
    assert_eq!((body(&mut session, last), body(&mut session, before)), ("x".into(), "y".into()));
    assert!(session.wind_up());
}

/// What is wrong with one answer fails one request.
#[test]
fn an_offence_is_about_one_stream() {
    let headers = |block: &[u8]| Said::nothing().frame(kind::HEADERS, flag::END_HEADERS, 1, block);
    let continues = [0x48, 0x03, b'1', b'0', b'0'];
    let one_hundred = |flags| Said::nothing().frame(kind::HEADERS, flags | flag::END_HEADERS, 1, &continues);
    let large: Vec<u8> = std::iter::repeat_n(&[0x00, 0x01, b'a', 0x01, b'b'][..], 600).flatten().copied().collect();
    for (said, cause) in [
        (Said::nothing().frame(kind::DATA, flag::END_STREAM, 1, b"x"), "a body before headers"),
        (headers(&[0x48, 0x02, b'2', b'0']), "a status that is no number"),
        (headers(&[0x88, 0x89]), "a status out of place"),
        (headers(&[0x00, 0x01, b'a', 0x01, b'b', 0x88]), "a status out of place"),
        (headers(&[0x88, 0x00, 0x01, b'A', 0x01, b'b']), "a header's name that is none"),
        (headers(&[0x88, 0x84]), "a header's name that is none"),
        (headers(&[0x88, 0x00, 0x01, b'a', 0x01, b'\n']), "a header's value that is none"),
        (headers(&[OK, &large].concat()), "headers that are too large"),
        (headers(&[0x40, 0x01, b'a', 0x01, b'b']), "headers out of place"),
        (headers(OK).frame(kind::HEADERS, flag::END_HEADERS, 1, OK), "headers out of place"),
        (one_hundred(flag::END_STREAM), "an answer before the answer"),
        (
            headers(OK).frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x40, 0x01, b'a', 0x01, b'b']),
            "headers out of place",
        ),
        (headers(&[0x88, 0x5c, 0x01, b'2']).frame(kind::DATA, flag::END_STREAM, 1, b"x"), "a body of another length"),
        (headers(&[0x88, 0x5c, 0x01, b'x']).frame(kind::DATA, flag::END_STREAM, 1, b"x"), "a body of another length"),
    ] {
        let mut session = opened(&[]);
        let [one, other] = [(); 2].map(|()| ask(&mut session, "{}", LIMIT).unwrap());
        frames(&mut session);
        session.received(&said.answer(other, b"x").0).unwrap();
        let failed = failure(&mut session, one);
        assert!(matches!(&failed, Failure::Broken(said) if said.contains(cause)), "{cause}: {failed:?}");
        assert_eq!(body(&mut session, other), "x", "{cause}");
        assert_eq!(numbers(&mut session), [(kind::RST_STREAM, one, Code::PROTOCOL_ERROR.0)], "{cause}");
    }
}

/// What makes all that follows unreadable ends the connection, and the server is told why.
#[test]
fn a_violation_ends_the_connection() {
    let (protocol, size, room) = (Code::PROTOCOL_ERROR, Code::FRAME_SIZE_ERROR, Code::FLOW_CONTROL_ERROR);
    let one = |kind, flags, stream, payload: &[u8]| Said::nothing().frame(kind, flags, stream, payload);
    let headers = one(kind::HEADERS, flag::END_HEADERS, 1, OK);
    let filled = (0..5).fold(headers, |said, _| said.frame(kind::DATA, 0, 99, b"")).0;
    let much = (0..100).fold(Said::nothing(), |said, _| said.frame(kind::CONTINUATION, 0, 1, &[0; 1000])).0;
    for (said, code, what) in [
        (one(kind::DATA, 0, 0, b""), protocol, "a stream that nobody has begun"),
        (one(kind::HEADERS, 0, 2, b""), protocol, "a stream that nobody has begun"),
        (one(kind::RST_STREAM, 0, 3, &[0; 4]), protocol, "a stream that nobody has begun"),
        (one(kind::WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1]), protocol, "a stream that nobody has begun"),
        (Said(filled), protocol, "a stream that nobody has begun"),
        (one(kind::SETTINGS, 0, 1, b""), protocol, "a stream where there can be none"),
        (one(kind::PING, 0, 1, &[0; 8]), protocol, "a stream where there can be none"),
        (one(kind::GOAWAY, 0, 1, &[0; 8]), protocol, "a stream where there can be none"),
        (one(kind::PUSH_PROMISE, 0, 1, &[0; 4]), protocol, "a push"),
        (one(kind::CONTINUATION, 0, 1, b""), protocol, "headers that continue nothing"),
        (one(kind::HEADERS, 0, 1, OK).answer(1, b""), protocol, "something between headers"),
        (one(kind::HEADERS, 0, 1, OK).frame(kind::PING, 0, 0, &[0; 8]), protocol, "something between headers"),
        (one(kind::DATA, flag::PADDED, 1, b"\x04abc"), protocol, "more padding than"),
        (one(kind::WINDOW_UPDATE, 0, 1, &[0; 4]), protocol, "no more room"),
        (Said::settings(&[(setting::ENABLE_PUSH, 1)]), protocol, "allows pushes"),
        (Said::settings(&[(setting::MAX_FRAME_SIZE, 16_383)]), protocol, "frames of a size"),
        (Said::settings(&[(setting::MAX_FRAME_SIZE, 1 << 24)]), protocol, "frames of a size"),
        (Said::settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 31)]), room, "room"),
        (
            Said::settings(&[(setting::INITIAL_WINDOW_SIZE, (1 << 31) - 1)]).number(kind::WINDOW_UPDATE, 1, 3),
            room,
            "room",
        ),
        (one(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), room, "room"),
        (one(kind::SETTINGS, 0, 0, &[0; 5]), size, "size"),
        (one(kind::SETTINGS, flag::ACK, 0, &[0; 6]), size, "size"),
        (one(kind::PING, 0, 0, &[0; 7]), size, "size"),
        (one(kind::RST_STREAM, 0, 1, &[0; 3]), size, "size"),
        (one(kind::WINDOW_UPDATE, 0, 0, &[0; 5]), size, "size"),
        (one(kind::GOAWAY, 0, 0, &[0; 7]), size, "size"),
        (one(kind::PRIORITY, 0, 1, &[0; 4]), size, "size"),
        (one(kind::HEADERS, flag::PRIORITY, 1, &[0; 4]), size, "size"),
        (one(kind::DATA, flag::PADDED, 1, b""), size, "size"),
        (one(kind::DATA, 0, 1, &[0; PAYLOAD_BYTES + 1]), size, "size"),
        (one(kind::HEADERS, flag::END_HEADERS, 1, &[0x80]), Code::COMPRESSION_ERROR, "cannot be read"),
        (one(kind::HEADERS, 0, 1, OK).frame(kind::CONTINUATION, 0, 1, b""), Code::ENHANCE_YOUR_CALM, "without an end"),
        (Said([one(kind::HEADERS, 0, 1, OK).0, much].concat()), Code::ENHANCE_YOUR_CALM, "without an end"),
    ] {
        let mut session = opened(&[]);
        let stream = ask(&mut session, "{}", LIMIT).unwrap();
        frames(&mut session);
        let violation = session.received(&said.0).expect_err(what);
        assert!(violation.code == code && violation.what.contains(what), "{what}: {violation:?}");
        let (goaway, payload) = frames(&mut session).pop().unwrap();
        assert_eq!((goaway.kind, &payload[4..]), (kind::GOAWAY, &code.0.to_be_bytes()[..]), "{what}");
        session.end(&violation.cause());
        assert_eq!(failure(&mut session, stream), Failure::Broken(violation.cause()), "{what}");
    }
    let mut session = Session::new();
    let violation = session.received(&Said::nothing().goaway(0, Code::NO_ERROR).0).unwrap_err();
    assert_eq!(violation.what, "something before the settings");
}

/// More than there is room for, on a stream or of all of them together.
#[test]
fn a_server_that_sends_more_than_it_may_is_stopped() {
    let mut session = opened(&[]);
    let stream = ask(&mut session, "{}", LIMIT).unwrap();
    session.received(&Said::nothing().frame(kind::HEADERS, flag::END_HEADERS, stream, OK).0).unwrap();
    session.streams.get_mut(&stream).unwrap().window = 3;
    let said = Said::nothing().frame(kind::DATA, 0, stream, b"four");
    assert_eq!(session.received(&said.0).unwrap_err().code, Code::FLOW_CONTROL_ERROR);
    let mut session = opened(&[]);
    let stream = ask(&mut session, "{}", LIMIT).unwrap();
    session.window = 3;
    let said = Said::nothing().frame(kind::DATA, 0, stream, b"four");
    assert_eq!(session.received(&said.0).unwrap_err().code, Code::FLOW_CONTROL_ERROR);
}

/// Whatever comes: nothing panics, and everybody who waits is told how it ended, once.
#[test]
fn nonsense_does_no_harm() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut violations, mut answers) = (0, 0);
    for _ in 0..20_000 {
        let mut session = Session::new();
        let streams: Vec<u32> = (0..3).map(|_| ask(&mut session, "{}", Some(50)).unwrap()).collect();
        frames(&mut session);
        let mut said = Said::settings(&[(setting::INITIAL_WINDOW_SIZE, 20)]);
        for _ in 0..random(12) {
            let (stream, flags) = ([1, 1, 3, 5][random(4)], [0, 1, 4, 5, 5][random(5)]);
            let noise: Vec<u8> = (0..random(20)).map(|_| u8::try_from(random(256)).unwrap()).collect();
            said = match random(12) {
                0..4 => said.frame(kind::HEADERS, flags | flag::END_HEADERS, stream, OK),
                4..7 => said.frame(kind::DATA, flags & flag::END_STREAM, stream, &noise),
                7 => said.number(kind::WINDOW_UPDATE, stream, 1 + noise.len() as u32),
                8 => said.number(kind::RST_STREAM, stream, 7),
                9 => said.frame(kind::PING, flags & flag::ACK, 0, b"pingpong"),
                10 => said.frame(kind::HEADERS, flags | flag::END_HEADERS, stream, &noise),
                _ => said.frame(u8::try_from(random(11)).unwrap(), flags, stream, &noise),
            };
        }
        if random(4) == 0 {
            let at = random(said.0.len());
            said.0[at] ^= 1 << random(8);
        }
        let sizes = 1 + random(40);
        let failed = said.0.chunks(sizes).find_map(|piece| session.received(piece).err());
        violations += usize::from(failed.is_some());
        frames(&mut session);
        session.end(&"over".into());
        for stream in streams {
            answers += usize::from(answer(&mut session, stream).expect("an end").is_ok());
            assert!(!session.streams.contains_key(&stream));
        }
    }
    // It is not all refused at the first frame.
    assert!((2_000..18_000).contains(&violations) && answers > 5_000, "{violations} violations, {answers} answers");
}
