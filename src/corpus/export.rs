//! Export of a corpus as files for training. Their bytes do not depend on how the corpus was built.
//!
//! The corpus is read twice. The first pass (`scan`) finds the schema of each slice, cuts the
//! labels into files (`plan`), and computes a digest of the documents of each file. What it finds in a
//! label is kept beside the corpus (`known`), so that a label that did not change is not read again. A
//! file that is whole already, by that digest and its size, is kept (`list`). The second pass
//! (`write`) writes the others.

mod about;
mod copies;
mod cut;
mod destination;
mod file;
mod known;
mod line;
mod list;
mod output;
pub mod parallel;
mod parquet;
mod plan;
mod record;
mod scan;
mod schema;
mod split;
mod write;

pub use about::{About, Earlier, Selection, earlier};
pub use copies::{Copies, CopiesWriter};
pub use destination::{Destination, NewFile};
pub use file::ExportFile;
pub use line::{Fields, Line};
pub use list::{Exported, Folder};
pub use record::RecordSchema;
pub use scan::{in_order, lines};
pub use schema::Type;
pub use split::Splits;

use crate::manifest::{File, Label};
use crate::{Corpus, Error};
use data_encoding::HEXLOWER;
use known::{Known, LabelScan};
use plan::{Cutter, Planned};
use schema::Schema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use write::{Job, TaskFile};

/// The format of the exported files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object per line.
    #[default]
    Jsonl,
    /// The same, compressed with Zstandard.
    #[serde(rename = "jsonl.zst")]
    JsonlZst,
    /// Columns, see [`RecordSchema`].
    Parquet,
}

impl Format {
    /// Returns the extension of its files, without the leading dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::JsonlZst => "jsonl.zst",
            Format::Parquet => "parquet",
        }
    }

    fn path(self, planned: &Planned) -> String {
        format!("{}.{}", planned.stem, self.extension())
    }
}

/// How a corpus is exported.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The format of the files.
    pub format: Format,
    /// The fields of the records.
    pub records: RecordSchema,
    /// Size at which a file ends, in bytes as the documents are stored; `None` for one file a label.
    pub shard_bytes: Option<u64>,
    /// How many documents hold each text, if fields are to say so.
    pub copies: Option<Arc<Copies>>,
    /// The splits of each label.
    pub splits: Splits,
    /// How the labels were chosen, to be recorded.
    pub selection: Selection,
    /// Whether an export is updated. Then what is found in labels is kept beside the corpus, for the
    /// next update; otherwise nothing is written to the folder of the corpus.
    pub is_update: bool,
    /// Threads. Has no effect on the files.
    pub workers: usize,
}

/// Is informed of the progress of an export, by several threads.
pub trait Watch: Sync {
    /// `bytes` more bytes of the corpus, as stored, are scanned, of `total`.
    fn scanned(&self, _bytes: u64, _total: u64) {}

    /// `bytes` bytes of documents of a label are to be written.
    fn planned(&self, _label: &Label, _bytes: u64) {}

    /// So many more are written.
    fn wrote(&self, _label: &Label, _bytes: u64) {}
}

/// Watches nothing.
impl Watch for () {}

/// What an export did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The files, sorted by path.
    pub files: Vec<Exported>,
    /// Paths of those that were written.
    pub written: BTreeSet<String>,
    /// Paths of files of earlier exports that were removed.
    pub removed: Vec<String>,
}

/// A slice of the export.
#[derive(Clone, Debug)]
pub struct SliceReport {
    /// Its name.
    pub name: String,
    /// The fields of its records, as JSON lines have them.
    pub meta: Vec<(String, Type)>,
    /// Documents by the field `language`, where that can be a code of ISO 639.
    pub languages: BTreeMap<String, u64>,
}

/// Returns the columns of a Parquet file, with their types as Hugging Face names them.
pub fn parquet_columns(records: RecordSchema) -> Vec<(&'static str, &'static str)> {
    parquet::described(records)
}

/// Writes the labels to `out/<slice>/<label>.<extension>`, with a list of the files and their
/// digests, and the dataset card that `card` makes of the files and slices.
///
/// Files in `out` that an earlier export made and this one does not are removed. Those that are
/// whole already are kept.
///
/// # Errors
/// - [`Error::Foreign`] if `out` has something that no export made
/// - [`Error::Busy`] if another process exports to it
/// - [`Error::Unopened`] if a segment is missing or cannot be opened
/// - [`Error::Corrupt`] if a line of a segment is not valid, a segment has another number of
///   documents than its manifest says, segments of a label overlap, or a Parquet file cannot be
///   written
/// - [`Error::Io`] if a segment cannot be read, or a file in `out` cannot be written
///
/// Files that were whole before an error are kept by the next export.
pub fn export(
    corpus: &Corpus,
    labels: &[&Label],
    out: &dyn Destination,
    options: &Options,
    watch: &dyn Watch,
    card: impl FnOnce(&[Exported], &[SliceReport]) -> String,
) -> Result<Report, Error> {
    let folder = Folder::open(out)?;
    let segments: Vec<Vec<&File>> = labels
        .iter()
        .map(|label| scan::in_order(corpus.root(), label))
        .collect::<Result<_, _>>()?;
    let scanned = scan_all(corpus, labels, &segments, options, watch)?;
    let mut files: Vec<TaskFile> = Vec::new();
    let mut kept = Vec::new();
    for planned in scanned.files {
        let schema = &scanned.slices[&labels[planned.label].slice].schema;
        let made_from = made_from(&planned, schema, options);
        let whole = folder.whole(&options.format.path(&planned), &made_from);
        kept.extend(whole.cloned());
        files.push(TaskFile { planned, made_from, is_whole: whole.is_some() });
    }
    let written: BTreeSet<String> = files
        .iter()
        .filter(|file| !file.is_whole)
        .map(|file| options.format.path(&file.planned))
        .collect();
    folder.describe(About::new(options).json());
    folder.begin(kept, written.clone())?;
    for (at, label) in labels.iter().enumerate() {
        let of_label = files.iter().filter(|file| file.planned.label == at && !file.is_whole);
        watch.planned(label, of_label.map(|file| file.planned.line_bytes).sum());
    }
    let tasks = write::tasks(files);
    let ran = parallel::each(options.workers, tasks.len(), |task| {
        let at = tasks[task].first().map_or(0, |file| file.planned.label);
        let label = labels[at];
        let schema = &scanned.slices[&label.slice].schema;
        let segments = &segments[at];
        let job = Job { corpus, label, segments, schema, out, options, folder: &folder, watch };
        job.run(&tasks[task])
    });
    if let Err(error) = ran {
        folder.failed();
        return Err(error);
    }
    let slices: Vec<SliceReport> = scanned.slices.into_iter().map(SliceScan::report).collect();
    let (files, removed) = folder.complete(|files| card(files, &slices))?;
    Ok(Report { files, written, removed })
}

