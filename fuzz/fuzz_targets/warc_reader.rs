//! Any bytes as a WARC file: reading it does not panic, and returns no more than there is.

#![no_main]

use formats::WarcReader;
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|file: &[u8]| {
    let stored = file.len() as u64;
    let mut reader = WarcReader::new(Cursor::new(file.to_vec()));
    let (mut items, mut held) = (0, 0);
    for item in reader.by_ref() {
        items += 1;
        if let Ok(record) = item {
            assert!(record.offset <= stored);
            assert!(record.block_len <= record.body.len());
            assert!(record.block_len as u64 <= record.content_length);
            assert_eq!(record.truncated, (record.block_len as u64) < record.content_length);
            held += record.body.len() as u64;
        }
    }
    let inflated = reader.inflated_bytes();
    assert!(items > 0, "every file has a record or a defect");
    // A record begins with a line, a faulty member with its magic; each can be reported for itself and
    // for what precedes it.
    assert!(items <= 2 + 2 * (inflated / 6 + stored / 3), "{items} items of {inflated} bytes");
    assert!(held <= inflated, "blocks of {held} bytes out of {inflated}");
});
