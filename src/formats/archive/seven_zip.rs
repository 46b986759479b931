//! One file of a 7z archive, as a stream.

use crate::access::Random;
use crate::failure::Failure;
use sevenz_rust2::{Archive, BlockDecoder, Error, Password};
use std::io::{self, BufReader, Read};

/// What a 7z archive begins with.
pub(crate) const SIGNATURE: &[u8] = b"7z\xbc\xaf\x27\x1c";

/// What unpacking a 7z archive may take, of LZMA's dictionary or of PPMd's model, in KiB: 288 MiB,
/// which is enough for the largest dictionary of 7-Zip's own presets, 256 MiB.
const DICTIONARY_KB_MAX: usize = 288 << 10;

const ENCRYPTED: &str = "this 7z archive is encrypted; unpack it, or pack it without a password";

/// An open 7z archive.
pub(crate) struct SevenZip {
    archive: Archive,
    file: Random,
}

impl SevenZip {
    /// Opens an archive by its directory, which is at its end.
    pub fn open(mut file: Random) -> Result<SevenZip, Failure> {
        let archive =
            Archive::read_with_memory_limit(&mut file, &Password::empty(), DICTIONARY_KB_MAX);
        Ok(SevenZip { archive: archive.map_err(failure)?, file })
    }

    /// Returns the number of entries with such a name.
    pub fn count(&self, is_wanted: fn(&str) -> bool) -> usize {
        self.archive.files.iter().filter(|entry| is_wanted(entry.name())).count()
    }

    /// Calls `read` with the content of the first entry with such a name, and returns its result.
    /// `None` where that entry has no content.
    ///
    /// Only the block with the entry is unpacked, up to its end. The archive's own errors are
    /// returned only until `read` is called: later ones reach it as errors in reading.
    pub fn read_first<T>(
        &mut self,
        is_wanted: fn(&str) -> bool,
        mut read: impl FnMut(&mut dyn io::BufRead) -> T,
    ) -> Result<Option<T>, Failure> {
        let none = Password::empty();
        let mut result = None;
        for block in 0..self.archive.blocks.len() {
            let decoder = BlockDecoder::new_with_memory_limit(
                1,
                DICTIONARY_KB_MAX,
                block,
                &self.archive,
                &none,
                &mut self.file,
            );
            if !decoder.entries().iter().any(|entry| is_wanted(entry.name())) {
                continue;
            }
            let unpacked = decoder.for_each_entries(&mut |entry, bytes: &mut dyn Read| {
                if !is_wanted(entry.name()) {
                    io::copy(bytes, &mut io::sink())?;
                    return Ok(true);
                }
                let mut bytes = BufReader::with_capacity(64 << 10, bytes);
                result = Some(read(&mut bytes));
                Ok(false)
            });
            if result.is_some() {
                return Ok(result);
            }
            unpacked.map_err(failure)?;
        }
        Ok(None)
    }
}

/// Describes what is wrong with an archive, and what to do.
fn failure(error: Error) -> Failure {
    let what = match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => ENCRYPTED.to_owned(),
        Error::UnsupportedCompressionMethod(method) if method.to_uppercase().contains("AES") => {
            ENCRYPTED.to_owned()
        }
        Error::UnsupportedCompressionMethod(method) => format!(
            "this 7z archive is packed by {method}, which is not read: unpack it, or pack it anew \
             with 7-Zip's defaults"
        ),
        Error::MaxMemLimited { max_kb, actaul_kb } => format!(
            "this 7z archive needs {} MiB of memory to be unpacked, more than the limit of {}; pack \
             it with a smaller dictionary or model",
            actaul_kb.div_ceil(1024),
            max_kb / 1024
        ),
        Error::Io(error, _) => {
            let Failure { what, device } = error.into();
            return Failure { what: format!("the 7z archive cannot be read: {what}"), device };
        }
        other => format!("not a whole 7z archive ({other}): fetch it again"),
    };
    Failure::of_content(what)
}
