//! Moderation: who may do what, and what it does at each door.

use kith::domain::moderation::{self, Actor};
use kith::domain::users::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server};

mod accounts;
mod commands;
mod doors;
mod elsewhere;
mod erase;
mod policies;
mod reports;
mod strikes;

const ACCOUNTS: &str = "/api/v1/admin/accounts";
const REPORTS: &str = "/api/v1/admin/reports";

/// Gives a person a role.
async fn promote(server: &Server, person: &Person, role: Role) {
    let (ctx, id) = (server.app.ctx.clone(), person.account.id);
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let actor = Actor::command("test");
                moderation::set_role(tx, &ctx, &actor, id, role)
                    .await
                    .map(|_| ())
            })
        })
        .await
        .unwrap();
}

/// Somebody of the staff, with a token that may do all of it.
async fn staff(server: &Server, name: &str, role: Role) -> Person {
    let person = server.person(name).await;
    promote(server, &person, role).await;
    let scopes = "read write follow push admin:read admin:write";
    Person {
        token: server.token(&person, scopes).await,
        ..person
    }
}

/// Acts on an account.
async fn act(server: &Server, who: &Person, id: &str, body: Value) -> Answer {
    server
        .post(who, &format!("{ACCOUNTS}/{id}/action"), body)
        .await
}

/// Takes an action back, or decides on a registration.
async fn verb(server: &Server, who: &Person, id: &str, verb: &str) -> Answer {
    server
        .post(who, &format!("{ACCOUNTS}/{id}/{verb}"), json!({}))
        .await
}

async fn names(server: &Server, who: &Person, path: &str) -> Vec<String> {
    let found = server.get(who, path).await.entities("Admin::Account");
    let name = |account: &Value| account["username"].as_str().unwrap().to_owned();
    found.iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_the_staff_alone_comes_in_with_the_scope_and_acts_below_its_rank() {
    let server = Server::start().await;
    let admin = staff(&server, "admin", Role::Admin).await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let other = staff(&server, "other", Role::Moderator).await;
    let user = server.person("user").await;
    let user = Person {
        token: server
            .token(&user, "read write admin:read admin:write")
            .await,
        ..user
    };
    let report = server
        .post(&user, "/api/v1/reports", json!({"account_id": other.id()}))
        .await
        .ok();
    let report = report["id"].as_str().unwrap().to_owned();
    // Every route, as nobody, as a user with the scopes, as a moderator without.
    let plain = server
        .token(&moderator, "read write follow push profile")
        .await;
    let reads = server.token(&moderator, "admin:read").await;
    let of_reports = server
        .token(&moderator, "admin:read:reports admin:write:reports")
        .await;
    let id = user.id();
    let mut routes = vec![
        (Method::GET, ACCOUNTS.to_owned()),
        (Method::GET, "/api/v2/admin/accounts".to_owned()),
        (Method::GET, format!("{ACCOUNTS}/{id}")),
        (Method::GET, REPORTS.to_owned()),
        (Method::GET, format!("{REPORTS}/{report}")),
        (Method::GET, "/api/kith/v1/admin/audit_log".to_owned()),
        (Method::PUT, format!("{REPORTS}/{report}")),
        (Method::DELETE, format!("{ACCOUNTS}/{id}")),
    ];
    for verb in [
        "action",
        "approve",
        "reject",
        "enable",
        "unsensitive",
        "unsilence",
        "unsuspend",
    ] {
        routes.push((Method::POST, format!("{ACCOUNTS}/{id}/{verb}")));
    }
    for verb in ["assign_to_self", "unassign", "resolve", "reopen"] {
        routes.push((Method::POST, format!("{REPORTS}/{report}/{verb}")));
    }
    for (method, path) in &routes {
        let body = json!({"type": "suspend"});
        let body = (*method != Method::GET).then_some(&body);
        let send = async |token| server.send(method.clone(), path, token, body).await;
        send(None).await.refused(401);
        send(Some(&*user.token)).await.refused(403);
        send(Some(&*plain)).await.refused(403);
        if *method != Method::GET {
            send(Some(&*reads)).await.refused(403);
        }
        if path.contains("accounts") {
            send(Some(&*of_reports)).await.refused(403);
        }
    }
    // Appeals are an admin's.
    server
        .get(&moderator, "/api/kith/v1/admin/appeals")
        .await
        .refused(403);
    server.get(&admin, "/api/kith/v1/admin/appeals").await.ok();

    // Nobody acts on themself, nor on whom they do not outrank, nor on the server's own actor.
    let own = server
        .app
        .read(|c| {
            Box::pin(async move {
                Ok::<_, kith::error::AppError>(kith::db::accounts::by_handle(c, "kith", "").await?)
            })
        })
        .await
        .unwrap()
        .unwrap();
    let suspend = json!({"type": "suspend"});
    for (who, whom, status) in [
        (&moderator, &admin.id(), 403),
        (&moderator, &moderator.id(), 403),
        (&moderator, &other.id(), 403),
        (&admin, &admin.id(), 403),
        (&admin, &own.id.to_string(), 404),
        (&admin, &"17".to_owned(), 404),
        (&admin, &"x".to_owned(), 404),
    ] {
        act(&server, who, whom, suspend.clone())
            .await
            .refused(status);
        verb(&server, who, whom, "unsuspend").await.refused(status);
    }
    for body in [
        json!({}),
        json!({"type": "explode"}),
        json!({"type": "none", "text": "x".repeat(5001)}),
    ] {
        act(&server, &moderator, &id, body).await.refused(422);
    }
    let elsewhere = json!({"type": "none", "report_id": report});
    act(&server, &moderator, &id, elsewhere).await.refused(422);
    // Nor does one decide on a report about oneself.
    let resolve = format!("{REPORTS}/{report}/resolve");
    server.post(&other, &resolve, json!({})).await.refused(403);
    assert_eq!(
        server
            .get(&other, "/api/v1/notifications?types[]=admin.report")
            .await
            .ok(),
        json!([])
    );

    // Roles show, and are worth what they are now.
    let me = server
        .get(&moderator, "/api/v1/accounts/verify_credentials")
        .await;
    let role = me.entity("CredentialAccount")["role"].clone();
    assert_eq!(
        (&role["id"], &role["permissions"]),
        (&json!("2"), &json!("1308"))
    );
    act(&server, &moderator, &id, json!({"type": "none"}))
        .await
        .ok();
    promote(&server, &moderator, Role::User).await;
    server.get(&moderator, ACCOUNTS).await.refused(403);
    act(&server, &moderator, &id, suspend.clone())
        .await
        .refused(403);
    promote(&server, &moderator, Role::Moderator).await;
    server.get(&moderator, ACCOUNTS).await.ok();
    // Who is suspended moderates nothing, whatever the token.
    act(&server, &admin, &moderator.id(), suspend).await.ok();
    server.get(&moderator, ACCOUNTS).await.refused(401);
}
