//! E-prints of arXiv: the sources of papers, from its bulk archives or one by one.
//!
//! A bulk archive, `arXiv_src_YYMM_NNN.tar`, holds a folder `YYMM/` with a file for each paper:
//! `ID.gz`, which is a gzipped tar of the paper's files or a single gzipped file, or `ID.pdf` where
//! the authors sent no source. It is read as a stream: nothing is unpacked to disk, and only the wanted
//! files of one paper are in memory, up to a limit.
//!
//! A single e-print is such a gzipped file, or a folder of the paper's files.

mod id;
mod paper;
#[cfg(test)]
mod tests;

use crate::access;
use crate::archive::tar::{Entry, Kind, Step, Tar};
use crate::compressed::{Begun, Codec, Inflated, begin};
use crate::defect::{Defect, ReadError};
use crate::failure;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

pub use id::{arxiv_id, iso_time, yymm};
use paper::{Bounded, Fault, Paper};
pub use paper::{Want, Wanted};

/// The source of a paper.
#[derive(Debug)]
pub struct Eprint {
    /// Byte of the stored file at which it begins; 0 in a compressed file.
    pub offset: u64,
    /// The name of its file without endings: arXiv's identifier, as a rule.
    pub stem: String,
    /// The name of the folder that it is in.
    pub folder: String,
    /// Time of the last change, in seconds since 1970, as in its archive.
    pub modified: Option<u64>,
    /// Its wanted files, in the order of the archive, or why it has none.
    pub files: Result<Vec<Member>, Unreadable>,
    /// Names of files that are wanted only if they are small, and are not.
    pub unread: Vec<String>,
}

/// A file of a paper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its path in the paper.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why a paper has no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is a PDF without source.
    PdfOnly,
    /// It is a link, which cannot be followed in a stream.
    Link,
    /// It is a device or the like.
    NotAFile,
    /// It is neither gzipped nor a PDF.
    NotAnEprint,
    /// Its path leads out of the folder that it would be unpacked to.
    UnsafePath,
    /// The archive or the paper ends within it.
    Truncated,
    /// It cannot be inflated, or its archive is damaged.
    Corrupt,
    /// It is larger than any paper.
    TooLarge,
}

impl Unreadable {
    /// Returns the reason for the funnel.
    pub fn reason(self) -> &'static str {
        match self {
            Unreadable::PdfOnly => "pdf_only",
            Unreadable::Link => "link",
            Unreadable::NotAFile => "not_a_file",
            Unreadable::NotAnEprint => "not_an_eprint",
            Unreadable::UnsafePath => "unsafe_path",
            Unreadable::Truncated => "truncated",
            Unreadable::Corrupt => "corrupt",
            Unreadable::TooLarge => "too_large",
        }
    }
}

/// The papers of a source, in order, and its defects. A damaged paper has its place too, and is
/// followed by its defect.
pub type Eprints = Box<dyn Iterator<Item = Result<Eprint, Defect>> + Send>;

/// Opens a bulk archive, a single e-print or a folder that is one. `wanted` decides by name which of a
/// paper's files are read.
///
/// An archive is a bulk archive if its first file is in a folder of four digits, as `YYMM`, and ends
/// in `.gz` or `.pdf`. Any other archive is one paper.
///
/// # Errors
/// When the file or folder cannot be opened.
pub fn open(path: &Path, wanted: Wanted) -> Result<Eprints, ReadError> {
    let cannot = |error| ReadError::new(path, error);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let folder = folder.to_string_lossy().into_owned();
    if !access::is_address(path) && fs::metadata(path).map_err(cannot)?.is_dir() {
        return Ok(Box::new(of_folder(path, name, folder, wanted).into_iter()));
    }
    let Begun { stored, codec } = begin(path).map_err(cannot)?;
    let source: Box<dyn Read + Send> = match codec {
        Codec::Plain => Box::new(stored),
        codec => Box::new(Inflated::new(stored, codec)),
    };
    let mut papers = Papers {
        tar: Tar::new(Bounded::new(source, u64::MAX)),
        is_compressed: codec != Codec::Plain,
        wanted,
        first: None,
        pending: None,
        ended: false,
    };
    if papers.is_bulk() {
        papers.tar.joined();
        return Ok(Box::new(papers));
    }
    Ok(Box::new(papers.into_one(name, folder).into_iter()))
}

