//! A folder of a bucket, to write to.

use crate::Remote;
use crate::body::RemoteFile;
use crate::origin::{Origin, Trouble};
use crate::retry::{Policy, retried};
use crate::store::{Bucket, Object, path, runtime};
use crate::transport::trouble;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartId, ObjectStoreExt, PutPayload};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::sync::Arc;

/// Bytes of the first parts of a large object. Later parts are larger, since an object has at most
/// 10,000: one of 880 GiB fits, and the last parts have 160 MiB.
const PART_BYTES: usize = 16 << 20;

/// Parts of one size.
const PARTS_OF_A_SIZE: usize = 1_000;

/// Larger objects are not read into memory.
const READ_BYTES_MAX: u64 = 256 << 20;

/// A folder of a bucket: the objects whose keys begin with its name and a slash.
pub struct Folder {
    bucket: Bucket,
    /// The address, without a slash at the end.
    name: String,
    key: String,
    policy: Policy,
}

impl Remote {
    /// Opens a folder of an object store. Nothing is asked for or created.
    ///
    /// # Errors
    /// If it is not at an object store (`InvalidInput`), or the environment does not say how to reach
    /// that.
    pub fn folder(&self, given: &str) -> io::Result<Folder> {
        let address = self.name(given)?;
        if address.scheme().is_http() {
            let what = "files cannot be written to a web server: name a folder, or one at s3://, \
                        gs:// or az://";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let bucket = self.bucket(&address)?;
        let name = address.as_str().trim_end_matches('/').to_owned();
        let key = address.path().trim_end_matches('/').to_owned();
        Ok(Folder { bucket, name, key, policy: self.policy })
    }
}

impl Folder {
    /// Returns the address of a file of the folder; of itself for an empty name.
    #[must_use]
    pub fn address(&self, file: &str) -> String {
        if file.is_empty() { self.name.clone() } else { format!("{}/{file}", self.name) }
    }

    fn key(&self, file: &str) -> io::Result<Path> {
        path(&if self.key.is_empty() { file.to_owned() } else { format!("{}/{file}", self.key) })
    }

    /// Returns the names of its files, with the folders below it.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let listed = self.bucket.list(&self.name, &self.key)?.into_iter();
        let below = |key: String| {
            let below = key.strip_prefix(&self.key).unwrap_or(&key);
            below.trim_start_matches('/').to_owned()
        };
        Ok(listed.map(|(key, _)| below(key)).filter(|file| !file.is_empty()).collect())
    }

    /// Returns the size of a file, if there is one.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn bytes(&self, file: &str) -> io::Result<Option<u64>> {
        let object = Object { bucket: self.bucket.clone(), key: self.key(file)? };
        optional(retried(self.policy, &self.address(file), || object.stat()).map(|stat| stat.bytes))
    }

    /// Reads a small file, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or has more than 256 MiB.
    pub fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let object = Object { bucket: self.bucket.clone(), key: self.key(file)? };
        let name: Arc<str> = self.address(file).into();
        let opened = RemoteFile::open(Arc::new(object), name, None, self.policy);
        let Some(opened) = optional(opened)? else { return Ok(None) };
        if opened.stat.bytes > READ_BYTES_MAX {
            let what = format!("expected a small file, found {} bytes", opened.stat.bytes);
            return Err(Error::new(ErrorKind::FileTooLarge, what));
        }
        let mut bytes = Vec::new();
        opened.body(0..u64::MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Begins a file. It is there, whole, once it is [published](NewObject::publish); until then a file
    /// of that name stays as it is.
    ///
    /// # Errors
    /// If the name cannot be that of an object.
    pub fn create(&self, file: &str) -> io::Result<NewObject> {
        Ok(NewObject {
            bucket: self.bucket.clone(),
            name: self.address(file),
            key: self.key(file)?,
            policy: self.policy,
            buffer: Vec::new(),
            upload: None,
            bytes: 0,
        })
    }

    /// Removes a file, if there is one.
    ///
    /// # Errors
    /// When the store refuses it.
    pub fn remove(&self, file: &str) -> io::Result<()> {
        let (key, runtime) = (self.key(file)?, runtime()?);
        let remove = || {
            let removed = runtime.block_on(self.bucket.objects.delete(&key));
            removed.map_err(|error| trouble(&error))
        };
        optional(retried(self.policy, &self.address(file), remove)).map(drop)
    }
}

