//! Which rows of the table of edge cases are tests, and where.

use crate::template::project::{root, rust_files};
use std::collections::BTreeSet;
use std::fs;

/// Rows about one vendor's requests and answers alone: the tests beside each channel in `shared/provider` go through them.
const BELOW: &[u32] = &[16, 17, 18, 22, 24, 25, 26, 27, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 43, 44, 45, 46];
/// Rows that no test stands for yet. Whoever writes one strikes its row from here.
const AWAITED: &[u32] = &[12, 13, 57, 61, 62];
const ROWS: u32 = 62;

#[test]
fn every_row_is_a_test() {
    let folders = ["tests/it/mobile", "tests/it/faults"];
    let mut found = BTreeSet::new();
    for file in folders.iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let source = fs::read_to_string(&file).expect("a source file");
        for rest in source.split("push_row_").skip(1) {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            found.extend(number.parse::<u32>());
        }
    }
    let rows: BTreeSet<u32> = (1..=ROWS).collect();
    let awaited: BTreeSet<u32> = AWAITED.iter().copied().collect();
    found.extend(BELOW);
    let missing: Vec<&u32> = rows.difference(&found).filter(|row| !awaited.contains(row)).collect();
    assert!(missing.is_empty(), "no test stands for rows {missing:?}");
    let written: Vec<&u32> = awaited.intersection(&found).collect();
    assert!(written.is_empty(), "rows {written:?} have tests now: strike them from AWAITED");
    assert!(found.is_subset(&rows), "there are {ROWS} rows, found {found:?}");
}
