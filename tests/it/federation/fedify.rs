//! Kith and the Fedify peer do everything to each other, and check each other's signatures.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::fedify::{Fedify, LOCKED};
use crate::support::peer::eventually;
use crate::support::{Person, Server};

mod deeds;
mod posts;
mod signatures;

/// Alice here, somebody there, and how alice's server knows them.
pub(super) struct Meeting {
    pub(super) server: Server,
    pub(super) fedify: Fedify,
    pub(super) alice: Person,
    pub(super) name: &'static str,
    pub(super) there: String,
}

impl Meeting {
    pub(super) async fn with(name: &'static str) -> Meeting {
        let (server, fedify) = (Server::start().await, Fedify::meet().await);
        let alice = server.person("alice").await;
        let query = format!(
            "/api/v2/search?q={}&resolve=true&type=accounts",
            fedify.handle(name)
        );
        let found = server.get(&alice, &query).await.entity("Search");
        let there = found["accounts"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} is not found: {found}"))
            .to_owned();
        Meeting {
            server,
            fedify,
            alice,
            name,
            there,
        }
    }

    /// Alice's handle, id and name as the peer writes them.
    pub(super) fn handle(&self) -> String {
        format!("@alice@{}", self.server.domain())
    }

    pub(super) fn uri(&self) -> &str {
        &self.alice.account.uri
    }

    /// The peer's actor does something.
    pub(super) async fn act(&self, verb: &str, what: Value) -> Value {
        self.fedify.act(self.name, verb, what).await
    }

