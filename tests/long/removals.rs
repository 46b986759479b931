//! Labels and documents are added, removed and restored in any order, by every rule of
//! deduplication. The corpus is always the one that a build without them makes: export, counts and
//! rows of the ledger.

use crate::random::Random;
use crate::settings::{SETTINGS, Setting, flags};
use crate::support::{Export, Place, keep_all, number, record, wet};
use crate::trial::Trial;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::File;
use std::time::Instant;

/// Operations on one corpus.
const OPERATIONS: usize = 6;

/// Recipes: the lines before the slice's table, and those in it.
const RULES: [(&str, &str); 21] = [
    ("", ""),
    ("", "dedup = \"exact\""),
    ("", "dedup = \"minhash\""),
    ("", "dedup = { method = \"minhash\", verify = \"none\", bands = 30, rows = 2, ngram = 3 }"),
    ("", "dedup = { method = \"minhash\", verify = \"text\" }"),
    (
        "",
        "dedup = [\"lines\", { method = \"minhash\", verify = \"text\", bands = 30, rows = 2, ngram = 3 }]",
    ),
    ("", "dedup = \"simhash\""),
    ("", "dedup = { method = \"passages\", min_bytes = 100 }"),
    ("", "dedup = \"none\""),
    ("", "dedup = \"lines\""),
    ("", "dedup = { method = \"lines\", action = \"count\" }"),
    ("", "dedup = [\"exact\", \"minhash\"]"),
    ("", "dedup = [\"exact\", \"lines\"]"),
    ("", "dedup = [\"lines\", \"paragraphs\", \"minhash\"]"),
    ("", "dedup = [\"paragraphs\", \"simhash\", \"exact\"]"),
    ("", "dedup = [{ method = \"minhash\", bands = 30, rows = 2, ngram = 3 }, \"simhash\"]"),
    ("", "scope = \"label\""),
    ("", "scope = \"label\"\ncopies = \"none\""),
    ("preset = \"redpajama\"", "shards = 2"),
    ("global.dedup = true", "dedup = \"exact\""),
    ("global.dedup = true", ""),
];

/// A label that was added, in the order of adding.
struct Slot {
    name: String,
    is_there: bool,
}

/// What the corpus should be.
#[derive(Default)]
struct Truth {
    slots: Vec<Slot>,
    /// Entries of the lists that are in force, by flag, and whether they are to be forgotten.
    excluded: BTreeMap<(&'static str, String), bool>,
}

/// A page of few lines, most of which others have too.
fn page(random: &mut Random, url: &str) -> Vec<u8> {
    const LINES: [&str; 7] = [
        "Home, news, contact, and the other pages",
        "The committee met on Thursday evening in the old library of the town",
        "Every winter the river freezes over and children go skating after school",
        "The museum opened a new hall with paintings of the last century",
        "Read more about the terms of use of this site",
        "A recipe for bread with four kinds of flour and a little salt",
        "The train to the coast leaves at seven and arrives before noon",
    ];
    let mut text = String::new();
    for _ in 0..1 + random.below(4) {
        match random.below(8) {
            0 => writeln!(text, "A line that only page {} has", random.below(1000)).unwrap(),
            _ => writeln!(text, "{}", random.pick(&LINES)).unwrap(),
        }
    }
    let title = *random.pick(&["A title", "Another title"]);
    record(url, title, text.trim_end())
}

/// Writes the files of a label.
fn write_label(place: &Place, random: &mut Random, name: &str) {
    for file in 0..1 + random.below(3) {
        let pages = 1 + random.below(12);
        let mut records = Vec::new();
        for number in 0..pages {
            let host = random.pick(&["a.example", "www.a.example", "b.example", "c.d.example"]);
            let url = format!("https://{host}/{}", random.below(12) + number % 2);
            records.push(page(random, &url));
        }
        place.write(&format!("{name}/{file}.warc.wet.gz"), wet(&records));
    }
}

/// The command that adds a label to `corpus`.
fn add(corpus: &str, name: &str, random: &mut Random) -> String {
    let launch = if random.below(12) == 0 { "launch -n 2 -- " } else { "" };
    let flags = flags(random);
    format!("{launch}add {corpus} --slice common_crawl --label {name} files/{name} {flags}")
}

/// Every row of the ledger of the present labels, without its ref, which depends on removed labels.
fn rows(place: &Place, corpus: &str) -> Vec<String> {
    let newest = place.path(corpus).join(place.newest_commit(corpus));
    let manifest: Value = serde_json::from_slice(&std::fs::read(newest).unwrap()).unwrap();
    let mut rows = Vec::new();
    for label in manifest["labels"].as_array().unwrap() {
        let mut parts: Vec<&Value> = label["ledger"].as_array().unwrap().iter().collect();
        parts.sort_by_key(|part| number(&part["first"]));
        for part in parts {
            let path = place.path(corpus).join(part["path"].as_str().unwrap());
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let row = row.unwrap();
                let fields = row.get_column_iter().filter(|(name, _)| *name != "ref");
                let fields: Vec<String> = fields.map(|(n, v)| format!("{n}={v}")).collect();
                rows.push(fields.join(" "));
            }
        }
    }
    rows
}

