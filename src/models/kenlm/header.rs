//! The header of KenLM's binary files (`lm/binary_format.cc`), version 5, as written by a
//! little-endian machine.
//!
//! ```text
//! "mmap lm http://kheafield.com/code format version 5\n", filled up with 0 to 56 bytes
//! f32 0, 1, -0.5    u32 1, u32::MAX, 0    u64 1
//! u8 order, 3 free bytes, f32 probing multiplier, u32 kind, u8 has words, 3 free bytes, u32 version
//! order times: u64 number of n-grams
//! 0 to 7 free bytes, to a multiple of 8
//! ```

use super::ORDER_MAX;
use crate::ModelError;
use crate::reader::{ModelReader, f32_at, u32_at, u64_at};
use std::io::Read;

/// The beginning of every binary file of KenLM.
pub(super) const MAGIC: &[u8] = b"mmap lm http://kheafield.com/code";
const MAGIC_VERSION_5: &[u8; 51] = b"mmap lm http://kheafield.com/code format version 5\n";
const MAGIC_INCOMPLETE: &[u8] = b"mmap lm http://kheafield.com/code incomplete\n";
const MAGIC_BYTES: usize = 56;
const SANITY_BYTES: usize = 88;
const FIXED_BYTES: usize = 20;

const REBUILD: &str = "make it again from the ARPA file with KenLM's build_binary";

pub(super) struct Header {
    /// Ratio of buckets to n-grams in the probing form.
    pub(super) probing_multiplier: f32,
    pub(super) kind: Kind,
    /// Number of n-grams of each order, from the first.
    pub(super) counts: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Probing,
    Trie { quantized: bool, array: bool },
}

impl Header {
    pub(super) fn read<R: Read>(source: &mut ModelReader<'_, R>) -> Result<Self, ModelError> {
        const PART: &str = "header";
        let sanity = source.bytes(SANITY_BYTES as u64, PART)?;
        check_sanity(source, &sanity)?;

        let fixed = source.bytes(FIXED_BYTES as u64, PART)?;
        let (order, probing_multiplier) = (usize::from(fixed[0]), f32_at(&fixed, 4));
        let kind = kind(source, u32_at(&fixed, 8), u32_at(&fixed, 16))?;
        if !(2..=ORDER_MAX).contains(&order) {
            let problem = format!("has order {order}");
            return Err(source.unsupported(problem, "orders 2 to 10 are read: make another"));
        }
        if !(1.0..=1000.0).contains(&probing_multiplier) {
            return Err(source.damaged(format!("the probing multiplier is {probing_multiplier}")));
        }
        let counts = source.items(order as u64, 8, PART)?;
        let counts: Vec<u64> = counts.chunks_exact(8).map(|count| u64_at(count, 0)).collect();
        if counts[0] >= u64::from(u32::MAX) {
            return Err(source.damaged(format!("it has {} words", counts[0])));
        }
        // A record takes at least one bit.
        let most = source.len().saturating_mul(8);
        if let Some(count) = counts.iter().find(|count| **count > most) {
            return Err(source.damaged(format!("its header claims {count} n-grams of one order")));
        }
        let header = source.offset();
        source.bytes(header.next_multiple_of(8) - header, PART)?;
        Ok(Self { probing_multiplier, kind, counts })
    }

    /// Returns the number of buckets in a probing table of `count` entries.
    pub(super) fn buckets(&self, count: u64) -> u64 {
        // Single precision, as in KenLM.
        count.saturating_add(1).max((self.probing_multiplier * count as f32) as u64)
    }
}

fn check_sanity<R: Read>(source: &ModelReader<'_, R>, sanity: &[u8]) -> Result<(), ModelError> {
    if sanity.starts_with(MAGIC_INCOMPLETE) {
        return Err(source.unsupported("was never finished by build_binary", REBUILD));
    }
    if !sanity.starts_with(MAGIC_VERSION_5) {
        let line = sanity[MAGIC.len()..MAGIC_BYTES].split(|byte| *byte == b'\n').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        let problem = format!("begins with \"{}\", not \"format version 5\"", line.trim());
        return Err(source.unsupported(problem, REBUILD));
    }
    let floats = [0, 4, 8].map(|at| f32_at(sanity, MAGIC_BYTES + at));
    let words = [12, 16, 20].map(|at| u32_at(sanity, MAGIC_BYTES + at));
    let long = u64_at(sanity, MAGIC_BYTES + 24);
    if floats != [0.0, 1.0, -0.5] || words != [1, u32::MAX, 0] || long != 1 {
        let problem = "comes from a machine with another byte order, or is damaged";
        return Err(source.unsupported(problem, REBUILD));
    }
    Ok(())
}

fn kind<R: Read>(source: &ModelReader<'_, R>, kind: u32, version: u32) -> Result<Kind, ModelError> {
    let (kind, known) = match kind {
        0 => (Kind::Probing, 0),
        2..=5 => (Kind::Trie { quantized: kind % 2 == 1, array: kind >= 4 }, 1),
        1 => {
            let problem = "is a probing model with rest costs";
            return Err(source.unsupported(problem, "build it without them"));
        }
        other => return Err(source.damaged(format!("model kind {other} is unknown"))),
    };
    if version == known {
        Ok(kind)
    } else {
        let problem = format!("has search version {version}, but only {known} is supported");
        Err(source.unsupported(problem, REBUILD))
    }
}
