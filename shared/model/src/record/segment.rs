//! How a segment is written: a few bytes per recipient.

use super::{Entry, State};
use std::collections::BTreeMap;

/// A record that cannot be read: cut short, or written by a version this one does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a batch record is unreadable: {0}")]
pub struct UnreadableRecord(pub(super) &'static str);

/// The first byte of every encoded segment.
const VERSION: u8 = 1;
const HAS_CODE: u8 = 0x10;
const HAS_ID: u8 = 0x20;
const HAS_LEG: u8 = 0x40;
const STATE_BITS: u8 = 0x0f;

/// Encodes entries by slot.
///
/// Layout: the version; then runs of entries that have the same leg, state and fields: flags and state (one byte), leg
/// (one byte, where the flags say that it is not the first), length (LEB128); then per entry its slot (LEB128,
/// difference to the one before), vendor code (zigzag LEB128) and vendor id (zigzag LEB128, difference to the one
/// before) where the flags say so.
pub fn encode(entries: &BTreeMap<u64, Entry>) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    let (mut last_slot, mut last_id) = (0u64, 0u64);
    let mut rest = entries.iter().peekable();
    while let Some((_, first)) = rest.peek() {
        let (flags, leg) = (flags(first), first.leg);
        let run = rest.clone().take_while(|(_, entry)| (self::flags(entry), entry.leg) == (flags, leg)).count();
        bytes.push(flags);
        if leg > 0 {
            bytes.push(leg);
        }
        write_varint(&mut bytes, run as u64);
        for (&slot, entry) in rest.by_ref().take(run) {
            write_varint(&mut bytes, slot - last_slot);
            last_slot = slot;
            if let Some(code) = entry.vendor_code {
                write_varint(&mut bytes, zigzag(i64::from(code)));
            }
            if let Some(id) = entry.vendor_id {
                write_varint(&mut bytes, zigzag(id.wrapping_sub(last_id).cast_signed()));
                last_id = id;
            }
        }
    }
    bytes
}

fn flags(entry: &Entry) -> u8 {
    let code = if entry.vendor_code.is_some() { HAS_CODE } else { 0 };
    let id = if entry.vendor_id.is_some() { HAS_ID } else { 0 };
    let leg = if entry.leg > 0 { HAS_LEG } else { 0 };
    entry.state as u8 | code | id | leg
}

/// Bytes of a segment's entries that fit one write unit (1 KB) together with the item's keys and times.
pub const SEGMENT_BYTES: usize = 930;
/// How many entries fit [`SEGMENT_BYTES`] whatever they are: a slot and an id of ten bytes each, and a run of its own.
pub const SEGMENT_ENTRIES_AT_LEAST: usize = 33;

/// Decodes what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<BTreeMap<u64, Entry>, UnreadableRecord> {
    let (&version, mut rest) = bytes.split_first().ok_or(UnreadableRecord("it is empty"))?;
    if version != VERSION {
        return Err(UnreadableRecord("its version is unknown"));
    }
    let mut entries = BTreeMap::new();
    let (mut slot, mut last_id) = (0u64, 0u64);
    while let Some((&flags, tail)) = rest.split_first() {
        rest = tail;
        let state = State::ALL
            .get(usize::from(flags & STATE_BITS))
            .copied()
            .ok_or(UnreadableRecord("it holds an unknown state"))?;
        let leg = if flags & HAS_LEG == 0 { 0 } else { read_byte(&mut rest)? };
        for _ in 0..read_varint(&mut rest)? {
            slot = slot.wrapping_add(read_varint(&mut rest)?);
            let vendor_code = if flags & HAS_CODE == 0 {
                None
            } else {
                let code = unzigzag(read_varint(&mut rest)?);
                Some(i32::try_from(code).map_err(|_| UnreadableRecord("a vendor code is out of range"))?)
            };
            let vendor_id = if flags & HAS_ID == 0 {
                None
            } else {
                last_id = last_id.wrapping_add(unzigzag(read_varint(&mut rest)?).cast_unsigned());
                Some(last_id)
            };
            entries.insert(slot, Entry { leg, state, vendor_code, vendor_id });
        }
    }
    Ok(entries)
}

const fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_byte(rest: &mut &[u8]) -> Result<u8, UnreadableRecord> {
    let (&byte, tail) = rest.split_first().ok_or(UnreadableRecord("it is cut short"))?;
    *rest = tail;
    Ok(byte)
}

fn read_varint(rest: &mut &[u8]) -> Result<u64, UnreadableRecord> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(rest)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(UnreadableRecord("a number is too long"))
}
