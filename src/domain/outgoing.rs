//! Activities on their way out, as plain typed values.
//!
//! A value is a snapshot: a Delete outlives what it deletes. `federation` alone turns it into
//! JSON, signs and sends it.

use serde::{Deserialize, Serialize};

use super::Ctx;
use super::interactions::Verb;
use super::relays;
use crate::db::accounts::Account;
use crate::db::outgoing::OutgoingActivity;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// The collection that means everyone.
pub const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// Of the accounts elsewhere that one follows, how many are told at most that it is gone.
const MOST_FOLLOWED: i64 = 10_000;

/// Who an activity or object is addressed to: URIs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Addressing {
    pub to: Vec<String>,
    pub cc: Vec<String>,
    /// The groups it is for (FEP-1b12).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
}

/// A status as it goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub uri: String,
    pub url: String,
    /// The author's URI.
    pub attributed_to: String,
    #[serde(flatten)]
    pub addressing: Addressing,
    /// The title that groups show it under; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub content: String,
    /// What the author typed, and its media type.
    pub source: String,
    pub source_type: String,
    /// The content warning; empty for none.
    pub summary: String,
    pub sensitive: bool,
    pub language: Option<String>,
    pub in_reply_to: Option<String>,
    /// The collection of its thread (FEP-7888).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Milliseconds since the epoch.
    pub published: i64,
    pub updated: Option<i64>,
    pub mentions: Vec<MentionTag>,
    pub tags: Vec<HashTag>,
    pub attachments: Vec<Attachment>,
    /// Custom emoji of this server that it uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emojis: Vec<super::emojis::Used>,
    /// What makes it a poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    #[serde(default)]
    pub quote: Option<QuoteRef>,
    /// Who may quote it.
    #[serde(default)]
    pub can_quote: Option<CanQuote>,
    /// Who may like, answer and boost it, where that is not everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Box<NotePolicies>>,
    /// The id of the stamp by which it may answer what it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// Whether it is for those who follow the author and whom the author follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mutuals: bool,
}

/// Who may like, answer and boost a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotePolicies {
    pub can_like: CanQuote,
    pub can_reply: CanQuote,
    pub can_announce: CanQuote,
}

/// What leave is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Instrument {
    Like {
        uri: String,
    },
    Announce {
        uri: String,
        published: i64,
        #[serde(flatten)]
        addressing: Addressing,
    },
    Reply(Box<Note>),
}

/// The poll of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Titles with their votes, which are not told before a poll that hides them has ended.
    pub options: Vec<(String, Option<i64>)>,
    /// Whether more than one may be chosen.
    pub multiple: bool,
    /// Milliseconds since the epoch.
    pub end_time: Option<i64>,
    /// When it ended, once it has.
    pub closed: Option<i64>,
    pub voters_count: Option<i64>,
}

/// What a note quotes (FEP-044f).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteRef {
    /// The quoted object's id.
    pub uri: String,
    /// Its page, for those who know no quotes.
    pub page: String,
    /// The id of the quoted author's stamp.
    pub authorization: Option<String>,
}

/// Whose quotes (likes, replies, boosts) are accepted, and who may ask: ids of actors and
/// collections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanQuote {
    pub automatic: Vec<String>,
    pub manual: Vec<String>,
}

/// A request for leave to quote, like, answer, boost or feature, as Accept and Reject repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRef {
    /// The request's id.
    pub uri: String,
    /// Who asks.
    pub actor: String,
    /// What is to be quoted, liked, featured…
    pub object: String,
    /// The object that quotes or features it, the Like…
    pub instrument: String,
}

/// A featured collection (FEP-7aa9) as it goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturedCollection {
    pub uri: String,
    /// Its page.
    pub url: String,
    /// The owner's URI.
    pub attributed_to: String,
    pub name: String,
    /// Clean HTML.
    pub summary: String,
    pub language: Option<String>,
    pub sensitive: bool,
    pub discoverable: bool,
    pub topic: Option<HashTag>,
    /// Milliseconds since the epoch.
    pub published: i64,
    pub updated: i64,
    pub items: Vec<FeaturedItem>,
}

/// What a featured collection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturedItem {
    pub uri: String,
    /// The featured actor.
    pub object: String,
    /// The id of its stamp.
    pub authorization: String,
    pub published: i64,
}

