//! Crash points: named moments at which a test can kill the process.
//!
//! Only builds with debug assertions read the environment; in release builds these are empty.

/// The crash points, in the order in which a commit passes them.
pub const POINTS: &[&str] = &[
    "part-begun",
    "segment-written",
    "part-finished",
    "run-written",
    "commit-begun",
    "manifest-written",
    "manifest-renamed",
    "old-files-removed",
    "commit-ended",
];

/// The crash points at the end of a run that joins small files, in order.
pub const JOIN_POINTS: &[&str] = &["part-joined", "parts-joined", "join-committed"];

/// The crash points of an export, in order.
pub const EXPORT_POINTS: &[&str] =
    &["export-begun", "export-file-listed", "export-card-written", "export-file-removed"];

/// Kills the process by SIGKILL if `SLUICE_CRASH_AT` is `name`, or at the n-th call if it is
/// `name:n`.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let mut points = POINTS.iter().chain(JOIN_POINTS).chain(EXPORT_POINTS);
    assert!(points.any(|point| *point == name), "{name} is not in the list of crash points");
    let Ok(wanted) = std::env::var("SLUICE_CRASH_AT") else { return };
    let (wanted, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    let nth: u64 = nth.parse().expect("SLUICE_CRASH_AT=NAME:N");
    if wanted == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == nth {
        let own = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-9", &own]).status();
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub fn point(_name: &'static str) {}
