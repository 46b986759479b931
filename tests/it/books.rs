//! Books in every form, and near copies among them.

use crate::promises;
use crate::support::{Place, assert_same, gzip, list, number, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::os::unix::fs::symlink;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const SHELVES: [(&str, &str); 2] = [("pg19", "books/pg19"), ("shelf", "books/shelf")];

/// A place with the bundled books in `books`.
fn with_books() -> Place {
    let place = Place::new();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/books"), place.path("books")).unwrap();
    place
}

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["books"]["labels"][label].clone()
}

/// The rule, pair by pair: a book is dropped if one before it is near, of those that are kept, or, as in
/// RedPajama, of all. Returns whether each of `texts` is kept.
fn reference(texts: &[&str], all_count: bool) -> Vec<bool> {
    let is_near = |one: u64, two: u64| (one ^ two).count_ones() <= 5;
    let mut count: Vec<u64> = Vec::new();
    let mut keeps = Vec::new();
    for text in texts {
        let hash = similarity::simhash(text);
        let is_kept = !count.iter().any(|before| is_near(*before, hash));
        keeps.push(is_kept);
        count.extend((is_kept || all_count).then_some(hash));
    }
    keeps
}

/// The exit code of adding a label: one of them has a text in an encoding of MS-DOS.
fn code_of(label: &str) -> i32 {
    if label == "genesis" { 3 } else { 0 }
}

/// The documents that the reference keeps.
fn kept_by_the_reference(place: &Place, labels: &[(&str, &str)]) -> Vec<Value> {
    place.write("all-stay.toml", "[books]\ndedup = \"none\"\n");
    place.run("build all-stay.toml --corpus all").exits(0);
    for (label, paths) in labels {
        let add = format!("add all --slice books --label {label} {paths}");
        place.run(&add).exits(code_of(label));
    }
    let all = place.documents("all");
    let keeps = reference(&all.iter().map(|book| text(&book["text"])).collect::<Vec<_>>(), false);
    all.into_iter().zip(keeps).filter_map(|(book, kept)| kept.then_some(book)).collect()
}

#[test]
fn the_bundled_books_keep_the_promises_and_lose_their_near_copies() {
    let place = with_books();
    let found = promises::hold(&place, "books", "", &SHELVES, 0);
    let titles: Vec<&str> = found
        .iter()
        .map(|book| {
            text(
                book["meta"]
                    .get("short_book_title")
                    .filter(|t| !t.is_null())
                    .unwrap_or(&book["meta"]["title"]),
            )
        })
        .collect();
    let names = ["Fernley", "Harrowmere", "Ottery", "Kettering"].map(|n| format!("A Year in {n}"));
    assert_eq!(titles[..4], names);
    assert_eq!(titles[4..], ["A Year in Larkfield", "amberford"]);
    let dropped = |of: &str| label(&place, "plain", of)["dropped"].clone();
    assert_eq!(dropped("pg19"), json!({"empty": 1, "near_duplicate": 1}));
    assert_eq!(dropped("shelf"), json!({"near_duplicate": 3}));
    // A corpus with other documents has other fields, which are null if a document lacks them.
    let fields = |books: &[Value]| -> Vec<(Value, Value)> {
        books.iter().map(|b| (b["text"].clone(), without_nulls(&b["meta"]))).collect()
    };
    assert_eq!(fields(&kept_by_the_reference(&place, &SHELVES)), fields(&found));
    let status = place.run("status plain").exits(0).stdout;
    assert!(status.contains("index of books_simhash: 560 keys"), "{status}");
}

