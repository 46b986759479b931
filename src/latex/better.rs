//! Papers as RedPajama means to clean them, without the faults of its code.
//!
//! The main file is read as LaTeX reads it, files that it inputs in their places, and the author's
//! macros are replaced by what they stand for. Comments and definitions go. The text is what is left
//! from the first section on, without the bibliography, up to the appendix. docs/fidelity.md lists
//! the differences from upstream one by one.
//!
//! [`decode`] makes text of bytes, [`strip`] takes comments out, [`project`] finds the main file,
//! [`expand`] reads it with the [`macros`] that it defines, over what [`scan`] tells apart.

mod conditionals;
mod declared;
mod decode;
mod expand;
mod inputs;
mod macros;
mod project;
mod readme;
mod scan;
mod strip;
#[cfg(test)]
mod tests;

use crate::{Loss, TEXT_BYTES_MAX, TexFile};
use project::Project;

/// Whether a file of this name is a LaTeX source, by what authors call them. Others are read only
/// where one of these inputs them.
pub fn reads(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["tex", "ltx", "latex", "inc"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether a file of this name may be input by a LaTeX source, as `table.tikz` and `figure.pstex_t`
/// are: all but those that hold pictures, data, packages and the like.
pub fn may_be_input(name: &str) -> bool {
    const NEVER: [&str; 70] = [
        "7z", "aux", "avi", "bbx", "bib", "blg", "bmp", "bst", "bz2", "cbx", "class", "clo", "cls",
        "csv", "dat", "doc", "docx", "ds_store", "dvi", "eps", "epsf", "epsi", "exe", "fits",
        "gif", "gz", "h5", "hdf5", "html", "ipynb", "jar", "jpeg", "jpg", "js", "lbx", "log",
        "m4v", "mat", "mov", "mp3", "mp4", "mpeg", "mpg", "npy", "npz", "o", "ods", "otf", "pbm",
        "pdf", "pfb", "pgm", "pkl", "png", "ppm", "ppt", "pptx", "ps", "rar", "so", "sty", "svg",
        "tar", "tfm", "tgz", "tif", "tiff", "ttf", "vf", "zip",
    ];
    let name = name.rsplit('/').next().unwrap_or(name);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !name.starts_with("._") && !NEVER.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// A paper, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// Its text, or why there is none.
    pub text: Result<String, Loss>,
    /// What is not in the text and should be: files that are input and are not there.
    pub left_out: Vec<String>,
}

/// The text of a paper, from the main file and what it inputs; `unread` names files of the paper
/// that are not among `files`.
///
/// The main files are those that `00README` names. Where it names none, further main files, which
/// arXiv typesets as well, follow in the order of their names, unless they share a file with text in
/// it with one before. Where no file is a main file, all that have sections and are input by none
/// make the text.
pub fn clean(files: &[TexFile], unread: &[String]) -> Cleaned {
    let mut left_out = Vec::new();
    let text = text(files, unread, &mut left_out);
    Cleaned { text, left_out }
}

fn text(files: &[TexFile], unread: &[String], left_out: &mut Vec<String>) -> Result<String, Loss> {
    let project = Project::new(decode::texts(files, left_out), unread);
    let roots = project.roots();
    if roots.is_empty() && !files.iter().any(|file| reads(&file.name)) {
        return Err(Loss::NoTex);
    }
    let mut text = String::new();
    for root in roots {
        if let Some(body) = expand::body(&project, root, left_out)? {
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
    match text.is_empty() {
        true if is_withdrawn(files) => Err(Loss::Withdrawn),
        true => Err(Loss::NoSection),
        false => Ok(text),
    }
}

/// Whether what is there instead of a paper says that its authors took it back.
fn is_withdrawn(files: &[TexFile]) -> bool {
    const NOTICE_BYTES_MAX: usize = 8 << 10;
    let sources = files.iter().filter(|file| reads(&file.name));
    let bytes: usize = sources.clone().map(|file| file.bytes.len()).sum();
    bytes <= NOTICE_BYTES_MAX
        && sources.into_iter().any(|file| {
            let text = file.bytes.to_ascii_lowercase();
            let says = |word: &str| memchr::memmem::find(&text, word.as_bytes()).is_some();
            says("withdrawn") || says("withdraw")
        })
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
