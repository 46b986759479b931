//! What `estimate` found: as a table, and as JSON.

use crate::estimate::{Cost, Estimate, Grown, Machines, Memory, Options, Quantity};
use crate::terminal::outln;
use crate::terminal::units::{counted, short_count, time};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use indicatif::HumanBytes;
use serde_json::{Value, json};

/// Deviations that are shown as the uncertainty.
const DEVIATIONS: f64 = 2.0;

/// A sample that took less CPU time says little: starting the program counts.
const CPU_SECONDS_MIN: f64 = 5.0;

/// Costs that are listed.
const COSTS_LISTED: usize = 6;

/// A disk may hold this multiple of the indexes while their runs are merged.
const MERGING: f64 = 2.0;

impl Estimate {
    fn of(&self, quantity: &Quantity) -> f64 {
        self.forecast.amounts.of(quantity)
    }

    /// The uncertainty as a share, if the sample shows it.
    fn uncertainty(&self, quantity: &Quantity) -> Option<f64> {
        let deviation = self.forecast.deviations.get(quantity);
        if self.is_everything { Some(0.0) } else { deviation.map(|share| DEVIATIONS * share) }
    }

    fn disk(&self) -> f64 {
        self.of(&Quantity::Data) + self.of(&Quantity::Ledger) + self.forecast.state
    }

    /// CPU seconds of all processes: each of several machines loads the models.
    fn cpu_there(&self, machines: Machines) -> f64 {
        self.of(&Quantity::Cpu) + self.forecast.once * (machines.count - 1) as f64
    }

    /// What to take into account.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut remark = |is_so: bool, what: String| {
            if is_so {
                remarks.push(what);
            }
        };
        let seconds = self.sampled.amounts.of(&Quantity::Cpu);
        remark(
            !self.is_everything && seconds < CPU_SECONDS_MIN,
            format!(
                "the sample took only {}: use a larger --sample or --sample-bytes",
                time(seconds)
            ),
        );
        remark(
            !self.is_everything && self.uncertainty(&Quantity::Cpu).is_none(),
            "the spread is unknown: the sample has one part of each label".to_owned(),
        );
        remark(
            self.beginnings > 0,
            format!(
                "of {} only the beginning was read, because nothing shows where their records \
                 begin; what follows may differ",
                counted(self.beginnings, "source")
            ),
        );
        remark(
            self.too_large > 0,
            format!(
                "{} cannot be read in part and would take too long: they are estimated by the \
                 others",
                counted(self.too_large, "source")
            ),
        );
        remark(
            self.unreadable > 0,
            format!("{} cannot be read: the build lists why", counted(self.unreadable, "part")),
        );
        for Grown { slice, is_unseen, .. } in &self.forecast.growth {
            remark(
                *is_unseen,
                format!(
                    "{slice}: the recipe compares within parts of a label, of which the sample has \
                     pieces: the build finds more copies, and takes less"
                ),
            );
        }
        let least = self.forecast.seconds_least;
        let shown = [Some(self.forecast.seconds_here), self.forecast.seconds_there];
        remark(
            shown.into_iter().flatten().any(|seconds| seconds <= least),
            format!(
                "one worker reads the largest source, which takes {}: more workers do not help; \
                 divide the source",
                time(least)
            ),
        );
        remarks
    }
}

