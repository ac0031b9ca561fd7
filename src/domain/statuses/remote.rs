//! What authors elsewhere do. `federation` has checked by now that they did it: the activity is
//! theirs, and what it speaks of lives on their server.

use super::{Parts, adopt, context_of, edits, erase, publish, tell_late, waiting};
use crate::db::accounts::Account;
use crate::db::media::Media;
use crate::db::statuses::{Status, Tag, consent};
use crate::db::{self, Conn};
use crate::domain::discovery;
use crate::domain::emojis;
use crate::domain::groups::{self, Addressed};
use crate::domain::interactions::{self, Admission, Policies, Reception};
use crate::domain::notifications::{self, Type};
use crate::domain::polls::{self, RemotePoll};
use crate::domain::quotes::{self, Policy, RemoteQuote};
use crate::domain::visibility::{self, Visibility};
use crate::domain::{Ctx, conversations};
use crate::error::AppResult;
use crate::events::{Event, Kind};
use crate::text;

/// A status from elsewhere, its HTML cleaned, its actors known.
#[derive(Debug, Clone)]
pub struct RemoteNote {
    pub uri: String,
    pub url: String,
    /// `Note`, `Article`, `Page`…
    pub kind: String,
    pub title: String,
    /// Clean HTML.
    pub content: String,
    /// Plain text.
    pub spoiler_text: String,
    pub sensitive: bool,
    pub language: Option<String>,
    pub visibility: Visibility,
    /// URI of what it answers.
    pub in_reply_to: Option<String>,
    /// The collection of its thread, where it names one.
    pub context: Option<String>,
    /// Where its replies are listed: a collection, or itself.
    pub replies: Option<String>,
    /// Milliseconds since the epoch.
    pub published: i64,
    pub updated: Option<i64>,
    /// Accounts known here that it mentions.
    pub mentions: Vec<Account>,
    /// As written, without `#`.
    pub tags: Vec<String>,
    pub media: Vec<RemoteMedia>,
    pub poll: Option<RemotePoll>,
    /// JSON: `[{"shortcode", "url", "static_url"}]`.
    pub emojis: String,
    pub quote: Option<RemoteQuote>,
    /// Who may quote it, where it says so.
    pub quote_policy: Option<Policy>,
    /// Who may like, answer and boost it, where it says so.
    pub policies: Option<Policies>,
    /// The stamp that it says allows it to answer what it answers.
    pub authorization: Option<String>,
    /// That stamp was fetched from its origin, and is for this.
    pub vouched: bool,
    /// The ReplyRequest that brought it.
    pub request: Option<String>,
    pub groups: Addressed,
}

/// A file elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMedia {
    pub url: String,
    pub mime: String,
    /// `image`, `video`, `audio`, `gifv` or `unknown`.
    pub kind: String,
    pub description: String,
    pub blurhash: String,
    pub width: Option<i64>,
    pub height: Option<i64>,
    /// Where to crop, each from -1 to 1, in thousandths.
    pub focus: Option<(i64, i64)>,
}

