//! What earlier updates of exports found in the labels of a corpus: `scans/` in its folder.
//!
//! The first pass over a label depends on its segments and the options alone, and segments never
//! change. So its result is kept, and a label that has the same segments is not read again. What is
//! there is a shortcut: without it, or if it cannot be read or written, labels are read.

use super::Options;
use super::plan::{Cutter, Planned};
use super::schema::Schema;
use crate::Corpus;
use crate::manifest::{File, Label};
use data_encoding::HEXLOWER;
use durable::AtomicFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder in that of the corpus.
const FOLDER: &str = "scans";

/// Version of what the first pass finds.
const FORM: &str = "2";

/// What the first pass found in a label.
#[derive(Default)]
pub(super) struct LabelScan {
    pub files: Vec<Planned>,
    pub schema: Schema,
    /// A segment had too many fields for its part of the schema to be enough.
    pub is_wide: bool,
    pub languages: BTreeMap<String, u64>,
}

/// The scans of all labels, with these options.
pub(super) struct Known {
    path: PathBuf,
    /// By the name of the label.
    labels: BTreeMap<String, Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Digest of the list of its segments.
    segments: String,
    schema: Schema,
    languages: BTreeMap<String, u64>,
    files: Vec<StoredFile>,
}

/// A file. Its name is not stored: names are not taken from a file that anyone can change.
#[derive(Serialize, Deserialize)]
struct StoredFile {
    part: usize,
    segment: usize,
    skipped: u64,
    documents: u64,
    text_bytes: u64,
    line_bytes: u64,
    digest: String,
}

impl Known {
    /// Reads the scans of exports with these options. There are none for what is no update. Numbers of
    /// copies depend on all of the corpus, so with these there are none either.
    pub fn open(corpus: &Corpus, options: &Options) -> Option<Known> {
        if !options.is_update || options.copies.is_some() {
            return None;
        }
        let key = serde_json::json!([
            FORM,
            env!("CARGO_PKG_VERSION"),
            options.splits,
            options.shard_bytes,
            options.selection
        ]);
        let name = &HEXLOWER.encode(&Sha256::digest(key.to_string()))[..16];
        let path = corpus.root().join(FOLDER).join(format!("{name}.json"));
        let read = || serde_json::from_slice(&fs::read(&path).ok()?).ok();
        let labels = read().unwrap_or_default();
        Some(Known { path, labels })
    }

    /// Takes what is known of a label that has these segments.
    pub fn take(
        &mut self,
        label: &Label,
        segments: &[&File],
        cutter: Cutter<'_>,
    ) -> Option<LabelScan> {
        let stored = self.labels.remove(&label.full_name())?;
        let records: u64 = segments.iter().map(|segment| segment.records).sum();
        let documents = stored.files.iter().map(|file| file.documents);
        let documents = documents.fold(0, u64::saturating_add);
        if stored.segments != digest(segments) || documents != records {
            return None;
        }
        let files = stored.files.iter().map(StoredFile::planned).collect::<Option<_>>()?;
        let (schema, languages) = (stored.schema, stored.languages);
        Some(LabelScan { files: cutter.restored(files)?, schema, is_wide: false, languages })
    }

    /// Writes the scans of labels with these segments.
    pub fn keep(self, labels: &[&Label], segments: &[Vec<&File>], scans: &[LabelScan]) {
        let of_label = |at: usize| {
            let LabelScan { files, schema, languages, .. } = &scans[at];
            let stored = Stored {
                segments: digest(&segments[at]),
                schema: schema.clone(),
                languages: languages.clone(),
                files: files.iter().map(StoredFile::new).collect(),
            };
            (labels[at].full_name(), stored)
        };
        let narrow = (0..labels.len()).filter(|at| !scans[*at].is_wide);
        let stored: BTreeMap<String, Stored> = narrow.map(of_label).collect();
        // The corpus may be one that this process cannot write to.
        let _ = write(&self.path, &serde_json::to_vec(&stored).expect("plain data"));
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    durable::create_folders(durable::folder_of(path))?;
    let mut file = AtomicFile::create_as(path, path.with_extension("partial"))?;
    file.write_all(bytes)?;
    file.finish()?.publish()
}

impl StoredFile {
    fn new(file: &Planned) -> StoredFile {
        let &Planned { part, segment, skipped, documents, text_bytes, line_bytes, .. } = file;
        let digest = HEXLOWER.encode(&file.digest);
        StoredFile { part, segment, skipped, documents, text_bytes, line_bytes, digest }
    }

    /// The file, without its name and label.
    fn planned(&self) -> Option<Planned> {
        let &StoredFile { part, segment, skipped, documents, text_bytes, line_bytes, .. } = self;
        let digest = HEXLOWER.decode(self.digest.as_bytes()).ok()?.try_into().ok()?;
        let (label, stem) = (0, String::new());
        Some(Planned {
            label,
            part,
            stem,
            segment,
            skipped,
            documents,
            text_bytes,
            line_bytes,
            digest,
        })
    }
}

/// Digest of the list of segments, with their checksums.
fn digest(segments: &[&File]) -> String {
    let json = serde_json::to_vec(segments).expect("plain data");
    HEXLOWER.encode(&Sha256::digest(json)[..16])
}
