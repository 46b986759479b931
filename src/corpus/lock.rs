//! The lock that admits one writer at a time.

use crate::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long the owner on another machine, whose lock the file system does not show, must have given
/// no heartbeat before it is taken for dead.
const SILENCE: Duration = Duration::from_secs(11);

/// How often its heartbeat is looked for.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// The exclusive right to write to a corpus. The operating system releases it when the process ends,
/// however it ends. The text of the file names the owner, and its modification time is the last
/// heartbeat.
///
/// Some network file systems do not show a lock to other machines, or drop the lock of a machine that
/// was cut off. So the lock of another machine is taken only when its heartbeats have ceased, and
/// each commit checks that the file still names its owner ([`Holder::check`]).
pub struct Lock {
    holder: Holder,
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
        let host = format!(" on {}", host.trim());
        wait_for_other_machine(&path, &mut file, &host, SILENCE)?;
        // A container's process has the same number each time.
        let (id, nonce) = (std::process::id(), RandomState::new().build_hasher().finish());
        let text = format!("process {id} (run {nonce:016x}){host}");
        // On a full disk the owner cannot be written; the caller may be about to free space.
        let _ =
            file.rewind().and_then(|()| file.set_len(0)).and_then(|()| writeln!(file, "{text}"));
        let holder = Holder { path: path.clone(), text };
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
        Ok(Lock { holder, stop: Some(stop), heartbeat: Some(heartbeat) })
    }

    /// Returns who has the lock.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

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

/// The owner of a lock.
#[derive(Clone, Debug)]
pub struct Holder {
    path: PathBuf,
    text: String,
}

impl Holder {
    /// Fails if another process has taken the lock since.
    ///
    /// # Errors
    /// [`Error::LockLost`], or if the file cannot be read.
    pub fn check(&self) -> Result<(), Error> {
        let path = &self.path;
        let mut file = File::open(path).map_err(Error::io(path))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(Error::io(path))?;
        // It is empty if the disk was full.
        if text.trim().is_empty() || text.trim() == self.text {
            return Ok(());
        }
        Err(Error::LockLost { path: path.clone(), owner: owner(&mut file) })
    }
}

/// Waits until the owner on another machine, which the file names, has given no heartbeat for
/// `silence`.
fn wait_for_other_machine(
    path: &Path,
    file: &mut File,
    host: &str,
    silence: Duration,
) -> Result<(), Error> {
    let mut text = String::new();
    // A file that is not text names nobody.
    let _ = file.read_to_string(&mut text);
    if text.trim().is_empty() || text.trim().ends_with(host) {
        return Ok(());
    }
    let heartbeat = |file: &File| file.metadata().and_then(|meta| meta.modified()).ok();
    let (last, began) = (heartbeat(file), Instant::now());
    // Clocks of machines differ, so only a change counts.
    while began.elapsed() < silence {
        std::thread::sleep(POLL_EVERY.min(silence));
        if heartbeat(file) != last {
            return Err(Error::Locked { path: path.to_owned(), owner: owner(file) });
        }
    }
    Ok(())
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
    use crate::{Corpus, Manifest};

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

    #[test]
    fn a_writer_whose_lock_was_taken_by_another_commits_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let corpus = Corpus::create(dir.path()).unwrap().held_by(&lock);
        let manifest = Manifest::empty(String::new());
        corpus.commit(&manifest).unwrap();
        // As a file system does that has dropped the first lock.
        std::fs::write(dir.path().join("lock"), "process 7 (run 1) on elsewhere\n").unwrap();
        let error = corpus.commit(&Manifest { commit: 1, ..manifest }).unwrap_err().to_string();
        assert!(error.contains("lost to process 7 (run 1) on elsewhere"), "{error}");
        assert_eq!(Corpus::open(dir.path()).unwrap().manifest().unwrap().unwrap().commit, 0);
    }

    #[test]
    fn the_lock_of_another_machine_is_taken_only_when_its_heartbeats_cease() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "process 7 (run 1) on elsewhere\n").unwrap();
        let mut file = File::open(&path).unwrap();
        let mut wait = |silence| {
            file.rewind().unwrap();
            wait_for_other_machine(&path, &mut file, " on here", silence)
        };
        wait(Duration::from_millis(50)).unwrap();
        let beating = File::options().write(true).open(&path).unwrap();
        let beat = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            beating.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        });
        let error = wait(Duration::from_secs(60)).unwrap_err().to_string();
        assert!(error.contains("being written by process 7 (run 1) on elsewhere"), "{error}");
        beat.join().unwrap();
        // The own machine's lock is the operating system's.
        std::fs::write(&path, "process 7 (run 1) on here\n").unwrap();
        wait(Duration::from_secs(60)).unwrap();
    }
}
