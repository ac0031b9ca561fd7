//! What a transaction records for every process to hear of: a row of the event log.

use std::str::FromStr;

/// A change, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose eyes alone it is for; `None` for everyone entitled to the subject.
    pub account_id: Option<i64>,
    pub kind: Kind,
    /// The row it is about: a status, account, notification, token…, by kind.
    pub subject_id: i64,
    /// What cannot be looked up any more, or needs no look-up; by kind, may be empty.
    pub payload: String,
    /// Homes it appeared in, for this process's caches alone: the log does not keep it.
    pub homes: Vec<i64>,
}

impl Event {
    /// What begins the payload of [`Kind::StatusCreated`] for a status that is no news.
    const QUIET: &'static str = "quiet";

    /// A status of an account appeared; `quiet`: it is no news, but was fetched because something
    /// points at it.
    pub fn created(status_id: i64, author_id: i64, quiet: bool) -> Event {
        let event = Event::of(Kind::StatusCreated, status_id);
        event.with(match quiet {
            true => format!("{} {author_id}", Event::QUIET),
            false => author_id.to_string(),
        })
    }

    /// Whether a status that appeared is no news.
    pub fn is_quiet(&self) -> bool {
        self.payload.starts_with(Event::QUIET)
    }

    /// Whose a status is that appeared.
    pub fn author(&self) -> Option<i64> {
        self.payload.rsplit(' ').next()?.parse().ok()
    }

    /// An event about a subject, with nothing more to say.
    pub fn of(kind: Kind, subject_id: i64) -> Event {
        Event {
            account_id: None,
            kind,
            subject_id,
            payload: String::new(),
            homes: Vec::new(),
        }
    }

    /// The same, for one account alone.
    pub fn to(account_id: i64, kind: Kind, subject_id: i64) -> Event {
        Event {
            account_id: Some(account_id),
            ..Event::of(kind, subject_id)
        }
    }

    /// With the homes it appeared in.
    pub fn in_homes(mut self, homes: Vec<i64>) -> Event {
        self.homes = homes;
        self
    }

    /// With a payload.
    pub fn with(mut self, payload: impl Into<String>) -> Event {
        self.payload = payload.into();
        self
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
            /// A kind that a newer version wrote.
            #[default]
            Unknown,
        }

        impl Kind {
            /// As the log writes it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Kind::$name => $text,)*
                    Kind::Unknown => "",
                }
            }
        }

        impl FromStr for Kind {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Kind, Self::Err> {
                Ok(match text {
                    $($text => Kind::$name,)*
                    _ => Kind::Unknown,
                })
            }
        }
    };
}

