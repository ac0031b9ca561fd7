use serde_json::json;

use crate::support::server::ids;
use crate::support::{Person, Server};

async fn follow(server: &Server, who: &Person, whom: &Person) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    let relation = server
        .post(who, &path, json!({}))
        .await
        .entity("Relationship");
    assert_eq!(relation["following"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn home_shows_those_followed_and_oneself() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    follow(&server, &alice, &bob).await;
    let own = server.status(&alice, "mine").await;
    let theirs = server.status(&bob, "his").await;
    let other = server.status(&carol, "hers").await;
    let path = format!("/api/v1/statuses/{}/reblog", other["id"].as_str().unwrap());
    let reblog = server.post(&bob, &path, json!({})).await.entity("Status");
    // A reply to somebody alice does not follow is not for her home.
    let reply = json!({"status": "@carol hm", "in_reply_to_id": other["id"]});
    server
        .post(&bob, "/api/v1/statuses", reply)
        .await
        .entity("Status");
    let home = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    let expected = [&reblog, &theirs, &own].map(|s| s["id"].as_str().unwrap().to_owned());
    assert_eq!(ids(&home), expected);
    // The next read, from memory, says the same.
    let again = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    assert_eq!(home, again);
    // Once unfollowed, bob's are gone; carol's, followed now, come.
    server
        .post(
            &alice,
            &format!("/api/v1/accounts/{}/unfollow", bob.id()),
            json!({}),
        )
        .await
        .ok();
    follow(&server, &alice, &carol).await;
    let home = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    let expected = [&other, &own].map(|s| s["id"].as_str().unwrap().to_owned());
    assert_eq!(ids(&home), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_the_link_headers_both_ways() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut posted = Vec::new();
    for n in 0..23 {
        posted.push(
            server.status(&alice, &format!("#pages {n}")).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    posted.reverse();
    let own = format!("/api/v1/accounts/{}/statuses", alice.id());
    for path in [
        "/api/v1/timelines/home",
        "/api/v1/timelines/public",
        "/api/v1/timelines/tag/pages",
        &own,
    ] {
        let mut seen = Vec::new();
        let mut next = Some(format!("{path}?limit=5"));
        let mut previous = None;
        while let Some(url) = next {
            let answer = server.get(&alice, &url).await;
            let page = ids(&answer.entities("Status"));
            assert!(page.len() <= 5);
            seen.extend(page);
            next = answer.link("next");
            previous = answer.link("prev").or(previous);
            assert!(seen.len() <= posted.len(), "{path} does not end");
        }
        assert_eq!(seen, posted, "{path}");
        // And back: from the last page to the one before it.
        let back = server
            .get(&alice, &previous.unwrap())
            .await
            .entities("Status");
        assert_eq!(ids(&back), posted[15..20], "{path}");
        let since = server
            .get(&alice, &format!("{path}?since_id={}", posted[2]))
            .await
            .entities("Status");
        assert_eq!(ids(&since), posted[..2]);
    }
    server
        .get(&alice, "/api/v1/timelines/home?max_id=abc")
        .await
        .refused(400);
    let all = server
        .get(&alice, "/api/v1/timelines/home?limit=1000")
        .await
        .entities("Status");
    assert_eq!(all.len(), 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn timelines_leave_out_the_muted_and_the_blocked() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    follow(&server, &alice, &bob).await;
    follow(&server, &alice, &carol).await;
    server.status(&bob, "b").await;
    let kept = server.status(&carol, "c").await;
    server
        .post(
            &alice,
            &format!("/api/v1/accounts/{}/mute", bob.id()),
            json!({}),
        )
        .await
        .entity("Relationship");
    for path in [
        "/api/v1/timelines/home",
        "/api/v1/timelines/public?local=true",
    ] {
        let list = server.get(&alice, path).await.entities("Status");
        assert_eq!(ids(&list), [kept["id"].as_str().unwrap()]);
    }
    let muted = server
        .get(&alice, "/api/v1/mutes")
        .await
        .entities("MutedAccount");
    assert_eq!(muted[0]["acct"], "bob");
    let relation = server
        .post(
            &carol,
            &format!("/api/v1/accounts/{}/block", alice.id()),
            json!({}),
        )
        .await
        .ok();
    assert_eq!(relation["blocking"], true);
    for path in ["/api/v1/timelines/home", "/api/v1/timelines/public"] {
        let list = server.get(&alice, path).await.entities("Status");
        assert_eq!(list.len(), 0, "{path}: a block hides both from each other");
    }
    let relation = server
        .get(
            &alice,
            &format!("/api/v1/accounts/relationships?id[]={}", carol.id()),
        )
        .await;
    let relation = &relation.entities("Relationship")[0];
    assert_eq!(
        (&relation["blocked_by"], &relation["following"]),
        (&json!(true), &json!(false))
    );
    server
        .post(
            &alice,
            &format!("/api/v1/accounts/{}/follow", carol.id()),
            json!({}),
        )
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_a_fixed_number_of_statements() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    follow(&server, &alice, &bob).await;
    let mut counts = Vec::new();
    for round in [3, 30] {
        for n in 0..round {
            let poll = json!({"options": ["a", "b"], "expires_in": 600});
            let body = json!({"status": format!("@alice #tag{n} hello {n}"), "poll": poll});
            let status = server
                .post(&bob, "/api/v1/statuses", body)
                .await
                .entity("Status");
            let path = format!(
                "/api/v1/statuses/{}/favourite",
                status["id"].as_str().unwrap()
            );
            server.post(&alice, &path, json!({})).await.ok();
        }
        // From nothing in memory, with a cursor so that the newest ids are not taken from it.
        let path = "/api/v1/timelines/home?limit=40&max_id=999999999999999999";
        let page = server.get(&alice, path).await.entities("Status");
        assert!(page.len() >= round.min(33));
        let cold = async || {
            server.app.caches.clear();
            server.get(&alice, path).await.ok();
        };
        counts.push(server.cost(cold).await);
        let warm = async || {
            let path = "/api/v1/timelines/home?limit=40";
            server.get(&alice, path).await.ok();
        };
        assert_eq!(
            server.cost(warm).await,
            0,
            "a page from memory costs statements"
        );
    }
    assert_eq!(
        counts[0], counts[1],
        "the number of statements grows with the page"
    );
    // Five of them read the policies and the rules about addresses, which else are in memory.
    assert!(counts[0] <= 36, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tags_timeline_takes_further_tags() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut posted = Vec::new();
    for text in [
        "#cats",
        "#dogs",
        "#cats and #dogs",
        "#birds",
        "#cats and #birds",
    ] {
        posted.push(server.status(&alice, text).await["id"].clone());
    }
    let path = "/api/v1/timelines/tag/cats";
    for (query, expected) in [
        ("", vec![4, 2, 0]),
        ("?any[]=Dogs", vec![4, 2, 1, 0]),
        ("?any[]=dogs&any[]=birds&any[]=unused", vec![4, 3, 2, 1, 0]),
        ("?all[]=dogs", vec![2]),
        ("?all[]=cats", vec![4, 2, 0]),
        ("?all[]=unused", vec![]),
        ("?none[]=dogs&none[]=unused", vec![4, 0]),
        ("?any[]=birds&none[]=dogs&limit=2", vec![4, 3]),
    ] {
        let list = server
            .get(&alice, &format!("{path}{query}"))
            .await
            .entities("Status");
        let expected: Vec<_> = expected
            .iter()
            .map(|n: &usize| posted[*n].clone())
            .collect();
        assert_eq!(ids(&list), expected, "{query}");
    }
    // Page by page both ways.
    let first = server
        .get(&alice, &format!("{path}?any[]=dogs&limit=2"))
        .await;
    let next = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(
        ids(&next.entities("Status")),
        [posted[1].clone(), posted[0].clone()]
    );
    let back = server.get(&alice, &next.link("prev").unwrap()).await;
    assert_eq!(back.json(), first.json());
}
