//! The manifest: the file that defines the corpus.
//!
//! One JSON object. Its first member, `crc32c`, is the checksum of every byte after the comma that
//! ends it, so damage anywhere in the file is detected.

use crate::contamination::ContaminationCounts;
use crate::exclusions::Excluded;
use arrangement::RunMeta;
use document::{DocRef, Reason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest number of defects listed for a label. Further defects are only counted.
pub const DEFECTS_LISTED_MAX: usize = 1000;

/// A commit: the state of the corpus at one point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// Number of the commit, increasing.
    pub commit: u64,
    /// Digest of the recipe's settings, including models.
    pub recipe: String,
    /// The text of `recipe.toml` at this commit. A repair restores it.
    #[serde(default)]
    pub recipe_toml: Option<String>,
    /// Digests of the models that the recipe names, by setting: to say which of them has changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
    /// The evaluation sets that the recipe names, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
    /// The first epoch of the next run.
    pub next_epoch: u64,
    /// All labels, in the order in which they were added. Their places are their numbers in a
    /// `DocRef`.
    pub labels: Vec<Label>,
    /// Runs of each index.
    pub state: BTreeMap<String, Vec<RunMeta>>,
    /// What is excluded from the corpus.
    #[serde(default, skip_serializing_if = "Excluded::is_empty")]
    pub excluded: Excluded,
    /// Whether a label was added or came back, and older versions of its pages may still be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub versions_due: bool,
}

/// An evaluation set that documents are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evaluation {
    /// Its name: that of its file, with folders if the name alone is not unique.
    pub name: String,
    /// Its file.
    pub path: String,
    /// BLAKE3 of the file.
    pub digest: String,
}

/// A label: its sources, how far they are read, and the results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Name of its slice.
    pub slice: String,
    /// Its own name.
    pub name: String,
    /// Its sources, by name.
    pub sources: Vec<Source>,
    /// The first record that is not read yet; `None` if all are read.
    pub position: Option<Position>,
    /// Sums over its documents.
    pub counts: Counts,
    /// Files of kept documents.
    pub segments: Vec<File>,
    /// Files of rows, one for each record read.
    pub ledger: Vec<File>,
    /// Its defects, the first [`DEFECTS_LISTED_MAX`].
    pub defects: Vec<DefectRow>,
    /// The number of all its defects.
    pub defects_count: u64,
    /// What a later recipe dropped from it, so that a recipe after that can have it back.
    #[serde(default, skip_serializing_if = "Aside::is_empty")]
    pub aside: Aside,
    /// Whether it was removed: its place is kept, since places are numbers in a `DocRef`, and its
    /// sources, so that it can be restored. Its name is free.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// What [`crate::revise`] and decontamination changed in a label, kept aside until it is pruned.
///
/// The label as it was built is its ledger with the rows of `ledger` here in place of its own, and
/// its segments with the lines of `segments` here in their places.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// The settings with which the label was built, by key, as in a recipe: those that were changed
    /// since.
    pub built: BTreeMap<String, String>,
    /// Files of documents that were kept when the label was built.
    pub segments: Vec<File>,
    /// Files of rows, as they were when the label was built.
    pub ledger: Vec<File>,
}

impl Aside {
    /// Whether the label is as it was built, or what it was is pruned.
    pub fn is_empty(&self) -> bool {
        self.built.is_empty() && self.segments.is_empty() && self.ledger.is_empty()
    }

    /// Documents whose texts are kept aside.
    pub fn documents(&self) -> u64 {
        self.segments.iter().map(|file| file.records).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files().map(|file| file.bytes).sum()
    }

    /// All its files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.segments.iter().chain(&self.ledger)
    }
}

/// One input file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name in document ids: the file name, with folders if the name alone is not unique.
    pub name: String,
    /// The path where it was read.
    pub path: String,
    /// Its size, as stored.
    pub bytes: u64,
    /// Its modification time when the label was begun, in nanoseconds since 1970; for a folder, that
    /// of its newest file.
    #[serde(default)]
    pub modified: Option<u64>,
    /// CRC-32C of its first and last bytes at that time.
    #[serde(default)]
    pub ends: Option<u32>,
}

/// Where a label resumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Number of the source.
    pub source: u64,
    /// Records of it that are processed.
    pub record: u64,
    /// Defects of it that are processed.
    pub defects: u64,
}

/// A data file, relative to the corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Path under the corpus.
    pub path: String,
    /// First document in it.
    pub first: DocRef,
    /// Last document in it.
    pub last: DocRef,
    /// Documents or rows.
    pub records: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Checksum of the file.
    pub crc32c: u32,
}

