//! Copies of files from elsewhere: fetched through the guarded client, told by their bytes, and
//! made safe to serve as our own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::av;
use super::intake::{Intake, IntakeError};
use super::sniff::{Format, Kind, document, sniff};
use super::storage::{InvalidKey, Key, Spool, Storage, StorageError};
use crate::client::{Admission, Budget, Client, FetchError, GetOptions, Limits};

/// Fetches at once, and of those from one host.
const AT_ONCE: usize = 24;
const OF_A_HOST: usize = 6;
/// How long a fetch may wait for its turn.
const TURN: Duration = Duration::from_secs(10);
/// How long a host that could not be reached is left alone, in milliseconds.
const DOWN: i64 = 60_000;
/// Hosts remembered as down at most.
const MOST_DOWN: usize = 10_000;
/// Time for a whole fetch: pictures, and what may be larger.
const PICTURE_TIME: Duration = Duration::from_secs(30);
const ATTACHMENT_TIME: Duration = Duration::from_secs(180);
/// The formats we can do most with; servers that choose are to choose one of these.
const ACCEPT: &str =
    "image/webp,image/png,image/jpeg,image/gif,video/mp4,video/webm,audio/*,*/*;q=0.1";

/// What a file is shown as, which decides what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Of a status: the file, and a thumbnail.
    Attachment,
    /// Of a chat message: the same, and documents as they are.
    ChatFile,
    /// Square, and a still where it moves.
    Avatar,
    /// 3:1, and a still where it moves.
    Header,
    /// As it is, and a still where it moves.
    Emoji,
}

impl Purpose {
    /// Its name in addresses and hashes.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Attachment => "media",
            Purpose::ChatFile => "chat",
            Purpose::Avatar => "avatar",
            Purpose::Header => "header",
            Purpose::Emoji => "emoji",
        }
    }

    /// Whether files that are no pictures are kept, and which.
    fn keeps(self, kind: Kind) -> bool {
        match self {
            Purpose::Attachment => kind != Kind::Document,
            Purpose::ChatFile => true,
            _ => false,
        }
    }

    /// Where in the storage copies lie: those of chats are nobody's but their two's.
    fn area(self) -> &'static str {
        match self {
            Purpose::ChatFile => "remote-chats",
            _ => "remote",
        }
    }

    fn max_bytes(self) -> u64 {
        match self {
            Purpose::Attachment | Purpose::ChatFile => av::MAX_BYTES,
            Purpose::Avatar | Purpose::Header => 10 << 20,
            Purpose::Emoji => 2 << 20,
        }
    }
}

/// What names the copy of a file: hexadecimal SHA-256 of its purpose and address.
pub fn hash(purpose: Purpose, url: &str) -> String {
    let text = format!("{} {url}", purpose.name());
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Why there is no copy.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// Its server says that it is not there.
    #[error("its server answered {0}")]
    Missing(u16),
    /// It is there, but nothing to show.
    #[error("{0}")]
    Unfit(String),
    /// Its server has trouble.
    #[error("{0}")]
    Unreachable(String),
    /// There is no connection to its server.
    #[error("{0}")]
    Down(String),
    /// Too much is being fetched.
    #[error("too many fetches at once")]
    Busy,
    /// We have trouble.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

impl From<StorageError> for RemoteError {
    fn from(error: StorageError) -> RemoteError {
        RemoteError::Ours(error.into())
    }
}

impl From<InvalidKey> for RemoteError {
    fn from(error: InvalidKey) -> RemoteError {
        RemoteError::Ours(error.into())
    }
}

impl From<std::io::Error> for RemoteError {
    fn from(error: std::io::Error) -> RemoteError {
        RemoteError::Ours(error.into())
    }
}

impl From<IntakeError> for RemoteError {
    fn from(error: IntakeError) -> RemoteError {
        match error {
            IntakeError::Refused(refused) => RemoteError::Unfit(refused.to_string()),
            other => RemoteError::Ours(other.into()),
        }
    }
}

impl From<FetchError> for RemoteError {
    fn from(error: FetchError) -> RemoteError {
        match error {
            FetchError::Refused(_) | FetchError::TooLarge(_) | FetchError::TooManyRedirects => {
                RemoteError::Unfit(error.to_string())
            }
            FetchError::Write(source) => RemoteError::Ours(source.into()),
            FetchError::Connect(reason) => RemoteError::Down(reason),
            other => RemoteError::Unreachable(other.to_string()),
        }
    }
}

/// A copy, not stored yet.
#[derive(Debug)]
pub struct Fetched {
    pub file: Key,
    pub preview: Option<Key>,
    /// Bytes of both.
    pub size: u64,
    content: Content,
    small: Bytes,
}

#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    File(Spool),
}