/// A mention in a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MentionTag {
    /// The actor.
    pub href: String,
    /// `@user@domain`
    pub name: String,
}

/// A hashtag in a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashTag {
    /// Its page.
    pub href: String,
    /// As written, without `#`.
    pub name: String,
}

/// A file on a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub url: String,
    pub mime: String,
    /// Alt text.
    pub description: String,
    pub blurhash: String,
    pub width: Option<i64>,
    pub height: Option<i64>,
    /// Where to crop, each from -1 to 1, in thousandths.
    pub focus: Option<(i64, i64)>,
}

/// A Follow, as Accept, Reject and Undo repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowRef {
    /// The Follow's id.
    pub uri: String,
    /// Who follows.
    pub actor: String,
    /// Who is followed.
    pub object: String,
}

/// An emoji reaction (FEP-c0e0), as Undo repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// The reaction's id.
    pub uri: String,
    pub object: String,
    /// Whose the object is.
    pub to: String,
    /// An emoji of Unicode's, or a shortcode.
    pub name: String,
    /// The custom emoji.
    pub emoji: Option<super::emojis::Used>,
}

/// An activity of a local actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Outgoing {
    Create {
        note: Box<Note>,
    },
    Update {
        /// This edit's own activity id.
        uri: String,
        note: Box<Note>,
    },
    /// The actor's profile changed; the document is made when it is sent.
    UpdateActor {
        uri: String,
    },
    /// A status is gone.
    Delete {
        uri: String,
        object: String,
        #[serde(flatten)]
        addressing: Addressing,
    },
    /// The actor is gone.
    DeleteActor {
        uri: String,
    },
    /// The actor moves to another.
    Move {
        uri: String,
        target: String,
        /// Its followers, to whom that is said.
        followers: String,
    },
    /// A choice in somebody else's poll.
    Vote {
        /// The vote's own id.
        uri: String,
        /// The chosen option's title.
        name: String,
        /// The poll.
        in_reply_to: String,
        /// Whose poll it is.
        to: String,
    },
    /// A status is pinned.
    Add {
        uri: String,
        object: String,
        /// The collection.
        target: String,
    },
    /// A status is pinned no more.
    Remove {
        uri: String,
        object: String,
        target: String,
    },
    Follow(FollowRef),
    /// A Follow that asks to be friends.
    FriendRequest(FollowRef),
    UndoFollow {
        uri: String,
        follow: FollowRef,
    },
    Accept {
        uri: String,
        follow: FollowRef,
    },
    Reject {
        uri: String,
        follow: FollowRef,
    },
    Like {
        uri: String,
        object: String,
        #[serde(flatten)]
        addressing: Addressing,
        /// The stamp that allows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorization: Option<String>,
    },
    UndoLike {
        uri: String,
        like: String,
        object: String,
        #[serde(flatten)]
        addressing: Addressing,
    },
    Dislike {
        uri: String,
        object: String,
        #[serde(flatten)]
        addressing: Addressing,
    },
    UndoDislike {
        uri: String,
        dislike: String,
        object: String,
        #[serde(flatten)]
        addressing: Addressing,
    },
    EmojiReact(React),
    UndoEmojiReact {
        uri: String,
        react: React,
    },
    Announce {
        uri: String,
        object: String,
        published: i64,
        #[serde(flatten)]
        addressing: Addressing,
        /// The stamp that allows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorization: Option<String>,
    },
    UndoAnnounce {
        uri: String,
        announce: String,
        object: String,
        #[serde(flatten)]
        addressing: Addressing,
    },
    Block {
        uri: String,
        object: String,
    },
    UndoBlock {
        uri: String,
        block: String,
        object: String,
    },
    /// A report, to the server of whom it is about.
    Flag {
        uri: String,
        /// The actor, then its objects.
        object: Vec<String>,
        content: String,
        to: String,
    },
    /// A chat message, to its one recipient.
    ChatCreate {
        note: Box<super::chats::ChatNote>,
    },
    ChatUpdate {
        uri: String,
        note: Box<super::chats::ChatNote>,
    },
    /// An emoji for a chat message.
    ChatReact {
        uri: String,
        object: String,
        /// The emoji, a custom one between colons.
        content: String,
        emoji: Option<Box<super::emojis::Used>>,
        to: String,
    },
    UndoChatReact {
        uri: String,
        react: String,
        object: String,
        content: String,
        to: String,
    },
    /// A chat message, and all before it, was read.
    ChatRead {
        uri: String,
        object: String,
        to: String,
    },
    QuoteRequest {
        uri: String,
        /// What is to be quoted.
        object: String,
        /// The note that quotes it.
        instrument: Box<Note>,
    },
    AcceptQuote {
        uri: String,
        request: RequestRef,
        /// The stamp's id.
        result: String,
    },
    RejectQuote {
        uri: String,
        request: RequestRef,
    },
    /// A featured collection is there.
    AddCollection {
        uri: String,
        collection: Box<FeaturedCollection>,
        /// The list of the actor's collections.
        target: String,
    },
    UpdateCollection {
        uri: String,
        collection: Box<FeaturedCollection>,
    },
    /// Somebody stands in a featured collection.
    AddItem {
        uri: String,
        item: FeaturedItem,
        /// The collection.
        target: String,
    },
    FeatureRequest {
        uri: String,
        /// Who is to be featured.
        object: String,
        /// The collection.
        instrument: String,
    },
    AcceptFeature {
        uri: String,
        request: RequestRef,
        /// The stamp's id.
        result: String,
    },
    RejectFeature {
        uri: String,
        request: RequestRef,
    },
    /// The actor wants to be in a collection no more.
    DeleteStamp {
        uri: String,
        /// The stamp.
        object: String,
        collection: String,
        /// Whose the collection is.
        owner: String,
    },
    /// Asks for leave to like, answer or boost.
    InteractionRequest {
        verb: Verb,
        uri: String,
        /// What is to be liked, answered, boosted.
        object: String,
        /// Whose it is.
        to: String,
        instrument: Instrument,
    },
    /// Gives leave. A request without an id: it was done without asking.
    AcceptInteraction {
        uri: String,
        verb: Verb,
        request: RequestRef,
        /// The stamp's id.
        result: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cc: Vec<String>,
    },
    RejectInteraction {
        uri: String,
        verb: Verb,
        request: RequestRef,
    },
}

