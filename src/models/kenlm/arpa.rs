//! ARPA, the text form of n-gram models, read as KenLM reads it (`lm/read_arpa.cc`,
//! `lm/search_hashed.cc`).
//!
//! ```text
//! \data\
//! ngram 1=37                      and so on for each order
//!
//! \1-grams:                       and so on for each order
//! -1.3835 word -0.30103           log10 of probability, words, log10 of backoff if there is one
//!
//! \end\
//! ```
//!
//! Two things are missing in such a file and are derived here: which n-grams are the begin or end
//! of longer ones, and n-grams that a pruning program left out although longer ones end with them.
//! KenLM adds the latter with their probability by backing off.

use super::ORDER_MAX;
use super::model::Model;
use super::table::{Gram, Longest, Middle, NO_EXTENSION, Table, longer_key};
use super::vocabulary::{UNKNOWN, Vocabulary, hash};
use crate::ModelError;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::io::{BufRead, Read};
use std::path::Path;

const LINE_BYTES_MAX: u64 = 1 << 20;
/// KenLM's probability of unknown words if the file has no `<unk>`.
const UNKNOWN_LOG10: f32 = -100.0;

/// N-grams of one order by key, while the model is built.
type Grams = HashMap<u64, Gram, RandomState>;

pub(super) fn read(text: impl BufRead, path: &Path) -> Result<Model, ModelError> {
    let mut lines = Lines { text, path, buffer: Vec::new(), number: 0, offset: 0 };
    let counts = read_counts(&mut lines)?;
    let mut builder = Builder::default();
    builder.read_unigrams(&mut lines, counts[0])?;
    for (order, count) in (2..).zip(&counts[1..]) {
        builder.read_ngrams(&mut lines, order, *count, order == counts.len())?;
    }
    lines.expect("\\end\\")?;
    builder.finish().map_err(|problem| lines.invalid(problem))
}

/// The lines that are not blank.
struct Lines<'p, T> {
    text: T,
    path: &'p Path,
    buffer: Vec<u8>,
    /// Number of the line, from 1.
    number: u64,
    /// Bytes of text read.
    offset: u64,
}

impl<T: BufRead> Lines<'_, T> {
    /// Moves to the next line. Fails at the end of the file.
    fn advance(&mut self) -> Result<(), ModelError> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let mut line = (&mut self.text).take(LINE_BYTES_MAX);
            let read = line.read_until(b'\n', &mut self.buffer).map_err(|source| {
                let (path, offset) = (self.path.to_owned(), self.offset);
                ModelError::Read { path, offset, source }
            })?;
            self.offset += read as u64;
            if read == 0 {
                return Err(self.invalid("the file ends before \\end\\"));
            }
            if read as u64 == LINE_BYTES_MAX {
                return Err(self.invalid("it is too long for a line of an ARPA file"));
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                return Ok(());
            }
        }
    }

    /// Returns the line without its line end.
    fn line(&self) -> &[u8] {
        self.buffer.trim_ascii()
    }

    fn expect(&mut self, expected: &str) -> Result<(), ModelError> {
        self.advance()?;
        if self.line() == expected.as_bytes() {
            return Ok(());
        }
        let found: String = String::from_utf8_lossy(self.line()).chars().take(60).collect();
        Err(self.invalid(format!("expected {expected}, found \"{found}\"")))
    }

    fn invalid(&self, problem: impl Into<String>) -> ModelError {
        let (path, line) = (self.path.to_owned(), self.number);
        ModelError::Line { path, line, problem: problem.into() }
    }
}

