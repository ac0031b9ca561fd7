//! Create (ActivityPub, section 7.2): a status, with what it hangs together with.

use serde_json::Value;

use super::{Arrival, Failure, Prepared, chat, group, interaction, quote, vote};
use crate::app::App;
use crate::client::Budget;
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::statuses::{self, RemoteNote};
use crate::domain::visibility::Visibility;
use crate::domain::{self, Ctx};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::objects::note as notes;
use crate::federation::value::{self, ids, many, same_origin, time};

/// Mentioned strangers that are looked up; a status that names more is a list, not a talk.
const MAX_STRANGERS: usize = 10;
/// How old a post may be that a relay brings for people to be told of it.
const RELAYED_NEWS: i64 = DAY;
/// Ancestors fetched at most.
const MAX_ANCESTORS: usize = 20;

/// A status ready to be stored.
#[derive(Debug, Clone)]
pub struct Ready {
    pub author: Account,
    pub note: RemoteNote,
    /// What it quotes, where that was not here.
    pub quoted: Option<Box<Ready>>,
}

impl Ready {
    /// Stores what the status quotes, where it was fetched: before the status itself.
    pub async fn store_quoted(&self, tx: &mut Conn, ctx: &Ctx) -> AppResult<()> {
        if let Some(quoted) = &self.quoted {
            statuses::receive(tx, ctx, &quoted.author, quoted.note.clone(), true).await?;
        }
        Ok(())
    }
}

#[derive(Debug)]
pub struct Create {
    /// What it answers, and what that answers, oldest first.
    ancestors: Vec<Ready>,
    status: Ready,
    /// It is no news: nobody is told.
    quiet: bool,
    /// Its author had deleted it, and brings it back.
    returns: bool,
    /// Somebody here follows its author, or is named by it.
    concerns_someone: bool,
}

/// What is said of a status that need not be had.
pub(super) const HERE: &str = "the object is here already";

/// What the database says about a status that arrives.
#[derive(Debug, Default)]
struct Facts {
    /// Accounts known here among those it mentions or is addressed to.
    accounts: Vec<Account>,
    /// Its parent is here.
    parent_known: bool,
    /// Somebody here follows its author (or who passed it on).
    followed: bool,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (id, object) = arrival.object()?;
    if !same_origin(id, &arrival.actor.uri) {
        return Err(Failure::Hopeless(
            "the object is on another host than the actor".to_owned(),
        ));
    }
    if object.is_string() {
        return prepare_fetched(arrival, id, Some(&arrival.actor.uri)).await;
    }
    if chat::is_message(object) {
        return chat::prepare(arrival, object).await;
    }
    if let Some(names) = vote::together(many(arrival.activity, "object")) {
        let voted = vote::prepare(arrival.app, arrival.actor, object, &names).await?;
        return Ok(voted.unwrap_or(Prepared::Nothing("it concerns nobody here")));
    }
    if !notes::is_note(object) && !vote::is_answer(object) {
        return Prepared::nothing("not understood");
    }
    if is_anothers(object, &arrival.actor.uri) {
        return prepare_fetched(arrival, id, None).await;
    }
    // Some address the activity alone.
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut()
        && !fields.contains_key("to")
        && !fields.contains_key("cc")
    {
        for name in ["to", "cc"] {
            if let Some(value) = arrival.activity.get(name) {
                fields.insert(name.to_owned(), value.clone());
            }
        }
    }
    // A direct post that answers a message of a chat goes on with the chat.
    if let Some(said) = chat::prepare_answer(arrival, &object).await? {
        return Ok(said);
    }
    take_in(arrival, arrival.actor.clone(), &object, arrival.actor.id).await
}

/// Whether an object says that it is by others than the actor, all of the actor's server: members
/// of a group post in its name (Mobilizon). It is as its origin serves it.
pub(super) fn is_anothers(object: &Value, actor: &str) -> bool {
    let mut authors = ids(object, "attributedTo").peekable();
    authors.peek().is_some() && authors.all(|by| by != actor && same_origin(by, actor))
}

