//! Statuses, in two steps: what is the same for every reader is rendered once and kept
//! ([`Prepared`]); what depends on the reader (marks, whether they may see it at all) is decided
//! and added on every read.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::account::{self, Emoji, acct, emojis};
use super::filter::Sieve;
use super::kith::{self, Extra, Given};
use super::poll::{self, Voter};
use super::{quoting, raw};
use crate::app::App;
use crate::caches::mark;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::db::interactions::PolicyRow;
use crate::db::media::Media;
use crate::db::statuses::{Status, StatusStats, Tag};
use crate::domain::filters::Context;
use crate::domain::interactions::Verb;
use crate::domain::policies::Policies;
use crate::domain::quotes::Leave;
use crate::domain::search;
use crate::domain::visibility::{Relations, Viewer, Visibility, can_see, in_timeline, wanted};
use crate::error::AppResult;
use crate::text;

/// A status without what depends on the reader.
pub struct Prepared {
    /// For visibility; texts are emptied, they are in `head`.
    pub status: Status,
    /// Whom it mentions.
    pub mentioned: Vec<i64>,
    /// Whether a group's moderators took it out: it is not shown in threads, but to its author.
    removed: bool,
    words: OnceLock<Box<str>>,
    /// Its poll, whose showing depends on who voted and on the time.
    poll: Option<poll::Known>,
    /// The entity's JSON up to `account`, without the closing brace.
    head: String,
    /// The app it was posted with, shown to its author alone.
    application: String,
    card: Option<super::card::Card>,
    quoting: quoting::Quoting,
    extra: Extra,
}

impl Prepared {
    /// Whether readers see it differently, even those who neither wrote nor marked it; and where
    /// those who follow the author may not see it at all.
    pub fn varies(&self) -> bool {
        self.quoting.varies() || self.status.visibility == Visibility::Mutuals as i16
    }
}

#[derive(Serialize)]
struct Head<'a> {
    id: String,
    uri: &'a str,
    url: &'a str,
    created_at: String,
    edited_at: Option<String>,
    in_reply_to_id: Option<String>,
    in_reply_to_account_id: Option<String>,
    content: &'a str,
    visibility: &'static str,
    sensitive: bool,
    spoiler_text: &'a str,
    language: Option<&'a str>,
    media_attachments: Vec<super::media::MediaAttachment>,
    mentions: Vec<Mention<'a>>,
    tags: Vec<TagLink<'a>>,
    emojis: Vec<Emoji>,
    replies_count: i64,
    reblogs_count: i64,
    favourites_count: i64,
    quotes_count: i64,
    tagged_collections: [(); 0],
}

#[derive(Serialize)]
struct Mention<'a> {
    id: String,
    username: &'a str,
    url: &'a str,
    acct: String,
}

#[derive(Serialize)]
struct TagLink<'a> {
    name: &'a str,
    url: String,
}

/// Rows that belong to a page of statuses.
#[derive(Default)]
struct Rows {
    statuses: Vec<Status>,
    stats: HashMap<i64, StatusStats>,
    mentions: HashMap<i64, Vec<i64>>,
    tags: HashMap<i64, Vec<Tag>>,
    media: HashMap<i64, Vec<Media>>,
    accounts: HashMap<i64, Account>,
    apps: HashMap<i64, db::tokens::App>,
    polls: HashMap<i64, poll::Known>,
    cards: HashMap<i64, db::cards::Card>,
    quotes: HashMap<i64, db::quotes::Quote>,
    policies: HashMap<i64, Vec<PolicyRow>>,
    reactions: HashMap<i64, Vec<db::emoji_reactions::Count>>,
    /// Those that a group's moderators took out.
    removed: Vec<i64>,
}

