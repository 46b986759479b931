//! `sluice models`.

mod fetch;
mod list;
mod verify;

use crate::model_files::catalogue::ModelFile;
use crate::model_files::records::{Basis, Records};
use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice models list
  sluice models fetch gpt-neox-20b
  sluice models fetch lid.176.ftz --from ~/Downloads/lid.176.ftz
  sluice models verify";

/// List, fetch and check the model files that a recipe names
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    List(list::List),
    Fetch(fetch::Fetch),
    Verify(verify::Verify),
}

impl Models {
    pub fn run(self) -> Result<u8> {
        match self.what {
            What::List(list) => list.run(),
            What::Fetch(fetch) => fetch.run(),
            What::Verify(verify) => verify.run(),
        }
    }
}

/// How much of a file exists.
enum FileState {
    Absent,
    /// A download that was interrupted.
    Part(u64),
    Present(u64),
}

impl FileState {
    pub fn of(dir: &Path, file: &ModelFile) -> FileState {
        let bytes =
            |path: PathBuf| fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| m.len());
        if let Some(bytes) = bytes(dir.join(&file.path)) {
            return FileState::Present(bytes);
        }
        let part = bytes(dir.join(format!("{}.part", file.path)));
        part.filter(|bytes| *bytes > 0).map_or(FileState::Absent, FileState::Part)
    }

    /// Returns the cell of a table.
    pub fn text(&self) -> String {
        match self {
            FileState::Absent => "no".into(),
            FileState::Part(bytes) => format!("{} of it", HumanBytes(*bytes)),
            FileState::Present(_) => "yes".into(),
        }
    }
}

/// Names what a file was compared with.
fn basis_text(basis: Basis) -> &'static str {
    match basis {
        Basis::Published => "published",
        Basis::FirstFetch => "first fetched (no checksum is published)",
    }
}

/// The error of an existing file with another checksum than expected.
fn mismatch(path: &Path, basis: Basis, difference: &str) -> anyhow::Error {
    let shown = path.display();
    match basis {
        Basis::Published => {
            anyhow!("{shown} is not as published: {difference}; remove it, and fetch it again")
        }
        Basis::FirstFetch => anyhow!(
            "{shown} is not what was first fetched: {difference}; remove it and fetch it again, \
             or, if you replaced it on purpose, remove its entry from {}",
            Records::NAME
        ),
    }
}
