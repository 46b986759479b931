//! `sluice models verify`.

use super::{FileState, basis_text, mismatch};
use crate::cli::exit::{DONE, FAILED};
use crate::model_files::catalogue::models;
use crate::model_files::checksum::Checksum;
use crate::model_files::records::{Basis, Records, Verdict, check};
use crate::terminal::{outln, print_json};
use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice models verify && echo sound
  sluice models verify /data/models --json | jq .wrong";

/// Compare the existing files with their published checksums, or with those of their first fetch
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Verify {
    /// The folder of models
    #[arg(default_value = "models")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An existing file and the result of its comparison.
struct Compared {
    file: String,
    bytes: u64,
    verdict: Verdict,
    expected: Option<(Checksum, Basis)>,
}

impl Compared {
    fn is_wrong(&self) -> bool {
        matches!(self.verdict, Verdict::Wrong(..))
    }

    fn is_unknown(&self) -> bool {
        matches!(self.verdict, Verdict::Unknown(_))
    }

    fn json(&self) -> Value {
        let (state, difference) = match &self.verdict {
            Verdict::Right(_) => ("right", None),
            Verdict::Wrong(_, difference) => ("wrong", Some(difference)),
            Verdict::Unknown(_) => ("unknown", None),
        };
        json!({
            "file": self.file,
            "state": state,
            "how": difference,
            "bytes": self.bytes,
            "sha256_expected": self.expected.as_ref().map(|(checksum, _)| &checksum.sha256),
            "sha256_from": self.expected.as_ref().map(|(_, basis)| basis.name()),
        })
    }
}

impl Verify {
    pub fn run(self) -> Result<u8> {
        if !self.dir.is_dir() {
            let dir = self.dir.display();
            return Err(anyhow!("there is no folder {dir}; name the folder of the models"));
        }
        let records = Records::open(&self.dir)?;
        let mut all = Vec::new();
        for file in models().iter().flat_map(|model| &model.files) {
            if let FileState::Present(bytes) = FileState::of(&self.dir, file) {
                let verdict = check(&self.dir, file, &records)?;
                let (file, expected) = (file.path.clone(), records.expected(file));
                all.push(Compared { file, bytes, verdict, expected });
            }
        }
        let wrong = all.iter().filter(|compared| compared.is_wrong()).count();
        if self.json {
            let files: Vec<Value> = all.iter().map(Compared::json).collect();
            let unknown = all.iter().filter(|compared| compared.is_unknown()).count();
            let right = all.len() - wrong - unknown;
            let dir = &self.dir;
            print_json(&json!({
                "dir": dir, "files": files, "right": right, "wrong": wrong, "unknown": unknown,
            }))?;
        } else {
            self.print(&all, wrong)?;
        }
        Ok(if wrong == 0 { DONE } else { FAILED })
    }

    fn print(&self, all: &[Compared], wrong_count: usize) -> Result<()> {
        for compared in all {
            let path = self.dir.join(&compared.file);
            match &compared.verdict {
                Verdict::Right(basis) => outln!("{}: as {}", path.display(), basis_text(*basis))?,
                Verdict::Wrong(basis, difference) => {
                    outln!("{:#}", mismatch(&path, *basis, difference))?;
                }
                Verdict::Unknown(_) => outln!(
                    "{}: no checksum is published or recorded; `sluice models fetch` with its name \
                     records it",
                    path.display()
                )?,
            }
        }
        let unknown = all.iter().filter(|compared| compared.is_unknown()).count();
        match (all.len(), wrong_count, unknown) {
            (0, ..) => outln!("no known model file is in {}", self.dir.display()),
            (files, 0, 0) => outln!("{files} files, all as they should be"),
            (files, wrong, unknown) => {
                outln!("{files} files: {wrong} wrong, {unknown} with nothing to compare with")
            }
        }
    }
}
