//! The text of a page of a book, in the lines that a reader sees.

use crate::Sink;
use crate::blank::is_blank;
use crate::markup::parse;

/// The gap between two pieces of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Blank,
    Line,
    Paragraph,
}

/// Returns the gap before and after an element: elements of HTML first, then those of DTBook alone
/// (ANSI/NISO Z39.86).
fn gap(element: &str) -> Gap {
    match element {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "ul" | "ol"
        | "dl" | "table" | "hr" | "section" | "article" | "aside" | "header" | "footer"
        | "figure" | "nav" | "body" | "main" | "hgroup" | "details" | "fieldset" | "form"
        | "center" | "dir" | "menu" | "xmp" | "listing" => Gap::Paragraph,
        "level" | "level1" | "level2" | "level3" | "level4" | "level5" | "level6" | "hd"
        | "doctitle" | "docauthor" | "covertitle" | "list" | "linegroup" | "poem" | "note"
        | "annotation" | "sidebar" | "prodnote" | "imggroup" | "epigraph" | "frontmatter"
        | "bodymatter" | "rearmatter" => Gap::Paragraph,
        "div" | "br" | "li" | "dt" | "dd" | "tr" | "caption" | "figcaption" | "address"
        | "summary" | "legend" | "option" | "line" | "byline" | "dateline" | "author" => Gap::Line,
        "td" | "th" | "lic" => Gap::Blank,
        _ => Gap::None,
    }
}

/// Elements whose content is not text of the page: ruby annotations repeat their base text, and
/// DTBook's page numbers are those of the printed book.
const SILENT: [&str; 8] = ["head", "script", "style", "svg", "rt", "rp", "template", "pagenum"];

/// Other facts about a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its title in the head, with blanks collapsed.
    pub title: Option<String>,
    /// The offset of the tag or comment that is open at the end of the page: the page was cut
    /// short, or a quotation mark is never closed.
    pub cut_at: Option<usize>,
}

/// Adds the text of a page to `text` as a separate paragraph. Blanks are collapsed outside of
/// `pre`, blocks begin a new line, and an empty line precedes each paragraph.
///
/// Entities that the page defines itself are not expanded, so that the text cannot grow.
///
/// ```
/// let mut text = String::new();
/// let page = "<title>A tale</title><h1>One</h1><p>Once\nupon a time.<br>The end.";
/// let found = html::add_text(page, &mut text);
/// assert_eq!(text, "One\n\nOnce upon a time.\nThe end.");
/// assert_eq!(found.title.as_deref(), Some("A tale"));
/// ```
pub fn add_text(page: &str, text: &mut String) -> Page {
    let mut lines =
        Lines { text, gap: Gap::Paragraph, preformatted: 0, silent: 0, title: None, titles: 0 };
    let cut_at = parse(page, &mut lines);
    let title = lines.title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    Page { title: title.filter(|title| !title.is_empty()), cut_at }
}

/// The text so far.
struct Lines<'t> {
    text: &'t mut String,
    /// The gap before the next character, if there is text before it.
    gap: Gap,
    /// Number of open elements: `pre`, silent ones, `title`.
    preformatted: u32,
    silent: u32,
    titles: u32,
    title: Option<String>,
}

impl Lines<'_> {
    fn open(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }
}

/// Returns an element's name without its namespace prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