/// The result of the first pass.
struct Scanned {
    files: Vec<Planned>,
    slices: BTreeMap<String, SliceScan>,
}

#[derive(Default)]
struct SliceScan {
    schema: Schema,
    languages: BTreeMap<String, u64>,
    /// A segment had too many fields for its part of the schema to be enough.
    is_wide: bool,
}

impl SliceScan {
    fn report((name, scan): (String, SliceScan)) -> SliceReport {
        SliceReport { name, meta: scan.schema.published(), languages: scan.languages }
    }
}

fn scan_all(
    corpus: &Corpus,
    labels: &[&Label],
    segments: &[Vec<&File>],
    options: &Options,
    watch: &dyn Watch,
) -> Result<Scanned, Error> {
    let scans = scan_labels(corpus, labels, segments, options, watch)?;
    let mut slices: BTreeMap<String, SliceScan> = BTreeMap::new();
    let mut files = Vec::new();
    for (label, scan) in labels.iter().zip(scans) {
        let slice = slices.entry(label.slice.clone()).or_default();
        slice.is_wide |= scan.is_wide || !slice.schema.append(scan.schema);
        for (language, documents) in scan.languages {
            *slice.languages.entry(language).or_default() += documents;
        }
        files.extend(scan.files);
    }
    for (name, slice) in slices.iter_mut().filter(|(_, slice)| slice.is_wide) {
        slice.schema = Schema::default();
        for (label, segments) in labels.iter().zip(segments).filter(|(l, _)| l.slice == *name) {
            for file in segments {
                scan::see(corpus, (label, file), options, &mut slice.schema)?;
            }
        }
    }
    Ok(Scanned { files, slices })
}

/// Returns what is in each label: what an earlier update found in it, or what is read now.
fn scan_labels(
    corpus: &Corpus,
    labels: &[&Label],
    segments: &[Vec<&File>],
    options: &Options,
    watch: &dyn Watch,
) -> Result<Vec<LabelScan>, Error> {
    let cutter =
        |at: usize| Cutter::new(at, labels[at].full_name(), &options.splits, options.shard_bytes);
    let mut known = Known::open(corpus, options);
    let mut scans: Vec<Option<LabelScan>> = (0..labels.len())
        .map(|at| known.as_mut()?.take(labels[at], &segments[at], cutter(at)))
        .collect();
    let unknown = (0..labels.len()).filter(|at| scans[*at].is_none());
    let mut begun: BTreeMap<usize, (Cutter<'_>, LabelScan)> =
        unknown.map(|at| (at, (cutter(at), LabelScan::default()))).collect();
    let is_read = !begun.is_empty();
    let all: Vec<(usize, usize, &File)> = begun
        .keys()
        .flat_map(|&label| segments[label].iter().enumerate().map(move |(n, f)| (label, n, *f)))
        .collect();
    let total: u64 = all.iter().map(|(_, _, file)| file.bytes).sum();
    let read = |bytes| watch.scanned(bytes, total);
    let work =
        |item: usize| scan::segment(corpus, (labels[all[item].0], all[item].2), options, read);
    parallel::in_order(options.workers, all.len(), work, |item, scan| {
        let (label, segment, _) = all[item];
        let (cutter, of_label) = begun.get_mut(&label).expect("all its labels are begun");
        cutter.add(segment, &scan);
        of_label.is_wide |= !of_label.schema.append(scan.schema);
        for (language, documents) in scan.languages {
            *of_label.languages.entry(language).or_default() += documents;
        }
        Ok(())
    })?;
    for (at, (cutter, scan)) in begun {
        scans[at] = Some(LabelScan { files: cutter.finish(), ..scan });
    }
    let scans: Vec<LabelScan> = scans.into_iter().flatten().collect();
    if let Some(known) = known.filter(|_| is_read) {
        known.keep(labels, segments, &scans);
    }
    Ok(scans)
}

/// Version of the form of exported files: increases with every change of the bytes that the same
/// documents and options become. The version of this program is not enough while it is developed.
const FORM: &str = "2";

/// Returns the digest of everything that the bytes of a file depend on.
fn made_from(planned: &Planned, schema: &Schema, options: &Options) -> String {
    let mut digest = Sha256::new();
    let version = env!("CARGO_PKG_VERSION");
    for part in [FORM, version, options.format.extension(), options.records.name()] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    if options.format != Format::Parquet {
        digest.update(serde_json::to_vec(&schema.published()).expect("plain data"));
    }
    digest.update(planned.digest);
    HEXLOWER.encode(&digest.finalize()[..16])
}
