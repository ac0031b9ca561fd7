//! Who may register: rules about e-mail addresses, IP addresses and names, and their admin API.

use serde_json::{Value, json};

use super::auth::register;
use crate::support::server::{ids, with_json};
use crate::support::{Answer, Person, Server};

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

fn body(username: &str, email: &str) -> Value {
    json!({"username": username, "email": email, "password": "correct horse battery", "agreement": true})
}

/// Somebody at an address, behind the trusted proxy, asks for something.
async fn from(server: &Server, ip: &str, path: &str, body: Option<Value>) -> Answer {
    let url = format!("{}{path}", server.url);
    let request = match &body {
        Some(body) => with_json(server.http.post(url), body),
        None => server.http.get(url),
    };
    Answer::of(request.header("x-forwarded-for", ip), path.to_owned()).await
}

const REGISTER: &str = "/api/kith/v1/auth/register";

async fn registers(server: &Server, ip: &str, name: &str) -> Answer {
    let mail = format!("{name}@fine.example");
    from(server, ip, REGISTER, Some(body(name, &mail))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_names_that_are_blocked_do_not_register() {
    let server = Server::start().await;
    let admin = server.staff("root", "admin").await;
    let path = "/api/v1/admin/email_domain_blocks";
    let block = server
        .post(&admin, path, json!({"domain": "Spam.example"}))
        .await;
    let block = block.entity("Admin::EmailDomainBlock");
    assert_eq!(block["domain"], "spam.example");
    server
        .post(&admin, path, json!({"domain": "spam.example"}))
        .await
        .refused(422);
    server
        .post(&admin, path, json!({"domain": ""}))
        .await
        .refused(422);
    for (n, mail) in ["a@spam.example", "a@MX.spam.example"].iter().enumerate() {
        let ip = format!("198.51.100.{n}");
        let answer = from(&server, &ip, REGISTER, Some(body("mallory", mail))).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(answer.json()["details"]["email"][0]["error"], "ERR_BLOCKED");
    }
    let shown = server.get(&admin, &format!("{path}/{}", id(&block))).await;
    let shown = shown.entity("Admin::EmailDomainBlock");
    assert_eq!(
        (
            &shown["history"][0]["uses"],
            &shown["history"][0]["accounts"]
        ),
        (&json!("2"), &json!("2"))
    );
    let list = server
        .get(&admin, path)
        .await
        .entities("Admin::EmailDomainBlock");
    assert_eq!(ids(&list), [id(&block)]);

    // An address is known by what it comes to, and not kept itself.
    let path = "/api/v1/admin/canonical_email_blocks";
    let one = server
        .post(&admin, path, json!({"email": "F.oo+x@mail.example"}))
        .await;
    let one = one.entity("Admin::CanonicalEmailBlock");
    let testing = format!("{path}/test");
    let test = server.post(&admin, &testing, json!({"email": "foo@MAIL.example"}));
    assert_eq!(
        test.await.entities("Admin::CanonicalEmailBlock"),
        std::slice::from_ref(&one)
    );
    let none = server.post(&admin, &testing, json!({"email": "bar@mail.example"}));
    assert!(none.await.entities("Admin::CanonicalEmailBlock").is_empty());
    let hash = one["canonical_email_hash"].as_str().unwrap();
    let same = server
        .post(&admin, path, json!({"canonical_email_hash": hash}))
        .await;
    assert_eq!(same.entity("Admin::CanonicalEmailBlock"), one);
    server
        .post(&admin, path, json!({"canonical_email_hash": "abc"}))
        .await
        .refused(422);
    server.post(&admin, path, json!({})).await.refused(422);
    let answer = from(
        &server,
        "198.51.100.9",
        REGISTER,
        Some(body("mallory", "fo.o@mail.example")),
    );
    assert_eq!(
        answer.await.json()["details"]["email"][0]["error"],
        "ERR_TAKEN"
    );
    // Nor does whoever waits for a letter change to one.
    let registered = register(&server, "carol", "carol@fine.example").await;
    assert_eq!(registered["verification_required"], true);

    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                kith::domain::username_blocks::add(tx, &ctx, "supp0rt", false).await?;
                kith::domain::username_blocks::add(tx, &ctx, "boss", true).await
            })
        })
        .await
        .unwrap();
    for (name, fine) in [
        ("our_Support", false),
        ("Boss", false),
        ("bossa_nova", true),
    ] {
        let answer = registers(&server, "198.51.100.9", name).await;
        if fine {
            answer.ok();
        } else {
            assert_eq!(
                answer.json()["details"]["username"][0]["error"],
                "ERR_RESERVED",
                "{name}"
            );
        }
    }
    // What is lifted counts no more.
    server
        .delete(&admin, &format!("{path}/{}", id(&one)))
        .await
        .ok();
    server
        .get(&admin, &format!("{path}/{}", id(&one)))
        .await
        .refused(404);
    let gone = format!("/api/v1/admin/email_domain_blocks/{}", id(&block));
    server.delete(&admin, &gone).await.ok();
    server.delete(&admin, &gone).await.refused(404);
    from(
        &server,
        "198.51.100.9",
        REGISTER,
        Some(body("mallory", "a@spam.example")),
    )
    .await
    .ok();

    let moderator = server.staff("mod", "moderator").await;
    for path in ["email_domain_blocks", "canonical_email_blocks", "ip_blocks"] {
        let path = format!("/api/v1/admin/{path}");
        server.get(&moderator, &path).await.refused(403);
    }
}

