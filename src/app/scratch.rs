//! A temporary folder that is removed however the process ends, unless it is killed.
//!
//! An error of a worker and a signal end the process without running any destructor.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// The folders that exist now.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Whether the process is ending, and the folders are being removed.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// How often a folder is removed again in which other threads still create files.
const ATTEMPTS: usize = 5;

/// A temporary folder.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// Creates a folder in `dir`; by default where the system has its temporary files.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(dir: Option<&Path>) -> Result<Scratch> {
        let dir = dir.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = tempfile::Builder::new().prefix("sluice-").tempdir_in(&dir);
        let folder =
            folder.with_context(|| format!("cannot create a folder in {}", dir.display()))?;
        lock().push(folder.path().to_owned());
        Ok(Scratch(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        lock().retain(|path| path != self.0.path());
    }
}

/// Whether there are temporary folders.
pub(crate) fn is_in_use() -> bool {
    !lock().is_empty()
}

/// Removes all temporary folders. The process ends after it.
pub(crate) fn remove_all() {
    IS_ENDING.store(true, SeqCst);
    for folder in lock().drain(..) {
        for _ in 0..ATTEMPTS {
            if std::fs::remove_dir_all(&folder).is_ok() || !folder.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits for the end of the process, if it is ending: what fails because its folder is gone is not
/// reported.
pub(crate) fn wait_if_ending() {
    while IS_ENDING.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lock() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
