//! Decodes files in the encoding that the author declares.

use crate::TexFile;
use encoding_rs::{Encoding, WINDOWS_1252};
use memchr::memmem;

/// Returns the names and texts of all files, with `\n` at line ends. Binary files are left out
/// unless they are LaTeX by their name.
///
/// Valid UTF-8 is decoded as UTF-8, whatever is declared. Any other file has the encoding that it
/// declares, else the one that another file declares, else Windows-1252, which includes Latin-1.
/// Declared encodings that are not supported are added to `left_out`.
pub(super) fn texts(files: &[TexFile], left_out: &mut Vec<String>) -> Vec<(String, String)> {
    let mut of_project = None;
    for file in files {
        of_project = of_project.or(declared(&file.bytes).and_then(Result::ok));
    }
    let is_text = |file: &&TexFile| super::reads(&file.name) || !is_binary(&file.bytes);
    let mut texts = Vec::with_capacity(files.len());
    for file in files.iter().filter(is_text) {
        let (text, unknown) = text(&file.bytes, of_project);
        if let Some(unknown) = unknown.filter(|_| super::reads(&file.name)) {
            let name = &file.name;
            left_out.push(format!("{name}: its encoding {unknown} is read as Windows-1252"));
        }
        texts.push((file.name.clone(), text));
    }
    texts
}

/// Whether there is a NUL among the first bytes, and the encoding is not one that has NULs.
fn is_binary(bytes: &[u8]) -> bool {
    const LOOK_BYTES: usize = 8_000;
    let look = &bytes[..bytes.len().min(LOOK_BYTES)];
    look.contains(&0) && Encoding::for_bom(bytes).is_none()
}

/// Returns the text, and its declared encoding if that is not supported.
fn text(bytes: &[u8], of_project: Option<&'static Encoding>) -> (String, Option<String>) {
    let mut unknown = None;
    let text = match (Encoding::for_bom(bytes), std::str::from_utf8(bytes)) {
        (Some((encoding, mark)), _) => encoding.decode_without_bom_handling(&bytes[mark..]).0,
        (None, Ok(text)) => text.into(),
        (None, Err(_)) => {
            let encoding = match declared(bytes) {
                Some(Ok(encoding)) => encoding,
                Some(Err(name)) => {
                    unknown = Some(name);
                    WINDOWS_1252
                }
                None => of_project.unwrap_or(WINDOWS_1252),
            };
            encoding.decode_without_bom_handling(bytes).0
        }
    };
    let text = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.into_owned()
    };
    (text, unknown)
}

/// Longest options of a package.
const OPTIONS_BYTES_MAX: usize = 4096;

/// Returns the encoding that the options of the package `inputenc`, the command `\inputencoding`,
/// or an environment `CJK` declare for a file that is not UTF-8. The error is the name of an
/// unsupported one.
fn declared(bytes: &[u8]) -> Option<Result<&'static Encoding, String>> {
    let package = memmem::find_iter(bytes, b"{inputenc}").find_map(|at| {
        let before = &bytes[..at];
        let options = before.trim_ascii_end().strip_suffix(b"]")?;
        let line = &options[options.len().saturating_sub(OPTIONS_BYTES_MAX)..];
        let start = options.len() - line.len() + line.iter().rposition(|b| b"[]\n".contains(b))?;
        // The last option counts.
        let last = options[start + 1..].rsplit(|byte| *byte == b',').next()?;
        not_commented(bytes, at).then(|| of_inputenc(last.trim_ascii()))?
    });
    let argument = |command: &str| {
        memmem::find_iter(bytes, command).find_map(|at| {
            let rest = bytes[at + command.len()..].trim_ascii_start().strip_prefix(b"{")?;
            let end = rest.iter().take(16).position(|byte| *byte == b'}')?;
            not_commented(bytes, at).then_some(&rest[..end])
        })
    };
    let command = || of_inputenc(argument("\\inputencoding")?.trim_ascii());
    let cjk = || {
        let begins = ["\\begin{CJK}", "\\begin{CJK*}"];
        begins.iter().find_map(|begin| of_cjk(argument(begin)?)).map(Ok)
    };
    package.or_else(command).or_else(cjk)
}

/// Whether no percent sign precedes the offset on its line.
fn not_commented(bytes: &[u8], at: usize) -> bool {
    let line = bytes[..at].iter().rev().take_while(|byte| **byte != b'\n').take(4096);
    !line.clone().any(|byte| *byte == b'%')
}

/// Returns an encoding of the package inputenc (its manual, "inputenc.pdf", section 2) or of a
/// language of babel, or the name of an unsupported one. Returns `None` for `utf8`, since the file
/// is not UTF-8, and for a word that inputenc does not know.
fn of_inputenc(option: &[u8]) -> Option<Result<&'static Encoding, String>> {
    let label = match option {
        b"latin1" | b"ansinew" | b"cp1252" => "windows-1252",
        b"latin2" => "iso-8859-2",
        b"latin3" => "iso-8859-3",
        b"latin4" => "iso-8859-4",
        b"latin5" => "windows-1254",
        b"latin7" => "iso-8859-13",
        b"latin9" => "iso-8859-15",
        b"latin10" => "iso-8859-16",
        b"cp1250" => "windows-1250",
        b"cp1251" => "windows-1251",
        b"cp1253" => "windows-1253",
        b"cp1255" => "windows-1255",
        b"cp1257" => "windows-1257",
        b"cp866" => "ibm866",
        b"iso-8859-5" | b"iso88595" => "iso-8859-5",
        b"iso-8859-7" | b"iso88597" => "iso-8859-7",
        b"8859-8" => "iso-8859-8",
        b"koi8-r" => "koi8-r",
        b"koi8-u" | b"koi8-ru" => "koi8-u",
        b"applemac" => "macintosh",
        b"maccyr" | b"macukr" => "x-mac-cyrillic",
        b"cp437" | b"cp437de" | b"cp850" | b"cp852" | b"cp855" | b"cp858" | b"cp862" | b"cp865"
        | b"decmulti" | b"next" | b"macce" | b"isoir111" | b"mik" | b"cp866av" | b"cp866nav"
        | b"cp866mav" | b"cp866tat" | b"ctt" | b"dbk" | b"mls" | b"mnk" | b"mos" | b"ncc"
        | b"pt154" | b"pt254" => return Some(Err(String::from_utf8_lossy(option).into_owned())),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes()).map(Ok)
}

/// Returns an encoding of the package CJK.
fn of_cjk(name: &[u8]) -> Option<&'static Encoding> {
    let label = match name {
        b"GB" | b"GBK" => "gbk",
        b"Bg5" | b"Bg5+" => "big5",
        b"JIS" => "euc-jp",
        b"SJIS" => "shift_jis",
        b"KS" => "euc-kr",
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}
