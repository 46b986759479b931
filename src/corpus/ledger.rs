//! The ledger: one row for each record read, as Parquet, so that any tool can query it.

mod columns;
mod find;
mod pages;
mod patch;
mod rows;
mod scan;

pub use find::{Fate, fates, offsets};
pub use scan::{LedgerColumns, Urls, Words};

pub(crate) use find::{places_of_url, ranked, reasons_of, refs, rows_at, rows_of, witnesses};
pub(crate) use patch::{OldLedger, OtherRows};
pub(crate) use rows::Rows;
pub(crate) use scan::scan;

use crate::error::Error;
use crate::manifest::{Counts, File as PartFile};
use crate::segment::Summed;
use columns::{COLUMNS, schema};
use document::{DocRef, Document, Language, Paragraphs, Reason, Scores};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows in memory before they are written as a group.
const ROWS_IN_GROUP: usize = 1 << 16;

/// The reason of a document that is excluded from the corpus.
pub const EXCLUDED: &str = "removed";
/// The reason of a document of which a later label has a newer version.
pub const SUPERSEDED: &str = "superseded";
/// Share of the addresses that a row group lacks for which its filter says that it may have them.
const URL_FILTER_ERRORS: f64 = 0.01;

/// A row: the fate of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerRow {
    /// Ref of the document.
    pub at: DocRef,
    /// Its id: `slice/label/source#record`.
    pub id: String,
    /// The address where it was found, or empty.
    pub url: String,
    /// Path of its source when it was read.
    pub source: String,
    /// Offset of its record in the source, in bytes as stored.
    pub offset: u64,
    /// Digest of the text as read; 0 if there was none.
    pub digest: u128,
    /// Size of the text as read, in bytes.
    pub bytes_read: u64,
    /// Size of the text kept, in bytes; 0 if it was rejected.
    pub bytes_kept: u64,
    /// Number of paragraphs compared, and of those cut.
    pub paragraphs: Paragraphs,
    /// Its language, if it was identified.
    pub language: Option<Language>,
    /// Why it was rejected; `None` if it is kept.
    pub reason: Option<Reason>,
    /// The results of models, without signals.
    pub scores: Scores,
    /// The signals as JSON.
    pub signals: Option<String>,
    /// What the document has of evaluations, as JSON: see [`crate::Matches`].
    pub contamination: Option<String>,
    /// The id of the document because of which it was rejected, if it is near to one.
    pub witness: Option<String>,
    /// How similar they are, 0 to 1, if that was computed.
    pub similarity: Option<f64>,
    /// The number that its site gives it, if it has one.
    pub page: Option<u64>,
}

/// Why a document is out of the corpus whatever its text is: as if no step had seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is excluded.
    Removed,
    /// It is excluded, and only its id is kept.
    Forgotten,
    /// A later label has a newer version of it.
    Superseded,
}

impl LedgerRow {
    /// The row of a document without what it has of evaluations.
    pub(crate) fn new(
        document: &Document,
        id: String,
        source: &str,
        witness: Option<String>,
    ) -> LedgerRow {
        let is_contaminated = document.contamination.is_some();
        LedgerRow {
            at: document.at,
            id,
            url: document.url.clone(),
            source: source.to_owned(),
            offset: document.offset,
            digest: document.digest,
            bytes_read: document.bytes_read,
            bytes_kept: document.text.len() as u64,
            paragraphs: document.paragraphs,
            language: document.language.clone(),
            reason: document.verdict.clone().filter(|_| !is_contaminated),
            scores: Scores { signals: Vec::new(), ..document.scores.clone() },
            signals: signals_json(&document.scores),
            contamination: None,
            similarity: document.witness.and_then(|witness| witness.similarity),
            witness,
            page: document.page,
        }
    }

    /// Changes the row to that of a document that `rejection` rejects.
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        let Rejection { reason, has_signals } = rejection;
        self.reason = Some(reason);
        self.bytes_kept = 0;
        if !has_signals {
            self.signals = None;
        }
    }

    /// Returns the row of the same record if it is out of the corpus.
    pub(crate) fn marked(&self, mark: Mark) -> LedgerRow {
        let LedgerRow { at, id, source, url, page, offset, digest, bytes_read, .. } = self.clone();
        let reason = Some(if mark == Mark::Superseded { SUPERSEDED } else { EXCLUDED }.into());
        let only_id = LedgerRow { at, id, source, reason, ..Self::default() };
        match mark {
            Mark::Forgotten => only_id,
            _ => LedgerRow { url, page, offset, digest, bytes_read, ..only_id },
        }
    }

    /// Whether both are rows of one record, as far as what was read is known.
    pub(crate) fn is_of_same_record(&self, other: &LedgerRow) -> bool {
        let read = |row: &LedgerRow| (row.offset, row.digest, row.bytes_read);
        let is_known =
            |row: &LedgerRow| row.reason.as_deref() != Some(EXCLUDED) || read(row) != (0, 0, 0);
        (self.at, &self.id) == (other.at, &other.id)
            && (read(self) == read(other) || !is_known(self) || !is_known(other))
    }

    /// The language and its score, if the record got that far.
    pub fn language(&self) -> Option<&Language> {
        self.language.as_ref()
    }

    /// Bytes of its text as read.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Returns the value of a signal, exactly as it was computed; `None` if it has none.
    pub fn signal(&self, name: &str) -> Option<f64> {
        let signals: BTreeMap<&str, &RawValue> =
            serde_json::from_str(self.signals.as_deref()?).ok()?;
        signals.get(name)?.get().parse().ok()
    }

    /// Adds the row to `counts`.
    pub fn count(&self, counts: &mut Counts) {
        counts.read += 1;
        counts.bytes_read += self.bytes_read;
        counts.paragraphs.read += u64::from(self.paragraphs.read);
        counts.paragraphs.duplicate += u64::from(self.paragraphs.duplicate);
        if let Some(matches) = self.matches() {
            counts.contamination.count(&matches);
        }
        match &self.reason {
            None => {
                counts.kept += 1;
                counts.bytes_kept += self.bytes_kept;
                counts.add_tokens(self.scores.tokens);
            }
            Some(reason) => *counts.dropped.entry(reason.clone()).or_default() += 1,
        }
    }
}

