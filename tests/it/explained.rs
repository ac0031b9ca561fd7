//! `kith delivery` and `kith inbox`, beside a running server: why something has not arrived, and
//! trying it again.

use serde_json::{Value, json};

use crate::support::peer::{Delivery, Inbox, Page, Peer, eventually};
use crate::support::process::Process;

struct Stage {
    kith: Process,
    alice: String,
    peer: Peer,
}

impl Stage {
    async fn set() -> Stage {
        let (kith, peer) = (Process::start().await, Peer::start().await);
        let alice = kith.person("alice");
        Stage { kith, alice, peer }
    }

    async fn deliver(&self, actor: &str, activity: &Value) {
        let now = kith::clock::Clock::System.now_ms();
        let inbox = format!("{}/inbox", self.kith.url);
        let answer = Delivery::by(actor)
            .post(&self.kith.http, &inbox, now, activity)
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }

    async fn follower(&self, peer: &Peer, name: &str) {
        let actor = peer.add_actor(name);
        let follow = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{actor}#follow"), "type": "Follow",
            "actor": actor, "object": format!("{}/users/alice", self.kith.url),
        });
        self.deliver(&actor, &follow).await;
        eventually("the follow is accepted", async || {
            let received = peer.received();
            let accepted = |a: &Value| a["type"] == "Accept" && a["object"]["actor"] == actor;
            received.iter().any(accepted).then_some(())
        })
        .await;
    }

    async fn post(&self, body: Value) -> Value {
        self.kith
            .post(&self.alice, "/api/v1/statuses", &body)
            .await
            .entity("Status")
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.kith.cli_ok(args)).expect("JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_post_is_told_and_tried_again() {
    let stage = Stage::set().await;
    // One host that asks to be left alone, as a whole, and another one.
    let busy = Peer::start().await;
    stage.follower(&stage.peer, "fine").await;
    stage.follower(&stage.peer, "picky").await;
    stage.follower(&busy, "busy").await;
    busy.set_inbox("/users/busy/inbox", Inbox::Answers(503, Some("3600")));
    stage
        .peer
        .set_inbox("/users/picky/inbox", Inbox::Answers(404, None));
    let status = stage.post(json!({"status": "hello"})).await;
    let uri = status["uri"].as_str().unwrap();
    let why = eventually("each has had its try", async || {
        let why = stage.json(&["delivery", "why", uri, "--json"]);
        let [sent] = why.as_array().unwrap().as_slice() else {
            return None;
        };
        let done = sent["delivered"] == 1 && sent["given_up"] == 1;
        let tried =
            sent["deliveries"][0]["state"] == "waiting" && sent["deliveries"][0]["answer"] == 503;
        (done && tried).then(|| sent.clone())
    })
    .await;
    assert_eq!(
        (&why["type"], &why["waiting"]),
        (&json!("Create"), &json!(1))
    );
    let stood: Vec<(&Value, &Value)> = why["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|delivery| (&delivery["state"], &delivery["answer"]))
        .collect();
    assert_eq!(
        stood,
        [
            (&json!("waiting"), &json!(503)),
            (&json!("given up"), &json!(404)),
            (&json!("delivered"), &json!(202)),
        ]
    );
    assert!(why["deliveries"][0]["next_at"].is_string());

    // The same seen from the account, from a recipient's and from the host's side, for people to
    // read.
    let text = stage.kith.cli_ok(&["delivery", "why", "alice"]);
    assert!(
        text.contains("Create 20") && text.contains("1 waiting, 1 given up"),
        "{text}"
    );
    let handle = format!("busy@{}", busy.domain());
    let text = stage.kith.cli_ok(&["delivery", "why", &handle]);
    assert!(
        text.contains("answered 503") && !text.contains("/picky/"),
        "{text}"
    );
    let listed = eventually("the host's wish is written down", async || {
        let listed = stage.json(&["delivery", "list", "--json"]);
        listed[0]["health"]["retry_at"]
            .is_string()
            .then_some(listed)
    })
    .await;
    assert_eq!(
        (&listed[0]["host"], &listed[0]["waiting"]),
        (&json!(busy.domain()), &json!(1))
    );

    // Admins are told the same by the API; nobody else.
    let kith = &stage.kith;
    let all = "/api/kith/v1/admin/deliveries";
    let of_uri = format!("{all}/why?q={uri}");
    kith.get(&stage.alice, &of_uri).await.refused(403);
    let scopes = "read admin:read admin:write";
    let admin = kith.cli_ok(&["token", "create", "alice", "--scopes", scopes]);
    kith.get(&admin, &of_uri).await.refused(403);
    kith.cli_ok(&["user", "modify", "alice", "--role", "admin"]);
    kith.get(&stage.alice, &of_uri).await.refused(403);
    let told = kith.get(&admin, &of_uri).await.ok();
    assert_eq!(told, stage.json(&["delivery", "why", uri, "--json"]));
    assert_eq!(kith.get(&admin, all).await.ok(), listed);
    let of_nobody = format!("{all}/why?q=nobody@nowhere.example");
    kith.get(&admin, &of_nobody).await.refused(404);
    kith.get(&admin, &format!("{all}/why?q="))
        .await
        .refused(422);
    let again = format!("{all}/retry");
    let delivered = json!({"id": told[0]["deliveries"][2]["id"]});
    kith.post(&admin, &again, &delivered).await.refused(404);
    kith.post(&admin, &again, &json!({})).await.refused(422);

    // What was given up is sent again; what waits can be given up.
    let id = why["deliveries"][1]["id"].as_str().unwrap();
    stage
        .peer
        .set_inbox("/users/picky/inbox", Inbox::Answers(202, None));
    let due = kith.post(&admin, &again, &json!({"id": id})).await.ok();
    assert_eq!(due, json!({"due": 1}));
    eventually("it arrives", async || {
        let why = stage.json(&["delivery", "why", uri, "--json"]);
        (why[0]["delivered"] == 2).then_some(())
    })
    .await;
    let again = stage.kith.cli(&["delivery", "retry", id]);
    assert!(!again.status.success(), "it is done");
    let due = stage.kith.cli_ok(&["delivery", "retry", busy.domain()]);
    assert_eq!(due, "1 are due now");
    let purged = stage.kith.cli_ok(&["delivery", "purge", busy.domain()]);
    assert_eq!(purged, "1 given up");
    let text = stage.kith.cli_ok(&["delivery", "why", uri]);
    assert!(text.contains("an admin gave it up"), "{text}");

    // What was for nobody elsewhere, and what nobody knows.
    let own = stage
        .post(json!({"status": "among us", "visibility": "direct"}))
        .await;
    let text = stage
        .kith
        .cli_ok(&["delivery", "why", own["uri"].as_str().unwrap()]);
    assert!(text.starts_with("Nothing of http"), "{text}");
    let unknown = stage
        .kith
        .cli(&["delivery", "why", "nobody@nowhere.example"]);
    assert!(!unknown.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_listed_and_worked_on_again() {
    let stage = Stage::set().await;
    let actor = stage.peer.add_actor("good");
    let mut note = stage.peer.note("good", "late", "<p>hello</p>");
    note["tag"] = json!([{"type": "Mention", "href": format!("{}/users/alice", stage.kith.url), "name": "@alice"}]);
    let create = |n: u32, object: &str| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{actor}#create/{n}"), "type": "Create", "actor": actor,
            "to": note["to"], "object": object,
        })
    };
    let uri = note["id"].as_str().unwrap();
    // Not there yet, and never there.
    stage.deliver(&actor, &create(1, uri)).await;
    stage.deliver(&actor, &create(2, &format!("{uri}r"))).await;
    let aside = eventually("both are set aside", async || {
        let aside = stage.json(&["inbox", "list", "--json"]);
        (aside.as_array().unwrap().len() == 2).then_some(aside)
    })
    .await;
    assert!(
        aside[0]["reason"].as_str().unwrap().contains("gone"),
        "{aside}"
    );
    let (never, late) = (&aside[0], &aside[1]);
    assert_eq!(late["activity"], create(1, uri)["id"]);
    let id = late["id"].as_str().unwrap();
    assert_eq!(stage.json(&["inbox", "show", id])["object"], uri);
    stage
        .kith
        .cli_ok(&["inbox", "drop", never["id"].as_str().unwrap()]);

    stage
        .peer
        .serve("/notes/late", Page::Document(note.clone()));
    stage.kith.cli_ok(&["inbox", "retry", "--all"]);
    eventually("alice is told", async || {
        let told = stage
            .kith
            .get(&stage.alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        (told.len() == 1 && told[0]["status"]["uri"] == uri).then_some(())
    })
    .await;
    assert_eq!(stage.json(&["inbox", "list", "--json"]), json!([]));
    let again = stage.kith.cli(&["inbox", "retry", id]);
    assert!(!again.status.success(), "it is done");
    let shown = stage.kith.cli(&["inbox", "show", id]);
    assert!(!shown.status.success(), "its text is not kept");
}
