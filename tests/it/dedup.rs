//! The setting `dedup`, which several slices have.

use crate::promises;
use crate::support::{Place, assert_same, list, number, text};
use serde_json::{Value, json};

/// A method as a recipe's value: a table is one already.
const MINHASH_OF_OTHER_SHAPE: &str =
    "{ method = \"minhash\", verify = \"none\", bands = 20, rows = 5, ngram = 3 }";

fn value(method: &str) -> String {
    if method.starts_with('{') { method.to_owned() } else { format!("\"{method}\"") }
}

#[test]
fn each_method_keeps_the_promises_and_drops_its_own_kind_of_copies() {
    let labels = [("2019-30", "fixtures/2019-30"), ("2020-05", "fixtures/2020-05")];
    let methods = [
        ("none", None, 0),
        // In the kept languages: 12 and 6 exact copies, and 30 pages that were crawled again.
        ("exact", Some("duplicate"), 48),
        ("simhash", Some("near_duplicate"), 48),
        ("minhash", Some("near_duplicate"), 48),
        (MINHASH_OF_OTHER_SHAPE, Some("near_duplicate"), 48),
        // The exact copies, and those pages that were crawled again as they were.
        ("passages", Some("duplicate_passages"), 18),
    ];
    for (method, reason, least) in methods {
        let place = Place::new();
        let settings =
            format!("languages = []\nmin_language_score = 0.0\ndedup = {}", value(method));
        promises::hold(&place, "common_crawl", &settings, &labels, 0);
        let status = place.status("plain");
        let of_label = |label: &str| -> Value {
            status["slices"]["common_crawl"]["labels"][label]["dropped"].clone()
        };
        let dropped = [of_label("2019-30"), of_label("2020-05")];
        for reasons in dropped.iter().map(|dropped| dropped.as_object().unwrap()) {
            let known = |name: &String| name == "too_short" || Some(name.as_str()) == reason;
            assert!(reasons.keys().all(known), "{method}: {dropped:?}");
        }
        let copies = |dropped: &Value| reason.and_then(|r| dropped.get(r)).map_or(0, number);
        let copies: u64 = dropped.iter().map(copies).sum();
        assert!(copies >= least, "{method}: {copies}");
    }
}

/// A book of 200 words, of which those of the ranges are others'.
fn book(others: &[(std::ops::Range<usize>, &str)]) -> String {
    let word = |place: usize| {
        let of = others.iter().find(|(range, _)| range.contains(&place)).map_or("word", |o| o.1);
        // Numbers all count as one word.
        let letters =
            place.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect::<String>();
        format!("{of}{letters}")
    };
    (0..200).map(word).collect::<Vec<_>>().join(" ")
}

/// Four books in files `a` to `d`: `b` is near to `a`, and `c` to `b` but not to `a`; `d` is another.
fn with_a_chain(dedup: &str) -> Place {
    let place = Place::new();
    let (end, begin) = ((180..200, "end"), (0..20, "begin"));
    let both = [end, begin];
    let books = [book(&[]), book(&both[..1]), book(&both), book(&[(0..200, "else")])];
    for (name, book) in ["a", "b", "c", "d"].into_iter().zip(books) {
        place.write(&format!("in/{name}.jsonl"), json!({ "text": book }).to_string());
    }
    let input = |name: &str, paths: &str| {
        let recipe = format!(
            "[books]\ndedup = {dedup}\n[[input]]\nslice = \"books\"\nlabel = \"x\"\npaths = [{paths}]\n"
        );
        place.write(name, recipe);
    };
    input("all.toml", "\"in/*.jsonl\"");
    input("rest.toml", "\"in/b.jsonl\", \"in/c.jsonl\", \"in/d.jsonl\"");
    place
}

/// The verdict of each book, and the witness of those that are dropped.
fn verdicts(place: &Place, corpus: &str, names: &str) -> Vec<(String, Value)> {
    let of = |name: char| {
        let id = format!("books/x/{name}.jsonl#0");
        let view = place.run(&format!("show {corpus} {id} --json")).exits(0).json();
        (text(&view["verdict"]).to_owned(), view["ledger"]["witness"].clone())
    };
    names.chars().map(of).collect()
}

