//! The models that slices use, each loaded once for a process and shared by its workers.

use crate::usage::{suggest, usage_of_file, wrong_setting};
use document::Document;
use engine::fail;
use models::Perplexity;
use models::language::{LanguageIdentifier, code_named};
use models::tokenizer::{TokenCounter, TokenizerError};
use models::wikiref::WikiReferences;
use signals::rules::c4::BadWords;
use signals::{Facts, Keep, Lists, RULES, SIGNALS, Signal, View, find};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Texts without tokens that are named one by one. All are counted.
const UNCOUNTED_NAMED_MAX: u64 = 20;

/// The models of one slice.
#[derive(Clone)]
pub struct Models {
    language: Arc<LanguageIdentifier>,
    perplexity: Option<Arc<Perplexity>>,
    quality: Option<Arc<WikiReferences>>,
    tokens: Option<Arc<Tokens>>,
    lists: Arc<Lists>,
    signals: Arc<Vec<&'static Signal>>,
    keep: Option<Arc<Keep>>,
    bad_words: Option<Arc<BadWords>>,
}

/// Returns what earlier steps of a slice recorded about a document.
pub type FactsOf = fn(&Document) -> Facts<'_>;

/// The model files that a slice's settings name, and what is computed with them.
#[derive(Clone, Debug, Default)]
pub struct ModelFiles {
    /// RedPajama's quality classifier.
    pub classifier: Option<PathBuf>,
    /// Folder of language models.
    pub lm: Option<PathBuf>,
    /// Languages that must have a language model.
    pub languages: Vec<String>,
    /// Languages that the language identifier must know.
    pub identified: Vec<String>,
    /// Stop words by language.
    pub stop_words: Option<PathBuf>,
    /// Bad English words.
    pub bad_words: Option<PathBuf>,
    /// Folder of models for signals.
    pub signal_models: Option<PathBuf>,
    /// Signals that are written to the ledger.
    pub signals: Vec<String>,
    /// Filter expression; empty for none.
    pub keep: String,
}

/// The models that all slices of a recipe share, in memory once.
#[derive(Clone)]
pub struct CommonModels {
    language: Arc<LanguageIdentifier>,
    tokens: Option<Arc<Tokens>>,
}

/// The tokenizer, and how many texts it could not encode.
struct Tokens {
    counter: TokenCounter,
    uncounted: AtomicU64,
}

impl CommonModels {
    /// Loads the named files. Without `lid`, uses the built-in language identifier.
    ///
    /// # Errors
    /// If a file cannot be read or is not such a model.
    pub fn load(tokenizer: Option<&Path>, lid: Option<&Path>) -> anyhow::Result<CommonModels> {
        let language = match lid {
            Some(path) => LanguageIdentifier::open(path).map_err(usage_of_file)?,
            None => LanguageIdentifier::builtin(),
        };
        let tokens = tokenizer.map(TokenCounter::open).transpose().map_err(usage_of_file)?;
        let tokens = tokens.map(|counter| Tokens { counter, uncounted: AtomicU64::new(0) });
        Ok(CommonModels { language: Arc::new(language), tokens: tokens.map(Arc::new) })
    }

    /// Returns the number of tokens of a text; `None` without a tokenizer, or if it cannot encode the
    /// text.
    pub(crate) fn tokens_of(&self, text: &str) -> Option<u64> {
        self.tokens.as_ref()?.counter.count(text).ok()
    }

    /// Returns a remark for the user if tokens are counted by the slower tokenizer library.
    pub fn tokens_remark(&self) -> Option<String> {
        self.tokens.as_ref().and_then(|tokens| tokens.counter.remark())
    }

    /// Returns a remark for the user, after a run, if the tokenizer could not encode some texts.
    pub fn uncounted_remark(&self) -> Option<String> {
        let uncounted = self.tokens.as_ref()?.uncounted.load(Ordering::Relaxed);
        let texts = if uncounted == 1 { "1 text has" } else { &format!("{uncounted} texts have") };
        (uncounted > 0).then(|| format!("{texts} no tokens: the tokenizer cannot encode them"))
    }
}

