//! `/api/kith/v1/bookmark_folders`

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Person, Server};

const ALL: &str = "/api/kith/v1/bookmark_folders";

async fn folder(server: &Server, who: &Person, name: &str) -> Value {
    server
        .post(who, ALL, json!({"name": name}))
        .await
        .entity("Kith__BookmarkFolder")
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

fn path(folder: &Value) -> String {
    format!("{ALL}/{}", id(folder))
}

fn within(folder: &Value, status: &Value) -> String {
    format!("{}/statuses/{}", path(folder), id(status))
}

async fn put(server: &Server, who: &Person, folder: &Value, status: &Value) {
    server
        .post(who, &within(folder, status), json!({}))
        .await
        .entity("Kith__BookmarkFolder");
}

async fn holds(server: &Server, who: &Person, folder: &Value) -> Vec<String> {
    let path = format!("{}/statuses", path(folder));
    ids(&server.get(who, &path).await.entities("Status"))
}

async fn bookmarks(server: &Server, who: &Person) -> Vec<String> {
    let list = server.get(who, "/api/v1/bookmarks").await;
    ids(&list.entities("Status"))
}

async fn patch(server: &Server, who: &Person, path: &str, name: &str) -> crate::support::Answer {
    let body = json!({"name": name});
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_made_renamed_and_removed() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let recipes = folder(&server, &alice, "  Recipes  of\tmine ").await;
    assert_eq!(recipes["name"], "Recipes of mine");
    let other = folder(&server, &alice, "Ünder").await;
    for name in ["recipes OF mine", "ünder", "", "  ", &"x".repeat(101)] {
        server
            .post(&alice, ALL, json!({"name": name}))
            .await
            .refused(422);
        if name != "ünder" {
            patch(&server, &alice, &path(&other), name)
                .await
                .refused(422);
        }
    }
    server.post(&alice, ALL, json!({})).await.refused(422);
    // Its own name in another case is free.
    let renamed = patch(&server, &alice, &path(&other), "UNDER").await;
    assert_eq!(renamed.entity("Kith__BookmarkFolder")["name"], "UNDER");
    let renamed = patch(&server, &alice, &path(&other), "under").await;
    assert_eq!(renamed.entity("Kith__BookmarkFolder")["id"], other["id"]);
    let all = server.get(&alice, ALL).await;
    let all = all.entities("Kith__BookmarkFolder");
    assert_eq!(ids(&all), [id(&other), id(&recipes)]);
    assert_eq!(
        server
            .get(&alice, &path(&recipes))
            .await
            .entity("Kith__BookmarkFolder"),
        recipes
    );
    server.delete(&alice, &path(&recipes)).await.ok();
    server.delete(&alice, &path(&recipes)).await.refused(404);
    server.get(&alice, &path(&recipes)).await.refused(404);
    patch(&server, &alice, &path(&recipes), "x")
        .await
        .refused(404);
    folder(&server, &alice, "Recipes of mine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_folder_is_bookmarked_and_goes_with_its_bookmark() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (one, two) = (
        folder(&server, &alice, "one").await,
        folder(&server, &alice, "two").await,
    );
    let mut statuses = Vec::new();
    for n in 0..5 {
        statuses.push(server.status(&bob, &format!("post {n}")).await);
    }
    for status in &statuses {
        put(&server, &alice, &one, status).await;
    }
    put(&server, &alice, &two, &statuses[0]).await;
    // Again, it stays where it is.
    put(&server, &alice, &one, &statuses[0]).await;
    let newest: Vec<String> = statuses.iter().rev().map(|s| id(s).to_owned()).collect();
    assert_eq!(holds(&server, &alice, &one).await, newest);
    assert_eq!(bookmarks(&server, &alice).await, newest);
    let mut found = Vec::new();
    let mut next = Some(format!("{}/statuses?limit=2", path(&one)));
    while let Some(page) = next {
        let answer = server.get(&alice, &page).await;
        found.extend(ids(&answer.entities("Status")));
        next = answer.link("next");
    }
    assert_eq!(found, newest);
    // Taken out, it stays bookmarked; taken out again, it is not there.
    let answer = server.delete(&alice, &within(&one, &statuses[1])).await;
    answer.entity("Kith__BookmarkFolder");
    server
        .delete(&alice, &within(&one, &statuses[1]))
        .await
        .refused(404);
    assert!(bookmarks(&server, &alice).await.contains(&newest[3]));
    // Unbookmarked, it is in no folder; nor is it when it comes back.
    let verb = |verb: &str| format!("/api/v1/statuses/{}/{verb}", id(&statuses[0]));
    server
        .post(&alice, &verb("unbookmark"), json!({}))
        .await
        .ok();
    assert!(holds(&server, &alice, &two).await.is_empty());
    assert_eq!(holds(&server, &alice, &one).await, newest[..3]);
    server.post(&alice, &verb("bookmark"), json!({})).await.ok();
    assert!(holds(&server, &alice, &two).await.is_empty());
    // A deleted post is nowhere, and a folder that goes takes no bookmark with it.
    let gone = format!("/api/v1/statuses/{}", id(&statuses[4]));
    server.delete(&bob, &gone).await.ok();
    assert_eq!(holds(&server, &alice, &one).await, newest[1..3]);
    server.delete(&alice, &path(&one)).await.ok();
    assert_eq!(bookmarks(&server, &alice).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boost_stands_for_what_it_boosts() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&bob, "post").await;
    let path = format!("/api/v1/statuses/{}/reblog", id(&status));
    let boost = server.post(&bob, &path, json!({})).await.ok();
    let one = folder(&server, &alice, "one").await;
    put(&server, &alice, &one, &boost).await;
    assert_eq!(holds(&server, &alice, &one).await, [id(&status)]);
    server.delete(&alice, &within(&one, &boost)).await.ok();
    assert!(holds(&server, &alice, &one).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_their_owners_alone_and_show_nothing_that_is_out_of_sight() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let one = folder(&server, &alice, "one").await;
    let secret = json!({"status": "psst", "visibility": "direct"});
    let secret = server.post(&bob, "/api/v1/statuses", secret).await.ok();
    for status in [&secret, &json!({"id": "17"})] {
        server
            .post(&alice, &within(&one, status), json!({}))
            .await
            .refused(404);
    }
    assert!(bookmarks(&server, &alice).await.is_empty());
    let status = server.status(&bob, "post").await;
    put(&server, &alice, &one, &status).await;
    assert_eq!(server.get(&bob, ALL).await.ok(), json!([]));
    let statuses = format!("{}/statuses", path(&one));
    for (method, path) in [
        (Method::GET, path(&one)),
        (Method::PATCH, path(&one)),
        (Method::GET, statuses.clone()),
        (Method::POST, within(&one, &status)),
        (Method::DELETE, within(&one, &status)),
        (Method::DELETE, path(&one)),
    ] {
        let body = json!({"name": "mine"});
        let body = (method == Method::PATCH || method == Method::POST).then_some(&body);
        server
            .send(method.clone(), &path, Some(&bob.token), body)
            .await
            .refused(404);
        server
            .send(method.clone(), &path, None, body)
            .await
            .refused(401);
        let unlike = server.token(&alice, "read:statuses write:statuses").await;
        server
            .send(method, &path, Some(&unlike), body)
            .await
            .refused(403);
    }
    assert!(bookmarks(&server, &bob).await.is_empty());
    assert_eq!(holds(&server, &alice, &one).await, [id(&status)]);
    // Blocked, bob's post is not shown; it can still be taken out.
    let block = format!("/api/v1/accounts/{}/block", alice.id());
    server.post(&bob, &block, json!({})).await.ok();
    assert!(holds(&server, &alice, &one).await.is_empty());
    server.delete(&alice, &within(&one, &status)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_come_in_pages_and_not_without_number() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let most = usize::try_from(kith::domain::bookmark_folders::MAX_FOLDERS).unwrap();
    for n in 0..most {
        folder(&server, &alice, &format!("folder {n}")).await;
    }
    server
        .post(&alice, ALL, json!({"name": "one more"}))
        .await
        .refused(422);
    folder(&server, &bob, "folder 1").await;
    let mut found = 0;
    let mut next = Some(ALL.to_owned());
    while let Some(page) = next {
        let answer = server.get(&alice, &page).await;
        found += answer.entities("Kith__BookmarkFolder").len();
        next = answer.link("next");
    }
    assert_eq!(found, most);
}
