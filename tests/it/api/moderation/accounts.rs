//! `/api/v1/admin/accounts`, `/api/v2/admin/accounts`: lists, and registrations that wait.

use kith::domain::users::Role;
use serde_json::{Value, json};

use super::{ACCOUNTS, act, names, staff, verb};
use crate::api::auth::{login, me, register, tokens};
use crate::support::Server;
use crate::support::mail::letters;
use crate::support::peer::Peer;
use crate::support::server::{ids, with_json};

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_how_they_stand() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let admin = staff(&server, "admin", Role::Admin).await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    peer.add_actor("rob");
    let path = format!("/api/v2/search?q=@rob@{}&resolve=true", peer.domain());
    let found = server.get(&alice, &path).await.entity("Search");
    let rob = found["accounts"][0]["id"].as_str().unwrap().to_owned();
    let named = json!({"display_name": "Bobby Tables"});
    let request = server
        .http
        .patch(format!("{}/api/v1/accounts/update_credentials", server.url));
    let request = with_json(request.bearer_auth(&bob.token), &named);
    assert_eq!(request.send().await.unwrap().status(), 200);
    for (who, kind) in [
        (&alice.id(), "suspend"),
        (&bob.id(), "silence"),
        (&carol.id(), "sensitive"),
        (&rob, "silence"),
    ] {
        act(&server, &moderator, who, json!({"type": kind}))
            .await
            .ok();
    }
    act(&server, &moderator, &carol.id(), json!({"type": "disable"}))
        .await
        .ok();
    act(&server, &moderator, &rob, json!({"type": "disable"}))
        .await
        .refused(422);
    for (query, expected) in [
        ("", "rob carol bob alice mod admin"),
        ("local=true", "carol bob alice mod admin"),
        ("remote=true", "rob"),
        ("active=true&local=1", "carol bob mod admin"),
        ("suspended=true", "alice"),
        ("silenced=true", "rob bob"),
        ("silenced=true&remote=true", "rob"),
        ("sensitized=true", "carol"),
        ("disabled=true", "carol"),
        ("pending=true", ""),
        ("staff=true", "mod admin"),
        ("username=AL", "alice"),
        ("username=@bob", "bob"),
        ("display_name=bobby t", "bob"),
        ("display_name=tables", ""),
        ("email=Carol@mail", "carol"),
        ("email=alice@mail.example&suspended=true", "alice"),
        ("email=alice@mail.example&silenced=true", ""),
        ("ip=192.0.2.7", ""),
    ] {
        let found = names(&server, &moderator, &format!("{ACCOUNTS}?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
    let domain = format!("{ACCOUNTS}?by_domain={}", peer.domain());
    assert_eq!(names(&server, &moderator, &domain).await, ["rob"]);
    let second = "/api/v2/admin/accounts";
    for (query, expected) in [
        ("origin=remote", "rob"),
        ("origin=local&status=active", "carol bob mod admin"),
        ("status=suspended", "alice"),
        ("status=disabled", "carol"),
        ("permissions=staff", "mod admin"),
        ("role_ids[]=3", "admin"),
        ("role_ids[]=-99&username=c", "carol"),
        (&format!("invited_by={}", admin.id()), ""),
    ] {
        let found = names(&server, &moderator, &format!("{second}?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
    for bad in ["origin=mars", "status=odd", "role_ids[]=7"] {
        server
            .get(&moderator, &format!("{second}?{bad}"))
            .await
            .refused(422);
    }

    // Pages, one leading to the next and back.
    let page = server
        .get(&moderator, &format!("{ACCOUNTS}?local=true&limit=2"))
        .await;
    assert_eq!(
        ids(&page.entities("Admin::Account")),
        [carol.id(), bob.id()]
    );
    let next = server.get(&moderator, &page.link("next").unwrap()).await;
    assert_eq!(
        ids(&next.entities("Admin::Account")),
        [alice.id(), moderator.id()]
    );
    let back = server.get(&moderator, &next.link("prev").unwrap()).await;
    assert_eq!(
        ids(&back.entities("Admin::Account")),
        [carol.id(), bob.id()]
    );

    let one = async |id: &str| {
        let answer = server.get(&moderator, &format!("{ACCOUNTS}/{id}")).await;
        answer.entity("Admin::Account")
    };
    let alices = one(&alice.id()).await;
    assert_eq!(
        [
            &alices["email"],
            &alices["suspended"],
            &alices["approved"],
            &alices["domain"]
        ],
        [
            &json!("alice@mail.example"),
            &json!(true),
            &json!(true),
            &Value::Null
        ]
    );
    let robs = one(&rob).await;
    assert_eq!(
        (&robs["email"], &robs["silenced"]),
        (&json!(""), &json!(true))
    );
    assert_eq!(one(&admin.id()).await["role"]["name"], "admin");
    // However many there are, the statements are as many.
    let cost = async |limit: u32| {
        let path = format!("{ACCOUNTS}?local=true&limit={limit}");
        server
            .cost(async || drop(server.get(&moderator, &path).await.ok()))
            .await
    };
    assert_eq!(cost(1).await, cost(6).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_wait_for_the_staff() {
    let server = Server::start_with(&[("KITH_REGISTRATION", "approval")]).await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let mut waiting = Vec::new();
    for (n, name) in ["newbie", "spammer"].into_iter().enumerate() {
        let email = format!("{name}@mail.example");
        let made = register(&server, name, &email).await;
        // What was not verified is nobody's business.
        let told = server.get(&moderator, "/api/v1/notifications").await.ok();
        assert_eq!(told.as_array().unwrap().len(), n.min(1));
        let code = letters(&server, n + 1).await.pop().unwrap().code();
        let body = json!({"email": email, "code": code});
        crate::api::auth::call(&server, "verify_email", None, body)
            .await
            .ok();
        waiting.push(made["account"]["id"].as_str().unwrap().to_owned());
    }
    let told = server.get(&moderator, "/api/v2/notifications").await;
    let groups = told.entity("GroupedNotificationsResults")["notification_groups"].clone();
    assert_eq!(
        (&groups[0]["type"], &groups[0]["notifications_count"]),
        (&json!("admin.sign_up"), &json!(2))
    );
    let pending = format!("{ACCOUNTS}?pending=true");
    assert_eq!(
        names(&server, &moderator, &pending).await,
        ["spammer", "newbie"]
    );
    login(&server, "newbie", "correct horse").await.refused(403);

    let approved = verb(&server, &moderator, &waiting[0], "approve").await;
    assert_eq!(approved.entity("Admin::Account")["approved"], true);
    let letter = letters(&server, 3).await.pop().unwrap();
    assert_eq!(letter.to, "newbie@mail.example");
    let (token, _) = tokens(&login(&server, "newbie", "correct horse").await.ok());
    me(&server, &token).await.ok();
    // The session's address shows.
    let path = format!("{ACCOUNTS}/{}", waiting[0]);
    let shown = server.get(&moderator, &path).await.entity("Admin::Account");
    assert_eq!(
        (&shown["ip"], &shown["ips"][0]["ip"]),
        (&json!("127.0.0.1"), &json!("127.0.0.1"))
    );
    let by_ip = format!("{ACCOUNTS}?ip=127.0.0.1");
    assert_eq!(names(&server, &moderator, &by_ip).await, ["newbie"]);

    let rejected = verb(&server, &moderator, &waiting[1], "reject").await;
    assert_eq!(rejected.entity("Admin::Account")["username"], "spammer");
    for (id, status) in [(&waiting[0], 403), (&waiting[1], 404)] {
        for what in ["approve", "reject"] {
            verb(&server, &moderator, id, what).await.refused(status);
        }
    }
    let log = server
        .get(&moderator, "/api/kith/v1/admin/audit_log?limit=2")
        .await
        .ok();
    let told: Vec<String> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {} {}", entry["actor"], entry["action"], entry["target"]))
        .collect();
    let place = server.domain();
    assert_eq!(
        told,
        [
            format!("\"mod\" \"reject\" \"spammer@{place}\""),
            format!("\"mod\" \"approve\" \"newbie@{place}\""),
        ]
    );
}