/// Prepared statuses by id, with what they are reblogs of, what they quote, and what that quotes:
/// from memory, the rest in a fixed number of statements.
pub async fn prepare(app: &App, ids: &[i64]) -> AppResult<HashMap<i64, Arc<Prepared>>> {
    let mut found: HashMap<i64, Arc<Prepared>> = HashMap::with_capacity(ids.len() * 2);
    let mut wanted: Vec<i64> = ids.to_vec();
    for _ in 0..=quoting::DEPTH {
        let fresh = prepare_level(app, &mut found, wanted).await?;
        wanted = fresh
            .iter()
            .filter_map(|id| found.get(id)?.quoting.shown())
            .filter(|id| !found.contains_key(id))
            .collect();
        if wanted.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Adds statuses and what they are reblogs of; gives back which were added.
async fn prepare_level(
    app: &App,
    found: &mut HashMap<i64, Arc<Prepared>>,
    mut wanted: Vec<i64>,
) -> AppResult<Vec<i64>> {
    let mut fresh = Vec::with_capacity(wanted.len() * 2);
    let mut missing = Vec::new();
    while let Some(id) = wanted.pop() {
        if found.contains_key(&id) {
            continue;
        }
        match app.caches.statuses.get(&id) {
            Some(prepared) => {
                wanted.extend(prepared.status.reblog_of_id);
                found.insert(id, prepared);
                fresh.push(id);
            }
            None => missing.push(id),
        }
    }
    if missing.is_empty() {
        return Ok(fresh);
    }
    missing.sort_unstable();
    missing.dedup();
    let ticket = app.caches.statuses.ticket();
    let policies = app.policies().await?;
    let rows = app.read(move |c| Box::pin(load(c, missing))).await?;
    for status in &rows.statuses {
        let prepared = Arc::new(assemble(&app.config, &policies, status, &rows)?);
        app.caches.statuses.put(ticket, status.id, prepared.clone());
        found.insert(status.id, prepared);
        fresh.push(status.id);
    }
    Ok(fresh)
}

/// Reads statuses, their originals and all that is shown with them: fifteen statements at most.
async fn load(c: &mut db::Conn, ids: Vec<i64>) -> AppResult<Rows> {
    let mut statuses = db::statuses::by_ids(c, &ids).await?;
    let originals: Vec<i64> = statuses
        .iter()
        .filter_map(|s| s.reblog_of_id)
        .filter(|id| !ids.contains(id))
        .collect();
    statuses.extend(db::statuses::by_ids(c, &originals).await?);
    statuses.sort_by_key(|s| s.id);
    statuses.dedup_by_key(|s| s.id);
    let own: Vec<i64> = statuses
        .iter()
        .filter(|s| s.reblog_of_id.is_none())
        .map(|s| s.id)
        .collect();
    let mut rows = Rows::default();
    for stats in db::statuses::stats_of(c, &own).await? {
        rows.stats.insert(stats.status_id, stats);
    }
    let reacted = rows.stats.values().filter(|s| s.reactions_count > 0);
    let reacted: Vec<i64> = reacted.map(|stats| stats.status_id).collect();
    for count in db::emoji_reactions::counts_of(c, &reacted).await? {
        rows.reactions
            .entry(count.status_id)
            .or_default()
            .push(count);
    }
    for (status, account) in db::statuses::mentions_of(c, &own).await? {
        rows.mentions.entry(status).or_default().push(account);
    }
    for (status, tag) in db::statuses::tags_of(c, &own).await? {
        rows.tags.entry(status).or_default().push(tag);
    }
    for media in db::media::of_statuses(c, &own).await? {
        if let Some(status) = media.status_id {
            rows.media.entry(status).or_default().push(media);
        }
    }
    let mut accounts: Vec<i64> = rows.mentions.values().flatten().copied().collect();
    accounts.extend(statuses.iter().map(|status| status.account_id));
    accounts.sort_unstable();
    accounts.dedup();
    for account in db::accounts::by_ids(c, &accounts).await? {
        rows.accounts.insert(account.id, account);
    }
    let apps: Vec<i64> = statuses
        .iter()
        .filter_map(|s| s.app_id)
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    for app in db::tokens::apps_by_ids(c, &apps).await? {
        rows.apps.insert(app.id, app);
    }
    let polls = db::polls::of_statuses(c, &own).await?;
    let ids: Vec<i64> = polls.iter().map(|poll| poll.id).collect();
    let options = db::polls::options_of(c, &ids).await?;
    for poll in polls {
        let status = statuses.iter().find(|s| s.id == poll.status_id);
        let known = poll::Known {
            options: options
                .iter()
                .filter(|option| option.poll_id == poll.id)
                .cloned()
                .collect(),
            emojis: status.map(|s| s.emojis.clone()).unwrap_or_default(),
            poll,
        };
        rows.polls.insert(known.poll.status_id, known);
    }
    for (status, card) in db::cards::of_statuses(c, &own).await? {
        rows.cards.insert(status, card);
    }
    for quote in db::quotes::of_statuses(c, &own).await? {
        rows.quotes.insert(quote.status_id, quote);
    }
    for policy in db::interactions::policies_of(c, &own).await? {
        let all = rows.policies.entry(policy.status_id).or_default();
        all.push(policy);
    }
    rows.removed = db::groups::removed(c, &own).await?;
    rows.statuses = statuses;
    Ok(rows)
}

fn assemble(
    config: &Config,
    policies: &Policies,
    status: &Status,
    rows: &Rows,
) -> AppResult<Prepared> {
    let id = status.id;
    let author = rows.accounts.get(&status.account_id);
    let rejected = author.is_some_and(|author| policies.rejects_media_of(author));
    let file = |media: &Media| {
        let elsewhere = media.remote_url.parse();
        if rejected || elsewhere.is_ok_and(|url| policies.rejects_file(&url)) {
            super::media::render_unfetched(config, media)
        } else {
            super::media::render(config, media)
        }
    };
    let stats = rows.stats.get(&id).copied().unwrap_or_default();
    let mentioned = rows.mentions.get(&id).cloned().unwrap_or_default();
    let visibility = wanted(status.visibility);
    let policies = rows
        .policies
        .get(&id)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let url = if status.url.is_empty() {
        &status.uri
    } else {
        &status.url
    };
    // Apps know no titles (of articles, pages, videos): it comes before the text, and leads to
    // the original.
    let mut content = Cow::Borrowed(status.content.as_str());
    if !status.title.is_empty() {
        let title = crate::text::escape(&status.title);
        let link = crate::text::escape(url);
        content = Cow::Owned(format!(
            "<p><a href=\"{link}\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">\
             <strong>{title}</strong></a></p>{content}"
        ));
    }
    let head = Head {
        id: id.to_string(),
        uri: &status.uri,
        url,
        created_at: iso(status.created_at),
        edited_at: status.edited_at.map(iso),
        in_reply_to_id: status.in_reply_to_id.map(|id| id.to_string()),
        in_reply_to_account_id: status.in_reply_to_account_id.map(|id| id.to_string()),
        content: &content,
        visibility: visibility.as_api(),
        sensitive: status.sensitive || author.is_some_and(|author| author.sensitized_at.is_some()),
        spoiler_text: &status.spoiler_text,
        language: status.language.as_deref(),
        media_attachments: rows
            .media
            .get(&id)
            .map(|list| list.iter().map(file).collect())
            .unwrap_or_default(),
        mentions: mentioned
            .iter()
            .filter_map(|id| rows.accounts.get(id))
            .map(|account| Mention {
                id: account.id.to_string(),
                username: &account.username,
                url: if account.url.is_empty() {
                    &account.uri
                } else {
                    &account.url
                },
                acct: acct(account),
            })
            .collect(),
        tags: rows
            .tags
            .get(&id)
            .map(|tags| {
                tags.iter()
                    .map(|tag| TagLink {
                        name: &tag.name,
                        url: config.tag_url(&tag.name),
                    })
                    .collect()
            })
            .unwrap_or_default(),
        emojis: if rejected {
            Vec::new()
        } else {
            emojis(config, &status.emojis)
        },
        replies_count: stats.replies_count.max(0),
        reblogs_count: stats.reblogs_count.max(0),
        favourites_count: stats.favourites_count.max(0),
        quotes_count: stats.quotes_count.max(0),
        tagged_collections: [],
    };
    let mut head = serde_json::to_string(&head)?;
    head.pop();
    let application = match status.app_id.and_then(|app| rows.apps.get(&app)) {
        Some(app) => serde_json::to_string(&serde_json::json!({
            "name": app.name,
            "website": app.website,
        }))?,
        None => String::new(),
    };
    Ok(Prepared {
        status: Status {
            content: String::new(),
            source: String::new(),
            spoiler_text: String::new(),
            uri: String::new(),
            url: String::new(),
            emojis: String::new(),
            ..status.clone()
        },
        mentioned,
        removed: rows.removed.contains(&id),
        words: OnceLock::new(),
        poll: rows.polls.get(&id).cloned(),
        head,
        application,
        card: rows
            .cards
            .get(&id)
            .and_then(|card| super::card::Card::of(config, card)),
        quoting: quoting::Quoting::of(
            status,
            rows.quotes.get(&id),
            policies.iter().find(|row| row.verb == Verb::Quote as i16),
        ),
        extra: Extra::of(config, status, &stats, policies, rows.reactions.get(&id)),
    })
}

/// Of a status as JSON, what filters look at.
#[derive(Deserialize)]
struct Spoken {
    content: String,
    spoiler_text: String,
    media_attachments: Vec<Described>,
}

#[derive(Deserialize)]
struct Described {
    description: Option<String>,
}

impl Prepared {
    /// Warning, text, descriptions and choices, as [`text::matching::fold`] makes them: what
    /// filters look at. Made when somebody first asks: most readers have no filters.
    pub fn words(&self) -> &str {
        self.words.get_or_init(|| {
            let Ok(said) = serde_json::from_str::<Spoken>(&format!("{}}}", self.head)) else {
                return Box::default();
            };
            let mut words = vec![said.spoiler_text, text::to_plain(&said.content)];
            words.extend(
                said.media_attachments
                    .into_iter()
                    .filter_map(|m| m.description),
            );
            words.extend(
                self.poll
                    .iter()
                    .flat_map(|known| &known.options)
                    .map(|option| option.title.clone()),
            );
            text::matching::fold(&words.join("\n\n")).into()
        })
    }
}

/// Who reads: the account, its relations, and where what it reads is shown.
#[derive(Clone)]
pub struct Reader {
    pub account_id: i64,
    pub relations: Arc<Relations>,
    /// Where filters that hide keep statuses out; `None`: nowhere.
    pub context: Option<Context>,
}

impl Reader {
    /// A signed-in reader.
    pub async fn of(app: &App, account_id: i64) -> AppResult<Reader> {
        Ok(Reader {
            account_id,
            relations: app.relations(account_id).await?,
            context: None,
        })
    }

    /// The same, reading in a context.
    pub fn within(mut self, context: Context) -> Reader {
        self.context = Some(context);
        self
    }

    fn viewer(&self) -> Viewer<'_> {
        Viewer {
            account_id: self.account_id,
            relations: &self.relations,
        }
    }
}

/// How a list of statuses is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What the reader may see: threads, single statuses, their own lists.
    Visible,
    /// What surrounds a status: besides, without those they block or mute, and without those who
    /// are limited and whom they do not follow.
    Thread,
    /// A timeline: the same, and a status once only.
    Timeline,
    /// All of them, whoever may see them: what moderators are shown of a report.
    Reported,
}

