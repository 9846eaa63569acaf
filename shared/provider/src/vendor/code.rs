//! A vendor's code, which may come as a number or as a string of digits.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A code out of an answer. Huawei and Meizu send strings, the others numbers, and each may change its mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub i64);

impl Code {
    /// The code as an attempt's record keeps it; `None` for one that no vendor has.
    pub fn recorded(self) -> Option<i32> {
        i32::try_from(self.0).ok()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = Code;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code, as a number or as a string of digits")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Code, E> {
                Ok(Code(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Code, E> {
                i64::try_from(number).map(Code).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Code, E> {
                text.trim().parse().map(Code).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_are_the_same_code() {
        for (json, code) in [("0", 0), ("-2", -2), ("\"80000000\"", 80_000_000), ("\" 200 \"", 200), ("\"-1\"", -1)] {
            assert_eq!(serde_json::from_str::<Code>(json).unwrap(), Code(code), "{json}");
        }
        for json in ["\"\"", "\"ok\"", "1.5", "null", "true", "[1]", "18446744073709551615"] {
            assert!(serde_json::from_str::<Code>(json).is_err(), "{json}");
        }
        assert_eq!(Code(i64::MAX).recorded(), None);
    }
}
