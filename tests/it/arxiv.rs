//! Papers of arXiv are exported whole, in order, the same however they are read, and none is lost.

use crate::support::{Place, assert_same, gzip, list, number, text};
use serde_json::Value;
use std::os::unix::fs::symlink;

/// A place with the bundled months as `papers`, and recipes for both and for the first.
fn with_papers(settings: &str) -> Place {
    let place = Place::new();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/arxiv"), place.path("papers")).unwrap();
    place.write("both.toml", recipe(settings, &["2301", "2302"]));
    place.write("first.toml", recipe(settings, &["2301"]));
    place
}

fn recipe(settings: &str, labels: &[&str]) -> String {
    let input = |label: &&str| input(label, &format!("papers/{label}"));
    format!("[arxiv]\n{settings}\n{}", labels.iter().map(input).collect::<String>())
}

fn input(label: &str, path: &str) -> String {
    format!("[[input]]\nslice = \"arxiv\"\nlabel = \"{label}\"\npaths = [\"{path}\"]\n")
}

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["arxiv"]["labels"][label].clone()
}

/// Fails unless every record is kept or dropped for one reason, and all kept ones are exported.
fn adds_up(label: &Value, exported: usize) {
    let dropped: u64 = label["dropped"].as_object().unwrap().values().map(number).sum();
    assert_eq!(number(&label["read"]), number(&label["kept"]) + dropped, "{label}");
    assert_eq!(number(&label["kept"]), exported as u64, "{label}");
}

/// The document with this identifier.
fn paper<'a>(documents: &'a [Value], id: &str) -> &'a Value {
    let is_it = |document: &&Value| document["meta"]["arxiv_id"] == id;
    documents.iter().find(is_it).unwrap_or_else(|| panic!("paper {id} is missing: {documents:#?}"))
}

