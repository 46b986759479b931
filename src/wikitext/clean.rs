//! Converts tokens to text: removes the nodes that Hugging Face's script removes from each section,
//! and strips the rest as mwparserfromhell's `strip_code` does.
//!
//! The script removes nodes from lists while it iterates over them, so Python's iteration skips the
//! node after a removed one, with its children. (The section's own list is copied first and not
//! affected.) Therefore, of two adjacent references within a `<div>`, the second one's text stays.
//! This is reproduced here.

use crate::TooComplex;
use crate::languages::Prefixes;
use crate::token::{Kind, Token, ends};
use crate::tokenizer::{has_markup, steps_for, tokenize};
use std::ops::Range;

/// Returns the text of a page that has no NUL.
pub(crate) fn page(source: &str, language: &str) -> Result<String, TooComplex> {
    let mut steps = steps_for(source.len());
    let tokens = tokenize(source, &mut steps).ok_or(TooComplex)?;
    let nodes = Nodes::new(source, &tokens);
    let prefixes = Prefixes::of(language);
    let mut text = String::with_capacity(source.len() / 2);
    let mut section = String::new();
    for (number, range) in nodes.sections().into_iter().enumerate() {
        section.clear();
        nodes.strip(range, Rules::of_section(prefixes), &mut section, &mut steps)?;
        if number > 0 {
            text.push_str("\n\n");
        }
        push_section(&section, &mut text);
    }
    Ok(text)
}

/// Tokens as lists of nodes.
struct Nodes<'a> {
    source: &'a str,
    tokens: &'a [Token],
    /// The end of each node.
    ends: Vec<u32>,
}

/// The nodes that are removed.
#[derive(Clone, Copy)]
struct Rules {
    /// Links to files.
    files: bool,
    /// References and tables.
    tags: bool,
    /// Prefixes of categories.
    categories: bool,
    /// Whether the list is inside a node.
    nested: bool,
    prefixes: Prefixes,
}

impl Rules {
    fn of_section(prefixes: Prefixes) -> Rules {
        Rules { files: true, tags: true, categories: true, nested: false, prefixes }
    }
}

/// A list that is being read.
struct List {
    /// The token that closes it.
    end: usize,
    /// The offset at which its text begins in the output.
    text: usize,
    /// Whether the iterations for files and for tags skip the next node.
    skip_file: bool,
    skip_tag: bool,
}

impl<'a> Nodes<'a> {
    fn new(source: &'a str, tokens: &'a [Token]) -> Self {
        Nodes { source, tokens, ends: ends(tokens) }
    }

    /// Returns the lead, and a section for each heading that is not inside another node.
    fn sections(&self) -> Vec<Range<usize>> {
        let (mut sections, mut begin, mut at) = (Vec::new(), 0, 0);
        while let Some(token) = self.tokens.get(at) {
            if token.kind == Kind::Heading {
                sections.push(begin..at);
                begin = at;
            }
            at = self.end(at) + 1;
        }
        sections.push(begin..self.tokens.len());
        sections
    }

    fn end(&self, at: usize) -> usize {
        self.ends[at] as usize
    }

    /// Appends the stripped text of a list of nodes.
    fn strip(
        &self,
        range: Range<usize>,
        rules: Rules,
        out: &mut String,
        steps: &mut u64,
    ) -> Result<(), TooComplex> {
        let list = |end, text| List { end, text, skip_file: false, skip_tag: false };
        let mut lists = vec![list(range.end, out.len())];
        let mut at = range.start;
        // Nodes before these indexes are part of a node that an iteration skipped.
        let (mut files_from, mut tags_from) = (0, 0);
        loop {
            let nested = lists.len() > 1 || rules.nested;
            let Some(current) = lists.last_mut() else { return Ok(()) };
            if at >= current.end {
                let begin = current.text;
                out.truncate(begin + out[begin..].trim_end_matches('\n').len());
                at = current.end + 1;
                lists.pop();
                continue;
            }
            let (token, end) = (self.tokens[at], self.end(at));
            if rules.files && at >= files_from {
                if std::mem::take(&mut current.skip_file) {
                    files_from = end + 1;
                } else if self.is_file(token, rules.prefixes) {
                    current.skip_file = nested;
                    at = end + 1;
                    continue;
                }
            }
            if rules.tags && at >= tags_from {
                if std::mem::take(&mut current.skip_tag) {
                    tags_from = end + 1;
                } else if self.is_reference_or_table(token) {
                    current.skip_tag = nested;
                    at = end + 1;
                    continue;
                }
            }
            let begin = current.text;
            match token.kind {
                Kind::Text => push(&self.source[token.range()], begin, out),
                Kind::Char => {
                    let c = char::from_u32(token.from).unwrap_or(char::REPLACEMENT_CHARACTER);
                    push(c.encode_utf8(&mut [0; 4]), begin, out);
                }
                Kind::Link if rules.categories && self.is_category(token, rules.prefixes) => {
                    let files = rules.files && at >= files_from;
                    let tags = rules.tags && at >= tags_from;
                    let rules = Rules { files, tags, categories: false, nested: true, ..rules };
                    let text = self.category(at + 1..end, rules, steps)?;
                    push(&text, begin, out);
                    at = end;
                }
                _ if token.opens() => lists.push(list(end, out.len())),
                _ => {}
            }
            at += 1;
        }
    }

