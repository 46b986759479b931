//! Damaged and foreign files: healthy data is read, the rest is named, nothing panics.

use crate::support::{Place, gzip, keep_all, list, number, record, record_of_length, text, wet};
use serde_json::Value;
use std::collections::BTreeSet;

/// An empty corpus that keeps every page.
fn with_corpus() -> Place {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    place
}

/// A page that shares nothing with any other.
fn page(file: &str, number: usize) -> Vec<u8> {
    record(&url(file, number), "title", &page_text(file, number))
}

/// Text that does not compress well, so that damage affects text and not only headers.
fn page_text(file: &str, number: usize) -> String {
    let mut bits = file.bytes().fold(number as u64 + 1, |sum, b| sum * 31 + u64::from(b));
    let mut word = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("w{:x}", bits >> 36)
    };
    let mut line = || (0..12).map(|_| word()).collect::<Vec<_>>().join(" ");
    [line(), line(), line()].map(|line| format!("{file} {number} {line}")).join("\n")
}

fn url(file: &str, number: usize) -> String {
    format!("http://{file}.example/{number}")
}

/// Adds everything in the folder `in` as one label. Returns the summary and the URLs kept. Fails if
/// only a part of a page was read.
fn add(place: &Place, code: i32) -> (Value, BTreeSet<String>) {
    let add = "add corpus --slice common_crawl --label hostile in --json";
    let summary = place.run(add).exits(code).json();
    place.assert_sound("corpus");
    let documents = place.documents("corpus");
    for document in &documents {
        let id = text(&document["meta"]["url"]).strip_prefix("http://").unwrap();
        let (file, number) = id.split_once(".example/").unwrap();
        if let Ok(number) = number.parse() {
            assert_eq!(text(&document["text"]), page_text(file, number));
        }
    }
    let urls = documents.iter().map(|document| text(&document["meta"]["url"]).to_owned());
    (summary["labels"]["common_crawl/hostile"].clone(), urls.collect())
}

/// The files that the summary lists as malformed.
fn malformed(label: &Value) -> BTreeSet<&str> {
    let name = |defect: &'_ Value| -> usize { text(&defect["source"]).rfind('/').unwrap() + 1 };
    list(&label["malformed"]).iter().map(|d| &text(&d["source"])[name(d)..]).collect()
}

