//! Instructions: every kind of data set from its file to the export, copies over labels, evaluations, and
//! rows of no use.

use crate::promises;
use crate::support::{Place, gzip, list, number, text};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::sync::Arc;

const LABELS: [(&str, &str); 2] = [("2023-03", "bundled/2023-03"), ("2023-04", "bundled/2023-04")];

fn place() -> Place {
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/instruct");
    symlink(fixtures, place.path("bundled")).unwrap();
    place
}

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["instruct"]["labels"][label].clone()
}

/// Documents by the end of their ids: the file, and the number of the record.
fn find<'d>(documents: &'d [Value], id: &str) -> &'d Value {
    let is_it = |document: &&Value| text(&document["id"]).ends_with(id);
    documents.iter().find(is_it).unwrap_or_else(|| panic!("{id} is not there"))
}

/// The answers of a document, by their places.
fn answers(document: &Value) -> Vec<&str> {
    let whole = text(&document["text"]);
    let places = list(&document["meta"]["answers"]).iter();
    places.map(|place| &whole[number(&place[0]) as usize..number(&place[1]) as usize]).collect()
}

#[test]
fn every_kind_of_data_set_becomes_dialogues() {
    let place = place();
    let found = promises::hold(&place, "instruct", "", &LABELS, 0);
    let dropped = json!({"duplicate": 2, "empty_answer": 2, "empty_prompt": 1});
    assert_eq!(label(&place, "plain", "2023-03")["dropped"], dropped);
    let dropped = json!({
        "deleted": 1, "duplicate": 1, "no_prompt": 1, "template_marker": 1, "tree_state": 1,
    });
    assert_eq!(label(&place, "plain", "2023-04")["dropped"], dropped);
    for (id, expected) in [
        (
            "2023-03/oig.jsonl#2",
            "Background: The lighthouse of Skarholm has had a new keeper since the spring, Agda \
             Lindqvist, who was a teacher before.\n<human>: Who keeps the light?\n<bot>: Agda \
             Lindqvist, since the spring.",
        ),
        (
            "p3.jsonl#1",
            "<human>: Two sentences: \"The boat is moored.\" \"The boat is at sea.\" Can both be \
             true?\n<bot>: No",
        ),
        (
            "natural_instructions.jsonl#1",
            "<human>: You are given the name of a tool. Say what it is used for, in one short \
             sentence.\n\nMarlinspike\n<bot>: It opens the strands of a rope.",
        ),
        (
            "dolly.jsonl#1",
            "<human>: How many bridges cross the Alder?\n\nThe Alder rises in the Hollow Hills. Five \
             bridges cross it before it reaches the sea; the oldest one is of stone.\n<bot>: Five \
             bridges cross it.",
        ),
        (
            "oasst1.trees.jsonl#0",
            "<human>: Which knot holds a boat at a ring?\n<bot>: A round turn and two half hitches: it \
             can be undone under load.\n<human>: And if the rope is wet?\n<bot>: It holds as well. \
             Leave the end a little longer.",
        ),
        (
            "oasst1.messages.jsonl#0",
            "<human>: How do I fold a sea chart?\n<bot>: Once along its length, with the printed side \
             out.",
        ),
        (
            "chats.jsonl#0",
            "You answer in one sentence.\n<human>: Why is the sea salty?\n<bot>: Rivers carry salts \
             into it, and only water leaves it again.",
        ),
        (
            "sharegpt.json#0",
            "<human>: Suggest a name for a small boat.\n<bot>: How about *Whinchat*?\n<human>: \
             Something with more letters.\n<bot>: Then *Sandpiper*:\n\n1. It is easy to say.\n2. It \
             likes shallow water.",
        ),
    ] {
        assert_eq!(text(&find(&found, id)["text"]), expected, "{id}");
    }
    let chat = find(&found, "sharegpt.json#0");
    let second = " Then *Sandpiper*:\n\n1. It is easy to say.\n2. It likes shallow water.";
    assert_eq!(answers(chat), [" How about *Whinchat*?", second]);
    let meta = &find(&found, "oasst1.trees.jsonl#1")["meta"];
    let tree = "00000000-0000-4000-8000-000000000006";
    let id = "instruct/2023-04/oasst1.trees.jsonl#1";
    let original: Value = serde_json::from_str(text(&meta["original"])).unwrap();
    let last = tree.replace("06", "07");
    let expected = json!({"message_tree_id": tree, "message_id": last, "messages": 2});
    assert_eq!(original, expected);
    assert_eq!((&meta["source"], &meta["language"]), (&json!("oasst1"), &json!("de")));
    assert_eq!((&meta["turns"], &meta["unanswered"]), (&json!(2), &json!(0)));
    assert_eq!(text(&meta["id"]), id);
    assert_eq!(find(&found, "2023-03/oig.jsonl#3")["meta"]["unanswered"], 1);
}

