//! Digests that are similar if texts are similar: pure functions of a text.
//!
//! - [`simhash()`]: one number of 64 bits, as RedPajama computes it for books. Texts are near
//!   duplicates if their numbers differ in few bits.
//! - [`MinHash`]: one key per band, as FineWeb computes them. Texts are near duplicates if they
//!   share a key.
//!
//! The dataflow finds near duplicates among many documents (`reject_near_repeats` and
//! `reject_repeated_bands` of `engine`).

mod count;
#[cfg(test)]
mod golden;
mod md5;
mod minhash;
mod permutations;
mod simhash;
mod simplify;

pub use minhash::{MinHash, Scratch};
pub use simhash::{DISTANCE_MAX, simhash};