/// Returns the estimate for machines.
pub(super) fn json(found: &Estimate, options: &Options) -> Value {
    let forecast = &found.forecast;
    let whole = |amount: f64| amount.round() as u64;
    let amount = |quantity: Quantity| whole(found.of(&quantity));
    let uncertainty = |quantity: Quantity| found.uncertainty(&quantity);
    let growth = forecast.growth.iter().map(|grown| {
        json!({
            "slice": grown.slice,
            "new_in_sample": grown.sampled,
            "new": grown.whole.share,
            "uncertainty": DEVIATIONS * grown.whole.deviation,
            "unseen": grown.is_unseen,
        })
    });
    let costs = forecast.costs.iter();
    let costs = costs.map(|cost| json!({"name": cost.name, "cpu_seconds": cost.cpu_seconds}));
    let keys = forecast.amounts.keys().map(|(index, keys)| (index.to_owned(), json!(whole(keys))));
    let memory = |memory: Memory| {
        json!({
            "bytes": whole(memory.bytes()),
            "models_bytes": whole(memory.models),
            "workers_bytes": whole(memory.workers),
            "state_bytes": whole(memory.pages),
        })
    };
    let cpu = found.of(&Quantity::Cpu);
    let mut value = json!({
        "sample": {
            "everything": found.is_everything,
            "labels": found.labels,
            "labels_done": found.labels_done,
            "sources": found.sources,
            "sources_sampled": found.sources_sampled,
            "parts": found.parts,
            "parts_unreadable": found.unreadable,
            "beginnings": found.beginnings,
            "sources_too_large": found.too_large,
            "stored_bytes": whole(found.sampled.stored),
            "text_bytes": whole(found.sampled.amounts.of(&Quantity::TextRead)),
            "cpu_seconds": found.sampled.amounts.of(&Quantity::Cpu),
            "seconds": found.sampled.seconds,
            "defects": found.sampled.defects,
        },
        "estimate": {
            "stored_bytes": whole(forecast.stored),
            "cpu_seconds": cpu,
            "cpu_hours": cpu / 3600.0,
            "cpu_seconds_once": forecast.once,
            "cpu_seconds_of_larger_indexes": forecast.join_growth,
            "seconds": forecast.seconds_here,
            "seconds_least": forecast.seconds_least,
            "workers": options.workers,
            "read": amount(Quantity::Read),
            "kept": amount(Quantity::Kept),
            "bytes_read": amount(Quantity::TextRead),
            "bytes_kept": amount(Quantity::TextKept),
            "tokens": amount(Quantity::Tokens),
            "disk_bytes": {
                "data": amount(Quantity::Data),
                "ledger": amount(Quantity::Ledger),
                "state": whole(forecast.state),
                "all": whole(found.disk()),
                "state_before": whole(forecast.state_before),
            },
            "keys": keys.collect::<serde_json::Map<_, _>>(),
            "facts": amount(Quantity::Facts),
            "memory": memory(forecast.memory),
            "uncertainty": {
                "cpu": uncertainty(Quantity::Cpu),
                "kept": uncertainty(Quantity::Kept),
                "bytes_read": uncertainty(Quantity::TextRead),
                "bytes_kept": uncertainty(Quantity::TextKept),
                "data": uncertainty(Quantity::Data),
            },
        },
        "join_seconds_per_key": {
            "merge": forecast.join.merge,
            "look_up": forecast.join.look_up,
            "filter": forecast.join.filter,
            "page": forecast.join.page,
        },
        "growth": growth.collect::<Vec<_>>(),
        "costs": costs.collect::<Vec<_>>(),
        "remarks": found.remarks(),
    });
    if let (Some(machines), Some(seconds)) = (options.machines, forecast.seconds_there) {
        value["machines"] = json!({
            "count": machines.count,
            "cores": machines.cores,
            "cpu_seconds": found.cpu_there(machines),
            "seconds": seconds,
            "memory": memory(forecast.memory_there.unwrap_or_default()),
            "network_bytes": whole(forecast.network),
        });
    }
    value
}

fn bytes(amount: f64) -> String {
    HumanBytes(amount.max(0.0).round() as u64).to_string()
}

/// Prints the estimate for people.
pub(super) fn print_report(found: &Estimate, options: &Options) -> Result<()> {
    let sampled = &found.sampled;
    outln!(
        "sample: {} of {}, {} of {} as stored, {} of CPU time",
        counted(found.parts, "part"),
        counted(found.sources, "source"),
        bytes(sampled.stored),
        bytes(found.forecast.stored),
        time(sampled.amounts.of(&Quantity::Cpu))
    )?;
    if found.labels_done > 0 {
        outln!(
            "the corpus has {} already; {} to build",
            counted(found.labels_done, "label"),
            counted(found.labels, "label")
        )?;
    }
    outln!("{}", table(found, options))?;
    for grown in found.forecast.growth.iter().filter(|grown| !grown.is_unseen) {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        outln!(
            "{}: {} of what is compared is new in the sample; forecast for all of it: {} ± {}",
            grown.slice,
            percent(grown.sampled),
            percent(grown.whole.share),
            percent(DEVIATIONS * grown.whole.deviation)
        )?;
    }
    print_costs(found)?;
    found.remarks().iter().try_for_each(|remark| outln!("note: {remark}"))
}

