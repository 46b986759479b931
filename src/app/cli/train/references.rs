//! `sluice train references`.

use super::stages::Stages;
use super::{OutputFlags, exit_code};
use crate::inputs;
use crate::terminal::log::is_quiet;
use crate::terminal::{outln, print_json};
use crate::texts::{Passed, plain_lines};
use anyhow::{Context, Result};
use clap::Args;
use durable::{AtomicFile, Finished};
use indicatif::HumanCount;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use text::references::references;

const EXAMPLE: &str = "\
Example:
  sluice train references enwiki-*-pages-articles.xml.bz2 --out addresses.txt
  shuf addresses.txt | head -500000 > some.txt
  wget -i some.txt --timeout 5 --tries 1 --delete-after --warc-file references

Upstream fetched pages until it had 300,000. Their texts, after the steps of CommonCrawl, are the
--positive of `sluice train classifier`.";

/// List the addresses that Wikipedia's articles refer to, for a crawler: examples of pages to keep
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct References {
    /// The file to write, one address per line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Dumps of Wikipedia's articles in XML, plain or compressed
    #[arg(required = true, value_name = "DUMP")]
    inputs: Vec<String>,
    #[command(flatten)]
    output: OutputFlags,
}

impl References {
    pub fn run(self) -> Result<u8> {
        let dumps = inputs::files(&self.inputs)?;
        let cannot_write = || format!("cannot write {}", self.out.display());
        let mut out = AtomicFile::create(&self.out).with_context(cannot_write)?;
        let (mut stages, mut passed) = (Stages::new(), Passed::default());
        let (mut lines, mut addresses) = (0, 0);
        for dump in dumps {
            plain_lines(dump.path.as_ref(), &mut passed, &mut |line| {
                stages.count("reading lines", lines);
                lines += 1;
                for address in references(line) {
                    addresses += 1;
                    writeln!(out, "{address}").with_context(cannot_write)?;
                }
                Ok(())
            })?;
        }
        out.finish().and_then(Finished::publish).with_context(cannot_write)?;
        drop(stages);
        passed.print();
        if self.output.json {
            let mut report = json!({"addresses": addresses, "lines": lines, "file": self.out});
            passed.add_to(&mut report);
            print_json(&report)?;
        } else if !is_quiet() {
            outln!("{} addresses in {}", HumanCount(addresses), self.out.display())?;
        }
        Ok(exit_code(&passed))
    }
}
