//! Any bytes as a site's 7z archive, with corrected checksums: reading its posts does not panic. An
//! input is an archive; its header has checksums, so that a changed archive would be rejected early.

#![no_main]

use formats::stack_exchange::{Limits, Threads};
use libfuzzer_sys::fuzz_target;

const SIGNATURE: &[u8] = b"7z\xbc\xaf\x27\x1c\0\x04";
const HEADER_BYTES: usize = 32;

/// Places of the header's checksum, and of the offset, size and checksum of the directory.
const HEAD_SUM: usize = 8;
const PLACE: usize = 12;
const SUM: usize = 28;

fuzz_target!(|input: &[u8]| {
    let mut file = input.to_vec();
    if file.len() >= HEADER_BYTES {
        file[..8].copy_from_slice(SIGNATURE);
        let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().expect("eight"));
        let start = usize::try_from(number(PLACE)).ok().and_then(|at| at.checked_add(HEADER_BYTES));
        let end = start.and_then(|at| at.checked_add(usize::try_from(number(PLACE + 8)).ok()?));
        if let (Some(start), Some(end)) = (start, end)
            && let Some(directory) = file.get(start..end)
        {
            let sum = crc32fast::hash(directory);
            file[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
        }
        let sum = crc32fast::hash(&file[PLACE..HEADER_BYTES]);
        file[HEAD_SUM..HEAD_SUM + 4].copy_from_slice(&sum.to_le_bytes());
    }
    let path = shared::stored("site.example.7z", &file);
    let limits = Limits { sort_bytes_max: 1 << 20, row_bytes_max: 1000, thread_bytes_max: 500 };
    let threads = Threads::open_with(&path, limits).expect("the file is there");
    let defects = threads.filter_map(Result::err);
    assert!(defects.into_iter().all(|defect| defect.device.is_none()), "no fault of the disk");
});
