use crate::{TooComplex, plain_text};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::time::{Duration, Instant};

fn text(source: &str) -> String {
    plain_text(source, "en").unwrap()
}

/// Rows `[wikitext, text]`: our own markup with the results of Hugging Face's script on
/// mwparserfromhell 0.7.2, each construct complete, cut, and overlapping others.
#[test]
fn tricky_and_random_markup_is_cleaned_as_upstream() {
    let cases = include_str!("upstream.jsonl").lines();
    for case in cases {
        let [source, expected]: [String; 2] = serde_json::from_str(case).unwrap();
        assert_eq!(text(&source), expected, "{source:?}");
    }
}

#[test]
fn markup_is_removed_and_the_text_of_links_stays() {
    assert_eq!(
        text("[[cat|the '''cat''']], [[dog]] [http://a.example label] http://b.example."),
        "the cat, dog label http://b.example."
    );
    assert_eq!(text("a<ref name=x>[[b]]</ref>{{c|{{d}}|e=[[f]]}}{{{1|g}}}<!-- h -->i"), "agi");
    assert_eq!(text("a<br/>b<math>x</math><sub>2</sub><nowiki>[[c]]</nowiki>"), "ab2[[c]]");
    assert_eq!(text("[[File:a.jpg|thumb|[[b]] c]][[image:d.png]]e"), "e");
    assert_eq!(text("x\n{| class=a\n! b !! c\n|-\n| d || e\n|}\ny"), "x\n\ny");
}

#[test]
fn unclosed_markup_is_text() {
    for open in [
        "{{a|b",
        "[[a|b",
        "{| a\n| b",
        "<ref>a",
        "''a",
        "'''a",
        "<nowiki>a",
        "<!-- a",
        "[http://a b",
    ] {
        assert_eq!(text(open), open, "upstream takes it for text");
        assert_eq!(text(&format!("{open}\n\n[[x|y]]")), format!("{open}\n\ny"));
    }
}

#[test]
fn a_reference_after_one_that_was_removed_from_a_node_stays() {
    let two = "<ref>a</ref><ref>b</ref>";
    assert_eq!(text(&format!("x{two}y")), "xy");
    assert_eq!(text(&format!("<div>x{two}y</div>")), "xby", "Python's iteration skips it");
    assert_eq!(text("<div>x<ref>a</ref> <ref>b</ref>y</div>"), "x y");
}

#[test]
fn labels_of_categories_are_parsed_again() {
    assert_eq!(
        text("[[Category:Cats]] [[category:Dogs|*]] [[Category:Birds|Category:x]]"),
        "Cats  x"
    );
    assert_eq!(plain_text("[[Kategorie:Katze]]", "de").unwrap(), "Katze");
    assert_eq!(plain_text("[[Kategorie:Katze]]", "en").unwrap(), "Kategorie:Katze");
}

#[test]
fn headings_make_sections_and_their_close_sets_the_level() {
    assert_eq!(text("a\n== b ==\nc\n=== d == \ne"), "a\n\nb \nc\n\n= d  \ne");
    assert_eq!(text("== a == b ==\n"), "\n\na == b");
    assert_eq!(text("== a\n"), "== a");
}

#[test]
fn entities_are_html_4s() {
    assert_eq!(text("&eacute;&#233;&#xE9;&#0233;"), "éééé");
    assert_eq!(
        text("&apos;&foo;&#0;&#x110000;&;&#12345678901;"),
        "&apos;&foo;&#0;&#x110000;&;&#12345678901;"
    );
    assert_eq!(text("a&#xD800;b"), "a\u{fffd}b", "no text can hold a surrogate");
}

#[test]
fn nul_is_dropped() {
    assert_eq!(text("a\0b [[c\0]]"), "ab c");
}

