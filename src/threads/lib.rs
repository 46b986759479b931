//! The text of a StackExchange thread: a question and its answers, HTML made plain.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/stack_exchange/post_processing.py`, which cleans with
//! BeautifulSoup over lxml; the crate `html` gives the same text.

#[cfg(test)]
mod golden;
mod thread;

pub use thread::{Answer, AnswerOrder, clean, thread_text};
