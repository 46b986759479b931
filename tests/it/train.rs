//! The program can read the models that it trained, and they are as good as the text allows.

use crate::support::{Place, input, list, number, text};
use models::fasttext::FastText;
use std::fmt::Write;

/// The paragraphs of a book, each in one line.
fn book(place: &Place, name: &str) -> Vec<String> {
    let book = std::fs::read_to_string(place.path("data/books/litbank").join(name)).unwrap();
    let paragraphs = book.replace('\r', "");
    let joined = paragraphs.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>());
    joined.map(|words| words.join(" ")).filter(|p| p.len() > 100).collect()
}

fn jsonl(texts: &[String], language: &str) -> String {
    texts.iter().fold(String::new(), |mut lines, text| {
        let line = serde_json::json!({"text": text, "meta": {"language": language}});
        writeln!(lines, "{line}").unwrap();
        lines
    })
}

#[test]
fn a_language_model_of_a_book_works_in_a_recipe() {
    let Some(place) = Place::with_data() else { return };
    let texts = book(&place, "1661_the_adventures_of_sherlock_holmes.txt");
    let (one, other) = texts.split_at(texts.len() / 2);
    place.write("one.jsonl", jsonl(one, "en") + &jsonl(&["Ganz anders.".into()], "de"));
    place.write("other.txt.gz", crate::support::gzip(other.join("\n").as_bytes()));
    let train = "train lm --lang en --out models --pieces 1000 --order 3 one.jsonl other.txt.gz";
    let report = place.run(&format!("{train} --json")).exits(0).json();
    let held_out = &report["held_out"];
    let seen = number(&report["texts"]) + number(&held_out["texts"]);
    assert_eq!(seen, texts.len() as u64, "all except the German one: {report}");
    let perplexity = held_out["perplexity"].as_f64().unwrap();
    assert!(perplexity > 10.0 && perplexity < 200.0, "of 1,000 pieces: {report}");
    assert_eq!(number(&report["pieces"]), 1000);
    assert_eq!(list(&report["ngrams"]).len(), 3);

    // The same text produces the same files.
    let files = crate::support::files_below(&place.path("models"));
    let again = train.replace("models", "again");
    place.run(&again).exits(0);
    crate::support::assert_same(
        &crate::support::files_below(&place.path("again")),
        &files,
        "trained again",
    );

    let settings =
        "lm = \"models\"\nbuckets = [\"head\", \"middle\", \"tail\"]\nlanguages = [\"en\"]";
    let inputs = input("2019-30", "fixtures/2019-30");
    place
        .write("recipe.toml", format!("corpus = \"corpus\"\n[common_crawl]\n{settings}\n{inputs}"));
    place.run("build recipe.toml").exits(0);
    let pages = place.documents("corpus");
    assert!(!pages.is_empty());
    for page in &pages {
        let (perplexity, bucket) = (page["meta"]["perplexity"].as_f64(), &page["meta"]["bucket"]);
        let expected = match perplexity.unwrap() {
            head if head < 340.0 => "head",
            middle if middle < 520.0 => "middle",
            _ => "tail",
        };
        assert_eq!(text(bucket), expected);
    }

    // A corpus can be trained on too, with or without a selection of its parts.
    let corpus = "train lm --lang en --out of-corpus --pieces 500 --order 2 corpus";
    let report = place.run(&format!("{corpus} --label 2019-30 --json")).exits(0).json();
    let seen = number(&report["texts"]) + number(&report["held_out"]["texts"]);
    assert_eq!(seen, pages.len() as u64);
    place.run(&format!("{corpus} --label 2019-31")).exits(2).names(&["common_crawl/2019-30"]);
}

/// Different sentences from the same words.
fn sentences(words: [&str; 6], count: usize) -> String {
    (0..count).fold(String::new(), |mut lines, number| {
        let word = |place: usize| words[(number / 6usize.pow(place as u32) + place) % 6];
        writeln!(lines, "{} {} {} {} {number}", word(0), word(1), word(2), word(3)).unwrap();
        lines
    })
}

