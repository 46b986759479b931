//! StackExchange: threads of sites, an increment with a later dump, and damage.

use crate::promises;
use crate::support::{Place, gzip, list, number, text};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;

fn place() -> Place {
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/stack_exchange");
    symlink(fixtures, place.path("se")).unwrap();
    place
}

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["stack_exchange"]["labels"][label].clone()
}

fn posts(rows: &[String]) -> String {
    let rows: String = rows.iter().map(|row| format!("  <row {row} />\n")).collect();
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<posts>\n{rows}</posts>\n")
}

fn question(id: usize, body: &str) -> String {
    format!(
        "Id=\"{id}\" PostTypeId=\"1\" Score=\"{}\" Title=\"Title {id}\" Body=\"{body}\"",
        id % 7
    )
}

fn answer(id: usize, parent: usize, score: i64) -> String {
    let body = format!("&lt;p&gt;answer {id} of {parent}&lt;/p&gt;&#xA;");
    format!("Id=\"{id}\" PostTypeId=\"2\" ParentId=\"{parent}\" Score=\"{score}\" Body=\"{body}\"")
}

fn texts(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| text(&document["text"])).collect()
}

#[test]
fn a_later_dump_adds_threads_that_are_new_or_changed() {
    let place = place();
    let labels = [("2023-03-29", "se/2023-03-29"), ("2024-04-02", "se/2024-04-02")];
    let found = promises::hold(&place, "stack_exchange", "", &labels, 0);
    let first = label(&place, "plain", "2023-03-29");
    assert_eq!(first["dropped"], json!({"no_question": 1, "no_title": 2}));
    let later = label(&place, "plain", "2024-04-02");
    assert_eq!(later["dropped"], json!({"no_title": 1, "unchanged": 2}));
    let urls: Vec<&str> = found.iter().map(|d| text(&d["meta"]["url"])).collect();
    let expected = [
        "https://allotments.example/questions/1",
        "https://allotments.example/questions/4",
        "https://kettles.example/questions/1",
        "https://kettles.example/questions/5",
        "https://kettles.example/questions/8",
        "https://kettles.example/questions/5",
        "https://kettles.example/questions/12",
    ];
    assert_eq!(urls, expected);
    let meta = &found[2]["meta"];
    let id = "stack_exchange/2023-03-29/kettles.example.7z#0";
    assert_eq!(
        *meta,
        json!({"language": "en", "url": expected[2], "timestamp": "2023-03-29",
            "source": "stackexchange", "question_score": "12", "id": id})
    );
    // The answer with the score 10 precedes the one with 9, and a list has its stars.
    let thread = text(&found[2]["text"]);
    let places = ["Q: Why does", "A: As the other", "\n*all the water", "A: Small", "A: Mine"];
    let places: Vec<_> = places.iter().map(|words| thread.find(words).expect(words)).collect();
    assert!(places.is_sorted(), "{thread}");
    assert_eq!(found[0]["meta"]["language"], "de");
    assert!(text(&found[5]["text"]).contains("\nA: Weigh it before"), "{}", found[5]);
}

#[test]
fn redpajamas_order_of_answers_is_a_setting() {
    let place = place();
    place.write("r.toml", "preset = \"redpajama\"\n[stack_exchange]\ntimestamp = \"2023-03-29\"\n");
    place.run("build r.toml --corpus corpus").exits(0);
    place.run("add corpus --slice stack_exchange --label x se/2023-03-29").exits(0);
    let documents = place.documents("corpus");
    let thread = text(&documents[2]["text"]);
    assert!(thread.find("A: Small").unwrap() < thread.find("A: As the other").unwrap(), "{thread}");
    assert_eq!(documents[2]["meta"]["timestamp"], "2023-03-29");
}