async fn rule(server: &Server, admin: &Person, body: Value) -> Value {
    let made = server.post(admin, "/api/v1/admin/ip_blocks", body).await;
    made.entity("Admin::IpBlock")
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_rules_about_ip_addresses_hold_for_the_address_that_the_proxy_names() {
    let server = Server::start().await;
    let admin = server.staff("root", "admin").await;
    let path = "/api/v1/admin/ip_blocks";
    let pending = rule(
        &server,
        &admin,
        json!({
            "ip": "192.0.2.77/24", "severity": "sign_up_requires_approval", "comment": "dormitory",
        }),
    )
    .await;
    assert_eq!(
        (&pending["ip"], &pending["expires_at"]),
        (&json!("192.0.2.0/24"), &Value::Null)
    );
    let closed = json!({"ip": "192.0.2.8", "severity": "sign_up_block", "expires_in": 3600});
    let closed = rule(&server, &admin, closed).await;
    assert_eq!(closed["ip"], "192.0.2.8/32");
    for bad in [
        json!({"ip": "192.0.2.77/24", "severity": "no_access"}),
        json!({"ip": "192.0.2.300", "severity": "no_access"}),
        json!({"ip": "192.0.2.9", "severity": "odd"}),
        json!({"ip": "192.0.2.9"}),
        json!({"severity": "no_access"}),
        json!({"ip": "192.0.2.9", "severity": "no_access", "expires_in": -1}),
    ] {
        server.post(&admin, path, bad).await.refused(422);
    }

    // Behind a proxy of ours, whose word counts; what the client says of itself does not.
    registers(&server, "192.0.2.8", "mallory")
        .await
        .refused(403);
    registers(&server, "203.0.113.5, 192.0.2.8", "mallory")
        .await
        .refused(403);
    registers(&server, "203.0.113.5", "alice").await.ok();
    registers(&server, "192.0.2.9", "bob").await.ok();
    let standing = |name: &'static str| {
        let app = server.app.clone();
        async move {
            app.read(move |c| {
                Box::pin(async move {
                    let account = kith::db::accounts::by_handle(c, name, "").await?.unwrap();
                    Ok(kith::db::users::by_account(c, account.id).await?.unwrap())
                })
            })
            .await
            .unwrap()
        }
    };
    assert!(standing("alice").await.approved_at.is_some());
    assert!(standing("bob").await.approved_at.is_none());
    let ip = "SELECT count(*) AS n FROM users WHERE sign_up_ip = '192.0.2.9'";
    let url = &server.app.config.database_url;
    assert_eq!(crate::support::database::count(url, ip).await, 1);
    server.pass(3_600_001);
    registers(&server, "192.0.2.8", "mallory").await.ok();
    assert!(
        standing("mallory").await.approved_at.is_none(),
        "the wider range still holds"
    );

    // No access: nothing is answered any more, from then on, whatever it is.
    let change = json!({"severity": "no_access", "comment": "abuse"});
    let changed = server
        .put(&admin, &format!("{path}/{}", id(&pending)), change)
        .await;
    let changed = changed.entity("Admin::IpBlock");
    assert_eq!(
        (&changed["severity"], &changed["ip"]),
        (&json!("no_access"), &pending["ip"])
    );
    for what in [
        "/api/v2/instance",
        "/@alice",
        "/users/alice",
        "/nodeinfo/2.1",
        "/nothing",
    ] {
        let answer = from(&server, "192.0.2.200", what, None).await;
        assert_eq!(answer.status, 403, "{what}");
        assert!(
            from(&server, "192.0.3.200", what, None).await.status != 403,
            "{what}"
        );
    }
    let list = server.get(&admin, path).await.entities("Admin::IpBlock");
    assert_eq!(ids(&list), [id(&closed), id(&pending)]);
    let shown = server
        .get(&admin, &format!("{path}/{}", id(&pending)))
        .await;
    assert_eq!(shown.entity("Admin::IpBlock"), changed);
    server
        .delete(&admin, &format!("{path}/{}", id(&pending)))
        .await
        .ok();
    assert_eq!(
        from(&server, "192.0.2.200", "/api/v2/instance", None)
            .await
            .status,
        200
    );
    server
        .get(&admin, &format!("{path}/{}", id(&pending)))
        .await
        .refused(404);
}
