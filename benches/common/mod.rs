//! What the benches share.

use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// CPU time of this process so far.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The folder of the test data; an empty path without `SLUICE_TEST_DATA`.
pub fn data() -> PathBuf {
    std::env::var_os("SLUICE_TEST_DATA").map(PathBuf::from).unwrap_or_default()
}
