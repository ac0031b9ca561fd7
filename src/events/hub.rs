//! Who listens right now, and to what: the sockets of this process.
//!
//! The hub knows channels, not visibility: whoever sends names a channel and says which of the
//! accounts that listen there may have the message. Sending never waits. A listener who does
//! not keep up is cut off, and comes back.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};

use super::Cursor;
pub use super::message::{Message, Sent};

/// Messages that wait for a listener at most. Room for them is made as they come.
const QUEUE: usize = 512;
/// Channels one listener may have.
const CHANNELS: usize = 128;
/// Listeners that one token, and one account, may have in this process.
const PER_TOKEN: usize = 32;
const PER_ACCOUNT: usize = 128;

/// Where messages go. Each has one name that clients know it by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `user`: the home of an account.
    Home(i64),
    /// `user`: its notifications, for tokens that may read them.
    HomeNotifications(i64),
    /// `user:notification`
    Notifications(i64),
    /// `user:notification:kith`: notifications of every kind, as Kith's own API shows them.
    KithNotifications(i64),
    /// `direct`
    Direct(i64),
    /// `list`, by the list's id as clients know it.
    List(Arc<str>),
    /// `public`, `public:local`, `public:remote`
    Public(Origin),
    /// The same with `:media`.
    PublicMedia(Origin),
    /// `hashtag`, with the normalised name.
    Hashtag(Arc<str>),
    /// `hashtag:local`
    HashtagLocal(Arc<str>),
    /// `user`: what concerns everyone here.
    Everyone,
    /// `user:chat`: an account's chats, and who of those it knows is there.
    Chat(i64),
}

/// Statuses from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    Anywhere,
    Local,
    Remote,
}

impl Channel {
    /// The stream's name, without what it is of.
    pub fn stream(&self) -> &'static str {
        match self {
            Channel::Home(_) | Channel::HomeNotifications(_) | Channel::Everyone => "user",
            Channel::Notifications(_) => "user:notification",
            Channel::KithNotifications(_) => "user:notification:kith",
            Channel::Direct(_) => "direct",
            Channel::List(_) => "list",
            Channel::Public(Origin::Anywhere) => "public",
            Channel::Public(Origin::Local) => "public:local",
            Channel::Public(Origin::Remote) => "public:remote",
            Channel::PublicMedia(Origin::Anywhere) => "public:media",
            Channel::PublicMedia(Origin::Local) => "public:local:media",
            Channel::PublicMedia(Origin::Remote) => "public:remote:media",
            Channel::Hashtag(_) => "hashtag",
            Channel::HashtagLocal(_) => "hashtag:local",
            Channel::Chat(_) => "user:chat",
        }
    }

    /// The `stream` of a WebSocket frame.
    pub fn names(&self) -> Vec<&str> {
        let mut names = vec![self.stream()];
        match self {
            Channel::List(of) | Channel::Hashtag(of) | Channel::HashtagLocal(of) => names.push(of),
            _ => {}
        }
        names
    }
}

/// Why a listener is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its token is no good any more.
    Revoked,
    /// Nobody may use its account now.
    NoAccess(NoAccess),
    /// It does not keep up.
    Slow,
    /// It may have missed something, and is to come again for it.
    Behind,
}

/// Why nobody may use an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAccess {
    Suspended,
    /// It is gone, or about to go as its owner wished.
    Deleted,
    /// Moderators do not let its owner sign in.
    Disabled,
    /// Its owner is not let in yet.
    Pending,
}

impl End {
    /// As clients are told.
    pub fn reason(self) -> &'static str {
        match self {
            End::Revoked => "access token revoked",
            End::NoAccess(NoAccess::Suspended) => "no_access: account suspended",
            End::NoAccess(NoAccess::Deleted) => "no_access: account deleted",
            End::NoAccess(NoAccess::Disabled) => "no_access: login disabled",
            End::NoAccess(NoAccess::Pending) => "no_access: login pending",
            End::Slow => "too slow",
            End::Behind => "try again",
        }
    }
}

/// The listeners of this process. `V` is what is kept of each listening account to decide what
/// it may have.
#[derive(Debug)]
pub struct Hub<V> {
    state: Mutex<State<V>>,
    serial: AtomicU64,
    /// Rung when a token's listeners or their streams changed.
    pub changed: Notify,
}