/// Takes in a status: the one that is here already when it came before, `None` when it was
/// deleted before it came, or the policy of what it answers does not admit it. `quiet`: one fetched
/// because something points at it, of which nobody hears, unless it comes by itself later.
pub async fn receive(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    note: RemoteNote,
    quiet: bool,
) -> AppResult<Option<Status>> {
    let standing = db::statuses::standing(tx, &note.uri).await?;
    if standing.buried {
        return Ok(None);
    }
    if standing.here
        && let Some(known) = db::statuses::by_uri(tx, &note.uri).await?
    {
        let late = !quiet
            && known.account_id == author.id
            && db::thread_reads::end_quiet(tx, known.id).await?;
        if late {
            tell_late(tx, ctx, author, &known, &note.mentions).await?;
        }
        return Ok(Some(known));
    }
    let (quote, quote_policy) = (note.quote.clone(), note.quote_policy);
    let addressed = note.groups;
    let now = ctx.now();
    let parent = match &note.in_reply_to {
        Some(uri) => db::statuses::by_uri(tx, uri).await?,
        None => None,
    };
    let reception = match &parent {
        Some(parent) if !interactions::is_free(parent) || note.request.is_some() => {
            Some(Reception::of(tx, parent, author, note.vouched).await?)
        }
        _ => None,
    };
    if let Some(reception) = &reception
        && reception.admission == Admission::Denied
    {
        return Ok(None);
    }
    let policies = note.policies.unwrap_or(Policies::OPEN);
    // Our own threads are those that it answers in, whatever it says.
    let context = note
        .context
        .filter(|context| !ctx.config.is_ours(context))
        .or_else(|| parent.as_ref().and_then(context_of));
    let id = ctx.ids.for_remote(note.published, &note.uri);
    let mut status = Status {
        id,
        uri: note.uri,
        url: note.url,
        account_id: author.id,
        local: false,
        local_only: false,
        visibility: note.visibility as i16,
        kind: note.kind,
        title: note.title,
        content: note.content,
        source: String::new(),
        source_type: "text/html".to_owned(),
        spoiler_text: note.spoiler_text,
        sensitive: note.sensitive,
        language: note.language,
        in_reply_to_id: parent.as_ref().map(|p| p.id),
        in_reply_to_account_id: parent.as_ref().map(|p| p.account_id),
        in_reply_to_uri: note.in_reply_to,
        reblog_of_id: None,
        conversation_id: parent.as_ref().map_or(id, |p| p.conversation_id),
        app_id: None,
        emojis: note.emojis,
        created_at: note.published.clamp(1, now),
        // Some say at once that it was updated when it was published.
        edited_at: note
            .updated
            .filter(|at| *at > note.published)
            .map(|at| at.clamp(1, now)),
        fetched_at: Some(now),
        consent: interactions::consent_with(0, policies),
        context: context.unwrap_or_default(),
        replies: note.replies.unwrap_or_default(),
    };
    let parts = Parts {
        mentions: note.mentions,
        tags: tags(ctx, note.tags),
        media: add_media(tx, ctx, author, note.media).await?,
        groups: addressed.found,
        locked: addressed.locked,
    };
    emojis::remember(tx, ctx, &author.domain, &status.emojis).await?;
    let waits = reception.as_ref().is_some_and(Reception::waits);
    let published = if waits {
        waiting::keep(tx, author, &mut status, parts).await?
    } else {
        publish(tx, ctx, author, &mut status, parts, parent.as_ref(), quiet).await?
    };
    if published.is_none() {
        return Ok(db::statuses::by_uri(tx, &status.uri).await?);
    }
    // PostgreSQL writes for several at once: a reply may have come since.
    if (standing.awaited || tx.is_postgres()) && !waits {
        adopt(tx, &status).await?;
    }
    if let Some(poll) = &note.poll {
        polls::attach_remote(tx, ctx, &status, poll).await?;
    }
    // What waits for leave to answer asks for none to quote, and is told to nobody quoted.
    let quote = quote.filter(|_| !waits);
    if quote.is_some() || quote_policy.is_some() {
        quotes::received(tx, ctx, author, &status, quote.as_ref(), quote_policy).await?;
    }
    if !policies.is_open() {
        interactions::set_policies(tx, status.id, policies).await?;
    }
    if let (Some(reception), Some(parent)) = (&reception, &parent) {
        let stamp = note.authorization.as_deref().filter(|_| note.vouched);
        let leave = (note.request.as_deref(), stamp);
        interactions::received(tx, ctx, author, parent, &status, reception, leave).await?;
    }
    Ok(Some(status))
}

