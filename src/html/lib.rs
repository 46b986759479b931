//! HTML to text, for pages of any quality, in time linear in the page.
//!
//! The parser follows libxml2's for HTML and also reads XHTML. There are two kinds of text:
//! [`html_text`] returns what BeautifulSoup's `get_text()` returns, character by character, for bs4
//! 4.13 and later over libxml2 2.14 and later; [`add_text`] returns the lines and paragraphs that a
//! reader of a book sees. Only the text and the open elements of a page are held in memory.

mod blank;
mod elements;
mod lines;
mod markup;
mod soup;

pub use lines::{Page, add_text};
pub use soup::html_text;

/// Receives the elements and strings of a page. For each `start` there is at most one `end`, and
/// they are nested.
trait Sink {
    /// Whether the page may be XML: its CDATA sections are text, and its document type may declare
    /// entities, which are never expanded.
    const MAY_BE_XML: bool;

    /// Begins an element. The name is in lower case.
    fn start(&mut self, name: &str);

    /// Ends an element, explicitly or implicitly.
    fn end(&mut self, name: &str);

    /// Adds text with its references decoded.
    fn data(&mut self, text: &str);

    /// Handles a comment or anything else that ends a string.
    fn end_string(&mut self);
}
