//! What a file is, detected from its content.
//!
//! Every reader checks here before it reads, so that a file of another form becomes one defect, which
//! says what the file is and which slice reads it, and never training text.

use crate::archive::tar::begins_archive;
use crate::compressed::{Begun, Codec, begin, head};
use crate::defect::{Defect, ReadError};
use memchr::memmem;
use std::path::Path;

/// What a file is, without its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// No bytes.
    Empty,
    /// Nothing of it can be inflated. Its reader reports why.
    Damaged,
    /// Common Crawl's text: `conversion` records.
    Wet,
    /// Common Crawl's metadata: `metadata` records of JSON.
    Wat,
    /// WARC records of another kind: pages as fetched.
    Warc,
    /// ARC, the predecessor of WARC.
    Arc,
    /// JSON objects: on lines, over several lines, or in an array.
    Json,
    /// Parquet.
    Parquet,
    /// A MediaWiki XML export, or a part of one.
    MediaWiki,
    /// A table of posts of a StackExchange site.
    Posts,
    /// Other XML.
    Xml,
    /// HTML.
    Html,
    /// PDF.
    Pdf,
    /// A tar archive.
    Tar,
    /// A zip archive, such as an EPUB.
    Zip,
    /// A 7z archive.
    SevenZip,
    /// A file that comes with dumps: a list of digests, or an index.
    Beside(&'static str),
    /// Another known form: what it is, and the remedy.
    Foreign(&'static str, &'static str),
    /// Text of an unknown form.
    Text,
    /// Bytes of an unknown form.
    Binary,
}

