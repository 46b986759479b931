//! Errors that the user can fix: exit code 2.

use std::fmt;

/// A wrong command line or recipe. The message says where and what would be right.
#[derive(Debug)]
pub struct Usage(
    /// The message.
    pub String,
);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Makes a usage error.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Returns `; did you mean NAME?` if one of `known` is similar to `name`, else a list of all.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known.iter().map(|k| (strsim::osa_distance(name, k), k)).min();
    match nearest {
        Some((distance, nearest)) if distance <= name.len().div_ceil(3) => {
            format!("; did you mean {nearest}?")
        }
        _ => format!("; known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_gets_the_list() {
        let known = ["languages", "lid"];
        assert_eq!(suggest("langauges", known), "; did you mean languages?");
        assert_eq!(suggest("zzz", known), "; known: languages, lid");
    }
}
