//! Keeps copies of files from elsewhere within their limit.

use std::collections::{HashMap, HashSet};

use url::Url;

use crate::app::App;
use crate::clock::DAY;
use crate::db;
use crate::db::accounts::Account;
use crate::db::remote_files::RemoteFile;
use crate::disk::COPIES;
use crate::error::AppResult;
use crate::media::remote::{Purpose, hash};
use crate::media::sweep::{self, Swept};

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
    let (mut deleted, mut stuck) = (0, 0);
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
        let swept = evict(app, surplus).await?;
        stuck += swept.failed.len();
        if !swept.through || stuck >= sweep::MOST_FAILED {
            break;
        }
        let evicted = swept.gone;
        deleted += evicted.len();
        lacking -= evicted.iter().map(|row| row.size).sum::<i64>();
    }
    if deleted > 0 {
        tracing::info!(deleted, "made room among the remote files");
    }
    Ok(())
}

/// Deletes the copies of attachments that are gone; should another status have the same file, it
/// is fetched again. Tells the addresses of which a copy is still there.
pub async fn forget(app: &App, urls: &[&str]) -> AppResult<HashSet<String>> {
    let mut of: HashMap<String, &str> = HashMap::new();
    for address in urls {
        if let Ok(url) = Url::parse(address) {
            let purposes = [Purpose::Attachment, Purpose::ChatFile];
            of.extend(purposes.map(|purpose| (hash(purpose, url.as_str()), *address)));
        }
    }
    let hashes: Vec<String> = of.keys().cloned().collect();
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::remote_files::by_hashes(c, &hashes).await?) }))
        .await?;
    let mut left: HashSet<String> = rows.iter().map(|row| row.hash.clone()).collect();
    for row in evict(app, rows).await?.gone {
        left.remove(&row.hash);
    }
    let left = left.iter().filter_map(|hash| of.get(hash));
    Ok(left.map(|address| (*address).to_owned()).collect())
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
    Ok(wanted - evict(app, rows).await?.gone.len())
}

/// Deletes copies, and tells what became of them. The files first: a row without a file is fetched anew, a file without
/// a row would stay. What cannot be deleted comes after what was looked at till now the next time.
pub async fn evict(app: &App, rows: Vec<RemoteFile>) -> AppResult<Swept<RemoteFile>> {
    let swept = sweep::delete_each(&app.storage, rows, |row| {
        vec![row.file.clone(), row.preview.clone()]
    });
    let swept = swept.await;
    if swept.gone.is_empty() && swept.failed.is_empty() {
        return Ok(swept);
    }
    let failed = swept.failed.iter().map(|row| row.hash.clone());
    let failed: Vec<String> = failed.collect();
    let (gone, now) = (swept.gone.clone(), app.clock.now_ms());
    app.write(move |tx| {
        Box::pin(async move {
            for row in &gone {
                db::remote_files::remove(tx, row).await?;
            }
            for hash in &failed {
                db::remote_files::touch(tx, hash, now).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(swept)
}
