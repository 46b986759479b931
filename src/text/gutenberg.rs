//! Books as Project Gutenberg's text files have them: what is Gutenberg's in them, and what is the
//! book's.
//!
//! Headers and footers have had many forms since 1991. The lines that tell them are those that the
//! package `gutenberg` (`_domain_model/text.py`, after Johannes Krugel's `strip_headers.cpp`) has
//! found, as far as they begin or end something by themselves: its many lines of thanks are left to
//! a rule on whole paragraphs.

use encoding_rs::{Encoding, WINDOWS_1252};
use std::borrow::Cow;

/// Lines among which a header ends: the longest, of 1995, have 350.
const HEADER_LINES_MAX: usize = 1000;

/// Lines over which one marker may go on: a long title is broken.
const MARKER_LINES_MAX: usize = 5;

/// Paragraphs of thanks behind a header, and lines in each.
const CREDITS_MAX: usize = 3;
const CREDIT_LINES_MAX: usize = 12;

/// Bytes in which a file says how it is encoded.
const DECLARATION_BYTES_MAX: usize = 1 << 16;

/// A book, and what its header says of it.
#[derive(Debug, Default, PartialEq)]
pub struct Book<'t> {
    /// The text without header and footer, its line ends as they were.
    pub text: &'t str,
    /// `Title`, `Author` and the like, in the order in which they stand there.
    pub fields: Vec<(&'static str, String)>,
    /// Its number: `[EBook #11]`.
    pub number: Option<u64>,
}

/// The header's fields that are told, and what they are called here.
const FIELDS: [(&str, &str); 6] = [
    ("title", "title"),
    ("author", "author"),
    ("editor", "editor"),
    ("translator", "translator"),
    ("language", "language"),
    ("release date", "release_date"),
];

/// What begins the text behind it, in lower case and without stars and blanks before it.
const STARTS: [&str; 8] = [
    "start of the project gutenberg",
    "start of this project gutenberg",
    "start of the copyrighted project gutenberg",
    "start of this copyrighted project gutenberg",
    "end*the small print",
    "end* the small print",
    "end the small print",
    "end of the small print",
];

/// What ends the text before it, in the same way.
const ENDS: [&str; 10] = [
    "end of the project gutenberg",
    "end of this project gutenberg",
    "end of project gutenberg",
    "end of the copyrighted project gutenberg",
    "end of this copyrighted project gutenberg",
    "end of this etext of",
    "ende dieses project gutenberg",
    "ende dieses projekt gutenberg",
    "fin de project gutenberg",
    "fin du project gutenberg",
];

/// What begins a paragraph of thanks, in the same way.
const CREDITS: [&str; 11] = [
    "produced by",
    "e-text prepared by",
    "etext prepared by",
    "e-text produced by",
    "this etext was prepared by",
    "this etext was produced by",
    "this ebook was prepared by",
    "this ebook was produced by",
    "html version by",
    "transcribed by",
    "transcribed from the",
];

/// Takes a file apart. One without any such line is all book.
pub fn book(text: &str) -> Book<'_> {
    let Some((start, header)) = start(text) else {
        let end = end(text, 0).unwrap_or(text.len());
        return Book { text: trim_lines(&text[..end]), ..Book::default() };
    };
    let end = end(text, start).unwrap_or(text.len());
    let (fields, number) = fields(&text[..header]);
    Book { text: trim_lines(without_credits(&text[start..end])), fields, number }
}

/// The text of a file: UTF-8, or what it says of itself, or windows-1252, which has all of
/// latin-1's characters. `None` for what is no text.
pub fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bytes_of_mark = Encoding::for_bom(bytes);
    if let Some((encoding, mark)) = bytes_of_mark {
        let (text, damaged) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return (!damaged).then_some(text);
    }
    if bytes.contains(&0) {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.into());
    }
    let (text, damaged) = declared(bytes).decode_without_bom_handling(bytes);
    (!damaged).then_some(text)
}