#[derive(Debug)]
struct State<V> {
    listeners: HashMap<u64, Entry>,
    channels: HashMap<Channel, HashSet<u64>>,
    accounts: HashMap<i64, Present<V>>,
    tokens: HashMap<i64, HashSet<u64>>,
    /// Tokens whose listeners or streams changed since this was last taken, with their accounts.
    changes: HashMap<i64, i64>,
    /// The event that is being told, and the last that was told to its end.
    telling: Option<Cursor>,
    /// Whether anybody was sent anything of it.
    sent: bool,
    told: Cursor,
}

#[derive(Debug)]
struct Entry {
    token_id: i64,
    account_id: i64,
    messages: mpsc::Sender<Arc<Sent>>,
    over: oneshot::Sender<End>,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Present<V> {
    listeners: HashSet<u64>,
    view: Option<Arc<V>>,
    /// When the view's reading began: an older reading does not replace a newer one.
    version: u64,
}

/// A listener's end: messages come until it is over. Dropping it leaves the hub.
#[derive(Debug)]
pub struct Listener<V> {
    hub: Arc<Hub<V>>,
    id: u64,
    pub messages: mpsc::Receiver<Arc<Sent>>,
    pub over: oneshot::Receiver<End>,
}

/// How a token listens here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    pub token_id: i64,
    pub account_id: i64,
    /// Names of the streams of all its listeners; `None`: it has no listener.
    pub streams: Option<Vec<String>>,
}

/// A listener has as many channels, or a token or account as many listeners, as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl<V> Default for Hub<V> {
    fn default() -> Self {
        Hub {
            state: Mutex::new(State {
                listeners: HashMap::new(),
                channels: HashMap::new(),
                accounts: HashMap::new(),
                tokens: HashMap::new(),
                changes: HashMap::new(),
                telling: None,
                sent: false,
                told: Cursor::default(),
            }),
            serial: AtomicU64::new(1),
            changed: Notify::new(),
        }
    }
}

impl<V> Hub<V> {
    fn state(&self) -> MutexGuard<'_, State<V>> {
        // Nothing under the lock can panic half-way through a change that matters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a listener. What its account may have is to be read now and given to
    /// [`Hub::set_view`]; and whether the token is good is to be checked now, not before: a
    /// revocation from here on ends it.
    ///
    /// # Errors
    /// [`TooMany`] when the token or the account has as many as it may, where that is `bounded`.
    pub fn enter(
        self: &Arc<Self>,
        token_id: i64,
        account_id: i64,
        bounded: bool,
    ) -> Result<Listener<V>, TooMany> {
        let (messages, receiver) = mpsc::channel(QUEUE);
        let (over, ended) = oneshot::channel();
        let id = self.serial.fetch_add(1, Ordering::Relaxed);
        let entry = Entry {
            token_id,
            account_id,
            messages,
            over,
            channels: Vec::new(),
        };
        let mut state = self.state();
        let of_token = state.tokens.get(&token_id).map_or(0, HashSet::len);
        let of_account = state.accounts.get(&account_id);
        let of_account = of_account.map_or(0, |present| present.listeners.len());
        if bounded && (of_token >= PER_TOKEN || of_account >= PER_ACCOUNT) {
            return Err(TooMany);
        }
        state.listeners.insert(id, entry);
        state.changes.insert(token_id, account_id);
        state.tokens.entry(token_id).or_default().insert(id);
        let present = state.accounts.entry(account_id).or_insert_with(|| Present {
            listeners: HashSet::new(),
            view: None,
            version: 0,
        });
        present.listeners.insert(id);
        drop(state);
        self.changed.notify_one();
        Ok(Listener {
            hub: self.clone(),
            id,
            messages: receiver,
            over: ended,
        })
    }

    /// Says which event of the log is told from here on: what is sent bears its position.
    pub fn telling(&self, cursor: Cursor) {
        let mut state = self.state();
        state.telling = Some(cursor);
        state.sent = false;
    }

    /// Whether anybody was sent anything of that event.
    pub fn has_sent(&self) -> bool {
        self.state().sent
    }

    /// Says that it was told to its end.
    pub fn told(&self, cursor: Cursor) {
        let mut state = self.state();
        state.telling = None;
        state.told = cursor;
    }

    /// The position up to which everything was told here.
    pub fn position(&self) -> Cursor {
        self.state().told
    }

