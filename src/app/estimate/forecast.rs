//! From the sample to the whole.

use super::amounts::{Amounts, Quantity};
use super::growth::{Novelty, Point, novelty};
use super::join_cost::{JoinCost, bytes_per_key, work};
use super::measure::Measured;
use super::memory::{Load, Memory};
use super::{Machines, Options};
use crate::ingest::epoch_share_bytes;
use anyhow::Result;
use arrangement::RunMeta;
use corpus::Manifest;
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of an update and of a fact on the network, beside the key.
const MESSAGE_BYTES: f64 = 16.0;

/// A first stage that took longer than the others by this share also loaded models.
const LOADING_MIN: f64 = 0.2;

/// Copies must be found for the effect of copies to be measured.
const NOVELTY_LOSS_MIN: f64 = 0.05;

/// The sample of a slice.
pub(crate) struct SliceSample {
    pub name: String,
    pub labels: Vec<LabelSample>,
}

/// The sample of a label.
pub(crate) struct LabelSample {
    /// Bytes as stored, of the sources that are not read completely.
    pub left: f64,
    /// Records of the first of these that are read.
    pub records_done: f64,
    /// Bytes of the largest of these.
    pub largest: f64,
    /// CPU seconds to read a stored byte.
    pub reading: f64,
    pub stages: Vec<Measured>,
    /// The same parts when they were new and when they were copies.
    pub repeated: Vec<(Measured, Measured)>,
}

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
    /// A folder for temporary files.
    pub folder: &'a Path,
    pub options: &'a Options,
}

/// How the share of new text of a slice falls.
#[derive(Clone, Debug)]
pub(crate) struct Grown {
    pub slice: String,
    /// In the sample.
    pub sampled: f64,
    /// In the whole.
    pub whole: Novelty,
    /// Whether copies in other parts were not recognised: the recipe compares within parts of a
    /// label, which the sample does not have as a whole.
    pub is_unseen: bool,
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
    let mut all = Forecast { once: context.models_cpu, ..Forecast::default() };
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
    all.network = network(&all.amounts, context);
    let options = context.options;
    let here = load(&all, context, options.workers, options.memory_bytes, 1);
    let there = options.machines.map(|Machines { count, cores }| {
        load(&all, context, cores, options.machine_memory_bytes, count)
    });
    (all.memory, all.memory_there) = (Memory::of(here), there.map(Memory::of));
    Ok(all)
}

/// The forecast of a slice.
struct OfSlice {
    left: f64,
    amounts: Amounts,
    /// Standard deviations, as amounts.
    deviations: BTreeMap<Quantity, f64>,
    once: f64,
    reading: f64,
    seconds_least: f64,
    grown: Option<Grown>,
    /// All its stages.
    sum: Measured,
}

fn of_slice(slice: &SliceSample) -> OfSlice {
    let mut sum = Measured::default();
    slice.labels.iter().flat_map(|label| &label.stages).for_each(|stage| sum.add(stage));
    let mut found = OfSlice {
        left: 0.0,
        amounts: Amounts::default(),
        deviations: BTreeMap::new(),
        once: 0.0,
        reading: 0.0,
        seconds_least: 0.0,
        grown: None,
        sum,
    };
    let effect = CopyEffect::of(slice);
    let mut variances: BTreeMap<Quantity, f64> = BTreeMap::new();
    for (number, label) in slice.labels.iter().enumerate() {
        // A label of which nothing could be read is taken to be as the others.
        let mut stages = match &label.stages[..] {
            [] => vec![found.sum.clone()],
            stages => stages.to_vec(),
        };
        if number == 0 {
            found.once = loading(&stages);
            let cpu = stages[0].amounts.of(&Quantity::Cpu) - found.once;
            stages[0].amounts.set(Quantity::Cpu, cpu);
        }
        let mut label_sum = Measured::default();
        stages.iter().for_each(|stage| label_sum.add(stage));
        let left = left(label, &label_sum);
        let scale = left / label_sum.stored.max(1.0);
        found.left += left;
        found.reading += label.reading * left;
        found.seconds_least = found.seconds_least.max(label.reading * label.largest);
        found.amounts.add(&label_sum.amounts.scaled(|_| scale));
        for (quantity, variance) in spread(&stages, effect.as_ref(), scale) {
            *variances.entry(quantity).or_default() += variance;
        }
    }
    found.deviations = variances.into_iter().map(|(quantity, v)| (quantity, v.sqrt())).collect();
    grow(slice, effect.as_ref(), &mut found);
    found
}

/// How amounts change with the share of what is new, measured with parts that were added twice.
/// Between new parts and copies of them, everything is taken to change evenly.
struct CopyEffect {
    new: Amounts,
    copies: Amounts,
}

impl CopyEffect {
    /// `None` if nothing was added twice.
    fn of(slice: &SliceSample) -> Option<CopyEffect> {
        let (mut new, mut copies) = (Amounts::default(), Amounts::default());
        let repeated = slice.labels.iter().flat_map(|label| &label.repeated);
        for (first, again) in repeated {
            new.add(&first.amounts);
            copies.add(&again.amounts);
        }
        (new != Amounts::default()).then_some(CopyEffect { new, copies })
    }

    /// By how much less of what is compared is new in copies.
    fn loss(&self) -> f64 {
        self.new.novelty() - self.copies.novelty()
    }

    /// Whether copies are recognised.
    fn is_seen(&self) -> bool {
        self.loss() >= NOVELTY_LOSS_MIN
    }

    /// The amount of a quantity if `novelty` is the share of what is new, relative to that of the
    /// parts when they were new.
    fn at(&self, quantity: &Quantity, novelty: f64) -> f64 {
        let amount = self.new.of(quantity);
        if amount == 0.0 || !self.is_seen() {
            return 1.0;
        }
        let change = self.copies.of(quantity) / amount - 1.0;
        (1.0 + change * (self.new.novelty() - novelty) / self.loss()).max(0.0)
    }
}

