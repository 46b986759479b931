//! What a repository says of its licence, and what of that counts.
//!
//! In this order: files that state a licence at its root (`LICENSE`, `COPYING`), else such files in
//! its folder of documents; else manifests of packages; else the section on the licence in its
//! README. Of several statements of one rank all count. A manifest that names a licence which is not
//! permissive counts beside a licence file too: the two do not agree. REUSE's folder `LICENSES`, and
//! what it says of single files, is read beside these, see [`Statements::of_file`].

use crate::expression;
use crate::licence::{Granted, granted};
use crate::manifest;
use crate::path::states_licence;
use crate::restriction::{plain, restriction};
use glob::Pattern;

/// Where a repository says what its licence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    LicenceFile,
    LicenceFileOfDocuments,
    Manifest,
    Readme,
    /// A licence in REUSE's folder.
    ReuseLicence,
    /// REUSE's list of which files are under which.
    ReuseList,
}

/// What a file of this path, from the repository's root, is for its licence.
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

/// Folders, beside the root, that may have files which state the licence of all.
pub(crate) const FOLDERS: [&str; 7] =
    [".github", ".reuse", "LICENSES", "doc", "docs", "legal", "licenses"];

/// Whether a file of this path, from the repository's root, says something of its licence.
pub(crate) fn is_stated_by(path: &str) -> bool {
    rank(path).is_some()
}

/// The statements of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// All licences that the repository is under, as a whole: each a name or an expression. All of
    /// them must be wanted.
    pub licences: Vec<String>,
    /// Why there is none, or why it is none that lets all things be done; for a person.
    pub why: Option<String>,
    /// REUSE says of each file what it is under.
    is_reuse: bool,
    /// Files by patterns, the last that matches counts.
    by_pattern: Vec<(Pattern, String)>,
}

/// Statements that are being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    found: Vec<(Rank, String, Granted)>,
    by_pattern: Vec<(Pattern, String)>,
}

impl Gathering {
    /// A file of the repository. It may be one that says nothing.
    pub fn add(&mut self, path: &str, bytes: &[u8]) {
        let Some(rank) = rank(path) else { return };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let found = match rank {
            Rank::LicenceFile | Rank::LicenceFileOfDocuments => {
                let mut found = granted(text);
                if found.licences.is_empty() && found.restriction.is_none() {
                    found.licences = named(text);
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
        // A licence file that is like none is a statement all the same.
        if !(says_nothing && matches!(rank, Rank::Manifest | Rank::Readme)) {
            self.found.push((rank, path.to_owned(), found));
        }
    }

    /// Whether a licence is stated, of whatever kind.
    pub fn states(&self) -> bool {
        self.found.iter().any(|(rank, ..)| *rank <= Rank::LicenceFileOfDocuments)
            || self.found.iter().any(|(rank, ..)| *rank == Rank::ReuseLicence)
    }

    /// What counts of it.
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
                    why.push(format!("{path} is like no licence of SPDX's list"));
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
        // A file like no licence is no reason where another one tells.
        let is_told = !licences.is_empty() && why.iter().all(|why| why.ends_with("SPDX's list"));
        let why = (!why.is_empty() && !is_told).then(|| why.join("; "));
        Statements { licences, why, is_reuse, by_pattern: self.by_pattern }
    }
}

/// What stands for a licence to which a restriction was added.
const RESTRICTED: &str = "licenseref-restricted";

impl Statements {
    /// What a file of the repository is under: all of these must be wanted. What its own header says
    /// counts beside what the repository says, and instead of it where REUSE is followed.
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

/// Licences that let anyone do anything, by how their names begin.
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

/// `LICENSES/MIT.txt` is MIT's text.
fn reuse_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".txt").or_else(|| name.strip_suffix(".md")).unwrap_or(name).to_owned()
}

/// The patterns of `REUSE.toml` or `.reuse/dep5`, in their order.
fn reuse_list(path: &str, text: &str) -> Vec<(Pattern, String)> {
    // More are in none, and each file is compared with all.
    const PATTERNS_MAX: usize = 1_000;
    let mut found = Vec::new();
    let mut add = |patterns: &mut dyn Iterator<Item = &str>, licence: &str| {
        for pattern in patterns {
            // REUSE escapes by backslashes, which are in few names.
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

/// The part of a README behind its heading on the licence.
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
    Granted { licences: named(section), restriction: restriction(&plain(section), &[]) }
}

/// The licences that a short text names, where it has none of their texts: "under the MIT License",
/// "Apache License, Version 2.0". Of names between which it leaves the choice, all.
fn named(text: &str) -> Vec<String> {
    const TEXT_BYTES_MAX: usize = 4096;
    if text.len() > TEXT_BYTES_MAX {
        return Vec::new();
    }
    let text = plain(text);
    // The longer names first: each is taken out once it is found.
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
    // A notice of rights beside a licence is none of its own.
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
