//! What is found by searching, and by whom.
//!
//! A post is found by its author, by those here whom it mentions or who favourited, bookmarked or
//! reblogged it, and, when it is public and its author wants to be found (`indexable`), by
//! anyone signed in. Each of these is a mark beside the post's words in the index, so that a
//! query asks for words and marks at once; visibility is decided again when the page is put
//! together.

mod query;

use std::collections::{HashMap, HashSet};

use super::Ctx;
use super::jobs::{self, Job};
use super::visibility::Visibility;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::text;
use crate::text::words::words;

pub use query::{Parsed, Scope, Term, parse};

/// Words of a post that are indexed.
const MAX_WORDS: usize = 3000;
/// Words of an account's names that it is found by.
const MAX_NAMES: usize = 12;
/// Characters of such a word.
const MAX_NAME: usize = 64;

/// Marks: no text holds their first character as part of a word.
pub mod mark {
    /// Found by anyone.
    pub const OPEN: &str = "¦p";

    /// Of an author.
    pub fn author(id: i64) -> String {
        format!("¦a{id}")
    }

    /// Found by an account that has to do with it.
    pub fn reader(id: i64) -> String {
        format!("¦r{id}")
    }

    /// With a tag, by its normalised name.
    pub fn tag(name: &str) -> String {
        format!("¦t{name}")
    }

    /// In a language.
    pub fn language(code: &str) -> String {
        format!("¦l{}", code.to_lowercase())
    }

    /// With a property: `has:` or `is:`.
    pub fn property(name: &str) -> String {
        format!("¦i{name}")
    }
}

/// A post's entry in the index: its words, then its marks. `None`: nobody may find it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: i64,
    pub words: Option<Vec<String>>,
}

/// Makes the entries of posts: a fixed number of statements.
pub async fn entries(conn: &mut Conn, ids: &[i64]) -> AppResult<Vec<Entry>> {
    let statuses = db::statuses::by_ids(conn, ids).await?;
    let authors: Vec<i64> = statuses
        .iter()
        .map(|s| s.account_id)
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    let authors: HashMap<i64, Account> = db::accounts::by_ids(conn, &authors)
        .await?
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    let mentions = db::statuses::mentions_of(conn, ids).await?;
    let mentioned: Vec<i64> = mentions.iter().map(|(_, account)| *account).collect();
    let local: HashSet<i64> = db::accounts::by_ids(conn, &mentioned)
        .await?
        .into_iter()
        .filter(Account::is_local)
        .map(|account| account.id)
        .collect();
    let mut readers: HashMap<i64, HashSet<i64>> = HashMap::new();
    let markers = db::search::local_markers(conn, ids).await?;
    let mentions = mentions
        .into_iter()
        .filter(|(_, account)| local.contains(account));
    for (status, account) in mentions.chain(markers) {
        readers.entry(status).or_default().insert(account);
    }
    let tags = db::statuses::tags_of(conn, ids).await?;
    let media = db::media::of_statuses(conn, ids).await?;
    let cards = db::cards::of_statuses(conn, ids).await?;
    let quotes = db::quotes::of_statuses(conn, ids).await?;
    let mut entries: HashMap<i64, Entry> = ids
        .iter()
        .map(|id| {
            (
                *id,
                Entry {
                    id: *id,
                    words: None,
                },
            )
        })
        .collect();
    for status in statuses.iter().filter(|s| s.reblog_of_id.is_none()) {
        let Some(author) = authors.get(&status.account_id) else {
            continue;
        };
        let open = status.visibility == Visibility::Public as i16
            && !status.local_only
            && author.indexable
            && author.silenced_at.is_none();
        let readers = readers.remove(&status.id).unwrap_or_default();
        if !author.is_active() || !(open || author.is_local() || !readers.is_empty()) {
            continue;
        }
        let media: Vec<_> = media
            .iter()
            .filter(|m| m.status_id == Some(status.id))
            .collect();
        let mut said = format!("{}\n{}\n", status.spoiler_text, status.title);
        said.push_str(&text::to_plain(&status.content));
        for media in &media {
            said.push('\n');
            said.push_str(&media.description);
        }
        let mut entry = words(&said, MAX_WORDS);
        entry.push(mark::author(author.id));
        if open {
            entry.push(mark::OPEN.to_owned());
        }
        entry.extend(readers.into_iter().map(mark::reader));
        let own = tags.iter().filter(|(id, _)| *id == status.id);
        entry.extend(own.map(|(_, tag)| mark::tag(&tag.name)));
        entry.extend(properties(
            status,
            author,
            media.iter().map(|m| m.kind.as_str()),
            cards.iter().any(|(id, _)| *id == status.id),
            quotes.iter().any(|q| q.status_id == status.id),
        ));
        if let Some(language) = &status.language {
            entry.push(mark::language(language));
            if let Some((primary, _)) = language.split_once('-') {
                entry.push(mark::language(primary));
            }
        }
        entries.insert(
            status.id,
            Entry {
                id: status.id,
                words: Some(entry),
            },
        );
    }
    Ok(entries.into_values().collect())
}

