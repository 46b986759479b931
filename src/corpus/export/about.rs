//! What `manifest.json` says of an export beside its files: enough to make it again.

use super::destination::Destination;
use super::list::LIST;
use super::record::RecordSchema;
use super::split::Splits;
use super::{Format, Options};
use crate::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How texts were exported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The format of the files.
    pub format: Format,
    /// The fields of the records.
    pub schema: RecordSchema,
    /// Size at which a file ends.
    pub shard_bytes: Option<u64>,
    /// The splits of each label.
    pub split: Splits,
    /// Whether fields say how many documents hold each text.
    pub copies: bool,
    /// Which labels were exported.
    pub selection: Selection,
}

/// Slices and labels that were chosen; all, if nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Names of slices.
    pub slices: Vec<String>,
    /// Labels, as `slice/label`.
    pub labels: Vec<String>,
}

/// An earlier export at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Earlier {
    /// There is none.
    None,
    /// One that does not say how it was made.
    Unknown,
    /// One of texts.
    Texts(Box<About>),
    /// One that another crate made, which knows what this means.
    Other(Value),
}

impl About {
    pub(super) fn new(options: &Options) -> About {
        About {
            format: options.format,
            schema: options.records,
            shard_bytes: options.shard_bytes,
            split: options.splits.clone(),
            copies: options.copies.is_some(),
            selection: options.selection.clone(),
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }
}

/// Reads how the export at a place was made.
///
/// # Errors
/// If its list cannot be read, or says nothing that this version understands.
pub fn earlier(out: &dyn Destination) -> Result<Earlier, Error> {
    #[derive(Deserialize)]
    struct List {
        about: Option<Value>,
    }

    let path = out.path(LIST);
    let Some(bytes) = out.read(LIST).map_err(Error::io(&path))? else { return Ok(Earlier::None) };
    let wrong = |error: serde_json::Error| {
        Error::corrupt(&path, format!("{error}; export to an empty folder"))
    };
    let list: List = serde_json::from_slice(&bytes).map_err(wrong)?;
    let Some(about) = list.about else { return Ok(Earlier::Unknown) };
    if Format::deserialize(&about["format"]).is_err() {
        return Ok(Earlier::Other(about));
    }
    let about = serde_json::from_value(about).map_err(wrong)?;
    Ok(Earlier::Texts(Box::new(about)))
}
