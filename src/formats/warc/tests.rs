//! Made-up files, and every kind of damage to them.

use super::{Kind, WarcReader, WarcRecord};
use crate::Defect;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::{Cursor, Read, Write};

const CRLF: &str = "\r\n";
const LF: &str = "\n";

/// A record of type `resource`. `length` is what the header says.
fn record_of_length(line_end: &str, name: &str, length: &str, block: &str) -> Vec<u8> {
    let header = format!(
        "WARC/1.0\nWARC-Type: resource\nWARC-Target-URI: <http://{name}/>\nContent-Length: {length}\n\n"
    );
    [header.replace('\n', line_end), block.to_owned(), line_end.repeat(2)].concat().into_bytes()
}

fn record(line_end: &str, name: &str, block: &str) -> Vec<u8> {
    record_of_length(line_end, name, &block.len().to_string(), block)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(file: &[u8]) -> (Vec<WarcRecord>, Vec<Defect>) {
    let (mut records, mut defects) = (Vec::new(), Vec::new());
    for item in WarcReader::new(Cursor::new(file.to_vec())) {
        match item {
            Ok(record) => records.push(record),
            Err(defect) => defects.push(defect),
        }
    }
    assert!(records.len() + defects.len() > 0, "a file that gives nothing says nothing");
    (records, defects)
}

/// The hosts of the records read, `!` after those cut short, and the defects.
fn summary(file: &[u8]) -> (String, Vec<String>) {
    let (records, defects) = read(file);
    let host = |record: &WarcRecord| {
        let url = record.url.as_deref().unwrap_or("?");
        let host = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/"));
        format!("{}{}", host.unwrap_or(url), if record.truncated { "!" } else { "" })
    };
    let hosts: Vec<String> = records.iter().map(host).collect();
    (hosts.join(" "), defects.iter().map(Defect::to_string).collect())
}

#[test]
fn line_ends_and_compression_make_no_difference() {
    for line_end in [CRLF, LF] {
        let (a, b) = (record(line_end, "a", "one\n\nWARC/1.0\ntwo"), record(line_end, "b", ""));
        let plain = [&a[..], &b].concat();
        let one_member = gzip(&plain);
        let members = [gzip(&a), gzip(&b)].concat();
        let zstd = [zstd::encode_all(&a[..], 1).unwrap(), zstd::encode_all(&b[..], 1).unwrap()];
        let second = [a.len(), 0, gzip(&a).len(), zstd[0].len()];
        for (file, second) in [plain, one_member, members, zstd.concat()].iter().zip(second) {
            let (records, defects) = read(file);
            assert_eq!(defects, []);
            assert_eq!(records.len(), 2);
            assert_eq!(records[0].url.as_deref(), Some("http://a/"));
            assert_eq!(records[0].kind, Kind::Resource);
            assert_eq!(records[0].block(), b"one\n\nWARC/1.0\ntwo");
            assert_eq!(&records[0].body[records[0].block_len..], line_end.repeat(2).as_bytes());
            assert_eq!((records[1].block(), records[1].truncated), (&b""[..], false));
            assert_eq!((records[0].offset, records[1].offset), (0, second as u64));
        }
    }
}

#[test]
fn headers_are_read_generously() {
    let file = b"WARC/1.1\nwarc-type:  Conversion \nWARC-Target-URI:\thttp://a/\r\n b/ \n\
        Content-Length: 2 \nWARC-Date: 2023\nWARC-Date: 2024\nX: \xff\n\nhi";
    let (records, defects) = read(file);
    assert_eq!(defects, []);
    assert_eq!(records[0].kind, Kind::Conversion);
    assert_eq!(records[0].url.as_deref(), Some("http://a/ b/"));
    assert_eq!(records[0].date.as_deref(), Some("2023"));
    assert_eq!(records[0].body, b"hi");
}

#[test]
fn a_record_may_span_members() {
    let whole = [record(CRLF, "a", &"text ".repeat(10)), record(CRLF, "b", "two")].concat();
    for cut in 1..whole.len() {
        let file = [gzip(&whole[..cut]), gzip(b""), gzip(&whole[cut..])].concat();
        assert_eq!(summary(&file), ("a b".to_owned(), vec![]), "cut at {cut}");
    }
}

#[test]
fn one_member_of_many_records_is_streamed() {
    /// Makes records on demand: a file of any size.
    struct Records(std::ops::Range<u32>, Cursor<Vec<u8>>);
    impl Read for Records {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.1.position() == self.1.get_ref().len() as u64 {
                let Some(n) = self.0.next() else { return Ok(0) };
                self.1 = Cursor::new(record(CRLF, &n.to_string(), &"x".repeat(20_000)));
            }
            self.1.read(into)
        }
    }
    let records = Records(0..3000, Cursor::default());
    let file = flate2::read::GzEncoder::new(records, Compression::fast());
    let mut reader = WarcReader::new(file);
    for n in 0..3000 {
        let url = reader.next().unwrap().unwrap().url;
        assert_eq!(url, Some(format!("http://{n}/")));
        // No more is inflated than what the window holds.
        assert!(reader.inflated_bytes() < 200_000 + (n + 1) * 20_200);
    }
    assert_eq!(reader.next(), None);
}

