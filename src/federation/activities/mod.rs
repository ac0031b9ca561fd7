//! What arrives, verb by verb. Each verb is prepared first, with the network but without a
//! transaction, and then applied, in a transaction with nothing else.

use std::collections::HashSet;

use serde_json::Value;

use super::fetch::{self, LIMITS};
use super::inbox::{FORWARDED, RELAYED};
use super::relays;
use super::value::{self, many, text};
use crate::app::App;
use crate::client::Budget;
use crate::db::accounts::Account;
use crate::db::inbox::Received;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::interactions::Verb;
use crate::domain::standing;
use crate::domain::visibility::may_see;
use crate::error::{AppError, AppResult};

pub mod announce;
pub mod answer;
pub mod block;
pub mod chat;
pub mod collection;
pub mod create;
pub mod delete;
pub mod dislike;
pub mod emoji_react;
pub mod feature;
pub mod flag;
pub mod follow;
pub mod group;
pub mod interaction;
pub mod like;
pub mod moved;
pub mod quote;
pub mod undo;
pub mod update;
pub mod vote;

/// Why an activity could not be worked on.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may go better later.
    Later(String),
    /// It will not.
    Hopeless(String),
}

impl From<fetch::Error> for Failure {
    fn from(error: fetch::Error) -> Failure {
        match error {
            fetch::Error::Later(reason) => Failure::Later(reason),
            other => Failure::Hopeless(other.to_string()),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Failure {
        if error.status.is_server_error() {
            Failure::Later(error.to_string())
        } else {
            Failure::Hopeless(error.to_string())
        }
    }
}

/// What an activity comes to.
#[derive(Debug)]
pub enum Prepared {
    /// Something to write.
    Deed(Box<Deed>),
    /// Nothing, for a reason.
    Nothing(&'static str),
}

impl Prepared {
    fn deed(deed: Deed) -> Result<Prepared, Failure> {
        Ok(Prepared::Deed(Box::new(deed)))
    }

    fn nothing(reason: &'static str) -> Result<Prepared, Failure> {
        Ok(Prepared::Nothing(reason))
    }
}

/// What is to be written, everything it needs at hand.
#[derive(Debug)]
pub enum Deed {
    Follow(follow::Follow),
    Answer(answer::Answer),
    Create(create::Create),
    Revise(update::Revise),
    Remove(delete::Remove),
    RemoveActor,
    Like(like::Like),
    Dislike(dislike::Dislike),
    EmojiReact(emoji_react::EmojiReact),
    Announce(announce::Announce),
    Undo(undo::Undo),
    Block(block::Block),
    Flag(flag::Flag),
    Vote(vote::Vote),
    Chat(chat::Said),
    ChatEdit(chat::Edited),
    ChatRead(chat::Read),
    Feature(feature::Feature),
    Move(moved::Move),
    QuoteRequest(quote::Request),
    QuoteAnswer(quote::Answer),
    Collection(collection::Change),
    FeatureRequest(collection::Request),
    FeatureAnswer(collection::Answer),
    InteractionRequest(interaction::Request),
    InteractionAnswer(interaction::Answer),
    GroupPost(group::Post),
    GroupVote(group::vote::Vote),
    Moderation(group::moderation::Moderation),
}

/// An activity on its way through preparation.
pub(super) struct Arrival<'a> {
    pub app: &'a App,
    /// The activity's actor, not suspended but where it speaks of itself.
    pub actor: &'a Account,
    pub activity: &'a Value,
    pub budget: &'a Budget,
    /// Objects that activities of the same actor bring before this one.
    pub coming: &'a Coming,
    /// Whether a relay brought it that was asked to: then posts for everyone are kept.
    pub relayed: bool,
}

impl<'a> Arrival<'a> {
    /// The activity's id.
    pub fn id(&self) -> &'a str {
        text(self.activity, "id").unwrap_or_default()
    }

    /// The first object's id, and the object where it is embedded.
    pub fn object(&self) -> Result<(&'a str, &'a Value), Failure> {
        many(self.activity, "object")
            .first()
            .and_then(|object| Some((value::id(object)?, object)))
            .ok_or_else(|| Failure::Hopeless("the activity has no object".to_owned()))
    }
}

/// Ids of objects whose Create is prepared, but perhaps not written yet: the newest ones, more
/// than are ever worked on at a time.
#[derive(Debug, Default)]
pub struct Coming {
    newest: HashSet<String>,
    older: HashSet<String>,
}

impl Coming {
    /// Ids kept at least.
    const KEPT: usize = 1000;