#[test]
fn a_book_is_the_same_in_every_form() {
    let place = with_books();
    place.write("recipe.toml", "[books]\ndedup = \"none\"\n");
    place.run("build recipe.toml --corpus corpus").exits(0);
    for (label, paths) in SHELVES {
        place.run(&format!("add corpus --slice books --label {label} {paths}")).exits(0);
    }
    let books = place.documents("corpus");
    let of = |id: &str| {
        let is_it = |book: &&Value| text(&book["meta"]["id"]).ends_with(id);
        books.iter().find(is_it).unwrap_or_else(|| panic!("{id} is missing"))
    };
    let fernley = of("fernley.epub#0");
    assert_eq!(fernley["text"], of("books.jsonl.gz#0")["text"]);
    assert_eq!(fernley["meta"]["creator"], "Nobody At All");
    let harrowmere = of("harrowmere.txt#0");
    assert_eq!(harrowmere["text"], of("books.jsonl.gz#1")["text"]);
    assert_eq!(harrowmere["meta"]["url"], "http://www.gutenberg.org/ebooks/900001");
    assert_eq!(harrowmere["meta"]["release_date"], "May, 1999");
    assert!(text(&of("larkfield.txt#0")["text"]).ends_with("The end, in a café."), "latin-1");
    assert_eq!(of("texts.zip#0")["meta"]["title"], "larkfield");
    let expected = json!({"short_book_title": "A Year in Fernley", "publication_date": 1890,
        "url": "http://books.example/0", "id": "books/pg19/books.jsonl.gz#0"});
    assert_eq!(without_nulls(&of("books.jsonl.gz#0")["meta"]), expected);
    // Fields of another label are present as well, so that all records have one schema.
    assert!(of("books.jsonl.gz#0")["meta"]["creator"].is_null());
    assert!(of("books.jsonl.gz#0")["meta"].as_object().unwrap().contains_key("creator"));
}

fn without_nulls(meta: &Value) -> Value {
    let fields = meta.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[test]
fn every_method_keeps_the_promises() {
    // Two books of the shelf are exact copies of books of PG19, and one is another edition.
    let dropped = [
        ("exact", "duplicate", 0, 2),
        ("paragraphs", "duplicate_paragraphs", 0, 2),
        ("minhash", "near_duplicate", 1, 3),
    ];
    for (method, reason, of_pg19, of_shelf) in dropped {
        let place = with_books();
        promises::hold(&place, "books", &format!("dedup = \"{method}\""), &SHELVES, 0);
        for (name, count) in [("pg19", of_pg19), ("shelf", of_shelf)] {
            let dropped = &label(&place, "plain", name)["dropped"];
            let found = dropped.get(reason).map_or(0, number);
            assert_eq!(found, count, "{method}, {name}: {dropped}");
        }
    }
}

/// Pseudorandom numbers, the same each time (Vigna's splitmix64).
fn random(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = (*state ^ *state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ mixed >> 31) % below as u64) as usize
}

/// Editions of a few books: each is an earlier one with some words changed, which makes chains of
/// near copies whose ends are not near each other.
fn editions(count: usize) -> Vec<String> {
    let mut state = 7;
    let mut texts: Vec<Vec<String>> = Vec::new();
    for _ in 0..count {
        let mut words = if texts.is_empty() || random(&mut state, 4) == 0 {
            (0..400).map(|_| format!("w{}", random(&mut state, 5000))).collect()
        } else {
            texts[random(&mut state, texts.len())].clone()
        };
        for _ in 0..random(&mut state, 40) {
            let place = random(&mut state, words.len());
            words[place] = format!("x{}", random(&mut state, 5000));
        }
        texts.push(words);
    }
    texts.iter().map(|words| words.join(" ")).collect()
}

#[test]
fn the_same_books_are_kept_as_by_comparing_all_pairs() {
    let place = Place::new();
    let texts = editions(300);
    let lines = |texts: &[String]| -> String {
        texts.iter().map(|text| json!({"title": "x", "text": text}).to_string() + "\n").collect()
    };
    place.write("a/one.jsonl", lines(&texts[..90]));
    place.write("a/two.jsonl.gz", gzip(lines(&texts[90..170]).as_bytes()));
    place.write("b/one.jsonl", lines(&texts[170..]));
    let hash = |text: &str| similarity::simhash(text);
    for (settings, all_count) in [("", false), ("compare = \"all\"", true)] {
        let corpora = Place::new();
        for folder in ["a", "b"] {
            symlink(place.path(folder), corpora.path(folder)).unwrap();
        }
        let found = promises::hold(&corpora, "books", settings, &[("a", "a"), ("b", "b")], 0);
        let keeps = reference(&texts.iter().map(String::as_str).collect::<Vec<_>>(), all_count);
        let expected: Vec<&String> =
            texts.iter().zip(&keeps).filter_map(|(text, kept)| kept.then_some(text)).collect();
        assert_eq!(found.iter().map(|book| text(&book["text"])).collect::<Vec<_>>(), expected);
        assert!(
            (80..280).contains(&expected.len()),
            "{} are kept, which tests nothing",
            expected.len()
        );
        // A chain: RedPajama drops some texts that are not near to any kept one.
        let kept: Vec<u64> = expected.iter().map(|text| hash(text)).collect();
        let is_far = |text: &str| kept.iter().all(|k| (k ^ hash(text)).count_ones() > 5);
        let has_chain = texts.iter().zip(&keeps).any(|(text, is_kept)| !is_kept && is_far(text));
        assert_eq!(has_chain, all_count);
    }
    // The default of RedPajama's preset.
    place.write("redpajama.toml", "preset = \"redpajama\"\ncorpus = \"c\"\n");
    let printed = place.run("build redpajama.toml --print-recipe").exits(0).stdout;
    assert!(printed.contains("compare = \"all\""), "{printed}");
}

