//! Files of a revision.

use crate::error::Error;
use crate::manifest::File;
use std::path::{Path, PathBuf};

/// A file that is created with its first line or row.
pub(super) struct NewFile<W> {
    name: String,
    path: PathBuf,
    writer: Option<W>,
}

impl<W> NewFile<W> {
    pub fn new(root: &Path, name: String) -> NewFile<W> {
        NewFile { path: root.join(&name), name, writer: None }
    }

    pub fn open(
        &mut self,
        create: impl FnOnce(&Path) -> Result<W, Error>,
    ) -> Result<&mut W, Error> {
        if self.writer.is_none() {
            let folder = self.path.parent().expect("a folder of the corpus");
            durable::create_folders(folder).map_err(Error::io(folder))?;
            self.writer = Some(create(&self.path)?);
        }
        Ok(self.writer.as_mut().expect("made above"))
    }

    /// Its writer, if it was created.
    pub fn get(&self) -> Option<&W> {
        self.writer.as_ref()
    }

    /// Its writer, to be changed.
    pub fn get_mut(&mut self) -> Option<&mut W> {
        self.writer.as_mut()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn finish(
        self,
        finish: impl FnOnce(W, String) -> Result<File, Error>,
    ) -> Result<Option<File>, Error> {
        self.writer.map(|writer| finish(writer, self.name)).transpose()
    }
}

/// Returns the name of a revision's file of a part of the ledger, in another folder:
/// `ledger/s/l/00000001-0000.parquet` becomes `data/s/l/00000001-0000.r7.jsonl.zst`.
pub(super) fn marked(ledger: &str, folder: &str, mark: &str, kind: &str) -> String {
    let below = ledger.strip_prefix("ledger/").unwrap_or(ledger);
    let file = below.rfind('/').map_or(0, |slash| slash + 1);
    let stem = below[file..].find('.').map_or(below.len(), |dot| file + dot);
    format!("{folder}/{}.{mark}.{kind}", &below[..stem])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_of_a_revision_has_one_mark() {
        let first = marked("ledger/s/2019.x/00000001-0000.parquet", "ledger", "r7", "parquet");
        assert_eq!(first, "ledger/s/2019.x/00000001-0000.r7.parquet");
        let second = marked(&first, "data", "r8", "jsonl.zst");
        assert_eq!(second, "data/s/2019.x/00000001-0000.r8.jsonl.zst");
    }
}
