//! Frames (RFC 9113, sections 4 and 6).

/// Bytes before what a frame carries.
pub(super) const HEAD_BYTES: usize = 9;
/// The most that a frame carries unless its reader has said otherwise.
pub(super) const PAYLOAD_BYTES: usize = 1 << 14;
/// Bytes of one setting.
pub(super) const SETTING_BYTES: usize = 6;

/// What a client says before its first frame.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a frame is.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// What is true of a frame.
pub(super) mod flag {
    pub(in super::super) const ACK: u8 = 1;
    pub(in super::super) const END_STREAM: u8 = 1;
    pub(in super::super) const END_HEADERS: u8 = 4;
    pub(in super::super) const PADDED: u8 = 8;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

/// Which setting.
pub(super) mod setting {
    pub(in super::super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(in super::super) const ENABLE_PUSH: u16 = 2;
    pub(in super::super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(in super::super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(in super::super) const MAX_FRAME_SIZE: u16 = 5;
    pub(in super::super) const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Why a stream or a connection ends (RFC 9113, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) u32);

impl Code {
    pub(super) const NO_ERROR: Self = Self(0);
    pub(super) const PROTOCOL_ERROR: Self = Self(1);
    pub(super) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(super) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(super) const REFUSED_STREAM: Self = Self(7);
    pub(super) const CANCEL: Self = Self(8);
    pub(super) const COMPRESSION_ERROR: Self = Self(9);
    pub(super) const ENHANCE_YOUR_CALM: Self = Self(11);

    /// As the RFC calls it.
    pub(super) const fn name(self) -> &'static str {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        if (self.0 as usize) < NAMES.len() { NAMES[self.0 as usize] } else { "an unknown code" }
    }
}

/// What stands before what a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// How much it carries, bytes.
    pub(super) length: usize,
    /// See [`kind`].
    pub(super) kind: u8,
    /// See [`flag`].
    pub(super) flags: u8,
    /// Which stream it is about; 0 for the connection.
    pub(super) stream: u32,
}

impl Head {
    /// The one at the beginning of `bytes`, if all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<HEAD_BYTES>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        Some(Self { length, kind, flags, stream: id(stream) })
    }

    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A number of 31 bits: the one before them means nothing.
pub(super) const fn id(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & (u32::MAX >> 1)
}

/// Begins a frame that will carry `length` bytes.
pub(super) fn begin(output: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [.., a, b, c] = length.to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    output.extend_from_slice(&[a, b, c, kind, flags, d, e, f, g]);
}

/// Says of a frame that was begun at `at` how much it carries, now that all of it is there.
pub(super) fn end(output: &mut [u8], at: usize) {
    let [.., a, b, c] = (output.len() - at - HEAD_BYTES).to_be_bytes();
    output[at..at + 3].copy_from_slice(&[a, b, c]);
}

/// A frame that carries one number.
pub(super) fn number(output: &mut Vec<u8>, kind: u8, stream: u32, number: u32) {
    begin(output, 4, kind, 0, stream);
    output.extend_from_slice(&number.to_be_bytes());
}

/// Our settings.
pub(super) fn settings(output: &mut Vec<u8>, settings: &[(u16, u32)]) {
    begin(output, settings.len() * SETTING_BYTES, kind::SETTINGS, 0, 0);
    for (name, value) in settings {
        output.extend_from_slice(&name.to_be_bytes());
        output.extend_from_slice(&value.to_be_bytes());
    }
}

/// A ping, or the answer to one.
pub(super) fn ping(output: &mut Vec<u8>, flags: u8, payload: [u8; 8]) {
    begin(output, payload.len(), kind::PING, flags, 0);
    output.extend_from_slice(&payload);
}

/// Goodbye. We have taken no stream of the server's.
pub(super) fn goaway(output: &mut Vec<u8>, code: Code) {
    begin(output, 8, kind::GOAWAY, 0, 0);
    output.extend_from_slice(&[0; 4]);
    output.extend_from_slice(&code.0.to_be_bytes());
}
