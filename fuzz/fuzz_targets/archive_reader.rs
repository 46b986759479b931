//! Any bytes as a tar archive: reading it does not panic, and files have no bytes beyond the archive.

#![no_main]

use formats::files::{Content, archive};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let (mut held, mut items) = (0, 0);
    for item in shared::read(file, archive).expect("it is there") {
        items += 1;
        if let Ok(stored) = item
            && let Content::Bytes(bytes) = &stored.content
        {
            held += bytes.len();
        }
    }
    // A compressed archive may have more bytes than the input.
    let is_plain =
        ![&b"\x1f\x8b"[..], b"\x28\xb5", b"\x04\x22", b"BZ"].iter().any(|m| file.starts_with(m));
    assert!(!is_plain || held <= file.len(), "{held} bytes out of {}", file.len());
    assert!(!is_plain || items <= 2 + 2 * file.len() / 512, "{items} items");
});
