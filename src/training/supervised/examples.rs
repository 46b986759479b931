//! Labelled texts on disk, ordered by their hash.
//!
//! The first bits of the hash choose one of many files, each small enough to be sorted in memory. A
//! record:
//!
//! ```text
//! u64  hash
//! u32  number of the label
//! u32  length of the text
//! text
//! ```

use super::{LABEL_PREFIX, LabelSummary, Summary};
use crate::error::TrainingError;
use crate::strings::Strings;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;
use tempfile::NamedTempFile;

/// 64 files: a set of 20 GB is sorted in 300 MB.
const FILES_BITS: u32 = 6;

pub(super) struct Examples {
    held_out: f64,
    folder: PathBuf,
    labels: Strings,
    files: Vec<BufWriter<File>>,
}

/// A text, and the number of its label in the summary.
pub(super) struct Example<'t> {
    pub(super) label: usize,
    pub(super) text: &'t str,
}

/// Texts in the order of their hashes.
pub(super) struct Sorted {
    folder: PathBuf,
    /// Lines in fastText's format: label, then text.
    pub(super) train: NamedTempFile,
    /// Number of the label, a tab, the text.
    held_out: File,
}

impl Examples {
    pub(super) fn new(held_out: f64, folder: PathBuf) -> Result<Self, TrainingError> {
        let file = |_| Ok(BufWriter::with_capacity(1 << 14, tempfile::tempfile_in(&folder)?));
        let files: io::Result<_> = (0..1 << FILES_BITS).map(file).collect();
        let files = files.map_err(TrainingError::temporary(&folder))?;
        Ok(Self { held_out, folder, labels: Strings::new(), files })
    }

    pub(super) fn push(&mut self, label: &str, text: &str) -> Result<(), TrainingError> {
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        if label.is_empty() || label.contains(is_odd) || label.starts_with(LABEL_PREFIX) {
            let expected = "a label is a word without blanks and without __label__";
            return Err(TrainingError::Setting {
                name: "label",
                value: format!("{label:?}"),
                expected: expected.into(),
            });
        }
        let too_many = || TrainingError::Text("has more than 4,294,967,295 labels".into());
        let number = self.labels.number(label).ok_or_else(too_many)?;
        let text = as_fasttext_reads(text);
        let Ok(len) = u32::try_from(text.len()) else {
            return Err(TrainingError::Text("has a text of more than 4 GiB".into()));
        };
        let hash = hash(&text);
        let file = &mut self.files[(hash >> (u64::BITS - FILES_BITS)) as usize];
        let mut write = || {
            file.write_all(&hash.to_le_bytes())?;
            file.write_all(&number.to_le_bytes())?;
            file.write_all(&len.to_le_bytes())?;
            file.write_all(text.as_bytes())
        };
        write().map_err(TrainingError::temporary(&self.folder))
    }

    /// Orders the texts, and counts them by label.
    pub(super) fn sort(self) -> Result<(Summary, Sorted), TrainingError> {
        let folder = self.folder.clone();
        self.sort_files().map_err(TrainingError::temporary(&folder))
    }

    fn sort_files(self) -> io::Result<(Summary, Sorted)> {
        let Self { held_out, folder, labels, files } = self;
        // By name, so that the order of the examples does not matter.
        let mut by_name: Vec<u32> = (0..labels.len() as u32).collect();
        by_name.sort_by_key(|number| labels.get(*number));
        let mut rank = vec![0; by_name.len()];
        let mut summary = Summary::default();
        for (index, number) in by_name.into_iter().enumerate() {
            rank[number as usize] = index;
            let label = labels.get(number).to_owned();
            summary.labels.push(LabelSummary { label, ..LabelSummary::default() });
        }

        let mut train = BufWriter::new(tempfile::NamedTempFile::new_in(&folder)?);
        let mut held = BufWriter::new(tempfile::tempfile_in(&folder)?);
        // By the lower bits, since the upper ones chose the file.
        let held_until = (held_out * f64::from(u32::MAX)) as u32;
        for file in files {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            let mut records = Vec::new();
            file.read_to_end(&mut records)?;
            drop(file);
            let mut examples = parse(&records);
            examples.sort_by_key(|(hash, label, text)| (*hash, *text, rank[*label as usize]));
            for (hash, label, text) in examples {
                let label = rank[label as usize];
                let of_label = &mut summary.labels[label];
                if (hash as u32) < held_until {
                    of_label.held_out += 1;
                    write!(held, "{label}\t")?;
                    held.write_all(text)?;
                    held.write_all(b"\n")?;
                } else {
                    of_label.trained += 1;
                    write!(train, "{LABEL_PREFIX}{} ", of_label.label)?;
                    train.write_all(text)?;
                    train.write_all(b"\n")?;
                }
            }
        }
        let train = train.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut held_out = held.into_inner().map_err(io::IntoInnerError::into_error)?;
        held_out.rewind()?;
        Ok((summary, Sorted { folder, train, held_out }))
    }
}

impl Sorted {
    pub(super) fn for_each_held_out(
        self,
        mut give: impl FnMut(Example<'_>),
    ) -> Result<(), TrainingError> {
        for line in BufReader::new(self.held_out).lines() {
            let line = line.map_err(TrainingError::temporary(&self.folder))?;
            let (label, text) = line.split_once('\t').expect("each line was written with a tab");
            give(Example { label: label.parse().expect("a number was written"), text });
        }
        Ok(())
    }
}

/// Hash, label and text of the records of a file.
fn parse(mut records: &[u8]) -> Vec<(u64, u32, &[u8])> {
    let mut examples = Vec::new();
    while let Some((head, rest)) = records.split_first_chunk::<16>() {
        let [hash, numbers] = [&head[..8], &head[8..]]
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        let (text, rest) = rest.split_at((numbers >> 32) as usize);
        examples.push((hash, numbers as u32, text));
        records = rest;
    }
    examples
}

fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

/// Returns the words that fastText finds in a line when it predicts (`dictionary.cc: readWord,
/// getLine`), separated by one space.
fn as_fasttext_reads(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let blanks = [' ', '\n', '\r', '\t', '\u{b}', '\u{c}', '\0'];
    for word in text.split(blanks).filter(|word| !word.is_empty()) {
        if word == "</s>" {
            break;
        }
        if !word.starts_with(LABEL_PREFIX) {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
    }
    words
}
