//! Separates the book from Gutenberg's own notices in a text file of Project Gutenberg.
//!
//! Headers and footers have had many forms since 1991. The lines that mark them come from the
//! package `gutenberg` (`_domain_model/text.py`, after Johannes Krugel's `strip_headers.cpp`). Only
//! those that begin or end something by themselves are used; its many lines of thanks are left to a
//! rule on whole paragraphs.
//!
//! A marker line is not enough by itself, since collected works have one after each volume. The
//! text between it and the next marker is removed only if it reads like a notice of Gutenberg's
//! (`is_notice`).

use std::borrow::Cow;

/// Most lines of a header: the longest, of 1995, have 350.
const HEADER_LINES_MAX: usize = 1000;

/// Most lines of one marker: a long title is broken over several lines.
const MARKER_LINES_MAX: usize = 5;

/// Most paragraphs of thanks after a header, and most lines in each.
const CREDITS_MAX: usize = 3;
const CREDIT_LINES_MAX: usize = 12;

/// Bytes at the head of a file in which its encoding is looked for.
const DECLARATION_BYTES_MAX: usize = 1 << 16;

/// A book, and the facts about it from its header.
#[derive(Debug, Default, PartialEq)]
pub struct Book<'t> {
    /// The text without headers and footers, with its original line ends.
    pub text: Cow<'t, str>,
    /// `Title`, `Author` and similar fields, in the header's order.
    pub fields: Vec<(&'static str, String)>,
    /// Gutenberg's number: `[EBook #11]`.
    pub number: Option<u64>,
}

/// The header's fields that are published, and their names here.
const FIELDS: [(&str, &str); 6] = [
    ("title", "title"),
    ("author", "author"),
    ("editor", "editor"),
    ("translator", "translator"),
    ("language", "language"),
    ("release date", "release_date"),
];

/// Beginnings of the lines after which the text starts, in lower case and without leading stars and
/// blanks.
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

/// Beginnings of the lines that end the text before them, in the same form.
const ENDS: [&str; 3] = ["end of this etext of", "start: full license", "start full license"];

/// First words of a line that ends a text if it also names the project, in the languages of
/// Gutenberg's notices.
const END_WORDS: [&str; 11] =
    ["end", "ende", "fin", "fine", "fim", "slut", "einde", "loppu", "koniec", "konec", "finis"];

/// The project's name in those languages.
const PROJECT: [&str; 9] = [
    "project gutenberg",
    "projekt gutenberg",
    "projet gutenberg",
    "proyecto gutenberg",
    "progetto gutenberg",
    "projeto gutenberg",
    "projektin gutenberg",
    "gutenberg project",
    "gutenberg-projekt",
];

/// Longer lines are sentences of the text.
const END_LINE_BYTES_MAX: usize = 160;

/// Words of Gutenberg's notices.
const NOTICE_WORDS: [&str; 14] = [
    "gutenberg",
    "project",
    "etext",
    "e-text",
    "ebook",
    "license",
    "redistribut",
    "small print",
    "copyright",
    "public domain",
    "donat",
    "warrant",
    "liab",
    "refund",
];

/// A notice has at least one such word per this many bytes, and at most this many bytes between two
/// of them. The licences of 1994, 2003 and today have one in some 80 bytes, and gaps of at most
/// 1,027.
const NOTICE_BYTES_PER_WORD: usize = 600;
const NOTICE_GAP_BYTES_MAX: usize = 1500;

/// Shorter pieces after the end of a text count as notices, whatever their words.
const NOTICE_BYTES_MIN: usize = 200;

/// Beginnings of a paragraph of thanks, in the same form.
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

/// Splits a file into the book and its header's fields. A file without any marker is all book.
///
/// ```
/// let file = "Title: A Tale\n\n*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***\n\nOnce.\n";
/// let book = text::gutenberg::book(file);
/// assert_eq!(book.text.trim(), "Once.");
/// assert_eq!(book.fields, [("title", "A Tale".to_owned())]);
/// ```
pub fn book(text: &str) -> Book<'_> {
    let (start, header) = start(text).unwrap_or_default();
    let mut pieces = Vec::new();
    let mut from = start;
    let mut ends = lines(&text[start..]).filter(|(_, line)| ends_text(line));
    loop {
        let end = ends.next().map(|(at, line)| (start + at, start + at + line.len()));
        let piece = &text[from..end.map_or(text.len(), |(at, _)| at)];
        if pieces.is_empty() || !is_notice(piece) {
            pieces.push(if from == start { piece } else { without_header(piece) });
        }
        match end {
            Some((_, end)) => from = end,
            None => break,
        }
    }
    let (fields, number) = fields(&text[..header]);
    let first = if header > 0 || start > 0 { without_credits(pieces[0]) } else { pieces[0] };
    let text = match &pieces[1..] {
        [] => trim_lines(first).into(),
        more => {
            let pieces = [first].into_iter().chain(more.iter().copied()).map(trim_lines);
            let pieces = pieces.filter(|piece| !piece.is_empty());
            pieces.collect::<Vec<_>>().join("\n\n\n").into()
        }
    };
    Book { text, fields, number }
}

