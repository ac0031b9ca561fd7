//! Who listens right now, and to what: the sockets of this process.
//!
//! The hub knows channels, not visibility: whoever sends names a channel and says which of the
//! accounts that listen there may have the message. Sending never waits. A listener who does
//! not keep up is cut off, and comes back.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Messages that wait for a listener at most.
const QUEUE: usize = 512;
/// Channels one listener may have.
const CHANNELS: usize = 128;

/// Where messages go. Each has one name that clients know it by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `user`: the home of an account.
    Home(i64),
    /// `user`: its notifications, for tokens that may read them.
    HomeNotifications(i64),
    /// `user:notification`
    Notifications(i64),
    /// `direct`
    Direct(i64),
    /// `user:chat`: what happens in an account's chats.
    Chat(i64),
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
}

/// Statuses from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    Anywhere,
    Local,
    Remote,
}

impl Channel {
    /// The `stream` of a WebSocket frame.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Channel::Home(_) | Channel::HomeNotifications(_) | Channel::Everyone => vec!["user"],
            Channel::Notifications(_) => vec!["user:notification"],
            Channel::Direct(_) => vec!["direct"],
            Channel::Chat(_) => vec!["user:chat"],
            Channel::List(id) => vec!["list", id],
            Channel::Public(Origin::Anywhere) => vec!["public"],
            Channel::Public(Origin::Local) => vec!["public:local"],
            Channel::Public(Origin::Remote) => vec!["public:remote"],
            Channel::PublicMedia(Origin::Anywhere) => vec!["public:media"],
            Channel::PublicMedia(Origin::Local) => vec!["public:local:media"],
            Channel::PublicMedia(Origin::Remote) => vec!["public:remote:media"],
            Channel::Hashtag(name) => vec!["hashtag", name],
            Channel::HashtagLocal(name) => vec!["hashtag:local", name],
        }
    }
}

/// One message to all listeners of a channel: rendered once, shared by all.
#[derive(Debug)]
pub struct Message {
    /// What happened: `update`, `delete`…
    pub event: &'static str,
    /// JSON, or an id.
    pub payload: Arc<str>,
    websocket: Bytes,
    sse: OnceLock<Bytes>,
}

#[derive(serde::Serialize)]
struct Frame<'a> {
    stream: Vec<&'a str>,
    event: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    payload: &'a str,
}

impl Message {
    /// A message of a channel.
    pub fn new(channel: &Channel, event: &'static str, payload: Arc<str>) -> Message {
        let frame = Frame {
            stream: channel.names(),
            event,
            payload: &payload,
        };
        Message {
            event,
            websocket: serde_json::to_vec(&frame).unwrap_or_default().into(),
            sse: OnceLock::new(),
            payload,
        }
    }

    /// As a WebSocket text frame: UTF-8.
    pub fn websocket(&self) -> Bytes {
        self.websocket.clone()
    }

    /// As a server-sent event.
    pub fn sse(&self) -> Bytes {
        // An event without data is none to those who read server-sent events.
        let data = match &*self.payload {
            "" => "undefined",
            payload => payload,
        };
        let text = || format!("event: {}\ndata: {data}\n\n", self.event).into();
        self.sse.get_or_init(text).clone()
    }
}

/// Why a listener is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its token or user is no good any more.
    Revoked,
    /// It does not keep up.
    Slow,
}

/// The listeners of this process. `V` is what is kept of each listening account to decide what
/// it may have.
#[derive(Debug)]
pub struct Hub<V> {
    state: Mutex<State<V>>,
    serial: AtomicU64,
}

#[derive(Debug)]
struct State<V> {
    listeners: HashMap<u64, Entry>,
    channels: HashMap<Channel, HashSet<u64>>,
    accounts: HashMap<i64, Present<V>>,
    tokens: HashMap<i64, HashSet<u64>>,
}

#[derive(Debug)]
struct Entry {
    token_id: i64,
    account_id: i64,
    messages: mpsc::Sender<Arc<Message>>,
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
    pub messages: mpsc::Receiver<Arc<Message>>,
    pub over: oneshot::Receiver<End>,
}

/// A listener has as many channels as it may.
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
            }),
            serial: AtomicU64::new(1),
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
    pub fn enter(self: &Arc<Self>, token_id: i64, account_id: i64) -> Listener<V> {
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
        state.listeners.insert(id, entry);
        state.tokens.entry(token_id).or_default().insert(id);
        let present = state.accounts.entry(account_id).or_insert_with(|| Present {
            listeners: HashSet::new(),
            view: None,
            version: 0,
        });
        present.listeners.insert(id);
        Listener {
            hub: self.clone(),
            id,
            messages: receiver,
            over: ended,
        }
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
        let Some(ids) = state.channels.get(channel) else {
            return;
        };
        let mut slow = Vec::new();
        for id in ids {
            let Some(entry) = state.listeners.get(id) else {
                continue;
            };
            let view = state
                .accounts
                .get(&entry.account_id)
                .and_then(|present| present.view.as_ref());
            if view.is_some_and(|view| admits(entry.account_id, view))
                && let Err(mpsc::error::TrySendError::Full(_)) =
                    entry.messages.try_send(message.clone())
            {
                slow.push(*id);
            }
        }
        for id in slow {
            state.end(id, End::Slow);
        }
    }

    /// Ends all listeners of a token.
    pub fn end_token(&self, token_id: i64) {
        let mut state = self.state();
        let ids = state.tokens.get(&token_id).cloned().unwrap_or_default();
        ids.into_iter().for_each(|id| state.end(id, End::Revoked));
    }

    /// Ends all listeners of an account.
    pub fn end_account(&self, account_id: i64) {
        let mut state = self.state();
        let ids = state
            .accounts
            .get(&account_id)
            .map(|present| present.listeners.clone())
            .unwrap_or_default();
        ids.into_iter().for_each(|id| state.end(id, End::Revoked));
    }
}

