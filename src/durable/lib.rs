//! How does a file appear whole, or not at all? It is written under a temporary name beside its
//! place, flushed to the disk, and then renamed. After a crash the place holds either the old file or
//! the new one.
//!
//! ```
//! use std::io::Write;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("list.json");
//! let mut file = durable::AtomicFile::create(&path)?;
//! file.write_all(b"[]\n")?;
//! assert!(!path.exists());
//! file.finish()?.publish()?;
//! assert_eq!(std::fs::read(&path)?, b"[]\n");
//! # Ok::<(), std::io::Error>(())
//! ```

mod disk;
#[cfg_attr(not(debug_assertions), path = "no_faults.rs")]
mod faults;

pub use disk::{File, create_folders, create_folders_durably, remove_file, sync_folder};

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 256 << 10;

/// A file that is being written under its temporary name. Dropped before [`AtomicFile::finish`], it
/// is removed.
#[derive(Debug)]
pub struct AtomicFile {
    file: BufWriter<File>,
    names: Names,
}

/// A file that is complete and on the disk, under its temporary name. Dropped before
/// [`Finished::publish`] or [`Finished::rename`], it is removed.
#[derive(Debug)]
pub struct Finished(Names);

/// The temporary name of a file and its final one.
#[derive(Debug)]
struct Names {
    temporary: PathBuf,
    path: PathBuf,
    /// The file still has its temporary name.
    is_temporary: bool,
}

impl Drop for Names {
    fn drop(&mut self) {
        if self.is_temporary {
            let _ = remove_file(&self.temporary);
        }
    }
}

impl AtomicFile {
    /// Creates the temporary file for `path`, in the same folder. Its name is unique, so that two
    /// processes may write the same file: the last one to finish wins.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> io::Result<AtomicFile> {
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".tmp");
        // The file is one like any other; those that the crate creates are their owner's alone.
        let (file, temporary) = builder.make_in(folder_of(path), File::create_new)?.keep()?;
        Ok(AtomicFile::new(file, path, temporary))
    }

    /// Creates the temporary file for `path` under a name of the caller's choice, which must be on
    /// the same file system. Whatever has this name is removed first: a file that a killed process
    /// left, or a link, which is never followed.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create_as(path: &Path, temporary: PathBuf) -> io::Result<AtomicFile> {
        match remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::create_new(&temporary)?;
        Ok(AtomicFile::new(file, path, temporary))
    }

    fn new(file: File, path: &Path, temporary: PathBuf) -> AtomicFile {
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let names = Names { temporary, path: path.to_owned(), is_temporary: true };
        AtomicFile { file, names }
    }

    /// Flushes the file to the disk.
    ///
    /// # Errors
    /// When the last bytes cannot be written.
    pub fn finish(self) -> io::Result<Finished> {
        let AtomicFile { mut file, names } = self;
        file.flush()?;
        file.get_mut().sync_all()?;
        Ok(Finished(names))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Finished {
    /// Where the file is until it is renamed.
    pub fn temporary_path(&self) -> &Path {
        &self.0.temporary
    }

    /// Renames the file and makes the rename durable.
    ///
    /// # Errors
    /// When the file cannot be renamed, or the folder cannot be flushed.
    pub fn publish(self) -> io::Result<()> {
        let path = self.0.path.clone();
        self.rename()?;
        sync_folder(folder_of(&path))
    }

    /// Renames the file. The caller flushes the folder, by [`sync_folder`].
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub fn rename(mut self) -> io::Result<()> {
        disk::rename(&self.0.temporary, &self.0.path)?;
        self.0.is_temporary = false;
        Ok(())
    }
}

/// Writes a whole file atomically and durably.
///
/// # Errors
/// When the file cannot be written or renamed.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.finish()?.publish()
}

/// Renames a file that is on the disk already, and makes the rename durable.
///
/// # Errors
/// When the file cannot be renamed, or a folder cannot be flushed.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    disk::rename(from, to)?;
    // The new place first: after a crash the file may have both names, but not none.
    sync_folder(folder_of(to))?;
    if folder_of(from) == folder_of(to) { Ok(()) } else { sync_folder(folder_of(from)) }
}

/// The folder that a path is in; the working directory for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_large_file_that_is_written_back_while_it_grows_has_all_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let bytes: Vec<u8> = (0..20 << 20).map(|number: u32| (number % 251) as u8).collect();
        let mut file = File::create_new(&path).unwrap().written_back();
        bytes.chunks(300_000).for_each(|chunk| file.write_all(chunk).unwrap());
        file.sync_all().unwrap();
        assert!(fs::read(&path).unwrap() == bytes);
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_the_old_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        let file = AtomicFile::create(&path).unwrap();
        drop(file.finish().unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_finished_file_replaces_the_old_one_when_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        let finished = file.finish().unwrap();
        assert_eq!(fs::read(finished.temporary_path()).unwrap(), b"new");
        assert_eq!(names(folder.path()).len(), 2);
        finished.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_leftover_or_a_link_under_a_fixed_temporary_name_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (path, temporary) = (folder.path().join("a"), folder.path().join("a.tmp"));
        let elsewhere = folder.path().join("precious");
        let write_as = || {
            let mut file = AtomicFile::create_as(&path, temporary.clone()).unwrap();
            file.write_all(b"whole").unwrap();
            file.finish().unwrap().publish().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"whole");
        };
        fs::write(&temporary, "half of a longer file").unwrap();
        write_as();
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &temporary).unwrap();
        write_as();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
        assert_eq!(names(folder.path()), ["a", "precious"]);
    }

    #[test]
    fn two_writers_of_one_file_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut one = AtomicFile::create(&path).unwrap();
        let mut two = AtomicFile::create(&path).unwrap();
        one.write_all(b"one").unwrap();
        two.write_all(b"two").unwrap();
        one.finish().unwrap().publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        two.finish().unwrap().publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_file_has_the_permissions_of_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        write(&path, b"").unwrap();
        fs::write(&other, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&other));
    }

    #[test]
    fn folders_are_created_with_those_above_and_a_file_in_the_way_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        create_folders_durably(&deep).unwrap();
        assert!(deep.is_dir());
        create_folders_durably(&deep).unwrap();
        create_folders(&folder.path().join("a/d/")).unwrap();
        assert_eq!(names(&folder.path().join("a")), ["b", "d"]);
        write(&deep.join("file"), b"").unwrap();
        for create in [create_folders, create_folders_durably] {
            let error = create(&deep.join("file/e")).unwrap_err();
            let kinds = [io::ErrorKind::NotADirectory, io::ErrorKind::AlreadyExists];
            assert!(kinds.contains(&error.kind()), "{error}");
        }
    }

    #[test]
    fn a_rename_to_another_folder_moves_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b/c"));
        write(&from, b"text").unwrap();
        create_folders(to.parent().unwrap()).unwrap();
        rename(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"text");
        assert_eq!(names(folder.path()), ["b"]);
    }

    #[test]
    fn a_bare_name_is_in_the_working_directory() {
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/b")), Path::new("a"));
    }
}
