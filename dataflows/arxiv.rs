//! arXiv: papers from the LaTeX sources of arXiv's bulk archives.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/arxiv`. What we do differently, and why, is in
//! docs/fidelity.md under "arXiv".

use formats::eprint::{self, Eprint, Member, Want};
use formats::{Defect, Form};
use latex::TexFile;
use latex::better::Cleaned;
use recipe::prelude::*;
use std::path::Path;

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// how LaTeX is converted to text: better, redpajama
        clean: Clean = Clean::Better, redpajama = Clean::RedPajama; // arxiv_cleaner.py
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Methods::none(); // no step of data_prep/arxiv compares papers
    }
}

choice! {
    /// How LaTeX is converted to text.
    pub enum Clean {
        Better = "better",
        RedPajama = "redpajama",
    }
}

/// The slice.
pub struct Arxiv;

impl Slice for Arxiv {
    const NAME: &'static str = "arxiv";
    const ABOUT: &'static str = "arXiv: papers from the LaTeX sources of its bulk archives";
    const TERMS: Terms = Terms {
        licenses: &["other"],
        about: "the licence that its authors chose for each paper, listed at \
                https://info.arxiv.org/help/license; arXiv's own does not allow redistribution",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn identifies_languages(_: &Settings) -> bool {
        true
    }

    fn forms(_: &Settings) -> Forms {
        Forms { read: &[Form::Tar, Form::Pdf], called: "an e-print" }
    }

    fn is_source(folder: &Path) -> bool {
        eprint::is_folder_of_paper(folder)
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        papers(path, settings)
    }

    /// Keeps all papers, or, with `dedup`, those whose text is new.
    fn graph<'scope>(papers: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        papers
            .deduplicate(setup, &setup.settings.dedup)
            .tag("Language", setup.models.language_in_lower_case())
            .tag("Tokens", setup.models.tokens())
            .tag("Record language", record_language)
    }
}

/// How the files of a paper are converted to its text.
#[derive(Clone, Copy)]
struct Cleaning {
    /// Returns whether a file of this name is a source of the paper.
    reads: fn(&str) -> bool,
    wanted: eprint::Wanted,
    clean: fn(&[TexFile], &[String]) -> Cleaned,
}

const BETTER: Cleaning = Cleaning {
    reads: latex::better::reads,
    wanted: |name| match name {
        _ if latex::better::reads(name) => Want::Always,
        _ if latex::better::may_be_input(name) => Want::IfSmall,
        _ => Want::Never,
    },
    clean: latex::better::clean,
};

const REDPAJAMA: Cleaning = Cleaning {
    reads: latex::redpajama::reads,
    wanted: |name| if latex::redpajama::reads(name) { Want::Always } else { Want::Never },
    clean: |files, _| Cleaned { text: latex::redpajama::clean(files), left_out: Vec::new() },
};

/// Reads the papers of a bulk archive, or one paper (`arxiv_cleaner.py`: `arxiv_iterator`).
fn papers(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    let cleaning = match settings.clean {
        Clean::Better => BETTER,
        Clean::RedPajama => REDPAJAMA,
    };
    let eprints = eprint::open(path, cleaning.wanted)?;
    Ok(documents(eprints.map(move |eprint| eprint.map(|eprint| paper(eprint, cleaning)))))
}

/// Reports what was left out of a paper, as one defect.
fn left_out(paper: &Document, id: &str, what: &[String]) -> Option<Defect> {
    const LISTED_MAX: usize = 5;
    let mut list = what.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join("; ");
    match what.len() {
        0 => return None,
        count if count > LISTED_MAX => list += &format!("; and {} more", count - LISTED_MAX),
        _ => {}
    }
    let outcome = if paper.is_kept() { "; the rest of the paper is kept" } else { "" };
    Some(Defect { offset: paper.offset, what: format!("{id}: {list}{outcome}"), device: None })
}

/// Converts a source to a paper (`create_record`), with a defect for what was left out.
fn paper(eprint: Eprint, cleaning: Cleaning) -> Record {
    let id = eprint::arxiv_id(&eprint.stem);
    let url = format!("https://arxiv.org/abs/{id}");
    let mut paper = Document { offset: eprint.offset, url: url.clone(), ..Document::default() };
    match eprint.modified {
        Some(seconds) => paper.meta.set("timestamp", eprint::iso_time(seconds)),
        None => paper.meta.set("timestamp", Value::Json("null".into())),
    }
    paper.meta.set("yymm", eprint::yymm(&eprint.folder, &eprint.stem));
    paper.meta.set("arxiv_id", id.as_str());
    // Keeps its place among the fields; `record_language` sets the value.
    paper.meta.set("language", "");
    paper.meta.set("url", url);
    paper.meta.set("source", "arxiv");
    let files: Vec<TexFile> = match eprint.files {
        Ok(files) => {
            files.into_iter().map(|Member { name, bytes }| TexFile { name, bytes }).collect()
        }
        Err(why) => {
            paper.reject(why.reason());
            return paper.into();
        }
    };
    // Other files that it inputs do not count: two papers are equal if their sources are.
    let sources = files.iter().filter(|file| (cleaning.reads)(&file.name));
    paper.bytes_read = sources.clone().map(|file| file.bytes.len() as u64).sum();
    paper.digest = match sources.clone().next() {
        Some(_) => text::digest::sha1_of(sources.map(|file| file.bytes.as_slice())),
        None => text::digest::sha1_of(files.iter().map(|file| file.bytes.as_slice())),
    };
    let Cleaned { text, left_out: what } = (cleaning.clean)(&files, &eprint.unread);
    match text {
        Ok(text) => paper.text = text,
        Err(why) => paper.reject(why.reason()),
    }
    let defect = left_out(&paper, &id, &what);
    Record::from(paper).with_defects(defect)
}

fn record_language(paper: &mut Document) {
    let language = paper.language.as_ref().map_or("", |language| &language.code).to_owned();
    paper.meta.set("language", language);
}

const FIXTURES: &[Fixture] = fixtures!(
    "arxiv":
    "2301" / "arXiv_src_2301_001.tar",
    "2302" / "arXiv_src_2302_001.tar",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};

    #[test]
    fn papers_are_compared_only_if_the_recipe_says_so() {
        let (ice, rust) = ("We study the growth of ice.", "We study the decay of iron.");
        let documents = [document(ice), document(rust), later(document(ice))];
        let [ice, rust] = [ice, rust].map(|text| format!("kept: {text}"));
        let settings = defaults::<Arxiv>();
        assert_funnel::<Arxiv>(&settings, &documents, &[&ice, &rust, &ice]);
        let settings = Settings { dedup: Dedup::Exact.into(), ..settings };
        assert_funnel::<Arxiv>(&settings, &documents, &[&ice, &rust, "duplicate"]);
    }
}