#[test]
fn files_without_a_page_are_named_and_the_others_are_read() {
    let place = with_corpus();
    let hostile: [(&str, Vec<u8>); 12] = [
        ("empty", Vec::new()),
        ("text", b"Just a text.\nNo record in it.\n".to_vec()),
        ("nul", vec![0; 1 << 20]),
        ("nul.gz", gzip(&vec![0; 8 << 20])),
        ("empty.gz", gzip(b"")),
        ("magic.gz", vec![0x1f, 0x8b]),
        ("magic.zst", vec![0x28, 0xb5, 0x2f, 0xfd, 0xff]),
        ("noise", (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        ("line_ends", b"\r\n".repeat(10_000)),
        ("versions", b"WARC/1.0\r\n".repeat(10_000)),
        ("long_header", [b"WARC/1.0\r\nX: ".to_vec(), vec![b'x'; 4 << 20]].concat()),
        ("html", b"<!DOCTYPE html><html><body>404</body></html>".to_vec()),
    ];
    let names: BTreeSet<&str> = hostile.iter().map(|(name, _)| *name).collect();
    for (name, bytes) in &hostile {
        place.write(&format!("in/{name}"), bytes);
    }
    place.write("in/healthy.wet.gz", wet(&[page("healthy", 0), page("healthy", 1)]));
    let (label, urls) = add(&place, 3);
    assert_eq!(urls, [url("healthy", 0), url("healthy", 1)].into());
    assert_eq!(malformed(&label), names);
    assert_eq!(number(&label["sources"]), 13);
}

#[test]
fn a_label_of_only_hostile_files_is_rejected_and_its_name_stays_free() {
    for bytes in [&b""[..], b"text", &[0; 100], &[0x1f, 0x8b], b"WARC/1.0\r\n\r\n"] {
        let place = with_corpus();
        place.write("in/alone", bytes);
        let outcome = place.run("add corpus --slice common_crawl --label hostile in").exits(1);
        assert!(outcome.stderr.contains("in/alone: "), "{outcome}");
        place.write("in/alone", wet(&[page("alone", 0)]));
        let (label, urls) = add(&place, 0);
        assert_eq!((number(&label["read"]), urls.len()), (1, 1), "{bytes:?}");
    }
}

#[test]
fn every_record_before_the_end_of_a_truncated_file_is_read() {
    let place = with_corpus();
    let name = |cut: usize| format!("cut{cut:05}");
    let (mut expected, mut damaged) = (BTreeSet::new(), BTreeSet::new());
    for cut in (1..members("cut00000").concat().len() - 40).step_by(37) {
        let members = members(&name(cut));
        place.write(&format!("in/{}", name(cut)), &members.concat()[..cut]);
        let mut end = 0;
        let ends: Vec<usize> = members
            .iter()
            .map(|member| {
                end += member.len();
                end
            })
            .collect();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        expected.extend((0..whole).map(|number| url(&name(cut), number)));
        if !ends.contains(&cut) {
            damaged.insert(name(cut));
        }
    }
    let (label, urls) = add(&place, 3);
    // If only the checksum after a text is cut, the text is read.
    let lost: Vec<_> = expected.difference(&urls).collect();
    assert!(lost.is_empty(), "complete records that were not read: {lost:#?}");
    assert_eq!(malformed(&label), damaged.iter().map(String::as_str).collect());
}

/// The members of a file of four pages.
fn members(file: &str) -> Vec<Vec<u8>> {
    (0..4).map(|number| gzip(&page(file, number))).collect()
}

#[test]
fn a_file_cut_between_records_has_no_defect() {
    let place = with_corpus();
    place.write("in/a.wet.gz", gzip(&page("a", 0)));
    let (label, urls) = add(&place, 0);
    assert_eq!((urls.len(), number(&label["defects"])), (1, 0));
}

#[test]
fn a_flipped_byte_damages_at_most_its_own_record() {
    let place = with_corpus();
    let name = |at: usize| format!("flip{at:05}");
    let (mut healthy, mut all) = (BTreeSet::new(), BTreeSet::new());
    for at in (0..members("flip00000").concat().len() - 40).step_by(29) {
        let members = members(&name(at));
        let mut bytes = members.concat();
        bytes[at] ^= 0x55;
        place.write(&format!("in/{}", name(at)), &bytes);
        let mut begin = 0;
        for (number, member) in members.iter().enumerate() {
            if !(begin..begin + member.len()).contains(&at) {
                healthy.insert(url(&name(at), number));
            }
            all.insert(url(&name(at), number));
            begin += member.len();
        }
    }
    let (label, urls) = add(&place, 3);
    let lost: Vec<_> = healthy.difference(&urls).collect();
    assert!(lost.is_empty(), "healthy records that were not read: {lost:#?}");
    assert!(urls.is_subset(&all), "records that never existed: {urls:#?}");
    assert!(number(&label["defects"]) > 0);
}

#[test]
fn a_wrong_length_damages_at_most_its_own_record() {
    let block = b"title\na line of the one that lies\nand another line of it\n";
    let correct = block.len();
    let wrong_lengths = [
        (correct - 1).to_string(),
        (correct - 20).to_string(),
        (correct + 1).to_string(),
        (correct + 40).to_string(),
        (correct + 4000).to_string(),
        "0".into(),
        "-5".into(),
        "many".into(),
        String::new(),
        "999999999999".into(),
        "18446744073709551616".into(),
        "99999999999999999999999999999999999999".into(),
    ];
    for (packed, compress) in [("plain", None), ("packed", Some(wet as fn(&[Vec<u8>]) -> Vec<u8>))]
    {
        let place = with_corpus();
        let mut healthy = BTreeSet::new();
        for (number, length) in wrong_lengths.iter().enumerate() {
            let file = format!("{packed}{number:02}");
            let wrong = record_of_length("http://liar.example/", length, block);
            let records = [page(&file, 0), wrong, page(&file, 2)];
            let bytes = compress.map_or_else(|| records.concat(), |compress| compress(&records));
            place.write(&format!("in/{file}"), bytes);
            healthy.extend([url(&file, 0), url(&file, 2)]);
        }
        let (_, urls) = add(&place, 3);
        let lost: Vec<_> = healthy.difference(&urls).collect();
        assert!(lost.is_empty(), "healthy records that were not read: {lost:#?}");
    }
}

#[test]
fn records_that_are_not_pages_are_dropped_with_a_reason() {
    let place = with_corpus();
    let of_length =
        |url: &str, block: &[u8]| record_of_length(url, &block.len().to_string(), block);
    let without_url = String::from_utf8(page("without", 0)).unwrap();
    let without_url =
        without_url.replace(&format!("WARC-Target-URI: {}\r\n", url("without", 0)), "");
    place.write(
        "in/odd.wet.gz",
        wet(&[
            page("odd", 0),
            of_length("http://utf.example/", b"title\n\xff\xfe broken\n"),
            without_url.into_bytes(),
            of_length("http://empty.example/", b""),
            of_length("http://nul.example/", b"title\nline\0with\0nul\n"),
            page("odd", 9),
        ]),
    );
    let (label, urls) = add(&place, 3);
    let expected = [url("odd", 0), url("odd", 9), "http://nul.example/".to_owned()];
    assert_eq!(urls, expected.into());
    assert_eq!(number(&label["read"]), 6);
    for reason in ["invalid_utf8", "no_url", "empty"] {
        assert_eq!(label["dropped"][reason], 1, "{label}");
    }
}

#[test]
fn unusual_file_names_are_accepted() {
    let place = with_corpus();
    let names = ["with blank.wet", "with\"quote.wet", "with#hash.wet", "mit-ü.wet", "[glob]*.wet"];
    for (number, name) in names.iter().enumerate() {
        place.write(&format!("in/{name}"), page("named", number));
    }
    let (label, urls) = add(&place, 0);
    assert_eq!((urls.len(), number(&label["read"])), (names.len(), names.len() as u64));
}
