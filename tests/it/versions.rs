//! `versions = "newest"`: a page of a newer dump takes the place of the older one.

use crate::support::{Place, assert_same, list, number, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A page: its number, its title, and its text; without a text a redirect.
type Page = (u32, &'static str, &'static str);

const OLDER: [Page; 6] = [
    (1, "Ice", "Frozen water."),
    (2, "Fire", "It burns."),
    (3, "Old name", "It has two names."),
    (4, "Gone", "Nobody needs this."),
    (5, "Merged", "A part of ice."),
    (6, "Copy", "It burns."),
];
const NEWER: [Page; 6] = [
    (1, "Ice", "Frozen water, in six forms."),
    (2, "Fire", "It burns."),
    (3, "New name", "It has two names."),
    (5, "Merged", ""),
    (6, "Copy", "It burns."),
    (7, "Steam", "Water again."),
];

fn dump(language: &str, pages: &[Page]) -> String {
    let page = |(id, title, text): &Page| {
        let redirect = if text.is_empty() { "<redirect title=\"Ice\" />" } else { "" };
        format!(
            "<page><title>{title}</title><ns>0</ns><id>{id}</id>{redirect}<revision><id>9</id>\
             <model>wikitext</model><text>{text}</text></revision></page>\n"
        )
    };
    let site = format!("<siteinfo><dbname>{language}wiki</dbname></siteinfo>");
    let pages: String = pages.iter().map(page).collect();
    format!("<mediawiki>{site}\n{pages}</mediawiki>\n")
}

/// Two dumps of a wiki, and a recipe.
fn two_dumps(settings: &str) -> Place {
    let place = Place::new();
    place.write("2023-01/frwiki.xml", dump("fr", &OLDER));
    place.write("2023-02/frwiki.xml", dump("fr", &NEWER));
    place.write("recipe.toml", format!("[wikipedia]\nlanguages = []\n{settings}\n"));
    place
}

fn add(place: &Place, corpus: &str, label: &str) -> Value {
    let line = format!("add {corpus} --slice wikipedia --label {label} {label} --json");
    place.run(&line).exits(0).json()
}

/// A corpus of both dumps.
fn both(place: &Place, corpus: &str) -> Value {
    place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
    add(place, corpus, "2023-01");
    add(place, corpus, "2023-02")
}

/// The title of each document, with its label.
fn titles(place: &Place, corpus: &str) -> BTreeMap<String, String> {
    let of = |document: &Value| {
        let label = text(&document["id"]).split('/').nth(1).unwrap().to_owned();
        (text(&document["meta"]["title"]).to_owned(), label)
    };
    place.documents(corpus).iter().map(of).collect()
}

fn dropped(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["wikipedia"]["labels"][label]["dropped"].clone()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(title, label): &(&str, &str)| ((*title).to_owned(), format!("2023-0{label}"));
    expected.iter().map(owned).collect()
}

#[test]
fn a_newer_article_takes_the_place_of_the_older_one() {
    let place = two_dumps("versions = \"newest\"");
    let outcome = both(&place, "corpus");
    assert_eq!((number(&outcome["versions"]["superseded"])), 5, "{outcome}");
    assert_eq!(dropped(&place, "corpus", "2023-01"), json!({"superseded": 5}));
    // The page that was moved without a redirect is known by its number, and the one that is a
    // redirect now is no article any more. One is not in the newer dump.
    let expected = pairs(&[
        ("Ice", "2"),
        ("Fire", "2"),
        ("New name", "2"),
        ("Copy", "2"),
        ("Steam", "2"),
        ("Gone", "1"),
    ]);
    assert_eq!(titles(&place, "corpus"), expected);
    place.assert_sound("corpus");
    let ice = "wikipedia/2023-01/frwiki.xml#0";
    for command in ["show", "explain"] {
        let said = place.run(&format!("{command} corpus {ice}")).exits(0).stdout;
        assert!(said.contains("superseded"), "{command}: {said}");
    }
    // All versions stay by default.
    place.write("recipe.toml", "[wikipedia]\nlanguages = []\n");
    let outcome = both(&place, "all");
    assert_eq!(number(&outcome["versions"]["superseded"]), 0);
    assert_eq!(place.documents("all").len(), 6 + 5);
}

#[test]
fn a_complete_dump_is_all_there_is() {
    for dedup in ["none", "exact", "paragraphs", "simhash", "minhash", "passages"] {
        let place =
            two_dumps(&format!("versions = \"newest\"\ncomplete = true\ndedup = \"{dedup}\""));
        // Another wiki stays.
        place.write(
            "2023-01/dewiki.xml",
            dump("de", &[(1, "Eis", "It burns."), (2, "Dampf", "Heiß.")]),
        );
        place.run("build recipe.toml --corpus newest").exits(0);
        place.write("de/dewiki.xml", dump("de", &[(1, "Eis", "It burns."), (2, "Dampf", "Heiß.")]));
        both(&place, "corpus");
        let label = "add newest --slice wikipedia --label 2023-01 de";
        place.run(label).exits(0);
        add(&place, "newest", "2023-02");
        assert_same(&place.export("corpus"), &place.export("newest"), dedup);
        place.assert_sound("corpus");

        // Without the newest label, or before it, the older one counts.
        place.run("build recipe.toml --corpus older").exits(0);
        add(&place, "older", "2023-01");
        let complete = place.export("corpus");
        place.run("remove corpus --label wikipedia/2023-02").exits(0);
        assert_same(&place.export("corpus"), &place.export("older"), dedup);
        place.run("restore corpus --label wikipedia/2023-02").exits(0);
        assert_same(&place.export("corpus"), &complete, dedup);
        place.run("remove corpus --label wikipedia/2023-01").exits(0);
        place.run("restore corpus --label wikipedia/2023-01").exits(0);
        assert_same(&place.export("corpus"), &complete, dedup);
        place.assert_sound("corpus");
    }
}

#[test]
fn a_dump_with_defects_is_not_complete() {
    let place = two_dumps("versions = \"newest\"\ncomplete = true");
    let cut = dump("fr", &NEWER).replace("</mediawiki>", "<page><title>Half");
    place.write("2023-02/frwiki.xml", cut);
    place.run("build recipe.toml --corpus corpus").exits(0);
    add(&place, "corpus", "2023-01");
    place.run("add corpus --slice wikipedia --label 2023-02 2023-02").exits(3);
    let titles = titles(&place, "corpus");
    assert_eq!(titles.get("Gone").map(String::as_str), Some("2023-01"), "{titles:?}");
    assert_eq!(titles.get("Ice").map(String::as_str), Some("2023-02"), "{titles:?}");
}

#[test]
fn what_is_excluded_brings_no_older_version_back() {
    let place = two_dumps("versions = \"newest\"");
    both(&place, "corpus");
    let before = place.export("corpus");
    place.write("ids.txt", "wikipedia/2023-02/frwiki.xml#0\nwikipedia/2023-01/frwiki.xml#1\n");
    place.run("remove corpus --ids ids.txt").exits(0);
    let expected =
        pairs(&[("Fire", "2"), ("New name", "2"), ("Copy", "2"), ("Steam", "2"), ("Gone", "1")]);
    assert_eq!(titles(&place, "corpus"), expected);
    assert_eq!(dropped(&place, "corpus", "2023-01"), json!({"superseded": 4, "removed": 1}));
    place.assert_sound("corpus");
    place.run("restore corpus --ids ids.txt").exits(0);
    assert_same(&place.export("corpus"), &before, "restored");
    assert_eq!(dropped(&place, "corpus", "2023-01"), json!({"superseded": 5}));
}

#[test]
fn one_run_and_several_give_the_same_corpus_and_a_crash_in_between_is_made_good() {
    let place = two_dumps("versions = \"newest\"\ndedup = \"exact\"");
    both(&place, "corpus");
    let input = |label: &str| {
        format!("[[input]]\nslice = \"wikipedia\"\nlabel = \"{label}\"\npaths = [\"{label}\"]\n")
    };
    let recipe = "[wikipedia]\nlanguages = []\nversions = \"newest\"\ndedup = \"exact\"\n";
    place.write("both.toml", recipe.to_owned() + &input("2023-01") + &input("2023-02"));
    place.run("build both.toml --corpus at-once -w 3").exits(0);
    assert_same(&place.export("at-once"), &place.export("corpus"), "in one run");
    let rest = place.status("at-once")["slices"].clone();
    assert_eq!(rest, place.status("corpus")["slices"]);
    let mut crashes = 0;
    for time in 1..8 {
        let corpus = format!("crashed-{time}");
        let build = format!("build both.toml --corpus {corpus} -w 2");
        let outcome = place.run_crashing_at(&format!("manifest-renamed:{time}"), &build);
        if outcome.status.success() {
            break;
        }
        crashes += 1;
        place.run(&build).exits(0);
        assert_same(&place.export(&corpus), &place.export("corpus"), &corpus);
        assert_eq!(place.status(&corpus)["slices"], rest);
        place.assert_sound(&corpus);
    }
    assert!(crashes >= 2, "{crashes} crashes");
}

#[test]
fn threads_of_a_newer_dump_take_the_place_of_older_ones() {
    let place = Place::new();
    let posts = |rows: &[(u32, &str)]| {
        let row = |(id, body): &(u32, &str)| {
            format!(
                "<row Id=\"{id}\" PostTypeId=\"1\" Score=\"1\" Title=\"T\" Body=\"{body}\" />\n"
            )
        };
        format!("<posts>\n{}</posts>\n", rows.iter().map(row).collect::<String>())
    };
    let name = "kettles.example.Posts.xml";
    place.write(&format!("a/{name}"), posts(&[(1, "Why?"), (2, "When?"), (3, "Where?")]));
    place.write(&format!("b/{name}"), posts(&[(1, "Why?"), (2, "When exactly?"), (4, "Who?")]));
    for (corpus, complete, third) in [("corpus", "", 1), ("complete", "complete = true", 0)] {
        let recipe = format!("[stack_exchange]\nversions = \"newest\"\n{complete}\n");
        place.write("recipe.toml", recipe);
        place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
        for label in ["a", "b"] {
            place
                .run(&format!("add {corpus} --slice stack_exchange --label {label} {label}"))
                .exits(0);
        }
        let documents = place.documents(corpus);
        let of = |label: &str| {
            let is_of = |document: &&Value| text(&document["id"]).contains(&format!("/{label}/"));
            documents.iter().filter(is_of).count()
        };
        assert_eq!((of("a"), of("b")), (third, 3));
        place.assert_sound(corpus);
    }
}

#[test]
fn complete_needs_newest() {
    let place = two_dumps("complete = true");
    let outcome = place.run("build recipe.toml --corpus corpus").exits(2);
    outcome.names(&["recipe.toml", "complete", "versions = \"newest\""]);
    let place = two_dumps("versions = \"newest\"");
    place.write("2023-02/frwiki.xml", dump("fr", &[(1, "Ice", "Warm."), (1, "Fire", "Cold.")]));
    both(&place, "corpus");
    // A number that two pages of a dump have says nothing: "Old name" and the others stay.
    assert_eq!(list(&json!(titles(&place, "corpus").keys().collect::<Vec<_>>())).len(), 6);
}
