//! Statuses with their counts, mentions, tags; and the tombstones of those deleted.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{
    idempotency_keys, mentions, status_stats, status_tags, statuses, tag_rules, tags, tombstones,
};
use super::{Conn, Result, on_db, prepared};
use crate::event::{Event, Kind};

/// A row of `statuses`: a post, or a reblog of one.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = statuses, treat_none_as_null = true)]
pub struct Status {
    pub id: i64,
    /// The object's id; for a reblog, the Announce's.
    pub uri: String,
    /// Its page.
    pub url: String,
    pub account_id: i64,
    pub local: bool,
    /// Never leaves this server.
    pub local_only: bool,
    /// As in `domain::visibility::Visibility`.
    pub visibility: i16,
    /// `Note`, `Article`, `Page`, `Announce`…
    pub kind: String,
    /// Plain text; what Articles and Pages have.
    pub title: String,
    /// Clean HTML.
    pub content: String,
    /// What the author typed; local statuses only.
    pub source: String,
    /// `text/plain`, `text/markdown` or `text/html`.
    pub source_type: String,
    /// Plain text.
    pub spoiler_text: String,
    pub sensitive: bool,
    pub language: Option<String>,
    pub in_reply_to_id: Option<i64>,
    pub in_reply_to_account_id: Option<i64>,
    /// Kept where the parent is not known (yet).
    pub in_reply_to_uri: Option<String>,
    pub reblog_of_id: Option<i64>,
    /// Id of the thread's first status known here.
    pub conversation_id: i64,
    pub app_id: Option<i64>,
    /// JSON: `[{"shortcode", "url", "static_url"}]`.
    pub emojis: String,
    pub created_at: i64,
    pub edited_at: Option<i64>,
    pub fetched_at: Option<i64>,
    /// Bits of [`consent`].
    pub consent: i16,
    /// The collection of its thread, as its author names it or what it answers does; `''` for
    /// none, and for one of ours that begins a thread.
    pub context: String,
    /// Where its replies are listed; remote statuses only.
    pub replies: String,
}

/// What a status has to do with leave to interact: bits.
pub mod consent {
    /// It has a policy of its own for likes, replies or boosts.
    pub const POLICY: i16 = 1;
    /// It bears a stamp of whom it answers or boosts.
    pub const STAMPED: i16 = 2;
}

/// A row of `status_stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = status_stats)]
pub struct StatusStats {
    pub status_id: i64,
    pub replies_count: i64,
    pub reblogs_count: i64,
    pub favourites_count: i64,
    pub quotes_count: i64,
    pub dislikes_count: i64,
    /// Emoji reactions.
    pub reactions_count: i64,
    pub views_count: i64,
    /// Likes less dislikes.
    pub score: i64,
    /// What it answers: comments are read in the order of their score.
    pub parent_id: Option<i64>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = tags)]
pub struct Tag {
    pub id: i64,
    /// Normalised: what it is found by.
    pub name: String,
    /// As first written.
    pub display_name: String,
    pub created_at: i64,
}

/// One status by id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Status>> {
    on_db!(conn, |c| statuses::table
        .find(id)
        .select(Status::as_select())
        .first(c)
        .await
        .optional())
}

/// Statuses by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Status>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| statuses::table
        .filter(statuses::id.any_of(ids))
        .select(Status::as_select())
        .load(c)
        .await)
}

/// One status by its object id.
#[boxed]
pub async fn by_uri(conn: &mut Conn, uri: &str) -> Result<Option<Status>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::uri.eq(uri))
        .select(Status::as_select())
        .first(c)
        .await
        .optional())
}

/// One remote status by its page.
#[boxed]
pub async fn by_remote_url(conn: &mut Conn, url: &str) -> Result<Option<Status>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::url.eq(url))
        // Spelled out: only a literal matches the partial index.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "statuses.local = FALSE"
        ))
        .filter(statuses::reblog_of_id.is_null())
        .select(Status::as_select())
        .first(c)
        .await
        .optional())
}

