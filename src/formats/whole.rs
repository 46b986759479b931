//! Files that are one record.

use crate::compressed::open;
use crate::defect::Defect;
use crate::failure;
use std::io::Read;
use std::path::Path;

/// Larger files are not read: no single work is as large.
const WHOLE_BYTES_MAX: usize = 256 << 20;

/// Reads a file as a whole, inflated as [`open`] does.
///
/// # Errors
/// When the file cannot be opened or inflated, or has more than 256 MiB.
pub fn whole(path: &Path) -> Result<Vec<u8>, Defect> {
    let mut bytes = Vec::new();
    let read = open(path).and_then(|file| {
        let most = WHOLE_BYTES_MAX as u64 + 1;
        file.take(most).read_to_end(&mut bytes)
    });
    match read {
        Err(error) => {
            let device = failure::of_device(&error);
            let what = format!("{error}; the file is left out: fetch it again");
            Err(Defect { device, ..Defect::new(0, what) })
        }
        Ok(_) if bytes.len() > WHOLE_BYTES_MAX => {
            let most = WHOLE_BYTES_MAX >> 20;
            Err(Defect::new(0, format!("a text of more than {most} MiB; it is left out")))
        }
        Ok(_) => Ok(bytes),
    }
}
