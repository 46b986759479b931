//! `estimate` says what a build takes, from a part of its input, and changes nothing.

use crate::support::{
    Place, both_dumps, files_below, gzip, input, keep_all, list, number, record, send, text, wet,
};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Bytes of the files below a folder of a corpus.
fn bytes_below(place: &Place, folder: &str) -> u64 {
    files_below(&place.path(folder)).values().map(|bytes| bytes.len() as u64).sum()
}

#[track_caller]
fn assert_near(found: u64, expected: u64, tolerance: f64, what: &str) {
    let error = found as f64 / expected as f64 - 1.0;
    assert!(
        error.abs() <= tolerance,
        "{what}: {found}, expected {expected}, {:.1} % off",
        100.0 * error
    );
}

/// Sums over the labels of a corpus.
fn sum(status: &Value, key: &str) -> u64 {
    let labels = status["slices"]["common_crawl"]["labels"].as_object().unwrap();
    labels.values().map(|label| number(&label[key])).sum()
}

#[test]
fn a_sample_of_everything_is_the_build() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    fs::create_dir(place.path("scratch")).unwrap();
    let line = "estimate recipe.toml --corpus corpus -w 2 --dir scratch";
    let found = place.run(&format!("{line} --json")).exits(0).json();
    let printed = place.run(line).exits(0);
    for shown in ["CPU", "memory", "disk: data/", "largest cost: "] {
        assert!(printed.stdout.contains(shown), "{printed}");
    }
    assert!(!place.path("corpus").exists());
    assert_eq!(fs::read_dir(place.path("scratch")).unwrap().count(), 0);

    place.run("build recipe.toml --corpus corpus -w 2").exits(0);
    let (estimate, status) = (&found["estimate"], place.status("corpus"));
    assert_eq!(found["sample"]["everything"], true);
    for key in ["read", "kept", "bytes_read", "bytes_kept"] {
        assert_eq!(number(&estimate[key]), sum(&status, key), "{key}");
    }
    for (index, keys) in estimate["keys"].as_object().unwrap() {
        assert_eq!(keys, &status["state"][index]["keys"], "{index}");
    }
    for folder in ["data", "ledger", "state"] {
        let real = bytes_below(&place, &format!("corpus/{folder}"));
        assert_near(number(&estimate["disk_bytes"][folder]), real, 0.05, folder);
    }
    assert!(estimate["cpu_seconds"].as_f64().unwrap() > 0.0, "{found}");
}

#[test]
fn what_the_corpus_has_is_history_and_stays_as_it_is() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    let first =
        "[common_crawl]\nlanguages = []\n".to_owned() + &input("2019-30", "fixtures/2019-30");
    place.write("first.toml", first);
    place.run("build first.toml --corpus corpus").exits(0);
    let before = files_below(&place.path("corpus"));
    let found = place.run("estimate recipe.toml --corpus corpus --json").exits(0).json();
    assert_eq!(files_below(&place.path("corpus")), before);

    place.run("build recipe.toml --corpus corpus").exits(0);
    let label = place.label("corpus", "2020-05");
    for key in ["read", "kept", "bytes_read", "bytes_kept"] {
        // Fewer pages are kept than of a first dump.
        assert_eq!(found["estimate"][key], label[key], "{key}");
    }
    assert_eq!(number(&found["sample"]["labels_done"]), 1);
    let state: u64 = before
        .iter()
        .filter(|(name, _)| name.starts_with("state/"))
        .map(|f| f.1.len() as u64)
        .sum();
    assert_eq!(number(&found["estimate"]["disk_bytes"]["state_before"]), state);

    let nothing = place.run("estimate recipe.toml --corpus corpus").exits(0);
    assert!(nothing.stdout.contains("nothing to build"), "{nothing}");
    let nothing = place.run("estimate recipe.toml --corpus corpus --json").exits(0).json();
    assert_eq!(nothing["estimate"], Value::Null);
}

/// Numbers without order.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A number as words: keys of paragraphs ignore digits.
fn words(mut number: u64) -> String {
    const WORDS: [&str; 8] =
        ["river", "stone", "lamp", "winter", "harbour", "bread", "glass", "road"];
    let mut text = String::new();
    loop {
        text += WORDS[(number % 8) as usize];
        text.push(' ');
        number /= 8;
        if number == 0 {
            return text;
        }
    }
}

/// Pages, of whose lines a part is like no other and a part repeats, the more often the more there
/// are.
fn write_dump(place: &Place, files: u64) {
    for file in 0..files {
        let mut numbers = Numbers(file);
        let page = |page: u64| {
            let lines: Vec<String> = (0..30)
                .map(|_| match numbers.share() {
                    kind if kind < 0.3 => format!("Menu of {}", words(numbers.next() % 50)),
                    kind if kind < 0.6 => {
                        format!("Quote of {}", words((numbers.share().powf(-1.5) * 20.0) as u64))
                    }
                    _ => format!("Only here: {}", words(numbers.next())),
                })
                .collect();
            record(&format!("https://site.test/{file}/{page}"), "Title", &lines.join("\n"))
        };
        let records: Vec<Vec<u8>> = (0..60).map(page).collect();
        place.write(&format!("dump/{file:03}.warc.wet.gz"), wet(&records));
    }
}

