//! An export to a bucket of an object store.

use crate::addresses::REMOTE;
use anyhow::{Error, Result};
use corpus::export::{Destination, NewFile};
use recipe::usage::usage;
use remote::{Folder, NewObject};
use std::any::Any;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

/// A folder of a bucket.
pub(super) struct Bucket(Folder);

impl Bucket {
    pub fn open(address: &str) -> Result<Bucket> {
        let folder = REMOTE.folder(address).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => usage(format!("--out: {error}")),
            _ => Error::from(error),
        });
        folder.map(Bucket)
    }
}

impl Destination for Bucket {
    fn path(&self, name: &str) -> PathBuf {
        self.0.address(name).into()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.files()
    }

    fn begin(&self) -> Result<Box<dyn Any + Send + Sync>, corpus::Error> {
        // Object stores have no locks.
        Ok(Box::new(()))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.read(name)
    }

    fn bytes(&self, name: &str) -> io::Result<Option<u64>> {
        self.0.bytes(name)
    }

    fn obstacle(&self, _: &str) -> Option<(PathBuf, &'static str)> {
        None
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(NewFileOfBucket(self.0.create(name)?)))
    }

    fn remove(&self, name: &str) -> io::Result<bool> {
        let is_there = self.0.bytes(name)?.is_some();
        if is_there {
            self.0.remove(name)?;
        }
        Ok(is_there)
    }

    fn tidy(&self, _: &str) {}
}

struct NewFileOfBucket(NewObject);

impl Write for NewFileOfBucket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl NewFile for NewFileOfBucket {
    fn publish(self: Box<Self>) -> io::Result<()> {
        self.0.publish()
    }
}