/// Why a step rejects a document, and whether that step is after its signals were computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// The reason.
    pub reason: Reason,
    /// Whether the ledger has the signals of documents that this step rejects.
    pub has_signals: bool,
}

/// Writes one ledger file.
pub(crate) struct LedgerWriter {
    path: PathBuf,
    file: SerializedFileWriter<Summed>,
    rows: Vec<LedgerRow>,
    first: Option<DocRef>,
    last: DocRef,
    records: u64,
}

impl LedgerWriter {
    pub fn create(path: &Path) -> Result<LedgerWriter, Error> {
        let schema = parse_message_type(&schema()).expect("a valid schema");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(Default::default()))
            // An address is found without reading all of them. They are distinct, so that a
            // dictionary of them would be of no use.
            .set_column_dictionary_enabled("url".into(), false)
            .set_column_bloom_filter_max_ndv("url".into(), ROWS_IN_GROUP as u64)
            .set_column_bloom_filter_fpp("url".into(), URL_FILTER_ERRORS)
            .set_created_by("sluicebox".into())
            .build();
        let file = SerializedFileWriter::new(
            Summed::create(path)?,
            Arc::new(schema),
            Arc::new(properties),
        )
        .map_err(parquet_error(path))?;
        let (path, rows) = (path.to_owned(), Vec::new());
        Ok(LedgerWriter { path, file, rows, first: None, last: DocRef(0), records: 0 })
    }

    /// Adds a row. Rows must be in the order of their refs.
    pub fn push_row(&mut self, row: LedgerRow) -> Result<(), Error> {
        self.first.get_or_insert(row.at);
        self.last = row.at;
        self.rows.push(row);
        self.records += 1;
        if self.rows.len() == ROWS_IN_GROUP { self.flush_group() } else { Ok(()) }
    }

    fn flush_group(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let write = |file: &mut SerializedFileWriter<Summed>| {
            let mut group = file.next_row_group()?;
            write_group(&rows, &mut group)?;
            group.close().map(|_| ())
        };
        write(&mut self.file).map_err(parquet_error(&self.path))
    }

    /// Makes the file durable; `name` is its path in the corpus.
    pub fn finish(mut self, name: String) -> Result<PartFile, Error> {
        self.flush_group()?;
        let summed = self.file.into_inner().map_err(parquet_error(&self.path))?;
        let (bytes, crc32c) = summed.finish()?;
        let (first, last) = (self.first.unwrap_or_default(), self.last);
        Ok(PartFile { path: name, first, last, records: self.records, bytes, crc32c })
    }
}

fn parquet_error(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |error| match error {
        // Errors of the operating system, such as a full disk, are wrapped.
        ParquetError::External(error) => match error.downcast() {
            Ok(error) => Error::io(path)(*error),
            Err(error) => Error::corrupt(path, error.to_string()),
        },
        error => Error::corrupt(path, error.to_string()),
    }
}

fn write_group(
    rows: &[LedgerRow],
    group: &mut SerializedRowGroupWriter<'_, Summed>,
) -> Result<(), ParquetError> {
    for column in &COLUMNS {
        let mut writer = group.next_column()?.expect("the schema has every column");
        column.write(rows, writer.untyped())?;
        writer.close()?;
    }
    Ok(())
}

/// The signals as one JSON object, in their order.
fn signals_json(scores: &Scores) -> Option<String> {
    let signals = &scores.signals;
    let pairs = signals.iter().map(|(name, value)| format!("{name:?}:{value}"));
    (!signals.is_empty()).then(|| format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")))
}

/// Counts the rows of a ledger file again.
pub(crate) fn recount(path: &Path) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    Rows::open(path)?.try_for_each(|row| row.map(|row| row.count(&mut counts)))?;
    Ok(counts)
}