impl Sink for Lines<'_> {
    const MAY_BE_XML: bool = true;

    fn start(&mut self, name: &str) {
        let name = local(name);
        self.silent += u32::from(SILENT.contains(&name));
        if self.silent > 0 {
            self.titles += u32::from(name == "title");
            return;
        }
        self.preformatted += u32::from(name == "pre");
        self.open(gap(name));
    }

    fn end(&mut self, name: &str) {
        let name = local(name);
        if self.silent > 0 {
            self.titles -= u32::from(name == "title");
            self.silent -= u32::from(SILENT.contains(&name));
            return;
        }
        self.preformatted -= u32::from(name == "pre");
        self.open(gap(name));
    }

    fn data(&mut self, piece: &str) {
        if self.silent > 0 {
            if self.titles > 0 {
                self.title.get_or_insert_default().push_str(piece);
            }
            return;
        }
        for c in piece.chars() {
            if is_blank(c) && (self.preformatted == 0 || self.gap >= Gap::Line) {
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

    fn end_string(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: &str) -> String {
        let mut text = String::new();
        add_text(page, &mut text);
        text
    }

    #[test]
    fn blocks_are_on_lines_of_their_own() {
        let page = "<html><head><title>no</title></head><body><h1>One</h1>\n<p>Two <i>three</i>\n  \
            four.</p><div>Five<br/>six</div><ul><li>a</li><li>b</li></ul></body></html>";
        assert_eq!(text(page), "One\n\nTwo three four.\n\nFive\nsix\n\na\nb");
    }

    #[test]
    fn blanks_of_preformatted_text_stay() {
        assert_eq!(text("<p>x</p><pre>a\n  b\n\nc</pre> y"), "x\n\na\n  b\n\nc\n\ny");
    }

    #[test]
    fn entities_are_characters_and_the_pages_own_are_not_expanded() {
        assert_eq!(text("<p>&lt;&#233;&#x2014;&nbsp;&hellip;&amp;</p>"), "<é—\u{a0}…&");
        let bomb = "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'a' 'b' [<!ENTITY a 'xxxx'>\
            <!ENTITY b '&a;&a;'>]><p>&b; & c</p>";
        assert_eq!(text(bomb), "&b; & c");
    }

    #[test]
    fn silent_elements_are_left_out_however_they_are_nested() {
        assert_eq!(
            text("<p>a<svg><svg/>x<svg>y</svg></svg>b<ruby>漢<rt>kan</rt></ruby></p>"),
            "ab漢"
        );
        assert_eq!(text("<p>a<script>b"), "a");
    }

    #[test]
    fn html_of_any_quality_is_read() {
        assert_eq!(text("<p>a<p>b</div> c"), "a\n\nb c");
        assert_eq!(
            text("<TITLE>t</TITLE><P CLASS=x>a &amp b<BR>c & d < e<LI>f"),
            "a & b\nc & d < e\n\nf"
        );
        assert_eq!(text("<p title=a\"b>x</p><p title='>'>y"), "x\n\ny");
    }

    #[test]
    fn xml_is_recognized_by_its_content() {
        let page = "\u{feff}<?xml version='1.0'?><html xmlns='x'><head><script src='a'/><title/>\
            </head><body><a id='x'/><p>a<![CDATA[ <b> &amp; ]]>c</p><p/><i/>d</body></html>";
        assert_eq!(text(page), "a <b> &amp; c\n\nd");
        let prefixed = "<h:html><h:head><h:title>t</h:title></h:head><h:body><h:p>a</h:p><h:p>b\
            </h:p></h:body></h:html>";
        assert_eq!(text(prefixed), "a\n\nb");
        let dtbook = "<dtbook><head><meta name='x'/></head><book><frontmatter><doctitle>T</doctitle>\
            </frontmatter><bodymatter><level1><h1>One</h1><p>a <pagenum>7</pagenum>b</p><linegroup>\
            <line>c</line><line>d</line></linegroup></level1></bodymatter></book></dtbook>";
        assert_eq!(text(dtbook), "T\n\nOne\n\na b\n\nc\nd");
    }

    #[test]
    fn titles_and_ends_within_tags_are_reported() {
        let mut found = String::new();
        let page = add_text("<head><title> A\n tale </title></head><p>a</p><p>b</p <", &mut found);
        assert_eq!(page, Page { title: Some("A tale".into()), cut_at: Some(49) });
        assert_eq!(found, "a\n\nb");
        assert_eq!(add_text("<p>a</p><!-- never closed", &mut found).cut_at, Some(8));
        assert_eq!(add_text("<p>a</p>b < c <", &mut found), Page::default());
    }

    #[test]
    fn depth_takes_no_stack() {
        let deep = "<div>".repeat(200_000);
        assert_eq!(text(&format!("{deep}x")), "x");
    }
}