#[test]
fn a_part_of_many_files_tells_what_all_take() {
    let place = Place::new();
    write_dump(&place, 120);
    place.write("recipe.toml", keep_all("") + &input("a", "dump/*"));
    let line = "estimate recipe.toml -w 2 --sample 24 --machines 4x8 --json";
    let found = place.run(line).exits(0).json();
    let sample = &found["sample"];
    assert_eq!((number(&sample["parts"]), number(&sample["sources"])), (24, 120));
    assert_eq!(sample["everything"], false);

    place.run("build recipe.toml -w 2").exits(0);
    let (estimate, status) = (&found["estimate"], place.status("corpus"));
    assert_near(number(&estimate["read"]), sum(&status, "read"), 0.02, "read");
    assert_near(number(&estimate["bytes_read"]), sum(&status, "bytes_read"), 0.02, "bytes_read");
    assert_near(number(&estimate["bytes_kept"]), sum(&status, "bytes_kept"), 0.05, "bytes_kept");
    // The files of the sample have some hundred rows, which compress worse than many.
    for (folder, tolerance) in [("data", 0.15), ("ledger", 1.0), ("state", 0.15)] {
        let real = bytes_below(&place, &format!("corpus/{folder}"));
        assert_near(number(&estimate["disk_bytes"][folder]), real, tolerance, folder);
    }
    // A fifth meets fewer copies than the whole.
    let paragraphs = &place.label("corpus", "a")["paragraphs"];
    let new = 1.0 - number(&paragraphs["duplicate"]) as f64 / number(&paragraphs["read"]) as f64;
    let growth = &list(&found["growth"])[0];
    let share = |key: &str| growth[key].as_f64().unwrap();
    assert!(share("new_in_sample") > new + 0.01, "{new}: {growth}");
    assert!((share("new") - new).abs() < 0.01, "{new}: {growth}");
    // The sums of what is shown.
    let costs = list(&found["costs"]).iter().map(|cost| cost["cpu_seconds"].as_f64().unwrap());
    let cpu = estimate["cpu_seconds"].as_f64().unwrap();
    assert!((costs.sum::<f64>() / cpu - 1.0).abs() < 1e-6, "{found}");
    let machines = &found["machines"];
    assert!(machines["seconds"].as_f64().unwrap() < cpu, "{machines}");
    // Three of four keys leave their machine, with 24 or 32 bytes.
    let keys: u64 = estimate["keys"].as_object().unwrap().values().map(number).sum();
    let least = 0.75 * 24.0 * (keys + number(&estimate["facts"])) as f64;
    let network = number(&machines["network_bytes"]) as f64;
    assert!((least..least * 1.2).contains(&network), "{least}: {machines}");
}

#[test]
fn one_large_file_is_sampled_in_its_middle_too() {
    let place = Place::new();
    let mut numbers = Numbers(1);
    // The first half has short texts, the second long ones.
    let line = |n: u64| {
        let times = if n < 20_000 { 3 } else { 6 };
        let text: Vec<String> = (0..times).map(|_| words(numbers.next())).collect();
        format!(
            "{{\"text\":\"{}\",\"url\":\"https://a.test/{n}\",\"timestamp\":\"\"}}\n",
            text.join(". ")
        )
    };
    let lines: String = (0..30_000).map(line).collect();
    let bytes = lines.len() as u64;
    place.write("large/c4-train.00000-of-00001.json", &lines);
    place.write("packed/c4-train.00000-of-00001.json.gz", gzip(lines.repeat(3).as_bytes()));
    let recipe = |folder: &str| {
        format!(
            "corpus = \"c\"\n[[input]]\nslice = \"c4\"\nlabel = \"a\"\npaths = [\"{folder}\"]\n"
        )
    };
    place.write("recipe.toml", recipe("large"));
    let line = "estimate recipe.toml --sample 4 --sample-bytes 4M --json";
    let found = place.run(line).exits(0).json();
    assert_eq!(number(&found["sample"]["parts"]), 4);
    assert!(number(&found["sample"]["stored_bytes"]) < bytes * 3 / 4, "{found}");
    assert_near(number(&found["estimate"]["read"]), 30_000, 0.1, "read");
    // Of a file that is packed as a whole, only the beginning can be read, and that is said.
    place.write("recipe.toml", recipe("packed"));
    let line = "estimate recipe.toml --sample 1 --sample-bytes 1M --json";
    let found = place.run(line).exits(0).json();
    assert_eq!(number(&found["sample"]["beginnings"]), 1, "{found}");
    assert!(
        list(&found["remarks"]).iter().any(|r| text(r).contains("only the beginning")),
        "{found}"
    );
}

#[test]
fn a_signal_ends_it_without_a_trace() {
    let place = Place::new();
    write_dump(&place, 60);
    place.write("recipe.toml", keep_all("") + &input("a", "dump/*"));
    fs::create_dir(place.path("scratch")).unwrap();
    let mut running = place.start("estimate recipe.toml --sample 30 --dir scratch");
    let is_begun = |scratch: &Path| {
        let folders = fs::read_dir(scratch).unwrap().flatten();
        folders.into_iter().any(|folder| folder.path().join("corpus/commits").exists())
    };
    while !is_begun(&place.path("scratch")) {
        assert!(!running.is_over(), "it ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(1));
    }
    send("-TERM", running.id());
    running.wait().exits(143);
    assert_eq!(fs::read_dir(place.path("scratch")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_estimated_is_named() {
    let place = Place::new();
    place.write("recipe.toml", keep_all("") + &input("a", "dump/*"));
    place.run("estimate recipe.toml").exits(2).names(&["dump/*"]);
    place.write("dump/a.warc.wet.gz", "no gzip");
    place.run("estimate recipe.toml").exits(1).names(&["a.warc.wet.gz"]);
    place.run("estimate recipe.toml --machines 8").exits(2).names(&["8x16"]);
    place.run("estimate recipe.toml --sample 0").exits(2).names(&["--sample"]);
    place.run("estimate").exits(2);
    place.write("empty.toml", "corpus = \"c\"\n");
    place.run("estimate empty.toml").exits(2).names(&["[[input]]"]);
}
