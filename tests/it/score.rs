//! `sluice score`: documents of other pipelines get the same scores as in a corpus.

use crate::support::{Place, gzip, input, list, number, text};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use std::fs;
use std::io::Read;

const TEXTS: [&str; 5] = [
    "The ferry to the island leaves at nine, and it is often late in winter.",
    "Die Fähre zur Insel fährt um neun Uhr ab und kommt im Winter oft zu spät an.",
    "Le bac pour l'île part à neuf heures, et il est souvent en retard en hiver.",
    "",
    "a\nb\n\nThe harbour \"office\" was closed \u{1F6A2} again.",
];

/// Lines with fields of many forms around the text.
fn lines(count: usize) -> String {
    let line = |n: usize| {
        let text = json!(format!("{} {n}", TEXTS[n % TEXTS.len()]));
        format!("{{\"z\":{n}.50,\"text\":{text},\"a\":{{\"y\":[1e2,null],\"b\":\"\\u00e9\"}}}}\n")
    };
    (0..count).map(line).collect()
}

fn read(place: &Place, name: &str) -> String {
    let bytes = fs::read(place.path(name)).unwrap();
    let bytes = match name.rsplit('.').next() {
        Some("gz") => {
            let mut inflated = Vec::new();
            MultiGzDecoder::new(&bytes[..]).read_to_end(&mut inflated).unwrap();
            inflated
        }
        Some("zst") => zstd::decode_all(&bytes[..]).unwrap(),
        _ => bytes,
    };
    String::from_utf8(bytes).unwrap()
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const MODELS: &str = "lid = \"data/models/langid/lid.176.ftz\"\nlm = \"data/models/ccnet_like\"\n\
    classifier = \"data/models/quality/quality_wiki_vs_cc.ftz\"\nsignals = [\"all\"]\n\
    stop_words = \"data/models/wordlists/stopwords-iso.json\"\n\
    bad_words = \"data/models/wordlists/ldnoobw_en.txt\"\n";

const FLAGS: &str = "--lid data/models/langid/lid.176.ftz --lm data/models/ccnet_like \
    --classifier data/models/quality/quality_wiki_vs_cc.ftz --signals all \
    --tokenizer data/models/tokenizers/gpt_neox_20B_tokenizer.json \
    --stop-words data/models/wordlists/stopwords-iso.json \
    --bad-words data/models/wordlists/ldnoobw_en.txt";

#[test]
fn scores_are_appended_to_unchanged_lines_in_order() {
    let place = Place::new();
    let lines = lines(3_000);
    place.write("in.jsonl", &lines);
    for workers in [1, 3] {
        place
            .run(&format!("score in.jsonl --out out.jsonl --overwrite --quiet -w {workers}"))
            .exits(0);
        let scored = read(&place, "out.jsonl");
        assert_eq!(scored.lines().count(), 3_000);
        for (line, scored) in lines.lines().zip(scored.lines()) {
            let fields = line.strip_suffix('}').unwrap();
            let scores = scored.strip_prefix(fields).unwrap_or_else(|| panic!("{line} {scored}"));
            let scores = scores.strip_prefix(",\"scores\":{\"language\":").expect("at the end");
            // No other model is configured.
            assert!(scores.contains("language_score"), "{scores}");
            for absent in ["perplexity", "bucket", "wiki_prob", "tokens", "signals"] {
                assert!(!scores.contains(absent), "{scores}");
            }
        }
    }
    assert!(!place.path("out.jsonl.partial").exists());
}

#[test]
fn every_form_of_input_and_output_has_the_same_scores() {
    let place = Place::new();
    let lines = lines(700);
    place.write("in.jsonl", &lines);
    place.write("in.gz", gzip(lines.as_bytes()));
    place.write("in.zst", zstd::encode_all(lines.as_bytes(), 1).unwrap());
    let flags = "--signals rps_doc_word_count --quiet -w 2";
    place.run(&format!("score in.jsonl --out expected.jsonl {flags}")).exits(0);
    let expected = read(&place, "expected.jsonl");
    assert!(expected.contains("\"signals\":{\"rps_doc_word_count\":"));
    for (from, to) in [("in.gz", "a.jsonl"), ("in.zst", "b.jsonl.gz"), ("in.jsonl", "c.jsonl.zst")]
    {
        place.run(&format!("score {from} --out {to} {flags}")).exits(0);
        assert!(read(&place, to) == expected, "{from} {to}");
    }
    let outcome = place.run(&format!("score in.gz --out - {flags}")).exits(0);
    assert!(outcome.stdout == expected, "standard output");
    // Scoring again replaces the old scores.
    let again = format!("score expected.jsonl --out again.jsonl {flags} --json");
    let summary = place.run(&again).exits(0).json();
    assert_eq!(number(&summary["rescored"]), 700);
    assert!(read(&place, "again.jsonl") == expected, "scored twice");
    for name in ["a.jsonl.xz", "a.jsonl.BZ2", "a.csv"] {
        let outcome = place.run(&format!("score in.gz --out {name} {flags}"));
        outcome.exits(2).names(&[name, ".jsonl.zst or .parquet is expected"]);
        assert!(!place.path(name).exists());
    }
    // Several files, one after another.
    place.run(&format!("score in.gz in.zst --out two.jsonl {flags}")).exits(0);
    assert!(read(&place, "two.jsonl") == expected.repeat(2), "two files");
}

#[test]
fn standard_input_and_parquet_get_the_same_scores() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    place.run("export corpus --out lines --quiet").exits(0);
    place.run("export corpus --out rows --format parquet --quiet").exits(0);
    let flags = "--signals all --quiet -w 2";
    place.run(&format!("score lines/common_crawl/a.jsonl --out lines.jsonl {flags}")).exits(0);
    place.run(&format!("score rows/common_crawl/a.parquet --out rows.jsonl {flags}")).exits(0);
    let (lines, rows) = (read(&place, "lines.jsonl"), read(&place, "rows.jsonl"));
    assert!(lines.lines().count() > 100);
    assert_eq!(lines.lines().count(), rows.lines().count());
    for (line, row) in values(&lines).iter().zip(values(&rows)) {
        assert_eq!((&line["text"], &line["scores"]), (&row["text"], &row["scores"]));
        // The export's column `meta` is JSON as text.
        assert_eq!(line["meta"], serde_json::from_str::<Value>(text(&row["meta"])).unwrap());
    }
    let sluice = env!("CARGO_BIN_EXE_sluice");
    let file = fs::File::open(place.path("lines/common_crawl/a.jsonl")).unwrap();
    let mut command = std::process::Command::new(sluice);
    command.args("score - --out -".split(' ')).args(flags.split(' ')).stdin(file);
    assert!(command.output().unwrap().stdout == lines.into_bytes(), "standard input");
}

