//! Which passages of a text are in an evaluation? An index of the n-grams of evaluation sets, a scan of
//! texts, and what cutting the passages leaves of a text.
//!
//! The rule is that of GPT-3 (Brown et al., "Language Models are Few-Shot Learners", appendix C). A
//! word is what stands between blanks, in lower case and without punctuation. A text is contaminated
//! if it has `ngram` consecutive words of one text of an evaluation. What is ours: accents are
//! removed, and each character of a script without blanks, such as Chinese, is a word. A text of an
//! evaluation that is shorter than an n-gram, but not shorter than `words_min`, counts as one n-gram.
//!
//! A scan hashes some windows of words, each shorter than an n-gram, so that every n-gram has one. Few
//! of them are in a filter of all windows of the evaluations, and only there n-grams are looked up.
//!
//! ```
//! use contamination::{Builder, Rule, Scratch};
//!
//! let mut builder = Builder::new(Rule { ngram: 5, words_min: 5 });
//! builder.begin_set("riddles.jsonl");
//! builder.add(7, "question", "What has keys but can't open locks?")?;
//! let index = builder.finish();
//!
//! let text = "A riddle: WHAT has keys,\nbut cant open locks? A piano.";
//! let found = index.scan(text, &mut Scratch::default()).expect("a passage");
//! assert_eq!(&text[found.passages[0].clone()], "WHAT has keys,\nbut cant open locks");
//! let first = &found.sets[0];
//! assert_eq!((first.set, first.line, &first.field[..]), (0, 7, "question"));
//! assert_eq!((&first.ngram[..], first.places), ("what has keys but cant", 3));
//! # Ok::<(), contamination::TooLarge>(())
//! ```

mod cut;
mod filter;
mod index;
mod scan;
mod words;

pub use cut::{Cut, Cutting, cut};
pub use index::{Builder, Index, Rule, Set, TooLarge};
pub use scan::{Found, FoundSet};
pub use words::Words as Scratch;
