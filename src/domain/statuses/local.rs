//! What local authors do.

use super::compose::{LIMITS, compose};
use super::{Parts, erase, note, note_of, publish};
use crate::clock::HOUR;
use crate::db::accounts::Account;
use crate::db::media::Media;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::notifications::{self, Type};
use crate::domain::outgoing::{self, Audience, Outgoing};
use crate::domain::quotes::{self, Policy};
use crate::domain::discovery;
use crate::domain::visibility::{Visibility, may_see};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// How long an idempotency key is remembered.
const IDEMPOTENCY: i64 = HOUR;

/// A status to post.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What the author typed.
    pub text: String,
    /// `text/plain` (also when empty), `text/markdown` or `text/html`.
    pub content_type: String,
    pub spoiler_text: String,
    pub sensitive: bool,
    pub visibility: Option<Visibility>,
    /// Keep it on this server.
    pub local_only: bool,
    pub language: Option<String>,
    pub in_reply_to_id: Option<i64>,
    pub media_ids: Vec<i64>,
    /// What it quotes.
    pub quoted_status_id: Option<i64>,
    /// Who may quote it; `None`: as its author usually wants.
    pub quote_policy: Option<Policy>,
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
    /// Who may quote it from now on.
    pub quote_policy: Option<Policy>,
    /// New alt texts: attachment and description.
    pub descriptions: Vec<(i64, String)>,
}