/// Applies an author's Update to a status that is here; what is older than what we have is
/// passed over. False when nothing was known of it.
pub async fn revise(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    note: RemoteNote,
) -> AppResult<bool> {
    let Some(mut status) = db::statuses::by_uri(tx, &note.uri).await? else {
        return Ok(false);
    };
    if status.account_id != author.id || status.local {
        return Ok(false);
    }
    let now = ctx.now();
    // No edit is older than the post, whatever its clock says.
    let edited = note.updated.map(|at| at.min(now).max(status.created_at));
    if let (Some(new), Some(old)) = (edited, status.edited_at)
        && new < old
    {
        // Its words are older than those that are here; of the same poll, the counts count.
        if polls::is_about(tx, &status, note.poll.as_ref()).await? {
            polls::revise(tx, ctx, &status, note.poll.as_ref()).await?;
            tx.emit(Event::of(Kind::StatusCounts, status.id));
        }
        return Ok(true);
    }
    let before = edits::version(tx, ctx, &status).await?;
    let said = (
        status.content != note.content,
        status.spoiler_text != note.spoiler_text,
        status.title != note.title,
        status.sensitive != note.sensitive,
    );
    let new_media = replace_media(tx, ctx, author, &status, note.media).await?;
    let poll = polls::revise(tx, ctx, &status, note.poll.as_ref()).await?;
    let says_anew =
        said != (false, false, false, false) || new_media || poll == polls::Change::Replaced;
    status.kind = note.kind;
    status.content = note.content;
    status.spoiler_text = note.spoiler_text;
    status.title = note.title;
    status.sensitive = note.sensitive;
    status.language = note.language;
    emojis::remember(tx, ctx, &author.domain, &note.emojis).await?;
    status.emojis = note.emojis;
    status.fetched_at = Some(now);
    // By the origin's clock, where it says: ours would make its next edit look older than this one.
    status.edited_at = match edited {
        Some(at) if says_anew || at > status.created_at => Some(at),
        None if says_anew => Some(now),
        _ => status.edited_at,
    };
    let policies = note.policies.unwrap_or(Policies::OPEN);
    if !policies.is_open() || status.consent & consent::POLICY != 0 {
        interactions::set_policies(tx, status.id, policies).await?;
        status.consent = interactions::consent_with(status.consent, policies);
    }
    db::statuses::update(tx, &status).await?;
    // Who may see it was settled when it was posted: an edit adds no readers but those it
    // mentions, and they are told only at the first mention.
    let earlier: Vec<i64> = db::statuses::mentions_of(tx, &[status.id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentioned: Vec<i64> = note.mentions.iter().map(|a| a.id).collect();
    db::statuses::set_mentions(tx, status.id, &mentioned, false).await?;
    let new: Vec<&Account> = note
        .mentions
        .iter()
        // Of what waits, nobody is told.
        .filter(|a| !visibility::waits(status.visibility) && !earlier.contains(&a.id))
        .collect();
    for account in &new {
        notifications::notify(tx, ctx, account, author, Type::Mention, Some(status.id)).await?;
    }
    if !new.is_empty() && Visibility::from_db(status.visibility) == Visibility::Direct {
        conversations::add(tx, ctx, author, &status, &note.mentions).await?;
    }
    let tags_before = discovery::tags_of(tx, status.id).await?;
    let tag_ids = super::ensure_tags(tx, &tags(ctx, note.tags)).await?;
    db::statuses::set_tags(tx, status.id, &tag_ids, false).await?;
    let mentions = &note.mentions;
    discovery::changed(tx, ctx, author, &status, mentions, &tags_before, &tag_ids).await?;
    quotes::received(
        tx,
        ctx,
        author,
        &status,
        note.quote
            .as_ref()
            .filter(|_| !visibility::waits(status.visibility)),
        note.quote_policy,
    )
    .await?;
    groups::relock(tx, &status, &note.groups).await?;
    if says_anew {
        edits::keep(tx, ctx, &before, &status).await?;
        tx.emit(Event::of(Kind::StatusEdited, status.id));
        super::notify_rebloggers(tx, ctx, author, status.id).await?;
        quotes::quoted_changed(tx, ctx, author, status.id).await?;
    } else {
        // New counts of a poll, most times.
        tx.emit(Event::of(Kind::StatusCounts, status.id));
    }
    Ok(true)
}

/// Applies an author's Delete. What is not known here is remembered as deleted, so that a
/// Create that comes late is refused. Somebody else's object is left alone.
pub async fn remove(tx: &mut Conn, ctx: &Ctx, author: &Account, uri: &str) -> AppResult<()> {
    match db::statuses::by_uri(tx, uri).await? {
        Some(status) if status.account_id == author.id && !status.local => {
            erase(tx, ctx, &status).await?;
        }
        Some(_) => return Ok(()),
        // What is deleted may be a stamp that lets something here be quoted, answered…
        None if quotes::stamp_deleted(tx, ctx, author, uri).await? => return Ok(()),
        None if interactions::stamp_deleted(tx, ctx, author, uri).await? => return Ok(()),
        None => db::statuses::bury(tx, uri, author.id, ctx.now()).await?,
    }
    Ok(db::statuses::may_return(tx, uri, author.id).await?)
}

fn tags(ctx: &Ctx, written: Vec<String>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for display_name in written {
        let name = text::plain::normalize_tag(&display_name);
        if !name.is_empty() && tags.iter().all(|tag| tag.name != name) {
            tags.push(Tag {
                id: ctx.ids.next(),
                name,
                display_name,
                created_at: ctx.now(),
            });
        }
    }
    tags
}

/// Keeps files that came with something of an author's; their ids.
pub(in crate::domain) async fn add_media(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    files: Vec<RemoteMedia>,
) -> AppResult<Vec<i64>> {
    let mut ids = Vec::with_capacity(files.len());
    for file in files {
        let size = file
            .width
            .zip(file.height)
            .filter(|(w, h)| *w > 0 && *h > 0);
        let mut meta = serde_json::json!({});
        if let Some((width, height)) = size {
            meta["original"] = serde_json::json!({
                "width": width,
                "height": height,
                "size": format!("{width}x{height}"),
                "aspect": width as f64 / height as f64,
            });
        }
        if let Some((x, y)) = file.focus {
            meta["focus"] = serde_json::json!({"x": x as f64 / 1000.0, "y": y as f64 / 1000.0});
        }
        let row = Media {
            id: ctx.ids.next(),
            account_id: author.id,
            status_id: None,
            position: 0,
            kind: file.kind,
            mime: file.mime,
            file: String::new(),
            preview: String::new(),
            remote_url: file.url,
            description: file.description,
            blurhash: file.blurhash,
            meta: meta.to_string(),
            size: 0,
            created_at: ctx.now(),
        };
        db::media::insert(tx, &row).await?;
        ids.push(row.id);
    }
    Ok(ids)
}

/// Keeps the rows of files that stay and adds the new; the rest is left to the history. Says
/// whether anything changed.
async fn replace_media(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    files: Vec<RemoteMedia>,
) -> AppResult<bool> {
    let known = db::media::of_statuses(tx, &[status.id]).await?;
    let mut ids = Vec::with_capacity(files.len());
    for file in files {
        match known.iter().find(|m| m.remote_url == file.url) {
            Some(row) => {
                if row.description != file.description {
                    db::media::describe(tx, row.id, &file.description).await?;
                }
                ids.push(row.id);
            }
            None => ids.extend(add_media(tx, ctx, author, vec![file]).await?),
        }
    }
    db::media::attach(tx, status.id, &ids, false).await?;
    Ok(db::media::of_statuses(tx, &[status.id]).await? != known)
}
