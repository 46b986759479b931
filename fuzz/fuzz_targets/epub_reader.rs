//! Any bytes as an EPUB book, and any text as a page of one: reading does not panic, and the text of a
//! page is no longer than the page allows.
//!
//! An input is a zip archive, or a page for one: random inputs are rarely valid archives.

#![no_main]

use formats::{Archive, ZIP_MAGIC, epub};
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const CONTAINER: &str = r#"<container><rootfile full-path="b.opf"/></container>"#;
const PACKAGE: &str = r#"<package><manifest><item id="p" href="p" media-type="text/html"/></manifest>
    <spine><itemref idref="p"/></spine></package>"#;

fuzz_target!(|input: &[u8]| {
    if input.starts_with(ZIP_MAGIC) {
        read(input);
        return;
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let parts = [
        ("META-INF/container.xml", CONTAINER.as_bytes()),
        ("b.opf", PACKAGE.as_bytes()),
        ("p", input),
    ];
    for (name, bytes) in parts {
        writer.start_file(name, SimpleFileOptions::default()).expect("a new name");
        writer.write_all(bytes).expect("memory takes all");
    }
    let text = read(&writer.finish().expect("memory takes all").into_inner()).expect("a book");
    // A break is two characters, of elements of four; an entity of four is one of six bytes at most;
    // a byte of another encoding is a character of three.
    assert!(text.len() <= 3 * input.len(), "{} bytes of {}", text.len(), input.len());
});

fn read(bytes: &[u8]) -> Option<String> {
    let mut parts = epub::Parts::of_archive(shared::read(bytes, Archive::open).ok()?);
    epub::read(&mut parts, &mut Vec::new()).ok().map(|book| book.text)
}