#[test]
fn a_document_is_dropped_only_for_one_that_is_kept_and_comes_back_without_it() {
    let place = with_a_chain("\"minhash\"");
    place.run("build all.toml --corpus all -w 2").exits(0);
    let kept = || ("kept".to_owned(), Value::Null);
    let dropped =
        |witness: &str| ("dropped".to_owned(), json!(format!("books/x/{witness}.jsonl#0")));
    let at_first = [kept(), dropped("a"), kept(), kept()];
    assert_eq!(verdicts(&place, "all", "abcd"), at_first);
    let exported = place.export("all");

    let found = place.run("explain all books/x/b.jsonl#0 --json").exits(0).json();
    let copy_of = &found["copy_of"];
    assert_eq!(
        (&copy_of["id"], &copy_of["verdict"]),
        (&json!("books/x/a.jsonl#0"), &json!("kept"))
    );
    // Of 196 shingles each, 176 are the same.
    let similarity = copy_of["similarity"].as_f64().unwrap();
    assert!((similarity - 176.0 / 216.0).abs() < 0.08, "{similarity}");
    assert_eq!(copy_of["similarity"], found["ledger"]["similarity"]);
    let first = place.run("explain all books/x/a.jsonl#0 --json").exits(0).json();
    let copies = &list(&first["copies"])[0];
    assert_eq!(copies["documents"], 1, "{first:#}");
    assert_eq!(list(&copies["listed"])[0]["id"], "books/x/b.jsonl#0");
    let words = place.run("explain all books/x/b.jsonl#0").exits(0);
    for part in ["copy of   books/x/a.jsonl#0  kept", "have a similarity of 0."] {
        assert!(words.stdout.contains(part), "{part}: {words}");
    }
    let report = place.run("report all --json").exits(0).json();
    let index = list(&report["duplicates"]).iter().find(|index| index["index"] == "books_minhash");
    assert_eq!(index.unwrap()["duplicates"], 1, "{report:#}");

    place.write("list.txt", "books/x/a.jsonl#0");
    place.run("remove all --ids list.txt --reason test -w 3").exits(0);
    let rest = [kept(), dropped("b"), kept()];
    assert_eq!(verdicts(&place, "all", "bcd"), rest);
    place.run("build rest.toml --corpus rest -w 1").exits(0);
    assert_eq!(verdicts(&place, "rest", "bcd"), rest);
    assert_same(&place.export("all"), &place.export("rest"), "without the first");
    place.assert_sound("all");
    place.run("restore all --ids list.txt -w 1").exits(0);
    assert_eq!(verdicts(&place, "all", "abcd"), at_first);
    assert_same(&place.export("all"), &exported, "with the first again");
}

#[test]
fn the_threshold_decides_which_documents_are_near() {
    let dropped = |settings: &str| {
        let place = with_a_chain(&format!("{{ method = \"minhash\"{settings} }}"));
        place.run("build all.toml --corpus all").exits(0);
        let verdicts = verdicts(&place, "all", "abcd").into_iter();
        verdicts.map(|(verdict, _)| verdict == "dropped").collect::<Vec<_>>()
    };
    // All three share a band where bands are as short as this.
    let short = ", bands = 64, rows = 2";
    assert_eq!(dropped(&format!("{short}, threshold = 0.95")), [false, false, false, false]);
    assert_eq!(dropped(&format!("{short}, threshold = 0.75")), [false, true, false, false]);
    assert_eq!(dropped(&format!("{short}, threshold = 0.5")), [false, true, true, false]);
    assert_eq!(dropped(&format!("{short}, verify = \"none\"")), [false, true, true, false]);
}

#[test]
fn a_wrong_setting_of_minhash_is_named_with_its_place() {
    let place = Place::new();
    place.write("r.toml", "corpus = \"c\"\n[books]\ndedup = { method = \"minhash\", row = 8 }\n");
    let parts = ["r.toml:3", "books.dedup has no setting row", "did you mean rows?"];
    place.run("build r.toml").exits(2).names(&parts);
}
