//! Any bytes as a MediaWiki export, plain or compressed by bzip2: reading it does not panic, and
//! returns no more than there is.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let stored = bytes.len() as u64;
    let (mut items, mut last) = (0, 0);
    let pages = shared::read(bytes, formats::mediawiki::open).expect("it is there");
    // Such as the index of a multistream dump: it has no pages, and is skipped by design.
    let is_list = pages.is_list();
    for item in pages.map(|page| page) {
        items += 1;
        if let Ok(page) = item {
            assert!(page.offset >= last && page.offset <= stored);
            last = page.offset;
        }
    }
    assert!(is_list || items > 0, "every file has a page or a defect");
});