#[test]
fn templates_and_threads_are_settings() {
    let place = place();
    let settings = "template = \"chatml\"\nthreads = \"all\"\ndedup = \"none\"";
    let found = promises::hold(&place, "instruct", settings, &LABELS, 0);
    let chat = find(&found, "chats.jsonl#0");
    assert_eq!(
        text(&chat["text"]),
        "<|im_start|>system\nYou answer in one sentence.<|im_end|>\n<|im_start|>user\nWhy is the sea \
         salty?<|im_end|>\n<|im_start|>assistant\nRivers carry salts into it, and only water leaves it \
         again.<|im_end|>"
    );
    let expected = "Rivers carry salts into it, and only water leaves it again.<|im_end|>";
    assert_eq!(answers(chat), [expected]);
    // Both dialogues of the first tree, and what `<human>:` may be in another template.
    let granny = text(&find(&found, "oasst1.trees.jsonl#0")["text"]);
    assert!(granny.contains("A granny knot will do."), "{granny}");
    assert!(text(&find(&found, "oasst1.trees.jsonl#1")["text"]).contains("Leave the end"));
    assert_eq!(answers(find(&found, "chats.jsonl#1")), ["Hello.<|im_end|>"]);

    place.write("plain.toml", "[instruct]\ntemplate = \"plain\"\n");
    place.run("build plain.toml --corpus lines").exits(0);
    place.run("add lines --slice instruct --label a bundled/2023-03/p3.jsonl").exits(0);
    let documents = place.documents("lines");
    assert!(text(&documents[0]["text"]).ends_with("creaked all night.\nbad"), "{}", documents[0]);
    assert_eq!(answers(&documents[0]), ["bad"]);
}

/// Rows of chats, as columns.
fn table(chats: &[[(&str, &str); 2]]) -> Vec<u8> {
    let schema = "message rows { optional group messages (LIST) { repeated group list { optional group \
                  element { optional binary role (STRING); optional binary content (STRING); } } } }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::default()).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    let messages: Vec<&(&str, &str)> = chats.iter().flatten().collect();
    let (levels, repeats) = (vec![4; messages.len()], [0, 1].repeat(chats.len()));
    let (roles, contents): (Vec<ByteArray>, Vec<ByteArray>) =
        messages.iter().map(|(role, content)| ((*role).into(), (*content).into())).unzip();
    for values in [roles, contents] {
        let mut column = rows.next_column().unwrap().unwrap();
        let typed = column.typed::<ByteArrayType>();
        typed.write_batch(&values, Some(&levels), Some(&repeats)).unwrap();
        column.close().unwrap();
    }
    rows.close().unwrap();
    writer.close().unwrap();
    file
}

