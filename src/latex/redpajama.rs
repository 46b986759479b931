//! Papers as RedPajama cleans them (`data_prep/arxiv/arxiv_cleaner.py` at `rp_v1`), its faults
//! included: the golden cases are results of that code.
//!
//! Upstream's steps are regular expressions for an engine with backtracking. Each is a scan of its
//! own here that finds the same place in linear time.

use crate::{Loss, TEXT_BYTES_MAX, TexFile};
use memchr::{memchr, memchr_iter, memmem};
use std::borrow::Cow;
use std::collections::HashMap;

/// What the passes of macro expansion may read together; one pass reads the text once. Ten times
/// what the largest book of some thousand macros needs.
const EXPANSION_BYTES_MAX: usize = 8 << 30;

/// Whether a member of this name is read (`_tex_proj_loader`): its name ends so, in lower case.
pub fn reads(name: &str) -> bool {
    name.ends_with(".tex")
}

/// The text of a paper (`clean_tex_files`): its files cleaned one by one, in the order in which they
/// stand in the archive, joined by a line end.
pub fn clean(files: &[TexFile]) -> Result<String, Loss> {
    if files.is_empty() {
        return Err(Loss::NoTex);
    }
    let text = |file: &'_ TexFile| -> Result<String, Loss> {
        String::from_utf8(file.bytes.clone()).map_err(|_| Loss::NotUtf8)
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
            return Err(Loss::MacroBomb);
        }
    }
    // Upstream drops empty texts. Two files without a section make a line end, and stay.
    if cleaned.is_empty() { Err(Loss::NoSection) } else { Ok(cleaned) }
}

/// One file (`_clean_tex_file`); empty where it has no section.
fn clean_file(text: &str, macros: &Macros, work: &mut usize) -> Result<String, Loss> {
    let Some(header) = first_header(text) else { return Ok(String::new()) };
    let text = without_comment_lines(&text[header..]);
    let text = without_comments(&text);
    let text = &text[..tail(&text).unwrap_or(text.len())];
    macros.expand(text, work)
}

/// Where the first header begins: a sectioning command, perhaps a star, perhaps `[..]`, then `{..}`
/// directly.
///
/// Upstream's braces and brackets match the shortest text that lets the rest match, over lines too:
/// so a header is one wherever some brace closes behind it.
fn first_header(text: &str) -> Option<usize> {
    let closing = Closing::of(text);
    let begins = |at: usize| {
        let rest = &text[at + 1..];
        let follows = |name: &str| Some(at + 1 + rest.strip_prefix(name).map(|_| name.len())?);
        let section = ["chapter", "part", "section", "subsection", "subsubsection"];
        // `\paragraph` has no bar behind it in upstream's pattern, so it must run into a
        // `\subparagraph`.
        section.iter().find_map(|name| follows(name)).is_some_and(|end| closing.header(text, end))
            || follows("paragraph").is_some_and(|end| closing.paragraph(text, end))
    };
    memchr_iter(b'\\', text.as_bytes()).find(|at| begins(*at))
}

/// Where things close last in a text: a lazy match reaches anything up to there.
struct Closing {
    /// The last `}`.
    brace: Option<usize>,
    /// The last `]{` with a `}` behind it.
    bracket: Option<usize>,
    /// The last `}` that `\subparagraph` with its own argument follows,
    paragraph: Option<usize>,
    /// and the last `]{` before that brace.
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

/// Perhaps a star, perhaps `[..]`, then `{` and one of the closing braces behind it.
fn arguments(text: &str, at: usize, brace: Option<usize>, bracket: Option<usize>) -> bool {
    let bytes = text.as_bytes();
    let at = at + usize::from(bytes.get(at) == Some(&b'*'));
    match bytes.get(at) {
        Some(b'{') => brace.is_some_and(|brace| brace > at),
        Some(b'[') => bracket.is_some_and(|bracket| bracket > at),
        _ => false,
    }
}

/// Lines that begin with a percent sign go with their line ends.
fn without_comment_lines(text: &str) -> String {
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with('%'));
    lines.collect()
}

/// A percent sign with something behind it on its line goes, with that, **and with the character
/// before it**, unless that is a backslash.
fn without_comments(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut kept, mut from) = (String::with_capacity(text.len()), 0);
    for percent in memchr_iter(b'%', bytes) {
        // A character before it that no earlier match took, and one behind it.
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

/// Where the bibliography or the appendix begins, or what upstream takes for it.
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
    /// Where each name stands in them.
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

    /// One pass for each macro: where a character that is no letter or digit follows its name, the
    /// value stands instead of the name. That character is passed by, so a name that begins with it
    /// is missed.
    fn expand(&self, text: &str, work: &mut usize) -> Result<String, Loss> {
        // Upstream makes an escaped pattern of each value, and the escapes of these characters are
        // none that a pattern may have: it fails on them, used or not.
        let fails = |c: char| !matches!(c, ' '..='~' | '\t' | '\r');
        if self.entries.iter().any(|(_, value)| value.contains(fails)) {
            return Err(Loss::MacroValue);
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
                return Err(Loss::MacroBomb);
            }
            if let Some(new) = replaced(&text, name, value)? {
                text = Cow::Owned(new);
                // What is before a value may become a longer name with it.
                let joins = value.starts_with(|c: char| c.is_ascii_alphanumeric());
                self.mark_present(if joins { &text } else { value }, &mut present);
            }
        }
        Ok(text.into_owned())
    }

    /// Marks the macros that a text names: only these have a pass to make.
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

