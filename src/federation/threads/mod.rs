//! Filling up threads: what other servers know of them is asked for, beside the requests of those
//! who read.
//!
//! A job climbs from what answers something unknown to the beginning of the thread, then reads the
//! thread's collection where its owner has one (FEP-f228), then the collections of replies. Each
//! server is asked only for its own: a post is what its origin serves, an account is asked for at
//! its host, a collection leads to pages of its own host alone. A post is kept where everyone may
//! see it and it answers something in the thread.

mod crew;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::Value;

pub use crew::Crew;

use super::activities::create::Ready;
use super::collection::{self, Bounds, Listed, Listing};
use super::objects::note::replies_of;
use super::value::{host, uri};
use crate::app::App;
use crate::client::Limits;
use crate::db::statuses::Status;
use crate::db::thread_reads::{Part, ThreadRead, Unread};
use crate::db::{self};
use crate::domain::visibility::Visibility;
use crate::domain::{statuses, thread_reads};
use crate::error::AppResult;

/// What one job may cost.
const LIMITS: Limits = Limits {
    requests: 150,
    bytes: 8 * 1024 * 1024,
    depth: 4,
    time: Duration::from_secs(60),
};
/// Posts that one job takes in.
const POSTS: usize = 250;
/// A thread of so many posts is not filled any more.
const THREAD: usize = 1000;
/// How far one collection is read.
const BOUNDS: Bounds = Bounds {
    pages: 20,
    items: 1000,
};
/// Posts asked for, or asked about, in one go.
const WAVE: usize = 16;
/// Posts written in one transaction.
const CHUNK: usize = 20;
/// Loose ends that are climbed from.
const ENDS: usize = 5;

/// What a job has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Posts that are new.
    pub found: i64,
    /// There is more than it had leave to ask for.
    pub more: bool,
}

/// Somebody here has opened a thread: it is filled up where something of it is from elsewhere,
/// unless that was done lately. Says how that stands; nobody waits for it.
pub async fn opened(app: &App, status: &Status) -> AppResult<Option<ThreadRead>> {
    if !Visibility::from_db(status.visibility).is_open() {
        return Ok(None);
    }
    let id = status.conversation_id;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::thread_reads::of(c, id).await?) }))
        .await?;
    if !thread_reads::is_due(row.as_ref(), app.clock.now_ms()) {
        return Ok(row);
    }
    let (ctx, status) = (app.ctx.clone(), status.clone());
    app.write(move |tx| Box::pin(async move { thread_reads::begin(tx, &ctx, &status, 0).await }))
        .await
}

/// One job's share in filling up the thread of a status, which the job has claimed.
pub async fn fill_thread(app: &App, claimed: &ThreadRead, status_id: i64) -> AppResult<Filled> {
    let mut round = Round {
        app,
        crew: Crew::new(app, LIMITS),
        conversation_id: claimed.conversation_id,
        since: claimed.begun_at,
        known: HashSet::new(),
        waiting: Vec::new(),
        tried: HashSet::new(),
        replies: HashMap::new(),
        found: 0,
        more: false,
    };
    let mut parts = round.load().await?;
    if round.climb(&parts).await? {
        let (ctx, job_id) = (app.ctx.clone(), claimed.job_id);
        let again = app
            .write(move |tx| {
                Box::pin(async move { thread_reads::claim(tx, &ctx, job_id, status_id).await })
            })
            .await?;
        let Some(again) = again else {
            return Ok(round.end());
        };
        round.conversation_id = again.conversation_id;
        parts = round.load().await?;
    }
    round.read_context(&parts).await?;
    round.walk().await?;
    Ok(round.end())
}

struct Round<'a> {
    app: &'a App,
    crew: Crew<'a>,
    conversation_id: i64,
    /// When this filling began.
    since: i64,
    /// URIs of the thread's posts that are here.
    known: HashSet<String>,
    /// Posts that answer something that has not been found yet.
    waiting: Vec<Ready>,
    tried: HashSet<String>,
    /// Collections of replies as they came with their posts.
    replies: HashMap<String, Value>,
    found: usize,
    more: bool,
}

