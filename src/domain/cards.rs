//! Previews of the links in posts: one for each URL, fetched once for all who post it.

use super::Ctx;
use super::jobs::{self, Job};
use super::trends;
use super::visibility::Visibility;
use crate::clock::{DAY, MINUTE, SECOND};
use crate::db::accounts::Account;
use crate::db::cards::{Card, NOTHING, READY, WAITING};
use crate::db::statuses::Status;
use crate::db::trends::Kind as Trend;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};
use crate::text::links;

/// How long what was fetched is shown without looking again.
const FRESH: i64 = 14 * DAY;
/// How long a page that had nothing, or could not be had, is left alone.
const AFTER_NOTHING: i64 = DAY;
/// A post from elsewhere reaches many servers at once: each fetches at another moment.
const JITTER: i64 = MINUTE;
/// Statuses that are shown anew when their card comes.
const SHOWN_ANEW: i64 = 500;

/// The link of a status that gets a preview.
fn link(ctx: &Ctx, status: &Status, avoid: &[String]) -> Option<String> {
    if !Visibility::from_db(status.visibility).is_open() || status.reblog_of_id.is_some() {
        return None;
    }
    // What is a page of its own is looked at there: it has a picture and a player.
    if matches!(
        status.kind.as_str(),
        "Article" | "Video" | "Audio" | "Event"
    ) {
        return links::canonical(&status.url);
    }
    links::first(&status.content, |url| {
        ctx.config.is_ours(url) || avoid.iter().any(|other| other == url)
    })
}

/// Gives a status that was just written its card, and has it fetched where it is not here.
/// `avoid`: links that are none (profiles of those mentioned, the quoted post).
pub(super) async fn published(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    avoid: &[String],
    quiet: bool,
) -> AppResult<()> {
    let Some(url) = link(ctx, status, avoid) else {
        return Ok(());
    };
    let card = card_of(tx, ctx, url, author.is_local()).await?;
    db::cards::attach(tx, status.id, card.id).await?;
    let public = Visibility::from_db(status.visibility) == Visibility::Public;
    if public && author.silenced_at.is_none() && !quiet {
        trends::used(tx, ctx, Trend::Link, card.id, author.id).await?;
    }
    Ok(())
}

/// Gives a status whose text was edited another card, or none.
pub(super) async fn changed(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    avoid: &[String],
) -> AppResult<()> {
    let before = db::cards::of_statuses(tx, &[status.id]).await?.pop();
    match (link(ctx, status, avoid), before) {
        (Some(url), Some((_, card))) if card.url == url => {}
        (Some(url), _) => {
            let card = card_of(tx, ctx, url, author.is_local()).await?;
            db::cards::attach(tx, status.id, card.id).await?;
        }
        (None, Some(_)) => db::cards::detach(tx, status.id).await?,
        (None, None) => {}
    }
    Ok(())
}

/// The card of a URL, to be fetched where that was not done lately.
async fn card_of(tx: &mut Conn, ctx: &Ctx, url: String, at_once: bool) -> AppResult<Card> {
    let now = ctx.now();
    let known = match db::cards::by_url(tx, &url).await? {
        Some(card) => card,
        None => {
            let card = blank(ctx.ids.next(), url.clone(), now);
            db::cards::insert(tx, &card).await?;
            db::cards::by_url(tx, &url).await?.unwrap_or(card)
        }
    };
    let keep = if known.state == READY {
        FRESH
    } else {
        AFTER_NOTHING
    };
    if known.fetched_at < now - keep {
        let wait = if at_once {
            0
        } else {
            SECOND + (JITTER as f64 * ctx.random.unit()) as i64
        };
        let job = Job::Card { card_id: known.id };
        jobs::enqueue_at(tx, ctx, &job, now + wait).await?;
    }
    Ok(known)
}

/// A card of which nothing is known yet.
fn blank(id: i64, url: String, now: i64) -> Card {
    Card {
        id,
        url,
        state: WAITING,
        kind: "link".to_owned(),
        title: String::new(),
        description: String::new(),
        author_name: String::new(),
        author_url: String::new(),
        author_account_id: None,
        provider_name: String::new(),
        provider_url: String::new(),
        html: String::new(),
        width: 0,
        height: 0,
        image: String::new(),
        image_description: String::new(),
        embed_url: String::new(),
        blurhash: String::new(),
        language: None,
        published_at: None,
        fetched_at: 0,
        created_at: now,
    }
}

/// Writes down what was fetched (`None`: nothing to show), and shows it with the statuses that
/// wait for it. A card that was shown stays when its page is gone now. Gives back the storage
/// key of a picture that is not shown any more.
pub async fn fetched(
    tx: &mut Conn,
    ctx: &Ctx,
    card_id: i64,
    found: Option<Card>,
) -> AppResult<Option<String>> {
    let Some(before) = db::cards::by_ids(tx, &[card_id]).await?.pop() else {
        // Nobody shows it any more.
        return Ok(found.map(|card| card.image));
    };
    let now = ctx.now();
    let shown = found.is_some();
    let card = match found {
        Some(card) => Card {
            id: before.id,
            url: before.url.clone(),
            state: READY,
            fetched_at: now,
            created_at: before.created_at,
            ..card
        },
        None => Card {
            state: if before.state == READY {
                READY
            } else {
                NOTHING
            },
            fetched_at: now,
            ..before.clone()
        },
    };
    db::cards::update(tx, &card).await?;
    if shown {
        for status in db::cards::statuses_of(tx, card.id, SHOWN_ANEW).await? {
            tx.emit(Event::of(Kind::StatusCounts, status));
        }
    }
    Ok((before.image != card.image && !before.image.is_empty()).then_some(before.image))
}
