//! `sluice models`.

mod fetch;
mod list;
mod verify;

use crate::catalogue::ModelFile;
use crate::checksums::{Basis, Records};
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

/// The model files that a recipe names: which there are, fetching them, checking them
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

/// What is there of a file.
enum Here {
    Absent,
    /// A download that was interrupted.
    Part(u64),
    Present(u64),
}

impl Here {
    pub fn look(dir: &Path, file: &ModelFile) -> Here {
        let bytes =
            |path: PathBuf| fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| m.len());
        if let Some(bytes) = bytes(dir.join(&file.path)) {
            return Here::Present(bytes);
        }
        let part = bytes(dir.join(format!("{}.part", file.path)));
        part.filter(|bytes| *bytes > 0).map_or(Here::Absent, Here::Part)
    }

    pub fn shown(&self) -> String {
        match self {
            Here::Absent => "no".into(),
            Here::Part(bytes) => format!("{} of it", HumanBytes(*bytes)),
            Here::Present(_) => "yes".into(),
        }
    }
}

/// What a file was compared with and found to be.
fn told(basis: Basis) -> &'static str {
    match basis {
        Basis::Published => "published",
        Basis::FirstFetch => "first fetched (no checksum is published)",
    }
}

/// The error of a file that is there, and is not what it should be.
fn wrong(path: &Path, basis: Basis, how: &str) -> anyhow::Error {
    let shown = path.display();
    match basis {
        Basis::Published => {
            anyhow!("{shown} is not as published: {how}; remove it, and fetch it again")
        }
        Basis::FirstFetch => anyhow!(
            "{shown} is not what was first fetched: {how}; remove it and fetch it again, \
             or, if it is meant to be another, remove its entry from {}",
            Records::NAME
        ),
    }
}
