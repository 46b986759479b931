//! How long an epoch is held up: the longest calls of [`Arrangement::apply`] while many keys are added.
//!
//! ```text
//! cargo run --release -p arrangement --example pauses -- FOLDER [KEYS] [KEYS_OF_EPOCH]
//! ```
//!
//! Adds KEYS (default 100 million) in epochs of KEYS_OF_EPOCH (default 4 Mi) to an index in FOLDER. A worker does other
//! things between two calls, so a call is what it waits for. Then opens the index again, and prints how long that takes.

use arrangement::{Arrangement, Rule};
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("the folder for the index is missing")?;
    let number =
        |place: usize, default: u64| arguments.get(place).map_or(Ok(default), |n| n.parse());
    let (keys, of_epoch) = (number(1, 100_000_000)?, number(2, 4 << 20)?);
    let dir = Path::new(folder);
    std::fs::create_dir_all(dir)?;
    let mut index = Arrangement::<u64>::open(dir, "pauses", 0, 1, &[])?;
    let mut batch = index.batches(usize::MAX)();
    let (mut calls, mut facts, mut named) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (epoch, first) in (1..).zip((0..keys).step_by(of_epoch as usize)) {
        batch.extend((first..keys.min(first + of_epoch)).map(|key| (hash(key), key, 1)))?;
        loop {
            let before = Instant::now();
            let is_complete = index.apply(epoch, &mut batch, &Rule::first_of_all(), &mut facts)?;
            calls.push(before.elapsed());
            if is_complete {
                break;
            }
        }
        // A commit removes the files that were merged.
        let before =
            std::mem::replace(&mut named, index.runs().into_iter().map(|run| run.name).collect());
        before.difference(&named).try_for_each(|file| std::fs::remove_file(dir.join(file)))?;
    }
    calls.sort_unstable();
    let of = |share: f64| calls[((calls.len() - 1) as f64 * share) as usize];
    println!("{keys} keys in epochs of {of_epoch}, {} calls", calls.len());
    for (name, time) in
        [("half", of(0.5)), ("99 %", of(0.99)), ("99.9 %", of(0.999)), ("all", of(1.0))]
    {
        println!("{name:>8} take at most {:8.1} ms", milliseconds(time));
    }
    let before = Instant::now();
    index.settle()?;
    println!("ending the merges in progress: {:.1} ms", milliseconds(before.elapsed()));
    let runs = index.runs();
    drop(index);
    let before = Instant::now();
    Arrangement::<u64>::open(dir, "pauses", 0, 1, &runs)?;
    println!("opening {} runs: {:.1} ms", runs.len(), milliseconds(before.elapsed()));
    Ok(())
}

/// A bijection whose results look random.
fn hash(number: u64) -> u64 {
    let mixed = (number ^ number >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ mixed >> 32).wrapping_mul(0x94D0_49BB_1331_11EB)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
