//! `sluice models fetch`.

use super::{FileState, basis_text, mismatch};
use crate::cli::exit::DONE;
use crate::model_files::catalogue::{Model, ModelFile, find};
use crate::model_files::fetch::{Source, fetch};
use crate::model_files::records::{Basis, Records, Verdict, check};
use crate::terminal::Progress;
use crate::terminal::outln;
use crate::terminal::units::size;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use indicatif::HumanBytes;
use recipe::usage::usage;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice models fetch gpt-neox-20b
  sluice models fetch ccnet:en ccnet:de --from https://mirror.example/cc_net/
  sluice models fetch lid.176.ftz --from ~/Downloads/lid.176.ftz

An interrupted download resumes when you run the same command again. A file that you put into the
folder yourself is compared with its published checksum; if there is none, its checksum is recorded
in models.json, for `sluice models verify`.";

/// Fetch models into the folder, from upstream, a mirror, or a disk
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Fetch {
    /// Names of models, as printed by `list`; for CCNet's models of a language, ccnet:en
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Fetch the file from this address or path. For several files, a folder: an address that ends
    /// with /, or a directory
    #[arg(long, value_name = "URL|PATH")]
    from: Option<String>,
    /// The size limit of a file whose size is not published
    #[arg(long, default_value = "16G", value_parser = size, value_name = "SIZE")]
    max_size: u64,
    /// The folder of models
    #[arg(long, default_value = "models", value_name = "DIR")]
    dir: PathBuf,
}

impl Fetch {
    pub fn run(self) -> Result<u8> {
        let models: Vec<Model> = self.names.iter().map(|name| find(name)).collect::<Result<_>>()?;
        let files: Vec<&ModelFile> = models.iter().flat_map(|model| &model.files).collect();
        let from = self.from.as_deref().map(|from| From::parse(from, files.len())).transpose()?;
        // All sources are resolved first, so that a wrong command does nothing.
        let sources: Vec<Option<Source>> =
            files.iter().map(|file| self.source(file, from.as_ref())).collect();
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create {}", self.dir.display()))?;
        let _lock = self.lock()?;
        let mut records = Records::open(&self.dir)?;
        for (file, source) in files.iter().zip(sources) {
            match source {
                Some(source) if !self.has(file) => self.fetch(file, &source, &mut records)?,
                _ => self.check(file, &mut records)?,
            }
        }
        Ok(DONE)
    }

    fn has(&self, file: &ModelFile) -> bool {
        matches!(FileState::of(&self.dir, file), FileState::Present(_))
    }

    /// Returns where to fetch `file` from; `None` if it exists.
    fn source(&self, file: &ModelFile, from: Option<&From>) -> Option<Source> {
        match from {
            _ if self.has(file) => None,
            Some(from) => Some(from.source(file)),
            None => Some(Source::Address(file.address.to_string())),
        }
    }

    /// Locks the folder against other fetches. The operating system unlocks it when the process
    /// ends.
    fn lock(&self) -> Result<File> {
        let path = self.dir.join("lock");
        let locking = || format!("cannot lock {}", path.display());
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(locking)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let dir = self.dir.display();
                Err(anyhow!("another sluice is fetching into {dir}; wait until it is done"))
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(locking),
        }
    }

    /// Compares an existing file with its checksum, or records its checksum if none is known.
    fn check(&self, file: &ModelFile, records: &mut Records) -> Result<()> {
        let path = self.dir.join(&file.path);
        let shown = path.display();
        match check(&self.dir, file, records)? {
            Verdict::Right(basis) => {
                outln!("{shown}: already present, as {}", basis_text(basis))?;
                Ok(())
            }
            Verdict::Wrong(basis, difference) => Err(mismatch(&path, basis, &difference)),
            Verdict::Unknown(found) => {
                let sha256 = found.sha256.clone();
                records.add(&file.path, found, "found in the folder")?;
                outln!("{shown}: already present; {}", recorded(&sha256))?;
                Ok(())
            }
        }
    }

    fn fetch(&self, file: &ModelFile, source: &Source, records: &mut Records) -> Result<()> {
        let path = self.dir.join(&file.path);
        let shown = path.display();
        let expected = records.expected(file);
        let checksum = expected.as_ref().map(|(checksum, _)| checksum);
        tracing::info!("{} from {source}", file.path);
        let mut row = Progress::new().row(&file.path);
        let found = fetch(source, &path, checksum, self.max_size, &mut row).map_err(|error| {
            let records = match &expected {
                Some((_, Basis::FirstFetch)) => format!(
                    "\nif upstream has a new version, and you want it: remove {} from {}",
                    file.path,
                    self.dir.join(Records::NAME).display()
                ),
                _ => String::new(),
            };
            anyhow!("{error:#}{records}\nby hand: put the file at {shown}, or name it with --from")
        })?;
        drop(row);
        let bytes = HumanBytes(found.bytes);
        match expected {
            Some((_, basis)) => outln!("{shown}: {bytes}, as {}", basis_text(basis))?,
            None => {
                let sha256 = found.sha256.clone();
                records.add(&file.path, found, &source.to_string())?;
                outln!("{shown}: {bytes}; {}", recorded(&sha256))?;
            }
        }
        Ok(())
    }
}

fn recorded(sha256: &str) -> String {
    let name = Records::NAME;
    format!("no checksum is published, so its SHA-256 was written to {name}: {sha256}")
}

/// What `--from` names.
enum From {
    One(Source),
    /// A folder, with the files under their names.
    Folder(Source),
}

impl From {
    /// Parses the flag's value, for a number of files.
    fn parse(text: &str, files: usize) -> Result<From> {
        let is_address = text.starts_with("http://") || text.starts_with("https://");
        if !is_address && text.contains("://") {
            return Err(usage(format!("--from {text}: use http://, https://, or a path")));
        }
        let (source, is_folder) = if is_address {
            (Source::Address(text.to_owned()), text.ends_with('/'))
        } else {
            (Source::Path(text.into()), Path::new(text).is_dir())
        };
        match (is_folder, files) {
            (true, _) => Ok(From::Folder(source)),
            (false, 1) => Ok(From::One(source)),
            (false, files) => Err(usage(format!(
                "--from {text} is one file, but {files} are to be fetched; name a folder that has \
                 them: an address that ends with /, or a directory"
            ))),
        }
    }

    fn source(&self, file: &ModelFile) -> Source {
        match self {
            From::One(source) => source.clone(),
            From::Folder(Source::Address(folder)) => {
                Source::Address(format!("{folder}{}", file.name()))
            }
            From::Folder(Source::Path(folder)) => Source::Path(folder.join(file.name())),
        }
    }
}
