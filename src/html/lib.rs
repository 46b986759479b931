//! The text of HTML pages, of any quality, in time linear in the page.
//!
//! One parser, libxml2's of HTML, and two texts: [`html_text`] is what BeautifulSoup's `get_text()`
//! returns, character by character, for bs4 4.13 and later over libxml2 2.14 and later;
//! [`add_text`] is what a reader of a book sees, in lines and paragraphs. XHTML is read by the same
//! parser. Nothing of a page is held but its text and the open elements.

mod elements;
mod lines;
mod markup;
mod soup;

pub use lines::{Page, add_text};
pub use soup::html_text;

/// What becomes of the elements and strings of a page. For each `start` there is at most one `end`,
/// and they are nested.
trait Sink {
    /// Whether the page may be XML: its CDATA sections are text, and its document type may declare
    /// entities, which are never expanded.
    const MAY_BE_XML: bool;

    /// An element begins. Its name is in lower case.
    fn start(&mut self, name: &str);

    /// An element ends, by its end tag or because it cannot go on.
    fn end(&mut self, name: &str);

    /// Text, its references decoded.
    fn data(&mut self, text: &str);

    /// A comment, or whatever else ends a string.
    fn end_string(&mut self);
}
