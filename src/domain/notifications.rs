//! Telling people what happened to them.

mod policy;
mod reading;
mod requests;
mod sentence;
mod strangers;

pub use policy::{Decision, Policy, Verdict};
pub use reading::{clear_all, dismiss_any, read_all, read_chat, read_some};
pub use requests::{accept, dismiss as dismiss_requests, settle};
pub use sentence::sentence;
pub use strangers::parse_days as parse_unknown_days;

use super::Ctx;
use super::push;
use crate::clock::HOUR;
use crate::db::accounts::Account;
use crate::db::notifications::Notification;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// Hours that a group spans at most.
const GROUP_SPAN: i64 = 12;

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a notification is about. The names are the Mastodon API's, then Kith's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Type {
            $($(#[$doc])* $name,)*
        }

        impl Type {
            /// All of them.
            pub const ALL: &'static [Type] = &[$(Type::$name),*];

            /// As the API names it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Type::$name => $text,)*
                }
            }
        }
    };
}

types! {
    Mention = "mention",
    /// A followed account that the reader asked to hear of posted.
    Status = "status",
    Reblog = "reblog",
    Follow = "follow",
    FollowRequest = "follow_request",
    Favourite = "favourite",
    /// A poll of the reader's, or one they voted in, ended.
    Poll = "poll",
    /// A status the reader reblogged was edited.
    Update = "update",
    /// A status of the reader's was quoted.
    Quote = "quote",
    /// A status the reader quoted was edited.
    QuotedUpdate = "quoted_update",
    /// The reader was put into a collection. Subject: the collection.
    AddedToCollection = "added_to_collection",
    /// A collection that the reader is in says something else. Subject: the collection.
    CollectionUpdate = "collection_update",
    AdminSignUp = "admin.sign_up",
    AdminReport = "admin.report",
    /// Follows ended because of a moderator's or the reader's own block.
    SeveredRelationships = "severed_relationships",
    ModerationWarning = "moderation_warning",
    /// A status of the reader's was disliked. Told to those who want to hear of it.
    Dislike = "dislike",
    /// Somebody asks to be the reader's friend. Subject: the friend request.
    FriendRequest = "friend_request",
    /// Whom the reader asked became a friend. Subject: the friend request.
    FriendAccepted = "friend_accepted",
    /// Messages of a chat. Subject: the chat.
    ChatMessage = "chat_message",
    /// An emoji reaction to the reader's status, or (subject: the chat) to a message of theirs.
    Reaction = "reaction",
    /// Somebody asks for leave to like the reader's status.
    PendingFavourite = "pending.favourite",
    /// A reply waits for the reader's leave. About the reply.
    PendingReply = "pending.reply",
    /// Somebody asks for leave to boost the reader's status.
    PendingReblog = "pending.reblog",
}

impl Type {
    /// The type of a name.
    pub fn parse(text: &str) -> Option<Type> {
        Type::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// Whether it is Kith's own: Mastodon's API and streams never show it, and it is not pushed
    /// to those who subscribed there.
    pub fn is_kith(self) -> bool {
        matches!(
            self,
            Type::Dislike
                | Type::FriendRequest
                | Type::FriendAccepted
                | Type::ChatMessage
                | Type::Reaction
                | Type::PendingFavourite
                | Type::PendingReply
                | Type::PendingReblog
        )
    }

    /// Whether the newest takes the place of the one about the same: a chat, or a collection, has one
    /// of each kind.
    fn replaces(self, subject_id: Option<i64>) -> bool {
        matches!(self, Type::ChatMessage | Type::CollectionUpdate)
            || (self == Type::Reaction && subject_id.is_some())
    }

    /// Whether the same from one sender can come again: what is about a change does.
    fn repeats(self) -> bool {
        matches!(
            self,
            Type::Update
                | Type::QuotedUpdate
                | Type::SeveredRelationships
                | Type::ModerationWarning
                | Type::ChatMessage
                | Type::CollectionUpdate
        )
    }

    /// Whether one's own deed can be told to oneself.
    fn can_be_own(self) -> bool {
        matches!(
            self,
            Type::Poll | Type::SeveredRelationships | Type::ModerationWarning
        )
    }

    /// Whether the reader's policy applies: it does to what strangers can cause.
    fn is_filterable(self) -> bool {
        !matches!(
            self,
            Type::Poll
                | Type::Update
                | Type::QuotedUpdate
                | Type::AdminSignUp
                | Type::AdminReport
                | Type::SeveredRelationships
                | Type::ModerationWarning
                // Who may write is the chat's own policy, and whom one asked is no stranger.
                | Type::ChatMessage
                | Type::FriendAccepted
        )
    }

    /// Whether those of a similar time are shown as one.
    pub fn is_grouped(self) -> bool {
        matches!(
            self,
            Type::Favourite | Type::Reblog | Type::Follow | Type::AdminSignUp
        )
    }
}

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// Its sender alone.
    #[default]
    Sender,
    Status(i64),
    /// A report, a warning, a severance, a friend request, a chat… by the notification's type.
    Other(i64),
}

