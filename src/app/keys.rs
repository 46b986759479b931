//! Paragraph keys of files, for `sluice bench dedup --input`.

use anyhow::{Result, anyhow};
use document::DocRef;
use engine::Reader;
use engine::bench::{Fed, Feed};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use text::ccnet::paragraph_key;

/// Keys after which what was read is sent on.
const BATCH_KEYS: usize = 1 << 14;

/// The text of one document after the other.
type Texts = Box<dyn Iterator<Item = Result<String>>>;

/// The files of a dump, numbered from `first`, whose pages `wet` reads where they are no JSON lines.
/// Of n workers each takes every nth file.
pub(crate) fn of_files(
    files: Arc<[PathBuf]>,
    first: usize,
    wet: Reader,
) -> impl Fn(usize, usize) -> Feed {
    move |worker, workers| {
        let files = files.clone();
        let mut mine = (worker..files.len()).step_by(workers);
        let mut open: Option<(usize, Texts)> = None;
        let (mut keys, mut room, mut record) = (Vec::new(), Vec::new(), 0);
        Box::new(move |updates| {
            let mut fed = Fed::default();
            while updates.len() < BATCH_KEYS {
                let Some((file, texts)) = &mut open else {
                    let Some(file) = mine.next() else {
                        return Ok(Fed { is_last: true, ..fed });
                    };
                    let texts = texts(&files[file], wet).map_err(|error| format!("{error:#}"))?;
                    (open, record) = (Some((file, texts)), 0);
                    continue;
                };
                let Some(text) = texts.next() else {
                    open = None;
                    continue;
                };
                let text = text.map_err(|error| format!("{error:#}"))?;
                keys.clear();
                keys.extend(text.split('\n').map(|line| paragraph_key(line, &mut room)));
                keys.sort_unstable();
                keys.dedup();
                let at = DocRef::new(0, (first + *file) as u64, record).0;
                updates.extend(keys.iter().map(|key| (*key, at, 1)));
                record += 1;
                fed.documents += 1;
                fed.bytes += text.len() as u64;
            }
            Ok(fed)
        })
    }
}

/// The texts of a file: `text` of JSON lines, by the file's name, or else the pages of a WET file.
fn texts(path: &Path, wet: Reader) -> Result<Texts> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.contains(".json") {
        return json_lines(path);
    }
    let documents = wet(path)?;
    let texts = documents.filter_map(|document| match document {
        Ok(document) => document.is_kept().then_some(Ok(document.text)),
        Err(defect) => Some(Err(anyhow!("{defect}"))),
    });
    let path = path.to_owned();
    Ok(Box::new(texts.map(move |text| text.map_err(|e| e.context(path.display().to_string())))))
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

fn json_lines(path: &Path) -> Result<Texts> {
    let mut lines = BufReader::with_capacity(1 << 18, formats::open(path)?);
    let (path, mut line, mut number) = (path.to_owned(), Vec::new(), 0);
    Ok(Box::new(std::iter::from_fn(move || {
        line.clear();
        number += 1;
        let text = match lines.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => serde_json::from_slice(&line).map(|line: Line| line.text.into_owned()),
            Err(error) => return Some(Err(anyhow!("{}: {error}", path.display()))),
        };
        let place = || format!("{}: line {number}: an object with a text expected", path.display());
        Some(text.map_err(|error| anyhow!(error).context(place())))
    })))
}