#[test]
fn scores_equal_those_in_an_export() {
    let Some(place) = Place::with_data() else { return };
    let tokenizer = "tokenizer = \"data/models/tokenizers/gpt_neox_20B_tokenizer.json\"\n";
    let all =
        "languages = []\nbuckets = [\"head\", \"middle\", \"tail\", \"all\"]\nmin_score = 0.0\n";
    let slice = format!("{tokenizer}[common_crawl]\n{all}{MODELS}");
    place.write("recipe.toml", slice + &input("a", "fixtures/2019-30"));
    place.run("build recipe.toml --corpus corpus").exits(0);
    place.run("export corpus --out out --quiet").exits(0);
    let documents = "out/common_crawl/a.jsonl";
    place
        .run(&format!("score {documents} --recipe recipe.toml --out by-recipe.jsonl -w 2"))
        .exits(0);
    place.run(&format!("score {documents} {FLAGS} --out by-flags.jsonl")).exits(0);
    let scored = read(&place, "by-recipe.jsonl");
    assert!(scored == read(&place, "by-flags.jsonl"), "flags and recipe differ");
    let scored = values(&scored);
    assert!(scored.len() > 100);
    let mut with_perplexity = 0;
    for document in &scored {
        let (meta, scores) = (&document["meta"], &document["scores"]);
        for name in ["language", "language_score", "perplexity", "bucket", "wiki_prob", "tokens"] {
            assert_eq!(scores[name], meta[name], "{name} of {document}");
        }
        with_perplexity += usize::from(scores["perplexity"].is_number());
        assert!(scores["tokens"].is_u64() && scores["wiki_prob"].is_f64(), "{scores}");
        let signals = &scores["signals"];
        assert_eq!(signals["ccnet_perplexity"], scores["perplexity"]);
        assert_eq!(signals["ccnet_length"].as_f64(), meta["length"].as_f64());
        assert_eq!(signals["ccnet_nlines"].as_f64(), meta["nlines"].as_f64());
    }
    assert!(with_perplexity > 50);
}

