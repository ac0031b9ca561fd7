//! `/api/v1/admin/domain_blocks` and `domain_allows`, what a block cuts off, and its notice.

use reqwest::Method;
use serde_json::{Value, json};

use crate::federation::hostile::{deliver, followed, home};
use crate::support::peer::eventually;
use crate::support::server::ids;
use crate::support::{Answer, Person, Server};

const BLOCKS: &str = "/api/v1/admin/domain_blocks";
const ALLOWS: &str = "/api/v1/admin/domain_allows";

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn with(server: &Server, token: &str, method: Method, path: &str, body: Value) -> Answer {
    server.send(method, path, Some(token), Some(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_made_changed_and_lifted_by_those_who_may() {
    let server = Server::start().await;
    let admin = server.staff("root", "admin").await;
    let terms = json!({
        "domain": "Bad.Example", "severity": "suspend", "reject_media": true,
        "public_comment": "spam", "private_comment": "ask carol", "obfuscate": true,
    });
    let made = server
        .post(&admin, BLOCKS, terms)
        .await
        .entity("Admin::DomainBlock");
    assert_eq!(
        (
            &made["domain"],
            &made["severity"],
            &made["reject_media"],
            &made["reject_reports"]
        ),
        (
            &json!("bad.example"),
            &json!("suspend"),
            &json!(true),
            &json!(false)
        )
    );
    assert_eq!(made["digest"].as_str().unwrap().len(), 64);

    // Once more, or weaker under it: the API tells what is there.
    for (domain, severity) in [("bad.example", "suspend"), ("a.bad.example", "silence")] {
        let body = json!({"domain": domain, "severity": severity});
        let answer = server.post(&admin, BLOCKS, body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(answer.json()["existing_domain_block"], made);
        assert_eq!(
            answer.json()["error"],
            "You have already imposed stricter limits on bad.example."
        );
    }
    for body in [
        json!({}),
        json!({"domain": "x.example", "severity": "odd"}),
        json!({"domain": "a b"}),
    ] {
        server.post(&admin, BLOCKS, body).await.refused(422);
    }
    let own = json!({"domain": server.domain()});
    server.post(&admin, BLOCKS, own).await.refused(422);
    let limited = json!({"domain": "noisy.example"});
    let limited = server
        .post(&admin, BLOCKS, limited)
        .await
        .entity("Admin::DomainBlock");
    assert_eq!(limited["severity"], "silence");
    let noop = json!({"domain": "files.example", "severity": "noop", "reject_media": "1"});
    let noop = server
        .post(&admin, BLOCKS, noop)
        .await
        .entity("Admin::DomainBlock");

    // Pages, newest first.
    let page = server.get(&admin, &format!("{BLOCKS}?limit=2")).await;
    assert_eq!(
        ids(&page.entities("Admin::DomainBlock")),
        [id(&noop), id(&limited)]
    );
    let next = page.link("next").expect("a next page");
    let rest = server
        .get(&admin, &next)
        .await
        .entities("Admin::DomainBlock");
    assert_eq!(rest, std::slice::from_ref(&made));

    // Everyone sees a part of the name, and why; nothing of what is no limit.
    let shown = server.get_public("/api/v1/instance/domain_blocks").await;
    let shown = shown.entities("DomainBlock");
    let told: Vec<(&Value, &Value)> = shown
        .iter()
        .map(|b| (&b["domain"], &b["comment"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("bad.*****le"), &json!("spam")),
            (&json!("noisy.example"), &json!(""))
        ]
    );
    assert_eq!(shown[0]["digest"], made["digest"]);

    let path = format!("{BLOCKS}/{}", id(&made));
    let changed = server.put(
        &admin,
        &path,
        json!({"severity": "silence", "reject_reports": true}),
    );
    let changed = changed.await.entity("Admin::DomainBlock");
    assert_eq!(
        (
            &changed["id"],
            &changed["severity"],
            &changed["reject_media"],
            &changed["private_comment"]
        ),
        (
            &made["id"],
            &json!("silence"),
            &json!(true),
            &json!("ask carol")
        )
    );
    let policies = server.app.policies().await.unwrap();
    assert!(!policies.blocks("bad.example") && policies.rejects_media("a.bad.example"));
    server.delete(&admin, &path).await.ok();
    server.get(&admin, &path).await.refused(404);
    server.delete(&admin, &path).await.refused(404);
    assert!(
        server
            .app
            .policies()
            .await
            .unwrap()
            .of("bad.example")
            .is_none()
    );

    // What is allowed is another list, and allowing weakens no block unseen.
    server
        .post(&admin, ALLOWS, json!({"domain": "noisy.example"}))
        .await
        .refused(422);
    server.post(&admin, ALLOWS, json!({})).await.refused(422);
    let good = server
        .post(&admin, ALLOWS, json!({"domain": "good.example"}))
        .await;
    let good = good.entity("Admin::DomainAllow");
    let again = server
        .post(&admin, ALLOWS, json!({"domain": "good.example"}))
        .await;
    assert_eq!(again.entity("Admin::DomainAllow"), good);
    let list = server
        .get(&admin, ALLOWS)
        .await
        .entities("Admin::DomainAllow");
    assert_eq!(list, std::slice::from_ref(&good));
    server
        .get(&admin, &format!("{BLOCKS}/{}", id(&good)))
        .await
        .refused(404);
    server
        .get(&admin, &format!("{ALLOWS}/{}", id(&limited)))
        .await
        .refused(404);
    let allowed = format!("{ALLOWS}/{}", id(&good));
    server
        .get(&admin, &allowed)
        .await
        .entity("Admin::DomainAllow");
    server.delete(&admin, &allowed).await.ok();
    server.get(&admin, &allowed).await.refused(404);

    // S18: the role and the scope both count; moderators of Mastodon may not do this either.
    let moderator = server.staff("mod", "moderator").await;
    let alice = server.person("alice").await;
    let narrow = server
        .token(&admin, "read write admin:read:domain_blocks")
        .await;
    let plain = server
        .token(&alice, "read write admin:read admin:write")
        .await;
    for (token, path, status) in [
        (&moderator.token, BLOCKS, 403),
        (&plain, BLOCKS, 403),
        (&admin.token, BLOCKS, 200),
        (&narrow, BLOCKS, 200),
        (&narrow, ALLOWS, 403),
    ] {
        let answer = server.send(Method::GET, path, Some(token), None).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    let body = json!({"domain": "other.example"});
    with(&server, &narrow, Method::POST, BLOCKS, body.clone())
        .await
        .refused(403);
    with(&server, &moderator.token, Method::POST, BLOCKS, body)
        .await
        .refused(403);
    server.get_public(BLOCKS).await.refused(401);
}

async fn severed(server: &Server, who: &Person) -> Vec<Value> {
    let path = "/api/v1/notifications?types[]=severed_relationships";
    server.get(who, path).await.entities("Notification")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_block_cuts_off_is_foretold_and_told() {
    let (server, peer, alice) = followed().await;
    let admin = server.staff("root", "admin").await;
    let bob = server.person("bob").await;
    let good = peer.actor_uri("good");
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{good}#follow-bob"), "type": "Follow", "actor": good,
        "object": bob.account.uri,
    });
    deliver(&server, &good, &follow).await;
    let note = peer.note("good", "before", "before");
    deliver(&server, &good, &peer.create("good", &note)).await;
    eventually("the post is there", async || {
        home(&server, &alice)
            .await
            .iter()
            .any(|s| s["uri"] == note["id"])
            .then_some(())
    })
    .await;
    eventually("bob is followed", async || {
        let path = format!("/api/v1/accounts/{}", bob.id());
        let bob = server.get(&alice, &path).await.entity("Account");
        (bob["followers_count"] == 1).then_some(())
    })
    .await;

    let path = format!(
        "/api/kith/v1/admin/domain_blocks/preview?domain={}",
        peer.domain()
    );
    let foretold = server.get(&admin, &path).await.ok();
    for (what, number) in [
        ("accounts", 1),
        ("statuses", 1),
        ("following", 1),
        ("followers", 1),
        ("people", 2),
    ] {
        assert_eq!(foretold[what], number, "{what}: {foretold}");
    }
    assert_eq!(foretold["complete"], true);
    let handle = format!("good@{}", peer.domain());
    assert_eq!(foretold["sample"][0]["acct"], handle);
    server.get(&alice, &path).await.refused(403);
    let nothing = "/api/kith/v1/admin/domain_blocks/preview?domain=nowhere.example";
    assert_eq!(server.get(&admin, nothing).await.ok()["accounts"], 0);
    server
        .get(&admin, "/api/kith/v1/admin/domain_blocks/preview")
        .await
        .refused(422);

    let block = json!({"domain": peer.domain(), "severity": "suspend"});
    let block = server
        .post(&admin, BLOCKS, block)
        .await
        .entity("Admin::DomainBlock");
    let mut events = Vec::new();
    for (who, followers, following) in [(&alice, 0, 1), (&bob, 1, 0)] {
        let notice = eventually("it is told", async || severed(&server, who).await.pop()).await;
        let event = notice["event"].clone();
        assert_eq!(notice["account"]["id"], who.id(), "nobody else did it");
        assert_eq!(
            (&event["type"], &event["target_name"], &event["purged"]),
            (&json!("domain_block"), &json!(peer.domain()), &json!(false))
        );
        assert_eq!(
            (&event["followers_count"], &event["following_count"]),
            (&json!(followers), &json!(following))
        );
        let groups = server.get(who, "/api/v2/notifications").await.ok();
        let group = groups["notification_groups"].as_array().unwrap();
        let group = group
            .iter()
            .find(|g| g["type"] == "severed_relationships")
            .unwrap();
        assert_eq!(group["event"], event);
        events.push(event);
    }
    // Each takes their own list along, and sees nobody else's.
    let base = "/api/kith/v1/severed_relationships";
    let list = server
        .get(&alice, base)
        .await
        .entities("RelationshipSeveranceEvent");
    assert_eq!(list, [events[0].clone()]);
    let own = format!("{base}/{}", id(&events[0]));
    let table = server.get(&alice, &format!("{own}/following.csv")).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        table.text,
        format!(
            "Account address,Show boosts,Notify on new posts,Languages\n{handle},true,false,\n"
        )
    );
    let table = server.get(&alice, &format!("{own}/followers.csv")).await;
    assert_eq!(table.text, "Account address\n");
    let bobs = format!("{base}/{}/followers.csv", id(&events[1]));
    assert_eq!(
        server.get(&bob, &bobs).await.text,
        format!("Account address\n{handle}\n")
    );
    server.get(&bob, &own).await.refused(404);
    server.get(&alice, &bobs).await.refused(404);
    assert!(severed(&server, &admin).await.is_empty());

    // It was a mistake: all is as it was, and the list has had its time.
    server
        .delete(&admin, &format!("{BLOCKS}/{}", id(&block)))
        .await
        .ok();
    eventually("good stands as before", async || {
        let list = home(&server, &alice).await;
        list.iter().any(|s| s["uri"] == note["id"]).then_some(())
    })
    .await;
    let again = peer.note("good", "after", "after");
    deliver(&server, &good, &peer.create("good", &again)).await;
    eventually("posts come again", async || {
        let list = home(&server, &alice).await;
        list.iter().any(|s| s["uri"] == again["id"]).then_some(())
    })
    .await;
    let event = server
        .get(&alice, &own)
        .await
        .entity("RelationshipSeveranceEvent");
    assert_eq!(event["purged"], true);
    server
        .get(&alice, &format!("{own}/following.csv"))
        .await
        .refused(410);
}