#[test]
fn the_largest_sites_of_a_folder_are_read() {
    let place = place();
    for (site, questions) in [("a.example", 3), ("b.example", 9), ("c.example", 5)] {
        let rows: Vec<String> = (1..=questions).map(|id| question(id, site)).collect();
        place.write(&format!("in/{site}/Posts.xml"), posts(&rows));
        place.write(&format!("in/{site}/Comments.xml"), "<comments>\n</comments>");
    }
    place.write("in/d.example-Votes.7z", "no votes");
    place.write("in/readme.txt", "no site");
    for (most, expected) in [(2, vec![9, 5]), (0, vec![3, 9, 5]), (28, vec![3, 9, 5])] {
        place.write("r.toml", format!("[stack_exchange]\nsites_max = {most}\n"));
        let corpus = format!("corpus-{most}");
        place.run(&format!("build r.toml --corpus {corpus}")).exits(0);
        place.run(&format!("add {corpus} --slice stack_exchange --label x in -w 2")).exits(0);
        let label = label(&place, &corpus, "x");
        assert_eq!(number(&label["sources"]), expected.len() as u64);
        assert_eq!(number(&label["read"]), expected.iter().sum::<u64>());
    }
}

#[test]
fn damaged_sites_are_named_and_the_others_are_read() {
    let place = place();
    let rows: Vec<String> =
        (1..40).flat_map(|id| [question(id, "x"), answer(100 + id, id, 1)]).collect();
    let whole = posts(&rows);
    place.write("in/healthy.example/Posts.xml", &whole);
    place.write("in/cut.example.xml.gz", &gzip(whole.as_bytes())[..150]);
    place.write("in/short.example.xml", &whole[..whole.len() / 2]);
    place.write("in/noise.example.7z", vec![0x5a; 10_000]);
    place.write("in/header.example.7z", b"7z\xbc\xaf\x27\x1c\0\x04then nothing that belongs there");
    place.write("in/empty.example.xml", "");
    place.write("in/users.example.xml", "<users>\n<row Id=\"1\" />\n</users>\n");
    place.write("in/rows.example.xml", whole.replacen("Id=\"3\"", "Id=\"three\"", 1));
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE posts [<!ENTITY a \"aaaaaaaaaa\">]>\n<posts>\n\
                <row Id=\"1\" Title=\"&a;&a;\" />\n</posts>\n";
    place.write("in/bomb.example.xml", bomb);
    let labels = [("a", "in"), ("b", "se/2024-04-02")];
    let found = promises::hold(&place, "stack_exchange", "", &labels, 3);
    let of_site = |site: &str| {
        let url = format!("https://{site}/");
        found.iter().filter(|d| text(&d["meta"]["url"]).starts_with(&url)).count()
    };
    assert_eq!((of_site("healthy.example"), of_site("rows.example")), (39, 38));
    assert!(of_site("short.example") > 10);
    let counts = label(&place, "plain", "a");
    assert_eq!(number(&counts["dropped"]["malformed"]), 3, "{counts}");
    // The answer to the question that could not be read.
    assert_eq!(number(&counts["dropped"]["no_question"]), 1, "{counts}");
    assert!(!place.path("etc").exists());
    let add = "add fresh --slice stack_exchange --label a in --json";
    let summary = place.run(add).exits(3).json();
    let listed = list(&summary["labels"]["stack_exchange/a"]["malformed"]).clone();
    for name in ["cut", "short", "noise", "header", "empty", "users", "rows", "bomb"] {
        let is_it = |d: &Value| text(&d["source"]).contains(&format!("{name}.example"));
        assert!(listed.iter().any(is_it), "{name}: {listed:#?}");
    }
}

#[test]
fn real_sites_keep_the_promises() {
    let Some(place) = Place::with_data() else { return };
    let sites = ["ai", "coffee", "datascience", "quantumcomputing"];
    let labels: Vec<(String, String)> = sites
        .iter()
        .map(|site| (site.to_string(), format!("data/stackexchange/{site}.stackexchange.com")))
        .collect();
    let labels: Vec<(&str, &str)> =
        labels.iter().map(|(label, path)| (label.as_str(), path.as_str())).collect();
    let found = promises::hold(&place, "stack_exchange", "", &labels[1..3], 0);
    assert!(found.len() > 100, "{} threads", found.len());
    // The archive of a site has the same threads as its folder.
    let add = "add plain --slice stack_exchange --label";
    let site = "data/stackexchange/quantumcomputing.stackexchange.com";
    place.run(&format!("{add} folder {site}")).exits(0);
    place.run(&format!("{add} archive {site}.7z -w 2")).exits(0);
    let (folder, archive) = (label(&place, "plain", "folder"), label(&place, "plain", "archive"));
    assert_eq!(archive["dropped"]["unchanged"], folder["kept"]);
    assert_eq!((&archive["read"], number(&archive["kept"])), (&folder["read"], 0));
    assert!(texts(&found).iter().all(|text| text.starts_with("Q: ")));
}

#[test]
fn a_repeated_site_is_rejected_by_name() {
    let place = Place::new();
    let posts = "<posts>\n  <row Id=\"1\" PostTypeId=\"1\" Title=\"T\" Body=\"B\" Score=\"1\" />\n</posts>\n";
    place.write("dumps/math.stackexchange.com/Posts.xml", posts);
    place.write("dumps/math.stackexchange.com.xml", posts);
    let outcome = place.run("add corpus --slice stack_exchange --label a dumps").exits(1);
    outcome.names(&["math.stackexchange.com is there twice", "math.stackexchange.com.xml"]);
}

#[test]
fn current_dumps_are_read_as_published() {
    let place = Place::new();
    let dated = |row: String, day: &str| format!("{row} CreationDate=\"{day}T01:02:03.000\"");
    let rows = [
        dated(answer(5, 3, 2), "2025-03-01"),
        dated(question(3, "x"), "2024-01-01"),
        dated(question(1, "y"), "2023-01-01"),
    ];
    let file = posts(&rows);
    let file = file.replace("<posts>", "<!-- of the dump\n of 2025 -->\n<!DOCTYPE posts>\n<posts>");
    place.write("in/a.example/posts.xml", &file);
    place.write("in/b.example-Posts.xml", &file);
    place.write("in/b.example-Votes.xml", "<votes/>");
    place.write("in/_readme.txt", "of archive.org");
    place.run("add corpus --slice stack_exchange --label mylabel in").exits(0);
    let found = place.documents("corpus");
    let timestamps: Vec<(&str, &str)> =
        found.iter().map(|d| (text(&d["meta"]["url"]), text(&d["meta"]["timestamp"]))).collect();
    let day = "2025-03-01";
    let expected = [
        ("https://a.example/questions/1", day),
        ("https://a.example/questions/3", day),
        ("https://b.example/questions/1", day),
        ("https://b.example/questions/3", day),
    ];
    assert_eq!(timestamps, expected);
    assert!(text(&found[1]["text"]).contains("A: answer 5"));
    // A label that is a date is the date of the dump. Without any date, it is null.
    place.write("undated/c.example.xml", posts(&[question(1, "z")]));
    place.run("add corpus --slice stack_exchange --label 2025-04 undated").exits(0);
    place.write("nameless/posts/Posts.xml", posts(&[question(1, "z")]));
    place.write("nameless/d.example.xml", posts(&[question(1, "z")]));
    let output = place.run("add corpus --slice stack_exchange --label n nameless").exits(3).stdout;
    assert!(output.contains("cannot tell which site"), "{output}");
    let found = place.documents("corpus");
    let of =
        |url: &str| &found.iter().find(|d| d["meta"]["url"] == url).unwrap()["meta"]["timestamp"];
    assert_eq!(of("https://c.example/questions/1"), "2025-04");
    assert_eq!(*of("https://d.example/questions/1"), Value::Null);
}
