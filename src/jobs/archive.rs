//! Writes archives: a zip file, as Mastodon's are laid out, whose parts go to the disk as they are
//! read, so that memory holds a page at a time.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use futures::TryStreamExt;
use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::JobError;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::db::relations::Page;
use crate::db::timelines::AccountFilter;
use crate::domain::{archives, profiles};
use crate::error::{AppError, AppResult};
use crate::federation::endpoints::activities;
use crate::federation::local_keys;
use crate::federation::render::{ActorDocument, CONTEXT, note};
use crate::media::storage::{Key, Spool};

/// Statuses, and other rows, read at a time.
const STATUSES: i64 = 40;
const ROWS: i64 = 500;
/// Where files lie in the archive.
const FILES: &str = "media_attachments";

/// Writes an archive. Begun anew after a failure: what was half-written has no name, and is swept away.
pub async fn write(app: &App, id: i64) -> Result<(), JobError> {
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::archives::by_id(c, id).await?) }))
        .await
        .map_err(JobError::retry)?;
    let now = app.clock.now_ms();
    let Some(row) = row.filter(|row| row.ready_at.is_none() && row.expires_at > now) else {
        return Ok(());
    };
    let account = app.account(row.account_id).await.map_err(JobError::retry)?;
    let Some(account) = account.filter(|account| account.is_active()) else {
        return Ok(());
    };
    let spool = gather(app, &account).await.map_err(JobError::retry)?;
    let size = i64::try_from(spool.len()).unwrap_or(i64::MAX);
    let key: Key = row.file.parse().map_err(JobError::fail)?;
    app.storage
        .adopt(&key, spool)
        .await
        .map_err(JobError::retry)?;
    let ctx = app.ctx.clone();
    let there = app
        .write(move |tx| {
            Box::pin(async move {
                archives::ready(tx, &ctx, &row, size).await?;
                let row = db::archives::by_id(tx, id).await?;
                Ok(row.is_some_and(|row| row.expires_at > ctx.now()))
            })
        })
        .await
        .map_err(JobError::retry)?;
    if !there {
        // The account was deleted while this was written: nothing else knows of the file.
        app.storage.delete(&key).await.map_err(JobError::retry)?;
    }
    Ok(())
}

async fn gather(app: &App, account: &Arc<Account>) -> AppResult<Spool> {
    let spool = app.storage.spool().await?;
    let mut archive = Archive::new(spool);
    archive.begin("actor.json", true)?;
    archive.write(actor(app, account).await?.as_bytes()).await?;
    outbox(app, account, &mut archive).await?;
    for kind in [List::Likes, List::Bookmarks] {
        list(app, account.id, kind, &mut archive).await?;
    }
    for picture in [&account.avatar, &account.header] {
        for file in profiles::picture_files(picture) {
            archive.file(app, &file).await?;
        }
    }
    let (id, mut above) = (account.id, 0);
    loop {
        let files = app
            .read(move |c| {
                Box::pin(async move { Ok(db::archives::files(c, id, above, ROWS).await?) })
            })
            .await?;
        let Some(last) = files.last() else { break };
        above = last.id;
        for media in files.iter().filter(|media| !media.file.is_empty()) {
            archive.file(app, &media.file).await?;
        }
    }
    archive.finish().await
}

/// The actor's document, with its collections as they lie beside it.
async fn actor(app: &App, account: &Account) -> AppResult<String> {
    let id = account.id;
    let profile = app
        .read(move |c| Box::pin(async move { Ok(db::profiles::of(c, &[id]).await?) }))
        .await?
        .pop();
    let keys = local_keys::of(app, id)
        .await?
        .ok_or_else(|| AppError::internal(anyhow::anyhow!("a local actor has no key")))?;
    let mut document = ActorDocument {
        config: &app.config,
        account,
        profile: profile.as_ref(),
        keys: &keys,
    }
    .document();
    for name in ["outbox", "likes", "bookmarks"] {
        document[name] = json!(format!("{name}.json"));
    }
    for picture in ["icon", "image"] {
        if let Some(picture) = document.get_mut(picture) {
            local_file(app, picture);
        }
    }
    Ok(document.to_string())
}

/// Has a file's address name it in the archive.
fn local_file(app: &App, file: &mut Value) {
    let url = file.get("url").and_then(Value::as_str);
    if let Some(key) = url.and_then(|url| app.config.media_key_of(url)) {
        file["url"] = json!(format!("{FILES}/{key}"));
    }
}