/// Posts a status, or returns the one that the same idempotency key posted before.
pub async fn post(tx: &mut Conn, ctx: &Ctx, author: &Account, draft: Draft) -> AppResult<Status> {
    let now = ctx.now();
    if let Some(key) = &draft.idempotency_key {
        let earlier =
            db::statuses::by_idempotency_key(tx, author.id, key, now - IDEMPOTENCY).await?;
        if let Some(id) = earlier
            && let Some(status) = db::statuses::by_id(tx, id).await?
        {
            return Ok(status);
        }
    }
    if draft.text.trim().is_empty()
        && draft.media_ids.is_empty()
        && draft.quoted_status_id.is_none()
    {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    let media = own_media(tx, author, &draft.media_ids, None).await?;
    let parent = match draft.in_reply_to_id {
        Some(id) => Some(visible_parent(tx, author, id).await?),
        None => None,
    };
    let intent = match draft.quoted_status_id {
        Some(id) => Some(quotes::intend(tx, author, id).await?),
        None => None,
    };
    let source_type = source_type(&draft.content_type)?;
    let mut composed = compose(tx, ctx, &draft.text, source_type, &draft.spoiler_text).await?;
    let (mut visibility, quote_policy) = match (draft.visibility, draft.quote_policy) {
        (Some(visibility), Some(policy)) => (visibility, policy),
        (visibility, policy) => {
            let usual = usual(tx, author).await?;
            (visibility.unwrap_or(usual.0), policy.unwrap_or(usual.1))
        }
    };
    if let Some(intent) = &intent {
        visibility = intent.narrow(visibility);
        if let Some(quoted) = intent.to_mention(visibility, author)
            && composed.mentions.iter().all(|a| a.id != quoted.id)
        {
            composed.mentions.push(quoted);
        }
    }
    let id = ctx.ids.next();
    let mut status = Status {
        id,
        uri: ctx.config.status_uri(&author.username, id),
        url: ctx.config.url(&format!("/@{}/{id}", author.username)),
        account_id: author.id,
        local: true,
        local_only: draft.local_only,
        visibility: visibility as i16,
        kind: "Note".to_owned(),
        title: String::new(),
        content: composed.html,
        source: draft.text,
        source_type: source_type.to_owned(),
        sensitive: draft.sensitive || !draft.spoiler_text.is_empty(),
        spoiler_text: draft.spoiler_text,
        language: draft.language,
        in_reply_to_id: parent.as_ref().map(|p| p.id),
        in_reply_to_account_id: parent.as_ref().map(|p| p.account_id),
        in_reply_to_uri: parent.as_ref().map(|p| p.uri.clone()),
        reblog_of_id: None,
        conversation_id: parent.as_ref().map_or(id, |p| p.conversation_id),
        app_id: draft.app_id,
        emojis: "[]".to_owned(),
        created_at: now,
        edited_at: None,
        fetched_at: None,
    };
    let parts = Parts {
        mentions: composed.mentions.clone(),
        tags: composed.tags.clone(),
        media: draft.media_ids,
    };
    let published = publish(tx, ctx, author, &mut status, parts, parent.as_ref(), false).await?;
    if published.is_none() {
        return Err(AppError::internal(anyhow::anyhow!(
            "status id {id} is taken"
        )));
    }
    if quote_policy != Policy::EVERYONE {
        quotes::put_policy(tx, &status, quote_policy).await?;
    }
    let quoted = intent.is_some();
    let request = match intent {
        Some(intent) => quotes::quote(tx, ctx, author, &status, intent).await?,
        None => None,
    };
    if let Some(key) = &draft.idempotency_key {
        db::statuses::set_idempotency_key(tx, author.id, key, status.id, now).await?;
    }
    if !status.local_only {
        let mut note = note(
            ctx,
            author,
            &status,
            &composed.mentions,
            &composed.tags,
            &media,
            status.in_reply_to_uri.clone(),
        );
        if quoted || quote_policy != Policy::EVERYONE {
            let (statuses, notes) = (std::slice::from_ref(&status), std::slice::from_mut(&mut note));
            quotes::describe(tx, author, statuses, notes).await?;
        } else {
            quotes::describe_plain(author, &status, &mut note);
        }
        if let Some(request) = request {
            quotes::ask(tx, ctx, author, note.clone(), request).await?;
        }
        let audience = audience(tx, author, &status, &composed.mentions, parent.as_ref()).await?;
        let activity = Outgoing::Create {
            note: Box::new(note),
        };
        outgoing::send(tx, ctx, author, &activity, audience).await?;
    }
    Ok(status)
}

/// Edits a status of one's own.
pub async fn edit(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    edit: Edit,
) -> AppResult<Status> {
    let mut status = own_status(tx, author, id).await?;
    if edit.text.trim().is_empty() && edit.media_ids.is_empty() {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    own_media(tx, author, &edit.media_ids, Some(id)).await?;
    let source_type = source_type(&edit.content_type)?;
    let composed = compose(tx, ctx, &edit.text, source_type, &edit.spoiler_text).await?;
    status.content = composed.html;
    status.source = edit.text;
    source_type.clone_into(&mut status.source_type);
    status.sensitive = edit.sensitive || !edit.spoiler_text.is_empty();
    status.spoiler_text = edit.spoiler_text;
    status.language = edit.language.or(status.language);
    status.edited_at = Some(ctx.now());
    db::statuses::update(tx, &status).await?;
    for (media_id, description) in edit.descriptions {
        if edit.media_ids.contains(&media_id) {
            db::media::describe(tx, media_id, &description).await?;
        }
    }
    let before: Vec<i64> = db::statuses::mentions_of(tx, &[id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentioned: Vec<i64> = composed.mentions.iter().map(|a| a.id).collect();
    db::statuses::set_mentions(tx, id, &mentioned, false).await?;
    let tags_before = discovery::tags_of(tx, id).await?;
    let tag_ids = super::ensure_tags(tx, &composed.tags).await?;
    db::statuses::set_tags(tx, id, &tag_ids, false).await?;
    db::media::attach(tx, id, &edit.media_ids, false).await?;
    if let Some(policy) = edit.quote_policy {
        quotes::put_policy(tx, &status, policy).await?;
    }
    let mentions = &composed.mentions;
    discovery::changed(tx, ctx, author, &status, mentions, &tags_before, &tag_ids).await?;
    tx.emit(Event::of(Kind::StatusEdited, id));
    for account in composed.mentions.iter().filter(|a| !before.contains(&a.id)) {
        notifications::notify(tx, ctx, account, author, Type::Mention, Some(id)).await?;
    }
    super::notify_rebloggers(tx, ctx, author, id).await?;
    quotes::quoted_changed(tx, ctx, author, id).await?;
    if !status.local_only {
        let note = note_of(tx, ctx, author, &status).await?;
        let mut audience = audience(tx, author, &status, &composed.mentions, None).await?;
        // Who was mentioned before has a copy too.
        audience.accounts.extend(before);
        let activity = Outgoing::Update {
            uri: format!("{}#updates/{}", status.uri, ctx.ids.next()),
            note: Box::new(note),
        };
        outgoing::send(tx, ctx, author, &activity, audience).await?;
    }
    Ok(status)
}

/// Deletes a status of one's own, everywhere.
pub async fn delete(tx: &mut Conn, ctx: &Ctx, author: &Account, id: i64) -> AppResult<Status> {
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
    let activity = Outgoing::Delete {
        uri: format!("{}#delete", status.uri),
        object: status.uri.clone(),
        addressing: super::addressing(author, Visibility::from_db(status.visibility), &uris),
    };
    erase(tx, ctx, &status).await?;
    if !status.local_only {
        outgoing::send(tx, ctx, author, &activity, audience).await?;
    }
    Ok(status)
}

/// Sends a local status again as it is now, for what is no edit of its text: its quote was
/// allowed or revoked, or its policy changed.
pub async fn send_update(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
) -> AppResult<()> {
    if status.local_only {
        return Ok(());
    }
    let mentioned: Vec<i64> = db::statuses::mentions_of(tx, &[status.id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentions = db::accounts::by_ids(tx, &mentioned).await?;
    let audience = audience(tx, author, status, &mentions, None).await?;
    let activity = Outgoing::Update {
        uri: format!("{}#updates/{}", status.uri, ctx.ids.next()),
        note: Box::new(note_of(tx, ctx, author, status).await?),
    };
    outgoing::send(tx, ctx, author, &activity, audience).await
}

/// What the author chose for posts that do not say: how far they reach, and who may quote them.
async fn usual(tx: &mut Conn, author: &Account) -> AppResult<(Visibility, Policy)> {
    let user = db::users::by_account(tx, author.id).await?;
    let settings: serde_json::Value = user
        .and_then(|user| serde_json::from_str(&user.settings).ok())
        .unwrap_or_default();
    let chosen = settings.get("privacy").and_then(|privacy| privacy.as_str());
    let visibility = chosen
        .and_then(Visibility::parse)
        .unwrap_or(Visibility::Public);
    Ok((visibility, quotes::usual_policy(&settings)))
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
    if found.len() != ids.len() || !found.iter().all(usable) {
        return Err(AppError::invalid(
            "Validation failed: Media attachment not found",
        ));
    }
    found.sort_by_key(|m| ids.iter().position(|id| *id == m.id));
    Ok(found)
}

fn source_type(content_type: &str) -> AppResult<&'static str> {
    match content_type {
        "" | "text/plain" => Ok("text/plain"),
        "text/markdown" => Ok("text/markdown"),
        "text/html" => Ok("text/html"),
        _ => Err(AppError::invalid(
            "Validation failed: Content type must be text/plain, text/markdown or text/html",
        )),
    }
}

/// Who gets a local status.
async fn audience(
    tx: &mut Conn,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    parent: Option<&Status>,
) -> AppResult<Audience> {
    let mut accounts: Vec<i64> = mentions.iter().map(|a| a.id).collect();
    let visibility = Visibility::from_db(status.visibility);
    match visibility {
        Visibility::Direct => {}
        Visibility::Mutuals => {
            accounts.extend(db::relations::mutual_ids(tx, author.id, 10_000).await?);
        }
        _ => accounts.extend(
            parent
                .filter(|_| visibility.is_open())
                .map(|p| p.account_id),
        ),
    }
    Ok(Audience {
        followers: matches!(
            visibility,
            Visibility::Public | Visibility::Unlisted | Visibility::Private
        ),
        accounts,
    })
}