impl Fetched {
    /// Stores the files; their row stands already.
    pub async fn store(self, storage: &Storage) -> Result<(), RemoteError> {
        match self.content {
            Content::Bytes(bytes) => storage.put(&self.file, bytes).await?,
            Content::File(spool) => storage.adopt(&self.file, spool).await?,
        }
        if let Some(preview) = &self.preview {
            storage.put(preview, self.small).await?;
        }
        Ok(())
    }
}

/// What fetches of one process share: turns, and hosts that are down.
#[derive(Debug)]
pub struct Turns {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
    /// Until when, in milliseconds since the epoch.
    down: Mutex<HashMap<String, i64>>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            hosts: Mutex::default(),
            down: Mutex::default(),
        }
    }
}

impl Turns {
    /// Waits for a turn: first that of the host, so that those who wait for a slow one take
    /// nobody else's.
    async fn take(&self, host: &str) -> Result<[OwnedSemaphorePermit; 2], RemoteError> {
        let own = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() > AT_ONCE * 4 {
                hosts.retain(|_, semaphore| semaphore.strong_count() > 0);
            }
            match hosts.get(host).and_then(Weak::upgrade) {
                Some(own) => own,
                None => {
                    let own = Arc::new(Semaphore::new(OF_A_HOST));
                    hosts.insert(host.to_owned(), Arc::downgrade(&own));
                    own
                }
            }
        };
        let both = async {
            let first = own.acquire_owned().await;
            let second = self.all.clone().acquire_owned().await;
            first.and_then(|first| second.map(|second| [first, second]))
        };
        match tokio::time::timeout(TURN, both).await {
            Ok(Ok(both)) => Ok(both),
            _ => Err(RemoteError::Busy),
        }
    }

    fn is_down(&self, host: &str, now: i64) -> bool {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.get(host).is_some_and(|until| *until > now)
    }

    fn set_down(&self, host: &str, now: i64) {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if down.len() >= MOST_DOWN {
            down.retain(|_, until| *until > now);
            if down.len() >= MOST_DOWN {
                down.clear();
            }
        }
        down.insert(host.to_owned(), now + DOWN);
    }
}

/// What a fetch works with.
#[derive(Clone, Copy)]
pub struct Fetcher<'a> {
    pub client: &'a Client,
    pub storage: &'a Storage,
    pub intake: &'a Intake,
    pub turns: &'a Turns,
    /// Whether a URL may be asked.
    pub admits: Admission<'a>,
}

