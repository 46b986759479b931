//! From the sample to the whole.

use super::amounts::{Amounts, Quantity};
use super::join_cost::{EpochKeys, JoinCost, bytes_per_key, work};
use super::measure::Measured;
use super::memory::{Load, Memory};
use super::of_slice::{Grown, SliceSample, of_slice};
use super::{Machines, Options};
use crate::ingest::epoch_share;
use anyhow::Result;
use arrangement::RunMeta;
use corpus::Manifest;
use engine::{CommitEvery, EpochSizes};
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of an update and of a fact on the network, beside the key.
const MESSAGE_BYTES: f64 = 16.0;

/// What is known beside the sample.
pub(crate) struct Context<'a> {
    /// The manifest with the labels to build.
    pub planned: &'a Manifest,
    /// The indexes of the corpus.
    pub history: Option<&'a BTreeMap<String, Vec<RunMeta>>>,
    pub models_cpu: f64,
    pub models_bytes: u64,
    pub join: JoinCost,
    /// Size of the keys of each index.
    pub key_bytes: BTreeMap<String, u32>,
    /// Bytes of a ledger file besides its rows.
    pub ledger_file_bytes: f64,
    /// A folder for temporary files.
    pub folder: &'a Path,
    pub options: &'a Options,
}

/// A part of the CPU time.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub name: String,
    pub cpu_seconds: f64,
}

/// What the build takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forecast {
    /// Bytes of the sources, as stored.
    pub stored: f64,
    /// Everything but what follows.
    pub amounts: Amounts,
    /// The standard deviation of each quantity, as a share; `None` if the sample does not show it.
    pub deviations: BTreeMap<Quantity, f64>,
    /// CPU seconds that each process takes once, for models. In `amounts` once.
    pub once: f64,
    /// CPU seconds of the dedup-join that follow from the size of the indexes. In `amounts`.
    pub join_growth: f64,
    /// What the join takes for each key, as measured.
    pub join: JoinCost,
    /// CPU seconds by what they are for, largest first.
    pub costs: Vec<Cost>,
    pub growth: Vec<Grown>,
    /// Bytes of the indexes that are added, and of those that are there.
    pub state: f64,
    pub state_before: f64,
    /// Wall clock of this machine, as loaded as it is now.
    pub seconds_here: f64,
    /// Wall clock of the machines, if all their cores are free.
    pub seconds_there: Option<f64>,
    /// Wall clock below which no number of workers gets: one worker reads the largest source.
    pub seconds_least: f64,
    pub memory: Memory,
    /// Memory of a process on the machines.
    pub memory_there: Option<Memory>,
    /// Bytes that cross the network between the machines.
    pub network: f64,
}