#[test]
fn a_cut_file_is_read_up_to_the_cut() {
    let (a, b) = (record(CRLF, "a", "first text"), record(CRLF, "b", "second text"));
    let (block_a, block_b) = (a.len() - 14, a.len() + b.len() - 15);
    let plain = [&a[..], &b].concat();
    for cut in 0..plain.len() {
        let (hosts, defects) = summary(&plain[..cut]);
        let header_a = block_a..a.len() - 4;
        let header_b = block_b..plain.len() - 4;
        let expected = match cut {
            _ if cut < header_a.start => "",
            _ if header_a.contains(&cut) => "a!",
            _ if cut < header_b.start => "a",
            _ if header_b.contains(&cut) => "a b!",
            _ => "a b",
        };
        assert_eq!(hosts, expected, "cut at {cut}: {defects:?}");
        let whole = cut >= plain.len() - 4 || (a.len() - 4..=a.len()).contains(&cut);
        assert_eq!(defects.len(), usize::from(!whole), "cut at {cut}: {defects:?}");
    }
}

#[test]
fn every_whole_member_of_a_cut_gzip_file_is_read() {
    let (a, b) = (gzip(&record(CRLF, "a", "first text")), gzip(&record(CRLF, "b", "other")));
    let file = [&a[..], &b].concat();
    for cut in 0..file.len() {
        let (hosts, defects) = summary(&file[..cut]);
        assert_eq!(defects.len(), usize::from(cut != a.len()), "cut at {cut}: {defects:?}");
        if cut >= a.len() {
            assert!(["a", "a b!", "a b"].contains(&&hosts[..]), "cut at {cut}: {hosts}");
        }
    }
    // Only the checksum is missing.
    let (hosts, defects) = summary(&file[..file.len() - 1]);
    assert_eq!(hosts, "a b");
    let what = "the file ends within this gzip member: it was cut short, fetch it again";
    assert_eq!(defects, [format!("byte {}: {what}", a.len())]);
}

#[test]
fn a_damaged_byte_costs_its_own_record_only() {
    let [a, b, c] = ["a", "b", "c"].map(|name| gzip(&record(CRLF, name, "some text, and more")));
    let file = [&a[..], &b, &c].concat();
    for at in 0..file.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let (hosts, defects) = summary(&damaged);
            let (lost, others) = match at {
                _ if at < a.len() => ("a", "b c"),
                _ if at < a.len() + b.len() => ("b", "a c"),
                _ => ("c", "a b"),
            };
            // Some bytes of gzip's header have no effect.
            let unharmed = hosts == "a b c" && defects.is_empty();
            let kept: Vec<&str> = hosts.split(' ').filter(|host| !host.starts_with(lost)).collect();
            assert!(unharmed || kept.join(" ") == others, "byte {at} ^ {flip:#x}: {hosts}");
            assert!(unharmed || !defects.is_empty(), "byte {at} ^ {flip:#x} went unnoticed");
        }
    }
}

#[test]
fn a_damaged_byte_of_a_plain_file_costs_its_own_record_only() {
    let text = "some text, and more";
    let [a, b, c] = ["a", "b", "c"].map(|name| record(CRLF, name, text));
    let file = [&a[..], &b, &c].concat();
    for at in a.len()..a.len() + b.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let (hosts, _) = summary(&damaged);
            assert!(hosts.starts_with("a"), "byte {at} ^ {flip:#x}: {hosts}");
            assert!(hosts.ends_with("c"), "byte {at} ^ {flip:#x}: {hosts}");
        }
    }
}

