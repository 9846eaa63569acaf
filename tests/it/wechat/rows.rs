//! Which rows of the table of edge cases are tests, and where.

use crate::template::project::{root, rust_files};
use std::collections::BTreeSet;
use std::fs;

/// Rows of the table that belong to this family. The others are about media and mass messages and belong to the service
/// account's family, which uploads and mass-sends; here nothing does. They are checked in [`crate::service`].
const ROWS: &[u32] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    33, 70, 72,
];
const ELSEWHERE: &[u32] = &[21, 34, 35, 36, 37, 38, 71];

#[test]
fn every_row_is_a_test() {
    let folders = [
        "tests/it/wechat",
        "tests/it/faults",
        "shared/provider/src",
        "shared/model/src",
        "shared/gateway/src",
        "functions/src",
    ];
    let mut found = BTreeSet::new();
    for file in folders.iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let source = fs::read_to_string(&file).expect("a source file");
        // WxPusher has a table of its own.
        if file.components().any(|part| part.as_os_str() == "wxpusher") {
            continue;
        }
        for name in source.split("fn row_").skip(1) {
            let name = name.split('(').next().unwrap_or_default();
            let numbers = name.split("_row_").filter_map(|row| row.split('_').next());
            found.extend(numbers.filter_map(|number| number.parse::<u32>().ok()));
        }
    }
    let missing: Vec<_> = ROWS.iter().filter(|row| !found.contains(row)).collect();
    assert!(missing.is_empty(), "rows {missing:?} have no test");
    let all: BTreeSet<u32> = ROWS.iter().chain(ELSEWHERE).copied().collect();
    assert_eq!(all, (1..=38).chain([70, 71, 72]).collect(), "a row is neither here nor elsewhere");
}
