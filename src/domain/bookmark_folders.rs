//! Folders of bookmarks. A status is put into one by bookmarking it; what is no bookmark any
//! more is in none. A bookmark may be in several.

use super::Ctx;
use super::reactions;
use crate::db::accounts::Account;
use crate::db::bookmark_folders::Folder;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Folders of one account at most.
pub const MAX_FOLDERS: i64 = 100;
/// Characters of a name at most.
pub const MAX_NAME: usize = 100;

/// A name as it is kept, and as it is compared: names that differ in case alone are the same.
fn name_of(text: &str) -> AppResult<(String, String)> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(AppError::invalid("Validation failed: Name can't be blank"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(AppError::invalid(format!(
            "Validation failed: Name is too long (maximum is {MAX_NAME} characters)"
        )));
    }
    let key = name.to_lowercase();
    Ok((name, key))
}

fn taken() -> AppError {
    AppError::invalid("Validation failed: Name has already been taken")
}

/// A folder of an account's own.
pub async fn own(conn: &mut Conn, owner: &Account, id: i64) -> AppResult<Folder> {
    db::bookmark_folders::by_id(conn, owner.id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// `owner` makes a folder.
pub async fn create(tx: &mut Conn, ctx: &Ctx, owner: &Account, name: &str) -> AppResult<Folder> {
    let (name, name_key) = name_of(name)?;
    if db::bookmark_folders::count(tx, owner.id).await? >= MAX_FOLDERS {
        return Err(AppError::invalid(format!(
            "Validation failed: You have reached the limit of {MAX_FOLDERS} folders"
        )));
    }
    let folder = Folder {
        id: ctx.ids.next(),
        account_id: owner.id,
        name,
        name_key,
        created_at: ctx.now(),
    };
    if !db::bookmark_folders::insert(tx, &folder).await? {
        return Err(taken());
    }
    Ok(folder)
}

/// `owner` renames a folder.
pub async fn rename(tx: &mut Conn, owner: &Account, id: i64, name: &str) -> AppResult<Folder> {
    let mut folder = own(tx, owner, id).await?;
    (folder.name, folder.name_key) = name_of(name)?;
    let holder = db::bookmark_folders::by_name(tx, owner.id, &folder.name_key).await?;
    if holder.is_some_and(|holder| holder.id != id) {
        return Err(taken());
    }
    db::bookmark_folders::rename(tx, &folder).await?;
    Ok(folder)
}

/// `owner` removes a folder; what was in it stays bookmarked.
pub async fn delete(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<()> {
    if !db::bookmark_folders::delete(tx, owner.id, id).await? {
        return Err(AppError::not_found());
    }
    Ok(())
}

/// `owner` puts a status it may see into a folder, and bookmarks it.
pub async fn put(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    id: i64,
    status_id: i64,
) -> AppResult<Folder> {
    let folder = own(tx, owner, id).await?;
    let status = reactions::subject(tx, owner, status_id).await?;
    reactions::bookmark(tx, ctx, owner, &status).await?;
    db::bookmark_folders::put(tx, ctx.ids.next(), folder.id, owner.id, status.id).await?;
    Ok(folder)
}

/// `owner` takes a status out of a folder: it stays bookmarked.
pub async fn take_out(
    tx: &mut Conn,
    owner: &Account,
    id: i64,
    status_id: i64,
) -> AppResult<Folder> {
    let folder = own(tx, owner, id).await?;
    // Of a reblog, its original is in the folder.
    let status = db::statuses::by_id(tx, status_id).await?;
    let original = status.and_then(|status| status.reblog_of_id);
    let in_it = original.unwrap_or(status_id);
    if !db::bookmark_folders::take_out(tx, folder.id, owner.id, in_it).await? {
        return Err(AppError::not_found());
    }
    Ok(folder)
}