#[test]
fn a_wrong_content_length_costs_its_own_record_only() {
    let around = |length: &str| {
        let bad = record_of_length(CRLF, "bad", length, "0123456789");
        [record(CRLF, "a", "one"), bad, record(CRLF, "b", "two")].concat()
    };
    let begin = record(CRLF, "a", "one").len();
    let number = "expected a number of bytes";
    for (length, hosts, what) in [
        ("10", "a bad b", None),
        // Too large within the line ends: nothing is missing.
        ("14", "a bad b", None),
        ("9", "a bad b", Some("expected WARC/, found 5 bytes that belong to no record: ")),
        ("15", "a bad! b", Some("the next record begins 14 bytes into a block of 15")),
        ("40", "a bad! b", Some("the next record begins 14 bytes into a block of 40")),
        ("100000", "a bad! b", Some("the next record begins 14 bytes into a block of 100000")),
        ("0", "a bad b", Some("expected WARC/, found 14 bytes that belong to no record: ")),
        ("", "a b", Some(&format!("Content-Length is \"\": {number}"))),
        ("-1", "a b", Some(&format!("Content-Length is \"-1\": {number}"))),
        ("10 bytes", "a b", Some(&format!("Content-Length is \"10 bytes\": {number}"))),
        ("0x0a", "a b", Some(&format!("Content-Length is \"0x0a\": {number}"))),
        ("18446744073709551616", "a b", Some("Content-Length is \"18446744073709551616\"")),
        ("18446744073709551615", "a b", Some("a block of 18446744073709551615 bytes: at most ")),
        ("268435457", "a b", Some("a block of 268435457 bytes: at most 268435456 are read")),
    ] {
        for (file, codec) in [(around(length), "plain"), (gzip(&around(length)), "gzip")] {
            let (summary, defects) = summary(&file);
            assert_eq!(summary, hosts, "{length}, {codec}: {defects:?}");
            let fits = |(defect, what): (&String, &str)| {
                defect.split_once(": ").is_some_and(|(_, summary)| summary.starts_with(what))
            };
            assert!(defects.iter().zip(what).all(fits), "{length}, {codec}: {defects:?}");
            assert_eq!(defects.len(), what.iter().count(), "{length}, {codec}: {defects:?}");
        }
        let (_, defects) = read(&around(length));
        assert!(defects.iter().all(|defect| defect.offset >= begin as u64), "{defects:?}");
    }
}

#[test]
fn a_member_ends_its_record_whatever_the_length_says() {
    let bad = record_of_length(CRLF, "bad", "5000", "0123456789");
    let file = [gzip(&bad), gzip(&record(CRLF, "b", "two"))].concat();
    let (hosts, defects) = summary(&file);
    assert_eq!(hosts, "bad! b");
    assert_eq!(defects, ["byte 0: its member ends 14 bytes into a block of 5000"]);
}

#[test]
fn a_broken_header_costs_its_own_record_only() {
    let broken = [
        ("WARC/1.0\r\nWARC-Type: x\r\n\r\ntext\r\n\r\n", "no Content-Length in the header"),
        (
            "WARC/1.0\r\nWARC-Type x\r\nContent-Length: 0\r\n\r\n",
            "broken header line \"WARC-Type x\"",
        ),
        ("WARC/1.0\r\n\r\n", "no header lines after \"WARC/1.0\""),
        ("WARC/1.0\r\nContent-Length: 0\r\n\r\n", "no WARC-Type in the header"),
        ("WARC/1.0\r\nWARC-Type: x\r\n", "the next record begins within this header"),
        ("WARC/1.0 \u{e9}\r\nb\u{e9}d: 1\r\n\r\n", "broken header line \"b\\xc3\\xa9d: 1\""),
        ("<html>\r\n", "expected WARC/, found 8 bytes that belong to no record: \"<html>\\r\\n\""),
    ];
    for (bad, what) in broken {
        let (a, b) = (record(CRLF, "a", "one"), record(CRLF, "b", "two"));
        let (hosts, defects) = summary(&[&a[..], bad.as_bytes(), &b].concat());
        assert_eq!(hosts, "a b", "{bad}: {defects:?}");
        assert_eq!(defects.len(), 1, "{bad}: {defects:?}");
        assert!(defects[0].starts_with(&format!("byte {}: {what}", a.len())), "{defects:?}");
    }
}

#[test]
fn a_header_without_end_is_not_held() {
    let endless = [&b"WARC/1.0\r\nWARC-Type: "[..], &[b'x'; 2 << 20], b"\n"].concat();
    let (hosts, defects) = summary(&[endless, record(CRLF, "b", "two")].concat());
    assert_eq!(hosts, "b");
    assert_eq!(defects, ["byte 0: a header of more than 262144 bytes"]);
}

