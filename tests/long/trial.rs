//! The length of a trial, and how to repeat it.

use crate::random::Random;
use crate::support::Outcome;
use std::fmt::Display;
use std::time::Instant;

/// One trial: many rounds, each with its own random numbers.
pub struct Trial {
    name: &'static str,
    /// The smallest number of events that the trial counts.
    pub wanted: usize,
    seed: u64,
    round: u64,
    problems: Vec<String>,
    began: Instant,
}

impl Trial {
    /// A trial of `few` events as part of all tests, and of `SLUICE_TRIALS` events if that is set.
    pub fn new(name: &'static str, few: usize) -> Trial {
        let number = |name: &str| std::env::var(name).ok().map(|n| n.parse().expect("a number"));
        let wanted = number("SLUICE_TRIALS").map_or(few, |n| n as usize);
        let seed = number("SLUICE_SEED").unwrap_or(1);
        Trial { name, wanted, seed, round: 0, problems: Vec::new(), began: Instant::now() }
    }

    /// The random numbers of the next round, and its seed. The first round of a trial with this seed
    /// has the same random numbers.
    pub fn round(&mut self) -> (u64, Random) {
        let round = self.seed + self.round;
        self.round += 1;
        // Adjacent seeds must have unrelated sequences.
        (round, Random(round.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    /// Notes a problem and its round; the trial fails at its end.
    pub fn problem(&mut self, round: u64, what: impl Display) {
        let name = self.name;
        let release = if cfg!(debug_assertions) { "" } else { "--release " };
        let again = format!(
            "SLUICE_SEED={round} SLUICE_TRIALS=1 cargo test {release}--test long {name} -- --nocapture"
        );
        let what = format!("{what}\n  again: {again}");
        println!("{name}: {what}");
        self.problems.push(what);
    }

    /// Notes a problem unless the condition holds. Returns the condition.
    pub fn check(&mut self, round: u64, holds: bool, what: impl FnOnce() -> String) -> bool {
        if !holds {
            self.problem(round, what());
        }
        holds
    }

    /// Notes a problem unless a command ended with one of these codes, and without a panic.
    pub fn ends(&mut self, round: u64, outcome: &Outcome, codes: &[i32], what: &str) -> bool {
        let ended = outcome.status.code().is_some_and(|code| codes.contains(&code));
        let panicked = outcome.stderr.contains("panicked") || outcome.stderr.contains("is a bug");
        self.check(round, ended && !panicked, || format!("{what}: {outcome}"))
    }

    /// Prints a summary, and fails if there were problems.
    pub fn end(self, done: &[(&str, usize)]) {
        let counts: Vec<String> = done.iter().map(|(what, n)| format!("{n} {what}")).collect();
        let Trial { name, seed, round: rounds, problems, began, .. } = self;
        println!(
            "{name}: {}; {rounds} rounds from seed {seed}, {:.0} s, {} problems",
            counts.join(", "),
            began.elapsed().as_secs_f64(),
            problems.len()
        );
        assert!(problems.is_empty(), "{name}: {}", problems.join("\n"));
    }
}
