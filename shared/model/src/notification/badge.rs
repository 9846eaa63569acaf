//! The number on an app's icon.

use serde::{Deserialize, Serialize};

/// What happens to the number on an app's icon.
///
/// Some vendors count for us ("add N"), others only take the new number. For the latter the caller keeps a counter per
/// device and hands the channel what [`Badge::counter`] gives: one atomic step, so that two pushes never show the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Badge {
    /// Becomes this number; 0 removes it.
    Set(u32),
    /// Grows by this number.
    Add(u32),
}

impl Default for Badge {
    /// `+1`, as the call documents.
    fn default() -> Self {
        Self::Add(1)
    }
}

impl Badge {
    /// Reads `"5"` or `"+5"`; empty is the default. `None` for everything else, such as `-1`, `+`, `+1.5` or a number
    /// beyond 32 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { digits.parse::<u32>().ok() } else { None }
        };
        match text.strip_prefix('+') {
            _ if text.is_empty() => Some(Self::default()),
            Some(digits) => number(digits).map(Self::Add),
            None => number(text).map(Self::Set),
        }
    }

    /// The device's counter after this message, when it was `before`.
    pub const fn counter(self, before: u32) -> u32 {
        match self {
            Self::Set(number) => number,
            Self::Add(number) => before.saturating_add(number),
        }
    }
}
