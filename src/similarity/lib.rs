//! How near are two texts? Digests that stay alike where texts are alike; pure functions of a text.
//!
//! - [`simhash()`]: one number of 64 bits, as RedPajama has it for books. Texts are near where the
//!   numbers differ in few bits.
//! - [`MinHash`]: a key for each of some bands, as FineWeb has it. Texts are near where they have
//!   a key in common.
//!
//! Finding the near ones among many is the dataflow's part (`reject_near_repeats` and
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
