//! The file of a site's posts, and the name of the site.

use super::archive;
use super::rows::read_line;
use crate::ReadError;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// File names of a site's posts, in order of preference.
const POSTS: [&str; 8] = [
    "Posts.xml",
    "Posts.xml.gz",
    "Posts.xml.zst",
    "Posts.xml.bz2",
    "Posts.xml.lz4",
    "Posts.xml.xz",
    "Posts.xml.7z",
    "Posts.xml.zip",
];

/// The other tables of a dump, which archive.org packs one by one for Stack Overflow.
const OTHER_TABLES: [&str; 10] = [
    "badges",
    "comments",
    "posthistory",
    "postlinks",
    "posttags",
    "sites",
    "tags",
    "users",
    "votes",
    "pendingflags",
];

const ENDS: [&str; 8] = [".7z", ".zip", ".gz", ".xz", ".zst", ".bz2", ".lz4", ".xml"];

/// Files that come with dumps: licences, lists of archive.org's items, and the like.
const PAPERS: [&str; 11] = [
    ".txt",
    ".md",
    ".pdf",
    ".html",
    ".torrent",
    ".sqlite",
    "_meta.xml",
    "_files.xml",
    "_reviews.xml",
    "readme",
    "license",
];

/// How many folders up the name of a site is searched.
const FOLDERS_MAX: usize = 2;

/// Whether a folder is one site.
pub fn is_site(folder: &Path) -> bool {
    posts_in(folder).is_some()
}

/// Finds the posts in a folder, by their name in any case.
fn posts_in(folder: &Path) -> Option<PathBuf> {
    let exact = POSTS.iter().map(|name| folder.join(name)).find(|file| file.is_file());
    let in_any_case = || {
        let entries = fs::read_dir(folder).ok()?.flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                POSTS.iter().any(|posts| posts.eq_ignore_ascii_case(&name))
            })
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        found.sort();
        found.into_iter().next()
    };
    exact.or_else(in_any_case)
}

/// Returns the file of a site's posts: `path`, or a file in it.
pub(crate) fn posts_file(path: &Path) -> PathBuf {
    if path.is_dir() { posts_in(path).unwrap_or(path.join(POSTS[0])) } else { path.to_owned() }
}

/// Whether a source may have posts, by its name: a site's folder, or a file that is neither another
/// table nor a document that comes with the dump.
pub fn may_hold_posts(source: &Path) -> bool {
    if source.is_dir() {
        return is_site(source);
    }
    let name = file_name(source).to_ascii_lowercase();
    let stem = stem(&name);
    let is_of = |table: &str| {
        stem.strip_suffix(table).is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', '.']))
    };
    !PAPERS.iter().any(|end| name.ends_with(end)) && !OTHER_TABLES.iter().any(|table| is_of(table))
}

/// Returns the host of a site, from the name of its archive, its file, or its folder:
/// `stackoverflow.com-Posts.7z`, `math.stackexchange.com/Posts.xml` and `es.stackoverflow.com.7z`
/// are of `stackoverflow.com`, `math.stackexchange.com` and `es.stackoverflow.com`. `None` if no
/// name is a host.
///
/// Upstream (`post_processing.py`) takes the file name without its ending, which is
/// `stackoverflow.com-Posts` for Stack Overflow.
pub fn name(source: &Path) -> Option<String> {
    let file_name = file_name(source);
    let of_source = if source.is_dir() { host(&file_name) } else { host(stem(&file_name)) };
    let folders = source.ancestors().skip(1).take(FOLDERS_MAX);
    of_source.or_else(|| folders.map(self::file_name).find_map(|folder| host(stem(&folder))))
}

/// Returns the host that a name is, or begins with.
fn host(name: &str) -> Option<String> {
    let is_host = |name: &str| {
        let labels: Vec<&str> = name.split('.').collect();
        let is_label = |label: &&str| {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && label.bytes().all(fine)
        };
        let end = labels.last().copied().unwrap_or_default();
        labels.len() > 1
            && labels.iter().all(is_label)
            && end.len() > 1
            && end.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let lower = name.to_ascii_lowercase();
    let site = lower.strip_suffix("posts").map(|site| site.trim_end_matches(['-', '.', '_', ' ']));
    let site = site.unwrap_or(&lower);
    // A copy, a part, a date: `math.stackexchange.com (1)`, `math.stackexchange.com_20240402`.
    let cut = site.split(['_', ' ', '(']).next().unwrap_or_default();
    [site, cut].into_iter().find(|name| is_host(name)).map(str::to_owned)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}

fn stem(name: &str) -> &str {
    let mut stem = name;
    let has = |stem: &str, end: &str| {
        let from = stem.len().checked_sub(end.len());
        from.and_then(|from| stem.get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    while let Some(end) = ENDS.iter().find(|end| has(stem, end)) {
        stem = &stem[..stem.len() - end.len()];
    }
    stem
}

/// Counts the rows of a site. Upstream (`count.py`) counts the lines of its file, less three. Of a
/// damaged file the rows before the damage count: reading it reports the damage.
///
/// # Errors
/// When the device fails.
pub fn rows(source: &Path) -> Result<u64, ReadError> {
    let file = posts_file(source);
    let mut rows = 0;
    let counted = archive::read(&file, &mut |input, _| {
        let mut line = Vec::new();
        while read_line(input, &mut line, 64)? > 0 {
            rows += u64::from(line.trim_ascii_start().starts_with(b"<row"));
        }
        Ok(())
    });
    match counted.map_err(|failure| failure.device.map(|kind| io::Error::new(kind, failure.what))) {
        Err(Some(error)) => Err(ReadError::new(&file, error)),
        Ok(()) | Err(None) => Ok(rows),
    }
}
