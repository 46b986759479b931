//! The text of a StackExchange thread: a question and its answers, from HTML to plain text.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/stack_exchange/post_processing.py`, which cleans with
//! BeautifulSoup over lxml. The crate `html` returns the same text.

#[cfg(test)]
mod golden;
mod thread;

pub use thread::{Answer, AnswerOrder, clean, thread_text};
