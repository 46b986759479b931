//! Rules on a file's path.

/// Suffixes of the paths that are kept, in upstream's order (`github_run_filter.py`).
const ENDINGS: [&str; 66] = [
    ".asm",
    ".bat",
    ".cmd",
    ".c",
    ".h",
    ".cs",
    ".cpp",
    ".hpp",
    ".c++",
    ".h++",
    ".cc",
    ".hh",
    ".C",
    ".H",
    ".cmake",
    ".css",
    ".dockerfile",
    ".f90",
    ".f",
    ".f03",
    ".f08",
    ".f77",
    ".f95",
    ".for",
    ".fpp",
    ".go",
    ".hs",
    ".html",
    ".java",
    ".js",
    ".jl",
    ".lua",
    ".md",
    ".markdown",
    ".php",
    ".php3",
    ".php4",
    ".php5",
    ".phps",
    ".phpt",
    ".pl",
    ".pm",
    ".pod",
    ".perl",
    ".ps1",
    ".psd1",
    ".psm1",
    ".py",
    ".rb",
    ".rs",
    ".sql",
    ".scala",
    ".sh",
    ".bash",
    ".command",
    ".zsh",
    ".ts",
    ".tsx",
    ".tex",
    ".vb",
    "Dockerfile",
    "Makefile",
    ".xml",
    ".rst",
    ".m",
    ".smali",
];

/// Whether the path has a suffix of source code. Upstream compares plain suffixes, with their case:
/// so `myMakefile` is source code, and `x.JS` is not.
pub fn is_source_code(path: &str) -> bool {
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// Whether the file is a certificate (`github_clean_dedup_local.py`).
pub fn is_certificate(path: &str) -> bool {
    path.ends_with(".crt")
}

/// Whether the file is the repository's licence: only `LICENSE` at its root, as upstream
/// (`github_clean_dedup_local.py`).
pub fn is_root_licence(path: &str) -> bool {
    path == "LICENSE"
}

/// Whether a file of this name states a licence: `LICENSE`, `LICENSE-MIT`, `COPYING.txt`,
/// `MIT-LICENSE`, `COMMONS-CLAUSE.md`, but not `license.py`. This rule is our own: upstream had
/// BigQuery's column.
pub fn states_licence(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let stem = upper.split('.').next().unwrap_or_default();
    let begins = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE", "COMMONS-CLAUSE", "COMMONS_CLAUSE"];
    let ends = ["-LICENSE", "-LICENCE", "_LICENSE", "_LICENCE"];
    let is_named = begins.iter().any(|word| stem.starts_with(word))
        || ends.iter().any(|word| stem.ends_with(word));
    let is_prose = [".MD", ".MARKDOWN", ".RST", ".HTML"].iter().any(|e| upper.ends_with(e));
    let is_data = [".JSON", ".YAML", ".YML", ".TOML", ".CSV", ".PNG", ".SVG", ".TS", ".HEADER"];
    let is_other = is_source_code(name) || is_data.iter().any(|e| upper.ends_with(e));
    is_named && (is_prose || !is_other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_plain_suffixes_in_their_case() {
        for path in ["a/b.py", "LICENSE.md", "x/Makefile", "myMakefile", "a.h++", "x.C", ".c"] {
            assert!(is_source_code(path), "{path}");
        }
        for path in ["a/b.PY", "x.ipynb", "Makefile.in", "py", "", "a.json", "x.JS"] {
            assert!(!is_source_code(path), "{path}");
        }
    }

    #[test]
    fn only_the_root_licence_of_that_name_is_left_out() {
        assert!(is_root_licence("LICENSE"));
        assert!(!["sub/LICENSE", "LICENSE.md", "license"].iter().any(|path| is_root_licence(path)));
        assert!(is_certificate("a/k.crt") && !is_certificate("a.crt.py"));
    }

    #[test]
    fn licence_files_are_distinguished_from_code_about_licences() {
        for name in [
            "LICENSE",
            "license",
            "LICENSE-MIT",
            "LICENSE.APACHE",
            "COPYING",
            "Copying.txt",
            "LICENSE.md",
            "MIT-LICENSE",
            "UNLICENSE",
            "LICENCE",
        ] {
            assert!(states_licence(name), "{name}");
        }
        for name in ["license.py", "licenses.go", "README", "copy", "relicense", ""] {
            assert!(!states_licence(name), "{name}");
        }
    }
}