#[test]
fn scores_equal_those_of_the_reference_tools() {
    let Some(place) = Place::with_data() else { return };
    let references = "data/golden/reference_outputs_shared.jsonl.gz";
    let outcome = place.run(&format!("score {references} {FLAGS} --out out.jsonl.zst --json -w 2"));
    let summary = outcome.exits(0).json();
    let scored = values(&read(&place, "out.jsonl.zst"));
    assert_eq!(number(&summary["documents"]) as usize, scored.len());
    let mut tokens = 0;
    for reference in &scored {
        let scores = &reference["scores"];
        assert_eq!(scores["tokens"], reference["neox_n_tokens"], "{}", reference["id"]);
        tokens += number(&scores["tokens"]);
        // The reference replaced line ends by blanks, and nothing else; ours is RedPajama's rule.
        let read = text(&reference["text"]);
        if let Some(wiki) =
            reference["quality_ftz"]["wiki"].as_f64().filter(|_| read == read.trim())
        {
            let found = scores["wiki_prob"].as_f64().unwrap();
            assert!((found - wiki).abs() < 2e-3, "{found} {wiki} of {}", reference["id"]);
        }
        let top = &list(&reference["lid176_ftz_top3"])[0];
        if !read.contains('\n') {
            assert_eq!(scores["language"], top[0], "{}", reference["id"]);
            let score = scores["language_score"].as_f64().unwrap();
            assert!((score - top[1].as_f64().unwrap()).abs() < 0.006, "{}", reference["id"]);
        }
    }
    assert_eq!(number(&summary["tokens"]), tokens);
    let buckets = summary["buckets"].as_object().unwrap().values().map(number).sum::<u64>();
    assert_eq!(buckets as usize, scored.len());
}

#[test]
fn malformed_lines_are_named_and_skipped() {
    let place = Place::new();
    let long = format!("{{\"text\":\"{}\"}}", "a".repeat(257 << 20));
    let deep = format!("{{\"deep\":{}{},\"text\":\"fine\"}}", "[".repeat(500), "]".repeat(500));
    let bad: [&[u8]; 11] = [
        b"no JSON",
        b"[1, 2]",
        b"{\"text\":\"cut",
        b"{\"body\":\"x\"}",
        b"{\"text\":null}",
        b"{\"text\":[\"x\"]}",
        b"{\"text\":\"\\ud800\"}",
        b"{\"text\":\"\xff\"}",
        b"{\"text\":\"x\"} y",
        b"{\"text\":3}",
        long.as_bytes(),
    ];
    let good =
        ["{\"text\":\"fine\"}", "{\"text\":\"\"}\r", &deep, "", "{\"text\":3,\"text\":\"x\"}"];
    let mut bytes = bad.join(&b'\n');
    bytes.push(b'\n');
    bytes.extend_from_slice(good.join("\n").as_bytes());
    place.write("in.jsonl", &bytes);
    place.write("cut.jsonl.gz", &gzip(lines(9).as_bytes())[..100]);
    let outcome = place.run("score in.jsonl cut.jsonl.gz --out out.jsonl --json").exits(3);
    let outcome = outcome.names(&["in.jsonl: line 11: ", "longer than 256 MiB", "cut.jsonl.gz: "]);
    // Half a surrogate pair, in line 7, is read as U+FFFD.
    for line in (1..=bad.len()).filter(|line| *line != 7) {
        assert!(outcome.stderr.contains(&format!("in.jsonl: line {line}: ")), "{outcome}");
    }
    assert!(outcome.stderr.contains("--text-field"), "{outcome}");
    let summary = outcome.json();
    assert_eq!(number(&summary["malformed"]), 11);
    assert_eq!(list(&summary["listed"]).len(), 11);
    let scored = read(&place, "out.jsonl");
    assert!(scored.lines().count() >= 4);
    assert!(scored.contains("[[[["), "nested values are kept");
    // Another name of the text field.
    place.write("body.jsonl", "{\"body\":\"x\"}\n");
    place.run("score body.jsonl --text-field body --out body.out").exits(0);
    place.write("nested.jsonl", "{\"meta\":{\"body\":\"x\"}}\n");
    place.run("score nested.jsonl --text-field meta.body --out nested.out").exits(0);
    assert!(read(&place, "nested.out").starts_with("{\"meta\":{\"body\":\"x\"},\"scores\":"));
    let outcome = place.run("score in.jsonl --out strict.jsonl --strict").exits(1);
    outcome.names(&["in.jsonl: line 1: "]);
    assert!(!place.path("strict.jsonl").exists() && !place.path("strict.jsonl.partial").exists());
}

