//! Any bytes as a zip archive of books: reading each file does not panic, and no file begins outside
//! the archive.

#![no_main]

use formats::Archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(mut archive) = shared::read(file, Archive::open) else { return };
    for (number, name) in archive.files() {
        assert!(!name.ends_with('/'));
        match archive.read(number) {
            Ok((offset, _)) => assert!(offset <= file.len() as u64),
            Err(defect) => assert!(defect.device.is_none(), "no fault of the disk: {defect:?}"),
        }
    }
});
