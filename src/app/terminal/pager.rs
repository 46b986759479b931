//! Long output on a terminal, through the user's pager.

use super::output::{output_error, print};
use anyhow::Result;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::{Command, Stdio};

/// The pager, if `PAGER` is not set.
const PAGER: &str = "less";

/// What `less` does, if `LESS` is not set: it ends at once if the text fits on the screen, and leaves
/// the text there.
const LESS: &str = "FX";

/// What a shell returns if there is no such program.
const NOT_FOUND: i32 = 127;

/// Prints a text. On a terminal, control characters are shown as such, and the text goes through the
/// program that `PAGER` names, unless `is_paged` is false or `PAGER` is empty.
pub(crate) fn page(text: &str, is_paged: bool) -> Result<()> {
    if !io::stdout().is_terminal() {
        return print(format_args!("{text}"));
    }
    let text = visible(text);
    let pager = std::env::var("PAGER").unwrap_or_else(|_| PAGER.to_owned());
    if !is_paged || pager.trim().is_empty() || !run(&pager, &text)? {
        return print(format_args!("{text}"));
    }
    Ok(())
}

/// Runs a pager on a text. Returns false if there is no such program.
fn run(pager: &str, text: &str) -> Result<bool> {
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let Ok(mut child) = command.spawn() else { return Ok(false) };
    let mut input = child.stdin.take().expect("piped");
    let written = input.write_all(text.as_bytes());
    drop(input);
    let status = child.wait().map_err(|error| output_error("to the pager", error))?;
    match written {
        // The user left the pager before the end.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(output_error("to the pager", error))
        }
        _ => Ok(status.code() != Some(NOT_FOUND)),
    }
}

/// Replaces control characters, which could move the cursor or change the terminal, by pictures.
fn visible(text: &str) -> String {
    let picture = |c: char| match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        other => other,
    };
    text.chars().map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_cannot_control_the_terminal() {
        assert_eq!(visible("a\tb\n\u{1b}[2Jc\r\u{9b}1m\u{7f}ü"), "a\tb\n␛[2Jc␍\u{fffd}1m␡ü");
    }

    #[test]
    fn a_pager_that_does_not_exist_is_no_error() {
        assert!(!run("no-such-pager-of-sluice 2>/dev/null", "text").unwrap());
        assert!(run("cat > /dev/null", "text").unwrap());
        assert!(run("true", &"text\n".repeat(100_000)).unwrap());
    }
}
