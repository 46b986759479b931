//! Writes the seeds of the fuzz targets: small inputs, so that executions are fast.
//!
//! `cargo run --example fuzz_seeds -- fuzz/seeds`; `fuzz/run.sh` runs this if there are none.

#[path = "../tests/long/inputs.rs"]
mod inputs;
#[path = "../tests/long/packing.rs"]
mod packing;

use corpus::{Corpus, Label, Manifest, PartWriter, Source};
use document::{DocRef, Document};
use inputs::PAGE;
use packing::Layer;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use training::lid;
use training::supervised::{Options, Quantization, Trainer};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "fuzz/seeds".into()));
    let seed = |target: &str, name: &str, bytes: &[u8]| {
        let folder = out.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    for input in inputs::all() {
        let bytes = input.file.bytes();
        for target in readers(input.slice, input.name) {
            seed(target, &input.name.replace('@', "1"), &bytes)?;
        }
    }
    for (target, texts) in TEXTS {
        for (number, text) in texts.iter().enumerate() {
            seed(target, &number.to_string(), text.as_bytes())?;
        }
    }
    for text in [PAGE, include_str!("../src/code/licence.rs")] {
        for target in
            ["signals", "source_code", "text_rules", "html_text", "wikitext", "contamination"]
        {
            seed(target, &format!("text-{}", text.len()), &text.as_bytes()[..800.min(text.len())])?;
        }
    }
    for (number, layer) in
        [Layer::Joined, Layer::Gzip, Layer::Zstd, Layer::Bzip2].iter().enumerate()
    {
        let bytes = layer.pack(&vec![(String::new(), b"kettle and lid, kettle".to_vec())]);
        seed("compressed", &number.to_string(), &[&[0], &bytes[..]].concat())?;
    }
    let parts = (0..3).map(|n| (format!("name{n}"), format!("text {n}").into_bytes())).collect();
    let table = Layer::Parquet.pack(&parts);
    let footer = &table[table.len() - 8..table.len() - 4];
    seed("parquet_rows", "table", &[&footer[..2], &table[4..table.len() - 8]].concat())?;
    seed("repository", "lines", b"\na/LICENSE\tMIT\na/b.c\tint a;\na/../c\tx")?;
    for (number, way) in [[0, 1], [2, 2], [4, 2], [5, 3], [0x84, 0]].iter().enumerate() {
        let change = [1, 3, 0, 0, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        seed("run_reader", &number.to_string(), &[&way[..], &[0; 16], &change].concat())?;
    }
    for (name, quantization) in [("bin", None), ("ftz", Some(lid::quantization()))] {
        seed("fasttext", name, &classifier(quantization)?)?;
    }
    seed("sentencepiece", "pieces", &pieces())?;
    for kind in [0, 2, 3, 4, 5] {
        seed("kenlm", &format!("binary-{kind}"), &language_model(kind))?;
    }
    let (manifest, segment, ledger) = corpus_files()?;
    seed("manifest", "manifest", &manifest)?;
    seed("corpus_files", "segment", &[&[0, 2], &segment[..]].concat())?;
    seed("corpus_files", "ledger", &[&[1, 2], &ledger[..]].concat())?;
    Ok(())
}

/// The targets that read files of this kind.
fn readers(slice: &str, name: &str) -> &'static [&'static str] {
    match (slice, name.rsplit('.').next().unwrap_or_default()) {
        ("common_crawl", _) => &["warc_reader"],
        (_, "tar" | "tgz") if slice == "arxiv" => &["eprint"],
        ("arxiv", _) => &["eprint"],
        ("github", "tar") => &["archive_reader", "repository"],
        ("github", "gz") if name.contains(".tar.") => &["archive_reader", "repository"],
        ("books", "epub") => &["epub_reader", "zip_reader"],
        ("books", "zip") => &["zip_reader"],
        ("books", "txt") => &["gutenberg"],
        ("wikipedia", _) => &["mediawiki"],
        ("stack_exchange", "7z") => &["stack_exchange", "seven_zip"],
        ("stack_exchange", _) => &["stack_exchange"],
        ("instruct", _) => &["rows_reader", "dialogue"],
        _ => &["rows_reader"],
    }
}

