//! The fields of a record.

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The fields of a JSON object, in their order, each with its value as it is written. A name may
/// come twice.
pub fn fields(json: &[u8]) -> Result<Vec<(String, Box<RawValue>)>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let fields = reader.deserialize_map(Fields)?;
    reader.end()?;
    Ok(fields)
}

/// More fields than any record has; each is compared with all before it.
const FIELDS_MAX: usize = 1_000;

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            if fields.len() == FIELDS_MAX {
                return Err(A::Error::custom("an object of more than 1,000 fields"));
            }
            fields.push(field);
        }
        Ok(fields)
    }
}
