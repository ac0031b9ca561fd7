use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::server::ids;
use crate::support::{Person, Server};

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn posts(server: &Server, who: &Person, query: &str) -> Vec<String> {
    let path = format!("/api/v2/search?type=statuses&q={}", encode(query));
    let found = server.get(who, &path).await.entity("Search");
    ids(found["statuses"].as_array().unwrap())
}

/// Waits until a query finds exactly these.
async fn finds(server: &Server, who: &Person, query: &str, wanted: &[&Value]) {
    let wanted: Vec<String> = wanted
        .iter()
        .map(|s| s["id"].as_str().unwrap().to_owned())
        .collect();
    eventually(query, async || {
        (posts(server, who, query).await == wanted).then_some(())
    })
    .await;
}

async fn be_found(server: &Server, who: &Person) {
    let path = "/api/v1/accounts/update_credentials";
    let body = json!({"indexable": true});
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_found_by_whom_they_are_for() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    be_found(&server, &alice).await;
    let open = server.status(&alice, "An elephant, naïve").await;
    let post = async |who: &Person, text: &str, visibility: &str| {
        let body = json!({"status": text, "visibility": visibility});
        server
            .post(who, "/api/v1/statuses", body)
            .await
            .entity("Status")
    };
    let unlisted = post(&alice, "elephant unlisted", "unlisted").await;
    let hidden = post(&bob, "an elephant nobody may find", "public").await;
    let direct = post(&bob, "@alice my elephant", "direct").await;
    // Newest first; carol finds what alice lets everyone find.
    finds(&server, &carol, "elephant", &[&open]).await;
    finds(&server, &alice, "ELEPHANT", &[&direct, &unlisted, &open]).await;
    finds(&server, &bob, "elephant", &[&direct, &hidden, &open]).await;
    // What one marks, one finds again.
    let id = hidden["id"].as_str().unwrap();
    let path = format!("/api/v1/statuses/{id}/bookmark");
    server.post(&carol, &path, json!({})).await.ok();
    finds(&server, &carol, "elephant", &[&hidden, &open]).await;
    let path = format!("/api/v1/statuses/{id}/unbookmark");
    server.post(&carol, &path, json!({})).await.ok();
    finds(&server, &carol, "elephant", &[&open]).await;
    // Without a token there are no posts; an edit and a deletion are followed.
    let public = server
        .get_public("/api/v2/search?q=elephant")
        .await
        .entity("Search");
    assert_eq!(public["statuses"], json!([]));
    let path = format!("/api/v1/statuses/{}", open["id"].as_str().unwrap());
    let edit = json!({"status": "a giraffe"});
    server
        .send(Method::PUT, &path, Some(&alice.token), Some(&edit))
        .await
        .ok();
    finds(&server, &carol, "giraffe", &[&open]).await;
    finds(&server, &carol, "elephant", &[]).await;
    server
        .send(Method::DELETE, &path, Some(&alice.token), None)
        .await
        .ok();
    finds(&server, &alice, "giraffe", &[]).await;
    // Whoever changes their mind is found, or not, with what was there before.
    be_found(&server, &bob).await;
    finds(&server, &carol, "elephant", &[&hidden]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_narrow_it_down() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    be_found(&server, &alice).await;
    let post = async |who: &Person, body: Value| {
        server
            .post(who, "/api/v1/statuses", body)
            .await
            .entity("Status")
    };
    let black = post(
        &alice,
        json!({"status": "the black cat sat #Pets", "language": "en"}),
    )
    .await;
    let cat = post(
        &alice,
        json!({"status": "a cat is black", "language": "de"}),
    )
    .await;
    let reply = json!({"status": "cat reply", "in_reply_to_id": cat["id"], "spoiler_text": "cw"});
    let reply = post(&alice, reply).await;
    let own = post(
        &bob,
        json!({"status": "cat of bob, see https://cats.example/"}),
    )
    .await;
    let japanese = post(&alice, json!({"status": "黒い猫がいる", "language": "ja"})).await;
    finds(&server, &bob, "cat", &[&own, &reply, &cat, &black]).await;
    finds(&server, &bob, "猫", &[&japanese]).await;
    for (query, wanted) in [
        ("\"black cat\"", vec![&black]),
        ("black cat", vec![&cat, &black]),
        ("cat -black", vec![&own, &reply]),
        ("cat -\"black cat\"", vec![&own, &reply, &cat]),
        ("cat from:alice", vec![&reply, &cat, &black]),
        ("cat -from:@alice", vec![&own]),
        ("cat from:me", vec![&own]),
        ("from:nobody cat", vec![]),
        ("cat is:reply", vec![&reply]),
        ("cat is:sensitive", vec![&reply]),
        ("cat -is:reply from:alice", vec![&cat, &black]),
        ("cat has:link", vec![&own]),
        ("cat has:poll", vec![]),
        ("cat language:de", vec![&cat]),
        ("#pets", vec![&black]),
        ("cat in:library", vec![&own]),
        ("cat in:public", vec![&reply, &cat, &black]),
        ("cat after:2020-01-01", vec![&own, &reply, &cat, &black]),
        ("cat before:2020-01-01", vec![]),
        ("cat after:tomorrow", vec![]),
        ("猫", vec![&japanese]),
        ("黒い猫", vec![&japanese]),
        ("猫い", vec![]),
        ("-", vec![]),
        ("\"", vec![]),
        ("cat OR 'dog\" NOT (", vec![]),
    ] {
        let found = posts(&server, &bob, query).await;
        let wanted: Vec<_> = wanted
            .iter()
            .map(|s| s["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, wanted, "{query}");
    }
    let page = |more: &str| format!("/api/v2/search?q=cat&type=statuses&{more}");
    let list = async |more: &str| {
        let found = server.get(&bob, &page(more)).await.entity("Search");
        ids(found["statuses"].as_array().unwrap())
    };
    let id = |status: &Value| status["id"].as_str().unwrap().to_owned();
    assert_eq!(list("limit=2").await, [id(&own), id(&reply)]);
    assert_eq!(list("limit=2&offset=2").await, [id(&cat), id(&black)]);
    let below = format!("max_id={}", id(&reply));
    assert_eq!(list(&below).await, [id(&cat), id(&black)]);
    let above = format!("min_id={}", id(&cat));
    assert_eq!(list(&above).await, [id(&own), id(&reply)]);
    let by = format!("account_id={}", bob.id());
    assert_eq!(list(&by).await, [id(&own)]);
    // A block hides both from each other here, too.
    let path = format!("/api/v1/accounts/{}/block", bob.id());
    server.post(&alice, &path, json!({})).await.ok();
    assert_eq!(posts(&server, &bob, "cat").await, [id(&own)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_their_names_whom_one_follows_first() {
    let server = Server::start().await;
    let (alice, bob, bobby) = (
        server.person("alice").await,
        server.person("bob_the_builder").await,
        server.person("bobby").await,
    );
    let name = json!({"display_name": "Robert Émile Bobson"});
    let path = "/api/v1/accounts/update_credentials";
    server
        .send(Method::PATCH, path, Some(&bobby.token), Some(&name))
        .await
        .ok();
    let find = async |query: &str, more: &str| {
        let path = format!("/api/v1/accounts/search?q={}{more}", encode(query));
        ids(&server.get(&alice, &path).await.entities("Account"))
    };
    let both = [bob.id(), bobby.id()];
    let mut found = find("bob", "").await;
    found.sort();
    assert_eq!(found, both);
    assert_eq!(find("builder", "").await, [bob.id()]);
    assert_eq!(find("emile rob", "").await, [bobby.id()]);
    assert_eq!(find("@bobby", "").await[0], bobby.id());
    assert_eq!(find("nobody", "").await, [""; 0]);
    assert_eq!(
        find("kith", "").await,
        [""; 0],
        "the server's own actor is nobody"
    );
    assert_eq!(find("bob", "&following=true").await, [""; 0]);
    let path = format!("/api/v1/accounts/{}/follow", bobby.id());
    server.post(&alice, &path, json!({})).await.ok();
    assert_eq!(find("bob", "").await, [bobby.id(), bob.id()]);
    assert_eq!(find("bob", "&limit=1&offset=1").await, [bob.id()]);
    assert_eq!(find("bob", "&following=true").await, [bobby.id()]);
    assert_eq!(find("bob_the_builder", "&following=true").await, [""; 0]);
    let found = server
        .get(&alice, "/api/v2/search?q=bob&following=true")
        .await
        .entity("Search");
    assert_eq!(ids(found["accounts"].as_array().unwrap()), [bobby.id()]);
    let renamed = json!({"display_name": "Somebody"});
    let path = "/api/v1/accounts/update_credentials";
    server
        .send(Method::PATCH, path, Some(&bobby.token), Some(&renamed))
        .await
        .ok();
    assert_eq!(find("emile", "").await, [""; 0]);
    assert_eq!(find("someb", "").await, [bobby.id()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_has_its_rules() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let status = server.status(&alice, "here #tagged").await;
    for path in [
        "/api/v2/search",
        "/api/v2/search?q=",
        "/api/v2/search?q=%20",
    ] {
        server.get(&alice, path).await.refused(400);
    }
    for path in [
        "/api/v2/search?q=alice&resolve=true",
        "/api/v2/search?q=alice&type=accounts&offset=1",
    ] {
        server.get_public(path).await.refused(401);
    }
    let token = server.token(&alice, "read:statuses").await;
    server
        .send(Method::GET, "/api/v2/search?q=alice", Some(&token), None)
        .await
        .refused(403);
    let found = server
        .get(&alice, "/api/v2/search?q=%23tag&type=hashtags")
        .await
        .entity("Search");
    assert_eq!(found["hashtags"][0]["name"], "tagged");
    assert_eq!(
        (&found["accounts"], &found["statuses"]),
        (&json!([]), &json!([]))
    );
    let by_url = format!(
        "/api/v2/search?q={}",
        encode(status["url"].as_str().unwrap())
    );
    let found = server.get(&alice, &by_url).await.entity("Search");
    assert_eq!(found["statuses"][0]["id"], status["id"]);
    // Lists of several kinds are not paged: the offset counts with a type alone.
    let all = server
        .get(&alice, "/api/v2/search?q=tagged&offset=1")
        .await
        .entity("Search");
    assert_eq!(all["hashtags"].as_array().unwrap().len(), 1);
    let one = server
        .get(&alice, "/api/v2/search?q=tagged&type=hashtags&offset=1")
        .await
        .entity("Search");
    assert_eq!(one["hashtags"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_posts_of_authors_who_want_it_are_found() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let open = peer.add_actor_with("open", json!({"indexable": true}));
    let shy = peer.add_actor("shy");
    for (name, actor) in [("open", &open), ("shy", &shy)] {
        let path = format!(
            "/api/v2/search?q=@{name}@{}&resolve=true&type=accounts",
            peer.domain()
        );
        let found = server.get(&alice, &path).await.entity("Search");
        let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/accounts/{id}/follow");
        server.post(&alice, &path, json!({})).await.ok();
        let follow = eventually("the follow comes", async || {
            let all = peer.received();
            all.into_iter()
                .find(|a| a["type"] == "Follow" && a["object"] == *actor)
        })
        .await;
        let accept = json!({
            "id": format!("{actor}#accept"), "type": "Accept", "actor": actor, "object": follow,
        });
        assert_eq!(Delivery::by(actor).send(&server, &accept).await.status, 202);
        let note = peer.note(name, name, "<p>a walrus</p>");
        let create = peer.create(name, &note);
        assert_eq!(Delivery::by(actor).send(&server, &create).await.status, 202);
    }
    eventually("both arrive", async || {
        let home = server.get(&alice, "/api/v1/timelines/home").await;
        (home.entities("Status").len() == 2).then_some(())
    })
    .await;
    let found = eventually("the open one is found", async || {
        let found = posts(&server, &alice, "walrus").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(found.len(), 1);
    let path = format!("/api/v1/statuses/{}", found[0]);
    let status = server.get(&alice, &path).await.entity("Status");
    assert_eq!(status["account"]["uri"], open);
}
