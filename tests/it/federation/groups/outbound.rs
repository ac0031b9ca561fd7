//! What is said in a group goes to it.

use insta::assert_json_snapshot;
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::two_servers::id;
use super::{PUBLIC, World, followed};

/// What was sent, with nothing that changes from run to run.
fn blank(world: &World, value: &Value) -> Value {
    let mut text = value.to_string();
    for (now, then) in [
        (world.peer.origin.as_str(), "https://lemmy.example"),
        (world.peer.domain(), "lemmy.example"),
        (&world.server.url, "https://kith.example"),
        (world.server.domain(), "kith.example"),
    ] {
        text = text.replace(now, then);
    }
    for (pattern, blank) in [
        (r"\bz[1-9A-HJ-NP-Za-km-z]{40,}\b", "[multibase]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (r"\b\d{17,19}\b", "[id]"),
    ] {
        let pattern = Regex::new(pattern).expect("a pattern");
        text = pattern.replace_all(&text, blank).into_owned();
    }
    let mut value: Value = serde_json::from_str(&text).expect("still JSON");
    // They are the same for all notes, and what others check.
    value["@context"] = json!("[context]");
    value["proof"] = json!("[proof]");
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_its_edits_votes_and_deletion_go_to_the_group() {
    let world = followed().await;
    let text = format!("My red boat\n\nShe is fast @boats@{}", world.peer.domain());
    let post = world
        .post(
            "/api/v1/statuses",
            json!({"status": text, "language": "en"}),
        )
        .await;
    let create = world.sent("Create", &post["uri"]).await;
    assert_json_snapshot!("sent_to_group_create", blank(&world, &create));
    // As it is fetched, it is the same.
    let request = world.server.http.get(id(&create["object"]));
    let request = request.header("accept", "application/activity+json");
    let served = request.send().await.unwrap().text().await.unwrap();
    let served: Value = serde_json::from_str(&served).unwrap();
    for name in ["to", "cc", "audience", "name"] {
        assert_eq!(served[name], create["object"][name], "{name}");
    }
    let path = format!("/api/v1/statuses/{}", id(&post));
    let body = json!({"status": text.replace("red", "blue")});
    let token = Some(world.alice.token.as_str());
    world
        .server
        .send(Method::PUT, &path, token, Some(&body))
        .await
        .ok();
    let update = world.sent("Update", &post["uri"]).await;
    assert_eq!(update["object"]["name"], "My blue boat");
    assert_eq!(update["audience"], world.boats);

    // Votes of others who live here go to the group as well.
    let bob = world.server.person("bob").await;
    for (verb, kind) in [("favourite", "Like"), ("unfavourite", "Undo")] {
        let path = format!("{path}/{verb}");
        world.server.post(&bob, &path, json!({})).await.ok();
        let vote = world.sent(kind, &post["uri"]).await;
        assert_eq!(vote["actor"], bob.account.uri);
    }
    world.server.delete(&world.alice, &path).await.ok();
    let delete = world.sent("Delete", &post["uri"]).await;
    assert_json_snapshot!("sent_to_group_delete", blank(&world, &delete));
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_and_comments_on_what_others_posted_go_to_the_group() {
    let world = followed().await;
    let post = world.posted("boat").await;
    let path = format!("/api/v1/statuses/{}", id(&post));
    let kith = format!("/api/kith/v1/statuses/{}", id(&post));
    for (name, path, kind) in [
        ("like", format!("{path}/favourite"), "Like"),
        ("undo_like", format!("{path}/unfavourite"), "Undo"),
        ("dislike", format!("{kith}/dislike"), "Dislike"),
    ] {
        world.post(&path, json!({})).await;
        let sent = world.sent(kind, &post["uri"]).await;
        assert_json_snapshot!(format!("sent_to_group_{name}"), blank(&world, &sent));
    }
    let body = json!({"status": format!("@sara@{} nice", world.peer.domain()), "in_reply_to_id": post["id"]});
    let answer = world.post("/api/v1/statuses", body).await;
    let create = world.sent("Create", &answer["uri"]).await;
    assert_json_snapshot!("sent_to_group_comment", blank(&world, &create));
    // And what answers that.
    let bob = world.server.person("bob").await;
    let body = json!({"status": "indeed", "in_reply_to_id": answer["id"]});
    let below = world
        .server
        .post(&bob, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let create = world.sent("Create", &below["uri"]).await;
    assert_eq!(create["object"]["audience"], world.boats);
    let path = format!("/api/v1/statuses/{}", id(&below));
    world.server.delete(&bob, &path).await.ok();
    let delete = world.sent("Delete", &below["uri"]).await;
    assert_eq!(delete["audience"], world.boats);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_comes_back_is_not_doubled() {
    let world = followed().await;
    let bob = world.server.person("bob").await;
    world.follow(&bob).await;
    let post = world.post_to_boats("My boat").await;
    let create = world.sent("Create", &post["uri"]).await;
    assert_eq!(world.announce(create.clone()).await, "");
    assert_eq!(world.announce(post["uri"].clone()).await, "");
    let home = world.home(&world.alice).await;
    assert_eq!((home.len(), &home[0]["id"]), (1, &post["id"]));
    let home = world.home(&bob).await;
    assert_eq!((home.len(), &home[0]["reblog"]["id"]), (1, &post["id"]));
    assert_eq!(world.again(&post).await["reblogs_count"], 1);
    let told = [("reblog".to_owned(), "boats".to_owned())];
    assert_eq!(world.told().await, told, "the group took it");
    // Comments and votes that come back say nothing new.
    let body = json!({"status": "more", "in_reply_to_id": post["id"]});
    let comment = world
        .server
        .post(&bob, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let create = world.sent("Create", &comment["uri"]).await;
    assert_eq!(world.announce(create).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    let path = format!("/api/v1/statuses/{}/favourite", id(&post));
    world.server.post(&bob, &path, json!({})).await.ok();
    let like = world.sent("Like", &post["uri"]).await;
    assert_eq!(world.announce(like).await, "somebody here did it");
    assert_eq!(world.again(&post).await["favourites_count"], 1);
    // A moderator takes it out: who follows the group sees it no more, its author does.
    let removal = world.by_sara("Delete", &post["uri"]);
    assert_eq!(world.announce(removal).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    let home = world.home(&bob).await;
    assert!(home.iter().all(|shown| shown["reblog"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_everyone_is_not_the_groups() {
    let world = followed().await;
    for (visibility, open) in [("unlisted", true), ("private", false), ("direct", false)] {
        let text = format!("@boats@{} psst", world.peer.domain());
        let body = json!({"status": text, "visibility": visibility});
        let post = world.post("/api/v1/statuses", body).await;
        let create = world.sent("Create", &post["uri"]).await;
        let audience = create["object"].get("audience").is_some();
        assert_eq!(audience, open, "{visibility}");
        let to = create["to"].as_array().unwrap();
        let is_public = to
            .iter()
            .chain(create["cc"].as_array().unwrap())
            .any(|to| to == PUBLIC);
        assert_eq!(is_public, open, "{visibility}");
    }
    // What stays here stays here.
    let text = format!("@boats@{} psst", world.peer.domain());
    let body = json!({"status": text, "visibility": "local"});
    let post = world.post("/api/v1/statuses", body).await;
    let path = format!("/api/v1/statuses/{}/favourite", id(&post));
    world.post(&path, json!({})).await;
    let marker = world.post_to_boats("marker").await;
    world.sent("Create", &marker["uri"]).await;
    let sent = world.peer.received();
    assert!(
        sent.iter()
            .all(|a| !a.to_string().contains(id(&json!({"id": post["uri"]}))))
    );
}