fn properties<'a>(
    status: &Status,
    author: &Account,
    media: impl Iterator<Item = &'a str>,
    link: bool,
    quote: bool,
) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for kind in media {
        names.push("media");
        names.push(match kind {
            "gifv" => "video",
            other => other,
        });
    }
    let says = [
        (link, "link"),
        (link, "embed"),
        (quote, "quote"),
        (status.kind == "Question", "poll"),
        (
            status.in_reply_to_uri.is_some() || status.in_reply_to_id.is_some(),
            "reply",
        ),
        (status.sensitive, "sensitive"),
        (status.edited_at.is_some(), "edited"),
        (author.is_local(), "local"),
        (
            matches!(author.kind.as_str(), "Service" | "Application"),
            "bot",
        ),
    ];
    names.extend(says.iter().filter(|(so, _)| *so).map(|(_, name)| *name));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(mark::property).collect()
}

/// Whether a reader may find a post that an entry led to. `marked`: they favourited, bookmarked
/// or reblogged it.
pub fn may_find(
    status: &Status,
    author: &Account,
    mentioned: &[i64],
    marked: bool,
    reader: i64,
) -> bool {
    status.account_id == reader
        || marked
        || mentioned.contains(&reader)
        || (status.visibility == Visibility::Public as i16 && author.indexable)
}

/// The words that an account is found by.
pub fn names(account: &Account) -> Vec<String> {
    if account.username_lower.contains('#') || account.deleted_at.is_some() {
        return Vec::new();
    }
    let mut names = vec![account.username_lower.clone()];
    names.extend(words(&account.username, MAX_NAMES));
    names.extend(words(&account.display_name, MAX_NAMES));
    let mut known = HashSet::new();
    names.retain(|name| known.insert(name.clone()));
    names.truncate(MAX_NAMES);
    names
        .into_iter()
        .map(|name| name.chars().take(MAX_NAME).collect())
        .collect()
}

/// After an account was added (`before` is `None`) or written: its names are found as they are
/// now, and its posts by whom it wants.
pub(super) async fn account_changed(
    tx: &mut Conn,
    ctx: &Ctx,
    before: Option<&Account>,
    account: &Account,
) -> AppResult<()> {
    let wanted = names(account);
    if before.is_none_or(|before| names(before) != wanted) {
        db::search::set_words(tx, account.id, &wanted).await?;
    }
    if before.is_some_and(|before| before.indexable != account.indexable) {
        let job = Job::Reindex {
            account_id: account.id,
            below: i64::MAX,
        };
        jobs::enqueue(tx, ctx, &job).await?;
    }
    Ok(())
}

/// Writes entries into the index.
pub async fn put(tx: &mut Conn, entries: &[Entry]) -> AppResult<()> {
    for entry in entries {
        match &entry.words {
            Some(words) => db::search::put(tx, entry.id, words).await?,
            None => db::search::remove(tx, &[entry.id]).await?,
        }
    }
    Ok(())
}
