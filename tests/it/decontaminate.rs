//! Evaluation sets keep their texts out of a corpus. A set that comes later, or goes, equals a build
//! with the sets that are left, whatever the order.

use crate::support::{Export, Place, WORDS, assert_same, input, list, number, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// Labels of several slices: slice, label, and paths among the bundled inputs.
const INPUTS: [(&str, &str, &str); 6] = [
    ("common_crawl", "2019-30", "common_crawl/2019-30"),
    ("c4", "en", "c4/en"),
    ("books", "shelf", "books/shelf"),
    ("wikipedia", "20230320", "wikipedia/20230320"),
    ("stack_exchange", "2024-04-02", "stack_exchange/2024-04-02"),
    ("common_crawl", "2020-05", "common_crawl/2020-05"),
];

/// A recipe of the first `count` inputs, with these lines before and these in `[common_crawl]`.
fn recipe_of(count: usize, top: &str, settings: &str) -> String {
    let inputs = INPUTS[..count].iter().map(|(slice, label, path)| {
        let name = format!("slice = \"{slice}\"\nlabel = \"{label}\"");
        format!("[[input]]\n{name}\npaths = [\"{FIXTURES}/{path}\"]\n")
    });
    let slices = format!("[common_crawl]\nlanguages = []\n{settings}\n[c4]\nlanguages = []\n");
    format!("tokenizer = \"words.json\"\n{top}\n{slices}{}", inputs.collect::<String>())
}

fn build(place: &Place, corpus: &str, recipe: &str) {
    place.write("words.json", WORDS);
    let name = format!("{corpus}.toml");
    place.write(&name, recipe);
    place.run(&format!("build {name} --corpus {corpus} -w 2")).exits(0);
    place.assert_sound(corpus);
}

/// Words of a document, from the middle of it, written in another way; `None` if it has too few.
fn passage(document: &Value, words: usize) -> Option<String> {
    let all: Vec<&str> = text(&document["text"]).split_whitespace().collect();
    let begin = all.len().checked_sub(words)? / 2;
    let passage = all[begin..begin + words].join(" \n- ");
    Some(passage.to_uppercase())
}

/// Writes three sets in different forms, with texts of the documents: of every seventh, of every
/// fifth, and of none.
fn write_sets(place: &Place, documents: &[Value]) {
    let (mut rows, mut lines) = (String::new(), String::new());
    for (at, document) in documents.iter().enumerate() {
        if let Some(passage) = passage(document, 20).filter(|_| at % 7 == 3) {
            rows += &json!({"id": at, "choices": {"text": ["no", passage]}}).to_string();
            rows.push('\n');
        }
        if let Some(passage) = passage(document, 15).filter(|_| at % 5 == 1) {
            lines += &format!("{passage}\n\n");
        }
    }
    place.write("eval/choices.jsonl.zst", zstd::encode_all(rows.as_bytes(), 1).unwrap());
    place.write("eval/lines.txt", lines);
    let other =
        "Nobody ever wrote these words into any of the bundled pages of this little program.";
    place.write("eval/other.jsonl", json!({"question": other}).to_string());
}

const SETS: [&str; 3] = ["eval/other.jsonl", "eval/lines.txt", "eval/choices.jsonl.zst"];

/// The table of a recipe for the sets, with these lines.
fn table(lines: &str) -> String {
    format!("[decontaminate]\nsets = [\"eval/*.zst\", \"eval/o*\", \"eval/lines.txt\"]\n{lines}\n")
}

/// Everything that is known of a corpus but for the names of its files.
fn known(place: &Place, corpus: &str) -> (Value, Value, Vec<Value>) {
    let status = place.status(corpus);
    let sample = place.run(&format!("sample {corpus} -n 1M --json")).exits(0);
    let views = sample.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    (status["slices"].clone(), status["evaluations"].clone(), views.collect())
}

/// An export without its card, which has the recipe.
fn data(export: &Export) -> Export {
    let files = export.iter().filter(|(name, _)| *name != "README.md");
    files.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

/// How many documents of each slice have a set's texts.
fn contaminated(status: &Value) -> BTreeMap<String, u64> {
    let slices = status["slices"].as_object().unwrap().iter();
    let of_slice = |(slice, labels): (&String, &Value)| {
        let labels = labels["labels"].as_object().unwrap().values();
        let count = labels.map(|label| number(&label["contamination"]["documents"])).sum();
        (slice.clone(), count)
    };
    slices.map(of_slice).collect()
}

/// Adds the sets one by one to a corpus that was built without them, and compares it with a build
/// that has them; then removes them again.
#[track_caller]
fn later_equals_before(action: &str, top: &str) -> (Place, Vec<Value>) {
    let place = Place::new();
    build(&place, "corpus", &recipe_of(6, top, ""));
    let before = place.documents("corpus");
    let (built, built_known) = (place.export("corpus"), known(&place, "corpus"));
    write_sets(&place, &before);
    let lines = format!("{top}\n{}", table(&format!("action = \"{action}\"")));
    build(&place, "direct", &recipe_of(6, &lines, ""));
    assert!(place.export("direct") != built, "nothing is found");
    for (number, set) in SETS.iter().enumerate() {
        let line = format!("decontaminate corpus --set {set} --action {action} -w {}", number + 1);
        place.run(&line).exits(0);
        place.assert_sound("corpus");
    }
    assert_same(&place.export("corpus"), &place.export("direct"), action);
    assert_eq!(known(&place, "corpus"), known(&place, "direct"), "{action}");
    let found = contaminated(&place.status("corpus"));
    assert!(found.values().all(|count| *count > 0), "{found:?}");
    // The recipe of the build is that of the corpus now, and the one before is not.
    place.run("build direct.toml --corpus corpus").exits(0);
    place.run("build corpus.toml --corpus corpus").exits(2).names(&["sluice decontaminate corpus"]);
    let after = place.documents("direct");
    for corpus in ["corpus", "direct"] {
        place.run(&format!("decontaminate {corpus} --remove lines.txt eval/other.jsonl")).exits(0);
        place.run(&format!("decontaminate {corpus} --remove choices.jsonl.zst")).exits(0);
        place.assert_sound(corpus);
        assert_same(&data(&place.export(corpus)), &data(&built), "without sets");
        assert_eq!(known(&place, corpus), built_known, "{corpus}");
        assert_eq!(number(&place.status(corpus)["aside"]["bytes"]), 0);
    }
    (place, after)
}

#[test]
fn dropping_later_equals_dropping_in_the_build() {
    let (_, after) = later_equals_before("drop", "");
    assert!(after.iter().all(|document| document["meta"].get("contamination").is_none()));
}

#[test]
fn flagging_later_equals_flagging_in_the_build() {
    let (_, after) = later_equals_before("flag", "");
    // Records of one slice have the same fields.
    let flagged = after.iter().map(|document| &document["meta"]["contamination"]);
    let flagged = flagged.filter(|found| !found.is_null());
    let sets: Vec<&str> =
        flagged.flat_map(|found| list(&found["sets"])).map(|set| text(&set["set"])).collect();
    for name in ["lines.txt", "choices.jsonl.zst"] {
        assert!(sets.contains(&name), "{sets:?}");
    }
}

#[test]
fn cutting_later_equals_cutting_in_the_build() {
    // Texts that are equal across slices are compared before they are cut.
    let (place, after) = later_equals_before("cut", "[global]\ndedup = true");
    let cut = |document: &&Value| text(&document["text"]).contains('\n');
    assert!(after.iter().filter(cut).count() > 0);
    for document in &after {
        // Tokens are those of the text that is left.
        let tokens = text(&document["text"]).split_whitespace().count() as u64;
        assert!(number(&document["meta"]["tokens"]) >= tokens, "{document}");
    }
    drop(place);
}

#[test]
fn a_set_holds_for_labels_that_are_added_after_it() {
    let place = Place::new();
    build(&place, "plain", &recipe_of(6, "", ""));
    write_sets(&place, &place.documents("plain"));
    build(&place, "direct", &recipe_of(6, &table(""), ""));
    build(&place, "corpus", &recipe_of(2, "", ""));
    place.run("decontaminate corpus --set eval/lines.txt").exits(0);
    for (slice, label, path) in &INPUTS[2..4] {
        place
            .run(&format!("add corpus --slice {slice} --label {label} {FIXTURES}/{path} -w 3"))
            .exits(0);
    }
    place.run("decontaminate corpus --set eval/other.jsonl eval/choices.jsonl.zst").exits(0);
    place.run("launch -n 2 -- build direct.toml --corpus corpus --epoch-bytes 20K").exits(0);
    place.assert_sound("corpus");
    assert_same(&place.export("corpus"), &place.export("direct"), "an increment");
    assert_eq!(known(&place, "corpus"), known(&place, "direct"));
}

#[test]
fn thresholds_and_sets_in_any_order_equal_a_build_with_them() {
    let place = Place::new();
    let wiki = format!("{FIXTURES}/models/wiki.bin");
    let with = |min_score: &str, top: &str| {
        let settings = format!("classifier = {wiki:?}\nmin_score = {min_score}");
        let inputs = input("2019-30", "fixtures/2019-30") + &input("2020-05", "fixtures/2020-05");
        format!(
            "tokenizer = \"words.json\"\n{top}\n[common_crawl]\nlanguages = []\n{settings}\n{inputs}"
        )
    };
    build(&place, "corpus", &with("0.0", ""));
    write_sets(&place, &place.documents("corpus"));
    let calibrate = |threshold: &str| {
        let line = "calibrate corpus --slice common_crawl --apply --threshold";
        place.run(&format!("{line} {threshold}")).exits(0);
    };
    for action in ["drop", "cut", "flag"] {
        let both = table(&format!("action = \"{action}\""));
        for threshold in ["0.9", "0.5"] {
            build(&place, &format!("{action}-{threshold}"), &with(threshold, &both));
        }
        calibrate("0.9");
        place.run(&format!("decontaminate corpus --set eval/* --action {action}")).exits(0);
        let same = |threshold: &str| {
            let direct = format!("{action}-{threshold}");
            place.assert_sound("corpus");
            assert_same(&place.export("corpus"), &place.export(&direct), &direct);
            let (slices, _, _) = known(&place, "corpus");
            assert_eq!(slices, known(&place, &direct).0, "{direct}");
        };
        same("0.9");
        // Documents that come back are compared with the sets.
        calibrate("0.5");
        same("0.5");
        calibrate("0.9");
        same("0.9");
    }
}

#[test]
fn removals_and_sets_in_any_order_equal_a_build_with_both() {
    let place = Place::new();
    build(&place, "plain", &recipe_of(6, "", ""));
    let documents = place.documents("plain");
    write_sets(&place, &documents);
    let ids = documents.iter().step_by(9).map(|document| text(&document["meta"]["id"]));
    place.write("ids.txt", ids.collect::<Vec<_>>().join("\n"));
    for action in ["drop", "cut"] {
        let with = table(&format!("action = \"{action}\""));
        let (all, direct) = (format!("{action}-all"), format!("{action}-direct"));
        build(&place, &all, &recipe_of(6, &with, ""));
        build(&place, &direct, &recipe_of(0, &with, ""));
        place.run(&format!("remove {direct} --ids ids.txt")).exits(0);
        build(&place, &direct, &recipe_of(6, &with, ""));
        let same = |corpus: &str, direct: &str| {
            place.assert_sound(corpus);
            assert_same(
                &place.export(corpus),
                &place.export(direct),
                &format!("{corpus} {direct}"),
            );
            let slices = |corpus: &str| place.status(corpus)["slices"].clone();
            assert_eq!(slices(corpus), slices(direct), "{corpus} {direct}");
        };
        let set = |corpus: &str| format!("decontaminate {corpus} --set eval/* --action {action}");
        for (number, is_set_first) in [(1, true), (2, false)] {
            let corpus = format!("{action}-{number}");
            build(&place, &corpus, &recipe_of(6, "", ""));
            let remove = format!("remove {corpus} --ids ids.txt");
            let steps = if is_set_first { [set(&corpus), remove] } else { [remove, set(&corpus)] };
            steps.iter().for_each(|line| drop(place.run(line).exits(0)));
            same(&corpus, &direct);
        }
        place.run(&format!("restore {direct} --ids ids.txt")).exits(0);
        same(&direct, &all);
    }
}

#[test]
fn a_run_that_is_killed_while_it_decontaminates_can_be_repeated() {
    let place = Place::new();
    build(&place, "plain", &recipe_of(2, "", ""));
    write_sets(&place, &place.documents("plain"));
    build(&place, "direct", &recipe_of(2, &table(""), ""));
    for point in ["commit-begun", "manifest-written", "manifest-renamed", "old-files-removed"] {
        let _ = std::fs::remove_dir_all(place.path("corpus"));
        build(&place, "corpus", &recipe_of(2, "", ""));
        let plain = place.export("corpus");
        let line = "decontaminate corpus --set eval/*";
        place.run_crashing_at(point, line).was_killed();
        let found = place.export("corpus");
        assert!(found == plain || found == place.export("direct"), "{point}");
        place.run(line).exits(0);
        place.assert_sound("corpus");
        assert_same(&place.export("corpus"), &place.export("direct"), point);
        // The sets are gone when a run that removes them is repeated.
        let line = "decontaminate corpus --remove lines.txt other.jsonl choices.jsonl.zst";
        place.run_crashing_at(point, line).was_killed();
        std::fs::rename(place.path("eval"), place.path("elsewhere")).unwrap();
        let again = place.run(line);
        assert!(matches!(again.status.code(), Some(0 | 2)), "{point}: {again}");
        std::fs::rename(place.path("elsewhere"), place.path("eval")).unwrap();
        place.assert_sound("corpus");
        assert_same(&place.export("corpus"), &plain, point);
    }
}

#[test]
fn a_build_that_is_killed_keeps_nothing_twice() {
    let place = Place::new();
    build(&place, "plain", &recipe_of(1, "", ""));
    write_sets(&place, &place.documents("plain"));
    build(&place, "direct", &recipe_of(1, &table(""), ""));
    let line = "build direct.toml --corpus corpus --epoch-bytes 20K --commit-every 1K";
    for point in ["segment-written:3", "part-finished:5", "manifest-renamed:4"] {
        let _ = std::fs::remove_dir_all(place.path("corpus"));
        place.run_crashing_at(point, line).was_killed();
        place.run(line).exits(0);
        place.assert_sound("corpus");
        assert_same(&place.export("corpus"), &place.export("direct"), point);
        assert_eq!(known(&place, "corpus"), known(&place, "direct"), "{point}");
    }
}

#[test]
fn a_set_that_cannot_be_compared_is_named() {
    let place = Place::new();
    let recipe = |sets: &str| recipe_of(1, &format!("[decontaminate]\n{sets}"), "");
    place.write("eval/a.jsonl", "{\"question\": \"too short\"}");
    place.write("words.json", WORDS);
    for (sets, words) in [
        ("sets = [\"eval/b.jsonl\"]", &["wrong.toml:3", "no such file: eval/b.jsonl"][..]),
        ("sets = [\"eval\"]", &["wrong.toml:3", "is a folder", "*.jsonl"]),
        ("sets = [\"eval/*.jsonl\"]", &["a.jsonl", "fewer than 8 words"]),
        ("sets = [\"eval/a.jsonl\"]\nfields = [\"prompt\"]", &["a.jsonl", "prompt", "question"]),
        ("set = [\"eval/a.jsonl\"]", &["wrong.toml:3", "decontaminate.set;", "mean sets?"]),
        ("ngram = 1", &["wrong.toml:3", "(2 to 100)"]),
        ("ngram = 10\nmin_words = 13", &["wrong.toml:4", "min_words", "ngram = 10"]),
        ("preset = \"gpt\"", &["wrong.toml:3", "did you mean gpt3?"]),
        ("action = \"remove\"", &["wrong.toml:3", "drop, flag, cut"]),
    ] {
        place.write("wrong.toml", recipe(sets));
        place.run("build wrong.toml --corpus corpus").exits(2).names(words);
        assert!(!place.path("corpus").exists(), "{sets}");
    }
    build(&place, "corpus", &recipe_of(1, "", ""));
    let before = place.status("corpus");
    place.write("eval/broken.jsonl", "{\"question\": \"one\"}\n{\"question\": ");
    for (line, words) in [
        ("", &["--set FILE"][..]),
        ("--set eval/b.jsonl", &["no such file: eval/b.jsonl"]),
        ("--set eval/a.jsonl", &["a.jsonl", "fewer than 8 words"]),
        ("--set eval/broken.jsonl", &["broken.jsonl: line 2"]),
        ("--set eval/a.jsonl --remove c", &["--remove c", "no such evaluation set"]),
        ("--set eval/a.jsonl --action remove", &["--action remove", "drop, flag, cut"]),
    ] {
        place.run(&format!("decontaminate corpus {line}")).exits(2).names(words);
    }
    assert_eq!(place.status("corpus"), before);
}

#[test]
fn a_set_that_has_changed_or_gone_is_named_with_the_remedy() {
    let place = Place::new();
    build(&place, "corpus", &recipe_of(1, "", ""));
    let plain = place.export("corpus");
    write_sets(&place, &place.documents("corpus"));
    place.run("decontaminate corpus --set eval/lines.txt eval/other.jsonl").exits(0);
    let lines = std::fs::read_to_string(place.path("eval/lines.txt")).unwrap();
    let half: String = lines.split_inclusive("\n\n").take(3).collect();
    place.write("eval/lines.txt", &half);
    let (slice, label, path) = INPUTS[1];
    let add = format!("add corpus --slice {slice} --label {label} {FIXTURES}/{path}");
    let remedy = "sluice decontaminate corpus";
    place.run(&add).exits(2).names(&["lines.txt has changed since", remedy]);
    let changed = ["lines.txt has changed since it was added", "--set"];
    place.run("decontaminate corpus --set eval/choices.jsonl.zst").exits(2).names(&changed);
    place.run("decontaminate corpus --set eval/lines.txt").exits(0);
    place.write("half.toml", recipe_of(1, "[decontaminate]\nsets = [\"eval/[lo]*\"]", ""));
    place.run("build half.toml --corpus direct").exits(0);
    assert_same(&place.export("corpus"), &place.export("direct"), "a set that has changed");
    std::fs::remove_file(place.path("eval/lines.txt")).unwrap();
    place.run(&add).exits(2).names(&["no such file", "lines.txt", "--remove"]);
    place.run("status corpus").exits(0);
    place.run("sample corpus -n 3").exits(0);
    place.run("decontaminate corpus --ngram 12").exits(2).names(&["lines.txt is gone", "--remove"]);
    place.run("decontaminate corpus --remove lines.txt").exits(0);
    let left = data(&place.export("corpus"));
    assert_same(&left, &data(&plain), "without the set that matched");
    place.run(&add).exits(0);
    place.assert_sound("corpus");
}

#[test]
fn after_prune_sets_can_be_added_and_not_removed() {
    let place = Place::new();
    build(&place, "corpus", &recipe_of(2, "", ""));
    write_sets(&place, &place.documents("corpus"));
    build(&place, "direct", &recipe_of(2, &table(""), ""));
    place.run("decontaminate corpus --set eval/lines.txt").exits(0);
    place.run("prune corpus").exits(0);
    for change in ["--remove lines.txt", "--action flag", "--ngram 12"] {
        let names = ["common_crawl/2019-30", "pruned", "build the corpus again"];
        place.run(&format!("decontaminate corpus {change}")).exits(2).names(&names);
    }
    place.run("decontaminate corpus --set eval/choices.jsonl.zst eval/other.jsonl").exits(0);
    place.assert_sound("corpus");
    assert_same(&place.export("corpus"), &place.export("direct"), "after prune");
}

#[test]
fn what_matched_is_shown() {
    let place = Place::new();
    build(&place, "corpus", &recipe_of(1, "", ""));
    let documents = place.documents("corpus");
    write_sets(&place, &documents);
    let report = place.run("decontaminate corpus --set eval/* --json").exits(0).json();
    let set =
        |name: &str| list(&report["sets"]).iter().find(|set| set["name"] == name).unwrap().clone();
    assert_eq!(number(&set("other.jsonl")["documents"]), 0);
    assert_eq!(
        (number(&set("other.jsonl")["ngrams"]), number(&set("other.jsonl")["texts"])),
        (3, 1)
    );
    // "no" is a text, too.
    assert!(number(&set("choices.jsonl.zst")["short"]) > 0);
    let document = &documents[3];
    let id = text(&document["meta"]["id"]);
    let view = place.run(&format!("show corpus {id} --json")).exits(0).json();
    assert_eq!((&view["reason"], &view["text"]), (&json!("contaminated"), &document["text"]));
    let found = &list(&view["contamination"]["sets"])[0];
    assert_eq!(
        (&found["set"], &found["field"]),
        (&json!("choices.jsonl.zst"), &json!("choices.text"))
    );
    assert_eq!(text(&found["ngram"]).split(' ').count(), 13);
    let shown = place.run(&format!("show corpus {id} --no-pager")).exits(0).stdout;
    let line = format!("choices.jsonl.zst, line {}, choices.text: ", found["line"]);
    assert!(shown.contains(&line), "{shown}");
    let status = place.run("status corpus").exits(0).stdout;
    assert!(status.contains("evaluation set") && status.contains("choices.jsonl.zst"), "{status}");
    let again = place.run("decontaminate corpus --set eval/* --json").exits(0).json();
    assert_eq!(again["commit"], report["commit"], "nothing changes");
}