/// An archive of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_600_000_000);
        archive.append_data(&mut header, path, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn the_export_does_not_depend_on_how_it_is_built() {
    for settings in ["", "clean = \"redpajama\"", "dedup = \"exact\""] {
        let place = with_papers(settings);
        place.run("build both.toml --corpus plain").exits(0);
        let plain = place.export("plain");
        let ways = [
            "build -w 2",
            "build -w 4 --epoch-bytes 4K",
            "build --epoch-bytes 1 --commit-every 1K",
            "launch -n 2 -- build -w 1 --epoch-bytes 8K",
        ];
        for (number, way) in ways.iter().enumerate() {
            let corpus = format!("corpus-{number}");
            place.run(&format!("{way} both.toml --corpus {corpus}")).exits(0);
            assert_same(&place.export(&corpus), &plain, way);
        }
    }
}

#[test]
fn adding_a_month_equals_building_both() {
    for settings in ["", "dedup = \"exact\""] {
        let place = with_papers(settings);
        place.run("build both.toml --corpus at-once").exits(0);
        place.run("build first.toml --corpus corpus").exits(0);
        place.run("add corpus --slice arxiv --label 2302 papers/2302 -w 2").exits(0);
        assert_same(&place.export("corpus"), &place.export("at-once"), "an added month");
        place.assert_sound("corpus");
    }
}

#[test]
fn a_killed_run_resumes_at_its_record() {
    let place = with_papers("");
    place.run("build both.toml --corpus plain").exits(0);
    let build = "build both.toml --corpus corpus --epoch-bytes 1 --commit-every 1";
    place.run_crashing_at("manifest-renamed:3", build).was_killed();
    place.run(build).exits(0);
    assert_same(&place.export("corpus"), &place.export("plain"), "after a crash");
}

#[test]
fn every_paper_is_counted_once() {
    let place = with_papers("dedup = \"exact\"");
    place.run("build both.toml --corpus corpus -w 2 --epoch-bytes 4K").exits(0);
    let documents = place.documents("corpus");
    let of = |month: &str| documents.iter().filter(|d| d["meta"]["yymm"] == *month).count();
    let (first, second) = (label(&place, "corpus", "2301"), label(&place, "corpus", "2302"));
    adds_up(&first, of("2301"));
    adds_up(&second, of("2302"));
    assert_eq!(first["dropped"].to_string(), r#"{"no_tex":1,"pdf_only":1,"withdrawn":1}"#);
    assert_eq!(second["dropped"].to_string(), r#"{"duplicate":1}"#);
    place.assert_sound("corpus");

    let place = with_papers("clean = \"redpajama\"");
    place.run("build both.toml --corpus corpus").exits(0);
    let first = label(&place, "corpus", "2301");
    let dropped = r#"{"no_section":2,"no_tex":1,"not_utf8":1,"pdf_only":1}"#;
    assert_eq!(first["dropped"].to_string(), dropped);
}

#[test]
fn a_paper_has_its_text_and_the_fields_of_redpajama() {
    let place = with_papers("");
    place.run("build both.toml --corpus corpus").exits(0);
    let documents = place.documents("corpus");
    let first = paper(&documents, "2301.00001");
    let export = place.export("corpus");
    let line = String::from_utf8_lossy(&export["arxiv/2301.jsonl"]).into_owned();
    let meta =
        r#""meta":{"timestamp":"2023-01-01T00:00:00","yymm":"2301","arxiv_id":"2301.00001","#;
    let rest = r#""language":"en","url":"https://arxiv.org/abs/2301.00001","source":"arxiv","id":"#;
    assert!(line.contains(&format!("{meta}{rest}")), "{line}");
    let body = text(&first["text"]);
    let places =
        ["\\section{Introduction}", "\\mathbb{T}^{2}", "\\section{Basins}", "\\psi_{2T}", "9\\%"]
            .map(|part| body.find(part).unwrap_or_else(|| panic!("{part}: {body}")));
    assert!(places.is_sorted(), "{body}");
    for removed in
        ["keep it short", "almanac", "older introduction", "Tables", "missing", "newcommand"]
    {
        assert!(!body.contains(removed), "{removed}: {body}");
    }
    let third = text(&paper(&documents, "2301.00003")["text"]);
    assert!(third.contains("Mélin lost") && third.contains("2 °C") && third.contains("ladders"));
    assert!(!third.contains("letters"), "the bibliography: {third}");
    assert!(text(&paper(&documents, "2301.00004")["text"]).starts_with("The question was"));
    let loops = text(&paper(&documents, "2301.00007")["text"]);
    assert!(loops.contains("\\again and \\twice stay") && loops.contains("a macro that is fine"));
    assert_eq!(paper(&documents, "2302.00003")["meta"]["language"], "de");
}

#[test]
fn single_eprints_and_folders_are_papers() {
    let place = Place::new();
    let tex = |name: &str| format!("\\section{{{name}}}\nText of the paper {name}.\n");
    place.write("in/1707.08043/main.tex", "\\begin{document}\\input{part}\\end{document}");
    place.write("in/1707.08043/part.tex", tex("folder"));
    place.write("in/1707.08043/deep/unused.tex", tex("unused"));
    place.write("in/2001.00001.tar.gz", gzip(&archive(&[("a.tex", tex("tar").as_bytes())])));
    place.write("in/9901/hep-th9901001.gz", gzip(tex("gz").as_bytes()));
    place.write("in/note.tex", tex("tex"));
    place.write("in/scan.pdf", "%PDF-1.4");
    place.write("recipe.toml", "[arxiv]");
    place.run("build recipe.toml --corpus corpus").exits(0);
    place.run("add corpus --slice arxiv --label mixed in").exits(0);
    let mixed = label(&place, "corpus", "mixed");
    adds_up(&mixed, 4);
    assert_eq!((number(&mixed["read"]), &mixed["dropped"]["pdf_only"]), (5, &1.into()));
    let documents = place.documents("corpus");
    for (id, name, yymm, timestamp) in [
        ("1707.08043", "folder", "1707", Value::Null),
        ("2001.00001", "tar", "2001", "2020-09-13T12:26:40".into()),
        ("hep-th/9901001", "gz", "9901", Value::Null),
        ("note", "tex", "", Value::Null),
    ] {
        let found = paper(&documents, id);
        assert_eq!(text(&found["text"]), tex(name).trim_end());
        assert_eq!(
            (&found["meta"]["yymm"], &found["meta"]["timestamp"]),
            (&yymm.into(), &timestamp)
        );
    }
}

#[test]
fn a_missing_input_of_a_paper_is_named_and_nothing_else_is_lost() {
    let place = Place::new();
    let main = "\\documentclass{a}\\newcommand{\\dir}{parts}\\begin{document}\\section{One}\nText of \
                one.\n\\input{\\dir/two}\n\\input{gone}\n\\input epsf\n\\end{document}";
    let files: [(&str, &[u8]); 5] = [
        ("paper/main.tex", main.as_bytes()),
        ("paper/parts/two.tex", b"\\section{Two} \\input{parts/three} \\input{own}"),
        ("paper/parts/three.tikz", b"never"),
        ("paper/parts/three.tex", b"Text of three, at 5\\% % gone\n"),
        ("paper/parts/own.tex", b"Text of its own."),
    ];
    place.write("in/2301.00001.tar.gz", gzip(&archive(&files)));
    place.write("in/2301.00002.gz", gzip(b"\\section{A}\nText of another."));
    place.write("recipe.toml", "[arxiv]");
    let mut summaries = Vec::new();
    for (number, way) in ["", "-w 2 --epoch-bytes 1"].iter().enumerate() {
        let corpus = format!("corpus-{number}");
        place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
        let add = format!("add {corpus} --slice arxiv --label a in --json {way}");
        let summary = place.run(&add).exits(3).json();
        place.assert_sound(&corpus);
        let malformed = list(&summary["labels"]["arxiv/a"]["malformed"]).clone();
        assert_eq!(malformed.len(), 1, "{malformed:#?}");
        let what = text(&malformed[0]["what"]);
        assert!(what.contains("2301.00001: paper/main.tex: \\input{gone}: no such file"), "{what}");
        summaries.push(malformed);
        let documents = place.documents(&corpus);
        assert_eq!(documents.len(), 2);
        let body = text(&paper(&documents, "2301.00001")["text"]);
        for words in ["Text of one.", "Text of three, at 5\\%", "Text of its own."] {
            assert!(body.contains(words), "{words}: {body}");
        }
        assert!(!body.contains("\\input") && !body.contains("gone"), "{body}");
    }
    assert_eq!(summaries[0], summaries[1]);
}

#[test]
fn damaged_and_hostile_archives_lose_only_what_is_damaged() {
    let place = Place::new();
    let tex = |name: &str| gzip(format!("\\section{{{name}}}\nText of {name}.").as_bytes());
    let mut broken = tex("broken");
    broken[12] ^= 0xff;
    let deep = gzip(format!("\\section{{deep}}{}", "{".repeat(1_000_000)).as_bytes());
    let bomb = gzip(b"\\section{bomb}\\def\\x#1{\\x{#1#1}}\\x{aaaa}");
    let cut = &tex("cut")[..30];
    let bulk = archive(&[
        ("0704/0704.0001.gz", &tex("one")),
        ("0704/0704.0002.gz", &broken),
        ("0704/0704.0003.gz", cut),
        ("0704/0704.0004.gz", &deep),
        ("0704/0704.0005.gz", &bomb),
        ("0704/0704.0006.gz", &gzip(&vec![b'a'; 40 << 20])),
        ("0704/0704.0007.gz", b"not gzip"),
        ("0704/0704.0008.gz", &tex("eight")),
    ]);
    place.write("in/arXiv_src_0704_001.tar", &bulk);
    place.write("in/cut.tar", &bulk[..700]);
    place.write("in/empty.tar", "");
    place.write("in/noise.tar", vec![0xfe; 5000]);
    place.write("recipe.toml", "[arxiv]");
    place.run("build recipe.toml --corpus corpus").exits(0);
    let mut counts = Vec::new();
    for (number, way) in ["", "-w 2 --epoch-bytes 1"].iter().enumerate() {
        let corpus = format!("corpus-{number}");
        place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
        let add = format!("add {corpus} --slice arxiv --label hostile in {way}");
        place.run(&add).exits(3);
        place.assert_sound(&corpus);
        let documents = place.documents(&corpus);
        let hostile = label(&place, &corpus, "hostile");
        adds_up(&hostile, documents.len());
        for id in ["0704.0001", "0704.0004", "0704.0005", "0704.0008"] {
            paper(&documents, id);
        }
        assert!(text(&paper(&documents, "0704.0005")["text"]).contains("\\x{aaaa}"));
        for reason in ["corrupt", "truncated", "too_large"] {
            assert!(hostile["dropped"][reason].is_u64(), "{reason}: {hostile}");
        }
        counts.push(hostile);
    }
    assert_eq!(counts[0], counts[1]);
    let summary = place.run("add corpus --slice arxiv --label hostile in --json").exits(3).json();
    let malformed = list(&summary["labels"]["arxiv/hostile"]["malformed"]);
    assert!(malformed.iter().any(|d| text(&d["what"]).contains("0704.0006.gz")), "{malformed:#?}");
    assert!(place.path("0704").metadata().is_err(), "nothing is unpacked");
}

#[test]
fn real_papers_are_read_however_they_are_packed() {
    let Some(data) = reference::folder() else { return };
    let place = Place::new();
    symlink(data.join("arxiv"), place.path("data")).unwrap();
    let inputs = input("src", "data/src") + &input("eprints", "data/eprints");
    for clean in ["better", "redpajama"] {
        let recipe = format!("[arxiv]\nclean = \"{clean}\"\n{inputs}");
        place.write("recipe.toml", recipe);
        let corpus = format!("corpus-{clean}");
        // Three of them input a file that their authors did not submit.
        let code = if clean == "better" { 3 } else { 0 };
        place.run(&format!("build recipe.toml --corpus {corpus} -w 2")).exits(code);
        assert_eq!(number(&label(&place, &corpus, "src")["dropped"]["pdf_only"]), 1);
        let documents = place.documents(&corpus);
        assert!(documents.len() >= 9, "{}", documents.len());
        // The same paper, in a bulk archive and as a single file.
        let texts: Vec<&Value> = documents
            .iter()
            .filter(|document| document["meta"]["arxiv_id"] == "1911.02782")
            .map(|document| &document["text"])
            .collect();
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[0], texts[1]);
    }
}
