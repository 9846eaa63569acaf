//! The edge cases of this family, by number: each is a test whose name begins with `row_<n>_` (WeChat's table) or `must_<n>_`
//! (this one).
//!
//! | must | what | where |
//! | --- | --- | --- |
//! | 1 | the same bytes twice | `upload.rs` |
//! | 2 | a PNG named .jpg | `upload.rs` |
//! | 3 | a zip named .png, a voice of 61 s, a picture that breaks off, an empty file | `upload.rs` |
//! | 4 | a truncated multipart | `upload.rs` |
//! | 5 | 4 MB and more, 10 MB + 1 | `upload.rs` |
//! | 6 | the presigned way: not there yet, too large, not what it says, another place | `upload.rs` |
//! | 7 | no token, a wrong one, another enterprise's, an unknown enterprise | `upload.rs` |
//! | 8 | bodies as the document's examples write them | `send.rs` |
//! | 9 | one article, two links | `send.rs` |
//! | 10 | another enterprise's channel, media and task | `send.rs` |
//! | 11 | the same `clientMsgId` | `send.rs` |
//! | 12 | `is_to_all` as boolean, text and missing | `mass.rs` |
//! | 13 | mass: another enterprise's channel, media of another kind, a part of another name | `mass.rs` |
//! | 14 | a draft that WeChat does not know any more | `mass.rs` |
//! | 15 | no mass messages left for today | `mass.rs` |
//! | 16 | the same upload from twenty callers at once | `concurrency.rs` |
//! | 17 | killed between thumb, draft and mass message | `deaths.rs` |
//! | 18 | a user's QR code, scanned twice and by somebody else | `bindings.rs` |
//! | 19 | a user who leaves and returns | `bindings.rs` |
//! | 20 | imports: wrong lines, too many rows, going on | `bindings.rs` |

use crate::template::project::{root, rust_files};
use std::collections::BTreeSet;
use std::fs;

/// Rows of WeChat's table that are this family's.
const ROWS: &[u32] = &[20, 21, 22, 34, 35, 36, 37, 38, 71];

#[test]
fn every_row_is_a_test() {
    let ours = [
        "tests/it/service",
        "functions/src/service_account",
        "shared/provider/src/wechat_mass",
        "shared/provider/src/wechat",
    ];
    let found = |kind: &str| {
        let mut found = BTreeSet::new();
        for file in ours.iter().flat_map(|folder| rust_files(&root().join(folder))) {
            let source = fs::read_to_string(&file).expect("a source file");
            for rest in source.split(&format!("fn {kind}_")).skip(1) {
                let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
                found.extend(number.parse::<u32>());
            }
        }
        found
    };
    let rows = found("row");
    let missing: Vec<_> = ROWS.iter().filter(|row| !rows.contains(row)).collect();
    assert!(missing.is_empty(), "no test stands for rows {missing:?} of WeChat's table");
    // The table above is the list.
    let table: BTreeSet<u32> = include_str!("rows.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(found("must"), table, "tests and the table above differ");
}
