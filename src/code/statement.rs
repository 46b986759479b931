//! A repository's statements about its licence, and which of them count.
//!
//! The first kind that exists counts: licence files at the root (`LICENSE`, `COPYING`), licence
//! files in the documentation folder, package manifests, and the section on the licence in the
//! README. All statements of that kind count. A manifest that names a licence which is not
//! permissive also counts beside a licence file, since the two contradict each other. REUSE's
//! folder `LICENSES` and its statements about single files are read in addition, see
//! [`Statements::of_file`].

use crate::expression;
use crate::licence::{Granted, granted};
use crate::manifest;
use crate::path::states_licence;
use crate::restriction::{plain, restriction};
use glob::Pattern;

/// The kinds of places where a repository states its licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    LicenceFile,
    LicenceFileOfDocuments,
    Manifest,
    Readme,
    /// A licence in REUSE's folder.
    ReuseLicence,
    /// REUSE's list of the licences of files.
    ReuseList,
}

/// Returns the kind of statement that a file at this path, relative to the repository's root, is.
fn rank(path: &str) -> Option<Rank> {
    let lower = path.to_ascii_lowercase();
    match path.rsplit_once('/') {
        None if lower == "reuse.toml" => Some(Rank::ReuseList),
        None if states_licence(path) => Some(Rank::LicenceFile),
        None if manifest::is_manifest(path) => Some(Rank::Manifest),
        None if lower == "readme" || lower.starts_with("readme.") => Some(Rank::Readme),
        Some((".reuse", "dep5")) => Some(Rank::ReuseList),
        Some(("LICENSES", _)) => Some(Rank::ReuseLicence),
        Some((folder, name)) if FOLDERS.contains(&folder) && states_licence(name) => {
            Some(Rank::LicenceFileOfDocuments)
        }
        _ => None,
    }
}

/// Folders, besides the root, whose files may state the licence of the whole repository.
pub(crate) const FOLDERS: [&str; 7] =
    [".github", ".reuse", "LICENSES", "doc", "docs", "legal", "licenses"];

/// Whether a file at this path, relative to the repository's root, may state its licence.
pub(crate) fn is_stated_by(path: &str) -> bool {
    rank(path).is_some()
}

/// The statements of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// All licences of the repository as a whole, each a name or an expression. All of them must be
    /// wanted.
    pub licences: Vec<String>,
    /// Why there is no licence, or why it is not a free one; for a person.
    pub why: Option<String>,
    /// Whether REUSE states the licence of each file.
    is_reuse: bool,
    /// Licences of files by pattern; the last match counts.
    by_pattern: Vec<(Pattern, String)>,
}

/// Collects the statements of a repository from its files.
///
/// ```
/// let mut gathering = code::statement::Gathering::default();
/// gathering.add("Cargo.toml", b"[package]\nlicense = \"MIT\"");
/// assert_eq!(gathering.finish().licences, ["mit"]);
/// ```
#[derive(Debug, Default)]
pub struct Gathering {
    found: Vec<(Rank, String, Granted)>,
    by_pattern: Vec<(Pattern, String)>,
}

impl Gathering {
    /// Adds a file of the repository, which may state nothing.
    pub fn add(&mut self, path: &str, bytes: &[u8]) {
        let Some(rank) = rank(path) else { return };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let found = match rank {
            Rank::LicenceFile | Rank::LicenceFileOfDocuments => {
                let mut found = granted(text);
                if found.licences.is_empty() && found.restriction.is_none() {
                    found.licences = named_licences(text);
                }
                found
            }
            Rank::ReuseLicence => Granted::of(vec![reuse_name(path)]),
            Rank::Manifest => Granted::of(manifest::licences(path, text)),
            Rank::Readme => section(text).map(|section| in_readme(&section)).unwrap_or_default(),
            Rank::ReuseList => {
                self.by_pattern.extend(reuse_list(path, text));
                return;
            }
        };
        let says_nothing = found == Granted::default();
        // A licence file with an unknown licence is still a statement.
        if !(says_nothing && matches!(rank, Rank::Manifest | Rank::Readme)) {
            self.found.push((rank, path.to_owned(), found));
        }
    }

    /// Whether any licence is stated.
    pub fn states(&self) -> bool {
        self.found.iter().any(|(rank, ..)| *rank <= Rank::LicenceFileOfDocuments)
            || self.found.iter().any(|(rank, ..)| *rank == Rank::ReuseLicence)
    }

