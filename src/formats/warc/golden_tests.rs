//! Real files, valid and broken: we read the same of each as warcio.

use super::{Kind, WarcReader};
use std::collections::BTreeMap;
use std::path::Path;

type Counts = BTreeMap<String, u64>;

fn read(path: &Path) -> (Counts, Vec<String>) {
    let (mut counts, mut defects) = (Counts::new(), Vec::new());
    for item in WarcReader::open(path).unwrap() {
        match item {
            Ok(record) => *counts.entry(record.kind.to_string()).or_default() += 1,
            Err(defect) => defects.push(defect.to_string()),
        }
    }
    (counts, defects)
}

/// Our result for the files at which warcio fails, where it is not "at least as much, and a defect".
fn on_purpose(file: &str) -> Option<(Counts, usize)> {
    let ours = |counts: &[(&str, u64)], defects| {
        Some((counts.iter().map(|&(kind, n)| (kind.to_owned(), n)).collect(), defects))
    };
    match file {
        // warcio requires one record in each member. We accept many.
        "gowarc_good.warc.gz.open" => ours(&[("response", 50)], 0),
        "warcio_example-bad.warc.gz.bad" => {
            ours(&[("warcinfo", 1), ("request", 2), ("response", 2), ("revisit", 1)], 0)
        }
        // The same, with a line end more than Content-Length says: line ends between records are skipped.
        "warcio_example-wrong-chunks.warc.gz" => ours(&[("response", 1), ("request", 1)], 0),
        // warcio fails at HTTP's brotli, which does not concern a reader of WARC.
        "ukwa_transfer_compression_brotli.warc.gz" => ours(
            &[("warcinfo", 1), ("request", 1), ("response", 1), ("metadata", 1), ("resource", 1)],
            0,
        ),
        // After a Content-Length that is too small warcio takes two lines of the page for ARC
        // headers, and counts them as responses.
        "ipwb_broken.warc" => {
            ours(&[("warcinfo", 1), ("request", 2), ("metadata", 1), ("response", 2)], 1)
        }
        _ => None,
    }
}

#[test]
fn every_type_is_counted_as_warcio_counts_it() {
    let Some(data) = reference::folder() else { return };
    let table = std::fs::read_to_string(data.join("golden/warcio_counts_shared.tsv")).unwrap();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, gives_up) = (columns[0], !columns[2].is_empty());
        let warcio: Counts = serde_json::from_str(columns[1]).unwrap();
        let (counts, defects) = read(&data.join(name));
        let file = Path::new(name).file_name().unwrap().to_str().unwrap();
        if name.contains(".arc") {
            // warcio reads ARC too. We do not: Common Crawl has written WARC since 2013.
            assert!(counts.is_empty(), "{name}: {counts:?}");
            assert!(defects.len() == 1 && defects[0].contains("ARC"), "{name}: {defects:?}");
        } else if let Some((ours, defects_told)) = on_purpose(file) {
            assert!(gives_up, "{name}");
            assert_eq!((counts, defects.len()), (ours, defects_told), "{name}: {defects:?}");
        } else if gives_up {
            let fewer = warcio.iter().find(|(kind, n)| counts.get(*kind) < Some(n));
            assert_eq!(fewer, None, "{name}: {counts:?}");
            assert!(!defects.is_empty(), "{name}");
        } else {
            assert_eq!(counts, warcio, "{name}: {defects:?}");
        }
    }
}

#[test]
fn an_lz4_file_gives_the_records_of_the_gzip_one() {
    let Some(data) = reference::folder() else { return };
    let quirks = data.join("commoncrawl/warc_quirks");
    let bodies = |name: &str| -> Vec<Vec<u8>> {
        WarcReader::open(&quirks.join(name)).unwrap().map(|record| record.unwrap().body).collect()
    };
    let gzip = bodies("resiliparse_warcfile.warc.gz");
    assert_eq!(gzip.len(), 50);
    assert!(bodies("resiliparse_warcfile.warc.lz4") == gzip);
}

#[test]
fn every_text_of_a_wet_file_is_read() {
    let Some(data) = reference::folder() else { return };
    let wet = data.join("commoncrawl/wet_derived/derived_shared.warc.wet.gz");
    let texts: Vec<_> = crate::wet::open(&wet).unwrap().map(Result::unwrap).collect();
    assert_eq!(texts.len(), 1391);
    assert!(texts.iter().all(|text| text.kind == Kind::Conversion && text.url.is_some()));
    assert!(texts.iter().all(|text| text.content_length == text.block_len as u64));
    assert!(texts.is_sorted_by(|a, b| a.offset < b.offset), "each has a member of its own");
}

/// Bytes of a valid real file damaged one at a time cost records near the damage only.
#[test]
fn damage_to_a_real_file_costs_one_record() {
    let Some(data) = reference::folder() else { return };
    let path = data.join("commoncrawl/warc_quirks/resiliparse_warcfile.warc.gz");
    let file = std::fs::read(path).unwrap();
    for at in (0..file.len()).step_by(file.len() / 100) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let records = WarcReader::new(std::io::Cursor::new(damaged)).filter(Result::is_ok).count();
        assert!((49..=50).contains(&records), "byte {at}: {records} records");
    }
}