/// Statuses that are ready to be written for one reader.
pub struct Page {
    config: Arc<Config>,
    prepared: HashMap<i64, Arc<Prepared>>,
    accounts: HashMap<i64, Arc<str>>,
    marks: HashMap<i64, u8>,
    /// `filtered` of those that match a filter of the reader.
    filtered: HashMap<i64, Box<str>>,
    /// What the reader chose in polls, by status.
    choices: HashMap<i64, Arc<Vec<i64>>>,
    /// The emoji that the reader gave, by status.
    given: HashMap<i64, Arc<Given>>,
    reader: Option<Reader>,
    now: i64,
    /// By the quoting status: how its quote stands for the reader.
    quotes: HashMap<i64, quoting::Shown>,
    /// By status: what becomes of a quote that the reader makes of it.
    leaves: HashMap<i64, Leave>,
    /// Ids in order, those not to be shown left out.
    pub ids: Vec<i64>,
}

/// Gathers statuses for a reader (`None`: anyone).
pub async fn page(app: &App, ids: &[i64], reader: Option<&Reader>, mode: Mode) -> AppResult<Page> {
    let prepared = prepare(app, ids).await?;
    let mut authors: Vec<i64> = prepared.values().map(|p| p.status.account_id).collect();
    authors.extend(
        prepared
            .values()
            .filter_map(|p| p.card.as_ref()?.author_id()),
    );
    authors.sort_unstable();
    authors.dedup();
    let accounts = account::json(app, &authors).await?;
    let mut people = HashMap::with_capacity(authors.len());
    for id in &authors {
        if let Some(account) = app.account(*id).await? {
            people.insert(*id, account);
        }
    }
    let friends = mutual_authors(app, &prepared, reader).await?;
    let now = app.clock.now_ms();
    let sees = |p: &Prepared| {
        people.get(&p.status.account_id).is_some_and(|author| {
            let friend = friends.contains(&p.status.account_id);
            can_see(
                &p.status,
                author,
                &p.mentioned,
                friend,
                reader.map(Reader::viewer),
            )
        })
    };
    let unwanted = |reader: &Reader, author: &i64| {
        people
            .get(author)
            .is_some_and(|author| reader.relations.blocks_domain(&author.domain))
    };
    let limited = |p: &Prepared| {
        let author = people.get(&p.status.account_id);
        author.is_some_and(|author| author.silenced_at.is_some())
            && !reader.is_some_and(|reader| {
                reader.account_id == p.status.account_id
                    || p.mentioned.contains(&reader.account_id)
                    || reader
                        .relations
                        .following
                        .contains_key(&p.status.account_id)
            })
    };
    let mut sieve = Sieve::of(reader, now);
    let mut shown = HashSet::new();
    let mut kept = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(outer) = prepared.get(id) else {
            continue;
        };
        let original = match outer.status.reblog_of_id {
            Some(original) => match prepared.get(&original) {
                Some(original) => Some(original),
                None => continue,
            },
            None => None,
        };
        let all = mode == Mode::Reported;
        if !all && (!sees(outer) || !original.is_none_or(|o| sees(o))) {
            continue;
        }
        let own = reader.is_some_and(|r| r.account_id == outer.status.account_id);
        if mode == Mode::Thread && outer.removed && !own {
            continue;
        }
        if mode != Mode::Visible && !all {
            let mut concerned = vec![outer.status.account_id];
            concerned.extend(original.map(|o| o.status.account_id));
            if mode == Mode::Thread && limited(outer) {
                continue;
            }
            if let Some(reader) = reader
                && (!in_timeline(&concerned, reader.viewer(), now)
                    || concerned.iter().any(|author| unwanted(reader, author)))
            {
                continue;
            }
        }
        if let Some(sieve) = &mut sieve
            && sieve.hides(outer, original.unwrap_or(outer))?
        {
            continue;
        }
        // A status and its reblogs, or two reblogs of it, show once.
        if mode == Mode::Timeline && !shown.insert(original.map_or(*id, |o| o.status.id)) {
            continue;
        }
        kept.push(*id);
    }
    let (marks, choices, given) = match reader {
        Some(reader) => {
            let reacted: Vec<i64> = prepared
                .iter()
                .filter(|(_, p)| p.extra.has_reactions())
                .map(|(id, _)| *id)
                .collect();
            let polls: Vec<(i64, i64)> = prepared
                .iter()
                .filter_map(|(id, p)| Some((*id, p.poll.as_ref()?.poll.id)))
                .collect();
            (
                marks(app, reader.account_id, &prepared).await?,
                poll::choices(app, reader.account_id, &polls).await?,
                kith::given(app, reader.account_id, &reacted).await?,
            )
        }
        None => Default::default(),
    };
    let mut quotes = HashMap::new();
    let mut leaves = HashMap::with_capacity(prepared.len());
    for (id, p) in &prepared {
        if let Some(quoted) = p.quoting.shown() {
            let quoted = prepared
                .get(&quoted)
                .filter(|q| q.status.reblog_of_id.is_none());
            let shown = quoting::shown(quoted.map(|q| (&q.status, sees(q))), reader, now);
            quotes.insert(*id, shown);
        }
        let friend = friends.contains(&p.status.account_id);
        leaves.insert(*id, p.quoting.leave(&p.status, reader, friend));
    }
    Ok(Page {
        config: app.config.clone(),
        prepared,
        accounts,
        marks,
        filtered: sieve.map(|sieve| sieve.found).unwrap_or_default(),
        choices,
        given,
        reader: reader.cloned(),
        now,
        quotes,
        leaves,
        ids: kept,
    })
}

