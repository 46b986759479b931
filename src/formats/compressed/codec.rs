//! How a file is compressed, detected by its first bytes.

use memchr::memmem;
use std::fmt;

/// A supported compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Plain,
    Gzip,
    Zstd,
    Lz4,
    Bzip2,
    /// Read as a layer around the others, not by members.
    Xz,
}

impl Codec {
    /// How many first bytes [`Codec::of`] needs.
    pub(crate) const MAGIC_BYTES_MAX: usize = 10;

    const COMPRESSED: [Codec; 5] = [Codec::Gzip, Codec::Zstd, Codec::Lz4, Codec::Bzip2, Codec::Xz];

    /// Returns the compression of a file that begins with `first`.
    pub(crate) fn of(first: &[u8]) -> Codec {
        let begins = |codec: &&Codec| codec.begins(first);
        Codec::COMPRESSED.iter().find(begins).copied().unwrap_or(Codec::Plain)
    }

    /// Returns the bytes that every member begins with.
    fn magic(self) -> &'static [u8] {
        match self {
            Codec::Plain => b"",
            // RFC 1952, 2.3.1: ID1, ID2, and the only compression method.
            Codec::Gzip => b"\x1f\x8b\x08",
            // RFC 8878, 3.1.1, little endian.
            Codec::Zstd => b"\x28\xb5\x2f\xfd",
            // LZ4 frame format 1.6, little endian.
            Codec::Lz4 => b"\x04\x22\x4d\x18",
            // Not standardized. The size of blocks and the magic of the first block follow.
            Codec::Bzip2 => b"BZh",
            // The .xz file format 1.2.1, 2.1.1.1.
            Codec::Xz => b"\xfd7zXZ\0",
        }
    }

    /// Whether a member begins here. `bytes` may be shorter than the magic where the file ends.
    pub(crate) fn begins(self, bytes: &[u8]) -> bool {
        // The bytes after the magic exclude most chance finds.
        let rest = bytes.get(self.magic().len()..).unwrap_or_default();
        bytes.starts_with(self.magic())
            && match self {
                // RFC 1952, 2.3.1.2: the upper bits of the flags are zero.
                Codec::Gzip => rest.first().is_none_or(|flags| flags & 0xe0 == 0),
                Codec::Bzip2 => begins_bzip2(rest),
                Codec::Plain | Codec::Zstd | Codec::Lz4 | Codec::Xz => true,
            }
    }

    /// Returns the size of the skippable frame that begins here, with its header (RFC 8878, 3.1.2; LZ4
    /// has the same).
    pub(crate) fn skippable_bytes(bytes: &[u8]) -> Option<u64> {
        let (head, size) = (bytes.get(..4)?, bytes.get(4..8)?);
        let is_skippable = head[0] & 0xf0 == 0x50 && head[1..] == *b"\x2a\x4d\x18";
        let size = u32::from_le_bytes(size.try_into().expect("four bytes"));
        is_skippable.then_some(8 + u64::from(size))
    }

    /// Returns the index at which the first member in `bytes` begins.
    pub(crate) fn find(self, bytes: &[u8]) -> Option<usize> {
        memmem::find_iter(bytes, self.magic()).find(|&at| self.begins(&bytes[at..]))
    }

    /// Returns the first member of any compression in `bytes`.
    pub(crate) fn find_any(bytes: &[u8]) -> Option<(usize, Codec)> {
        let found = |codec: &Codec| Some((codec.find(bytes)?, *codec));
        Codec::COMPRESSED
            .iter()
            .filter(|codec| **codec != Codec::Xz)
            .filter_map(found)
            .min_by_key(|&(at, _)| at)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Codec::Plain => "plain",
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::Lz4 => "LZ4",
            Codec::Bzip2 => "bzip2",
            Codec::Xz => "xz",
        })
    }
}

/// Whether `rest` continues a bzip2 stream after `BZh`: the size of its blocks, then a block or, in an
/// empty stream, the end. Plain text that begins with `BZh` does not. `rest` may be cut.
fn begins_bzip2(rest: &[u8]) -> bool {
    const BLOCK: &[u8] = b"\x31\x41\x59\x26\x53\x59";
    const END: &[u8] = b"\x17\x72\x45\x38\x50\x90";
    let Some((size, block)) = rest.split_first() else { return true };
    let begins = |magic: &[u8]| block.iter().zip(magic).all(|(byte, expected)| byte == expected);
    (b'1'..=b'9').contains(size) && (begins(BLOCK) || begins(END))
}
