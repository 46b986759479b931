//! arXiv: papers from the LaTeX sources of arXiv's bulk archives.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/arxiv`. What we do differently, and why, is in
//! docs/fidelity.md under "arXiv".

use app::prelude::*;
use formats::Form;
use formats::eprint::{self, Eprint, Member};
use latex::{Loss, TexFile};
use std::path::Path;

/// This slice's row in the table of `lib.rs`.
pub const ARXIV: Slice = Slice {
    name: "arxiv",
    about: "arXiv: papers from the LaTeX sources of its bulk archives",
    settings: SETTINGS,
    inputs: Inputs { is_source: eprint::is_folder_of_paper, ..Inputs::FILES },
    reader: papers,
    graph,
    fixtures: FIXTURES,
    models: &[],
    demo_settings: "",
};

const SETTINGS: &[Setting] = &[
    Setting {
        name: "clean", // the second is what arxiv_cleaner.py does
        default: Initial::Choice("better", "redpajama", &["better", "redpajama"]),
        about: "how LaTeX becomes text: better, redpajama",
    },
    dedup_setting("none"), // no step of data_prep/arxiv compares papers
];

/// Papers in; those whose text is not there yet, if that is asked for, out.
fn graph<'scope>(papers: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    papers
        .deduplicate(setup)
        .tag("Language", setup.models.language_in_lower_case())
        .tag("Tokens", setup.models.tokens())
        .tag("Record", record)
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
    let cleaning = if settings.word("clean") == "redpajama" { REDPAJAMA } else { BETTER };
    if let Some(defect) = formats::mistaken(path, &[Form::Tar, Form::Pdf], "an e-print")? {
        return Ok(Box::new(std::iter::once(Err(defect))));
    }
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

/// What was found of the text.
fn record(paper: &mut Document) {
    let language = paper.language.as_ref().map_or("", |language| &language.code).to_owned();
    paper.meta.set("language", language);
    if let Some(tokens) = paper.scores.tokens {
        paper.meta.set("tokens", tokens as usize);
    }
}

macro_rules! fixture {
    ($label:literal, $name:literal) => {
        Fixture {
            label: $label,
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/arxiv/", $label, "/", $name)),
        }
    };
}

const FIXTURES: &[Fixture] =
    &[fixture!("2301", "arXiv_src_2301_001.tar"), fixture!("2302", "arXiv_src_2302_001.tar")];
