//! What a reader yields: documents and their defects.

use document::Document;
use engine::Documents;
use formats::Defect;

/// One record of a source: a document, kept or rejected, and the defects found in it.
///
/// ```
/// use document::Document;
/// use recipe::{Record, documents};
///
/// let page = Document { offset: 40, ..Document::default() };
/// let record = Record::rejected(page, "no_url", "no URL; it is left out");
/// let read: Vec<_> = documents([Ok(record)].into_iter()).collect();
/// assert_eq!(read[0].as_ref().unwrap().verdict.as_deref(), Some("no_url"));
/// assert_eq!(read[1].as_ref().unwrap_err().to_string(), "byte 40: no URL; it is left out");
/// ```
pub struct Record {
    document: Document,
    defects: Vec<Defect>,
}

impl From<Document> for Record {
    fn from(document: Document) -> Record {
        Record { document, defects: Vec::new() }
    }
}

impl Record {
    /// Makes a record that cannot be used. It is counted under `reason` and listed with `what`,
    /// which says what is wrong with it and what to do.
    pub fn rejected(
        mut document: Document,
        reason: &'static str,
        what: impl Into<String>,
    ) -> Record {
        document.reject(reason);
        Record::from(document).with_defect(what)
    }

    /// Adds a defect at the record's offset.
    #[must_use]
    pub fn with_defect(mut self, what: impl Into<String>) -> Record {
        self.defects.push(Defect::new(self.document.offset, what));
        self
    }

    /// Adds defects that a reader found.
    #[must_use]
    pub fn with_defects(mut self, defects: impl IntoIterator<Item = Defect>) -> Record {
        self.defects.extend(defects);
        self
    }

    /// Moves the record to another offset, for a source that consists of several files. The offsets
    /// of its defects do not change.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Record {
        self.document.offset = offset;
        self
    }

    /// Returns the document.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

/// Flattens records into documents, each followed by its defects.
pub fn documents(
    records: impl Iterator<Item = Result<Record, Defect>> + Send + 'static,
) -> Documents {
    Box::new(records.flat_map(|record| {
        let (document, defects) = match record {
            Ok(Record { document, defects }) => (Some(document), defects),
            Err(defect) => (None, vec![defect]),
        };
        document.map(Ok).into_iter().chain(defects.into_iter().map(Err))
    }))
}
