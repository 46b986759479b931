//! What a slice is to the program.

use crate::readable::summed;
use crate::recipe::Recipe;
use crate::{Models, Setting, Settings};
use arrangement::{Copies, Rule, Scope};
use document::DocRef;
use engine::{Docs, Documents, Reader};
use formats::ReadError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use text::ccnet::shard_of;

/// One row of the table in `dataflows/lib.rs`.
pub struct Slice {
    /// Its name, the same everywhere: file, recipe table, folder, command line.
    pub name: &'static str,
    /// What it holds, in a line.
    pub about: &'static str,
    /// The keys of its table in the recipe.
    pub settings: &'static [Setting],
    /// What of an input is a source.
    pub inputs: Inputs,
    /// Opens a source and gives its documents.
    pub reader: fn(&Path, &Settings) -> Result<Documents, ReadError>,
    /// Documents in, the same documents, kept or turned away, out.
    pub graph: for<'scope> fn(Docs<'scope>, &Setup) -> Docs<'scope>,
    /// Small inputs of our own, for the demo.
    pub fixtures: &'static [Fixture],
    /// Small models of our own, for the demo.
    pub models: &'static [FixtureModel],
    /// The demo's settings, as lines of the slice's table; they find the models in `models/`.
    pub demo_settings: &'static str,
}

impl Slice {
    /// The reader of this slice, with these settings.
    pub(crate) fn reader(&self, settings: &Settings) -> Reader {
        let (read, settings) = (self.reader, settings.clone());
        Arc::new(move |path: &Path| Ok(summed(read(path, &settings)?)))
    }

    /// The reader of this slice, with the settings of an empty recipe.
    pub fn default_reader(&'static self) -> Reader {
        self.reader(&Recipe::default(std::slice::from_ref(self)).slices[self.name])
    }
}

/// What of the files and folders that a user names becomes a source.
#[derive(Clone, Copy)]
pub struct Inputs {
    /// Whether a folder is one source, such as a repository; any other folder is walked.
    pub is_source: fn(&Path) -> bool,
    /// Leaves those of the paths found that the settings ask for.
    pub select: fn(Vec<PathBuf>, &Settings) -> anyhow::Result<Vec<PathBuf>>,
    /// Whether a source is read to its end before it gives its first document: then nothing of it is
    /// read before the run to see whether anything can be.
    pub is_slow_to_begin: bool,
}

impl Inputs {
    /// Every file is a source.
    pub const FILES: Inputs =
        Inputs { is_source: |_| false, select: |paths, _| Ok(paths), is_slow_to_begin: false };
}

/// A bundled input file.
pub struct Fixture {
    /// The label it belongs to.
    pub label: &'static str,
    /// Its file name.
    pub name: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// A bundled model.
pub struct FixtureModel {
    /// Its file name.
    pub name: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// What a graph is built with.
#[derive(Clone)]
pub struct Setup {
    /// The slice's name.
    pub slice: &'static str,
    /// The slice's settings.
    pub settings: Settings,
    /// The models they name.
    pub models: Models,
    /// The names of the corpus's labels, by number.
    pub labels: Arc<Vec<String>>,
    /// Sources of each label of the corpus, by the label's number.
    pub(crate) sources: Arc<Vec<u64>>,
}

impl Setup {
    /// The rule for repeats that the settings `copies`, `scope`, `shards` and `hash_in_mem` make.
    pub fn rule(&self) -> Rule {
        let copies = match self.settings.word("copies") {
            "none" => Copies::None,
            _ => Copies::First,
        };
        let scope = match self.settings.word("scope") {
            "label" => Scope::Ranges(Arc::new(|at| DocRef::new(DocRef(at).label(), 0, 0).0)),
            "shard" => {
                let groups: Vec<_> =
                    (0..self.sources.len()).map(|l| self.shard_groups(l)).collect();
                Scope::Ranges(Arc::new(move |at| {
                    let at = DocRef(at);
                    let firsts: &Vec<u64> = &groups[at.label() as usize];
                    let group = firsts.partition_point(|first| *first <= at.source()) - 1;
                    DocRef::new(at.label(), firsts[group], 0).0
                }))
            }
            _ => Scope::Everything,
        };
        Rule { copies, scope }
    }

    /// First sources of the groups of a label that must be compared in one epoch, if any: where no
    /// copy stays, a later document of a group changes the earlier ones.
    pub(crate) fn groups(&self, label: usize) -> Option<Vec<u64>> {
        let settings = &self.settings;
        if !settings.declares("copies") {
            return None;
        }
        match (settings.word("copies"), settings.word("scope")) {
            ("none", "shard") => Some(self.shard_groups(label)),
            ("none", _) => Some(vec![0]),
            _ => None,
        }
    }

    /// First sources of the groups of shards that are hashed together (cc_net `mine.py`:
    /// `num_shards`, `hash_in_mem`).
    fn shard_groups(&self, label: usize) -> Vec<u64> {
        let (sources, shards) = (self.sources[label], self.settings.whole("shards").max(1));
        let together = self.settings.whole("hash_in_mem").max(1);
        let group = |source| shard_of(source, sources, shards) / together;
        (0..sources).filter(|s| *s == 0 || group(*s) != group(s - 1)).collect()
    }
}
