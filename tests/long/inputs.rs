//! Small inputs of every slice, in every form of file, so that changes reach the readers and not only
//! decompression.

use crate::packing::{Layer, Parts};

/// A file, or a part of one.
#[derive(Clone, Debug)]
pub enum Node {
    /// The bytes themselves.
    Bytes(Vec<u8>),
    /// Parts in a container.
    Packed(Layer, Vec<(String, Node)>),
}

/// An input of a slice.
pub struct Input {
    pub slice: &'static str,
    /// Name of the file, with `@` for a number: slices derive information from it.
    pub name: &'static str,
    pub file: Node,
}

impl Node {
    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Node::Bytes(bytes) => bytes.clone(),
            Node::Packed(layer, parts) => {
                let parts: Parts =
                    parts.iter().map(|(name, node)| (name.clone(), node.bytes())).collect();
                layer.pack(&parts)
            }
        }
    }
}

/// Inputs of all slices, at least one for each form of file.
pub fn all() -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut add = |slice, name, file| inputs.push(Input { slice, name, file });
    for (name, layer) in [
        ("a@.warc.wet.gz", Layer::GzipEach),
        ("a@.warc.wet", Layer::Joined),
        ("a@.warc.wet.zst", Layer::Zstd),
    ] {
        add("common_crawl", name, packed(layer, records()));
    }
    for (name, layer) in [
        ("c4-train.0000@-of-00001.json.gz", Layer::Gzip),
        ("c4-train.0000@-of-00001.json", Layer::Joined),
        ("c4-train@.parquet", Layer::Parquet),
    ] {
        add("c4", name, packed(layer, pages(layer)));
    }
    for (name, layer) in
        [("github_00000000000@.gz", Layer::Gzip), ("github@.parquet", Layer::Parquet)]
    {
        add("github", name, packed(layer, sources(layer)));
    }
    add("github", "tools-1.@.tar", packed(Layer::Tar, repository()));
    add("github", "tools-1.@.tar.gz", within(Layer::Gzip, packed(Layer::Tar, repository())));
    add("arxiv", "arXiv_src_2301_00@.tar", papers());
    add("arxiv", "2301.0000@.gz", packed(Layer::Gzip, parts(&[("", PAPER)])));
    add("books", "books@.jsonl.gz", packed(Layer::Gzip, books()));
    add("books", "gutenberg@.txt", Node::Bytes(GUTENBERG.into()));
    add("books", "book@.epub", packed(Layer::Zip, epub()));
    let texts = parts(&[("one.txt", GUTENBERG), ("two.txt", PAGE)]);
    add("books", "texts@.zip", packed(Layer::Zip, texts));
    for (name, layer) in [
        ("enwiki-20230320-pages-articles@.xml", Layer::Joined),
        ("enwiki-20230320-pages-articles@.xml.bz2", Layer::Bzip2),
    ] {
        add("wikipedia", name, packed(layer, articles()));
    }
    add("stack_exchange", "kettles@.example.Posts.xml", packed(Layer::Joined, posts()));
    let posts = vec![("Posts.xml".to_owned(), packed(Layer::Joined, posts()))];
    add("stack_exchange", "kettles@.example.7z", Node::Packed(Layer::SevenZip, posts));
    for (name, layer) in [("rows@.jsonl.gz", Layer::Gzip), ("rows@.jsonl", Layer::Joined)] {
        add("instruct", name, packed(layer, dialogues()));
    }
    inputs
}

fn packed(layer: Layer, parts: Parts) -> Node {
    let nodes = parts.into_iter().map(|(name, bytes)| (name, Node::Bytes(bytes)));
    Node::Packed(layer, nodes.collect())
}

fn within(layer: Layer, node: Node) -> Node {
    Node::Packed(layer, vec![(String::new(), node)])
}

fn parts(parts: &[(&str, &str)]) -> Parts {
    parts.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A page of more than the 300 characters that CCNet requires.
pub const PAGE: &str = "How to mend a kettle\nA kettle that drips wants a new washer, and a washer \
costs less than the water that is lost in a month. First let it cool, then take the lid off and \
look for the nut beneath the spout.\nTurn it to the left. Where it does not turn, a drop of oil and \
an hour of patience help more than force does.\nThe new washer should be as thick as the old one was \
when it was new. Put it in, turn the nut to the right, and fill the kettle to the mark.\n";

/// A record of a WET file.
pub fn record(url: &str, text: &str) -> Vec<u8> {
    format!(
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}\r\n\
         WARC-Date: 2019-07-15T17:52:05Z\r\n\
         WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000000>\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}\r\n\r\n",
        text.len()
    )
    .into_bytes()
}

