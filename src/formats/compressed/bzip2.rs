//! bzip2, inflated by the helpers of [`parallel`].
//!
//! A stream is `BZh1` to `BZh9`, blocks, and an end with the checksum of all of them. A block
//! begins with a mark of 48 bits, at any bit and not only at whole bytes, and with its own checksum.
//! Nothing in it refers to another block. So the file is cut at the marks, and each block is inflated
//! as a stream of its own, in a file of one stream as in one of many.
//!
//! Damage costs the blocks that it is in. (A mark can occur by chance within a block, about once in
//! 10^14 bits. That block is then reported as corrupt.)

use super::Stored;
use crate::defect::Defect;
use crate::parallel::{self, Mapped};
use ::bzip2::bufread::BzDecoder;
use memchr::memmem::Finder;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;
const MARK_BITS: u64 = 48;
const CHECKSUM_BITS: u64 = 32;

/// An incompressible block of 900 kB with its tables is smaller.
const BLOCK_BYTES_MAX: usize = 2 << 20;

/// The memory that a block under way takes: stored and inflated, both partly.
const BLOCK_BYTES: usize = 512 << 10;

/// Iterator over the inflated blocks of a file: the byte of the stored file at which a block begins,
/// and its text.
pub(crate) type Blocks = Mapped<Cuts, Result<(u64, Vec<u8>), Defect>>;

/// Inflates the blocks of a file.
pub(crate) fn blocks(stored: Stored) -> Blocks {
    parallel::map(
        Cuts::new(stored),
        |_| BLOCK_BYTES,
        |cut| {
            let (offset, stream) = cut?;
            let text = inflate(&stream).map_err(|_| Defect::new(offset, CORRUPT))?;
            Ok((offset, text))
        },
    )
}

/// Iterator over the stored blocks of a file, each as a stream of its own.
pub(crate) struct Cuts {
    stored: Stored,
    marks: Marks,
    /// The next bit of the byte that `stored` reads next; 0 to 7.
    bit: u64,
    place: Place,
    /// Checksum of the blocks of this stream so far; `None` if one is missing.
    checksum: Option<u32>,
    /// Cut, and not returned yet.
    found: VecDeque<Cut>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeStream,
    InStream,
    AtEnd,
}

/// A block, by its place, or the defect in its place.
type Cut = Result<(u64, Vec<u8>), Defect>;

impl Cuts {
    fn new(stored: Stored) -> Cuts {
        Cuts {
            stored,
            marks: Marks::new(),
            bit: 0,
            place: Place::BeforeStream,
            checksum: Some(0),
            found: VecDeque::new(),
        }
    }

    /// Cuts the next block, or finds the defect in its place.
    fn cut(&mut self) {
        match self.place {
            Place::BeforeStream => self.begin_stream(),
            Place::InStream => self.cut_block(),
            Place::AtEnd => {}
        }
    }

    fn defect(&mut self, offset: u64, what: impl Into<String>) {
        self.checksum = None;
        self.found.push_back(Err(Defect::new(offset, what)));
    }

    /// Ends reading. Reports why, unless the file ends.
    fn end(&mut self, cut: Option<u64>) {
        self.place = Place::AtEnd;
        if let Some(failure) = self.stored.failure() {
            let what = format!("reading failed: {}", failure.what);
            let defect =
                Defect { device: Some(failure.kind), ..Defect::new(self.stored.offset(), what) };
            self.found.push_back(Err(defect));
        } else if let Some(damage) = self.stored.take_damage() {
            self.defect(self.stored.stored_bytes(), damage);
        } else if let Some(offset) = cut {
            let what = "the file ends within this bzip2 block: it was cut short, fetch it again";
            self.defect(offset, what);
        }
    }

    /// Skips the header of the next stream.
    fn begin_stream(&mut self) {
        let (offset, mut skipped, mut padding) = (self.stored.offset(), 0, true);
        loop {
            let bytes = self.stored.peek(super::Codec::MAGIC_BYTES_MAX);
            if super::Codec::Bzip2.begins(bytes) && bytes.len() > 3 {
                self.stored.consume(4);
                self.place = Place::InStream;
                self.checksum = Some(0);
                break;
            }
            let short = bytes.len() < super::Codec::MAGIC_BYTES_MAX;
            let n = if short {
                bytes.len()
            } else {
                super::Codec::Bzip2.find(bytes).unwrap_or(bytes.len() - 9).max(1)
            };
            padding &= bytes[..n].iter().all(|&byte| byte == 0);
            self.stored.consume(n);
            skipped += n as u64;
            if short {
                self.end(None);
                break;
            }
        }
        if skipped > 0 && !padding {
            self.defect(offset, format!("{skipped} bytes that are not a bzip2 stream"));
            self.checksum = Some(0);
        }
    }

