//! OLMo-core's token arrays, as dolma's `python/dolma/tokenizer/memmap_writer.py` writes them.
//!
//! - `X.npy` is not in NumPy's format: it has the tokens and no header.
//! - `X.csv.gz` has a line `start,end,id,src,loc` for each document: the first of its tokens in the
//!   file, the one after the last, the id, the source, and the number of the record in it.

use super::file::Output;
use super::{Sequence, Writer, Written};
use crate::Error;
use corpus::export::Destination;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;

pub(super) struct Npy {
    npy: Output,
    csv: GzEncoder<Output>,
    csv_path: PathBuf,
    tokens: u64,
}

impl Npy {
    pub fn create(out: &dyn Destination, files: &[String]) -> Result<Npy, Error> {
        let npy = Output::create(out, &files[0])?;
        let csv = GzEncoder::new(Output::create(out, &files[1])?, Compression::default());
        Ok(Npy { npy, csv, csv_path: out.path(&files[1]), tokens: 0 })
    }
}

impl Writer for Npy {
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error> {
        let Sequence { tokens, begin, end, source, record, .. } = *document;
        let (id, source) = (quoted(&format!("{source}#{record}")), quoted(source));
        let line = format!("{begin},{end},{id},{source},{record}\n");
        self.csv.write_all(line.as_bytes()).map_err(Error::io(&self.csv_path))?;
        self.tokens = end;
        self.npy.write(tokens)
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, Error> {
        let Npy { npy, csv, csv_path, tokens } = *self;
        let csv = csv.finish().map_err(Error::io(&csv_path))?;
        Ok(vec![npy.publish(tokens)?, csv.publish(tokens)?])
    }
}

/// A field of a CSV file, in quotes if it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_are_quoted_if_they_need_it() {
        assert_eq!(super::quoted("c4/en/a.json"), "c4/en/a.json");
        assert_eq!(super::quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
