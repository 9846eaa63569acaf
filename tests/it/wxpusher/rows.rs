//! The edge cases of the contract, by number: each is a test whose name begins with `row_<number>_`.
//!
//! | rows | about | where |
//! | --- | --- | --- |
//! | 1 to 30 | sending | `wxpusher/send*`, `wxpusher/errors.rs` |
//! | 31 to 34 | sending by GET | `wxpusher/send_get.rs` |
//! | 35 to 39 | status | `wxpusher/status.rs` |
//! | 40 to 44, 48, 49 | QR codes | `wxpusher/codes.rs` |
//! | 45 to 47, 63, 66 to 69 | what users do with WeChat | `wechat_event/scan.rs`, `wechat_event/chat.rs` |
//! | 79 | what the page shows | `page` |
//! | 50, 51 | callbacks | `callbacks` |
//! | 52 to 57 | lists | `wxpusher/followers.rs` |
//! | 58 to 62, 64, 65 | removing and blocking | `wxpusher/records.rs`, `wxpusher/send/targets.rs` |
//! | 70 to 75 | payment, quota | `wxpusher/send`, `follows/trades.rs` |
//! | 76 to 78 | deleting content | `wxpusher/content.rs` |
//! | 80 to 82 | repeats, redirects, the shape of errors | `wxpusher/send.rs`, `wxpusher/calls.rs`, `wxpusher/errors.rs` |

use crate::template::project::{root, rust_files};
use std::collections::BTreeSet;
use std::fs;

/// Rows that no test stands for yet. Whoever writes one strikes its row from here.
const AWAITED: &[u32] = &[];

#[test]
fn every_row_is_a_test() {
    let folder = root().join("tests/it");
    let mut found = BTreeSet::new();
    for file in rust_files(&folder) {
        // Another contract has rows of its own.
        let place = file.strip_prefix(&folder).expect("below the tests").to_string_lossy().into_owned();
        if place.starts_with("wechat") && !["wechat_event/scan.rs", "wechat_event/chat.rs"].contains(&place.as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file");
        for rest in text.split("fn row_").skip(1) {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            found.extend(number.parse::<u32>());
        }
    }
    let rows: BTreeSet<u32> = (1..=82).collect();
    let awaited: BTreeSet<u32> = AWAITED.iter().copied().collect();
    let missing: Vec<&u32> = rows.difference(&found).filter(|row| !awaited.contains(row)).collect();
    assert!(missing.is_empty(), "no test stands for rows {missing:?}");
    let written: Vec<&u32> = awaited.intersection(&found).collect();
    assert!(written.is_empty(), "rows {written:?} have tests now: strike them from AWAITED");
    assert!(found.is_subset(&rows), "there are 82 rows, found {found:?}");
}