/// One random operation. Returns its command lines.
fn operation(place: &Place, truth: &mut Truth, random: &mut Random) -> Option<String> {
    let there: Vec<usize> = (0..truth.slots.len()).filter(|s| truth.slots[*s].is_there).collect();
    let names: BTreeSet<String> = there.iter().map(|s| truth.slots[*s].name.clone()).collect();
    match random.below(8) {
        0 | 1 if names.len() < 4 => {
            let name = (0..4).map(|n| format!("l{n}")).find(|n| !names.contains(n))?;
            truth.slots.push(Slot { name: name.clone(), is_there: true });
            Some(add("corpus", &name, random))
        }
        2 => {
            let slot = &mut truth.slots[*random.pick(&there)];
            slot.is_there = false;
            Some(format!("remove corpus --label common_crawl/{}", slot.name))
        }
        3 => {
            let gone = (0..truth.slots.len()).rev().find(|s| {
                let slot = &truth.slots[*s];
                let is_last = truth.slots[s + 1..].iter().all(|later| later.name != slot.name);
                !slot.is_there && is_last
            })?;
            truth.slots[gone].is_there = true;
            Some(format!("restore corpus --label common_crawl/{}", truth.slots[gone].name))
        }
        4 if !truth.excluded.is_empty() => {
            let keys: Vec<_> = truth.excluded.keys().cloned().collect();
            let (flag, entry) = random.pick(&keys).clone();
            truth.excluded.remove(&(flag, entry.clone()));
            place.write("list.txt", entry);
            Some(format!("restore corpus {flag} list.txt"))
        }
        _ => {
            let flag = *random.pick(&["--ids", "--ids", "--urls", "--domains"]);
            let entry = |random: &mut Random| match flag {
                "--ids" => {
                    let (label, file) = (random.below(4), random.below(3));
                    let record = random.below(12);
                    format!("common_crawl/l{label}/{file}.warc.wet.gz#{record}")
                }
                "--urls" => {
                    let host = random.pick(&["a.example", "b.example"]);
                    format!("{host}/{}", random.below(13))
                }
                _ => (*random.pick(&["a.example", "www.a.example", "d.example"])).to_owned(),
            };
            let entries: BTreeSet<String> =
                (0..1 + random.below(6)).map(|_| entry(random)).collect();
            let forget = random.below(4) == 0;
            for entry in &entries {
                *truth.excluded.entry((flag, entry.clone())).or_default() |= forget;
            }
            let schemes: &[&str] =
                if flag == "--urls" { &["http://", "https://", ""] } else { &[""] };
            let scheme = *random.pick(schemes);
            let lines: String = entries.iter().map(|entry| format!("{scheme}{entry}\n")).collect();
            place.write("list.txt", lines);
            let forget = if forget { "--forget" } else { "" };
            Some(format!("remove corpus {flag} list.txt {forget}"))
        }
    }
}

/// Builds the corpus from scratch, as it should be.
fn rebuild(place: &Place, truth: &Truth, random: &mut Random) {
    place.run("build recipe.toml --corpus rebuilt").exits(0);
    for ((flag, entry), forget) in &truth.excluded {
        let scheme = if *flag == "--urls" { "https://" } else { "" };
        place.write("list.txt", format!("{scheme}{entry}"));
        let forget = if *forget { "--forget" } else { "" };
        place.run(&format!("remove rebuilt {flag} list.txt {forget}")).exits(0);
    }
    for slot in truth.slots.iter().filter(|slot| slot.is_there) {
        place.run(&add("rebuilt", &slot.name, random)).exits(0);
    }
}

