//! Papers as RedPajama means to clean them, without the faults of its code.
//!
//! The main file is read as LaTeX reads it, files that it inputs in their places, and the author's
//! macros are replaced by what they stand for. Comments and definitions go. The text is what is left
//! from the first section on, without the bibliography, up to the appendix. docs/fidelity.md lists
//! the differences from upstream one by one.
//!
//! [`decode`] makes text of bytes, [`strip`] takes comments out, [`project`] finds the main file,
//! [`expand`] reads it with the [`macros`] that it defines, over what [`scan`] tells apart.

mod decode;
mod expand;
mod macros;
mod project;
mod scan;
mod strip;
#[cfg(test)]
mod tests;

use crate::{Loss, TEXT_BYTES_MAX, TexFile};
use project::Project;

/// Whether a file of this name is read: LaTeX sources by what authors call them.
pub fn reads(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["tex", "ltx", "latex", "inc"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The text of a paper, from the main file and what it inputs.
///
/// Further main files, which arXiv typesets as well, follow in the order of their names, unless
/// they share a file with text in it with one before. Where no file is a main file, all that have
/// sections and are input by none make the text.
pub fn clean(files: &[TexFile]) -> Result<String, Loss> {
    if files.is_empty() {
        return Err(Loss::NoTex);
    }
    let project = Project::new(decode::texts(files));
    let mut text = String::new();
    for root in project.roots() {
        if let Some(body) = expand::body(&project, root)? {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&body);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(Loss::MacroBomb);
        }
    }
    let text = tidy(&text);
    if text.is_empty() { Err(Loss::NoSection) } else { Ok(text) }
}

/// Without blank lines at the ends, and with one where several follow each other: what was taken
/// out leaves them behind.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = false;
    for line in text.trim().split('\n') {
        let is_blank = line.trim().is_empty();
        if !(is_blank && blank) {
            tidy.push_str(if is_blank { "" } else { line });
            tidy.push('\n');
        }
        blank = is_blank;
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}
