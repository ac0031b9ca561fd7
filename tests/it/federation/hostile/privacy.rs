//! S11: what is not for everyone.

use kith::federation::signature::{PrivateKey, sign_cavage};
use serde_json::{Value, json};
use url::Url;

use super::{activity, deliver, idle, read};
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{ACTOR_KEY, Answer, Server};

#[tokio::test(flavor = "multi_thread")]
async fn s11_followers_posts_wait_for_the_accept() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let lurker = peer.add_actor("lurker");
    let locked = json!({"locked": true});
    server
        .send(
            reqwest::Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&alice.token),
            Some(&locked),
        )
        .await
        .ok();
    let follow = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{lurker}#f"), "type": "Follow", "actor": lurker, "object": alice.account.uri});
    assert_eq!(
        Delivery::by(&lurker).send(&server, &follow).await.status,
        202
    );
    eventually("the request arrives", async || {
        let list = server
            .get(&alice, "/api/v1/follow_requests")
            .await
            .entities("Account");
        (!list.is_empty()).then_some(())
    })
    .await;
    let private = json!({"status": "for followers", "visibility": "private"});
    let private = server
        .post(&alice, "/api/v1/statuses", private)
        .await
        .entity("Status");
    // A public one that mentions the lurker goes out; nothing went before it.
    let public = json!({"status": format!("@lurker@{} hi", peer.domain())});
    server
        .post(&alice, "/api/v1/statuses", public)
        .await
        .entity("Status");
    eventually("the mention goes out", async || {
        peer.received()
            .iter()
            .any(|a| a["type"] == "Create")
            .then_some(())
    })
    .await;
    assert!(
        !peer
            .received()
            .iter()
            .any(|a| a["object"]["id"] == private["uri"])
    );
    for path in [
        format!(
            "/users/alice/statuses/{}",
            private["id"].as_str().expect("an id")
        ),
        "/users/alice/outbox?page=true".to_owned(),
    ] {
        let request = server
            .http
            .get(format!("{}{path}", server.url))
            .header("accept", "application/activity+json");
        let answer = crate::support::Answer::of(request, path).await;
        assert!(!answer.text.contains("for followers"), "{}", answer.text);
    }
}

/// GETs a path, signed by an actor.
async fn read_as(server: &Server, actor: &str, path: &str) -> Answer {
    let url = Url::parse(&format!("{}{path}", server.url)).expect("a URL");
    let key = PrivateKey::from_pem(ACTOR_KEY).expect("a key");
    let now = server.app.clock.now_ms();
    let key_id = format!("{actor}#main-key");
    let headers = sign_cavage(&key, &key_id, &reqwest::Method::GET, &url, None, now);
    let request = server
        .http
        .get(url.as_str())
        .headers(headers.expect("signed"))
        .header("accept", "application/activity+json");
    Answer::of(request, path.to_owned()).await
}

