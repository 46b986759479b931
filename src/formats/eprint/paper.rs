//! The wanted files of one paper, in memory, up to a limit.

use super::{Member, Unreadable, is_apples};
use crate::archive::tar::{Kind, Step, Tar};
use crate::archive::tree::{DEPTH_MAX, Links, Walk, is_hidden};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

/// Whether a file of a paper is wanted, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// It is the paper or a part of it. The paper cannot be read without it.
    Always,
    /// Another file may need it. It is read if it is small, and only named otherwise.
    IfSmall,
    /// It is skipped.
    Never,
}

/// Decides by name which files of a paper are wanted.
pub type Wanted = fn(&str) -> Want;

/// The inflated size of a paper, with its figures. arXiv accepts 50 MB from an author as a rule.
pub(super) const INFLATED_BYTES_MAX: u64 = 256 << 20;

/// The size of all wanted files together. The longest book in LaTeX has a tenth of it.
pub(super) const WANTED_BYTES_MAX: u64 = 32 << 20;

/// The most wanted files of a paper.
pub(super) const FILES_MAX: usize = 10_000;

/// The size of a file that is wanted if it is small, and of all of them together.
const SMALL_BYTES_MAX: u64 = 4 << 20;
const SMALL_FILES_BYTES_MAX: u64 = 32 << 20;

/// At most this many files that were not read are named.
const UNREAD_MAX: usize = 1_000;

/// A paper that is being read.
pub(super) struct Paper {
    wanted: Wanted,
    pub files: Vec<Member>,
    /// Names of files that are wanted only if they are small, and are not.
    pub unread: Vec<String>,
    bytes_left: u64,
    small_bytes_left: u64,
    small_files: usize,
    /// Time of the last change of its newest file.
    pub modified: Option<u64>,
}

/// What is wrong with a paper.
#[derive(Debug)]
pub(super) struct Fault {
    pub why: Unreadable,
    /// Description.
    pub what: String,
    /// Set where the device failed.
    pub device: Option<io::ErrorKind>,
}

impl Fault {
    fn too_large(what: String) -> Fault {
        Fault { why: Unreadable::TooLarge, what, device: None }
    }

    /// Whether the paper is damaged. A PDF is not.
    pub fn is_damage(&self) -> bool {
        let damage = [Unreadable::Truncated, Unreadable::Corrupt, Unreadable::TooLarge];
        damage.contains(&self.why)
    }
}

impl From<Unreadable> for Fault {
    fn from(why: Unreadable) -> Fault {
        Fault { why, what: String::new(), device: None }
    }
}

impl Paper {
    pub fn new(wanted: Wanted) -> Paper {
        Paper {
            wanted,
            files: Vec::new(),
            unread: Vec::new(),
            bytes_left: WANTED_BYTES_MAX,
            small_bytes_left: SMALL_FILES_BYTES_MAX,
            small_files: 0,
            modified: None,
        }
    }

    /// Reads a gzipped archive, or a gzipped file, of this name.
    pub fn gzipped(&mut self, name: &str, stored: &mut dyn Read) -> Result<(), Fault> {
        let mut head = Vec::new();
        stored.take(4).read_to_end(&mut head)?;
        let stored = Cursor::new(head.clone()).chain(stored);
        if head.starts_with(b"%PDF") {
            return Err(Unreadable::PdfOnly.into());
        }
        if head.starts_with(b"\x1f\x8b") {
            self.inflated(name, MultiGzDecoder::new(BufReader::new(stored)))
        } else {
            self.inflated(name, stored)
        }
    }

    fn inflated(&mut self, name: &str, source: impl Read) -> Result<(), Fault> {
        let mut tar = Tar::new(Bounded::new(source, INFLATED_BYTES_MAX));
        match tar.next() {
            Step::NoTar(head) if head.starts_with(b"%PDF") => Err(Unreadable::PdfOnly.into()),
            Step::NoTar(head) => self.single(name, head, tar.rest()),
            first => self.archive(&mut tar, Some(first)),
        }
    }

