//! Cleans pages, for the comparison with the original in benches/wikipedia_original.py.
//!
//!     clean_pages PAGES.jsonl > TEXTS.jsonl
//!
//! An input line is `{"language", "wikitext"}`; an output line is the text as a JSON string, or
//! `null` if the page is too complex. Prints the CPU seconds of the cleaning to standard error.

use serde_json::Value;
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: clean_pages PAGES.jsonl")?;
    let lines = std::fs::read_to_string(path)?;
    let pages: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let began = cpu_seconds();
    let texts: Vec<_> = pages
        .iter()
        .map(|page| {
            let wikitext = page["wikitext"].as_str().unwrap_or_default();
            wikitext::plain_text(wikitext, page["language"].as_str().unwrap_or_default()).ok()
        })
        .collect();
    eprintln!("{}", cpu_seconds() - began);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for text in texts {
        serde_json::to_writer(&mut out, &text)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