impl Models {
    /// Loads the files that a slice's settings name.
    ///
    /// # Errors
    /// If a file cannot be read or is not such a model, or if a filter or signal needs a file that
    /// is not named.
    pub fn load(files: &ModelFiles, common: CommonModels) -> anyhow::Result<Models> {
        let quality = files.classifier.as_deref().map(WikiReferences::open);
        let quality = quality.transpose().map_err(usage_of_file)?;
        let lists = Arc::new(lists(files)?);
        let bad_words = lists.bad_words(Some("en")).map(|list| BadWords::new(list, "en"));
        let signals = find_signals(&files.signals, &lists)?;
        let keep = keep(files, &lists)?;
        check_languages(&files.identified, &common.language)?;
        Ok(Models {
            language: common.language,
            perplexity: perplexity(files)?.map(Arc::new),
            quality: quality.map(Arc::new),
            tokens: common.tokens,
            lists,
            signals: Arc::new(signals),
            keep: keep.map(Arc::new),
            bad_words: bad_words.map(Arc::new),
        })
    }

    /// Checks settings as [`Models::load`] does, but loads no classifier and no language model.
    ///
    /// # Errors
    /// If a filter, a signal or a language is not known, or needs a file that is not named.
    pub fn check(files: &ModelFiles, common: &CommonModels) -> anyhow::Result<()> {
        let lists = lists(files)?;
        find_signals(&files.signals, &lists)?;
        keep(files, &lists)?;
        check_languages(&files.identified, &common.language)
    }

