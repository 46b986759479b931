use super::{PAGE_BYTES_MAX, Page, Pages};
use crate::compressed::Piece;
use crate::defect::Defect;
use proptest::prelude::*;
use std::io::Write;

const HEAD: &str = "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\">\n  <siteinfo>\n    \
    <sitename>Wikipedia</sitename>\n    <dbname>slwiki</dbname>\n    \
    <base>https://sl.wikipedia.org/wiki/Glavna_stran</base>\n  </siteinfo>\n";

fn page(title: &str, text: &str) -> String {
    format!(
        "  <page>\n    <title>{title}</title>\n    <ns>0</ns>\n    <id>1</id>\n    <revision>\n      \
         <id>7</id>\n      <contributor><username>A</username><id>3</id></contributor>\n      \
         <model>wikitext</model>\n      <text xml:space=\"preserve\">{text}</text>\n    \
         </revision>\n  </page>\n"
    )
}

/// Reads a plain file in pieces of this many bytes.
fn read_by(file: &[u8], bytes: usize) -> Vec<Result<Page, Defect>> {
    let pieces: Vec<_> = file
        .chunks(bytes)
        .enumerate()
        .map(|(n, piece)| {
            Ok(Piece { offset: (n * bytes) as u64, plain: true, bytes: piece.to_vec() })
        })
        .collect();
    Pages::new(Box::new(pieces.into_iter())).map(|page| page).collect()
}

fn read(file: &str) -> Vec<Result<Page, Defect>> {
    read_by(file.as_bytes(), 4096)
}

/// Titles and defects.
fn summary(pages: &[Result<Page, Defect>]) -> Vec<String> {
    let summary_of = |page: &Result<Page, Defect>| match page {
        Ok(page) => page.title.clone(),
        Err(defect) => defect.to_string(),
    };
    pages.iter().map(summary_of).collect()
}

#[test]
fn lists_that_come_with_a_dump_are_not_defects() {
    for list in [
        "616:10:AccessibleComputing\n616:12:Anarchism\n",
        "d41d8cd98f00b204e9800998ecf8427e  slwiki-20230320-pages-articles.xml.bz2\n",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709  slwiki-20230320-pages-articles.xml.bz2\n",
        "-- MySQL dump 10.19  Distrib 10.3.38-MariaDB\n--\n",
        "<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel/></rss>\n",
    ] {
        assert_eq!(read(list), [], "{list}");
    }
    for other in
        ["", "<html><body>404</body></html>", "a:b:c\n", "d41d8cd98f00b204e9800998ecf8427e"]
    {
        let found = read(other);
        assert!(summary(&found)[0].contains("not a MediaWiki export"), "{other}: {found:?}");
    }
}

#[test]
fn a_file_that_ends_between_pages_is_reported() {
    let file = format!("{HEAD}{}{}", page("A", "x"), page("B", "y"));
    for bytes in [7, 4096] {
        let found = summary(&read_by(file.as_bytes(), bytes));
        assert_eq!(found[..2], ["A", "B"]);
        assert!(found.len() == 3 && found[2].contains("ends without </mediawiki>"), "{found:?}");
        let whole = format!("{file}</mediawiki>\n");
        assert_eq!(summary(&read_by(whole.as_bytes(), bytes)), ["A", "B"]);
    }
    let cut = format!("{HEAD}{}<page>\n <title>Left out</title><revi", page("A", "x"));
    let found = summary(&read(&cut));
    assert!(found.len() == 2 && found[1].contains("\"Left out\""), "{found:?}");
}

#[test]
fn pages_have_their_metadata() {
    let talk = "<page><title>Talk:B</title><ns>1</ns><redirect title=\"x\" /><revision>\
                <model>javascript</model><text bytes=\"0\" /></revision></page>";
    let file =
        format!("{HEAD}{}{talk}</mediawiki>\n", page("A &amp; B", "x &lt;ref&gt;&#8364;&quot;"));
    let pages: Vec<Page> = read(&file).into_iter().map(Result::unwrap).collect();
    assert_eq!(pages.len(), 2);
    let first = &pages[0];
    assert_eq!((first.title.as_str(), first.namespace, first.redirect), ("A & B", Some(0), false));
    assert_eq!(first.text.as_deref(), Some("x <ref>€\""));
    assert_eq!(first.model.as_deref(), Some("wikitext"));
    assert_eq!(first.site.dbname.as_deref(), Some("slwiki"));
    assert_eq!(first.offset, file.find("<page>").unwrap() as u64);
    let second = &pages[1];
    assert_eq!((second.namespace, second.redirect, &second.text), (Some(1), true, &None));
    assert_eq!(second.model.as_deref(), Some("javascript"));
}

#[test]
fn the_last_revision_counts() {
    let file = "<page><title>A</title><revision><text>old</text></revision>\
                <revision><text>new</text></revision></page>";
    assert_eq!(read(file)[0].as_ref().unwrap().text.as_deref(), Some("new"));
}

