//! Cleans papers as RedPajama intends to, without the faults of its code.
//!
//! The main file is read as LaTeX reads it: input files are inserted, and the author's macros are
//! expanded. Comments and definitions are removed. The text is the rest from the first section to
//! the appendix, without the bibliography. docs/fidelity.md lists the differences from upstream.
//!
//! `decode` converts bytes to text, `strip` removes comments, `project` finds the main file,
//! and `expand` reads it with the `macros` that it defines, using the tokens of `scan`.

mod conditionals;
mod declared;
mod decode;
mod expand;
mod inputs;
mod macros;
mod project;
mod reading;
mod readme;
mod scan;
mod strip;
#[cfg(test)]
mod tests;

use crate::{NoText, TEXT_BYTES_MAX, TexFile};
use project::Project;

/// Whether a file of this name is a LaTeX source, by the extensions that authors use. Other files
/// are read only if one of these inputs them.
pub fn reads(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["tex", "ltx", "latex", "inc"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether a LaTeX source may input a file of this name, such as `table.tikz` and `figure.pstex_t`:
/// all files except pictures, data, packages and similar kinds.
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

/// A cleaned paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// Its text, or why there is none.
    pub text: Result<String, NoText>,
    /// Parts that are missing in the text, such as input files that do not exist.
    pub left_out: Vec<String>,
}

/// Returns the text of a paper, from the main file and its inputs. `unread` names files of the
/// paper that are not among `files`.
///
/// The main files are those that `00README` names. If it names none, there is one main file, and
/// further ones, which arXiv also typesets, follow in the order of their names, unless they share a
/// file that has text with an earlier one. If no file is a main file, the text consists of all
/// files that have sections and are not input by another.
///
/// ```
/// use latex::{TexFile, better};
///
/// let source = "\\documentclass{article}\\newcommand{\\us}{We} % a comment\n\
///     \\begin{document}\\section{One}\\us{} prove it.\\end{document}";
/// let file = TexFile { name: "main.tex".to_owned(), bytes: source.into() };
/// let paper = better::clean(&[file], &[]);
/// assert_eq!(paper.text.unwrap(), "\\section{One}We prove it.");
/// assert!(paper.left_out.is_empty());
/// ```
pub fn clean(files: &[TexFile], unread: &[String]) -> Cleaned {
    let mut left_out = Vec::new();
    let text = text(files, unread, &mut left_out);
    Cleaned { text, left_out }
}

fn text(
    files: &[TexFile],
    unread: &[String],
    left_out: &mut Vec<String>,
) -> Result<String, NoText> {
    let project = Project::new(decode::texts(files, left_out), unread);
    let roots = project.roots();
    if roots.is_empty() && !files.iter().any(|file| reads(&file.name)) {
        return Err(NoText::NoTex);
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
            return Err(NoText::MacroBomb);
        }
    }
    let text = tidy(&text);
    match text.is_empty() {
        true if is_withdrawn(files) => Err(NoText::Withdrawn),
        true => Err(NoText::NoSection),
        false => Ok(text),
    }
}

/// Whether the files are a notice that the authors have withdrawn the paper.
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

/// Removes blank lines at both ends and collapses others, since removed parts leave blank lines.
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
