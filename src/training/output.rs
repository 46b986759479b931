//! Files that appear when they are whole.

use crate::TrainingError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file on its way: written beside its path, and renamed to it at the end.
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

    /// Writes with what `write` does.
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

/// A whole file that has not got its name yet. Dropped, it is gone.
pub(crate) struct Written {
    path: PathBuf,
    named: NamedTempFile,
}

impl Written {
    /// Where it is for now.
    pub(crate) fn temporary_path(&self) -> &Path {
        self.named.path()
    }

    /// Gives it its name.
    pub(crate) fn keep(self) -> Result<(), TrainingError> {
        let kept = self.named.persist(&self.path).map_err(|error| error.error);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        kept.and_then(|_| File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
            .map_err(TrainingError::write(&self.path))
    }
}

/// Temporary files are their owner's alone; a model is as other files are.
#[cfg(unix)]
fn readable_by_all(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &File) -> std::io::Result<()> {
    Ok(())
}
