//! Model files are damaged. A model is rejected with the reason, or used; the program does not panic,
//! hang, or exhaust memory.

use crate::mutation::change;
use crate::random::Random;
use crate::settings::place;
use crate::support::{SLUICE, gzip};
use crate::trial::Trial;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::process::Command;

/// Memory that a model may use besides the program: the bundled models are small.
const MEMORY_KB_MAX: &str = "3000000";

/// The option for each model, the bundled file, and the name of its changed copy.
const MODELS: [(&str, &str, &str); 5] = [
    ("lid", "bundled/models/wiki.bin", "lid.bin"),
    ("classifier", "bundled/models/wiki.bin", "wiki.bin"),
    ("lm", "bundled/models/en.arpa.gz", "en.arpa.gz"),
    ("lm", "bundled/models/en.sp.model", "en.sp.model"),
    ("tokenizer", "tokenizer.json", "tokenizer.json"),
];

/// A tokenizer of byte pairs of some letters, with every part that `tokenizers` reads.
const TOKENIZER: &str = r#"{"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 9, "content": "<|end|>", "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace",
        "pattern": {"Regex": " {2,}"}, "content": " "}]},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": true},
    "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false,
        "use_regex": true},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
        "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null,
        "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
        "byte_fallback": false, "vocab": {"t": 0, "h": 1, "e": 2, "a": 3, "k": 4, "l": 5, "\u0120": 6,
        "th": 7, "the": 8}, "merges": [["t", "h"], ["th", "e"]]}}"#;

#[test]
fn models() {
    let mut trial = Trial::new("models", 10);
    let (mut tried, mut used) = (0, 0);
    let place = place();
    place.write("tokenizer.json", TOKENIZER);
    let line = |text: &str| format!("{}\n", serde_json::json!({"text": text}));
    place.write(
        "in.jsonl",
        line("the kettle\nthe lid, naïve 漢字") + &line("") + &line("a \u{0} b"),
    );
    while tried < trial.wanted {
        let (round, mut random) = trial.round();
        let (option, source, name) = MODELS[round as usize % MODELS.len()];
        let _ = fs::remove_dir_all(place.path("models"));
        for (_, bundled, name) in MODELS.iter().filter(|(o, ..)| *o == "lm" && *o == option) {
            place.write(&format!("models/{name}"), fs::read(place.path(bundled)).unwrap());
        }
        let model = changed(fs::read(place.path(source)).unwrap(), name, &mut random);
        place.write(&format!("models/{name}"), model);
        let value = if option == "lm" { "models".to_owned() } else { format!("models/{name}") };
        let line = format!("score in.jsonl --out - --quiet --{option} {value}");
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v \"$0\"; exec \"$@\"", MEMORY_KB_MAX]);
        command.arg(&*SLUICE);
        let outcome = place.run_as(command, &line);
        tried += 1;
        used += usize::from(outcome.status.code() == Some(0));
        let what = format!("a changed {name} as --{option}");
        // The exit code is 3 if a line cannot be scored.
        if trial.ends(round, &outcome, &[0, 1, 2, 3], &what) && outcome.status.code() != Some(0) {
            trial.check(round, outcome.stderr.contains(name), || {
                format!("{what} is not named: {outcome}")
            });
        }
    }
    trial.end(&[("models", tried), ("models that were still used", used)]);
}

/// A changed model: in its bytes, in the compressed text, or in a value of its JSON.
fn changed(model: Vec<u8>, name: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = model;
    match name.rsplit('.').next() {
        Some("gz") if random.below(4) > 0 => {
            let mut text = Vec::new();
            MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).expect("a bundled model");
            change(&mut text, random);
            gzip(&text)
        }
        Some("json") if random.below(4) > 0 => {
            let mut json: Value = serde_json::from_slice(&bytes).expect("JSON");
            for _ in 0..1 + random.below(2) {
                change_value(&mut json, random);
            }
            json.to_string().into_bytes()
        }
        _ => {
            if random.below(8) == 0 {
                bytes.truncate(random.below(bytes.len()));
            }
            // Sizes and counts are near the beginning.
            let head = bytes.len().min([64, 400, usize::MAX][random.below(3)]);
            let mut changed: Vec<u8> = bytes.drain(..head).collect();
            change(&mut changed, random);
            changed.extend(bytes);
            changed
        }
    }
}

/// Changes or removes one value, at any depth.
fn change_value(json: &mut Value, random: &mut Random) {
    let mut node = json;
    loop {
        let children = match node {
            Value::Object(fields) => fields.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if children == 0 || random.below(4) == 0 {
            break;
        }
        let at = random.below(children);
        node = match node {
            Value::Object(fields) => fields.values_mut().nth(at).expect("a value at this index"),
            Value::Array(items) => &mut items[at],
            _ => unreachable!("the value has children"),
        };
    }
    let others = [
        Value::Null,
        0.into(),
        (-1).into(),
        (1u64 << 40).into(),
        1e308.into(),
        true.into(),
        "".into(),
        "a".into(),
        "(a+)+$".into(),
        "(?:a{1000}){1000}".into(),
        "\u{0}".into(),
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!([[[]]]),
    ];
    *node = random.pick(&others).clone();
}