#[test]
fn any_cut_into_pieces_has_the_same_pages() {
    let pages = [page("A", "one"), page("B", "two"), page("C", "three")].concat();
    let file = format!("{HEAD}{pages}</mediawiki>\n");
    let whole = read(&file);
    assert_eq!(summary(&whole), ["A", "B", "C"]);
    for bytes in 1..60 {
        assert_eq!(read_by(file.as_bytes(), bytes), whole, "pieces of {bytes}");
    }
}

#[test]
fn damage_costs_its_page_and_is_reported() {
    let cut = page("B", "cut off").replace("</page>", "");
    let bad = page("C", "&bomb; & more");
    let tags = page("D", "</revision>");
    let file = format!("{HEAD}{}{cut}{bad}{tags}{}", page("A", "x"), page("E", "y"));
    let file = format!("{file}{}", &page("F", "the end")[..90]);
    let summary = summary(&read(&file));
    assert_eq!(summary.len(), 6, "{summary:?}");
    assert_eq!((summary[0].as_str(), summary[4].as_str()), ("A", "E"));
    assert!(summary[1].contains("begins within"), "{summary:?}");
    assert!(summary[2].contains("&bomb;"), "{summary:?}");
    assert!(summary[3].contains("broken XML"), "{summary:?}");
    assert!(summary[5].contains("the text ends within this page"), "{summary:?}");
}

#[test]
fn declared_entities_are_never_expanded() {
    let bomb = "<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let file = format!("{bomb}{HEAD}{}{}", page("A", "&b;&b;&b;"), page("B", "x"));
    let summary = summary(&read(&file));
    assert!(summary[0].contains("unknown entity &b;"), "{summary:?}");
    assert_eq!(summary[1], "B");
}

#[test]
fn text_that_is_no_utf8_costs_its_page() {
    let mut file = format!("{HEAD}{}{}", page("A", "caf?"), page("B", "x")).into_bytes();
    let at = memchr::memchr(b'?', &file).unwrap();
    file[at] = 0xe9;
    let summary = summary(&read_by(&file, 4096));
    assert!(summary[0].contains("not UTF-8"), "{summary:?}");
    assert_eq!(summary[1], "B");
}

#[test]
fn a_page_without_end_takes_bounded_memory() {
    let part = "x".repeat(1 << 20);
    let count = PAGE_BYTES_MAX / part.len() + 4;
    let begin = Ok(Piece { offset: 0, plain: true, bytes: page("A", "").into_bytes() });
    let open = Ok(Piece { offset: 9, plain: true, bytes: b"<page><title>B</title>".to_vec() });
    let parts = (0..count)
        .map(move |_| Ok(Piece { offset: 9, plain: false, bytes: part.clone().into_bytes() }));
    let end = Ok(Piece { offset: 99, plain: true, bytes: page("C", "").into_bytes() });
    let pieces = [begin, open].into_iter().chain(parts).chain([end]);
    let summary = summary(&Pages::new(Box::new(pieces)).map(|page| page).collect::<Vec<_>>());
    assert_eq!(summary.len(), 3, "{summary:?}");
    assert!(summary[1].starts_with("byte 9: a page of more than"), "{summary:?}");
    assert_eq!(summary[2], "C");
}

#[test]
fn a_file_of_another_form_is_reported() {
    for file in ["", "hello", "<html><body>no</body></html>", "<pages></pages>"] {
        let summary = summary(&read(file));
        assert_eq!(summary.len(), 1, "{file}");
        assert!(summary[0].contains("not a MediaWiki export"), "{summary:?}");
    }
}

#[test]
fn compressed_exports_are_read_past_damage() {
    let pages: String =
        (0..4000).map(|n| page(&format!("P{n}"), &format!("text {}", n * 7919))).collect();
    let file = format!("{HEAD}{pages}</mediawiki>");
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(file.as_bytes()).unwrap();
    let stored = encoder.finish().unwrap();
    let open = |bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        super::open(file.path()).unwrap().map(|page| page).collect::<Vec<_>>()
    };
    let whole = open(&stored);
    assert_eq!(whole.iter().flatten().count(), 4000);
    let offsets: Vec<u64> = whole.iter().flatten().map(|page| page.offset).collect();
    assert!(offsets.is_sorted() && offsets[0] < offsets[3999]);
    let mut damaged = stored.clone();
    damaged[stored.len() / 2] ^= 1;
    let read = open(&damaged);
    let kept = read.iter().flatten().count();
    assert!((1000..4000).contains(&kept), "{kept} pages");
    assert!(read.iter().any(|page| page.as_ref().is_err_and(|d| d.what.contains("corrupt"))));
    assert_eq!(read.last().unwrap().as_ref().unwrap().title, "P3999");
    let cut = open(&stored[..stored.len() / 2]);
    assert!(cut.last().unwrap().as_ref().is_err_and(|d| d.what.contains("cut short")));
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_bytes_end_in_pages_and_defects(file in "(<page>|</page>|<title>|</title>|<text>|</text>|&amp;|&x;|a|<|>|<!\\[CDATA\\[|\\]\\]>|<!--|\"|=| ){0,40}", by in 1usize..50) {
        let pages = read_by(file.as_bytes(), by);
        prop_assert!(!pages.is_empty());
        prop_assert!(pages.len() <= 2 + file.matches("<page").count() * 2);
    }
}