/// Forms that no slice reads, by their first bytes.
const FOREIGN: &[(&[u8], &str, &str)] = &[
    (b"ARROW1", "an Arrow (Feather) file", "write it as Parquet"),
    (b"FEA1", "a Feather file", "write it as Parquet"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet or JSON lines"),
    (b"SQLite format 3\0", "an SQLite database", "export it as JSON lines"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (b"\x1f\x9d", "a file packed by compress (.Z)", "unpack it with uncompress"),
    (b"LZIP", "an lzip file", "unpack it with lzip -d"),
    (b"\x89LZO\0", "an lzop file", "unpack it with lzop -d"),
    (b"\xff\x06\0\0sNaPpY", "a framed Snappy file", "unpack it first"),
    (b"\x02\x21\x4c\x18", "an LZ4 file of the legacy form", "unpack it with lz4 -d"),
    (b"\x5d\0\0", "an .lzma file", "unpack it with xz -d"),
    (b"\0\x05\x16\x07", "an AppleDouble file, which macOS writes beside others", "leave it out"),
    (b"\0\x05\x16\0", "an AppleSingle file", "leave it out"),
    (b"\x89PNG", "a PNG image", "leave it out"),
    (b"\xff\xd8\xff", "a JPEG image", "leave it out"),
    (b"GIF8", "a GIF image", "leave it out"),
    (b"\x7fELF", "a program", "leave it out"),
    (b"\xd0\xcf\x11\xe0", "a document of an old Office format", "save it as text"),
    (b"{\\rtf", "an RTF document", "save it as text"),
    (b"AT&TFORM", "a DjVu document", "export its text"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "run git lfs pull"),
];

impl Form {
    /// Returns the form of a file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn of(path: &Path) -> std::io::Result<Form> {
        let Begun { mut stored, codec } = begin(path)?;
        let is_packed = codec != Codec::Plain || stored.is_layer();
        let head = head(codec, &mut stored);
        Ok(Form::of_head(&head, is_packed))
    }

    /// Returns the form of a file by the beginning of its content.
    pub(crate) fn of_head(head: &[u8], is_packed: bool) -> Form {
        let head = head.strip_prefix(BOM).unwrap_or(head);
        if head.is_empty() {
            return if is_packed { Form::Damaged } else { Form::Empty };
        }
        let begins = |magic: &[u8]| head.starts_with(magic);
        if begins(b"PAR1") {
            return if is_packed {
                Form::Foreign("a Parquet file that is packed once more", "unpack it first")
            } else {
                Form::Parquet
            };
        }
        if let Some((_, what, remedy)) = FOREIGN.iter().find(|(magic, ..)| begins(magic)) {
            return Form::Foreign(what, remedy);
        }
        match () {
            () if begins(b"WARC/") => of_records(head),
            () if begins(b"filedesc:") => Form::Arc,
            () if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") => Form::Zip,
            () if begins(b"7z\xbc\xaf\x27\x1c") => Form::SevenZip,
            () if begins(b"%PDF-") => Form::Pdf,
            () if head.get(60..68) == Some(b"BOOKMOBI") => {
                Form::Foreign("a Kindle book", "convert it to EPUB")
            }
            () if begins_archive(head) => Form::Tar,
            () => of_text(head),
        }
    }

    /// Returns what a file of this form is, and which slice reads it or another hint, if the form is
    /// certain.
    pub fn known(self) -> Option<(&'static str, &'static str)> {
        self.is_known().then(|| self.described())
    }

    /// Whether the form is certain.
    fn is_known(self) -> bool {
        !matches!(self, Form::Empty | Form::Damaged | Form::Text | Form::Binary)
    }

    /// Returns the name of the form, and the slice that reads it or another hint.
    pub(crate) fn described(self) -> (&'static str, &'static str) {
        match self {
            Form::Empty => ("an empty file", "leave it out"),
            Form::Damaged => ("a damaged file", "fetch it again"),
            Form::Wet => {
                ("a WET file", "the slices common_crawl and c4 (source = \"wet\") read those")
            }
            Form::Wat => {
                ("a WAT file, with metadata and no text", "fetch the dump's *.warc.wet.gz")
            }
            Form::Warc => ("a WARC file of pages as fetched", "fetch the dump's *.warc.wet.gz"),
            Form::Arc => ("an ARC file", "convert it to WARC, for example by warcio recompress"),
            Form::Json => {
                ("a file of JSON", "the slices c4, github, books and instruct read those")
            }
            Form::Parquet => {
                ("a Parquet file", "the slices c4, github, books and instruct read those")
            }
            Form::MediaWiki => ("a MediaWiki XML dump", "the slice wikipedia reads those"),
            Form::Posts => ("a StackExchange table", "the slice stack_exchange reads those"),
            Form::Xml => ("an XML file", "is it an error message of a server?"),
            Form::Html => ("an HTML page", "is it an error page of a server?"),
            Form::Pdf => ("a PDF document", "no text is taken from those"),
            Form::Tar => ("a tar archive", "the slices github and arxiv read those"),
            Form::Zip => ("a zip archive", "unpack it first; the slice books reads zip archives"),
            Form::SevenZip => ("a 7z archive", "unpack it first"),
            Form::Beside(what) => (what, "leave it out"),
            Form::Foreign(what, remedy) => (what, remedy),
            Form::Text => ("a file of plain text", "is it a README?"),
            Form::Binary => ("a file of no known form", "is it damaged?"),
        }
    }

    /// Returns the defect of a file of this form where a slice reads another.
    pub(crate) fn mistaken(self, reads: &str) -> Defect {
        let (what, hint) = self.described();
        Defect::new(0, format!("this is {what}, and {reads} is read here: {hint}; it is left out"))
    }
}

/// Returns the defect of a file that is certainly not of a form in `own`, or `None`. `reads` names
/// what is read instead. Folders are not checked.
///
/// # Errors
/// When the file cannot be opened.
pub fn mistaken(path: &Path, own: &[Form], reads: &str) -> Result<Option<Defect>, ReadError> {
    if path.is_dir() {
        return Ok(None);
    }
    let form = Form::of(path).map_err(|source| ReadError::new(path, source))?;
    Ok((form.is_known() && !own.contains(&form)).then(|| form.mistaken(reads)))
}

/// UTF-8's byte order mark.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Returns the form of a WARC file, by its first record that is not a `warcinfo`.
fn of_records(head: &[u8]) -> Form {
    const TYPE: &[u8] = b"warc-type:";
    for line in head.split(|byte| *byte == b'\n') {
        let Some((name, value)) = line.split_at_checked(TYPE.len()) else { continue };
        if !name.eq_ignore_ascii_case(TYPE) {
            continue;
        }
        match value.trim_ascii().to_ascii_lowercase().as_slice() {
            b"warcinfo" => {}
            b"conversion" => return Form::Wet,
            b"metadata" if memmem::find(head, b"application/json").is_some() => return Form::Wat,
            _ => return Form::Warc,
        }
    }
    // At most one record in the head: its reader reports more.
    Form::Damaged
}

fn of_text(head: &[u8]) -> Form {
    let text = head.trim_ascii_start();
    if begins_json(text) {
        return Form::Json;
    }
    if text.starts_with(b"<") {
        return of_markup(text);
    }
    if memchr::memchr(0, &head[..head.len().min(8_000)]).is_some() {
        return Form::Binary;
    }
    // The last line may be cut.
    let whole = head.len() < HEAD_CUT_BYTES;
    let end = if whole { head.len() } else { memchr::memrchr(b'\n', head).unwrap_or(0) };
    let lines = head[..end].split(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Form::Text;
    }
    let objects = lines.iter().filter(|line| begins_json(line)).count();
    match () {
        () if objects * 2 >= lines.len() => Form::Json,
        () if lines.iter().all(|line| is_digest(line)) => Form::Beside("a list of digests"),
        () if lines.iter().all(|line| is_index(line)) => {
            Form::Beside("the index of a multistream dump")
        }
        () => Form::Text,
    }
}

/// Size of a head that is not the whole file.
const HEAD_CUT_BYTES: usize = 64 << 10;

/// Whether a JSON object begins here, or an array of them.
fn begins_json(text: &[u8]) -> bool {
    let inner = match text.strip_prefix(b"[") {
        Some(inner) => inner.trim_ascii_start(),
        None => text,
    };
    let rest = inner.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let is_empty_array = text.len() != inner.len() && inner.starts_with(b"]");
    is_empty_array || rest.is_some_and(|rest| rest.first().is_none_or(|b| b"\"}".contains(b)))
}

/// `DIGEST  NAME`, as md5sum and similar tools write.
fn is_digest(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = &line[digits..];
    [32, 40, 64, 96, 128].contains(&digits) && rest.first().is_none_or(u8::is_ascii_whitespace)
}

/// `OFFSET:PAGE:TITLE`, the index of a multistream dump.
fn is_index(line: &[u8]) -> bool {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let is_number = |part: Option<&[u8]>| {
        part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    is_number(parts.next()) && is_number(parts.next()) && parts.next().is_some()
}

fn of_markup(text: &[u8]) -> Form {
    let first = text[..text.len().min(4096)].to_ascii_lowercase();
    let has = |tag: &[u8]| memmem::find(&first, tag).is_some();
    let begins = |tag: &[u8]| first.starts_with(tag);
    match () {
        () if has(b"<mediawiki") || begins(b"<page>") => Form::MediaWiki,
        () if has(b"<posts") || has(b"<row ") => Form::Posts,
        () if begins(b"<!doctype html") || begins(b"<html") || has(b"<html") => Form::Html,
        () if begins(b"<?xml") && has(b"<error") => {
            Form::Foreign("an error message of a server, saved as the file", "fetch it again")
        }
        () if begins(b"<?xml") || begins(b"<!doctype") => Form::Xml,
        () if has(b"<body") || has(b"<head>") => Form::Html,
        () => Form::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_detected_from_the_content() {
        let warc = |kinds: &[&str]| -> Vec<u8> {
            let record = |kind: &&str| format!("WARC/1.0\r\nWARC-Type: {kind}\r\n\r\nx\r\n\r\n");
            kinds.iter().map(record).collect::<String>().into_bytes()
        };
        let cases: [(&[u8], Form); 26] = [
            (b"", Form::Empty),
            (&warc(&["warcinfo", "conversion"]), Form::Wet),
            (&warc(&["warcinfo", "request", "response"]), Form::Warc),
            (&warc(&["resource"]), Form::Warc),
            (
                &[warc(&["warcinfo", "metadata"]), b"Content-Type: application/json".to_vec()]
                    .concat(),
                Form::Wat,
            ),
            (&warc(&["warcinfo"]), Form::Damaged),
            (b"filedesc://x.arc 0.0.0.0", Form::Arc),
            (b"{\"text\": 1}\n", Form::Json),
            (b"\xef\xbb\xbf{\"text\": 1}\n", Form::Json),
            (b" [ {\"a\":1} ]", Form::Json),
            (b"[]", Form::Json),
            (b"broken\n{\"text\": 1}\n{\"text\": 2}\n", Form::Json),
            (b"{\\bf LaTeX}", Form::Text),
            (b"[1] A footnote.", Form::Text),
            (b"PAR1....", Form::Parquet),
            (b"<mediawiki xmlns=\"x\">", Form::MediaWiki),
            (b"  <page>\n<title>", Form::MediaWiki),
            (b"<?xml version=\"1.0\"?>\n<!-- c -->\n<posts>", Form::Posts),
            (b"<?xml version=\"1.0\"?><feed/>", Form::Xml),
            (b"<!DOCTYPE html><title>404</title>", Form::Html),
            (b"%PDF-1.4", Form::Pdf),
            (b"7z\xbc\xaf\x27\x1c\0\x04", Form::SevenZip),
            (b"0cc175b9c0f1b6a831c399e269772661  a.bz2\n", Form::Beside("a list of digests")),
            (b"568:10:Lamp\n568:12:Ledger: a\n", Form::Beside("the index of a multistream dump")),
            (b"Chapter 1\nIt was night.\n", Form::Text),
            (b"\0\0\x01binary", Form::Binary),
        ];
        for (bytes, form) in cases {
            assert_eq!(Form::of_head(bytes, false), form, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(Form::of_head(b"", true), Form::Damaged);
        assert!(matches!(Form::of_head(b"PAR1", true), Form::Foreign(..)));
        for (magic, ..) in FOREIGN {
            let form = Form::of_head(&[magic, &b" and more"[..]].concat(), false);
            assert!(matches!(form, Form::Foreign(..)), "{magic:?}");
        }
    }
}
