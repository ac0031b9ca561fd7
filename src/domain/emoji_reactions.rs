//! Emoji reactions: those of Unicode's, those of this server, and those that came from elsewhere
//! and are joined here.

use super::emojis::{self, Used};
use super::interactions::{self, Verb};
use super::notifications::{self, Type};
use super::outgoing::{self, Audience, Outgoing, React};
use super::reactions::author_of;
use super::{Ctx, analytics};
use crate::config::Config;
use crate::db::accounts::Account;
use crate::db::analytics::Counts;
use crate::db::emoji_reactions::{Count, Reaction};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::emoji::{is_emoji, is_shortcode};

/// Different emoji that one account may give to a status.
pub const MAX_GIVEN: usize = 8;
/// Different emoji that a status may have.
pub const MAX_KINDS: usize = 50;

/// What a reaction is: an emoji of Unicode's, or a custom one and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub name: String,
    /// Empty for ours and for Unicode's.
    pub domain: String,
}

impl Name {
    /// As clients write it: `👍`, `shortcode`, `shortcode@domain`; with colons or without.
    pub fn parse(config: &Config, text: &str) -> Option<Name> {
        if is_emoji(text) {
            return Some(Name {
                name: text.to_owned(),
                domain: String::new(),
            });
        }
        let text = text
            .strip_prefix(':')
            .and_then(|rest| rest.strip_suffix(':'))
            .unwrap_or(text);
        let (name, domain) = match text.split_once('@') {
            Some((name, domain)) if config.is_our_domain(domain) => (name, String::new()),
            Some((name, domain)) => (name, domain.to_lowercase()),
            None => (text, String::new()),
        };
        let fine = if domain.is_empty() {
            is_shortcode(name)
        } else {
            !name.is_empty() && name.len() <= 100 && domain.len() <= 255
        };
        fine.then(|| Name {
            name: name.to_owned(),
            domain,
        })
    }

    /// The same emoji: some write a variation selector that others leave out.
    fn is(&self, name: &str, domain: &str) -> bool {
        let plain = |text: &str| text.replace('\u{fe0f}', "");
        self.domain == domain && (self.name == name || plain(&self.name) == plain(name))
    }

    fn among<'a>(&self, counts: &'a [Count]) -> Option<&'a Count> {
        counts
            .iter()
            .find(|count| self.is(&count.name, &count.domain))
    }
}

/// `account` reacts to a status it may see. Again is no error; 403 where the status's policy does
/// not let it be liked at once.
pub async fn react(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    name: &Name,
) -> AppResult<()> {
    if !interactions::may_vote(tx, account, status).await? {
        return Err(interactions::denied(Verb::Like));
    }
    db::votes::lock(tx, status.id).await?;
    let counts = db::emoji_reactions::counts_of(tx, &[status.id]).await?;
    let picture = if let Some(known) = name.among(&counts) {
        Used::pictured(&known.name, &known.url, &known.static_url)
    } else if is_emoji(&name.name) && name.domain.is_empty() {
        Used::pictured(&name.name, "", "")
    } else {
        let ours = match name.domain.as_str() {
            "" => emojis::by_name(tx, &name.name).await?,
            // One from elsewhere is joined where it is, not brought.
            _ => None,
        };
        let ours = ours.ok_or_else(|| {
            AppError::invalid("Validation failed: Name is not a recognized emoji")
        })?;
        Used::of(&ctx.config, &ours)
    };
    give(tx, ctx, account, status, &counts, name, picture, None).await
}

/// A reaction of somebody elsewhere: `picture` is that of a custom emoji, `uri` the activity's id.
pub async fn receive(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    picture: Used,
    uri: String,
) -> AppResult<()> {
    db::votes::lock(tx, status.id).await?;
    let counts = db::emoji_reactions::counts_of(tx, &[status.id]).await?;
    let mut domain = String::new();
    if !picture.url.is_empty() {
        let same = |count: &&Count| count.name == picture.shortcode && count.url == picture.url;
        domain = match counts.iter().find(same) {
            Some(joined) => joined.domain.clone(),
            None if ctx.config.is_ours(&picture.url)
                && emojis::by_name(tx, &picture.shortcode).await?.is_some() =>
            {
                String::new()
            }
            None => account.domain.clone(),
        };
    }
    let name = Name {
        name: picture.shortcode.clone(),
        domain,
    };
    give(tx, ctx, account, status, &counts, &name, picture, Some(uri)).await
}

