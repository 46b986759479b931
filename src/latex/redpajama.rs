//! Cleans papers as RedPajama does (`data_prep/arxiv/arxiv_cleaner.py` at `rp_v1`), its faults
//! included: the golden cases are results of that code.
//!
//! Upstream's steps are regular expressions for an engine with backtracking. Here each is a scan
//! that finds the same places in linear time.

use crate::{NoText, TEXT_BYTES_MAX, TexFile};
use memchr::{memchr, memchr_iter, memmem};
use std::borrow::Cow;
use std::collections::HashMap;

/// Most bytes that all passes of macro expansion read together; one pass reads the text once. The
/// limit is ten times the need of the largest book of some thousand macros.
const EXPANSION_BYTES_MAX: usize = 8 << 30;

/// Whether a member of this name is read (`_tex_proj_loader`), by its suffix in lower case.
pub fn reads(name: &str) -> bool {
    name.ends_with(".tex")
}

/// Returns the text of a paper (`clean_tex_files`): its files cleaned one by one, in the order of
/// the archive, joined by a line end.
///
/// # Errors
///
/// Fails if the paper has no section, has a file that is not UTF-8, or has macros on which upstream
/// fails or which expand to too much text.
pub fn clean(files: &[TexFile]) -> Result<String, NoText> {
    if files.is_empty() {
        return Err(NoText::NoTex);
    }
    let text = |file: &'_ TexFile| -> Result<String, NoText> {
        String::from_utf8(file.bytes.clone()).map_err(|_| NoText::NotUtf8)
    };
    let texts = files.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let mut macros = Macros::default();
    texts.iter().for_each(|text| macros.merge(text));
    let mut cleaned = String::new();
    let mut work = 0;
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            cleaned.push('\n');
        }
        cleaned.push_str(&clean_file(text, &macros, &mut work)?);
        if cleaned.len() > TEXT_BYTES_MAX {
            return Err(NoText::MacroBomb);
        }
    }
    // Upstream drops empty texts. Two files without a section become a line end, which is kept.
    if cleaned.is_empty() { Err(NoText::NoSection) } else { Ok(cleaned) }
}

/// Cleans one file (`_clean_tex_file`). The text is empty if the file has no section.
fn clean_file(text: &str, macros: &Macros, work: &mut usize) -> Result<String, NoText> {
    let Some(header) = first_header(text) else { return Ok(String::new()) };
    let text = without_comment_lines(&text[header..]);
    let text = without_comments(&text);
    let text = &text[..tail(&text).unwrap_or(text.len())];
    macros.expand(text, work)
}

/// Returns the offset of the first header: a sectioning command, optionally a star, optionally
/// `[..]`, directly followed by `{..}`.
///
/// Upstream's braces and brackets match the shortest text that lets the rest match, across lines.
/// So any closing brace later in the text completes a header.
fn first_header(text: &str) -> Option<usize> {
    let closing = Closing::of(text);
    let begins = |at: usize| {
        let rest = &text[at + 1..];
        let follows = |name: &str| Some(at + 1 + rest.strip_prefix(name).map(|_| name.len())?);
        let section = ["chapter", "part", "section", "subsection", "subsubsection"];
        // Upstream's pattern lacks the bar after `\paragraph`, so it matches only directly before
        // `\subparagraph`.
        section.iter().find_map(|name| follows(name)).is_some_and(|end| closing.header(text, end))
            || follows("paragraph").is_some_and(|end| closing.paragraph(text, end))
    };
    memchr_iter(b'\\', text.as_bytes()).find(|at| begins(*at))
}

/// The last closing marks of a text: a lazy match can end at any mark up to them.
struct Closing {
    /// The last `}`.
    brace: Option<usize>,
    /// The last `]{` with a later `}`.
    bracket: Option<usize>,
    /// The last `}` that is followed by `\subparagraph` with its own argument.
    paragraph: Option<usize>,
    /// The last `]{` before that brace.
    paragraph_bracket: Option<usize>,
}

impl Closing {
    fn of(text: &str) -> Closing {
        let brace = text.rfind('}');
        let bracket = brace.and_then(|brace| text[..brace].rfind("]{"));
        let mut closing = Closing { brace, bracket, paragraph: None, paragraph_bracket: None };
        const NEXT: &str = "}\\subparagraph";
        let is_next = |at: &usize| closing.header(text, at + NEXT.len());
        let paragraph = memmem::rfind_iter(text.as_bytes(), NEXT).find(is_next);
        closing.paragraph = paragraph;
        closing.paragraph_bracket = paragraph.and_then(|brace| text[..brace].rfind("]{"));
        closing
    }

    /// Whether the arguments of a header may begin at `end`.
    fn header(&self, text: &str, end: usize) -> bool {
        arguments(text, end, self.brace, self.bracket)
    }

    fn paragraph(&self, text: &str, end: usize) -> bool {
        arguments(text, end, self.paragraph, self.paragraph_bracket)
    }
}