/// Before, the index had the hashes themselves, and no other beside it.
#[test]
fn an_index_of_an_earlier_version_is_refused_with_what_to_do() {
    let place = with_books();
    place.run("add c --slice books --label pg19 books/pg19").exits(0);
    let newest = place.path("c").join(place.newest_commit("c"));
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&newest).unwrap()).unwrap();
    let state = manifest["state"].as_object_mut().unwrap();
    assert!(state.remove("books_simhash_signatures").is_some());
    // A format whose manifests have no checksum.
    manifest["format"] = json!(1);
    manifest.as_object_mut().unwrap().remove("crc32c").unwrap();
    std::fs::write(&newest, manifest.to_string()).unwrap();
    let failed = place.run("add c --slice books --label shelf books/shelf");
    failed.exits(1).names(&["books_simhash", "earlier version", "build the corpus again"]);
}

#[test]
fn a_killed_run_resumes_to_the_same_books() {
    let place = Place::new();
    let texts = editions(60);
    for (number, text) in texts.iter().enumerate() {
        place.write(&format!("in/{number:02}.txt"), text);
    }
    let add = "--slice books --label a in --epoch-bytes 8K --commit-every 1K -w 2";
    place.run(&format!("add plain {add}")).exits(0);
    for point in ["run-written:3", "run-written:9"] {
        let corpus = point.replace(':', "-");
        place.run_crashing_at(point, &format!("add {corpus} {add}")).was_killed();
        place.run(&format!("add {corpus} {add}").replace("-w 2", "-w 3")).exits(0);
        assert_same(&place.export(&corpus), &place.export("plain"), point);
        place.assert_sound(&corpus);
    }
}

/// A zip archive.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An EPUB of this package document and these parts.
fn epub(package: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let container =
        br#"<container><rootfiles><rootfile full-path="o/b.opf"/></rootfiles></container>"#;
    let mut files: Vec<(&str, &[u8])> =
        vec![("META-INF/container.xml", container), ("o/b.opf", package.as_bytes())];
    files.extend(parts);
    archive(&files)
}

