//! Randomized trials of a release: faults of every kind, many times.
//!
//! As part of all tests, each trial is short. Run alone, it does as much as requested, for example two
//! hundred kills:
//!
//!     SLUICE_TRIALS=200 cargo test --release --test long kills -- --nocapture
//!
//! A problem is printed with the seed of its round; `SLUICE_SEED` with this number repeats it.

/// System calls fail: a full disk, a broken disk, no permission.
mod calls;
/// Files of a corpus are damaged.
mod damage;
/// The disk fails, and the power.
mod faults;
mod inputs;
/// Processes are killed.
mod kills;
/// Model files are damaged.
mod models;
/// Input files are malformed.
mod mutated;
mod mutation;
mod packing;
#[path = "../../fixtures/random.rs"]
#[allow(dead_code, reason = "shared with tests/it, which uses the rest")]
mod random;
/// Documents and labels are removed and restored.
mod removals;
mod settings;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "shared with tests/it, which uses the rest")]
mod support;
mod trial;
