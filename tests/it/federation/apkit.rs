//! Kith and the peer on apkit do things to each other, and check each other's signatures: those of
//! requests, and those of documents.

use serde_json::{Value, json};

use crate::support::apkit::{Apkit, MALLORY};
use crate::support::peer::eventually;
use crate::support::{Person, Server};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// Alice here, somebody there, and how alice's server knows them.
struct Meeting {
    server: Server,
    apkit: Apkit,
    alice: Person,
    name: &'static str,
    there: String,
}

impl Meeting {
    async fn with(name: &'static str) -> Meeting {
        let (server, apkit) = (Server::start().await, Apkit::meet().await);
        let alice = server.person("alice").await;
        let query = format!(
            "/api/v2/search?q={}&resolve=true&type=accounts",
            apkit.handle(name)
        );
        let found = server.get(&alice, &query).await.entity("Search");
        let there = found["accounts"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} is not found: {found}"))
            .to_owned();
        Meeting {
            server,
            apkit,
            alice,
            name,
            there,
        }
    }

    /// Alice's handle, id and inbox as the peer writes them.
    fn handle(&self) -> String {
        format!("@alice@{}", self.server.domain())
    }

    fn uri(&self) -> &str {
        &self.alice.account.uri
    }

    fn inbox(&self) -> String {
        format!("{}/inbox", self.uri())
    }

    /// The peer's actor does something.
    async fn act(&self, verb: &str, what: Value) -> Value {
        self.apkit.act(self.name, verb, what).await
    }

    /// The peer's actor delivers something in one attempt; gives what that was answered with.
    async fn deliver(&self, activity: &Value, way: Value) -> Value {
        let mut what = json!({"inbox": self.inbox(), "activity": activity});
        if let (Some(what), Value::Object(way)) = (what.as_object_mut(), way) {
            what.extend(way);
        }
        self.act("deliver", what).await
    }

    /// The next activity of alice's that reaches the peer.
    async fn expect(&self, kind: &str) -> Value {
        self.apkit.expect(kind, self.uri()).await
    }

    /// The next thing that alice takes back.
    async fn expect_undo(&self, kind: &str) -> Value {
        let undo = self.expect("Undo").await;
        assert_eq!(
            self.apkit.understood(&undo).await["object"],
            kind,
            "{undo:#}"
        );
        undo["object"].clone()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.server.post(&self.alice, path, body).await.ok()
    }

    async fn get(&self, path: &str) -> Value {
        self.server.get(&self.alice, path).await.ok()
    }

    /// A verb of the client API about the one there.
    async fn to_them(&self, verb: &str) -> Value {
        let path = format!("/api/v1/accounts/{}/{verb}", self.there);
        self.post(&path, json!({})).await
    }

    /// Waits until the one there stands to alice like this.
    async fn stands(&self, what: &str, is: bool) {
        let path = format!("/api/v1/accounts/relationships?id[]={}", self.there);
        eventually(what, async || {
            (self.get(&path).await[0][what] == is).then_some(())
        })
        .await;
    }

    /// Alice follows, and is accepted.
    async fn follow(&self) {
        self.to_them("follow").await;
        self.expect("Follow").await;
        self.stands("following", true).await;
    }

    /// They follow, and are accepted. Gives the Follow's id.
    async fn be_followed(&self) -> Value {
        let follow = self.act("follow", json!({"target": self.handle()})).await;
        let accept = self.expect("Accept").await;
        assert_eq!(accept["object"]["id"], follow["id"]);
        self.stands("followed_by", true).await;
        follow["id"].clone()
    }

    /// Ids in a list that the peer keeps for its actor.
    async fn list(&self, name: &str) -> Value {
        self.apkit.look(name, &[("as", self.name)]).await
    }

    /// A status by its URI, where it is here.
    async fn find(&self, uri: &str) -> Option<Value> {
        let path = format!("/api/v2/search?q={uri}&type=statuses");
        let found = self.server.get(&self.alice, &path).await.entity("Search");
        found["statuses"].get(0).cloned()
    }

