//! Whether an error in reading a file is a failure of the device or damage of the content.
//!
//! The answer decides what becomes of a run. A failing device ends it: another attempt may read
//! more, and the corpus must not lack records because a disk timed out. Damaged content becomes a
//! [`Defect`], and the run continues: another attempt reads the same bytes.

use crate::defect::Defect;
use std::fmt;
use std::io::{self, ErrorKind};

/// Kinds of errors that decoders and parsers report for the bytes that they are given.
///
/// `InvalidInput` is one of them even when the operating system reports it (`EINVAL`): damaged
/// directories of archives point to places where no file can have bytes, and seeking there fails
/// so. A device does not report it for a regular file that was opened without `O_DIRECT`.
///
/// The others count only without a number of the operating system. `Other` and `OutOfMemory` are
/// what decoders report for corrupt data (zstd) and for data that needs more memory than allowed
/// (xz, 7z), but `ENOMEM` is the machine's. A kind that is not in this list is a failure of the
/// device: to end a run without need is safer than to lose records.
const CONTENT: [ErrorKind; 6] = [
    ErrorKind::InvalidData,
    ErrorKind::InvalidInput,
    ErrorKind::Other,
    ErrorKind::OutOfMemory,
    ErrorKind::UnexpectedEof,
    ErrorKind::Unsupported,
];

/// Kinds that concern one file of a folder and not the device that it is on: the file is gone, or
/// it may not be read.
const ONE_FILE: [ErrorKind; 4] = [
    ErrorKind::InvalidFilename,
    ErrorKind::NotADirectory,
    ErrorKind::NotFound,
    ErrorKind::PermissionDenied,
];

/// Returns how the device failed, or `None` if the content is damaged.
pub(crate) fn of_device(error: &io::Error) -> Option<ErrorKind> {
    let kind = error.kind();
    let is_content = CONTENT.contains(&kind)
        && !is_marked(error)
        && (error.raw_os_error().is_none() || kind == ErrorKind::InvalidInput);
    (!is_content).then_some(kind)
}

/// Returns how the device failed while one of the files of a folder was read. `None` if the
/// content is damaged, or only this file cannot be opened.
pub(crate) fn of_device_in_folder(error: &io::Error) -> Option<ErrorKind> {
    of_device(error).filter(|kind| !ONE_FILE.contains(kind))
}

/// Why something could not be read: a [`Defect`] that has no place yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub what: String,
    /// Set where the device failed.
    pub device: Option<ErrorKind>,
}

impl Failure {
    /// Damaged content, in a few words.
    pub fn of_content(what: impl Into<String>) -> Failure {
        Failure { what: what.into(), device: None }
    }

    pub fn at(self, offset: u64) -> Defect {
        Defect { device: self.device, ..Defect::new(offset, self.what) }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { device: of_device(&error), what: error.to_string() }
    }
}

/// Returns an error that [`of_device`] takes for a failure of the device, whatever its kind: for
/// layers that pass on an error without its number.
pub(crate) fn device_error(kind: ErrorKind, what: impl Into<String>) -> io::Error {
    io::Error::new(kind, DeviceError(what.into()))
}

/// Marks an error as a failure of the device.
pub(crate) fn marked(error: io::Error) -> io::Error {
    if is_marked(&error) { error } else { device_error(error.kind(), error.to_string()) }
}

fn is_marked(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<DeviceError>())
}

#[derive(Debug)]
struct DeviceError(String);

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DeviceError {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    const DEVICE: bool = true;
    const CONTENT: bool = false;

    #[test]
    fn every_stable_kind_is_decided() {
        use ErrorKind::*;
        // Kind, what it is without a number of the operating system, and for a file of a folder.
        let kinds = [
            (AddrInUse, DEVICE, DEVICE),
            (AddrNotAvailable, DEVICE, DEVICE),
            (AlreadyExists, DEVICE, DEVICE),
            (ArgumentListTooLong, DEVICE, DEVICE),
            (BrokenPipe, DEVICE, DEVICE),
            (ConnectionAborted, DEVICE, DEVICE),
            (ConnectionRefused, DEVICE, DEVICE),
            (ConnectionReset, DEVICE, DEVICE),
            (CrossesDevices, DEVICE, DEVICE),
            (Deadlock, DEVICE, DEVICE),
            (DirectoryNotEmpty, DEVICE, DEVICE),
            (ExecutableFileBusy, DEVICE, DEVICE),
            (FileTooLarge, DEVICE, DEVICE),
            (HostUnreachable, DEVICE, DEVICE),
            (Interrupted, DEVICE, DEVICE),
            (InvalidData, CONTENT, CONTENT),
            (InvalidFilename, DEVICE, CONTENT),
            (InvalidInput, CONTENT, CONTENT),
            (IsADirectory, DEVICE, DEVICE),
            (NetworkDown, DEVICE, DEVICE),
            (NetworkUnreachable, DEVICE, DEVICE),
            (NotADirectory, DEVICE, CONTENT),
            (NotConnected, DEVICE, DEVICE),
            (NotFound, DEVICE, CONTENT),
            (NotSeekable, DEVICE, DEVICE),
            (Other, CONTENT, CONTENT),
            (OutOfMemory, CONTENT, CONTENT),
            (PermissionDenied, DEVICE, CONTENT),
            (QuotaExceeded, DEVICE, DEVICE),
            (ReadOnlyFilesystem, DEVICE, DEVICE),
            (ResourceBusy, DEVICE, DEVICE),
            (StaleNetworkFileHandle, DEVICE, DEVICE),
            (StorageFull, DEVICE, DEVICE),
            (TimedOut, DEVICE, DEVICE),
            (TooManyLinks, DEVICE, DEVICE),
            (UnexpectedEof, CONTENT, CONTENT),
            (Unsupported, CONTENT, CONTENT),
            (WouldBlock, DEVICE, DEVICE),
            (WriteZero, DEVICE, DEVICE),
        ];
        for (kind, alone, in_folder) in kinds {
            let expected = |is_device: bool| is_device.then_some(kind);
            for error in [kind.into(), io::Error::new(kind, "what a decoder says")] {
                assert_eq!(of_device(&error), expected(alone), "{kind:?}");
                assert_eq!(of_device_in_folder(&error), expected(in_folder), "{kind:?}");
                assert_eq!(of_device(&marked(error)), Some(kind), "{kind:?} of the device");
            }
        }
    }

    #[test]
    fn what_the_operating_system_reports_is_of_the_device() {
        let of = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        for errno in [
            Errno::IO,
            Errno::NOMEM,
            Errno::NOTSUP,
            Errno::NOSYS,
            Errno::NOENT,
            Errno::ACCESS,
            Errno::STALE,
            Errno::TIMEDOUT,
            Errno::NODEV,
            Errno::NXIO,
            Errno::FBIG,
            Errno::OVERFLOW,
            Errno::BADF,
        ] {
            let error = of(errno);
            assert_eq!(of_device(&error), Some(error.kind()), "{error}");
        }
        // The one exception: a seek to where no file can have bytes.
        assert_eq!(of_device(&of(Errno::INVAL)), None);
    }
}