/// As text: diesel walks through a statement of its own four times, for thirty columns, and this one runs
/// with every post that comes.
const INSERT: &str = "INSERT INTO statuses \
     (id, uri, url, account_id, local, local_only, visibility, kind, title, content, \
     source, source_type, spoiler_text, sensitive, language, in_reply_to_id, \
     in_reply_to_account_id, in_reply_to_uri, reblog_of_id, conversation_id, app_id, \
     emojis, created_at, edited_at, fetched_at, consent, context, replies) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
     $19, $20, $21, $22, $23, $24, $25, $26, $27, $28) \
     ON CONFLICT DO NOTHING";

/// Adds a status with zeroed counts. Should its id be taken (remote ids are made from the time
/// and a hash), the next free one is used; the id it got is returned, or `None` when the URI
/// (or, for a reblog, the pair of account and status) is here already.
#[boxed]
pub async fn insert(conn: &mut Conn, status: &mut Status) -> Result<Option<i64>> {
    use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text};
    let own_thread = status.conversation_id == status.id;
    for _ in 0..64 {
        let added = on_db!(conn, |c| prepared!(INSERT)
            .bind::<BigInt, _>(status.id)
            .bind::<Text, _>(&status.uri)
            .bind::<Text, _>(&status.url)
            .bind::<BigInt, _>(status.account_id)
            .bind::<Bool, _>(status.local)
            .bind::<Bool, _>(status.local_only)
            .bind::<SmallInt, _>(status.visibility)
            .bind::<Text, _>(&status.kind)
            .bind::<Text, _>(&status.title)
            .bind::<Text, _>(&status.content)
            .bind::<Text, _>(&status.source)
            .bind::<Text, _>(&status.source_type)
            .bind::<Text, _>(&status.spoiler_text)
            .bind::<Bool, _>(status.sensitive)
            .bind::<Nullable<Text>, _>(&status.language)
            .bind::<Nullable<BigInt>, _>(status.in_reply_to_id)
            .bind::<Nullable<BigInt>, _>(status.in_reply_to_account_id)
            .bind::<Nullable<Text>, _>(&status.in_reply_to_uri)
            .bind::<Nullable<BigInt>, _>(status.reblog_of_id)
            .bind::<BigInt, _>(status.conversation_id)
            .bind::<Nullable<BigInt>, _>(status.app_id)
            .bind::<Text, _>(&status.emojis)
            .bind::<BigInt, _>(status.created_at)
            .bind::<Nullable<BigInt>, _>(status.edited_at)
            .bind::<Nullable<BigInt>, _>(status.fetched_at)
            .bind::<SmallInt, _>(status.consent)
            .bind::<Text, _>(&status.context)
            .bind::<Text, _>(&status.replies)
            .execute(c)
            .await)?;
        if added == 1 {
            on_db!(conn, |c| prepared!(
                "INSERT INTO status_stats (status_id, replies_count, reblogs_count, \
                 favourites_count, quotes_count, dislikes_count, reactions_count, views_count, \
                 score, parent_id) VALUES ($1, 0, 0, 0, 0, 0, 0, 0, 0, $2)"
            )
            .bind::<BigInt, _>(status.id)
            .bind::<Nullable<BigInt>, _>(status.in_reply_to_id)
            .execute(c)
            .await)?;
            return Ok(Some(status.id));
        }
        let taken: Option<i64> = on_db!(conn, |c| statuses::table
            .find(status.id)
            .filter(statuses::uri.ne(&status.uri))
            .select(statuses::id)
            .first(c)
            .await
            .optional())?;
        if taken.is_none() {
            return Ok(None);
        }
        status.id += 1;
        if own_thread {
            status.conversation_id = status.id;
        }
    }
    Ok(None)
}

/// Writes every column of a status.
#[boxed]
pub async fn update(conn: &mut Conn, status: &Status) -> Result<()> {
    on_db!(conn, |c| diesel::update(statuses::table.find(status.id))
        .set(status)
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a status and all that hangs on it.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(statuses::table.find(id))
        .execute(c)
        .await)?;
    Ok(gone > 0)
}

/// Ids of reblogs of a status, at most `limit`.
#[boxed]
pub async fn reblogs_of(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<Status>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::reblog_of_id.eq(id))
        .limit(limit)
        .select(Status::as_select())
        .load(c)
        .await)
}

/// An account's reblog of a status.
#[boxed]
pub async fn reblog_by(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<Option<Status>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::reblog_of_id.eq(status_id))
        .filter(statuses::account_id.eq(account_id))
        .select(Status::as_select())
        .first(c)
        .await
        .optional())
}

