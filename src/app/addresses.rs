//! The files at addresses that this process reads.

use formats::access::{Addresses, ReadAt};
use remote::{Blocks, Policy, Remote};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// What reads them. Keeps what is known of each: its size and version, and its secrets.
pub(crate) static REMOTE: LazyLock<Remote> = LazyLock::new(|| Remote::new(Policy::default()));

/// Has all readers open addresses.
pub(crate) fn install() {
    formats::access::install(Box::new(Installed));
}

/// Returns the address that a path is, if it is one.
pub(crate) fn address(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| remote::is_address(path))
}

struct Installed;

impl Addresses for Installed {
    fn is_address(&self, path: &str) -> bool {
        remote::is_address(path)
    }

    fn stream(&self, address: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(REMOTE.stream(address)?))
    }

    fn read_at(&self, address: &str) -> io::Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(AtAnyPlace(REMOTE.blocks(address)?)))
    }

    fn bytes(&self, address: &str) -> io::Result<u64> {
        Ok(REMOTE.stat(address)?.bytes)
    }
}

struct AtAnyPlace(Blocks);

impl ReadAt for AtAnyPlace {
    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }
}
