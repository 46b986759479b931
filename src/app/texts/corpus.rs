//! Corpora as inputs: their documents, and a selection of them.

use anyhow::{Context, Result};
use clap::Args;
use corpus::Corpus;
use recipe::usage::usage;
use std::path::{Path, PathBuf};

/// The part of a corpus that is read.
#[derive(Args)]
pub(crate) struct CorpusPart {
    /// Of a corpus, only this slice
    #[arg(long, value_name = "S")]
    pub slice: Option<String>,
    /// Of a corpus, only this label
    #[arg(long, value_name = "L")]
    pub label: Option<String>,
}

impl CorpusPart {
    /// Fails if a part of a corpus is selected and none of the inputs is a corpus.
    pub fn check<'a>(&self, inputs: impl IntoIterator<Item = &'a [String]>) -> Result<()> {
        let inputs: Vec<&str> = inputs.into_iter().flatten().map(String::as_str).collect();
        let is_selected = self.slice.is_some() || self.label.is_some();
        if is_selected && !inputs.iter().any(|input| is_corpus(input)) {
            let shown = inputs.join(" ");
            return Err(usage(format!(
                "--slice and --label select a part of a corpus: {shown} is not a corpus"
            )));
        }
        Ok(())
    }

    /// Returns this part if one of `inputs` is a corpus, else a part without a selection.
    pub fn of(&self, inputs: &[String]) -> CorpusPart {
        let has_corpus = inputs.iter().any(|input| is_corpus(input));
        let chosen = |name: &Option<String>| name.clone().filter(|_| has_corpus);
        CorpusPart { slice: chosen(&self.slice), label: chosen(&self.label) }
    }
}

/// Whether a path that a user gave is the folder of a corpus.
pub(crate) fn is_corpus(input: &str) -> bool {
    Path::new(input).join("commits").is_dir()
}

/// Returns the files of the documents that the newest commit of a corpus keeps.
pub(crate) fn segments(folder: &str, part: &CorpusPart) -> Result<Vec<PathBuf>> {
    let corpus = Corpus::open(Path::new(folder))?;
    let manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|w| w == name);
    let labels = manifest.present();
    let selected: Vec<_> =
        labels.filter(|l| is(&part.slice, &l.slice) && is(&part.label, &l.name)).collect();
    if selected.is_empty() {
        let known: Vec<String> = manifest.present().map(|label| label.full_name()).collect();
        let known = if known.is_empty() { "no label".to_owned() } else { known.join(", ") };
        return Err(usage(format!("{folder} has no such slice or label; it has: {known}")));
    }
    let files = selected.iter().flat_map(|label| &label.segments);
    Ok(files.map(|file| corpus.root().join(&file.path)).collect())
}