/// Whether a folder is one paper: it has a `.tex` file, and no archive, which would be a paper by
/// itself.
pub fn is_folder_of_paper(path: &Path) -> bool {
    let mut has_tex = false;
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        if name.starts_with('.') || !entry.path().is_file() {
            continue;
        }
        if [".gz", ".tgz", ".tar"].iter().any(|ending| name.ends_with(ending)) {
            return false;
        }
        has_tex |= name.ends_with(".tex");
    }
    has_tex
}

/// The papers of a bulk archive.
struct Papers {
    tar: Tar<Bounded<Box<dyn Read + Send>>>,
    is_compressed: bool,
    wanted: Wanted,
    /// The first step, which shows what kind of archive this is.
    first: Option<Step>,
    /// What follows a damaged paper.
    pending: Option<Defect>,
    ended: bool,
}

impl Papers {
    /// Reads the first entry that is not a folder.
    fn is_bulk(&mut self) -> bool {
        let first = loop {
            match self.tar.next() {
                Step::Entry(entry) if entry.kind == Kind::Folder || is_apples(&entry.path) => {}
                other => break other,
            }
        };
        let is_bulk = matches!(&first, Step::Entry(entry) if is_of_bulk(&entry.path));
        self.first = Some(first);
        is_bulk
    }

    /// Reads the source as one paper.
    fn into_one(mut self, name: String, folder: String) -> Vec<Result<Eprint, Defect>> {
        let mut paper = Paper::new(self.wanted);
        self.tar.rest().left = paper::INFLATED_BYTES_MAX;
        let read = match self.first.take() {
            Some(Step::NoTar(head)) if head.starts_with(b"%PDF") => Err(Unreadable::PdfOnly.into()),
            Some(Step::NoTar(head)) => paper.single(&name, head, self.tar.rest()),
            Some(first) => paper.archive(&mut self.tar, Some(first)),
            None => unreachable!("the first step was taken"),
        };
        let modified = paper.modified;
        with_defect(Place { offset: 0, name: &name, folder, modified }, read.map(|()| paper))
    }

    /// Reads the paper of an entry.
    fn paper(&mut self, entry: Entry) -> Vec<Result<Eprint, Defect>> {
        let files = match entry.kind {
            _ if entry.is_unsafe() => Err(Unreadable::UnsafePath.into()),
            Kind::Link => Err(Unreadable::Link.into()),
            Kind::Folder | Kind::Other => Err(Unreadable::NotAFile.into()),
            Kind::File if entry.path.ends_with(".pdf") => Err(Unreadable::PdfOnly.into()),
            Kind::File if entry.path.ends_with(".gz") => self.gzipped(&entry),
            Kind::File => Err(Unreadable::NotAnEprint.into()),
        };
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        let folder = folder.rsplit('/').next().unwrap_or_default().to_owned();
        let offset = if self.is_compressed { 0 } else { entry.offset };
        with_defect(Place { offset, name, folder, modified: entry.modified }, files)
    }

    fn gzipped(&mut self, entry: &Entry) -> Result<Paper, Fault> {
        let mut paper = Paper::new(self.wanted);
        paper.gzipped(&entry.path, &mut self.tar)?;
        Ok(paper)
    }

    /// Returns an offset as in [`Eprint`].
    fn offset(&self, offset: u64) -> u64 {
        if self.is_compressed { 0 } else { offset }
    }
}

