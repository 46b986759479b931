//! The contract of a slice.

use crate::comparison::Comparison;
use crate::models::{ModelFiles, Models};
use crate::settings::{AnySettings, Key, Preset, Settings, Unusable};
use crate::summed::summed;
use crate::usage::{suggest, usage};
use corpus::{Label, Manifest, Newest};
use engine::{Docs, Documents, Graph, Reader, ReaderAt};
use formats::{Defect, Form, ReadError};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A slice: its settings, its reader and its graph. Each file of `dataflows/` implements it and has
/// a row in [`Slices`].
pub trait Slice: Send + Sync + 'static {
    /// Its name, the same everywhere: file, recipe table, folder, command line.
    const NAME: &'static str;
    /// What it contains, in one line.
    const ABOUT: &'static str;
    /// Under which terms its texts may be used, for dataset cards.
    const TERMS: Terms = Terms { licenses: &["other"], about: "those of its sources" };
    /// Small bundled inputs for the demo.
    const FIXTURES: &'static [Fixture];
    /// Small bundled models for the demo.
    const MODELS: &'static [FixtureModel] = &[];
    /// The demo's settings, as lines of the slice's table. Models are in `models/`.
    const DEMO_SETTINGS: &'static str = "";
    /// Whether its table may also have the top-level key `lid`, as in earlier versions.
    const HAS_LID: bool = false;

    /// Whether a source is read to its end before it yields its first document. Before a run, only
    /// the form of such sources is checked.
    const IS_SLOW_TO_BEGIN: bool = false;

    /// Whether nothing may be cut out of its documents once they are read: its fields have places in
    /// their texts. A recipe with `[decontaminate] action = "cut"` is refused for it.
    const IS_WHOLE: bool = false;

    /// The keys of its table in a recipe.
    type Settings: Settings;

    /// Checks words, and settings that exclude each other. Ranges are declared with the settings.
    ///
    /// # Errors
    /// Names the setting and what is expected.
    fn check(_settings: &Self::Settings) -> Result<(), Unusable> {
        Ok(())
    }

    /// Returns the model files that the settings name.
    fn models(_settings: &Self::Settings) -> ModelFiles {
        ModelFiles::default()
    }

    /// Returns whether its graph identifies languages.
    fn identifies_languages(_settings: &Self::Settings) -> bool {
        false
    }

    /// Returns what a newer label supersedes, if older versions are to go.
    fn newest(_settings: &Self::Settings) -> Option<Newest> {
        None
    }

    /// Returns the thresholds that `sluice calibrate` chooses, if there are any.
    fn calibration(_settings: &mut Self::Settings) -> Option<Calibration<'_>> {
        None
    }

    /// Returns what its graph compares with these settings, in the order of the graph.
    fn comparisons(_settings: &Self::Settings) -> Vec<Comparison> {
        Vec::new()
    }

    /// Returns the forms of files that it reads. A file that is certainly of another form is
    /// reported as one defect.
    fn forms(settings: &Self::Settings) -> Forms;

    /// Returns whether a folder is one source, such as a repository. Any other folder is walked.
    fn is_source(_folder: &Path) -> bool {
        false
    }

    /// Selects the sources among the paths found.
    ///
    /// # Errors
    /// If a path can never be read.
    fn select(found: Vec<PathBuf>, _settings: &Self::Settings) -> anyhow::Result<Vec<PathBuf>> {
        Ok(found)
    }

    /// Opens a source and returns its documents.
    ///
    /// # Errors
    /// If the source cannot be opened.
    fn read(path: &Path, settings: &Self::Settings) -> Result<Documents, ReadError>;

    /// Opens a source at the byte at which one of its records begins, and returns the documents from
    /// there on, whose offsets count from there; `None` if its sources can be read only from their
    /// beginning. To read a single record again.
    fn read_at(
        _path: &Path,
        _offset: u64,
        _settings: &Self::Settings,
    ) -> Option<Result<Documents, ReadError>> {
        None
    }

    /// Returns the same documents, each kept or rejected.
    fn graph<'scope>(docs: Docs<'scope>, setup: &Setup<Self::Settings>) -> Docs<'scope>;

    /// Returns the first source of each group that must be compared within one epoch, if a label
    /// has such groups.
    fn groups(_setup: &Setup<Self::Settings>, _label: usize) -> Option<Vec<u64>> {
        None
    }
}

