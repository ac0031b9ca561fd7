//! Create (ActivityPub, section 7.2): a status, with what it hangs together with.

use serde_json::Value;

use super::{Arrival, Failure, Prepared, chat, quote, vote};
use crate::app::App;
use crate::client::Budget;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::statuses::{self, RemoteNote};
use crate::domain::visibility::Visibility;
use crate::domain::{self, Ctx};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::objects::note as notes;
use crate::federation::value::{ids, same_origin};

/// Mentioned strangers that are looked up; a status that names more is a list, not a talk.
const MAX_STRANGERS: usize = 10;
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
    /// Somebody here follows its author, or is named by it.
    concerns_someone: bool,
}

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
    if !notes::is_note(object) && !vote::is_answer(object) {
        return Prepared::nothing("not understood");
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
    if here || app.config.is_ours(id) {
        return Prepared::nothing("the object is here already");
    }
    let (author, document) = fetch::note(app, id, arrival.budget).await?;
    if by.is_some_and(|by| by != author.uri) {
        return Err(Failure::Hopeless(
            "the object is attributed to somebody else".to_owned(),
        ));
    }
    take_in(arrival, author, &document, arrival.actor.id).await
}

/// Keeps a status that concerns somebody here, as Mastodon does: its author (or who passes it
/// on) is followed, someone here is mentioned or addressed, or it continues a thread that is here.
async fn take_in(
    arrival: &Arrival<'_>,
    author: Account,
    object: &Value,
    passed_on_by: i64,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    if let Some(vote) = vote::prepare(app, &author, object).await? {
        return Ok(vote);
    }
    let facts = facts(app, &author, object, passed_on_by).await?;
    let parent = notes::parent(object);
    let parent_comes = parent.is_some_and(|parent| arrival.coming.contains(parent));
    let concerns_us = facts.followed
        || facts.parent_known
        || parent_comes
        || facts.accounts.iter().any(Account::is_local);
    if !concerns_us {
        return Prepared::nothing("it concerns nobody here");
    }
    let known = facts.parent_known || parent_comes;
    let concerns_someone = facts.followed || facts.accounts.iter().any(Account::is_local);
    let mut status = ready(app, author, object, Some((facts, arrival.budget))).await?;
    quote::resolve(app, &mut status, arrival.budget).await;
    let ancestors = match parent {
        Some(parent) if !known => ancestors(app, parent, arrival.budget).await,
        _ => Vec::new(),
    };
    Prepared::deed(super::Deed::Create(Create {
        ancestors,
        status,
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
    Ok(Ready {
        author,
        note,
        quoted: None,
    })
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
    app.read(move |c| {
        Box::pin(async move {
            let followed = db::relations::followed_locally(c, author).await?
                || (passed_on_by != author
                    && db::relations::followed_locally(c, passed_on_by).await?);
            let parent_known = match parent {
                Some(parent) => db::statuses::by_uri(c, &parent).await?.is_some(),
                None => false,
            };
            Ok(Facts {
                accounts: db::accounts::by_uris(c, &uris).await?,
                parent_known,
                followed,
            })
        })
    })
    .await
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
        let Ok(ready) = ready_alone(app, author, &document).await else {
            break;
        };
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
    pub(super) async fn apply(&self, tx: &mut Conn, ctx: &Ctx) -> AppResult<&'static str> {
        for Ready { author, note, .. } in &self.ancestors {
            domain::statuses::receive(tx, ctx, author, note.clone(), true).await?;
        }
        self.status.store_quoted(tx, ctx).await?;
        let Ready { author, note, .. } = &self.status;
        match statuses::receive(tx, ctx, author, note.clone(), false).await? {
            Some(status) => {
                if self.concerns_someone {
                    domain::thread_reads::answer_came(tx, ctx, &status).await?;
                }
                Ok("")
            }
            None => Ok("it was deleted before it came"),
        }
    }
}
