//! How fast are pieces and KenLM, and which share of the time has each?
//!
//! `cargo bench -p lm -- MODELS LANGUAGE TEXT` measures the models of LANGUAGE in the folder MODELS on
//! TEXT, one document a line, in MB of text and millions of tokens per CPU second, best of five. To
//! compare with upstream's libraries run theirs on what `--write PREFIX` writes: the normalised text to
//! PREFIX.txt, its pieces to PREFIX.pieces.

use lm::{Perplexity, Scratch, kenlm, sentencepiece};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use text::ccnet::normalize_for_lm;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds --bench, `cargo test --benches` --test.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [models, language, text, rest @ ..] = arguments.as_slice() else {
        println!("usage: cargo bench -p lm -- MODELS LANGUAGE TEXT [--write PREFIX]");
        return Ok(());
    };
    let models = Perplexity::open(Path::new(models))?;
    let (pieces, kenlm) = models.files(language)?.ok_or("there is no such model")?;
    let text = std::fs::read_to_string(text)?;
    let documents: Vec<&str> = text.lines().collect();

    let mut normalized = vec![String::new(); documents.len()];
    let mb = text.len() as f64 / 1e6;
    row("normalise", mb, "MB", || {
        for (document, out) in documents.iter().zip(&mut normalized) {
            normalize_for_lm(document, out);
        }
    });

    let model = sentencepiece::Model::open(&pieces)?;
    let mut scratch = sentencepiece::Scratch::default();
    let read: f64 = normalized.iter().map(|text| text.len() as f64 / 1e6).sum();
    row("pieces", read, "MB", || {
        for text in &normalized {
            black_box(model.encode(text, &mut scratch).ids.len());
        }
    });

    let begin = cpu_seconds();
    let kenlm = kenlm::Model::open(&kenlm)?;
    let (loaded, mib) = (cpu_seconds() - begin, kenlm.bytes() >> 20);
    println!("{:10} {loaded:8.2} s, {mib} MiB in memory", "load");
    let names: Vec<&[u8]> = model.pieces().collect();
    let mut files = match rest {
        [flag, prefix] if flag == "--write" => {
            let create = |name: &str| File::create(format!("{prefix}.{name}"));
            Some((create("txt")?, create("pieces")?))
        }
        _ => None,
    };
    let mut words: Vec<Vec<u32>> = Vec::new();
    for text in &normalized {
        let encoded = model.encode(text, &mut scratch);
        let texts: Vec<&[u8]> =
            encoded.iter().map(|(id, unknown)| unknown.unwrap_or(names[id as usize])).collect();
        words.push(texts.iter().map(|text| kenlm.word(text)).collect());
        if let Some((plain, pieces)) = &mut files {
            writeln!(plain, "{text}")?;
            pieces.write_all(&texts.join(&b' '))?;
            pieces.write_all(b"\n")?;
        }
    }
    let tokens: usize = words.iter().map(|words| words.len() + 1).sum();
    let mut scratch = kenlm::Scratch::default();
    let mut log10 = 0.0;
    row("KenLM", tokens as f64 / 1e6, "M tokens", || {
        let scores =
            words.iter().map(|words| kenlm.score_with(words.iter().copied(), &mut scratch));
        log10 = scores.map(f64::from).sum();
    });
    println!("{tokens} tokens, log10 of probability {log10:.3}");

    let mut scratch = Scratch::default();
    models.of(language, "loads the models", &mut scratch)?;
    row("all", mb, "MB", || {
        for document in &documents {
            let _ = models.of(language, document, &mut scratch);
        }
    });
    Ok(())
}

fn row(name: &str, amount: f64, unit: &str, mut run: impl FnMut()) {
    let times = (0..5).map(|_| {
        let begin = cpu_seconds();
        run();
        cpu_seconds() - begin
    });
    let best = times.fold(f64::MAX, f64::min);
    println!("{name:10} {:8.1} {unit} / CPU s", amount / best);
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