fn table(found: &Estimate, options: &Options) -> Table {
    let forecast = &found.forecast;
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["to build", "estimate", "±"]);
    let mut row = |name: String, value: String, of: Option<Quantity>| {
        let shown = match of.map(|quantity| found.uncertainty(&quantity)) {
            Some(Some(share)) => format!("{:.0} %", 100.0 * share),
            Some(None) => "?".to_owned(),
            None => String::new(),
        };
        table.add_row([name, value, shown]);
    };
    let cpu = found.of(&Quantity::Cpu);
    row("CPU".into(), time(cpu), Some(Quantity::Cpu));
    let workers = counted(options.workers as u64, "worker");
    let here = format!("wall clock, this machine as it is, {workers}");
    row(here, time(forecast.seconds_here), None);
    let there = options.machines.zip(forecast.seconds_there);
    if let Some((Machines { count, cores }, seconds)) = there {
        row(format!("wall clock, {count} x {cores} free cores"), time(seconds), None);
    }
    let documents = |quantity: &Quantity| short_count(found.of(quantity).round() as u64);
    row("documents read".into(), documents(&Quantity::Read), Some(Quantity::Read));
    row("documents kept".into(), documents(&Quantity::Kept), Some(Quantity::Kept));
    row("text read".into(), bytes(found.of(&Quantity::TextRead)), Some(Quantity::TextRead));
    row("text kept".into(), bytes(found.of(&Quantity::TextKept)), Some(Quantity::TextKept));
    if found.of(&Quantity::Tokens) > 0.0 {
        row("tokens kept".into(), documents(&Quantity::Tokens), Some(Quantity::Tokens));
    }
    row("disk: data/".into(), bytes(found.of(&Quantity::Data)), Some(Quantity::Data));
    row("disk: ledger/".into(), bytes(found.of(&Quantity::Ledger)), Some(Quantity::Ledger));
    let merging = bytes(MERGING * (forecast.state + forecast.state_before));
    let state = format!("disk: state/, while merging up to {merging}");
    row(state, bytes(forecast.state), None);
    row("memory, this machine".into(), bytes(forecast.memory.bytes()), None);
    if let Some((Machines { count, cores }, memory)) = options.machines.zip(forecast.memory_there) {
        row(format!("memory, each of {count} x {cores}"), bytes(memory.bytes()), None);
        row("network: keys and facts".into(), bytes(forecast.network), None);
    }
    row("network: sources, if they are not local".into(), bytes(forecast.stored), None);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Prints what the CPU time goes into, and what would make it less.
fn print_costs(found: &Estimate) -> Result<()> {
    let cpu = found.of(&Quantity::Cpu).max(f64::MIN_POSITIVE);
    let share = |cost: &Cost| format!("{:.0} %", 100.0 * cost.cpu_seconds / cpu);
    let costs = &found.forecast.costs;
    let Some(largest) = costs.first() else { return Ok(()) };
    outln!("CPU time by operator:")?;
    for cost in costs.iter().take(COSTS_LISTED).filter(|cost| cost.cpu_seconds >= 0.005 * cpu) {
        outln!("  {:>4}  {}", share(cost), cost.name)?;
    }
    outln!("largest cost: {} ({}); {}", largest.name, share(largest), advice(largest))
}

/// What would make a cost less.
fn advice(cost: &Cost) -> &'static str {
    let is = |words: &[&str]| words.iter().any(|word| cost.name.contains(word));
    if is(&["perplexity", "quality", "language", "tokens", "signals"]) {
        "more cores divide it evenly. A recipe that drops more documents before this step, or names \
         fewer models, takes less"
    } else if is(&["reading"]) {
        "more cores divide it evenly, unless one source is most of the input. zstd takes less than \
         gzip, and gzip less than bzip2 and xz"
    } else if is(&["loading models"]) {
        "each process loads them once: fewer processes with more workers take less"
    } else if is(&["join", "larger indexes"]) {
        "it grows with the labels of the corpus; state/ belongs on a fast local disk, and more \
         memory than state/ has keeps it from being read again"
    } else if is(&["write"]) {
        "more cores divide it evenly. Signals that nobody needs make the ledger larger"
    } else {
        "more cores divide it evenly"
    }
}
