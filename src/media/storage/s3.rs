//! Media files in a bucket.
//!
//! Requests are signed (Signature Version 4) over what they carry, so that a store keeps nothing that
//! was damaged on its way. A file is there once it was sent whole; what takes several requests is put
//! together by the last of them.

use std::future::Future;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, GetOptions, GetRange, MultipartUpload,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, RetryConfig,
};
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

use super::{FOR_EVER, Found, Key, Local, PRIVATE_AREAS, StorageError, Stored};
use crate::config::S3;

/// How long a connection, the next bytes of an answer, a question without content, and putting parts
/// together may take.
const CONNECT: Duration = Duration::from_secs(4);
const READ: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);
const JOIN: Duration = Duration::from_secs(120);
/// How long it is tried again, and how often.
const RETRIED: Duration = Duration::from_secs(8);
const RETRIES: usize = 3;
/// Bytes of a request: larger files are sent in parts, some at once. No store takes parts below 5 MiB.
const PART: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 2;
/// Bytes in a second below which a request has failed.
const SLOWEST: u64 = 64 << 10;

/// A bucket of an object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    name: Arc<str>,
    /// Takes what is on its way.
    local: Local,
}

/// The HTTP client of this project in the place of the crate's own.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Bucket {
    #[expect(
        clippy::disallowed_methods,
        reason = "a service of the operator's is not guarded, and may be private"
    )]
    pub(super) fn open(s3: &S3, local: Local) -> Result<Bucket, StorageError> {
        let failed = failed("opening", &s3.name());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            // A file is what it is, whatever its metadata say of its encoding.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            // What is signed for one host is for no other.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let http = match http {
            Ok(http) => http,
            Err(error) => {
                return Err(failed(object_store::Error::Generic {
                    store: "S3",
                    source: Box::new(error),
                }));
            }
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&s3.bucket)
            .with_region(&s3.region)
            .with_access_key_id(&s3.keys.access)
            .with_secret_access_key(&s3.keys.secret)
            .with_virtual_hosted_style_request(!s3.path_style)
            .with_allow_http(true)
            // Not every store that speaks S3 can delete many at once.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_secs(2),
                    base: 2.0,
                },
                max_retries: RETRIES,
                retry_timeout: RETRIED,
            })
            .with_http_connector(Connector(http));
        if let Some(endpoint) = s3.endpoint_of_requests() {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Bucket {
            store: Arc::new(builder.build().map_err(failed)?),
            name: s3.name().into(),
            local,
        })
    }

    pub(super) fn local(&self) -> &Local {
        &self.local
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn put(&self, key: &Key, content: Bytes) -> Result<(), StorageError> {
        if content.len() > PART {
            let mut spool = self.local.spool().await?;
            let spooled = async {
                spool.write(&content).await?;
                spool.flush().await
            };
            spooled.await.map_err(super::failed("writing", key))?;
            return self.upload(key, spool.path(), spool.len()).await;
        }
        let options = PutOptions {
            attributes: attributes(key),
            ..PutOptions::default()
        };
        let patience = patience(content.len());
        let location = path(key);
        let payload = PutPayload::from_bytes(content);
        let sent = self.store.put_opts(&location, payload, options);
        written(key, patience, sent).await.map(drop)
    }

    /// Sends a file of this machine. Whoever asks for it may go away meanwhile: what was sent of a file in
    /// parts is taken back then.
    pub(super) async fn upload(
        &self,
        key: &Key,
        file: &FilePath,
        size: u64,
    ) -> Result<(), StorageError> {
        let unread = || super::failed("reading what is to be", key);
        let mut file = tokio::fs::File::open(file).await.map_err(unread())?;
        if size <= PART as u64 {
            let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            file.read_to_end(&mut content).await.map_err(unread())?;
            return Box::pin(self.put(key, content.into())).await;
        }
        let (mut asker, told) = oneshot::channel();
        let (bucket, sent) = (self.clone(), key.clone());
        tokio::spawn(async move {
            let done = bucket.upload_parts(&sent, file, &mut asker).await;
            // Whoever has gone away needs no answer.
            let _ = asker.send(done);
        });
        told.await.unwrap_or_else(|_| Err(silent("writing", key)))
    }

    async fn upload_parts(
        &self,
        key: &Key,
        mut file: tokio::fs::File,
        asker: &mut oneshot::Sender<Result<(), StorageError>>,
    ) -> Result<(), StorageError> {
        let options = PutMultipartOptions {
            attributes: attributes(key),
            ..PutMultipartOptions::default()
        };
        let location = path(key);
        let begun = self.store.put_multipart_opts(&location, options);
        let mut upload = written(key, ANSWER, begun).await?;
        let sent = tokio::select! {
            sent = send(key, &mut file, upload.as_mut()) => sent,
            () = asker.closed() => Err(silent("writing", key)),
        };
        if sent.is_err() {
            // The first error counts. A store that is gone keeps parts that nobody sees.
            let _ = tokio::time::timeout(ANSWER, upload.abort()).await;
        }
        sent
    }

    pub(super) async fn read(
        &self,
        key: &Key,
        part: Option<Range<u64>>,
    ) -> Result<Option<Stored>, StorageError> {
        // The protocol cannot ask for nothing.
        if part.as_ref().is_some_and(Range::is_empty) {
            let size = self.size(key).await?;
            return Ok(size.map(|_| Stored {
                size: 0,
                content: Box::pin(futures::stream::empty()),
            }));
        }
        let options = GetOptions {
            range: part.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let location = path(key);
        let asked = self.store.get_opts(&location, options);
        let answer = self.answer("opening", key.as_str(), asked).await?;
        Ok(answer.map(|answer| Stored {
            size: answer.range.end - answer.range.start,
            content: Box::pin(in_time(
                answer.into_stream().map_err(std::io::Error::from),
                || std::io::ErrorKind::TimedOut.into(),
            )),
        }))
    }

    pub(super) async fn size(&self, key: &Key) -> Result<Option<u64>, StorageError> {
        let location = path(key);
        let asked = self.store.head(&location);
        let answer = self.answer("looking at", key.as_str(), asked).await?;
        Ok(answer.map(|meta| meta.size))
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<bool, StorageError> {
        let location = path(key);
        let asked = self.store.delete(&location);
        let answer = self.answer("deleting", key.as_str(), asked).await?;
        Ok(answer.is_some())
    }

    pub(super) fn list(
        &self,
        area: &str,
    ) -> impl Stream<Item = Result<Found, StorageError>> + Send + use<> {
        let prefix = Path::from(area);
        let area = area.to_owned();
        let late = area.clone();
        let listed = self
            .store
            .list(Some(&prefix))
            .map_err(move |error| failed("listing", &area)(error));
        in_time(listed, move || silent("listing", &late)).filter_map(|object| async move {
            let object = match object {
                Ok(object) => object,
                Err(error) => return Some(Err(error)),
            };
            let key = object.location.as_ref().parse().ok()?;
            Some(Ok(Found {
                key,
                size: object.size,
                written: object.last_modified.timestamp_millis(),
            }))
        })
    }

    /// Waits for an answer, but not for long; `None` when there is no such object.
    async fn answer<T>(
        &self,
        doing: &'static str,
        what: &str,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> Result<Option<T>, StorageError> {
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(object_store::Error::NotFound { .. })) => Ok(None),
            Ok(Err(error)) => Err(failed(doing, what)(error)),
            Err(_) => Err(silent(doing, what)),
        }
    }
}

async fn send(
    key: &Key,
    file: &mut tokio::fs::File,
    upload: &mut dyn MultipartUpload,
) -> Result<(), StorageError> {
    let mut under_way = FuturesUnordered::new();
    loop {
        let part = part_of(file)
            .await
            .map_err(super::failed("reading what is to be", key))?;
        if part.is_empty() {
            break;
        }
        // They share the line.
        let patience = patience(part.len() * PARTS_AT_ONCE);
        let sent = upload.put_part(PutPayload::from_bytes(part));
        under_way.push(written(key, patience, sent));
        if under_way.len() >= PARTS_AT_ONCE {
            under_way.try_next().await?;
        }
    }
    while under_way.try_next().await?.is_some() {}
    written(key, JOIN, upload.complete()).await.map(drop)
}

/// How long it may take to send so many bytes.
fn patience(bytes: usize) -> Duration {
    ANSWER + Duration::from_secs(bytes as u64 / SLOWEST)
}

/// Waits until something is written, but not for longer than that.
async fn written<T>(
    key: &Key,
    patience: Duration,
    sent: impl Future<Output = object_store::Result<T>>,
) -> Result<T, StorageError> {
    match tokio::time::timeout(patience, sent).await {
        Ok(sent) => sent.map_err(failed("writing", key.as_str())),
        Err(_) => Err(silent("writing", key)),
    }
}

/// Ends a stream with an error when what comes next does not come in time.
fn in_time<T, E>(
    stream: impl Stream<Item = Result<T, E>> + Send + 'static,
    late: impl Fn() -> E + Clone + Send + 'static,
) -> impl Stream<Item = Result<T, E>> + Send {
    futures::stream::unfold(Some(Box::pin(stream)), move |stream| {
        let late = late.clone();
        async move {
            let mut stream = stream?;
            match tokio::time::timeout(READ, stream.next()).await {
                Ok(next) => next.map(|next| (next, Some(stream))),
                Err(_) => Some((Err(late()), None)),
            }
        }
    })
}

fn silent(doing: &'static str, what: impl ToString) -> StorageError {
    StorageError::Silent {
        doing,
        what: what.to_string(),
    }
}

/// The next bytes of a file, as many as a request has; none at its end.
async fn part_of(file: &mut tokio::fs::File) -> std::io::Result<Bytes> {
    let mut part = BytesMut::with_capacity(PART);
    let mut file = file.take(PART as u64);
    while file.read_buf(&mut part).await? > 0 {}
    Ok(part.freeze())
}

/// Nothing in a key is to be escaped.
fn path(key: &Key) -> Path {
    Path::from(key.as_str())
}

/// What whoever fetches the object by itself is told of it.
fn attributes(key: &Key) -> Attributes {
    let cache = match PRIVATE_AREAS.contains(&key.area()) {
        true => "private, no-store",
        false => FOR_EVER,
    };
    Attributes::from_iter([
        (Attribute::ContentType, key.mime().to_owned()),
        (Attribute::ContentDisposition, key.disposition()),
        (Attribute::CacheControl, cache.to_owned()),
    ])
}

fn failed(
    doing: &'static str,
    what: &str,
) -> impl FnOnce(object_store::Error) -> StorageError + use<> {
    let what = what.to_owned();
    move |error| StorageError::Store {
        doing,
        what,
        source: Box::new(error),
    }
}
