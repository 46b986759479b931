//! Buckets of object stores: S3, Google Cloud Storage, Azure Blob Storage.

use crate::address::{Address, Scheme};
use crate::http::Web;
use crate::origin::{Answer, Origin, Stat, Trouble, tag};
use crate::retry::{Attempts, Policy};
use crate::transport::{Connector, trouble};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use std::io::{self, Error, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// What all three can do.
pub(crate) trait Objects: ObjectStore + MultipartStore {}

impl<S: ObjectStore + MultipartStore> Objects for S {}

/// A bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub objects: Arc<dyn Objects>,
    pub policy: Policy,
}

impl Bucket {
    /// Opens the bucket of an address, with the credentials and the endpoint of the environment.
    pub(crate) fn open(of: &Address, web: &Web, policy: Policy) -> io::Result<Bucket> {
        let (connector, bucket) = (Connector(web.clone()), of.host());
        let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let opened: object_store::Result<Arc<dyn Objects>> = match of.scheme() {
            Scheme::Gs => GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retry)
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as _),
            Scheme::Az => MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_retry(retry)
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as _),
            Scheme::S3 | Scheme::Http | Scheme::Https => AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retry)
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as _),
        };
        let objects = opened.map_err(|error| {
            let what = format!("the environment does not say how to reach it: {error}");
            Error::new(ErrorKind::PermissionDenied, what)
        })?;
        Ok(Bucket { objects, policy })
    }

    /// Lists the objects whose keys begin with `prefix` and a slash; all if it is empty.
    pub(crate) fn list(&self, name: &str, prefix: &str) -> io::Result<Vec<(String, Stat)>> {
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty()).map(path).transpose()?;
        let runtime = runtime()?;
        let mut found: Vec<(String, Stat)> = Vec::new();
        let mut last: Option<Path> = None;
        let mut attempts = Attempts::new(self.policy, name);
        loop {
            let mut listed = match &last {
                None => self.objects.list(prefix.as_ref()),
                Some(last) => self.objects.list_with_offset(prefix.as_ref(), last),
            };
            loop {
                match runtime.block_on(listed.next()) {
                    None => return Ok(found),
                    Some(Ok(meta)) => {
                        found.push((meta.location.to_string(), stat(&meta)));
                        last = Some(meta.location);
                    }
                    Some(Err(error)) => {
                        attempts.failed(trouble(&error))?;
                        break;
                    }
                }
            }
        }
    }
}

/// An object of a bucket.
pub(crate) struct Object {
    pub bucket: Bucket,
    pub key: Path,
}

impl Object {
    /// An object by its key.
    ///
    /// # Errors
    /// If the key has an empty part or one of dots, which the library refuses.
    pub(crate) fn new(bucket: Bucket, key: &str) -> io::Result<Object> {
        Ok(Object { bucket, key: path(key)? })
    }
}

pub(crate) fn path(key: &str) -> io::Result<Path> {
    Path::parse(key).map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))
}

/// Returns a runtime for the calling thread: all work is done in it.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().build()
}

fn stat(meta: &ObjectMeta) -> Stat {
    let modified = u64::try_from(meta.last_modified.timestamp()).ok();
    Stat { bytes: meta.size, tag: meta.e_tag.as_deref().map(tag), modified }
}

fn own(error: io::Error) -> Trouble {
    Trouble::Permanent(error)
}

impl Origin for Object {
    fn stat(&self) -> Result<Stat, Trouble> {
        let runtime = runtime().map_err(own)?;
        let meta = runtime.block_on(self.bucket.objects.head(&self.key));
        meta.map(|meta| stat(&meta)).map_err(|error| trouble(&error))
    }

    fn get(&self, range: Range<u64>) -> Result<Answer, Trouble> {
        let runtime = runtime().map_err(own)?;
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let result = runtime.block_on(self.bucket.objects.get_opts(&self.key, options));
        let result = result.map_err(|error| trouble(&error))?;
        let (stat, range) = (stat(&result.meta), result.range.clone());
        let body = Chunks { runtime, chunks: result.into_stream(), chunk: Bytes::new() };
        Ok(Answer { stat, range, body: Box::new(body) })
    }
}

/// The body of an answer, as a reader.
struct Chunks {
    runtime: Runtime,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.chunks.next()) {
                None => return Ok(0),
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => match trouble(&error) {
                    Trouble::Transient { error, .. } | Trouble::Permanent(error) => {
                        return Err(error);
                    }
                },
            }
        }
        let read = self.chunk.len().min(into.len());
        into[..read].copy_from_slice(&self.chunk.split_to(read));
        Ok(read)
    }
}
