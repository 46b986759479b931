//! The posts of a StackExchange site, joined to threads.
//!
//! A site's dump is a table of rows, `Posts.xml`, alone or compressed or in the 7z archive that
//! archive.org has; a question and its answers are rows far apart. [`Threads`] reads the rows once,
//! sorts them by question in bounded memory ([`sort`]), and gives each question with its answers
//! (RedPajama-Data@rp_v1 `data_prep/stack_exchange/filter.py`).
//!
//! Every row is in exactly one [`Found`]: in a thread, or alone with the reason why it is in none.

mod archive;
mod rows;
mod site;
mod sort;
#[cfg(test)]
mod tests;
mod threads;

pub use site::{is_site, may_hold_posts, name, rows};
pub use threads::{Alone, Answer, Found, Limits, Question, Thread, Threads};
