//! Previews of links (`PreviewCard`, `Trends::Link`).

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::account;
use super::tag::{self, History};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::cards::READY;
use crate::db::trends::Kind;
use crate::error::AppResult;

/// A card without its author's account, which is kept by itself.
pub struct Card {
    /// The entity's JSON up to `authors`, without the closing brace.
    head: String,
    author: Option<Author>,
}

struct Author {
    /// JSON up to `account`.
    head: String,
    account_id: Option<i64>,
}

#[derive(Serialize)]
struct Head<'a> {
    url: &'a str,
    title: &'a str,
    description: &'a str,
    language: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    author_name: &'a str,
    author_url: &'a str,
    provider_name: &'a str,
    provider_url: &'a str,
    html: &'a str,
    width: i64,
    height: i64,
    image: Option<String>,
    image_description: &'a str,
    embed_url: &'a str,
    blurhash: Option<&'a str>,
    missing_attribution: Option<bool>,
    published_at: Option<String>,
}

#[derive(Serialize)]
struct AuthorHead<'a> {
    name: &'a str,
    url: &'a str,
}

impl Card {
    /// A card to show; `None` for one that is not fetched yet, or has nothing.
    pub fn of(config: &Config, card: &db::cards::Card) -> Option<Card> {
        if card.state != READY {
            return None;
        }
        let head = Head {
            url: &card.url,
            title: &card.title,
            description: &card.description,
            language: card.language.as_deref(),
            kind: &card.kind,
            author_name: &card.author_name,
            author_url: &card.author_url,
            provider_name: &card.provider_name,
            provider_url: &card.provider_url,
            html: &card.html,
            width: card.width,
            height: card.height,
            image: (!card.image.is_empty()).then(|| config.media_url(&card.image)),
            image_description: &card.image_description,
            embed_url: &card.embed_url,
            blurhash: Some(card.blurhash.as_str()).filter(|hash| !hash.is_empty()),
            missing_attribution: None,
            published_at: card.published_at.map(iso),
        };
        let mut head = serde_json::to_string(&head).ok()?;
        head.pop();
        let author = if card.author_name.is_empty() && card.author_account_id.is_none() {
            None
        } else {
            let mut head = serde_json::to_string(&AuthorHead {
                name: &card.author_name,
                url: &card.author_url,
            })
            .ok()?;
            head.pop();
            Some(Author {
                head,
                account_id: card.author_account_id,
            })
        };
        Some(Card { head, author })
    }

    /// The account that wrote what is linked.
    pub fn author_id(&self) -> Option<i64> {
        self.author.as_ref()?.account_id
    }

    /// Writes the entity.
    pub fn write(&self, out: &mut String, accounts: &HashMap<i64, Arc<str>>) {
        self.write_open(out, accounts);
        out.push('}');
    }

    fn write_open(&self, out: &mut String, accounts: &HashMap<i64, Arc<str>>) {
        out.push_str(&self.head);
        out.push_str(",\"authors\":[");
        if let Some(author) = &self.author {
            out.push_str(&author.head);
            out.push_str(",\"account\":");
            let account = author.account_id.and_then(|id| accounts.get(&id));
            out.push_str(account.map_or("null", |json| json));
            out.push('}');
        }
        out.push(']');
    }
}

/// `Trends::Link` entities of cards by id, in their order, with their use.
pub async fn trending(app: &App, ids: Vec<i64>) -> AppResult<Vec<Box<RawValue>>> {
    let shown = trending_by_id(app, ids).await?;
    Ok(shown.into_iter().map(|(_, entity)| entity).collect())
}

/// The same, each with its card's id.
pub async fn trending_by_id(app: &App, ids: Vec<i64>) -> AppResult<Vec<(i64, Box<RawValue>)>> {
    let wanted = ids.clone();
    let today = crate::domain::trends::day_of(app.clock.now_ms());
    let (cards, days) = app
        .read(move |c| {
            Box::pin(async move {
                let cards = db::cards::by_ids(c, &wanted).await?;
                let since = tag::first_day(today);
                let days = db::trends::days(c, Kind::Link, &wanted, since).await?;
                Ok((cards, days))
            })
        })
        .await?;
    let shown: HashMap<i64, Card> = cards
        .iter()
        .filter_map(|card| Some((card.id, Card::of(&app.config, card)?)))
        .collect();
    let authors: Vec<i64> = shown.values().filter_map(Card::author_id).collect();
    let accounts = account::json(app, &authors).await?;
    let mut list = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(card) = shown.get(&id) else { continue };
        let mut out = String::with_capacity(1024);
        card.write_open(&mut out, &accounts);
        let history: Vec<History> = tag::history(&days, id, today);
        out.push_str(",\"history\":");
        out.push_str(&serde_json::to_string(&history)?);
        out.push('}');
        list.extend(super::raw(&out).map(|entity| (id, entity)));
    }
    Ok(list)
}
