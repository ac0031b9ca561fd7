//! S4: files that pass for ActivityPub objects or for something active, on either side.

use serde_json::{Value, json};

use super::{activity, deliver, followed, search, settle};
use crate::api::chats::{PATH, opens_up};
use crate::api::media::{file, header, path, png, send, upload};
use crate::support::Server;
use crate::support::peer::{Delivery, Page, eventually};

const ACTIVITY: (&str, &str) = (
    "accept",
    "application/activity+json, application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
);

/// Whether an answer can be taken for nothing but a file.
fn is_inert(answer: &reqwest::Response) {
    let kind = header(answer, "content-type");
    for bad in ["json", "html", "xml", "svg", "script", "css"] {
        assert!(!kind.contains(bad), "{kind}");
    }
    assert_eq!(header(answer, "x-content-type-options"), "nosniff");
    assert_eq!(
        header(answer, "content-security-policy"),
        "default-src 'none'; sandbox"
    );
}

/// What an attacker would like to see served from here.
fn payloads(server: &Server) -> Vec<Vec<u8>> {
    let actor = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{}/users/admin", server.url),
        "type": "Person", "preferredUsername": "admin", "inbox": format!("{}/inbox", server.url),
    });
    let note = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{}/notes/1", server.url),
        "type": "Note", "attributedTo": format!("{}/users/alice", server.url), "content": "forged",
        "to": "https://www.w3.org/ns/activitystreams#Public",
    });
    vec![
        actor.to_string().into_bytes(),
        note.to_string().into_bytes(),
        b"<!doctype html><script>alert(document.domain)</script>".to_vec(),
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec(),
        b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
        b"%!PS\n".to_vec(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_an_upload_is_served_as_a_file_and_nothing_else() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(&server, &bob).await;
    let chat = server
        .post(&alice, PATH, json!({"account_id": bob.id()}))
        .await
        .entity("Kith::Chat");
    let messages = format!("{PATH}/{}/messages", chat["id"].as_str().unwrap());
    for bytes in payloads(&server) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // A post takes none of them.
        upload(&server, &alice, &bytes).await.refused(422);
        // A chat takes anything, as something to be downloaded.
        let files = [("file", bytes.as_slice())];
        let form = "/api/v2/media?purpose=chat";
        let sent = send(&server, &alice, reqwest::Method::POST, form, &files).await;
        let media = sent.ok();
        let said = json!({"media_ids": [media["id"]]});
        let said = server
            .post(&alice, &messages, said)
            .await
            .entity("Kith::Message");
        let at = path(&server, &said["attachments"][0], "url");
        let answer = file(&server, &at, ACTIVITY).await;
        assert_eq!(answer.status(), 200, "{text}");
        is_inert(&answer);
        assert!(header(&answer, "content-disposition").starts_with("attachment;"));
    }
    // One that is a picture and something else as well is made anew, without the rest.
    for rest in payloads(&server) {
        let mut bytes = png(8, 8);
        bytes.extend_from_slice(&rest);
        let answer = upload(&server, &alice, &bytes).await;
        if answer.status == 422 {
            continue;
        }
        let media = answer.entity("MediaAttachment");
        for field in ["url", "preview_url"] {
            let answer = file(&server, &path(&server, &media, field), ACTIVITY).await;
            assert_eq!(answer.status(), 200);
            is_inert(&answer);
            assert!(header(&answer, "content-type").starts_with("image/"));
            let served = answer.bytes().await.unwrap();
            let found = served.windows(rest.len()).any(|part| part == rest);
            assert!(!found, "{}", String::from_utf8_lossy(&rest));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_a_copy_of_a_remote_file_is_no_object_either() {
    let (server, peer, alice) = followed().await;
    let mut note = peer.note("good", "files", "look");
    let mut attachments = Vec::new();
    for (n, bytes) in payloads(&server).into_iter().enumerate() {
        let at = format!("/file/{n}");
        peer.serve(&at, Page::File("application/activity+json", bytes));
        let url = format!("{}{at}", peer.origin);
        attachments.push(json!({"type": "Document", "mediaType": "image/png", "url": url}));
    }
    let number = attachments.len();
    peer.serve("/file/png", Page::File("text/html", png(9, 9)));
    let url = format!("{}/file/png", peer.origin);
    attachments.push(json!({"type": "Document", "mediaType": "image/png", "url": url}));
    note["attachment"] = json!(attachments);
    deliver(
        &server,
        &peer.actor_uri("good"),
        &peer.create("good", &note),
    )
    .await;
    let list = settle(&server, &peer, &alice, "end").await;
    let status = list.iter().find(|s| s["uri"] == note["id"]).unwrap();
    let media = status["media_attachments"].as_array().unwrap();
    assert_eq!(media.len(), number + 1);
    for copy in &media[..number] {
        let answer = file(&server, &path(&server, copy, "url"), ACTIVITY).await;
        assert_eq!(answer.status(), 404);
        assert_eq!(header(&answer, "content-type"), "application/json");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("@context") && !text.contains('<'), "{text}");
    }
    let answer = file(&server, &path(&server, &media[number], "url"), ACTIVITY).await;
    assert_eq!(answer.status(), 200);
    is_inert(&answer);
    assert_eq!(header(&answer, "content-type"), "image/png");
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_what_a_peer_serves_as_something_else_is_not_believed() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let mut last = json!(null);
    for (n, kind) in [
        "",
        "text/plain",
        "text/html",
        "image/png",
        "application/octet-stream",
        "application/json",
        "application/ld+json",
        "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams-not\"",
        "application/activity+json-seq",
        "text/plain; application/activity+json",
        "multipart/mixed; boundary=application/activity+json",
    ]
    .into_iter()
    .enumerate()
    {
        // A post, by search and by the inbox.
        let id = format!("upload{n}");
        let note = peer.note("good", &id, "an upload");
        let page = |document: &Value| Page::Raw(200, kind, document.to_string());
        peer.serve(&format!("/notes/{id}"), page(&note));
        let found = search(&server, &alice, note["id"].as_str().unwrap()).await;
        assert_eq!(found["statuses"], json!([]), "{kind:?}");
        last = note["id"].clone();
        deliver(&server, &good, &activity(&good, &id, "Create", &last)).await;
        // An actor, its key, and a collection.
        let name = format!("victim{n}");
        let victim = peer.add_actor(&name);
        let actor = json!({
            "id": victim, "type": "Person", "preferredUsername": name, "inbox": format!("{victim}/inbox"),
            "publicKey": {"id": format!("{victim}#main-key"), "owner": victim, "publicKeyPem": crate::support::ACTOR_PUBLIC_KEY},
        });
        peer.serve(&format!("/users/{name}"), page(&actor));
        let found = search(&server, &alice, &victim).await;
        assert_eq!(found["accounts"], json!([]), "{kind:?}");
        let like = activity(&victim, "like", "Like", &json!(format!("{}/x", server.url)));
        Delivery::by(&victim)
            .send(&server, &like)
            .await
            .refused(401);
    }
    let list = settle(&server, &peer, &alice, "end").await;
    assert_eq!(list.len(), 1);
    // The control: the last of them as what it is.
    let note = peer.note("good", "control", "no upload");
    peer.serve("/notes/control", Page::Document(note.clone()));
    deliver(
        &server,
        &good,
        &activity(&good, "control", "Create", &note["id"]),
    )
    .await;
    eventually("the control arrives", async || {
        let list = super::home(&server, &alice).await;
        super::shows(&list, &note["id"]).then_some(())
    })
    .await;
    assert!(!super::shows(&super::home(&server, &alice).await, &last));
}