#[test]
fn damaged_parquet_is_named_and_does_not_stop_the_rest() {
    let place = Place::new();
    place.write("bad.parquet", b"PAR1 and no more of it PAR1");
    place.write("good.jsonl", lines(5));
    let outcome = place.run("score bad.parquet good.jsonl --out out.jsonl").exits(3);
    outcome.names(&["bad.parquet: "]);
    assert_eq!(read(&place, "out.jsonl").lines().count(), 5);
}

#[test]
fn wrong_flags_are_rejected_before_anything_is_written() {
    let place = Place::new();
    place.write("in.jsonl", lines(1));
    for (flags, words) in [
        ("--lid no.ftz", ["--lid", "no.ftz"]),
        ("--lm no", ["--lm", "no such folder"]),
        ("--signals rps_doc_word_cont", ["did you mean", "rps_doc_word_count"]),
        ("--slice comon_crawl", ["comon_crawl", "did you mean common_crawl?"]),
        ("--classifier in.jsonl", ["in.jsonl", ""]),
        ("-w 0", ["-w", "at least one worker"]),
        ("--signals ccnet_perplexity", ["--signals ccnet_perplexity", "--lm DIR"]),
        ("--signals rps_doc_ml_wikiref_score", ["needs a classifier", "--classifier FILE"]),
        ("--label a", ["--label", "in.jsonl is not a corpus"]),
    ] {
        place.run(&format!("score in.jsonl --out out.jsonl {flags}")).exits(2).names(&words);
    }
    place.run("score no.jsonl --out out.jsonl").exits(2).names(&["no.jsonl"]);
    assert!(!place.path("out.jsonl").exists() && !place.path("out.jsonl.partial").exists());
}

