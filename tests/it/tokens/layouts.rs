//! Reads token shards by the documented layouts, byte by byte, without any of the program's code.

use crate::support::{Export, list, number, text};
use serde_json::Value;
use std::io::Read;

/// The documents of a shard, as token ids.
pub type Documents = Vec<Vec<u32>>;

/// The names of the shards of a layout, in their order: files with this extension.
pub fn shards(export: &Export, layout: &str, extension: &str) -> Vec<String> {
    let prefix = format!("{layout}/");
    let names = export.keys().filter_map(|name| name.strip_prefix(&prefix));
    names.filter_map(|name| name.strip_suffix(extension)).map(str::to_owned).collect()
}

pub fn tokens(bytes: &[u8], width: u64) -> Vec<u32> {
    assert_eq!(bytes.len() as u64 % width, 0);
    let id = |bytes: &[u8]| match *bytes {
        [a, b] => u32::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => unreachable!("tokens have two or four bytes"),
    };
    bytes.chunks(width as usize).map(id).collect()
}

/// Takes a little-endian number from the beginning of `bytes`.
fn take(bytes: &mut &[u8], size: usize) -> u64 {
    let (head, rest) = bytes.split_at(size);
    *bytes = rest;
    head.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// `.bin` and `.idx` of Megatron-LM.
pub fn megatron(export: &Export, shard: &str, width: u64) -> Documents {
    let bin = &export[&format!("megatron/{shard}.bin")];
    let mut idx = &export[&format!("megatron/{shard}.idx")][..];
    idx = idx.strip_prefix(b"MMIDIDX\0\0").expect("the magic bytes");
    assert_eq!(take(&mut idx, 8), 1, "the version");
    assert_eq!(take(&mut idx, 1), if width == 2 { 8 } else { 4 }, "the type");
    let sequences = take(&mut idx, 8) as usize;
    let documents = take(&mut idx, 8) as usize;
    assert_eq!(documents, sequences + 1);
    let lengths: Vec<u64> = (0..sequences).map(|_| take(&mut idx, 4)).collect();
    let offsets: Vec<u64> = (0..sequences).map(|_| take(&mut idx, 8)).collect();
    let firsts: Vec<u64> = (0..documents).map(|_| take(&mut idx, 8)).collect();
    assert!(idx.is_empty());
    assert!(firsts.into_iter().eq(0..documents as u64));
    let document = |(offset, length): (&u64, &u64)| {
        tokens(&bin[*offset as usize..(offset + length * width) as usize], width)
    };
    let found: Documents = offsets.iter().zip(&lengths).map(document).collect();
    assert_eq!(lengths.iter().sum::<u64>() * width, bin.len() as u64, "nothing between documents");
    found
}

/// A line of `.csv.gz` of OLMo-core: start, end, id, source, record.
pub type NpyRow = (u64, u64, String, String, String);

/// `.npy` and `.csv.gz` of OLMo-core.
pub fn npy(export: &Export, shard: &str, width: u64) -> (Documents, Vec<NpyRow>) {
    let all = tokens(&export[&format!("npy/{shard}.npy")], width);
    let mut csv = String::new();
    let packed = &export[&format!("npy/{shard}.csv.gz")][..];
    flate2::read::GzDecoder::new(packed).read_to_string(&mut csv).unwrap();
    let (mut documents, mut rows) = (Vec::new(), Vec::new());
    for line in csv.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let [start, end, id, source, record] = fields[..] else { panic!("{line}") };
        let (start, end): (u64, u64) = (start.parse().unwrap(), end.parse().unwrap());
        documents.push(all[start as usize..end as usize].to_vec());
        rows.push((start, end, id.to_owned(), source.to_owned(), record.to_owned()));
    }
    assert_eq!(documents.iter().map(Vec::len).sum::<usize>(), all.len());
    (documents, rows)
}

/// `.ds`, `.ds.index` and `.ds.metadata` of datatrove.
pub fn ds(export: &Export, shard: &str, width: u64) -> Documents {
    let all = tokens(&export[&format!("ds/{shard}.ds")], width);
    let index = &export[&format!("ds/{shard}.ds.index")];
    let (mut documents, mut begin) = (Vec::new(), 0);
    for end in index.chunks(8).map(|mut end| take(&mut end, 8) as usize) {
        documents.push(all[begin..end].to_vec());
        begin = end;
    }
    assert_eq!(begin, all.len());
    let metadata = String::from_utf8(export[&format!("ds/{shard}.ds.metadata")].clone()).unwrap();
    let lines: Vec<&str> = metadata.split('\n').collect();
    let [tokenizer, count, _] = lines[..] else { panic!("{metadata}") };
    assert!(tokenizer.ends_with(&format!(".json|{width}")), "{tokenizer}");
    assert_eq!(count, all.len().to_string());
    documents
}

/// The samples of all files of MDS, by `index.json`.
pub fn mds(export: &Export, width: u64) -> Vec<Documents> {
    let index: Value = serde_json::from_slice(&export["mds/index.json"]).unwrap();
    assert_eq!(index["version"], 2);
    let shards = list(&index["shards"]);
    shards.iter().map(|shard| mds_shard(export, shard, width)).collect()
}

fn mds_shard(export: &Export, shard: &Value, width: u64) -> Documents {
    let file = &export[&format!("mds/{}", text(&shard["raw_data"]["basename"]))];
    assert_eq!(number(&shard["raw_data"]["bytes"]), file.len() as u64);
    assert_eq!((&shard["format"], &shard["version"]), (&"mds".into(), &2.into()));
    assert_eq!(shard["column_names"], serde_json::json!(["tokens"]));
    let encoding = text(&shard["column_encodings"][0]);
    let mut bytes = &file[..];
    let samples = take(&mut bytes, 4) as usize;
    assert_eq!(number(&shard["samples"]), samples as u64);
    let places: Vec<usize> = (0..=samples).map(|_| take(&mut bytes, 4) as usize).collect();
    assert_eq!(*places.last().unwrap(), file.len());
    let header = 4 + 4 * (samples + 1);
    let config: Value = serde_json::from_slice(&file[header..places[0]]).unwrap();
    for name in ["column_encodings", "column_names", "column_sizes", "format", "version"] {
        assert_eq!(config[name], shard[name], "{name}");
    }
    let name = if width == 2 { "uint16" } else { "uint32" };
    let samples = places.windows(2).map(|place| &file[place[0]..place[1]]);
    if let Some(length) = encoding.strip_prefix(&format!("ndarray:{name}:")) {
        let length: u64 = length.parse().unwrap();
        assert_eq!(number(&shard["column_sizes"][0]), length * width);
        return samples.map(|sample| tokens(sample, width)).collect();
    }
    assert_eq!(encoding, format!("ndarray:{name}"));
    let sample = |mut bytes: &[u8]| {
        let size = take(&mut bytes, 4) as usize;
        assert_eq!(size, bytes.len(), "the size of the only column");
        let head = take(&mut bytes, 1);
        assert_eq!(head >> 2, 1, "one dimension");
        let count = take(&mut bytes, 1 << (head & 3)) as usize;
        let ids = tokens(bytes, width);
        assert_eq!(ids.len(), count);
        ids
    };
    samples.map(sample).collect()
}
