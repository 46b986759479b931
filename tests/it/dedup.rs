//! The setting `dedup`, which several slices have.

use crate::promises;
use crate::support::{Place, assert_same, list, number, text};
use serde_json::{Value, json};

/// A method as a recipe's value: a table or a list is one already.
const MINHASH_OF_OTHER_SHAPE: &str =
    "{ method = \"minhash\", verify = \"none\", bands = 20, rows = 5, ngram = 3 }";

const MINHASH_BY_TEXT: &str = "{ method = \"minhash\", verify = \"text\" }";

const COUNTED_LINES: &str = "{ method = \"lines\", action = \"count\" }";

fn value(method: &str) -> String {
    if method.starts_with(['{', '[']) { method.to_owned() } else { format!("\"{method}\"") }
}

#[test]
fn each_method_keeps_the_promises_and_drops_its_own_kind_of_copies() {
    let labels = [("2019-30", "fixtures/2019-30"), ("2020-05", "fixtures/2020-05")];
    // In the kept languages: 12 and 6 exact copies, and 30 pages that were crawled again.
    let methods: [(&str, &[&str], u64); 13] = [
        ("none", &[], 0),
        ("exact", &["duplicate"], 48),
        ("simhash", &["near_duplicate"], 48),
        ("minhash", &["near_duplicate"], 48),
        (MINHASH_OF_OTHER_SHAPE, &["near_duplicate"], 48),
        (MINHASH_BY_TEXT, &["near_duplicate"], 48),
        // Of these nothing is left.
        ("lines", &["duplicate_lines"], 48),
        (COUNTED_LINES, &[], 0),
        ("[\"exact\", \"minhash\"]", &["duplicate", "near_duplicate"], 48),
        ("[\"lines\", \"minhash\"]", &["duplicate_lines", "near_duplicate"], 48),
        ("[\"exact\", \"lines\"]", &["duplicate", "duplicate_lines"], 48),
        (
            "[\"paragraphs\", \"simhash\"]",
            &["duplicate_paragraphs", "duplicate", "near_duplicate"],
            48,
        ),
        // The exact copies, and those pages that were crawled again as they were.
        ("passages", &["duplicate_passages"], 18),
    ];
    for (method, reasons, least) in methods {
        let place = Place::new();
        let settings =
            format!("languages = []\nmin_language_score = 0.0\ndedup = {}", value(method));
        promises::hold(&place, "common_crawl", &settings, &labels, 0);
        let status = place.status("plain");
        let of_label = |label: &str| -> Value {
            status["slices"]["common_crawl"]["labels"][label]["dropped"].clone()
        };
        let dropped = [of_label("2019-30"), of_label("2020-05")];
        for found in dropped.iter().map(|dropped| dropped.as_object().unwrap()) {
            let known = |name: &String| name == "too_short" || reasons.contains(&name.as_str());
            assert!(found.keys().all(known), "{method}: {dropped:?}");
        }
        let copies = |dropped: &Value| -> u64 {
            reasons.iter().filter_map(|reason| dropped.get(reason)).map(number).sum()
        };
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
fn by_texts_the_similarity_is_the_exact_one() {
    let of = |threshold: f64| {
        let place = with_a_chain(&format!(
            "{{ method = \"minhash\", bands = 64, rows = 2, verify = \"text\", threshold = {threshold} }}"
        ));
        place.run("build all.toml --corpus all -w 2").exits(0);
        place.run("explain all books/x/b.jsonl#0 --json").exits(0).json()
    };
    // Of 196 shingles each, 176 are the same.
    let similarity = 176.0 / 216.0;
    let found = of(similarity);
    assert_eq!(found["copy_of"]["id"], "books/x/a.jsonl#0", "{found:#}");
    for value in [&found["copy_of"]["similarity"], &found["ledger"]["similarity"]] {
        // The ledger has it in single precision.
        assert!((value.as_f64().unwrap() - similarity).abs() < 1e-6, "{found:#}");
    }
    assert_eq!(of(similarity + 1e-9)["verdict"], "kept");
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

/// The reason for which each book is dropped, and the index by which `explain` says so.
fn fates(place: &Place, corpus: &str, names: &str) -> Vec<(Value, Value)> {
    let of = |name: char| {
        let id = format!("books/x/{name}.jsonl#0");
        let found = place.run(&format!("explain {corpus} {id} --json")).exits(0).json();
        (found["reason"].clone(), found["copy_of"]["index"].clone())
    };
    names.chars().map(of).collect()
}

#[test]
fn methods_of_a_list_are_applied_in_its_order_and_each_takes_its_copies_back() {
    let near = (json!("near_duplicate"), json!("books_minhash"));
    let same = (json!("duplicate"), json!("books_exact"));
    let kept = (Value::Null, Value::Null);
    for (list, of_copy) in
        [("[\"exact\", \"minhash\"]", &same), ("[\"minhash\", \"exact\"]", &near)]
    {
        // `b` is near to `a`, and `c` to `b` only; `e` is a copy of `a`.
        let place = with_a_chain(list);
        place.write("in/e.jsonl", json!({ "text": book(&[]) }).to_string());
        place.run("build all.toml --corpus all -w 2").exits(0);
        let at_first = [&kept, &near, &kept, &kept, of_copy].map(Clone::clone);
        assert_eq!(fates(&place, "all", "abcde"), at_first, "{list}");
        let exported = place.export("all");
        // Without `a`, `b` is kept, and so `c` and `e` are near to a kept one: `e` is no copy any more.
        place.write("list.txt", "books/x/a.jsonl#0");
        place.run("remove all --ids list.txt -w 3").exits(0);
        assert_eq!(fates(&place, "all", "bcde"), [&kept, &near, &kept, &near].map(Clone::clone));
        let rest = "\"in/b.jsonl\", \"in/c.jsonl\", \"in/d.jsonl\", \"in/e.jsonl\"";
        place.write(
            "rest.toml",
            format!(
                "[books]\ndedup = {list}\n[[input]]\nslice = \"books\"\nlabel = \"x\"\npaths = [{rest}]\n"
            ),
        );
        place.run("build rest.toml --corpus rest -w 1").exits(0);
        assert_same(&place.export("all"), &place.export("rest"), list);
        place.assert_sound("all");
        place.run("restore all --ids list.txt").exits(0);
        assert_same(&place.export("all"), &exported, list);
        let report = place.run("report all --json").exits(0).json();
        let indexes = self::list(&report["duplicates"]).iter().map(|index| text(&index["index"]));
        let in_order: Vec<&str> = indexes.collect();
        let first = if list.starts_with("[\"exact") { "books_exact" } else { "books_minhash" };
        assert_eq!((in_order.len(), in_order[0]), (2, first), "{in_order:?}");
    }
}

#[test]
fn a_list_of_one_method_is_that_method() {
    let place = with_a_chain("\"exact\"");
    place.run("build all.toml --corpus all").exits(0);
    let recipe = |dedup: &str| format!("[books]\ndedup = {dedup}\n");
    place.write("one.toml", recipe("[\"exact\"]"));
    place.run("build one.toml --corpus all").exits(0);
    place.write("two.toml", recipe("[\"exact\", \"simhash\"]"));
    let parts = ["books.dedup", "\"exact\"", "[\"exact\", \"simhash\"]"];
    place.run("build two.toml --corpus all").exits(2).names(&parts);
    let printed = place.run("build two.toml --print-recipe").exits(0).stdout;
    assert!(printed.contains("dedup = [\"exact\", \"simhash\"]"), "{printed}");
}

#[test]
fn a_list_that_cannot_be_applied_is_named_with_its_place() {
    let place = Place::new();
    for (slice, dedup, parts) in [
        ("books", "[\"exact\", \"exact\"]", ["r.toml:3", "books.dedup has exact twice"]),
        ("books", "[\"none\", \"exact\"]", ["r.toml:3", "books.dedup has none in a list"]),
        ("common_crawl", "[\"exact\", \"paragraphs\"]", ["r.toml:3", "compared first"]),
        ("github", "[\"minhash\", \"exact\"]", ["r.toml:3", "compared first"]),
    ] {
        place.write("r.toml", format!("corpus = \"c\"\n[{slice}]\ndedup = {dedup}\n"));
        place.run("build r.toml").exits(2).names(&parts);
    }
}

/// Texts of a few lines each. Many lines are in several texts, and many differ in a digit, a case or a
/// mark only, which CCNet's paragraphs do not tell apart.
fn pages_of_lines() -> Vec<String> {
    let line = |number: usize| match number % 5 {
        0 => format!("Page {} of 60", number % 12),
        1 => format!("The {} of the harbour is lit at six.", ["lamp", "Lamp", "LAMP"][number % 3]),
        2 => format!("Ledger {}", number % 7),
        3 => String::new(),
        _ => format!("No. {number}{}", ["", ".", "!"][number % 3]),
    };
    let page = |page: usize| (0..9).map(move |place| line((page * 7 + place * place * 3) % 97));
    (0..40).map(|number| page(number).collect::<Vec<_>>().join("\n")).collect()
}

/// Builds a corpus of pages in two labels, without the page of this number.
fn build_pages(place: &Place, corpus: &str, dedup: &str, without: Option<usize>) {
    let pages = pages_of_lines();
    let mut inputs = String::new();
    for (label, of_label) in [("a", 0..25), ("b", 25..40)] {
        let lines = of_label.filter(|number| Some(*number) != without).map(|number| {
            let url = format!("http://a.example/{number}");
            let (text, timestamp) = (&pages[number], "2019-04-25T12:57:54Z");
            json!({"text": text, "timestamp": timestamp, "url": url}).to_string() + "\n"
        });
        place.write(&format!("{corpus}-in/{label}.jsonl"), lines.collect::<String>());
        inputs += &format!(
            "[[input]]\nslice = \"c4\"\nlabel = \"{label}\"\npaths = [\"{corpus}-in/{label}.jsonl\"]\n"
        );
    }
    place.write("recipe.toml", format!("[c4]\ndedup = {}\n{inputs}", value(dedup)));
    place.run(&format!("build recipe.toml --corpus {corpus} -w 2")).exits(0);
}

/// The lines with more than white space of the exported texts, in order.
fn exported_lines(place: &Place, corpus: &str) -> Vec<String> {
    let documents = place.documents(corpus);
    let lines = documents.iter().flat_map(|document| text(&document["text"]).split('\n'));
    lines.filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

#[test]
fn each_different_line_is_kept_once_and_none_is_lost() {
    let place = Place::new();
    let pages = pages_of_lines();
    let all = pages.iter().flat_map(|page| page.split('\n')).filter(|line| !line.is_empty());
    let all: Vec<&str> = all.collect();
    let different: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    build_pages(&place, "cut", "lines", None);
    let mut kept = exported_lines(&place, "cut");
    kept.sort();
    assert!(kept.iter().eq(&different), "{kept:#?}");
    assert!(all.len() > 2 * different.len(), "{} {}", all.len(), different.len());
    // CCNet's paragraphs lose those that differ in what it folds.
    build_pages(&place, "folded", "paragraphs", None);
    assert!(exported_lines(&place, "folded").len() < different.len());

    let counts =
        |corpus: &str, label: &str| place.status(corpus)["slices"]["c4"]["labels"][label].clone();
    let both = [counts("cut", "a"), counts("cut", "b")];
    let sum = |of: &str| -> u64 { both.iter().map(|l| number(&l["paragraphs"][of])).sum() };
    assert_eq!(sum("read"), all.len() as u64);
    assert_eq!(sum("duplicate"), (all.len() - different.len()) as u64);
    assert!(both.iter().any(|label| label["dropped"]["duplicate_lines"].is_u64()), "{both:?}");
}

#[test]
fn lines_of_a_page_that_is_removed_stay_in_the_next_page_that_has_them() {
    for dedup in ["lines", "[\"lines\", \"minhash\"]", "[\"exact\", \"lines\"]", COUNTED_LINES] {
        let place = Place::new();
        build_pages(&place, "all", dedup, None);
        let whole = place.export("all");
        build_pages(&place, "rest", dedup, Some(3));
        place.write("list.txt", "http://a.example/3");
        place.run("remove all --urls list.txt -w 3").exits(0);
        assert_eq!(exported_lines(&place, "all"), exported_lines(&place, "rest"), "{dedup}");
        let of = |corpus: &str| {
            let documents = place.documents(corpus).into_iter();
            let text_and_url = documents.map(|d| (d["text"].clone(), d["meta"]["url"].clone()));
            text_and_url.collect::<Vec<_>>()
        };
        assert_eq!(of("all"), of("rest"), "{dedup}");
        place.assert_sound("all");
        place.run("restore all --urls list.txt -w 1").exits(0);
        assert_same(&place.export("all"), &whole, dedup);
    }
}

#[test]
fn counted_lines_are_in_the_ledger_and_nothing_is_taken() {
    let place = Place::new();
    build_pages(&place, "cut", "lines", None);
    build_pages(&place, "counted", COUNTED_LINES, None);
    build_pages(&place, "plain", "none", None);
    let texts = |corpus: &str| -> Vec<Value> {
        place.documents(corpus).into_iter().map(|document| document["text"].clone()).collect()
    };
    assert_eq!(texts("counted"), texts("plain"));
    let views = |corpus: &str| -> Vec<Value> {
        let sample = place.run(&format!("sample {corpus} -n 1M --json")).exits(0);
        sample.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let mut repeated = 0;
    for (cut, counted) in views("cut").iter().zip(views("counted")) {
        let signals = &counted["ledger"]["signals"];
        assert_eq!(cut["id"], counted["id"]);
        for (signal, column) in
            [("lines", "paragraphs_read"), ("repeated_lines", "paragraphs_duplicate")]
        {
            let (found, expected) = (signals[signal].as_f64(), number(&cut["ledger"][column]));
            assert_eq!(found, Some(expected as f64), "{counted:#}");
        }
        assert_eq!(number(&counted["ledger"]["paragraphs_duplicate"]), 0);
        repeated += number(&cut["ledger"]["paragraphs_duplicate"]);
    }
    assert!(repeated > 100, "{repeated}");
    let id = "c4/b/b.jsonl#0";
    let words = place.run(&format!("explain counted {id}")).exits(0);
    assert!(words.stdout.contains("different parts are others' too"), "{words}");
    let first = place.run("explain counted c4/a/a.jsonl#0 --json").exits(0).json();
    assert_eq!(list(&first["copies"])[0]["effect"], "counted", "{first:#}");
    assert!(list(&first["lost"]).is_empty());
}

/// A corpus of C4 with the labels `a`, of different pages, and `b`, of which most are copies of `a/0`; and
/// a recipe with these.
fn with_many_copies(settings: &str) -> Place {
    let place = Place::new();
    let page = |label: &str, number: usize, text: &str| {
        let (url, timestamp) = (format!("http://{label}.example/{number}"), "2019-04-25T12:57:54Z");
        json!({"text": text, "timestamp": timestamp, "url": url}).to_string() + "\n"
    };
    let own = |number: usize| {
        let mut state = number as u64;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let letters =
                (0..6).map(|place| char::from(b'a' + (state >> (30 + 5 * place)) as u8 % 26));
            letters.collect::<String>()
        };
        (0..200).map(|_| word()).collect::<Vec<_>>().join(" ")
    };
    let first = (0..30).map(|number| page("a", number, &own(number)));
    place.write("in/a.jsonl", first.collect::<String>());
    let copies = (0..40).map(|number| {
        let of = if number < 25 { 0 } else { number - 20 + 40 * usize::from(number > 29) };
        page("b", number, &own(of))
    });
    place.write("in/b.jsonl", copies.collect::<String>());
    let input = |label: &str| {
        format!("[[input]]\nslice = \"c4\"\nlabel = \"{label}\"\npaths = [\"in/{label}.jsonl\"]\n")
    };
    place.write("recipe.toml", format!("{settings}\n{}{}", input("a"), input("b")));
    place
}

#[test]
fn a_step_of_deduplication_that_drops_most_of_a_label_is_named_with_what_it_repeats() {
    for (dedup, reason) in
        [("exact", "duplicate"), ("minhash", "near_duplicate"), ("simhash", "near_duplicate")]
    {
        let settings = format!("[c4]\ndedup = \"{dedup}\"");
        let place = with_many_copies(&settings);
        let words = place.run("build recipe.toml --corpus words -w 2").exits(0);
        let expected = format!(
            "c4/b: {reason} dropped 75.0 % of the 40 documents that it compared; most are \
                     copies of c4/a/a.jsonl#0 (25)"
        );
        assert!(words.stdout.contains(&expected), "{expected}: {words}");
        assert_eq!(words.stdout.matches("that it compared").count(), 1, "{words}");
        let json = place.run("build recipe.toml --corpus json --json").exits(0).json();
        let warnings = list(&json["warnings"]);
        assert_eq!(warnings.len(), 1, "{json:#}");
        let of = |key: &str| number(&warnings[0][key]);
        assert_eq!((of("dropped"), of("compared")), (30, 40), "{json:#}");
        assert_eq!(list(&warnings[0]["largest"])[0], json!({"id": "c4/a/a.jsonl#0", "copies": 25}));
        let report = place.run("report words --json").exits(0).json();
        assert_eq!(report["taken"], json["warnings"]);
        assert!(
            list(&place.run("report words --warn-share 0.8 --json").exits(0).json()["taken"])
                .is_empty()
        );
    }
}

#[test]
fn warnings_follow_the_recipe_and_are_not_about_rules_that_are_meant_to_drop_most() {
    let place = with_many_copies("warn_removed = 0.8\n[c4]\ndedup = \"exact\"");
    let words = place.run("build recipe.toml --corpus quiet").exits(0);
    assert!(!words.stdout.contains("that it compared"), "{words}");
    // It is no part of what the corpus is: another value continues it.
    place.write("other.toml", "warn_removed = 0.1\n[c4]\ndedup = \"exact\"\n");
    place.run("build other.toml --corpus quiet").exits(0);
    place.write("wrong.toml", "warn_removed = 50\n");
    place.run("build wrong.toml --corpus c").exits(2).names(&[
        "wrong.toml:1",
        "warn_removed: 50",
        "0 to 1",
    ]);
    // Most pages of the bundled dumps are in other languages.
    place.write("cc.toml", "[common_crawl]\nlanguages = [\"nl\"]\n");
    place.run("build cc.toml --corpus cc").exits(0);
    let words = place.run("add cc --slice common_crawl --label x fixtures/2019-30").exits(0);
    assert!(
        words.stdout.contains("language") && !words.stdout.contains("that it compared"),
        "{words}"
    );
}

/// The numbers of copies that an export has for each text, by its first words.
fn copy_counts(place: &Place, corpus: &str, flags: &str) -> Vec<(String, u64, u64)> {
    let out = format!("{corpus}-copies");
    place.run(&format!("export {corpus} --out {out} --copies {flags}")).exits(0);
    let mut found = Vec::new();
    for label in ["a", "b"] {
        let path = place.path(&out).join(format!("c4/{label}.jsonl"));
        let Ok(lines) = std::fs::read_to_string(path) else { continue };
        for line in lines.lines() {
            let document: Value = serde_json::from_str(line).unwrap();
            let meta = &document["meta"];
            let begin = text(&document["text"]).chars().take(40).collect();
            found.push((begin, number(&meta["copy_count"]), number(&meta["copy_labels"])));
        }
    }
    found
}

#[test]
fn an_export_counts_the_documents_and_labels_that_hold_each_text() {
    for dedup in [
        "\"exact\"",
        "\"minhash\"",
        MINHASH_BY_TEXT,
        "\"simhash\"",
        "[\"exact\", \"minhash\"]",
        "[\"simhash\", \"exact\"]",
    ] {
        let place = with_many_copies(&format!("[c4]\ndedup = {dedup}"));
        place.run("build recipe.toml --corpus all -w 2").exits(0);
        let counts = copy_counts(&place, "all", "");
        // 30 pages of `a`, of which the first has 25 copies in `b` and five others have one; 10 new ones.
        let of = |wanted: (u64, u64)| counts.iter().filter(|c| (c.1, c.2) == wanted).count();
        assert_eq!(
            (counts.len(), of((26, 2)), of((2, 2)), of((1, 1))),
            (40, 1, 5, 34),
            "{dedup}: {counts:?}"
        );
        assert_eq!((counts[0].1, counts[0].2), (26, 2));
        // Each document is there once, and all that were read are counted.
        assert_eq!(counts.iter().map(|c| c.1).sum::<u64>(), 70);
        // A document is published before its copies come.
        place.write("none.toml", format!("[c4]\ndedup = {dedup}\n"));
        place.run("build none.toml --corpus grown").exits(0);
        place.run("add grown --slice c4 --label a in/a.jsonl").exits(0);
        let before = copy_counts(&place, "grown", "");
        assert!(before.iter().all(|count| (count.1, count.2) == (1, 1)), "{before:?}");
        place.run("add grown --slice c4 --label b in/b.jsonl -w 3").exits(0);
        assert_eq!(copy_counts(&place, "grown", "-w 3"), counts, "{dedup}");
        // Without the first, the next copy is the one that is kept.
        place.write("list.txt", "http://a.example/0");
        place.run("remove grown --urls list.txt").exits(0);
        let after = copy_counts(&place, "grown", "");
        let next = after.iter().find(|count| count.0 == counts[0].0).unwrap();
        assert_eq!((after.len(), next.1, next.2), (40, 25, 1), "{dedup}");
        place.run("restore grown --urls list.txt").exits(0);
        assert_eq!(copy_counts(&place, "grown", ""), counts, "{dedup}");
        let first = place.run("explain all c4/a/a.jsonl#0 --json").exits(0).json();
        let copies = &list(&first["copies"])[0];
        assert_eq!((number(&copies["documents"]), number(&copies["labels"])), (25, 2), "{first:#}");
    }
}

#[test]
fn copies_of_a_document_that_was_dropped_later_count_for_what_it_is_near_to() {
    // `b` is near to `a`; `c`, `d` and `e` have the text of `b`.
    let place = Place::new();
    let near = book(&[(180..200, "end")]);
    let page = |number: usize, text: &str| {
        let url = format!("http://a.example/{number}");
        json!({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url}).to_string() + "\n"
    };
    place.write("in/a.jsonl", page(0, &book(&[])) + &page(1, &near) + &page(2, &near));
    place.write("in/b.jsonl", page(3, &near) + &page(4, &near));
    place.write("recipe.toml", "[c4]\ndedup = [\"exact\", \"minhash\"]\n");
    place.run("build recipe.toml --corpus all").exits(0);
    for label in ["a", "b"] {
        place.run(&format!("add all --slice c4 --label {label} in/{label}.jsonl")).exits(0);
    }
    let counts = copy_counts(&place, "all", "");
    assert_eq!(counts.iter().map(|count| (count.1, count.2)).collect::<Vec<_>>(), [(5, 2)]);
    // The other formats have the fields, too, and tokens have none.
    place.run("export all --out rows --copies --format parquet").exits(0);
    place.run("export all --out dolma --copies --schema dolma").exits(0);
    let dolma = std::fs::read_to_string(place.path("dolma/c4/a.jsonl")).unwrap();
    assert!(dolma.contains("\"copy_count\":5,\"copy_labels\":2}"), "{dolma}");
    place.run("export all --out tokens --copies --format tokens").exits(2).names(&["--copies"]);
    // Again, nothing is written; after a removal, only what has changed.
    let again = place.run("export all --out dolma --copies --schema dolma --json").exits(0).json();
    assert_eq!(
        (&again["files_written"], &again["files_kept"]),
        (&json!(0), &json!(2)),
        "{again:#}"
    );
    place.write("list.txt", "http://a.example/4");
    place.run("remove all --urls list.txt").exits(0);
    let again = place.run("export all --out dolma --copies --schema dolma --json").exits(0).json();
    assert_eq!(again["files_written"], 1, "{again:#}");
}

#[test]
fn exact_lines_of_a_dump_of_c4_are_not_in_the_index_of_c4s_own_lines() {
    let place = Place::new();
    let labels = [("2019-30", "fixtures/2019-30"), ("2020-05", "fixtures/2020-05")];
    let settings = "source = \"wet\"\ndedup = \"lines\"";
    promises::hold(&place, "c4", settings, &labels, 0);
    let state = place.status("plain")["state"].clone();
    assert!(state["c4_lines"].is_object() && state["c4_exact_lines"].is_object(), "{state:#}");
}
