//! A double-array trie in the format of darts-clone, which SentencePiece reads.
//!
//! A node's children are found from its base: the child for a byte is at `base ^ byte`, and the value
//! of the node's own key is at `base`. Each base belongs to one node, so the byte stored in a unit
//! shows whether it is a child of that node. A unit is a `u32`:
//!
//! ```text
//! node   bits 0-7 its byte, 8 whether its key ends here, 10-30 its index ^ its base
//! value  bits 0-30 the value, 31 set
//! ```

use std::collections::HashSet;

const HAS_VALUE: u32 = 1 << 8;
const IS_VALUE: u32 = 1 << 31;
const BLOCK: usize = 256;
/// Number of last blocks that are searched for free units; earlier blocks are nearly full.
const BLOCKS_OPEN: usize = 16;
/// SentencePiece requires it to be above 0 and below 512.
const ROOT_BASE: usize = BLOCK;

/// A finished array.
pub(super) struct DoubleArray(Vec<u32>);

impl DoubleArray {
    /// `keys` must be sorted, distinct, not empty, and without NUL.
    pub(super) fn new(keys: &[(&[u8], u32)]) -> Self {
        let mut builder = Builder { units: Vec::new(), used: Vec::new(), bases: HashSet::new() };
        builder.grow(ROOT_BASE);
        builder.used[0] = true;
        builder.children(0, 0, keys, 0);
        // Large enough for every index ^ base.
        let len = builder.units.len().next_power_of_two();
        builder.units.resize(len, 0);
        Self(builder.units)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|unit| unit.to_le_bytes()).collect()
    }

    /// Returns the length and value of the longest key that is a prefix of `text`.
    pub(super) fn longest_prefix(&self, text: &[u8]) -> Option<(usize, u32)> {
        let base = |node: usize| node ^ (self.0[node] >> 10) as usize;
        let mut node = 0;
        let mut longest = None;
        for (at, byte) in text.iter().enumerate() {
            node = base(node) ^ usize::from(*byte);
            if *byte == 0 || self.0[node] & (IS_VALUE | 0xff) != u32::from(*byte) {
                break;
            }
            if self.0[node] & HAS_VALUE != 0 {
                longest = Some((at + 1, self.0[base(node)] & !IS_VALUE));
            }
        }
        longest
    }
}

struct Builder {
    units: Vec<u32>,
    used: Vec<bool>,
    bases: HashSet<usize>,
}

impl Builder {
    /// Places the children of a node: `keys` share their first `depth` bytes, which lead to it.
    fn children(&mut self, node: usize, byte: u8, keys: &[(&[u8], u32)], depth: usize) {
        // NUL marks the end of a key.
        let byte_at = |key: &[u8]| key.get(depth).copied().unwrap_or(0);
        let groups: Vec<_> =
            keys.chunk_by(|left, right| byte_at(left.0) == byte_at(right.0)).collect();
        let bytes: Vec<u8> = groups.iter().map(|group| byte_at(group[0].0)).collect();
        let base = if node == 0 { ROOT_BASE } else { self.base(&bytes) };
        self.grow(base);
        self.bases.insert(base);
        for byte in &bytes {
            self.used[base ^ usize::from(*byte)] = true;
        }
        let has_value = if bytes[0] == 0 { HAS_VALUE } else { 0 };
        self.units[node] = u32::from(byte) | has_value | ((node ^ base) as u32) << 10;
        for (byte, group) in bytes.into_iter().zip(groups) {
            let child = base ^ usize::from(byte);
            match byte {
                0 => self.units[child] = group[0].1 | IS_VALUE,
                byte => self.children(child, byte, group, depth + 1),
            }
        }
    }

    /// Returns a base at which the units of all these children are free.
    fn base(&self, bytes: &[u8]) -> usize {
        let from = self.units.len().saturating_sub(BLOCKS_OPEN * BLOCK);
        let fits = |base: &usize| {
            !self.bases.contains(base)
                && bytes.iter().all(|byte| !self.used[base ^ usize::from(*byte)])
        };
        let free = (from..self.units.len()).filter(|slot| !self.used[*slot]);
        let base = free.map(|slot| slot ^ usize::from(bytes[0])).find(fits);
        base.unwrap_or(self.units.len())
    }

    /// Extends the array to the block of a base.
    fn grow(&mut self, base: usize) {
        let len = self.units.len().max((base / BLOCK + 1) * BLOCK);
        self.units.resize(len, 0);
        self.used.resize(len, false);
    }
}
