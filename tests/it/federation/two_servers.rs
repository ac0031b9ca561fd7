//! Two Kith servers do everything to each other.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::deletion;
use crate::api::moves::with_password;
use crate::support::peer::eventually;
use crate::support::{Person, Server};

/// Two servers with a person each; each knows the other's.
pub(crate) struct Pair {
    pub(crate) one: Server,
    pub(crate) two: Server,
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    /// Bob's id on the first server, alice's on the second.
    pub(crate) bob_there: String,
    pub(crate) alice_there: String,
}

pub(crate) async fn resolve(server: &Server, as_whom: &Person, handle: &str) -> String {
    let found = server
        .get(
            as_whom,
            &format!("/api/v2/search?q={handle}&resolve=true&type=accounts"),
        )
        .await
        .entity("Search");
    found["accounts"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{handle} is not found: {found}"))
        .to_owned()
}

impl Pair {
    pub(crate) async fn start() -> Pair {
        let (one, two) = (Server::start().await, Server::start().await);
        let (alice, bob) = (one.person("alice").await, two.person("bob").await);
        let bob_there = resolve(&one, &alice, &format!("@bob@{}", two.domain())).await;
        let alice_there = resolve(&two, &bob, &format!("@alice@{}", one.domain())).await;
        Pair {
            one,
            two,
            alice,
            bob,
            bob_there,
            alice_there,
        }
    }

    /// Bob follows alice, and knows it.
    pub(crate) async fn bob_follows(&self) {
        let path = format!("/api/v1/accounts/{}/follow", self.alice_there);
        self.two
            .post(&self.bob, &path, json!({}))
            .await
            .entity("Relationship");
        eventually("the follow is accepted", async || {
            self.relation().await["following"].as_bool()?.then_some(())
        })
        .await;
    }

    /// How bob stands to alice.
    pub(crate) async fn relation(&self) -> Value {
        let path = format!("/api/v1/accounts/relationships?id[]={}", self.alice_there);
        self.two
            .get(&self.bob, &path)
            .await
            .entities("Relationship")
            .remove(0)
    }

    /// Alice's status as bob's home shows it.
    pub(crate) async fn arrives(&self, status: &Value) -> Value {
        eventually("the status arrives", async || {
            let home = self
                .two
                .get(&self.bob, "/api/v1/timelines/home")
                .await
                .entities("Status");
            home.into_iter().find(|s| s["uri"] == status["uri"])
        })
        .await
    }

    pub(crate) async fn own(&self, status: &Value) -> Value {
        let path = format!("/api/v1/statuses/{}", id(status));
        self.one.get(&self.alice, &path).await.entity("Status")
    }
}

pub(crate) fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_read_liked_boosted_answered_edited_and_deleted_elsewhere() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let followers = format!("/api/v1/accounts/{}/followers", pair.alice.id());
    let followers = pair
        .one
        .get(&pair.alice, &followers)
        .await
        .entities("Account");
    assert_eq!(followers[0]["acct"], format!("bob@{}", pair.two.domain()));
    let post = json!({"status": format!("hello @bob@{} #Fedi", pair.two.domain()), "spoiler_text": "cw", "language": "en"});
    let status = pair
        .one
        .post(&pair.alice, "/api/v1/statuses", post)
        .await
        .entity("Status");
    let there = pair.arrives(&status).await;
    assert_eq!(
        there["account"]["acct"],
        format!("alice@{}", pair.one.domain())
    );
    assert_eq!(
        (
            &there["spoiler_text"],
            &there["language"],
            &there["visibility"]
        ),
        (&json!("cw"), &json!("en"), &json!("public"))
    );
    assert_eq!(there["tags"][0]["name"], "fedi");
    assert_eq!(there["mentions"][0]["id"], pair.bob.id());
    eventually("the mention notifies", async || {
        let list = pair
            .two
            .get(&pair.bob, "/api/v1/notifications")
            .await
            .entities("Notification");
        list.iter()
            .any(|n| n["type"] == "mention" && n["status"]["id"] == there["id"])
            .then_some(())
    })
    .await;

    let act = |verb: &str| format!("/api/v1/statuses/{}/{verb}", id(&there));
    for (verb, count, kind) in [
        ("favourite", "favourites_count", "favourite"),
        ("reblog", "reblogs_count", "reblog"),
    ] {
        pair.two
            .post(&pair.bob, &act(verb), json!({}))
            .await
            .entity("Status");
        eventually(verb, async || {
            (pair.own(&status).await[count] == 1).then_some(())
        })
        .await;
        let list = pair
            .one
            .get(&pair.alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        assert_eq!(list[0]["type"], kind);
        pair.two
            .post(&pair.bob, &act(&format!("un{verb}")), json!({}))
            .await
            .entity("Status");
        eventually("it is undone", async || {
            (pair.own(&status).await[count] == 0).then_some(())
        })
        .await;
    }

    let reply = json!({"status": format!("@alice@{} hi", pair.one.domain()), "in_reply_to_id": there["id"]});
    let reply = pair
        .two
        .post(&pair.bob, "/api/v1/statuses", reply)
        .await
        .entity("Status");
    let context = format!("/api/v1/statuses/{}/context", id(&status));
    eventually("the reply arrives", async || {
        let context = pair.one.get(&pair.alice, &context).await.entity("Context");
        (context["descendants"][0]["uri"] == reply["uri"]).then_some(())
    })
    .await;

    let edit = json!({"status": "changed"});
    let path = format!("/api/v1/statuses/{}", id(&status));
    pair.one
        .send(Method::PUT, &path, Some(&pair.alice.token), Some(&edit))
        .await
        .entity("Status");
    let there_path = format!("/api/v1/statuses/{}", id(&there));
    eventually("the edit arrives", async || {
        let now = pair.two.get(&pair.bob, &there_path).await.entity("Status");
        (now["content"] == "<p>changed</p>" && now["edited_at"].is_string()).then_some(())
    })
    .await;

    pair.one
        .send(Method::DELETE, &path, Some(&pair.alice.token), None)
        .await
        .entity("Status");
    eventually("the deletion arrives", async || {
        (pair.two.get(&pair.bob, &there_path).await.status == 404).then_some(())
    })
    .await;
    let tombstone = pair
        .one
        .http
        .get(status["uri"].as_str().expect("a URI"))
        .header("accept", "application/activity+json")
        .send()
        .await
        .expect("an answer");
    assert_eq!(tombstone.status(), 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_posts_reach_followers_and_direct_ones_whom_they_name() {
    let pair = Pair::start().await;
    let carol = pair.two.person("carol").await;
    pair.bob_follows().await;
    let private = json!({"status": "for followers", "visibility": "private"});
    let private = pair
        .one
        .post(&pair.alice, "/api/v1/statuses", private)
        .await
        .entity("Status");
    let there = pair.arrives(&private).await;
    assert_eq!(there["visibility"], "private");
    let path = format!("/api/v1/statuses/{}", id(&there));
    pair.two.get(&carol, &path).await.refused(404);
    pair.two.get_public(&path).await.refused(404);
    let direct =
        json!({"status": format!("@carol@{} psst", pair.two.domain()), "visibility": "direct"});
    let direct = pair
        .one
        .post(&pair.alice, "/api/v1/statuses", direct)
        .await
        .entity("Status");
    let note = eventually("the direct post notifies", async || {
        let list = pair
            .two
            .get(&carol, "/api/v1/notifications")
            .await
            .entities("Notification");
        list.into_iter()
            .find(|n| n["status"]["uri"] == direct["uri"])
    })
    .await;
    assert_eq!(note["status"]["visibility"], "direct");
    pair.two
        .get(
            &pair.bob,
            &format!("/api/v1/statuses/{}", id(&note["status"])),
        )
        .await
        .refused(404);
    // What is private is not shown to whoever asks for its id.
    for status in [&private, &direct] {
        let answer = pair
            .one
            .http
            .get(status["uri"].as_str().expect("a URI"))
            .header("accept", "application/activity+json")
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_decides_from_here() {
    let pair = Pair::start().await;
    let locked = json!({"locked": true});
    pair.one
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&pair.alice.token),
            Some(&locked),
        )
        .await
        .ok();
    for (verdict, following) in [("reject", false), ("authorize", true)] {
        let path = format!("/api/v1/accounts/{}/follow", pair.alice_there);
        let relation = pair
            .two
            .post(&pair.bob, &path, json!({}))
            .await
            .entity("Relationship");
        assert_eq!(relation["requested"], true);
        eventually("the request arrives", async || {
            let list = pair
                .one
                .get(&pair.alice, "/api/v1/follow_requests")
                .await
                .entities("Account");
            list.iter().any(|a| a["id"] == pair.bob_there).then_some(())
        })
        .await;
        assert_eq!(
            pair.relation().await["following"],
            false,
            "not before it is accepted"
        );
        let decide = format!("/api/v1/follow_requests/{}/{verdict}", pair.bob_there);
        pair.one
            .post(&pair.alice, &decide, json!({}))
            .await
            .entity("Relationship");
        eventually(verdict, async || {
            let relation = pair.relation().await;
            (relation["requested"] == false && relation["following"] == following).then_some(())
        })
        .await;
    }
    let unfollow = format!("/api/v1/accounts/{}/unfollow", pair.alice_there);
    pair.two.post(&pair.bob, &unfollow, json!({})).await.ok();
    let followers = format!("/api/v1/accounts/{}/followers", pair.alice.id());
    eventually("the unfollow arrives", async || {
        pair.one
            .get(&pair.alice, &followers)
            .await
            .entities("Account")
            .is_empty()
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_the_follow_on_the_other_side() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let block = format!("/api/v1/accounts/{}/block", pair.bob_there);
    pair.one
        .post(&pair.alice, &block, json!({}))
        .await
        .entity("Relationship");
    eventually("the block arrives", async || {
        let relation = pair.relation().await;
        (relation["following"] == false && relation["blocked_by"] == true).then_some(())
    })
    .await;
    let unblock = format!("/api/v1/accounts/{}/unblock", pair.bob_there);
    pair.one.post(&pair.alice, &unblock, json!({})).await.ok();
    eventually("it is lifted", async || {
        (pair.relation().await["blocked_by"] == false).then_some(())
    })
    .await;
    pair.bob_follows().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_profile_arrives() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let update = json!({"display_name": "Alice A.", "note": "new", "fields_attributes": [{"name": "a", "value": "b"}]});
    pair.one
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&pair.alice.token),
            Some(&update),
        )
        .await
        .ok();
    let path = format!("/api/v1/accounts/{}", pair.alice_there);
    eventually("the update arrives", async || {
        let account = pair.two.get_public(&path).await.entity("Account");
        (account["display_name"] == "Alice A."
            && account["note"] == "<p>new</p>"
            && account["fields"][0]["name"] == "a")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_deleted_is_gone_from_other_servers() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    with_password(&pair.one, &pair.alice).await;
    let status = pair.one.status(&pair.alice, "soon gone").await;
    let there = pair.arrives(&status).await;
    deletion::delete(&pair.one, &pair.alice).await;
    // Others are not told before the week is over.
    let path = format!("/api/v1/accounts/{}", pair.alice_there);
    pair.two.get(&pair.bob, &path).await.entity("Account");
    for server in [&pair.one, &pair.two] {
        server.pass(deletion::WEEK);
    }
    let status = format!("/api/v1/statuses/{}", id(&there));
    eventually("the account is gone there", async || {
        let gone = pair.two.get(&pair.bob, &path).await.status == 404
            && pair.two.get(&pair.bob, &status).await.status == 404;
        gone.then_some(())
    })
    .await;
    let own = format!("/api/v1/accounts/{}", pair.bob.id());
    let own = pair.two.get(&pair.bob, &own);
    assert_eq!(own.await.entity("Account")["following_count"], 0);
    deletion::erased(&pair.one).await;
    let waiting = "SELECT count(*) AS n FROM follows";
    let url = &pair.one.app.config.database_url;
    assert_eq!(crate::support::database::count(url, waiting).await, 0);
}