impl<V> State<V> {
    /// Forgets a listener; its entry, if it was still there.
    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.listeners.remove(&id)?;
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
        state.channels.entry(channel).or_default().insert(self.id);
        Ok(())
    }

    /// Listens to it no more.
    pub fn unsubscribe(&self, channel: &Channel) {
        let mut state = self.hub.state();
        if let Some(entry) = state.listeners.get_mut(&self.id) {
            entry.channels.retain(|one| one != channel);
            state.leave(channel, self.id);
        }
    }
}

impl<V> Drop for Listener<V> {
    fn drop(&mut self) {
        self.hub.state().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Arc<Hub<()>> {
        Arc::default()
    }

    fn listen(hub: &Arc<Hub<()>>, token: i64, account: i64, channel: Channel) -> Listener<()> {
        let listener = hub.enter(token, account);
        let begun = hub.begin_view();
        hub.set_view(account, begun, Arc::new(()));
        listener.subscribe(channel).unwrap();
        listener
    }

    fn message(channel: &Channel) -> Arc<Message> {
        Arc::new(Message::new(channel, "update", "{\"a\":\"\\n\"}".into()))
    }

    #[test]
    fn messages_reach_the_admitted_listeners_of_a_channel_alone() {
        let hub = hub();
        let channel = Channel::Public(Origin::Local);
        let mut one = listen(&hub, 1, 10, channel.clone());
        let mut other = listen(&hub, 2, 20, channel.clone());
        let mut elsewhere = listen(&hub, 3, 30, Channel::Home(30));
        hub.send(&channel, &message(&channel), |account, ()| account != 20);
        let got = one.messages.try_recv().unwrap();
        assert_eq!(
            &got.websocket()[..],
            br#"{"stream":["public:local"],"event":"update","payload":"{\"a\":\"\\n\"}"}"#
        );
        assert_eq!(&got.sse()[..], b"event: update\ndata: {\"a\":\"\\n\"}\n\n");
        assert!(other.messages.try_recv().is_err());
        assert!(elsewhere.messages.try_recv().is_err());
        one.unsubscribe(&channel);
        hub.send(&channel, &message(&channel), |_, ()| true);
        assert!(one.messages.try_recv().is_err());
        assert!(other.messages.try_recv().is_ok());
    }

    #[test]
    fn nothing_is_sent_before_it_is_known_what_an_account_may_have() {
        let hub = hub();
        let channel = Channel::Home(1);
        let mut listener = hub.enter(1, 1);
        listener.subscribe(channel.clone()).unwrap();
        hub.send(&channel, &message(&channel), |_, ()| true);
        assert!(listener.messages.try_recv().is_err());
        assert!(hub.among(&[1], Channel::Home, |_, ()| true).is_empty());
    }

    #[test]
    fn an_older_view_does_not_replace_a_newer_one() {
        let hub: Arc<Hub<u8>> = Arc::default();
        let _listener = hub.enter(1, 1);
        let (slow, quick) = (hub.begin_view(), hub.begin_view());
        hub.set_view(1, quick, Arc::new(2));
        hub.set_view(1, slow, Arc::new(1));
        let state = hub.state();
        assert_eq!(state.accounts[&1].view.as_deref(), Some(&2));
    }

    #[test]
    fn a_revoked_token_ends_its_listeners_and_no_others() {
        let hub = hub();
        let mut gone = listen(&hub, 1, 10, Channel::Home(10));
        let mut stays = listen(&hub, 2, 10, Channel::Home(10));
        hub.end_token(1);
        assert_eq!(gone.over.try_recv(), Ok(End::Revoked));
        assert!(stays.over.try_recv().is_err());
        assert_eq!(hub.len(), 1);
        hub.end_account(10);
        assert_eq!(stays.over.try_recv(), Ok(End::Revoked));
        assert!(hub.is_empty());
    }

    #[test]
    fn who_does_not_keep_up_is_cut_off() {
        let hub = hub();
        let channel = Channel::Home(1);
        let mut slow = listen(&hub, 1, 1, channel.clone());
        let message = message(&channel);
        for _ in 0..QUEUE {
            hub.send(&channel, &message, |_, ()| true);
        }
        assert!(slow.over.try_recv().is_err());
        hub.send(&channel, &message, |_, ()| true);
        assert_eq!(slow.over.try_recv(), Ok(End::Slow));
        assert!(!hub.has(&channel));
    }

    #[test]
    fn leaving_leaves_nothing_behind() {
        let hub = hub();
        drop(listen(&hub, 1, 10, Channel::Hashtag("a".into())));
        let state = hub.state();
        assert!(state.listeners.is_empty() && state.channels.is_empty());
        assert!(state.accounts.is_empty() && state.tokens.is_empty());
    }

    #[test]
    fn channels_of_one_listener_are_bounded() {
        let hub = hub();
        let listener = hub.enter(1, 1);
        for n in 0..CHANNELS {
            let tag = Channel::Hashtag(n.to_string().into());
            listener.subscribe(tag).unwrap();
        }
        assert_eq!(listener.subscribe(Channel::Home(1)), Err(TooMany));
    }
}
