//! `report` adds up: its sums are those of the ledger, and its page is one file.

use crate::support::{Place, list, number, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

fn demo() -> (Place, Value) {
    let place = Place::new();
    place.run("demo --out demo --quiet").exits(0);
    let report = place.run("report demo/corpus --json").exits(0).json();
    (place, report)
}

/// The labels of a status or a report: slice, label, counts.
fn labels(slices: Vec<(String, &Value)>) -> BTreeMap<(String, String), Value> {
    let mut all = BTreeMap::new();
    for (slice, value) in slices {
        for (label, counts) in value["labels"].as_object().unwrap() {
            all.insert((slice.clone(), label.clone()), counts.clone());
        }
    }
    all
}

#[test]
fn the_sums_of_a_report_are_those_of_the_ledger() {
    let (place, report) = demo();
    let status = place.status("demo/corpus");
    let of_status = status["slices"].as_object().unwrap();
    let of_status = labels(of_status.iter().map(|(name, value)| (name.clone(), value)).collect());
    let slices = list(&report["slices"]);
    let of_report = slices.iter().map(|slice| (text(&slice["slice"]).to_owned(), slice));
    assert_eq!(labels(of_report.collect()), of_status);

    // What an index found in a label is what the ledger says was dropped or cut there.
    let mut checked = 0;
    for found in list(&report["duplicates"]) {
        let effect = text(&found["effect"]);
        let mut later: BTreeMap<&str, u64> = BTreeMap::new();
        for pair in list(&found["pairs"]) {
            *later.entry(text(&pair["later"])).or_default() += number(&pair["count"]);
        }
        assert_eq!(later.values().sum::<u64>(), number(&found["duplicates"]), "{found:#}");
        for ((slice, label), counts) in &of_status {
            if !list(&found["slices"]).iter().any(|used| used == slice) {
                continue;
            }
            let here = later.get(&*format!("{slice}/{label}")).copied().unwrap_or(0);
            if effect == "cut" {
                // The ledger also counts repeats within one document.
                let cut = number(&counts["paragraphs"]["duplicate"]);
                assert!(here <= cut && (here > 0) == (cut > 0), "{here} {cut} {found:#}");
            } else {
                assert_eq!(here, counts["dropped"][effect].as_u64().unwrap_or(0), "{found:#}");
                checked += here;
            }
        }
        // Each duplicate is a member of a group, besides its first.
        let groups = list(&found["groups"]).iter();
        let besides: u64 =
            groups.map(|size| number(&size["members"]) - number(&size["groups"])).sum();
        assert_eq!(besides, number(&found["duplicates"]), "{found:#}");
        for group in list(&found["largest"]) {
            assert!(number(&group["members"]) > 1 && group["text"].is_string(), "{group:#}");
        }
    }
    assert!(checked >= 8, "{checked}");

    // Distributions cover all documents.
    for slice in slices {
        let read: u64 =
            slice["languages"].as_object().unwrap().values().map(|t| number(&t["read"])).sum();
        assert_eq!(read, number(&slice["all"]["read"]), "{slice:#}");
        let kept = |values: &Value| list(&values["kept"]).iter().map(number).sum::<u64>();
        if slice["slice"] == "common_crawl" {
            for scores in ["language_score", "perplexity", "quality"] {
                assert_eq!(kept(&slice[scores]), number(&slice["all"]["kept"]), "{scores}");
            }
        }
    }
    let kept = place.documents("demo/corpus");
    let with_url = kept
        .iter()
        .filter(|document| document["meta"]["url"].as_str().is_some_and(|url| url.contains("://")));
    assert_eq!(number(&report["domains"]["all"]["documents"]), with_url.count() as u64);
    // Samples are documents with their verdicts.
    let samples = list(&report["samples"]);
    assert!(samples.iter().any(|sample| sample["reason"] == "too_short"), "{samples:#?}");
    assert!(samples.iter().any(|sample| sample["reason"].is_null() && sample["text"].is_string()));
}

#[test]
fn sizes_stand_beside_those_of_llama_and_redpajama() {
    let (place, report) = demo();
    let sizes = list(&report["sizes"]);
    assert_eq!(sizes.len(), 8);
    // Instructions are in no table.
    let share = |key: &str| sizes.iter().filter_map(|size| size[key].as_f64()).sum::<f64>();
    for key in ["share", "llama_share", "redpajama_share"] {
        assert!((share(key) - 1.0).abs() < 1e-9, "{key}: {}", share(key));
    }
    let words = place.run("report demo/corpus").exits(0);
    for part in ["RedPajama", "67.0 %", "878 G", "across labels", "web sites with"] {
        assert!(words.stdout.contains(part), "{part}: {words}");
    }
    let widest = words.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|chars| chars <= 80), "{words}");
    // Most pages of the bundled dumps are in other languages than English.
    let named = list(&report["removals"]).iter().any(|removal| removal["reason"] == "language");
    assert!(named || !words.stdout.contains("language dropped more than"), "{report:#}");
    let strict = place.run("report demo/corpus --warn-share 0.3 --json").exits(0).json();
    assert!(list(&strict["removals"]).iter().any(|removal| removal["reason"] == "language"));
    place.run("report demo/corpus --warn-share 2").exits(2).names(&["--warn-share"]);
}