#[expect(
    clippy::too_many_arguments,
    reason = "both ways in have read all of it by then"
)]
async fn give(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    counts: &[Count],
    name: &Name,
    picture: Used,
    uri: Option<String>,
) -> AppResult<()> {
    let known = name.among(counts);
    let given = db::emoji_reactions::given(tx, account.id, status.id).await?;
    if given.iter().any(|row| name.is(&row.name, &row.domain)) {
        return Ok(());
    }
    if given.len() >= MAX_GIVEN || (known.is_none() && counts.len() >= MAX_KINDS) {
        return Err(AppError::invalid(
            "Validation failed: Limit of different reactions reached",
        ));
    }
    let row = Reaction {
        id: ctx.ids.next(),
        account_id: account.id,
        status_id: status.id,
        name: known.map_or_else(|| name.name.clone(), |known| known.name.clone()),
        domain: name.domain.clone(),
        uri: uri.unwrap_or_else(|| outgoing::activity_uri(ctx, account, "reactions")),
        created_at: ctx.now(),
    };
    if !db::emoji_reactions::add(tx, &row, &picture.url, &picture.static_url).await? {
        return Ok(());
    }
    changed(tx, account, status, row.created_at, 1).await?;
    let author = author_of(tx, status).await?;
    notifications::notify(tx, ctx, &author, account, Type::Reaction, Some(status.id)).await?;
    if account.is_local() && !author.is_local() {
        let activity = Outgoing::EmojiReact(React::of(&row, status, &author, picture));
        outgoing::send(tx, ctx, account, &activity, Audience::one(author.id)).await?;
    }
    Ok(())
}

/// `account` takes a reaction back. None to take back is no error.
pub async fn unreact(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    name: &Name,
) -> AppResult<()> {
    db::votes::lock(tx, status.id).await?;
    let given = db::emoji_reactions::given(tx, account.id, status.id).await?;
    match given.iter().find(|row| name.is(&row.name, &row.domain)) {
        Some(row) => withdraw(tx, ctx, account, status, row).await,
        None => Ok(()),
    }
}

/// Takes one reaction back.
pub async fn withdraw(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    row: &Reaction,
) -> AppResult<()> {
    db::votes::lock(tx, status.id).await?;
    let counts = db::emoji_reactions::counts_of(tx, &[status.id]).await?;
    if !db::emoji_reactions::remove(tx, row).await? {
        return Ok(());
    }
    changed(tx, account, status, row.created_at, -1).await?;
    let author = author_of(tx, status).await?;
    let left = db::emoji_reactions::given(tx, account.id, status.id).await?;
    if left.is_empty() {
        notifications::retract(tx, &author, account, Type::Reaction, Some(status.id)).await?;
    }
    if account.is_local() && !author.is_local() {
        let known = counts
            .iter()
            .find(|c| c.name == row.name && c.domain == row.domain);
        let (url, static_url) =
            known.map_or(("", ""), |count| (count.url.as_str(), &count.static_url));
        let picture = Used::pictured(&row.name, url, static_url);
        let activity = Outgoing::UndoEmojiReact {
            uri: outgoing::activity_uri(ctx, account, "undo"),
            react: React::of(row, status, &author, picture),
        };
        outgoing::send(tx, ctx, account, &activity, Audience::one(author.id)).await?;
    }
    Ok(())
}

impl React {
    fn of(row: &Reaction, status: &Status, author: &Account, picture: Used) -> React {
        React {
            uri: row.uri.clone(),
            object: status.uri.clone(),
            to: author.uri.clone(),
            name: row.name.clone(),
            emoji: Some(picture).filter(|picture| !picture.url.is_empty()),
        }
    }
}

async fn changed(
    tx: &mut Conn,
    account: &Account,
    status: &Status,
    at: i64,
    reactions: i64,
) -> AppResult<()> {
    let change = Counts {
        reactions,
        ..Counts::default()
    };
    analytics::happened(tx, status, at, change).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    Ok(())
}
