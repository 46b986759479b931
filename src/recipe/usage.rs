//! Errors that the user can fix: exit code 2.

use std::fmt;
use std::io::{self, ErrorKind};

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

/// Makes a usage error of an error of a file that the user named, with its causes in the message. A
/// failing device or too many open files are not the user's to fix: such an error stays what it is.
pub fn usage_of_file(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    let is_usage = io.is_none_or(|io| {
        matches!(
            io.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::IsADirectory
                | ErrorKind::NotADirectory
                | ErrorKind::InvalidData
                | ErrorKind::InvalidInput
                | ErrorKind::InvalidFilename
                | ErrorKind::UnexpectedEof
        )
    });
    if is_usage { usage(format!("{error:#}")) } else { error }
}

/// The context of an error about the value of a setting: its key. See [`crate::Recipe::locate`].
#[derive(Debug)]
pub struct Setting(
    /// The key.
    pub &'static str,
);

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Makes a usage error about the value of a setting.
pub fn wrong_setting(key: &'static str, message: impl Into<String>) -> anyhow::Error {
    usage(message).context(Setting(key))
}

/// Returns `; did you mean NAME?` if one of `known` is similar to `name`, else a list of all.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known.iter().map(|k| (strsim::osa_distance(name, k), k)).min();
    match nearest {
        // In a name of two letters, everything is similar to everything.
        Some((distance, nearest)) if distance <= name.chars().count() / 3 => {
            format!("; did you mean {nearest}?")
        }
        _ => format!("; known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_is_a_usage_error_and_a_failing_device_is_not() {
        let of =
            |kind| usage_of_file(anyhow::Error::from(io::Error::from(kind)).context("lid.bin"));
        for kind in [ErrorKind::NotFound, ErrorKind::InvalidData, ErrorKind::UnexpectedEof] {
            let error = of(kind);
            assert!(error.is::<Usage>() && error.to_string().starts_with("lid.bin: "), "{error}");
        }
        for kind in [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::OutOfMemory] {
            let error = of(kind);
            assert!(!error.is::<Usage>() && error.to_string() == "lid.bin", "{error}");
        }
        assert!(usage_of_file(anyhow::anyhow!("not a model")).is::<Usage>());
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_gets_the_list() {
        let known = ["languages", "lid"];
        assert_eq!(suggest("langauges", known), "; did you mean languages?");
        assert_eq!(suggest("zzz", known), "; known: languages, lid");
        assert_eq!(suggest("cc", ["c4", "common_crawl"]), "; known: c4, common_crawl");
    }
}
