//! What moderators do: passed on by the group, or sent by the moderator.

use serde_json::Value;

use super::super::{Arrival, Deed, Failure, Prepared};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::{Ctx, groups};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::value::{
    first_id, flag, id, ids, is_a, is_public, kind_of, many, same_origin, text,
};

/// Members of a collection of moderators that are looked at.
const MAX_MODERATORS: usize = 500;

/// What a group's moderator did.
#[derive(Debug)]
pub struct Moderation {
    group: Account,
    /// A status; of bans, an account.
    object: String,
    /// The id of the activity that says so; of what is undone, that one's.
    by: String,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Remove,
    Restore,
    Lock(bool),
    Pin(bool),
    /// With all that was posted.
    Ban,
    Unban,
}

/// Reads what an activity does in a group, if anything that changes something here.
pub(super) fn read(group: &Account, verb: &str, activity: &Value) -> Option<Moderation> {
    let endpoints: Value = serde_json::from_str(&group.endpoints).unwrap_or_default();
    let is_group = |target: &str| {
        target == group.uri || Some(target) == text(&endpoints, "outbox").filter(|u| !u.is_empty())
    };
    let target = first_id(activity, "target").unwrap_or_default();
    let featured = !target.is_empty() && Some(target) == text(&endpoints, "featured");
    let undone = match verb {
        "Undo" => many(activity, "object").first()?,
        _ => activity,
    };
    let action = match verb {
        "Delete" => Action::Remove,
        "Remove" if featured => Action::Pin(false),
        "Remove" if is_group(target) => Action::Remove,
        "Add" if featured => Action::Pin(true),
        "Add" if is_group(target) => Action::Restore,
        "Lock" => Action::Lock(true),
        "Unlock" => Action::Lock(false),
        "Block" if target == group.uri && flag(activity, "removeData") == Some(true) => Action::Ban,
        "Undo" => match kind_of(undone, &["Delete", "Lock", "Block"])? {
            "Delete" => Action::Restore,
            "Lock" => Action::Lock(false),
            _ if first_id(undone, "target") == Some(&group.uri) => Action::Unban,
            _ => return None,
        },
        _ => return None,
    };
    Some(Moderation {
        group: group.clone(),
        object: first_id(undone, "object")?.to_owned(),
        by: text(undone, "id").unwrap_or_default().to_owned(),
        action,
    })
}

/// What a moderator sends by themself, to those whom it is about: nothing that the group passes
/// on, and so looked at. `None` where it is something else.
pub(in super::super) async fn prepare_direct(
    arrival: &Arrival<'_>,
    verb: &str,
) -> Result<Option<Prepared>, Failure> {
    let Some(group) = named_group(arrival).await? else {
        return Ok(None);
    };
    let object = arrival.object()?.0;
    if verb == "Update" {
        if object != group.uri || !is_moderator(arrival, &group).await {
            return Ok(None);
        }
        fetch::refresh(arrival.app, object, arrival.budget).await?;
        return Prepared::nothing("").map(Some);
    }
    let Some(moderation) = read(&group, verb, arrival.activity) else {
        return Ok(None);
    };
    // What is one's own is no matter of moderators.
    let subject = moderation.object.clone();
    let actor = arrival.actor.id;
    let own = arrival
        .app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_uri(c, &subject).await?;
                Ok(status.is_none_or(|status| status.account_id == actor))
            })
        })
        .await?;
    let bans = matches!(moderation.action, Action::Ban | Action::Unban);
    if own && !bans && matches!(moderation.action, Action::Remove | Action::Restore) {
        return Ok(None);
    }
    if !is_moderator(arrival, &group).await {
        return Err(Failure::Hopeless(
            "the actor is no moderator of the group".to_owned(),
        ));
    }
    Prepared::deed(Deed::Moderation(moderation)).map(Some)
}

/// The known group that an activity says it is for.
async fn named_group(arrival: &Arrival<'_>) -> AppResult<Option<Account>> {
    let activity = arrival.activity;
    let named: Vec<String> = ids(activity, "audience")
        .chain(ids(activity, "target"))
        .chain(ids(activity, "cc"))
        .filter(|uri| !is_public(uri) && *uri != arrival.actor.followers_url)
        .filter(|uri| !arrival.app.config.is_ours(uri))
        .take(5)
        .map(str::to_owned)
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let found = arrival
        .app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_uris(c, &named).await?) }))
        .await?;
    Ok(found.into_iter().find(groups::is_group))
}

/// Whether an actor may speak for a group: it is of the group's own server, or the group lists it.
async fn is_moderator(arrival: &Arrival<'_>, group: &Account) -> bool {
    let actor = &arrival.actor.uri;
    if same_origin(actor, &group.uri) {
        return true;
    }
    let endpoints: Value = serde_json::from_str(&group.endpoints).unwrap_or_default();
    let Some(listed) = text(&endpoints, "moderators").filter(|uri| !uri.is_empty()) else {
        return false;
    };
    let Ok(budget) = arrival.budget.deeper() else {
        return false;
    };
    let Ok(found) = fetch::document(arrival.app, listed, &budget).await else {
        return false;
    };
    (is_a(&found, "OrderedCollection") || is_a(&found, "Collection"))
        && many(&found, "orderedItems")
            .iter()
            .chain(many(&found, "items"))
            .take(MAX_MODERATORS)
            .any(|item| id(item) == Some(actor))
}

impl Moderation {
    pub(in super::super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
    ) -> AppResult<&'static str> {
        let group = &self.group;
        if matches!(self.action, Action::Ban | Action::Unban) {
            let Some(account) = db::accounts::by_uri(tx, &self.object).await? else {
                return Ok("nothing of the account is here");
            };
            match self.action {
                Action::Ban => groups::ban(tx, ctx, group, &account, &self.by).await?,
                _ => groups::unban(tx, ctx, group, &account, &self.by).await?,
            }
            return Ok("");
        }
        let status = db::statuses::by_uri(tx, &self.object).await?;
        let Some(status) = status.filter(|status| status.reblog_of_id.is_none()) else {
            return Ok("the object is not known here");
        };
        match self.action {
            Action::Remove => groups::remove(tx, ctx, group, &status, &self.by).await,
            Action::Restore => groups::restore(tx, ctx, group, &status).await,
            Action::Lock(locked) => groups::lock(tx, group, &status, locked).await,
            Action::Pin(pinned) => groups::pin(tx, ctx, group, &status, pinned).await,
            Action::Ban | Action::Unban => Ok(""),
        }
    }
}
