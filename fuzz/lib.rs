//! What the targets share: an input as a file, which is what most readers take.

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::panic::set_hook;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// For readers that catch the panics of a library, as libFuzzer would end at any. Hold it while one
/// reads: a panic that is not caught is told, and ends the process.
pub struct Catching(());

impl Catching {
    /// From here on.
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

/// A path in a folder of this process's own. The folder stays from one input to the next: making
/// one takes longer than reading most inputs.
pub fn path(name: &str) -> PathBuf {
    let make = || tempfile::tempdir().expect("a temporary folder");
    FOLDER.with(|folder| folder.get_or_init(make).path().join(name))
}

/// A file with these bytes, instead of the one of that name before.
pub fn stored(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, bytes).expect("room for the input");
    path
}

/// [`stored`], and what `read` makes of it.
pub fn read<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    read(&stored("input", bytes))
}