    /// Returns the names of the signals that are computed.
    pub fn signal_names(&self) -> impl Iterator<Item = &'static str> {
        self.signals.iter().map(|signal| signal.name)
    }

    /// Returns the name of the language identifier.
    pub fn language_name(&self) -> &str {
        self.language.name()
    }

    /// Sets a document's language, identified as in CCNet.
    pub fn language(&self) -> impl Fn(&mut Document) + 'static {
        let identifier = Arc::clone(&self.language);
        move |document| document.language = Some(identifier.ccnet_language(&document.text))
    }

    /// Sets a document's language, identified from its text in lower case, as RedPajama does for
    /// papers.
    pub fn language_in_lower_case(&self) -> impl Fn(&mut Document) + 'static {
        let identifier = Arc::clone(&self.language);
        move |document| {
            document.language = Some(identifier.identify(&document.text.to_lowercase()));
        }
    }

    /// Sets a document's most likely language, identified with line ends read as spaces.
    pub fn language_of_lines(&self) -> impl Fn(&mut Document) + 'static {
        let identifier = Arc::clone(&self.language);
        move |document| document.language = Some(identifier.identify(&document.text))
    }

    /// Sets a document's perplexity and bucket, computed as in CCNet. Without a model for its
    /// language, a document has no perplexity and the bucket `all`.
    pub fn perplexity(&self) -> impl FnMut(&mut Document) + 'static {
        let (model, mut scratch) = (self.perplexity.clone(), models::Scratch::default());
        move |document| {
            let language = document.language.as_ref().map_or("", |language| &language.code);
            let perplexity = model.as_ref().and_then(|model| {
                let found = model.of(language, &document.text, &mut scratch);
                found.unwrap_or_else(|error| fail(usage_of_file(error)))
            });
            document.scores.perplexity = perplexity;
            document.scores.bucket = Some(models::bucket(language, perplexity).name().into());
        }
    }

    /// Sets a document's quality, the probability that Wikipedia would refer to it, if there is a
    /// classifier. fastText's may be slightly outside of 0 to 1; here it is not.
    pub fn quality(&self) -> impl FnMut(&mut Document) + 'static {
        let (model, mut scratch) = (self.quality.clone(), models::fasttext::Scratch::default());
        move |document| {
            let model = model.as_ref();
            let probability = model.map(|model| model.probability(&document.text, &mut scratch));
            document.scores.quality = probability.map(|probability| probability.clamp(0.0, 1.0));
        }
    }

    /// Sets a document's number of tokens, if there is a tokenizer. A text that it cannot encode
    /// has none, and is reported.
    pub fn tokens(&self) -> impl Fn(&mut Document) + 'static {
        let model = self.tokens.clone();
        move |document| {
            let Some(model) = &model else { return };
            match model.counter.count(&document.text) {
                Ok(tokens) => document.scores.tokens = Some(tokens),
                Err(error) => model.report(document, &error),
            }
        }
    }

    /// Returns the number of tokens of a text; `None` without a tokenizer.
    ///
    /// # Errors
    /// If the tokenizer cannot encode the text.
    pub fn tokens_of(&self, text: &str) -> Result<Option<u64>, TokenizerError> {
        self.tokens.as_ref().map(|model| model.counter.count(text)).transpose()
    }

    /// Adds the signals that the recipe names. `facts` returns what earlier steps recorded.
    pub fn signals(&self, facts: FactsOf) -> impl FnMut(&mut Document) + 'static {
        let (wanted, lists) = (self.signals.clone(), self.lists.clone());
        let mut scratch = signals::Scratch::default();
        move |document| {
            if wanted.is_empty() {
                return;
            }
            let facts = facts(document);
            let mut view = View::new(&document.text, &facts, &lists, &mut scratch);
            let values = wanted
                .iter()
                .filter_map(|signal| Some((signal.name.into(), signal.value(&mut view).number()?)));
            let values: Vec<_> = values.collect();
            document.scores.signals.extend(values);
        }
    }

    /// Returns whether a document has a word of the list of bad words; false without a list.
    pub fn has_bad_words(&self) -> impl Fn(&Document) -> bool + 'static {
        let bad_words = self.bad_words.clone();
        move |document| bad_words.as_ref().is_some_and(|list| list.check(&document.text).is_err())
    }

    /// Returns whether a document fails the recipe's filter expression; false without one.
    pub fn fails_filter(&self, facts: FactsOf) -> impl FnMut(&Document) -> bool + 'static {
        let (keep, lists) = (self.keep.clone(), self.lists.clone());
        let mut scratch = signals::Scratch::default();
        move |document| {
            let Some(keep) = &keep else { return false };
            let facts = facts(document);
            !keep.holds(&mut View::new(&document.text, &facts, &lists, &mut scratch))
        }
    }
}

impl Tokens {
    /// Reports a text that has no number of tokens.
    fn report(&self, document: &Document, error: &TokenizerError) {
        let before = self.uncounted.fetch_add(1, Ordering::Relaxed);
        if before >= UNCOUNTED_NAMED_MAX {
            return;
        }
        let more = if before + 1 == UNCOUNTED_NAMED_MAX { "; more are only counted" } else { "" };
        let (at, url) = (document.at, &document.url);
        tracing::warn!("document {at} {url}: no tokens: {error}{more}");
    }
}

/// Opens the language models of the folder `lm`. Models of the named languages are loaded now, so
/// that an error in them is reported before any input is read.
fn perplexity(files: &ModelFiles) -> anyhow::Result<Option<Perplexity>> {
    let Some(folder) = &files.lm else { return Ok(None) };
    let models = Perplexity::open(folder).map_err(usage_of_file)?;
    for language in &files.languages {
        let found =
            models.of(language, "a", &mut models::Scratch::default()).map_err(usage_of_file)?;
        if found.is_none() {
            let (shown, pieces) = (folder.display(), format!("{language}.sp.model"));
            let what = format!(
                "{shown} has no model for the language {language}: {pieces} and \
                 {language}.arpa.bin are expected; drop lm, or the language"
            );
            return Err(wrong_setting("lm", what));
        }
    }
    Ok(Some(models))
}

