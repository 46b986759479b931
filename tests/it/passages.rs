//! `dedup = "passages"`: what came before is cut, wherever in a text it is, and nothing else.

use crate::promises;
use crate::support::{Place, WORDS, assert_same, list, number, text};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Repeats of this many bytes are found where passages have at least 500.
const FOUND: usize = 600;

/// Pseudorandom numbers, the same each time (Vigna's splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }

    /// Words of 50 bytes to 1,249.
    fn some_words(&mut self) -> String {
        let bytes = 50 + self.below(1200);
        self.words(bytes)
    }

    /// Words of so many bytes, of letters of one byte or of several.
    fn words(&mut self, bytes: usize) -> String {
        let letters: Vec<char> = match self.below(4) {
            0 => "aeiou äöüé語".chars().collect(),
            _ => "etaoinshrdlu cmfwypvbgk. \n".chars().collect(),
        };
        let mut words = String::new();
        while words.len() < bytes {
            words.push(letters[self.below(letters.len())]);
        }
        while words.len() > bytes {
            words.pop();
        }
        let missing = bytes - words.len();
        words + &".".repeat(missing)
    }
}

/// Texts with passages of 600 bytes and more in surroundings of their own.
struct Shelf {
    texts: Vec<String>,
    passages: Vec<String>,
}

fn shelf() -> Shelf {
    let mut random = Random(18);
    let passages: Vec<String> = (0..12)
        .map(|number| {
            let bytes = if number % 2 == 0 { FOUND } else { FOUND + random.below(2000) };
            random.words(bytes)
        })
        .collect();
    let mut texts = Vec::new();
    for number in 0..60 {
        let mut text = random.some_words();
        for _ in 0..random.below(4) {
            text += &passages[random.below(passages.len())];
            text += &random.some_words();
        }
        // Some come twice as they are, or within another.
        if number % 9 == 0 {
            texts.push(text.clone());
        }
        texts.push(text);
    }
    Shelf { texts, passages }
}

fn lines(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{}\n", json!({ "text": text }))).collect()
}

#[test]
fn every_passage_stays_once_and_nothing_of_600_bytes_is_left_twice() {
    let Shelf { texts, passages } = shelf();
    let place = Place::new();
    let (first, second) = texts.split_at(texts.len() / 2);
    place.write("a/1.jsonl", lines(&first[..10]));
    place.write("a/2.jsonl", lines(&first[10..]));
    place.write("b/1.jsonl", lines(second));
    let labels = [("x", "a"), ("y", "b")];
    let kept = promises::hold(&place, "books", "dedup = \"passages\"", &labels, 0);
    let kept: Vec<&str> = kept.iter().map(|book| text(&book["text"])).collect();

    let mut seen = HashSet::new();
    for book in &kept {
        for part in book.as_bytes().windows(FOUND) {
            assert!(seen.insert(part), "{:?} is left twice", String::from_utf8_lossy(part));
        }
    }
    let is_used = |passage: &&String| texts.iter().any(|text| text.contains(*passage));
    let used: Vec<&String> = passages.iter().filter(is_used).collect();
    assert!(used.len() > 8);
    for passage in used {
        let is_whole = |book: &&&str| book.contains(passage.as_str());
        assert_eq!(kept.iter().filter(is_whole).count(), 1, "{passage:?}");
    }
    // What is cut begins and ends at most so many bytes within the repeat.
    let margin = 2 * 98 + 1;
    let mut whole: HashSet<&str> = HashSet::new();
    let (mut before, mut most) = (HashSet::new(), 0);
    for book in &texts {
        let here = passages.iter().filter(|passage| book.contains(passage.as_str()));
        let mut own = book.len();
        let mut repeats = 0;
        for passage in here {
            let copies = book.matches(passage.as_str()).count();
            let again = copies - usize::from(before.insert(passage));
            own -= again * passage.len();
            repeats += again;
        }
        if whole.insert(book) {
            most += own + repeats * margin;
        }
    }
    let left: usize = kept.iter().map(|book| book.len()).sum();
    let all: usize = texts.iter().map(String::len).sum();
    println!("{all} bytes, {left} left, at most {most}");
    assert!(left <= most && most < all, "{left} {most} {all}");

    let dropped = &place.status("plain")["slices"]["books"]["labels"];
    let dropped = ["x", "y"].map(|label| number(&dropped[label]["dropped"]["duplicate_passages"]));
    assert_eq!(dropped.iter().sum::<u64>() as usize, texts.len() - whole.len());
    assert_eq!(kept.len(), whole.len());
}

