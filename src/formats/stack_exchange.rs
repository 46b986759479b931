//! The posts of a StackExchange site, joined to threads.
//!
//! A site's dump is a table of rows, `Posts.xml`, plain, compressed or in the 7z archive that
//! archive.org has. A question and its answers are rows far apart. [`Threads`] reads the rows once,
//! sorts them by question in bounded memory, and returns each question with its answers
//! (RedPajama-Data@rp_v1 `data_prep/stack_exchange/filter.py`).
//!
//! Every row is in exactly one [`SiteRecord`]: in a thread, or an orphan with the reason why it is
//! in none.

mod archive;
mod rows;
mod site;
mod sort;
#[cfg(test)]
mod tests;
mod threads;

pub use site::{is_site, may_hold_posts, name, rows};
pub use threads::{Answer, Limits, OrphanRow, Question, SiteRecord, Thread, Threads};
