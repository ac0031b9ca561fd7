//! Granting and refusing what was asked for, taking back what was granted; and the same as it is
//! heard from elsewhere.

use super::request::notification;
use super::{DEEDS, Verb, stamp_uri};
use crate::db::accounts::Account;
use crate::db::interactions::{ACCEPTED, Authorization, PENDING, REJECTED, Request};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::notifications;
use crate::domain::outgoing::{self, Addressing, Audience, Outgoing, PUBLIC, RequestRef};
use crate::domain::reactions::{self, Granted, Reblog};
use crate::domain::visibility::Visibility;
use crate::domain::{Ctx, statuses};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Gives leave to do something with a local status; the stamp's id.
pub(super) async fn grant(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    verb: Verb,
    interacting_uri: &str,
) -> AppResult<String> {
    let row = Authorization {
        id: ctx.ids.next(),
        verb: verb as i16,
        account_id: author.id,
        status_id: status.id,
        interacting_uri: interacting_uri.to_owned(),
        created_at: ctx.now(),
    };
    let row = db::interactions::authorize(tx, &row).await?;
    Ok(stamp_uri(author, DEEDS, row.id))
}

/// What a request is about and whose it is, all of it here.
struct About {
    verb: Verb,
    account: Account,
    author: Account,
    status: Status,
}

impl About {
    async fn of(tx: &mut Conn, row: &Request) -> AppResult<About> {
        let missing = AppError::not_found;
        Ok(About {
            verb: Verb::from_db(row.verb).ok_or_else(missing)?,
            account: db::accounts::by_id(tx, row.account_id)
                .await?
                .ok_or_else(missing)?,
            author: db::accounts::by_id(tx, row.target_id)
                .await?
                .ok_or_else(missing)?,
            status: db::statuses::by_id(tx, row.status_id)
                .await?
                .ok_or_else(missing)?,
        })
    }

    /// The reply, with what its notification is about.
    async fn reply(&self, tx: &mut Conn, row: &Request) -> AppResult<Option<Status>> {
        match row.reply_id {
            Some(id) => Ok(db::statuses::by_id(tx, id).await?),
            None => Ok(None),
        }
    }

    async fn forget(&self, tx: &mut Conn, row: &Request) -> AppResult<()> {
        let about = row.reply_id.unwrap_or(row.status_id);
        let kind = notification(self.verb);
        notifications::retract(tx, &self.author, &self.account, kind, Some(about)).await
    }

    /// The request, as answers repeat it.
    fn request(&self, row: &Request) -> RequestRef {
        RequestRef {
            uri: row.request_uri.clone(),
            actor: self.account.uri.clone(),
            object: self.status.uri.clone(),
            instrument: row.interaction_uri.clone(),
        }
    }
}

/// Makes what was asked for real, with a stamp, and tells whoever asked from elsewhere.
pub(super) async fn accept(tx: &mut Conn, ctx: &Ctx, row: Request, stamp: &str) -> AppResult<()> {
    let about = About::of(tx, &row).await?;
    let waited = row.state == PENDING;
    let row = Request {
        state: ACCEPTED,
        stamp_uri: stamp.to_owned(),
        decided_at: row.decided_at.or_else(|| Some(ctx.now())),
        ..row
    };
    db::interactions::update(tx, &row).await?;
    let (account, status) = (&about.account, &about.status);
    match about.verb {
        Verb::Like => {
            let uri = Some(row.interaction_uri.clone());
            let stamp = Some(stamp.to_owned());
            reactions::favourite(tx, ctx, account, status, uri, stamp).await?;
        }
        Verb::Announce => {
            let here = account.is_local();
            let reblog = Reblog {
                quiet: false,
                visibility: Some(Visibility::from_db(row.visibility)),
                remote: (!here).then(|| (row.interaction_uri.clone(), row.created_at)),
                granted: here.then(|| Granted {
                    id: row.id,
                    stamp: stamp.to_owned(),
                }),
            };
            reactions::reblog(tx, ctx, account, status, reblog).await?;
        }
        Verb::Reply => {
            if let Some(reply) = about.reply(tx, &row).await? {
                statuses::admitted(tx, ctx, account, reply).await?;
            }
        }
        Verb::Quote => return Err(AppError::not_found()),
    }
    if waited {
        about.forget(tx, &row).await?;
    }
    if !about.author.is_local() || account.is_local() {
        return Ok(());
    }
    // Whoever asked passes the stamp on. Of what was done without asking, others have to hear
    // from here.
    let polite = !row.request_uri.is_empty();
    let activity = Outgoing::AcceptInteraction {
        uri: outgoing::activity_uri(ctx, &about.author, "accepts"),
        verb: about.verb,
        request: about.request(&row),
        result: stamp.to_owned(),
        cc: if polite {
            Vec::new()
        } else {
            vec![PUBLIC.to_owned(), about.author.followers_url.clone()]
        },
    };
    let audience = Audience {
        followers: !polite && about.verb != Verb::Like,
        accounts: vec![account.id],
    };
    outgoing::send(tx, ctx, &about.author, &activity, audience).await
}

