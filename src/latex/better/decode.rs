//! Text from bytes, in the encoding that the author says.

use crate::TexFile;
use encoding_rs::{Encoding, WINDOWS_1252};
use memchr::memmem;

/// The texts of all files, with `\n` at line ends.
///
/// A file that is UTF-8 is UTF-8, whatever is said. Any other is in what it declares itself, else in
/// what another file declares, else in Windows-1252, of which Latin-1 is a part.
pub(super) fn texts(files: &[TexFile]) -> Vec<(String, String)> {
    let declared = files.iter().find_map(|file| declared(&file.bytes));
    files.iter().map(|file| (file.name.clone(), text(&file.bytes, declared))).collect()
}

fn text(bytes: &[u8], of_project: Option<&'static Encoding>) -> String {
    let text = match (Encoding::for_bom(bytes), std::str::from_utf8(bytes)) {
        (Some((encoding, mark)), _) => encoding.decode_without_bom_handling(&bytes[mark..]).0,
        (None, Ok(text)) => text.into(),
        (None, Err(_)) => {
            let encoding = declared(bytes).or(of_project).unwrap_or(WINDOWS_1252);
            encoding.decode_without_bom_handling(bytes).0
        }
    };
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text.into_owned(),
    }
}

/// More than the options of a package take.
const OPTIONS_BYTES_MAX: usize = 4096;

/// What the options of the package `inputenc`, or an environment `CJK`, say of a file that is not
/// UTF-8.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let package = memmem::find_iter(bytes, b"{inputenc}").find_map(|at| {
        let before = &bytes[..at];
        let options = before.strip_suffix(b"]")?;
        let line = &options[options.len().saturating_sub(OPTIONS_BYTES_MAX)..];
        let start = options.len() - line.len() + line.iter().rposition(|b| b"[]\n".contains(b))?;
        // Of several options the last one holds.
        let last = options[start + 1..].rsplit(|byte| *byte == b',').next()?;
        not_commented(bytes, at).then(|| of_inputenc(last.trim_ascii()))?
    });
    let cjk = || {
        ["\\begin{CJK}", "\\begin{CJK*}"].iter().find_map(|begin| {
            memmem::find_iter(bytes, begin).find_map(|at| {
                let rest = bytes[at + begin.len()..].trim_ascii_start().strip_prefix(b"{")?;
                let end = rest.iter().take(16).position(|byte| *byte == b'}')?;
                not_commented(bytes, at).then(|| of_cjk(&rest[..end]))?
            })
        })
    };
    package.or_else(cjk)
}

/// No percent sign stands before it on its line.
fn not_commented(bytes: &[u8], at: usize) -> bool {
    let line = bytes[..at].iter().rev().take_while(|byte| **byte != b'\n').take(4096);
    !line.clone().any(|byte| *byte == b'%')
}

/// The encodings of the package inputenc (its manual, "inputenc.pdf", section 2) that are known
/// here; `utf8` is none for a file that is not UTF-8.
fn of_inputenc(option: &[u8]) -> Option<&'static Encoding> {
    let label = match option {
        b"latin1" | b"ansinew" | b"cp1252" => "windows-1252",
        b"latin2" => "iso-8859-2",
        b"latin3" => "iso-8859-3",
        b"latin4" => "iso-8859-4",
        b"latin5" => "windows-1254",
        b"latin9" => "iso-8859-15",
        b"latin10" => "iso-8859-16",
        b"cp1250" => "windows-1250",
        b"cp1251" => "windows-1251",
        b"cp1257" => "windows-1257",
        b"koi8-r" => "koi8-r",
        b"koi8-u" => "koi8-u",
        b"cp866" => "ibm866",
        b"applemac" => "macintosh",
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

/// The encodings of the package CJK.
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
