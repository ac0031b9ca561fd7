//! What each kind of software that has groups passes on, in its own shapes.

use serde_json::{Value, json};

use super::super::two_servers::{id, resolve};
use super::{deliver, fixture};
use crate::support::peer::{Page, Peer, eventually};
use crate::support::{ACTOR_PUBLIC_KEY, Server};

/// Serves a person under any id.
fn serve_person(peer: &Peer, uri: &str) {
    let name = uri.rsplit('/').next().expect("a name");
    peer.serve_actor(
        name,
        json!({
            "id": uri, "type": "Person", "preferredUsername": name, "inbox": format!("{uri}/inbox"),
            "publicKey": {"id": format!("{uri}#main-key"), "owner": uri, "publicKeyPem": ACTOR_PUBLIC_KEY},
        }),
    );
}

/// A group is followed; a post, a comment and a vote in it are passed on.
async fn passes_on(software: &str, title: &str) {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let read = |name: &str| fixture(software, name, &server, &peer);
    let group = read("actor_group").expect("a group");
    peer.serve_actor("boats", group.clone());
    let (boats, key) = (id(&group).to_owned(), id(&group["publicKey"]).to_owned());
    let here = resolve(&server, &alice, &format!("@boats@{}", peer.domain())).await;
    let path = format!("/api/v1/accounts/{here}/follow");
    server.post(&alice, &path, json!({})).await.ok();
    let follow = eventually("the Follow arrives", async || {
        peer.received().into_iter().find(|a| a["type"] == "Follow")
    })
    .await;
    let accept = json!({"id": format!("{boats}#accept"), "type": "Accept", "actor": boats, "object": follow});
    assert_eq!(deliver(&server, &boats, &key, accept).await, "");

    let tell = async |name: &str| {
        let Some(announce) = read(name) else { return };
        let inner = &announce["object"];
        if let Some(author) = inner["actor"].as_str() {
            serve_person(&peer, author);
        }
        if inner["object"].is_object() && inner["type"] == "Create" {
            let path = id(&inner["object"])
                .strip_prefix(&peer.origin)
                .expect("ours");
            peer.serve(path, Page::Document(inner["object"].clone()));
        }
        let why = deliver(&server, &boats, &key, announce).await;
        assert_eq!(why, "", "{software}: {name}");
    };
    let home = async || {
        let home = server.get(&alice, "/api/v1/timelines/home").await;
        home.entities("Status")
    };
    tell("announce_create_page").await;
    tell("announce_page").await;
    let shown = home().await;
    assert_eq!(shown.len(), 1, "{software}: {shown:?}");
    assert_eq!(shown[0]["account"]["group"], true);
    assert_eq!(
        shown[0]["account"]["acct"],
        format!("boats@{}", peer.domain())
    );
    let post = &shown[0]["reblog"];
    assert_eq!(post["visibility"], "public");
    let content = post["content"].as_str().expect("a text");
    let heading = format!("<strong>{title}</strong></a></p><p>She is ");
    assert!(content.contains(&heading), "{software}: {content}");

    tell("announce_create_comment").await;
    tell("announce_note").await;
    assert_eq!(
        home().await.len(),
        1,
        "{software}: comments stay in their threads"
    );
    let path = format!("/api/v1/statuses/{}/context", id(post));
    let context = server.get(&alice, &path).await.entity("Context");
    let comments = context["descendants"].as_array().expect("a list");
    assert_eq!(comments.len(), 1, "{software}");
    assert_eq!(comments[0]["in_reply_to_id"], post["id"]);
    let content = comments[0]["content"].as_str().expect("a text");
    assert_eq!(content.trim_end(), "<p>agreed!</p>");

    tell("announce_like").await;
    let path = format!("/api/v1/statuses/{}", id(post));
    let post = server.get(&alice, &path).await.entity("Status");
    assert_eq!(post["favourites_count"], 1, "{software}");

    let answer = async || {
        let body = json!({"status": "and?", "in_reply_to_id": post["id"]});
        server.post(&alice, "/api/v1/statuses", body).await
    };
    tell("announce_lock").await;
    if read("announce_lock").is_some() {
        answer().await.refused(422);
        tell("announce_undo_lock").await;
    }
    let answered: Value = answer().await.entity("Status");
    let sent = eventually("the answer arrives", async || {
        let came = peer.deliveries();
        came.into_iter()
            .find(|(_, a)| a["type"] == "Create" && a["object"]["id"] == answered["uri"])
    })
    .await;
    assert_eq!(sent.1["audience"], boats, "{software}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lemmy_1_0() {
    passes_on("lemmy1", "A blue boat").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mbin() {
    passes_on("mbin", "A green boat").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodebb() {
    passes_on("nodebb", "A yellow boat").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discourse() {
    passes_on("discourse", "A white boat").await;
}
