//! Measures signals, filters and rules in MB per CPU second, for a file of JSON lines with `text`:
//!
//!     cargo run --release -p signals --example signal_speed -- documents.jsonl [stop_words.json]

use rustix::time::{ClockId, clock_gettime};
use signals::rules::{Verdict, c4, dclm, fineweb, gopher};
use signals::{Facts, Keep, Lists, SIGNALS, Scratch, Source, View};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let documents = arguments.next().ok_or("usage: signal_speed FILE.jsonl [STOP_WORDS.json]")?;
    let mut lists = Lists::default();
    if let Some(stop_words) = arguments.next() {
        lists.read_stop_words_json(Path::new(&stop_words))?;
    }
    let texts = texts(&documents)?;
    let facts = Facts { language: Some("en"), ..Facts::default() };
    let (mut scratch, mut spans) = (Scratch::default(), Vec::new());

    let hasher = foldhash::fast::FixedState::default();
    let mut seen = HashMap::<u64, u32, _>::with_hasher(hasher.clone());
    measure("words counted by hash", &texts, |text| {
        seen.clear();
        for word in text.split_whitespace() {
            *seen.entry(hasher.hash_one(word)).or_insert(0) += 1;
        }
    });
    measure("view alone", &texts, |text| {
        View::new(text, &facts, &lists, &mut scratch);
    });
    measure("all signals", &texts, |text| {
        let mut view = View::new(text, &facts, &lists, &mut scratch);
        for signal in SIGNALS.iter().filter(|signal| signal.source != Source::Facts) {
            signal.spans(&mut view, &mut spans);
        }
    });
    let keep = Keep::new("rps_doc_word_count > 50 and rps_doc_mean_word_length < 10", &lists)?;
    measure("filter of two signals", &texts, |text| {
        keep.holds(&mut View::new(text, &facts, &lists, &mut scratch));
    });
    measure("gopher on signals", &texts, |text| {
        let _ = gopher::on_signals(&mut View::new(text, &facts, &lists, &mut scratch));
    });
    type Rule = (&'static str, fn(&str) -> Verdict);
    let rules: [Rule; 7] = [
        ("gopher quality", gopher::quality),
        ("gopher repetition", gopher::repetition),
        ("fineweb", fineweb::quality),
        ("c4", |text| c4::clean(text, &c4::TFDS).map(|_| ())),
        ("dclm quality", dclm::quality),
        ("dclm repetition", dclm::repetition),
        ("dclm lines", |text| dclm::clean_lines(text).map(|_| ())),
    ];
    for (name, rule) in rules {
        measure(name, &texts, |text| {
            let _ = rule(text);
        });
    }
    Ok(())
}

/// Measures the best of five runs.
fn measure(name: &str, texts: &[String], mut work: impl FnMut(&str)) {
    let bytes: usize = texts.iter().map(String::len).sum();
    let seconds = (0..5).map(|_| {
        let start = cpu_seconds();
        texts.iter().for_each(|text| work(text));
        cpu_seconds() - start
    });
    let seconds = seconds.fold(f64::INFINITY, f64::min);
    println!("{name:24} {:6.0} MB/s", bytes as f64 / 1e6 / seconds);
}

fn texts(path: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut texts = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let document: serde_json::Value = serde_json::from_str(line)?;
        texts.push(document["text"].as_str().ok_or("no text in a line")?.to_owned());
    }
    Ok(texts)
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