/// Notes a problem unless a corpus is sound and has what the rebuilt one has.
fn compare(
    trial: &mut Trial,
    round: u64,
    story: &str,
    (place, corpus): (&Place, &str),
    (place_rebuilt, rebuilt): (&Place, &str),
) {
    place.assert_sound(corpus);
    let data = |export: &Export| -> BTreeMap<String, String> {
        let names = export.keys().filter(|name| name.ends_with(".jsonl"));
        names.map(|n| (n.clone(), String::from_utf8_lossy(&export[n]).into_owned())).collect()
    };
    let (found, expected) = (data(&place.export(corpus)), data(&place_rebuilt.export(rebuilt)));
    trial.check(round, found == expected, || {
        format!("{story}\nfound {found:#?}\nexpected {expected:#?}")
    });
    let (found, expected) = (place.status(corpus), place_rebuilt.status(rebuilt));
    let (found, expected) = (&found["slices"], &expected["slices"]);
    trial.check(round, found == expected, || format!("{story}\n{found}\n{expected}"));
    let (found, expected) = (rows(place, corpus), rows(place_rebuilt, rebuilt));
    trial.check(round, found == expected, || {
        let differ = found.iter().zip(&expected).filter(|(a, b)| a != b);
        let lines: Vec<String> = differ.map(|(a, b)| format!("{a}\n{b}")).collect();
        let (found, expected) = (found.len(), expected.len());
        format!("{story}\n{found} rows, {expected} expected\n{}", lines.join("\n"))
    });
}

/// The value of a field of a row.
fn field<'r>(row: &'r str, name: &str) -> &'r str {
    let start = row.find(&format!("{name}=\"")).expect("every row has it") + name.len() + 2;
    row[start..].split('"').next().expect("a string ends")
}

#[test]
fn removals_of_slices() {
    let mut trial = Trial::new("removals_of_slices", 14);
    let mut done = 0;
    let newest =
        ["versions = \"newest\"", "versions = \"newest\"\ncomplete = true\ndedup = \"exact\""];
    let has_versions = SETTINGS.iter().filter(|setting| setting.slice == "stack_exchange");
    let with_versions = has_versions.flat_map(|setting| newest.map(|other| setting.with(other)));
    let of_round: Vec<Setting> = SETTINGS.iter().cloned().chain(with_versions).collect();
    while done < trial.wanted {
        let (round, mut random) = trial.round();
        let setting = &of_round[round as usize % of_round.len()];
        let place = setting.place();
        place.run(&setting.build(&flags(&mut random))).exits(0);
        let all = rows(&place, "corpus");
        let mut labels = BTreeSet::from([0, 1]);
        let mut excluded: BTreeSet<(&str, String)> = BTreeSet::new();
        let mut story = setting.slice.to_owned();
        for _ in 0..1 + random.below(4) {
            let label = random.below(2);
            let name = format!("{}/{}", setting.slice, setting.label(label));
            let line = if random.below(4) == 0 && labels.len() == 2 {
                labels.remove(&label);
                format!("remove corpus --label {name}")
            } else if random.below(2) == 0 && !labels.contains(&label) {
                labels.insert(label);
                format!("restore corpus --label {name}")
            } else if random.below(3) == 0 && !excluded.is_empty() {
                let all: Vec<_> = excluded.iter().cloned().collect();
                let (flag, entry) = random.pick(&all).clone();
                place.write("list.txt", &entry);
                excluded.remove(&(flag, entry));
                format!("restore corpus {flag} list.txt")
            } else {
                let flag = *random.pick(&["--ids", "--urls"]);
                let wanted = 1 + random.below(8);
                let mut entries = BTreeSet::new();
                for _ in 0..wanted {
                    let row = random.pick(&all);
                    let name = if flag == "--ids" { "id" } else { "url" };
                    entries.insert(field(row, name).to_owned());
                }
                // Not every slice has addresses.
                entries.retain(|entry| flag == "--ids" || entry.starts_with("http"));
                place
                    .write("list.txt", entries.iter().fold(String::new(), |all, e| all + e + "\n"));
                excluded.extend(entries.into_iter().map(|entry| (flag, entry)));
                format!("remove corpus {flag} list.txt")
            };
            let line = format!("{line} -w {}", 1 + random.below(3));
            let list = std::fs::read_to_string(place.path("list.txt")).unwrap_or_default();
            write!(story, "\n  {line}  [{}]", list.trim_end().replace('\n', " ")).unwrap();
            let outcome = place.run(&line);
            trial.ends(round, &outcome, &[0], &story);
            done += 1;
        }
        let rebuilt = setting.place();
        rebuilt.run("build none.toml --corpus corpus").exits(0);
        for (flag, entry) in &excluded {
            rebuilt.write("list.txt", entry);
            rebuilt.run(&format!("remove corpus {flag} list.txt")).exits(0);
        }
        for label in labels {
            rebuilt.run(&setting.add(label, &flags(&mut random))).exits(0);
        }
        compare(&mut trial, round, &story, (&place, "corpus"), (&rebuilt, "corpus"));
    }
    trial.end(&[("operations", done)]);
}

