//! C4: the shards of AllenAI in RedPajama's form, and C4's rules on a dump.

use crate::promises;
use crate::support::{Place, gzip, number, record, text, wet};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

const ENGLISH: &str = "languages = []\nmin_language_score = 0.0\n";

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["c4"]["labels"][label].clone()
}

/// A page of C4 as a line.
fn line(number: usize, text: &str) -> String {
    let url = format!("http://a.example/{number}");
    json!({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url}).to_string() + "\n"
}

#[test]
fn shards_are_exported_in_redpajamas_form() {
    let Some(data) = reference::folder() else { return };
    let place = Place::with_data().unwrap();
    let name = "c4-train.00000-of-01024.sample.json.gz";
    let file = std::fs::File::open(data.join("c4").join(name)).unwrap();
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines();
    let pages: Vec<Value> =
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let found = promises::hold(&place, "c4", "", &[("en", &format!("data/c4/{name}"))], 0);
    assert_eq!(found.len(), pages.len());
    for (number, (found, page)) in found.iter().zip(&pages).enumerate() {
        let (url, timestamp) = (&page["url"], &page["timestamp"]);
        let id = format!("c4/en/{name}#{number}");
        let meta = json!({"timestamp": timestamp, "url": url, "language": "en", "source": "c4",
            "id": id});
        assert_eq!(*found, json!({"text": page["text"], "meta": meta, "id": id}));
    }
}

#[test]
fn the_golden_page_is_reformatted() {
    for case in reference::cases("c4", "reformat") {
        let place = Place::new();
        // Its name means that the shard is English.
        let name = "c4-train.00000-of-01024.json.gz";
        place.write(name, gzip(case["input"].to_string().as_bytes()));
        place.run(&format!("add corpus --slice c4 --label en {name}")).exits(0);
        let mut found = place.documents("corpus").remove(0);
        found["meta"].as_object_mut().unwrap().remove("id");
        found.as_object_mut().unwrap().remove("id");
        assert_eq!(found, case["expected"]);
    }
}

#[test]
fn a_dump_under_c4s_rules_keeps_the_promises() {
    let place = Place::new();
    let labels = [("2019-30", "fixtures/2019-30"), ("2020-05", "fixtures/2020-05")];
    let found = promises::hold(&place, "c4", "source = \"wet\"", &labels, 0);
    assert!(found.len() > 50, "{} pages", found.len());
    let mut lines: Vec<String> = Vec::new();
    for document in &found {
        assert_eq!(document["meta"]["language"], "en");
        for line in text(&document["text"]).lines() {
            assert!(line.ends_with(['.', '?', '!', '"']), "{line}");
            assert!(line.split_whitespace().count() >= 5, "{line}");
            lines.push(line.to_lowercase());
        }
    }
    let all = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), all, "a line is kept once");
    // The pages that the fixtures crawl again have the URLs of the first dump.
    let again = &place.status("plain")["slices"]["c4"]["labels"]["2020-05"]["dropped"];
    assert_eq!(number(&again["duplicate_url"]), 50);
}

#[test]
fn a_repeated_span_of_three_sentences_is_kept_once() {
    let page =
        |number: usize, body: &str| record(&format!("http://a.example/{number}"), "A title", body);
    let sentence = |n: &str| format!("This is the {n} of our many sentences.");
    let [a, b, c, d, e, f] = ["first", "second", "third", "fourth", "fifth", "sixth"].map(sentence);
    let place = Place::new();
    let (one, two) = (format!("{a} {b}\n{c}\n{d}\n"), format!("{e} {f}\n{a} {b}\n{d}\n"));
    // Its first line and its last two sentences are repeats, but of its spans only the second is.
    let three = format!("{d} {e} {f} {A}\n{f} {c} {d}\n", A = a.to_uppercase());
    place.write("1.warc.wet.gz", wet(&[page(1, &one), page(2, &two)]));
    place.write("2.warc.wet.gz", wet(&[page(3, &three), page(4, &one)]));
    let settings = format!("source = \"wet\"\nrepeats = \"spans\"\n{ENGLISH}");
    let labels = [("a", "1.warc.wet.gz"), ("b", "2.warc.wet.gz")];
    let found = promises::hold(&place, "c4", &settings, &labels, 0);
    let texts: Vec<&str> = found.iter().map(|document| text(&document["text"])).collect();
    assert_eq!(texts, [one.trim_end(), two.trim_end(), &format!("{d}\n{f} {c} {d}")]);
    let dropped = json!({"duplicate_spans": 1});
    assert_eq!(label(&place, "plain", "b")["dropped"], dropped);
}

#[test]
fn a_dump_by_spans_keeps_the_promises() {
    let place = Place::new();
    let labels = [("2019-30", "fixtures/2019-30"), ("2020-05", "fixtures/2020-05")];
    let settings = "source = \"wet\"\nrepeats = \"spans\"";
    let found = promises::hold(&place, "c4", settings, &labels, 0);
    let by_lines = place.status("plain")["slices"]["c4"]["labels"]["2019-30"].clone();
    assert!(found.len() > 50 && number(&by_lines["paragraphs"]["duplicate"]) > 100, "{by_lines}");
}

