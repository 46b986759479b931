//! The original tools, which models_original.py runs.

use crate::common::Result;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn write_lines(dir: &Path, name: &str, lines: &[String]) -> Result<PathBuf> {
    let path = dir.join(name);
    let mut file = BufWriter::new(File::create(&path)?);
    lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
    file.flush()?;
    Ok(path)
}

/// What the original tools are to do, by the rows of a table: the tool, its model and its input.
#[derive(Default)]
pub struct Originals(Vec<Value>);

impl Originals {
    pub fn add(&mut self, row: usize, tool: &str, model: &Path, input: &Path) {
        self.0.push(json!({"row": row, "tool": tool, "model": model, "input": input}));
    }

    /// Runs the original tools if `SLUICE_BENCH_PYTHON` is a Python that has them, each `runs` times. Returns,
    /// by row, the CPU seconds of the best run, and a sum over its results.
    pub fn run(&self, dir: &Path, runs: usize, rows: usize) -> Result<Vec<Option<(f64, f64)>>> {
        let mut originals = vec![None; rows];
        let Some(python) = std::env::var_os("SLUICE_BENCH_PYTHON") else { return Ok(originals) };
        let jobs = dir.join("jobs.json");
        fs::write(&jobs, serde_json::to_vec(&json!({"runs": runs, "steps": self.0}))?)?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/models_original.py");
        let done = Command::new(python).arg(script).arg(&jobs).output()?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into());
        }
        for found in serde_json::from_slice::<Vec<Value>>(&done.stdout)? {
            let row = found["row"].as_u64().ok_or("no row")? as usize;
            originals[row] = found["seconds"].as_f64().zip(found["sum"].as_f64());
        }
        Ok(originals)
    }
}
