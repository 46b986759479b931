//! Any bytes as the posts of a site: reading them does not panic, reports no device error, and returns
//! the same whether rows are sorted in memory or on disk.

#![no_main]

use formats::stack_exchange::{Limits, Threads};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let stored = shared::stored("input", file);
    let small = Limits { sort_bytes_max: 200, row_bytes_max: 1000, thread_bytes_max: 500 };
    let large = Limits { sort_bytes_max: 1 << 20, ..small };
    let read = |limits| Threads::open_with(&stored, limits).unwrap().collect::<Vec<_>>();
    let found = read(small);
    assert!(found == read(large), "memory shows");
    assert!(found.iter().all(|item| item.as_ref().err().is_none_or(|d| d.device.is_none())));
    let has_offset = |item: &Result<_, formats::Defect>| match item {
        Ok(formats::stack_exchange::SiteRecord::Thread(thread)) => thread.offset,
        Ok(formats::stack_exchange::SiteRecord::Orphan(row)) => row.offset,
        Err(defect) => defect.offset,
    };
    assert!(found.iter().all(|item| has_offset(item) <= file.len() as u64));
});
