//! Books as Project Gutenberg's text files have them: what is Gutenberg's in them, and what is the
//! book's.
//!
//! Headers and footers have had many forms since 1991. The lines that tell them are those that the
//! package `gutenberg` (`_domain_model/text.py`, after Johannes Krugel's `strip_headers.cpp`) has
//! found, as far as they begin or end something by themselves: its many lines of thanks are left to
//! a rule on whole paragraphs.
//!
//! No such line is believed by itself: collected works have one after each volume. What stands
//! between it and the next goes only where it reads as a notice of Gutenberg's ([`is_notice`]).

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
    /// The text without headers and footers, its line ends as they were.
    pub text: Cow<'t, str>,
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

/// What begins the text after it, in lower case and without stars and blanks before it.
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
const ENDS: [&str; 3] = ["end of this etext of", "start: full license", "start full license"];

/// First words of a line that ends a text, in the languages of Gutenberg's notices, where the line
/// names the project as well.
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

/// Longer lines are sentences of a text.
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

/// Of so many bytes of a notice, one such word is in it, and between two of them are at most so
/// many. The licences of 1994, 2003 and today have one in some 80 bytes, and 1,027 at most between.
const NOTICE_BYTES_PER_WORD: usize = 600;
const NOTICE_GAP_BYTES_MAX: usize = 1500;

/// Shorter pieces after the end of a text are notices, whatever their words.
const NOTICE_BYTES_MIN: usize = 200;

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
            Some((_, behind)) => from = behind,
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

/// What the header says of the file's encoding: `Character set encoding: ISO-8859-1`.
pub fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let mut named = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        let (name, value) = (line.get(..23)?, line.get(23..)?);
        name.eq_ignore_ascii_case(b"character set encoding:").then(|| value.trim_ascii())
    });
    Some(String::from_utf8_lossy(named.next()?).into_owned())
}

/// Whether a line says that the text before it has ended.
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

/// Whether a piece of a file is a notice of Gutenberg's, or next to nothing.
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

/// What follows the last line that ends a header, if all before it is a notice.
fn without_header(piece: &str) -> &str {
    let found = start(piece).filter(|(_, header)| is_notice(&piece[..*header]));
    found.map_or(piece, |(start, _)| &piece[start..])
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
/// so, as far as only notices stand between them, before the first that says that a text has ended.
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
    // The title in it may go on over some lines, up to the stars at its end.
    let more = lines(&text[at..]).skip(1).take(MARKER_LINES_MAX - 1);
    let more = more.take_while(|(_, line)| !line.trim().is_empty());
    let last = more.filter(|(_, line)| line.trim_end().ends_with("***")).last();
    Some((last.map_or(at + line.len(), |(from, line)| at + from + line.len()), at))
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
    fn a_header_may_name_the_encoding() {
        let named = b"Title: X\r\nCharacter set encoding: ISO-8859-2\r\n\r\n\xb1\xea";
        assert_eq!(declared_encoding(named).as_deref(), Some("ISO-8859-2"));
        assert_eq!(declared_encoding(b"Title: X\n"), None);
    }

    /// A volume whose words are its own.
    fn volume(name: &str, lines: usize) -> String {
        (0..lines).map(|n| format!("{name}: the keeper wrote line {n} of his journal.\n")).collect()
    }

    const START: &str = "*** START OF THE PROJECT GUTENBERG EBOOK WORKS ***\n";
    const END: &str = "*** END OF THE PROJECT GUTENBERG EBOOK WORKS ***\n";
    const LICENCE: &str = "Updated editions will replace the previous one. Redistribution is \
        subject to the license of the Project Gutenberg ebook. Donations are welcome.\n";

    /// The book has all of these volumes, in this order, and nothing of Gutenberg's.
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
        // Without a line at the end of all.
        has_volumes(&format!("{START}{one}{inner}{two}{inner}{three}"), &all);
        // Whole files joined: each with its header and licence.
        let file = |text: &String| format!("Title: Lamps\n\n{START}{text}{END}{LICENCE}\n\n");
        has_volumes(&all.map(file).concat(), &all);
        // A short first volume, and the header of the next in its old form.
        let short = volume("short", 40);
        let small_print = "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nThis \
            etext is in the public domain. Copyright laws are changing.\n*END*THE SMALL PRINT!*\n";
        let text = format!("{small_print}{short}{inner}{small_print}{two}");
        has_volumes(&text, &[&short, two]);
        // No line says that the first one has ended, so the header within is text.
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
    fn a_licence_goes_however_it_is_introduced() {
        let text = format!("{START}Text.\n\n*** START: FULL LICENSE ***\n{LICENCE}{LICENCE}");
        assert_eq!(book(&text).text, "Text.");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_text_is_taken_apart(text in "([*]{0,3} ?(START OF THE PROJECT GUTENBERG|END OF THIS PROJECT GUTENBERG|END[*]THE SMALL PRINT|Produced by|Title:|é|#|\\[EBook #|\\]|\\*\\*\\*)?[ \r\n]{0,2}){0,12}") {
            let book = book(&text);
            prop_assert!(book.text.split("\n\n\n").all(|piece| text.contains(piece)));
            prop_assert_eq!(book.text.trim_end(), &book.text[..]);
        }
    }
}