    fn insert(&mut self, id: String) {
        if self.newest.len() == Self::KEPT {
            self.older = std::mem::take(&mut self.newest);
        }
        self.newest.insert(id);
    }

    fn contains(&self, id: &str) -> bool {
        self.newest.contains(id) || self.older.contains(id)
    }
}

/// What the activities of one actor, worked on in a row, have in common.
#[derive(Debug, Default)]
pub struct Run {
    /// The actor, and for how many more activities it is believed to be unchanged.
    actor: Option<(Account, u32)>,
    coming: Coming,
}

/// Activities until an actor is looked up again.
const SAME_ACTOR: u32 = 200;

/// Works out what an activity comes to: reads it, fetches what is missing within the budget of
/// one root activity, holds no database connection meanwhile.
pub async fn prepare(
    app: &App,
    row: &Received,
    run: &mut Run,
) -> Result<(Option<Account>, Prepared), Failure> {
    // What a relay says by itself, not what it merely brings with a proof.
    let speaks = row.kind.starts_with(FORWARDED) || row.kind == "Announce";
    let relay = speaks && app.policies().await?.is_relay(&row.actor_uri);
    let prepared = prepare_row(app, row, run, relay).await;
    match prepared {
        Err(Failure::Later(reason) | Failure::Hopeless(reason)) if relay => {
            app.federation
                .relays
                .lied(&row.actor_uri, app.clock.now_ms());
            Err(Failure::Hopeless(reason))
        }
        other => other,
    }
}

async fn prepare_row(
    app: &App,
    row: &Received,
    run: &mut Run,
    relay: bool,
) -> Result<(Option<Account>, Prepared), Failure> {
    let activity = value::parse(row.body.as_bytes())
        .map_err(|error| Failure::Hopeless(format!("unreadable: {error}")))?;
    let proven = row.kind.strip_prefix(RELAYED);
    let budget = Budget::new(if relay { relays::LIMITS } else { LIMITS });
    let (forwarded, kind) = match row.kind.strip_prefix(FORWARDED) {
        Some(kind) => (true, kind),
        None => (false, proven.unwrap_or(&row.kind)),
    };
    // Of what was forwarded, the row's is who did that.
    let uri = match text(&activity, "actor") {
        Some(uri) if forwarded => uri,
        _ => row.actor_uri.as_str(),
    };
    if fetch::is_blocked(app, &row.actor_uri).await? || fetch::is_blocked(app, uri).await? {
        return Ok((None, Prepared::Nothing("the domain is blocked")));
    }
    let mut uses = SAME_ACTOR;
    let known = match run.actor.take() {
        Some((actor, left))
            if actor.uri == uri && !app.federation.documents.contains(&actor.uri) =>
        {
            uses = left;
            Some(actor)
        }
        _ if kind == "Delete" && activity.get("audience").is_none() => {
            known_actor(app, uri).await?
        }
        _ => Some(fetch::actor(app, uri, &budget).await?),
    };
    let Some(actor) = known else {
        return Ok((None, Prepared::Nothing("nothing of the actor is here")));
    };
    if !actor.is_active() && !is_of_itself(app, kind, &activity, &actor).await? {
        return Ok((None, Prepared::Nothing("the actor is suspended or gone")));
    }
    let arrival = Arrival {
        app,
        actor: &actor,
        activity: &activity,
        budget: &budget,
        coming: &run.coming,
        relayed: relay || proven.is_some(),
    };
    let prepared = if forwarded {
        prepare_forwarded(&arrival, kind).await?
    } else {
        prepare_verb(&arrival, kind).await?
    };
    let is_deed = matches!(prepared, Prepared::Deed(_));
    let coming = match arrival.object() {
        Ok((object, _)) if kind == "Create" => Some(object.to_owned()),
        Ok((object, passed_on)) if kind == "Announce" && is_deed => {
            match value::first_id(passed_on, "object") {
                Some(inner) if value::is_a(passed_on, "Create") => Some(inner.to_owned()),
                _ => Some(object.to_owned()),
            }
        }
        _ => None,
    };
    if let Some(object) = coming {
        run.coming.insert(object);
    }
    // An Update may have stored the actor anew.
    run.actor = (kind != "Update" && uses > 1).then(|| (actor.clone(), uses - 1));
    Ok((Some(actor), prepared))
}

/// Whether an actor that is suspended says of itself what is heard all the same: that it is gone, or
/// how it is now, where its own server had suspended it.
async fn is_of_itself(app: &App, kind: &str, activity: &Value, actor: &Account) -> AppResult<bool> {
    let object = many(activity, "object").first();
    if actor.deleted_at.is_some() || object.and_then(value::id) != Some(&actor.uri) {
        return Ok(false);
    }
    if kind != "Update" {
        return Ok(kind == "Delete");
    }
    let actor = actor.clone();
    app.read(move |c| {
        Box::pin(async move { Ok(standing::suspended_by_origin(c, &actor).await?.is_some()) })
    })
    .await
}

async fn known_actor(app: &App, uri: &str) -> AppResult<Option<Account>> {
    let uri = uri.to_owned();
    app.read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &uri).await?) }))
        .await
}

