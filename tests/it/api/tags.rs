use reqwest::Method;
use serde_json::json;

use crate::support::Server;
use crate::support::server::ids;

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_tag_brings_its_posts_home() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let early = server.status(&bob, "early #Rust").await;
    let tag = server.get(&alice, "/api/v1/tags/RUST").await.entity("Tag");
    assert_eq!(
        (&tag["name"], &tag["following"], &tag["featuring"]),
        (&json!("rust"), &json!(false), &json!(false))
    );
    let history = tag["history"].as_array().unwrap();
    assert_eq!(history.len(), 7);
    assert_eq!(
        (&history[0]["uses"], &history[0]["accounts"]),
        (&json!("1"), &json!("1"))
    );
    let followed = server
        .post(&alice, "/api/v1/tags/rust/follow", json!({}))
        .await
        .entity("Tag");
    assert_eq!(followed["following"], true);
    let later = server.status(&bob, "later #rust #other").await;
    let quiet = json!({"status": "quiet #rust", "visibility": "unlisted"});
    server.post(&bob, "/api/v1/statuses", quiet).await.ok();
    let home = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    let wanted = [&later, &early].map(|s| s["id"].as_str().unwrap().to_owned());
    assert_eq!(
        ids(&home),
        wanted,
        "what was there, and what came, and public alone"
    );
    server
        .post(&alice, "/api/v1/tags/other/follow", json!({}))
        .await
        .ok();
    let tag = server
        .post(&alice, "/api/v1/tags/rust/unfollow", json!({}))
        .await
        .entity("Tag");
    assert_eq!(tag["following"], false);
    let home = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    assert_eq!(
        ids(&home),
        wanted[..1],
        "another followed tag keeps its post"
    );
    for (name, status) in [("not a tag!", 422), ("12", 422)] {
        let path = format!("/api/v1/tags/{}/follow", name.replace(' ', "%20"));
        server.post(&alice, &path, json!({})).await.refused(status);
    }
    server
        .get(&alice, "/api/v1/tags/not%20a%20tag!")
        .await
        .refused(404);
    let unused = server.get_public("/api/v1/tags/unused").await.entity("Tag");
    assert!(unused.get("following").is_none(), "nobody asks");
}

#[tokio::test(flavor = "multi_thread")]
async fn followed_tags_are_listed_in_pages() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for n in 0..5 {
        let path = format!("/api/v1/tags/tag{n}/follow");
        server.post(&alice, &path, json!({})).await.entity("Tag");
        server.post(&alice, &path, json!({})).await.entity("Tag");
    }
    let mut seen = Vec::new();
    let mut next = Some("/api/v1/followed_tags?limit=2".to_owned());
    while let Some(path) = next {
        let page = server.get(&alice, &path).await;
        for tag in page.entities("Tag") {
            assert_eq!(tag["following"], true);
            seen.push(tag["name"].as_str().unwrap().to_owned());
        }
        next = page.link("next");
    }
    assert_eq!(seen, ["tag4", "tag3", "tag2", "tag1", "tag0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn featured_tags_count_their_use() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let first = server.status(&alice, "#one #two").await;
    server.status(&alice, "#one again").await;
    let suggested = server
        .get(&alice, "/api/v1/featured_tags/suggestions")
        .await
        .entities("Tag");
    let names: Vec<_> = suggested
        .iter()
        .map(|t| t["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["one", "two"]);
    let path = "/api/v1/featured_tags";
    let made = server
        .post(&alice, path, json!({"name": "#One"}))
        .await
        .entity("FeaturedTag");
    assert_eq!(
        (&made["name"], &made["statuses_count"]),
        (&json!("one"), &json!("2"))
    );
    assert!(made["last_status_at"].is_string());
    for bad in [json!({"name": "one"}), json!({"name": "a b"}), json!({})] {
        server.post(&alice, path, bad).await.refused(422);
    }
    // An edit that drops the tag, and a deletion, count.
    let status = format!("/api/v1/statuses/{}", first["id"].as_str().unwrap());
    let edit = json!({"status": "#two only"});
    server
        .send(Method::PUT, &status, Some(&alice.token), Some(&edit))
        .await
        .entity("Status");
    let of = format!("/api/v1/accounts/{}/featured_tags", alice.id());
    let list = server.get(&bob, &of).await.entities("FeaturedTag");
    assert_eq!(list[0]["statuses_count"], "1");
    let tag = server
        .post(&alice, "/api/v1/tags/two/feature", json!({}))
        .await
        .entity("Tag");
    assert_eq!(tag["featuring"], true);
    server
        .send(Method::DELETE, &status, Some(&alice.token), None)
        .await
        .ok();
    let list = server.get_public(&of).await.entities("FeaturedTag");
    let counts: Vec<_> = list
        .iter()
        .map(|t| (t["name"].clone(), t["statuses_count"].clone()))
        .collect();
    assert_eq!(
        counts,
        [(json!("one"), json!("1")), (json!("two"), json!("0"))]
    );
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    server
        .send(Method::DELETE, &one, Some(&bob.token), None)
        .await
        .refused(404);
    server
        .send(Method::DELETE, &one, Some(&alice.token), None)
        .await
        .ok();
    let tag = server
        .post(&alice, "/api/v1/tags/two/unfeature", json!({}))
        .await
        .entity("Tag");
    assert_eq!(tag["featuring"], false);
    assert!(
        server
            .get(&alice, path)
            .await
            .entities("FeaturedTag")
            .is_empty()
    );
}
