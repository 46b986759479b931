//! The licence that a package manifest names.

use serde_json::Value;

/// Whether a file of this name is a package manifest that may name the licence.
pub(crate) fn is_manifest(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "package.json",
        "composer.json",
        "bower.json",
        "Cargo.toml",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "pom.xml",
        "DESCRIPTION",
    ];
    NAMES.contains(&name) || [".gemspec", ".cabal", ".csproj"].iter().any(|e| name.ends_with(e))
}

/// Whether a file of this name occurs only at the root of a repository.
pub fn marks_repository(name: &str) -> bool {
    is_manifest(name) && name != "DESCRIPTION"
}

/// Returns the licences that the manifest at this path names, in its own words or by SPDX's names.
pub(crate) fn licences(path: &str, text: &str) -> Vec<String> {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let found = match path {
        "package.json" | "composer.json" | "bower.json" => of_json(text),
        "Cargo.toml" | "pyproject.toml" => of_toml(text),
        "setup.cfg" | "setup.py" => of_setup(text),
        "DESCRIPTION" => of_fields(text, "License:", 1),
        "pom.xml" => of_pom(text),
        _ => match ending {
            "gemspec" => of_gemspec(text),
            "cabal" => of_fields(text, "license:", 1),
            _ => between(text, "<PackageLicenseExpression>", "</"),
        },
    };
    let mut found: Vec<String> = found.iter().filter_map(|name| canonical(name)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn of_json(text: &str) -> Vec<String> {
    fn names(value: &Value) -> Vec<String> {
        match value {
            Value::String(name) => vec![name.clone()],
            Value::Object(of) => of.get("type").or(of.get("name")).map(names).unwrap_or_default(),
            Value::Array(all) => all.iter().flat_map(names).collect(),
            _ => Vec::new(),
        }
    }
    let Ok(manifest) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let is_list = manifest["license"].is_array() || manifest["licenses"].is_array();
    let mut found = names(&manifest["license"]);
    if found.is_empty() {
        found = names(&manifest["licenses"]);
    }
    // A list leaves the choice (manuals of npm and Composer).
    if is_list && found.len() > 1 { vec![found.join(" OR ")] } else { found }
}

fn of_toml(text: &str) -> Vec<String> {
    let Ok(manifest) = text.parse::<toml::Table>() else { return Vec::new() };
    let get = |path: &[&str]| {
        let mut value = manifest.get(path[0])?;
        for name in &path[1..] {
            value = value.get(name)?;
        }
        Some(value.clone())
    };
    let places: [&[&str]; 5] = [
        &["package", "license"],
        &["workspace", "package", "license"],
        &["project", "license"],
        &["tool", "poetry", "license"],
        &["project", "license-expression"],
    ];
    let found = places.iter().find_map(|place| match get(place)? {
        toml::Value::String(name) => Some(vec![name]),
        // Python's older form: `{ text = ".." }`.
        toml::Value::Table(of) => Some(vec![of.get("text")?.as_str()?.to_owned()]),
        _ => None,
    });
    found.unwrap_or_else(|| {
        let all =
            get(&["project", "classifiers"]).or_else(|| get(&["tool", "poetry", "classifiers"]));
        let all = all.as_ref().and_then(|all| all.as_array()).cloned().unwrap_or_default();
        classifiers(all.iter().filter_map(|name| name.as_str()))
    })
}

/// Returns the last part of Python's classifiers, such as `License :: OSI Approved :: MIT License`.
fn classifiers<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let licences = all.filter(|name| name.trim().starts_with("License ::"));
    let last = licences.map(|name| name.rsplit("::").next().unwrap_or_default().trim().to_owned());
    last.filter(|name| name != "OSI Approved").collect()
}

/// Reads `license = MIT`, `license="MIT"`, and classifiers in setuptools' files.
fn of_setup(text: &str) -> Vec<String> {
    let quotes = ['"', '\'', ',', ' ', ')', '\r', '\t'];
    let named = text.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        let value = value.trim().trim_matches(quotes);
        // A name, not a Python expression.
        let is_name = !value.is_empty() && !value.contains(['(', '[', '{']);
        (key.trim() == "license" && is_name).then(|| value.to_owned())
    });
    let mut found: Vec<String> = named.take(1).collect();
    if found.is_empty() {
        found = classifiers(text.lines().map(|line| line.trim().trim_matches(quotes)));
    }
    found
}

/// Returns the values after `field` at the beginning of a line, in any case.
fn of_fields(text: &str, field: &str, most: usize) -> Vec<String> {
    let value = |line: &str| {
        let begins = line.get(..field.len())?.eq_ignore_ascii_case(field);
        // R's `MIT + file LICENSE`, `GPL (>= 2)`, `GPL-2 | MIT`.
        let value = line[field.len()..].split("+ file").next()?.replace('|', " OR ");
        begins.then(|| value.trim().to_owned())
    };
    text.lines().filter_map(value).filter(|value| !value.is_empty()).take(most).collect()
}

