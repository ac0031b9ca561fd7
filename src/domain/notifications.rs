//! Telling people what happened to them.

mod policy;
mod requests;

pub use policy::{Decision, Policy, Verdict};
pub use requests::{accept, dismiss as dismiss_requests, settle};

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
        /// What a notification is about. The names are the Mastodon API's.
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
    AdminSignUp = "admin.sign_up",
    AdminReport = "admin.report",
    /// Follows ended because of a moderator's or the reader's own block.
    SeveredRelationships = "severed_relationships",
    ModerationWarning = "moderation_warning",
}

impl Type {
    /// The type of a name.
    pub fn parse(text: &str) -> Option<Type> {
        Type::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// Whether the same from one sender can come again: what is about a change does.
    fn repeats(self) -> bool {
        matches!(
            self,
            Type::Update
                | Type::QuotedUpdate
                | Type::SeveredRelationships
                | Type::ModerationWarning
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
    /// A report, a warning, a severance… by the notification's type.
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
    };
    if !kind.repeats() && db::notifications::exists(tx, &row).await? {
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

/// Dismisses one notification.
pub async fn dismiss(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    if !db::notifications::delete(tx, account_id, id).await? {
        return Err(crate::error::AppError::not_found());
    }
    tx.emit(Event::to(account_id, Kind::NotificationGone, id));
    Ok(())
}

/// Dismisses several; those that are not there are passed over.
pub async fn dismiss_some(tx: &mut Conn, account_id: i64, ids: &[i64]) -> AppResult<()> {
    if db::notifications::delete_some(tx, account_id, ids).await? > 0 {
        tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    }
    Ok(())
}

/// Dismisses a group; `ungrouped-ID` names a notification that stands alone. What is not there
/// is passed over.
pub async fn dismiss_group(tx: &mut Conn, account_id: i64, key: &str) -> AppResult<()> {
    let gone = match ungrouped(key) {
        Some(id) => db::notifications::delete_some(tx, account_id, &[id]).await?,
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

/// Dismisses all.
pub async fn clear(tx: &mut Conn, account_id: i64) -> AppResult<()> {
    db::notifications::clear(tx, account_id).await?;
    tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    Ok(())
}
