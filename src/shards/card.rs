//! The card of an export of tokens: what it is, and how each layout is read.

use crate::{Encoder, Layout, Mark, Options};
use corpus::export::Exported;
use std::collections::BTreeSet;

/// Returns the card.
pub(crate) fn text(encoder: &Encoder, options: &Options, files: &[Exported]) -> String {
    let first = Layout::name(options.layouts[0]);
    let of_first = || files.iter().filter(|file| file.path.starts_with(&format!("{first}/")));
    // Each shard counts once: its first file.
    let shards: BTreeSet<&str> = of_first().filter_map(|file| shard_of(&file.path)).collect();
    let mut card = String::from("# Token shards\n\n");
    card += &format!(
        "Made by sluicebox {} from a corpus: {} of tokens of {} (SHA-256 `{}`), {} bytes each, \
         little-endian. {}\n\n",
        env!("CARGO_PKG_VERSION"),
        if shards.len() == 1 { "1 shard".to_owned() } else { format!("{} shards", shards.len()) },
        encoder.name(),
        encoder.digest(),
        encoder.width().bytes(),
        marks(encoder),
    );
    card += &match options.shuffle {
        Some(shuffle) => format!(
            "Documents are shuffled with the seed {}: shards are in the order of their names, and in \
             each, documents are in the order of the first 64 bits of the SHA-256 of \
             `{}:COPY:ID`.\n\n",
            shuffle.seed, shuffle.seed
        ),
        None => "Documents are in the order of the corpus.\n\n".to_owned(),
    };
    card += "`manifest.json` lists all files with documents, tokens and SHA-256.\n\n";
    card += "`provenance/` has a Parquet table beside each shard: the documents with their tokens, ids and \
             places in their sources. `sluice trace` reads it.\n\n";
    card += "| folder | read by |\n|---|---|\n";
    for layout in &options.layouts {
        card += &format!("| `{}/` | {} |\n", layout.name(), about(*layout, encoder, options));
    }
    card
}

/// The name of the shard of a file.
fn shard_of(path: &str) -> Option<&str> {
    path.split_once('/')?.1.split('.').next()
}

fn marks(encoder: &Encoder) -> String {
    let shown = |mark: Option<&Mark>, place: &str| {
        mark.map(|mark| format!("{place} with `{}` ({})", mark.token, mark.id))
    };
    let (begin, end) = (shown(encoder.bos(), "begins"), shown(encoder.eos(), "ends"));
    match (begin, end) {
        (None, None) => "Nothing separates documents.".to_owned(),
        (begin, end) => {
            let both: Vec<String> = begin.into_iter().chain(end).collect();
            format!("Each document {}.", both.join(" and "))
        }
    }
}

fn about(layout: Layout, encoder: &Encoder, options: &Options) -> String {
    let width = encoder.width();
    match layout {
        Layout::Provenance => "Parquet".to_owned(),
        Layout::Megatron => {
            "Megatron-LM, GPT-NeoX, NeMo: `IndexedDataset(\"megatron/SHARD\")`".to_owned()
        }
        Layout::Npy => format!("OLMo-core: `numpy.memmap(path, dtype=\"{}\")`", width.name()),
        Layout::Ds => format!(
            "datatrove, nanotron: `DatatroveFolderDataset(\"ds\", seq_len, token_size={})`",
            width.bytes()
        ),
        Layout::Sft => format!(
            "Hugging Face datasets: `load_dataset(\"parquet\", data_dir=\"sft\")`; a sample has at most {} \
             tokens, and `loss_mask` is 1 for those of answers",
            options.sequence_length.unwrap_or_default()
        ),
        Layout::Mds => {
            let samples = match options.sequence_length {
                None => "a sample is a document".to_owned(),
                Some(length) => format!("a sample has {length} tokens"),
            };
            format!("MosaicML streaming: `StreamingDataset(local=\"mds\")`; {samples}")
        }
    }
}
