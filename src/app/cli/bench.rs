//! `sluice bench`.

use super::exit::DONE;
use super::run_flags::{ClusterFlags, WORKER_BYTES};
use crate::inputs;
use crate::launch::{Launch, is_supervised};
use crate::machine::{self, status_bytes};
use crate::terminal::units;
use crate::terminal::{outln, print_json};
use crate::texts::keys;
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use corpus::Corpus;
use engine::bench::{BenchEngine, BenchOptions, Dumps, Joined, KeySource, Keys, Used, join_dumps};
use engine::{Engine, EpochSizes, cluster};
use indicatif::{HumanBytes, HumanCount};
use recipe::usage::usage;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const EXAMPLE: &str = "\
Example:
  sluice bench dedup --keys 50M
  sluice bench dedup --keys 50M --engine hash --json | jq .keys_per_cpu_second
  sluice bench dedup --input cc/2020-05/*.wet.gz";

/// Keys of epochs by default: of the first ones, and no limit for those after many.
const EPOCH_KEYS: EpochSizes = EpochSizes { least: 4_000_000, most: u64::MAX };

/// Measure the speed of this machine
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

/// Measure the throughput of the dedup-join on a first dump, then on an increment to it
#[derive(Args)]
#[command(after_help = EXAMPLE)]
struct Dedup {
    /// Number of generated keys in the first dump
    #[arg(long, default_value = "10M", value_parser = units::count, value_name = "N")]
    keys: u64,
    /// Take the keys from the paragraphs of these files, WET or JSON lines with a text: files,
    /// globs, folders, @lists. The last files are the second dump
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with_all = ["keys", "duplicates"])]
    input: Vec<String>,
    /// The share of generated keys that repeat an earlier one
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    duplicates: f64,
    /// The second dump, as a share of the first
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    increment: f64,
    /// Keys per epoch; by default 4M, and more the more keys are stored
    #[arg(long, value_parser = units::count, value_name = "N")]
    epoch_keys: Option<u64>,
    /// Memory that this process may use, roughly; by default 2G for each worker
    #[arg(long, value_parser = units::size, value_name = "SIZE")]
    memory: Option<u64>,
    /// The index used for deduplication
    #[arg(long, default_value = "arrangement")]
    engine: EngineName,
    /// The folder for the state while it runs; by default a temporary folder
    #[arg(long, value_name = "DIR", overrides_with = "dir")]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cluster: ClusterFlags,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    /// The durable arrangement
    Arrangement,
    /// Differential dataflow's reduce
    Differential,
    /// A hash map in memory: the upper bound of speed
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

impl Dedup {
    fn run(self) -> Result<u8> {
        if self.keys == 0 || self.epoch_keys == Some(0) {
            return Err(usage("at least one key, and one key in an epoch, are needed"));
        }
        if !(0.0..=1.0).contains(&self.duplicates) || !(0.0..=10.0).contains(&self.increment) {
            return Err(usage("--duplicates is a share from 0 to 1, --increment from 0 to 10"));
        }
        let cluster = self.cluster.cluster()?;
        let is_one_of_several =
            cluster.processes() > 1 && (is_supervised() || self.cluster.hostfile.is_some());
        if !is_one_of_several {
            let state = match &self.dir {
                Some(dir) => tempfile::tempdir_in(dir),
                None => tempfile::tempdir(),
            };
            let state = state.context("cannot create a folder for the state")?;
            return match cluster.processes() {
                1 => self.measure(state.path(), &cluster),
                processes => {
                    let is_text = |argument: OsString| {
                        argument.into_string().map_err(|_| usage("an argument is not UTF-8"))
                    };
                    let mut arguments: Vec<String> =
                        std::env::args_os().skip(1).map(is_text).collect::<Result<_>>()?;
                    arguments.extend(["--dir".into(), state.path().display().to_string()]);
                    Launch { arguments, retries: 0 }.here(processes)
                }
            };
        }
        let dir = self.dir.clone().context(usage("processes started by hand need one --dir"))?;
        self.measure(&dir, &cluster)
    }

    /// Runs the dumps, with the state in `dir`, and prints the results.
    fn measure(&self, dir: &Path, cluster: &cluster::Cluster) -> Result<u8> {
        let dumps = self.dumps()?;
        // The other processes read it after they have met the first one.
        let corpus = Corpus::create(dir)?;
        let meeting = cluster::meet(cluster)?;
        let ended = Arc::new(Mutex::new(vec![(Instant::now(), Joined::default())]));
        let ends = ended.clone();
        let after = move |joined: Joined| {
            ends.lock().expect("no worker panicked").push((Instant::now(), joined));
        };
        let workers = self.cluster.workers();
        let options = BenchOptions {
            engine: self.engine.engine(),
            workers,
            worker_bytes: self.memory.map_or(WORKER_BYTES, |all| all / workers as u64),
            epochs: self.epoch_keys.map_or(EPOCH_KEYS, EpochSizes::equal),
            measure: used_up,
        };
        join_dumps(&corpus, meeting, dumps, options, after)?;
        if cluster.process > 0 {
            return Ok(DONE);
        }
        let ended = ended.lock().expect("no worker panicked");
        let rows = ended.windows(2).map(|two| self.row(&two[0], &two[1]));
        let rows: Vec<Value> = rows.collect();
        for (_, joined) in &ended[1..] {
            let Joined { facts, repeats, .. } = *joined;
            anyhow::ensure!(
                repeats.is_none_or(|repeats| repeats == facts),
                "{facts} duplicates found, but {repeats:?} keys repeat earlier ones: this is a bug"
            );
        }
        if self.json {
            let mut report = rows[0].clone();
            report["increment"] = rows.get(1).cloned().unwrap_or(Value::Null);
            print_json(&report)?;
        } else {
            print_rows(&rows)?;
        }
        Ok(DONE)
    }

    /// Returns the first dump and, if the increment is not empty, the second.
    fn dumps(&self) -> Result<Dumps> {
        let share = self.increment / (1.0 + self.increment);
        if self.input.is_empty() {
            let added = (self.keys as f64 * self.increment) as u64;
            let ranges = [0..self.keys, self.keys..self.keys + added];
            let generated = |range| {
                let keys = Keys { range, duplicates: self.duplicates };
                let source = move |worker, workers| keys.clone().source(worker, workers);
                Arc::new(source) as Arc<dyn Fn(usize, usize) -> KeySource + Send + Sync>
            };
            return Ok(ranges.into_iter().filter(|r| !r.is_empty()).map(generated).collect());
        }
        let sources = inputs::files(&self.input)?;
        let all: u64 = sources.iter().map(|source| source.bytes).sum();
        let mut remaining = all;
        let second = sources.iter().position(|source| {
            let begins_here = remaining as f64 <= all as f64 * share;
            remaining -= source.bytes;
            begins_here
        });
        let second = second.unwrap_or(sources.len()).max(1);
        let paths: Vec<PathBuf> = sources.into_iter().map(|source| source.path.into()).collect();
        let (first, rest) = paths.split_at(second);
        let mut dumps: Dumps = vec![Arc::new(keys::of_files(first.into(), 0))];
        if !rest.is_empty() {
            dumps.push(Arc::new(keys::of_files(rest.into(), second)));
        }
        Ok(dumps)
    }

    fn row(&self, before: &(Instant, Joined), after: &(Instant, Joined)) -> Value {
        let joined = &after.1;
        let cpu = cpu_seconds(joined) - cpu_seconds(&before.1);
        json!({
            "engine": self.engine.name(),
            "workers": self.cluster.workers(),
            "processes": self.cluster.processes,
            "documents": joined.documents,
            "keys": joined.keys,
            "bytes": joined.bytes,
            "seconds": (after.0 - before.0).as_secs_f64(),
            "cpu_seconds": cpu,
            "keys_per_cpu_second": joined.keys as f64 / cpu,
            "mb_per_cpu_second": joined.bytes as f64 / 1e6 / cpu,
            "peak_rss_bytes": by_process(joined).map(|used| used.peak_bytes).sum::<u64>(),
            "state_disk_bytes": arrangement::disk_bytes(&joined.runs),
            "state_resident_bytes": joined.runs.iter().map(|run| run.resident_bytes()).sum::<u64>(),
            "state_runs": joined.runs.len(),
            "state_keys": joined.runs.iter().map(|run| run.entries).sum::<u64>(),
            "facts": joined.facts,
            "repeats": joined.repeats,
            "checksum": joined.checksum,
        })
    }
}

/// Returns what each process had used when its last worker was done.
fn by_process(joined: &Joined) -> impl Iterator<Item = Used> {
    let mut used = joined.used.clone();
    used.sort_by(|a, b| {
        (a.process, b.cpu_seconds).partial_cmp(&(b.process, a.cpu_seconds)).expect("times")
    });
    used.dedup_by_key(|used| used.process);
    used.into_iter()
}

fn cpu_seconds(joined: &Joined) -> f64 {
    by_process(joined).map(|used| used.cpu_seconds).sum()
}

/// Returns the CPU seconds and the peak memory of this process so far.
fn used_up() -> (f64, u64) {
    (machine::cpu_seconds(), status_bytes("VmHWM:"))
}

/// A value of a dump, as it is printed.
type Cell = fn(&Value) -> String;

fn count(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or(0)
}

fn real(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or(0.0)
}

/// Prints a column for each dump.
fn print_rows(rows: &[Value]) -> Result<()> {
    let mut table = Table::new();
    let dumps = ["first dump", "increment"];
    table.load_style(UTF8_BORDERS_ONLY);
    let engine = rows[0]["engine"].as_str().unwrap_or_default();
    table.set_header(std::iter::once(engine).chain(dumps).take(rows.len() + 1));
    let lines: [(&str, Cell); 9] = [
        ("keys", |row| HumanCount(count(row, "keys")).to_string()),
        ("duplicates found", |row| HumanCount(count(row, "facts")).to_string()),
        ("wall time, s", |row| format!("{:.2}", real(row, "seconds"))),
        ("CPU time, s", |row| format!("{:.2}", real(row, "cpu_seconds"))),
        ("M keys / CPU s", |row| format!("{:.2}", real(row, "keys_per_cpu_second") / 1e6)),
        ("state on disk", |row| HumanBytes(count(row, "state_disk_bytes")).to_string()),
        ("runs of the state", |row| count(row, "state_runs").to_string()),
        ("bytes / key", |row| {
            let keys = count(row, "state_keys").max(1) as f64;
            format!("{:.1}", count(row, "state_disk_bytes") as f64 / keys)
        }),
        ("peak memory", |row| HumanBytes(count(row, "peak_rss_bytes")).to_string()),
    ];
    for (name, value) in lines {
        table.add_row(std::iter::once(name.to_owned()).chain(rows.iter().map(value)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    outln!("{table}")?;
    if let [first, second] = rows {
        let shares = [
            real(second, "cpu_seconds") / real(first, "cpu_seconds").max(1e-9),
            count(second, "keys") as f64 / count(first, "keys").max(1) as f64,
        ];
        let [cost, keys] = shares.map(|share| 100.0 * share);
        outln!("the increment has {keys:.0} % of the keys, and took {cost:.0} % of the CPU time")?;
    }
    Ok(())
}
