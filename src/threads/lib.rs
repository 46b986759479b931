//! The text of a StackExchange thread: a question and its answers, HTML made plain.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/stack_exchange/post_processing.py`, which cleans with
//! BeautifulSoup over lxml. [`html_text`] gives what that `get_text()` gives, character by
//! character, for bs4 4.13 and later over libxml2 2.14 and later. It works in time linear in the
//! HTML and holds nothing of it but the text and the open elements.

mod elements;
#[cfg(test)]
mod golden;
mod markup;
mod soup;
mod thread;

pub use markup::html_text;
pub use thread::{Answer, AnswerOrder, clean, thread_text};