fn read_counts<T: BufRead>(lines: &mut Lines<'_, T>) -> Result<Vec<u64>, ModelError> {
    lines.advance()?;
    if lines.line() != b"\\data\\" {
        return Err(ModelError::Unsupported {
            path: lines.path.to_owned(),
            problem: "is not a KenLM model: neither binary nor ARPA text".into(),
            remedy: "use the output of lmplz or build_binary; ARPA text may be compressed with gzip",
        });
    }
    let mut counts: Vec<u64> = Vec::new();
    loop {
        lines.advance()?;
        if lines.line() == b"\\1-grams:" {
            break;
        }
        let count = std::str::from_utf8(lines.line()).ok().and_then(|line| {
            let (order, count) = line.strip_prefix("ngram ")?.split_once('=')?;
            let is_next = order.trim().parse() == Ok(counts.len() + 1);
            count.trim().parse().ok().filter(|_| is_next)
        });
        let Some(count) = count else {
            let expected = format!("expected \"ngram {}=\" and a number", counts.len() + 1);
            return Err(lines.invalid(expected));
        };
        counts.push(count);
    }
    if (2..=ORDER_MAX).contains(&counts.len()) {
        Ok(counts)
    } else {
        Err(ModelError::Unsupported {
            path: lines.path.to_owned(),
            problem: format!("has order {}", counts.len()),
            remedy: "orders 2 to 10 are read: make another",
        })
    }
}

#[derive(Default)]
struct Builder {
    words: HashMap<u64, u32, RandomState>,
    unigrams: Vec<Gram>,
    /// The n-grams from the second order on.
    higher: Vec<Grams>,
}

impl Builder {
    fn read_unigrams<T: BufRead>(
        &mut self,
        lines: &mut Lines<'_, T>,
        count: u64,
    ) -> Result<(), ModelError> {
        self.unigrams.push(Gram { prob: UNKNOWN_LOG10, backoff: NO_EXTENSION });
        for _ in 0..count {
            lines.advance()?;
            let entry = Entry::parse(lines.line(), 1, true);
            let entry = entry.map_err(|problem| lines.invalid(problem))?;
            let name = hash(entry.words[0]);
            let is_unknown = entry.words[0] == b"<unk>" || entry.words[0] == b"<UNK>";
            let gram = entry.gram;
            if is_unknown {
                self.unigrams[UNKNOWN as usize] = gram;
                continue;
            }
            let number = u32::try_from(self.unigrams.len());
            let number = number.map_err(|_| lines.invalid("there are too many words"))?;
            if self.words.insert(name, number).is_some() {
                return Err(lines.invalid("the word occurs twice"));
            }
            self.unigrams.push(gram);
        }
        for marker in ["<s>", "</s>"] {
            if !self.words.contains_key(&hash(marker.as_bytes())) {
                return Err(
                    lines.invalid(format!("{marker} is not among the words before this line"))
                );
            }
        }
        Ok(())
    }

    fn read_ngrams<T: BufRead>(
        &mut self,
        lines: &mut Lines<'_, T>,
        order: usize,
        count: u64,
        is_last: bool,
    ) -> Result<(), ModelError> {
        lines.expect(&format!("\\{order}-grams:"))?;
        self.higher.push(Grams::default());
        for _ in 0..count {
            lines.advance()?;
            let parsed = Entry::parse(lines.line(), order, !is_last).map(|entry| {
                let number = |word: &&[u8]| self.words.get(&hash(word)).copied().unwrap_or(UNKNOWN);
                let mut words = [0; ORDER_MAX];
                // Last word first, the order of keys.
                let names = entry.words[..order].iter().rev();
                names.zip(&mut words).for_each(|(name, word)| *word = number(name));
                (words, entry.gram)
            });
            let (words, gram) = parsed.map_err(|problem| lines.invalid(problem))?;
            self.insert(&words[..order], gram).map_err(|problem| lines.invalid(problem))?;
        }
        Ok(())
    }

