//! A shuffle is one order over all slices, which depends on the ids alone.

use super::layouts::{NpyRow, ds, megatron, npy, shards};
use super::{ALL, FILES, TOKENIZER, export, with_corpus};
use crate::support::{
    Export, Place, assert_same, both_dumps, files_below, input, list, number, text,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const SHUFFLED: &str = "--format tokens --layout megatron,npy,ds,mds --eos <|end|> --shuffle 7";

/// As in Python: `int.from_bytes(hashlib.sha256(TEXT.encode()).digest()[:8])`.
pub fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The documents of all shards, in their order: the name of the shard, and what is known of them.
pub fn rows(out: &Export) -> Vec<(String, NpyRow)> {
    let names = shards(out, "npy", ".npy");
    let of = |name: &String| {
        let rows = npy(out, name, 2).1.into_iter();
        rows.map(|row| (name.clone(), row)).collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}

fn ids(out: &Export) -> Vec<String> {
    rows(out).into_iter().map(|(_, (_, _, id, ..))| id).collect()
}

#[test]
fn documents_of_all_slices_are_in_the_order_of_their_hashes() {
    let place = Place::new();
    place.write("words.json", TOKENIZER);
    place.run("demo --quiet").exits(0);
    let command = "export sluice-demo/corpus --tokenizer words.json --quiet";
    let shuffled = |out: &str, flags: &str| {
        place.run(&format!("{command} --out {out} {SHUFFLED} {flags}")).exits(0);
        files_below(&place.path(out))
    };
    let one = shuffled("one", "--shard-tokens 40K -w 1");
    for (out, flags) in [("three", "-w 3 --memory 64K"), ("many", "-w 16 --memory 1M")] {
        let other = shuffled(out, &format!("--shard-tokens 40K {flags}"));
        assert_same(&other, &one, flags);
    }
    let rows = rows(&one);
    let documents = place.documents("sluice-demo/corpus");
    let mut expected: Vec<&str> = documents.iter().map(|document| text(&document["id"])).collect();
    expected.sort_by_key(|id| hash(&format!("7:0:{id}")));
    let found: Vec<&str> = rows.iter().map(|(_, (_, _, id, ..))| &**id).collect();
    assert_eq!(found, expected);
    let slices: BTreeSet<&str> = found.iter().map(|id| id.split('/').next().unwrap()).collect();
    assert_eq!(slices.len(), 8);
    // Neighbours are of different slices more often than not.
    let mixed =
        found.windows(2).filter(|pair| pair[0].split('/').next() != pair[1].split('/').next());
    assert!(mixed.count() > found.len() / 2);

    let names = shards(&one, "npy", ".npy");
    let count: u64 = names[0].rsplit_once("-of-").unwrap().1.parse().unwrap();
    assert!(count >= 8 && count.is_power_of_two(), "{names:?}");
    for (name, (_, _, id, ..)) in &rows {
        let range = hash(&format!("7:0:{id}")) >> (64 - count.ilog2());
        assert_eq!(name, &format!("{range:05}-of-{count:05}"));
    }
    for name in &names {
        let documents = npy(&one, name, 2).0;
        assert_eq!(megatron(&one, name, 2), documents);
        assert_eq!(ds(&one, name, 2), documents);
    }
    // One shard is all of them, one after another; another seed is another order.
    let whole = shuffled("whole", "");
    let parts: Vec<u8> =
        names.iter().flat_map(|name| one[&format!("npy/{name}.npy")].clone()).collect();
    assert!(whole["npy/00000-of-00001.npy"] == parts);
    place.run(&format!("{command} --out other {} --shuffle 8", ALL)).exits(0);
    let mut other = ids(&files_below(&place.path("other")));
    assert_ne!(other, ids(&whole));
    other.sort();
    expected.sort_unstable();
    assert_eq!(other, expected);
}

#[test]
fn the_order_does_not_depend_on_how_the_corpus_was_built() {
    let place = with_corpus();
    place.write("other.toml", both_dumps("corpus = \"other\"\ntokenizer = \"words.json\"", ""));
    place.run("build other.toml -w 1").exits(0);
    let flags = format!("{SHUFFLED} --shard-tokens 60K");
    let one = export(&place, "one", &flags);
    place.run(&format!("export other --out two {flags} --quiet")).exits(0);
    assert_same(&files_below(&place.path("two")), &one, "another corpus of the same documents");
}

#[test]
fn an_increment_moves_no_document_and_a_takedown_changes_one_shard() {
    let place = Place::new();
    place.write("words.json", TOKENIZER);
    let build = |labels: &[&str]| {
        let inputs: String =
            labels.iter().map(|label| input(label, &format!("fixtures/{label}"))).collect();
        let top = "tokenizer = \"words.json\"\n[common_crawl]\nlanguages = []\n";
        place.write("recipe.toml", format!("{top}{inputs}"));
        place.run("build recipe.toml --corpus corpus").exits(0);
    };
    build(&["2019-30"]);
    let flags = format!("{SHUFFLED} --shard-tokens 60K");
    let before = ids(&export(&place, "out", &flags));
    build(&["2019-30", "2020-05"]);
    let after = export(&place, "out", &flags);
    let known: BTreeSet<&String> = before.iter().collect();
    let all = ids(&after);
    assert!(all.len() > before.len());
    assert!(all.iter().filter(|id| known.contains(id)).eq(&before));
    assert_same(&after, &export(&place, "fresh", &flags), "an update");

    // Nothing is a copy of the last document.
    let (shard, (_, _, id, ..)) = rows(&after)
        .into_iter()
        .rfind(|(_, (_, _, id, ..))| id.starts_with("common_crawl/2020-05/"))
        .unwrap();
    place.write("ids.txt", format!("{id}\n"));
    place.run("remove corpus --ids ids.txt").exits(0);
    let command = format!("export corpus --out out {flags} --json");
    let updated = place.run(&command).exits(0).json();
    let written = list(&updated["shards_written"]);
    assert!(written.contains(&shard.clone().into()), "{written:?}");
    // Its paragraphs may have copies that come back.
    let now = ids(&files_below(&place.path("out")));
    let changed: BTreeSet<String> = written.iter().map(|name| text(name).to_owned()).collect();
    assert!(changed.len() <= 1 + now.iter().filter(|id| !all.contains(id)).count() + 1);
    assert_eq!(number(&updated["files_written"]), (changed.len() * FILES.len()) as u64 + 1);
    assert!(!now.contains(&id));
    assert_same(&files_below(&place.path("out")), &export(&place, "again", &flags), "taken down");
}