#[test]
fn a_classifier_recognizes_its_training_labels_and_draws_its_curve() {
    let place = Place::new();
    place.write(
        "wiki.txt",
        sentences(["river", "treaty", "species", "census", "bridge", "abbey"], 600),
    );
    place.write("cc.txt", sentences(["buy", "cheap", "login", "cookie", "basket", "click"], 600));
    let train = "train classifier --positive wiki.txt --negative cc.txt --epochs 20 --dimension 8";
    for out in ["model.bin", "model.ftz"] {
        let curves = "--curve curve.csv --curve curve.svg --positive-chars-min 10";
        let report = place.run(&format!("{train} --out {out} {curves} --json")).exits(0).json();
        assert!(report["accuracy"].as_f64().unwrap() > 0.95, "{report}");
        assert!(number(&report["labels"]["wiki"]["held_out"]) > 20, "{report}");
        assert_eq!(list(&report["curve"]).len(), 101);
        let model = FastText::open(&place.path(out)).unwrap();
        for (text, label) in
            [("a river and its abbey bridge", "wiki"), ("click cheap basket", "cc")]
        {
            assert_eq!(model.predict(text, 1)[0].0, label, "{text}");
        }
    }
    let csv = std::fs::read_to_string(place.path("curve.csv")).unwrap();
    assert!(csv.starts_with("threshold,precision,recall\n0.00,") && csv.lines().count() == 102);
    let svg = std::fs::read_to_string(place.path("curve.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    for word in ["precision", "recall", "min_score of a recipe: 0.25", "share", "threshold"] {
        assert!(svg.contains(word), "{word}: {svg}");
    }

    // With upstream's minimum length, no text remains. There is an error and no model.
    let fails = place.run(&format!("{train} --out none.bin")).exits(1);
    fails.names(&["1 labels to train on"]);
    assert!(!place.path("none.bin").exists());
}

#[test]
fn a_language_identifier_recognizes_its_languages_and_works_in_a_recipe() {
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/texts");
    let mut inputs = String::new();
    for language in ["de", "en", "fr"] {
        let file = std::fs::read_to_string(format!("{fixtures}/{language}.txt")).unwrap();
        let lines = file.lines().filter_map(|line| line.strip_prefix("para "));
        let sentences = lines.flat_map(|line| line.split(". ")).filter(|s| s.len() > 20);
        place.write(&format!("{language}.txt"), sentences.collect::<Vec<_>>().join("\n"));
        write!(inputs, " {language}={language}.txt").unwrap();
    }
    let train = format!("train lid --out lid.bin{inputs} --buckets 20000 --epochs 50");
    let report = place.run(&format!("{train} --learning-rate 0.5 --json")).exits(0).json();
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let model = FastText::open(&place.path("lid.bin")).unwrap();
    for (text, language) in
        [("Das ist ein schöner Tag für den Garten.", "de"), ("This is what they said to me.", "en")]
    {
        assert_eq!(model.predict(text, 1)[0].0, language);
    }
    let inputs = input("2019-30", "fixtures/2019-30");
    place.write(
        "recipe.toml",
        format!("corpus = \"corpus\"\n[common_crawl]\nlid = \"lid.bin\"\n{inputs}"),
    );
    place.run("build recipe.toml").exits(0);
    assert!(number(&place.label("corpus", "2019-30")["kept"]) > 100);
}

#[test]
fn inputs_that_cannot_be_trained_on_are_named() {
    let place = Place::new();
    place.write("latin.txt", b"caf\xe9 au lait\n");
    place.write("german.jsonl", jsonl(&["eins".into(), "zwei".into()], "de"));
    place.write("good.txt", "one text\nanother text\n");
    place.write("empty.txt", "\n");
    place.write("dir/en.arpa.bin", "");
    place.write("page.warc.wet", "");
    place.write("page.WARC.gz", "");
    let lm = "train lm --lang en --out models";
    for (line, code, words) in [
        (format!("{lm} latin.txt"), 1, ["no words", "1 malformed line skipped"]),
        (format!("{lm} german.jsonl"), 1, ["no words", "2 texts are of another language"]),
        (format!("{lm} empty.txt"), 1, ["the training text", ""]),
        (format!("{lm} nowhere.txt"), 2, ["nowhere.txt", "no such file"]),
        (format!("{lm} page.warc.wet"), 2, ["page.warc.wet", "add it to a corpus"]),
        (format!("{lm} page.WARC.gz"), 2, ["page.WARC.gz", "add it to a corpus"]),
        (format!("{lm} good.txt --order 9"), 2, ["--order", "from 2 to 6"]),
        (format!("{lm} good.txt --order 1"), 2, ["--order", "from 2 to 6"]),
        (format!("{lm} good.txt --memory 1k"), 2, ["--memory", "at least 1M"]),
        (format!("{lm} good.txt --pieces 5"), 2, ["--pieces 5", "at least 12 are needed"]),
        (format!("{lm} good.txt --held-out 1"), 2, ["--held-out", "from 0 to 0.9"]),
        (format!("{lm} good.txt --prune 2,1"), 2, ["--prune 2,1", "none less than the one before"]),
        (format!("{lm} good.txt --slice common_crawl"), 2, ["--slice", "corpus"]),
        ("train lm --lang e/n --out models good.txt".into(), 2, ["--lang", "such as en"]),
        ("train lm --lang en --out dir good.txt".into(), 2, ["en.arpa.bin", "--out"]),
        ("train lid --out lid.bin en:good.txt".into(), 2, ["en:good.txt", "en=FILE"]),
        ("train lid --out lid.bin zh-Hant/x=good.txt".into(), 2, ["zh-Hant/x", "contains '/'"]),
        ("train lid --out lid.bin en=good.txt".into(), 1, ["1 labels", "two"]),
        ("train lid --out lid.model en=good.txt".into(), 2, ["lid.model", ".ftz"]),
        (
            "train classifier --positive good.txt --negative good.txt --out a.bin --curve a.png"
                .into(),
            2,
            ["a.png", ".svg"],
        ),
    ] {
        place.run(&line).exits(code).names(&words);
    }
}

#[test]
fn the_demo_shows_the_results_of_models() {
    let place = Place::new();
    let output = place.run("demo --out demo --json").exits(0).stdout;
    assert!(output.contains("\"bucket\"") && output.contains("\"quality\""), "{output}");
    let first = crate::support::files_below(&place.path("demo/export"));
    let mut pages = crate::support::documents(&first);
    // Only this slice has a classifier and perplexities.
    pages.retain(|page| text(&page["meta"]["id"]).starts_with("common_crawl/"));
    for page in &pages {
        let meta = &page["meta"];
        assert!(meta["wiki_prob"].as_f64().unwrap() >= 0.25, "{meta}");
        let head = meta["perplexity"].as_f64().unwrap() < 340.0;
        assert_eq!(meta["bucket"], if head { "head" } else { "middle" }, "{meta}");
    }
    assert!(pages.len() > 40, "{} pages", pages.len());
    let output = place.run("demo --out demo -w 2").exits(0).stdout;
    for name in ["bucket", "perplexity", "wiki_prob"] {
        assert!(output.contains(name), "the first page is shown with its {name}: {output}");
    }
    let again = crate::support::files_below(&place.path("demo/export"));
    crate::support::assert_same(&again, &first, "again, with two workers");
}

#[test]
fn the_addresses_that_wikipedia_refers_to_are_listed() {
    let place = Place::new();
    let dump = "<text>A&lt;ref&gt;{{cite web|url=http://a.example/1|title=T}}&lt;/ref&gt; b\n\
        &lt;ref name=&quot;n&quot;&gt;http://named.example&lt;/ref&gt;\n\
        &lt;ref&gt;[https://b.example/2. B]&lt;/ref&gt;</text>\n";
    place.write("enwiki-20230401-pages-articles.xml.gz", crate::support::gzip(dump.as_bytes()));
    let line = "train references enwiki-20230401-pages-articles.xml.gz --out found.txt --json";
    let report: serde_json::Value = serde_json::from_str(&place.run(line).exits(0).stdout).unwrap();
    assert_eq!((&report["addresses"], &report["lines"]), (&2.into(), &3.into()));
    let found = std::fs::read_to_string(place.path("found.txt")).unwrap();
    assert_eq!(found, "http://a.example/1\nhttps://b.example/2\n");
    place.run("train references none.xml --out found.txt").exits(2).names(&["none.xml"]);
}

#[test]
fn lines_of_a_dump_that_are_not_utf_8_are_counted() {
    let place = Place::new();
    let line = "&lt;ref&gt;{{cite web|url=http://a.example/1|title=T}}&lt;/ref&gt;\n";
    place.write("dump.xml", [line.as_bytes(), b"caf\xe9\n", line.as_bytes()].concat());
    let outcome = place.run("train references dump.xml --out found.txt --json").exits(3);
    let outcome = outcome.names(&["dump.xml: line 2: not UTF-8", "1 malformed line skipped"]);
    let report = outcome.json();
    assert_eq!((number(&report["addresses"]), number(&report["malformed"])), (2, 1));
    assert_eq!(std::fs::read_to_string(place.path("found.txt")).unwrap().lines().count(), 2);
}

#[test]
fn texts_that_a_language_model_cannot_use_are_counted() {
    let place = Place::new();
    let long = "a".repeat((256 << 20) + 1);
    place.write("notes.wetlands.txt", format!("one text\nanother text\n\u{301}\n{long}\n"));
    let line = "train lm --lang en --out models notes.wetlands.txt --order 2 --json";
    let outcome = place.run(line).exits(0);
    let outcome = outcome.names(&["1 text skipped: too long", "1 text skipped: empty"]);
    let report = outcome.json();
    assert_eq!((number(&report["too_long"]), number(&report["empty"])), (1, 1));
    assert_eq!(number(&report["texts"]) + number(&report["held_out"]["texts"]), 2);
}

#[test]
fn importance_weights_use_collections_that_a_user_counts() {
    let place = Place::new();
    let pages = |what: &str| {
        let page = |n: usize| format!("{{\"text\":\"{what} number {n}\"}}\n");
        (0..50).map(page).collect::<String>()
    };
    place.write("books.jsonl", pages("In the beginning the captain went ashore,"));
    place.write("web.jsonl", pages("Click here to buy cheap tickets online!"));
    let train = |collection: &str, rest: &str| {
        let line = format!("train importance --collection {collection} --lang en --out models/s");
        place.run(&format!("{line} {collection}.jsonl {rest}"))
    };
    train("books", "").exits(0);
    place.write("recipe.toml", "[common_crawl]\nsignal_models = \"models/s\"\n");
    place.run("build recipe.toml --corpus c").exits(2).names(&["web.en.counts.json", "missing"]);
    let output = train("web", "--texts 40 --json").exits(0).stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&output).unwrap()["texts"], 40);
    train("news", "").exits(2).names(&["news", "wikipedia, books, openwebtext or web"]);
    place.write("in.jsonl", [pages("The captain"), pages("Cheap tickets")].concat());
    let signal = "rps_doc_books_importance";
    let line =
        format!("score in.jsonl --out out.jsonl --signal-models models/s --signals {signal}");
    place.run(&line).exits(0);
    let scored = std::fs::read_to_string(place.path("out.jsonl")).unwrap();
    for line in scored.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        // The built-in identifier takes some of these for other languages.
        let Some(weight) = line["scores"]["signals"][signal].as_f64() else { continue };
        assert_eq!(weight > 0.0, text(&line["text"]).starts_with("The captain"), "{line}");
    }
    assert!(scored.matches(signal).count() > 20, "{scored}");
    let keep = format!("[common_crawl]\nkeep = \"{signal} > 0\"\n");
    place.write("keep.toml", keep);
    place.run("build keep.toml --corpus k").exits(2).names(&[signal, "sluice train importance"]);
}

