//! Which passages of a corpus are in it twice? Compares every window of so many bytes with all others.
//!
//! `cargo run --release -p similarity --example repeats_left -- BYTES EXPORT... [--read EXPORT...]` reads
//! exports of JSON lines. Memory: the texts, a bit for each byte, and a 16th of 16 bytes for each byte.
//!
//! With `--read`, an export of a corpus with the same documents as they were read: then windows that stood
//! together there are told from those whose bytes came together where something was cut out between.
//! Exits with 1 if one of the former is left twice.

use memchr::memmem;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Result};

/// Hashes are sorted in so many parts.
const PARTS: u64 = 16;

/// The prime 2^61 - 1, and a base.
const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x1234_5678_9ABC_DEF1 % PRIME;

/// The product of two numbers below the prime, below the prime.
fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    // 2^61 is 1.
    less(((product as u64) & PRIME) + (product >> 61) as u64)
}

/// A number below twice the prime, below the prime.
fn less(number: u64) -> u64 {
    if number >= PRIME { number - PRIME } else { number }
}

/// Texts, one after another.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    /// The end of each, and its id.
    ends: Vec<(usize, String)>,
}

impl Texts {
    fn read(paths: &[String]) -> Result<Texts> {
        let mut texts = Texts::default();
        for path in paths {
            for line in BufReader::new(File::open(path)?).lines() {
                let record: Value = serde_json::from_str(&line?)?;
                let id = [&record["id"], &record["meta"]["id"]].into_iter().find_map(Value::as_str);
                texts.bytes.extend(record["text"].as_str().unwrap_or_default().as_bytes());
                texts.ends.push((texts.bytes.len(), id.unwrap_or_default().to_owned()));
            }
        }
        Ok(texts)
    }

    /// The text that has the byte at this place.
    fn of(&self, place: usize) -> usize {
        self.ends.partition_point(|(end, _)| *end <= place)
    }

    fn text(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.bytes[start..self.ends[number].0]
    }

    /// Passes the hash of every window of a text, with its place, to `each`.
    fn windows(&self, length: usize, mut each: impl FnMut(u64, usize)) {
        let first_factor = (1..length).fold(1, |factor, _| times(factor, BASE));
        let mut start = 0;
        for (end, _) in &self.ends {
            let mut hash = 0;
            for place in start..*end {
                if place - start >= length {
                    let gone = times(u64::from(self.bytes[place - length]) + 1, first_factor);
                    hash = less(hash + PRIME - gone);
                }
                hash = less(times(hash, BASE) + u64::from(self.bytes[place]) + 1);
                if place - start >= length - 1 {
                    each(hash, place + 1 - length);
                }
            }
            start = *end;
        }
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let length: usize = arguments.next().and_then(|n| n.parse().ok()).expect("a number of bytes");
    let paths: Vec<String> = arguments.collect();
    let mut paths = paths.split(|path| path == "--read");
    let texts = Texts::read(paths.next().unwrap_or_default())?;
    let read = Texts::read(paths.next().unwrap_or_default())?;
    let as_read: HashMap<&str, &[u8]> =
        (0..read.ends.len()).map(|number| (&*read.ends[number].1, read.text(number))).collect();
    // Whether a window stood together when its document was read.
    let stood = |place: usize| {
        let of = as_read.get(&*texts.ends[texts.of(place)].1);
        of.is_none_or(|text| memmem::find(text, &texts.bytes[place..place + length]).is_some())
    };
    let mut repeats: Vec<(usize, usize, bool)> = Vec::new();
    let mut windows: Vec<(u64, usize)> = Vec::new();
    for part in 0..PARTS {
        windows.clear();
        texts.windows(length, |hash, place| {
            if hash % PARTS == part {
                windows.push((hash, place));
            }
        });
        windows.sort_unstable();
        for same in windows.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            let bytes = |place: usize| &texts.bytes[place..place + length];
            let mut places: Vec<usize> = same.iter().map(|window| window.1).collect();
            places.sort_unstable_by(|a, b| bytes(*a).cmp(bytes(*b)).then(a.cmp(b)));
            for equal in places.chunk_by(|a, b| bytes(*a) == bytes(*b)) {
                let whole: Vec<bool> = equal.iter().map(|place| stood(*place)).collect();
                let first = whole.iter().position(|is_whole| *is_whole);
                let later = equal.iter().zip(&whole).enumerate().skip(1);
                repeats.extend(later.map(|(number, (place, is_whole))| {
                    let is_fault = *is_whole && first.is_some_and(|first| first < number);
                    (*place, equal[0], is_fault)
                }));
            }
        }
    }
    repeats.sort_unstable();
    let mut stretches: Vec<Vec<(usize, usize, bool)>> = Vec::new();
    for repeat in repeats {
        match stretches.last_mut() {
            Some(last) if last.last().is_some_and(|last| last.0 + 1 == repeat.0) => {
                last.push(repeat);
            }
            _ => stretches.push(vec![repeat]),
        }
    }
    let faults = stretches.iter().filter(|stretch| stretch.iter().any(|repeat| repeat.2)).count();
    let bytes: usize = stretches.iter().map(|stretch| stretch.len() + length - 1).sum();
    println!(
        "{} bytes in {} texts: {} stretches of {length} bytes or more are there before, {bytes} bytes",
        texts.bytes.len(),
        texts.ends.len(),
        stretches.len(),
    );
    if !as_read.is_empty() {
        println!("{faults} of them stood together as read; the others came together at a cut");
    }
    for stretch in stretches.iter().take(10) {
        let (place, first, is_fault) = stretch[0];
        let end = (place + stretch.len() + length - 1).min(place + 2 * length);
        let name = |place: usize| &texts.ends[texts.of(place)].1;
        println!(
            "\n{} has of {}{}: {:?}",
            name(place),
            name(first),
            if is_fault { "" } else { ", at a cut" },
            String::from_utf8_lossy(&texts.bytes[place..end])
        );
    }
    std::process::exit(i32::from(faults > 0));
}
