//! `~` and `$VAR` in the paths of recipes and lists.

use std::borrow::Cow;
use std::env::{VarError, home_dir, var};
use std::path::Path;

/// Expands `~` at the beginning of a path to the home folder, and `$VAR` and `${VAR}` anywhere to
/// the values of environment variables. `$$` is a dollar sign.
///
/// ```
/// assert_eq!(recipe::expand("a/$$b"), Ok("a/$b".to_owned()));
/// assert!(recipe::expand("$NO_SUCH_VARIABLE/a").unwrap_err().contains("NO_SUCH_VARIABLE"));
/// ```
///
/// # Errors
/// Returns a message that names the variable if it is not set or not UTF-8.
pub fn expand(path: &str) -> Result<String, String> {
    let home = || home_dir()?.into_os_string().into_string().ok();
    if (path == "~" || path.starts_with("~/")) && home().is_none() {
        return Err(format!("{path}: there is no home folder: the variable HOME is not set"));
    }
    let expanded = shellexpand::full_with_context(path, home, |name| match var(name) {
        Ok(value) => Ok(Some(Cow::from(value))),
        Err(VarError::NotPresent) => {
            Err("is not set; set it, or write $$ for a dollar sign".to_owned())
        }
        Err(VarError::NotUnicode(_)) => Err("is not UTF-8".to_owned()),
    });
    let expanded = expanded.map(Cow::into_owned);
    expanded.map_err(|error| {
        format!("{path}: the environment variable {} {}", error.var_name, error.cause)
    })
}

/// Joins a path, which may be a pattern of glob(7), to a folder, whose name is not one. An address
/// (`https://host/name`) stays as it is.
pub fn pattern_below(folder: &Path, pattern: &str) -> String {
    if pattern.contains("://") {
        return pattern.to_owned();
    }
    let path = folder.join(pattern);
    if Path::new(pattern).is_absolute() || path.symlink_metadata().is_ok() {
        return path.display().to_string();
    }
    let folder = glob::Pattern::escape(&folder.to_string_lossy());
    Path::new(&folder).join(pattern).display().to_string()
}

/// Returns a path as text that [`expand`] returns unchanged.
pub fn unexpanded(path: &Path) -> String {
    path.to_string_lossy().replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_below_a_folder_is_a_pattern() {
        let folder = Path::new("/no/run[1]");
        assert_eq!(pattern_below(folder, "*.gz"), "/no/run[[]1[]]/*.gz");
        assert_eq!(pattern_below(folder, "/x/*.gz"), "/x/*.gz");
        assert_eq!(pattern_below(folder, "s3://x/*.gz"), "s3://x/*.gz");
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("a[b].gz"), "").expect("a file");
        let found = pattern_below(dir.path(), "a[b].gz");
        assert_eq!(found, dir.path().join("a[b].gz").display().to_string());
    }

    #[test]
    fn the_home_folder_and_variables_are_expanded() {
        let home = home_dir().expect("a home folder");
        assert_eq!(expand("~/models"), Ok(home.join("models").display().to_string()));
        assert_eq!(expand("a~/~b"), Ok("a~/~b".to_owned()));
        let path = var("CARGO_PKG_NAME").expect("cargo sets it");
        assert_eq!(expand("x/${CARGO_PKG_NAME}.bin"), Ok(format!("x/{path}.bin")));
        assert_eq!(expand("${NO_SUCH_VARIABLE:-y}/z"), Ok("y/z".to_owned()));
        let price = Path::new("/a/$5/$HOME");
        assert_eq!(expand(&unexpanded(price)), Ok(price.display().to_string()));
    }
}