/// All posts and boosts, the newest first, whoever may see them.
async fn outbox(app: &App, account: &Arc<Account>, archive: &mut Archive) -> AppResult<()> {
    archive.open_list("outbox.json", &note::context()).await?;
    let mut below = None;
    let mut total = 0;
    loop {
        let (ctx, author) = (app.ctx.clone(), account.clone());
        let page = Page {
            max_id: below,
            limit: STATUSES,
            ..Page::default()
        };
        let filter = AccountFilter {
            deepest: i16::MAX,
            ..AccountFilter::default()
        };
        let (ids, items) = app
            .read(move |c| {
                Box::pin(async move {
                    let ids = db::timelines::account(c, author.id, filter, page).await?;
                    let items = activities(c, &ctx, &author, &ids, true).await?;
                    Ok((ids, items))
                })
            })
            .await?;
        let Some(last) = ids.last() else { break };
        below = Some(*last);
        for mut item in items {
            let note = item.get_mut("object");
            let files = note.and_then(|note| note.get_mut("attachment"));
            if let Some(files) = files.and_then(Value::as_array_mut) {
                files.iter_mut().for_each(|file| local_file(app, file));
            }
            archive.item(total, &item).await?;
            total += 1;
        }
    }
    archive.close_list(total).await
}

/// A collection of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Likes,
    Bookmarks,
}

/// A collection of addresses, read page by page.
async fn list(app: &App, id: i64, list: List, archive: &mut Archive) -> AppResult<()> {
    let name = match list {
        List::Likes => "likes.json",
        List::Bookmarks => "bookmarks.json",
    };
    archive.open_list(name, &json!(CONTEXT)).await?;
    let (mut above, mut total) = (0, 0);
    loop {
        let rows: Vec<(i64, String)> = app
            .read(move |c| {
                Box::pin(async move {
                    if list == List::Likes {
                        return Ok(db::archives::liked(c, id, above, ROWS).await?);
                    }
                    let rows = db::exports::bookmarks(c, id, above, ROWS).await?;
                    Ok(rows.into_iter().map(|row| (row.id, row.uri)).collect())
                })
            })
            .await?;
        let Some((last, _)) = rows.last() else { break };
        above = *last;
        for (_, uri) in &rows {
            archive.item(total, &json!(uri)).await?;
            total += 1;
        }
    }
    archive.close_list(total).await
}

/// What the zip writer has written and the disk has not.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A zip file on its way to the disk.
struct Archive {
    zip: ZipWriter<StreamWriter<Buffer>>,
    buffer: Buffer,
    spool: Spool,
}

impl Archive {
    fn new(spool: Spool) -> Archive {
        let buffer = Buffer::default();
        Archive {
            zip: ZipWriter::new_stream(buffer.clone()),
            buffer,
            spool,
        }
    }

    /// Begins a part. Pictures and the like are not made smaller by trying.
    fn begin(&mut self, name: &str, deflate: bool) -> AppResult<()> {
        let method = match deflate {
            true => CompressionMethod::Deflated,
            false => CompressionMethod::Stored,
        };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .large_file(true);
        self.zip
            .start_file(name, options)
            .map_err(AppError::internal)
    }

    async fn write(&mut self, bytes: &[u8]) -> AppResult<()> {
        self.zip.write_all(bytes).map_err(AppError::internal)?;
        self.spill().await
    }

    async fn spill(&mut self) -> AppResult<()> {
        let bytes = self.buffer.take();
        self.spool.write(&bytes).await.map_err(AppError::internal)
    }

    async fn open_list(&mut self, name: &str, context: &Value) -> AppResult<()> {
        self.begin(name, true)?;
        let head = format!(
            "{{\"@context\":{context},\"id\":{},\"type\":\"OrderedCollection\",\"orderedItems\":[",
            json!(name)
        );
        self.write(head.as_bytes()).await
    }

    async fn item(&mut self, before: usize, item: &Value) -> AppResult<()> {
        let comma = if before > 0 { "," } else { "" };
        self.write(format!("{comma}{item}").as_bytes()).await
    }

    async fn close_list(&mut self, total: usize) -> AppResult<()> {
        self.write(format!("],\"totalItems\":{total}}}").as_bytes())
            .await
    }

    /// A stored file; one that is not there any more is left out.
    async fn file(&mut self, app: &App, key: &str) -> AppResult<()> {
        let Ok(key) = key.parse::<Key>() else {
            return Ok(());
        };
        let stored = app.storage.open(&key, None).await?;
        let Some(mut stored) = stored else {
            return Ok(());
        };
        self.begin(&format!("{FILES}/{key}"), false)?;
        while let Some(chunk) = stored
            .content
            .try_next()
            .await
            .map_err(AppError::internal)?
        {
            self.write(&chunk).await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> AppResult<Spool> {
        self.zip.finish().map_err(AppError::internal)?;
        let bytes = self.buffer.take();
        self.spool.write(&bytes).await.map_err(AppError::internal)?;
        self.spool.flush().await.map_err(AppError::internal)?;
        Ok(self.spool)
    }
}