/// Returns `None` for a file that is not there.
fn optional<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file that is being written to a bucket, part by part. Takes the memory of a part. If it is dropped
/// before it is published, nothing is left of it.
pub struct NewObject {
    bucket: Bucket,
    name: String,
    key: Path,
    policy: Policy,
    buffer: Vec<u8>,
    upload: Option<Upload>,
    bytes: u64,
}

/// The parts that are written.
struct Upload {
    id: MultipartId,
    parts: Vec<object_store::multipart::PartId>,
}

impl NewObject {
    fn part_bytes(&self) -> usize {
        let parts = self.upload.as_ref().map_or(0, |upload| upload.parts.len());
        PART_BYTES * (1 + parts / PARTS_OF_A_SIZE)
    }

    /// Writes the buffer as a part.
    fn write_part(&mut self) -> io::Result<()> {
        let (runtime, objects) = (runtime()?, self.bucket.objects.clone());
        let payload = PutPayload::from(Bytes::from(std::mem::take(&mut self.buffer)));
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let create = || {
                    let created = runtime.block_on(objects.create_multipart(&self.key));
                    created.map_err(|error| trouble(&error))
                };
                let id = retried(self.policy, &self.name, create)?;
                self.upload.insert(Upload { id, parts: Vec::new() })
            }
        };
        let put = || {
            let (number, payload) = (upload.parts.len(), payload.clone());
            let put = runtime.block_on(objects.put_part(&self.key, &upload.id, number, payload));
            put.map_err(|error| trouble(&error))
        };
        let part = retried(self.policy, &self.name, put)?;
        upload.parts.push(part);
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When the store does not take it.
    pub fn publish(mut self) -> io::Result<()> {
        if self.upload.is_some() {
            self.write_part()?;
        }
        let (runtime, objects) = (runtime()?, self.bucket.objects.clone());
        let Some(Upload { id, parts }) = &self.upload else {
            let payload = PutPayload::from(Bytes::from(std::mem::take(&mut self.buffer)));
            let put = || {
                let put = runtime.block_on(objects.put(&self.key, payload.clone()));
                put.map_err(|error| trouble(&error))
            };
            return retried(self.policy, &self.name, put).map(drop);
        };
        let object = Object { bucket: self.bucket.clone(), key: self.key.clone() };
        let mut attempts = 0;
        let complete = || {
            attempts += 1;
            let completed = objects.complete_multipart(&self.key, id, parts.clone());
            match runtime.block_on(completed).map_err(|error| trouble(&error)) {
                // An earlier attempt was successful, and its answer was lost.
                Err(Trouble::Permanent(error))
                    if attempts > 1
                        && error.kind() == ErrorKind::NotFound
                        && object.stat().is_ok_and(|stat| stat.bytes == self.bytes) =>
                {
                    Ok(())
                }
                completed => completed.map(drop),
            }
        };
        retried(self.policy, &self.name, complete)?;
        self.upload = None;
        Ok(())
    }
}

impl Write for NewObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part_bytes = self.part_bytes();
        if self.buffer.len() >= part_bytes {
            self.write_part()?;
        }
        let written = bytes.len().min(part_bytes - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for NewObject {
    fn drop(&mut self) {
        if let (Some(Upload { id, .. }), Ok(runtime)) = (&self.upload, runtime()) {
            // What cannot be removed now is removed by the rules of the bucket, or costs a little.
            let _ = runtime.block_on(self.bucket.objects.abort_multipart(&self.key, id));
        }
    }
}
