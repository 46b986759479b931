//! The model as text: `\data\`, then the n-grams of each order with log10 probability and backoff.

use super::grams::Gram;
use crate::error::TrainingError;
use crate::strings::Strings;
use durable::AtomicFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

/// The number written for the logarithm of zero.
const LOG10_ZERO: f32 = -99.0;

/// The n-grams of one order, as text in a temporary file, since the header with their number comes
/// first.
pub(super) struct Section {
    order: usize,
    has_backoff: bool,
    text: BufWriter<File>,
    grams: u64,
}

impl Section {
    pub(super) fn create(order: usize, has_backoff: bool, folder: &Path) -> io::Result<Self> {
        let text = BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(folder)?);
        Ok(Self { order, has_backoff, text, grams: 0 })
    }

    pub(super) fn grams(&self) -> u64 {
        self.grams
    }

    pub(super) fn push(
        &mut self,
        gram: &Gram,
        probability: f32,
        backoff: f32,
        vocabulary: &Strings,
    ) -> io::Result<()> {
        let text = &mut self.text;
        // Rounding may have made the probability larger than 1.
        number(text, log10(probability.min(1.0)))?;
        let mut blank = '\t';
        for word in gram.words[..self.order].iter().rev() {
            write!(text, "{blank}{}", vocabulary.get(*word))?;
            blank = ' ';
        }
        if self.has_backoff {
            text.write_all(b"\t")?;
            number(text, log10(backoff))?;
        }
        text.write_all(b"\n")?;
        self.grams += 1;
        Ok(())
    }
}

fn log10(value: f32) -> f32 {
    if value > 0.0 { value.log10() } else { LOG10_ZERO }
}

/// Returns the shortest text that parses to the same number, in KenLM's format.
fn number(text: &mut impl Write, value: f32) -> io::Result<()> {
    match value.abs() {
        0.0 => write!(text, "0"),
        size if size < 1e-6 => write!(text, "{value:e}"),
        _ => write!(text, "{value}"),
    }
}

/// Writes the model to `path`, compressed if the name ends in `.gz`.
pub(super) fn write(path: &Path, sections: Vec<Section>) -> Result<(), TrainingError> {
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let write = || {
        let mut file = AtomicFile::create(path)?;
        if is_gzip {
            let mut gzip = GzEncoder::new(&mut file, Compression::default());
            write_all(&mut gzip, sections)?;
            gzip.finish()?;
        } else {
            write_all(&mut file, sections)?;
        }
        file.finish()?.publish()
    };
    write().map_err(TrainingError::write(path))
}

fn write_all(file: &mut dyn Write, sections: Vec<Section>) -> io::Result<()> {
    file.write_all(b"\\data\\\n")?;
    for section in &sections {
        writeln!(file, "ngram {}={}", section.order, section.grams)?;
    }
    for section in sections {
        write!(file, "\n\\{}-grams:\n", section.order)?;
        let mut text = section.text.into_inner().map_err(io::IntoInnerError::into_error)?;
        text.rewind()?;
        io::copy(&mut text, file)?;
    }
    file.write_all(b"\n\\end\\\n")
}