#[test]
fn the_page_is_one_file_that_needs_nothing_else() {
    let (place, _) = demo();
    place.run("report demo/corpus --html report.html --domains sites.csv").exits(0);
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    for foreign in ["<script", "<link", "<img", "@import", "url(", "src=", "<iframe"] {
        // Texts of samples are escaped.
        assert!(!page.contains(foreign), "{foreign}");
    }
    for part in
        ["prefers-color-scheme: dark", "var(--kept)", "common_crawl", "878 B", "The largest groups"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.matches("<svg").count() >= 3);
    let sites = fs::read_to_string(place.path("sites.csv")).unwrap();
    assert!(sites.starts_with("domain,documents,bytes\n") && sites.lines().count() > 3, "{sites}");
}

#[test]
fn the_summary_has_the_exclusions_that_were_served() {
    let (place, _) = demo();
    place.write("domains.txt", "harbour-gazette.test\n");
    place.run("remove demo/corpus --domains domains.txt --reason request_of_3_May").exits(0);
    place.run("remove demo/corpus --label books/shelf --reason rights").exits(0);
    let report = place.run("report demo/corpus --json --html report.html").exits(0).json();
    let summary = &report["summary"];
    assert!(number(&summary["removed"]) > 0, "{summary:#}");
    let requests = list(&summary["requests"]);
    assert_eq!(requests.len(), 2, "{summary:#}");
    assert_eq!(
        (&requests[0]["selectors"], &requests[1]["labels"][0]),
        (&json!(1), &json!("books/shelf"))
    );
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    assert!(page.contains("Exclusions served") && page.contains("request_of_3_May"));
    // A summary is published: it has no names of what was taken out.
    assert!(!page.contains("<td>harbour-gazette.test"), "{page}");
}

/// Looks at the page as a browser does, if there is one.
#[test]
fn the_page_fits_narrow_and_wide_screens() {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let Some(browser) = names.into_iter().find(is_there) else {
        println!("skipped: no browser");
        return;
    };
    let (place, _) = demo();
    place.run("report demo/corpus --html report.html").exits(0);
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    // A frame of each width says how wide its page is.
    let measure = "<script>document.title = document.documentElement.scrollWidth</script></body>";
    place.write("measured.html", page.replace("</body>", measure));
    for width in [390, 1280] {
        let mut frame = Command::new(browser);
        let frame = frame.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
        let frame = frame.arg(format!("--window-size={width},900"));
        let url = format!("file://{}", place.path("measured.html").display());
        let dom = frame.arg(url).env("HOME", place.path("")).output().unwrap();
        let dom = String::from_utf8_lossy(&dom.stdout).into_owned();
        let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        let found: u64 = title.expect("a page").0.parse().unwrap_or_else(|_| panic!("{title:?}"));
        // Browsers have a least width of a window.
        assert!(found <= width.max(500), "{found} at {width}");
    }
}
