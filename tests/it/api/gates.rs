//! Who may call Kith's own endpoints at all, each of them (threats S11 to S13): `docs/api/kith.tsv`
//! names them and what a token needs.

use kith::db;
use kith::db::users::User;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Person, Server};

/// What a token needs.
enum Gate {
    User,
    Scope(String),
}

struct Endpoint {
    method: Method,
    path: String,
    gate: Gate,
}

/// Every endpoint that is not public, about things that are not there.
fn endpoints() -> Vec<Endpoint> {
    let table = include_str!("../../../docs/api/kith.tsv");
    let mut endpoints = Vec::new();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let gate = match cells[3].split_once(" + ") {
            Some((_, scope)) => Gate::Scope(scope.to_owned()),
            None if cells[3] == "User token" => Gate::User,
            None => continue,
        };
        let parts = cells[2].split('/').map(|part| match part {
            ":emoji" => "👍",
            part if part.starts_with(':') => "1",
            part => part,
        });
        for method in cells[1].split(", ") {
            endpoints.push(Endpoint {
                method: method.parse().expect("a method"),
                path: parts.clone().collect::<Vec<_>>().join("/"),
                gate: match &gate {
                    Gate::User => Gate::User,
                    Gate::Scope(scope) => Gate::Scope(scope.clone()),
                },
            });
        }
    }
    assert!(endpoints.len() > 50, "{} endpoints", endpoints.len());
    endpoints
}

/// A person whose user is not as others are.
async fn changed(
    server: &Server,
    name: &str,
    change: impl Fn(&mut User) + Clone + Send + 'static,
) -> Person {
    let person = server.person(name).await;
    let id = person.account.id;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let user = db::users::by_account(tx, id).await?;
                let mut user = user.expect("a user");
                change(&mut user);
                Ok(db::users::update(tx, &user).await?)
            })
        })
        .await
        .expect("a change");
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_of_kith_is_for_good_tokens_with_its_scope() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let unverified = changed(&server, "bob", |user| user.confirmed_at = None).await;
    let disabled = changed(&server, "carol", |user| user.disabled_at = Some(1)).await;
    let waiting = changed(&server, "dave", |user| user.approved_at = None).await;
    let revoked = server.token(&alice, "read write follow").await;
    let id = kith::http::auth::read_token(&server.app, &revoked).expect("a token");
    server
        .app
        .write(move |tx| Box::pin(async move { Ok(db::tokens::revoke(tx, id, 1).await?) }))
        .await
        .expect("a revocation");
    let other = server.token(&alice, "push").await;
    let mut failures = Vec::new();
    for Endpoint { method, path, gate } in endpoints() {
        let status = async |token: Option<&str>| {
            let body = (method != Method::GET).then(|| json!({}));
            let answer = server
                .send(method.clone(), &path, token, body.as_ref())
                .await;
            if !answer.status.is_success() {
                answer.refused(answer.status.as_u16());
            }
            answer.status
        };
        let mut wants = |who: &str, found: StatusCode, wanted: &[u16]| {
            if !wanted.contains(&found.as_u16()) {
                failures.push(format!("{method} {path}, {who}: {found}"));
            }
        };
        wants("without a token", status(None).await, &[401]);
        wants("nonsense", status(Some("nonsense")).await, &[401]);
        wants("revoked", status(Some(&revoked)).await, &[401]);
        // Whoever may do nothing may leave.
        let leaves = path.ends_with("/logout");
        for (who, person) in [
            ("unverified", &unverified),
            ("disabled", &disabled),
            ("not approved", &waiting),
        ] {
            if !leaves {
                wants(who, status(Some(&person.token)).await, &[403]);
            }
        }
        if let Gate::Scope(scope) = gate {
            wants("another scope", status(Some(&other)).await, &[403]);
            let own = server.token(&alice, &scope).await;
            let found = status(Some(&own)).await;
            if matches!(found.as_u16(), 401 | 403 | 500..) {
                failures.push(format!("{method} {path}, with {scope}: {found}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
