//! `sluice models`.

use super::{DONE, FAILED};
use crate::catalogue::{CCNET_LANGUAGES, CCNET_PURPOSE, Model, ModelFile, find, models};
use crate::checksums::{Basis, Checksum, Records, Verdict, check};
use crate::fetch::{Source, fetch};
use crate::meter::Meter;
use crate::usage::usage;
use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use indicatif::HumanBytes;
use serde_json::{Value, json};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice models list
  sluice models fetch gpt-neox-20b
  sluice models fetch lid.176.ftz --from ~/Downloads/lid.176.ftz
  sluice models verify";

const LIST_EXAMPLE: &str = "\
Example:
  sluice models list
  sluice models list --json | jq -r '.models[].files[] | select(.state == \"present\").file'";

const FETCH_EXAMPLE: &str = "\
Example:
  sluice models fetch gpt-neox-20b
  sluice models fetch ccnet:en ccnet:de --from https://mirror.example/cc_net/
  sluice models fetch lid.176.ftz --from ~/Downloads/lid.176.ftz

A download that was interrupted goes on where it was when the same command is given again. A file
that you put into the folder yourself is compared with its published checksum; if it has none, what
it is now is written down in models.json, for `sluice models verify`.";

const VERIFY_EXAMPLE: &str = "\
Example:
  sluice models verify && echo sound
  sluice models verify /data/models --json | jq .wrong";

/// The model files that a recipe names: which there are, fetching them, checking them
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    List(List),
    Fetch(Fetch),
    Verify(Verify),
}

/// Every model: what it is for, its files and sizes, and which are there
#[derive(Args)]
#[command(after_help = LIST_EXAMPLE)]
struct List {
    /// The folder of models
    #[arg(long, default_value = "models", value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Bring models into the folder, from upstream, a mirror, or a disk
#[derive(Args)]
#[command(after_help = FETCH_EXAMPLE)]
struct Fetch {
    /// The models, as `list` names them; ccnet:en and so on for those of a language
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Take the file from this address or path. For several files a folder: an address that ends
    /// with /, or a directory
    #[arg(long, value_name = "URL|PATH")]
    from: Option<String>,
    /// The folder of models
    #[arg(long, default_value = "models", value_name = "DIR")]
    dir: PathBuf,
}

/// Compare the files that are there with their published checksums, or with those of their first fetch
#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLE)]
struct Verify {
    /// The folder of models
    #[arg(default_value = "models")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    fn look(dir: &Path, file: &ModelFile) -> Here {
        let bytes =
            |path: PathBuf| fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| m.len());
        if let Some(bytes) = bytes(dir.join(&file.path)) {
            return Here::Present(bytes);
        }
        let part = bytes(dir.join(format!("{}.part", file.path)));
        part.filter(|bytes| *bytes > 0).map_or(Here::Absent, Here::Part)
    }

    fn shown(&self) -> String {
        match self {
            Here::Absent => "no".into(),
            Here::Part(bytes) => format!("{} of it", HumanBytes(*bytes)),
            Here::Present(_) => "yes".into(),
        }
    }
}

impl List {
    fn run(self) -> Result<u8> {
        let records = Records::open(&self.dir)?;
        match self.json {
            true => {
                let models: Vec<Value> =
                    models().iter().map(|model| self.model_json(model, &records)).collect();
                let all = json!({"dir": self.dir, "models": models});
                println!("{}", serde_json::to_string_pretty(&all)?);
            }
            false => self.print(&records),
        }
        Ok(DONE)
    }

    fn model_json(&self, model: &Model, records: &Records) -> Value {
        let file_json = |file: &ModelFile| {
            let expected = records.expected(file);
            let (state, here) = match Here::look(&self.dir, file) {
                Here::Absent => ("absent", 0),
                Here::Part(bytes) => ("part", bytes),
                Here::Present(bytes) => ("present", bytes),
            };
            json!({
                "file": file.path,
                "address": file.address,
                "bytes": expected.as_ref().map(|(checksum, _)| checksum.bytes),
                "sha256": expected.as_ref().map(|(checksum, _)| &checksum.sha256),
                "sha256_from": expected.as_ref().map(|(_, basis)| basis.name()),
                "state": state,
                "bytes_here": here,
            })
        };
        let files: Vec<Value> = model.files.iter().map(file_json).collect();
        json!({
            "name": model.name,
            "purpose": model.purpose,
            "licence": model.licence,
            "about": model.about,
            "files": files,
        })
    }

