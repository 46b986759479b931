//! The same as `faults` in builds without debug assertions: every operation is carried out.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Extent;

pub(crate) fn create(
    _path: &Path,
    act: impl FnOnce() -> io::Result<File>,
) -> io::Result<(File, Extent)> {
    Ok((act()?, Extent))
}

pub(crate) fn write(mut file: &File, _extent: &mut Extent, bytes: &[u8]) -> io::Result<usize> {
    file.write(bytes)
}

pub(crate) fn sync(file: &File, _extent: &mut Extent) -> io::Result<()> {
    file.sync_all()
}

pub(crate) fn remove(_path: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    act()
}

pub(crate) fn rename(
    _from: &Path,
    _to: &Path,
    act: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    act()
}

pub(crate) fn sync_folder(_folder: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    act()
}

pub(crate) fn create_folder(
    _folder: &Path,
    act: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    act()
}