const TEXTS: [(&str, &[&str]); 8] = [
    (
        "keep",
        &[
            "rps_doc_word_count > 3 and ccnet_perplexity < 340",
            "not (language == \"en\" or bucket != 'tail') and rps_doc_stop_word_fraction >= .5e-1",
            "rps_lines_start_with_bulletpoint <= 0.5",
        ],
    ),
    (
        "recipe",
        &[
            "corpus = \"c\"\npreset = \"redpajama\"\n[common_crawl]\nlanguages = [\"en\"]\n\
             min_chars = 300\nmin_score = 0.25\ncopies = \"none\"\nscope = \"shard\"\n",
            "[github]\nlicenses = []\n[[input]]\nslice = \"github\"\nlabel = \"a\"\npaths = [\"b\"]",
            "[global]\ndedup = true\n[books]\ndedup = \"minhash\"\n[arxiv]\nclean = \"better\"\n",
            "[decontaminate]\npreset = \"gpt3\"\nsets = [\"*\"]\nngram = 9\naction = \"flag\"\n",
        ],
    ),
    (
        "latex",
        &["\\documentclass{a}\\newcommand{\\a}[2][x]{\\b #1#2}\\def\\b#1{#1}\\begin{document}\
             \\section{A}\\a[y]{z} % c\n\\input{a}\\begin{comment}x\\end{comment}\\verb|%|\
             \\end{document}\0\\section{B}\\iffalse x \\fi \\\"o"],
    ),
    (
        "html_text",
        &[
            "<p>a &amp; b<br/><pre><code>x &lt; 1</code></pre><ul><li>c</ul><!-- d --><a href='e'>f",
            "<table><tr><td>a<td>b</table><script>x</script>&#x41;&nosuch;<![CDATA[x]]>",
        ],
    ),
    (
        "wikitext",
        &["'''a''' [[b|c]] {{d|e=f}} <ref name=\"g\">h</ref> [http://i j]\n== k ==\n* l\n\
             {| class=m\n| n || o\n|}\n<nowiki>[[p]]</nowiki> &nbsp; <!-- q --> [[File:r|thumb|s]]"],
    ),
    (
        "licence",
        &["Permission is hereby granted, free of charge, to any person obtaining a copy of this \
             software"],
    ),
    (
        "kenlm",
        &["\\data\\\nngram 1=5\nngram 2=2\n\n\\1-grams:\n-99\t<s>\t-0.5\n-0.9\t</s>\n-1.1\tthe\t\
             -0.25\n-1.2\ta\t-0.125\n-2.5\t<unk>\n\n\\2-grams:\n-0.3\t<s> the\n-0.4\tthe a\n\n\
             \\end\\\n"],
    ),
    (
        "tokenizer",
        &[
            "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\
             \"normalizer\":{\"type\":\"NFKC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\
             \"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},\
             \"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"BPE\",\"dropout\":null,\
             \"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\
             \"fuse_unk\":false,\"byte_fallback\":false,\"vocab\":{\"a\":0,\"t\":1,\"at\":2,\
             \"h\":3,\"e\":4},\"merges\":[[\"a\",\"t\"]]}}",
            "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":0,\
             \"content\":\"[UNK]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\
             \"normalized\":false,\"special\":true}],\"normalizer\":{\"type\":\"Lowercase\"},\
             \"pre_tokenizer\":{\"type\":\"Whitespace\"},\"post_processor\":null,\"decoder\":null,\
             \"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\
             \"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\
             \"vocab\":{\"[UNK]\":0,\"the\":1,\"cat\":2}}}",
            "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\
             \"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\
             \u{2581}\",\"prepend_scheme\":\"always\",\"split\":true},\"post_processor\":null,\
             \"decoder\":null,\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":false,\
             \"vocab\":[[\"<unk>\",0.0],[\"\u{2581}the\",-1.5],[\"a\",-2.0],[\"t\",-2.5]]}}",
        ],
    ),
];

/// A classifier of two labels with few features, so that its file is small.
fn classifier(quantization: Option<Quantization>) -> Result<Vec<u8>> {
    let options = Options {
        dimension: 4,
        buckets: 20,
        char_ngrams: (2, 3),
        held_out: 0.0,
        epochs: 1,
        quantization,
        ..Options::default()
    };
    let mut trainer = Trainer::new(options)?;
    for word in ["page", "word", "two", "some", "more"] {
        trainer.example("a", word)?;
        trainer.example("b", &format!("{word} {word}s"))?;
    }
    let file = tempfile::tempdir()?;
    let path = file.path().join("model");
    trainer.train(&path, &mut |_| {})?;
    Ok(fs::read(path)?)
}