/// A package document with these pages as its spine.
fn package(pages: &[&str]) -> String {
    let item = |page: &&str| {
        format!(r#"<item id="{page}" href="{page}" media-type="application/xhtml+xml"/>"#)
    };
    let items: String = pages.iter().map(item).collect();
    let spine: String = pages.iter().map(|page| format!(r#"<itemref idref="{page}"/>"#)).collect();
    format!("<package><manifest>{items}</manifest><spine>{spine}</spine></package>")
}

#[test]
fn files_of_one_name_in_an_archive_are_a_defect() {
    let place = Place::new();
    let mut twice = archive(&[("one.txt", b"It was night."), ("two.txt", b"It was day.")]);
    let at = twice.windows(7).enumerate().filter(|(_, name)| *name == b"two.txt");
    let at: Vec<usize> = at.map(|(at, _)| at).collect();
    at.into_iter().for_each(|at| twice[at..at + 3].copy_from_slice(b"one"));
    place.write("in/twice.zip", twice);
    let outcome = place.run("add corpus --slice books --label a in").exits(3);
    assert!(outcome.stdout.contains("twice.zip: byte 0: zip: several entries"), "{outcome}");
    let found = place.documents("corpus");
    assert_eq!(found.iter().map(|book| text(&book["text"])).collect::<Vec<_>>(), ["It was day."]);
}

#[test]
fn damaged_and_foreign_files_are_named_and_the_rest_is_read() {
    let place = Place::new();
    let rows = "{\"text\": \"one book\"}\nnot json\n{\"title\": \"no text\"}\n{\"text\": 7}\n[1]\n\
        {\"text\": \"lone \\ud800\"}\n{\"title\": \"two\", \"text\": \"another\", \"n\": [1, null]}\n";
    let deep = format!("{{\"text\": \"deep\", \"x\": {}}}\n", "[".repeat(100_000));
    place.write("in/a.jsonl", format!("{rows}{deep}"));
    place.write("in/b.txt", b"PK\0 binary");
    place.write("in/c.txt", b"a third book, of caf\xe9s");
    place.write("in/d.txt.gz", &gzip("cut short".repeat(1000).as_bytes())[..40]);
    place.write("in/e.zip", &archive(&[("a.txt", b"text".as_slice())])[..40]);
    place.write("in/f.zip", archive(&[("readme.md", b"not a book")]));
    let page = b"<p>A chapter with words of its own.</p>".as_slice();
    let broken = b"<p>The beginning of a chapter <broken".as_slice();
    let parts = [("o/one.xhtml", page), ("o/two.xhtml", broken), ("o/bad.xhtml", b"\xff\0\xff")];
    let spine = package(&["one.xhtml", "gone.xhtml", "two.xhtml", "bad.xhtml"]);
    place.write("in/g.epub", epub(&spine, &parts));
    place.write("in/h.epub", epub("<package><spine><itemref idref=\"x\"/></spine>", &[]));
    place.write("in/i.epub", archive(&[("META-INF/container.xml", b"<nothing/>")]));
    place.write("in/j.txt", b"");
    let found = promises::hold(&place, "books", "", &[("a", "in")], 3);
    let texts: Vec<&str> = found.iter().map(|book| text(&book["text"])).collect();
    let epub = "A chapter with words of its own.\n\nThe beginning of a chapter";
    assert_eq!(texts, ["one book", "lone \u{fffd}", "another", "a third book, of cafés", epub]);
    assert_eq!(found[2]["meta"]["n"], json!([1, null]));
    let expected = json!({"empty": 2, "no_json": 3, "no_text": 2, "not_text": 1});
    assert_eq!(label(&place, "plain", "a")["dropped"], expected);
    let summary = place.run("add json --slice books --label a in --json").exits(3).json();
    let defects = list(&summary["labels"]["books/a"]["malformed"]).clone();
    let named: BTreeSet<&str> =
        defects.iter().map(|d| text(&d["source"]).rsplit('/').next().unwrap()).collect();
    let expected = ["a.jsonl", "b.txt", "d.txt.gz", "e.zip", "f.zip", "g.epub", "h.epub", "i.epub"];
    assert_eq!(named, BTreeSet::from(expected), "{defects:#?}");
    let of_epub = defects.iter().filter(|d| text(&d["source"]).ends_with("g.epub")).count();
    assert_eq!(of_epub, 3, "{defects:#?}");
}

#[test]
fn real_editions_of_a_book_are_near() {
    let Some(place) = Place::with_data() else { return };
    // By name, which is the order of the export.
    let labels = [
        ("genesis", "data/books/genesis_multilingual.zip"),
        ("gutenberg", "data/books/gutenberg_raw"),
        ("litbank", "data/books/litbank"),
        ("neko", "data/books/ja_wagahai_wa_neko_de_aru.txt"),
        ("union", "data/books/state_union.zip"),
    ];
    for (label, paths) in labels {
        let add = format!("add corpus --slice books --label {label} {paths} -w 2");
        place.run(&add).exits(code_of(label));
    }
    let found = place.documents("corpus");
    assert_eq!(found, kept_by_the_reference(&place, &labels));
    // Three files are Alice and four are Pride and Prejudice; one of each is another form of the book
    // in its folder. LitBank has Alice as well.
    let near = |of: &str| number(&label(&place, "corpus", of)["dropped"]["near_duplicate"]);
    assert_eq!((near("gutenberg"), near("litbank")), (3, 1));
    assert_eq!(label(&place, "corpus", "gutenberg")["dropped"]["other_form"], 2);
    let is_alice = |book: &&Value| book["meta"]["title"] == "Alice’s Adventures in Wonderland";
    let alice = found.iter().find(is_alice).expect("the first of the three is kept");
    let alice = text(&alice["text"]);
    assert!(alice.starts_with("ALICE’S ADVENTURES IN WONDERLAND"), "{}", &alice[..60]);
    assert!(alice.ends_with("THE END"), "{}", &alice[alice.len() - 60..]);
    assert!(found.iter().all(|book| !text(&book["text"]).contains("PROJECT GUTENBERG EBOOK")));
}

#[test]
fn a_field_named_id_is_renamed() {
    let place = Place::new();
    let many: String = (0..1001).map(|n| format!("\"f{n}\":1,")).collect();
    let lines = format!("{{\"id\":\"Y\",\"text\":\"A book.\"}}\n{{{many}\"text\":\"B\"}}\n");
    place.write("a.jsonl", lines);
    let output = place.run("add corpus --slice books --label a a.jsonl").exits(3).stdout;
    assert!(
        output.contains("a.jsonl: byte 28: record 2: a JSON object with text is expected"),
        "{output}"
    );
    let meta = &place.documents("corpus")[0]["meta"];
    assert_eq!(*meta, serde_json::json!({"source_id": "Y", "id": "books/a/a.jsonl#0"}));
}

/// A book of unique words, with one paragraph per line.
fn tale(name: &str, lines: usize) -> String {
    (1..=lines)
        .map(|n| format!("{name}, {n}: the keeper wrote of the tide and the lamp.\n"))
        .collect()
}

const GUTENBERG_END: &str = "*** END OF THE PROJECT GUTENBERG EBOOK X ***\nUpdated editions of this \
    Project Gutenberg ebook will replace the license.\n";

/// A file of Project Gutenberg.
fn of_gutenberg(number: usize, text: &str) -> String {
    format!(
        "The Project Gutenberg eBook of X\n\nTitle: Tale {number}\n\nRelease date: May, 2003 [eBook \
         #{number}]\n\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n{text}\n{GUTENBERG_END}"
    )
}

#[test]
fn a_folder_of_a_mirror_is_one_book() {
    let place = Place::new();
    place.write("recipe.toml", "[books]\ndedup = \"none\"\n");
    place.run("build recipe.toml --corpus corpus").exits(0);
    let html =
        |text: &str| format!("<html><body><pre>{}</pre></body></html>", of_gutenberg(77, text));
    place.write("mirror/7/77/77-0.txt", of_gutenberg(77, &tale("first", 40)));
    place.write("mirror/7/77/77.txt", of_gutenberg(77, &tale("of ASCII", 40)));
    place.write("mirror/7/77/77-h/77-h.htm", html(&tale("of HTML", 40)));
    place.write("mirror/7/77/77-h/images/a.jpg", b"\xff\xd8\xff\0");
    place.write("mirror/7/77/old/tale10.txt", tale("old", 40));
    // The first form of this book is damaged.
    place.write("mirror/7/78/78-0.txt", b"\0\x01\x02");
    place.write("mirror/7/78/78-h/78-h.htm", html(&tale("from HTML", 40)));
    // A text beside the book is another book.
    place.write("mirror/7/78/notes.txt", tale("notes", 40));
    let output = place.run("add corpus --slice books --label m mirror").exits(3).stdout;
    assert!(output.contains("78: byte 0: this file is binary"), "{output}");
    let begins: Vec<String> =
        place.documents("corpus").iter().map(|b| text(&b["text"])[..9].to_owned()).collect();
    assert_eq!(begins, ["first, 1:", "from HTML", "notes, 1:"]);
    let dropped = json!({"not_text": 1, "other_form": 3});
    assert_eq!(label(&place, "corpus", "m")["dropped"], dropped);
}

#[test]
fn html_pages_and_texts_in_any_encoding_are_books() {
    let place = Place::new();
    place.write("recipe.toml", "[books]\ndedup = \"none\"\n");
    place.run("build recipe.toml --corpus corpus").exits(0);
    // "Lamp" in Russian, in windows-1251.
    let lamp =
        b"\xcb\xe0\xec\xef\xe0 \xe3\xee\xf0\xe8\xf2 \xe2 \xee\xea\xed\xe5 \xec\xe0\xff\xea\xe0. ";
    let mut page =
        b"<html><head><meta charset=windows-1251><title>A Lamp</title></head><body><p>".to_vec();
    page.extend(lamp.repeat(9));
    place.write("in/a.htm", &page);
    place.write("in/b.txt", lamp.repeat(9));
    place.write("in/c", "<!DOCTYPE html><p>Unclosed <b>tags &amp; all<p>of them.");
    // Letters of MS-DOS, an encoding that is not detected.
    place.write("in/d.txt", b"caf\x82, d\x82j\x85, t\x88te, tr\x8as. ".repeat(20));
    place.write("in/e.pdf", "%PDF-1.7 and so on");
    let collected: String = (1..=3)
        .map(|n| tale(&format!("volume {n}"), 100) + "End of this Project Gutenberg Etext of X\n\n")
        .collect();
    place.write("in/f.txt", of_gutenberg(5, &collected));
    let pictures: [(&str, &[u8]); 5] = [
        ("9-h/9-h.htm", b"<p>A page of an archive."),
        ("9-h/images/a.png", b"\x89PNG"),
        ("9-h/a.css", b"p {}"),
        ("9.mobi", b"?"),
        ("__MACOSX/9-h/._9-h.htm", b"\0\x05\x16\x07"),
    ];
    place.write("in/g.zip", archive(&pictures));
    place.write("in/h.png", b"\x89PNG\0");
    let output = place.run("add corpus --slice books --label m in").exits(3).stdout;
    for word in ["d.txt", "encoding of this text is unknown", "e.pdf", "PDF document", "9.mobi"] {
        assert!(output.contains(word), "{word}: {output}");
    }
    let books = place.documents("corpus");
    let russian = "Лампа горит в окне маяка.";
    assert!(
        text(&books[0]["text"]).starts_with(russian)
            && text(&books[1]["text"]).starts_with(russian)
    );
    assert_eq!(
        (&books[0]["meta"]["title"], &books[0]["meta"]["encoding"]),
        (&json!("A Lamp"), &json!("windows-1251"))
    );
    assert_eq!(books[2]["text"], "Unclosed tags & all\n\nof them.");
    let volumes: Vec<bool> =
        (1..=3).map(|n| text(&books[3]["text"]).contains(&format!("volume {n}, 100:"))).collect();
    assert_eq!(volumes, [true; 3]);
    assert!(!text(&books[3]["text"]).contains("Gutenberg"));
    assert_eq!(books[4]["text"], "A page of an archive.");
    assert_eq!(label(&place, "corpus", "m")["dropped"], json!({"unknown_encoding": 1}));
    assert_eq!(label(&place, "corpus", "m")["sources"], 7);
}

#[test]
fn chapters_that_an_epub_loses_are_reported() {
    let place = Place::new();
    let parts: [(&str, &[u8]); 3] = [
        ("o/one.htm", b"<P>One<BR>of tag soup."),
        (
            "o/two.xml",
            b"<?xml version='1.0' encoding='ISO-8859-1'?><html><body><p>Tw\xf6</p></body></html>",
        ),
        ("o/three.pdf", b"%PDF-1.4"),
    ];
    let spine = package(&["one.htm", "two.xml", "three.pdf"]);
    let labels = ["TEXT/HTML; charset=x", "application/xml", "application/pdf"];
    let spine =
        labels.iter().fold(spine, |spine, label| spine.replacen("application/xhtml+xml", label, 1));
    place.write("in/a.epub", epub(&spine, &parts));
    let mut images = vec![(
        "META-INF/encryption.xml",
        &b"<EncryptedData><CipherReference URI='o/one.htm'/>"[..],
    )];
    images.extend(&parts);
    place.write("in/b.epub", epub(&spine, &images));
    let output = place.run("add corpus --slice books --label m in").exits(3).stdout;
    for word in ["three.pdf (application/pdf)", "DRM"] {
        assert!(output.contains(word), "{word}: {output}");
    }
    assert_eq!(place.documents("corpus")[0]["text"], "One\nof tag soup.\n\nTwö");
    assert_eq!(label(&place, "corpus", "m")["dropped"], json!({"encrypted": 1}));
}