impl From<Option<i64>> for Subject {
    fn from(status: Option<i64>) -> Subject {
        status.map_or(Subject::Sender, Subject::Status)
    }
}

/// Notifies a local account, unless it is the one who did it, blocks or mutes them, wants to
/// hear nothing of the kind, or was told before. `subject` is the status it is about, if any,
/// or a [`Subject`].
pub async fn notify(
    tx: &mut Conn,
    ctx: &Ctx,
    to: &Account,
    from: &Account,
    kind: Type,
    subject: impl Into<Subject>,
) -> AppResult<()> {
    let subject = subject.into();
    if !to.is_local() || (to.id == from.id && !kind.can_be_own()) || !from.is_active() {
        return Ok(());
    }
    if db::relations::block(tx, to.id, from.id).await?.is_some() {
        return Ok(());
    }
    let now = ctx.now();
    let strangers = to.id != from.id;
    if strangers && hides(tx, to, from, now).await? {
        return Ok(());
    }
    if !from.is_local() && db::personal::blocks_domain(tx, to.id, &from.domain).await? {
        return Ok(());
    }
    let (status_id, subject_id) = match subject {
        Subject::Sender => (None, None),
        Subject::Status(id) => (Some(id), None),
        Subject::Other(id) => (None, Some(id)),
    };
    if kind == Type::Dislike && !db::users::hears_of_dislikes(tx, to.id).await? {
        return Ok(());
    }
    if let Some(status) = status_id
        && db::threads::silences(tx, to.id, status).await?
    {
        return Ok(());
    }
    let verdict = if kind.is_filterable() {
        policy::judge(tx, to, from, kind, status_id, now).await?
    } else {
        Verdict::Accept
    };
    if verdict == Verdict::Drop {
        return Ok(());
    }
    let mut row = Notification {
        id: ctx.ids.next(),
        account_id: to.id,
        from_account_id: from.id,
        kind: kind.as_str().to_owned(),
        status_id,
        created_at: now,
        read_at: None,
        filtered: verdict == Verdict::Filter,
        group_key: String::new(),
        subject_id,
        kith: kind.is_kith(),
    };
    if kind.replaces(subject_id) {
        db::kith_notifications::replace(tx, &row).await?;
    } else if !kind.repeats() && db::notifications::exists(tx, &row).await? {
        return Ok(());
    }
    if row.filtered {
        db::notifications::insert(tx, &row).await?;
        if kind == Type::Mention {
            requests::asked(tx, ctx, &row).await?;
        }
        return Ok(());
    }
    if kind.is_grouped() {
        row.group_key = group_key(tx, &row).await?;
    }
    db::notifications::insert(tx, &row).await?;
    tx.emit(Event::to(to.id, Kind::Notification, row.id));
    if row.kith {
        return Ok(());
    }
    push::announce(tx, ctx, from, &row).await
}