impl Iterator for Papers {
    type Item = Result<Eprint, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(defect) = self.pending.take() {
            return Some(Err(defect));
        }
        while !self.ended {
            match self.first.take().unwrap_or_else(|| self.tar.next()) {
                Step::Entry(entry) if entry.kind == Kind::Folder || is_apples(&entry.path) => {}
                Step::Entry(entry) => {
                    let mut items = self.paper(entry).into_iter();
                    let paper = items.next();
                    // Where the device failed, the defect comes alone, and reading ends.
                    if let Some(Err(Defect { device: Some(_), .. })) = paper {
                        self.ended = true;
                    }
                    self.pending = items.next().and_then(Result::err);
                    return paper;
                }
                Step::End | Step::NoTar(_) => self.ended = true,
                Step::Skipped { offset, bytes } => {
                    let what = format!(
                        "{bytes} bytes that are not an entry of the archive: it is damaged, fetch it again"
                    );
                    return Some(Err(Defect::new(self.offset(offset), what)));
                }
                Step::Failed { offset, error } => {
                    self.ended = true;
                    return Some(Err(defect(self.offset(offset), &Fault::from(error))));
                }
            }
        }
        None
    }
}

/// The place of a paper.
struct Place<'a> {
    offset: u64,
    name: &'a str,
    folder: String,
    modified: Option<u64>,
}

/// Returns a paper, and its defect if it is damaged.
fn with_defect(place: Place, paper: Result<Paper, Fault>) -> Vec<Result<Eprint, Defect>> {
    let Place { offset, name, folder, modified } = place;
    let damage = paper.as_ref().err().and_then(|fault| {
        let fault = fault.is_damage().then_some(fault)?;
        let Defect { what, device, .. } = defect(offset, fault);
        Some(Defect { offset, what: format!("{name}: {what}"), device })
    });
    // Where the device failed there may be a paper: it is not counted as rejected.
    if damage.as_ref().is_some_and(|damage| damage.device.is_some()) {
        return damage.into_iter().map(Err).collect();
    }
    let (files, unread) = match paper {
        Ok(paper) => (Ok(paper.files), paper.unread),
        Err(fault) => (Err(fault.why), Vec::new()),
    };
    let eprint = Eprint { offset, stem: id::stem(name), folder, modified, files, unread };
    [Some(Ok(eprint)), damage.map(Err)].into_iter().flatten().collect()
}

fn defect(offset: u64, fault: &Fault) -> Defect {
    let what = match fault.why {
        Unreadable::Truncated => "it ends too early: it was cut short, fetch it again".to_owned(),
        Unreadable::TooLarge => format!("larger than any paper ({})", fault.what),
        _ => format!("it cannot be read ({}): fetch it again", fault.what),
    };
    Defect { offset, what, device: fault.device }
}

/// Whether macOS added the file to the archive.
fn is_apples(path: &str) -> bool {
    path.rsplit('/').next().unwrap_or(path).starts_with("._") || path.starts_with("__MACOSX/")
}

/// Whether a file with this path is a paper of a bulk archive.
fn is_of_bulk(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let is_month = folder.len() == 4 && folder.bytes().all(|byte| byte.is_ascii_digit());
    is_month && (name.ends_with(".gz") || name.ends_with(".pdf"))
}

/// Reads a folder as a paper. Links in it are not followed.
fn of_folder(
    path: &Path,
    name: String,
    folder: String,
    wanted: Wanted,
) -> Vec<Result<Eprint, Defect>> {
    let mut paper = Paper::new(wanted);
    let read = paper.folder(path);
    let read = read.map(|()| paper);
    with_defect(Place { offset: 0, name: &format!("{name}/"), folder, modified: None }, read)
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        // `FileTooLarge` is what `Bounded` reports for a paper that inflates to too much.
        let is_too_large =
            error.kind() == io::ErrorKind::FileTooLarge && error.raw_os_error().is_none();
        let device = if is_too_large { None } else { failure::of_device(&error) };
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => Unreadable::Truncated,
            _ if is_too_large => Unreadable::TooLarge,
            _ => Unreadable::Corrupt,
        };
        Fault { why, what: error.to_string(), device }
    }
}
