//! `explain` names the document of which another one, or a part of it, is a copy; and the claim holds:
//! without that document the copy is kept.

use crate::support::{Place, list, number, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The reasons of documents that are dropped as copies of another one.
const COPIES: [&str; 6] = [
    "duplicate",
    "duplicate_page",
    "duplicate_text",
    "duplicate_url",
    "near_duplicate",
    "unchanged",
];

/// All records of a corpus, as `sample` shows them, by id.
fn views(place: &Place, corpus: &str) -> BTreeMap<String, Value> {
    let sample = place.run(&format!("sample {corpus} -n 1M --json")).exits(0);
    let views = sample.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    views.map(|view| (text(&view["id"]).to_owned(), view)).collect()
}

fn explain(place: &Place, corpus: &str, id: &str) -> Value {
    let explained = place.run(&format!("explain {corpus} {id} --json")).exits(0).json();
    assert_eq!(explained["id"], id);
    // What the graph does now is what the ledger says.
    for note in list(&explained["notes"]) {
        assert!(!text(note).contains("read again"), "{explained:#}");
    }
    explained
}

/// The letters of a text: rules that compare lines leave out all else.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

/// Whether a list of explained documents has one with this id.
fn has(listed: &Value, id: &Value) -> bool {
    list(listed).iter().any(|one| one["id"] == *id)
}

#[test]
fn every_copy_of_the_demo_has_a_witness_with_the_same_text() {
    let place = Place::new();
    place.run("demo --out demo --quiet").exits(0);
    let corpus = "demo/corpus";
    let views = views(&place, corpus);
    let (mut reasons, mut parts, mut explained) = (BTreeSet::new(), 0, BTreeMap::new());
    for (place_in_order, (id, view)) in views.iter().enumerate() {
        let is_cut = number(&view["ledger"]["paragraphs_duplicate"]) > 0;
        let is_copy = view["reason"].as_str().is_some_and(|reason| COPIES.contains(&reason));
        let is_checked = is_copy || is_cut && place_in_order % 5 == 0 || place_in_order % 20 == 0;
        if !is_checked {
            continue;
        }
        let found = explain(&place, corpus, id);
        for key in ["verdict", "reason", "ledger"] {
            assert_eq!(found[key], view[key], "{found:#}");
        }
        // Of a kept document, which is read again here, more is known.
        for threshold in list(&view["thresholds"]) {
            assert!(list(&found["thresholds"]).contains(threshold), "{found:#}");
        }
        let last = list(&found["steps"]).last();
        match found["reason"].as_str() {
            None => assert_eq!(last.unwrap()["passed"], true, "{found:#}"),
            Some(_) => assert!(last.is_none_or(|step| step["passed"] == false), "{found:#}"),
        }
        assert_eq!(is_copy, !found["copy_of"].is_null(), "{found:#}");
        if is_copy {
            let witness = &views[text(&found["copy_of"]["id"])];
            let reason = text(&view["reason"]);
            reasons.insert(reason.to_owned());
            let same = match reason {
                "duplicate_page" | "duplicate_url" => {
                    witness["ledger"]["url"] == view["ledger"]["url"]
                }
                "near_duplicate" => {
                    found["copy_of"]["similarity"].as_f64().unwrap() >= 1.0 - 5.0 / 64.0
                }
                _ => witness["ledger"]["digest"] == view["ledger"]["digest"],
            };
            assert!(same, "{found:#}: {witness:#}");
        }
        for lost in list(&found["lost"]) {
            let first = &views[text(&lost["id"])];
            let part = letters(text(&lost["text"]));
            assert!(letters(text(&first["text"])).contains(&part), "{lost:#}: {first:#}");
            parts += 1;
        }
        let cut = number(&found["ledger"]["paragraphs_duplicate"]);
        assert!(list(&found["lost"]).len() as u64 <= cut, "{found:#}");
        explained.insert(id, found);
    }
    assert!(reasons.len() >= 3 && parts > 100, "{reasons:?} {parts}");
    // The other way round: the witness knows its copy.
    for (id, found) in explained.iter().filter(|(_, found)| !found["copy_of"].is_null()) {
        let witness = explain(&place, corpus, text(&found["copy_of"]["id"]));
        let index = &found["copy_of"]["index"];
        let copies = list(&witness["copies"]).iter().find(|copies| copies["index"] == *index);
        let copies = copies.unwrap_or_else(|| panic!("{id} is no copy of {witness:#}"));
        assert!(has(&copies["listed"], &found["id"]), "{found:#}: {witness:#}");
    }
}

const DEDUPS: [&str; 4] = ["exact", "lines", "paragraphs", "minhash"];

/// Texts of which some are copies, or have lines of others.
fn texts() -> Vec<String> {
    let line = |number: usize| {
        let words = ["lamp", "ledger", "kettle", "harbour", "river", "stone", "window", "garden"];
        let words = (0..12).map(|word| words[(number * 5 + word * word * (number + 3)) % 8]);
        format!(
            "Line {} has {}.",
            ["one", "two", "six", "ten", "four", "five"][number % 6],
            words.collect::<Vec<_>>().join(" ")
        )
    };
    let page = |lines: &[usize]| lines.iter().map(|n| line(*n)).collect::<Vec<_>>().join("\n");
    [
        page(&[0, 1, 2]),
        page(&[3, 4]),
        page(&[0, 1, 2]),
        page(&[5, 0]),
        page(&[3, 4]),
        page(&[0, 1, 2]),
        page(&[4, 5]),
        page(&[3]),
    ]
    .into()
}

fn build(place: &Place, corpus: &str, dedup: &str, texts: &[(usize, String)]) {
    let page = |(number, text): &(usize, String)| {
        let url = format!("http://a.example/{number}");
        let page = json!({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url});
        format!("{page}\n")
    };
    // Two labels, and two sources in one of them.
    let (first, rest) = texts.split_at(texts.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    for (name, texts) in [("a/0", first), ("a/1", second), ("b/0", third)] {
        let lines: String = texts.iter().map(page).collect();
        place.write(&format!("{corpus}-in/{name}.jsonl"), lines);
    }
    let input = |label: &str| {
        format!(
            "[[input]]\nslice = \"c4\"\nlabel = \"{label}\"\npaths = [\"{corpus}-in/{label}\"]\n"
        )
    };
    place.write("recipe.toml", format!("[c4]\ndedup = \"{dedup}\"\n{}{}", input("a"), input("b")));
    place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
}

/// The number of a page, which stays when others are removed.
fn page_of(view: &Value) -> usize {
    text(&view["ledger"]["url"]).rsplit('/').next().unwrap().parse().unwrap()
}

#[test]
fn without_its_witness_the_next_copy_is_kept() {
    for dedup in DEDUPS {
        let place = Place::new();
        let all: Vec<(usize, String)> = texts().into_iter().enumerate().collect();
        build(&place, "all", dedup, &all);
        let before = views(&place, "all");
        let mut tried = 0;
        for (id, view) in &before {
            let found = explain(&place, "all", id);
            for copies in list(&found["copies"]) {
                for copy in list(&copies["listed"])
                    .iter()
                    .filter(|copy| copy["is_next"] == true || dedup == "minhash")
                {
                    let without = page_of(view);
                    let rest: Vec<_> =
                        all.iter().filter(|(number, _)| *number != without).cloned().collect();
                    let corpus = format!("without-{without}");
                    if !fs::exists(place.path(&corpus)).unwrap() {
                        build(&place, &corpus, dedup, &rest);
                    }
                    let after = views(&place, &corpus);
                    let copy = &before[text(&copy["id"])];
                    let now = after.values().find(|view| page_of(view) == page_of(copy)).unwrap();
                    let is_back = match dedup {
                        "lines" | "paragraphs" => {
                            let lost =
                                |view: &Value| number(&view["ledger"]["paragraphs_duplicate"]);
                            lost(now) < lost(copy)
                        }
                        // It may be near to others that are kept.
                        "minhash" => {
                            now["verdict"] == "kept"
                                || explain(&place, &corpus, text(&now["id"]))["copy_of"]["id"]
                                    .is_string()
                        }
                        _ => now["verdict"] == "kept" && copy["verdict"] == "dropped",
                    };
                    assert!(is_back, "{dedup}: {copy:#} without {view:#}: {now:#}");
                    tried += 1;
                }
            }
        }
        assert!(tried >= 2, "{dedup}: {tried}");
    }
}

#[test]
fn without_its_source_a_document_is_explained_by_the_indexes() {
    for dedup in DEDUPS {
        let place = Place::new();
        let all: Vec<(usize, String)> = texts().into_iter().enumerate().collect();
        build(&place, "all", dedup, &all);
        let ids: Vec<String> = views(&place, "all").into_keys().collect();
        let before: Vec<Value> = ids.iter().map(|id| explain(&place, "all", id)).collect();
        fs::rename(place.path("all-in"), place.path("elsewhere")).unwrap();
        for (id, before) in ids.iter().zip(&before) {
            let after = place.run(&format!("explain all {id} --json")).exits(0).json();
            let notes = list(&after["notes"]).iter().map(text).collect::<Vec<_>>().join("\n");
            assert!(notes.contains("this source is gone"), "{after:#}");
            assert_eq!(after["copy_of"], before["copy_of"], "{dedup}");
            assert_eq!(after["copies"], before["copies"], "{dedup}");
            let firsts = |found: &Value| -> Vec<String> {
                let mut ids: Vec<String> =
                    list(&found["lost"]).iter().map(|lost| text(&lost["id"]).to_owned()).collect();
                ids.sort();
                ids
            };
            assert_eq!(firsts(&after), firsts(before), "{dedup}");
            assert!(list(&after["lost"]).iter().all(|lost| lost["text"].is_null()));
        }
    }
}

#[test]
fn a_document_is_explained_by_its_address_and_in_words() {
    let place = Place::new();
    let all: Vec<(usize, String)> = texts().into_iter().enumerate().collect();
    build(&place, "all", "exact", &all);
    let words = place.run("explain all http://a.example/5").exits(0);
    for part in ["c4/b/0.jsonl#", "dropped: duplicate", "copy of   c4/a/0.jsonl#0  kept", "byte "] {
        assert!(words.stdout.contains(part), "{part}: {words}");
    }
    let first = place.run("explain all http://a.example/0").exits(0);
    assert!(first.stdout.contains("2 documents after it dropped as copies: duplicate"), "{first}");
    assert_eq!(first.stdout.matches("the next copy").count(), 1, "{first}");
    place.run("explain all http://a.example/99").exits(1).names(&["no record", "the address"]);
    place.run("explain all c4/a/0.jsonl#99").exits(1).names(&["no record c4/a/0.jsonl#99"]);
    place.run("explain all c4/a/0.json#0").exits(2).names(&["did you mean 0.jsonl"]);
}

#[test]
fn what_was_removed_or_is_in_an_evaluation_is_explained_as_such() {
    let place = Place::new();
    let all: Vec<(usize, String)> = texts().into_iter().enumerate().collect();
    build(&place, "all", "exact", &all);
    place.write("eval.txt", format!("{}\n", all[3].1.replace('\n', " ")));
    place.run("decontaminate all --set eval.txt").exits(0);
    let id_of = |page: usize| {
        let views = views(&place, "all");
        let found = views.values().find(|view| page_of(view) == page).unwrap();
        text(&found["id"]).to_owned()
    };
    let found = explain(&place, "all", &id_of(3));
    let last = list(&found["steps"]).last().unwrap();
    assert_eq!(
        (&last["step"], &last["passed"]),
        (&"contaminated".into(), &false.into()),
        "{found:#}"
    );
    // Of three copies the first goes.
    place.write("ids.txt", format!("{}\n", id_of(0)));
    place.run("remove all --ids ids.txt").exits(0);
    let removed = explain(&place, "all", &id_of(0));
    assert_eq!((&removed["reason"], list(&removed["steps"]).len()), (&"removed".into(), 0));
    assert!(removed["copy_of"].is_null() && list(&removed["copies"]).is_empty(), "{removed:#}");
    let next = explain(&place, "all", &id_of(2));
    assert!(next["copy_of"].is_null(), "{next:#}");
    assert!(has(&next["copies"][0]["listed"], &id_of(5).into()), "{next:#}");
    let report = place.run("report all --json").exits(0).json();
    assert_eq!(number(&report["summary"]["removed"]), 1);
    assert_eq!(number(&report["duplicates"][0]["duplicates"]), 2, "{report:#}");
}
