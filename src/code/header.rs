//! Cuts the copyright notice at the head of a file (`github_clean_dedup_local.py`:
//! `clean_copyright_comments`, a rule that many code corpora share).

use memchr::memmem;

/// Cuts a file as upstream does.
///
/// 1. If the file has a block comment anywhere, only the first one counts, `/*` to the next `*/`.
///    It is cut if it contains "copyright", in any case; the line feed after it stays.
/// 2. Otherwise all leading lines are cut that begin with `//`, `#` or `--`, or are empty. This
///    also cuts `#include` lines, shebangs and Markdown headings; [`cut_notice`] is the intended
///    rule.
///
/// ```
/// let mut file = "# A tool\n\nprint(1)\n".to_owned();
/// code::header::cut(&mut file);
/// assert_eq!(file, "print(1)\n");
/// ```
pub fn cut(text: &mut String) {
    if let Some((from, to)) = block_comment(text) {
        if says_copyright(&text[from..to]) {
            text.drain(from..to);
        }
        return;
    }
    let end = leading_lines(text).last().map_or(0, |line| line.1);
    text.drain(..end);
}

/// Applies the rule that [`cut`] is meant to be: cuts the block comment only if it is the first
/// thing in the file after blanks, and only those paragraphs of the leading lines that contain
/// "copyright". This rule is our own.
pub fn cut_notice(text: &mut String) {
    if let Some((from, to)) = block_comment(text)
        && text[..from].trim().is_empty()
    {
        if says_copyright(&text[from..to]) {
            text.drain(from..to);
        }
        return;
    }
    let mut paragraphs: Vec<(usize, usize)> = Vec::new();
    let mut after_blank = true;
    for (from, to) in leading_lines(text) {
        let line = &text[from..to];
        // Directives for the system and the compiler, not comments.
        if line.starts_with("#!") || line.starts_with("#include") {
            after_blank = true;
            continue;
        }
        match paragraphs.last_mut() {
            Some(last) if !after_blank => last.1 = to,
            _ => paragraphs.push((from, to)),
        }
        after_blank = line.trim().is_empty();
    }
    paragraphs.retain(|(from, to)| says_copyright(&text[*from..*to]));
    let mut rest = String::with_capacity(text.len());
    let mut done = 0;
    for (from, to) in paragraphs {
        rest.push_str(&text[done..from]);
        done = to;
    }
    rest.push_str(&text[done..]);
    *text = rest;
}

/// Returns the first C-style block comment, or `None` if it is not closed.
fn block_comment(text: &str) -> Option<(usize, usize)> {
    let from = memmem::find(text.as_bytes(), b"/*")?;
    let body = from + 2;
    let end = memmem::find(&text.as_bytes()[body..], b"*/")?;
    Some((from, body + end + 2))
}

/// Whether Python's `re.search("copyright", comment, re.IGNORECASE)` matches. It takes the Turkish
/// letters `İ` and `ı` for an `i`; the word's other letters have no such variants.
fn says_copyright(comment: &str) -> bool {
    let bytes = comment.as_bytes();
    memchr::memchr2_iter(b'c', b'C', bytes).any(|at| begins_with_copyright(&bytes[at..]))
}

fn begins_with_copyright(bytes: &[u8]) -> bool {
    let eat = |bytes: &mut &[u8], word: &[u8]| {
        let found = bytes.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
        *bytes = if found { &bytes[word.len()..] } else { bytes };
        found
    };
    let mut rest = bytes;
    let i = ["i", "\u{130}", "\u{131}"];
    eat(&mut rest, b"copyr")
        && i.iter().any(|letter| eat(&mut rest, letter.as_bytes()))
        && eat(&mut rest, b"ght")
}

/// Returns the leading lines that begin like line comments or are empty, each with its line feed.
fn leading_lines(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    text.split_inclusive('\n').map_while(move |line| {
        let is_comment = ["//", "#", "--"].iter().any(|mark| line.starts_with(mark));
        let from = at;
        at += line.len();
        (is_comment || line == "\n").then_some((from, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn without_notice(text: &str) -> String {
        let mut text = text.to_owned();
        cut_notice(&mut text);
        text
    }

    #[test]
    fn the_intended_rule_leaves_other_comments() {
        for kept in [
            "#include <stdio.h>\n\nint main(){}\n",
            "# Title\n\nSome text\n",
            "#!/bin/sh\n# What this does.\necho\n",
            "int a; /* the copyright symbol is \u{a9} */\n",
            "// docs\nfn a() {}\n",
        ] {
            assert_eq!(without_notice(kept), kept);
        }
    }

    #[test]
    fn the_intended_rule_cuts_notices() {
        assert_eq!(without_notice("/* Copyright X */\nint a;\n"), "\nint a;\n");
        assert_eq!(without_notice("// Copyright X\n// all rights\n\nint a;\n"), "int a;\n");
        let script = "#!/bin/sh\n# (c) COPYRIGHT X\n# All.\n\n# What this does.\necho\n";
        assert_eq!(without_notice(script), "#!/bin/sh\n# What this does.\necho\n");
        let code = "// Copyright X\nint a; /* not the first thing */\n";
        assert_eq!(without_notice(code), "int a; /* not the first thing */\n");
    }

    #[test]
    fn the_word_is_found_in_all_forms_that_python_matches() {
        for word in ["copyright", "COPYRIGHT", "CopyRight", "COPYRİGHT", "copyrıght", "ccopyright"]
        {
            assert_eq!(
                without_notice(&format!("/* {word} X */\nint a;\n")),
                "\nint a;\n",
                "{word}"
            );
            let mut text = format!("int a; /* {word} */ int b;");
            cut(&mut text);
            assert_eq!(text, "int a;  int b;", "{word}");
        }
        for other in
            ["copyr1ght", "copyrght", "copyrïght", "copyri", "copyr", "copyriıght", "ⓒopyright"]
        {
            let text = format!("/* {other} X */\nint a;\n");
            assert_eq!(without_notice(&text), text);
        }
    }

    /// Upstream's step 2, line by line.
    fn plain(text: &str) -> String {
        let lines: Vec<&str> = text.split('\n').collect();
        let skipped = lines.iter().take_while(|line| {
            line.is_empty() || ["//", "#", "--"].iter().any(|mark| line.starts_with(mark))
        });
        lines[skipped.count()..].join("\n")
    }

    #[test]
    fn a_line_with_a_carriage_return_is_not_empty() {
        let mut text = "\r\n".to_owned();
        cut(&mut text);
        assert_eq!(text, "\r\n");
        assert_eq!(plain("\r\n"), "\r\n");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn leading_lines_are_cut_as_in_the_plain_form(text in "([/#a -]{0,3}\r?\n){0,5}[/#a-]{0,3}") {
            prop_assume!(block_comment(&text).is_none());
            let mut ours = text.clone();
            cut(&mut ours);
            prop_assert_eq!(ours, plain(&text));
        }

        #[test]
        fn both_rules_accept_any_text_and_add_nothing(text in "[/*#\\-a\nécopyrightC ]{0,60}") {
            for rule in [cut, cut_notice] {
                let mut ours = text.clone();
                rule(&mut ours);
                prop_assert!(ours.len() <= text.len());
            }
        }
    }
}