    fn cut_block(&mut self) {
        let offset = self.stored.offset();
        let bytes = self.stored.peek(BLOCK_BYTES_MAX);
        let (begin, available) = (self.bit, bytes.len() as u64 * 8);
        if available < begin + MARK_BITS + CHECKSUM_BITS {
            return self.end(Some(offset));
        }
        let mark = bits(bytes, begin, MARK_BITS);
        let checksum = bits(bytes, begin + MARK_BITS, CHECKSUM_BITS) as u32;
        let after = begin + MARK_BITS + CHECKSUM_BITS;
        if mark == END {
            let expected = self.checksum;
            self.bit = 0;
            self.stored.consume(after.div_ceil(8) as usize);
            self.place = Place::BeforeStream;
            if expected.is_some_and(|expected| expected != checksum) {
                self.defect(
                    offset,
                    "the checksum of this bzip2 stream is wrong: blocks are missing",
                );
            }
            return;
        }
        let next = self.marks.find(bytes, if mark == BLOCK { after } else { begin + 1 });
        let Some(next) = next.filter(|next| next / 8 < BLOCK_BYTES_MAX as u64) else {
            let all = bytes.len();
            if all < BLOCK_BYTES_MAX {
                self.stored.consume(all);
                return self.end(Some(offset));
            }
            // No mark within a block of the largest size: the search continues after it.
            self.stored.consume(all - 8);
            self.bit = 0;
            return self.defect(offset, CORRUPT);
        };
        if mark == BLOCK {
            let stream = as_stream(bytes, begin, next, checksum);
            self.checksum = self.checksum.map(|all| all.rotate_left(1) ^ checksum);
            self.found.push_back(Ok((offset, stream)));
        } else {
            self.defect(offset, CORRUPT);
        }
        self.stored.consume((next / 8) as usize);
        self.bit = next % 8;
    }
}

const CORRUPT: &str = "corrupt bzip2 block: fetch the file again";

impl Iterator for Cuts {
    type Item = Cut;

    fn next(&mut self) -> Option<Cut> {
        while self.found.is_empty() && self.place != Place::AtEnd {
            self.cut();
        }
        self.found.pop_front()
    }
}

fn inflate(stream: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(1 << 20);
    BzDecoder::new(stream).read_to_end(&mut text)?;
    Ok(text)
}

/// Returns `count` bits, at most 57, from a bit on. Beyond the end they are 0.
fn bits(bytes: &[u8], from: u64, count: u64) -> u64 {
    let mut window = [0; 8];
    let rest = &bytes[((from / 8) as usize).min(bytes.len())..];
    let n = rest.len().min(8);
    window[..n].copy_from_slice(&rest[..n]);
    u64::from_be_bytes(window) << (from % 8) >> (64 - count)
}

/// Returns the bits of a block as a stream of its own.
fn as_stream(bytes: &[u8], from: u64, to: u64, checksum: u32) -> Vec<u8> {
    let mut stream = b"BZh9".to_vec();
    stream.reserve(((to - from) / 8) as usize + 16);
    let (shift, length) = (from % 8, to - from);
    let block = &bytes[(from / 8) as usize..];
    let whole = (length / 8) as usize;
    if shift == 0 {
        stream.extend_from_slice(&block[..whole]);
    } else {
        let pairs = block.windows(2).take(whole);
        stream.extend(pairs.map(|pair| pair[0] << shift | pair[1] >> (8 - shift)));
    }
    // The remaining bits, the mark of the end, the checksum: fewer than 96.
    let left = length % 8;
    let tail =
        u128::from(bits(bytes, from + whole as u64 * 8, left.max(1)) >> u64::from(left == 0));
    let tail = (tail << MARK_BITS | u128::from(END)) << CHECKSUM_BITS | u128::from(checksum);
    let tail = tail << (128 - (left + MARK_BITS + CHECKSUM_BITS));
    stream.extend_from_slice(&tail.to_be_bytes()[..11]);
    stream
}