#[test]
fn a_closed_output_pipe_ends_it_silently() {
    let place = Place::new();
    // More than the capacity of a pipe.
    place.write("in.jsonl", lines(20_000));
    let line = format!("{} score in.jsonl --out - --quiet | head -1", env!("CARGO_BIN_EXE_sluice"));
    let mut shell = std::process::Command::new("sh");
    let ended = shell.args(["-c", &line]).current_dir(place.path(".")).output().unwrap();
    assert_eq!(ended.stdout.iter().filter(|b| **b == b'\n').count(), 1);
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn an_input_is_never_the_output() {
    let place = Place::new();
    place.write("in.jsonl", lines(3));
    place.run("score in.jsonl --out ./in.jsonl").exits(2).names(&["in.jsonl", "one of the inputs"]);
    assert_eq!(read(&place, "in.jsonl"), lines(3));
}

/// The system reports an error for the first byte of this file: there is no memory at address 0.
#[test]
fn a_failing_device_ends_the_run_and_nothing_is_written() {
    let place = Place::new();
    place.write("in.jsonl", "{\"text\":\"one\"}\n");
    let outcome = place.run("score in.jsonl /proc/self/mem --out out.jsonl").exits(1);
    outcome.names(&["/proc/self/mem: line 1"]);
    assert!(!place.path("out.jsonl").exists() && !place.path("out.jsonl.partial").exists());
}

#[test]
fn settings_can_come_from_any_slice() {
    let place = Place::new();
    place.write("in.jsonl", lines(3));
    for slice in ["books", "github", "c4"] {
        place.run(&format!("score in.jsonl --out out.jsonl --overwrite --slice {slice}")).exits(0);
        assert_eq!(read(&place, "out.jsonl").lines().count(), 3, "{slice}");
    }
}

#[test]
fn an_output_is_replaced_only_if_the_user_says_so() {
    let place = Place::new();
    place.write("in.jsonl", lines(3));
    place.write("out.jsonl", "mine\n");
    place.run("score in.jsonl --out out.jsonl").exits(2).names(&["out.jsonl", "--overwrite"]);
    assert_eq!(read(&place, "out.jsonl"), "mine\n");
    place.run("score in.jsonl --out out.jsonl --overwrite").exits(0);
    assert_eq!(read(&place, "out.jsonl").lines().count(), 3);
}

#[test]
fn a_corpus_and_an_export_are_scored() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    place.run("add corpus --slice common_crawl --label b fixtures/2020-05").exits(0);
    place.run("export corpus --out out --quiet").exits(0);
    let all =
        number(&place.label("corpus", "a")["kept"]) + number(&place.label("corpus", "b")["kept"]);
    let score = |line: &str| {
        number(&place.run(&format!("score {line} --json")).exits(0).json()["documents"])
    };
    assert_eq!(score("corpus --out corpus.jsonl"), all);
    // The dataset card and the list of files are no documents.
    assert_eq!(score("out --out export.jsonl"), all);
    assert_eq!(
        score("corpus --label b --out b.jsonl"),
        number(&place.label("corpus", "b")["kept"])
    );
    assert_eq!(score("corpus --slice common_crawl --out s.jsonl"), all);
    place.run("score corpus --slice c4 --out c.jsonl").exits(2).names(&["common_crawl/a"]);
    let texts = |name: &str| -> Vec<Value> {
        values(&read(&place, name)).iter().map(|line| line["text"].clone()).collect()
    };
    assert_eq!(texts("corpus.jsonl"), texts("export.jsonl"));
}

/// The value of a field of Parquet. Only the types that are expected are known.
fn json_of(field: &parquet::record::Field) -> Value {
    use parquet::record::Field::{Double, Group, Long, Null, Str};
    match field {
        Null => Value::Null,
        Str(text) => json!(text),
        Double(number) => json!(number),
        Long(number) => json!(number),
        Group(row) => {
            row.get_column_iter().map(|(name, field)| (name.clone(), json_of(field))).collect()
        }
        other => panic!("a field of another type: {other:?}"),
    }
}

#[test]
fn parquet_has_a_typed_column_for_each_score() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let place = Place::new();
    // More than a row group.
    place.write("in.jsonl", lines(10_003));
    let flags = "--signals rps_doc_word_count,rps_doc_mean_word_length -w 2 --quiet";
    place.run(&format!("score in.jsonl --out out.parquet {flags}")).exits(0);
    place.run(&format!("score in.jsonl --out out.jsonl {flags}")).exits(0);
    let reader = SerializedFileReader::new(fs::File::open(place.path("out.parquet")).unwrap());
    let reader = reader.unwrap();
    assert_eq!(reader.metadata().num_row_groups(), 2);
    let lines = values(&read(&place, "out.jsonl"));
    let mut count = 0;
    for (row, line) in reader.get_row_iter(None).unwrap().zip(&lines) {
        let row = json_of(&parquet::record::Field::Group(row.unwrap()));
        assert_eq!(row["text"], line["text"]);
        let fields: Value = serde_json::from_str(text(&row["fields"])).unwrap();
        assert_eq!((&fields["z"], &fields["a"]), (&line["z"], &line["a"]));
        assert_eq!(fields.as_object().unwrap().len(), 2);
        for name in ["language", "language_score", "perplexity", "tokens"] {
            assert_eq!(row["scores"][name], line["scores"][name], "{name}");
        }
        let (typed, named) = (&row["scores"]["signals"], &line["scores"]["signals"]);
        for name in ["rps_doc_word_count", "rps_doc_mean_word_length"] {
            assert_eq!(typed[name].as_f64(), named[name].as_f64(), "{name}");
        }
        count += 1;
    }
    assert_eq!(count, 10_003);
    assert!(!place.path("out.parquet.partial").exists());
    // It can be scored again, like any other file.
    place.run("score out.parquet --out again.jsonl").exits(0);
    assert_eq!(read(&place, "again.jsonl").lines().count(), 10_003);
}