/// Tells whoever asked from elsewhere that they may not.
pub(super) async fn tell_refusal(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    account: &Account,
    status: &Status,
    row: &Request,
) -> AppResult<()> {
    if account.is_local() || !author.is_local() {
        return Ok(());
    }
    let activity = Outgoing::RejectInteraction {
        uri: outgoing::activity_uri(ctx, author, "rejects"),
        verb: Verb::from_db(row.verb).unwrap_or(Verb::Like),
        request: RequestRef {
            uri: row.request_uri.clone(),
            actor: account.uri.clone(),
            object: status.uri.clone(),
            instrument: row.interaction_uri.clone(),
        },
    };
    outgoing::send(tx, ctx, author, &activity, Audience::one(account.id)).await
}

/// A request that `author` decides on; 404 for anybody else's.
async fn own(tx: &mut Conn, author: &Account, id: i64) -> AppResult<Request> {
    db::interactions::by_id(tx, id)
        .await?
        .filter(|row| row.target_id == author.id)
        .ok_or_else(AppError::not_found)
}

/// `author` grants a request. Again is no error.
pub async fn authorize(tx: &mut Conn, ctx: &Ctx, author: &Account, id: i64) -> AppResult<()> {
    let row = own(tx, author, id).await?;
    // One decision at a time.
    db::votes::lock(tx, row.status_id).await?;
    let row = own(tx, author, id).await?;
    match row.state {
        PENDING => {}
        ACCEPTED => return Ok(()),
        _ => return Err(decided()),
    }
    let about = About::of(tx, &row).await?;
    if !about.account.is_active() {
        return Err(AppError::not_found());
    }
    let (status, uri) = (&about.status, &row.interaction_uri);
    let stamp = grant(tx, ctx, author, status, about.verb, uri).await?;
    accept(tx, ctx, row, &stamp).await
}

fn decided() -> AppError {
    AppError::invalid("Validation failed: The request was decided already")
}

/// `author` refuses a request, or takes back what was granted. Again is no error.
pub async fn reject(tx: &mut Conn, ctx: &Ctx, author: &Account, id: i64) -> AppResult<()> {
    let row = own(tx, author, id).await?;
    db::votes::lock(tx, row.status_id).await?;
    let row = own(tx, author, id).await?;
    if row.state == REJECTED {
        return Ok(());
    }
    let about = About::of(tx, &row).await?;
    if row.state == ACCEPTED {
        withdraw_stamp(tx, ctx, &about, &row).await?;
        return revoke(tx, ctx, &about, row).await;
    }
    tell_refusal(tx, ctx, author, &about.account, &about.status, &row).await?;
    about.forget(tx, &row).await?;
    end(tx, ctx, &about, row).await
}

/// Ends a request that waited: what was to be a reply is kept for a local author alone.
async fn end(tx: &mut Conn, ctx: &Ctx, about: &About, row: Request) -> AppResult<()> {
    let reply = about.reply(tx, &row).await?;
    // One from elsewhere goes; that it was refused is remembered.
    let kept = reply.as_ref().is_some_and(|reply| reply.local);
    let reply_id = row.reply_id.filter(|_| kept);
    close(tx, ctx, Request { reply_id, ..row }).await?;
    match reply {
        Some(reply) => statuses::turned_down(tx, ctx, reply).await,
        None => Ok(()),
    }
}