/// Forecasts the build.
///
/// # Errors
/// If the size of stored keys cannot be measured.
pub(crate) fn forecast(
    slices: Vec<SliceSample>,
    is_everything: bool,
    context: &Context<'_>,
) -> Result<Forecast> {
    let (once, join) = (context.models_cpu, context.join);
    let mut all = Forecast { once, join, ..Forecast::default() };
    let mut variances: BTreeMap<Quantity, f64> = BTreeMap::new();
    let mut sampled = Measured::default();
    for slice in &slices {
        let found = of_slice(slice);
        all.once += found.once;
        all.stored += found.left;
        all.amounts.add(&found.amounts);
        all.seconds_least = all.seconds_least.max(found.seconds_least);
        for (quantity, deviation) in found.deviations {
            *variances.entry(quantity).or_default() += deviation.powi(2);
        }
        let prefix = if slices.len() > 1 { format!("{}: ", slice.name) } else { String::new() };
        all.costs.extend(costs(
            &prefix,
            &found.sum,
            found.reading,
            found.amounts.of(&Quantity::Cpu),
        ));
        all.growth.extend(found.grown);
        sampled.add(&found.sum);
    }
    let share = |(quantity, variance): (&Quantity, &f64)| {
        let amount = all.amounts.of(quantity);
        (quantity.clone(), if amount > 0.0 { variance.sqrt() / amount } else { 0.0 })
    };
    all.deviations = variances.iter().map(share).collect();
    if !is_everything {
        all.join_growth = join_growth(&all, &sampled, context);
    }
    let build = all.amounts.of(&Quantity::Cpu) + all.join_growth;
    all.amounts.set(Quantity::Cpu, build + all.once);
    all.costs.push(Cost { name: "loading models".into(), cpu_seconds: all.once });
    all.costs.push(Cost { name: "larger indexes".into(), cpu_seconds: all.join_growth });
    all.costs.sort_by(|a, b| b.cpu_seconds.total_cmp(&a.cpu_seconds));
    let in_a_second = sampled.amounts.of(&Quantity::Cpu) / sampled.seconds.max(1e-3);
    all.seconds_here = (all.once + build / in_a_second.max(1e-3)).max(all.seconds_least);
    all.seconds_there = context.options.machines.map(|machines| {
        let workers = (machines.count * machines.cores) as f64;
        (all.once + build / workers).max(all.seconds_least)
    });
    let before = context.history.into_iter().flatten();
    all.state_before = before.map(|(_, runs)| arrangement::disk_bytes(runs) as f64).sum();
    all.state = if is_everything { sampled.state_bytes } else { state_bytes(&all, context)? };
    let files = if is_everything {
        sampled.ledger_files
    } else {
        // One for each worker and epoch.
        let workers = workers(context.options) as f64;
        let (bytes, each) = (epochs(context.options), (all.stored / workers) as u64);
        let (mut files, mut before) = (0.0, 0);
        while before < each {
            (files, before) = (files + workers, before + bytes.after(before));
        }
        files * context.ledger_file_bytes
    };
    all.amounts.set(Quantity::Ledger, all.amounts.of(&Quantity::Ledger) + files);
    all.network = network(&all.amounts, context);
    let options = context.options;
    let here = load(&all, context, options.workers, options.memory_bytes, 1);
    let there = options.machines.map(|Machines { count, cores }| {
        load(&all, context, cores, options.machine_memory_bytes, count)
    });
    (all.memory, all.memory_there) = (Memory::of(here), there.map(Memory::of));
    Ok(all)
}

/// Divides the CPU seconds of a slice by what they are for. Reading was measured alone; the rest is
/// divided as the operators' times were in the stage in which they were timed.
fn costs(prefix: &str, sum: &Measured, reading: f64, cpu: f64) -> Vec<Cost> {
    let busy: f64 = sum.operators.iter().map(|operator| operator.busy_seconds).sum();
    let rest = (cpu - reading).max(0.0) / busy.max(f64::MIN_POSITIVE);
    let operator = |name: &str, busy: f64| Cost {
        name: format!("{prefix}{}", readable(name)),
        cpu_seconds: busy * rest,
    };
    let operators = sum.operators.iter().map(|each| operator(&each.name, each.busy_seconds));
    let read = Cost { name: format!("{prefix}reading"), cpu_seconds: reading.min(cpu) };
    std::iter::once(read).chain(operators).collect()
}

/// The name of an operator as it is shown: of steps in one operator, those that compute something.
fn readable(name: &str) -> String {
    let steps: Vec<String> = name.split(", ").map(str::to_lowercase).collect();
    let is_work = |step: &&String| !step.starts_with("reject: ") && !step.starts_with("record ");
    let work: Vec<&str> = steps.iter().filter(is_work).map(String::as_str).collect();
    if work.is_empty() { steps.join(", ") } else { work.join(", ") }
}

/// Workers of the whole run.
fn workers(options: &Options) -> usize {
    options.machines.map_or(options.workers, |machines| machines.count * machines.cores)
}

/// Bytes of the sources, as stored, that a worker reads in an epoch.
fn epochs(options: &Options) -> EpochSizes {
    let each = match options.machines {
        Some(machines) => options.machine_memory_bytes / machines.cores as u64,
        None => options.memory_bytes / options.workers as u64,
    };
    epoch_share(each, CommitEvery::default(), workers(options))
}

