//! Any bytes as a file of JSON lines, plain or compressed, or of Parquet, and each record of it as
//! a row of source code: nothing panics, and offsets never decrease.

#![no_main]

use code::row::Row;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let _catching = shared::Catching::new();
    let (mut offset, mut number) = (0, 0);
    for row in shared::read(file, formats::rows).expect("it is there").flatten() {
        assert!(row.offset >= offset && row.offset <= file.len() as u64);
        assert!(row.number > number);
        (offset, number) = (row.offset, row.number);
        if let Ok(json) = std::str::from_utf8(&row.json) {
            let _ = Row::parse(json);
        }
    }
});