    /// How the tokens listen whose listeners or streams changed since this was last called.
    pub fn take_changes(&self) -> Vec<Presence> {
        let mut state = self.state();
        let changes = std::mem::take(&mut state.changes);
        changes
            .into_iter()
            .map(|(token_id, account_id)| state.presence(token_id, account_id))
            .collect()
    }

    /// Has changes told again that were taken in vain.
    pub fn change_again(&self, changes: &[Presence]) {
        let mut state = self.state();
        for change in changes {
            state.changes.insert(change.token_id, change.account_id);
        }
    }

    /// Has it told anew how every token listens.
    pub fn change_all(&self) {
        let mut state = self.state();
        let State {
            listeners, changes, ..
        } = &mut *state;
        changes.extend(listeners.values().map(|e| (e.token_id, e.account_id)));
    }

    /// How a token listens here.
    pub fn presence(&self, token_id: i64, account_id: i64) -> Presence {
        self.state().presence(token_id, account_id)
    }

    /// To be taken before reading what [`Hub::set_view`] is given.
    pub fn begin_view(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps what decides for an account, unless a later reading was kept or it has gone.
    pub fn set_view(&self, account_id: i64, begun: u64, view: Arc<V>) {
        if let Some(present) = self.state().accounts.get_mut(&account_id)
            && present.version < begun
        {
            present.version = begun;
            present.view = Some(view);
        }
    }

    /// Whether an account listens here.
    pub fn is_present(&self, account_id: i64) -> bool {
        self.state().accounts.contains_key(&account_id)
    }

    /// How many listeners there are.
    pub fn len(&self) -> usize {
        self.state().listeners.len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.state().listeners.is_empty()
    }

    /// Whether anyone listens to a channel.
    pub fn has(&self, channel: &Channel) -> bool {
        self.state().channels.contains_key(channel)
    }

    /// Of some accounts, those that listen to the channel made for each and may have it.
    pub fn among(
        &self,
        accounts: &[i64],
        channel: impl Fn(i64) -> Channel,
        admits: impl Fn(i64, &V) -> bool,
    ) -> Vec<i64> {
        let state = self.state();
        let listens = |account: &i64| {
            let Some(present) = state.accounts.get(account) else {
                return false;
            };
            let Some(view) = &present.view else {
                return false;
            };
            state.channels.contains_key(&channel(*account)) && admits(*account, view)
        };
        accounts.iter().copied().filter(listens).collect()
    }

    /// The accounts that listen to a channel and that are `wanted`, each once.
    pub fn listening(&self, channel: &Channel, wanted: impl Fn(i64, &V) -> bool) -> Vec<i64> {
        let state = self.state();
        let mut found = Vec::new();
        for id in state.channels.get(channel).into_iter().flatten() {
            let Some(entry) = state.listeners.get(id) else {
                continue;
            };
            let account = entry.account_id;
            let view = state
                .accounts
                .get(&account)
                .and_then(|present| present.view.as_ref());
            if view.is_some_and(|view| wanted(account, view)) && !found.contains(&account) {
                found.push(account);
            }
        }
        found
    }

    /// Sends to the listeners of a channel whose account `admits`.
    pub fn send(
        &self,
        channel: &Channel,
        message: &Arc<Message>,
        admits: impl Fn(i64, &V) -> bool,
    ) {
        let mut state = self.state();
        let at = state.telling;
        state.send(channel, message, at, admits);
    }

    /// Sends what is in no log, and is not missed by who is not there: typing, who is there.
    pub fn send_passing(&self, channel: &Channel, message: &Arc<Message>) {
        self.state().send(channel, message, None, |_, _| true);
    }

    /// The account of a token that listens here.
    pub fn account_of(&self, token_id: i64) -> Option<i64> {
        let state = self.state();
        let id = state.tokens.get(&token_id)?.iter().next()?;
        state.listeners.get(id).map(|entry| entry.account_id)
    }

    /// Ends all listeners of a token.
    pub fn end_token(&self, token_id: i64, why: End) {
        let mut state = self.state();
        let ids = state.tokens.get(&token_id).cloned().unwrap_or_default();
        ids.into_iter().for_each(|id| state.end(id, why));
    }

    /// Ends all listeners.
    pub fn end_all(&self, why: End) {
        let mut state = self.state();
        let ids: Vec<u64> = state.listeners.keys().copied().collect();
        ids.into_iter().for_each(|id| state.end(id, why));
    }

    /// Ends all listeners of an account.
    pub fn end_account(&self, account_id: i64, why: End) {
        let mut state = self.state();
        let ids = state
            .accounts
            .get(&account_id)
            .map(|present| present.listeners.clone())
            .unwrap_or_default();
        ids.into_iter().for_each(|id| state.end(id, why));
    }
}

impl<V> State<V> {
    fn send(
        &mut self,
        channel: &Channel,
        message: &Arc<Message>,
        at: Option<Cursor>,
        admits: impl Fn(i64, &V) -> bool,
    ) {
        let Some(ids) = self.channels.get(channel) else {
            return;
        };
        let sent = Arc::new(Sent {
            message: message.clone(),
            at,
        });
        let mut slow = Vec::new();
        let mut reached = false;
        for id in ids {
            let Some(entry) = self.listeners.get(id) else {
                continue;
            };
            let view = self
                .accounts
                .get(&entry.account_id)
                .and_then(|present| present.view.as_ref());
            if !view.is_some_and(|view| admits(entry.account_id, view)) {
                continue;
            }
            reached = true;
            if let Err(mpsc::error::TrySendError::Full(_)) = entry.messages.try_send(sent.clone()) {
                slow.push(*id);
            }
        }
        self.sent |= reached && at.is_some();
        for id in slow {
            self.end(id, End::Slow);
        }
    }

