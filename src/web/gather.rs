//! Fills the parts of pages from the database: what anyone may see, in a fixed number of
//! statements a page.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::pages::Field;
use super::view::{Account, Card, Emoji, Html, Media, MediaKind, Poll, PollOption, Post, Quote};
use crate::api::entities::account::avatar;
use crate::api::entities::media::addresses;
use crate::config::Config;
use crate::db::statuses::{Status, StatusStats};
use crate::db::{self, Conn, accounts, media};
use crate::domain::visibility::can_see;
use crate::error::AppResult;

/// Someone, as pages show them.
pub fn account(config: &Config, account: &accounts::Account) -> Account {
    Account {
        display_name: account.display_name.clone(),
        handle: config.handle(&account.username, &account.domain),
        url: profile_url(account),
        avatar: avatar(config, account, true),
        bot: matches!(account.kind.as_str(), "Service" | "Application"),
        emojis: emojis(config, &account.emojis),
    }
}

/// The page of an account: here, or at home.
fn profile_url(account: &accounts::Account) -> String {
    if account.is_local() {
        format!("/@{}", account.username)
    } else if account.url.is_empty() {
        account.uri.clone()
    } else {
        account.url.clone()
    }
}

/// The page of a status: here, or at home.
pub fn status_url(status: &Status, author: &accounts::Account) -> String {
    if author.is_local() {
        format!("/@{}/{}", author.username, status.id)
    } else if status.url.is_empty() {
        status.uri.clone()
    } else {
        status.url.clone()
    }
}

/// The table of a profile.
pub fn fields(json: &str) -> Vec<Field> {
    #[derive(Deserialize)]
    struct Stored {
        name: String,
        value: String,
        verified_at: Option<serde_json::Value>,
    }
    let stored: Vec<Stored> = serde_json::from_str(json).unwrap_or_default();
    stored
        .into_iter()
        .map(|field| Field {
            name: field.name,
            // Cleaned when it was stored.
            value: Html(field.value),
            verified: field.verified_at.is_some_and(|at| !at.is_null()),
        })
        .collect()
}

fn emojis(config: &Config, json: &str) -> Vec<Emoji> {
    #[derive(Deserialize)]
    struct Stored {
        shortcode: String,
        url: String,
        static_url: Option<String>,
    }
    if json.len() <= 2 {
        return Vec::new();
    }
    let stored: Vec<Stored> = serde_json::from_str(json).unwrap_or_default();
    stored
        .into_iter()
        .map(|emoji| Emoji {
            url: config.shown_url("emoji-static", &emoji.static_url.unwrap_or(emoji.url)),
            shortcode: emoji.shortcode,
        })
        .collect()
}

fn attachment(config: &Config, row: &media::Media) -> Media {
    #[derive(Deserialize)]
    struct Meta {
        small: Option<Size>,
        original: Option<Size>,
    }
    #[derive(Deserialize)]
    struct Size {
        width: u32,
        height: u32,
    }
    let (url, preview_url) = addresses(config, row);
    let meta: Option<Meta> = serde_json::from_str(&row.meta).ok();
    Media {
        kind: match row.kind.as_str() {
            "image" => MediaKind::Image,
            "gifv" => MediaKind::Gifv,
            "video" => MediaKind::Video,
            "audio" => MediaKind::Audio,
            _ => MediaKind::Unknown,
        },
        url: url.unwrap_or_default(),
        preview_url,
        description: Some(row.description.clone()).filter(|text| !text.is_empty()),
        size: meta
            .and_then(|meta| meta.small.or(meta.original))
            .map(|size| (size.width, size.height)),
    }
}

/// The polls of statuses at a time: two statements.
async fn polls(c: &mut Conn, ids: &[i64], now: i64) -> AppResult<HashMap<i64, Poll>> {
    let rows = db::polls::of_statuses(c, ids).await?;
    let options: Vec<i64> = rows.iter().map(|poll| poll.id).collect();
    let options = db::polls::options_of(c, &options).await?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let mut polls = HashMap::with_capacity(rows.len());
    for row in rows {
        let expired = row.has_ended(now);
        let own = options.iter().filter(|option| option.poll_id == row.id);
        let votes: i64 = own.clone().map(|option| option.votes_count).sum();
        let total = match row.voters_count {
            Some(voters) if row.multiple => voters,
            _ => votes,
        };
        let open = expired || !row.hide_totals;
        let poll = Poll {
            options: own
                .map(|option| PollOption {
                    title: option.title.clone(),
                    votes: open.then(|| count(option.votes_count)),
                })
                .collect(),
            multiple: row.multiple,
            total: count(total),
            expires_at: row.expires_at,
            expired,
        };
        polls.insert(row.status_id, poll);
    }
    Ok(polls)
}

/// A preview that was fetched.
fn card(config: &Config, card: &db::cards::Card) -> Option<Card> {
    (card.state == db::cards::READY).then(|| Card {
        url: card.url.clone(),
        title: card.title.clone(),
        description: card.description.clone(),
        provider: card.provider_name.clone(),
        image: (!card.image.is_empty()).then(|| config.media_url(&card.image)),
    })
}