/// Whether there are, at `at`, optionally a star, optionally `[..]`, and then `{` with a later
/// closing brace.
fn arguments(text: &str, at: usize, brace: Option<usize>, bracket: Option<usize>) -> bool {
    let bytes = text.as_bytes();
    let at = at + usize::from(bytes.get(at) == Some(&b'*'));
    match bytes.get(at) {
        Some(b'{') => brace.is_some_and(|brace| brace > at),
        Some(b'[') => bracket.is_some_and(|bracket| bracket > at),
        _ => false,
    }
}

/// Removes lines that begin with a percent sign, with their line ends.
fn without_comment_lines(text: &str) -> String {
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with('%'));
    lines.collect()
}

/// Removes a percent sign with the text after it on its line, **and the character before it**,
/// unless that is a backslash. A percent sign at the end of a line stays.
fn without_comments(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut kept, mut from) = (String::with_capacity(text.len()), 0);
    for percent in memchr_iter(b'%', bytes) {
        // Needs a character before it that is not part of an earlier match, and one after it.
        let Some(before) = text[from.min(percent)..percent].chars().next_back() else { continue };
        if before == '\\' || matches!(bytes.get(percent + 1), None | Some(b'\n')) {
            continue;
        }
        kept.push_str(&text[from..percent - before.len_utf8()]);
        from = memchr(b'\n', &bytes[percent..]).map_or(text.len(), |end| percent + end);
    }
    kept.push_str(&text[from..]);
    kept
}

/// Returns the offset of the bibliography or the appendix, or of what upstream takes for it.
fn tail(text: &str) -> Option<usize> {
    const BEGINNINGS: [&str; 4] =
        ["\\appendix", "\\begin{references}", "\\begin{REFERENCES}", "\\begin{thebibliography}"];
    let last_brace = text.rfind('}');
    memchr_iter(b'\\', text.as_bytes()).find(|at| {
        let rest = &text[*at..];
        BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning))
            || rest.starts_with("\\bibliography{") && last_brace > Some(at + 13)
    })
}

/// The macros without arguments of all files (`_build_non_arg_macros_dict`), in upstream's order.
#[derive(Default)]
struct Macros {
    /// Name, with its backslash, and value.
    entries: Vec<(String, String)>,
    /// The index of each name in `entries`.
    places: HashMap<String, usize>,
}

impl Macros {
    /// Adds the definitions of a file. A later value replaces an earlier one in its place.
    fn merge(&mut self, text: &str) {
        let mut of_file = Macros::default();
        definitions(text, "\\newcommand", braced_name, &mut of_file);
        definitions(text, "\\def", bare_name, &mut of_file);
        for (name, value) in of_file.entries {
            self.set(name, value);
        }
    }

    fn set(&mut self, name: String, value: String) {
        match self.places.get(&name) {
            Some(place) => self.entries[*place].1 = value,
            None => {
                self.places.insert(name.clone(), self.entries.len());
                self.entries.push((name, value));
            }
        }
    }

    /// Makes one pass per macro: replaces the macro's name by its value if a character other than a
    /// letter or digit follows. The pass skips that character, so it misses a name that begins with
    /// it.
    fn expand(&self, text: &str, work: &mut usize) -> Result<String, NoText> {
        // Upstream escapes each value for a pattern. The escapes of these characters are invalid in
        // a pattern, so it fails on them, whether the macro is used or not.
        let fails = |c: char| !matches!(c, ' '..='~' | '\t' | '\r');
        if self.entries.iter().any(|(_, value)| value.contains(fails)) {
            return Err(NoText::MacroValue);
        }
        let mut text = Cow::Borrowed(text);
        let mut present = vec![false; self.entries.len()];
        self.mark_present(&text, &mut present);
        for (number, (name, value)) in self.entries.iter().enumerate() {
            if !present[number] {
                continue;
            }
            *work = work.saturating_add(text.len());
            if *work > EXPANSION_BYTES_MAX {
                return Err(NoText::MacroBomb);
            }
            if let Some(new) = replaced(&text, name, value)? {
                text = Cow::Owned(new);
                // The text before a value may form a longer name with it.
                let joins = value.starts_with(|c: char| c.is_ascii_alphanumeric());
                self.mark_present(if joins { &text } else { value }, &mut present);
            }
        }
        Ok(text.into_owned())
    }

    /// Marks the macros that a text names: only these need a pass.
    fn mark_present(&self, text: &str, present: &mut [bool]) {
        for at in memchr_iter(b'\\', text.as_bytes()) {
            let end = at + 1 + alphanumerics(&text[at + 1..]);
            if let Some(place) = self.places.get(&text[at..end]) {
                present[*place] = true;
            }
        }
    }
}

fn alphanumerics(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_alphanumeric).count()
}

