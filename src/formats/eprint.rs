//! E-prints of arXiv: the sources of papers, from its bulk archives or one by one.
//!
//! A bulk archive, `arXiv_src_YYMM_NNN.tar`, holds a folder `YYMM/` with a file for each paper:
//! `ID.gz`, which is a gzipped tar of the paper's files or a single gzipped file, or `ID.pdf` where
//! the authors sent no source (recipe 4.1). It is read as a stream: nothing is unpacked to disk, and
//! of a paper only the files that are wanted are in memory, up to a limit.
//!
//! A single e-print is such a gzipped file by itself, or a folder of the paper's files.

mod id;
mod paper;
#[cfg(test)]
mod tests;

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

/// The source of a paper, as stored.
#[derive(Debug)]
pub struct Eprint {
    /// Byte of the stored file at which it begins; of a compressed one, 0.
    pub offset: u64,
    /// Its file's name without endings: arXiv's identifier, as a rule.
    pub stem: String,
    /// The folder that it lies in, by its name alone.
    pub folder: String,
    /// When it was last changed, in seconds since 1970, as its archive says.
    pub modified: Option<u64>,
    /// Its files that were wanted, in the order of the archive, or why there are none to be had.
    pub files: Result<Vec<Member>, Unreadable>,
    /// Names of files that were wanted if they were small, and are not.
    pub unread: Vec<String>,
}

/// A file of a paper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its path in the paper.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why a paper has no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// There is a PDF in the place of its source.
    PdfOnly,
    /// It is a link, which leads nowhere in a stream.
    Link,
    /// It is a device or the like.
    NotAFile,
    /// It is neither gzipped nor a PDF.
    NotAnEprint,
    /// Its path would lead out of any folder it were unpacked to.
    UnsafePath,
    /// The archive or the paper ends within it.
    Truncated,
    /// It cannot be decompressed, or its archive cannot be followed.
    Corrupt,
    /// It is larger than any paper.
    TooLarge,
}

impl Unreadable {
    /// The word for the funnel.
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

/// The papers of a source, in order, and what of it could not be read. A damaged paper is given,
/// for its place, and followed by its defect.
pub type Eprints = Box<dyn Iterator<Item = Result<Eprint, Defect>> + Send>;

/// Opens a bulk archive, a single e-print or a folder that is one. Of a paper's files those are
/// read that `wanted` asks for by their names.
///
/// An archive is one of many papers if its first file lies in a folder of four digits, as `YYMM`,
/// and ends in `.gz` or `.pdf`; any other is one paper.
pub fn open(path: &Path, wanted: Wanted) -> Result<Eprints, ReadError> {
    let cannot = |error| ReadError::new(path, error);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let folder = folder.to_string_lossy().into_owned();
    if fs::metadata(path).map_err(cannot)?.is_dir() {
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

/// Whether a folder holds the files of one paper: a `.tex` file lies in it, and no archive, which
/// would be a paper by itself.
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
    /// The entry that told what kind of archive this is.
    first: Option<Step>,
    /// What follows a damaged paper.
    pending: Option<Defect>,
    ended: bool,
}

impl Papers {
    /// Looks at the first file.
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

    /// What was opened as one paper, which it is.
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
        given(Place { offset: 0, name: &name, folder, modified }, read.map(|()| paper))
    }

    /// The paper that an entry is.
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
        given(Place { offset, name, folder, modified: entry.modified }, files)
    }

    fn gzipped(&mut self, entry: &Entry) -> Result<Paper, Fault> {
        let mut paper = Paper::new(self.wanted);
        paper.gzipped(&entry.path, &mut self.tar)?;
        Ok(paper)
    }

    /// An offset as [`Eprint`] has it.
    fn offset(&self, offset: u64) -> u64 {
        if self.is_compressed { 0 } else { offset }
    }
}

impl Iterator for Papers {
    type Item = Result<Eprint, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(defect) = self.pending.take() {
            // A device that fails may read well the next time: nothing behind it is looked for.
            self.ended |= defect.device.is_some();
            return Some(Err(defect));
        }
        while !self.ended {
            match self.first.take().unwrap_or_else(|| self.tar.next()) {
                Step::Entry(entry) if entry.kind == Kind::Folder || is_apples(&entry.path) => {}
                Step::Entry(entry) => {
                    let mut given = self.paper(entry).into_iter();
                    let paper = given.next();
                    self.pending = given.next().and_then(Result::err);
                    return paper;
                }
                Step::End | Step::NoTar(_) => self.ended = true,
                Step::Skipped { offset, bytes } => {
                    let what = format!(
                        "{bytes} bytes that are no entry of the archive: it is damaged, fetch it again"
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

/// Where a paper was found.
struct Place<'a> {
    offset: u64,
    name: &'a str,
    folder: String,
    modified: Option<u64>,
}

/// A paper, and its defect where it is damaged.
fn given(place: Place, paper: Result<Paper, Fault>) -> Vec<Result<Eprint, Defect>> {
    let Place { offset, name, folder, modified } = place;
    let damage = paper.as_ref().err().and_then(|fault| {
        let fault = fault.is_damage().then_some(fault)?;
        let Defect { what, device, .. } = defect(offset, fault);
        Some(Defect { offset, what: format!("{name}: {what}"), device })
    });
    // Where the device failed there may well be a paper: it is not counted as one turned away.
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

/// Whether a file is what macOS puts beside each file of an archive.
fn is_apples(path: &str) -> bool {
    path.rsplit('/').next().unwrap_or(path).starts_with("._") || path.starts_with("__MACOSX/")
}

/// Whether a file of this path is a paper of a bulk archive.
fn is_of_bulk(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let is_month = folder.len() == 4 && folder.bytes().all(|byte| byte.is_ascii_digit());
    is_month && (name.ends_with(".gz") || name.ends_with(".pdf"))
}

/// A folder as a paper. Links in it are not followed.
fn of_folder(
    path: &Path,
    name: String,
    folder: String,
    wanted: Wanted,
) -> Vec<Result<Eprint, Defect>> {
    let mut paper = Paper::new(wanted);
    let read = paper.folder(path);
    let read = read.map(|()| paper);
    given(Place { offset: 0, name: &format!("{name}/"), folder, modified: None }, read)
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
