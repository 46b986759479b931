//! Tokens to text: what Hugging Face's script takes out of each section, and what mwparserfromhell's
//! `strip_code` leaves of the rest.
//!
//! The script takes nodes out of lists while it walks over them. Python's walk then passes over
//! the node behind the one taken out: it is neither looked at nor into. (Not so in the section's
//! own list, which was gathered before.) Of two references side by side within a `<div>` the
//! second one's text therefore stays. That is kept up here.

use crate::Tangled;
use crate::languages::Prefixes;
use crate::token::{Kind, Token, ends};
use crate::tokenizer::{has_markup, steps_for, tokenize};
use std::ops::Range;

/// The text of a page that has no NUL.
pub(crate) fn page(source: &str, language: &str) -> Result<String, Tangled> {
    let mut steps = steps_for(source.len());
    let tokens = tokenize(source, &mut steps).ok_or(Tangled)?;
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

/// Tokens, as the lists of nodes that they are.
struct Nodes<'a> {
    source: &'a str,
    tokens: &'a [Token],
    /// Where each node ends.
    ends: Vec<u32>,
}

/// What is taken out.
#[derive(Clone, Copy)]
struct Rules {
    /// Links to files.
    files: bool,
    /// References and tables.
    tags: bool,
    /// Prefixes of categories.
    categories: bool,
    /// Whether the list is within a node.
    nested: bool,
    prefixes: Prefixes,
}

impl Rules {
    fn of_section(prefixes: Prefixes) -> Rules {
        Rules { files: true, tags: true, categories: true, nested: false, prefixes }
    }
}

/// A list under way.
struct List {
    /// Where it closes.
    end: usize,
    /// Where its text begins.
    text: usize,
    /// Whether the walks for files and for tags pass over the node that comes next.
    skip_file: bool,
    skip_tag: bool,
}

impl<'a> Nodes<'a> {
    fn new(source: &'a str, tokens: &'a [Token]) -> Self {
        Nodes { source, tokens, ends: ends(tokens) }
    }

    /// The lead, and a section from each heading that stands in no other node.
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

    /// Adds what is left of a list of nodes.
    fn strip(
        &self,
        range: Range<usize>,
        rules: Rules,
        out: &mut String,
        steps: &mut u64,
    ) -> Result<(), Tangled> {
        let list = |end, text| List { end, text, skip_file: false, skip_tag: false };
        let mut lists = vec![list(range.end, out.len())];
        let mut at = range.start;
        // Nodes before these places are part of one that a walk passed over.
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

    /// The text of a category's link: its contents without the prefix, which are then wikitext once
    /// more, since the script sets them as the link's text.
    fn category(
        &self,
        range: Range<usize>,
        rules: Rules,
        steps: &mut u64,
    ) -> Result<String, Tangled> {
        let mut label = String::new();
        self.strip(range, Rules { tags: false, ..rules }, &mut label, steps)?;
        let label = collapse(&label);
        let label = rules.prefixes.category(&label).unwrap_or(&label);
        if !has_markup(label) {
            return Ok(label.to_owned());
        }
        let tokens = tokenize(label, steps).ok_or(Tangled)?;
        let nodes = Nodes::new(label, &tokens);
        let mut text = String::new();
        nodes.strip(0..tokens.len(), Rules { files: false, ..rules }, &mut text, steps)?;
        Ok(text)
    }

    /// The rest of the source from where a link's title begins.
    fn title(&self, link: Token) -> &str {
        &self.source[link.from as usize..]
    }

    fn is_file(&self, token: Token, prefixes: Prefixes) -> bool {
        token.kind == Kind::Link && prefixes.is_media(self.title(token))
    }

    fn is_category(&self, token: Token, prefixes: Prefixes) -> bool {
        prefixes.category(self.title(token)).is_some()
    }

    /// As the script has it: names are compared as they are written.
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

/// Adds text to that of a list, which has no line ends at its beginning (`strip_code`: `strip("\n")`
/// for each list).
fn push(text: &str, begin: usize, out: &mut String) {
    out.push_str(if out.len() == begin { text.trim_start_matches('\n') } else { text });
}

/// At most two line ends in a row.
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

/// Adds the text of a section: no blanks around it, no magic words in it. A word at its beginning
/// goes after the blanks, so it can leave some there.
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
            // An underscore further, a word may begin.
            None => at = begin + 1,
        }
    }
    out.push_str(&section[from..]);
}

/// Length of the magic word at the beginning: `__[A-Z]*__`.
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
    fn magic_words_go_wherever_they_stand() {
        assert_eq!(sections("__TOC__ a __NOTOC__b"), " a b");
        assert_eq!(sections("____ _____ ___A__ __A__B__ __a__"), " _ _ B__ __a__");
    }

    #[test]
    fn three_line_ends_are_two() {
        assert_eq!(collapse("a\n\n\nb\n\n\n\n\n\n\nc\n\nd\n\n\n"), "a\n\nb\n\nc\n\nd\n\n");
    }
}