/// Authors who follow the reader, of statuses that are for mutuals or that those may quote whom
/// the author follows: asked only where there are such.
async fn mutual_authors(
    app: &App,
    prepared: &HashMap<i64, Arc<Prepared>>,
    reader: Option<&Reader>,
) -> AppResult<HashSet<i64>> {
    let Some(reader) = reader else {
        return Ok(HashSet::new());
    };
    let authors: Vec<i64> = prepared
        .values()
        .filter(|p| {
            p.status.visibility == Visibility::Mutuals as i16 || p.quoting.depends_on_following()
        })
        .map(|p| p.status.account_id)
        .filter(|author| *author != reader.account_id)
        .collect();
    if authors.is_empty() {
        return Ok(HashSet::new());
    }
    let id = reader.account_id;
    let friends = app
        .read(move |c| {
            Box::pin(async move { Ok(db::relations::followed_by(c, id, &authors).await?) })
        })
        .await?;
    Ok(friends.into_iter().collect())
}

/// The reader's marks on statuses: from memory, the rest in five statements.
async fn marks(
    app: &App,
    reader: i64,
    prepared: &HashMap<i64, Arc<Prepared>>,
) -> AppResult<HashMap<i64, u8>> {
    let mut found = HashMap::with_capacity(prepared.len());
    let mut missing = Vec::new();
    for (id, p) in prepared {
        if p.status.reblog_of_id.is_some() {
            continue;
        }
        match app.caches.marks.get(&(reader, *id)) {
            Some(marks) => {
                found.insert(*id, marks);
            }
            None => missing.push(*id),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let ticket = app.caches.marks.ticket();
    let (missing, marks) = app
        .read(move |c| {
            Box::pin(async move {
                let marks = db::reactions::marks(c, reader, &missing).await?;
                Ok((missing, marks))
            })
        })
        .await?;
    for id in missing {
        let bit = |list: &[i64], bit| if list.contains(&id) { bit } else { 0 };
        let bits = bit(&marks.favourited, mark::FAVOURITED)
            | bit(&marks.reblogged, mark::REBLOGGED)
            | bit(&marks.bookmarked, mark::BOOKMARKED)
            | bit(&marks.pinned, mark::PINNED)
            | bit(&marks.disliked, mark::DISLIKED);
        app.caches.marks.put(ticket, (reader, id), bits);
        found.insert(id, bits);
    }
    Ok(found)
}

impl Page {
    /// The list as JSON.
    pub fn json(&self) -> String {
        let mut out = String::with_capacity(self.ids.len() * 2500 + 2);
        out.push('[');
        for (n, id) in self.ids.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            self.write(&mut out, *id, 0);
        }
        out.push(']');
        out
    }

    /// One of the statuses as JSON; `None` when it is not to be shown.
    pub fn one(&self, id: i64) -> Option<String> {
        if !self.ids.contains(&id) {
            return None;
        }
        let mut out = String::with_capacity(4096);
        self.write(&mut out, id, 0);
        Some(out)
    }

    /// All of them, for entities that hold statuses.
    pub fn values(&self) -> Vec<Box<RawValue>> {
        self.ids
            .iter()
            .filter_map(|id| raw(&self.one(*id)?))
            .collect()
    }

    /// Writes a status; `depth`: how many quotes it is in.
    fn write(&self, out: &mut String, id: i64, depth: usize) {
        let Some(prepared) = self.prepared.get(&id) else {
            out.push_str("null");
            return;
        };
        out.push_str(&prepared.head);
        self.write_poll(out, prepared);
        out.push_str(",\"account\":");
        let author = prepared.status.account_id;
        out.push_str(self.accounts.get(&author).map_or("null", |json| json));
        out.push_str(",\"reblog\":");
        match prepared.status.reblog_of_id {
            Some(original) => self.write(out, original, depth),
            None => out.push_str("null"),
        }
        out.push_str(",\"card\":");
        match &prepared.card {
            Some(card) => card.write(out, &self.accounts),
            None => out.push_str("null"),
        }
        self.write_quoting(out, id, prepared, depth);
        self.write_extra(out, id, prepared);
        if let Some(reader) = &self.reader {
            // Marks on a reblog are those on what it is of.
            let subject = prepared.status.reblog_of_id.unwrap_or(id);
            let marks = self.marks.get(&subject).copied().unwrap_or_default();
            let flag = |bit| if marks & bit != 0 { "true" } else { "false" };
            out.push_str(",\"favourited\":");
            out.push_str(flag(mark::FAVOURITED));
            out.push_str(",\"reblogged\":");
            out.push_str(flag(mark::REBLOGGED));
            out.push_str(",\"bookmarked\":");
            out.push_str(flag(mark::BOOKMARKED));
            out.push_str(",\"muted\":");
            let thread = self
                .prepared
                .get(&subject)
                .map(|p| p.status.conversation_id);
            let muted = thread.is_some_and(|id| reader.relations.muted_threads.contains(&id));
            out.push_str(if muted { "true" } else { "false" });
            out.push_str(",\"filtered\":");
            out.push_str(self.filtered.get(&id).map_or("[]", |json| json));
            if reader.account_id == author {
                out.push_str(",\"pinned\":");
                out.push_str(flag(mark::PINNED));
                if !prepared.application.is_empty() {
                    out.push_str(",\"application\":");
                    out.push_str(&prepared.application);
                }
            }
        }
        out.push('}');
    }

    fn write_poll(&self, out: &mut String, prepared: &Prepared) {
        out.push_str(",\"poll\":");
        let Some(known) = &prepared.poll else {
            out.push_str("null");
            return;
        };
        // Plain values: this does not fail.
        let entity = poll::entity(
            &self.config,
            known,
            self.voter(prepared.status.id),
            self.now,
        );
        let json = serde_json::to_string(&entity);
        out.push_str(json.as_deref().unwrap_or("null"));
    }

    fn write_extra(&self, out: &mut String, id: i64, prepared: &Prepared) {
        // Marks on a reblog are those on what it is of.
        let subject = prepared.status.reblog_of_id.unwrap_or(id);
        let eyes = self.reader.as_ref().map(|reader| kith::Eyes {
            disliked: self.marks.get(&subject).copied().unwrap_or_default() & mark::DISLIKED != 0,
            given: self.given.get(&id).map(|given| given.as_slice()),
            author: reader.account_id == prepared.status.account_id,
        });
        out.push_str(",\"kith\":");
        prepared.extra.write(out, eyes);
    }

    /// Who reads, and what they chose in a status's poll.
    fn voter(&self, id: i64) -> Option<Voter<'_>> {
        let choices = self.choices.get(&id);
        self.reader.as_ref().map(|reader| Voter {
            account_id: reader.account_id,
            choices: choices
                .map(|choices| choices.as_slice())
                .unwrap_or_default(),
        })
    }
}

