//! Relays: servers that pass public posts on between those who ask them to.
//!
//! There are two kinds. Mastodon's is an inbox: it is sent a Follow of everyone, gets the public
//! activities of local people as they are, and passes on what it gets. LitePub's is an actor: it is
//! followed, follows in return, and is told of posts, and tells of them, by Announces.

use url::Url;

use super::Ctx;
use super::accounts::INSTANCE_ACTOR;
use super::outgoing::{self, Addressing, Audience, FollowRef, Outgoing, PUBLIC};
use crate::db::accounts::Account;
use crate::db::outgoing::OutgoingActivity;
use crate::db::relays::Relay;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind as Happened};

/// The states of a relay.
pub const PENDING: &str = "pending";
pub const ACCEPTED: &str = "accepted";
pub const REJECTED: &str = "rejected";

/// Relays at most: each brings a good part of the network.
const MOST: usize = 50;

/// How a relay is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mastodon,
    Litepub,
}

impl Kind {
    /// As the database names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Mastodon => "mastodon",
            Kind::Litepub => "litepub",
        }
    }
}

/// A relay to ask.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub kind: Kind,
    pub inbox_url: String,
    /// The actor to follow; empty for Mastodon's kind.
    pub actor_uri: String,
}

/// The actor that stands for this server: it is the one who follows relays.
async fn representative(conn: &mut Conn) -> AppResult<Account> {
    db::accounts::by_handle(conn, INSTANCE_ACTOR, "")
        .await?
        .ok_or_else(|| AppError::internal(anyhow::anyhow!("there is no instance actor")))
}

/// Asks a relay for posts.
pub async fn add(tx: &mut Conn, ctx: &Ctx, wanted: Wanted) -> AppResult<Relay> {
    let known = db::relays::all(tx).await?;
    let is_known = |relay: &Relay| {
        relay.inbox_url == wanted.inbox_url
            || (!wanted.actor_uri.is_empty() && relay.actor_uri == wanted.actor_uri)
    };
    if known.iter().any(is_known) {
        return Err(AppError::invalid("This relay was added before"));
    }
    if known.len() >= MOST {
        return Err(AppError::invalid(format!(
            "There are {MOST} relays, which is the most"
        )));
    }
    let own = representative(tx).await?;
    let relay = Relay {
        id: ctx.ids.next(),
        kind: wanted.kind.as_str().to_owned(),
        inbox_url: wanted.inbox_url,
        actor_uri: wanted.actor_uri,
        follow_uri: outgoing::activity_uri(ctx, &own, "follows"),
        followed_uri: String::new(),
        state: PENDING.to_owned(),
        created_at: ctx.now(),
        answered_at: None,
    };
    db::relays::insert(tx, &relay).await?;
    let follow = Outgoing::Follow(follow_of(&relay, &own));
    send(tx, ctx, &own, &follow, std::slice::from_ref(&relay)).await?;
    tx.emit(Event::of(Happened::PolicyChanged, 0));
    Ok(relay)
}

/// Our Follow of a relay.
fn follow_of(relay: &Relay, own: &Account) -> FollowRef {
    let object = if relay.kind == Kind::Mastodon.as_str() {
        PUBLIC
    } else {
        &relay.actor_uri
    };
    FollowRef {
        uri: relay.follow_uri.clone(),
        actor: own.uri.clone(),
        object: object.to_owned(),
    }
}

/// Asks a relay, by its inbox or its actor, for nothing any more; 404 where there is none.
pub async fn remove(tx: &mut Conn, ctx: &Ctx, url: &str) -> AppResult<Relay> {
    let relay = db::relays::all(tx)
        .await?
        .into_iter()
        .find(|relay| relay.inbox_url == url || relay.actor_uri == url)
        .ok_or_else(AppError::not_found)?;
    let own = representative(tx).await?;
    if relay.state != REJECTED {
        let undo = Outgoing::UndoFollow {
            uri: outgoing::activity_uri(ctx, &own, "undo"),
            follow: follow_of(&relay, &own),
        };
        send(tx, ctx, &own, &undo, std::slice::from_ref(&relay)).await?;
    }
    if !relay.followed_uri.is_empty() {
        let reject = Outgoing::Reject {
            uri: outgoing::activity_uri(ctx, &own, "rejects"),
            follow: FollowRef {
                uri: relay.followed_uri.clone(),
                actor: relay.actor_uri.clone(),
                object: own.uri.clone(),
            },
        };
        send(tx, ctx, &own, &reject, std::slice::from_ref(&relay)).await?;
    }
    db::relays::remove(tx, relay.id).await?;
    tx.emit(Event::of(Happened::PolicyChanged, 0));
    Ok(relay)
}

