//! `sluice bench`.

use super::DONE;
use crate::units::count;
use crate::usage::usage;
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use corpus::Corpus;
use engine::Engine;
use engine::bench::{BenchEngine, Joined, Keys, join_keys};
use indicatif::{HumanBytes, HumanCount};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

const EXAMPLE: &str = "\
Example:
  sluice bench dedup --keys 50M --engine arrangement -w 2
  sluice bench dedup --keys 50M --engine hash -w 2 --json | jq .keys_per_cpu_second";

/// Measure this machine
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Dedup(Dedup),
}

/// Throughput of the dedup-join on made-up keys, then that of an increment to them
#[derive(Args)]
#[command(after_help = EXAMPLE)]
struct Dedup {
    /// Keys of the first dump
    #[arg(long, default_value = "10M", value_parser = count, value_name = "N")]
    keys: u64,
    /// The share of keys that repeat an earlier one
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    duplicates: f64,
    /// The second dump, as a share of the first
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    increment: f64,
    /// Keys in an epoch
    #[arg(long, default_value = "4M", value_parser = count, value_name = "N")]
    epoch_keys: u64,
    /// What stands behind deduplication
    #[arg(long, default_value = "arrangement")]
    engine: EngineName,
    /// Workers (threads)
    #[arg(short = 'w', long, default_value_t = 1, value_name = "N")]
    workers: usize,
    /// Where to keep the state meanwhile; a temporary folder where not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    /// The durable arrangement
    Arrangement,
    /// Differential dataflow's reduce
    Differential,
    /// A hash map in memory: the limit of speed
    Hash,
}

impl EngineName {
    fn name(self) -> &'static str {
        match self {
            EngineName::Arrangement => "arrangement",
            EngineName::Differential => "differential",
            EngineName::Hash => "hash",
        }
    }

    fn engine(self) -> BenchEngine {
        match self {
            EngineName::Arrangement => BenchEngine::Join(Engine::Arrangement),
            EngineName::Differential => BenchEngine::Join(Engine::Differential),
            EngineName::Hash => BenchEngine::Hash,
        }
    }
}

impl Bench {
    pub fn run(self) -> Result<u8> {
        let What::Dedup(dedup) = self.what;
        dedup.run()
    }
}

/// Time and memory at one moment.
struct Moment {
    wall: Instant,
    cpu_seconds: f64,
}

impl Moment {
    fn now() -> Moment {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu_seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        Moment { wall: Instant::now(), cpu_seconds }
    }
}

impl Dedup {
    fn run(self) -> Result<u8> {
        if self.workers == 0 || self.keys == 0 || self.epoch_keys == 0 {
            return Err(usage("at least one worker, one key, and one key in an epoch are needed"));
        }
        if !(0.0..=1.0).contains(&self.duplicates) || !(0.0..=10.0).contains(&self.increment) {
            return Err(usage("--duplicates is a share from 0 to 1, --increment from 0 to 10"));
        }
        let made = match &self.dir {
            Some(dir) => tempfile::tempdir_in(dir),
            None => tempfile::tempdir(),
        }
        .context("cannot make a folder for the state")?;
        let corpus = Corpus::create(made.path())?;
        let added = (self.keys as f64 * self.increment) as u64;
        let ranges = [0..self.keys, self.keys..self.keys + added];
        let parts: Vec<Keys> = ranges
            .into_iter()
            .filter(|range| !range.is_empty())
            .map(|range| Keys { range, duplicates: self.duplicates, epoch: self.epoch_keys })
            .collect();
        let sizes: Vec<u64> = parts.iter().map(|part| part.range.end - part.range.start).collect();
        let (mut rows, head) = (Vec::new(), self.head());
        let mut before = Moment::now();
        join_keys(&corpus, self.engine.engine(), self.workers, &parts, |joined| {
            let now = Moment::now();
            rows.push(row(&head, sizes[rows.len()], &before, &now, joined));
            before = Moment::now();
        });
        match self.json {
            true => {
                let increment = if rows.len() > 1 { rows.remove(1) } else { Value::Null };
                let mut whole = rows.remove(0);
                whole["increment"] = increment;
                println!("{}", serde_json::to_string_pretty(&whole)?);
            }
            false => rows.iter().for_each(tell),
        }
        Ok(DONE)
    }

    fn head(&self) -> Value {
        json!({"engine": self.engine.name(), "workers": self.workers, "processes": 1})
    }
}

fn row(head: &Value, keys: u64, before: &Moment, after: &Moment, joined: &Joined) -> Value {
    let cpu = after.cpu_seconds - before.cpu_seconds;
    let bytes = keys * 8;
    let mut row = head.clone();
    let measured = json!({
        "documents": keys,
        "keys": keys,
        "bytes": bytes,
        "seconds": (after.wall - before.wall).as_secs_f64(),
        "cpu_seconds": cpu,
        "keys_per_cpu_second": keys as f64 / cpu,
        "mb_per_cpu_second": bytes as f64 / 1e6 / cpu,
        "peak_rss_bytes": peak_rss_bytes(),
        "state_disk_bytes": joined.runs.iter().map(|run| run.bytes).sum::<u64>(),
        "state_resident_bytes": joined.runs.iter().map(|run| run.resident_bytes()).sum::<u64>(),
        "state_runs": joined.runs.len(),
        "state_keys": joined.runs.iter().map(|run| run.entries).sum::<u64>(),
        "facts": joined.facts,
        "checksum": joined.checksum,
    });
    for (name, value) in measured.as_object().expect("an object above") {
        row[name] = value.clone();
    }
    row
}

/// The most memory the process ever had resident.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn tell(row: &Value) {
    let number = |name: &str| row[name].as_u64().unwrap_or(0);
    println!(
        "{}: {} keys in {:.2} s, {:.2} CPU s, {:.2} M keys per CPU second; {} duplicates; \
         {} on disk in {} runs ({:.1} bytes a key), peak memory {}",
        row["engine"].as_str().unwrap_or_default(),
        HumanCount(number("keys")),
        row["seconds"].as_f64().unwrap_or(0.0),
        row["cpu_seconds"].as_f64().unwrap_or(0.0),
        row["keys_per_cpu_second"].as_f64().unwrap_or(0.0) / 1e6,
        HumanCount(number("facts")),
        HumanBytes(number("state_disk_bytes")),
        number("state_runs"),
        number("state_disk_bytes") as f64 / number("state_keys").max(1) as f64,
        HumanBytes(number("peak_rss_bytes")),
    );
}
