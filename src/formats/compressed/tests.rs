use super::open;
use flate2::{Compression, write::GzEncoder};
use std::io::{ErrorKind, Read, Write};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn inflated(stored: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(stored).unwrap();
    let mut bytes = Vec::new();
    let read = open(file.path()).unwrap().read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| error.kind())
}

#[test]
fn every_compression_is_detected_and_its_members_are_joined() {
    let text = "to be or not to be\n".repeat(50_000);
    let text = text.as_bytes();
    let (a, b) = text.split_at(300_001);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    assert!(inflated(text).as_deref() == Ok(text));
    assert!(inflated(&[gzip(a), gzip(b""), gzip(b)].concat()).as_deref() == Ok(text));
    assert!(inflated(&[zstd(a), zstd(b)].concat()).as_deref() == Ok(text));
    assert!(inflated(&[lz4(a), lz4(b)].concat()).as_deref() == Ok(text));
    assert!(inflated(&[bzip2(a), bzip2(b""), bzip2(b)].concat()).as_deref() == Ok(text));
    assert_eq!(inflated(b"").as_deref(), Ok(&b""[..]));
    assert_eq!(inflated(b"BZh9 is no magic").as_deref(), Ok(&b"BZh9 is no magic"[..]));
}

#[test]
fn a_damaged_file_never_ends_as_a_whole_one() {
    let whole = gzip(b"some text");
    for cut in 4..whole.len() {
        assert_eq!(inflated(&whole[..cut]), Err(ErrorKind::UnexpectedEof), "cut at {cut}");
    }
    let mut damaged = whole.clone();
    damaged[whole.len() - 5] ^= 1;
    assert_eq!(inflated(&damaged), Err(ErrorKind::InvalidData));
    assert_eq!(inflated(&[&whole[..], b"junk"].concat()), Err(ErrorKind::InvalidData));
    assert_eq!(inflated(&[&whole[..], &[0; 512]].concat()).as_deref(), Ok(&b"some text"[..]));
}

#[test]
fn a_damaged_bzip2_file_never_ends_as_a_whole_one() {
    let whole = bzip2(b"some text");
    for cut in 4..whole.len() {
        assert_eq!(inflated(&whole[..cut]), Err(ErrorKind::UnexpectedEof), "cut at {cut}");
    }
    for at in 10..whole.len() - 1 {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert!(inflated(&damaged).is_err(), "damaged at {at}");
    }
    assert_eq!(inflated(&[&whole[..], b"junk"].concat()), Err(ErrorKind::InvalidData));
}