/// Every slice of the program, in the order in which they are printed.
pub type Slices = &'static [&'static dyn AnySlice];

/// Returns the slice of that name.
///
/// # Errors
/// If there is none, a usage error with the nearest name.
pub fn find_slice(slices: Slices, name: &str) -> anyhow::Result<&'static dyn AnySlice> {
    let slice = slices.iter().find(|slice| slice.name() == name).copied();
    slice.ok_or_else(|| {
        let hint = suggest(name, slices.iter().map(|slice| slice.name()));
        usage(format!("unknown slice {name}{hint}"))
    })
}

/// The forms of files that a slice reads, beside plain text.
pub struct Forms {
    /// The forms.
    pub read: &'static [Form],
    /// What they are called in messages, with an article.
    pub called: &'static str,
}

/// The last steps of a slice, whose thresholds can be moved in a corpus: what they drop counts for
/// no other document.
pub struct Calibration<'s> {
    /// The key of the quality threshold in the recipe.
    pub setting: &'static str,
    /// The reason with which documents below it are rejected.
    pub reason: &'static str,
    /// Its value.
    pub threshold: &'s mut f64,
    /// The filter expression, the step after it.
    pub keep: &'s mut String,
    /// The reason with which documents that fail it are rejected.
    pub filter: &'static str,
    /// Signals that the ledger has, by name, or `all`.
    pub signals: &'s [String],
    /// Scores that decide before documents are compared.
    pub earlier: &'static [EarlierScore],
}

/// A score that decides before documents are compared. With another threshold other copies would be
/// the first, so it cannot be moved without a build.
pub struct EarlierScore {
    /// Its name in the ledger.
    pub name: &'static str,
    /// The key that decides by it.
    pub setting: &'static str,
    /// The reason with which it rejects.
    pub reason: &'static str,
    /// Whether documents with a lower score are kept.
    pub is_at_most: bool,
    /// Returns the line of a recipe that builds a corpus with a threshold.
    pub line: fn(f64) -> String,
    /// A signal with the same value, that `keep` can use after documents are compared.
    pub signal: &'static str,
}

/// The terms of the texts of a slice.
pub struct Terms {
    /// Licences, as Hugging Face identifies them; `other` if there is no identifier.
    pub licenses: &'static [&'static str],
    /// The terms in words, as a part of a sentence.
    pub about: &'static str,
}

