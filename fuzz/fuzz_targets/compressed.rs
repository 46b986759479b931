//! Any bytes as a compressed file: decompressing them does not panic, terminates, and leaves plain
//! bytes unchanged. The first byte may prepend a codec's magic, which random inputs rarely have.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Read;

const MAGICS: [&[u8]; 6] =
    [b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"BZh11AY&SY", b"\xfd7zXZ\0"];

/// Other beginnings of bytes that are decoded: byte order marks, and zstd's skippable frames.
const DECODED: [&[u8]; 4] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"\x2a\x4d\x18"];

/// At most this many bytes are read: a kilobyte may expand to a megabyte.
const INFLATED_BYTES_MAX: u64 = 1 << 22;

fuzz_target!(|input: &[u8]| {
    let Some((way, rest)) = input.split_first() else { return };
    let magic = MAGICS[usize::from(*way) % MAGICS.len()];
    let bytes = [magic, rest].concat();
    let inflated = shared::read(&bytes, |path| {
        let mut inflated = Vec::new();
        let opened = formats::open(path).expect("the file is there");
        opened.take(INFLATED_BYTES_MAX).read_to_end(&mut inflated).map(|_| inflated)
    });
    let is_packed = MAGICS[1..].iter().any(|magic| bytes.starts_with(&magic[..2]));
    let is_decoded = DECODED.iter().any(|mark| {
        bytes.starts_with(mark) || bytes.get(1..).is_some_and(|rest| rest.starts_with(mark))
    });
    let is_plain = !is_packed && !is_decoded;
    assert!(!is_plain || inflated.is_ok_and(|inflated| inflated == bytes), "plain bytes changed");
});