    /// A status by its URI, once it is here.
    async fn arrives(&self, uri: &Value) -> Value {
        let uri = uri.as_str().expect("a URI");
        eventually("the status arrives", async || self.find(uri).await).await
    }

    async fn notified(&self, kind: &str) -> Value {
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
    async fn counts(&self, status: &Value, count: &str, number: i64) {
        let path = status_path(status);
        eventually(count, async || {
            (self.get(&path).await[count] == number).then_some(())
        })
        .await;
    }

    /// Whatever the peer sent was taken at the first attempt.
    async fn all_was_taken(&self) {
        let sent = self
            .apkit
            .look("outgoing", &[("path", self.server.url.as_str())])
            .await;
        for post in sent.as_array().expect("a list") {
            assert_eq!(post["status"], 202, "{post:#}");
        }
    }
}

fn status_path(status: &Value) -> String {
    format!("/api/v1/statuses/{}", status["id"].as_str().expect("an id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_here_do_is_verified_and_understood_there() {
    let m = Meeting::with("ann").await;
    m.follow().await;
    assert_eq!(m.list("followers").await, json!([m.uri()]));
    m.be_followed().await;
    assert_eq!(m.list("following").await, json!([m.uri()]));

    let post = json!({"status": format!("hello {} #Fedi", m.apkit.handle("ann")), "spoiler_text": "cw", "language": "en"});
    let status = m.post("/api/v1/statuses", post).await;
    let create = m.expect("Create").await;
    let note = &create["object"];
    assert_eq!(
        (&note["id"], &note["summary"], &note["tag"][0]["href"]),
        (&status["uri"], &json!("cw"), &json!(m.apkit.actor("ann")))
    );
    let path = status_path(&status);
    m.server
        .put(&m.alice, &path, json!({"status": "changed"}))
        .await
        .entity("Status");
    let update = m.expect("Update").await;
    assert_eq!(update["object"]["content"], "<p>changed</p>");
    m.server.delete(&m.alice, &path).await.entity("Status");
    let delete = m.expect("Delete").await;
    assert_eq!(delete["object"]["id"], status["uri"]);
    assert_eq!(m.apkit.understood(&delete).await["object"], "Tombstone");

    let theirs = m.act("note", json!({"content": "<p>like me</p>"})).await;
    let there = m.arrives(&theirs["objectId"]).await;
    let reply = json!({"status": format!("{} hi", m.apkit.handle("ann")), "in_reply_to_id": there["id"], "visibility": "direct"});
    m.post("/api/v1/statuses", reply).await;
    let create = m.expect("Create").await;
    assert_eq!(create["object"]["inReplyTo"], theirs["objectId"]);
    assert_eq!(create["to"], json!([m.apkit.actor("ann")]));
    for (verb, kind) in [("favourite", "Like"), ("reblog", "Announce")] {
        let path = status_path(&there);
        m.post(&format!("{path}/{verb}"), json!({})).await;
        let done = m.expect(kind).await;
        assert_eq!(done["object"], theirs["objectId"]);
        m.post(&format!("{path}/un{verb}"), json!({})).await;
        assert_eq!(m.expect_undo(kind).await["id"], done["id"]);
    }

    m.to_them("unfollow").await;
    m.expect_undo("Follow").await;
    assert_eq!(m.list("followers").await, json!([]));
    m.to_them("remove_from_followers").await;
    let reject = m.expect("Reject").await;
    assert_eq!(reject["object"]["actor"], m.apkit.actor("ann"));
    assert_eq!(m.list("following").await, json!([]));
    m.all_was_taken().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_there_do_is_verified_and_shown_here() {
    let m = Meeting::with("bea").await;
    let followed = m.be_followed().await;
    m.notified("follow").await;
    m.follow().await;

    let note = json!({"content": "<p>hello <b>@alice</b></p>", "summary": "cw", "mentions": [m.handle()], "hashtags": ["Fedi"]});
    let note = m.act("note", note).await;
    let there = m.arrives(&note["objectId"]).await;
    assert_eq!(
        (&there["spoiler_text"], &there["visibility"]),
        (&json!("cw"), &json!("public"))
    );
    assert_eq!(
        (&there["tags"][0]["name"], &there["mentions"][0]["id"]),
        (&json!("fedi"), &json!(m.alice.id()))
    );
    assert_eq!(m.notified("mention").await["status"]["id"], there["id"]);
    let edit = json!({"id": note["objectId"], "content": "<p>changed</p>"});
    m.act("edit", edit).await;
    eventually("the edit arrives", async || {
        let now = m.arrives(&note["objectId"]).await;
        (now["content"] == "<p>changed</p>" && now["edited_at"].is_string()).then_some(())
    })
    .await;
    m.act("delete", json!({"id": note["objectId"]})).await;
    let path = status_path(&there);
    eventually("the deletion arrives", async || {
        (m.server.get(&m.alice, &path).await.status == 404).then_some(())
    })
    .await;
    for (visibility, mentions) in [
        ("unlisted", json!([])),
        ("private", json!([])),
        ("direct", json!([m.handle()])),
    ] {
        let note =
            json!({"content": "<p>hello</p>", "visibility": visibility, "mentions": mentions});
        let note = m.act("note", note).await;
        assert_eq!(m.arrives(&note["objectId"]).await["visibility"], visibility);
    }

    let status = m.server.status(&m.alice, "like me").await;
    for (verb, kind) in [("like", "favourite"), ("announce", "reblog")] {
        let count = format!("{kind}s_count");
        let what = json!({"object": status["uri"], "target": m.handle()});
        let done = m.act(verb, what).await;
        m.counts(&status, &count, 1).await;
        assert_eq!(m.notified(kind).await["status"]["id"], status["id"]);
        let undo = json!({"activityId": done["id"], "target": m.handle()});
        m.act("undo", undo).await;
        m.counts(&status, &count, 0).await;
    }
    let reply =
        json!({"content": "<p>me too</p>", "inReplyTo": status["uri"], "mentions": [m.handle()]});
    let reply = m.act("note", reply).await;
    m.counts(&status, "replies_count", 1).await;
    let answer = m.arrives(&reply["objectId"]).await;
    assert_eq!(answer["in_reply_to_id"], status["id"]);

    let undo = json!({"activityId": followed, "target": m.handle()});
    m.act("undo", undo).await;
    m.stands("followed_by", false).await;
    m.all_was_taken().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn either_signature_is_taken_at_the_first_knock() {
    let m = Meeting::with("cleo").await;
    for (spec, other) in [("cavage", "dora"), ("rfc9421", "edda")] {
        let status = m.server.status(&m.alice, spec).await;
        let like = json!({"type": "Like", "object": status["uri"]});
        // Of somebody whom this server knows, and of somebody of whom it has never heard.
        for (name, number) in [("cleo", 1), (other, 2)] {
            let what = json!({"inbox": m.inbox(), "activity": like, "spec": spec});
            let answer = m.apkit.act(name, "deliver", what).await;
            assert_eq!(
                (&answer["sig"], &answer["status"]),
                (&json!(spec), &json!(202)),
                "{answer:#}"
            );
            m.counts(&status, "favourites_count", number).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tampered_with_is_refused() {
    let m = Meeting::with("fay").await;
    let status = m.server.status(&m.alice, "like me").await;
    let like = json!({"type": "Like", "object": status["uri"]});
    for spec in ["cavage", "rfc9421"] {
        let mut ways: Vec<Value> = ["body", "digest", "nodigest", "signature", "date", "host"]
            .map(|tamper| json!({"tamper": tamper}))
            .to_vec();
        ways.extend([
            json!({"skewSeconds": 7200}),
            json!({"skewSeconds": -7200}),
            json!({"signAs": "gwen"}),
            json!({"signAs": MALLORY, "keyId": m.apkit.key("fay")}),
            json!({"keyId": m.apkit.key("gwen")}),
            json!({"keyId": format!("{}#none", m.apkit.actor("fay"))}),
            // Signed for another host than this one's.
            json!({"inbox": m.inbox().replace("localhost", "127.0.0.1")}),
        ]);
        for mut way in ways {
            way["spec"] = json!(spec);
            let answer = m.deliver(&like, way.clone()).await;
            assert_eq!(answer["status"], 401, "{way}: {answer:#}");
        }
    }
    for way in [
        // As apsig signs without being told more: anybody could give it another body.
        json!({"spec": "rfc9421", "unaided": true}),
        // A proof in the document is no signature of the request.
        json!({"spec": "none", "proof": true}),
    ] {
        let answer = m.deliver(&like, way.clone()).await;
        assert_eq!(answer["status"], 401, "{way}: {answer:#}");
    }
    // Of what came before, nothing was done: the good one is the first.
    let good = m.deliver(&like, json!({"spec": "cavage"})).await;
    assert_eq!(good["status"], 202, "{good:#}");
    m.counts(&status, "favourites_count", 1).await;
    let likes = m.get("/api/v1/notifications?types[]=favourite").await;
    assert_eq!(likes.as_array().map(Vec::len), Some(1), "{likes:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_post_is_served_to_followers_who_sign() {
    let m = Meeting::with("hana").await;
    m.be_followed().await;
    let private = json!({"status": "for followers", "visibility": "private"});
    let private = m.post("/api/v1/statuses", private).await;
    m.expect("Create").await;
    let uri = private["uri"].as_str().expect("a URI");
    for (name, spec, status) in [
        ("hana", "cavage", 200),
        ("hana", "rfc9421", 200),
        ("iris", "cavage", 404),
        ("iris", "rfc9421", 404),
        ("hana", "none", 404),
    ] {
        let query = [("url", uri), ("as", name), ("spec", spec)];
        let answer = m.apkit.look("fetch", &query).await;
        assert_eq!(answer["status"], status, "{name} by {spec}: {answer:#}");
    }
}

/// Ways in which a forwarded activity does not prove whose it is.
fn unproven(apkit: &Apkit) -> Vec<Value> {
    vec![
        json!({}),
        // By a key that is not the one it names, …
        json!({"proof": true, "proofBy": MALLORY}),
        // … by a key that is not the actor's, …
        json!({"proof": true, "proofBy": MALLORY, "proofMethod": apkit.proof_key(MALLORY)}),
        // … and by one that nobody lists.
        json!({"proof": true, "proofMethod": format!("{}#none", apkit.actor("june"))}),
        // Of what it was before it was changed, in what it says and to whom.
        json!({"proof": true, "afterProof": {"summary": "said by nobody"}}),
        json!({"proof": true, "afterProof": {"bto": []}}),
        // Made for something else.
        json!({"proof": true, "proofOptions": {"proofPurpose": "authentication"}}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forwarded_is_believed_when_its_actor_has_proved_it() {
    let m = Meeting::with("june").await;
    m.follow().await;
    let june = m.apkit.actor("june");
    let mut notes = 0;
    // Of a note that its origin does not serve: nobody but the proof speaks for it.
    let mut create = || {
        notes += 1;
        let note = format!("{june}/notes/{}-{notes}", m.alice.id());
        let activity = json!({
            "id": format!("{note}#create"),
            "type": "Create",
            "to": [PUBLIC],
            "object": {
                "id": note,
                "type": "Note",
                "attributedTo": june,
                "content": "<p>forwarded</p>",
                "to": [PUBLIC],
            },
        });
        (note, activity)
    };
    let status = m.server.status(&m.alice, "like me").await;
    let like = || json!({"type": "Like", "object": status["uri"]});
    for spec in ["cavage", "rfc9421"] {
        for mut way in unproven(&m.apkit) {
            way["signAs"] = json!("kate");
            way["spec"] = json!(spec);
            // There is nothing to ask its origin for.
            let answer = m.deliver(&like(), way.clone()).await;
            assert_eq!(answer["status"], 401, "{way}: {answer:#}");
            let (note, activity) = create();
            let answer = m.deliver(&activity, way.clone()).await;
            if answer["status"] == 202 {
                let path = note.trim_start_matches(&m.apkit.origin);
                let query = [("path", path), ("method", "GET"), ("wait", "60")];
                let asked = m.apkit.look("requests", &query).await;
                assert_eq!(asked[0]["status"], 404, "{way}: {asked:#}");
            } else {
                assert_eq!(answer["status"], 401, "{way}: {answer:#}");
            }
            assert_eq!(m.find(&note).await, None, "{way}");
        }
        let proven = json!({"proof": true, "signAs": "kate", "spec": spec});
        let (note, activity) = create();
        let answer = m.deliver(&activity, proven.clone()).await;
        assert_eq!(answer["status"], 202, "{answer:#}");
        let here = m.arrives(&json!(note)).await;
        assert_eq!(
            (&here["content"], &here["account"]["id"]),
            (&json!("<p>forwarded</p>"), &json!(m.there))
        );
        let answer = m.deliver(&like(), proven).await;
        assert_eq!(answer["status"], 202, "{answer:#}");
        m.counts(&status, "favourites_count", 1).await;
    }
    // Likes that were refused left nothing behind: there is the one.
    let likes = m.get("/api/v1/notifications?types[]=favourite").await;
    assert_eq!(likes.as_array().map(Vec::len), Some(1), "{likes:#}");
    assert_eq!(likes[0]["account"]["id"], m.there);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_here_say_in_public_proves_itself() {
    let m = Meeting::with("lena").await;
    m.be_followed().await;
    let theirs = m
        .act(
            "note",
            json!({"content": "<p>boost me</p>", "mentions": [m.handle()]}),
        )
        .await;
    let theirs = m.arrives(&theirs["objectId"]).await;
    let status = m.server.status(&m.alice, "höllo & <b> \u{1f600}").await;
    let create = m.apkit.expect_request("Create", m.uri()).await;
    m.server
        .put(
            &m.alice,
            &status_path(&status),
            json!({"status": "changed"}),
        )
        .await
        .entity("Status");
    let update = m.apkit.expect_request("Update", m.uri()).await;
    m.post(&format!("{}/reblog", status_path(&theirs)), json!({}))
        .await;
    let announce = m.apkit.expect_request("Announce", m.uri()).await;
    m.server
        .delete(&m.alice, &status_path(&status))
        .await
        .entity("Status");
    let delete = m.apkit.expect_request("Delete", m.uri()).await;

    let key = format!("{}#ed25519-key", m.uri());
    for request in [&create, &update, &announce, &delete] {
        let proof = &request["verification"]["proof"];
        assert_eq!(proof["ok"], true, "{request:#}");
        assert_eq!(
            (&proof["keyId"], &proof["owner"]),
            (&json!(key), &json!(m.uri())),
            "{request:#}"
        );
        assert_eq!(request["json"]["proof"]["type"], "DataIntegrityProof");
        assert_eq!(request["json"]["proof"]["cryptosuite"], "eddsa-jcs-2022");
        assert_eq!(request["json"]["proof"]["proofPurpose"], "assertionMethod");
    }
    // It is of all that is said.
    let mut said = create["json"].clone();
    let verdict = m.act("verify", json!({"json": said})).await;
    assert_eq!(verdict["ok"], true, "{verdict:#}");
    said["object"]["content"] = json!("<p>never said</p>");
    let verdict = m.act("verify", json!({"json": said})).await;
    assert_eq!(verdict["ok"], false, "{verdict:#}");

    // The actor lists the key as FEP-521a has it.
    let answer = m
        .server
        .http
        .get(m.uri())
        .header("accept", "application/activity+json")
        .send()
        .await
        .expect("the server answers");
    let actor: Value = serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON");
    let listed = actor["assertionMethod"]
        .as_array()
        .and_then(|keys| keys.iter().find(|listed| listed["id"] == key))
        .unwrap_or_else(|| panic!("{key} is not listed: {actor:#}"));
    assert_eq!(
        (&listed["type"], &listed["controller"]),
        (&json!("Multikey"), &json!(m.uri()))
    );
    assert!(
        listed["publicKeyMultibase"]
            .as_str()
            .is_some_and(|key| key.starts_with("z6Mk")),
        "{listed:#}"
    );
}
