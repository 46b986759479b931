//! Removing what revisions keep aside.

use crate::error::Error;
use crate::manifest::{Aside, Manifest};
use crate::store::Corpus;

impl Corpus {
    /// Removes what is kept aside of all labels, by commits that do not name it. Then later settings
    /// cannot have it back. The caller holds the lock and has swept the corpus. Returns the newest
    /// manifest.
    ///
    /// # Errors
    /// If a manifest cannot be read or written, or a file cannot be removed.
    pub fn prune(&self, newest: Manifest) -> Result<Manifest, Error> {
        let mut newest = newest;
        // The files of a predecessor stay, so the predecessor must not name them either.
        while keeps_aside(&newest)
            || self.predecessor(newest.commit)?.is_some_and(|before| keeps_aside(&before))
        {
            newest.commit += 1;
            for label in &mut newest.labels {
                label.aside = Aside::default();
            }
            self.commit(&newest)?;
        }
        Ok(newest)
    }

    /// Returns the documents and bytes that [`Corpus::prune`] removes.
    ///
    /// # Errors
    /// If the predecessor of `newest` cannot be read.
    pub fn prunable(&self, newest: &Manifest) -> Result<(u64, u64), Error> {
        let before = self.predecessor(newest.commit)?;
        let sum = |manifest: &Manifest| {
            let asides = manifest.labels.iter().map(|label| &label.aside);
            asides.fold((0, 0), |(documents, bytes), aside| {
                (documents + aside.documents(), bytes + aside.bytes())
            })
        };
        let now = sum(newest);
        // Files that only the predecessor names: a revision replaced them.
        let named: std::collections::BTreeSet<&str> =
            newest.labels.iter().flat_map(|l| l.aside.files()).map(|file| &*file.path).collect();
        let files = before.iter().flat_map(|before| &before.labels).flat_map(|l| l.aside.files());
        let replaced = files.filter(|file| !named.contains(&*file.path)).map(|file| file.bytes);
        Ok((now.0, now.1 + replaced.sum::<u64>()))
    }
}

fn keeps_aside(manifest: &Manifest) -> bool {
    manifest.labels.iter().any(|label| !label.aside.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{File, Label};

    #[test]
    fn pruning_leaves_no_file_even_if_it_is_done_twice() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let name = "aside/s/l/00000001-0000.r1.jsonl.zst";
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        let segment = File { path: name.into(), records: 3, bytes: 5, ..File::default() };
        let aside = Aside { segments: vec![segment], ..Aside::default() };
        let label = Label { aside, ..Label::default() };
        let first = Manifest { labels: vec![label], ..Manifest::empty("r".into()) };
        corpus.commit(&first).unwrap();
        assert_eq!(corpus.prunable(&first).unwrap(), (3, 5));
        let pruned = corpus.prune(first).unwrap();
        assert_eq!((pruned.commit, file.exists()), (2, false));
        assert!(pruned.labels[0].aside.is_empty());
        assert_eq!(corpus.prunable(&pruned).unwrap(), (0, 0));
        assert_eq!(corpus.prune(pruned).unwrap().commit, 2);
    }
}