/// The encoding that a header names, if it is one that can be meant where UTF-8 is not.
fn declared(bytes: &[u8]) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let lines = head.split(|byte| *byte == b'\n');
    let mut named = lines.filter_map(|line| {
        let line = line.trim_ascii();
        let (name, value) = (line.get(..23)?, line.get(23..)?);
        name.eq_ignore_ascii_case(b"character set encoding:").then(|| value.trim_ascii())
    });
    // "ISO Latin-1" and the like are no labels that browsers know, and mean the default.
    let encoding = named.next().and_then(Encoding::for_label);
    encoding.filter(|encoding| *encoding != encoding_rs::UTF_8).unwrap_or(WINDOWS_1252)
}

/// Lines with the byte at which each begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

/// Whether a line begins with one of `marks`, behind stars and blanks, in any case.
fn begins(line: &str, marks: &[&str]) -> bool {
    let line = line.trim_start_matches(['*', ' ', '\t']);
    let has =
        |mark: &&str| line.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    marks.iter().any(has)
}

/// Where the text begins, and where the header before it ends: at the last of the lines that say
/// so, before the first that says that the text has ended.
fn start(text: &str) -> Option<(usize, usize)> {
    let head = lines(text).take(HEADER_LINES_MAX).take_while(|(_, line)| !begins(line, &ENDS));
    let (at, line) = head.filter(|(_, line)| begins(line, &STARTS)).last()?;
    if !line.starts_with('*') || line.trim_end().ends_with('*') {
        return Some((at + line.len(), at));
    }
    // The title in it may go on over some lines, up to the stars at its end.
    let more = lines(&text[at..]).skip(1).take(MARKER_LINES_MAX - 1);
    let more = more.take_while(|(_, line)| !line.trim().is_empty());
    let last = more.filter(|(_, line)| line.trim_end().ends_with("***")).last();
    Some((last.map_or(at + line.len(), |(from, line)| at + from + line.len()), at))
}

/// Where the text that begins at `from` ends.
fn end(text: &str, from: usize) -> Option<usize> {
    let mut marks = lines(&text[from..]).filter(|(_, line)| begins(line, &ENDS));
    marks.next().map(|(at, _)| from + at)
}

/// The text behind the paragraphs that say who made the file.
fn without_credits(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..CREDITS_MAX {
        let ink = rest.trim_start();
        if !begins(ink, &CREDITS) {
            break;
        }
        let mut blanks = lines(ink).filter(|(_, line)| line.trim().is_empty());
        let (end, _) = blanks.next().unwrap_or((ink.len(), ""));
        if lines(&ink[..end]).count() > CREDIT_LINES_MAX {
            break;
        }
        rest = &ink[end..];
    }
    rest
}

/// Without the blank lines at both ends: the first line keeps its indent.
fn trim_lines(text: &str) -> &str {
    let text = text.trim_end();
    let first = lines(text).find(|(_, line)| !line.trim().is_empty());
    first.map_or("", |(at, _)| &text[at..])
}