    /// Appends the text of a category's link: its contents without the prefix, parsed as wikitext
    /// again, since the script sets them as the link's text.
    fn category(
        &self,
        range: Range<usize>,
        rules: Rules,
        steps: &mut u64,
    ) -> Result<String, TooComplex> {
        let mut label = String::new();
        self.strip(range, Rules { tags: false, ..rules }, &mut label, steps)?;
        let label = collapse(&label);
        let label = rules.prefixes.category(&label).unwrap_or(&label);
        if !has_markup(label) {
            return Ok(label.to_owned());
        }
        let tokens = tokenize(label, steps).ok_or(TooComplex)?;
        let nodes = Nodes::new(label, &tokens);
        let mut text = String::new();
        nodes.strip(0..tokens.len(), Rules { files: false, ..rules }, &mut text, steps)?;
        Ok(text)
    }

    /// Returns the source from the beginning of a link's title.
    fn title(&self, link: Token) -> &str {
        &self.source[link.from as usize..]
    }

    fn is_file(&self, token: Token, prefixes: Prefixes) -> bool {
        token.kind == Kind::Link && prefixes.is_media(self.title(token))
    }

    fn is_category(&self, token: Token, prefixes: Prefixes) -> bool {
        prefixes.category(self.title(token)).is_some()
    }

    /// As in the script, names are compared as written.
    fn is_reference_or_table(&self, token: Token) -> bool {
        match token.kind {
            Kind::Table => true,
            Kind::Tag | Kind::LoneTag => {
                matches!(&self.source[token.range()], "ref" | "table")
            }
            _ => false,
        }
    }
}

/// Appends text to that of a list, without line ends at its beginning (`strip_code`: `strip("\n")`
/// for each list).
fn push(text: &str, begin: usize, out: &mut String) {
    out.push_str(if out.len() == begin { text.trim_start_matches('\n') } else { text });
}

/// Collapses line ends to at most two in a row.
fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut from = 0;
    let bytes = text.as_bytes();
    for at in memchr::memmem::find_iter(bytes, b"\n\n\n") {
        if at < from {
            continue;
        }
        let run = bytes[at..].iter().take_while(|&&byte| byte == b'\n').count();
        collapsed.push_str(&text[from..at + 2]);
        from = at + run;
    }
    collapsed.push_str(&text[from..]);
    collapsed
}

/// Appends the text of a section, stripped and without magic words. A magic word at its beginning
/// is removed after the blanks are stripped, so it can leave blanks there.
fn push_section(section: &str, out: &mut String) {
    let section = collapse(text::python::strip(section));
    let (mut from, mut at) = (0, 0);
    while let Some(found) = memchr::memmem::find(&section.as_bytes()[at..], b"__") {
        let begin = at + found;
        match magic_word(&section[begin..]) {
            Some(bytes) => {
                out.push_str(&section[from..begin]);
                from = begin + bytes;
                at = from;
            }
            // A word may begin one underscore later.
            None => at = begin + 1,
        }
    }
    out.push_str(&section[from..]);
}

/// Returns the length of the magic word at the beginning: `__[A-Z]*__`.
fn magic_word(text: &str) -> Option<usize> {
    let letters = text[2..].bytes().take_while(u8::is_ascii_uppercase).count();
    text[2 + letters..].starts_with("__").then_some(letters + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> String {
        let mut out = String::new();
        push_section(text, &mut out);
        out
    }

    #[test]
    fn magic_words_are_removed_anywhere() {
        assert_eq!(sections("__TOC__ a __NOTOC__b"), " a b");
        assert_eq!(sections("____ _____ ___A__ __A__B__ __a__"), " _ _ B__ __a__");
    }

    #[test]
    fn three_line_ends_become_two() {
        assert_eq!(collapse("a\n\n\nb\n\n\n\n\n\n\nc\n\nd\n\n\n"), "a\n\nb\n\nc\n\nd\n\n");
    }
}