/// Returns the encoding that the header names: `Character set encoding: ISO-8859-1`.
pub fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let mut named = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        let (name, value) = (line.get(..23)?, line.get(23..)?);
        name.eq_ignore_ascii_case(b"character set encoding:").then(|| value.trim_ascii())
    });
    Some(String::from_utf8_lossy(named.next()?).into_owned())
}

/// Whether a line marks the end of the text before it.
fn ends_text(line: &str) -> bool {
    if begins(line, &ENDS) {
        return true;
    }
    let line = line.trim_start_matches(['*', ' ', '\t']);
    let word = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    if line.len() > END_LINE_BYTES_MAX
        || !END_WORDS.iter().any(|end| end.eq_ignore_ascii_case(word))
    {
        return false;
    }
    let line = line.to_ascii_lowercase();
    PROJECT.iter().any(|name| line.contains(name))
}

/// Whether a piece of a file is a notice of Gutenberg's or nearly empty.
fn is_notice(piece: &str) -> bool {
    let piece = piece.trim();
    let lower = piece.to_ascii_lowercase();
    let mut words: Vec<usize> = vec![0, piece.len()];
    for word in NOTICE_WORDS {
        words.extend(lower.match_indices(word).map(|(at, _)| at));
    }
    words.sort_unstable();
    let is_dense = (words.len() - 2) * NOTICE_BYTES_PER_WORD >= piece.len();
    let is_even = || words.windows(2).all(|two| two[1] - two[0] <= NOTICE_GAP_BYTES_MAX);
    piece.len() < NOTICE_BYTES_MIN || is_dense && is_even()
}

/// Returns the text after the last line that ends a header, if everything before it is a notice.
fn without_header(piece: &str) -> &str {
    let found = start(piece).filter(|(_, header)| is_notice(&piece[..*header]));
    found.map_or(piece, |(start, _)| &piece[start..])
}

/// Returns the lines, each with the offset of its first byte.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

/// Whether a line begins with one of `marks`, in any case and after any stars and blanks.
fn begins(line: &str, marks: &[&str]) -> bool {
    let line = line.trim_start_matches(['*', ' ', '\t']);
    let has =
        |mark: &&str| line.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    marks.iter().any(has)
}

/// Returns the start of the text and the end of the header before it. They are at the last start
/// marker that only notices separate from the first one, before the first marker of a text's end.
fn start(text: &str) -> Option<(usize, usize)> {
    let head = lines(text).take(HEADER_LINES_MAX).take_while(|(_, line)| !ends_text(line));
    let mut found = None;
    for (at, line) in head.filter(|(_, line)| begins(line, &STARTS)) {
        let from = found.map_or(0, |(at, line): (usize, &str)| at + line.len());
        if found.is_some() && !is_notice(&text[from..at]) {
            break;
        }
        found = Some((at, line));
    }
    let (at, line) = found?;
    if !line.starts_with('*') || line.trim_end().ends_with('*') {
        return Some((at + line.len(), at));
    }
    // The title in it may span several lines, up to the stars at its end.
    let more = lines(&text[at..]).skip(1).take(MARKER_LINES_MAX - 1);
    let more = more.take_while(|(_, line)| !line.trim().is_empty());
    let last = more.filter(|(_, line)| line.trim_end().ends_with("***")).last();
    Some((last.map_or(at + line.len(), |(from, line)| at + from + line.len()), at))
}

/// Returns the text after the paragraphs that credit the makers of the file.
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

/// Removes the blank lines at both ends. The first line keeps its indent.
fn trim_lines(text: &str) -> &str {
    let text = text.trim_end();
    let first = lines(text).find(|(_, line)| !line.trim().is_empty());
    first.map_or("", |(at, _)| &text[at..])
}

/// Reads header lines such as `Title: Emma`. A value may continue in indented lines.
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