#[test]
fn a_part_is_selected_only_from_inputs_that_are_corpora() {
    let place = Place::new();
    let page =
        |what: &str, n: usize| format!("{{\"text\":\"{what} {n} {}\"}}\n", "word ".repeat(250));
    let pages = |what: &str| (0..40).map(|n| page(what, n)).collect::<String>();
    place.write("references.jsonl", pages("good"));
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    let line =
        "train classifier --positive references.jsonl --slice common_crawl --out m.ftz --quiet";
    place.run(&format!("{line} --negative corpus")).exits(0);
    place.run(&format!("{line} --negative references.jsonl")).exits(2).names(&["is not a corpus"]);
    let lid = "train lid --out lid.ftz --quiet en=references.jsonl de=references.jsonl";
    place.run(lid).exits(0);
    place.write("in.jsonl", page("good", 1));
    let wrong = place.run("score in.jsonl --out out.jsonl --classifier lid.ftz").exits(2);
    wrong.names(&["lid.ftz has no label cc", "en"]);
}

#[test]
fn a_dump_is_rejected_as_training_text_whatever_its_name() {
    let place = Place::new();
    place.write("enwiki.txt", "<mediawiki><page><title>Lamp</title></page></mediawiki>");
    place.write("pages", "<!DOCTYPE html><html><body>A page.</body></html>");
    for file in ["enwiki.txt", "pages"] {
        let line = format!("train lm --lang en --out models {file}");
        place.run(&line).exits(2).names(&[file, "is a dump, not text"]);
        assert!(!place.path("models/en.arpa.gz").exists());
    }
}