fn records() -> Parts {
    let record = |n: usize| {
        let text = format!("{PAGE}This is number {n}.\n");
        (String::new(), record(&format!("http://kettles.example/{n}"), &text))
    };
    (0..4).map(record).collect()
}

/// Rows: as JSON lines, or unchanged if a table has columns for them.
fn rows(layer: Layer, row: impl Fn(usize) -> (String, String, serde_json::Value)) -> Parts {
    let part = |n| match (layer, row(n)) {
        (Layer::Parquet, (name, text, _)) => (name, text.into_bytes()),
        (_, (name, _, json)) => (name, format!("{json}\n").into_bytes()),
    };
    (0..5).map(part).collect()
}

fn pages(layer: Layer) -> Parts {
    rows(layer, |n| {
        let (url, text) = (format!("http://kettles.example/{n}"), format!("{PAGE}Number {n}."));
        let timestamp = "2019-04-25T12:57:54Z";
        let json = serde_json::json!({"url": url, "text": text, "timestamp": timestamp});
        (url, text, json)
    })
}

const PROGRAM: &str = "/* Copyright A Person */\n#include <stdio.h>\n\n/* Counts the kettles. */\n\
int main(void) {\n    int kettles = 0;\n    for (int shelf = 0; shelf < 10; shelf++)\n        \
kettles += shelf;\n    printf(\"%d\\n\", kettles);\n    return 0;\n}\n";

fn sources(layer: Layer) -> Parts {
    rows(layer, |n| {
        let (path, text) = (format!("src/count{n}.c"), format!("{PROGRAM}// number {n}\n"));
        let json = serde_json::json!({
            "content": text, "repo_name": "kettles/tools", "path": path, "license": "mit",
            "size": text.len(), "binary": false, "copies": n, "mode": 33188,
        });
        (path, text, json)
    })
}

fn repository() -> Parts {
    parts(&[
        ("tools-1.2/LICENSE", "Permission to use, copy, modify, and/or distribute this software"),
        ("tools-1.2/src/count.c", PROGRAM),
        ("tools-1.2/README.md", PAGE),
    ])
}

const PAPER: &str = "\\documentclass{article}\n\\newcommand{\\kettle}[1]{the kettle #1}\n\
\\def\\lid{the lid}\n\\begin{document}\n\\title{Kettles}\n\\section{Introduction}\nWe boil \
\\kettle{of \\lid} % and wait\nuntil $t = 100$.\n\\input{method}\n\\begin{thebibliography}{9}\n\
\\bibitem{a} A.\n\\end{thebibliography}\n\\end{document}\n";

fn papers() -> Node {
    let files = parts(&[("main.tex", PAPER), ("method.tex", "\\section{Method}\nWe wait.\n")]);
    let several = within(Layer::Gzip, packed(Layer::Tar, files));
    let single = packed(Layer::Gzip, parts(&[("", PAPER)]));
    let parts =
        vec![("2301/2301.00001.gz".to_owned(), several), ("2301/2301.00002.gz".to_owned(), single)];
    Node::Packed(Layer::Tar, parts)
}

const GUTENBERG: &str = "The Project Gutenberg EBook of Kettles, by A Person\n\nTitle: Kettles\n\n\
Author: A Person\n\nRelease Date: May 1, 2001 [EBook #11]\n\nLanguage: English\n\n\
*** START OF THIS PROJECT GUTENBERG EBOOK KETTLES ***\n\nProduced by A Person\n\nCHAPTER I\n\nIn the \
beginning the kettle was cold, and nobody minded.\n\nThen it was not.\n\n\
*** END OF THIS PROJECT GUTENBERG EBOOK KETTLES ***\n\nMore of it.\n";

fn books() -> Parts {
    let book = |n: usize| {
        let text = format!("{}The end of book {n}.\n", PAGE.repeat(n % 2 + 1));
        let json = serde_json::json!({"text": text, "id": n, "short_book_title": "Kettles"});
        (String::new(), format!("{json}\n").into_bytes())
    };
    (0..4).map(book).collect()
}

