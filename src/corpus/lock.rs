//! The lock that admits one writer at a time.

use crate::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

const HEARTBEAT: Duration = Duration::from_secs(5);

/// The exclusive right to write to a corpus. The operating system releases it when the process ends,
/// however it ends. The text of the file only names the owner, and its modification time is the last
/// heartbeat.
pub struct Lock {
    stop: Option<Sender<()>>,
    heartbeat: Option<JoinHandle<()>>,
}

impl Lock {
    /// Takes the lock of the corpus at `root`.
    ///
    /// # Errors
    /// [`Error::Locked`] with the owner if another process has it; or if the file cannot be written.
    pub fn take(root: &Path) -> Result<Lock, Error> {
        let path = root.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = owner(&mut file);
                return Err(Error::Locked { path, owner });
            }
            Err(TryLockError::Error(source)) => return Err(Error::Io { path, source }),
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        // On a full disk the owner cannot be written; the caller may be about to free space.
        let id = std::process::id();
        let _ = file.set_len(0).and_then(|()| writeln!(file, "process {id} on {}", host.trim()));
        let (stop, stopped) = channel();
        let heartbeat = std::thread::Builder::new()
            .name("lock".into())
            .spawn(move || {
                while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                    // If this fails, a heartbeat is missing, but the lock holds.
                    let _ = file.set_modified(SystemTime::now());
                }
                let _ = file.set_len(0);
                let _ = file.unlock();
            })
            .map_err(Error::io(&path))?;
        Ok(Lock { stop: Some(stop), heartbeat: Some(heartbeat) })
    }
}

impl Lock {
    /// Whether a process holds the lock of the corpus at `root`.
    ///
    /// # Errors
    /// If the lock file cannot be opened.
    pub fn is_held(root: &Path) -> Result<bool, Error> {
        Ok(Lock::owner(root)?.is_some())
    }

    /// Returns the process that holds the lock of the corpus at `root`, its machine, and the age of
    /// its last heartbeat; `None` if the lock is free.
    ///
    /// # Errors
    /// If the lock file cannot be opened.
    pub fn owner(root: &Path) -> Result<Option<String>, Error> {
        let path = root.join("lock");
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Error::io(&path))?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Ok(Some(owner(&mut file))),
            _ => Ok(None),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(heartbeat) = self.heartbeat.take() {
            let _ = heartbeat.join();
        }
    }
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.read_to_string(&mut text);
    let age = file.metadata().and_then(|meta| meta.modified()).ok().and_then(|t| t.elapsed().ok());
    let seen = age.map_or(String::new(), |age| format!(", last seen {} s ago", age.as_secs()));
    format!("{}{seen}", if text.is_empty() { "another process" } else { text.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_second_writer_names_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        let owner = Lock::owner(dir.path()).unwrap().unwrap();
        assert!(owner.contains("last seen 0 s ago"), "{owner}");
        drop(lock);
        assert!(!Lock::is_held(dir.path()).unwrap());
        Lock::take(dir.path()).unwrap();
    }
}