    fn print(&self, records: &Records) {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header(["name", "for", "file", "size", "here", "licence"]);
        let models = models();
        let (ccnet, others): (Vec<&Model>, Vec<&Model>) =
            models.iter().partition(|model| model.purpose == CCNET_PURPOSE);
        let unknown = || "not known".to_owned();
        for model in others {
            for file in &model.files {
                let here = Here::look(&self.dir, file);
                let size = match (records.expected(file), &here) {
                    (Some((expected, _)), _) => HumanBytes(expected.bytes).to_string(),
                    (None, Here::Present(bytes)) => HumanBytes(*bytes).to_string(),
                    _ => unknown(),
                };
                table.add_row([
                    model.name.clone(),
                    model.purpose.to_owned(),
                    file.path.clone(),
                    size,
                    here.shown(),
                    model.licence.map_or_else(unknown, str::to_owned),
                ]);
            }
        }
        for (number, kind) in ["arpa.bin", "sp.model"].into_iter().enumerate() {
            let has = |model: &&&Model| {
                matches!(Here::look(&self.dir, &model.files[number]), Here::Present(_))
            };
            let here: Vec<&str> =
                ccnet.iter().filter(has).filter_map(|model| model.name.split(':').nth(1)).collect();
            table.add_row([
                "ccnet:LANG".to_owned(),
                CCNET_PURPOSE.to_owned(),
                format!("ccnet/LANG.{kind}"),
                unknown(),
                if here.is_empty() { "no".to_owned() } else { here.join(" ") },
                unknown(),
            ]);
        }
        println!("{table}");
        println!("below {}; LANG is one of:", self.dir.display());
        for languages in CCNET_LANGUAGES.chunks(24) {
            println!("  {}", languages.join(" "));
        }
        println!(
            "fetched by their name alone: {}; others need --from",
            names_with_address(&models)
        );
    }
}

fn names_with_address(models: &[Model]) -> String {
    let all = |model: &&Model| model.files.iter().all(|file| file.address.is_some());
    let names: Vec<&str> = models.iter().filter(all).map(|model| model.name.as_str()).collect();
    names.join(", ")
}