#[test]
fn each_rule_has_its_own_reason() {
    let sentences = |name: &str| {
        let sentence = |n: &str| format!("The {n} sentence of {name} has enough words.\n");
        ["first", "second", "third"].map(sentence).concat()
    };
    let page =
        |number: usize, body: &str| record(&format!("http://a.example/{number}"), "A title", body);
    let place = Place::new();
    let pages = [
        page(0, &sentences("one")),
        page(1, &(sentences("one") + &sentences("two"))),
        page(2, &sentences("two")),
        page(3, &(sentences("three") + "This { is code and not prose at all.\n")),
        page(4, &(sentences("four") + "Here is some lorem ipsum text for you.\n")),
        page(5, "Only one sentence with enough words here.\n"),
        page(6, &format!("{}.\n", "word ".repeat(40_000))),
        record("https://www.a.example/0/?utm_source=x", "A title", &sentences("five")),
        page(8, &(sentences("six") + "It says a dirty word.\n")),
        // The sentences of the first page are cut, and two sentences are too few.
        page(9, &(sentences("one") + "A ninth page has this one.\nIt has another of these too.\n")),
    ];
    place.write("in.warc.wet.gz", wet(&pages));
    place.write("bad.txt", "dirty\n");
    let settings = format!("source = \"wet\"\nbad_words = \"bad.txt\"\n{ENGLISH}");
    let found = promises::hold(&place, "c4", &settings, &[("a", "in.warc.wet.gz")], 0);
    let urls: Vec<&str> = found.iter().map(|d| text(&d["meta"]["url"])).collect();
    assert_eq!(urls, ["http://a.example/0", "http://a.example/1"]);
    assert_eq!(text(&found[1]["text"]), sentences("two").trim_end());
    let expected = json!({
        "bad_words": 1, "curly_bracket": 1, "duplicate_lines": 1, "duplicate_url": 1,
        "lorem_ipsum": 1, "too_few_sentences": 2, "too_long": 1,
    });
    assert_eq!(label(&place, "plain", "a")["dropped"], expected);
}

#[test]
fn damaged_lines_are_counted_and_listed_and_no_other_line_is_lost() {
    let place = Place::new();
    let mut shard = line(0, "one").into_bytes();
    shard.extend(b"{\"text\": \"no url\", \"timestamp\": \"x\"}\nnot json\n\xff\xfe\n\n[1]\n");
    shard.extend(vec![0; 5000]);
    shard.extend(b"\n{\"text\": 7, \"timestamp\": \"x\", \"url\": \"y\"}\n");
    shard.extend(line(1, "two").into_bytes());
    place.write("a.json", &shard);
    place.write("b.json.gz", &gzip(line(2, "three").as_bytes())[..20]);
    place.write("c.json.gz", gzip(line(3, "four").as_bytes()));
    let found = promises::hold(&place, "c4", "", &[("a", "?.json*")], 3);
    let texts: Vec<&str> = found.iter().map(|d| text(&d["text"])).collect();
    assert_eq!(texts, ["one", "two", "four"]);
    let counts = label(&place, "plain", "a");
    assert_eq!(counts["dropped"], json!({"not_c4": 6}));
    let outcome = place.run("add plain --slice c4 --label b a.json").exits(3);
    assert!(outcome.stdout.contains("a.json") && outcome.stdout.contains("record 2"), "{outcome}");
}

#[test]
fn one_index_of_texts_can_serve_all_slices() {
    let place = Place::new();
    let body = "A page that stands in the crawl and in C4.\n".repeat(10);
    let body = body.trim_end();
    let page = record("http://a.example/", "A title", body);
    place.write("a.warc.wet.gz", wet(&[page]));
    let texts = [body.lines().next().unwrap(), "another text"];
    place.write("a.json", texts.iter().enumerate().map(|(n, t)| line(n, t)).collect::<String>());
    let recipe = |dedup: bool| {
        format!(
            "[global]\ndedup = {dedup}\n[common_crawl]\nlanguages = []\nmin_language_score = 0.0\n\
             [[input]]\nslice = \"common_crawl\"\nlabel = \"a\"\npaths = [\"a.warc.wet.gz\"]\n\
             [[input]]\nslice = \"c4\"\nlabel = \"a\"\npaths = [\"a.json\"]\n"
        )
    };
    for (dedup, dropped) in [(false, json!({})), (true, json!({"duplicate_text": 1}))] {
        place.write("recipe.toml", recipe(dedup));
        for way in ["build -w 1", "build -w 3", "launch -n 2 -- build"] {
            let corpus = format!("{dedup}-{}", way.replace(' ', ""));
            place.run(&format!("{way} recipe.toml --corpus {corpus}")).exits(0);
            assert_eq!(label(&place, &corpus, "a")["dropped"], dropped, "{way}");
            place.assert_sound(&corpus);
        }
    }
    place.write("wrong.toml", "[global]\ndedupe = true");
    place.run("build wrong.toml").exits(2).names(&["wrong.toml:2", "did you mean dedup"]);
}