/// Counts of statuses, in no order.
#[boxed]
pub async fn stats_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<StatusStats>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| status_stats::table
        .filter(status_stats::status_id.any_of(ids))
        .select(StatusStats::as_select())
        .load(c)
        .await)
}

/// Adds to a status's counts.
#[boxed]
pub async fn count(
    conn: &mut Conn,
    id: i64,
    replies: i64,
    reblogs: i64,
    favourites: i64,
) -> Result<()> {
    // As text: diesel's own UPDATE is never kept prepared, and this one runs all the time.
    on_db!(conn, |c| prepared!(
        "UPDATE status_stats SET replies_count = replies_count + $1, \
         reblogs_count = reblogs_count + $2, favourites_count = favourites_count + $3, \
         score = score + $3 WHERE status_id = $4"
    )
    .bind::<diesel::sql_types::BigInt, _>(replies)
    .bind::<diesel::sql_types::BigInt, _>(reblogs)
    .bind::<diesel::sql_types::BigInt, _>(favourites)
    .bind::<diesel::sql_types::BigInt, _>(id)
    .execute(c)
    .await)?;
    Ok(())
}

/// Gives statuses that wait for this parent their parent, and says which they were (at most
/// `limit`). `own`: its author's alone.
#[boxed]
pub async fn adopt_orphans(
    conn: &mut Conn,
    parent: &Status,
    own: bool,
    limit: i64,
) -> Result<Vec<i64>> {
    let mut waiting: Vec<(i64, i64, i64)> = on_db!(conn, |c| statuses::table
        .filter(statuses::in_reply_to_uri.eq(&parent.uri))
        .filter(statuses::in_reply_to_id.is_null())
        .select((
            statuses::id,
            statuses::conversation_id,
            statuses::account_id
        ))
        .limit(limit)
        .load(c)
        .await)?;
    waiting.retain(|(_, _, author)| !own || *author == parent.account_id);
    let waiting = waiting.into_iter().map(|(id, thread, _)| (id, thread));
    let (ids, threads): (Vec<i64>, Vec<i64>) = waiting.unzip();
    if ids.is_empty() {
        return Ok(ids);
    }
    on_db!(conn, |c| diesel::update(
        statuses::table.filter(statuses::id.any_of(&ids))
    )
    .set((
        statuses::in_reply_to_id.eq(parent.id),
        statuses::in_reply_to_account_id.eq(parent.account_id),
    ))
    .execute(c)
    .await)?;
    super::comments::put_below(conn, &ids, parent.id).await?;
    // What hung below them is in the parent's thread now, too.
    super::conversations::join(conn, &threads, parent.conversation_id).await?;
    for account in super::threads::join(conn, &threads, parent.conversation_id).await? {
        conn.emit(Event::to(account, Kind::RelationChanged, account));
    }
    on_db!(conn, |c| diesel::update(
        statuses::table.filter(statuses::conversation_id.any_of(&threads))
    )
    .set(statuses::conversation_id.eq(parent.conversation_id))
    .execute(c)
    .await)?;
    Ok(ids)
}

/// Takes the parent from replies to a status that goes; they stay where they are in the thread.
#[boxed]
pub async fn orphan_replies(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        statuses::table.filter(statuses::in_reply_to_id.eq(id))
    )
    .set(statuses::in_reply_to_id.eq(None::<i64>))
    .execute(c)
    .await)?;
    super::comments::release(conn, id).await
}

/// Takes a status out of the thread of what it answers.
#[boxed]
pub async fn detach(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(statuses::table.find(id))
        .set((
            statuses::in_reply_to_id.eq(None::<i64>),
            statuses::conversation_id.eq(id),
        ))
        .execute(c)
        .await)?;
    on_db!(conn, |c| diesel::update(status_stats::table.find(id))
        .set(status_stats::parent_id.eq(None::<i64>))
        .execute(c)
        .await)?;
    Ok(())
}

/// Who a status mentions: pairs of status and account.
#[boxed]
pub async fn mentions_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| mentions::table
        .filter(mentions::status_id.any_of(ids))
        .select((mentions::status_id, mentions::account_id))
        .load(c)
        .await)
}

