use super::*;

fn hub() -> Arc<Hub<()>> {
    Arc::default()
}

fn listen(hub: &Arc<Hub<()>>, token: i64, account: i64, channel: Channel) -> Listener<()> {
    let listener = hub.enter(token, account, true).unwrap();
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
    let got = &got.message;
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
    let mut listener = hub.enter(1, 1, true).unwrap();
    listener.subscribe(channel.clone()).unwrap();
    hub.send(&channel, &message(&channel), |_, ()| true);
    assert!(listener.messages.try_recv().is_err());
    assert!(hub.among(&[1], Channel::Home, |_, ()| true).is_empty());
}

#[test]
fn an_older_view_does_not_replace_a_newer_one() {
    let hub: Arc<Hub<u8>> = Arc::default();
    let _listener = hub.enter(1, 1, true).unwrap();
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
    hub.end_token(1, End::Revoked);
    assert_eq!(gone.over.try_recv(), Ok(End::Revoked));
    assert!(stays.over.try_recv().is_err());
    assert_eq!(hub.len(), 1);
    let suspended = End::NoAccess(NoAccess::Suspended);
    hub.end_account(10, suspended);
    assert_eq!(stays.over.try_recv(), Ok(suspended));
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
    let listener = hub.enter(1, 1, true).unwrap();
    for n in 0..CHANNELS {
        let tag = Channel::Hashtag(n.to_string().into());
        listener.subscribe(tag).unwrap();
    }
    assert_eq!(listener.subscribe(Channel::Home(1)), Err(TooMany));
}

#[test]
fn what_is_sent_bears_the_position_of_what_is_told() {
    let hub = hub();
    let channel = Channel::Chat(1);
    let mut listener = listen(&hub, 1, 1, channel.clone());
    let at = Cursor { xid: 0, id: 7 };
    hub.telling(at);
    hub.send(&channel, &message(&channel), |_, ()| true);
    hub.send_passing(&channel, &message(&channel));
    assert_eq!(hub.position(), Cursor::default());
    hub.told(at);
    assert_eq!(hub.position(), at);
    assert_eq!(listener.messages.try_recv().unwrap().at, Some(at));
    assert_eq!(listener.messages.try_recv().unwrap().at, None);
}

#[test]
fn listeners_of_one_token_and_of_one_account_are_bounded() {
    let hub = hub();
    let mut all = Vec::new();
    for token in 0.. {
        let one = hub.enter(token, 1, true);
        if one.is_err() {
            break;
        }
        all.push(one.unwrap());
        for _ in 1..PER_TOKEN {
            all.push(hub.enter(token, 1, true).unwrap());
        }
        assert_eq!(hub.enter(token, 2, true).err(), Some(TooMany));
    }
    assert_eq!(all.len(), PER_ACCOUNT);
    assert!(hub.enter(1, 1, false).is_ok());
    assert!(hub.enter(1000, 2, true).is_ok());
}

#[test]
fn changes_are_told_once_and_as_they_stand() {
    let hub = hub();
    let one = listen(&hub, 1, 10, Channel::Home(10));
    let two = listen(&hub, 1, 10, Channel::Hashtag("cats".into()));
    let there = |streams: Option<&[&str]>| Presence {
        token_id: 1,
        account_id: 10,
        streams: streams.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
    };
    assert_eq!(hub.take_changes(), [there(Some(&["hashtag:cats", "user"]))]);
    assert!(hub.take_changes().is_empty());
    drop(one);
    assert_eq!(hub.presence(1, 10), there(Some(&["hashtag:cats"])));
    drop(two);
    assert_eq!(hub.take_changes(), [there(None)]);
}
