//! From a token to the bytes of the source, and back.

use super::layouts::{megatron, npy, shards};
use super::order::rows;
use super::{ALL, TOKENIZER, export, with_corpus};
use crate::support::{Export, Place, assert_same, files_below, list, number, text};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// The rows of the table of a shard.
fn table(place: &Place, out: &str, shard: &str) -> Vec<Row> {
    let path = place.path(&format!("{out}/provenance/{shard}.parquet"));
    let file = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn long(field: &Field) -> u64 {
    match field {
        Field::Long(number) => u64::try_from(*number).unwrap(),
        Field::Int(number) => u64::try_from(*number).unwrap(),
        other => panic!("not a number: {other:?}"),
    }
}

fn string(field: &Field) -> &str {
    match field {
        Field::Str(text) => text,
        other => panic!("not a string: {other:?}"),
    }
}

/// The columns of a row.
fn columns(row: &Row) -> BTreeMap<&str, &Field> {
    row.get_column_iter().map(|(name, value)| (name.as_str(), value)).collect()
}

fn trace(place: &Place, out: &str, what: &str) -> Vec<Value> {
    list(&place.run(&format!("trace {what} --export {out} --json")).exits(0).json()).clone()
}

#[test]
fn every_token_leads_to_the_byte_of_its_source_and_every_document_to_its_tokens() {
    let place = with_corpus();
    place.write("mix.toml", "[epochs]\ncommon_crawl = 1.5\n");
    for (out, flags) in [
        ("stored", format!("{ALL} --shard-tokens 60K")),
        ("shuffled", format!("{ALL} --shard-tokens 60K --shuffle 7 --mix mix.toml")),
    ] {
        let files = export(&place, out, &flags);
        let mut copies: BTreeMap<String, Vec<(String, u64, u64)>> = BTreeMap::new();
        for shard in shards(&files, "npy", ".npy") {
            let expected = npy(&files, &shard, 2).1;
            let found = table(&place, out, &shard);
            assert_eq!(found.len(), expected.len());
            for (row, (begin, end, id, source, record)) in found.iter().zip(expected) {
                let row = columns(row);
                assert_eq!((long(row["begin"]), long(row["end"])), (begin, end));
                assert_eq!(string(row["id"]), id);
                let parts = ["slice", "label", "source"].map(|name| string(row[name])).join("/");
                assert_eq!((parts, long(row["record"]).to_string()), (source, record));
                copies.entry(id).or_default().push((shard.clone(), begin, end));
            }
        }
        assert!(copies.values().any(|places| places.len() == if out == "stored" { 1 } else { 2 }));
        let some: Vec<_> = copies.iter().step_by(copies.len() / 2).collect();
        for (id, places) in some {
            check(&place, &files, out, (id, places));
        }
    }
}

/// Traces a document and its first, last and middle token in each of its places.
fn check(place: &Place, files: &Export, out: &str, (id, places): (&str, &[(String, u64, u64)])) {
    let found = trace(place, out, id);
    let place_of = |found: &Value| {
        (text(&found["shard"]).to_owned(), number(&found["begin"]), number(&found["end"]))
    };
    assert_eq!(found.iter().map(place_of).collect::<Vec<_>>(), places);
    let (shard, begin, end) = &places[0];
    let bin = format!("{out}/megatron/{shard}.bin");
    let named = [shard.clone(), bin, format!("{shard}.ds.index")];
    for (name, position) in named.iter().zip([*begin, (begin + end) / 2, end - 1]) {
        assert_eq!(trace(place, out, &format!("{name}:{position}")), &found[..1]);
    }
    // The source is a gzip member for each record: the document's begins at that byte.
    let document = place.run(&format!("show corpus {id} --json")).exits(0).json();
    let path = place.path(text(&document["ledger"]["source"]));
    let source = std::fs::read(path).unwrap();
    let offset = number(&found[0]["offset"]);
    let mut record = String::new();
    let member = &source[offset as usize..];
    flate2::read::GzDecoder::new(member).read_to_string(&mut record).unwrap();
    assert!(record.starts_with("WARC/1.0"), "{record}");
    assert!(record.contains(text(&document["meta"]["url"])), "{record}");
    let count =
        megatron(files, shard, 2).iter().filter(|of| of.len() as u64 == end - begin).count();
    assert!(count > 0);
}

#[test]
fn what_is_traced_is_printed_for_people_and_a_wrong_place_says_what_is_right() {
    let place = with_corpus();
    let files = export(&place, "out", &format!("{ALL} --shuffle 7 --shard-tokens 60K"));
    let (shard, (begin, end, id, ..)) = rows(&files).into_iter().nth(5).unwrap();
    let printed = place.run(&format!("trace out/{shard}:{}", begin + 2)).exits(0).stdout;
    // Thousands have a comma.
    let count = (end - begin).to_string();
    let tokens = format!("token  2 of its {}", if count.len() < 4 { &count } else { &count[..1] });
    for words in [&id, "record  ", ", byte ", &format!("shard  {shard}: tokens "), &tokens] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let file = format!("trace out/megatron/{shard}.bin:{}", begin + 2);
    assert_eq!(place.run(&file).exits(0).stdout, printed);
    let of_id = place.run(&format!("trace {id} --export out")).exits(0).stdout;
    assert!(of_id.contains(&format!("shard  {shard}: tokens ")), "{of_id}");
    let none = place.run("trace common_crawl/2019-30/none.gz#1 --export out").exits(0).stdout;
    assert!(none.contains("has no tokens of it"), "{none}");

    place.run("export corpus --out texts --quiet").exits(0);
    for (what, expected) in [
        ("out/00099-of-00001:5", "out has no shard 00099-of-00001; it has 00000-of-000"),
        (&format!("{shard}:999999999 --export out"), "tokens, which are counted from 0"),
        ("5 --export out", "SHARD:POSITION, such as"),
        ("texts/00000:5", "texts has no export of tokens: manifest.json is expected"),
        ("00000:5 --export none", "none has no export of tokens"),
        ("s3://bucket/out/00000:5", "trace reads folders"),
    ] {
        place.run(&format!("trace {what}")).exits(2).names(&[expected]);
    }
    place.write(&format!("out/provenance/{shard}.parquet"), "cut");
    let damaged = place.run(&format!("trace out/{shard}:0")).exits(1);
    damaged.names(&[&format!("{shard}.parquet"), "export it again"]);
}

#[test]
fn an_update_writes_the_shards_that_changed_and_names_them() {
    let place = with_corpus();
    place.write("mix.toml", "[epochs]\ncommon_crawl = 1.5\n");
    let flags = format!(
        "{ALL} --shuffle 7 --mix mix.toml --shard-tokens 60K --sequence-length 64 --bos ! \
         --label common_crawl/2019-30"
    );
    export(&place, "out", &flags);
    let update = |flags: &str| place.run(&format!("export corpus --out out --update {flags}"));
    let nothing = update("--json").exits(0).json();
    assert_eq!(list(&nothing["shards_written"]).len(), 0);

    // A document whose text has no copies.
    let (shard, (_, _, id, ..)) = rows(&files_below(&place.path("out"))).pop().unwrap();
    place.write("ids.txt", format!("{id}\n"));
    place.run("remove corpus --ids ids.txt").exits(0);
    let printed = update("").exits(0);
    assert!(printed.stdout.contains(&format!("{shard}: written\n")), "{printed}");
    let updated = files_below(&place.path("out"));
    assert!(rows(&updated).iter().all(|(_, (_, _, other, ..))| *other != id));
    assert_same(&updated, &export(&place, "fresh", &flags), "an update");

    for (flags, expected) in [
        ("--layout ds", "--layout is not for --update"),
        ("--shuffle 3", "--shuffle is not for --update"),
        ("--label common_crawl/2019-30", "--slice and --label are not for --update"),
        ("--schema dolma", "--schema is for one of the other formats"),
        ("--format parquet", "--format is not that of the export in --out (tokens)"),
        ("--tokenizer other.json", "the export was made with the tokenizer words.json (SHA-256 "),
    ] {
        place.write("other.json", TOKENIZER.replace("\"1.0\"", "\"1.0\" "));
        update(flags).exits(2).names(&[expected]);
    }
    place.run("export corpus --out none --update").exits(2).names(&["none has no export"]);
}