/// Something in a source that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DefectRow {
    /// Path of the source.
    pub source: String,
    /// Byte of the file as stored.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// Sums over documents. `read == kept + sum(dropped)`, always.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents read.
    pub read: u64,
    /// Documents kept.
    pub kept: u64,
    /// Documents dropped, by reason.
    pub dropped: BTreeMap<Reason, u64>,
    /// Bytes of text read.
    pub bytes_read: u64,
    /// Bytes of text kept.
    pub bytes_kept: u64,
    /// Paragraphs.
    pub paragraphs: ParagraphCounts,
    /// Tokens of the text kept, if the recipe names a tokenizer.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Documents that have something of evaluations.
    #[serde(default)]
    pub contamination: ContaminationCounts,
}

/// Sums over paragraphs of the documents that reached paragraph deduplication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParagraphCounts {
    /// Paragraphs compared.
    pub read: u64,
    /// Of these, repeats.
    pub duplicate: u64,
}

impl Counts {
    /// Adds tokens, if they were counted.
    pub(crate) fn add_tokens(&mut self, tokens: Option<u64>) {
        self.tokens = self.tokens.map_or(tokens, |sum| Some(sum + tokens.unwrap_or(0)));
    }

    /// Takes out the counts of some of the documents.
    pub(crate) fn subtract(&mut self, other: &Counts) {
        self.read -= other.read;
        self.bytes_read -= other.bytes_read;
        self.paragraphs.read -= other.paragraphs.read;
        self.paragraphs.duplicate -= other.paragraphs.duplicate;
        self.kept -= other.kept;
        self.bytes_kept -= other.bytes_kept;
        let tokens = self.tokens.map(|sum| sum - other.tokens.unwrap_or(0));
        self.tokens = tokens.filter(|_| self.kept > 0);
        for (reason, taken) in &other.dropped {
            if let Some(count) = self.dropped.get_mut(reason) {
                *count -= taken;
            }
        }
        self.dropped.retain(|_, count| *count > 0);
        self.contamination.subtract(&other.contamination);
    }

    /// Adds the counts of other documents.
    pub fn add(&mut self, other: &Counts) {
        self.read += other.read;
        self.kept += other.kept;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += count;
        }
        self.bytes_read += other.bytes_read;
        self.bytes_kept += other.bytes_kept;
        self.paragraphs.read += other.paragraphs.read;
        self.paragraphs.duplicate += other.paragraphs.duplicate;
        self.add_tokens(other.tokens);
        self.contamination.add(&other.contamination);
    }

    /// Documents dropped for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

impl Label {
    /// Whether all of it is committed, or nothing of it is wanted any more.
    pub fn is_complete(&self) -> bool {
        self.position.is_none()
    }

    /// Sizes of its sources as stored.
    pub fn sizes(&self) -> Vec<u64> {
        self.sources.iter().map(|source| source.bytes).collect()
    }

    /// `slice/label`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.slice, self.name)
    }

    /// The number of the source of this name. Sources are in the order of their names.
    pub fn source_named(&self, name: &str) -> Option<u64> {
        let place = self.sources.binary_search_by(|known| known.name.as_str().cmp(name));
        place.ok().map(|place| place as u64)
    }

    /// The document of an id, if the label has such ids. `number` is the place of the label.
    pub fn ref_of_id(&self, number: u64, id: &str) -> Option<DocRef> {
        let (rest, record) = id.rsplit_once('#')?;
        let record: u64 = record.parse().ok().filter(|record| *record < DocRef::RECORDS_MAX)?;
        let rest = rest.strip_prefix(self.slice.as_str())?.strip_prefix('/')?;
        let source = rest.strip_prefix(self.name.as_str())?.strip_prefix('/')?;
        Some(DocRef::new(number, self.source_named(source)?, record))
    }

    /// The id of a document of this label: `slice/label/source#record`.
    pub fn document_id(&self, at: DocRef) -> String {
        let source = &self.sources[at.source() as usize].name;
        format!("{}/{}/{}#{}", self.slice, self.name, source, at.record())
    }
}

/// Why a manifest cannot be decoded.
#[derive(Debug, PartialEq)]
pub(crate) enum Unread {
    /// It differs from what was written.
    Damaged(String),
    /// Its format is not supported by this version.
    Unknown(u32),
}

