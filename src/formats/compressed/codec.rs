//! How a file is compressed, told by its first bytes.

use memchr::memmem;
use std::fmt;

/// A compression that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Plain,
    Gzip,
    Zstd,
    Lz4,
}

impl Codec {
    /// As many first bytes as [`Codec::of`] looks at.
    pub(crate) const MAGIC_BYTES_MAX: usize = 4;

    const COMPRESSED: [Codec; 3] = [Codec::Gzip, Codec::Zstd, Codec::Lz4];

    /// The compression of a file that begins so.
    pub(crate) fn of(first: &[u8]) -> Codec {
        let begins = |codec: &&Codec| codec.begins(first);
        Codec::COMPRESSED.iter().find(begins).copied().unwrap_or(Codec::Plain)
    }

    /// What every member begins with.
    fn magic(self) -> &'static [u8] {
        match self {
            Codec::Plain => b"",
            // RFC 1952, 2.3.1: ID1, ID2, and the only compression method there is.
            Codec::Gzip => b"\x1f\x8b\x08",
            // RFC 8878, 3.1.1, little endian.
            Codec::Zstd => b"\x28\xb5\x2f\xfd",
            // LZ4 frame format 1.6, little endian.
            Codec::Lz4 => b"\x04\x22\x4d\x18",
        }
    }

    /// Whether a member begins here. `bytes` may be shorter than the magic where the file ends.
    pub(crate) fn begins(self, bytes: &[u8]) -> bool {
        // RFC 1952, 2.3.1.2: the upper bits of the flags are zero. Fewer false finds.
        let flags_fit =
            || self != Codec::Gzip || bytes.get(3).is_none_or(|flags| flags & 0xe0 == 0);
        bytes.starts_with(self.magic()) && flags_fit()
    }

    /// Where the first member in `bytes` begins.
    pub(crate) fn find(self, bytes: &[u8]) -> Option<usize> {
        memmem::find_iter(bytes, self.magic()).find(|&at| self.begins(&bytes[at..]))
    }

    /// The first member of any compression in `bytes`.
    pub(crate) fn find_any(bytes: &[u8]) -> Option<(usize, Codec)> {
        let found = |codec: &Codec| Some((codec.find(bytes)?, *codec));
        Codec::COMPRESSED.iter().filter_map(found).min_by_key(|&(at, _)| at)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Codec::Plain => "plain",
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::Lz4 => "LZ4",
        })
    }
}
