//! `sluice trace`.

use super::exit::DONE;
use crate::addresses::address;
use crate::terminal::units::counted;
use crate::terminal::{outln, print_json};
use anyhow::Result;
use clap::Args;
use indicatif::HumanCount;
use recipe::usage::usage;
use serde_json::json;
use shards::{Tables, Traced};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice trace shards/00003-of-00016:1234567
  sluice trace shards/megatron/00003-of-00016.bin:1234567 --json
  sluice trace 'common_crawl/2019-30/a.warc.wet.gz#5' --export shards
  sluice show corpus 'common_crawl/2019-30/a.warc.wet.gz#5'

A position is the number of a token in its shard, from 0: the same in .bin, .npy
and .ds, and in the samples of .mds one after another.";

/// Trace a token of an export to its document, or a document to its tokens
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Trace {
    /// SHARD:POSITION, with the path of the shard or of one of its files; or the id of a document,
    /// SLICE/LABEL/SOURCE#RECORD
    what: String,
    /// The folder of the export of tokens; by default that of the shard, or the current one
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Trace {
    pub fn run(self) -> Result<u8> {
        // An id ends with the number of a record, and not with that of a token.
        let position = self.what.rsplit_once(':').and_then(|(shard, position)| {
            position.parse::<u64>().ok().map(|position| (shard, position))
        });
        let export = self.export.clone();
        let export = export.unwrap_or_else(|| export_of(position.map_or("", |(shard, _)| shard)));
        if [&export, Path::new(&self.what)].into_iter().any(|path| address(path).is_some()) {
            let what = "trace reads folders: copy manifest.json and provenance/ of the export here";
            return Err(usage(what));
        }
        let tables = || Tables::open(&export).map_err(wrong);
        let found = match position {
            Some((shard, position)) => vec![tables()?.at(shard, position).map_err(wrong)?],
            None if !self.what.contains('#') => {
                return Err(usage(format!(
                    "{}: SHARD:POSITION, such as 00003-of-00016:1234567, or an id, \
                     SLICE/LABEL/SOURCE#RECORD, is expected",
                    self.what
                )));
            }
            None => tables()?.of(&self.what).map_err(wrong)?,
        };
        if self.json {
            print_json(&json!(found))?;
            return Ok(DONE);
        }
        match (&found[..], position) {
            ([], _) => {
                let (what, export) = (&self.what, export.display());
                outln!("{what}: {export} has no tokens of it")?;
            }
            ([found], Some((_, position))) => print_document(found, Some(position))?,
            (all, _) => {
                print_document(&all[0], None)?;
                all.iter().try_for_each(print_place)?;
            }
        }
        Ok(DONE)
    }
}

/// Returns the folder of the export that has a shard: the nearest one above it with a list.
fn export_of(shard: &str) -> PathBuf {
    let above = Path::new(shard).ancestors().skip(1);
    let mut exports = above.filter(|folder| folder.join("manifest.json").is_file());
    let export = exports.next().filter(|folder| *folder != Path::new(""));
    export.unwrap_or(Path::new(".")).to_owned()
}

fn print_document(found: &Traced, position: Option<u64>) -> Result<()> {
    outln!("{}", found.id)?;
    outln!("   source  {} of {}/{}", found.source, found.slice, found.label)?;
    let offset = found.offset.map_or(String::new(), |byte| format!(", byte {}", HumanCount(byte)));
    outln!("   record  {}{offset}", found.record)?;
    if let Some(position) = position {
        print_place(found)?;
        let of = counted(found.end - found.begin, "token");
        outln!("    token  {} of its {of}, from 0", HumanCount(position - found.begin))?;
    }
    Ok(())
}

fn print_place(found: &Traced) -> Result<()> {
    let Traced { shard, begin, end, copy, .. } = found;
    let copy = if *copy > 0 { format!(", copy {copy}") } else { String::new() };
    let (begin, last) = (HumanCount(*begin), HumanCount(end.saturating_sub(1)));
    outln!("    shard  {shard}: tokens {begin} to {last}{copy}")
}

fn wrong(error: shards::Error) -> anyhow::Error {
    match error {
        shards::Error::Usage(what) => usage(what),
        error => error.into(),
    }
}