    /// Returns the statements that count.
    pub fn finish(mut self) -> Statements {
        self.found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let is_reuse = self.found.iter().any(|found| found.0 == Rank::ReuseLicence);
        let first = self.found.first().map(|found| found.0);
        let counts = |found: &&(Rank, String, Granted)| match found.0 {
            rank if Some(rank) == first => true,
            Rank::Manifest if first <= Some(Rank::LicenceFileOfDocuments) => {
                found.2.licences.iter().any(|licence| !is_permissive(licence))
            }
            _ => false,
        };
        let counting: Vec<_> = self.found.iter().filter(counts).collect();
        let mut licences: Vec<String> = Vec::new();
        let mut why = Vec::new();
        for (rank, path, found) in &counting {
            match &found.restriction {
                Some(phrase) => {
                    let names = match found.licences.join(", ") {
                        names if names.is_empty() => "a licence".to_owned(),
                        names => names,
                    };
                    why.push(format!("{path} restricts {names}: \"{phrase}\""));
                    licences.push(RESTRICTED.to_owned());
                }
                None if found.licences.is_empty() => {
                    why.push(format!("{path} resembles no licence of SPDX's list"));
                }
                None if *rank == Rank::Manifest && first < Some(Rank::Manifest) => {
                    let file = &counting[0].1;
                    why.push(format!(
                        "{path} says {}, and {file} does not",
                        found.licences.join(", ")
                    ));
                }
                None => {}
            }
            licences.extend(found.licences.iter().cloned());
        }
        if counting.is_empty() {
            let looked = "no file LICENSE or COPYING, no manifest of a package with a licence, and no \
                          section on it in a README";
            why.push(looked.to_owned());
        }
        licences.sort_unstable();
        licences.dedup();
        // A file of unknown licence is not a reason if another one states the licence.
        let is_stated = !licences.is_empty() && why.iter().all(|why| why.ends_with("SPDX's list"));
        let why = (!why.is_empty() && !is_stated).then(|| why.join("; "));
        Statements { licences, why, is_reuse, by_pattern: self.by_pattern }
    }
}

/// The name of a licence to which a restriction was added.
const RESTRICTED: &str = "licenseref-restricted";

impl Statements {
    /// Returns the licences of a file of the repository; all of them must be wanted. A header of
    /// the file adds to the repository's licences, and replaces them if the repository follows
    /// REUSE.
    pub fn of_file(&self, path: &str, text: &str) -> Vec<String> {
        let header = expression::of_header(text);
        if self.is_reuse {
            let listed = || {
                let matching = self.by_pattern.iter().rev().find(|(at, _)| at.matches(path));
                matching.map(|(_, licence)| licence.clone())
            };
            if let Some(own) = header.or_else(listed) {
                return vec![own];
            }
            return self.licences.clone();
        }
        let mut licences = self.licences.clone();
        let is_known = |own: &String| licences.iter().any(|known| known.eq_ignore_ascii_case(own));
        if let Some(own) = header.filter(|own| !is_known(own)) {
            licences.push(own);
            licences.sort_unstable();
        }
        licences
    }
}

/// Whether a licence is permissive, by the beginning of its name.
fn is_permissive(licence: &str) -> bool {
    const BEGIN: [&str; 18] = [
        "0bsd",
        "apache",
        "artistic-2",
        "blueoak",
        "boost",
        "bsd",
        "bsl-1.0",
        "cc0",
        "isc",
        "mit",
        "ncsa",
        "postgresql",
        "psf",
        "python",
        "unlicense",
        "upl",
        "wtfpl",
        "zlib",
    ];
    expression::holds(licence, &|name| {
        let name = name.to_ascii_lowercase();
        BEGIN.iter().any(|begin| name.starts_with(begin))
    })
}

/// Returns the licence that a file in `LICENSES` is named after: `LICENSES/MIT.txt` is MIT's text.
fn reuse_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".txt").or_else(|| name.strip_suffix(".md")).unwrap_or(name).to_owned()
}

/// Returns the patterns of `REUSE.toml` or `.reuse/dep5`, in their order.
fn reuse_list(path: &str, text: &str) -> Vec<(Pattern, String)> {
    // Every file is compared with all patterns, and real lists have fewer.
    const PATTERNS_MAX: usize = 1_000;
    let mut found = Vec::new();
    let mut add = |patterns: &mut dyn Iterator<Item = &str>, licence: &str| {
        for pattern in patterns {
            // REUSE escapes with backslashes, which few names have.
            if let Ok(pattern) = Pattern::new(pattern) {
                found.push((pattern, licence.trim().to_owned()));
            }
        }
    };
    if path.ends_with("dep5") {
        let mut files = "";
        for line in text.lines() {
            if let Some(patterns) = line.strip_prefix("Files:") {
                files = patterns;
            } else if let Some(licence) = line.strip_prefix("License:") {
                add(&mut std::mem::take(&mut files).split_whitespace(), licence);
            }
        }
    } else if let Ok(toml::Value::Table(table)) =
        text.parse::<toml::Table>().map(toml::Value::Table)
    {
        for annotation in
            table.get("annotations").and_then(|all| all.as_array()).into_iter().flatten()
        {
            let licence = annotation.get("SPDX-License-Identifier").and_then(|l| l.as_str());
            let Some(licence) = licence else { continue };
            match annotation.get("path") {
                Some(toml::Value::String(path)) => add(&mut [path.as_str()].into_iter(), licence),
                Some(toml::Value::Array(paths)) => {
                    add(&mut paths.iter().filter_map(|path| path.as_str()), licence);
                }
                _ => {}
            }
        }
    }
    found.truncate(PATTERNS_MAX);
    found
}

