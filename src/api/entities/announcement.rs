//! Announcements.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::account::{Emoji, acct, emojis};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::accounts::Account;
use crate::db::announcements::Announcement;
use crate::db::statuses::Status;
use crate::domain::announcements::Refs;
use crate::domain::emojis::{self as custom, Used};
use crate::error::AppResult;
use crate::text::emoji::is_shortcode;

/// `Announcement`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    content: String,
    starts_at: Option<String>,
    ends_at: Option<String>,
    all_day: bool,
    published_at: String,
    updated_at: String,
    /// `None` where nobody in particular reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<bool>,
    mentions: Vec<Mention>,
    statuses: Vec<Link>,
    tags: Vec<Tag>,
    emojis: Vec<Emoji>,
    reactions: Vec<Reaction>,
}

#[derive(Debug, Serialize)]
struct Mention {
    id: String,
    username: String,
    url: String,
    acct: String,
}

#[derive(Debug, Serialize)]
struct Link {
    id: String,
    url: String,
}

#[derive(Debug, Serialize)]
struct Tag {
    name: String,
    url: String,
}

/// `Reaction`.
#[derive(Debug, Serialize)]
pub struct Reaction {
    name: String,
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    me: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    static_url: Option<String>,
    /// In the stream's event alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    announcement_id: Option<String>,
}

/// What some announcements show besides their rows.
struct Rows {
    accounts: HashMap<i64, Account>,
    statuses: HashMap<i64, Status>,
    /// JSON, by announcement.
    emojis: HashMap<i64, String>,
    reactions: Vec<(i64, String, i64)>,
    pictures: HashMap<String, Used>,
    read: HashSet<i64>,
    own: HashSet<(i64, String)>,
}

fn refs(row: &Announcement) -> Refs {
    serde_json::from_str(&row.refs).unwrap_or_default()
}

/// Shows announcements, to an account or (`None`) to nobody in particular: seven statements at
/// most, and one more for each that uses custom emoji.
pub async fn render(
    app: &App,
    rows: Vec<Announcement>,
    reader: Option<i64>,
) -> AppResult<Vec<Entity>> {
    let ctx = app.ctx.clone();
    let list = rows.clone();
    let extra = app
        .read(move |c| {
            Box::pin(async move {
                let ids: Vec<i64> = list.iter().map(|row| row.id).collect();
                let all: Vec<Refs> = list.iter().map(refs).collect();
                let accounts: Vec<i64> = all.iter().flat_map(|r| r.mentions.clone()).collect();
                let statuses: Vec<i64> = all.iter().flat_map(|r| r.statuses.clone()).collect();
                let reactions = db::announcements::reactions(c, &ids).await?;
                let names: Vec<String> = reactions
                    .iter()
                    .map(|(_, name, _)| name.clone())
                    .filter(|name| is_shortcode(name))
                    .collect();
                let pictures = db::emojis::by_names(c, "", &names).await?;
                let mut emojis = HashMap::new();
                for row in &list {
                    let used = custom::used(c, &ctx, &[&row.source]).await?;
                    emojis.insert(row.id, used);
                }
                let (read, own) = match reader {
                    Some(reader) => (
                        db::announcements::read_by(c, reader, &ids).await?,
                        db::announcements::reactions_of(c, reader, &ids).await?,
                    ),
                    None => Default::default(),
                };
                Ok(Rows {
                    accounts: db::accounts::by_ids(c, &accounts)
                        .await?
                        .into_iter()
                        .map(|account| (account.id, account))
                        .collect(),
                    statuses: db::statuses::by_ids(c, &statuses)
                        .await?
                        .into_iter()
                        .map(|status| (status.id, status))
                        .collect(),
                    emojis,
                    reactions,
                    pictures: pictures
                        .iter()
                        .map(|e| (e.shortcode.clone(), Used::of(&ctx.config, e)))
                        .collect(),
                    read: read.into_iter().collect(),
                    own: own.into_iter().collect(),
                })
            })
        })
        .await?;
    Ok(rows
        .iter()
        .map(|row| entity(app, row, &extra, reader.is_some()))
        .collect())
}

fn entity(app: &App, row: &Announcement, extra: &Rows, signed_in: bool) -> Entity {
    let refs = refs(row);
    let reactions = extra.reactions.iter().filter(|(id, _, _)| *id == row.id);
    Entity {
        id: row.id.to_string(),
        content: row.content.clone(),
        starts_at: row.starts_at.map(iso),
        ends_at: row.ends_at.map(iso),
        all_day: row.all_day,
        published_at: iso(row.published_at.unwrap_or(row.created_at)),
        updated_at: iso(row.updated_at),
        read: signed_in.then(|| extra.read.contains(&row.id)),
        mentions: refs
            .mentions
            .iter()
            .filter_map(|id| extra.accounts.get(id))
            .map(|account| Mention {
                id: account.id.to_string(),
                username: account.username.clone(),
                url: account.url.clone(),
                acct: acct(account),
            })
            .collect(),
        statuses: refs
            .statuses
            .iter()
            .filter_map(|id| extra.statuses.get(id))
            .map(|status| Link {
                id: status.id.to_string(),
                url: if status.url.is_empty() {
                    status.uri.clone()
                } else {
                    status.url.clone()
                },
            })
            .collect(),
        tags: refs
            .tags
            .iter()
            .map(|name| Tag {
                name: name.clone(),
                url: app.config.tag_url(name),
            })
            .collect(),
        emojis: extra
            .emojis
            .get(&row.id)
            .map(|json| emojis(&app.config, json))
            .unwrap_or_default(),
        reactions: reactions
            .map(|(id, name, count)| {
                let me = signed_in.then(|| extra.own.contains(&(*id, name.clone())));
                reaction(name, *count, me, extra.pictures.get(name))
            })
            .collect(),
    }
}

fn reaction(name: &str, count: i64, me: Option<bool>, picture: Option<&Used>) -> Reaction {
    Reaction {
        name: name.to_owned(),
        count,
        me,
        url: picture.map(|picture| picture.url.clone()),
        static_url: picture.map(|picture| picture.static_url.clone()),
        announcement_id: None,
    }
}

/// An announcement as its stream's event carries it; `None` when it is gone.
pub async fn for_everyone(app: &App, id: i64) -> AppResult<Option<String>> {
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::announcements::by_id(c, id).await?) }))
        .await?;
    let Some(row) = row else { return Ok(None) };
    match render(app, vec![row], None).await?.pop() {
        Some(entity) => Ok(Some(serde_json::to_string(&entity)?)),
        None => Ok(None),
    }
}

/// A reaction as its stream's event carries it, with how often it is given now.
pub async fn reaction_event(app: &App, id: i64, name: &str) -> AppResult<String> {
    let wanted = name.to_owned();
    let ctx = app.ctx.clone();
    let (count, picture) = app
        .read(move |c| {
            Box::pin(async move {
                let given = db::announcements::reactions(c, &[id]).await?;
                let count = given
                    .iter()
                    .find(|(_, name, _)| *name == wanted)
                    .map_or(0, |(_, _, count)| *count);
                let picture = db::emojis::by_names(c, "", &[wanted]).await?.pop();
                Ok((count, picture.map(|e| Used::of(&ctx.config, &e))))
            })
        })
        .await?;
    let event = Reaction {
        announcement_id: Some(id.to_string()),
        ..reaction(name, count, None, picture.as_ref())
    };
    Ok(serde_json::to_string(&event)?)
}
