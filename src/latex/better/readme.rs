//! The file with an author's instructions to arXiv on typesetting: `00README.XXX`, or in later
//! formats `00README` with an extension for JSON, YAML or TOML.

use super::inputs::path;

/// The instructions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readme {
    /// The main files, in order.
    pub top_level: Vec<String>,
    /// Files that are not typeset.
    pub ignored: Vec<String>,
}

/// Most files that are read from it.
const FILES_MAX: usize = 1_000;

impl Readme {
    /// Reads the first such file among `files`.
    pub fn of(files: &[(String, String)]) -> Readme {
        let is_readme = |name: &str| {
            let name = name.rsplit('/').next().unwrap_or(name);
            name.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("00README"))
        };
        let Some((name, text)) = files.iter().find(|(name, _)| is_readme(name)) else {
            return Readme::default();
        };
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut readme = Readme::default();
        let lower = name.to_ascii_lowercase();
        let is_structured = [".json", ".yaml", ".yml", ".toml"].iter().any(|e| lower.ends_with(e));
        let said = if is_structured { structured(text) } else { lines(text) };
        for (file, usage) in said.into_iter().take(FILES_MAX) {
            match usage.to_ascii_lowercase().as_str() {
                "toplevel" | "toplevelfile" => readme.top_level.push(path(folder, &file)),
                "ignore" => readme.ignored.push(path(folder, &file)),
                _ => {}
            }
        }
        readme
    }
}

/// Reads the first format: one line `FILE USAGE` per file.
fn lines(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (file, usage) = line.trim().rsplit_once(char::is_whitespace)?;
        Some((file.trim().to_owned(), usage.to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// Reads the later formats: objects with `filename` and `usage`, in either order. All are read as
/// words between punctuation; an object begins with `{`, `-` or `[[`.
fn structured(text: &str) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let (mut file, mut usage): (Option<String>, Option<String>) = (None, None);
    for part in text.split(['\n', ',', '{', '}']) {
        let part = part.trim().trim_start_matches(['-', '[', ' ']);
        let Some((key, value)) = part.split_once([':', '=']) else { continue };
        let plain = |text: &str| text.trim().trim_matches(['"', '\'', ']']).to_owned();
        match plain(key).as_str() {
            "filename" => file = Some(plain(value)),
            "usage" => usage = Some(plain(value)),
            _ => {}
        }
        if let (Some(_), Some(_)) = (&file, &usage) {
            said.extend(file.take().zip(usage.take()));
        }
    }
    said
}
