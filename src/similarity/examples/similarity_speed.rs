//! How fast are SimHash and MinHash? Prints MB of text per CPU second.
//!
//! `cargo run --release -p similarity --example similarity_speed -- FILE...` reads plain text
//! files, each as one document, and again cut into documents of some 4 kB.

use rustix::time::{ClockId, clock_gettime};
use similarity::{MinHash, Scratch, Shape, simhash};
use std::hint::black_box;

fn main() -> std::io::Result<()> {
    let mut texts = Vec::new();
    for path in std::env::args().skip(1) {
        texts.push(String::from_utf8_lossy(&std::fs::read(path)?).into_owned());
    }
    let short: Vec<String> = texts.iter().flat_map(|text| pages(text)).collect();
    let (minhash, mut scratch, mut keys) =
        (MinHash::new(Shape::default()), Scratch::default(), Vec::new());
    for (name, texts) in [("whole", &texts), ("in pages", &short)] {
        measure(&format!("SimHash, {name}"), texts, |text| {
            black_box(simhash(text));
        });
        measure(&format!("MinHash, {name}"), texts, |text| {
            keys.clear();
            minhash.bands(text, &mut scratch, &mut keys);
            black_box(&keys);
        });
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
fn measure(name: &str, texts: &[String], mut digest: impl FnMut(&str)) {
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut time = || {
        let before = clock_gettime(ClockId::ThreadCPUTime);
        texts.iter().for_each(|text| digest(text));
        let after = clock_gettime(ClockId::ThreadCPUTime);
        (after.tv_sec - before.tv_sec) as f64 + (after.tv_nsec - before.tv_nsec) as f64 / 1e9
    };
    let seconds = (0..3).map(|_| time()).fold(f64::INFINITY, f64::min);
    println!("{name:20} {:>8.1} MB / CPU s", bytes as f64 / 1e6 / seconds);
}
