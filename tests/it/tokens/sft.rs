//! Samples for fine-tuning have all tokens of documents that fit, and a mask of their answers.

use super::{TOKENIZER, export, sha256};
use crate::support::{Export, Place, assert_same, list, number, text};
use models::tokenizer::{TokenCounter, Vocabulary};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use std::fs::File;

const FLAGS: &str = "--format tokens --layout sft,megatron --eos <|end|>";

/// A sample: tokens, mask, and where documents begin.
type Sample = [Vec<i64>; 3];

/// The samples of an export in a folder.
fn samples(place: &Place, folder: &str, out: &Export) -> Vec<Sample> {
    let files = out.keys().filter(|name| name.starts_with("sft/"));
    let of_file = |name: &String| {
        let file = File::open(place.path(folder).join(name)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(|row| {
            let columns = row.unwrap().into_columns();
            let lists = columns.into_iter().map(|(_, list)| {
                let Field::ListInternal(list) = list else { panic!("a list: {list:?}") };
                let number = |value: &Field| match value {
                    Field::Int(number) => i64::from(*number),
                    Field::Byte(number) => i64::from(*number),
                    other => panic!("a number: {other:?}"),
                };
                list.elements().iter().map(number).collect()
            });
            lists.collect::<Vec<Vec<i64>>>().try_into().unwrap()
        });
        rows.collect::<Vec<Sample>>()
    };
    files.flat_map(of_file).collect()
}

/// Tokens and mask of a document.
fn expected(
    counter: &TokenCounter,
    vocabulary: &Vocabulary,
    document: &Value,
) -> (Vec<i64>, Vec<i64>) {
    let whole = text(&document["text"]);
    let mut ids: Vec<i64> = counter.ids(whole).unwrap().into_iter().map(i64::from).collect();
    ids.push(0);
    let Some(answers) = document["meta"]["answers"].as_array() else {
        let mask = vec![1; ids.len()];
        return (ids, mask);
    };
    let is_answer = |(_, begin): &(u32, usize)| {
        answers.iter().any(|a| (number(&a[0])..number(&a[1])).contains(&(*begin as u64)))
    };
    let places = vocabulary.places(whole).unwrap();
    let mut mask: Vec<i64> = places.iter().map(|place| i64::from(is_answer(place))).collect();
    mask.push(1);
    (ids, mask)
}

fn place() -> Place {
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    place.write("words.json", TOKENIZER);
    let input = |slice: &str, label: &str| {
        format!(
            "[[input]]\nslice = \"{slice}\"\nlabel = \"{label}\"\npaths = \
             [\"{fixtures}/{slice}/{label}\"]\n"
        )
    };
    let recipe = [
        "tokenizer = \"words.json\"\n".to_owned(),
        input("instruct", "2023-03"),
        input("instruct", "2023-04"),
        input("c4", "en"),
    ];
    place.write("recipe.toml", recipe.concat());
    place.run("build recipe.toml --corpus corpus").exits(0);
    place
}

#[test]
fn samples_are_packed_and_only_answers_are_learned() {
    let place = place();
    let counter = TokenCounter::open(&place.path("words.json")).unwrap();
    let vocabulary = Vocabulary::open(&place.path("words.json")).unwrap();
    const LENGTH: usize = 300;
    let out = export(&place, "out", &format!("{FLAGS} --sequence-length {LENGTH} -w 1"));
    let mut rest = samples(&place, "out", &out).into_iter();
    let (mut sample, mut at, mut starts) = ([vec![], vec![], vec![]], 0, vec![]);
    let (mut cut, mut cut_tokens) = (0, 0);
    // Shards are in the order of their names, documents in that of the corpus.
    let mut documents = place.documents("corpus");
    documents.sort_by_key(|document| text(&document["id"]).starts_with("instruct"));
    let mut label = String::new();
    for document in &documents {
        let (mut ids, mut mask) = expected(&counter, &vocabulary, document);
        if ids.len() > LENGTH {
            (cut, cut_tokens) = (cut + 1, cut_tokens + ids.len() - LENGTH);
            ids.truncate(LENGTH);
            mask.truncate(LENGTH);
        }
        let of: Vec<&str> = text(&document["id"]).splitn(3, '/').collect();
        let of = format!("{}/{}", of[0], of[1]);
        if at + ids.len() > LENGTH || of != label {
            assert_eq!((sample[0].len(), &sample[2]), (at, &starts));
            (sample, at, starts) = (rest.next().expect("a sample"), 0, vec![]);
            label = of;
        }
        let range = at..at + ids.len();
        assert_eq!((&sample[0][range.clone()], &sample[1][range.clone()]), (&ids[..], &mask[..]));
        starts.push(at as i64);
        at = range.end;
    }
    assert_eq!((sample[0].len(), &sample[2], rest.next()), (at, &starts, None));
    let manifest: Value = serde_json::from_slice(&out["manifest.json"]).unwrap();
    let of_layout = list(&manifest["files"]).iter();
    let files: Vec<&Value> =
        of_layout.filter(|file| text(&file["path"]).starts_with("sft/")).collect();
    let sum = |field: &str| files.iter().map(|file| number(&file[field])).sum::<u64>();
    assert!(cut > 0, "no document is longer than a sample");
    assert_eq!((sum("cut_documents"), sum("cut_tokens")), (cut, cut_tokens as u64));
    let provenance = list(&manifest["files"]).iter();
    let provenance = provenance.filter(|file| text(&file["path"]).starts_with("provenance/"));
    let rows: u64 = provenance.map(|file| number(&file["documents"])).sum();
    let starts = samples(&place, "out", &out).iter().map(|sample| sample[2].len()).sum::<usize>();
    assert_eq!(starts as u64, rows, "each document of a sample has a row");
    assert_eq!(text(&files[0]["sha256"]), sha256(&out[text(&files[0]["path"])]));

    // The answers, as text.
    let dialogue = documents.iter().find(|d| text(&d["id"]).ends_with("dolly.jsonl#0")).unwrap();
    let (_, mask) = expected(&counter, &vocabulary, dialogue);
    let places = vocabulary.places(text(&dialogue["text"])).unwrap();
    let first = mask.iter().position(|learned| *learned == 1).unwrap();
    let answer = &text(&dialogue["text"])[places[first].1..];
    assert_eq!(
        answer.trim_start(),
        "She assigns berths, keeps the log, and lights the lamps on the mole."
    );

    for (name, flags) in [("four", "-w 4"), ("small", "-w 3 --memory 16K")] {
        let again = export(&place, name, &format!("{FLAGS} --sequence-length {LENGTH} {flags}"));
        assert_same(&again, &out, flags);
    }
}

#[test]
fn samples_need_a_length_and_the_summary_names_what_is_cut_off() {
    let place = place();
    let refused = place.run(&format!("export corpus --out out {FLAGS}")).exits(2);
    refused.names(&["--layout sft needs --sequence-length"]);
    let done =
        place.run(&format!("export corpus --out out {FLAGS} --sequence-length 100")).exits(0);
    assert!(done.stdout.contains("cut off: longer than a sample"), "{done}");
    place.run("export corpus --out out --format tokens --update").exits(0);
}