const SUM_BEGINS: &str = "{\"crc32c\":\"";
const SUM_ENDS: &str = "\",";

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Returns the checksum in a manifest's file, and the bytes that it covers.
fn split_sum(file: &[u8]) -> Option<(u32, &[u8])> {
    let (sum, summed) = file.strip_prefix(SUM_BEGINS.as_bytes())?.split_at_checked(8)?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    Some((sum, summed.strip_prefix(SUM_ENDS.as_bytes())?))
}

impl Manifest {
    /// The format that this version writes. It also reads format 1, which has no checksum, format 2,
    /// in which nothing is kept aside, and format 3, in which nothing is excluded, and only dropped
    /// documents are kept aside.
    pub const FORMAT: u32 = 4;

    /// The first format with a checksum, and with a mark of the run that writes.
    pub(crate) const FORMAT_WITH_CHECKSUM: u32 = 2;

    /// The manifest of a corpus without documents.
    pub fn empty(recipe: String) -> Manifest {
        Manifest { format: Self::FORMAT, recipe, next_epoch: 1, ..Manifest::default() }
    }

    /// Encodes the manifest as a file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let current = Manifest { format: Self::FORMAT, ..self.clone() };
        let json = serde_json::to_vec(&current).expect("a manifest is plain data");
        let summed = &json[1..];
        let mut file = format!("{SUM_BEGINS}{:08x}{SUM_ENDS}", crc32c::crc32c(summed)).into_bytes();
        file.extend_from_slice(summed);
        file
    }

    /// Decodes a manifest's file.
    pub(crate) fn decode(file: &[u8]) -> Result<Manifest, Unread> {
        let damaged = |what: String| Unread::Damaged(what);
        let has_sum = match split_sum(file) {
            Some((sum, summed)) if crc32c::crc32c(summed) != sum => {
                return Err(damaged("its checksum is not that of its content".into()));
            }
            sum => sum.is_some(),
        };
        let Format { format } =
            serde_json::from_slice(file).map_err(|error| damaged(error.to_string()))?;
        match format {
            1 => {}
            Self::FORMAT_WITH_CHECKSUM..=Self::FORMAT if has_sum => {}
            Self::FORMAT_WITH_CHECKSUM..=Self::FORMAT => {
                return Err(damaged("its checksum is missing".into()));
            }
            other => return Err(Unread::Unknown(other)),
        }
        serde_json::from_slice(file).map_err(|error| damaged(error.to_string()))
    }

    /// The label with this slice and name.
    pub fn label(&self, slice: &str, name: &str) -> Option<&Label> {
        self.present().find(|label| label.slice == slice && label.name == name)
    }

    /// The labels that were not removed.
    pub fn present(&self) -> impl Iterator<Item = &Label> {
        self.labels.iter().filter(|label| !label.removed)
    }

    /// Every file it names, relative to the corpus.
    pub fn files(&self) -> impl Iterator<Item = String> + '_ {
        self.sizes().map(|(file, _)| file)
    }

    /// Every file it names, with its size. A run may be named several times.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let parts = self.labels.iter().flat_map(|label| {
            label.segments.iter().chain(&label.ledger).chain(label.aside.files())
        });
        let runs = self.state.values().flatten();
        let runs = runs.map(|run| (format!("state/{}", run.name), run.bytes));
        let parts = parts.chain(&self.excluded.list);
        parts.map(|file| (file.path.clone(), file.bytes)).chain(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let source = Source { name: "a".into(), modified: Some(1 << 60), ..Source::default() };
        let label = Label { sources: vec![source], ..Label::default() };
        Manifest { commit: 7, labels: vec![label], ..Manifest::empty("r".into()) }
    }

    #[test]
    fn decoding_reverses_encoding_and_detects_every_changed_bit() {
        let file = manifest().encode();
        assert_eq!(Manifest::decode(&file), Ok(manifest()));
        serde_json::from_slice::<serde_json::Value>(&file).unwrap();
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // The hexadecimal digits of the checksum may change their case.
            let same = Manifest::decode(&changed) == Ok(manifest());
            assert!(!same || changed.eq_ignore_ascii_case(&file), "bit {bit}");
        }
        for len in 0..file.len() {
            assert!(Manifest::decode(&file[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn the_format_without_a_checksum_is_read_and_later_ones_are_rejected() {
        let old = Manifest { format: 1, ..manifest() };
        assert_eq!(Manifest::decode(&serde_json::to_vec(&old).unwrap()), Ok(old));
        let later = Manifest { format: 5, ..manifest() };
        let later = serde_json::to_vec(&later).unwrap();
        assert_eq!(Manifest::decode(&later), Err(Unread::Unknown(5)));
    }
}
