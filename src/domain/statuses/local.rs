//! What local authors do.

use super::compose::{Composed, LIMITS, compose};
use super::send::{audience, send_note};
use super::{Parts, edits, erase, note, note_of, publish, waiting};
use serde::{Deserialize, Serialize};

use crate::clock::HOUR;
use crate::db::accounts::Account;
use crate::db::media::Media;
use crate::db::statuses::{Status, consent};
use crate::db::{self, Conn};
use crate::domain::discovery;
use crate::domain::emojis;
use crate::domain::interactions::{self, Admission, Policies, Reception, Verb};
use crate::domain::notifications::{self, Type};
use crate::domain::outgoing::{self, Outgoing};
use crate::domain::polls::{self, PollDraft};
use crate::domain::quotes::{self, Policy};
use crate::domain::settings::Settings;
use crate::domain::visibility::{Visibility, may_see, waits};
use crate::domain::{Ctx, conversations, groups, media, moves};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// How long an idempotency key is remembered.
const IDEMPOTENCY: i64 = HOUR;

/// A status to post. Scheduled ones are kept as JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// What the author typed.
    pub text: String,
    /// `text/plain` (also when empty), `text/markdown` or `text/html`.
    pub content_type: String,
    pub spoiler_text: String,
    /// `None`: as the author usually does; the same for visibility and language.
    pub sensitive: Option<bool>,
    pub visibility: Option<Visibility>,
    /// Keep it on this server.
    pub local_only: bool,
    pub language: Option<String>,
    pub in_reply_to_id: Option<i64>,
    pub media_ids: Vec<i64>,
    pub poll: Option<PollDraft>,
    /// What it quotes.
    pub quoted_status_id: Option<i64>,
    /// Who may quote it; `None`: as its author usually wants.
    pub quote_policy: Option<Policy>,
    /// Who may like, answer and boost it; the same.
    pub policies: Option<Policies>,
    pub app_id: Option<i64>,
    pub idempotency_key: Option<String>,
}

/// An edit of a status: everything it says anew.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub text: String,
    pub content_type: String,
    pub spoiler_text: String,
    pub sensitive: bool,
    pub language: Option<String>,
    pub media_ids: Vec<i64>,
    /// Changes of attachments: alt text, and where to crop.
    pub media_changes: Vec<(i64, MediaChange)>,
    pub poll: PollEdit,
    /// Who may quote it from now on.
    pub quote_policy: Option<Policy>,
    /// Who may like, answer and boost it from now on.
    pub policies: Option<Policies>,
}

/// What an edit changes of an attachment: alt text, and where to crop, each from -1 to 1.
pub type MediaChange = (Option<String>, Option<(f64, f64)>);

/// What an edit does to the poll.
#[derive(Debug, Clone, Default)]
pub enum PollEdit {
    /// It stays as it is.
    #[default]
    Keep,
    Remove,
    Set(PollDraft),
}

/// What the idempotency key of a draft made before, if it did.
pub(in crate::domain) async fn earlier(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    draft: &Draft,
) -> AppResult<Option<i64>> {
    let Some(key) = &draft.idempotency_key else {
        return Ok(None);
    };
    let since = ctx.now() - IDEMPOTENCY;
    Ok(db::statuses::by_idempotency_key(tx, author.id, key, since).await?)
}

/// What a draft needs to be posted.
struct Checked {
    media: Vec<Media>,
    parent: Option<Status>,
    /// Whom it answers and what becomes of that, where it is not free to all.
    reception: Option<Reception>,
    /// What it quotes.
    intent: Option<quotes::Intent>,
    source_type: &'static str,
    composed: Composed,
}

