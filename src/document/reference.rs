//! A document's position in the order of precedence.

use serde::{Deserialize, Serialize};
use std::fmt;

const RECORD_BITS: u32 = 30;
const SOURCE_BITS: u32 = 22;
const LABEL_BITS: u32 = 12;

/// Label, source and record of a document in one `u64`: `label:12 | source:22 | record:30`.
///
/// References are ordered by precedence: of two equal texts, the one with the smaller reference is
/// kept. Labels are numbered in the order in which they are added, sources by name within their
/// label, records by position in their source.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DocRef(pub u64);

impl DocRef {
    /// Most labels that a corpus can ever have: 4,096.
    pub const LABELS_MAX: u64 = 1 << LABEL_BITS;
    /// Most sources of a label: 4,194,304.
    pub const SOURCES_MAX: u64 = 1 << SOURCE_BITS;
    /// Most records of a source: 1,073,741,824.
    pub const RECORDS_MAX: u64 = 1 << RECORD_BITS;

    /// Packs the three numbers.
    ///
    /// # Panics
    /// If one is over its limit. Callers check the limits where they count.
    pub fn new(label: u64, source: u64, record: u64) -> DocRef {
        assert!(label < Self::LABELS_MAX, "label {label} is over the limit");
        assert!(source < Self::SOURCES_MAX, "source {source} is over the limit");
        assert!(record < Self::RECORDS_MAX, "record {record} is over the limit");
        DocRef(label << (SOURCE_BITS + RECORD_BITS) | source << RECORD_BITS | record)
    }

    /// Returns the number of the label.
    pub fn label(self) -> u64 {
        self.0 >> (SOURCE_BITS + RECORD_BITS)
    }

    /// Returns the number of the source within its label.
    pub fn source(self) -> u64 {
        self.0 >> RECORD_BITS & (Self::SOURCES_MAX - 1)
    }

    /// Returns the number of the record within its source.
    pub fn record(self) -> u64 {
        self.0 & (Self::RECORDS_MAX - 1)
    }
}

impl fmt::Display for DocRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.label(), self.source(), self.record())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_round_trip_and_order_is_label_source_record() {
        let last =
            DocRef::new(DocRef::LABELS_MAX - 1, DocRef::SOURCES_MAX - 1, DocRef::RECORDS_MAX - 1);
        assert_eq!(last.0, u64::MAX);
        let a = DocRef::new(1, 2, 3);
        assert_eq!((a.label(), a.source(), a.record()), (1, 2, 3));
        assert!(DocRef::new(0, 9, 9) < DocRef::new(1, 0, 0));
        assert!(DocRef::new(1, 0, 9) < DocRef::new(1, 1, 0));
    }
}
