//! Files that appear only when they are complete.

use crate::error::TrainingError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written next to its path, and renamed to it at the end.
pub(crate) struct Output {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Output {
    pub(crate) fn create(path: &Path) -> Result<Self, TrainingError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let named = tempfile::Builder::new().prefix(".sluice-model-").tempfile_in(folder);
        let file = named.map_err(TrainingError::write(path))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Calls `write` with the file.
    pub(crate) fn write(
        self,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<Written, TrainingError> {
        let Self { path, mut file } = self;
        let whole = || {
            write(&mut file)?;
            let named = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            readable_by_all(named.as_file())?;
            named.as_file().sync_all()?;
            Ok(named)
        };
        let named = whole().map_err(TrainingError::write(&path))?;
        Ok(Written { path, named })
    }
}

/// A complete file without its final name. It is removed when dropped.
pub(crate) struct Written {
    path: PathBuf,
    named: NamedTempFile,
}

impl Written {
    /// Its current path.
    pub(crate) fn temporary_path(&self) -> &Path {
        self.named.path()
    }

    /// Renames it to its final name.
    pub(crate) fn keep(self) -> Result<(), TrainingError> {
        let kept = self.named.persist(&self.path).map_err(|error| error.error);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        kept.and_then(|_| File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
            .map_err(TrainingError::write(&self.path))
    }
}

/// Temporary files are private to their owner; a model gets the usual permissions.
#[cfg(unix)]
fn readable_by_all(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &File) -> std::io::Result<()> {
    Ok(())
}