/// What a header says in lines such as `Title: Emma`; a value may go on in indented lines.
fn fields(header: &str) -> (Vec<(&'static str, String)>, Option<u64>) {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    let (mut number, mut open) = (None, false);
    for (_, line) in lines(header) {
        number = number.or_else(|| book_number(line));
        let is_more = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        if open && is_more {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        let named = line.split_once(':').and_then(|(name, value)| {
            let name = name.trim().to_ascii_lowercase();
            let known = FIELDS.iter().find(|field| field.0 == name)?.1;
            Some((known, value))
        });
        let new = named.filter(|(name, _)| fields.iter().all(|known| known.0 != *name));
        open = new.is_some();
        fields.extend(new.map(|(name, value)| (name, value.trim().to_owned())));
    }
    for (_, value) in &mut fields {
        // "March, 1994 [EBook #11]"
        if let Some(at) = value.find(" [") {
            value.truncate(at);
        }
        value.truncate(value.trim_end().len());
    }
    fields.retain(|(_, value)| !value.is_empty());
    (fields, number)
}

/// The number in `[EBook #11]` or `[Etext #11]`.
fn book_number(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("#")?;
    let before = line[..line.len() - rest.len() - 1].trim_end().to_ascii_lowercase();
    let (digits, _) = rest.split_once(']')?;
    let is_book = before.ends_with("[ebook") || before.ends_with("[etext");
    is_book.then(|| digits.trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODERN: &str = "The Project Gutenberg EBook of A Tale\r\n\r\nTitle: A Tale\r\n      \
        of a Tub\r\n\r\nAuthor: N. N.\r\n\r\nPosting Date: May 1, 2008 [EBook #77]\r\nRelease \
        Date: March, 1994 [Etext #78]\r\nLanguage: English\r\n\r\n*** START OF THIS PROJECT \
        GUTENBERG EBOOK A TALE ***\r\n\r\nProduced by Somebody and\r\nothers\r\n\r\n\r\n  A \
        TALE\r\n\r\nOnce.\r\n\r\n\r\nEnd of the Project Gutenberg EBook of A Tale\r\n\r\n*** END \
        OF THIS PROJECT GUTENBERG EBOOK A TALE ***\r\nlicence\r\n";

    #[test]
    fn a_book_is_what_stands_between_the_markers() {
        let book = book(MODERN);
        assert_eq!(book.text, "  A TALE\r\n\r\nOnce.");
        assert_eq!(book.number, Some(77));
        let expected = [
            ("title", "A Tale of a Tub"),
            ("author", "N. N."),
            ("release_date", "March, 1994"),
            ("language", "English"),
        ];
        assert_eq!(book.fields, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn the_small_print_of_old_files_is_a_header() {
        let old = "***The Project Gutenberg Etext of X***\n[Etext #11]\n\n***START**THE SMALL \
            PRINT!**START***\nlegal\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04*END*\n\
            \n\nX\n\nText.\n";
        assert_eq!(book(old).text, "X\n\nText.");
        assert_eq!(book(old).number, Some(11));
        let twice = old.replace("X\n\nText.", "*** START OF THE PROJECT GUTENBERG EBOOK X ***\nX");
        assert_eq!(book(&twice).text, "X");
    }

    #[test]
    fn the_small_print_behind_the_text_begins_nothing() {
        let text = "*** START OF THE PROJECT GUTENBERG EBOOK, X ***\nText.\n*** END OF THE PROJECT \
            GUTENBERG EBOOK, X ***\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*END*\nmore\n";
        assert_eq!(book(text).text, "Text.");
    }

    #[test]
    fn a_marker_may_go_on_over_lines() {
        let text =
            "*** START OF THE PROJECT GUTENBERG EBOOK A VERY LONG\nTITLE INDEED ***\n\nText.";
        assert_eq!(book(text).text, "Text.");
        let open = "*** START OF THE PROJECT GUTENBERG EBOOK X\nText.\n\nMore.";
        assert_eq!(book(open).text, "Text.\n\nMore.");
    }

    #[test]
    fn a_text_without_markers_is_all_book() {
        assert_eq!(book("\n\n  Chapter 1\nText.\n").text, "  Chapter 1\nText.");
        let deep =
            format!("{}*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n", "line\n".repeat(1000));
        assert_eq!(book(&deep).text, deep.trim_end());
        assert_eq!(book("").text, "");
    }

    #[test]
    fn letters_of_other_encodings_are_read() {
        assert_eq!(decode("\u{feff}Ünï".as_bytes()).unwrap(), "Ünï");
        assert_eq!(decode(b"caf\xe9 \x97 na\xefve").unwrap(), "café — naïve");
        let named = b"Character set encoding: ISO-8859-2\r\n\r\n\xb1\xea";
        assert!(decode(named).unwrap().ends_with("ąę"));
        let mistaken = b"Character set encoding: ISO Latin-1\n\xe9";
        assert!(decode(mistaken).unwrap().ends_with('é'));
        assert_eq!(decode(b"\xff\xfea\0b\0").unwrap(), "ab");
        assert_eq!(decode(b"PK\0\x01"), None);
    }

    proptest! {
        #![proptest_config(crate::property())]

        #[test]
        fn any_text_is_taken_apart(text in "([*]{0,3} ?(START OF THE PROJECT GUTENBERG|END OF THIS PROJECT GUTENBERG|END[*]THE SMALL PRINT|Produced by|Title:|é|#|\\[EBook #|\\]|\\*\\*\\*)?[ \r\n]{0,2}){0,12}") {
            let book = book(&text);
            prop_assert!(text.contains(book.text));
            prop_assert_eq!(book.text.trim_end(), book.text);
        }

        #[test]
        fn any_bytes_are_a_text_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(text) = decode(&bytes) {
                prop_assert!(!text.contains('\0') || bytes.contains(&0));
            }
        }
    }
}
