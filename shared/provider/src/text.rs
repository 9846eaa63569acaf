//! Looking at texts.

/// Whether every byte of `text` is one of those. All of them are looked at, without a way out before the end: so a processor
/// looks at sixteen at once.
pub(crate) fn all(text: impl AsRef<[u8]>, is: impl Fn(u8) -> bool) -> bool {
    text.as_ref().iter().fold(true, |all, byte| all & is(*byte))
}