fn of_gemspec(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        let key = key.trim();
        let is_it = key.ends_with(".license") || key.ends_with(".licenses");
        is_it.then_some(value)
    });
    let names = lines.flat_map(|value| {
        let mut parts = value.split(['"', '\'']);
        parts.next();
        parts.step_by(2).map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

fn of_pom(text: &str) -> Vec<String> {
    let licences = between(text, "<licenses>", "</licenses>").concat();
    between(&licences, "<name>", "</name>")
}

fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let parts = text.split(begin).skip(1).take(16);
    parts.filter_map(|part| Some(part.split_once(end)?.0.trim().to_owned())).collect()
}

/// Maps a licence's name to SPDX's if it is known; `None` if it names no licence.
fn canonical(name: &str) -> Option<String> {
    let name = name.trim();
    let plain = crate::restriction::plain(name);
    let words = plain.trim();
    let known = match words {
        "" | "none" | "unknown" | "other" | "todo" => return None,
        _ if words.starts_with("see license") || words.starts_with("file license") => return None,
        "the mit license" | "mit license" | "mit licence" | "expat" | "the mit license mit" => {
            "mit"
        }
        "mit" => "mit",
        "isc" | "isc license" => "isc",
        "apache license version 2 0"
        | "the apache license version 2 0"
        | "apache license 2 0"
        | "the apache software license version 2 0"
        | "apache software license"
        | "apache 2 0"
        | "apache 2"
        | "apache license"
        | "apache software license 2 0"
        | "apache license v2 0"
        | "apache"
        | "asl 2 0" => "apache-2.0",
        "bsd3"
        | "3 clause bsd"
        | "bsd 3 clause"
        | "new bsd"
        | "new bsd license"
        | "modified bsd license"
        | "3 clause bsd license"
        | "bsd 3 clause license" => "bsd-3-clause",
        "bsd2"
        | "2 clause bsd"
        | "bsd 2 clause"
        | "simplified bsd"
        | "2 clause bsd license"
        | "bsd 2 clause license" => "bsd-2-clause",
        "bsd" | "bsd license" | "the bsd license" => "bsd",
        // npm's word for having no licence.
        "unlicensed" => "licenseref-unlicensed",
        _ => return Some(name.to_owned()),
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_name_their_licence() {
        for (path, text, expected) in [
            ("package.json", r#"{"license":"MIT"}"#, "mit"),
            ("package.json", r#"{"license":{"type":"Apache-2.0","url":"x"}}"#, "apache-2.0"),
            (
                "package.json",
                r#"{"licenses":[{"type":"MIT"},{"type":"GPL-2.0"}]}"#,
                "MIT OR GPL-2.0",
            ),
            ("package.json", r#"{"license":"UNLICENSED"}"#, "licenseref-unlicensed"),
            ("package.json", r#"{"license":"SEE LICENSE IN x"}"#, ""),
            ("package.json", "no JSON", ""),
            ("composer.json", r#"{"license":["MIT"]}"#, "mit"),
            ("Cargo.toml", "[package]\nlicense = \"MIT OR Apache-2.0\"", "MIT OR Apache-2.0"),
            ("Cargo.toml", "[workspace.package]\nlicense = \"MIT\"", "mit"),
            ("pyproject.toml", "[project]\nlicense = {text = \"BSD-3-Clause\"}", "bsd-3-clause"),
            (
                "pyproject.toml",
                "[project]\nlicense = {file = \"L\"}\nclassifiers = [\"License :: OSI Approved :: MIT License\"]",
                "mit",
            ),
            ("pyproject.toml", "[tool.poetry]\nlicense = \"MIT\"", "mit"),
            ("setup.cfg", "[metadata]\nlicense = MIT License\n", "mit"),
            ("setup.py", "setup(\n    name='x',\n    license='BSD',\n)", "bsd"),
            (
                "setup.py",
                "setup(classifiers=[\n 'License :: OSI Approved :: Apache Software License',\n])",
                "apache-2.0",
            ),
            ("x.gemspec", "Gem::Specification.new do |s|\n  s.license = 'MIT'\nend", "mit"),
            ("x.gemspec", "  spec.licenses    = [\"MIT\", \"GPL-2.0\"]", "GPL-2.0 mit"),
            (
                "pom.xml",
                "<project><name>p</name><licenses><license><name>The Apache License, Version 2.0</name></license></licenses>",
                "apache-2.0",
            ),
            ("x.cabal", "name: x\nLicense:  BSD3\n", "bsd-3-clause"),
            ("DESCRIPTION", "Package: x\nLicense: MIT + file LICENSE\n", "mit"),
            ("DESCRIPTION", "License: GPL (>= 2)\n", "GPL (>= 2)"),
            ("x.csproj", "<PackageLicenseExpression>MIT</PackageLicenseExpression>", "mit"),
        ] {
            assert!(is_manifest(path));
            assert_eq!(licences(path, text).join(" "), expected, "{path} {text}");
        }
    }
}