impl Outgoing {
    /// The activity's type as ActivityStreams names it, for listings.
    pub fn kind(&self) -> &'static str {
        match self {
            Outgoing::Create { .. } | Outgoing::Vote { .. } | Outgoing::ChatCreate { .. } => {
                "Create"
            }
            Outgoing::Update { .. }
            | Outgoing::UpdateActor { .. }
            | Outgoing::UpdateCollection { .. }
            | Outgoing::ChatUpdate { .. } => "Update",
            Outgoing::Delete { .. }
            | Outgoing::DeleteActor { .. }
            | Outgoing::DeleteStamp { .. } => "Delete",
            Outgoing::Move { .. } => "Move",
            Outgoing::Add { .. } | Outgoing::AddCollection { .. } | Outgoing::AddItem { .. } => {
                "Add"
            }
            Outgoing::Remove { .. } => "Remove",
            Outgoing::Follow(_) | Outgoing::FriendRequest(_) => "Follow",
            Outgoing::UndoFollow { .. }
            | Outgoing::UndoLike { .. }
            | Outgoing::UndoDislike { .. }
            | Outgoing::UndoEmojiReact { .. }
            | Outgoing::UndoAnnounce { .. }
            | Outgoing::UndoBlock { .. }
            | Outgoing::UndoChatReact { .. } => "Undo",
            Outgoing::ChatReact { .. } => "EmojiReact",
            Outgoing::ChatRead { .. } => "Read",
            Outgoing::Accept { .. }
            | Outgoing::AcceptQuote { .. }
            | Outgoing::AcceptFeature { .. }
            | Outgoing::AcceptInteraction { .. } => "Accept",
            Outgoing::Reject { .. }
            | Outgoing::RejectQuote { .. }
            | Outgoing::RejectFeature { .. }
            | Outgoing::RejectInteraction { .. } => "Reject",
            Outgoing::FeatureRequest { .. } => "FeatureRequest",
            Outgoing::InteractionRequest { verb, .. } => match verb {
                Verb::Quote => "QuoteRequest",
                Verb::Like => "LikeRequest",
                Verb::Reply => "ReplyRequest",
                Verb::Announce => "AnnounceRequest",
            },
            Outgoing::QuoteRequest { .. } => "QuoteRequest",
            Outgoing::Like { .. } => "Like",
            Outgoing::Dislike { .. } => "Dislike",
            Outgoing::EmojiReact(_) => "EmojiReact",
            Outgoing::Announce { .. } => "Announce",
            Outgoing::Block { .. } => "Block",
            Outgoing::Flag { .. } => "Flag",
        }
    }
}

