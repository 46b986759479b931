//! The bytes of a `Posts.xml`: a plain or compressed file, or a file of a zip or 7z archive.

use crate::access::{self, Random};
use crate::archive::seven_zip::{self, SevenZip};
use crate::archive::zip::{self, Archive, ZIP_MAGIC};
use crate::compressed;
use crate::failure::Failure;
use ::zip::result::ZipError;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

/// How the bytes of posts are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As they are: an offset is a byte of the file.
    Plain,
    Compressed,
}

/// Reads the posts of a site.
type ReadPosts<'a> = &'a mut dyn FnMut(&mut dyn BufRead, Stored) -> Result<(), Failure>;

/// Calls `each` with the bytes of the posts in `file`, and returns its result.
///
/// What is wrong with the file itself is a [`Failure`], also where `each` met it first, as an error
/// in reading.
pub(crate) fn read(file: &Path, each: ReadPosts) -> Result<(), Failure> {
    let mut first = [0; seven_zip::SIGNATURE.len()];
    let mut opened = access::random(file)?;
    let length = fill(&mut opened, &mut first)?;
    if &first[..length] == seven_zip::SIGNATURE {
        opened.rewind()?;
        return read_7z(opened, each);
    }
    if first.starts_with(ZIP_MAGIC) {
        opened.rewind()?;
        return read_zip(opened, each);
    }
    drop(opened);
    // A file of posts begins with a byte order mark, a tag or a blank. Compressed ones do not.
    let is_plain = matches!(first[0], b'<' | 0xef | b' ' | b'\n' | b'\r' | b'\t');
    let stored = if is_plain { Stored::Plain } else { Stored::Compressed };
    each(&mut compressed::open(file)?, stored)
}

fn fill(file: &mut Random, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match file.read(&mut into[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Whether an entry is the posts of a site.
fn is_posts(name: &str) -> bool {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.eq_ignore_ascii_case("Posts.xml")
}

/// Unpacks only the posts.
fn read_zip(file: Random, each: ReadPosts) -> Result<(), Failure> {
    let damaged = |error: ZipError| match error {
        ZipError::Io(_) => zip::failure(error),
        other => Failure::of_content(format!(
            "the zip archive cannot be read ({other}): fetch it again, or unpack it"
        )),
    };
    let mut archive = Archive::of_file(file).map_err(damaged)?;
    let mut files = archive.files();
    files.retain(|(_, name)| is_posts(name));
    let Some((first, _)) = files.first() else { return Err(without_posts("zip")) };
    let posts = archive.stream(*first).map_err(damaged)?;
    each(&mut BufReader::with_capacity(64 << 10, posts), Stored::Compressed)?;
    if files.len() == 1 { Ok(()) } else { Err(several("zip", files.len())) }
}

fn read_7z(file: Random, each: ReadPosts) -> Result<(), Failure> {
    let mut archive = SevenZip::open(file)?;
    let count = archive.count(is_posts);
    if count == 0 {
        return Err(without_posts("7z"));
    }
    match archive.read_first(is_posts, |posts| each(posts, Stored::Compressed))? {
        Some(result) => result?,
        None => return each(&mut io::empty(), Stored::Compressed),
    }
    if count == 1 { Ok(()) } else { Err(several("7z", count)) }
}

fn without_posts(form: &str) -> Failure {
    Failure::of_content(format!(
        "this {form} archive holds no Posts.xml; the posts of a site are what is read of it"
    ))
}

fn several(form: &str, count: usize) -> Failure {
    Failure::of_content(format!(
        "this {form} archive holds {count} files Posts.xml; the first was read, no other: pack \
         each site into an archive of its own"
    ))
}
