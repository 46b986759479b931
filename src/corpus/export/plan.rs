//! Which files are written, and which documents are in each.
//!
//! The cut depends on the documents of a label alone, in their order: a file ends before the
//! document with which it would have more than the given number of bytes, counted as they are
//! stored. How the segments of the corpus are cut has no influence.

use super::scan::{Scan, ScannedLine};
use super::split::Splits;
use sha2::{Digest, Sha256};

/// A file of the export before it is written.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// Number of its label, among those exported.
    pub label: usize,
    /// Number of its split.
    pub part: usize,
    /// Path in the folder of the export, without the extension.
    pub stem: String,
    /// The segment of the label in which its first document is.
    pub segment: usize,
    /// Documents of its part in that segment that are in files before it.
    pub skipped: u64,
    pub documents: u64,
    pub text_bytes: u64,
    /// Bytes of its documents as they are stored.
    pub line_bytes: u64,
    /// Digest of its documents, in their order.
    pub digest: [u8; 32],
}

/// Cuts a label into files.
pub(super) struct Cutter<'a> {
    label: usize,
    /// `slice/label`.
    name: String,
    splits: &'a Splits,
    shard_bytes: Option<u64>,
    parts: Vec<Part>,
    done: Vec<Planned>,
}

/// The files of one part.
struct Part {
    open: Option<(Planned, Sha256)>,
    /// Number of the next file.
    number: u64,
    /// Documents in the current segment.
    in_segment: u64,
}

impl<'a> Cutter<'a> {
    pub fn new(
        label: usize,
        name: String,
        splits: &'a Splits,
        shard_bytes: Option<u64>,
    ) -> Cutter<'a> {
        let part = || Part { open: None, number: 0, in_segment: 0 };
        let parts = std::iter::repeat_with(part).take(splits.parts()).collect();
        Cutter { label, name, splits, shard_bytes, parts, done: Vec::new() }
    }

    /// Adds the documents of a segment. Segments come in their order.
    pub fn add(&mut self, segment: usize, scan: &Scan) {
        self.parts.iter_mut().for_each(|part| part.in_segment = 0);
        for line in &scan.lines {
            self.add_line(segment, line);
        }
    }

    fn add_line(&mut self, segment: usize, line: &ScannedLine) {
        let is_full = |(file, _): &mut (Planned, Sha256)| {
            self.shard_bytes.is_some_and(|most| file.line_bytes + line.bytes > most)
        };
        let part = &mut self.parts[line.part];
        if let Some(full) = part.open.take_if(is_full) {
            self.done.push(finished(full));
        }
        let open = part.open.take();
        let skipped = part.in_segment;
        let open = open.unwrap_or_else(|| (self.begin(line.part, segment, skipped), Sha256::new()));
        let part = &mut self.parts[line.part];
        let (file, digest) = part.open.insert(open);
        file.documents += 1;
        file.text_bytes += line.text_bytes;
        file.line_bytes += line.bytes;
        digest.update(line.digest);
        part.in_segment += 1;
    }

    fn begin(&mut self, part: usize, segment: usize, skipped: u64) -> Planned {
        let mut stem = self.name.clone();
        if let Some(split) = self.splits.name(part) {
            stem += &format!("-{split}");
        }
        if self.shard_bytes.is_some() {
            stem += &format!("-{:05}", self.parts[part].number);
            self.parts[part].number += 1;
        }
        Planned {
            label: self.label,
            part,
            stem,
            segment,
            skipped,
            documents: 0,
            text_bytes: 0,
            line_bytes: 0,
            digest: [0; 32],
        }
    }

    /// Returns files that an earlier cut of the same label returned, with their names and label;
    /// `None` if they have parts that there are not.
    pub fn restored(mut self, files: Vec<Planned>) -> Option<Vec<Planned>> {
        let named = |file: Planned| {
            let in_parts = file.part < self.parts.len();
            let name = in_parts.then(|| self.begin(file.part, file.segment, file.skipped))?;
            Some(Planned { label: name.label, stem: name.stem, ..file })
        };
        files.into_iter().map(named).collect()
    }

    /// Returns the files. A label without documents has one, unless it is split or cut.
    pub fn finish(mut self) -> Vec<Planned> {
        let is_one_file = self.splits.is_empty() && self.shard_bytes.is_none();
        if is_one_file && self.parts[0].open.is_none() {
            let empty = self.begin(0, 0, 0);
            self.done.push(finished((empty, Sha256::new())));
        }
        self.done.extend(self.parts.iter_mut().filter_map(|part| part.open.take()).map(finished));
        self.done.sort_by_key(|file| file.part);
        self.done
    }
}

fn finished((file, digest): (Planned, Sha256)) -> Planned {
    Planned { digest: digest.finalize().into(), ..file }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents of these sizes, by segment.
    fn cut(segments: &[&[u64]], splits: &Splits, shard_bytes: Option<u64>) -> Vec<Planned> {
        let mut cutter = Cutter::new(0, "s/l".into(), splits, shard_bytes);
        let mut number = 0u128;
        for (at, sizes) in segments.iter().enumerate() {
            let lines = sizes.iter().map(|&bytes| {
                number += 1;
                let digest = number.to_be_bytes();
                let part = number as usize % splits.parts();
                ScannedLine { part, bytes, text_bytes: bytes / 2, digest }
            });
            cutter.add(at, &Scan { lines: lines.collect(), ..Scan::default() });
        }
        cutter.finish()
    }

    fn shown(files: &[Planned]) -> Vec<(&str, u64, u64, [u8; 32])> {
        let of = |file| {
            let Planned { stem, documents, line_bytes, digest, .. }: &Planned = file;
            (&**stem, *documents, *line_bytes, *digest)
        };
        files.iter().map(of).collect()
    }

    #[test]
    fn files_do_not_depend_on_segments() {
        let splits = Splits::parse("train=0.5,valid=0.5").unwrap();
        for splits in [Splits::default(), splits] {
            for shard_bytes in [None, Some(10), Some(1), Some(100)] {
                let whole = cut(&[&[4, 5, 6, 7, 30, 1, 1, 1, 9]], &splits, shard_bytes);
                let parts =
                    cut(&[&[4], &[], &[5, 6, 7], &[30, 1, 1, 1], &[9]], &splits, shard_bytes);
                assert_eq!(shown(&whole), shown(&parts));
                assert_eq!(whole.iter().map(|file| file.documents).sum::<u64>(), 9);
            }
        }
    }

    #[test]
    fn a_file_ends_before_the_document_that_is_too_much() {
        let files = cut(&[&[4, 5, 6], &[7, 30, 1, 1]], &Splits::default(), Some(10));
        let sizes: Vec<_> = files.iter().map(|file| (&*file.stem, file.line_bytes)).collect();
        let expected = [9, 6, 7, 30, 2];
        assert_eq!(
            sizes,
            ["s/l-00000", "s/l-00001", "s/l-00002", "s/l-00003", "s/l-00004"]
                .into_iter()
                .zip(expected)
                .collect::<Vec<_>>()
        );
        let places: Vec<_> = files.iter().map(|file| (file.segment, file.skipped)).collect();
        assert_eq!(places, [(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn an_empty_label_has_a_file_only_if_it_is_one_file() {
        assert_eq!(cut(&[], &Splits::default(), None).len(), 1);
        assert!(cut(&[&[]], &Splits::default(), Some(10)).is_empty());
        assert!(cut(&[], &Splits::parse("a=1").unwrap(), None).is_empty());
    }
}