/// Fails if a language can never be identified.
fn check_languages(languages: &[String], identifier: &LanguageIdentifier) -> anyhow::Result<()> {
    let known: Vec<&str> = identifier.codes().collect();
    let Some(unknown) = languages.iter().find(|code| !known.contains(&code.as_str())) else {
        return Ok(());
    };
    let named = code_named(unknown).filter(|code| known.contains(code));
    let hint = named.map_or_else(
        || suggest(unknown, known.iter().copied()),
        |code| format!("; did you mean {code}?"),
    );
    let name = identifier.name();
    Err(wrong_setting("languages", format!("{name} identifies no language {unknown:?}{hint}")))
}

fn lists(files: &ModelFiles) -> anyhow::Result<Lists> {
    let mut lists = Lists::default();
    if let Some(path) = &files.stop_words {
        lists.read_stop_words_json(path).map_err(usage_of_file)?;
    }
    if let Some(path) = &files.bad_words {
        // The setting names an English list.
        lists.read_bad_words("en", path).map_err(usage_of_file)?;
    }
    if let Some(folder) = &files.signal_models {
        lists.read_models(folder).map_err(usage_of_file)?;
    }
    Ok(lists)
}

/// Returns each signal of these names once: those of `all` first, then the others.
fn find_signals(names: &[String], lists: &Lists) -> anyhow::Result<Vec<&'static Signal>> {
    let all = names.iter().any(|name| name == "all");
    let mut named = Vec::new();
    for name in names.iter().filter(|name| *name != "all") {
        let signal = find(name).ok_or_else(|| {
            let hint = suggest(name, SIGNALS.iter().chain(&RULES).map(|s| s.name));
            wrong_setting("signals", format!("there is no signal {name}{hint}"))
        })?;
        if let Some(needed) = signal.missing(lists) {
            return Err(wrong_setting("signals", format!("{name} needs {needed}")));
        }
        named.push(signal);
    }
    let mut signals: Vec<&'static Signal> = Vec::new();
    if all {
        signals.extend(SIGNALS.iter().filter(|signal| signal.missing(lists).is_none()));
    }
    for signal in named {
        if signals.iter().all(|known| known.name != signal.name) {
            signals.push(signal);
        }
    }
    Ok(signals)
}

fn keep(files: &ModelFiles, lists: &Lists) -> anyhow::Result<Option<Keep>> {
    if files.keep.is_empty() {
        return Ok(None);
    }
    let keep =
        Keep::new(&files.keep, lists).map_err(|error| wrong_setting("keep", error.to_string()))?;
    // Without the model these values are absent, and no page would be kept.
    if let Some((name, model)) = files.missing(|name| keep.uses(name)) {
        let remedy = match model {
            MissingModel::Lm => "language models: lm = \"FOLDER\"",
            MissingModel::Classifier => "a model: classifier = \"FILE\"",
        };
        return Err(wrong_setting("keep", format!("{name} needs {remedy}")));
    }
    Ok(Some(keep))
}

/// A model that a signal needs and that is not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingModel {
    /// The folder of language models.
    Lm,
    /// The quality classifier.
    Classifier,
}

impl ModelFiles {
    /// Returns the first signal among those that `uses` accepts whose model is not named.
    pub fn missing(&self, uses: impl Fn(&str) -> bool) -> Option<(&'static str, MissingModel)> {
        let needs = [
            ("ccnet_perplexity", self.lm.is_some(), MissingModel::Lm),
            ("ccnet_bucket", self.lm.is_some(), MissingModel::Lm),
            ("bucket", self.lm.is_some(), MissingModel::Lm),
            ("rps_doc_ml_wikiref_score", self.classifier.is_some(), MissingModel::Classifier),
        ];
        let found = needs.into_iter().find(|(name, has_model, _)| !has_model && uses(name));
        found.map(|(name, _, model)| (name, model))
    }
}