/// A bundled input file.
pub struct Fixture {
    /// The label it belongs to.
    pub label: &'static str,
    /// Its file name.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

/// A bundled model.
pub struct FixtureModel {
    /// Its file name.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

/// Bundled input files of a slice: `fixtures!("c4": "en" / "c4-train.json.gz", ...)`.
#[macro_export]
macro_rules! fixtures {
    ($slice:literal: $( $label:literal / $name:literal ),+ $(,)?) => {
        &[$( $crate::Fixture {
            label: $label,
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/", $slice, "/", $label, "/", $name)),
        } ),+]
    };
}

/// What a graph is built from.
#[derive(Clone)]
pub struct Setup<S> {
    /// The slice's name.
    pub slice: &'static str,
    /// The slice's settings.
    pub settings: S,
    /// The models they name.
    pub models: Models,
    /// The labels of the corpus, by number.
    pub labels: Arc<Vec<SetupLabel>>,
}

/// What a graph knows about a label.
#[derive(Clone, Debug)]
pub struct SetupLabel {
    /// Its name.
    pub name: String,
    /// How many sources it has.
    pub sources: u64,
}

impl SetupLabel {
    /// The labels of a corpus, by number.
    pub fn of_corpus(manifest: &Manifest) -> Arc<Vec<SetupLabel>> {
        let label = |label: &Label| SetupLabel {
            name: label.name.clone(),
            sources: label.sources.len() as u64,
        };
        Arc::new(manifest.labels.iter().map(label).collect())
    }
}

/// A [`Slice`] with settings of any type.
pub trait AnySlice: Send + Sync {
    /// [`Slice::NAME`].
    fn name(&self) -> &'static str;
    /// [`Slice::ABOUT`].
    fn about(&self) -> &'static str;
    /// [`Slice::TERMS`].
    fn terms(&self) -> Terms;
    /// [`Slice::FIXTURES`].
    fn fixtures(&self) -> &'static [Fixture];
    /// [`Slice::MODELS`].
    fn fixture_models(&self) -> &'static [FixtureModel];
    /// [`Slice::DEMO_SETTINGS`].
    fn demo_settings(&self) -> &'static str;
    /// [`Slice::HAS_LID`].
    fn has_lid(&self) -> bool;
    /// Returns the keys of its table, in the order in which a recipe is printed.
    fn keys(&self) -> &'static [Key];
    /// Returns the default settings of a preset.
    fn defaults(&self, preset: Preset) -> Box<dyn AnySettings>;
    /// [`Slice::check`].
    ///
    /// # Errors
    /// As [`Slice::check`].
    fn check(&self, settings: &dyn AnySettings) -> Result<(), Unusable>;
    /// [`Slice::models`].
    fn models(&self, settings: &dyn AnySettings) -> ModelFiles;
    /// [`Slice::identifies_languages`].
    fn identifies_languages(&self, settings: &dyn AnySettings) -> bool;
    /// [`Slice::newest`].
    fn newest(&self, settings: &dyn AnySettings) -> Option<Newest>;
    /// [`Slice::calibration`].
    fn calibration<'s>(&self, settings: &'s mut dyn AnySettings) -> Option<Calibration<'s>>;
    /// [`Slice::comparisons`].
    fn comparisons(&self, settings: &dyn AnySettings) -> Vec<Comparison>;
    /// [`Slice::IS_SLOW_TO_BEGIN`].
    fn is_slow_to_begin(&self) -> bool;
    /// Returns what a source is called, for a message ([`Slice::forms`]).
    fn called(&self, settings: &dyn AnySettings) -> &'static str;
    /// [`Slice::IS_WHOLE`].
    fn is_whole(&self) -> bool;
    /// [`Slice::is_source`].
    fn is_source(&self, folder: &Path) -> bool;
    /// [`Slice::select`].
    ///
    /// # Errors
    /// As [`Slice::select`].
    fn select(
        &self,
        found: Vec<PathBuf>,
        settings: &dyn AnySettings,
    ) -> anyhow::Result<Vec<PathBuf>>;
    /// Returns a defect if a file is certainly of a form that the slice does not read.
    ///
    /// # Errors
    /// If the file cannot be opened.
    fn mistaken(
        &self,
        path: &Path,
        settings: &dyn AnySettings,
    ) -> Result<Option<Defect>, ReadError>;
    /// Returns its reader for these settings. Of similar defects of a source it lists the first
    /// few, and counts the rest.
    fn reader(&self, settings: &dyn AnySettings) -> Reader;
    /// Returns its reader for these settings, with every defect of each record.
    fn reader_of_all_defects(&self, settings: &dyn AnySettings) -> Reader;
    /// [`Slice::read_at`].
    fn read_at(
        &self,
        path: &Path,
        offset: u64,
        settings: &dyn AnySettings,
    ) -> Option<Result<Documents, ReadError>>;
    /// Prepares the slice to run with these settings and models on a corpus with these labels.
    fn prepare(
        &self,
        settings: &dyn AnySettings,
        models: Models,
        labels: Arc<Vec<SetupLabel>>,
    ) -> Prepared;
}

/// A slice that is ready to run.
pub struct Prepared {
    /// Opens a source.
    pub reader: Reader,
    /// [`Slice::read_at`].
    pub reader_at: ReaderAt,
    /// Documents in, documents out.
    pub graph: Graph,
    /// [`Slice::groups`] of a label.
    pub groups: Box<dyn Fn(usize) -> Option<Vec<u64>>>,
}

fn downcast<S: Slice>(settings: &dyn AnySettings) -> &S::Settings {
    let any: &dyn Any = settings;
    any.downcast_ref().expect("the settings of this slice")
}

impl<S: Slice> AnySlice for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn about(&self) -> &'static str {
        S::ABOUT
    }

    fn terms(&self) -> Terms {
        S::TERMS
    }

    fn fixtures(&self) -> &'static [Fixture] {
        S::FIXTURES
    }

    fn fixture_models(&self) -> &'static [FixtureModel] {
        S::MODELS
    }

    fn demo_settings(&self) -> &'static str {
        S::DEMO_SETTINGS
    }

    fn has_lid(&self) -> bool {
        S::HAS_LID
    }

    fn keys(&self) -> &'static [Key] {
        S::Settings::KEYS
    }

    fn defaults(&self, preset: Preset) -> Box<dyn AnySettings> {
        Box::new(S::Settings::defaults(preset))
    }

    fn check(&self, settings: &dyn AnySettings) -> Result<(), Unusable> {
        S::check(downcast::<S>(settings))
    }

    fn models(&self, settings: &dyn AnySettings) -> ModelFiles {
        S::models(downcast::<S>(settings))
    }

    fn identifies_languages(&self, settings: &dyn AnySettings) -> bool {
        S::identifies_languages(downcast::<S>(settings))
    }

    fn newest(&self, settings: &dyn AnySettings) -> Option<Newest> {
        S::newest(downcast::<S>(settings))
    }

    fn calibration<'s>(&self, settings: &'s mut dyn AnySettings) -> Option<Calibration<'s>> {
        let any: &mut dyn Any = settings;
        S::calibration(any.downcast_mut().expect("the settings of this slice"))
    }

    fn comparisons(&self, settings: &dyn AnySettings) -> Vec<Comparison> {
        S::comparisons(downcast::<S>(settings))
    }

    fn is_slow_to_begin(&self) -> bool {
        S::IS_SLOW_TO_BEGIN
    }

    fn called(&self, settings: &dyn AnySettings) -> &'static str {
        S::forms(downcast::<S>(settings)).called
    }

    fn is_whole(&self) -> bool {
        S::IS_WHOLE
    }

    fn is_source(&self, folder: &Path) -> bool {
        S::is_source(folder)
    }

    fn select(
        &self,
        found: Vec<PathBuf>,
        settings: &dyn AnySettings,
    ) -> anyhow::Result<Vec<PathBuf>> {
        S::select(found, downcast::<S>(settings))
    }

    fn mistaken(
        &self,
        path: &Path,
        settings: &dyn AnySettings,
    ) -> Result<Option<Defect>, ReadError> {
        let Forms { read, called } = S::forms(downcast::<S>(settings));
        formats::mistaken(path, read, called)
    }

    fn reader(&self, settings: &dyn AnySettings) -> Reader {
        let reader = self.reader_of_all_defects(settings);
        Arc::new(move |path: &Path| Ok(summed(reader(path)?)))
    }

    fn reader_of_all_defects(&self, settings: &dyn AnySettings) -> Reader {
        let settings = downcast::<S>(settings).clone();
        Arc::new(move |path: &Path| {
            let Forms { read, called } = S::forms(&settings);
            match formats::mistaken(path, read, called)? {
                Some(defect) => Ok(Box::new(std::iter::once(Err(defect)))),
                None => S::read(path, &settings),
            }
        })
    }

    fn read_at(
        &self,
        path: &Path,
        offset: u64,
        settings: &dyn AnySettings,
    ) -> Option<Result<Documents, ReadError>> {
        S::read_at(path, offset, downcast::<S>(settings))
    }

    fn prepare(
        &self,
        settings: &dyn AnySettings,
        models: Models,
        labels: Arc<Vec<SetupLabel>>,
    ) -> Prepared {
        let reader = self.reader(settings);
        let settings = downcast::<S>(settings).clone();
        let setup = Arc::new(Setup { slice: S::NAME, settings, models, labels });
        let (setup_of_groups, setup_of_reader) = (setup.clone(), setup.clone());
        Prepared {
            reader,
            reader_at: Arc::new(move |path, offset| {
                S::read_at(path, offset, &setup_of_reader.settings)
            }),
            graph: Arc::new(move |docs: Docs<'_>| S::graph(docs, &setup)),
            groups: Box::new(move |label| S::groups(&setup_of_groups, label)),
        }
    }
}