#[test]
fn one_text_is_enough_for_a_language_model_and_none_need_be_held_out() {
    let place = Place::new();
    // By its hash, this text would be held out.
    place.write("one.txt", "just one line of text xka\n");
    let report = place.run("train lm --lang en --out one one.txt --json").exits(0).json();
    assert_eq!(
        (number(&report["texts"]), number(&report["held_out"]["texts"])),
        (1, 0),
        "{report}"
    );
    let sentences = sentences(["river", "treaty", "species", "census", "bridge", "abbey"], 400);
    place.write("many.txt", sentences);
    let held_out = |share: &str| {
        let line =
            format!("train lm --lang en --out many{share} many.txt --held-out {share} --json");
        let report = place.run(&line).exits(0).json();
        assert_eq!(number(&report["texts"]) + number(&report["held_out"]["texts"]), 400);
        number(&report["held_out"]["texts"])
    };
    assert_eq!(held_out("0"), 0);
    assert!((100..300).contains(&held_out("0.5")));
}

#[test]
fn malformed_lines_are_listed_and_the_rest_is_trained_on() {
    let place = Place::new();
    let line = |n: usize| format!("{{\"meta\":{{\"body\":\"the ferry number {n} leaves\"}}}}\n");
    let good: String = (0..50).map(line).collect();
    let bad =
        "\u{feff}{\"meta\":{\"body\":\"one\"}}\n\n{\"meta\":{\"body\":null}}\n{\"text\":1}\n{\n";
    place.write("in.jsonl", bad.to_owned() + &good);
    let line = "train lm --lang en --out models in.jsonl --text-field meta.body --order 2 --json";
    let outcome = place.run(line).exits(3);
    let outcome = outcome.names(&["in.jsonl: line 3: ", "in.jsonl: line 5: ", "3 malformed lines"]);
    let report = outcome.json();
    assert_eq!((number(&report["malformed"]), list(&report["listed"]).len()), (3, 3));
    assert_eq!(number(&report["texts"]) + number(&report["held_out"]["texts"]), 51);
}

