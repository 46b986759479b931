//! The operations that change a disk: nothing else in this crate, and no other code that writes to a
//! corpus, makes such a call. In builds with debug assertions a test can follow them and make them
//! fail; see `faults`.

use crate::{faults, folder_of};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Bytes after which the system begins to write a file that is [written back](File::written_back).
const WRITE_BACK_BYTES: u64 = 8 << 20;

/// A new file that is written once, from start to end.
#[derive(Debug)]
pub struct File {
    file: fs::File,
    extent: faults::Extent,
    is_written_back: bool,
    /// Bytes written, and of these, bytes that are on their way to the disk.
    written: u64,
    on_the_way: u64,
}

impl File {
    /// Creates a file, which must not exist. Its name is durable after [`sync_folder`].
    ///
    /// # Errors
    /// When the file exists or cannot be created.
    pub fn create_new(path: &Path) -> io::Result<File> {
        let create = || fs::File::options().read(true).write(true).create_new(true).open(path);
        let (file, extent) = faults::create(path, create)?;
        Ok(File { file, extent, is_written_back: false, written: 0, on_the_way: 0 })
    }

    /// Lets the system begin to write the file to the disk while it grows. For large files that are made durable: otherwise
    /// the system begins when some gigabytes wait, or after half a minute, and [`File::sync_all`] takes seconds.
    pub fn written_back(self) -> File {
        File { is_written_back: true, ..self }
    }

    /// Makes the contents durable. After an error they are lost, even if a second call succeeds:
    /// write another file.
    ///
    /// # Errors
    /// When the contents cannot be written to the disk.
    pub fn sync_all(&mut self) -> io::Result<()> {
        faults::sync(&self.file, &mut self.extent)
    }

    /// The file, to be read.
    pub fn into_std(self) -> fs::File {
        self.file
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = faults::write(&self.file, &mut self.extent, bytes)?;
        self.written += written as u64;
        let waiting = self.written - self.on_the_way;
        if self.is_written_back && waiting >= WRITE_BACK_BYTES {
            begin_write_back(&self.file, self.on_the_way, waiting);
            self.on_the_way = self.written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells the system to begin to write a part of a file to the disk, and does not wait until it is there.
fn begin_write_back(file: &fs::File, start: u64, bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Advice, fadvise};
        // The call is meant to drop pages from the cache. Linux writes the dirty ones first, so for now it drops none, but they are
        // the first to go when memory is short. If it fails, the system writes later.
        let _ = fadvise(file, start, std::num::NonZeroU64::new(bytes), Advice::DontNeed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, start, bytes);
}

/// Removes a file. The removal is durable after [`sync_folder`].
///
/// # Errors
/// When the file does not exist or cannot be removed.
pub fn remove_file(path: &Path) -> io::Result<()> {
    faults::remove(path, || fs::remove_file(path))
}

/// Renames a file. The caller flushes both folders.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    faults::rename(from, to, || fs::rename(from, to))
}

/// Makes the entries of a folder durable.
///
/// # Errors
/// When the folder cannot be opened or flushed.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    faults::sync_folder(folder, || fs::File::open(folder)?.sync_all())
}

/// Creates a folder and those above it that are missing. They are durable once the folder above each
/// of them is flushed.
///
/// # Errors
/// When a folder cannot be created, or a file has its name.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    for folder in missing(folder) {
        match faults::create_folder(&folder, || fs::create_dir(&folder)) {
            // Another process or thread may create it too.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            done => done?,
        }
    }
    Ok(())
}

/// Creates a folder and those above it that are missing, and makes their entries durable.
///
/// # Errors
/// When a folder cannot be created or flushed, or a file has its name.
pub fn create_folders_durably(folder: &Path) -> io::Result<()> {
    let missing = missing(folder);
    create_folders(folder)?;
    // That of a folder which exists may be that of a process which was killed before it did this.
    let above = missing.iter().map(|folder| folder_of(folder)).chain([folder_of(folder)]);
    for above in above {
        match sync_folder(above) {
            // To create folders in it does not need the right to read it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            done => done?,
        }
    }
    Ok(())
}

/// The folders on the way to `folder` that do not exist, outermost first, and always `folder` itself
/// unless it is one.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let named = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    let mut missing: Vec<PathBuf> =
        named.take_while(|folder| !folder.is_dir()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}
