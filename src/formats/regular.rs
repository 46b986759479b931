//! Opens regular files, and nothing else that a path can name.

use rustix::fs::OFlags;
use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file to read. Never waits: a FIFO that has replaced the file since it was listed
/// is an error, as is any device or folder.
///
/// # Errors
/// When the file cannot be opened, or is not a regular file (`InvalidInput`).
///
/// ```
/// let error = formats::regular::open(std::path::Path::new("/dev/null")).unwrap_err();
/// assert_eq!(error.to_string(), "this is a character device, not a regular file");
/// ```
pub fn open(path: &Path) -> io::Result<File> {
    // Without NONBLOCK, opening a FIFO waits for a writer. Without NOCTTY, a terminal may become the
    // controlling one. Neither flag affects a regular file.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    // The kind of what was opened: the path may name something else by now.
    match kind(file.metadata()?.file_type()) {
        None => Ok(file),
        Some(kind) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("this is {kind}, not a regular file"),
        )),
    }
}

/// Returns what a file of another type is, with its article, or `None` for a regular file.
pub fn kind(of: FileType) -> Option<&'static str> {
    Some(match of {
        of if of.is_file() => return None,
        of if of.is_dir() => "a folder",
        of if of.is_symlink() => "a link",
        of if of.is_fifo() => "a FIFO (named pipe)",
        of if of.is_socket() => "a socket",
        of if of.is_block_device() => "a block device",
        of if of.is_char_device() => "a character device",
        _ => "something of an unknown kind",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_a_device_and_a_folder_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        for (path, kind) in [
            (pipe.as_path(), "a FIFO"),
            (Path::new("/dev/zero"), "a character device"),
            (dir.path(), "a folder"),
        ] {
            let error = open(path).unwrap_err().to_string();
            assert!(error.contains(kind), "{error}");
        }
        let file = dir.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(io::read_to_string(open(&file).unwrap()).unwrap(), "text");
    }
}
