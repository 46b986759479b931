//! A disk that fails when a test says so.
//!
//! `SLUICE_FAULTS=KIND:N:FOLDER`, which only builds with debug assertions read, makes this of the disk:
//!
//! - Every operation is counted. The Nth, or the first of its kind from there on, fails as [`Kind`]
//!   says.
//! - Every operation that was carried out is a line of `FOLDER/journal`, and every file is kept in
//!   `FOLDER` under its inode number, even if it is replaced or removed. So the test knows what was
//!   flushed and what was not, and can take from the disk what a machine without power may lose: see
//!   `tests/long/faults/`.
//! - Nothing is flushed, since the test decides what is lost.
//!
//! Lines of the journal, with tabs between their parts:
//!
//! ```text
//! create INODE PATH           flush  FOLDER            an entry of a folder: FOLDER is flushed
//! write  INODE LENGTH         folder FOLDER            it is created
//! sync   INODE LENGTH         rename INODE FROM TO REPLACED-INODE|0
//! remove INODE PATH           fault  KIND              the operation of the test is here
//! ```

use std::fmt::Arguments;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Bytes of a short write.
const SHORT_BYTES: usize = 1000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    None,
    /// The process is killed before the operation, or in the middle of it if it is a write.
    Kill,
    /// The disk is full from now on.
    Full,
    /// Flushing a file fails, and what was not flushed before is lost, as on Linux.
    Sync,
    /// Flushing a folder fails.
    SyncFolder,
    /// A write ends in the middle, with an error.
    Write,
    /// Every write from now on writes less than it should. This is not an error.
    Short,
    /// A rename fails.
    Rename,
    /// A removal fails.
    Remove,
}

impl Kind {
    fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "none" => Kind::None,
            "kill" => Kind::Kill,
            "full" => Kind::Full,
            "sync" => Kind::Sync,
            "sync-folder" => Kind::SyncFolder,
            "write" => Kind::Write,
            "short" => Kind::Short,
            "rename" => Kind::Rename,
            "remove" => Kind::Remove,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Create,
    Write,
    Sync,
    Rename,
    Remove,
    CreateFolder,
    SyncFolder,
}

/// How long a file is, and how much of it is flushed.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    inode: u64,
    length: u64,
    synced: u64,
}

struct Disk {
    kind: Kind,
    at: u64,
    folder: PathBuf,
    journal: File,
    /// Operations so far.
    operations: u64,
    is_full: bool,
    /// The one fault has happened.
    has_failed: bool,
}

static DISK: LazyLock<Option<Mutex<Disk>>> = LazyLock::new(|| {
    let text = std::env::var("SLUICE_FAULTS").ok()?;
    Some(Mutex::new(Disk::new(&text).expect("SLUICE_FAULTS=KIND:N:FOLDER with an existing folder")))
});

/// The disk, if a test asked for one. Operations happen one after another.
fn disk() -> Option<MutexGuard<'static, Disk>> {
    DISK.as_ref().map(|disk| disk.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Disk {
    fn new(text: &str) -> Option<Disk> {
        let mut parts = text.splitn(3, ':');
        let (kind, at) = (Kind::named(parts.next()?)?, parts.next()?.parse().ok()?);
        let folder = PathBuf::from(parts.next()?);
        let journal =
            File::options().create(true).append(true).open(folder.join("journal")).ok()?;
        Some(Disk { kind, at, folder, journal, operations: 0, is_full: false, has_failed: false })
    }

    fn note(&mut self, line: Arguments<'_>) {
        let line = format!("{line}\n");
        self.journal.write_all(line.as_bytes()).expect("the journal of the test can be written");
    }

    /// Begins an operation. Returns whether it fails.
    fn begin(&mut self, operation: Operation) -> io::Result<()> {
        self.operations += 1;
        if self.operations < self.at || self.has_failed {
            return Ok(());
        }
        let error = match (self.kind, operation) {
            (Kind::Kill, Operation::Write) => return Ok(()), // After a part of it.
            (Kind::Kill, _) => self.kill(),
            (Kind::Full, Operation::Create | Operation::Write | Operation::CreateFolder) => {
                if !self.is_full {
                    self.note(format_args!("fault\tfull"));
                }
                self.is_full = true;
                return Err(io::Error::from_raw_os_error(ENOSPC));
            }
            (Kind::Sync, Operation::Sync) => "sync",
            (Kind::SyncFolder, Operation::SyncFolder) => "sync-folder",
            (Kind::Write, Operation::Write) => "write",
            (Kind::Rename, Operation::Rename) => "rename",
            (Kind::Remove, Operation::Remove) => "remove",
            _ => return Ok(()),
        };
        self.has_failed = true;
        self.note(format_args!("fault\t{error}"));
        Err(io::Error::from_raw_os_error(EIO))
    }

    fn kill(&mut self) -> ! {
        self.note(format_args!("fault\tkill"));
        let own = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-9", &own]).status();
        loop {
            std::thread::park();
        }
    }

    /// Keeps a file, so that it can come back. Returns its inode number; 0 if there is no file.
    fn keep(&self, path: &Path) -> io::Result<u64> {
        let inode = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            found => found?.ino(),
        };
        match fs::hard_link(path, self.folder.join(inode.to_string())) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => done?,
        }
        Ok(inode)
    }
}