impl Fetch {
    fn run(self) -> Result<u8> {
        let models: Vec<Model> = self.names.iter().map(|name| find(name)).collect::<Result<_>>()?;
        let files: Vec<(&Model, &ModelFile)> = models
            .iter()
            .flat_map(|model| model.files.iter().map(move |file| (model, file)))
            .collect();
        let from = self.from.as_deref().map(|from| From::read(from, files.len())).transpose()?;
        // All are looked at before anything is done, so that a wrong command does nothing.
        let sources = files
            .iter()
            .map(|(model, file)| self.source(model, file, from.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot make {}", self.dir.display()))?;
        let _lock = self.lock()?;
        let mut records = Records::open(&self.dir)?;
        for ((_, file), source) in files.iter().zip(sources) {
            match source {
                Some(source) if !self.has(file) => self.bring(file, &source, &mut records)?,
                _ => self.keep(file, &mut records)?,
            }
        }
        Ok(DONE)
    }

    fn has(&self, file: &ModelFile) -> bool {
        matches!(Here::look(&self.dir, file), Here::Present(_))
    }

    /// Where to take `file` from; `None` if it is there.
    fn source(
        &self,
        model: &Model,
        file: &ModelFile,
        from: Option<&From>,
    ) -> Result<Option<Source>> {
        match (from, file.address) {
            _ if self.has(file) => Ok(None),
            (Some(from), _) => Ok(Some(from.source(file))),
            (None, Some(address)) => Ok(Some(Source::Address(address.to_owned()))),
            (None, None) => {
                let (name, about) = (file.name(), model.about);
                let path = self.dir.join(&file.path);
                Err(usage(format!(
                    "no address of {name} is known here. {about}. Get it, and name it with \
                     --from, or put it at {}",
                    path.display()
                )))
            }
        }
    }

    /// One `fetch` at a time into a folder. The operating system lets go when the process ends.
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

    /// Compares a file that is there already; writes down what it is if nothing is known of it.
    fn keep(&self, file: &ModelFile, records: &mut Records) -> Result<()> {
        let path = self.dir.join(&file.path);
        let shown = path.display();
        match check(&self.dir, file, records)? {
            Verdict::Right(basis) => {
                println!("{shown}: there already, and as {}", told(basis));
                Ok(())
            }
            Verdict::Wrong(basis, how) => Err(wrong(&path, basis, &how)),
            Verdict::Unknown(found) => {
                let sha256 = found.sha256.clone();
                records.add(&file.path, found, "found in the folder")?;
                println!("{shown}: there already; {}", written_down(&sha256));
                Ok(())
            }
        }
    }

    fn bring(&self, file: &ModelFile, source: &Source, records: &mut Records) -> Result<()> {
        let path = self.dir.join(&file.path);
        let shown = path.display();
        let expected = records.expected(file);
        let checksum = expected.as_ref().map(|(checksum, _)| checksum);
        eprintln!("{} from {source}", file.path);
        let mut meter = Meter::new(&file.path);
        let found = fetch(source, &path, checksum, &mut meter).map_err(|error| {
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
        drop(meter);
        let bytes = HumanBytes(found.bytes);
        match expected {
            Some((_, basis)) => println!("{shown}: {bytes}, as {}", told(basis)),
            None => {
                let sha256 = found.sha256.clone();
                records.add(&file.path, found, &source.to_string())?;
                println!("{shown}: {bytes}; {}", written_down(&sha256));
            }
        }
        Ok(())
    }
}

fn told(basis: Basis) -> &'static str {
    match basis {
        Basis::Published => "published",
        Basis::FirstFetch => "first fetched (no checksum is published)",
    }
}

fn written_down(sha256: &str) -> String {
    let name = Records::NAME;
    format!("no checksum is published, so its SHA-256 was written to {name}: {sha256}")
}

/// The error of a file that is there, and is not what it should be.
fn wrong(path: &Path, basis: Basis, how: &str) -> anyhow::Error {
    let shown = path.display();
    match basis {
        Basis::Published => {
            anyhow!("{shown} is not as published: {how}; remove it, and give the command again")
        }
        Basis::FirstFetch => anyhow!(
            "{shown} is not what was first fetched: {how}; remove it and give the command again, \
             or, if it is meant to be another, remove its entry from {}",
            Records::NAME
        ),
    }
}

/// What `--from` names.
enum From {
    One(Source),
    /// A folder, with the files under their names.
    Folder(Source),
}

impl From {
    /// Reads what was typed, for so many files.
    fn read(text: &str, files: usize) -> Result<From> {
        let is_address = text.starts_with("http://") || text.starts_with("https://");
        if !is_address && text.contains("://") {
            return Err(usage(format!("--from {text}: use http://, https://, or a path")));
        }
        let (source, is_folder) = match is_address {
            true => (Source::Address(text.to_owned()), text.ends_with('/')),
            false => (Source::Path(text.into()), Path::new(text).is_dir()),
        };
        match (is_folder, files) {
            (true, _) => Ok(From::Folder(source)),
            (false, 1) => Ok(From::One(source)),
            (false, files) => Err(usage(format!(
                "--from {text} is one file, and {files} are asked for; name a folder that has them: \
                 an address that ends with /, or a directory"
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

/// A file that is there, compared.
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
        let (state, how) = match &self.verdict {
            Verdict::Right(_) => ("right", None),
            Verdict::Wrong(_, how) => ("wrong", Some(how)),
            Verdict::Unknown(_) => ("unknown", None),
        };
        json!({
            "file": self.file,
            "state": state,
            "how": how,
            "bytes": self.bytes,
            "sha256_expected": self.expected.as_ref().map(|(checksum, _)| &checksum.sha256),
            "sha256_from": self.expected.as_ref().map(|(_, basis)| basis.name()),
        })
    }
}

impl Verify {
    fn run(self) -> Result<u8> {
        if !self.dir.is_dir() {
            let dir = self.dir.display();
            return Err(anyhow!("there is no folder {dir}; name that of the models"));
        }
        let records = Records::open(&self.dir)?;
        let mut all = Vec::new();
        for file in models().iter().flat_map(|model| &model.files) {
            if let Here::Present(bytes) = Here::look(&self.dir, file) {
                let verdict = check(&self.dir, file, &records)?;
                let (file, expected) = (file.path.clone(), records.expected(file));
                all.push(Compared { file, bytes, verdict, expected });
            }
        }
        let wrong = all.iter().filter(|compared| compared.is_wrong()).count();
        match self.json {
            true => {
                let files: Vec<Value> = all.iter().map(Compared::json).collect();
                let unknown = all.iter().filter(|compared| compared.is_unknown()).count();
                let right = all.len() - wrong - unknown;
                let dir = &self.dir;
                let told = json!({
                    "dir": dir, "files": files, "right": right, "wrong": wrong, "unknown": unknown,
                });
                println!("{}", serde_json::to_string_pretty(&told)?);
            }
            false => self.print(&all, wrong),
        }
        Ok(if wrong == 0 { DONE } else { FAILED })
    }

    fn print(&self, all: &[Compared], wrong_count: usize) {
        for compared in all {
            let path = self.dir.join(&compared.file);
            match &compared.verdict {
                Verdict::Right(basis) => println!("{}: as {}", path.display(), told(*basis)),
                Verdict::Wrong(basis, how) => println!("{:#}", wrong(&path, *basis, how)),
                Verdict::Unknown(_) => println!(
                    "{}: no checksum is published or written down; `sluice models fetch` with its \
                     name writes down what it is",
                    path.display()
                ),
            }
        }
        let unknown = all.iter().filter(|compared| compared.is_unknown()).count();
        match (all.len(), wrong_count, unknown) {
            (0, ..) => println!("no model file that is known here is in {}", self.dir.display()),
            (files, 0, 0) => println!("{files} files, all as they should be"),
            (files, wrong, unknown) => {
                println!("{files} files: {wrong} wrong, {unknown} with nothing to compare with");
            }
        }
    }
}
