//! Paragraph keys of files, for `sluice bench dedup --input`.

use crate::texts::{is_json, json_texts};
use anyhow::{Result, anyhow};
use document::{DocRef, lines};
use engine::bench::{KeyBatch, KeySource};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use text::ccnet::{page, paragraph_key};

type Texts = Box<dyn Iterator<Item = Result<String>>>;

/// A batch is sent when it has this many keys.
const BATCH_KEYS: usize = 1 << 14;

/// Reads the files of a dump, JSON lines or WET, numbered from `first`. Of n workers each reads
/// every nth file.
pub(crate) fn of_files(files: Arc<[PathBuf]>, first: usize) -> impl Fn(usize, usize) -> KeySource {
    move |worker, workers| {
        let files = files.clone();
        let mut mine = (worker..files.len()).step_by(workers);
        let mut open: Option<(usize, Texts)> = None;
        let (mut keys, mut scratch, mut record) = (Vec::new(), Vec::new(), 0);
        Box::new(move |updates| {
            let mut batch = KeyBatch::default();
            while updates.len() < BATCH_KEYS {
                let Some((file, texts)) = &mut open else {
                    let Some(file) = mine.next() else {
                        return Ok(KeyBatch { is_last: true, ..batch });
                    };
                    let texts = texts(&files[file]).map_err(|error| format!("{error:#}"))?;
                    (open, record) = (Some((file, texts)), 0);
                    continue;
                };
                let Some(text) = texts.next() else {
                    open = None;
                    continue;
                };
                let text = text.map_err(|error| format!("{error:#}"))?;
                keys.clear();
                keys.extend(lines(&text).map(|line| paragraph_key(line, &mut scratch)));
                keys.sort_unstable();
                keys.dedup();
                let at = DocRef::new(0, (first + *file) as u64, record).0;
                updates.extend(keys.iter().map(|key| (*key, at, 1)));
                record += 1;
                batch.documents += 1;
                batch.bytes += text.len() as u64;
            }
            Ok(batch)
        })
    }
}

/// Reads the texts of a file: `text` of JSON lines, by the file's name, else the pages of a WET
/// file.
fn texts(path: &Path) -> Result<Texts> {
    if is_json(path) {
        return Ok(Box::new(json_texts(path)?));
    }
    let records = formats::wet::open(path)?;
    let texts = records.filter_map(|record| match record {
        Ok(record) => {
            let body = std::str::from_utf8(&record.body).ok()?;
            Some(Ok(page(body)?.text))
        }
        Err(defect) => Some(Err(anyhow!("{defect}"))),
    });
    let path = path.to_owned();
    Ok(Box::new(texts.map(move |text| text.map_err(|e| e.context(path.display().to_string())))))
}