/// CPU seconds of the dedup-join beyond those of the sample, because the indexes become larger.
fn join_growth(all: &Forecast, sampled: &Measured, context: &Context<'_>) -> f64 {
    let options = context.options;
    let (there, here) = (workers(options) as f64, options.workers as f64);
    let epoch = epochs(options);
    let sample_keys: BTreeMap<&str, f64> = sampled.amounts.keys().collect();
    let compared = all.amounts.of(&Quantity::Compared).max(1.0);
    let repeats = all.amounts.of(&Quantity::Repeats) / compared;
    let mut more = 0.0;
    for (index, keys) in all.amounts.keys() {
        let history = context.history.and_then(|history| history.get(index));
        let stored: f64 = history.into_iter().flatten().map(|run| run.entries as f64).sum();
        let in_sample = sample_keys.get(index).copied().unwrap_or(0.0);
        if keys <= 0.0 || in_sample <= 0.0 {
            continue;
        }
        let epoch_keys = |bytes: u64| bytes as f64 * keys / all.stored.max(1.0);
        let (least, most) = (epoch_keys(epoch.least), epoch_keys(epoch.most));
        let whole = work(stored / there, keys / there, EpochKeys { least, most });
        let least = least.min(in_sample / here / 8.0);
        let of_sample = work(stored / here, in_sample / here, EpochKeys { least, most: least });
        let of = |work| context.join.of(work, repeats);
        more += of(whole) * there - of(of_sample) * here * keys / in_sample;
    }
    more.max(0.0)
}

/// Bytes that the new keys of all indexes take.
fn state_bytes(all: &Forecast, context: &Context<'_>) -> Result<f64> {
    let labels = context.planned.labels.len() as u64;
    let most = context.planned.labels.iter().map(|label| label.sources.len() as u64).max();
    let sources = most.unwrap_or(1).max(1);
    let all_sources: u64 =
        context.planned.labels.iter().map(|label| label.sources.len() as u64).sum();
    let records = all.amounts.of(&Quantity::Read) / all_sources.max(1) as f64;
    let mut bytes = 0.0;
    for (index, keys) in all.amounts.keys() {
        let history = context.history.and_then(|history| history.get(index));
        let stored: f64 = history.into_iter().flatten().map(|run| run.entries as f64).sum();
        let refs = (labels, sources, records as u64);
        let each = bytes_per_key(context.folder, stored + keys, workers(context.options), refs)?;
        // Keys of 128 bits have 64 more, which nothing packs.
        let more = context.key_bytes.get(index).map_or(0, |bytes| bytes.saturating_sub(8));
        bytes += keys * (each + f64::from(more));
    }
    Ok(bytes)
}

/// Bytes that cross the network between the machines: keys on their way to their owners, and facts
/// on their way back, but for those that stay on their machine.
fn network(amounts: &Amounts, context: &Context<'_>) -> f64 {
    let machines = context.options.machines.map_or(1, |machines| machines.count) as f64;
    let away = 1.0 - 1.0 / machines;
    let of_index = |(index, keys): (&str, f64)| {
        let bytes = context.key_bytes.get(index).map_or(8.0, |bytes| f64::from(*bytes));
        keys * (bytes + MESSAGE_BYTES)
    };
    let keys: f64 = amounts.keys().map(of_index).sum();
    (keys + amounts.of(&Quantity::Facts) * (8.0 + MESSAGE_BYTES)) * away
}

/// What a process has to keep in memory.
fn load(
    all: &Forecast,
    context: &Context<'_>,
    workers: usize,
    memory_bytes: u64,
    processes: usize,
) -> Load {
    let stored = all.stored.max(1.0);
    let of = |quantity| all.amounts.of(&quantity) / stored;
    let added: f64 = all.amounts.keys().map(|(_, keys)| keys).sum();
    let history = context.history.into_iter().flatten().flat_map(|(_, runs)| runs);
    let before: f64 = history.map(|run| run.entries as f64).sum();
    Load {
        workers,
        memory_bytes,
        text: of(Quantity::TextRead),
        documents: of(Quantity::Read),
        keys: added / stored,
        facts: of(Quantity::Facts),
        left: all.stored / (workers * processes) as f64,
        epoch: epochs(context.options),
        stored_keys: (before + added) / processes as f64,
        models: context.models_bytes as f64,
    }
}