/// Returns the number in `[EBook #11]` or `[Etext #11]`.
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
    fn a_book_is_the_text_between_the_markers() {
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
    fn the_small_print_after_the_text_starts_no_book() {
        let text = "*** START OF THE PROJECT GUTENBERG EBOOK, X ***\nText.\n*** END OF THE PROJECT \
            GUTENBERG EBOOK, X ***\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*END*\nmore\n";
        assert_eq!(book(text).text, "Text.");
    }

    #[test]
    fn a_marker_may_span_lines() {
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
    fn a_header_may_name_the_encoding() {
        let file = b"Title: X\r\nCharacter set encoding: ISO-8859-2\r\n\r\n\xb1\xea";
        assert_eq!(declared_encoding(file).as_deref(), Some("ISO-8859-2"));
        assert_eq!(declared_encoding(b"Title: X\n"), None);
    }

    /// A volume with words of its own.
    fn volume(name: &str, lines: usize) -> String {
        (0..lines).map(|n| format!("{name}: the keeper wrote line {n} of his journal.\n")).collect()
    }

    const START: &str = "*** START OF THE PROJECT GUTENBERG EBOOK WORKS ***\n";
    const END: &str = "*** END OF THE PROJECT GUTENBERG EBOOK WORKS ***\n";
    const LICENCE: &str = "Updated editions will replace the previous one. Redistribution is \
        subject to the license of the Project Gutenberg ebook. Donations are welcome.\n";

    /// Asserts that the book has all of these volumes, in this order, and nothing of Gutenberg's.
    fn has_volumes(text: &str, volumes: &[&String]) {
        let expected: Vec<&str> = volumes.iter().map(|volume| volume.trim_end()).collect();
        assert_eq!(book(text).text, expected.join("\n\n\n"));
    }

    #[test]
    fn collected_works_have_all_their_volumes() {
        let volumes = ["one", "two", "three"].map(|name| volume(name, 120));
        let [one, two, three] = &volumes;
        let inner = "End of this Project Gutenberg Etext of Lamps, v1\n\n";
        let tail = format!("End of the Project Gutenberg EBook of Works\n\n{END}{LICENCE}");
        let all = [one, two, three];
        has_volumes(&format!("{START}{one}{inner}{two}{inner}{three}{inner}{tail}"), &all);
        // Without an end marker after the last volume.
        has_volumes(&format!("{START}{one}{inner}{two}{inner}{three}"), &all);
        // Whole files joined, each with its header and licence.
        let file = |text: &String| format!("Title: Lamps\n\n{START}{text}{END}{LICENCE}\n\n");
        has_volumes(&all.map(file).concat(), &all);
        // A short first volume, and the header of the next in its old form.
        let short = volume("short", 40);
        let small_print = "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nThis \
            etext is in the public domain. Copyright laws are changing.\n*END*THE SMALL PRINT!*\n";
        let text = format!("{small_print}{short}{inner}{small_print}{two}");
        has_volumes(&text, &[&short, two]);
        // No line marks the end of the first one, so the header inside is text.
        let joined = format!("{short}{small_print}{two}");
        has_volumes(&format!("{START}{joined}{END}"), &[&joined]);
    }

    #[test]
    fn notices_of_other_languages_end_a_text() {
        for end in [
            "Ende dieses Projekt Gutenberg Etextes X",
            "Fin du Projet Gutenberg de X",
            "Fine del Progetto Gutenberg",
            "*** Fin de Project Gutenberg's X ***",
        ] {
            let text = format!("{START}Text.\n\n{end}\n{LICENCE}");
            assert_eq!(book(&text).text, "Text.", "{end}");
        }
        let line = "End of May, the professor read a book of Gutenberg's.";
        assert_eq!(book(&format!("{START}{line}\nMore.\n{END}")).text, format!("{line}\nMore."));
    }

    #[test]
    fn a_licence_is_removed_however_it_is_introduced() {
        let text = format!("{START}Text.\n\n*** START: FULL LICENSE ***\n{LICENCE}{LICENCE}");
        assert_eq!(book(&text).text, "Text.");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_text_is_split(text in "([*]{0,3} ?(START OF THE PROJECT GUTENBERG|END OF THIS PROJECT GUTENBERG|END[*]THE SMALL PRINT|Produced by|Title:|é|#|\\[EBook #|\\]|\\*\\*\\*)?[ \r\n]{0,2}){0,12}") {
            let book = book(&text);
            prop_assert!(book.text.split("\n\n\n").all(|piece| text.contains(piece)));
            prop_assert_eq!(book.text.trim_end(), &book.text[..]);
        }
    }
}