#[test]
fn texts_of_a_corpus_without_a_language_need_their_slice_selected() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    let github =
        concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/github/2022-11/github_000000000000.gz");
    place.run(&format!("add corpus --slice github --label g {github}")).exits(0);
    let line = "train lm --lang en --pieces 400 --order 2 --json corpus --out";
    let all = place.run(&format!("{line} all")).exits(0);
    let skipped = number(&all.json()["no_language"]);
    assert!(skipped > 20, "{all}");
    all.names(&["without meta.language", "--slice"]);
    let code = place.run(&format!("{line} code --slice github")).exits(0);
    let report = code.json();
    assert_eq!(number(&report["texts"]) + number(&report["held_out"]["texts"]), skipped);
    code.names(&["no language in meta.language and were used"]);
}

#[test]
fn a_model_that_is_of_no_use_is_said_to_be() {
    let place = Place::new();
    // Both labels have the same texts.
    place.write("same.txt", sentences(["buy", "cheap", "login", "cookie", "basket", "click"], 300));
    place.write("few.txt", sentences(["buy", "cheap", "login", "cookie", "basket", "click"], 40));
    let line = "train lid --out lid.bin en=same.txt de=few.txt --dimension 4 --epochs 1 --json";
    let outcome = place.run(&format!("{line} --held-out 0.3 --buckets 100")).exits(0);
    let warnings = outcome.json()["warnings"].clone();
    assert_eq!(list(&warnings).len(), 1, "{outcome}");
    outcome.names(&["ERROR the model"]);
    let words = ["river", "treaty", "species", "census", "bridge", "abbey"];
    place.write("wiki.txt", sentences(words, 600));
    let line = "train lid --out two.bin en=same.txt de=wiki.txt --buckets 100 --epochs 20 --json";
    let outcome = place.run(line).exits(0);
    assert_eq!(list(&outcome.json()["warnings"]).len(), 0, "{outcome}");
}