    fn presence(&self, token_id: i64, account_id: i64) -> Presence {
        let streams = self.tokens.get(&token_id).map(|ids| {
            let entries = ids.iter().filter_map(|id| self.listeners.get(id));
            let names: BTreeSet<String> = entries
                .flat_map(|entry| &entry.channels)
                .map(|channel| channel.names().join(":"))
                .collect();
            names.into_iter().collect()
        });
        Presence {
            token_id,
            account_id,
            streams,
        }
    }

    /// Forgets a listener; its entry, if it was still there.
    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.listeners.remove(&id)?;
        self.changes.insert(entry.token_id, entry.account_id);
        for channel in &entry.channels {
            self.leave(channel, id);
        }
        if let Some(ids) = self.tokens.get_mut(&entry.token_id) {
            ids.remove(&id);
            if ids.is_empty() {
                self.tokens.remove(&entry.token_id);
            }
        }
        if let Some(present) = self.accounts.get_mut(&entry.account_id) {
            present.listeners.remove(&id);
            if present.listeners.is_empty() {
                self.accounts.remove(&entry.account_id);
            }
        }
        Some(entry)
    }

    fn leave(&mut self, channel: &Channel, id: u64) {
        if let Some(ids) = self.channels.get_mut(channel) {
            ids.remove(&id);
            if ids.is_empty() {
                self.channels.remove(channel);
            }
        }
    }

    fn end(&mut self, id: u64, why: End) {
        if let Some(entry) = self.remove(id) {
            // Nobody waits for it when it is ending by itself.
            let _ = entry.over.send(why);
        }
    }
}

impl<V> Listener<V> {
    /// Listens to a channel as well.
    ///
    /// # Errors
    /// [`TooMany`] when it has as many as it may.
    pub fn subscribe(&self, channel: Channel) -> Result<(), TooMany> {
        let mut state = self.hub.state();
        let Some(entry) = state.listeners.get_mut(&self.id) else {
            return Ok(());
        };
        if entry.channels.contains(&channel) {
            return Ok(());
        }
        if entry.channels.len() >= CHANNELS {
            return Err(TooMany);
        }
        entry.channels.push(channel.clone());
        let (token, account) = (entry.token_id, entry.account_id);
        state.changes.insert(token, account);
        state.channels.entry(channel).or_default().insert(self.id);
        drop(state);
        self.hub.changed.notify_one();
        Ok(())
    }

    /// Listens to it no more.
    pub fn unsubscribe(&self, channel: &Channel) {
        let mut state = self.hub.state();
        if let Some(entry) = state.listeners.get_mut(&self.id) {
            entry.channels.retain(|one| one != channel);
            let (token, account) = (entry.token_id, entry.account_id);
            state.changes.insert(token, account);
            state.leave(channel, self.id);
            self.hub.changed.notify_one();
        }
    }
}

impl<V> Drop for Listener<V> {
    fn drop(&mut self) {
        self.hub.state().remove(self.id);
        // Rung for those who were ended as well: their going is a change, too.
        self.hub.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
