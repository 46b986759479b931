//! Where pages and row groups of a Parquet file end: by what is in them, not by how much is before
//! them. So a document that comes or goes changes the page that it is in, and the ones after it stay
//! as they are, byte for byte. A store that keeps equal pieces of files once then stores only what
//! changed.
//!
//! A piece has a smallest and a largest size. Between these it ends after a row whose id has a hash
//! below a limit, which is in proportion to the size of the row. All of it is fixed, because the
//! bytes of the file depend on it.

use sha2::{Digest, Sha256};

/// Sizes of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// No hash ends a smaller piece.
    pub least: u64,
    /// At this size a piece ends, whatever the hash.
    pub most: u64,
}

/// Bytes of the values of a page, before they are encoded: those of pyarrow's content-defined chunks.
pub(super) const PAGE: Sizes = Sizes { least: 256 << 10, most: 1 << 20 };

/// Rows of a row group.
pub(super) const GROUP_ROWS: Sizes = Sizes { least: 5_000, most: 10_000 };

/// Bytes of texts and their fields of a row group, as JSON.
pub(super) const GROUP_BYTES: Sizes = Sizes { least: 64 << 20, most: 128 << 20 };

/// The expected size of a piece beyond the smallest one is a quarter of what is possible, so that
/// one in 50 pieces ends at its largest size only.
const PARTS: u64 = 4;

/// Returns the hash of a row: the first 64 bits of the SHA-256 of its id.
pub(super) fn hash(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("8 of 32 bytes"))
}

/// A piece that is being filled.
#[derive(Debug)]
pub(super) struct Piece {
    sizes: Sizes,
    size: u64,
}

impl Piece {
    pub fn new(sizes: Sizes) -> Piece {
        Piece { sizes, size: 0 }
    }

    /// Adds a row of some size. Returns whether the piece ends with it.
    pub fn add(&mut self, hash: u64, size: u64) -> bool {
        let Sizes { least, most } = self.sizes;
        self.size += size;
        let limit = (u64::MAX / ((most - least) / PARTS)).saturating_mul(size);
        self.size >= most || (self.size >= least && hash < limit)
    }

    /// Begins the next piece.
    pub fn restart(&mut self) {
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sizes of the pieces of rows with these numbers, as the rows at which they end.
    fn ends(rows: &[u64]) -> Vec<u64> {
        let mut piece = Piece::new(PAGE);
        let mut ends = Vec::new();
        for row in rows {
            let hash = hash(&row.to_string());
            // Of 100 to 10,000 bytes, whatever the hash.
            if piece.add(hash, 100 + row.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 9_900) {
                ends.push(*row);
                piece.restart();
            }
        }
        ends
    }

    #[test]
    fn a_piece_has_its_least_size_and_few_have_the_largest() {
        let mut piece = Piece::new(PAGE);
        let mut sizes = Vec::new();
        for row in 0..200_000 {
            if piece.add(hash(&row.to_string()), 2_000) {
                sizes.push(piece.size);
                piece.restart();
            }
        }
        let largest = sizes.iter().filter(|size| **size >= PAGE.most).count();
        assert!(sizes.iter().all(|size| (PAGE.least..PAGE.most + 2_000).contains(size)));
        assert!((700..1_100).contains(&sizes.len()), "{}", sizes.len());
        assert!(largest * 25 < sizes.len(), "{largest} of {}", sizes.len());
    }

    #[test]
    fn a_row_larger_than_a_piece_ends_it() {
        let mut piece = Piece::new(PAGE);
        assert!(!piece.add(u64::MAX, 10));
        assert!(piece.add(u64::MAX, PAGE.most));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Most pieces end where they did without the rows that came or went.
        #[test]
        fn rows_that_come_or_go_change_few_pieces(gone in 0u64..20_000, count in 1u64..50) {
            let all: Vec<u64> = (0..20_000).collect();
            let rest: Vec<u64> =
                all.iter().copied().filter(|row| !(gone..gone + count).contains(row)).collect();
            let (all, rest) = (ends(&all), ends(&rest));
            let common = rest.iter().filter(|end| all.contains(end)).count();
            prop_assert!(common + 25 >= all.len(), "{common} of {}", all.len());
        }
    }
}