kinds! {
    /// A status (or reblog) appeared, and its author's counts changed. Subject: the status. See
    /// [`Event::created`].
    StatusCreated = "status.created",
    /// A status was edited. Subject: the status.
    StatusEdited = "status.edited",
    /// A status is gone. Subject: the status; payload: JSON [`Gone`].
    StatusDeleted = "status.deleted",
    /// Counts of a status changed. Subject: the status.
    StatusCounts = "status.counts",
    /// What an account thinks of a status changed (favourite, bookmark, reblog, mute).
    /// For that account; subject: the status, or the poll it voted in.
    ViewerChanged = "status.viewer",
    /// An account's profile, counts or state changed. Subject: the account.
    AccountChanged = "account.changed",
    /// Moderators changed whether an account's files are shown as sensitive. Subject: the account.
    AccountSensitized = "account.sensitized",
    /// Relations of an account changed (follow, block, mute, request). For one of the two;
    /// subject: the other.
    RelationChanged = "relation.changed",
    /// A friend request was made or decided. For each of the two; subject: the request.
    FriendRequestChanged = "friend_request.changed",
    /// An account's filters changed. For it; subject: itself.
    FiltersChanged = "filters.changed",
    /// The home timeline of an account was rewritten. For it; subject: itself.
    HomeChanged = "home.changed",
    /// A notification arrived. For its account; subject: the notification.
    Notification = "notification",
    /// A notification, or all of them (subject 0), went. For its account.
    NotificationGone = "notification.gone",
    /// A conversation has a new last status. For its account; subject: the conversation.
    ConversationChanged = "conversation.changed",
    /// The notifications of accepted requests are among the others. For their account.
    NotificationsMerged = "notifications.merged",
    /// An announcement was published or changed. Subject: the announcement.
    Announcement = "announcement",
    /// Reactions to an announcement changed. Subject: the announcement; payload: the name.
    AnnouncementReaction = "announcement.reaction",
    /// An announcement ended or was deleted. Subject: the announcement.
    AnnouncementGone = "announcement.gone",
    /// A chat has a new message. For one of the two; subject: the message; payload: the chat.
    ChatMessage = "chat.message",
    /// A chat message was edited. As above.
    ChatMessageEdited = "chat.message.edited",
    /// A chat message was deleted, for one or for both. For one of the two; subject: the message;
    /// payload: the chat, then `everyone` or `me`.
    ChatMessageDeleted = "chat.message.deleted",
    /// Reactions to a chat message changed. For one of the two; subject: the message; payload:
    /// JSON [`ChatReaction`].
    ChatReaction = "chat.reaction",
    /// One of the two has read up to a message. For one of the two; subject: the message;
    /// payload: JSON [`ChatMark`].
    ChatRead = "chat.read",
    /// A message reached the other. For its sender; subject: the message; payload: JSON
    /// [`ChatMark`].
    ChatDelivered = "chat.delivered",
    /// Our custom emoji changed.
    EmojisChanged = "emojis.changed",
    /// A token was revoked. Subject: the token. Every stream and cache drops it.
    TokenRevoked = "token.revoked",
    /// A user's rights changed (role, disabled, confirmed, approved). Subject: the account.
    UserChanged = "user.changed",
    /// The domain policies changed.
    PolicyChanged = "policy.changed",
    /// The rules about IP addresses changed.
    IpRulesChanged = "ip_rules.changed",
    /// Instance settings changed.
    SettingsChanged = "settings.changed",
    /// An account came, or went. Subject: the account; payload: JSON, as it is told.
    PresenceChanged = "presence.changed",
    /// What passes (that somebody is typing), on its way to other processes where no Redis
    /// carries it. For one account; payload: JSON.
    Passing = "passing",
    /// Deliveries wait. Subject: the outgoing activity.
    DeliveriesWaiting = "deliveries.waiting",
    /// Received activities wait.
    InboxWaiting = "inbox.waiting",
    /// A job waits. Subject: the job.
    JobWaiting = "job.waiting",
}

/// Who may have seen a status that is gone; the payload of [`Kind::StatusDeleted`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gone {
    pub account_id: i64,
    /// As in `domain::visibility::Visibility`.
    pub visibility: i16,
    pub local: bool,
    pub reblog_of_id: Option<i64>,
    /// Normalised names.
    pub tags: Vec<String>,
    /// Accounts whose home held it, local ones mentioned included; [`Gone::HOMES`] at most.
    pub homes: Vec<i64>,
    /// Lists whose timeline held it.
    #[serde(default)]
    pub lists: Vec<i64>,
}

impl Gone {
    /// Homes that are named; streams of others hear of it when they reload.
    pub const HOMES: i64 = 5000;

    /// Whether other homes may have held it besides those that are named.
    pub fn has_more_homes(&self) -> bool {
        self.homes.len() as i64 >= Gone::HOMES
    }
}

/// The payload of [`Kind::ChatReaction`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChatReaction {
    pub chat_id: i64,
    /// Whose reaction it is.
    pub account_id: i64,
    pub name: String,
    /// It was added; else taken back.
    pub added: bool,
}

/// How far somebody has come in a chat: the payload of [`Kind::ChatRead`] and
/// [`Kind::ChatDelivered`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChatMark {
    pub chat_id: i64,
    /// Who has read it, or has got it.
    pub account_id: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// A position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// The writing transaction (PostgreSQL), or 0.
    pub xid: i64,
    pub id: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.xid, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Cursor, ()> {
        let (xid, id) = text.split_once('-').ok_or(())?;
        Ok(Cursor {
            xid: xid.parse().map_err(|_| ())?,
            id: id.parse().map_err(|_| ())?,
        })
    }
}

/// An event as read back from the log.
#[derive(Debug, Clone)]
pub struct Logged {
    pub cursor: Cursor,
    /// The process that wrote it.
    pub origin: i64,
    pub event: Event,
}