impl Page {
    /// Whether a reader may find a status of the page by searching.
    pub async fn may_find(&self, app: &App, id: i64, reader: i64) -> AppResult<bool> {
        let Some(prepared) = self.prepared.get(&id) else {
            return Ok(false);
        };
        let Some(author) = app.account(prepared.status.account_id).await? else {
            return Ok(false);
        };
        let marks = self.marks.get(&id).copied().unwrap_or_default();
        let marked = marks & mark::KEPT != 0;
        let (status, mentioned) = (&prepared.status, &prepared.mentioned);
        Ok(search::may_find(status, &author, mentioned, marked, reader))
    }

    /// Writes what a status quotes, and who may quote it.
    fn write_quoting(&self, out: &mut String, id: i64, prepared: &Prepared, depth: usize) {
        out.push_str(",\"quote\":");
        match prepared.quoting.state() {
            None => out.push_str("null"),
            Some(state) => {
                let shown = self.quotes.get(&id);
                let state = shown.map_or(state, |shown| shown.state);
                let quoted = shown.and_then(|shown| shown.quoted_id);
                out.push_str("{\"state\":\"");
                out.push_str(state);
                if depth == 0 {
                    out.push_str("\",\"quoted_status\":");
                    match quoted {
                        Some(quoted) => self.write(out, quoted, depth + 1),
                        None => out.push_str("null"),
                    }
                } else {
                    out.push_str("\",\"quoted_status_id\":");
                    match quoted {
                        Some(quoted) => {
                            out.push('"');
                            out.push_str(&quoted.to_string());
                            out.push('"');
                        }
                        None => out.push_str("null"),
                    }
                }
                out.push('}');
            }
        }
        let leave = self.leaves.get(&id).copied().unwrap_or(Leave::Denied);
        out.push_str(",\"quote_approval\":");
        out.push_str(&prepared.quoting.approval);
        out.push_str(leave.as_str());
        out.push_str("\"}");
    }
}

