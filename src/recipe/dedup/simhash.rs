//! Near documents by SimHash.

use document::Document;
use engine::{Counts, Docs, Near, Similar};
use similarity::{DISTANCE_MAX, blocks, equal_bits, equal_within, signature, simhash};

/// How documents are compared by SimHash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simhash {
    /// The most bits in which near documents differ, up to [`DISTANCE_MAX`].
    pub distance: u32,
}

impl Default for Simhash {
    fn default() -> Self {
        Simhash { distance: DISTANCE_MAX }
    }
}

impl Simhash {
    /// Drops documents whose SimHash differs in few bits from that of an earlier one that counts, as
    /// `near_duplicate`.
    pub fn apply<'scope>(self, docs: Docs<'scope>, index: &str, counts: Counts) -> Docs<'scope> {
        let least = equal_within(self.distance);
        let similar = Similar { similarity: equal_bits, least, exact: None };
        let keys = |document: &Document, keys: &mut Vec<u64>| {
            let hash = simhash(&document.text);
            blocks(hash, keys);
            signature(hash)
        };
        docs.reject_near(index, "near_duplicate", keys, Near { similar: Some(similar), counts })
    }
}