#[test]
fn removals() {
    let mut trial = Trial::new("removals", 20);
    let mut done = 0;
    while done < trial.wanted {
        let (round, mut random) = trial.round();
        let place = Place::new();
        for name in ["l0", "l1", "l2", "l3"] {
            write_label(&place, &mut random, &format!("files/{name}"));
        }
        let (top, settings) = RULES[round as usize % RULES.len()];
        place.write("recipe.toml", format!("{}{settings}\n", keep_all(top)));
        place.run("build recipe.toml --corpus corpus").exits(0);
        let mut truth = Truth::default();
        let mut story = format!("{top} {settings}");
        for name in ["l0", "l1"] {
            let line = add("corpus", name, &mut random);
            place.run(&line).exits(0);
            truth.slots.push(Slot { name: name.into(), is_there: true });
        }
        let mut ended = true;
        for _ in 0..1 + random.below(OPERATIONS) {
            if truth.slots.iter().all(|slot| !slot.is_there) {
                break;
            }
            let Some(mut line) = operation(&place, &mut truth, &mut random) else { continue };
            if !line.contains("add ") {
                line += &format!(" -w {}", 1 + random.below(3));
                if random.below(6) == 0 {
                    line += " --engine differential";
                }
                if random.below(3) == 0 {
                    line += " --epoch-bytes 500";
                }
            }
            let list = std::fs::read_to_string(place.path("list.txt")).unwrap_or_default();
            write!(story, "\n  {line}  [{}]", list.trim_end().replace('\n', " ")).unwrap();
            let outcome = place.run(&line);
            ended &= trial.ends(round, &outcome, &[0], &story);
            done += 1;
        }
        if !ended {
            continue;
        }
        rebuild(&place, &truth, &mut random);
        compare(&mut trial, round, &story, (&place, "corpus"), (&place, "rebuilt"));
    }
    trial.end(&[("operations", done)]);
}

/// Moments at which one removal is killed.
const MOMENTS: usize = 5;

/// A removal or restoration is killed at any moment. The corpus is as before it or as after it, and
/// the same command carries it out.
#[test]
fn killed_removals() {
    let mut trial = Trial::new("killed_removals", 10);
    let (mut kills, mut rounds) = (0, 0);
    while kills < trial.wanted {
        let (round, mut random) = trial.round();
        rounds += 1;
        assert!(rounds <= 20 * trial.wanted, "removals end before they are killed");
        let setting = &SETTINGS[round as usize % SETTINGS.len()];
        let place = setting.place();
        place.run(&setting.build("")).exits(0);
        let all = rows(&place, "corpus");
        let count = 1 + random.below(6);
        let mut ids = BTreeSet::new();
        for _ in 0..count {
            let row: &String = random.pick(&all);
            ids.insert(field(row, "id").to_owned());
        }
        place.write("list.txt", ids.iter().fold(String::new(), |all, id| all + id + "\n"));
        let label = format!("--label {}/{}", setting.slice, setting.label(random.below(2)));
        let which = if random.below(2) == 0 { &label } else { "--ids list.txt" };
        let removes = random.below(2) == 0;
        if !removes {
            place.run(&format!("remove corpus {which}")).exits(0);
        }
        let verb = if removes { "remove" } else { "restore" };
        let line = format!("{verb} corpus {which} -w {}", 1 + random.below(3));
        let before = place.export("corpus");
        place.copy_without("corpus", "saved", &[]);
        let began = Instant::now();
        place.run(&line).exits(0);
        let (duration, after) = (began.elapsed(), place.export("corpus"));
        for _ in 0..MOMENTS {
            std::fs::remove_dir_all(place.path("corpus")).unwrap();
            place.copy_without("saved", "corpus", &[]);
            let moment = duration.mul_f64(random.below(1000) as f64 / 1000.0);
            let run = place.start(&line);
            std::thread::sleep(moment);
            kills += usize::from(run.kill().status.code().is_none());
            let story = format!("{line} killed after {moment:?}");
            let found = place.export("corpus");
            let is_done = found == after;
            trial.check(round, is_done || found == before, || format!("{story}: other bytes"));
            // What is done already may be an error. Either way, what the kill left is cleared.
            let codes: &[i32] = if is_done { &[0, 2] } else { &[0] };
            trial.ends(round, &place.run(&line), codes, &story);
            let ended = place.export("corpus") == after;
            trial.check(round, ended, || format!("{story}: other bytes at its end"));
            place.assert_sound("corpus");
        }
    }
    trial.end(&[("kills", kills), ("rounds", rounds)]);
}