async fn checked(tx: &mut Conn, ctx: &Ctx, author: &Account, draft: &Draft) -> AppResult<Checked> {
    let empty = draft.text.trim().is_empty() && draft.media_ids.is_empty();
    if empty && draft.quoted_status_id.is_none() {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    if let Some(poll) = &draft.poll {
        not_both(&draft.media_ids)?;
        polls::check(poll)?;
    }
    let media = own_media(tx, author, &draft.media_ids, None).await?;
    let parent = match draft.in_reply_to_id {
        Some(id) => Some(visible_parent(tx, author, id).await?),
        None => None,
    };
    if let Some(parent) = &parent {
        groups::check_open(tx, parent).await?;
    }
    let reception = match &parent {
        Some(parent) if !interactions::is_free(parent) => {
            let reception = Reception::of(tx, parent, author, false).await?;
            let silent = draft.local_only && !reception.author.is_local();
            if reception.admission == Admission::Denied || (reception.waits() && silent) {
                return Err(interactions::denied(Verb::Reply));
            }
            if reception.waits() && draft.quoted_status_id.is_some() {
                return Err(AppError::invalid(
                    "Validation failed: A reply that needs approval cannot quote",
                ));
            }
            Some(reception)
        }
        _ => None,
    };
    let intent = match draft.quoted_status_id {
        Some(id) => Some(quotes::intend(tx, author, id).await?),
        None => None,
    };
    let source_type = source_type(&draft.content_type)?;
    let composed = compose(tx, ctx, &draft.text, source_type, &draft.spoiler_text).await?;
    Ok(Checked {
        media,
        parent,
        reception,
        intent,
        source_type,
        composed,
    })
}

fn not_both(media_ids: &[i64]) -> AppResult<()> {
    if media_ids.is_empty() {
        return Ok(());
    }
    Err(AppError::invalid(
        "Validation failed: Cannot attach files to a post with a poll",
    ))
}

/// Refuses a draft that could not be posted now.
pub(in crate::domain) async fn check(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    draft: &Draft,
) -> AppResult<()> {
    checked(tx, ctx, author, draft).await.map(|_| ())
}

/// Posts a status, or returns the one that the same idempotency key posted before.
pub async fn post(tx: &mut Conn, ctx: &Ctx, author: &Account, draft: Draft) -> AppResult<Status> {
    // One that was scheduled comes due all the same.
    moves::may_act(author)?;
    let now = ctx.now();
    if let Some(id) = earlier(tx, ctx, author, &draft).await?
        && let Some(status) = db::statuses::by_id(tx, id).await?
    {
        return Ok(status);
    }
    let Checked {
        media,
        parent,
        reception,
        intent,
        source_type,
        mut composed,
    } = checked(tx, ctx, author, &draft).await?;
    // Read only where something was left unsaid that the author may have chosen.
    let said = draft.visibility.is_some() && draft.language.is_some() && draft.sensitive.is_some();
    let policies = draft.policies;
    let usual = if said && draft.quote_policy.is_some() && policies.is_some() {
        Settings::default()
    } else {
        Settings::load(tx, author.id).await?
    };
    let mut visibility = draft.visibility.unwrap_or_else(|| usual.visibility());
    let sensitive = draft.sensitive.or(usual.sensitive).unwrap_or(false);
    let quote_policy = draft
        .quote_policy
        .or_else(|| Policy::parse(usual.quote_policy()))
        .unwrap_or(Policy::EVERYONE);
    let policies = policies.unwrap_or_else(|| usual.policies(visibility));
    if let Some(intent) = &intent {
        visibility = intent.narrow(visibility);
        if let Some(quoted) = intent.to_mention(visibility, author)
            && composed.mentions.iter().all(|a| a.id != quoted.id)
        {
            composed.mentions.push(quoted);
        }
    }
    let emojis = emojis::used(tx, ctx, &[&draft.text, &draft.spoiler_text]).await?;
    let id = ctx.ids.next();
    // An answer stands in the thread of what it answers.
    let context = parent.as_ref().and_then(super::context_of);
    let context = context.unwrap_or_default();
    let mut status = Status {
        id,
        uri: ctx.config.status_uri(&author.username, id),
        url: ctx.config.url(&format!("/@{}/{id}", author.username)),
        account_id: author.id,
        local: true,
        // An answer to what stays here stays here too: it would tell of it.
        local_only: draft.local_only || parent.as_ref().is_some_and(|p| p.local_only),
        visibility: visibility as i16,
        kind: kind(draft.poll.is_some()).to_owned(),
        title: String::new(),
        content: composed.html,
        source: draft.text,
        source_type: source_type.to_owned(),
        sensitive: sensitive || !draft.spoiler_text.is_empty(),
        spoiler_text: draft.spoiler_text,
        language: draft.language.or(usual.language),
        in_reply_to_id: parent.as_ref().map(|p| p.id),
        in_reply_to_account_id: parent.as_ref().map(|p| p.account_id),
        in_reply_to_uri: parent.as_ref().map(|p| p.uri.clone()),
        reblog_of_id: None,
        conversation_id: parent.as_ref().map_or(id, |p| p.conversation_id),
        app_id: draft.app_id,
        emojis,
        created_at: now,
        edited_at: None,
        fetched_at: None,
        consent: interactions::consent_with(0, policies),
        context,
        replies: String::new(),
    };
    let parts = Parts {
        mentions: composed.mentions.clone(),
        tags: composed.tags.clone(),
        media: draft.media_ids,
        groups: composed
            .mentions
            .iter()
            .filter(|account| groups::is_group(account))
            .map(|group| group.id)
            .collect(),
        locked: false,
    };
    let waits = reception.as_ref().is_some_and(Reception::waits);
    let published = if waits {
        waiting::keep(tx, author, &mut status, parts).await?
    } else {
        publish(tx, ctx, author, &mut status, parts, parent.as_ref(), false).await?
    };
    if published.is_none() {
        return Err(AppError::internal(anyhow::anyhow!(
            "status id {id} is taken"
        )));
    }
    if let Some(poll) = &draft.poll {
        polls::attach(tx, ctx, &status, poll).await?;
    }
    if quote_policy != Policy::EVERYONE {
        quotes::put_policy(tx, &status, quote_policy).await?;
    }
    if !policies.is_open() {
        interactions::set_policies(tx, status.id, policies).await?;
    }
    let quoted = intent.is_some();
    let request = match intent {
        Some(intent) => quotes::quote(tx, ctx, author, &status, intent).await?,
        None => None,
    };
    if let Some(key) = &draft.idempotency_key {
        db::statuses::set_idempotency_key(tx, author.id, key, status.id, now).await?;
    }
    let mut stamp = None;
    if let (Some(reception), Some(parent)) = (&reception, &parent)
        && reception.admission == Admission::Vouched
    {
        let whose = &reception.author;
        stamp = Some(interactions::replied(tx, ctx, author, whose, parent, &status).await?);
        status.consent |= consent::STAMPED;
        db::statuses::update(tx, &status).await?;
    }
    let asking = reception.filter(Reception::waits);
    if status.local_only
        && let Some((reception, parent)) = asking.as_ref().zip(parent.as_ref())
    {
        let whose = &reception.author;
        interactions::ask_reply(tx, ctx, author, whose, parent, &status, None).await?;
    } else if !status.local_only {
        let mut note = note(
            ctx,
            author,
            &status,
            &composed.mentions,
            &composed.tags,
            &media,
            status.in_reply_to_uri.clone(),
        );
        if draft.poll.is_some() {
            let questions = polls::questions(tx, ctx, &[status.id]).await?;
            note.question = questions.into_iter().next().map(|(_, question)| question);
        }
        groups::describe(&mut note, &groups::told(tx, &status).await?);
        if quoted || quote_policy != Policy::EVERYONE || !policies.is_open() {
            let (statuses, notes) = (
                std::slice::from_ref(&status),
                std::slice::from_mut(&mut note),
            );
            quotes::describe(tx, author, statuses, notes).await?;
        } else {
            quotes::describe_plain(author, &status, &mut note);
        }
        note.authorization = stamp;
        if let Some((reception, parent)) = asking.as_ref().zip(parent.as_ref()) {
            let whose = &reception.author;
            let note = Some(note);
            interactions::ask_reply(tx, ctx, author, whose, parent, &status, note).await?;
            return Ok(status);
        }
        if let Some(request) = request {
            quotes::ask(tx, ctx, author, note.clone(), request).await?;
        }
        let audience = audience(tx, author, &status, &composed.mentions, parent.as_ref()).await?;
        let create = |note| Outgoing::Create { note };
        send_note(tx, ctx, author, note, audience, create).await?;
    }
    Ok(status)
}

/// Edits a status of one's own. What changes nothing is no edit.
pub async fn edit(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    edit: Edit,
) -> AppResult<Status> {
    let before = own_status(tx, author, id).await?;
    if waits(before.visibility) {
        return Err(AppError::invalid(
            "Validation failed: A reply that needs approval cannot be edited",
        ));
    }
    if edit.text.trim().is_empty() && edit.media_ids.is_empty() {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    own_media(tx, author, &edit.media_ids, Some(id)).await?;
    let source_type = source_type(&edit.content_type)?;
    let composed = compose(tx, ctx, &edit.text, source_type, &edit.spoiler_text).await?;
    let emojis = emojis::used(tx, ctx, &[&edit.text, &edit.spoiler_text]).await?;
    let version = edits::version(tx, ctx, &before).await?;
    let new_media = change_media(tx, ctx, author, id, &edit).await?;
    let poll = edit_poll(tx, ctx, &before, &edit).await?;
    let has_poll = db::polls::of_status(tx, id).await?.is_some();
    if has_poll {
        not_both(&edit.media_ids)?;
    }
    let mut status = Status {
        kind: kind(has_poll).to_owned(),
        content: composed.html,
        source: edit.text,
        source_type: source_type.to_owned(),
        sensitive: edit.sensitive || !edit.spoiler_text.is_empty(),
        spoiler_text: edit.spoiler_text,
        language: edit.language.or_else(|| before.language.clone()),
        emojis,
        ..before.clone()
    };
    let says_anew = status != before || new_media || poll == polls::Change::Replaced;
    let same_policies = edit.quote_policy.is_none() && edit.policies.is_none();
    if !says_anew && poll == polls::Change::None && same_policies {
        return Ok(status);
    }
    if says_anew {
        status.edited_at = Some(ctx.now());
    }
    if let Some(policies) = edit.policies {
        status.consent = interactions::consent_with(status.consent, policies);
        interactions::set_policies(tx, id, policies).await?;
    }
    db::statuses::update(tx, &status).await?;
    let earlier: Vec<i64> = db::statuses::mentions_of(tx, &[id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentioned: Vec<i64> = composed.mentions.iter().map(|a| a.id).collect();
    db::statuses::set_mentions(tx, id, &mentioned, false).await?;
    let tags_before = discovery::tags_of(tx, id).await?;
    let tag_ids = super::ensure_tags(tx, &composed.tags).await?;
    db::statuses::set_tags(tx, id, &tag_ids, false).await?;
    if let Some(policy) = edit.quote_policy {
        quotes::put_policy(tx, &status, policy).await?;
    }
    let mentions = &composed.mentions;
    discovery::changed(tx, ctx, author, &status, mentions, &tags_before, &tag_ids).await?;
    if says_anew {
        edits::keep(tx, ctx, &version, &status).await?;
        tx.emit(Event::of(Kind::StatusEdited, id));
        if composed.mentions.iter().any(|a| !earlier.contains(&a.id)) {
            welcome(tx, ctx, author, &status, &composed.mentions, &earlier).await?;
        }
        super::notify_rebloggers(tx, ctx, author, id).await?;
        quotes::quoted_changed(tx, ctx, author, id).await?;
    } else {
        tx.emit(Event::of(Kind::StatusCounts, id));
    }
    if !status.local_only {
        let note = note_of(tx, ctx, author, &status).await?;
        let mut audience = audience(tx, author, &status, &composed.mentions, None).await?;
        // Who was mentioned before, or voted, has a copy too.
        audience.accounts.extend(earlier);
        if let Some((poll, _)) = db::polls::of_status(tx, id).await? {
            let voters = db::polls::remote_voters(tx, poll.id, 1000).await?;
            audience.accounts.extend(voters);
        }
        let uri = format!("{}#updates/{}", status.uri, ctx.ids.next());
        let update = |note| Outgoing::Update {
            uri: uri.clone(),
            note,
        };
        send_note(tx, ctx, author, note, audience, update).await?;
    }
    Ok(status)
}

/// Tells those whom an edit mentions for the first time.
async fn welcome(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    earlier: &[i64],
) -> AppResult<()> {
    for account in mentions.iter().filter(|a| !earlier.contains(&a.id)) {
        notifications::notify(tx, ctx, account, author, Type::Mention, Some(status.id)).await?;
    }
    if Visibility::from_db(status.visibility) == Visibility::Direct {
        conversations::add(tx, ctx, author, status, mentions).await?;
    }
    Ok(())
}

/// Puts the wanted attachments on an edited status, described anew; says whether that changed
/// anything.
async fn change_media(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    edit: &Edit,
) -> AppResult<bool> {
    let before = db::media::of_statuses(tx, &[id]).await?;
    for (media_id, (text, focus)) in &edit.media_changes {
        if edit.media_ids.contains(media_id) {
            let change = media::Change {
                description: text.clone(),
                focus: *focus,
                thumbnail: None,
            };
            media::change(tx, ctx, author, *media_id, change).await?;
        }
    }
    db::media::attach(tx, id, &edit.media_ids, false).await?;
    Ok(db::media::of_statuses(tx, &[id]).await? != before)
}

async fn edit_poll(
    tx: &mut Conn,
    ctx: &Ctx,
    status: &Status,
    edit: &Edit,
) -> AppResult<polls::Change> {
    match &edit.poll {
        PollEdit::Keep => Ok(polls::Change::None),
        PollEdit::Remove => polls::edit(tx, ctx, status, None).await,
        PollEdit::Set(poll) => polls::edit(tx, ctx, status, Some(poll)).await,
    }
}

fn kind(has_poll: bool) -> &'static str {
    if has_poll { "Question" } else { "Note" }
}

/// Deletes a status of one's own, everywhere. Its attachments can be used again for a day, or,
/// with `delete_media`, are given up: their files are then the caller's to delete.
pub async fn delete(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    delete_media: bool,
) -> AppResult<(Status, Vec<Media>)> {
    let status = own_status(tx, author, id).await?;
    let ids: Vec<i64> = db::statuses::mentions_of(tx, &[id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentions = db::accounts::by_ids(tx, &ids).await?;
    let mut audience = audience(tx, author, &status, &mentions, None).await?;
    // Whoever reblogged, liked or answered it from elsewhere has a copy.
    audience
        .accounts
        .extend(db::statuses::involved(tx, id, 1000).await?);
    let uris: Vec<&str> = mentions.iter().map(|a| a.uri.as_str()).collect();
    // One that waited went to nobody but whom it names.
    let visibility = Visibility::from_db(status.visibility);
    let mut addressing = super::addressing(author, visibility, &uris);
    let groups = groups::told(tx, &status).await?;
    groups::address(&mut addressing, &groups, status.in_reply_to_uri.is_some());
    let activity = Outgoing::Delete {
        uri: format!("{}#delete", status.uri),
        object: status.uri.clone(),
        addressing,
    };
    if let Some((poll, _)) = db::polls::of_status(tx, id).await? {
        let voters = db::polls::remote_voters(tx, poll.id, 1000).await?;
        audience.accounts.extend(voters);
    }
    let given_up = if delete_media {
        db::media::give_up_with(tx, id).await?
    } else {
        db::media::release(tx, id, ctx.now()).await?;
        Vec::new()
    };
    erase(tx, ctx, &status).await?;
    if !status.local_only {
        outgoing::send(tx, ctx, author, &activity, audience).await?;
    }
    Ok((status, given_up))
}

/// A status of the author's own that is no reblog.
async fn own_status(tx: &mut Conn, author: &Account, id: i64) -> AppResult<Status> {
    match db::statuses::by_id(tx, id).await? {
        Some(status) if status.account_id == author.id && status.reblog_of_id.is_none() => {
            Ok(status)
        }
        _ => Err(AppError::not_found()),
    }
}

/// The status to reply to; one that the author may not see is not there.
async fn visible_parent(tx: &mut Conn, author: &Account, id: i64) -> AppResult<Status> {
    let missing = || {
        AppError::not_found()
            .describe("The post you are trying to reply to does not appear to exist.")
    };
    let mut status = db::statuses::by_id(tx, id).await?.ok_or_else(missing)?;
    if let Some(original) = status.reblog_of_id {
        status = db::statuses::by_id(tx, original)
            .await?
            .ok_or_else(missing)?;
    }
    if !may_see(tx, &status, Some(author)).await? {
        return Err(missing());
    }
    Ok(status)
}

/// Attachments by id, each the author's own and on no other status.
async fn own_media(
    tx: &mut Conn,
    author: &Account,
    ids: &[i64],
    status_id: Option<i64>,
) -> AppResult<Vec<Media>> {
    if ids.len() > LIMITS.max_media {
        return Err(AppError::invalid(format!(
            "Validation failed: Cannot attach more than {} files",
            LIMITS.max_media
        )));
    }
    let mut found = db::media::by_ids(tx, ids).await?;
    let usable = |m: &Media| {
        m.account_id == author.id
            && !m.is_given_up()
            && (m.status_id.is_none() || m.status_id == status_id)
    };
    let held = db::scheduled::held(tx, ids).await?;
    // What a chat message holds is between its two.
    let chats = db::chat_files::among(tx, ids).await?;
    let free = held.is_empty() && chats.is_empty();
    if found.len() != ids.len() || !found.iter().all(usable) || !free {
        return Err(AppError::invalid(
            "Validation failed: Media attachment not found",
        ));
    }
    media::ready(&found)?;
    found.sort_by_key(|m| ids.iter().position(|id| *id == m.id));
    Ok(found)
}

/// The media type of what an author typed.
pub(in crate::domain) fn source_type(content_type: &str) -> AppResult<&'static str> {
    match content_type {
        "" | "text/plain" => Ok("text/plain"),
        "text/markdown" => Ok("text/markdown"),
        "text/html" => Ok("text/html"),
        _ => Err(AppError::invalid(
            "Validation failed: Content type must be text/plain, text/markdown or text/html",
        )),
    }
}
