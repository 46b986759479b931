//! Digests that are similar if texts are similar: pure functions of a text.
//!
//! - [`simhash()`]: one number of 64 bits, as RedPajama computes it for books. Texts are near
//!   duplicates if their numbers differ in few bits.
//!   [`blocks()`] returns keys by which such numbers are found.
//! - [`MinHash`]: one key per band, as FineWeb computes them. Texts that share a key may be near
//!   duplicates.
//! - [`Sketch`]: 128 bytes, from which [`similarity`](similarity()) estimates how similar two texts are;
//!   [`jaccard`](jaccard()) computes it from all of their shingles.
//! - [`Passages`]: keys of parts of a text, one for some 80 bytes. Texts that have 600 bytes in common,
//!   anywhere, share a key.
//!
//! The dataflow finds near duplicates among many documents (`reject_near` of `engine`), and repeated
//! passages (`cut_repeated_spans`).

mod blocks;
mod count;
#[cfg(test)]
mod golden;
mod md5;
mod minhash;
mod passages;
mod permutations;
mod simhash;
mod simplify;
mod sketch;

pub use blocks::{blocks, equal_bits, equal_within, signature};
pub use minhash::{MinHash, Scratch, Shape, jaccard};
pub use passages::{Passage, Passages};
pub use simhash::{DISTANCE_MAX, simhash};
pub use sketch::{Sketch, similarity};