async fn close(tx: &mut Conn, ctx: &Ctx, row: Request) -> AppResult<()> {
    let row = Request {
        state: REJECTED,
        stamp_uri: String::new(),
        decided_at: Some(ctx.now()),
        ..row
    };
    Ok(db::interactions::update(tx, &row).await?)
}

/// Takes a local author's stamp back, and says so.
async fn withdraw_stamp(tx: &mut Conn, ctx: &Ctx, about: &About, row: &Request) -> AppResult<()> {
    let (status, uri) = (about.status.id, &row.interaction_uri);
    let stamp = db::interactions::authorization(tx, status, row.verb, uri).await?;
    let Some(stamp) = stamp else { return Ok(()) };
    let author = &about.author;
    let uri = stamp_uri(author, DEEDS, stamp.id);
    db::interactions::withdraw(tx, stamp.id).await?;
    db::statuses::bury(tx, &uri, author.id, ctx.now()).await?;
    let activity = Outgoing::Delete {
        uri: format!("{uri}#delete"),
        object: uri,
        addressing: Addressing {
            to: vec![PUBLIC.to_owned()],
            cc: vec![about.account.uri.clone()],
            ..Addressing::default()
        },
    };
    let audience = Audience {
        followers: about.verb != Verb::Like,
        accounts: vec![about.account.id],
    };
    outgoing::send(tx, ctx, author, &activity, audience).await
}

/// Undoes what was granted. A reply stays, but out of the thread.
async fn revoke(tx: &mut Conn, ctx: &Ctx, about: &About, row: Request) -> AppResult<()> {
    let reply = about.reply(tx, &row).await?;
    close(tx, ctx, row).await?;
    let (account, status) = (&about.account, &about.status);
    match about.verb {
        Verb::Like => reactions::unfavourite(tx, ctx, account, status).await,
        Verb::Announce => reactions::unreblog(tx, ctx, account, status).await,
        _ => match reply {
            Some(reply) => {
                statuses::uncount_comment(tx, &reply, status.id).await?;
                db::statuses::detach(tx, reply.id).await?;
                tx.emit(Event::of(Kind::StatusEdited, reply.id));
                Ok(())
            }
            None => Ok(()),
        },
    }
}

/// The request by an id of ours (its own, or that of what it is for) that asked `author`.
pub async fn asked(conn: &mut Conn, uri: &str, author: &Account) -> AppResult<Option<Request>> {
    let row = db::interactions::by_uri(conn, uri).await?;
    Ok(row.filter(|row| row.target_id == author.id))
}

/// An author elsewhere granted what was asked of them; `stamp` was fetched from their server.
pub async fn granted(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    uri: &str,
    stamp: &str,
) -> AppResult<bool> {
    let Some(row) = asked(tx, uri, author).await? else {
        return Ok(false);
    };
    if row.state == PENDING {
        accept(tx, ctx, row, stamp).await?;
    }
    Ok(true)
}

/// An author elsewhere refused what was asked of them, or takes it back.
pub async fn refused(tx: &mut Conn, ctx: &Ctx, author: &Account, uri: &str) -> AppResult<bool> {
    let Some(row) = asked(tx, uri, author).await? else {
        return Ok(false);
    };
    let about = About::of(tx, &row).await?;
    match row.state {
        PENDING => end(tx, ctx, &about, row).await?,
        ACCEPTED => revoke(tx, ctx, &about, row).await?,
        _ => {}
    }
    Ok(true)
}

/// An author elsewhere deleted a stamp of theirs: what it allowed is undone. False when nothing
/// here rests on it.
pub async fn stamp_deleted(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    stamp: &str,
) -> AppResult<bool> {
    let rows = db::interactions::by_stamp(tx, stamp).await?;
    let mut any = false;
    for row in rows {
        if row.target_id == author.id && row.state == ACCEPTED {
            let about = About::of(tx, &row).await?;
            revoke(tx, ctx, &about, row).await?;
            any = true;
        }
    }
    Ok(any)
}