/// Openings without ends, in a megabyte, followed by marks that may close some of them.
fn hostile() -> Vec<(String, String)> {
    const OPENINGS: &[&str] = &[
        "{{",
        "{{{",
        "{{a|",
        "{{a|b=",
        "[[",
        "[[a|",
        "[[File:a|",
        "[http://a ",
        "[[http://a ",
        "{|\n",
        "{|\n|-\n| ",
        "\n{|\n| a\n",
        "<ref>",
        "<div>",
        "<td>",
        "<li>",
        "<b><i>",
        "<a b=\"",
        "<a b='",
        "<nowiki>",
        "<",
        "</",
        "</a",
        "</br",
        "<!--",
        "''",
        "'''",
        "'''''",
        "''a'''b",
        "'''a''b ",
        "=",
        "= a ",
        "\n== a",
        "\n== a == b ",
        "&",
        "&#",
        "&amp",
        "*",
        "\n;a:",
        ":",
        "http://",
        "http://a ",
        "a:",
        "-",
        "\n----",
        "|",
        "!!",
        "{",
        "[",
        "}",
        "]",
        ">",
        "/",
        "__",
        "\n",
        "\n\n\n",
        "{{<!--",
        "[[{{",
        "{{[[a|''<ref>",
        "{{{{{1|",
        "{{a\n",
        "<ref name={{",
        "<td>[[a|{{b|''",
    ];
    const ENDS: &[&str] = &[
        "",
        "}}",
        "]]",
        "|}",
        "</ref>",
        "</table>",
        "''",
        "'''",
        "-->",
        "\"",
        ">",
        "\n",
        "}}]]''</ref>|}>",
        "</div></b></i></td>",
    ];
    let size = 1 << 20;
    let all = OPENINGS.iter().flat_map(|opening| ENDS.iter().map(move |end| (opening, end)));
    all.map(|(opening, end)| {
        let size = if end.is_empty() { size } else { size / 16 };
        (format!("{opening}...{end}"), opening.repeat(size / opening.len()) + end)
    })
    .collect()
}

#[test]
fn hostile_nesting_takes_linear_time_and_no_stack() {
    let mut slowest = (Duration::ZERO, String::new());
    for (name, source) in hostile() {
        let began = Instant::now();
        let text = plain_text(&source, "en");
        let took = began.elapsed() / (source.len() as u32 / (1 << 16)).max(1);
        assert!(matches!(text, Ok(_) | Err(TooComplex)));
        if took > slowest.0 {
            slowest = (took, name);
        }
    }
    // For 64 KiB. Quadratic time would be minutes.
    assert!(slowest.0 < Duration::from_secs(5), "{slowest:?}");
}

#[test]
fn plain_openings_are_not_too_complex() {
    for opening in ["{{", "[[", "[[a|", "{|\n", "<ref>", "'''", "''", "<!--", "[http://a "] {
        let source = opening.repeat(100_000);
        assert!(plain_text(&source, "en").is_ok(), "{opening}");
    }
}

/// Pieces of markup and text in any order.
fn markup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{",
        "}}",
        "{{{",
        "}}}",
        "[[",
        "]]",
        "[",
        "]",
        "{|",
        "|}",
        "|-",
        "|",
        "||",
        "!",
        "!!",
        "\n",
        "=",
        "==",
        "''",
        "'''",
        "'''''",
        "<ref>",
        "</ref>",
        "<ref name=\"a",
        "\"",
        "/>",
        "<table>",
        "</table>",
        "<br>",
        "</br>",
        "<li>",
        "<nowiki>",
        "</nowiki>",
        "<!--",
        "-->",
        "&amp;",
        "&#65;",
        "http://a.b",
        ":",
        ";",
        "*",
        "#",
        "----",
        "[[File:",
        "[[Category:",
        "a",
        "é",
        "日本",
        " ",
        "\u{a0}",
        "\\",
        "(",
        ")",
        ".",
        "__TOC__",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, rng_seed: RngSeed::Fixed(1), ..reference::property() })]

    #[test]
    fn the_text_of_any_markup_is_not_longer_than_it(source in markup()) {
        let text = plain_text(&source, "en").unwrap();
        // Sections are joined by two line ends.
        let headings = source.matches('=').count();
        prop_assert!(text.len() <= source.len() + 2 * headings, "{text:?}");
    }

    #[test]
    fn text_without_markup_is_only_stripped(source in "[a-z é.,\u{3000}]{0,40}") {
        prop_assert_eq!(plain_text(&source, "en").unwrap(), text::python::strip(&source));
    }
}