/// The path as the journal has it.
fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().collect::<PathBuf>().display().to_string()
}

pub(crate) fn create(
    path: &Path,
    act: impl FnOnce() -> io::Result<File>,
) -> io::Result<(File, Extent)> {
    let Some(mut disk) = disk() else { return Ok((act()?, Extent::default())) };
    disk.begin(Operation::Create)?;
    let file = act()?;
    let inode = disk.keep(path)?;
    disk.note(format_args!("create\t{inode}\t{}", absolute(path)));
    Ok((file, Extent { inode, ..Extent::default() }))
}

pub(crate) fn write(mut file: &File, extent: &mut Extent, bytes: &[u8]) -> io::Result<usize> {
    let Some(mut disk) = disk() else { return file.write(bytes) };
    let begun = disk.begin(Operation::Write);
    let is_killed = disk.kind == Kind::Kill && disk.operations >= disk.at;
    let written = match &begun {
        Err(_) if disk.is_full => 0,
        Err(_) => bytes.len() / 2,
        Ok(()) if is_killed => bytes.len() / 2,
        Ok(()) if disk.kind == Kind::Short && disk.operations >= disk.at => {
            bytes.len().min(SHORT_BYTES)
        }
        Ok(()) => bytes.len(),
    };
    file.write_all(&bytes[..written])?;
    extent.length += written as u64;
    disk.note(format_args!("write\t{}\t{}", extent.inode, extent.length));
    if is_killed {
        disk.kill();
    }
    begun.map(|()| written)
}

pub(crate) fn sync(file: &File, extent: &mut Extent) -> io::Result<()> {
    let Some(mut disk) = disk() else { return file.sync_all() };
    let begun = disk.begin(Operation::Sync);
    if begun.is_err() {
        // The pages are dropped, and what is read from now on is what the disk has there.
        let lost = vec![0; (extent.length - extent.synced) as usize];
        file.write_all_at(&lost, extent.synced)?;
    }
    extent.synced = extent.length;
    disk.note(format_args!("sync\t{}\t{}", extent.inode, extent.length));
    begun
}

pub(crate) fn remove(path: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let Some(mut disk) = disk() else { return act() };
    disk.begin(Operation::Remove)?;
    let inode = disk.keep(path)?;
    act()?;
    disk.note(format_args!("remove\t{inode}\t{}", absolute(path)));
    Ok(())
}

pub(crate) fn rename(
    from: &Path,
    to: &Path,
    act: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Some(mut disk) = disk() else { return act() };
    disk.begin(Operation::Rename)?;
    let (inode, replaced) = (disk.keep(from)?, disk.keep(to)?);
    act()?;
    let (from, to) = (absolute(from), absolute(to));
    disk.note(format_args!("rename\t{inode}\t{from}\t{to}\t{replaced}"));
    Ok(())
}

pub(crate) fn sync_folder(folder: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let Some(mut disk) = disk() else { return act() };
    disk.begin(Operation::SyncFolder)?;
    // That it can be opened still matters.
    File::open(folder)?;
    disk.note(format_args!("flush\t{}", absolute(folder)));
    Ok(())
}

pub(crate) fn create_folder(folder: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let Some(mut disk) = disk() else { return act() };
    disk.begin(Operation::CreateFolder)?;
    act()?;
    disk.note(format_args!("folder\t{}", absolute(folder)));
    Ok(())
}
