//! Comments: direct replies in several orders

use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Person, Server};

fn path(status: &Value, query: &str) -> String {
    let id = status["id"].as_str().unwrap();
    format!("/api/kith/v1/statuses/{id}/comments{query}")
}

async fn comment(server: &Server, person: &Person, on: &Value, visibility: &str) -> Value {
    let body = json!({"status": "a comment", "in_reply_to_id": on["id"], "visibility": visibility});
    server
        .post(person, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn vote(server: &Server, person: &Person, on: &str, verb: &str) {
    let path = match verb {
        "favourite" => format!("/api/v1/statuses/{on}/favourite"),
        _ => format!("/api/kith/v1/statuses/{on}/{verb}"),
    };
    server.post(person, &path, json!({})).await.entity("Status");
}

/// All pages from a path on, following a link.
async fn pages(server: &Server, person: &Person, path: String, rel: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(path));
    while let Some(path) = next {
        let answer = server.get(person, &path).await;
        let found = ids(&answer.entities("Status"));
        if found.is_empty() {
            break;
        }
        pages.push(found);
        next = answer.link(rel);
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_paged_through_in_every_order_and_back() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let root = server.status(&alice, "root").await;
    let mut oldest = Vec::new();
    for _ in 0..7 {
        let one = comment(&server, &bob, &root, "public").await;
        oldest.push(one["id"].as_str().unwrap().to_owned());
    }
    // A reply to a comment is none on the root.
    let deeper = comment(&server, &bob, &json!({"id": oldest[0]}), "public").await;
    for (n, verb) in [(2, "favourite"), (5, "favourite"), (0, "dislike")] {
        vote(&server, &alice, &oldest[n], verb).await;
    }
    vote(&server, &bob, &oldest[5], "favourite").await;
    let newest: Vec<String> = oldest.iter().rev().cloned().collect();
    let top: Vec<String> = [5, 2, 6, 4, 3, 1, 0]
        .iter()
        .map(|n| oldest[*n].clone())
        .collect();
    for (sort, wanted) in [
        ("", &oldest),
        ("sort=oldest", &oldest),
        ("sort=newest", &newest),
        ("sort=top", &top),
    ] {
        let all = server.get(&alice, &path(&root, &format!("?{sort}"))).await;
        assert_eq!(ids(&all.entities("Status")), *wanted, "{sort}");
        assert!(all.link("next").is_none(), "{sort}: that was all");
        let from = path(&root, &format!("?{sort}&limit=3"));
        let pages = pages(&server, &alice, from, "next").await;
        assert_eq!(
            pages.iter().map(Vec::len).collect::<Vec<_>>(),
            [3, 3, 1],
            "{sort}"
        );
        assert_eq!(pages.concat(), *wanted, "{sort}");
        // And back from the last page.
        let mut at = path(&root, &format!("?{sort}&limit=3"));
        for _ in 0..2 {
            at = server.get(&alice, &at).await.link("next").unwrap();
        }
        let at = server.get(&alice, &at).await.link("prev").unwrap();
        let back = self::pages(&server, &alice, at, "prev").await;
        let back: Vec<String> = back.into_iter().rev().flatten().collect();
        assert_eq!(back, wanted[..6], "{sort}");
    }
    let below = path(&json!({"id": oldest[0]}), "");
    let list = server.get_public(&below).await.entities("Status");
    assert_eq!(ids(&list), [deeper["id"].as_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_top_page_holds_its_place_whatever_happens_meanwhile() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let root = server.status(&alice, "root").await;
    let mut made = Vec::new();
    for _ in 0..4 {
        let one = comment(&server, &bob, &root, "public").await;
        made.push(one["id"].as_str().unwrap().to_owned());
    }
    vote(&server, &alice, &made[1], "favourite").await;
    vote(&server, &bob, &made[1], "favourite").await;
    vote(&server, &alice, &made[2], "favourite").await;
    let first = server.get(&alice, &path(&root, "?sort=top&limit=2")).await;
    let next = first.link("next").unwrap();
    assert_eq!(
        ids(&first.entities("Status")),
        [made[1].clone(), made[2].clone()]
    );
    // The last one shown is voted down, and then deleted.
    vote(&server, &alice, &made[2], "dislike").await;
    let rest = server.get(&alice, &next).await.entities("Status");
    assert_eq!(
        ids(&rest)[..2],
        [made[3].clone(), made[0].clone()],
        "nothing is missed"
    );
    let gone = format!("/api/v1/statuses/{}", made[2]);
    server.delete(&bob, &gone).await.ok();
    let rest = server.get(&alice, &next).await.entities("Status");
    assert_eq!(ids(&rest), [made[3].clone(), made[0].clone()]);
    // Without its score, the place of what is gone is not known.
    let bare = path(&root, &format!("?sort=top&max_id={}", made[2]));
    server.get(&alice, &bare).await.refused(422);
    let bare = path(&root, &format!("?sort=top&max_id={}", made[1]));
    let list = server.get(&alice, &bare).await.entities("Status");
    assert_eq!(ids(&list), [made[3].clone(), made[0].clone()]);
    let odd = path(&root, "?sort=best");
    server.get(&alice, &odd).await.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_full_pages_of_what_they_may_see() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let root = server.status(&alice, "root").await;
    let mut open = Vec::new();
    for n in 0..30 {
        let visibility = if n % 10 == 9 { "public" } else { "private" };
        let one = comment(&server, &bob, &root, visibility).await;
        if visibility == "public" {
            open.push(one["id"].as_str().unwrap().to_owned());
        }
    }
    for sort in ["oldest", "newest", "top"] {
        let query = format!("?sort={sort}&limit=2");
        let first = server.get(&alice, &path(&root, &query)).await;
        assert_eq!(first.entities("Status").len(), 2, "{sort}");
        let second = server.get(&alice, &first.link("next").unwrap()).await;
        assert_eq!(second.entities("Status").len(), 1, "{sort}");
        let nobody = server.get_public(&path(&root, &query)).await;
        assert_eq!(nobody.entities("Status").len(), 2);
    }
    let own = server.get(&bob, &path(&root, "?limit=40")).await;
    assert_eq!(own.entities("Status").len(), 30);
    // What a reader mutes is not shown.
    let mute = format!("/api/v1/accounts/{}/mute", bob.id());
    server.post(&alice, &mute, json!({})).await.ok();
    let list = server.get(&alice, &path(&root, "")).await;
    assert_eq!(list.entities("Status").len(), 0);
    // Comments are edited and deleted as every status is.
    let first = format!("/api/v1/statuses/{}", open[0]);
    server.delete(&bob, &first).await.ok();
    let left = server.get_public(&path(&root, "")).await;
    assert_eq!(ids(&left.entities("Status")), open[1..]);
}
