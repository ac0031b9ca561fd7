//! Keeps copies of files from elsewhere within their limit.

use url::Url;

use crate::app::App;
use crate::clock::DAY;
use crate::db;
use crate::db::accounts::Account;
use crate::db::remote_files::RemoteFile;
use crate::disk::COPIES;
use crate::error::{AppError, AppResult};
use crate::media::remote::{Purpose, hash};
use crate::media::sweep;

/// Copies looked at, and failures forgotten, at a time.
const BATCH: i64 = 100;
/// How long a failure is remembered after it could have been tried again.
const FAILURES: i64 = 7 * DAY;

/// One round of the cleaning.
pub async fn pass(app: &App) -> AppResult<()> {
    let before = app.clock.now_ms() - FAILURES;
    loop {
        let gone = app
            .write(move |tx| {
                Box::pin(
                    async move { Ok(db::remote_files::forget_failures(tx, before, BATCH).await?) },
                )
            })
            .await?;
        if gone < BATCH as usize || *app.stop.borrow() {
            break;
        }
    }
    make_room(app).await
}

/// Deletes the copies that were not looked at for longest until the rest is within the limit, and
/// until the disk has room again, some at a time. Whoever comes while that is being done leaves it to who does it.
pub async fn make_room(app: &App) -> AppResult<()> {
    let Ok(_sweeping) = app.proxy.sweeping.try_lock() else {
        return Ok(());
    };
    let limit = i64::try_from(app.config.live.now().media_remote_limit).unwrap_or(i64::MAX);
    // What lies in a bucket takes no room here.
    let mut lacking = match app.storage.is_local() {
        true => i64::try_from(app.room.lacking(COPIES)).unwrap_or(i64::MAX),
        false => 0,
    };
    let mut deleted = 0;
    while !*app.stop.borrow() {
        let (total, oldest) = app
            .read(|c| {
                Box::pin(async move {
                    let total = db::remote_files::total(c).await?;
                    Ok((total, db::remote_files::least_used(c, BATCH).await?))
                })
            })
            .await?;
        let mut over = (total - limit).max(lacking);
        if over <= 0 || oldest.is_empty() {
            break;
        }
        let surplus: Vec<RemoteFile> = oldest
            .into_iter()
            .take_while(|row| {
                let wanted = over > 0;
                over -= row.size;
                wanted
            })
            .collect();
        let evicted = evict(app, surplus).await?;
        if evicted.is_empty() {
            break;
        }
        deleted += evicted.len();
        lacking -= evicted.iter().map(|row| row.size).sum::<i64>();
    }
    if deleted > 0 {
        tracing::info!(deleted, "made room among the remote files");
    }
    Ok(())
}

/// Deletes the copies of attachments that are gone; should another status have the same file, it
/// is fetched again. An error where some are still there.
pub async fn forget(app: &App, urls: &[&str]) -> AppResult<()> {
    let urls = urls.iter().filter_map(|url| Url::parse(url).ok());
    let hashes: Vec<String> = urls
        .flat_map(|url| [Purpose::Attachment, Purpose::ChatFile].map(|p| hash(p, url.as_str())))
        .collect();
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::remote_files::by_hashes(c, &hashes).await?) }))
        .await?;
    let wanted = rows.len();
    match evict(app, rows).await?.len() == wanted {
        true => Ok(()),
        false => Err(AppError::internal(anyhow::anyhow!(
            "some copies cannot be deleted now"
        ))),
    }
}

/// Deletes the copies of the pictures of accounts that are forgotten; who else shows the same has it
/// fetched again. Says how many cannot be deleted now: their rows stay, and they go with the copies that nobody looks
/// at.
pub async fn forget_pictures(app: &App, accounts: &[Account]) -> AppResult<usize> {
    let pictures = accounts.iter().flat_map(|account| {
        [
            (Purpose::Avatar, account.avatar.as_str()),
            (Purpose::Header, account.header.as_str()),
        ]
    });
    let urls = pictures.filter_map(|(purpose, url)| Some((purpose, Url::parse(url).ok()?)));
    let hashes: Vec<String> = urls
        .map(|(purpose, url)| hash(purpose, url.as_str()))
        .collect();
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::remote_files::by_hashes(c, &hashes).await?) }))
        .await?;
    let wanted = rows.len();
    Ok(wanted - evict(app, rows).await?.len())
}

/// Deletes copies, and tells which are gone. The files first: a row without a file is fetched anew, a file without
/// a row would stay.
pub async fn evict(app: &App, rows: Vec<RemoteFile>) -> AppResult<Vec<RemoteFile>> {
    let gone = sweep::delete_each(&app.storage, rows, |row| {
        vec![row.file.clone(), row.preview.clone()]
    });
    let gone = gone.await;
    let rows = gone.clone();
    app.write(move |tx| {
        Box::pin(async move {
            for row in &rows {
                db::remote_files::remove(tx, row).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(gone)
}