/// Posts that anyone may see, as pages show them.
pub struct Posts {
    config: std::sync::Arc<Config>,
    statuses: HashMap<i64, Status>,
    accounts: HashMap<i64, accounts::Account>,
    stats: HashMap<i64, StatusStats>,
    media: HashMap<i64, Vec<media::Media>>,
    polls: HashMap<i64, Poll>,
    cards: HashMap<i64, db::cards::Card>,
    /// By the quoting status: the quoted one.
    quotes: HashMap<i64, i64>,
}

impl Posts {
    /// Reads statuses with all that is shown with them at a time: ten statements.
    pub async fn read(
        c: &mut Conn,
        config: std::sync::Arc<Config>,
        ids: &[i64],
        now: i64,
    ) -> AppResult<Posts> {
        let mut rows = db::statuses::by_ids(c, ids).await?;
        let originals: Vec<i64> = rows.iter().filter_map(|s| s.reblog_of_id).collect();
        rows.extend(db::statuses::by_ids(c, &originals).await?);
        let all: Vec<i64> = rows.iter().map(|s| s.id).collect();
        let quotes: HashMap<i64, i64> = db::quotes::of_statuses(c, &all)
            .await?
            .into_iter()
            .filter(|quote| quote.state == db::quotes::ACCEPTED)
            .filter_map(|quote| Some((quote.status_id, quote.quoted_id?)))
            .collect();
        let quoted: Vec<i64> = quotes.values().copied().collect();
        rows.extend(db::statuses::by_ids(c, &quoted).await?);
        let people: BTreeSet<i64> = rows
            .iter()
            .flat_map(|s| [Some(s.account_id), s.in_reply_to_account_id])
            .flatten()
            .collect();
        let people: Vec<i64> = people.into_iter().collect();
        let all: Vec<i64> = rows.iter().map(|s| s.id).collect();
        let mut posts = Posts {
            config,
            statuses: HashMap::new(),
            accounts: HashMap::new(),
            stats: HashMap::new(),
            media: HashMap::new(),
            polls: polls(c, &all, now).await?,
            cards: db::cards::of_statuses(c, &all).await?.into_iter().collect(),
            quotes,
        };
        for account in db::accounts::by_ids(c, &people).await? {
            posts.accounts.insert(account.id, account);
        }
        for stats in db::statuses::stats_of(c, &all).await? {
            posts.stats.insert(stats.status_id, stats);
        }
        for media in db::media::of_statuses(c, &all).await? {
            if let Some(status) = media.status_id {
                posts.media.entry(status).or_default().push(media);
            }
        }
        posts.statuses = rows.into_iter().map(|s| (s.id, s)).collect();
        Ok(posts)
    }

    /// A status; `None` when not everyone may see it.
    pub fn one(&self, id: i64) -> Option<Post> {
        let status = self.open(id)?;
        match status.reblog_of_id {
            None => self.post(status),
            Some(original) => {
                let mut post = self.post(self.open(original)?)?;
                let booster = self.accounts.get(&status.account_id)?;
                post.boosted_by = Some(account(&self.config, booster));
                Some(post)
            }
        }
    }

    /// Statuses in order, without those that not everyone may see.
    pub fn all(&self, ids: &[i64]) -> Vec<Post> {
        ids.iter().filter_map(|id| self.one(*id)).collect()
    }

    fn open(&self, id: i64) -> Option<&Status> {
        let status = self.statuses.get(&id)?;
        let author = self.accounts.get(&status.account_id)?;
        can_see(status, author, &[], false, None).then_some(status)
    }

    /// What a status quotes, where everyone may see it.
    fn quote(&self, status: &Status) -> Option<Quote> {
        let quoted = self.open(*self.quotes.get(&status.id)?)?;
        let author = self.accounts.get(&quoted.account_id)?;
        let covered = !quoted.spoiler_text.is_empty();
        Some(Quote {
            account: account(&self.config, author),
            url: status_url(quoted, author),
            content: Html(if covered {
                String::new()
            } else {
                quoted.content.clone()
            }),
            spoiler_text: quoted.spoiler_text.clone(),
        })
    }

    fn post(&self, status: &Status) -> Option<Post> {
        let author = self.accounts.get(&status.account_id)?;
        let stats = self.stats.get(&status.id).copied().unwrap_or_default();
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let media = self.media.get(&status.id).map(Vec::as_slice);
        let mut content = status.content.clone();
        if !status.title.is_empty() {
            let title = super::view::text_with_emoji(&status.title, &[]);
            content = format!("<p><strong>{title}</strong></p>{content}");
        }
        Some(Post {
            account: account(&self.config, author),
            boosted_by: None,
            url: status_url(status, author),
            content: Html(content),
            spoiler_text: status.spoiler_text.clone(),
            sensitive: status.sensitive || author.sensitized_at.is_some(),
            language: status.language.clone(),
            created_at: status.created_at,
            edited_at: status.edited_at,
            in_reply_to: status
                .in_reply_to_account_id
                .and_then(|id| self.accounts.get(&id))
                .map(|parent| self.config.handle(&parent.username, &parent.domain)),
            pinned: false,
            media: media
                .unwrap_or_default()
                .iter()
                .map(|row| attachment(&self.config, row))
                .collect(),
            poll: self.polls.get(&status.id).cloned(),
            card: self
                .cards
                .get(&status.id)
                .and_then(|c| card(&self.config, c)),
            quote: self.quote(status),
            emojis: emojis(&self.config, &status.emojis),
            replies: count(stats.replies_count),
            boosts: count(stats.reblogs_count),
            favourites: count(stats.favourites_count),
        })
    }
}
