//! datatrove's tokenized files: `src/datatrove/pipeline/tokens/tokenizer.py`; nanotron reads them.
//!
//! - `X.ds` has the tokens.
//! - `X.ds.index` has a `u64`, little-endian, for each document: the number of the token after it.
//! - `X.ds.metadata` has three lines: the tokenizer and the bytes of a token, the number of tokens,
//!   and that number for people.

use super::file::Output;
use super::{Form, Sequence, Writer, Written};
use crate::Error;
use corpus::export::Destination;

pub(super) struct Ds {
    ds: Output,
    index: Output,
    metadata: Output,
    /// `tokenizer|bytes`.
    tokenizer: String,
    tokens: u64,
}

impl Ds {
    pub fn create(out: &dyn Destination, files: &[String], form: Form<'_>) -> Result<Ds, Error> {
        let (name, bytes) = (form.encoder.name(), form.encoder.width().bytes());
        Ok(Ds {
            ds: Output::create(out, &files[0])?,
            index: Output::create(out, &files[1])?,
            metadata: Output::create(out, &files[2])?,
            tokenizer: format!("{name}|{bytes}"),
            tokens: 0,
        })
    }
}

impl Writer for Ds {
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error> {
        self.tokens = document.end;
        self.index.write(&document.end.to_le_bytes())?;
        self.ds.write(document.tokens)
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, Error> {
        let Ds { ds, index, mut metadata, tokenizer, tokens } = *self;
        let shown = for_people(tokens);
        metadata.write(format!("{tokenizer}\n{tokens}\n{shown}").as_bytes())?;
        Ok(vec![ds.publish(tokens)?, index.publish(tokens)?, metadata.publish(tokens)?])
    }
}

/// Three digits and a prefix of the metric system, as datatrove has them: `1.23 GT`.
fn for_people(tokens: u64) -> String {
    const PREFIXES: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let mut scaled = tokens as f64;
    let mut power = 0;
    while scaled >= 999.5 && power + 1 < PREFIXES.len() {
        scaled /= 1e3;
        power += 1;
    }
    let digits = match scaled {
        _ if power == 0 => 0,
        scaled if scaled < 9.995 => 2,
        scaled => usize::from(scaled < 99.95),
    };
    format!("{scaled:.digits$} {}T", PREFIXES[power])
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_for_people_have_three_digits() {
        let shown = [7, 999, 1_234, 56_789, 999_600, 1_210_000_000_000].map(super::for_people);
        assert_eq!(shown, ["7 T", "999 T", "1.23 kT", "56.8 kT", "1.00 MT", "1.21 TT"]);
    }
}
