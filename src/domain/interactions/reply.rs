//! Replies where not everyone may answer: from here they are written as what waits or bears a
//! stamp, from elsewhere they are let in, held or left out.

use super::decide::{accept, grant, tell_refusal};
use super::request::{Outcome, send_request};
use super::{Admission, Verb, admit};
use crate::db::accounts::Account;
use crate::db::interactions::{ACCEPTED, PENDING, REJECTED, Request};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::notifications::{self, Type};
use crate::domain::outgoing::{Instrument, Note};
use crate::domain::reactions::author_of;
use crate::error::{AppError, AppResult};

/// The request of a reply.
fn reply_row(
    ctx: &Ctx,
    account: &Account,
    author: &Account,
    parent: &Status,
    reply: &Status,
) -> Request {
    Request {
        id: ctx.ids.next(),
        verb: Verb::Reply as i16,
        account_id: account.id,
        target_id: author.id,
        status_id: parent.id,
        reply_id: Some(reply.id),
        visibility: reply.visibility,
        state: PENDING,
        interaction_uri: reply.uri.clone(),
        request_uri: String::new(),
        stamp_uri: String::new(),
        created_at: ctx.now(),
        decided_at: None,
    }
}

/// Asks for leave for a local reply that was written and waits; `note`: as it would go out.
pub async fn ask_reply(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    author: &Account,
    parent: &Status,
    reply: &Status,
    note: Option<Note>,
) -> AppResult<()> {
    let mut row = reply_row(ctx, account, author, parent, reply);
    match note.filter(|_| !author.is_local()) {
        Some(note) => {
            let instrument = Instrument::Reply(Box::new(note));
            send_request(tx, ctx, account, author, parent, &mut row, instrument).await
        }
        None => {
            db::interactions::insert(tx, &row).await?;
            let kind = Type::PendingReply;
            notifications::notify(tx, ctx, author, account, kind, Some(reply.id)).await
        }
    }
}

/// A local reply that the local author's policy admits at once: the stamp it bears.
pub async fn replied(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    author: &Account,
    parent: &Status,
    reply: &Status,
) -> AppResult<String> {
    let stamp = grant(tx, ctx, author, parent, Verb::Reply, &reply.uri).await?;
    let row = Request {
        state: ACCEPTED,
        stamp_uri: stamp.clone(),
        decided_at: Some(ctx.now()),
        ..reply_row(ctx, account, author, parent, reply)
    };
    db::interactions::insert(tx, &row).await?;
    Ok(stamp)
}

/// What is to become of a reply from elsewhere to what has a policy, or that asks for leave.
pub struct Reception {
    pub author: Account,
    pub admission: Admission,
}

impl Reception {
    /// By the policy of the status it answers. `vouched`: a stamp for it was seen at its origin.
    pub async fn of(
        tx: &mut Conn,
        parent: &Status,
        account: &Account,
        vouched: bool,
    ) -> AppResult<Reception> {
        let author = author_of(tx, parent).await?;
        let admission = admit(tx, parent, &author, account, Verb::Reply, vouched).await?;
        Ok(Reception { author, admission })
    }

    /// The `visibility` of the row while it waits.
    pub fn waits(&self) -> bool {
        self.admission == Admission::Ask
    }
}

/// A reply from elsewhere was written: what it asked for is answered or asked on.
pub async fn received(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    parent: &Status,
    reply: &Status,
    reception: &Reception,
    (request, stamp): (Option<&str>, Option<&str>),
) -> AppResult<()> {
    let Reception { author, admission } = reception;
    let mut row = reply_row(ctx, account, author, parent, reply);
    row.request_uri = request.unwrap_or_default().to_owned();
    if !author.is_local() {
        if let Some(stamp) = stamp {
            row.state = ACCEPTED;
            row.stamp_uri = stamp.to_owned();
            row.decided_at = Some(row.created_at);
            db::interactions::insert(tx, &row).await?;
        }
        return Ok(());
    }
    match admission {
        Admission::Ask => {
            db::interactions::insert(tx, &row).await?;
            let kind = Type::PendingReply;
            notifications::notify(tx, ctx, author, account, kind, Some(reply.id)).await
        }
        Admission::Open if request.is_none() => Ok(()),
        _ => {
            db::interactions::insert(tx, &row).await?;
            let stamp = grant(tx, ctx, author, parent, Verb::Reply, &reply.uri).await?;
            accept(tx, ctx, row, &stamp).await
        }
    }
}

/// A ReplyRequest for a reply that is here already, or that was refused when it came with it
/// (`None`).
pub async fn reply_asked(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    parent: &Status,
    reply: Option<&Status>,
    (request, interaction): (&str, &str),
) -> AppResult<Outcome> {
    let author = author_of(tx, parent).await?;
    let known = match reply {
        Some(reply) => db::interactions::of_reply(tx, reply.id).await?,
        None => None,
    };
    let asking = |row: Request| Request {
        request_uri: request.to_owned(),
        ..row
    };
    match (reply, known) {
        (Some(_), Some(row)) if row.account_id != account.id => {
            Err(AppError::forbidden("This action is not allowed"))
        }
        (Some(_), Some(row)) if row.state == PENDING => {
            db::interactions::update(tx, &asking(row)).await?;
            Ok(Outcome::Asked)
        }
        (Some(_), Some(row)) if row.state == ACCEPTED => {
            let row = asking(row);
            let stamp = row.stamp_uri.clone();
            accept(tx, ctx, row, &stamp).await?;
            Ok(Outcome::Done)
        }
        (Some(reply), None)
            if reply.account_id == account.id && reply.in_reply_to_id == Some(parent.id) =>
        {
            let row = asking(reply_row(ctx, account, &author, parent, reply));
            db::interactions::insert(tx, &row).await?;
            let stamp = grant(tx, ctx, &author, parent, Verb::Reply, &reply.uri).await?;
            accept(tx, ctx, row, &stamp).await?;
            Ok(Outcome::Done)
        }
        _ => {
            let row = Request {
                id: 0,
                verb: Verb::Reply as i16,
                account_id: account.id,
                target_id: author.id,
                status_id: parent.id,
                reply_id: None,
                visibility: 0,
                state: REJECTED,
                interaction_uri: interaction.to_owned(),
                request_uri: request.to_owned(),
                stamp_uri: String::new(),
                created_at: ctx.now(),
                decided_at: None,
            };
            tell_refusal(tx, ctx, &author, account, parent, &row).await?;
            Ok(Outcome::Denied)
        }
    }
}