/// Whether an account wants to see nothing of another.
async fn hides(tx: &mut Conn, to: &Account, from: &Account, now: i64) -> AppResult<bool> {
    if db::relations::block(tx, to.id, from.id).await?.is_some() {
        return Ok(true);
    }
    let mute = db::relations::mute(tx, to.id, from.id).await?;
    Ok(mute.is_some_and(|mute| mute.notifications && mute.expires_at.is_none_or(|at| at > now)))
}

/// The group of a new notification: the one of its kind and status that began within the last
/// hours, else a new one.
async fn group_key(tx: &mut Conn, row: &Notification) -> AppResult<String> {
    let stem = match row.status_id {
        Some(status) => format!("{}-{status}", row.kind),
        None => row.kind.clone(),
    };
    let hour = row.created_at / HOUR;
    let keys: Vec<String> = (0..GROUP_SPAN)
        .map(|ago| format!("{stem}-{}", hour - ago))
        .collect();
    let known = db::notifications::latest_key(tx, row.account_id, &keys).await?;
    Ok(known.unwrap_or_else(|| format!("{stem}-{hour}")))
}

/// Takes back what an undone deed had notified.
pub async fn retract(
    tx: &mut Conn,
    to: &Account,
    from: &Account,
    kind: Type,
    status_id: Option<i64>,
) -> AppResult<()> {
    if to.is_local()
        && db::notifications::retract(tx, to.id, from.id, kind.as_str(), status_id).await?
    {
        tx.emit(Event::to(to.id, Kind::NotificationGone, 0));
    }
    Ok(())
}

/// Takes back what a deed about a [`Subject::Other`] had notified.
pub async fn retract_about(
    tx: &mut Conn,
    to: &Account,
    from: &Account,
    kind: Type,
    subject_id: i64,
) -> AppResult<()> {
    let kind = kind.as_str();
    if to.is_local()
        && db::kith_notifications::retract(tx, to.id, from.id, kind, subject_id).await?
    {
        tx.emit(Event::to(to.id, Kind::NotificationGone, 0));
    }
    Ok(())
}

/// Dismisses one notification, of those that Mastodon's API shows.
pub async fn dismiss(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    let shown = db::notifications::shown_to_mastodon(tx, account_id, &[id]).await?;
    if shown.is_empty() || !db::notifications::delete(tx, account_id, id).await? {
        return Err(crate::error::AppError::not_found());
    }
    tx.emit(Event::to(account_id, Kind::NotificationGone, id));
    Ok(())
}

/// Dismisses several of those that Mastodon's API shows; those that are not there are passed
/// over.
pub async fn dismiss_some(tx: &mut Conn, account_id: i64, ids: &[i64]) -> AppResult<()> {
    let ids = db::notifications::shown_to_mastodon(tx, account_id, ids).await?;
    if db::notifications::delete_some(tx, account_id, &ids).await? > 0 {
        tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    }
    Ok(())
}

/// Dismisses a group; `ungrouped-ID` names a notification that stands alone. What is not there
/// is passed over.
pub async fn dismiss_group(tx: &mut Conn, account_id: i64, key: &str) -> AppResult<()> {
    let gone = match ungrouped(key) {
        Some(id) => {
            let shown = db::notifications::shown_to_mastodon(tx, account_id, &[id]).await?;
            db::notifications::delete_some(tx, account_id, &shown).await?
        }
        None => db::notifications::delete_group(tx, account_id, key).await?,
    };
    if gone > 0 {
        tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    }
    Ok(())
}

/// The notification that a key of the form `ungrouped-ID` names.
pub fn ungrouped(key: &str) -> Option<i64> {
    key.strip_prefix("ungrouped-")?.parse().ok()
}

/// Dismisses all that Mastodon's API shows.
pub async fn clear(tx: &mut Conn, account_id: i64) -> AppResult<()> {
    db::notifications::clear(tx, account_id).await?;
    tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    Ok(())
}
