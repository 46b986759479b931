//! `sluice completions` and `sluice man`; the names that shells complete.

use super::exit::DONE;
use crate::terminal::{outln, print};
use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use clap_complete::env::Shells;
use corpus::Corpus;
use recipe::Slices;
use recipe::usage::usage;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The variable with which a shell asks this program for completions.
pub(super) const VARIABLE: &str = "COMPLETE";

const EXAMPLE: &str = "\
Example:
  echo 'source <(sluice completions bash)' >> ~/.bashrc
  sluice completions zsh > ~/.zfunc/_sluice
  sluice completions fish > ~/.config/fish/completions/sluice.fish";

/// Print the completions for a shell: of commands, flags, slices, labels and corpora
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

impl Completions {
    pub fn run(self) -> Result<u8> {
        let shells = Shells::builtins();
        let shell = shells.completer(&self.shell).context(usage("no such shell"))?;
        let mut script = Vec::new();
        shell
            .write_registration(VARIABLE, "sluice", "sluice", "sluice", &mut script)
            .context("cannot write the completions")?;
        print(format_args!("{}", String::from_utf8_lossy(&script)))?;
        Ok(DONE)
    }
}

const MAN_EXAMPLE: &str = "\
Example:
  sluice man --out ~/.local/share/man/man1 && man sluice-add";

/// Write the manual pages: sluice.1 and one for each command
#[derive(Args)]
#[command(after_help = MAN_EXAMPLE)]
pub(super) struct Man {
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Man {
    pub fn run(self, command: Command) -> Result<u8> {
        let shown = self.out.display();
        std::fs::create_dir_all(&self.out).with_context(|| format!("cannot create {shown}"))?;
        clap_mangen::generate_to(command, &self.out)
            .with_context(|| format!("cannot write to {shown}"))?;
        outln!("{shown}: pages for man")?;
        Ok(DONE)
    }
}

/// Adds to `command` the names that can only be known when the program runs: the slices, which
/// are also checked, and the labels and corpora that a shell completes.
pub(super) fn with_names(command: Command, slices: Slices) -> Command {
    let names: Vec<&str> = slices.iter().map(|slice| slice.name()).collect();
    let known = format!("one of {}", names.join(", "));
    command
        .mut_args(|argument| match argument.get_long().unwrap_or(argument.get_id().as_str()) {
            "slice" => {
                let help = argument.get_help().map(|help| format!("{help}: {known}"));
                let names = names.clone();
                let complete = move |word: &OsStr| candidates(word, names.iter().copied());
                argument.help(help.unwrap_or_default()).add(ArgValueCompleter::new(complete))
            }
            "label" => argument.add(ArgValueCompleter::new(labels)),
            "corpus" => {
                argument.add(ArgValueCompleter::new(PathCompleter::any().filter(is_corpus)))
            }
            _ => argument,
        })
        .mut_subcommands(|command| with_names(command, slices))
}

fn candidates(
    word: &OsStr,
    names: impl Iterator<Item = impl AsRef<str>>,
) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    names
        .filter(|name| name.as_ref().starts_with(&*word))
        .map(|name| CompletionCandidate::new(name.as_ref()))
        .collect()
}

fn is_corpus(path: &Path) -> bool {
    path.join("commits").is_dir()
}

/// The labels of the corpus that the command line names, as `label` and as `slice/label`.
fn labels(word: &OsStr) -> Vec<CompletionCandidate> {
    let corpus = std::env::args_os().skip(1).map(PathBuf::from).find(|path| is_corpus(path));
    let manifest = corpus
        .and_then(|path| Corpus::open(&path).ok())
        .and_then(|corpus| corpus.manifest().ok().flatten());
    let names: BTreeSet<String> = manifest
        .iter()
        .flat_map(|manifest| manifest.present())
        .flat_map(|label| [label.name.clone(), label.full_name()])
        .collect();
    candidates(word, names.iter())
}
