//! Where the posts of a site lie, and what the site is called.

use super::archive;
use super::rows::read_line;
use crate::ReadError;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// Names of a site's posts, in the order in which they are looked for.
const POSTS: [&str; 5] =
    ["Posts.xml", "Posts.xml.gz", "Posts.xml.zst", "Posts.xml.bz2", "Posts.xml.lz4"];

/// The other tables of a dump, which archive.org packs one by one for Stack Overflow.
const OTHER_TABLES: [&str; 7] =
    ["Badges", "Comments", "PostHistory", "PostLinks", "Tags", "Users", "Votes"];

const ENDS: [&str; 6] = [".7z", ".gz", ".zst", ".bz2", ".lz4", ".xml"];

/// Whether a folder is that of one site.
pub fn is_site(folder: &Path) -> bool {
    POSTS.iter().any(|name| folder.join(name).is_file())
}

/// The file of a site's posts, which is in `path` or is it.
pub(crate) fn posts_file(path: &Path) -> PathBuf {
    let files = POSTS.iter().map(|name| path.join(name));
    match path.is_dir() {
        true => files.into_iter().find(|file| file.is_file()).unwrap_or(path.join(POSTS[0])),
        false => path.to_owned(),
    }
}

/// Whether a source may hold posts, by its name: a site's folder, an archive that is of no other
/// table, or XML.
pub fn may_hold_posts(source: &Path) -> bool {
    if source.is_dir() {
        return is_site(source);
    }
    let name = file_name(source);
    let stem = stem(&name);
    let is_of = |table: &str| {
        stem.strip_suffix(table).is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', '.']))
    };
    stem.len() < name.len() && !OTHER_TABLES.iter().any(|table| is_of(table))
}

/// The host of a site, from the name of its archive, its folder, or its file:
/// `stackoverflow.com-Posts.7z`, `math.stackexchange.com/Posts.xml` and `es.stackoverflow.com.7z`
/// are of `stackoverflow.com`, `math.stackexchange.com` and `es.stackoverflow.com`.
///
/// Upstream (`post_processing.py`) takes the file name without its end, which calls Stack Overflow
/// `stackoverflow.com-Posts`.
pub fn name(source: &Path) -> String {
    let file_name = file_name(source);
    let stem = match source.is_dir() {
        true => file_name.as_str(),
        false => stem(&file_name),
    };
    let site = stem.strip_suffix("Posts").map(|site| site.trim_end_matches(['-', '.', '_']));
    match site {
        Some("") => source.parent().map(self::file_name).unwrap_or_default(),
        Some(site) => site.to_owned(),
        None => stem.to_owned(),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}

fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some(shorter) = ENDS.iter().find_map(|end| stem.strip_suffix(end)) {
        stem = shorter;
    }
    stem
}

/// How many rows a site has. Upstream (`count.py`) counts the lines of its file, less three. What
/// is wrong with the file shows when it is read: the rows before that count.
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
    match counted.map_err(|trouble| trouble.device.map(|kind| io::Error::new(kind, trouble.what))) {
        Err(Some(error)) => Err(ReadError::new(&file, error)),
        Ok(()) | Err(None) => Ok(rows),
    }
}
