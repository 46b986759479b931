//! The first pass over a corpus: what must be known before the first file is written.
//!
//! That is the schema of each slice, where files begin, and a digest of the documents of each file,
//! by which a file that is whole already is recognised.

use super::Options;
use super::copies::Copies;
use super::line::{Fields, Line, decoded_bytes};
use super::schema::Schema;
use crate::manifest::{File, Label};
use crate::segment::SegmentReader;
use crate::{Corpus, Error};
use std::collections::BTreeMap;
use std::path::Path;

/// What was found in a segment.
#[derive(Default)]
pub(super) struct Scan {
    pub schema: Schema,
    pub lines: Vec<ScannedLine>,
    /// Documents by the field `language`, if that can be a code of ISO 639. Other values are of
    /// another meaning, and may be as many as documents.
    pub languages: BTreeMap<String, u64>,
}

/// A document of a segment.
pub(super) struct ScannedLine {
    /// Its part: the number of its split.
    pub part: usize,
    /// Size of its line as stored, with the newline.
    pub bytes: u64,
    /// Size of its text.
    pub text_bytes: u64,
    /// Digest of its line.
    pub digest: [u8; 16],
}

/// Documents between two reports of progress.
const REPORT_DOCUMENTS: u64 = 256;

/// Reads a segment. Calls `read` as bytes of the segment, as stored, are read.
pub(super) fn segment(
    corpus: &Corpus,
    (label, file): (&Label, &File),
    options: &Options,
    read: impl Fn(u64),
) -> Result<Scan, Error> {
    let mut scan = Scan::default();
    let mut reported = 0;
    let mut report = |documents: usize, is_last: bool| {
        if is_last || (documents as u64).is_multiple_of(REPORT_DOCUMENTS) {
            // The share of the documents stands for the share of the bytes.
            let share = documents as f64 / (file.records.max(1)) as f64;
            let done = if is_last { file.bytes } else { (share * file.bytes as f64) as u64 };
            read(done.saturating_sub(reported));
            reported = reported.max(done);
        }
    };
    let copies = options.copies.as_deref();
    lines_with(corpus, (label, file), copies, |stored_bytes, bytes, line, fields| {
        report(scan.lines.len(), false);
        scan.schema.see(fields);
        let digest = blake3::hash(bytes);
        scan.lines.push(ScannedLine {
            part: options.splits.part(&fields.string("id").unwrap_or_default()),
            bytes: stored_bytes as u64,
            text_bytes: decoded_bytes(line.text()),
            digest: digest.as_bytes()[..16].try_into().expect("16 of 32 bytes"),
        });
        if let Some(language) = fields.string("language")
            && is_code(&language)
        {
            *scan.languages.entry(language).or_default() += 1;
        }
        Ok(true)
    })?;
    report(scan.lines.len(), true);
    Ok(scan)
}

/// Whether a language can be a code of ISO 639. There are fewer than 20,000 of these.
fn is_code(language: &str) -> bool {
    (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Adds the fields of all records of a segment to a schema.
pub(super) fn see(
    corpus: &Corpus,
    segment: (&Label, &File),
    options: &Options,
    schema: &mut Schema,
) -> Result<(), Error> {
    lines_with(corpus, segment, options.copies.as_deref(), |_, _, _, fields| {
        schema.see(fields);
        Ok(true)
    })
}

/// As [`lines`], with the fields on copies, if there are any. `each` also takes the size of the line as it
/// is stored.
pub(super) fn lines_with(
    corpus: &Corpus,
    (label, file): (&Label, &File),
    copies: Option<&Copies>,
    mut each: impl FnMut(usize, &[u8], &Line<'_>, &Fields<'_>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let Some(copies) = copies else {
        return lines(corpus, file, |bytes, line, fields| each(bytes.len(), bytes, line, fields));
    };
    let (mut copies, mut with) = (copies.of_segment(label, file)?, Vec::new());
    lines(corpus, file, |bytes, line, fields| {
        copies.write(line.text(), line.meta(), fields, &mut with)?;
        let wrong = |error: serde_json::Error| {
            Error::corrupt(&corpus.root().join(&file.path), error.to_string())
        };
        let line = Line::parse(&with).map_err(wrong)?;
        let fields = line.fields().map_err(wrong)?;
        each(bytes.len(), &with, &line, &fields)
    })
}

/// Calls `each` with every line of a segment, in order, until it returns false.
///
/// # Errors
/// If a line is not a document, or a segment that was read to its end has another number of
/// documents than the manifest says; that of `each`.
pub fn lines<E: From<Error>>(
    corpus: &Corpus,
    file: &File,
    mut each: impl FnMut(&[u8], &Line<'_>, &Fields<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    let path = corpus.root().join(&file.path);
    let mut reader = SegmentReader::open(&path)?;
    let mut bytes = Vec::new();
    let mut records = 0;
    while reader.next_line(&mut bytes)? {
        records += 1;
        let wrong = |error: serde_json::Error| {
            let what = format!(
                "document {records} is not one: {error}; restore this file from a copy, or rebuild \
                 the corpus"
            );
            Error::corrupt(&path, what)
        };
        let line = Line::parse(&bytes).map_err(wrong)?;
        let fields = line.fields().map_err(wrong)?;
        if !each(&bytes, &line, &fields)? {
            return Ok(());
        }
    }
    if records != file.records {
        let what = format!(
            "{} documents expected, {records} found; restore this file from a copy, or rebuild the \
             corpus",
            file.records
        );
        return Err(Error::corrupt(&path, what).into());
    }
    Ok(())
}

/// Returns the segments of a label in the order of their documents.
///
/// # Errors
/// If they overlap: the manifest is damaged.
pub fn in_order<'l>(corpus: &Path, label: &'l Label) -> Result<Vec<&'l File>, Error> {
    let mut segments: Vec<_> = label.segments.iter().collect();
    segments.sort_by_key(|segment| segment.first);
    // The ranges of refs of the segments are disjoint, so reading one after the other keeps the
    // order.
    if let Some(pair) = segments.windows(2).find(|pair| pair[0].last >= pair[1].first) {
        let what = format!("overlaps {}: the manifest is damaged", pair[0].path);
        return Err(Error::corrupt(&corpus.join(&pair[1].path), what));
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PartWriter;
    use document::{DocRef, Document};
    use std::sync::Arc;

    #[test]
    fn languages_are_counted_whatever_else_is_in_their_field() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let source = crate::Source { name: "a".into(), ..Default::default() };
        let (slice, name) = ("s".into(), "l".into());
        let label = Label { slice, name, sources: vec![source], ..Label::default() };
        let mut part = PartWriter::new(&corpus, Arc::new(label.clone()), 1, 0);
        let others = (0..2000).map(|number| format!("Language {number}"));
        for (record, language) in others.chain(["en".into(), "de".into(), "en".into()]).enumerate()
        {
            let at = DocRef::new(0, 0, record as u64);
            let mut document = Document { at, text: "x".into(), ..Document::default() };
            document.meta.set("language", language);
            part.push(&document, None).unwrap();
        }
        let file = part.finish().unwrap().segment;
        let file = file.unwrap();
        let scan = segment(&corpus, (&label, &file), &Options::default(), |_| ()).unwrap();
        assert_eq!(scan.languages, [("de".to_owned(), 1), ("en".to_owned(), 2)].into());
    }
}