/// A status that is fetched from its origin, whoever told us of it. `by`: who has to be its
/// author.
pub(super) async fn prepare_fetched(
    arrival: &Arrival<'_>,
    id: &str,
    by: Option<&str>,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let uri = id.to_owned();
    let here = app
        .read(move |c| {
            Box::pin(async move {
                Ok(db::statuses::by_uri(c, &uri).await?.is_some()
                    || db::statuses::buried(c, &uri).await?.is_some())
            })
        })
        .await?;
    if here || arrival.coming.contains(id) || app.config.is_ours(id) {
        return Prepared::nothing(HERE);
    }
    let (author, mut document) = fetch::note(app, id, arrival.budget).await?;
    if same_origin(id, &arrival.actor.uri) {
        addressed(&mut document, arrival);
    }
    if by.is_some_and(|by| by != author.uri) {
        return Err(Failure::Hopeless(
            "the object is attributed to somebody else".to_owned(),
        ));
    }
    take_in(arrival, author, &document, arrival.actor.id).await
}

/// Some address the activity alone (Discourse): what the same server passes on goes to whom that
/// says.
fn addressed(object: &mut Value, arrival: &Arrival<'_>) {
    let says = |value: &Value| value.get("to").is_some() || value.get("cc").is_some();
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if fields.contains_key("to") || fields.contains_key("cc") {
        return;
    }
    let inner = arrival.activity.get("object").unwrap_or_default();
    let told = if says(inner) { inner } else { arrival.activity };
    for name in ["to", "cc"] {
        if let Some(value) = told.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
}

/// A status in a Create that was passed on and carries its author's proof.
pub(super) async fn prepare_proven(
    arrival: &Arrival<'_>,
    author: Account,
    activity: &Value,
) -> Result<Prepared, Failure> {
    let object = activity.get("object").unwrap_or_default();
    let id = value::id(object).unwrap_or_default();
    if !notes::is_note(object) || !same_origin(id, &author.uri) || !author.is_active() {
        return prepare_fetched(arrival, id, None).await;
    }
    if arrival.coming.contains(id) {
        return Prepared::nothing(HERE);
    }
    take_in(arrival, author, object, arrival.actor.id).await
}

/// A status that its author had deleted and brings back, as its origin serves it.
pub(super) async fn prepare_returned(
    arrival: &Arrival<'_>,
    id: &str,
    author_id: i64,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    if app.config.is_ours(id) {
        return Prepared::nothing("the object is one of ours");
    }
    let (author, document) = match fetch::note(app, id, arrival.budget).await {
        Err(fetch::Error::Gone(_)) => return Prepared::nothing("its origin does not serve it"),
        other => other?,
    };
    if author.id != author_id {
        return Err(Failure::Hopeless(
            "the object is attributed to somebody else".to_owned(),
        ));
    }
    match take_in(arrival, author, &document, arrival.actor.id).await? {
        Prepared::Deed(deed) => Prepared::deed(match *deed {
            super::Deed::Create(create) => super::Deed::Create(Create {
                returns: true,
                ..create
            }),
            other => other,
        }),
        nothing => Ok(nothing),
    }
}

/// Keeps a status that concerns somebody here, as Mastodon does: its author (or who passes it
/// on) is followed, someone here is mentioned or addressed, or it continues a thread that is here.
pub(super) async fn take_in(
    arrival: &Arrival<'_>,
    author: Account,
    object: &Value,
    passed_on_by: i64,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    if let Some(vote) = vote::prepare(app, &author, object, &[]).await? {
        return Ok(vote);
    }
    let facts = facts(app, &author, object, passed_on_by).await?;
    let parent = notes::parent(object);
    let parent_comes = parent.is_some_and(|parent| arrival.coming.contains(parent));
    let concerns_us = facts.followed
        || facts.parent_known
        || parent_comes
        || facts.accounts.iter().any(Account::is_local);
    let known = facts.parent_known || parent_comes;
    let quiet = arrival.relayed
        && time(object, "published").is_none_or(|at| at < app.clock.now_ms() - RELAYED_NEWS);
    if !concerns_us {
        if !arrival.relayed || notes::visibility(object, &author) != Visibility::Public {
            return Prepared::nothing("it concerns nobody here");
        }
        // It is one of very many: nothing is asked for besides.
        let status = ready_alone(app, author, object).await?;
        return Prepared::deed(super::Deed::Create(Create {
            ancestors: Vec::new(),
            status,
            quiet,
            returns: false,
            concerns_someone: false,
        }));
    }
    let concerns_someone = facts.followed || facts.accounts.iter().any(Account::is_local);
    let mut status = ready(app, author, object, Some((facts, arrival.budget))).await?;
    quote::resolve(app, &mut status, arrival.budget).await;
    group::resolve::sought(app, &mut status, arrival.budget).await;
    let mut ancestors = match parent {
        Some(parent) if !known => ancestors(app, parent, arrival.budget).await,
        _ => Vec::new(),
    };
    for n in 0..ancestors.len() {
        let (above, rest) = ancestors.split_at_mut(n);
        if let Some(ready) = rest.first_mut() {
            interaction::resolve(app, ready, above, arrival.budget).await;
        }
    }
    interaction::resolve(app, &mut status, &ancestors, arrival.budget).await;
    Prepared::deed(super::Deed::Create(Create {
        ancestors,
        status,
        quiet,
        returns: false,
        concerns_someone,
    }))
}

/// Reads a status and looks up whom it mentions; strangers only within a budget.
async fn ready(
    app: &App,
    author: Account,
    object: &Value,
    facts: Option<(Facts, &Budget)>,
) -> Result<Ready, Failure> {
    let mut note = notes::read(object, &author, app.clock.now_ms())
        .map_err(|reason| Failure::Hopeless(reason.to_owned()))?;
    let wanted = notes::mentioned(object);
    let (mut accounts, budget) = match facts {
        Some((facts, budget)) => (facts.accounts, Some(budget)),
        None => (facts_of_mentions(app, wanted.clone()).await?, None),
    };
    let strangers: Vec<&String> = wanted
        .iter()
        .filter(|uri| accounts.iter().all(|known| known.uri != **uri))
        .filter(|uri| !app.config.is_ours(uri))
        .collect();
    let mut found = Vec::new();
    if let Some(budget) = budget
        && strangers.len() <= MAX_STRANGERS
    {
        for uri in strangers {
            let Ok(budget) = budget.deeper() else {
                break;
            };
            // A mention that leads nowhere is text like any other.
            if let Ok(account) = fetch::actor(app, uri, &budget).await {
                found.push(account);
            }
        }
    }
    accounts.extend(found);
    // What is for some alone has its readers in the addressing, mentioned or not.
    let addressed: Vec<&str> = match note.visibility {
        Visibility::Direct => notes::recipients(object).collect(),
        _ => Vec::new(),
    };
    accounts.retain(|account| {
        account.is_active()
            && (wanted.contains(&account.uri)
                || (account.is_local() && addressed.contains(&account.uri.as_str())))
    });
    accounts.sort_by_key(|account| account.id);
    accounts.dedup_by_key(|account| account.id);
    note.mentions = accounts;
    group::resolve::known(app, &mut note).await?;
    Ok(Ready {
        author,
        note,
        quoted: None,
    })
}

/// Looks up what a status that stands alone refers to: what it quotes, its groups, and the stamp
/// that lets it answer. What is not to be had is left out.
pub async fn resolve(app: &App, ready: &mut Ready, budget: &Budget) {
    quote::resolve(app, ready, budget).await;
    group::resolve::sought(app, ready, budget).await;
    interaction::resolve(app, ready, &[], budget).await;
}

/// A status fetched on its own for what points at it: mentions of strangers stay text.
pub async fn ready_alone(app: &App, author: Account, object: &Value) -> Result<Ready, Failure> {
    ready(app, author, object, None).await
}

async fn facts_of_mentions(app: &App, uris: Vec<String>) -> AppResult<Vec<Account>> {
    if uris.is_empty() {
        return Ok(Vec::new());
    }
    app.read(move |c| Box::pin(async move { Ok(db::accounts::by_uris(c, &uris).await?) }))
        .await
}

async fn facts(app: &App, author: &Account, object: &Value, passed_on_by: i64) -> AppResult<Facts> {
    let mut uris = notes::mentioned(object);
    for recipient in ids(object, "to").chain(ids(object, "cc")).take(200) {
        if app.config.is_ours(recipient) && uris.iter().all(|known| known != recipient) {
            uris.push(recipient.to_owned());
        }
    }
    let parent = notes::parent(object).map(str::to_owned);
    let author = author.id;
    let known = &app.caches.followed_here;
    let followed = known.get(&author).is_some() || known.get(&passed_on_by).is_some();
    // Most are of this kind: nobody asks the database.
    if followed && parent.is_none() && uris.is_empty() {
        return Ok(Facts {
            followed,
            ..Facts::default()
        });
    }
    let (facts, by) = app
        .read(move |c| {
            Box::pin(async move {
                let mut by = None;
                for followed in [author, passed_on_by] {
                    if by.is_none() && db::relations::followed_locally(c, followed).await? {
                        by = Some(followed);
                    }
                }
                let parent_known = match parent {
                    Some(parent) => db::statuses::by_uri(c, &parent).await?.is_some(),
                    None => false,
                };
                let facts = Facts {
                    accounts: db::accounts::by_uris(c, &uris).await?,
                    parent_known,
                    followed: by.is_some(),
                };
                Ok((facts, by))
            })
        })
        .await?;
    if let Some(by) = by {
        known.insert(by, ());
    }
    Ok(facts)
}

/// Fetches what a reply answers, and what that answers, until something is known, nothing
/// follows, or the budget is gone; oldest first. Only what everyone may see is kept.
async fn ancestors(app: &App, parent: &str, budget: &Budget) -> Vec<Ready> {
    let mut chain: Vec<Ready> = Vec::new();
    let mut next = Some(parent.to_owned());
    let mut budget = budget.clone();
    while let Some(uri) = next.take() {
        let seen = chain.iter().any(|ready| ready.note.uri == uri);
        if seen || chain.len() >= MAX_ANCESTORS || app.config.is_ours(&uri) {
            break;
        }
        let id = uri.clone();
        let known = app
            .read(move |c| {
                Box::pin(async move { Ok(db::statuses::by_uri(c, &id).await?.is_some()) })
            })
            .await;
        if !matches!(known, Ok(false)) {
            break;
        }
        let Ok(deeper) = budget.deeper() else {
            break;
        };
        budget = deeper;
        let Ok((author, document)) = fetch::note(app, &uri, &budget).await else {
            break;
        };
        let Ok(mut ready) = ready_alone(app, author, &document).await else {
            break;
        };
        group::resolve::sought(app, &mut ready, &budget).await;
        if !ready.note.visibility.is_open() || ready.note.uri != uri {
            break;
        }
        next = ready.note.in_reply_to.clone();
        chain.push(ready);
    }
    chain.reverse();
    chain
}

impl Create {
    /// The status's id.
    pub(super) fn uri(&self) -> &str {
        &self.status.note.uri
    }

    /// Whether everyone may see it.
    pub(super) fn is_open(&self) -> bool {
        self.status.note.visibility.is_open()
    }

    pub(super) async fn apply(&self, tx: &mut Conn, ctx: &Ctx) -> AppResult<&'static str> {
        for Ready { author, note, .. } in &self.ancestors {
            domain::statuses::receive(tx, ctx, author, note.clone(), true).await?;
        }
        self.status.store_quoted(tx, ctx).await?;
        if self.returns {
            let author = self.status.author.id;
            db::statuses::unbury(tx, self.uri(), author).await?;
        }
        let Ready { author, note, .. } = &self.status;
        match statuses::receive(tx, ctx, author, note.clone(), self.quiet).await? {
            Some(status) => {
                if self.concerns_someone {
                    domain::thread_reads::answer_came(tx, ctx, &status).await?;
                }
                Ok("")
            }
            None if db::statuses::buried(tx, &note.uri).await?.is_some() => {
                Ok("it was deleted before it came")
            }
            None => Ok("the policy of what it answers does not admit it"),
        }
    }
}