async fn prepare_verb(arrival: &Arrival<'_>, kind: &str) -> Result<Prepared, Failure> {
    if group::MODERATED.contains(&kind)
        && let Some(prepared) = group::moderation::prepare_direct(arrival, kind).await?
    {
        return Ok(prepared);
    }
    match kind {
        "Follow" => follow::prepare(arrival),
        "Accept" | "Reject" if quote::is_answered(arrival.activity) => {
            quote::prepare_answer(arrival, kind == "Accept").await
        }
        "Accept" | "Reject" if collection::is_answered(arrival.activity) => {
            collection::prepare_answer(arrival, kind == "Accept").await
        }
        "Accept" | "Reject" if interaction::is_answered(arrival.activity) => {
            interaction::prepare_answer(arrival, kind == "Accept").await
        }
        "Accept" => answer::prepare(arrival, true),
        "Reject" => answer::prepare(arrival, false),
        "Create" => create::prepare(arrival).await,
        "Update" => update::prepare(arrival).await,
        "Delete" => delete::prepare(arrival),
        "Read" => chat::prepare_read(arrival),
        "Like" => like::prepare(arrival),
        "Dislike" => dislike::prepare(arrival),
        "EmojiReact" => emoji_react::prepare(arrival),
        "Announce" => announce::prepare(arrival).await,
        "Undo" => undo::prepare(arrival).await,
        "Block" => block::prepare(arrival),
        "Flag" => flag::prepare(arrival).await,
        "Move" => moved::prepare(arrival).await,
        "Add" => feature::prepare(arrival, true).await,
        "Remove" => feature::prepare(arrival, false).await,
        "QuoteRequest" => quote::prepare(arrival).await,
        "FeatureRequest" => collection::prepare_request(arrival).await,
        "LikeRequest" => interaction::prepare(arrival, Verb::Like).await,
        "ReplyRequest" => interaction::prepare(arrival, Verb::Reply).await,
        "AnnounceRequest" => interaction::prepare(arrival, Verb::Announce).await,
        _ => Prepared::nothing("not understood"),
    }
}

