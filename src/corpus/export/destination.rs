//! Where an export is written: a folder, or what another crate makes one of.

use crate::Error;
use durable::{AtomicFile, Finished};
use std::any::Any;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where an export is written. Names are relative: `manifest.json`, `slice/label.jsonl`.
pub trait Destination: Sync {
    /// Returns the path or the address of a file, or of the destination itself for an empty name.
    fn path(&self, name: &str) -> PathBuf;

    /// Returns the names of what is there: at the top, or at any depth.
    ///
    /// # Errors
    /// When they cannot be read.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Prepares to write. Returns what keeps others from writing while it lives, if anything can.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process exports to it; if it cannot be created.
    fn begin(&self) -> Result<Box<dyn Any + Send + Sync>, Error>;

    /// Reads a file, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Returns the size of a file, if there is one.
    ///
    /// # Errors
    /// When it cannot be asked for.
    fn bytes(&self, name: &str) -> io::Result<Option<u64>>;

    /// Whether something of the name is there that is not a file to be written: such as a link in
    /// the way to it. Returns what it is, and in which words a message says so.
    fn obstacle(&self, name: &str) -> Option<(PathBuf, &'static str)>;

    /// Begins a file. It gets its name when it is whole.
    ///
    /// # Errors
    /// When it cannot be created.
    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>>;

    /// Removes a file, and what a killed export left of it. Returns whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, name: &str) -> io::Result<bool>;

    /// Removes the folder of a file if it is empty.
    fn tidy(&self, name: &str);
}

/// A file that is being written.
pub trait NewFile: Write + Send {
    /// Gives the file its name.
    ///
    /// # Errors
    /// When its last bytes cannot be written.
    fn publish(self: Box<Self>) -> io::Result<()>;
}

impl NewFile for AtomicFile {
    fn publish(self: Box<Self>) -> io::Result<()> {
        self.finish().and_then(Finished::publish)
    }
}

/// Why an export refuses the folder of a slice.
const LINK: &str = "a link, and an export does not write through links";

/// A folder.
impl Destination for &Path {
    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.to_path_buf() } else { self.join(name) }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        match fs::read_dir(self) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            entries => {
                for entry in entries? {
                    names.push(entry?.file_name().to_string_lossy().into_owned());
                }
            }
        }
        // An export that was killed before its first list leaves this.
        let partial = temporary(Path::new(super::list::LIST));
        names.retain(|name| Path::new(name) != partial);
        Ok(names)
    }

    fn begin(&self) -> Result<Box<dyn Any + Send + Sync>, Error> {
        durable::create_folders(self).map_err(Error::io(self))?;
        let folder = File::open(self).map_err(Error::io(self))?;
        // A file system without locks must not prevent an export.
        if let Err(TryLockError::WouldBlock) = folder.try_lock() {
            return Err(Error::Busy { out: self.to_path_buf() });
        }
        Ok(Box::new(folder))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    fn bytes(&self, name: &str) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(self.join(name)) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn obstacle(&self, name: &str) -> Option<(PathBuf, &'static str)> {
        let folder = self.join(name).parent().map(Path::to_owned)?;
        (folder != **self && folder.is_symlink()).then_some((folder, LINK))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        let path = self.join(name);
        durable::create_folders(durable::folder_of(&path))?;
        Ok(Box::new(AtomicFile::create_as(&path, temporary(&path))?))
    }

    fn remove(&self, name: &str) -> io::Result<bool> {
        let path = self.join(name);
        let is_removed = remove(&path)?;
        remove(&temporary(&path))?;
        Ok(is_removed)
    }

    fn tidy(&self, name: &str) {
        if let Some(folder) = self.join(name).parent().filter(|folder| folder != self) {
            // Fails if something else is in it.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The name of a file while it is written. It is fixed, so that what a killed export leaves can be
/// found.
fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// Removes a file. Returns whether there was one.
fn remove(path: &Path) -> io::Result<bool> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir());
    if !is_file {
        return Ok(false);
    }
    match durable::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        removed => Ok(removed.is_ok()),
    }
}
