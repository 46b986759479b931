//! `sluice verify`.

use super::exit::{DONE, FAILED};
use crate::terminal::units::counted;
use crate::terminal::{errln, outln, print_json};
use anyhow::{Context, Result};
use clap::Args;
use corpus::{Corpus, Depth, Error, Finding, Lock, Manifest, repair, verify};
use indicatif::HumanCount;
use recipe::Recipe;
use recipe::Slices;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice verify corpus --deep && echo sound

--repair is for a corpus whose newest commit cannot be used: its manifest is damaged or lost, or
files that it names are missing. It reports what going back to the newest complete commit loses,
goes back, and checks the result. It deletes nothing: skipped manifests get names that end in
.damaged, and data that is not part of that commit is moved to CORPUS/set-aside/. It also restores
recipe.toml if that is missing or not what the commit was made with.

Exit codes: 0 sound; 1 something was found, or there is no commit to go back to.";

/// Check a corpus: checksums, order, sums; with --deep also state against ledger
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Verify {
    /// The corpus
    corpus: PathBuf,
    /// Read the whole state, and compare it with the ledger
    #[arg(long)]
    deep: bool,
    /// Go back to the newest complete commit, then check
    #[arg(long)]
    repair: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let corpus = Corpus::open(&self.corpus)?;
        if self.repair {
            self.repair(&corpus, slices)?;
        }
        let mut files = 0;
        let report = |name: &str| {
            files += 1;
            tracing::debug!("{name}");
        };
        let (commit, findings) = match corpus.manifest() {
            Ok(manifest) => {
                let manifest = manifest.context("the corpus has no commit")?;
                let depth = if self.deep { Depth::Everything } else { Depth::Index };
                let mut findings = verify(&corpus, &manifest, depth, report)?;
                findings.extend(recipe_finding(&corpus, &manifest, slices));
                (Some(manifest.commit), findings)
            }
            Err(Error::Damaged { path, what, .. }) => (None, vec![self.damaged(path, &what)]),
            Err(error) => return Err(error.into()),
        };
        if self.json {
            print_json(&json!({
                "commit": commit,
                "files": files,
                "sound": findings.is_empty(),
                "findings": findings,
            }))?;
        } else {
            findings.iter().try_for_each(|finding| outln!("{finding}"))?;
            let commit = commit.map_or("no commit".into(), |commit| format!("commit {commit}"));
            let files = counted(files, "file");
            match findings.len() as u64 {
                0 => outln!("{commit}: {files}, all as they should be")?,
                found => outln!("{commit}: {files}, {}", counted(found, "finding"))?,
            }
        }
        Ok(if findings.is_empty() { DONE } else { FAILED })
    }

    fn damaged(&self, path: PathBuf, what: &str) -> Finding {
        Finding {
            at: path.display().to_string(),
            what: format!("this manifest is damaged: {what}"),
            remedy: format!(
                "restore it from a copy, or: sluice verify --repair {} goes back to the newest \
                 commit that is whole, and says what that loses",
                self.corpus.display()
            ),
        }
    }

    /// Prints a line of the report of `--repair`; with `--json` not on standard output.
    fn print(&self, line: &str) -> Result<()> {
        if self.json {
            errln!("{line}");
            return Ok(());
        }
        outln!("{line}")
    }

    fn repair(&self, corpus: &Corpus, slices: Slices) -> Result<()> {
        let _lock = Lock::take(&self.corpus)?;
        let mut is_sound = true;
        if let Some(repair) = repair(corpus)? {
            is_sound = false;
            for (commit, what) in &repair.passed_over {
                self.print(&format!("commit {commit} cannot be used: {what}"))?;
            }
            let to = repair.to.commit;
            if repair.lost.is_empty() {
                self.print(&format!("back to commit {to}: no documents are lost"))?;
            } else {
                self.print(&format!("back to commit {to}; what that loses:"))?;
            }
            for (label, lost) in &repair.lost {
                let (read, kept) = (counted(lost.read, "document"), HumanCount(lost.kept));
                let unreadable = match lost.unreadable {
                    0 => String::new(),
                    files => {
                        format!(", and {} that cannot be read", counted(files, "ledger file"))
                    }
                };
                self.print(&format!(
                    "  {label}: {read} read, {kept} of them kept{unreadable}; the command \
                     that added it adds them again"
                ))?;
            }
            if let Some(folder) = repair.carry_out(corpus)? {
                self.print(&format!(
                    "what commit {to} does not name is in {} now: remove it when you do not need it",
                    folder.display()
                ))?;
            }
        }
        Corpus::create(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        if recipe_finding(corpus, &manifest, slices).is_some()
            && let Some(text) = &manifest.recipe_toml
            && std::fs::read_to_string(corpus.recipe_path()).ok().as_ref() != Some(text)
        {
            is_sound = false;
            corpus.restore_recipe(text)?;
            let shown = corpus.recipe_path();
            let (shown, commit) = (shown.display(), manifest.commit);
            self.print(&format!("{shown}: written as commit {commit} has it"))?;
        }
        if is_sound {
            self.print("nothing to repair")?;
        }
        Ok(())
    }
}

/// Checks that the recipe file exists and is the one that the corpus was built with.
fn recipe_finding(corpus: &Corpus, manifest: &Manifest, slices: Slices) -> Option<Finding> {
    let (root, commit) = (corpus.root().display(), manifest.commit);
    let what = match Recipe::of_corpus(slices, corpus) {
        Ok(recipe) if recipe.fingerprint == manifest.recipe => return None,
        Ok(recipe) => {
            let differences = Recipe::as_built(slices, corpus, manifest)
                .map(|built| recipe.differences(slices, &built, &manifest.models))
                .unwrap_or_default();
            let what =
                format!("this file, or a model that it names, is not what commit {commit} has");
            [vec![what], differences].concat().join("; ")
        }
        Err(_) if !corpus.recipe_path().exists() => "this file is missing".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let remedy = match manifest.recipe_toml {
        Some(_) => format!(
            "put the file or the model back as it was; sluice verify --repair {root} writes the file \
             as commit {commit} has it"
        ),
        None => "restore it from a copy, or write it again from the recipe the corpus was built \
                 with: sluice build RECIPE.toml --print-recipe"
            .to_owned(),
    };
    Some(Finding { at: corpus.recipe_path().display().to_string(), what, remedy })
}
