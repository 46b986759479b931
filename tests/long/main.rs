//! Trials that a release is put through: what may go wrong goes wrong at random, many times.
//!
//! As a part of all tests each trial does a little. By itself it does as much as it is told, for
//! example two hundred kills:
//!
//!     SLUICE_TRIALS=200 cargo test --release --test long kills -- --nocapture
//!
//! A problem is printed with the seed of its round; `SLUICE_SEED` and that number do it again.

/// The system refuses a call: a full disk, a broken one, no permission.
mod calls;
/// A file of a corpus is not what was written.
mod damage;
mod inputs;
/// Processes are killed.
mod kills;
/// Model files are not what they were.
mod models;
/// Input files are not what they should be.
mod mutated;
mod mutation;
mod packing;
#[path = "../../fixtures/random.rs"]
#[allow(dead_code)]
mod random;
mod settings;
#[path = "../it/support.rs"]
#[allow(dead_code)]
mod support;
mod trial;