impl Fetcher<'_> {
    /// Fetches a file and works out its copy. `now` in milliseconds since the epoch.
    pub async fn fetch(
        &self,
        purpose: Purpose,
        url: &Url,
        now: i64,
    ) -> Result<Fetched, RemoteError> {
        let host = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let down = || RemoteError::Down("its server could not be reached lately".to_owned());
        if self.turns.is_down(&host, now) {
            return Err(down());
        }
        let turn = self.turns.take(&host).await?;
        // Whoever waited may wait for one that turned out to be down meanwhile.
        if self.turns.is_down(&host, now) {
            return Err(down());
        }
        let loaded = self.load(purpose, url).await;
        drop(turn);
        if let Err(RemoteError::Down(_)) = &loaded {
            self.turns.set_down(&host, now);
        }
        let (spool, format) = loaded?;
        let id = &hash(purpose, url.as_str())[..16];
        match format.kind() {
            Kind::Image => self.picture(purpose, id, spool, format).await,
            Kind::Video | Kind::Audio | Kind::Document if purpose.keeps(format.kind()) => {
                let poster = match format.kind() {
                    Kind::Video => self.intake.poster(spool.path(), format).await,
                    _ => None,
                };
                let file = Key::for_digest(
                    purpose.area(),
                    id,
                    &spool.digest().await?,
                    format.extension(),
                )?;
                let small = poster.map(|p| (p.bytes, p.format));
                finished(purpose, id, file, Content::File(spool), small)
            }
            _ => Err(RemoteError::Unfit(format!(
                "a file of type {}",
                format.mime()
            ))),
        }
    }

    async fn load(&self, purpose: Purpose, url: &Url) -> Result<(Spool, Format), RemoteError> {
        let time = match purpose {
            Purpose::Attachment | Purpose::ChatFile => ATTACHMENT_TIME,
            _ => PICTURE_TIME,
        };
        let max_bytes = purpose.max_bytes();
        let options = GetOptions {
            accept: ACCEPT,
            max_bytes,
            timeout: time,
            admits: Some(self.admits),
            ..GetOptions::default()
        };
        let budget = Budget::new(Limits {
            requests: 4,
            bytes: max_bytes,
            depth: 0,
            time,
        });
        let mut download = self.client.get_stream(url, &options, &budget).await?;
        match download.status.as_u16() {
            200 => {}
            status @ (408 | 429 | 500..) => {
                return Err(RemoteError::Unreachable(format!(
                    "its server answered {status}"
                )));
            }
            status => return Err(RemoteError::Missing(status)),
        }
        let mut spool = self.storage.spool().await?;
        let mut format = None;
        while let Some(chunk) = download.chunk().await? {
            spool.write(&chunk).await?;
            format = format.or_else(|| sniff(spool.head()));
            match format {
                Some(format) if spool.len() > self.intake.max_bytes(format) => {
                    return Err(RemoteError::Unfit("the file is too large".to_owned()));
                }
                None if spool.head().len() >= 64 => {
                    if purpose != Purpose::ChatFile {
                        break;
                    }
                    format = Some(document(spool.head()));
                }
                _ => {}
            }
        }
        spool.flush().await?;
        if format.is_none() && purpose == Purpose::ChatFile {
            format = Some(document(spool.head()));
        }
        let format = format.ok_or_else(|| {
            RemoteError::Unfit("neither a picture nor a video nor a sound".to_owned())
        })?;
        Ok((spool, format))
    }

    async fn picture(
        &self,
        purpose: Purpose,
        id: &str,
        spool: Spool,
        format: Format,
    ) -> Result<Fetched, RemoteError> {
        // What browsers can show and we cannot decode is passed on as it is.
        if matches!(format, Format::Avif | Format::Heic) {
            let file = Key::for_digest(
                purpose.area(),
                id,
                &spool.digest().await?,
                format.extension(),
            )?;
            return finished(purpose, id, file, Content::File(spool), None);
        }
        let bytes = spool.read().await?;
        drop(spool);
        let (shown, small) = match purpose {
            Purpose::Avatar => {
                let done = self.intake.as_avatar(bytes).await?;
                (done.shown, done.still)
            }
            Purpose::Header => {
                let done = self.intake.as_header(bytes).await?;
                (done.shown, done.still)
            }
            Purpose::Attachment | Purpose::ChatFile => {
                let done = self.intake.process(bytes).await?;
                (done.original, Some(done.small))
            }
            Purpose::Emoji => {
                let done = self.intake.process(bytes).await?;
                (done.original, Some(done.small).filter(|_| done.animated))
            }
        };
        let file = Key::for_content(purpose.area(), id, &shown.bytes, shown.format.extension())?;
        let small = small.map(|s| (s.bytes, s.format));
        finished(purpose, id, file, Content::Bytes(shown.bytes), small)
    }
}

fn finished(
    purpose: Purpose,
    id: &str,
    file: Key,
    content: Content,
    small: Option<(Bytes, Format)>,
) -> Result<Fetched, RemoteError> {
    let preview = match &small {
        Some((bytes, format)) => Some(Key::for_content(
            purpose.area(),
            id,
            bytes,
            format.extension(),
        )?),
        None => None,
    };
    // The same file may serve as both.
    let preview = preview.filter(|preview| *preview != file);
    let small = match &preview {
        Some(_) => small.map(|(bytes, _)| bytes).unwrap_or_default(),
        None => Bytes::new(),
    };
    let length = match &content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::File(spool) => spool.len(),
    };
    if length == 0 {
        return Err(RemoteError::Unfit("the file is empty".to_owned()));
    }
    Ok(Fetched {
        file,
        preview,
        size: length + small.len() as u64,
        content,
        small,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_apart_by_purpose_and_address() {
        let avatar = hash(Purpose::Avatar, "https://b.example/a.png");
        assert_eq!(avatar.len(), 64);
        assert_eq!(avatar, hash(Purpose::Avatar, "https://b.example/a.png"));
        assert_ne!(avatar, hash(Purpose::Header, "https://b.example/a.png"));
        assert_ne!(avatar, hash(Purpose::Avatar, "https://b.example/b.png"));
    }

    #[tokio::test]
    async fn one_host_does_not_take_all_turns() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..OF_A_HOST {
            held.push(turns.take("slow.example").await.unwrap());
        }
        let seventh = tokio::time::timeout(Duration::from_millis(20), turns.take("slow.example"));
        assert!(seventh.await.is_err());
        assert!(turns.take("other.example").await.is_ok());
        held.pop();
        assert!(turns.take("slow.example").await.is_ok());
    }

    #[test]
    fn a_host_that_is_down_is_left_alone_for_a_while() {
        let turns = Turns::default();
        assert!(!turns.is_down("a.example", 0));
        turns.set_down("a.example", 0);
        assert!(turns.is_down("a.example", DOWN - 1));
        assert!(!turns.is_down("a.example", DOWN));
    }
}
