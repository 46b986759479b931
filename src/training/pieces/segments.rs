//! Splits words into segments, within which pieces must lie.

use super::PIECE_BLANK;
use crate::error::TrainingError;
use crate::strings::Strings;
use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use std::collections::BTreeMap;

/// Longer segments are cut. This loses no useful pieces and bounds the cost of a hostile line.
const SEGMENT_CHARS_MAX: usize = 512;

/// The segments, as numbers of characters of the alphabet, from 1; 0 ends a segment.
pub(super) struct Segments {
    /// The alphabet, the most frequent character first.
    pub(super) alphabet: Vec<char>,
    /// Share of the text's characters that are in the alphabet.
    pub(super) coverage: f64,
    /// All segments, each followed by a 0.
    pub(super) chars: Vec<u32>,
    /// The end of each segment, without its 0, and its count.
    pub(super) ends: Vec<(usize, u64)>,
}

impl Segments {
    /// Segments of words with their counts. Words have no spaces; each gets one before it.
    pub(super) fn new(
        words: &Strings,
        counts: &[u64],
        coverage: f64,
    ) -> Result<Self, TrainingError> {
        let (alphabet, coverage) = alphabet(words, counts, coverage);
        let scripts = CodePointMapData::<Script>::new();
        let known: BTreeMap<char, Script> = alphabet
            .iter()
            .map(|character| (*character, script(scripts.get(*character), *character)))
            .collect();

        // Words share segments, so these are counted again.
        let mut stretches = Strings::new();
        let mut of_stretch: Vec<u64> = Vec::new();
        for (word, count) in words.iter().zip(counts) {
            for_each_stretch(word, &known, &mut |stretch| {
                let too_many = || TrainingError::Text("has more than 4,294,967,295 words".into());
                let number = stretches.number(stretch).ok_or_else(too_many)? as usize;
                of_stretch.resize(of_stretch.len().max(number + 1), 0);
                of_stretch[number] += count;
                Ok(())
            })?;
        }

        let numbers: BTreeMap<char, u32> = alphabet.iter().copied().zip(1..).collect();
        let (mut chars, mut ends) = (Vec::new(), Vec::new());
        for (stretch, count) in stretches.iter().zip(of_stretch) {
            chars.extend(stretch.chars().map(|character| numbers[&character]));
            ends.push((chars.len(), count));
            chars.push(0);
        }
        if u32::try_from(chars.len()).is_err() {
            let problem = "has words of more than 4 GiB; train on a sample of it";
            return Err(TrainingError::Text(problem.into()));
        }
        Ok(Self { alphabet, coverage, chars, ends })
    }

    /// Each segment and its count.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u32], u64)> {
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| end + 1));
        begins.zip(&self.ends).map(|(begin, (end, count))| (&self.chars[begin..*end], *count))
    }
}

/// Returns the most frequent characters that together cover the share `coverage` of the text, and the
/// share that they cover (`trainer_interface.cc: LoadSentences`).
fn alphabet(words: &Strings, counts: &[u64], coverage: f64) -> (Vec<char>, f64) {
    let mut of_char: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in words.iter().zip(counts) {
        for character in std::iter::once(PIECE_BLANK).chain(word.chars()) {
            *of_char.entry(character).or_default() += count;
        }
    }
    let total: u64 = of_char.values().sum();
    let mut by_count: Vec<(char, u64)> = of_char.into_iter().collect();
    by_count.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    let (mut alphabet, mut covered) = (Vec::new(), 0);
    for (character, count) in by_count {
        if covered as f64 / total as f64 >= coverage {
            break;
        }
        covered += count;
        alphabet.push(character);
    }
    (alphabet, covered as f64 / total.max(1) as f64)
}

/// The script of a character for pieces: Chinese characters and kana are one script.
fn script(script: Script, character: char) -> Script {
    match script {
        Script::Hiragana | Script::Katakana => Script::Han,
        _ if character == 'ー' => Script::Han,
        _ => script,
    }
}

/// Cuts a word, with a space before it, where a piece must not continue: at a change of script and at
/// characters outside the alphabet (`trainer_interface.cc: IsValidSentencePiece`).
fn for_each_stretch(
    word: &str,
    known: &BTreeMap<char, Script>,
    give: &mut dyn FnMut(&str) -> Result<(), TrainingError>,
) -> Result<(), TrainingError> {
    let mut stretch = String::from(PIECE_BLANK);
    let mut chars = 1;
    let mut last = None;
    for character in word.chars() {
        let Some(script) = known.get(&character) else {
            if chars > 0 {
                give(&stretch)?;
            }
            stretch.clear();
            (chars, last) = (0, None);
            continue;
        };
        // A combining mark has the script of its base character.
        let script = if *script == Script::Inherited { last } else { Some(*script) };
        let is_other = last.is_some() && script != last;
        if is_other || chars == SEGMENT_CHARS_MAX {
            give(&stretch)?;
            stretch.clear();
            chars = 0;
        }
        stretch.push(character);
        chars += 1;
        last = script;
    }
    if chars > 0 {
        give(&stretch)?;
    }
    Ok(())
}
