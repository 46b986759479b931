//! What a process of a run keeps in memory.

use engine::EpochSizes;

/// Bytes of a held document beside its text: the record, its metadata, the allocator's share.
const DOCUMENT_BYTES: f64 = 2048.0;

/// Bytes of an update on its way to an index, and of a fact on its way back.
const UPDATE_BYTES: f64 = 24.0;

/// What a worker reads ahead, and the buffers of its files.
const WORKER_BYTES: f64 = (32 << 20) as f64;

/// The program itself.
const PROGRAM_BYTES: f64 = (24 << 20) as f64;

/// Bytes of the index of a page, and the keys of a page.
const PAGE_ROW_BYTES: f64 = 48.0;
const PAGE_KEYS: f64 = 1024.0;

/// The parts of a worker's memory that held documents, and the updates and facts of an index and an
/// epoch, take at most.
const HELD_SHARE: f64 = 1.0 / 4.0;
const UPDATES_SHARE: f64 = 1.0 / 16.0;
const FACTS_SHARE: f64 = 1.0 / 32.0;

/// Epochs in progress.
const EPOCHS: f64 = 2.0;

/// What a stored byte of the sources brings into memory, and how it is shared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Workers of the process, and its memory.
    pub workers: usize,
    pub memory_bytes: u64,
    /// Bytes of text, documents, keys and facts for each stored byte.
    pub text: f64,
    pub documents: f64,
    pub keys: f64,
    pub facts: f64,
    /// Stored bytes that are left, for each worker of the run.
    pub left: f64,
    /// Those of an epoch, for each worker.
    pub epoch: EpochSizes,
    /// Keys of all indexes in the end, for each process.
    pub stored_keys: f64,
    /// Bytes of the models.
    pub models: f64,
}

/// The memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    /// Models, once for the process.
    pub models: f64,
    /// Indexes of the pages of the arrangement.
    pub pages: f64,
    /// All its workers.
    pub workers: f64,
}

impl Memory {
    /// The memory of a process at its peak.
    pub fn of(load: Load) -> Memory {
        let each = load.memory_bytes as f64 / load.workers.max(1) as f64;
        let epochs = (EPOCHS * load.epoch.after(load.left as u64) as f64).min(load.left);
        let held = epochs * (load.text + DOCUMENT_BYTES * load.documents);
        let updates = epochs * load.keys * UPDATE_BYTES;
        let facts = epochs * load.facts * UPDATE_BYTES;
        let worker = WORKER_BYTES
            + held.min(each * HELD_SHARE)
            + updates.min(EPOCHS * each * UPDATES_SHARE)
            + facts.min(EPOCHS * each * FACTS_SHARE);
        Memory {
            models: load.models,
            pages: load.stored_keys / PAGE_KEYS * PAGE_ROW_BYTES,
            workers: worker * load.workers as f64,
        }
    }

    /// All of it.
    pub fn bytes(&self) -> f64 {
        PROGRAM_BYTES + self.models + self.pages + self.workers
    }
}

/// Returns the resident memory of this process.
pub(crate) fn resident_bytes() -> u64 {
    crate::machine::status_bytes("VmRSS:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::epoch_share;
    use engine::CommitEvery;

    #[test]
    fn memory_follows_the_epochs_up_to_its_limits() {
        // Common Crawl, as measured in docs/performance.md.
        let load = |memory_bytes| Load {
            workers: 2,
            memory_bytes,
            text: 2.2,
            documents: 1e-4,
            keys: 0.02,
            facts: 0.01,
            left: 5e8,
            epoch: epoch_share(memory_bytes / 2, CommitEvery::default(), 2),
            ..Load::default()
        };
        let bytes = |memory: u64| Memory::of(load(memory << 20)).bytes() / f64::from(1 << 20);
        for (memory, measured) in [(512, 258.0), (1024, 377.0), (4096, 1640.0)] {
            let share = bytes(memory) / measured;
            assert!((0.7..1.4).contains(&share), "{memory}: {} of {measured}", bytes(memory));
        }
        // Little input takes little memory.
        let little = Memory::of(Load { left: 1e6, ..load(4 << 30) });
        assert!(little.workers < 80e6, "{little:?}");
    }
}
