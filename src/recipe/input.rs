//! The inputs of a corpus.

/// Files that are added as one label, by an `[[input]]` of a recipe or by `sluice add`.
#[derive(Clone, Debug)]
pub struct Input {
    /// The slice.
    pub slice: String,
    /// The label.
    pub label: String,
    /// Files, globs, folders, `@lists`.
    pub paths: Vec<String>,
}

/// Checks the name of a label, which is also the name of folders and files.
///
/// # Errors
/// Returns a message if the name is too long or has other characters than those allowed.
pub fn check_label(label: &str) -> Result<(), String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let has_allowed_length = (1..=100).contains(&label.len());
    if !has_allowed_length || label.starts_with('.') || !label.chars().all(is_allowed) {
        return Err(format!(
            "the label {label:?} must be 1 to 100 of A-Z a-z 0-9 . _ - and not begin with a dot"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_leave_their_folder() {
        for label in ["2019-30", "a.b_c", "X"] {
            check_label(label).unwrap();
        }
        for label in ["", ".", "..", "a/b", "../x", "a b", ".hidden", "ü"] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }
}
