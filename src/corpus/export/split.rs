//! Which split is a document in? By a hash of its id, so that it never changes its split.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Named shares of the documents, such as `train=0.999,valid=0.001`; or none.
///
/// ```
/// use corpus::export::Splits;
///
/// let splits = Splits::parse("train=0.9,valid=0.1")?;
/// assert_eq!(splits.names().collect::<Vec<_>>(), ["train", "valid"]);
/// assert!(Splits::parse("train=0.9").is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Splits(Vec<Split>);

#[derive(Clone, Debug, PartialEq)]
struct Split {
    name: String,
    share: f64,
    /// The first hash above it. The last split has no limit.
    end: u64,
}

/// How far the sum of the shares may be from 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// Most splits: each has a file open while a label is written.
const SPLITS_MAX: usize = 16;

/// As [`Splits::parse`] reads them; empty if there are none.
impl fmt::Display for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Split { name, share, .. }) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{name}={share}")?;
        }
        Ok(())
    }
}

impl From<Splits> for String {
    fn from(splits: Splits) -> String {
        splits.to_string()
    }
}

impl TryFrom<String> for Splits {
    type Error = String;

    fn try_from(text: String) -> Result<Splits, String> {
        if text.is_empty() { Ok(Splits::default()) } else { Splits::parse(&text) }
    }
}

impl Splits {
    /// Parses `NAME=SHARE,...`. The shares add up to 1.
    ///
    /// # Errors
    /// Returns a message that says what is expected.
    pub fn parse(text: &str) -> Result<Splits, String> {
        let mut splits: Vec<Split> = Vec::new();
        let mut sum = 0.0;
        for part in text.split(',') {
            let wrong = || format!("{part:?} is not a split; write it as train=0.999,valid=0.001");
            let (name, share) = part.split_once('=').ok_or_else(wrong)?;
            let (name, share) = (name.trim(), share.trim());
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(is_word) {
                return Err(format!("split {name:?}: use letters, digits and _ in its name"));
            }
            if splits.iter().any(|split| split.name == name) {
                return Err(format!("split {name} is given twice"));
            }
            let share: f64 = share.parse().map_err(|_| wrong())?;
            if !(share > 0.0 && share <= 1.0) {
                return Err(format!("split {name}: {share} is not a share between 0 and 1"));
            }
            sum += share;
            let end = (sum * 2f64.powi(64)) as u64;
            splits.push(Split { name: name.to_owned(), share, end });
        }
        if splits.len() > SPLITS_MAX {
            return Err(format!("{} splits; at most {SPLITS_MAX} are possible", splits.len()));
        }
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(format!("the shares add up to {sum}; they must add up to 1"));
        }
        Ok(Splits(splits))
    }

    /// Whether there are no splits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|split| &*split.name)
    }

    /// The number of parts in which a label is written.
    pub(super) fn parts(&self) -> usize {
        self.0.len().max(1)
    }

    /// The name of a part; `None` if there are no splits.
    pub(super) fn name(&self, part: usize) -> Option<&str> {
        self.0.get(part).map(|split| &*split.name)
    }

    /// Returns the part of a document: the share into which the first 64 bits of the SHA-256 of its
    /// id fall, as a number between 0 and 1.
    pub(super) fn part(&self, id: &str) -> usize {
        if self.0.len() < 2 {
            return 0;
        }
        let digest = Sha256::digest(id.as_bytes());
        let first: [u8; 8] = digest[..8].try_into().expect("8 of 32 bytes");
        let hash = u64::from_be_bytes(first);
        self.0.iter().position(|split| hash < split.end).unwrap_or(self.0.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_depend_on_the_id_only() {
        let splits = Splits::parse("train=0.9, valid=0.06,test=0.04").unwrap();
        let mut counts = [0i32; 3];
        for n in 0..10_000 {
            counts[splits.part(&format!("c4/en/a.json#{n}"))] += 1;
        }
        for (count, expected) in counts.into_iter().zip([9_000, 600, 400]) {
            assert!((count - expected).abs() < 150, "{counts:?}");
        }
        // As in Python: int.from_bytes(hashlib.sha256(b"c4/en/a.json#0").digest()[:8]) / 2**64
        let digest = Sha256::digest(b"c4/en/a.json#0");
        let first = f64::from(digest[0]) / 256.0;
        assert_eq!(
            splits.part("c4/en/a.json#0"),
            usize::from(first > 0.9) + usize::from(first > 0.96)
        );
        assert_eq!(Splits::default().part("x"), 0);
        assert_eq!(Splits::parse("all=1").unwrap().part("x"), 0);
    }

    #[test]
    fn what_is_not_a_split_is_refused() {
        for (text, expected) in [
            ("train", "is not a split"),
            ("train=x", "is not a split"),
            ("train=0.5,train=0.5", "twice"),
            ("train=0.5,valid=0.4", "add up to 0.9"),
            ("train=1.5,valid=-0.5", "is not a share"),
            ("a-b=1", "letters, digits and _"),
            ("=1", "letters, digits and _"),
            ("a=nan", "is not a share"),
        ] {
            let error = Splits::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Splits::parse("a=0.3333333,b=0.3333333,c=0.3333334").is_ok());
    }
}