/// What an answer tells: all but when it was given and its number.
fn told(answer: &Answer) -> (u16, Vec<String>, String) {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id", "server-timing"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    (answer.status.as_u16(), headers, answer.text.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_what_one_may_not_see_looks_like_what_is_not_there() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let (fan, lurker) = (peer.add_actor("fan"), peer.add_actor("lurker"));
    deliver(
        &server,
        &fan,
        &activity(&fan, "f", "Follow", &json!(alice.account.uri)),
    )
    .await;
    eventually("the follow is accepted", async || {
        peer.received()
            .iter()
            .any(|a| a["type"] == "Accept")
            .then_some(())
    })
    .await;
    let public = server.status(&alice, "for all").await;
    // With this the lurker, and its key, are known here.
    let like = activity(&lurker, "like", "Like", &public["uri"]);
    deliver(&server, &lurker, &like).await;
    let likes = format!("/api/v1/statuses/{}", public["id"].as_str().unwrap());
    let count = async |of: &str| server.get(&alice, &likes).await.entity("Status")[of].clone();
    eventually("the like arrives", async || {
        (count("favourites_count").await == 1).then_some(())
    })
    .await;
    let mut hidden: Vec<Value> = Vec::new();
    for visibility in ["private", "direct", "mutuals"] {
        let post = json!({"status": "secret words", "visibility": visibility});
        hidden.push(
            server
                .post(&alice, "/api/v1/statuses", post)
                .await
                .entity("Status"),
        );
    }
    let at = |uri: &str, rest: &str| format!("{}{rest}", uri.strip_prefix(&server.url).unwrap());
    let nothing = format!("{}/users/alice/statuses/117688665918930997", server.url);
    for rest in [
        "",
        "/activity",
        "/replies",
        "/replies?page=true",
        "/likes",
        "/shares",
    ] {
        let expected = [
            told(&read(&server, &at(&nothing, rest)).await),
            told(&read_as(&server, &lurker, &at(&nothing, rest)).await),
        ];
        assert_eq!(expected[0].0, 404, "{rest}");
        for status in &hidden {
            let path = at(status["uri"].as_str().unwrap(), rest);
            assert_eq!(told(&read(&server, &path).await), expected[0], "{path}");
            let by_lurker = read_as(&server, &lurker, &path).await;
            assert_eq!(told(&by_lurker), expected[1], "{path}");
        }
        // Whom it is for does see it: so the signatures are good.
        let path = at(hidden[0]["uri"].as_str().unwrap(), rest);
        let by_fan = read_as(&server, &fan, &path).await;
        assert_eq!(by_fan.status, 200, "{path}");
        let keep = by_fan.headers["cache-control"].to_str().unwrap();
        assert!(keep.contains("private"), "{path}: {keep}");
    }
    for path in [
        "/users/alice/outbox?page=true",
        "/users/alice/collections/featured",
        "/@alice",
        "/@alice.rss",
        "/api/v1/timelines/public",
        "/api/v1/timelines/tag/secret",
    ] {
        let answer = read(&server, path).await;
        assert!(!answer.text.contains("secret words"), "{path}");
        let answer = read_as(&server, &fan, path).await;
        assert!(!answer.text.contains("secret words"), "{path}");
    }
    // Whatever a stranger says about it is answered alike and comes to nothing.
    for (n, object) in hidden
        .iter()
        .map(|s| s["uri"].clone())
        .chain([json!(nothing)])
        .enumerate()
    {
        for kind in [
            "Like",
            "Dislike",
            "Announce",
            "EmojiReact",
            "QuoteRequest",
            "Undo",
        ] {
            let mut deed = activity(&lurker, &format!("{kind}{n}"), kind, &object);
            deed["content"] = json!("\u{1f525}");
            deed["to"] = json!("https://www.w3.org/ns/activitystreams#Public");
            deed["instrument"] = json!(format!("{}/notes/quote{n}", peer.origin));
            let answer = Delivery::by(&lurker).send(&server, &deed).await;
            assert_eq!((answer.status.as_u16(), &*answer.text), (202, ""), "{kind}");
        }
    }
    deliver(
        &server,
        &lurker,
        &activity(&lurker, "last", "Announce", &public["uri"]),
    )
    .await;
    eventually("the last arrives", async || {
        (count("reblogs_count").await == 1).then_some(())
    })
    .await;
    idle(&server).await;
    for status in &hidden {
        let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
        let now = server.get(&alice, &path).await.entity("Status");
        for counter in [
            "favourites_count",
            "reblogs_count",
            "quotes_count",
            "replies_count",
        ] {
            assert_eq!(now[counter], 0, "{counter}");
        }
    }
    let told = server
        .get(
            &alice,
            "/api/v1/notifications?types[]=favourite&types[]=reblog",
        )
        .await
        .entities("Notification");
    assert_eq!(told.len(), 2, "of what is public");
    let answers = peer.received();
    let about = |a: &Value| {
        hidden
            .iter()
            .any(|s| a.to_string().contains(s["uri"].as_str().unwrap()))
    };
    let to_lurker = peer
        .deliveries()
        .into_iter()
        .filter(|(path, a)| path.contains("lurker") && about(a));
    assert_eq!(to_lurker.count(), 0, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_hidden_lists_stay_hidden() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let fan = peer.add_actor("fan");
    deliver(
        &server,
        &fan,
        &activity(&fan, "f", "Follow", &json!(alice.account.uri)),
    )
    .await;
    let page = "/users/alice/followers?page=true";
    eventually("the follow arrives", async || {
        read(&server, page).await.text.contains(&fan).then_some(())
    })
    .await;
    let hide = json!({"hide_collections": true});
    server
        .send(
            reqwest::Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&alice.token),
            Some(&hide),
        )
        .await
        .ok();
    for path in [
        page,
        "/users/alice/followers",
        "/users/alice/following",
        "/users/alice/following?page=true",
        "/users/alice/followers?page=true&max_id=999999999999999999",
    ] {
        for answer in [
            read(&server, path).await,
            read_as(&server, &fan, path).await,
        ] {
            assert!(
                !answer.text.contains("/users/fan"),
                "{path}: {}",
                answer.text
            );
            assert!(!answer.text.contains("\"first\""), "{path}");
        }
    }
}