/// An actor accepts or rejects a Follow of ours. False where that was no Follow of a relay, or
/// the actor does not speak for it: a relay of Mastodon's kind is spoken for by whoever answers
/// first from its own origin, one of LitePub's by the actor that was followed.
pub async fn answered(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    follow_uri: &str,
    accepted: bool,
) -> AppResult<bool> {
    let relays = db::relays::all(tx).await?;
    let Some(relay) = relays.iter().find(|relay| relay.follow_uri == follow_uri) else {
        return Ok(false);
    };
    let speaks = if relay.actor_uri.is_empty() {
        origin(&relay.inbox_url).is_some_and(|own| origin(&actor.uri) == Some(own))
    } else {
        relay.actor_uri == actor.uri
    };
    if !speaks {
        return Ok(false);
    }
    let state = if accepted { ACCEPTED } else { REJECTED };
    db::relays::set_state(tx, relay.id, state, &actor.uri, ctx.now()).await?;
    tx.emit(Event::of(Happened::PolicyChanged, 0));
    Ok(true)
}

fn origin(uri: &str) -> Option<url::Origin> {
    Url::parse(uri).ok().map(|url| url.origin())
}

/// A relay follows this server in return, and is let. False for any other actor.
pub async fn followed(tx: &mut Conn, ctx: &Ctx, actor: &Account, uri: &str) -> AppResult<bool> {
    let relays = db::relays::all(tx).await?;
    let speaks = |relay: &&Relay| relay.actor_uri == actor.uri && relay.state != REJECTED;
    let Some(relay) = relays.iter().find(speaks) else {
        return Ok(false);
    };
    db::relays::set_followed(tx, relay.id, uri).await?;
    let own = representative(tx).await?;
    let accept = Outgoing::Accept {
        uri: outgoing::activity_uri(ctx, &own, "accepts"),
        follow: FollowRef {
            uri: uri.to_owned(),
            actor: actor.uri.clone(),
            object: own.uri.clone(),
        },
    };
    outgoing::send(tx, ctx, &own, &accept, Audience::one(actor.id)).await?;
    Ok(true)
}

/// A relay does not follow this server any more.
pub async fn unfollowed(tx: &mut Conn, actor: &Account) -> AppResult<()> {
    let relays = db::relays::all(tx).await?;
    match relays.iter().find(|relay| relay.actor_uri == actor.uri) {
        Some(relay) => Ok(db::relays::set_followed(tx, relay.id, "").await?),
        None => Ok(()),
    }
}

/// Sends an activity of this server's own actor to relays' inboxes.
async fn send(
    tx: &mut Conn,
    ctx: &Ctx,
    own: &Account,
    activity: &Outgoing,
    relays: &[Relay],
) -> AppResult<()> {
    let now = ctx.now();
    let row = OutgoingActivity {
        id: ctx.ids.next(),
        account_id: own.id,
        kind: activity.kind().to_owned(),
        payload: serde_json::to_string(activity)?,
        created_at: now,
        trace: tx.trace.clone(),
    };
    db::outgoing::insert(tx, &row).await?;
    db::outgoing::to_inboxes(tx, row.id, &inboxes(relays), now).await?;
    tx.emit(Event::of(Happened::DeliveriesWaiting, row.id));
    Ok(())
}

/// Inboxes with their hosts.
fn inboxes(relays: &[Relay]) -> Vec<(String, String)> {
    let named = |relay: &Relay| {
        let url = Url::parse(&relay.inbox_url).ok()?;
        let host = url.host_str()?;
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Some((relay.inbox_url.clone(), host))
    };
    relays.iter().filter_map(named).collect()
}

/// Who a post is addressed to, of an activity that relays pass on.
fn addressing(activity: &Outgoing) -> Option<&Addressing> {
    match activity {
        Outgoing::Create { note } | Outgoing::Update { note, .. } => Some(&note.addressing),
        Outgoing::Delete { addressing, .. } => Some(addressing),
        _ => None,
    }
}

/// Sends a local actor's activity about a public post to the relays as well; says to how many.
/// One of LitePub's kind is told of a new post by an Announce of this server's own actor.
pub(super) async fn pass_on(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    activity_id: i64,
    activity: &Outgoing,
) -> AppResult<usize> {
    let public = match activity {
        Outgoing::DeleteActor { .. } => true,
        _ => addressing(activity).is_some_and(|a| a.to.iter().any(|to| to == PUBLIC)),
    };
    if !public || actor.silenced_at.is_some() {
        return Ok(0);
    }
    let mut relays = db::relays::all(tx).await?;
    relays.retain(|relay| relay.state == ACCEPTED);
    if let Outgoing::Create { note } = activity {
        let (told, direct): (Vec<Relay>, Vec<Relay>) = relays
            .into_iter()
            .partition(|relay| relay.kind == Kind::Litepub.as_str());
        if !told.is_empty() {
            let own = representative(tx).await?;
            let announce = Outgoing::Announce {
                uri: outgoing::activity_uri(ctx, &own, "announces"),
                object: note.uri.clone(),
                published: ctx.now(),
                addressing: Addressing {
                    to: vec![own.followers_url.clone()],
                    ..Addressing::default()
                },
                authorization: None,
            };
            send(tx, ctx, &own, &announce, &told).await?;
        }
        relays = direct;
    }
    let now = ctx.now();
    Ok(db::outgoing::to_inboxes(tx, activity_id, &inboxes(&relays), now).await?)
}
