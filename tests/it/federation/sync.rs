//! Follower synchronisation (FEP-8fcf): what only one side of a follow knows is found and settled.

use kith::db::accounts::Account;
use kith::domain::synchronisation::{digest_of, disown, hex};
use kith::federation::signature::{PrivateKey, sign_cavage};
use serde_json::{Value, json};

use super::two_servers::{Pair, resolve};
use crate::api::moves::relation;
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{ACTOR_KEY, Answer, Person, Server};

async fn account(server: &Server, id: &str) -> Account {
    let id = id.parse().expect("an id");
    let found = server
        .app
        .read(move |c| Box::pin(async move { Ok(kith::db::accounts::by_id(c, id).await?) }));
    found.await.expect("read").expect("the account is known")
}

/// One side forgets a follow, and tells nobody.
async fn lose(server: &Server, follower: &str, target: &str) {
    let (follower, target) = (
        account(server, follower).await,
        account(server, target).await,
    );
    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| Box::pin(async move { disown(tx, &ctx, &follower, &target).await }))
        .await
        .expect("it is forgotten");
}

async fn followers(server: &Server, who: &Person) -> Vec<Value> {
    let path = format!("/api/v1/accounts/{}/followers", who.id());
    server.get(who, &path).await.entities("Account")
}

async fn to_followers(server: &Server, who: &Person, text: &str) -> Value {
    let body = json!({"status": text, "visibility": "private"});
    server
        .post(who, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

/// Two servers; ben and bob of the second follow alice of the first.
async fn three() -> (Pair, Person, String) {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let ben = pair.two.person("ben").await;
    let path = format!("/api/v1/accounts/{}/follow", pair.alice_there);
    pair.two.post(&ben, &path, json!({})).await.ok();
    eventually("ben follows", async || {
        let to = relation(&pair.two, &ben, &pair.alice_there).await;
        to["following"].as_bool()?.then_some(())
    })
    .await;
    let ben_there = resolve(
        &pair.one,
        &pair.alice,
        &format!("@ben@{}", pair.two.domain()),
    )
    .await;
    (pair, ben, ben_there)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_that_the_other_side_lost_ends_here() {
    let (pair, ben, ben_there) = three().await;
    // While both agree, nothing happens, and both have added up.
    let first = to_followers(&pair.one, &pair.alice, "first").await;
    pair.arrives(&first).await;
    lose(&pair.one, &ben_there, &pair.alice.id()).await;
    assert_eq!(followers(&pair.one, &pair.alice).await.len(), 1);
    let second = to_followers(&pair.one, &pair.alice, "second").await;
    pair.arrives(&second).await;
    eventually("ben follows no more", async || {
        let to = relation(&pair.two, &ben, &pair.alice_there).await;
        (to["following"] == false).then_some(())
    })
    .await;
    assert_eq!(pair.relation().await["following"], true);
    assert_eq!(followers(&pair.one, &pair.alice).await.len(), 1);
    // Both agree again.
    let url = &pair.two.app.config.database_url;
    let jobs = "SELECT count(*) AS n FROM jobs WHERE kind = 'synchronise_followers'";
    eventually("the job ends", async || {
        (crate::support::database::count(url, jobs).await == 0).then_some(())
    })
    .await;
    let third = to_followers(&pair.one, &pair.alice, "third").await;
    pair.arrives(&third).await;
    assert_eq!(crate::support::database::count(url, jobs).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_that_was_lost_here_is_undone_there() {
    let (pair, ben, _) = three().await;
    lose(&pair.two, &ben.id(), &pair.alice_there).await;
    assert_eq!(followers(&pair.one, &pair.alice).await.len(), 2);
    let status = to_followers(&pair.one, &pair.alice, "to whom it concerns").await;
    pair.arrives(&status).await;
    eventually("ben is no follower any more", async || {
        let list = followers(&pair.one, &pair.alice).await;
        let names: Vec<&str> = list.iter().filter_map(|a| a["username"].as_str()).collect();
        (names == ["bob"]).then_some(())
    })
    .await;
    assert_eq!(pair.relation().await["following"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_made_up_for() {
    let (pair, _, _) = three().await;
    // Carl's request is here, the other side has accepted it long ago.
    let carl = pair.two.person("carl").await;
    let there = account(&pair.two, &pair.alice_there).await;
    let (ctx, who) = (pair.two.app.ctx.clone(), carl.account.clone());
    let row = kith::db::relations::Follow {
        id: ctx.ids.next(),
        account_id: who.id,
        target_id: there.id,
        uri: format!("{}#follows/1", who.uri),
        reblogs: true,
        notify: false,
        languages: String::new(),
        created_at: ctx.now(),
    };
    let request = row.clone();
    pair.two
        .app
        .write(move |tx| {
            Box::pin(async move { Ok(kith::db::relations::add_request(tx, &request).await?) })
        })
        .await
        .expect("a request");
    let handle = format!("@carl@{}", pair.two.domain());
    let carl_there = resolve(&pair.one, &pair.alice, &handle).await;
    let follower = account(&pair.one, &carl_there).await;
    let (ctx, alice) = (pair.one.app.ctx.clone(), pair.alice.account.clone());
    // The Accept that goes out is for a Follow that nobody there has made.
    let options = kith::domain::follows::Options {
        uri: Some("http://nowhere.invalid/1".to_owned()),
        ..Default::default()
    };
    pair.one
        .app
        .write(move |tx| {
            Box::pin(async move {
                kith::domain::follows::follow(tx, &ctx, &follower, &alice, options).await
            })
        })
        .await
        .expect("a follow");
    let status = to_followers(&pair.one, &pair.alice, "hello").await;
    pair.arrives(&status).await;
    eventually("carl follows", async || {
        let to = relation(&pair.two, &carl, &pair.alice_there).await;
        to["following"].as_bool()?.then_some(())
    })
    .await;
}

/// A server whose alice and al follow `good` at the peer.
struct Stage {
    server: Server,
    peer: Peer,
    alice: Person,
    al: Person,
    good: String,
    good_id: String,
}

async fn stage() -> Stage {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let (alice, al) = (server.person("alice").await, server.person("al").await);
    let good = peer.add_actor("good");
    let good_id = resolve(&server, &alice, &format!("@good@{}", peer.domain())).await;
    for who in [&alice, &al] {
        let path = format!("/api/v1/accounts/{good_id}/follow");
        server.post(who, &path, json!({})).await.ok();
        let follow = eventually("the Follow arrives", async || {
            let mut all = peer.received().into_iter();
            all.find(|a| a["type"] == "Follow" && a["actor"] == who.account.uri)
        })
        .await;
        let accept = json!({
            "id": format!("{good}#accept/{}", who.account.username),
            "type": "Accept", "actor": good, "object": follow,
        });
        Delivery::by(&good).send(&server, &accept).await;
        eventually("it is accepted", async || {
            let to = relation(&server, who, &good_id).await;
            to["following"].as_bool()?.then_some(())
        })
        .await;
    }
    Stage {
        server,
        peer,
        alice,
        al,
        good,
        good_id,
    }
}

impl Stage {
    fn header(&self, collection: &str, url: &str, digest: &str) -> String {
        format!("collectionId=\"{collection}\", url=\"{url}\", digest=\"{digest}\"")
    }

    /// A note to followers that says something of them.
    async fn say(&self, n: &str, header: String, covered: bool) {
        let mut note = self.peer.note("good", n, n);
        note["to"] = json!([format!("{}/followers", self.good)]);
        note["cc"] = json!([]);
        let delivery = Delivery {
            followers: Some((header, covered)),
            rfc9421: n.ends_with('r'),
            ..Delivery::by(&self.good)
        };
        let answer = delivery
            .send(&self.server, &self.peer.create("good", &note))
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }

    fn list(&self, path: &str, items: &[&str]) -> String {
        let url = format!("{}{path}", self.peer.origin);
        let page = json!({
            "id": url, "type": "OrderedCollection", "orderedItems": items,
        });
        self.peer.serve(path, Page::Document(page));
        url
    }

    async fn follow(&self) -> (bool, bool) {
        let alice = relation(&self.server, &self.alice, &self.good_id).await;
        let al = relation(&self.server, &self.al, &self.good_id).await;
        (alice["following"] == true, al["following"] == true)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_a_list_of_followers_is_believed_from_its_own_server_alone() {
    let stage = stage().await;
    let other = Peer::start().await;
    let (alice, al) = (&stage.alice.account.uri, &stage.al.account.uri);
    let followers = format!("{}/followers", stage.good);
    let one = hex(digest_of([alice.as_str()].into_iter()));
    let fine = stage.list("/list", &[alice]);
    // Of somebody else's followers; at another host; not signed for; nonsense.
    let elsewhere = format!("{}/list", other.origin);
    let page = json!({"id": elsewhere, "type": "OrderedCollection", "orderedItems": [alice]});
    other.serve("/list", Page::Document(page));
    let of_another = format!("{}/users/other/followers", stage.peer.origin);
    stage
        .say("1", stage.header(&of_another, &fine, &one), true)
        .await;
    stage
        .say(
            "2",
            stage.header(&format!("{}/followers", other.origin), &fine, &one),
            true,
        )
        .await;
    let direct = format!("{}/direct", other.origin);
    stage
        .say("3", stage.header(&followers, &direct, &one), true)
        .await;
    stage
        .say("4", stage.header(&followers, &fine, &one), false)
        .await;
    stage
        .say("5r", stage.header(&followers, &fine, &one), false)
        .await;
    stage
        .say("6", format!("collectionId=\"{followers}"), true)
        .await;
    // A list that leads elsewhere, is another than was said, or has no end.
    let away = format!("{}/away", stage.peer.origin);
    stage.peer.serve("/away", Page::Redirect(elsewhere.clone()));
    stage
        .say("7", stage.header(&followers, &away, &one), true)
        .await;
    settled(&stage, "/away").await;
    let lies = stage.list("/lies", &[]);
    stage
        .say("8", stage.header(&followers, &lies, &one), true)
        .await;
    settled(&stage, "/lies").await;
    let endless = format!("{}/endless", stage.peer.origin);
    let page = json!({
        "id": endless, "type": "OrderedCollection", "orderedItems": [alice], "first": endless,
        "next": endless,
    });
    stage.peer.serve("/endless", Page::Document(page));
    stage
        .say("9", stage.header(&followers, &endless, &one), true)
        .await;
    settled(&stage, "/endless").await;
    let many: Vec<String> = (0..15_001)
        .map(|n| format!("{}/users/x{n}", stage.server.url))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let crowd = stage.list("/crowd", &many);
    let of_many = hex(digest_of(many.iter().copied()));
    stage
        .say("10", stage.header(&followers, &crowd, &of_many), true)
        .await;
    settled(&stage, "/crowd").await;
    assert_eq!(stage.follow().await, (true, true));
    assert_eq!((other.asked("/direct"), stage.peer.asked("/list")), (0, 0));

    // What is right is heeded, in pages too, and signed in either way.
    let page = format!("{}/pages?page=1", stage.peer.origin);
    let head = json!({"id": format!("{}/pages", stage.peer.origin), "type": "OrderedCollection", "first": page});
    stage.peer.serve("/pages", Page::Document(head));
    let items = json!({"id": page, "type": "OrderedCollectionPage", "orderedItems": [al, "https://x.example/users/y"]});
    stage.peer.serve("/pages?page=1", Page::Document(items));
    let of_al = hex(digest_of([al.as_str()].into_iter()));
    let url = format!("{}/pages", stage.peer.origin);
    stage
        .say("11r", stage.header(&followers, &url, &of_al), true)
        .await;
    settled(&stage, "/pages?page=1").await;
    assert_eq!(stage.follow().await, (false, true));
}

/// Waits until the list on a path was read, and what it says is settled. A minute passes, for one
/// actor's are read once a minute.
async fn settled(stage: &Stage, path: &str) {
    let jobs = "SELECT count(*) AS n FROM jobs WHERE kind = 'synchronise_followers'";
    let url = &stage.server.app.config.database_url;
    eventually("a difference is found", async || {
        let waits = crate::support::database::count(url, jobs).await > 0;
        (waits || stage.peer.asked(path) > 0).then_some(())
    })
    .await;
    stage.server.pass(61_000);
    eventually("the list is read", async || {
        (stage.peer.asked(path) > 0).then_some(())
    })
    .await;
    eventually("it is settled", async || {
        (crate::support::database::count(url, jobs).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_followers_says_what_they_come_to() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let names = ["good", "fine"];
    for name in names {
        let actor = peer.add_actor(name);
        let follow = json!({
            "id": format!("{actor}#follow"), "type": "Follow", "actor": actor,
            "object": alice.account.uri,
        });
        Delivery::by(&actor).send(&server, &follow).await;
    }
    eventually("both follow", async || {
        (followers(&server, &alice).await.len() == 2).then_some(())
    })
    .await;
    let knock = async |text: &str| {
        eventually("the post arrives", async || {
            let mut all = peer.knocks().into_iter();
            all.find(|k| {
                k.activity["object"]["content"]
                    .as_str()
                    .is_some_and(|c| c.contains(text))
            })
        })
        .await
    };
    to_followers(&server, &alice, "just us").await;
    server.status(&alice, "everyone").await;
    assert_eq!(knock("everyone").await.followers, "");
    let private = knock("just us").await;
    let url = format!("{}/followers_synchronization", alice.account.uri);
    let (good, fine) = (peer.actor_uri("good"), peer.actor_uri("fine"));
    assert_eq!(
        private.followers,
        format!(
            "collectionId=\"{}/followers\", url=\"{url}\", digest=\"{}\"",
            alice.account.uri,
            hex(digest_of([&*good, &*fine].into_iter()))
        )
    );
    assert!(
        private.covered.contains("collection-synchronization"),
        "{}",
        private.covered
    );
    // It is kept up with who comes and goes.
    let undo = json!({
        "id": format!("{fine}#undo"), "type": "Undo", "actor": fine,
        "object": {"type": "Follow", "actor": fine, "object": alice.account.uri},
    });
    Delivery::by(&fine).send(&server, &undo).await;
    eventually("one is gone", async || {
        (followers(&server, &alice).await.len() == 1).then_some(())
    })
    .await;
    to_followers(&server, &alice, "you alone").await;
    let alone = knock("you alone").await;
    assert!(
        alone
            .followers
            .contains(&hex(digest_of([&*good].into_iter()))),
        "{}",
        alone.followers
    );
    // Gone for good: so is what it added.
    let delete =
        json!({"id": format!("{good}#gone"), "type": "Delete", "actor": good, "object": good});
    Delivery::by(&good).send(&server, &delete).await;
    eventually("nobody is left", async || {
        followers(&server, &alice).await.is_empty().then_some(())
    })
    .await;
    let again = "SELECT count(*) AS n FROM follower_digests WHERE digest_0 = 0 AND digest_3 = 0";
    let url = &server.app.config.database_url;
    assert_eq!(crate::support::database::count(url, again).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_server_is_told_of_its_own_accounts_alone() {
    let (server, peer, other) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    for peer in [&peer, &other] {
        let actor = peer.add_actor("good");
        let follow = json!({
            "id": format!("{actor}#follow"), "type": "Follow", "actor": actor,
            "object": alice.account.uri,
        });
        Delivery::by(&actor).send(&server, &follow).await;
    }
    eventually("both follow", async || {
        (followers(&server, &alice).await.len() == 2).then_some(())
    })
    .await;
    let path = "/users/alice/followers_synchronization";
    server.get_public(path).await.refused(401);
    let signed = async |path: &str, actor: &str| {
        let url = url::Url::parse(&format!("{}{path}", server.url)).unwrap();
        let key = PrivateKey::from_pem(ACTOR_KEY).unwrap();
        let now = server.app.clock.now_ms();
        let key_id = format!("{actor}#main-key");
        let headers = sign_cavage(&key, &key_id, &reqwest::Method::GET, &url, None, now).unwrap();
        let request = server.http.get(url.as_str()).headers(headers);
        Answer::of(request, path.to_owned()).await
    };
    // One that nobody here has heard of asks for its server.
    let instance = peer.add_actor("instance");
    let list = signed(path, &instance).await;
    assert_eq!(list.headers["cache-control"], "private, no-store");
    let list = list.ok();
    assert_eq!(list["id"], format!("{}{path}", server.url));
    assert_eq!(list["type"], "OrderedCollection");
    assert_eq!(list["orderedItems"], json!([peer.actor_uri("good")]));
    let stranger = Peer::start().await;
    let list = signed(path, &stranger.add_actor("instance")).await.ok();
    assert_eq!(list["orderedItems"], json!([]));
    // A key that its actor does not list, and a name that is not there.
    signed(path, &stranger.actor_uri("nobody"))
        .await
        .refused(401);
    signed("/users/nobody/followers_synchronization", &instance)
        .await
        .refused(404);
}
