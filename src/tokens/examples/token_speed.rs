//! Megabytes a CPU second of token counting, for a tokenizer and a file of JSON lines with `text`:
//!
//!     cargo run --release -p tokens --example token_speed -- tokenizer.json documents.jsonl

use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use tokens::TokenCounter;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tokenizer, documents] = arguments.as_slice() else {
        return Err("give a tokenizer.json and a file of JSON lines".into());
    };
    let opening = cpu_seconds();
    let counter = TokenCounter::open(Path::new(tokenizer))?;
    println!("opened in {:.2} s", cpu_seconds() - opening);
    let texts = texts(documents)?;
    let bytes: usize = texts.iter().map(String::len).sum();
    for _ in 0..3 {
        let start = cpu_seconds();
        let mut tokens = 0;
        for text in &texts {
            tokens += counter.count(text)?;
        }
        let seconds = cpu_seconds() - start;
        let speed = bytes as f64 / 1e6 / seconds;
        println!("{bytes} bytes, {tokens} tokens, {seconds:.3} s: {speed:.0} MB/s");
    }
    Ok(())
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
