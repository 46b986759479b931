//! arXiv: papers from the LaTeX sources of arXiv's bulk archives.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/arxiv`. What we do differently, and why, is in
//! docs/fidelity.md under "arXiv".

use formats::eprint::{self, Eprint, Member};
use latex::{Loss, TexFile};
use recipe::prelude::*;
use std::path::Path;

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// how LaTeX becomes text: better, redpajama
        clean: Clean = Clean::Better, redpajama = Clean::RedPajama; // arxiv_cleaner.py
        /// which copies are dropped: none, exact, paragraphs, simhash, minhash
        dedup: Dedup = Dedup::None; // no step of data_prep/arxiv compares papers
    }
}

choice! {
    /// How LaTeX becomes text.
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
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn identifies_languages(_: &Settings) -> bool {
        true
    }

    fn is_source(folder: &Path) -> bool {
        eprint::is_folder_of_paper(folder)
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        papers(path, settings)
    }

    /// Papers in; those whose text is new, if that is asked for, out.
    fn graph<'scope>(papers: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        papers
            .deduplicate(setup, setup.settings.dedup)
            .tag("Language", setup.models.language_in_lower_case())
            .tag("Tokens", setup.models.tokens())
            .tag("Record language", record_language)
    }
}

/// How the files of a paper become its text.
#[derive(Clone, Copy)]
struct Cleaning {
    reads: fn(&str) -> bool,
    clean: fn(&[TexFile]) -> Result<String, Loss>,
}

const BETTER: Cleaning = Cleaning { reads: latex::better::reads, clean: latex::better::clean };
const REDPAJAMA: Cleaning =
    Cleaning { reads: latex::redpajama::reads, clean: latex::redpajama::clean };

/// The papers of a bulk archive, or one paper (`arxiv_cleaner.py`: `arxiv_iterator`).
fn papers(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    let cleaning = match settings.clean {
        Clean::Better => BETTER,
        Clean::RedPajama => REDPAJAMA,
    };
    let eprints = eprint::open(path, cleaning.reads)?;
    Ok(Box::new(eprints.map(move |eprint| eprint.map(|eprint| paper(eprint, cleaning)))))
}

/// A paper of its source, cleaned (`create_record`).
fn paper(eprint: Eprint, cleaning: Cleaning) -> Document {
    let id = eprint::arxiv_id(&eprint.stem);
    let url = format!("https://arxiv.org/abs/{id}");
    let mut paper = Document { offset: eprint.offset, url: url.clone(), ..Document::default() };
    match eprint.modified {
        Some(seconds) => paper.meta.set("timestamp", eprint::iso_time(seconds)),
        None => paper.meta.set("timestamp", Value::Json("null".into())),
    }
    paper.meta.set("yymm", eprint::yymm(&eprint.folder, &eprint.stem));
    paper.meta.set("arxiv_id", id);
    // In its place; what is found comes later.
    paper.meta.set("language", "");
    paper.meta.set("url", url);
    paper.meta.set("source", "arxiv");
    let files: Vec<TexFile> = match eprint.files {
        Ok(files) => {
            files.into_iter().map(|Member { name, bytes }| TexFile { name, bytes }).collect()
        }
        Err(why) => {
            paper.reject(why.reason());
            return paper;
        }
    };
    paper.bytes_read = files.iter().map(|file| file.bytes.len() as u64).sum();
    paper.digest = text::digest::sha1_of(files.iter().map(|file| file.bytes.as_slice()));
    match (cleaning.clean)(&files) {
        Ok(text) => paper.text = text,
        Err(why) => paper.reject(why.reason()),
    }
    paper
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