#[test]
fn parquet_has_a_nested_text_once() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let place = Place::new();
    place.write("in.jsonl", "{\"meta\":{\"content\":\"the text\",\"n\":1}}\n");
    place.run("score in.jsonl --text-field meta.content --out out.parquet").exits(0);
    let file = fs::File::open(place.path("out.parquet")).unwrap();
    let row = SerializedFileReader::new(file).unwrap().get_row_iter(None).unwrap().next();
    let row = json_of(&parquet::record::Field::Group(row.unwrap().unwrap()));
    assert_eq!((text(&row["text"]), text(&row["fields"])), ("the text", "{\"meta\":{\"n\":1}}"));
}

#[test]
fn a_text_that_the_tokenizer_cannot_encode_is_a_malformed_line() {
    let place = Place::new();
    // Without a word for all others.
    let model = r#"{"type":"WordLevel","unk_token":"?","vocab":{"the":0,"lamp":1}}"#;
    let tokenizer =
        format!(r#"{{"version":"1.0","pre_tokenizer":{{"type":"Whitespace"}},"model":{model}}}"#);
    place.write("words.json", tokenizer);
    place.write("in.jsonl", "{\"text\":\"the lamp\"}\n{\"text\":\"a\"}\n{\"text\":\"lamp\"}\n");
    let outcome = place.run("score in.jsonl --tokenizer words.json --out out.jsonl").exits(3);
    outcome.names(&["in.jsonl: line 2: ", "words.json cannot encode a text"]);
    let scored = values(&read(&place, "out.jsonl"));
    let tokens: Vec<u64> = scored.iter().map(|line| number(&line["scores"]["tokens"])).collect();
    assert_eq!(tokens, [2, 1]);
    // In a corpus, the text is kept without them.
    let inputs = crate::support::input("2019-30", "fixtures/2019-30");
    place.write("recipe.toml", format!("corpus = \"c\"\ntokenizer = \"words.json\"\n{inputs}"));
    let outcome = place.run("build recipe.toml").exits(0);
    let outcome = outcome.names(&["document 0/", "cannot encode a text"]);
    assert!(outcome.stdout.contains("texts have no tokens"), "{}", outcome.stdout);
    let documents = place.documents("c");
    assert!(documents.len() > 20 && documents.iter().all(|d| d["meta"]["tokens"].is_null()));
}

#[test]
fn a_signal_is_computed_once_and_beside_all() {
    let place = Place::new();
    place.write("in.jsonl", lines(1));
    let names = |signals: &str| {
        place
            .run(&format!("score in.jsonl --out o.jsonl --overwrite --signals {signals}"))
            .exits(0);
        let line: String = read(&place, "o.jsonl");
        let of_all = line.matches("\"rps_doc_word_count\"").count();
        (of_all, line.matches("\"fineweb_quality\"").count())
    };
    assert_eq!(names("all,fineweb_quality,rps_doc_word_count"), (1, 1));
    assert_eq!(names("fineweb_quality,fineweb_quality"), (0, 1));
}

#[test]
fn a_tokenizer_that_only_the_stable_library_reads_is_used_and_named() {
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tokenizers");
    let base = fs::read_to_string(format!("{fixtures}/base.json")).unwrap();
    let expected = fs::read_to_string(format!("{fixtures}/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let bloom = list(&expected["forms"]).iter().find(|form| form["name"] == "bloom").unwrap();
    let mut tokenizer: Value = serde_json::from_str(&base).unwrap();
    tokenizer["pre_tokenizer"] = bloom["pre_tokenizer"].clone();
    place.write("bloom.json", tokenizer.to_string());
    let lines = list(&expected["texts"]).iter().map(|text| format!("{}\n", json!({"text": text})));
    place.write("in.jsonl", lines.collect::<String>());
    let outcome = place.run("score in.jsonl --tokenizer bloom.json --out out.jsonl").exits(0);
    outcome.names(&["stable release of tokenizers", "bloom.json"]);
    let found: Vec<Value> =
        values(&read(&place, "out.jsonl")).iter().map(|l| l["scores"]["tokens"].clone()).collect();
    assert_eq!(&found, list(&bloom["tokens"]));
}