/// Books in files `a` to `e`. `b` and `c` have a passage of `a`, `d` has none, and `e` is a copy of `b`.
fn with_a_passage() -> (Place, String) {
    let place = Place::new();
    let mut random = Random(5);
    let passage = random.words(2000);
    let own: Vec<String> = (0..8).map(|_| random.words(700)).collect();
    let around = |before: usize, after: usize| format!("{}{passage}{}", own[before], own[after]);
    let texts = [around(0, 1), around(2, 3), around(4, 5), own[6].clone(), around(2, 3)];
    for (name, text) in ["a", "b", "c", "d", "e"].into_iter().zip(texts) {
        place.write(&format!("in/{name}.jsonl"), json!({ "text": text }).to_string());
    }
    let recipe = |name: &str, paths: &str| {
        let recipe = format!(
            "[books]\ndedup = \"passages\"\n[[input]]\nslice = \"books\"\nlabel = \"x\"\n\
             paths = [{paths}]\n"
        );
        place.write(name, recipe);
    };
    recipe("all.toml", "\"in/*.jsonl\"");
    recipe("rest.toml", "\"in/b.jsonl\", \"in/c.jsonl\", \"in/d.jsonl\", \"in/e.jsonl\"");
    (place, passage)
}

/// What `show` says of each book: its verdict and reason, and how many passages it lost.
fn fates(place: &Place, corpus: &str, names: &str) -> Vec<(String, Value, bool)> {
    let of = |name: char| {
        let view =
            place.run(&format!("show {corpus} books/x/{name}.jsonl#0 --json")).exits(0).json();
        let lost = number(&view["ledger"]["paragraphs_duplicate"]) > 0;
        (text(&view["verdict"]).to_owned(), view["reason"].clone(), lost)
    };
    names.chars().map(of).collect()
}

#[test]
fn a_passage_is_explained_and_comes_back_without_its_first_document() {
    let (place, passage) = with_a_passage();
    place.run("build all.toml --corpus all -w 2").exits(0);
    let whole = || ("kept".to_owned(), Value::Null, false);
    let cut = || ("kept".to_owned(), Value::Null, true);
    let dropped = || ("dropped".to_owned(), json!("duplicate_passages"), true);
    let at_first = [whole(), cut(), cut(), whole(), dropped()];
    assert_eq!(fates(&place, "all", "abcde"), at_first);
    let exported = place.export("all");
    let book = &place.documents("all")[1];
    let left = text(&book["text"]);
    // 700 bytes on each side, and less than a step of the passage.
    assert!(left.contains('\n') && left.len() >= 1400 && left.len() < 1400 + 200, "{left}");

    let found = place.run("explain all books/x/b.jsonl#0 --json").exits(0).json();
    let lost = list(&found["lost"]);
    assert_eq!(lost.len(), 1, "{found:#}");
    assert_eq!(lost[0]["id"], "books/x/a.jsonl#0");
    let part = text(&lost[0]["text"]);
    assert!(passage.contains(part) && part.len() > 1800, "{} bytes", part.len());
    let first = place.run("explain all books/x/a.jsonl#0 --json").exits(0).json();
    let copies = &list(&first["copies"])[0];
    assert_eq!((&copies["effect"], &copies["documents"]), (&json!("cut"), &json!(3)), "{first:#}");
    let report = place.run("report all --json").exits(0).json();
    let index = list(&report["duplicates"]).iter().find(|one| one["index"] == "books_passages");
    assert!(number(&index.unwrap()["duplicates"]) > 0, "{report:#}");
    let estimate = place.run("estimate all.toml --corpus none --json").exits(0).json();
    let keys = &place.status("all")["state"]["books_passages"]["keys"];
    assert_eq!(estimate["estimate"]["keys"]["books_passages"], *keys);

    place.write("list.txt", "books/x/a.jsonl#0");
    place.run("remove all --ids list.txt --reason test -w 3").exits(0);
    let rest = [whole(), cut(), whole(), dropped()];
    assert_eq!(fates(&place, "all", "bcde"), rest);
    place.run("build rest.toml --corpus rest -w 1").exits(0);
    assert_eq!(fates(&place, "rest", "bcde"), rest);
    assert_same(&place.export("all"), &place.export("rest"), "without the first");
    place.assert_sound("all");
    place.run("verify all --deep").exits(0);
    place.run("restore all --ids list.txt -w 1").exits(0);
    assert_eq!(fates(&place, "all", "abcde"), at_first);
    assert_same(&place.export("all"), &exported, "with the first again");
}