#[test]
fn a_file_of_another_form_is_one_defect() {
    let text = "Call me Ishmael.\n".repeat(1000);
    let files: [(&[u8], &str); 8] = [
        (b"", "byte 0: empty file"),
        (&gzip(b""), "byte 0: no WARC record in this file"),
        (b"\r\n\r\n", "byte 0: no WARC record in this file"),
        (&[0; 500_000], "byte 0: not a WARC file: starts with \"\\x00\\x00"),
        (text.as_bytes(), "byte 0: not a WARC file: starts with \"Call me Ishmael.\\n"),
        (&gzip(text.as_bytes()), "byte 0: not a WARC file: starts with \"Call me Ishmael.\\n"),
        (b"PK\x03\x04zip", "byte 0: not a WARC file: starts with \"PK\\x03\\x04zip\""),
        (
            b"filedesc://a.arc 0.0.0.0 2008 text/plain 1\nWARC/1.0\n",
            "byte 0: an ARC file, not WARC",
        ),
    ];
    for (file, what) in files {
        let (records, defects) = read(file);
        assert_eq!(records, []);
        assert_eq!(defects.len(), 1, "{defects:?}");
        assert!(defects[0].to_string().starts_with(what), "{}", defects[0]);
    }
}

#[test]
fn bytes_around_members_are_one_defect_and_padding_is_none() {
    let (a, b) = (gzip(&record(CRLF, "a", "one")), gzip(&record(CRLF, "b", "two")));
    let (hosts, defects) = summary(&[b"junk", &a[..], b"more junk", &b, b"\x1f\x8b"].concat());
    assert_eq!(hosts, "a b");
    let expected = [(0, 4), (4 + a.len(), 9), (13 + a.len() + b.len(), 2)].map(|(at, n)| {
        format!("byte {at}: expected a gzip member, found {n} bytes that are not one")
    });
    assert_eq!(defects, expected);
    assert_eq!(summary(&[&a[..], &[0; 1024], &b, &[0; 1024]].concat()), ("a b".to_owned(), vec![]));
}

#[test]
fn a_failing_device_is_not_a_bad_file() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(into) {
                Ok(0) => Err(std::io::ErrorKind::TimedOut.into()),
                other => other,
            }
        }
    }
    let (a, b) = (record(CRLF, "a", "one"), record(CRLF, "b", "two"));
    for file in [[&a[..], &b[..20]].concat(), [gzip(&a), gzip(&b)[..20].to_vec()].concat()] {
        let items: Vec<_> = WarcReader::new(Failing(Cursor::new(file))).collect();
        assert_eq!(items[0].as_ref().unwrap().url.as_deref(), Some("http://a/"));
        let devices = items[1..].iter().map(|item| item.as_ref().unwrap_err().device);
        assert!(devices.eq([Some(std::io::ErrorKind::TimedOut)]), "{items:?}");
    }
}

#[test]
fn other_kinds_are_left_out_but_their_damage_is_reported() {
    let bad = record_of_length(CRLF, "bad", "9", "0123456789");
    let file = [record(CRLF, "a", "one"), bad].concat();
    let items: Vec<_> = WarcReader::new(Cursor::new(file)).keeping(|_| false).collect();
    assert!(matches!(&items[..], [Err(_)]), "{items:?}");
}

/// Each record claims the rest of the file: read again from each, it would be quadratic.
#[test]
fn records_that_swallow_each_other_take_linear_time() {
    let claims = record_of_length(CRLF, "a", "200000000", "");
    let file = claims.repeat(20_000);
    let length = file.len() as u64;
    let mut reader = WarcReader::new(Cursor::new(file));
    let items = reader.by_ref().count();
    assert!(items >= 2, "{items}");
    assert!(reader.inflated_bytes() < 3 * length + (128 << 20), "{}", reader.inflated_bytes());
}

proptest! {
    #![proptest_config(reference::property())]

    /// Pieces of valid files in any order.
    #[test]
    fn any_bytes_are_survived(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(b"WARC/1.0\r\n".to_vec()),
                Just(b"WARC-Type: conversion\r\n".to_vec()),
                Just(b"Content-Length: ".to_vec()),
                Just(b"\r\n\r\n".to_vec()),
                Just(b" \t\n".to_vec()),
                Just(b"\n".to_vec()),
                Just(record(LF, "a", "text")),
                Just(gzip(&record(CRLF, "b", "text"))),
                Just(gzip(b"WARC/1.0\r\nWARC-Type: x\r\nContent-Length: 99\r\n\r\n")),
                Just(b"\x1f\x8b\x08".to_vec()),
                Just(b"\x28\xb5\x2f\xfd".to_vec()),
                Just(b"\x04\x22\x4d\x18".to_vec()),
                "[0-9]{1,20}\r\n\r\n".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..20),
            ],
            0..30,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = pieces.concat();
        file.truncate(cut.index(file.len() + 1));
        let (records, defects) = read(&file);
        prop_assert!(records.iter().all(|record| record.block_len <= record.body.len()));
        prop_assert!(records.len() + defects.len() <= file.len() + 2);
    }
}