/// Returns the part of a README after its heading on the licence.
fn section(readme: &str) -> Option<String> {
    const SECTION_BYTES_MAX: usize = 4096;
    let mut lines = readme.lines();
    let is_heading = |line: &str| {
        let words = line.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
        let words = words.trim_start_matches(|c: char| c.is_ascii_digit() || ". ".contains(c));
        let about = ["license", "licence", "licensing", "copying", "copyright and license"];
        about.contains(&words)
            || ["## license", "## licence", "# license", "# licence"]
                .iter()
                .any(|begin| line.to_ascii_lowercase().starts_with(begin))
    };
    lines.find(|line| is_heading(line))?;
    let mut section = String::new();
    for line in lines {
        let is_next = line.starts_with('#') && !section.trim().is_empty();
        if is_next || section.len() + line.len() > SECTION_BYTES_MAX {
            break;
        }
        section.push_str(line);
        section.push('\n');
    }
    Some(section)
}

fn in_readme(section: &str) -> Granted {
    let whole = granted(section);
    if !whole.licences.is_empty() || whole.restriction.is_some() {
        return whole;
    }
    Granted { licences: named_licences(section), restriction: restriction(&plain(section), &[]) }
}

/// Returns the licences that a short text names without quoting their texts: "under the MIT
/// License", "Apache License, Version 2.0". If it leaves the choice, returns all of them.
fn named_licences(text: &str) -> Vec<String> {
    const TEXT_BYTES_MAX: usize = 4096;
    if text.len() > TEXT_BYTES_MAX {
        return Vec::new();
    }
    let text = plain(text);
    // Longer names first: a name is removed once it is found.
    const NAMES: [(&str, &str); 44] = [
        ("affero general public license", "agpl-3.0"),
        ("agpl", "agpl-3.0"),
        ("lesser general public license", "lgpl"),
        ("lgpl", "lgpl"),
        ("gnu general public license", "gpl"),
        ("general public license", "gpl"),
        ("gplv2", "gpl-2.0"),
        ("gplv3", "gpl-3.0"),
        ("gpl", "gpl"),
        ("mozilla public license", "mpl-2.0"),
        ("mpl", "mpl-2.0"),
        ("eclipse public license", "epl"),
        ("epl", "epl"),
        ("european union public", "eupl"),
        ("eupl", "eupl"),
        ("creative commons", "cc"),
        ("cc by", "cc-by"),
        ("cc0", "cc0-1.0"),
        ("business source license", "busl-1.1"),
        ("server side public license", "sspl-1.0"),
        ("elastic license", "elastic-2.0"),
        ("all rights reserved", "licenseref-all-rights-reserved"),
        ("proprietary", "licenseref-proprietary"),
        ("bsd 2 clause", "bsd-2-clause"),
        ("2 clause bsd", "bsd-2-clause"),
        ("simplified bsd", "bsd-2-clause"),
        ("bsd 3 clause", "bsd-3-clause"),
        ("3 clause bsd", "bsd-3-clause"),
        ("new bsd", "bsd-3-clause"),
        ("modified bsd", "bsd-3-clause"),
        ("bsd license", "bsd"),
        ("bsd licence", "bsd"),
        ("bsd", "bsd"),
        ("apache license", "apache-2.0"),
        ("apache licence", "apache-2.0"),
        ("apache 2 0", "apache-2.0"),
        ("apache 2", "apache-2.0"),
        ("isc license", "isc"),
        ("isc", "isc"),
        ("unlicense", "unlicense"),
        ("mit license", "mit"),
        ("mit licence", "mit"),
        ("mit x11", "mit"),
        ("mit", "mit"),
    ];
    let mut rest = text.clone();
    let mut found = Vec::new();
    for (words, name) in NAMES {
        let words = format!(" {words} ");
        if rest.contains(&words) {
            rest = rest.replace(&words, " ");
            found.push(name.to_owned());
        }
    }
    // A notice of rights beside a licence is not another licence.
    if found.len() > 1 {
        found.retain(|name| name != "licenseref-all-rights-reserved");
    }
    let leaves_choice = [" or ", " either ", " dual ", " at your option "];
    if found.len() > 1 && leaves_choice.iter().any(|word| text.contains(word)) {
        return vec![found.join(" OR ")];
    }
    found.sort_unstable();
    found.dedup();
    found
}
