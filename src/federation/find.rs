//! Finding what a handle or URL names.

use std::time::Duration;

use super::activities::create;
use super::objects::{actor as actors, note as notes};
use super::{fetch, webfinger};
use crate::app::App;
use crate::client::{Budget, Limits};
use crate::db::accounts::Account;
use crate::error::AppResult;
use crate::text::names::{Handle, parse_handle};
use crate::text::plain::{Kind, scan};
use crate::{db, domain};

/// What a handle or URL leads to, by its id here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Account(i64),
    Status(i64),
}

/// What is known here under a handle (`@user@domain`) or URL (an id or a page).
pub async fn known(app: &App, text: &str) -> AppResult<Option<Found>> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return by_url(app, text).await;
    }
    let Some(handle) = parse_handle(text) else {
        return Ok(None);
    };
    let domain = handle
        .domain
        .filter(|domain| !app.config.is_our_domain(domain))
        .unwrap_or_default();
    let account = app
        .read(move |c| {
            Box::pin(
                async move { Ok(db::accounts::by_handle(c, &handle.username, &domain).await?) },
            )
        })
        .await?;
    Ok(account
        .filter(|account| account.deleted_at.is_none())
        .map(|account| Found::Account(account.id)))
}

async fn by_url(app: &App, url: &str) -> AppResult<Option<Found>> {
    let url = url.to_owned();
    // Our own pages: `/@name` and `/@name/id`.
    let own = app
        .config
        .is_ours(&url)
        .then(|| url.rsplit_once("/@").map(|(_, rest)| rest.to_owned()))
        .flatten();
    app.read(move |c| {
        Box::pin(async move {
            if let Some(rest) = own {
                return Ok(match rest.split_once('/') {
                    Some((_, id)) => match id.parse() {
                        Ok(id) => db::statuses::by_id(c, id)
                            .await?
                            .map(|s| Found::Status(s.id)),
                        Err(_) => None,
                    },
                    None => db::accounts::by_handle(c, &rest, "")
                        .await?
                        .map(|a| Found::Account(a.id)),
                });
            }
            if let Some(status) = db::statuses::by_uri(c, &url).await? {
                return Ok(Some(Found::Status(status.id)));
            }
            if let Some(account) = db::accounts::by_uri(c, &url).await? {
                let here = account.deleted_at.is_none();
                return Ok(here.then_some(Found::Account(account.id)));
            }
            if let Some(status) = db::statuses::by_remote_url(c, &url).await? {
                return Ok(Some(Found::Status(status.id)));
            }
            Ok(db::accounts::by_url(c, &url)
                .await?
                .map(|account| Found::Account(account.id)))
        })
    })
    .await
}

/// What a search, a page or a list of handles may cost.
const LIMITS: Limits = Limits {
    requests: 8,
    bytes: 4 * 1024 * 1024,
    depth: 4,
    time: Duration::from_secs(10),
};
/// The same for the mentions of one post, before it is made.
const MENTION_LIMITS: Limits = Limits {
    requests: 20,
    bytes: 2 * 1024 * 1024,
    depth: 4,
    time: Duration::from_secs(5),
};
/// Unknown mentions of one post that are looked up.
const MAX_MENTIONS: usize = 5;

/// What a handle or URL names, looked up elsewhere when `resolve` says so. What cannot be had is
/// not found.
pub async fn find(app: &App, text: &str, resolve: bool) -> AppResult<Option<Found>> {
    if let Some(found) = known(app, text).await? {
        return Ok(Some(found));
    }
    if !resolve || app.config.is_ours(text) {
        return Ok(None);
    }
    match look_up(app, text).await {
        Ok(found) => Ok(found),
        Err(error) => {
            tracing::debug!(text, %error, "nothing was found elsewhere");
            Ok(None)
        }
    }
}

/// What a handle or URL of another server names, asked for there whether it is known or not; what it
/// leads to is stored. `None` for what is neither, and for what not everyone may see. The error says
/// why it cannot be had.
pub async fn look_up(app: &App, text: &str) -> Result<Option<Found>, fetch::Error> {
    elsewhere(app, text, &Budget::new(LIMITS)).await
}

async fn elsewhere(app: &App, text: &str, budget: &Budget) -> Result<Option<Found>, fetch::Error> {
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        let Some(Handle {
            username,
            domain: Some(domain),
        }) = parse_handle(text)
        else {
            return Ok(None);
        };
        if app.config.is_our_domain(&domain) {
            return Ok(None);
        }
        let account = by_handle(app, &username, &domain, budget).await?;
        return Ok(Some(Found::Account(account.id)));
    }
    let document = fetch::discover(app, text, budget).await?;
    if actors::is_actor(&document) {
        let account = fetch::store_found(app, &document, budget).await?;
        return Ok(account.is_active().then_some(Found::Account(account.id)));
    }
    let document = notes::as_served(document);
    let author = fetch::author_of(app, &document, budget).await?;
    let Ok(mut ready) = create::ready_alone(app, author, &document).await else {
        return Ok(None);
    };
    // Our own server may see what not everyone may.
    if !ready.note.visibility.is_open() {
        return Ok(None);
    }
    create::resolve(app, &mut ready, budget).await;
    let ctx = app.ctx.clone();
    let status = app
        .write(move |tx| {
            Box::pin(async move {
                ready.store_quoted(tx, &ctx).await?;
                domain::statuses::receive(tx, &ctx, &ready.author, ready.note, true).await
            })
        })
        .await?;
    Ok(status.map(|status| Found::Status(status.id)))
}

async fn by_handle(
    app: &App,
    username: &str,
    domain: &str,
    budget: &Budget,
) -> Result<Account, fetch::Error> {
    let uri = webfinger::resolve(app, username, domain, budget).await?;
    let account = fetch::actor(app, &uri, budget).await?;
    if account.is_active() {
        Ok(account)
    } else {
        Err(fetch::Error::Gone(uri))
    }
}

/// Looks up accounts that a text to be posted mentions and that are not known here yet, so that
/// they are found when it is. What takes too long stays text.
pub async fn resolve_mentions(app: &App, text: &str) {
    let mut wanted: Vec<(String, String)> = Vec::new();
    for entity in scan(text) {
        if let Kind::Mention {
            username,
            domain: Some(domain),
        } = entity.kind
            && !app.config.is_our_domain(&domain)
            && !wanted.contains(&(username.clone(), domain.clone()))
        {
            wanted.push((username, domain));
        }
    }
    if wanted.is_empty() {
        return;
    }
    let unknown = app
        .read(move |c| {
            Box::pin(async move {
                let mut unknown = Vec::new();
                for (username, domain) in wanted.into_iter().take(100) {
                    if db::accounts::by_handle(c, &username, &domain)
                        .await?
                        .is_none()
                    {
                        unknown.push((username, domain));
                    }
                }
                Ok(unknown)
            })
        })
        .await
        .unwrap_or_default();
    let budget = Budget::new(MENTION_LIMITS);
    let looking_up = unknown
        .iter()
        .take(MAX_MENTIONS)
        .map(|(username, domain)| by_handle(app, username, domain, &budget));
    for outcome in futures::future::join_all(looking_up).await {
        if let Err(error) = outcome {
            tracing::debug!(%error, "a mention could not be looked up");
        }
    }
}
