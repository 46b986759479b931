//! The bytes of a `Posts.xml`, whatever it lies in. Nothing is ever written by an entry's name.

use crate::archive::ZIP_MAGIC;
use crate::compressed;
use crate::failure::Failure;
use sevenz_rust2::{Archive, BlockDecoder, Error, Password};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

const SIGNATURE: &[u8] = b"7z\xbc\xaf\x27\x1c";

/// What unpacking a 7z archive may take, of LZMA's dictionary or of PPMd's model, in KiB: 288 MiB,
/// so that the largest dictionary of 7-Zip's own presets, 256 MiB, has room.
const DICTIONARY_KB_MAX: usize = 288 << 10;

/// How the bytes of posts are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As they are: an offset is a byte of the file.
    Plain,
    Compressed,
}

/// Gives the bytes of the posts in `file` to `each`.
///
/// The result of `each` comes back; what is wrong with the file itself is a [`Failure`], also where
/// `each` met it first, as an error in reading.
pub(crate) fn read(
    file: &Path,
    each: &mut dyn FnMut(&mut dyn BufRead, Stored) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut first = [0; SIGNATURE.len()];
    let mut opened = crate::regular::open(file)?;
    let length = fill(&mut opened, &mut first)?;
    if &first[..length] == SIGNATURE {
        opened.rewind()?;
        return read_7z(opened, each);
    }
    if first.starts_with(ZIP_MAGIC) {
        opened.rewind()?;
        return read_zip(opened, each);
    }
    drop(opened);
    // A file of posts begins with a mark, a tag or a blank; compressed ones do not.
    let is_plain = matches!(first[0], b'<' | 0xef | b' ' | b'\n' | b'\r' | b'\t');
    let stored = if is_plain { Stored::Plain } else { Stored::Compressed };
    each(&mut compressed::open(file)?, stored)
}

fn fill(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
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

/// Only the posts are unpacked.
fn read_zip(
    file: File,
    each: &mut dyn FnMut(&mut dyn BufRead, Stored) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let told = |error: ZipError| match error {
        ZipError::Io(error) => Failure::from(error),
        other => Failure::of_content(format!(
            "the zip archive cannot be read ({other}): fetch it again, or unpack it"
        )),
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(told)?;
    let is_posts =
        |at: &usize| matches!(archive.name_for_index(*at), Some(Ok(name)) if is_posts(&name));
    let found: Vec<usize> = (0..archive.len()).filter(is_posts).collect();
    let Some(first) = found.first() else {
        return Err(Failure::of_content(
            "this zip archive holds no Posts.xml; the posts of a site are what is read of it",
        ));
    };
    let posts = archive.by_index(*first).map_err(told)?;
    each(&mut BufReader::with_capacity(64 << 10, posts), Stored::Compressed)?;
    match found.len() {
        1 => Ok(()),
        count => Err(several("zip", count)),
    }
}

fn several(form: &str, count: usize) -> Failure {
    Failure::of_content(format!(
        "this {form} archive holds {count} files Posts.xml; the first was read, no other: pack \
         each site into an archive of its own"
    ))
}

/// Only the block with the posts is unpacked, up to their end.
fn read_7z(
    mut file: File,
    each: &mut dyn FnMut(&mut dyn BufRead, Stored) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let none = Password::empty();
    let archive = Archive::read_with_memory_limit(&mut file, &none, DICTIONARY_KB_MAX);
    let archive = archive.map_err(told)?;
    let count = archive.files.iter().filter(|entry| is_posts(entry.name())).count();
    if count == 0 {
        return Err(Failure::of_content(
            "this 7z archive holds no Posts.xml; the posts of a site are what is read of it",
        ));
    }
    let mut done = None;
    for block in 0..archive.blocks.len() {
        let decoder = BlockDecoder::new_with_memory_limit(
            1,
            DICTIONARY_KB_MAX,
            block,
            &archive,
            &none,
            &mut file,
        );
        if !decoder.entries().iter().any(|entry| is_posts(entry.name())) {
            continue;
        }
        let unpacked = decoder.for_each_entries(&mut |entry, bytes| {
            if !is_posts(entry.name()) {
                io::copy(bytes, &mut io::sink())?;
                return Ok(true);
            }
            let mut bytes = BufReader::with_capacity(64 << 10, bytes);
            done = Some(each(&mut bytes, Stored::Compressed));
            Ok(false)
        });
        if done.is_none() {
            unpacked.map_err(told)?;
        }
        if done.is_some() {
            break;
        }
    }
    match (done, count) {
        (Some(Err(failure)), _) => Err(failure),
        (Some(Ok(())), 1) => Ok(()),
        (Some(Ok(())), _) => Err(several("7z", count)),
        (None, _) => each(&mut io::empty(), Stored::Compressed),
    }
}

/// What is wrong with an archive, and what to do.
fn told(error: Error) -> Failure {
    let what = match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => {
            "this 7z archive is encrypted; unpack it, or pack it without a password".to_owned()
        }
        Error::UnsupportedCompressionMethod(method) if method.to_uppercase().contains("AES") => {
            "this 7z archive is encrypted; unpack it, or pack it without a password".to_owned()
        }
        Error::UnsupportedCompressionMethod(method) => format!(
            "this 7z archive is packed by {method}, which is not read: unpack it, or pack it anew \
             with 7-Zip's defaults"
        ),
        Error::MaxMemLimited { max_kb, actaul_kb } => format!(
            "this 7z archive wants {} MiB of memory to be unpacked, and at most {} are given; pack \
             it with a smaller dictionary or model",
            actaul_kb.div_ceil(1024),
            max_kb / 1024
        ),
        Error::Io(error, _) => {
            let mut failure = Failure::from(error);
            failure.what = format!("the 7z archive cannot be read: {}", failure.what);
            return failure;
        }
        other => format!("not a whole 7z archive ({other}): fetch it again"),
    };
    Failure::of_content(what)
}