#[test]
fn the_form_of_the_file_makes_no_difference() {
    let chats = [
        [("user", "Is it far?"), ("assistant", "An hour.")],
        [("user", "Is it steep?"), ("assistant", "Not very.")],
    ];
    let message = |(role, content): (&str, &str)| json!({"role": role, "content": content});
    let row = |chat: [(&str, &str); 2]| json!({"messages": chat.map(message), "extra": {"a": [1, {"b": "c\nd"}]}});
    let rows = chats.map(row);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let place = Place::new();
    place.write("in/a.jsonl", &lines);
    place.write("in/b.json.gz", gzip(json!(rows).to_string().as_bytes()));
    place.write("in/c.json", serde_json::to_string_pretty(&rows).unwrap());
    place.write("in/d.jsonl.zst", zstd::encode_all(lines.as_bytes(), 1).unwrap());
    place.write("in/e.parquet", table(&chats));
    let settings = "dedup = \"none\"";
    let found = promises::hold(&place, "instruct", settings, &[("a", "in")], 0);
    let texts: Vec<&str> = found.iter().map(|document| text(&document["text"])).collect();
    let expected =
        ["<human>: Is it far?\n<bot>: An hour.", "<human>: Is it steep?\n<bot>: Not very."];
    assert_eq!(texts, expected.repeat(5));
    let original = |file: &str| find(&found, &format!("{file}#1"))["meta"]["original"].clone();
    let of_lines: Value = serde_json::from_str(text(&original("a.jsonl"))).unwrap();
    assert_eq!(of_lines, json!({"extra": {"a": [1, {"b": "c\nd"}]}}));
    for file in ["b.json.gz", "c.json", "d.jsonl.zst"] {
        let found: Value = serde_json::from_str(text(&original(file))).unwrap();
        assert_eq!(found, of_lines, "{file}");
    }
    assert_eq!(text(&original("e.parquet")), "{}");
}

#[test]
fn prompts_that_came_before_can_be_dropped_in_a_later_label_too() {
    let pair =
        |prompt: &str, answer: &str| json!({"inputs": prompt, "targets": answer}).to_string();
    let place = Place::new();
    place.write("a.jsonl", [pair("A?", "1"), pair("B?", "2"), pair("A?", "3")].join("\n"));
    place.write("b.jsonl", [pair("B?", "2"), pair("B?", "4"), pair("C?", "5")].join("\n"));
    let labels = [("a", "a.jsonl"), ("b", "b.jsonl")];
    let texts = |found: &[Value]| -> Vec<String> {
        found.iter().map(|document| text(&document["text"]).replace("\n<bot>:", "")).collect()
    };
    let all = promises::hold(&place, "instruct", "", &labels, 0);
    let expected = ["A? 1", "B? 2", "A? 3", "B? 4", "C? 5"].map(|text| format!("<human>: {text}"));
    assert_eq!(texts(&all), expected);
    assert_eq!(label(&place, "plain", "b")["dropped"], json!({"duplicate": 1}));

    let place_of_first = Place::new();
    for name in ["a.jsonl", "b.jsonl"] {
        place_of_first.write(name, std::fs::read(place.path(name)).unwrap());
    }
    let place = place_of_first;
    let first = promises::hold(&place, "instruct", "prompts = \"first\"", &labels, 0);
    let expected = ["A? 1", "B? 2", "C? 5"].map(|text| format!("<human>: {text}"));
    assert_eq!(texts(&first), expected);
    let dropped = json!({"duplicate": 1, "duplicate_prompt": 1});
    assert_eq!(label(&place, "plain", "b")["dropped"], dropped);
    // Without the first label, what it had taken from the second comes back.
    place.run("remove plain --label instruct/a").exits(0);
    let left = texts(&place.documents("plain"));
    assert_eq!(left, ["B? 2", "C? 5"].map(|text| format!("<human>: {text}")));
}