/// Returns the text with `name` replaced by `value`, or `None` if there is nothing to replace.
fn replaced(text: &str, name: &str, value: &str) -> Result<Option<String>, NoText> {
    let (mut out, mut from) = (String::new(), 0);
    for at in memmem::find_iter(text.as_bytes(), name) {
        let end = at + name.len();
        let next = text[end..].chars().next().filter(|c| !c.is_ascii_alphanumeric());
        // Misses a name that begins with the character after the previous match.
        let Some(next) = next.filter(|_| at >= from) else { continue };
        out.push_str(&text[from..at]);
        out.push_str(value);
        out.push(next);
        from = end + next.len_utf8();
        if out.len() > TEXT_BYTES_MAX {
            return Err(NoText::MacroBomb);
        }
    }
    if from == 0 {
        return Ok(None);
    }
    out.push_str(&text[from..]);
    Ok(Some(out))
}

/// Returns the macros that a file defines: names, each with its backslash, and values.
#[cfg(test)]
pub(crate) fn macro_table(text: &str) -> Vec<(String, String)> {
    let mut macros = Macros::default();
    macros.merge(text);
    macros.entries
}

/// Finds each definition by `command` whose value's brace closes at the end of a line.
fn definitions(
    text: &str,
    command: &str,
    name: fn(&str) -> Option<(&str, usize)>,
    into: &mut Macros,
) {
    // The end of the line that was read last.
    let (mut from, mut end) = (0, None);
    for at in memmem::find_iter(text.as_bytes(), command) {
        if at < from {
            continue;
        }
        let after = at + command.len();
        let Some((name, value)) = name(&text[after..]) else { continue };
        let value = after + value;
        let to_end = || memchr(b'\n', &text.as_bytes()[value..]).map_or(text.len(), |n| value + n);
        let of_line = end.filter(|end| value <= *end).unwrap_or_else(to_end);
        end = Some(of_line);
        let Some(inner) = text[value..of_line].strip_suffix('}') else { continue };
        into.set(name.to_owned(), inner.to_owned());
        from = of_line;
    }
}

/// Reads `{\name}{` after `\newcommand` or `\newcommand*`. Returns the name and the offset of the
/// value.
fn braced_name(text: &str) -> Option<(&str, usize)> {
    let star = usize::from(text.starts_with('*'));
    let rest = text[star..].strip_prefix("{\\")?;
    let name = alphanumerics(rest);
    (name > 0 && rest[name..].starts_with("}{"))
        .then(|| (&text[star + 1..star + 2 + name], star + 4 + name))
}

/// Reads `\name{` after `\def`, with blanks of any kind before and after the name.
fn bare_name(text: &str) -> Option<(&str, usize)> {
    // Python's blanks: Unicode's and four controls.
    let is_blank = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    let start = text.len() - text.trim_start_matches(is_blank).len();
    let rest = text[start..].strip_prefix('\\')?;
    let name = alphanumerics(rest);
    let value = rest[name..].trim_start_matches(is_blank).strip_prefix('{')?;
    (name > 0).then(|| (&text[start..start + 1 + name], text.len() - value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<String, NoText> {
        clean(&[TexFile { name: "a.tex".into(), bytes: text.into() }])
    }

    #[test]
    fn a_name_completed_by_a_value_is_expanded_by_later_macros() {
        let paper = "\\newcommand{\\x}{bar}\n\\newcommand{\\foobar}{v}\n\\section{A}\n\\foo\\x \n";
        assert_eq!(one(paper).unwrap(), "\\section{A}\nv \n");
    }

    #[test]
    fn brackets_and_braces_of_headers_may_close_anywhere_later() {
        assert_eq!(one("x\\section[a]{S}").unwrap(), "\\section[a]{S}");
        assert_eq!(one("x\\section[a{S}\n]{b}").unwrap(), "\\section[a{S}\n]{b}");
        assert_eq!(one("x\\section[a]{S"), Err(NoText::NoSection));
        assert_eq!(one("x\\section{S"), Err(NoText::NoSection));
        let far = "\\paragraph{P} text {x}\\subparagraph*{Q}";
        assert_eq!(one(&format!("x{far}")).unwrap(), far);
        assert_eq!(one("x\\paragraph{P}\\subparagraph{Q"), Err(NoText::NoSection));
    }

    #[test]
    fn a_file_that_is_not_utf_8_drops_the_paper() {
        let files = [
            TexFile { name: "a.tex".into(), bytes: b"\\section{A}".to_vec() },
            TexFile { name: "b.tex".into(), bytes: b"\xe9".to_vec() },
        ];
        assert_eq!(clean(&files), Err(NoText::NotUtf8));
        assert_eq!(clean(&[]), Err(NoText::NoTex));
    }

    #[test]
    fn a_macro_bomb_is_recognized() {
        let name = |n: u8| format!("\\m{}", char::from(b'a' + n));
        let double = |n: u8| format!("\\newcommand{{{0}}}{{{1} {1} }}\n", name(n), name(n + 1));
        let paper = (0..25).map(double).collect::<String>() + "\\section{A}\n\\ma ";
        let wide = paper.replace("\\mz", "0123456789");
        assert_eq!(one(&wide), Err(NoText::MacroBomb));
    }
}
