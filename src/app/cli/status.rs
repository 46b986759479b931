//! `sluice status`.

use super::exit::DONE;
use super::selection::Selection;
use crate::terminal::counts::{Listed, evaluations_table, label_json, print_counts};
use crate::terminal::defects::{print_all, print_groups, total};
use crate::terminal::units::counted;
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use arrangement::RunMeta;
use clap::Args;
use corpus::{ContaminationCounts, Corpus, Evaluation, Exclusions, Label, Lock, Manifest};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice status corpus
  sluice status corpus --slice common_crawl
  sluice status corpus --label common_crawl/2019-30 --defects
  sluice status corpus --json | jq '.slices.common_crawl.labels'

Large numbers are rounded if the terminal is too narrow for them; --json has
all digits.";

/// Print the commit, labels and counts of a corpus, and the size of its state
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Status {
    /// The corpus
    corpus: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// List all defects, each with its source, its byte and a message; a label lists its first 1000
    #[arg(long)]
    defects: bool,
    /// List what is excluded from the corpus, by request
    #[arg(long)]
    exclusions: bool,
    /// List the sources of the labels, one path to a line, and nothing else
    #[arg(long, conflicts_with_all = ["defects", "json"])]
    sources: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Kinds of defects of a label that are shown without `--defects`.
const KINDS_SHOWN_MAX: usize = 3;

/// Sources that a command names one by one.
const SOURCES_NAMED_MAX: usize = 8;

impl Status {
    pub fn run(self) -> Result<u8> {
        let corpus = Corpus::open(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        corpus.check_folders(&manifest)?;
        let labels = self.selection.of(&manifest)?;
        if self.sources {
            let mut sources = labels.iter().flat_map(|label| &label.sources);
            // As a line of a list, where a dollar sign begins a variable.
            sources
                .try_for_each(|source| outln!("{}", recipe::unexpanded(Path::new(&source.path))))?;
            return Ok(DONE);
        }
        let writer = Lock::owner(corpus.root())?;
        if self.json {
            let mut status = status_of(&manifest, &labels);
            if self.exclusions {
                let list = Exclusions::load(&corpus, &manifest)?;
                let entries = list
                    .entries()
                    .map(|(selector, request)| json!({"request": request, "entry": selector}));
                status["excluded"] = json!(entries.collect::<Vec<_>>());
            }
            status["writer"] = json!(writer);
            if self.defects {
                for label in &labels {
                    status["slices"][&label.slice]["labels"][&label.name]["malformed"] =
                        json!(label.defects);
                }
            }
            print_json(&status)?;
        } else {
            self.print(&manifest, &labels, writer.as_deref())?;
        }
        Ok(DONE)
    }

    fn print(&self, manifest: &Manifest, labels: &[&Label], writer: Option<&str>) -> Result<()> {
        let is_everything = self.selection.is_everything();
        outln!("commit {}", manifest.commit)?;
        if let Some(writer) = writer {
            outln!("being written by {writer}")?;
        }
        if manifest.labels.is_empty() {
            if writer.is_none() {
                outln!(
                    "no labels yet; add one with: sluice add CORPUS --slice S --label L PATH..."
                )?;
            }
            return Ok(());
        }
        let listed = if is_everything { Listed::Some } else { Listed::All };
        print_counts(labels.iter().copied(), listed)?;
        let sum = contamination_of(labels);
        if let Some(table) = evaluations_table(&manifest.evaluations, &sum, &[]) {
            outln!("{table}")?;
        }
        for label in labels.iter().filter(|label| !label.is_complete()) {
            print_incomplete(&self.corpus, label, writer.is_some())?;
        }
        for label in labels.iter().filter(|label| label.defects_count > 0) {
            self.print_defects(label)?;
        }
        if is_everything {
            print_indexes(manifest)?;
        }
        self.print_exclusions(manifest)
    }

    /// Prints how much is excluded, or all of it.
    fn print_exclusions(&self, manifest: &Manifest) -> Result<()> {
        let requests = &manifest.excluded.requests;
        if requests.is_empty() {
            return if self.exclusions { outln!("nothing is excluded") } else { Ok(()) };
        }
        if !self.exclusions {
            let requests = counted(requests.len() as u64, "request");
            return outln!("excluded by {requests}; --exclusions lists what");
        }
        let list = Exclusions::load(&Corpus::open(&self.corpus)?, manifest)?;
        for (number, request) in requests.iter().enumerate() {
            let forget = if request.forget { ", to be forgotten" } else { "" };
            let reason = if request.reason.is_empty() { "no reason" } else { &request.reason };
            outln!("excluded on {}{forget}: {reason}", request.date)?;
            request.labels.iter().try_for_each(|label| outln!("  label {label}"))?;
            let mut mine = list.entries().filter(|(_, of)| *of == number);
            mine.try_for_each(|(selector, _)| outln!("  {selector}"))?;
        }
        Ok(())
    }

    fn print_defects(&self, label: &Label) -> Result<()> {
        let unlisted = label.defects_count - label.defects.len() as u64;
        let count = counted(total(&label.defects, unlisted), "defect");
        outln!("{} has {count}; what could be read was read:", label.full_name())?;
        if self.defects {
            print_all(&label.defects)?;
            if unlisted > 0 {
                outln!("  {} are only counted", counted(unlisted, "more defect"))?;
            }
            return Ok(());
        }
        print_groups(&label.defects, KINDS_SHOWN_MAX, "see --defects")
    }
}

/// Prints how far a label is, and how to continue it.
fn print_incomplete(root: &Path, label: &Label, is_written: bool) -> Result<()> {
    let (name, sources) = (label.full_name(), label.sources.len() as u64);
    let done = label.position.map_or(sources, |position| position.source);
    let of = counted(sources, "source");
    if is_written {
        return outln!("{name} is being added: {} of {of} read", HumanCount(done));
    }
    outln!("{name} is not complete: {} of {of} read; to continue:", HumanCount(done))?;
    outln!("  {}", continuing(root, label)?)
}

/// Returns the command line that continues a label.
fn continuing(root: &Path, label: &Label) -> Result<String> {
    let quote = |text: &str| -> Result<String> {
        let quoted = shlex::try_quote(text);
        Ok(quoted.with_context(|| format!("{text} cannot be quoted for a shell"))?.into_owned())
    };
    let root = quote(&root.to_string_lossy())?;
    let (slice, name) = (&label.slice, &label.name);
    // A name that begins with a hyphen would be an option.
    let is = if name.starts_with('-') { '=' } else { ' ' };
    let add = format!("sluice add {root} --slice {slice} --label{is}{name}");
    if label.sources.len() > SOURCES_NAMED_MAX {
        return Ok(format!(
            "sluice status {root} --label {slice}/{name} --sources > sources.txt && {add} \
             @sources.txt"
        ));
    }
    let paths: Result<Vec<String>> =
        label.sources.iter().map(|source| quote(&source.path)).collect();
    Ok(format!("{add} {}", paths?.join(" ")))
}

/// Returns the status of all labels for machines.
pub(super) fn status_json(manifest: &Manifest) -> Value {
    status_of(manifest, &manifest.present().collect::<Vec<_>>())
}

fn status_of(manifest: &Manifest, labels: &[&Label]) -> Value {
    let mut slices = json!({});
    for label in labels {
        slices[&label.slice]["labels"][&label.name] = label_json(label);
    }
    let mut state = json!({});
    for (index, runs) in &manifest.state {
        let size = index_size(runs);
        state[index] = json!({
            "keys": size.keys,
            "runs": runs.len(),
            "disk_bytes": size.disk_bytes,
            "resident_bytes": size.resident_bytes,
        });
    }
    let aside = crate::terminal::aside::json(manifest);
    let excluded = &manifest.excluded.requests;
    let sum = contamination_of(labels);
    let of_set = |set: &Evaluation| {
        let documents = sum.sets.get(&set.name).copied().unwrap_or(0);
        json!({"name": set.name, "path": set.path, "documents": documents})
    };
    let evaluations: Vec<Value> = manifest.evaluations.iter().map(of_set).collect();
    json!({
        "commit": manifest.commit,
        "slices": slices,
        "state": state,
        "evaluations": evaluations,
        "aside": aside,
        "exclusions": excluded,
    })
}

/// What the documents of labels have of evaluations.
fn contamination_of(labels: &[&Label]) -> ContaminationCounts {
    let mut sum = ContaminationCounts::default();
    labels.iter().for_each(|label| sum.add(&label.counts.contamination));
    sum
}

struct IndexSize {
    keys: u64,
    disk_bytes: u64,
    resident_bytes: u64,
}

fn index_size(runs: &[RunMeta]) -> IndexSize {
    IndexSize {
        keys: runs.iter().map(|run| run.entries).sum(),
        disk_bytes: arrangement::disk_bytes(runs),
        resident_bytes: runs.iter().map(RunMeta::resident_bytes).sum(),
    }
}

/// Prints the status of a corpus that this process has just built.
pub(super) fn print_built(manifest: &Manifest) -> Result<()> {
    outln!("commit {}", manifest.commit)?;
    print_counts(manifest.present(), Listed::Some)?;
    print_indexes(manifest)
}

fn print_indexes(manifest: &Manifest) -> Result<()> {
    if let Some(line) = crate::terminal::aside::line(manifest) {
        outln!("{line}")?;
    }
    for (index, runs) in &manifest.state {
        let size = index_size(runs);
        outln!(
            "index of {index}: {} keys in {}, {} on disk",
            HumanCount(size.keys),
            counted(runs.len() as u64, "run"),
            HumanBytes(size.disk_bytes)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::Source;

    fn label(paths: &[&str]) -> Label {
        let source = |path: &&str| Source { path: (*path).into(), ..Source::default() };
        let sources = paths.iter().map(source).collect();
        Label { slice: "c4".into(), name: "a".into(), sources, ..Label::default() }
    }

    #[test]
    fn the_command_that_continues_a_label_is_quoted_for_the_shell() {
        let few = label(&["/d/a b.gz", "/d/it's.gz", "/d/c.gz"]);
        let expected =
            "sluice add 'my corpus' --slice c4 --label a '/d/a b.gz' \"/d/it's.gz\" /d/c.gz";
        assert_eq!(continuing(Path::new("my corpus"), &few).unwrap(), expected);
        let named = Label { name: "-b".into(), ..label(&["a"]) };
        let expected = "sluice add c --slice c4 --label=-b a";
        assert_eq!(continuing(Path::new("c"), &named).unwrap(), expected);
        let many = label(&["/d/a"; 9]);
        let expected = "sluice status c --label c4/a --sources > sources.txt && sluice add c \
                        --slice c4 --label a @sources.txt";
        assert_eq!(continuing(Path::new("c"), &many).unwrap(), expected);
    }
}