/// What somebody else than its actor sent: nothing is believed but what origins serve.
async fn prepare_forwarded(arrival: &Arrival<'_>, kind: &str) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    match kind {
        "Create" => create::prepare_fetched(arrival, object, Some(&arrival.actor.uri)).await,
        "Update" => update::prepare_fetched(arrival, object, Some(&arrival.actor.uri)).await,
        "Delete" => delete::prepare_fetched(arrival, object).await,
        "Announce" => {
            let activity = fetch::document(arrival.app, arrival.id(), arrival.budget).await?;
            let by_actor = activity.get("actor").and_then(value::id) == Some(&arrival.actor.uri);
            if !by_actor || !value::is_a(&activity, "Announce") {
                return Err(Failure::Hopeless("its origin says otherwise".to_owned()));
            }
            let arrival = Arrival {
                activity: &activity,
                ..*arrival
            };
            announce::prepare(&arrival).await
        }
        _ => Prepared::nothing("not understood"),
    }
}

/// Writes what an activity came to. Says why nothing was to be written, or nothing.
pub async fn apply(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    deed: &Deed,
) -> AppResult<&'static str> {
    match deed {
        Deed::Follow(follow) => follow.apply(tx, ctx, actor).await,
        Deed::Answer(answer) => answer.apply(tx, ctx, actor).await,
        Deed::Create(create) => create.apply(tx, ctx).await,
        Deed::Revise(revise) => revise.apply(tx, ctx).await,
        Deed::Remove(remove) => remove.apply(tx, ctx).await,
        Deed::RemoveActor => delete::apply_actor(tx, ctx, actor).await,
        Deed::Like(like) => like.apply(tx, ctx, actor).await,
        Deed::Dislike(dislike) => dislike.apply(tx, ctx, actor).await,
        Deed::EmojiReact(react) => react.apply(tx, ctx, actor).await,
        Deed::Announce(announce) => announce.apply(tx, ctx, actor).await,
        Deed::Undo(undo) => undo.apply(tx, ctx, actor).await,
        Deed::Block(block) => block.apply(tx, ctx, actor).await,
        Deed::Flag(flag) => flag.apply(tx, ctx, actor).await,
        Deed::Vote(vote) => vote.apply(tx, ctx).await,
        Deed::Chat(said) => said.apply(tx, ctx, actor).await,
        Deed::ChatEdit(edited) => edited.apply(tx, ctx, actor).await,
        Deed::ChatRead(read) => read.apply(tx, ctx, actor).await,
        Deed::Feature(feature) => feature.apply(tx, ctx, actor).await,
        Deed::Move(moved) => moved.apply(tx, ctx, actor).await,
        Deed::QuoteRequest(request) => request.apply(tx, ctx, actor).await,
        Deed::QuoteAnswer(answer) => answer.apply(tx, ctx, actor).await,
        Deed::Collection(change) => change.apply(tx, ctx, actor).await,
        Deed::FeatureRequest(request) => request.apply(tx, ctx, actor).await,
        Deed::FeatureAnswer(answer) => answer.apply(tx, ctx, actor).await,
        Deed::InteractionRequest(request) => request.apply(tx, ctx, actor).await,
        Deed::InteractionAnswer(answer) => answer.apply(tx, ctx, actor).await,
        Deed::GroupPost(post) => post.apply(tx, ctx, actor).await,
        Deed::GroupVote(vote) => vote.apply(tx, ctx, actor).await,
        Deed::Moderation(moderation) => moderation.apply(tx, ctx).await,
    }
}

/// The status that a vote or reaction is about, where it is here and the actor may see it; else
/// why there is nothing to do.
async fn voted_on(
    tx: &mut Conn,
    actor: &Account,
    object: &str,
) -> AppResult<Result<Status, &'static str>> {
    let status = db::statuses::by_uri(tx, object).await?;
    let Some(status) = status.filter(|status| status.reblog_of_id.is_none()) else {
        return Ok(Err("the object is not known here"));
    };
    if !may_see(tx, &status, Some(actor)).await? {
        return Ok(Err("the actor may not see the object"));
    }
    Ok(Ok(status))
}

/// A local account by its actor id.
async fn local_account(tx: &mut Conn, uri: &str) -> AppResult<Option<Account>> {
    Ok(db::accounts::by_uri(tx, uri)
        .await?
        .filter(|account| account.is_local() && account.is_active()))
}