#[test]
fn shorter_passages_are_cut_if_the_recipe_says_so() {
    let place = Place::new();
    let mut random = Random(7);
    let passage = random.words(240);
    let texts: Vec<String> =
        (0..2).map(|_| random.words(150) + &passage + &random.words(150)).collect();
    place.write("in.jsonl", lines(&texts));
    let left = |dedup: &str| {
        let input = "[[input]]\nslice = \"books\"\nlabel = \"x\"\npaths = [\"in.jsonl\"]\n";
        place.write("r.toml", format!("[books]\ndedup = {dedup}\n{input}"));
        let corpus = format!("corpus-{}", dedup.len());
        place.run(&format!("build r.toml --corpus {corpus}")).exits(0);
        text(&place.documents(&corpus)[1]["text"]).to_owned()
    };
    assert_eq!(left("\"passages\""), texts[1]);
    let cut = left("{ method = \"passages\", min_bytes = 200 }");
    assert!(cut.len() < 400 && cut.len() >= 300, "{cut}");
}

#[test]
fn the_tokens_of_a_file_are_those_of_what_is_left_of_it() {
    let place = Place::new();
    place.write("words.json", WORDS);
    let mut random = Random(3);
    let mut lines_of = |count: usize| -> String {
        let word = |number: usize| ["lamp", "ledger", "kettle", "harbour", "stone"][number];
        let mut line = || (0..9).map(|_| word(random.below(5))).collect::<Vec<_>>().join(" ");
        (0..count).map(|_| format!("{}\n", line())).collect()
    };
    let common = lines_of(40);
    let files = [0, 1].map(|_| lines_of(20) + &common + &lines_of(20));
    let build = |corpus: &str, dedup: &str, files: &[String]| -> Vec<(String, u64)> {
        let row = |(number, content): (usize, &String)| {
            let path = format!("{number}.py");
            json!({"path": path, "repo_name": "town/lights", "license": "mit", "content": content})
        };
        let rows = files.iter().enumerate().map(row).map(|row| format!("{row}\n"));
        place.write(&format!("{corpus}.json"), rows.collect::<String>());
        let input =
            format!("[[input]]\nslice = \"github\"\nlabel = \"x\"\npaths = [\"{corpus}.json\"]\n");
        let top = "tokenizer = \"words.json\"\n";
        place.write("r.toml", format!("{top}[github]\ndedup = \"{dedup}\"\n{input}"));
        place.run(&format!("build r.toml --corpus {corpus}")).exits(0);
        let documents = place.documents(corpus);
        let of = |file: &Value| (text(&file["text"]).to_owned(), number(&file["meta"]["tokens"]));
        documents.iter().map(of).collect()
    };
    for dedup in ["passages", "paragraphs"] {
        let left = build(dedup, dedup, &files);
        assert!(left[1].1 < left[0].1, "{dedup}: {left:?}");
        let texts: Vec<String> = left.iter().map(|(text, _)| text.clone()).collect();
        assert_eq!(build(&format!("again-{dedup}"), "none", &texts), left);
    }
}

#[test]
fn a_wrong_setting_is_named_with_its_place() {
    let place = Place::new();
    let table = "{ method = \"passages\", min_bytes = 50 }";
    place.write("r.toml", format!("corpus = \"c\"\n[books]\ndedup = {table}\n"));
    let parts = ["r.toml:3", "books.dedup.min_bytes must be 100 to 1000000, not 50"];
    place.run("build r.toml").exits(2).names(&parts);
}
