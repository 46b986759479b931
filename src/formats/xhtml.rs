//! The text of an XHTML page: all of it, in the lines that a reader sees.

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesRef, Event};

/// What stands between two pieces of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Blank,
    Line,
    Paragraph,
}

/// The gap that an element makes before and after it.
fn gap(element: &str) -> Gap {
    match element {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "ul" | "ol"
        | "dl" | "table" | "hr" | "section" | "article" | "aside" | "header" | "footer"
        | "figure" | "nav" | "body" => Gap::Paragraph,
        "div" | "br" | "li" | "dt" | "dd" | "tr" | "caption" | "figcaption" | "address" => {
            Gap::Line
        }
        "td" | "th" => Gap::Blank,
        _ => Gap::None,
    }
}

/// Elements of which nothing is text of the page: the readings of ruby are said beside its text.
const SILENT: [&str; 7] = ["head", "script", "style", "svg", "rt", "rp", "template"];

/// Adds the text of a page to `text`, as a paragraph of its own. Blanks are one blank, but in
/// `pre`; blocks stand on lines of their own, paragraphs behind an empty one. Of a page that breaks
/// off or is no XML, what comes before is taken, and the error says where that ends.
///
/// An element that is never closed, or closed without having been open, is as good as any other;
/// and entities that the page defines itself are left as they are, so that nothing can grow.
pub(crate) fn add_text(page: &str, text: &mut String) -> Result<(), String> {
    let mut reader = Reader::from_str(page);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut lines = Lines { text, gap: Gap::Paragraph, preformatted: 0 };
    // The silent element that is open, and how many of its name are in it.
    let mut silent: Option<(String, u32)> = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("byte {} of the page: {error}", reader.error_position()))?;
        if let Some((name, depth)) = &mut silent {
            match event {
                Event::Start(start) if start.local_name().as_ref() == name => *depth += 1,
                Event::End(end) if end.local_name().as_ref() == name => *depth -= 1,
                Event::Eof => return Ok(()),
                _ => {}
            }
            if *depth == 0 {
                silent = None;
            }
            continue;
        }
        match event {
            Event::Start(start) => {
                let name = start.local_name();
                if SILENT.contains(&name.as_ref()) {
                    silent = Some((name.as_ref().to_owned(), 1));
                }
                lines.preformatted += u32::from(name.as_ref() == "pre");
                lines.open(gap(name.as_ref()));
            }
            Event::End(end) => {
                let name = end.local_name();
                let closed = u32::from(name.as_ref() == "pre");
                lines.preformatted = lines.preformatted.saturating_sub(closed);
                lines.open(gap(name.as_ref()));
            }
            Event::Empty(empty) => lines.open(gap(empty.local_name().as_ref())),
            Event::Text(piece) => lines.add(&piece),
            Event::CData(piece) => lines.add(&piece),
            Event::GeneralRef(entity) => lines.add_entity(&entity),
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The text as it grows.
struct Lines<'t> {
    text: &'t mut String,
    /// What stands before the next character, if there is text before it.
    gap: Gap,
    /// Elements `pre` that are open.
    preformatted: u32,
}

impl Lines<'_> {
    fn open(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn add(&mut self, piece: &str) {
        for c in piece.chars() {
            if c.is_ascii_whitespace() && (self.preformatted == 0 || self.gap >= Gap::Line) {
                self.open(Gap::Blank);
                continue;
            }
            if !self.text.is_empty() {
                self.text.push_str(match self.gap {
                    Gap::None => "",
                    Gap::Blank => " ",
                    Gap::Line => "\n",
                    Gap::Paragraph => "\n\n",
                });
            }
            self.gap = Gap::None;
            self.text.push(c);
        }
    }

    fn add_entity(&mut self, entity: &BytesRef<'_>) {
        match (entity.resolve_char_ref(), resolve_html5_entity(entity)) {
            (Ok(Some(c)), _) => self.add(c.encode_utf8(&mut [0; 4])),
            (_, Some(known)) => self.add(known),
            _ => {
                self.add("&");
                self.add(entity);
                self.add(";");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: &str) -> String {
        let mut text = String::new();
        add_text(page, &mut text).unwrap();
        text
    }

    #[test]
    fn blocks_stand_on_lines_of_their_own() {
        let page = "<html><head><title>no</title></head><body><h1>One</h1>\n<p>Two <i>three</i>\n  \
            four.</p><div>Five<br/>six</div><ul><li>a</li><li>b</li></ul></body></html>";
        assert_eq!(text(page), "One\n\nTwo three four.\n\nFive\nsix\n\na\nb");
    }

    #[test]
    fn blanks_of_preformatted_text_stay() {
        assert_eq!(text("<p>x</p><pre>a\n  b\n\nc</pre> y"), "x\n\na\n  b\n\nc\n\ny");
    }

    #[test]
    fn entities_are_characters_and_none_of_the_pages_own_grows() {
        assert_eq!(text("<p>&lt;&#233;&#x2014;&nbsp;&hellip;&amp;</p>"), "<é—\u{a0}…&");
        let bomb = "<!DOCTYPE html [<!ENTITY a 'xxxx'><!ENTITY b '&a;&a;'>]><p>&b; &#0; & c</p>";
        assert_eq!(text(bomb), "&b; &#0; & c");
    }

    #[test]
    fn what_is_silent_is_left_out_however_it_is_nested() {
        assert_eq!(
            text("<p>a<svg><svg/>x<svg>y</svg></svg>b<ruby>漢<rt>kan</rt></ruby></p>"),
            "ab漢"
        );
        assert_eq!(text("<p>a<script>b"), "a");
    }

    #[test]
    fn unclosed_elements_are_no_error_and_a_broken_tag_is() {
        assert_eq!(text("<p>a<p>b</div>c"), "a\n\nb\nc");
        let mut found = String::new();
        let error = add_text("<p>a</p><p>b</p <", &mut found).unwrap_err();
        assert!(error.contains("byte"), "{error}");
        assert!(found.starts_with("a"), "{found}");
    }

    #[test]
    fn depth_takes_no_stack() {
        let deep = "<div>".repeat(200_000);
        assert_eq!(text(&format!("{deep}x")), "x");
    }
}
