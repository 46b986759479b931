//! Rules by which a model rewrites text before it cuts it, as SentencePiece applies them
//! (`normalizer.cc`, `builder.cc`): at each place the longest matching source is replaced by its
//! target, and other text is unchanged.
//!
//! In a model file, the precompiled map:
//!
//! ```text
//! u32  size of the trie in bytes
//! trie double array of the sources, in the format of darts-clone; a value is an offset in the targets
//! then targets, each followed by a NUL
//! ```

use super::double_array::DoubleArray;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The rules by which text is rewritten before it is cut into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// Unicode NFKC, with other spaces as plain spaces and without control characters: SentencePiece's
    /// default.
    #[default]
    NmtNfkc,
    /// No rules.
    Identity,
}

impl Normalization {
    /// Its name in SentencePiece.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NmtNfkc => "nmt_nfkc",
            Self::Identity => "identity",
        }
    }

    pub(super) fn rules(self) -> Option<&'static Rules> {
        // A scan of all of Unicode, done once.
        static NMT_NFKC: LazyLock<Rules> = LazyLock::new(|| Rules::new(&nmt_nfkc()));
        match self {
            Self::NmtNfkc => Some(&NMT_NFKC),
            Self::Identity => None,
        }
    }
}

/// A precompiled map.
pub(super) struct Rules {
    trie: DoubleArray,
    targets: String,
}

impl Rules {
    fn new(rules: &BTreeMap<String, String>) -> Self {
        let mut targets = String::new();
        let mut offsets: BTreeMap<&str, u32> = BTreeMap::new();
        let mut keys: Vec<(&[u8], u32)> = Vec::new();
        for (source, target) in rules {
            let offset = *offsets.entry(target).or_insert_with(|| {
                let offset = targets.len() as u32;
                targets.push_str(target);
                targets.push('\0');
                offset
            });
            keys.push((source.as_bytes(), offset));
        }
        let trie = DoubleArray::new(&keys);
        Self { trie, targets }
    }

    pub(super) fn precompiled(&self) -> Vec<u8> {
        let trie = self.trie.bytes();
        [&(trie.len() as u32).to_le_bytes(), &trie[..], self.targets.as_bytes()].concat()
    }

    pub(super) fn normalize(&self, text: &str) -> String {
        let mut normal = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match self.trie.longest_prefix(rest.as_bytes()) {
                Some((len, offset)) => {
                    let target = &self.targets[offset as usize..];
                    normal.push_str(target.split('\0').next().unwrap_or(""));
                    rest = &rest[len..];
                }
                None => {
                    normal.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        normal
    }
}

/// Characters that become a space (`builder.cc: BuildNmtNFKCMap`). The joiner U+200D is not one of them
/// any more, since it joins emoji.
const BLANKS: [char; 15] = [
    '\t', '\n', '\u{c}', '\r', '\u{61c}', '\u{1680}', '\u{200b}', '\u{200c}', '\u{200e}',
    '\u{200f}', '\u{2028}', '\u{2029}', '\u{2581}', '\u{feff}', '\u{fffd}',
];
/// Control characters that are removed.
const AWAY: [std::ops::RangeInclusive<char>; 6] = [
    '\u{1}'..='\u{8}',
    '\u{b}'..='\u{b}',
    '\u{e}'..='\u{1f}',
    '\u{7f}'..='\u{7f}',
    '\u{8f}'..='\u{8f}',
    '\u{9f}'..='\u{9f}',
];
/// Not rewritten: in Japanese it differs from the ASCII tilde.
const FULLWIDTH_TILDE: char = '～';

/// Sources and targets: each character that NFKC changes, and each sequence that it composes.
fn nmt_nfkc() -> BTreeMap<String, String> {
    let nfkc = ComposingNormalizer::new_nfkc();
    let nfc = ComposingNormalizer::new_nfc();
    let nfkd = DecomposingNormalizer::new_nfkd();
    let nfd = DecomposingNormalizer::new_nfd();

    let mut rules = BTreeMap::new();
    let mut add = |source: &str, target: &str| {
        if source != target {
            rules.insert(source.to_owned(), target.to_owned());
        }
    };
    for character in '\u{1}'..=char::MAX {
        let text = character.encode_utf8(&mut [0; 4]).to_owned();
        let target = nfkc.normalize(&text);
        add(&text, &target);
        for parts in [nfd.normalize(&text), nfkd.normalize(&text)] {
            if *parts == text {
                continue;
            }
            add(&parts, &target);
            // All but the last part may be composed already.
            let Some((last, _)) = parts.char_indices().next_back() else { continue };
            let (most, last) = parts.split_at(last);
            add(&[&*nfc.normalize(most), last].concat(), &target);
        }
    }
    for blank in BLANKS {
        rules.insert(blank.into(), " ".into());
    }
    for away in AWAY.into_iter().flatten() {
        rules.insert(away.into(), String::new());
    }
    rules.remove(FULLWIDTH_TILDE.encode_utf8(&mut [0; 4]) as &str);
    rules
}