/// Finds marks at any bit: for each shift, by the whole bytes in it.
struct Marks(Vec<(u64, u64, Finder<'static>)>);

impl Marks {
    fn new() -> Self {
        let mark = |mark: u64, shift: u64| {
            // The bytes after the first, which for shift 0 is whole too.
            let bytes = (mark << (16 - shift)).to_be_bytes();
            (mark, shift, Finder::new(&bytes[1..6]).into_owned())
        };
        let all = [BLOCK, END].into_iter().flat_map(|m| (0..8).map(move |shift| (m, shift)));
        Marks(all.map(|(m, shift)| mark(m, shift)).collect())
    }

    /// Returns the first bit, from `from` on, at which a mark begins. Blocks are rarely as large as
    /// they may be, so the near bytes are searched first.
    fn find(&self, bytes: &[u8], from: u64) -> Option<u64> {
        let near = [256 << 10, 1 << 20].map(|ahead| (from / 8) as usize + ahead);
        let ends = near.into_iter().filter(|end| *end < bytes.len()).chain([bytes.len()]);
        ends.into_iter().find_map(|end| self.find_before(&bytes[..end], from))
    }

    fn find_before(&self, bytes: &[u8], from: u64) -> Option<u64> {
        let mut first: Option<u64> = None;
        let (begin, bits_there) = ((from / 8) as usize, bytes.len() as u64 * 8);
        for (mark, shift, finder) in &self.0 {
            // The search ends at a mark that was found before.
            let end = first.map_or(bytes.len(), |bit| (bit / 8) as usize + 8).min(bytes.len());
            let places = finder.find_iter(bytes.get(begin..end)?);
            let marks =
                places.filter_map(|at| Some((begin + at).checked_sub(1)? as u64 * 8 + shift));
            let is_mark = |bit: &u64| {
                let there = *bit >= from && bit + MARK_BITS <= bits_there;
                there && bits(bytes, *bit, MARK_BITS) == *mark
            };
            first = first.into_iter().chain(marks.into_iter().find(is_mark)).min();
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn bzip2(text: &[u8]) -> Vec<u8> {
        let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(stored: Vec<u8>) -> Vec<Result<(u64, Vec<u8>), Defect>> {
        let stored = Stored::new(Box::new(io::Cursor::new(stored)));
        blocks(stored).collect()
    }

    fn joined(stored: Vec<u8>) -> Vec<u8> {
        read(stored).into_iter().flat_map(|block| block.unwrap().1).collect()
    }

    /// Text of several blocks of 100 kB.
    fn long_text() -> Vec<u8> {
        let mut state = 1u32;
        let mut text = Vec::new();
        while text.len() < 350_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.extend_from_slice(format!("{} ", state >> 12).as_bytes());
        }
        text
    }

    #[test]
    fn blocks_of_one_stream_and_of_many_are_joined() {
        let text = long_text();
        assert!(joined(bzip2(&text)) == text);
        let (a, b) = text.split_at(123_456);
        assert!(joined([bzip2(a), bzip2(b""), bzip2(b), vec![0; 50]].concat()) == text);
        assert!(joined(bzip2(b"")).is_empty());
        let blocks = read(bzip2(&text));
        assert!(blocks.len() >= 4, "one block a time");
        let offsets: Vec<u64> = blocks.into_iter().map(|block| block.unwrap().0).collect();
        assert!(offsets[0] == 4 && offsets.is_sorted(), "{offsets:?}");
    }

    #[test]
    fn damage_costs_its_block_and_is_reported() {
        let text = long_text();
        let mut stored = bzip2(&text);
        let whole = read(stored.clone()).len();
        let middle = stored.len() / 2;
        stored[middle] ^= 4;
        let blocks = read(stored);
        let kept: usize = blocks.iter().flatten().map(|(_, text)| text.len()).sum();
        let defects: Vec<_> = blocks.iter().filter_map(|block| block.as_ref().err()).collect();
        assert!(!defects.is_empty() && defects[0].what.contains("corrupt"), "{defects:?}");
        assert!(kept >= text.len() * (whole - 2) / whole, "{kept} of {}", text.len());
    }

    #[test]
    fn a_file_cut_short_keeps_what_came_before() {
        let text = long_text();
        let mut stored = bzip2(&text);
        stored.truncate(stored.len() * 3 / 4);
        let blocks = read(stored);
        assert!(blocks.iter().flatten().count() >= 2);
        let last = blocks.last().unwrap().as_ref().unwrap_err();
        assert!(last.what.contains("cut short"), "{last}");
    }

    #[test]
    fn bytes_between_two_streams_are_reported() {
        let stored = [bzip2(b"one"), b"junk and more".to_vec(), bzip2(b"two")].concat();
        let offset = bzip2(b"one").len() as u64;
        let blocks = read(stored);
        assert_eq!(blocks[0], Ok((4, b"one".to_vec())));
        let expected = Defect::new(offset, "13 bytes that are not a bzip2 stream");
        assert_eq!(blocks[1], Err(expected));
        assert_eq!(blocks[2].as_ref().unwrap().1, b"two");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_damage_ends_in_blocks_and_defects(
            at in 0usize..2000, byte: u8, cut in 0usize..2000, text in "[a-d]{0,3000}",
        ) {
            let mut stored = [bzip2(text.as_bytes()), bzip2(b"more")].concat();
            let length = stored.len();
            stored[at % length] = byte;
            stored.truncate(length - cut % length);
            for (offset, _) in read(stored).into_iter().flatten() {
                prop_assert!(offset <= length as u64);
            }
        }
    }
}
