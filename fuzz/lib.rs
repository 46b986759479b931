//! Shared code of the targets: an input as a file, which most readers need.

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::panic::set_hook;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// For readers that catch the panics of a library, since libFuzzer stops at any panic. Hold it during a
/// read: an uncaught panic is reported and ends the process.
pub struct Catching(());

impl Catching {
    /// Installs a panic hook that keeps the message.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Catching {
        let keep = |text: String| PANIC.with(|panic| *panic.borrow_mut() = text);
        set_hook(Box::new(move |info| {
            keep(format!("{info}\n{}", std::backtrace::Backtrace::force_capture()));
        }));
        Catching(())
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        if std::thread::panicking() {
            PANIC.with(|panic| eprintln!("{}", panic.borrow()));
        }
    }
}

/// A path in a folder of this process. The folder is reused for the next input: creating one takes
/// longer than reading most inputs.
pub fn path(name: &str) -> PathBuf {
    let make = || tempfile::tempdir().expect("a temporary folder");
    FOLDER.with(|folder| folder.get_or_init(make).path().join(name))
}

/// A file with these bytes, which replaces an earlier one of this name.
pub fn stored(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, bytes).expect("disk space");
    path
}

/// Calls `read` with the file that [`stored`] returns.
pub fn read<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    read(&stored("input", bytes))
}
