//! Undo (ActivityPub, section 7.12) of a Follow, Like, Dislike, EmojiReact, Announce or Block:
//! embedded, or by its id alone.

use serde_json::Value;

use super::{Arrival, Failure, Prepared, group, local_account};
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::domain::{Ctx, blocks, chats, emoji_reactions, follows, reactions, relays, votes};
use crate::error::AppResult;
use crate::federation::value::{first_id, id, is_a, kind_of, same_origin};

/// What can be undone.
const UNDONE: [&str; 6] = [
    "Follow",
    "Like",
    "Dislike",
    "EmojiReact",
    "Announce",
    "Block",
];

#[derive(Debug)]
pub struct Undo {
    /// `None`: whatever has the id.
    kind: Option<&'static str>,
    /// The undone activity's id.
    uri: String,
    /// The undone activity's object.
    object: Option<String>,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let inner = crate::federation::value::many(arrival.activity, "object")
        .first()
        .ok_or_else(|| Failure::Hopeless("the activity has no object".to_owned()))?;
    if let Some(actor) = inner.get("actor").and_then(id)
        && actor != arrival.actor.uri
    {
        return Err(Failure::Hopeless(
            "undoes what somebody else did".to_owned(),
        ));
    }
    if is_a(inner, "Delete") {
        return restore(arrival, inner).await;
    }
    let kind = kind_of(inner, &UNDONE);
    if kind.is_none() && inner.get("type").is_some() {
        return Prepared::nothing("not understood");
    }
    Prepared::deed(super::Deed::Undo(Undo {
        kind,
        uri: id(inner).unwrap_or_default().to_owned(),
        object: first_id(inner, "object").map(str::to_owned),
    }))
}

/// An author brings back what they deleted.
async fn restore(arrival: &Arrival<'_>, delete: &Value) -> Result<Prepared, Failure> {
    let object = first_id(delete, "object").unwrap_or_default();
    if !same_origin(object, &arrival.actor.uri) {
        return Err(Failure::Hopeless(
            "the object is on another host than the actor".to_owned(),
        ));
    }
    match group::returned(arrival, object).await? {
        Some(create) => Prepared::deed(super::Deed::Create(create)),
        None => Prepared::nothing("there is nothing to undo"),
    }
}

impl Undo {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let may_be = |kind| self.kind.is_none_or(|k| k == kind);
        if may_be("Follow")
            && let Some(target) = self.followed(tx, actor).await?
        {
            if target.username == INSTANCE_ACTOR {
                relays::unfollowed(tx, actor).await?;
            }
            follows::unfollow(tx, ctx, actor, &target).await?;
            return Ok("");
        }
        // A Like may have been a reaction.
        if (may_be("EmojiReact") || may_be("Like"))
            && let Some(row) = db::emoji_reactions::by_uri(tx, actor.id, &self.uri).await?
            && let Some(status) = db::statuses::by_id(tx, row.status_id).await?
        {
            emoji_reactions::withdraw(tx, ctx, actor, &status, &row).await?;
            return Ok("");
        }
        if may_be("EmojiReact") && chats::unreact_remote(tx, ctx, actor, &self.uri).await? {
            return Ok("");
        }
        if may_be("Dislike")
            && let Some(status) = self.disliked(tx, actor).await?
        {
            votes::undislike(tx, ctx, actor, &status).await?;
            return Ok("");
        }
        if may_be("Like")
            && let Some(status) = self.liked(tx, actor).await?
        {
            reactions::unfavourite(tx, ctx, actor, &status).await?;
            return Ok("");
        }
        if may_be("Announce")
            && let Some(status) = self.announced(tx, actor).await?
        {
            reactions::unreblog(tx, ctx, actor, &status).await?;
            return Ok("");
        }
        if may_be("Block")
            && let Some(target) = self.blocked(tx, actor).await?
        {
            blocks::unblock(tx, ctx, actor, &target).await?;
            return Ok("");
        }
        Ok("there is nothing to undo")
    }

    /// The local account that the object names, for deeds that concern one.
    async fn named_account(&self, tx: &mut Conn) -> AppResult<Option<Account>> {
        match &self.object {
            Some(uri) if self.kind.is_some() => local_account(tx, uri).await,
            _ => Ok(None),
        }
    }

    async fn followed(&self, tx: &mut Conn, actor: &Account) -> AppResult<Option<Account>> {
        if let Some(target) = self.named_account(tx).await? {
            return Ok(Some(target));
        }
        let follow = db::relations::follow_by_uri(tx, actor.id, &self.uri).await?;
        let row = match follow {
            Some(row) => Some(row),
            None => db::relations::request_by_uri(tx, actor.id, &self.uri).await?,
        };
        match row {
            Some(row) => Ok(db::accounts::by_id(tx, row.target_id).await?),
            None => Ok(None),
        }
    }

    async fn liked(&self, tx: &mut Conn, actor: &Account) -> AppResult<Option<Status>> {
        let row = db::reactions::favourite_by_uri(tx, actor.id, &self.uri).await?;
        match (row, &self.object) {
            (Some(row), _) => Ok(db::statuses::by_id(tx, row.status_id).await?),
            (None, Some(object)) if self.kind.is_some() => {
                Ok(db::statuses::by_uri(tx, object).await?)
            }
            _ => Ok(None),
        }
    }

    async fn disliked(&self, tx: &mut Conn, actor: &Account) -> AppResult<Option<Status>> {
        let row = db::votes::by_uri(tx, actor.id, &self.uri).await?;
        match (row, &self.object) {
            (Some(row), _) => Ok(db::statuses::by_id(tx, row.status_id).await?),
            (None, Some(object)) if self.kind.is_some() => {
                Ok(db::statuses::by_uri(tx, object).await?)
            }
            _ => Ok(None),
        }
    }

    async fn announced(&self, tx: &mut Conn, actor: &Account) -> AppResult<Option<Status>> {
        let row = db::statuses::by_uri(tx, &self.uri)
            .await?
            .filter(|row| row.account_id == actor.id);
        match (row.and_then(|row| row.reblog_of_id), &self.object) {
            (Some(of), _) => Ok(db::statuses::by_id(tx, of).await?),
            (None, Some(object)) if self.kind.is_some() => {
                Ok(db::statuses::by_uri(tx, object).await?)
            }
            _ => Ok(None),
        }
    }

    async fn blocked(&self, tx: &mut Conn, actor: &Account) -> AppResult<Option<Account>> {
        if let Some(target) = self.named_account(tx).await? {
            return Ok(Some(target));
        }
        match db::relations::block_by_uri(tx, actor.id, &self.uri).await? {
            Some(row) => Ok(db::accounts::by_id(tx, row.target_id).await?),
            None => Ok(None),
        }
    }
}
