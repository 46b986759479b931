//! Opening files, and nothing else that a path can name.

use rustix::fs::OFlags;
use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file to read. Never waits: a FIFO that took the file's place since somebody
/// looked is an error, as any device or folder is.
pub fn open(path: &Path) -> io::Result<File> {
    // Opening a FIFO waits for a writer without NONBLOCK, and a terminal may become our own without
    // NOCTTY. Neither means anything for a regular file.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    // Of what was opened, and not of the path, which may name another thing by now.
    match kind(file.metadata()?.file_type()) {
        None => Ok(file),
        Some(kind) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("this is {kind}, not a regular file"),
        )),
    }
}

/// What something is that is not a regular file, with its article; `None` for a regular file.
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