/// One status as a reader sees it; `None` when they may not, or it is gone.
pub async fn render_one(
    app: &App,
    id: i64,
    reader: Option<i64>,
) -> AppResult<Option<Box<RawValue>>> {
    render_one_in(app, id, reader, None).await
}

/// The same in a context: `None` also when a filter of the reader keeps it out.
pub async fn render_one_in(
    app: &App,
    id: i64,
    reader: Option<i64>,
    context: Option<Context>,
) -> AppResult<Option<Box<RawValue>>> {
    let reader = match reader {
        Some(account) => Some(Reader {
            context,
            ..Reader::of(app, account).await?
        }),
        None => None,
    };
    let page = page(app, &[id], reader.as_ref(), Mode::Visible).await?;
    Ok(page.one(id).and_then(|json| raw(&json)))
}

/// The poll of one status as a reader sees it, as JSON; `None` when they may not see the status,
/// or it has none.
pub async fn render_poll(app: &App, id: i64, reader: Option<i64>) -> AppResult<Option<String>> {
    let reader = match reader {
        Some(account) => Some(Reader::of(app, account).await?),
        None => None,
    };
    let page = page(app, &[id], reader.as_ref(), Mode::Visible).await?;
    let shown = page.prepared.get(&id).filter(|_| page.ids.contains(&id));
    let Some(known) = shown.and_then(|prepared| prepared.poll.as_ref()) else {
        return Ok(None);
    };
    let entity = poll::entity(&app.config, known, page.voter(id), page.now);
    Ok(Some(serde_json::to_string(&entity)?))
}