impl Round<'_> {
    async fn load(&mut self) -> AppResult<Vec<Part>> {
        let id = self.conversation_id;
        let parts = self
            .app
            .read(move |c| {
                Box::pin(async move { Ok(db::thread_reads::parts(c, id, THREAD as i64).await?) })
            })
            .await?;
        self.known = parts.iter().map(|part| part.uri.clone()).collect();
        Ok(parts)
    }

    /// Whether the job has to end. Unless the thread is full, another goes on.
    fn is_over(&mut self) -> bool {
        if self.known.len() >= THREAD {
            return true;
        }
        let spent = self.crew.is_spent() || self.found >= POSTS;
        self.more |= spent;
        spent
    }

    fn end(self) -> Filled {
        if !self.more {
            // They answer nothing that is in the thread.
            for ready in self.waiting {
                self.app.federation.missed.insert(ready.note.uri, ());
            }
        }
        Filled {
            found: self.found as i64,
            more: self.more && self.known.len() < THREAD,
        }
    }

    /// Fetches what is answered by posts whose parent is not here, and what that answers, as far
    /// as it goes; true when something was found.
    async fn climb(&mut self, parts: &[Part]) -> AppResult<bool> {
        let ends: Vec<String> = parts
            .iter()
            .filter(|part| part.in_reply_to_id.is_none())
            .filter_map(|part| part.in_reply_to_uri.clone())
            .take(ENDS)
            .collect();
        let before = self.found;
        for end in ends {
            let mut chain = Vec::new();
            let mut next = Some(end);
            while let Some(uri) = next.take() {
                if self.is_over() {
                    break;
                }
                let listed = Listed {
                    id: uri,
                    embedded: None,
                };
                let listed = self.unknown(vec![listed]).await?;
                let Some((ready, document)) = self.ask(&listed).await.pop().flatten() else {
                    break;
                };
                next = ready.note.in_reply_to.clone();
                self.keep_replies(&ready, &document);
                chain.push(ready);
            }
            chain.reverse();
            self.store(chain).await?;
        }
        Ok(self.found > before)
    }

    /// Reads the collection that the thread's owner keeps. What it lists is not asked about again,
    /// but for the first post: others may have answered that.
    async fn read_context(&mut self, parts: &[Part]) -> AppResult<()> {
        let first = parts.iter().find(|part| part.in_reply_to_id.is_none());
        let Some(first) = first.filter(|first| !first.local && !first.context.is_empty()) else {
            return Ok(());
        };
        if self.is_over() || self.app.config.is_ours(&first.context) {
            return Ok(());
        }
        let budget = self.crew.budget().clone();
        let reading = collection::read(self.app, &first.context, &budget, BOUNDS);
        let listing = match self.crew.at(&first.context, reading).await {
            Ok(listing) if !listing.items.is_empty() => listing,
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::debug!(%error, "the collection of a thread cannot be had");
                return Ok(());
            }
        };
        let complete = listing.complete;
        let posts = listing.into_posts();
        let listed: HashSet<String> = posts.iter().map(|post| post.id.clone()).collect();
        self.take_in(posts).await?;
        if self.is_over() || !complete {
            return Ok(());
        }
        let (id, now, top) = (self.conversation_id, self.app.clock.now_ms(), first.id);
        self.app
            .write(move |tx| {
                Box::pin(async move {
                    let parts = db::thread_reads::parts(tx, id, THREAD as i64).await?;
                    let read: Vec<i64> = parts
                        .iter()
                        .filter(|part| !part.local && part.id != top && listed.contains(&part.uri))
                        .map(|part| part.id)
                        .collect();
                    Ok(db::thread_reads::mark_read(tx, &read, now).await?)
                })
            })
            .await
    }

    /// Reads the collections of replies, those of what they bring too.
    async fn walk(&mut self) -> AppResult<()> {
        while !self.is_over() {
            let (id, since) = (self.conversation_id, self.since);
            let batch = self
                .app
                .read(move |c| {
                    Box::pin(async move {
                        Ok(db::thread_reads::unread(c, id, since, WAVE as i64).await?)
                    })
                })
                .await?;
            if batch.is_empty() {
                break;
            }
            let reading = batch.iter().map(|post| self.read_replies(post));
            let listings = futures::future::join_all(reading).await;
            let listed = listings.into_iter().flatten();
            let posts = listed.flat_map(Listing::into_posts).collect();
            self.take_in(posts).await?;
            // What was not gone through is read again by the next job.
            if self.is_over() {
                break;
            }
            let (ids, now): (Vec<i64>, i64) = (
                batch.iter().map(|post| post.id).collect(),
                self.app.clock.now_ms(),
            );
            self.app
                .write(move |tx| {
                    Box::pin(async move { Ok(db::thread_reads::mark_read(tx, &ids, now).await?) })
                })
                .await?;
        }
        Ok(())
    }

    async fn read_replies(&self, post: &Unread) -> Option<Listing> {
        let budget = self.crew.budget();
        let reading = async {
            match self.replies.get(&post.uri) {
                // It came with the post just now.
                Some(head) => {
                    Ok(collection::read_from(self.app, &post.uri, head, budget, BOUNDS).await)
                }
                None => collection::read(self.app, &post.replies, budget, BOUNDS).await,
            }
        };
        match self.crew.at(&post.uri, reading).await {
            Ok(listing) => Some(listing),
            Err(error) => {
                tracing::debug!(%error, "replies cannot be read");
                None
            }
        }
    }

    fn keep_replies(&mut self, ready: &Ready, document: &Value) {
        if let Some(replies) = replies_of(document).filter(|replies| replies.is_object()) {
            self.replies.insert(ready.note.uri.clone(), replies.clone());
        }
    }

    /// Takes in what of a list is new and belongs here.
    async fn take_in(&mut self, listed: Vec<Listed>) -> AppResult<()> {
        let wanted = in_turns(self.unknown(listed).await?);
        for wave in wanted.chunks(WAVE) {
            if self.is_over() {
                break;
            }
            for (ready, document) in self.ask(wave).await.into_iter().flatten() {
                self.keep_replies(&ready, &document);
                self.waiting.push(ready);
            }
            self.attach().await?;
        }
        Ok(())
    }

    /// Of a list, what is neither here nor was deleted or tried in vain, and may be asked for.
    async fn unknown(&mut self, listed: Vec<Listed>) -> AppResult<Vec<Listed>> {
        let policies = self.app.policies().await?;
        let mut wanted: Vec<Listed> = listed
            .into_iter()
            .filter(|post| {
                uri(&post.id).is_some_and(|url| !policies.blocks(&host(&url)))
                    && !self.app.config.is_ours(&post.id)
                    && !self.known.contains(&post.id)
                    && !self.app.federation.missed.contains(&post.id)
                    && self.tried.insert(post.id.clone())
            })
            .collect();
        let uris: Vec<String> = wanted.iter().map(|post| post.id.clone()).collect();
        let here = self
            .app
            .read(move |c| {
                Box::pin(async move { Ok(db::thread_reads::known_among(c, &uris).await?) })
            })
            .await?;
        let here: HashSet<String> = here.into_iter().collect();
        wanted.retain(|post| !here.contains(&post.id));
        Ok(wanted)
    }

    /// Asks for posts, and remembers those that are not to be had.
    async fn ask(&mut self, listed: &[Listed]) -> Vec<Option<(Ready, Value)>> {
        let posts = self.crew.posts(listed).await;
        if !self.crew.is_spent() {
            for (listed, found) in listed.iter().zip(&posts) {
                if found.is_none() {
                    self.app.federation.missed.insert(listed.id.clone(), ());
                }
            }
        }
        posts
    }

    /// Stores the waiting posts whose parent is in the thread now, and what answers them.
    async fn attach(&mut self) -> AppResult<()> {
        loop {
            let (ready, later) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|ready| {
                    let parent = ready.note.in_reply_to.as_ref();
                    parent.is_some_and(|parent| self.known.contains(parent))
                });
            let ready: Vec<Ready> = ready;
            self.waiting = later;
            if ready.is_empty() {
                return Ok(());
            }
            self.store(ready).await?;
        }
    }

    async fn store(&mut self, mut posts: Vec<Ready>) -> AppResult<()> {
        posts.truncate(THREAD.saturating_sub(self.known.len()));
        for chunk in posts.chunks(CHUNK) {
            let (ctx, chunk) = (self.app.ctx.clone(), chunk.to_vec());
            let stored = self
                .app
                .write(move |tx| {
                    Box::pin(async move {
                        let mut stored = Vec::with_capacity(chunk.len());
                        for ready in chunk {
                            ready.store_quoted(tx, &ctx).await?;
                            let (author, note) = (&ready.author, ready.note);
                            let status = statuses::receive(tx, &ctx, author, note, true).await?;
                            stored.extend(status.map(|status| status.uri));
                        }
                        Ok(stored)
                    })
                })
                .await?;
            self.found += stored.len();
            self.known.extend(stored);
        }
        Ok(())
    }
}

/// The posts of several hosts by turns, each host's in their order.
fn in_turns(posts: Vec<Listed>) -> Vec<Listed> {
    let mut by_host: BTreeMap<String, VecDeque<Listed>> = BTreeMap::new();
    for post in posts {
        let name = uri(&post.id).map(|url| host(&url)).unwrap_or_default();
        by_host.entry(name).or_default().push_back(post);
    }
    let mut turns = Vec::new();
    while !by_host.is_empty() {
        by_host.retain(|_, posts| {
            turns.extend(posts.pop_front());
            !posts.is_empty()
        });
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_take_turns() {
        let post = |id: &str| Listed {
            id: id.to_owned(),
            embedded: None,
        };
        let ids = [
            "https://a.example/1",
            "https://a.example/2",
            "https://a.example/3",
            "https://b.example/1",
        ];
        let turns: Vec<String> = in_turns(ids.map(post).to_vec())
            .into_iter()
            .map(|post| post.id)
            .collect();
        assert_eq!(turns, [ids[0], ids[3], ids[1], ids[2]]);
    }
}