/// A unigram model of SentencePiece (`sentencepiece_model.proto`): text, score and kind of each.
fn pieces() -> Vec<u8> {
    let pieces: [(&str, f32, u8); 7] = [
        ("<unk>", 0.0, 2),
        ("<s>", 0.0, 3),
        ("\u{2581}", -3.0, 1),
        ("\u{2581}the", -2.0, 1),
        ("c", -2.5, 1),
        ("at", -1.0, 1),
        ("never", -0.1, 5),
    ];
    let mut file = Vec::new();
    for (text, score, kind) in pieces {
        let mut piece = vec![0x0a, text.len() as u8];
        piece.extend(text.as_bytes());
        piece.push(0x15);
        piece.extend(score.to_le_bytes());
        piece.extend([0x18, kind]);
        file.extend([0x0a, piece.len() as u8]);
        file.extend(piece);
    }
    file
}

/// The header of a binary model of KenLM (`lm/binary_format.cc`) with three words and one 2-gram, and
/// tables of the size of the probing form.
fn language_model(kind: u32) -> Vec<u8> {
    let mut file = b"mmap lm http://kheafield.com/code format version 5\n".to_vec();
    file.resize(56, 0);
    file.extend([0.0f32, 1.0, -0.5].into_iter().flat_map(f32::to_le_bytes));
    file.extend([1, u32::MAX, 0].into_iter().flat_map(u32::to_le_bytes));
    file.extend(1u64.to_le_bytes());
    file.extend([2, 0, 0, 0]);
    file.extend(1.5f32.to_le_bytes());
    file.extend([kind, 1, u32::from(kind > 0)].into_iter().flat_map(u32::to_le_bytes));
    file.extend([3, 1].into_iter().flat_map(u64::to_le_bytes));
    file.resize(file.len().next_multiple_of(8), 0);
    file.extend([0, 3].into_iter().flat_map(u32::to_le_bytes));
    for word in [7u64, 8, 0, 9] {
        file.extend(word.to_le_bytes());
        file.extend((word as u32 % 3).to_le_bytes());
    }
    file.extend([-1.0f32, -0.5].repeat(4).into_iter().flat_map(f32::to_le_bytes));
    for key in [5u64, 0] {
        file.extend(key.to_le_bytes());
        file.extend((-0.3f32).to_le_bytes());
    }
    file.extend([0; 64]);
    file
}

/// The manifest, a segment and a ledger part of a corpus of two documents.
fn corpus_files() -> Result<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let root = tempfile::tempdir()?;
    let corpus = Corpus::create(root.path())?;
    let source = Source { name: "a".into(), path: "a".into(), bytes: 10, ..Source::default() };
    let label =
        Label { slice: "c4".into(), name: "en".into(), sources: vec![source], ..Label::default() };
    let mut writer = PartWriter::new(&corpus, Arc::new(label.clone()), 1, 0);
    for record in 0..3 {
        let text = format!("text {record}");
        let bytes_read = text.len() as u64;
        let mut document = Document { at: DocRef(record), text, bytes_read, ..Document::default() };
        if record == 1 {
            document.reject("too_short");
        }
        writer.push(&document, None)?;
    }
    let files = writer.finish()?;
    let (segment, ledger) = (files.segment.ok_or("a segment")?, files.ledger.ok_or("a ledger")?);
    let read = |file: &corpus::File| fs::read(root.path().join(&file.path));
    let bytes = (read(&segment)?, read(&ledger)?);
    let label =
        Label { counts: files.counts, segments: vec![segment], ledger: vec![ledger], ..label };
    let manifest =
        Manifest { labels: vec![label], commit: 1, ..Manifest::empty("recipe".to_owned()) };
    corpus.commit(&manifest)?;
    let manifest = newest(&root.path().join("commits"))?;
    Ok((manifest, bytes.0, bytes.1))
}

fn newest(folder: &Path) -> Result<Vec<u8>> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.sort();
    Ok(fs::read(names.last().ok_or("a commit")?)?)
}