/// Who gets an activity.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    /// The actor's remote followers.
    pub followers: bool,
    /// Accounts besides; local ones among them are passed over.
    pub accounts: Vec<i64>,
}

impl Audience {
    /// One account.
    pub fn one(id: i64) -> Audience {
        Audience {
            followers: false,
            accounts: vec![id],
        }
    }
}

/// An id for an activity that has no page of its own: `ACTOR#KIND/ID`.
pub fn activity_uri(ctx: &Ctx, actor: &Account, kind: &str) -> String {
    format!("{}#{kind}/{}", actor.uri, ctx.ids.next())
}

/// The collection of what a local actor has pinned.
pub fn featured_uri(actor: &Account) -> String {
    format!("{}/collections/featured", actor.uri)
}

/// Records an activity with one delivery for each distinct inbox of its audience, and for relays
/// where it is about a public post.
/// Where nobody remote is to get it, nothing is written.
pub async fn send(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    activity: &Outgoing,
    audience: Audience,
) -> AppResult<()> {
    record(tx, ctx, actor, activity, audience).await.map(|_| ())
}

/// The same; the activity's row, where one was written.
pub async fn record(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    activity: &Outgoing,
    audience: Audience,
) -> AppResult<Option<i64>> {
    if !audience.followers && audience.accounts.is_empty() {
        return Ok(None);
    }
    deliver(tx, ctx, actor, activity, audience, &[]).await
}

/// Records an activity for whoever knows the actor: its followers, those it follows, and some inboxes
/// besides, each with its host.
pub async fn tell_all(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    activity: &Outgoing,
    inboxes: &[(String, String)],
) -> AppResult<Option<i64>> {
    let audience = Audience {
        followers: true,
        accounts: db::relations::followed_elsewhere(tx, actor.id, MOST_FOLLOWED).await?,
    };
    deliver(tx, ctx, actor, activity, audience, inboxes).await
}

async fn deliver(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    activity: &Outgoing,
    audience: Audience,
    inboxes: &[(String, String)],
) -> AppResult<Option<i64>> {
    debug_assert!(actor.is_local(), "only local actors send");
    // What is undone after an account was deleted is undone here: others were told that it is gone.
    if actor.deleted_at.is_some() {
        return Ok(None);
    }
    let now = ctx.now();
    let row = OutgoingActivity {
        id: ctx.ids.next(),
        account_id: actor.id,
        kind: activity.kind().to_owned(),
        payload: serde_json::to_string(activity)?,
        created_at: now,
        trace: tx.trace.clone(),
    };
    db::outgoing::insert(tx, &row).await?;
    let mut deliveries = 0;
    if audience.followers {
        deliveries += db::outgoing::to_followers(tx, row.id, actor.id, now).await?;
    }
    deliveries += db::outgoing::to_accounts(tx, row.id, &audience.accounts, now).await?;
    deliveries += db::outgoing::to_inboxes(tx, row.id, inboxes, now).await?;
    deliveries += relays::pass_on(tx, ctx, actor, row.id, activity).await?;
    if deliveries > 0 {
        tx.emit(Event::of(Kind::DeliveriesWaiting, row.id));
        Ok(Some(row.id))
    } else {
        db::outgoing::delete(tx, row.id).await?;
        Ok(None)
    }
}

/// Records an activity for inboxes that are named, each with its host: for those whom nothing else
/// is sent.
pub(super) async fn send_to(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    activity: &Outgoing,
    inboxes: &[(String, String)],
) -> AppResult<()> {
    let now = ctx.now();
    let row = OutgoingActivity {
        id: ctx.ids.next(),
        account_id: actor.id,
        kind: activity.kind().to_owned(),
        payload: serde_json::to_string(activity)?,
        created_at: now,
        trace: tx.trace.clone(),
    };
    db::outgoing::insert(tx, &row).await?;
    db::outgoing::to_inboxes(tx, row.id, inboxes, now).await?;
    tx.emit(Event::of(Kind::DeliveriesWaiting, row.id));
    Ok(())
}