    /// Adds an n-gram, last word first, and marks the n-grams that it begins and ends with.
    fn insert(&mut self, words: &[u32], gram: Gram) -> Result<(), String> {
        let order = words.len();
        let context = self
            .get_mut(&words[1..])
            .ok_or_else(|| format!("its first {} words are missing as an n-gram", order - 1))?;
        set_extends_right(context);

        // Derives the missing n-grams that this one ends with from the longest existing one.
        let mut known = order - 1;
        while known > 1 && self.get_mut(&words[..known]).is_none() {
            known -= 1;
        }
        let ends_with = self.get_mut(&words[..known]).ok_or("its last word is missing")?;
        ends_with.prob = ends_with.prob.abs();
        let mut log10 = ends_with.log10();
        for len in known + 1..order {
            if let Some(context) = self.get_mut(&words[1..len]) {
                set_extends_right(context);
                log10 += context.backoff;
            }
            // The sign marks that it extends left.
            let derived = Gram { prob: log10.abs(), backoff: NO_EXTENSION };
            self.higher[len - 2].insert(key(&words[..len]), derived);
        }
        // As in KenLM's tables, of two equal n-grams the first is found.
        self.higher[order - 2].entry(key(words)).or_insert(gram);
        Ok(())
    }

    fn get_mut(&mut self, words: &[u32]) -> Option<&mut Gram> {
        match words {
            [] => None,
            [word] => self.unigrams.get_mut(*word as usize),
            _ => self.higher[words.len() - 2].get_mut(&key(words)),
        }
    }

    fn finish(mut self) -> Result<Model, String> {
        let longest = self.higher.pop().unwrap_or_default();
        let longest: Longest = table(&longest)?;
        let middle: Result<Vec<Middle>, String> = self.higher.iter().map(table).collect();
        let words = self.words.into_iter().collect();
        Ok(Model::new(Vocabulary::new(words), self.unigrams, middle?, longest))
    }
}

fn table<const WAYS: usize>(grams: &Grams) -> Result<Table<WAYS>, String> {
    let mut table = Table::with_capacity(grams.len() as u64)?;
    grams.iter().for_each(|(key, gram)| table.insert(*key, *gram));
    Ok(table)
}

fn key(words: &[u32]) -> u64 {
    let (first, rest) = words.split_first().expect("an n-gram has words");
    rest.iter().fold(u64::from(*first), |key, word| longer_key(key, *word))
}

fn set_extends_right(gram: &mut Gram) {
    if gram.backoff == 0.0 {
        gram.backoff = 0.0;
    }
}

/// A line with an n-gram.
struct Entry<'l> {
    words: [&'l [u8]; ORDER_MAX],
    /// The n-gram, not yet marked as extending either way.
    gram: Gram,
}

impl<'l> Entry<'l> {
    fn parse(line: &'l [u8], order: usize, may_back_off: bool) -> Result<Self, String> {
        // KenLM ends words at these characters. Other blanks belong to the word.
        let mut fields = line
            .split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0))
            .filter(|field| !field.is_empty());
        let prob = fields.next().and_then(number).filter(|prob| *prob <= 0.0);
        let prob = prob.ok_or("it does not begin with the log10 of a probability, at most 0")?;
        let mut words: [&[u8]; ORDER_MAX] = [&[]; ORDER_MAX];
        for word in &mut words[..order] {
            *word = fields.next().ok_or_else(|| format!("it has fewer than {order} words"))?;
        }
        let backoff = match fields.next() {
            None => NO_EXTENSION,
            Some(_) if !may_back_off => {
                return Err("n-grams of the last order have no backoff".into());
            }
            Some(backoff) => number(backoff).ok_or("its backoff is not a number")?,
        };
        if fields.next().is_some() {
            return Err(format!("it has more than {order} words and a backoff"));
        }
        let backoff = if backoff == 0.0 { NO_EXTENSION } else { backoff };
        Ok(Self { words, gram: Gram { prob: -prob.abs(), backoff } })
    }
}

fn number(field: &[u8]) -> Option<f32> {
    let number: f32 = std::str::from_utf8(field).ok()?.parse().ok()?;
    Some(number).filter(|number| !number.is_nan() && *number < f32::INFINITY)
}
