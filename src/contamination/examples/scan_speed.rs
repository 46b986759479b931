//! How fast are texts scanned for the n-grams of evaluations? Prints MB of text per CPU second.
//!
//! `cargo run --release -p contamination --example scan_speed -- N FILE...` reads plain text files,
//! each as one document, and again cut into documents of some 4 kB. The index has N n-grams of 13
//! words that are in no text, in texts of 40 words; from 8 words on, texts are n-grams.

use contamination::{Builder, Rule, Scratch};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

/// Words of a made-up text of an evaluation.
const WORDS: u64 = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().ok_or("the number of n-grams is expected")?.parse()?;
    let mut texts = Vec::new();
    for path in arguments {
        texts.push(String::from_utf8_lossy(&std::fs::read(path)?).into_owned());
    }
    let short: Vec<String> = texts.iter().flat_map(|text| pages(text)).collect();
    for rule in [Rule { ngram: 13, words_min: 13 }, Rule { ngram: 13, words_min: 8 }] {
        let mut builder = Builder::new(rule);
        builder.begin_set("made up");
        let mut random = 1_u64;
        for line in 0..count.div_ceil(WORDS - 12) {
            let words = (0..WORDS).map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("w{}", random >> 44)
            });
            builder.add(line, "text", &words.collect::<Vec<_>>().join(" "))?;
        }
        let index = builder.finish();
        let (ngrams, bytes) = (index.sets()[0].ngrams, index.bytes());
        println!("{rule:?}: {ngrams} n-grams, {} MB in memory", bytes / 1_000_000);
        for (name, texts) in [("whole", &texts), ("in pages", &short)] {
            let mut scratch = Scratch::default();
            measure(name, texts, |text| drop(black_box(index.scan(text, &mut scratch))));
        }
    }
    Ok(())
}

/// Cuts a text at line ends into parts of some 4 kB.
fn pages(text: &str) -> Vec<String> {
    let mut pages: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        match pages.last_mut() {
            Some(page) if page.len() < 4000 => page.push_str(line),
            _ => pages.push(line.to_owned()),
        }
    }
    pages
}

/// Measures the best of three runs.
fn measure(name: &str, texts: &[String], mut scan: impl FnMut(&str)) {
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut time = || {
        let before = clock_gettime(ClockId::ThreadCPUTime);
        texts.iter().for_each(|text| scan(text));
        let after = clock_gettime(ClockId::ThreadCPUTime);
        (after.tv_sec - before.tv_sec) as f64 + (after.tv_nsec - before.tv_nsec) as f64 / 1e9
    };
    let seconds = (0..3).map(|_| time()).fold(f64::INFINITY, f64::min);
    println!("  {name:10} {:>8.1} MB / CPU s", bytes as f64 / 1e6 / seconds);
}