/// Rows of several data sets of instructions.
fn dialogues() -> Parts {
    use serde_json::json;
    let message = |id: u32, role: &str, replies: serde_json::Value| {
        json!({"message_id": id.to_string(), "role": role, "text": PAGE, "rank": 0,
               "replies": replies})
    };
    let answer = message(2, "assistant", json!([]));
    let prompt = message(1, "prompter", json!([answer]));
    let mut second = message(2, "assistant", json!(null));
    second["parent_id"] = "1".into();
    let rows = [
        json!({"text": format!("<human>: {PAGE}<bot>: A washer.\n"), "metadata": {"a": 1}}),
        json!({"definition": ["Answer."], "inputs": "Why?", "targets": ["So.", "Thus."]}),
        json!({"instruction": "Mend it.", "context": PAGE, "response": "Done."}),
        json!({"messages": [{"role": "user", "content": PAGE}, {"role": "assistant", "content": "Yes."}]}),
        json!({"message_tree_id": "1", "tree_state": "ready_for_export", "prompt": prompt}),
        message(1, "prompter", json!(null)),
        second,
    ];
    rows.iter().map(|row| (String::new(), format!("{row}\n").into_bytes())).collect()
}

fn epub() -> Parts {
    parts(&[
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            "<?xml version=\"1.0\"?><container><rootfiles><rootfile full-path=\"b/b.opf\"/>\
             </rootfiles></container>",
        ),
        (
            "b/b.opf",
            "<package><metadata><title>Kettles</title><creator>A</creator><language>en</language>\
             </metadata><manifest><item id=\"p\" href=\"p.xhtml\" \
             media-type=\"application/xhtml+xml\"/></manifest><spine><itemref idref=\"p\"/></spine>\
             </package>",
        ),
        ("b/p.xhtml", "<html><body><h1>One</h1><p>The kettle &amp; the lid.</p></body></html>"),
    ])
}

fn articles() -> Parts {
    let head = "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.10/\" version=\"0.10\" \
                xml:lang=\"en\">\n<siteinfo><dbname>enwiki</dbname>\
                <base>https://en.wikipedia.org/wiki/Main_Page</base></siteinfo>\n";
    let page = |n: usize| {
        format!(
            "<page><title>Kettle {n}</title><ns>0</ns><id>{n}</id><revision><id>1{n}</id>\
             <model>wikitext</model><format>text/x-wiki</format><text xml:space=\"preserve\">\
             '''Kettle''' {{{{box|a=1}}}} is a [[vessel|pot]].&lt;ref&gt;A&lt;/ref&gt;\n\n\
             == Uses ==\n* [[File:a.jpg|thumb|x]] tea\n{{|\n| a || b\n|}}\n[[Category:Pots]]\
             </text></revision></page>\n"
        )
    };
    let mut texts = vec![head.to_owned()];
    texts.extend((1..5).map(page));
    texts.push("</mediawiki>\n".to_owned());
    texts.into_iter().map(|text| (String::new(), text.into_bytes())).collect()
}

fn posts() -> Parts {
    let question = |id: usize| {
        format!(
            "<row Id=\"{id}\" PostTypeId=\"1\" CreationDate=\"2021-05-02T08:00:00.000\" Score=\"8\" \
             Body=\"&lt;p&gt;Why does it &lt;em&gt;drip&lt;/em&gt;?&lt;/p&gt;&#xA;\" \
             Title=\"Drips {id}\" Tags=\"&lt;tea&gt;\" />\n"
        )
    };
    let answer = |id: usize, parent: usize| {
        format!(
            "<row Id=\"{id}\" PostTypeId=\"2\" ParentId=\"{parent}\" Score=\"{id}\" \
             CreationDate=\"2021-06-03T08:00:00.000\" Body=\"&lt;pre&gt;The washer.&lt;/pre&gt;\" />\n"
        )
    };
    let texts = [
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<posts>\n".to_owned(),
        question(1),
        answer(2, 1),
        answer(3, 1),
        question(4),
        answer(5, 4),
        "</posts>\n".to_owned(),
    ];
    texts.into_iter().map(|text| (String::new(), text.into_bytes())).collect()
}