/// Replaces a status's mentions.
#[boxed]
pub async fn set_mentions(conn: &mut Conn, id: i64, accounts: &[i64], fresh: bool) -> Result<()> {
    if !fresh {
        on_db!(conn, |c| diesel::delete(
            mentions::table.filter(mentions::status_id.eq(id))
        )
        .execute(c)
        .await)?;
    }
    for account in accounts {
        on_db!(conn, |c| diesel::insert_into(mentions::table)
            .values((mentions::status_id.eq(id), mentions::account_id.eq(account)))
            .on_conflict_do_nothing()
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// The tag of a normalised name.
#[boxed]
pub async fn tag_by_name(conn: &mut Conn, name: &str) -> Result<Option<Tag>> {
    on_db!(conn, |c| tags::table
        .filter(tags::name.eq(name))
        .select(Tag::as_select())
        .first(c)
        .await
        .optional())
}

/// Tags whose name begins with a normalised text, but for those that are not to be found.
#[boxed]
pub async fn search_tags(
    conn: &mut Conn,
    prefix: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<Tag>> {
    let end = format!("{prefix}\u{10ffff}");
    on_db!(conn, |c| tags::table
        .filter(tags::name.between(prefix, &end))
        .filter(diesel::dsl::not(
            tags::id.eq_any(
                tag_rules::table
                    .filter(tag_rules::listable.eq(false))
                    .select(tag_rules::tag_id)
            )
        ))
        .order(tags::name)
        .limit(limit)
        .offset(offset)
        .select(Tag::as_select())
        .load(c)
        .await)
}

/// Finds or adds a tag.
#[boxed]
pub async fn ensure_tag(conn: &mut Conn, tag: &Tag) -> Result<i64> {
    if let Some(known) = tag_by_name(conn, &tag.name).await? {
        return Ok(known.id);
    }
    on_db!(conn, |c| diesel::insert_into(tags::table)
        .values(tag)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(tag_by_name(conn, &tag.name).await?.map_or(tag.id, |t| t.id))
}

/// Replaces a status's tags.
#[boxed]
pub async fn set_tags(conn: &mut Conn, id: i64, tag_ids: &[i64], fresh: bool) -> Result<()> {
    if !fresh {
        on_db!(conn, |c| diesel::delete(
            status_tags::table.filter(status_tags::status_id.eq(id))
        )
        .execute(c)
        .await)?;
    }
    for tag in tag_ids {
        on_db!(conn, |c| diesel::insert_into(status_tags::table)
            .values((status_tags::status_id.eq(id), status_tags::tag_id.eq(tag)))
            .on_conflict_do_nothing()
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Tags of statuses: pairs of status and tag.
#[boxed]
pub async fn tags_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Tag)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| status_tags::table
        .inner_join(tags::table.on(tags::id.eq(status_tags::tag_id)))
        .filter(status_tags::status_id.any_of(ids))
        .select((status_tags::status_id, Tag::as_select()))
        .load(c)
        .await)
}

/// Ancestors of a status, nearest first, at most `limit`.
#[boxed]
pub async fn ancestors(conn: &mut Conn, status: &Status, limit: usize) -> Result<Vec<Status>> {
    // One statement a step would be a query per item: the whole thread's links come in one.
    let links: Vec<(i64, Option<i64>)> = on_db!(conn, |c| statuses::table
        .filter(statuses::conversation_id.eq(status.conversation_id))
        .filter(statuses::id.ne(status.id))
        .order(statuses::id)
        .limit(THREAD_LIMIT)
        .select((statuses::id, statuses::in_reply_to_id))
        .load(c)
        .await)?;
    let parents: std::collections::HashMap<i64, Option<i64>> = links.into_iter().collect();
    let mut chain = Vec::new();
    let mut next = status.in_reply_to_id;
    while let Some(id) = next {
        if chain.len() >= limit || chain.contains(&id) {
            break;
        }
        chain.push(id);
        next = parents.get(&id).copied().flatten();
    }
    let mut found = by_ids(conn, &chain).await?;
    found.sort_by_key(|s| chain.iter().position(|id| *id == s.id));
    Ok(found)
}

/// Statuses of one thread that are looked at when its tree is built.
const THREAD_LIMIT: i64 = 8192;

/// Everything that follows from a status, depth first in the order of ids, at most `limit`, and
/// no deeper than `depth`.
#[boxed]
pub async fn descendants(
    conn: &mut Conn,
    status: &Status,
    limit: usize,
    depth: usize,
) -> Result<Vec<Status>> {
    let links: Vec<(i64, Option<i64>)> = on_db!(conn, |c| statuses::table
        .filter(statuses::conversation_id.eq(status.conversation_id))
        .order(statuses::id)
        .limit(THREAD_LIMIT)
        .select((statuses::id, statuses::in_reply_to_id))
        .load(c)
        .await)?;
    let mut children: std::collections::HashMap<i64, Vec<i64>> = std::collections::HashMap::new();
    for (id, parent) in links {
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut order = Vec::new();
    let first = children.remove(&status.id).unwrap_or_default();
    let mut stack: Vec<(i64, usize)> = first.into_iter().rev().map(|id| (id, 1)).collect();
    while let Some((id, level)) = stack.pop() {
        if order.len() >= limit {
            break;
        }
        order.push(id);
        if level < depth
            && let Some(replies) = children.remove(&id)
        {
            stack.extend(replies.into_iter().rev().map(|id| (id, level + 1)));
        }
    }
    let positions: std::collections::HashMap<i64, usize> =
        order.iter().enumerate().map(|(n, id)| (*id, n)).collect();
    let mut found = by_ids(conn, &order).await?;
    found.sort_by_key(|s| positions.get(&s.id).copied());
    Ok(found)
}

/// Remembers that an object was deleted.
#[boxed]
pub async fn bury(conn: &mut Conn, uri: &str, account_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(tombstones::table)
        .values((
            tombstones::uri.eq(uri),
            tombstones::account_id.eq(account_id),
            tombstones::deleted_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// Says of what is buried that its author deleted it, and may bring it back.
#[boxed]
pub async fn may_return(conn: &mut Conn, uri: &str, author_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        tombstones::table
            .find(uri)
            .filter(tombstones::account_id.eq(author_id))
    )
    .set(tombstones::by_author.eq(true))
    .execute(c)
    .await)?;
    Ok(())
}

/// Whose an object was that its author deleted and may bring back.
#[boxed]
pub async fn deleted_by(conn: &mut Conn, uri: &str) -> Result<Option<i64>> {
    on_db!(conn, |c| tombstones::table
        .find(uri)
        .filter(tombstones::by_author.eq(true))
        .select(tombstones::account_id)
        .first(c)
        .await
        .optional())
}

/// Forgets that an object was deleted, where its author may bring it back.
#[boxed]
pub async fn unbury(conn: &mut Conn, uri: &str, author_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        tombstones::table
            .find(uri)
            .filter(tombstones::account_id.eq(author_id))
            .filter(tombstones::by_author.eq(true))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// When an object was deleted, if it was.
#[boxed]
pub async fn buried(conn: &mut Conn, uri: &str) -> Result<Option<i64>> {
    on_db!(conn, |c| tombstones::table
        .find(uri)
        .select(tombstones::deleted_at)
        .first(c)
        .await
        .optional())
}

/// What the database has to do with a URI that a status comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Standing {
    /// It was deleted before it came.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub buried: bool,
    /// It came before.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub here: bool,
    /// Replies to it came before it.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub awaited: bool,
}

/// The [`Standing`] of a URI, by one statement: of most that comes, nothing is known.
#[boxed]
pub async fn standing(conn: &mut Conn, uri: &str) -> Result<Standing> {
    on_db!(conn, |c| prepared!(
        "SELECT EXISTS (SELECT 1 FROM tombstones WHERE uri = $1) AS buried, \
         EXISTS (SELECT 1 FROM statuses WHERE uri = $1) AS here, \
         EXISTS (SELECT 1 FROM statuses WHERE in_reply_to_uri = $1 AND in_reply_to_id IS NULL) \
         AS awaited"
    )
    .bind::<diesel::sql_types::Text, _>(uri)
    .get_result(c)
    .await)
}

/// The status an idempotency key made, since a time.
#[boxed]
pub async fn by_idempotency_key(
    conn: &mut Conn,
    account_id: i64,
    key: &str,
    since: i64,
) -> Result<Option<i64>> {
    on_db!(conn, |c| idempotency_keys::table
        .find((account_id, key))
        .filter(idempotency_keys::created_at.ge(since))
        .select(idempotency_keys::status_id)
        .first(c)
        .await
        .optional())
}

/// Remembers what an idempotency key made, in the place of an expired one.
#[boxed]
pub async fn set_idempotency_key(
    conn: &mut Conn,
    account_id: i64,
    key: &str,
    status_id: i64,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::account_id.eq(account_id),
            idempotency_keys::idempotency_key.eq(key),
            idempotency_keys::status_id.eq(status_id),
            idempotency_keys::created_at.eq(now),
        ))
        .on_conflict((
            idempotency_keys::account_id,
            idempotency_keys::idempotency_key
        ))
        .do_update()
        .set((
            idempotency_keys::status_id.eq(status_id),
            idempotency_keys::created_at.eq(now),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// How many local posts there are.
#[boxed]
pub async fn count_local(conn: &mut Conn) -> Result<i64> {
    let local = super::schema::account_stats::table
        .inner_join(
            super::schema::accounts::table
                .on(super::schema::accounts::id.eq(super::schema::account_stats::account_id)),
        )
        .filter(super::schema::accounts::domain.eq(""))
        .select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
            "CAST(COALESCE(SUM(statuses_count), 0) AS BIGINT)",
        ));
    on_db!(conn, |c| local.first(c).await)
}

/// Local accounts that reblogged a status, at most `limit`.
#[boxed]
pub async fn local_rebloggers(
    conn: &mut Conn,
    id: i64,
    limit: i64,
) -> Result<Vec<super::accounts::Account>> {
    use super::schema::accounts;
    let rows = statuses::table
        .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
        .filter(statuses::reblog_of_id.eq(id))
        .filter(accounts::domain.eq(""))
        .limit(limit);
    on_db!(conn, |c| rows
        .select(super::accounts::Account::as_select())
        .load(c)
        .await)
}

/// Accounts that reblogged, answered, voted on or reacted to a status, at most `limit` of each: their
/// servers hold a copy.
#[boxed]
pub async fn involved(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<i64>> {
    use super::schema::{dislikes, emoji_reactions, favourites};
    let mut accounts: Vec<i64> = on_db!(conn, |c| statuses::table
        .filter(statuses::reblog_of_id.eq(id))
        .limit(limit)
        .select(statuses::account_id)
        .load(c)
        .await)?;
    let answered: Vec<i64> = on_db!(conn, |c| statuses::table
        .filter(statuses::in_reply_to_id.eq(id))
        .limit(limit)
        .select(statuses::account_id)
        .load(c)
        .await)?;
    let liked: Vec<i64> = on_db!(conn, |c| favourites::table
        .filter(favourites::status_id.eq(id))
        .limit(limit)
        .select(favourites::account_id)
        .load(c)
        .await)?;
    let disliked: Vec<i64> = on_db!(conn, |c| dislikes::table
        .filter(dislikes::status_id.eq(id))
        .limit(limit)
        .select(dislikes::account_id)
        .load(c)
        .await)?;
    let reacted: Vec<i64> = on_db!(conn, |c| emoji_reactions::table
        .filter(emoji_reactions::status_id.eq(id))
        .limit(limit)
        .select(emoji_reactions::account_id)
        .load(c)
        .await)?;
    accounts.extend(answered);
    accounts.extend(liked);
    accounts.extend(disliked);
    accounts.extend(reacted);
    accounts.sort_unstable();
    accounts.dedup();
    Ok(accounts)
}

/// Any one of an account's statuses, reblogs among them.
#[boxed]
pub async fn any_of_account(conn: &mut Conn, account_id: i64) -> Result<Option<Status>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::account_id.eq(account_id))
        .select(Status::as_select())
        .first(c)
        .await
        .optional())
}

/// Forgets idempotency keys made before a time, at most `limit`; says how many went.
#[boxed]
pub async fn forget_idempotency_keys(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let keys: Vec<(i64, String)> = on_db!(conn, |c| idempotency_keys::table
        .filter(idempotency_keys::created_at.lt(time))
        .limit(limit)
        .select((
            idempotency_keys::account_id,
            idempotency_keys::idempotency_key
        ))
        .load(c)
        .await)?;
    for key in &keys {
        on_db!(conn, |c| diesel::delete(
            idempotency_keys::table.find((key.0, &key.1))
        )
        .execute(c)
        .await)?;
    }
    Ok(keys.len())
}