    /// Reads a file that is not an archive, and so is the paper, whatever it is.
    pub fn single(&mut self, name: &str, head: Vec<u8>, rest: &mut dyn Read) -> Result<(), Fault> {
        let name = name.rsplit('/').next().unwrap_or_default();
        let stem = name.strip_suffix(".gz").unwrap_or(name);
        let stem = stem.strip_suffix(".tex").unwrap_or(stem);
        self.add(format!("{stem}.tex"), Cursor::new(head).chain(rest))
    }

    /// Reads the files of an archive that begins with `first`. Links in it are skipped.
    pub fn archive<R: Read>(&mut self, tar: &mut Tar<R>, first: Option<Step>) -> Result<(), Fault> {
        let mut step = first.unwrap_or_else(|| tar.next());
        loop {
            match step {
                Step::Entry(entry) => {
                    if entry.kind == Kind::File && !is_apples(&entry.path) {
                        if (self.wanted)(&entry.path) == Want::Always {
                            self.modified = self.modified.max(entry.modified);
                        }
                        self.take(entry.path, &mut *tar)?;
                    }
                }
                Step::End | Step::NoTar(_) => return Ok(()),
                Step::Skipped { .. } => {
                    let what = "bytes that are not an entry of its archive".to_owned();
                    return Err(Fault { why: Unreadable::Corrupt, what, device: None });
                }
                Step::Failed { error, .. } => return Err(error.into()),
            }
            step = tar.next();
        }
    }

    /// Reads the files of a folder, in the order of their paths. Links are not followed, and names
    /// that begin with a dot are left out.
    pub fn folder(&mut self, root: &Path) -> Result<(), Fault> {
        for (path, meta) in Walk::new(root, Links::Keep, is_hidden)? {
            let meta = meta?;
            let name = path.to_string_lossy().into_owned();
            if meta.is_dir() {
                return Err(Fault::too_large(format!("folders more than {DEPTH_MAX} deep")));
            }
            if meta.is_file() && (self.wanted)(&name) != Want::Never {
                self.take(name, crate::regular::open(&root.join(path))?)?;
            }
        }
        Ok(())
    }

    /// Adds a file if it is wanted.
    fn take(&mut self, name: String, source: impl Read) -> Result<(), Fault> {
        match (self.wanted)(&name) {
            Want::Always => self.add(name, source),
            Want::IfSmall => self.add_small(name, source),
            Want::Never => Ok(()),
        }
    }

    fn add_small(&mut self, name: String, source: impl Read) -> Result<(), Fault> {
        let most = SMALL_BYTES_MAX.min(self.small_bytes_left);
        let mut bytes = Vec::new();
        if self.small_files < FILES_MAX {
            source.take(most + 1).read_to_end(&mut bytes)?;
        }
        if self.small_files < FILES_MAX && bytes.len() as u64 <= most {
            self.small_files += 1;
            self.small_bytes_left -= bytes.len() as u64;
            self.files.push(Member { name, bytes });
        } else if self.unread.len() < UNREAD_MAX {
            self.unread.push(name);
        }
        Ok(())
    }

    fn add(&mut self, name: String, source: impl Read) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        source.take(self.bytes_left + 1).read_to_end(&mut bytes)?;
        let Some(left) = self.bytes_left.checked_sub(bytes.len() as u64) else {
            return Err(Fault::too_large(format!("{} MiB of LaTeX", WANTED_BYTES_MAX >> 20)));
        };
        if self.files.len() - self.small_files >= FILES_MAX {
            return Err(Fault::too_large(format!("{FILES_MAX} files")));
        }
        self.bytes_left = left;
        self.files.push(Member { name, bytes });
        Ok(())
    }
}

/// Reads up to `left` bytes of a source. More are an error.
pub(super) struct Bounded<R> {
    source: R,
    pub left: u64,
}

impl<R> Bounded<R> {
    pub fn new(source: R, left: u64) -> Self {
        Bounded { source, left }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let what = format!("it inflates to more than {} MiB", INFLATED_BYTES_MAX >> 20);
            io::Error::new(io::ErrorKind::FileTooLarge, what)
        })?;
        Ok(read)
    }
}