    /// The next activity of alice's that reaches the peer.
    pub(super) async fn expect(&self, kind: &str) -> Value {
        self.fedify.expect(kind, self.uri()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        self.server.post(&self.alice, path, body).await.ok()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.server.get(&self.alice, path).await.ok()
    }

    /// A verb of the client API about the one there.
    pub(super) async fn to_them(&self, verb: &str) -> Value {
        let path = format!("/api/v1/accounts/{}/{verb}", self.there);
        self.post(&path, json!({})).await
    }

    pub(super) async fn relation(&self) -> Value {
        let path = format!("/api/v1/accounts/relationships?id[]={}", self.there);
        self.get(&path).await[0].clone()
    }

    /// Waits until the one there stands to alice like this.
    pub(super) async fn stands(&self, what: &str, is: bool) {
        eventually(what, async || {
            (self.relation().await[what] == is).then_some(())
        })
        .await;
    }

    /// Alice follows, and is accepted.
    pub(super) async fn follow(&self) {
        self.to_them("follow").await;
        self.expect("Follow").await;
        self.stands("following", true).await;
    }

    /// They follow, and are accepted.
    pub(super) async fn be_followed(&self) {
        self.act("follow", json!({"target": self.handle()})).await;
        self.expect("Accept").await;
        self.stands("followed_by", true).await;
    }

    /// Ids in a list that the peer keeps for its actor.
    pub(super) async fn list(&self, name: &str) -> Value {
        self.fedify.look(name, &[("as", self.name)]).await
    }

    /// A status by its URI, once it is here.
    pub(super) async fn arrives(&self, uri: &Value) -> Value {
        let uri = uri.as_str().expect("a URI");
        let path = format!("/api/v2/search?q={uri}&type=statuses");
        eventually("the status arrives", async || {
            let found = self.server.get(&self.alice, &path).await.entity("Search");
            found["statuses"].get(0).cloned()
        })
        .await
    }

    pub(super) async fn home(&self) -> Vec<Value> {
        self.server
            .get(&self.alice, "/api/v1/timelines/home")
            .await
            .entities("Status")
    }

    pub(super) async fn notified(&self, kind: &str) -> Value {
        eventually(kind, async || {
            let list = self
                .server
                .get(&self.alice, "/api/v1/notifications")
                .await
                .entities("Notification");
            list.into_iter()
                .find(|n| n["type"] == kind && n["account"]["id"] == self.there)
        })
        .await
    }

    /// Waits until a count of a status is a number.
    pub(super) async fn counts(&self, status: &Value, count: &str, number: i64) {
        let path = format!("/api/v1/statuses/{}", id(status));
        eventually(count, async || {
            (self.get(&path).await[count] == number).then_some(())
        })
        .await;
    }

    /// Whatever the two servers sent each other was signed well and taken at the first attempt.
    pub(super) async fn all_went_well(&self) {
        let query = [("contains", self.server.url.as_str())];
        for request in self
            .fedify
            .look("requests", &query)
            .await
            .as_array()
            .expect("a list")
        {
            let of_ours = request["headers"]["user-agent"]
                .as_str()
                .is_some_and(|agent| agent.contains(&self.server.url));
            if !of_ours
                || request["path"]
                    .as_str()
                    .is_some_and(|p| p.starts_with("/.well-known") || p.starts_with("/media/"))
            {
                continue;
            }
            assert_eq!(request["sig"], "cavage", "{request:#}");
            assert_eq!(request["verification"]["http"]["ok"], true, "{request:#}");
            let status = if request["method"] == "POST" {
                202
            } else {
                200
            };
            assert_eq!(request["status"], status, "{request:#}");
        }
        for post in self.fedify.posted_to(&self.server.url).await {
            assert_eq!(
                (&post["sig"], &post["status"]),
                (&json!("rfc9421"), &json!(202)),
                "{post:#}"
            );
        }
    }
}

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_here_do_is_verified_and_understood_there() {
    let m = Meeting::with("ann").await;
    m.follow().await;
    assert_eq!(m.list("followers").await[0]["id"], m.uri());
    m.be_followed().await;
    assert_eq!(m.list("following").await, json!([m.uri()]));

    let post = json!({"status": format!("hello {} #Fedi", m.fedify.handle("ann")), "spoiler_text": "cw", "language": "en"});
    let status = m.post("/api/v1/statuses", post).await;
    let create = m.expect("Create").await;
    let note = &create["object"];
    assert_eq!(note["id"], status["uri"]);
    assert_eq!(
        (&note["summary"], &note["sensitive"]),
        (&json!("cw"), &json!(true))
    );
    assert_eq!(note["tag"][0]["href"], m.fedify.actor("ann"));
    let path = format!("/api/v1/statuses/{}", id(&status));
    let edit = json!({"status": "changed"});
    m.server
        .send(Method::PUT, &path, Some(&m.alice.token), Some(&edit))
        .await
        .entity("Status");
    let update = m.expect("Update").await;
    assert_eq!(update["object"]["content"], "<p>changed</p>");
    assert!(update["object"]["updated"].is_string());
    m.server
        .send(Method::DELETE, &path, Some(&m.alice.token), None)
        .await
        .entity("Status");
    let delete = m.expect("Delete").await;
    assert_eq!(
        delete["object"],
        json!({"id": status["uri"], "type": "Tombstone"})
    );

    let profile = json!({
        "display_name": "Alice A.", "note": "about #dots",
        "fields_attributes": [{"name": "pronouns", "value": "she/her"}],
    });
    m.server
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&m.alice.token),
            Some(&profile),
        )
        .await
        .ok();
    let update = m.expect("Update").await;
    assert_eq!(
        (&update["object"]["id"], &update["object"]["name"]),
        (&json!(m.uri()), &json!("Alice A."))
    );
    let profile = &update["object"];
    assert!(
        profile["summary"]
            .as_str()
            .is_some_and(|s| s.contains("about "))
    );
    assert_eq!(
        profile["attachment"],
        json!([{"type": "PropertyValue", "name": "pronouns", "value": "she/her"}])
    );

    let theirs = m.act("note", json!({"content": "<p>like me</p>"})).await;
    let there = m.arrives(&theirs["objectId"]).await;
    let reply = json!({"status": format!("{} hi", m.fedify.handle("ann")), "in_reply_to_id": there["id"], "visibility": "direct"});
    m.post("/api/v1/statuses", reply).await;
    let create = m.expect("Create").await;
    assert_eq!(create["object"]["inReplyTo"], theirs["objectId"]);
    assert_eq!(create["to"], json!([m.fedify.actor("ann")]));
    for (verb, kind) in [("favourite", "Like"), ("reblog", "Announce")] {
        m.post(
            &format!("/api/v1/statuses/{}/{verb}", id(&there)),
            json!({}),
        )
        .await;
        let done = m.expect(kind).await;
        assert_eq!(done["object"], theirs["objectId"]);
        m.post(
            &format!("/api/v1/statuses/{}/un{verb}", id(&there)),
            json!({}),
        )
        .await;
        let undo = m.expect("Undo").await;
        assert_eq!(
            (&undo["object"]["id"], &undo["object"]["type"]),
            (&done["id"], &json!(kind))
        );
    }

    m.to_them("remove_from_followers").await;
    let reject = m.expect("Reject").await;
    assert_eq!(reject["object"]["actor"], m.fedify.actor("ann"));
    assert_eq!(m.list("following").await, json!([]));
    m.to_them("unfollow").await;
    let undo = m.expect("Undo").await;
    assert_eq!(
        (&undo["object"]["type"], &undo["object"]["object"]),
        (&json!("Follow"), &json!(m.fedify.actor("ann")))
    );
    assert_eq!(m.list("followers").await, json!([]));

    m.be_followed().await;
    m.to_them("block").await;
    let [_, block] = m.fedify.expect_all(["Reject", "Block"], m.uri()).await;
    assert_eq!(block["object"], m.fedify.actor("ann"));
    assert_eq!(m.list("following").await, json!([]));
    m.to_them("unblock").await;
    let undo = m.expect("Undo").await;
    assert_eq!(
        (&undo["object"]["id"], &undo["object"]["type"]),
        (&block["id"], &json!("Block"))
    );
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_there_do_is_verified_and_shown_here() {
    let m = Meeting::with("bea").await;
    m.be_followed().await;
    m.notified("follow").await;
    m.follow().await;

    let note = json!({
        "content": "<p>hello <a href=\"#\">@alice</a></p>", "summary": "cw", "sensitive": true, "language": "de",
        "mentions": [m.handle()], "hashtags": ["Fedi"],
        "attachments": [{"mediaType": "image/png", "url": format!("{}/media/a.png", m.fedify.origin), "name": "a dot"}],
    });
    let note = m.act("note", note).await;
    let there = m.arrives(&note["objectId"]).await;
    assert_eq!(
        (
            &there["spoiler_text"],
            &there["language"],
            &there["visibility"]
        ),
        (&json!("cw"), &json!("de"), &json!("public"))
    );
    assert_eq!(
        (&there["tags"][0]["name"], &there["mentions"][0]["id"]),
        (&json!("fedi"), &json!(m.alice.id()))
    );
    assert_eq!(
        (
            &there["media_attachments"][0]["type"],
            &there["media_attachments"][0]["description"]
        ),
        (&json!("image"), &json!("a dot"))
    );
    assert!(m.home().await.iter().any(|s| s["id"] == there["id"]));
    assert_eq!(m.notified("mention").await["status"]["id"], there["id"]);
    m.act(
        "edit",
        json!({"id": note["objectId"], "content": "<p>changed</p>"}),
    )
    .await;
    eventually("the edit arrives", async || {
        let now = m.arrives(&note["objectId"]).await;
        (now["content"] == "<p>changed</p>" && now["edited_at"].is_string()).then_some(())
    })
    .await;
    m.act("delete", json!({"id": note["objectId"]})).await;
    let path = format!("/api/v1/statuses/{}", id(&there));
    eventually("the deletion arrives", async || {
        (m.server.get(&m.alice, &path).await.status == 404).then_some(())
    })
    .await;
    for (visibility, mentions) in [
        ("unlisted", json!([])),
        ("private", json!([])),
        ("direct", json!([m.handle()])),
    ] {
        let note = m
            .act(
                "note",
                json!({"visibility": visibility, "mentions": mentions}),
            )
            .await;
        assert_eq!(m.arrives(&note["objectId"]).await["visibility"], visibility);
    }

    let status = m.server.status(&m.alice, "like me").await;
    for (verb, kind) in [("like", "favourite"), ("announce", "reblog")] {
        let count = format!("{kind}s_count");
        let done = m
            .act(verb, json!({"object": status["uri"], "target": m.handle()}))
            .await;
        m.counts(&status, &count, 1).await;
        assert_eq!(m.notified(kind).await["status"]["id"], status["id"]);
        m.act(
            "undo",
            json!({"activityId": done["id"], "target": m.handle()}),
        )
        .await;
        m.counts(&status, &count, 0).await;
    }
    let reply = m.act("note", json!({"content": "<p>me too</p>", "inReplyTo": status["uri"], "mentions": [m.handle()]})).await;
    m.counts(&status, "replies_count", 1).await;
    assert_eq!(
        m.arrives(&reply["objectId"]).await["in_reply_to_id"],
        status["id"]
    );
    // Of somebody that nobody here has heard of: fetched, with a signature that is checked.
    let other = m
        .fedify
        .act("cleo", "note", json!({"content": "<p>pass it on</p>"}))
        .await;
    m.act(
        "announce",
        json!({"object": other["objectId"], "target": m.handle()}),
    )
    .await;
    eventually("the boost arrives", async || {
        let home = m.home().await;
        home.iter()
            .any(|s| s["reblog"]["uri"] == other["objectId"])
            .then_some(())
    })
    .await;

    let profile =
        json!({"name": "Bea B.", "summary": "<p>new</p>", "fields": [{"name": "a", "value": "b"}]});
    m.act("update-actor", profile).await;
    let path = format!("/api/v1/accounts/{}", m.there);
    eventually("the profile arrives", async || {
        let account = m.server.get_public(&path).await.entity("Account");
        (account["display_name"] == "Bea B."
            && account["note"] == "<p>new</p>"
            && account["fields"][0]["value"] == "b")
            .then_some(())
    })
    .await;

    // Whether it approves its followers by hand shows as well.
    for locked in [true, false] {
        m.act("update-actor", json!({"locked": locked})).await;
        eventually("it is locked, or is not any more", async || {
            let account = m.server.get_public(&path).await.entity("Account");
            (account["locked"] == locked).then_some(())
        })
        .await;
    }

    m.act("reject", json!({"follower": m.uri()})).await;
    m.stands("following", false).await;
    m.act("unfollow", json!({"target": m.handle()})).await;
    m.stands("followed_by", false).await;
    m.follow().await;
    let block = m.act("block", json!({"target": m.handle()})).await;
    m.stands("blocked_by", true).await;
    m.stands("following", false).await;
    m.act(
        "undo",
        json!({"activityId": block["id"], "target": m.handle()}),
    )
    .await;
    m.stands("blocked_by", false).await;
    m.all_went_well().await;

    m.follow().await;
    m.act("delete-actor", json!({})).await;
    eventually("the account is gone", async || {
        (m.server.get(&m.alice, &path).await.status == 404).then_some(())
    })
    .await;
    assert!(m.home().await.iter().all(|s| s["account"]["id"] != m.there));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_here_decides_who_follows_from_there() {
    let m = Meeting::with("dora").await;
    let locked = json!({"locked": true});
    m.server
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&m.alice.token),
            Some(&locked),
        )
        .await
        .ok();
    for (verdict, kind, following) in [
        ("reject", "Reject", json!([])),
        ("authorize", "Accept", json!([m.uri()])),
    ] {
        m.act("follow", json!({"target": m.handle()})).await;
        m.notified("follow_request").await;
        m.stands("requested_by", true).await;
        assert_eq!(m.list("pending").await["out"], json!([m.uri()]));
        m.post(
            &format!("/api/v1/follow_requests/{}/{verdict}", m.there),
            json!({}),
        )
        .await;
        m.expect(kind).await;
        assert_eq!(m.list("pending").await["out"], json!([]));
        assert_eq!(m.list("following").await, following);
    }
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_there_decides_who_follows_from_here() {
    let m = Meeting::with(LOCKED).await;
    for (verdict, following) in [("reject", false), ("accept", true)] {
        let relation = m.to_them("follow").await;
        assert_eq!(
            (&relation["requested"], &relation["following"]),
            (&json!(true), &json!(false))
        );
        m.expect("Follow").await;
        assert_eq!(m.list("pending").await["in"], json!([m.uri()]));
        m.act(verdict, json!({"follower": m.uri()})).await;
        m.stands("requested", false).await;
        m.stands("following", following).await;
    }
    // Nor does taking a request back need an answer.
    m.to_them("unfollow").await;
    m.expect("Undo").await;
    m.to_them("follow").await;
    m.expect("Follow").await;
    m.to_them("unfollow").await;
    m.expect("Undo").await;
    assert_eq!(m.list("pending").await["in"], json!([]));
    m.all_went_well().await;
}