/// The text with `value` for `name`; `None` where there is nothing to replace.
fn replaced(text: &str, name: &str, value: &str) -> Result<Option<String>, Loss> {
    let (mut out, mut from) = (String::new(), 0);
    for at in memmem::find_iter(text.as_bytes(), name) {
        let end = at + name.len();
        let next = text[end..].chars().next().filter(|c| !c.is_ascii_alphanumeric());
        // A name that begins with the character behind the match before is missed.
        let Some(next) = next.filter(|_| at >= from) else { continue };
        out.push_str(&text[from..at]);
        out.push_str(value);
        out.push(next);
        from = end + next.len_utf8();
        if out.len() > TEXT_BYTES_MAX {
            return Err(Loss::MacroBomb);
        }
    }
    if from == 0 {
        return Ok(None);
    }
    out.push_str(&text[from..]);
    Ok(Some(out))
}

/// The macros that a file defines: names, each with its backslash, and values.
#[cfg(test)]
pub(crate) fn macro_table(text: &str) -> Vec<(String, String)> {
    let mut macros = Macros::default();
    macros.merge(text);
    macros.entries
}

/// Finds each definition that `command` begins and whose value's brace closes at the end of a line.
fn definitions(
    text: &str,
    command: &str,
    name: fn(&str) -> Option<(&str, usize)>,
    into: &mut Macros,
) {
    // Where the line ends that was looked at last.
    let (mut from, mut end) = (0, None);
    for at in memmem::find_iter(text.as_bytes(), command) {
        if at < from {
            continue;
        }
        let behind = at + command.len();
        let Some((name, value)) = name(&text[behind..]) else { continue };
        let value = behind + value;
        let to_end = || memchr(b'\n', &text.as_bytes()[value..]).map_or(text.len(), |n| value + n);
        let of_line = end.filter(|end| value <= *end).unwrap_or_else(to_end);
        end = Some(of_line);
        let Some(inner) = text[value..of_line].strip_suffix('}') else { continue };
        into.set(name.to_owned(), inner.to_owned());
        from = of_line;
    }
}

/// `{\name}{` behind a `\newcommand` that may have a star: the name, and where the value begins.
fn braced_name(text: &str) -> Option<(&str, usize)> {
    let star = usize::from(text.starts_with('*'));
    let rest = text[star..].strip_prefix("{\\")?;
    let name = alphanumerics(rest);
    (name > 0 && rest[name..].starts_with("}{"))
        .then(|| (&text[star + 1..star + 2 + name], star + 4 + name))
}

/// `\name{` behind a `\def`, with blanks of any kind before and behind the name.
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

    fn one(text: &str) -> Result<String, Loss> {
        clean(&[TexFile { name: "a.tex".into(), bytes: text.into() }])
    }

    #[test]
    fn a_value_that_makes_a_longer_name_of_what_is_before_it_is_met_by_later_macros() {
        let paper = "\\newcommand{\\x}{bar}\n\\newcommand{\\foobar}{v}\n\\section{A}\n\\foo\\x \n";
        assert_eq!(one(paper).unwrap(), "\\section{A}\nv \n");
    }

    #[test]
    fn brackets_and_braces_of_headers_close_anywhere_behind() {
        assert_eq!(one("x\\section[a]{S}").unwrap(), "\\section[a]{S}");
        assert_eq!(one("x\\section[a{S}\n]{b}").unwrap(), "\\section[a{S}\n]{b}");
        assert_eq!(one("x\\section[a]{S"), Err(Loss::NoSection));
        assert_eq!(one("x\\section{S"), Err(Loss::NoSection));
        let far = "\\paragraph{P} text {x}\\subparagraph*{Q}";
        assert_eq!(one(&format!("x{far}")).unwrap(), far);
        assert_eq!(one("x\\paragraph{P}\\subparagraph{Q"), Err(Loss::NoSection));
    }

    #[test]
    fn files_that_are_not_utf_8_lose_the_paper() {
        let files = [
            TexFile { name: "a.tex".into(), bytes: b"\\section{A}".to_vec() },
            TexFile { name: "b.tex".into(), bytes: b"\xe9".to_vec() },
        ];
        assert_eq!(clean(&files), Err(Loss::NotUtf8));
        assert_eq!(clean(&[]), Err(Loss::NoTex));
    }

    #[test]
    fn a_bomb_of_macros_is_named() {
        let name = |n: u8| format!("\\m{}", char::from(b'a' + n));
        let double = |n: u8| format!("\\newcommand{{{0}}}{{{1} {1} }}\n", name(n), name(n + 1));
        let paper = (0..25).map(double).collect::<String>() + "\\section{A}\n\\ma ";
        let wide = paper.replace("\\mz", "0123456789");
        assert_eq!(one(&wide), Err(Loss::MacroBomb));
    }
}