#[test]
fn evaluations_are_kept_out_by_redpajamas_rule_and_never_cut_out() {
    let place = place();
    // Ten words of an answer of OASST1; nine of a prompt of Dolly's.
    let long = "two half hitches it can be undone under LOAD and";
    let ten = "A round turn and two half hitches: it can be";
    let nine = "What does the harbour master do, and when, exactly?";
    let row = |question: &str| json!({"question": question}).to_string();
    place.write("eval.jsonl", [row(long), row(ten), row(nine)].join("\n"));
    let evaluations = "[decontaminate]\nsets = [\"eval.jsonl\"]\n";
    let input = "[[input]]\nslice = \"instruct\"\nlabel = \"a\"\npaths = [\"bundled/2023-04\"]\n";
    let recipe = |preset: &str| format!("{evaluations}preset = \"{preset}\"\n{input}");
    place.write("clean.toml", recipe("redpajama-instruct"));
    place.run("build clean.toml --corpus clean").exits(0);
    let counts = label(&place, "clean", "a");
    assert_eq!(number(&counts["dropped"]["contaminated"]), 1, "{counts}");
    let shown = place.run("sample clean --reason contaminated --json").exits(0).stdout;
    assert!(shown.contains("oasst1.trees.jsonl#0"), "{shown}");
    // A set that comes later makes the same corpus.
    place.write("later.toml", input);
    place.run("build later.toml --corpus later").exits(0);
    let preset = "--set eval.jsonl --preset redpajama-instruct";
    place.run(&format!("decontaminate later {preset}")).exits(0);
    assert_eq!(place.documents("later"), place.documents("clean"));

    // The places of the answers would be wrong.
    place.write("cut.toml", recipe("gpt3"));
    let refused = place.run("build cut.toml --corpus cut").exits(2);
    refused.names(&["decontaminate.action = \"cut\" is not for instruct", "drop or flag"]);
    assert!(!place.path("cut").exists());
    let refused = place.run("decontaminate later --preset gpt3").exits(2);
    refused.names(&["decontaminate.action = \"cut\" is not for instruct"]);
}

#[test]
fn rows_of_no_use_are_counted_and_those_of_no_known_form_are_named() {
    let good = json!({"inputs": "Is it late?", "targets": "Yes."}).to_string();
    let rows = [
        good.as_str(),
        "{\"inputs\": \"no end\"",
        "[1]",
        "{\"title\": \"x\", \"body\": \"y\"}",
        "{\"inputs\": {\"a\": 1}, \"targets\": \"y\"}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"tool\", \"content\": \"y\"}]}",
        "{\"conversations\": null}",
        "{\"text\": \"No turns at all.\"}",
        "{\"text\": \"<human>: x\"}",
        "{\"inputs\": \"x\", \"targets\": null}",
        "{\"message_id\": \"b\", \"parent_id\": \"a\", \"role\": \"assistant\", \"text\": \"x\"}",
        &good.replace("late", "early"),
    ];
    let place = Place::new();
    let mut file = rows.join("\n").into_bytes();
    file.extend(b"\n{\"inputs\": \"\xff\", \"targets\": \"x\"}\n");
    place.write("in/rows.jsonl", &file);
    place.write("in/page.html", "<!DOCTYPE html><html><body>404</body></html>");
    let found = promises::hold(&place, "instruct", "", &[("a", "in")], 3);
    let texts: Vec<&str> = found.iter().map(|document| text(&document["text"])).collect();
    let expected = ["<human>: Is it late?\n<bot>: Yes.", "<human>: Is it early?\n<bot>: Yes."];
    assert_eq!(texts, expected);
    let counts = label(&place, "plain", "a");
    let dropped = json!({
        "empty_answer": 1, "no_answer": 1, "no_json": 3, "not_instruct": 4, "orphan": 1,
        "unknown_role": 1,
    });
    assert_eq!(counts["dropped"], dropped);
    // Each row of no known form, and the page.
    assert_eq!(number(&counts["defects"]), 10, "{counts:#}");
    let added = place.run("add fresh --slice instruct --label a in --json").exits(3).json();
    let listed = added["labels"]["instruct/a"]["malformed"].to_string();
    for words in ["record 6: turn 2 has the role", "title, body", "HTML", "rows of a tree must be"]
    {
        assert!(listed.contains(words), "{words}: {listed}");
    }
}

#[test]
fn methods_that_cut_are_refused() {
    let place = Place::new();
    for dedup in ["\"lines\"", "\"passages\"", "[\"exact\", \"paragraphs\"]"] {
        place.write("wrong.toml", format!("[instruct]\ndedup = {dedup}\n"));
        let refused = place.run("build wrong.toml --corpus corpus").exits(2);
        refused.names(&["wrong.toml:2", "instruct.dedup", "cuts parts out of dialogues"]);
    }
    place.write("right.toml", "[instruct]\ndedup = { method = \"lines\", action = \"count\" }\n");
    place.run("build right.toml --corpus corpus").exits(0);
}