/// Bytes of a label that are left, without the records of its first source that are read.
fn left(label: &LabelSample, sampled: &Measured) -> f64 {
    let records = sampled.amounts.of(&Quantity::Read) / sampled.stored.max(1.0);
    let done = if records > 0.0 { label.records_done / records } else { 0.0 };
    (label.left - done).max(0.0)
}

/// CPU seconds by which the first stage exceeds the others: models that are loaded when they are
/// first needed.
fn loading(stages: &[Measured]) -> f64 {
    let [first, others @ ..] = stages else { return 0.0 };
    if others.len() < 2 {
        return 0.0;
    }
    let cpu = |stage: &Measured| stage.amounts.of(&Quantity::Cpu);
    let (stored, seconds) =
        others.iter().fold((0.0, 0.0), |sum, stage| (sum.0 + stage.stored, sum.1 + cpu(stage)));
    let expected = seconds / f64::max(stored, 1.0) * first.stored;
    let more = cpu(first) - expected;
    if more > LOADING_MIN * expected { more } else { 0.0 }
}

/// The variance of the forecast of each quantity, by how the stages differ beyond what copies
/// explain: that of a ratio to the bytes as stored. Empty with one stage.
fn spread(stages: &[Measured], effect: Option<&CopyEffect>, scale: f64) -> BTreeMap<Quantity, f64> {
    let count = stages.len() as f64;
    let mut variances = BTreeMap::new();
    if stages.len() < 2 {
        return variances;
    }
    let stored: f64 = stages.iter().map(|stage| stage.stored).sum();
    // What is sampled is known.
    let unknown = (1.0 - 1.0 / scale.max(1.0)).max(0.0);
    let same = |stage: &Measured, quantity: &Quantity| {
        let expected = effect.map_or(1.0, |effect| effect.at(quantity, stage.amounts.novelty()));
        stage.amounts.of(quantity) / expected.max(f64::MIN_POSITIVE)
    };
    for quantity in stages[0].amounts.quantities() {
        let total: f64 = stages.iter().map(|stage| same(stage, quantity)).sum();
        let miss =
            |stage: &Measured| same(stage, quantity) - total * stage.stored / stored.max(1.0);
        let squares: f64 = stages.iter().map(|stage| miss(stage).powi(2)).sum();
        let variance = squares * count / (count - 1.0) * scale.powi(2) * unknown;
        variances.insert(quantity.clone(), variance);
    }
    variances
}

/// Corrects the forecast for the copies that the sample did not meet.
fn grow(slice: &SliceSample, effect: Option<&CopyEffect>, found: &mut OfSlice) {
    let Some(effect) = effect else { return };
    let stages = slice.labels.iter().map(|label| label.stages.len()).max().unwrap_or(0);
    let mut points: Vec<Point> = Vec::new();
    for stage in 0..stages {
        let mut point = points.last().copied().unwrap_or(Point { compared: 0.0, new: 0.0 });
        for measured in slice.labels.iter().filter_map(|label| label.stages.get(stage)) {
            let compared = measured.amounts.of(&Quantity::Compared);
            point.compared += compared;
            point.new += compared * measured.amounts.novelty();
        }
        points.push(point);
    }
    let total = found.amounts.of(&Quantity::Compared);
    let sampled = found.sum.amounts.novelty();
    let whole = novelty(&points, total);
    if total > 0.0 && found.sum.amounts.of(&Quantity::Repeats) > 0.0 {
        let (slice, is_unseen) = (slice.name.clone(), !effect.is_seen());
        found.grown = Some(Grown { slice, sampled, whole, is_unseen });
    }
    let before = found.amounts.clone();
    let at = |quantity: &Quantity, novelty: f64| {
        effect.at(quantity, novelty) / effect.at(quantity, sampled).max(f64::MIN_POSITIVE)
    };
    found.amounts = before.scaled(|quantity| at(quantity, whole.share));
    for (quantity, deviation) in &mut found.deviations {
        let more = at(quantity, whole.share + whole.deviation) - at(quantity, whole.share);
        *deviation = deviation.hypot(before.of(quantity) * more);
    }
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

/// CPU seconds of the dedup-join beyond those of the sample, because the indexes become larger.
fn join_growth(all: &Forecast, sampled: &Measured, context: &Context<'_>) -> f64 {
    let options = context.options;
    let (there, here) = (workers(options) as f64, options.workers as f64);
    let each = match options.machines {
        Some(machines) => options.machine_memory_bytes / machines.cores as u64,
        None => options.memory_bytes / options.workers as u64,
    };
    let epoch = epoch_share_bytes(each) as f64;
    let sample_keys: BTreeMap<&str, f64> = sampled.amounts.keys().collect();
    let mut more = 0.0;
    for (index, keys) in all.amounts.keys() {
        let history = context.history.and_then(|history| history.get(index));
        let stored: f64 = history.into_iter().flatten().map(|run| run.entries as f64).sum();
        let in_sample = sample_keys.get(index).copied().unwrap_or(0.0);
        if keys <= 0.0 || in_sample <= 0.0 {
            continue;
        }
        let epoch_keys = epoch * keys / all.stored.max(1.0);
        let whole = work(stored / there, keys / there, epoch_keys);
        let of_sample =
            work(stored / here, in_sample / here, epoch_keys.min(in_sample / here / 8.0));
        more +=
            context.join.of(whole) * there - context.join.of(of_sample) * here * keys / in_sample;
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
        stored_keys: (before + added) / processes as f64,
        models: context.models_bytes as f64,
    }
}
