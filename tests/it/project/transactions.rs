//! Transactions that get into each other's way.

use std::collections::HashSet;
use std::sync::Arc;

use kith::client::Budget;
use kith::db;
use kith::db::accounts::Account;
use kith::domain::accounts::{self, RemoteActor};
use kith::domain::profiles::StatusLine;
use kith::error::AppError;
use kith::federation::{fetch, local_keys};
use serde_json::json;
use tokio::sync::Notify;

use crate::api::media::{png, upload};
use crate::support::peer::{Peer, eventually};
use crate::support::{Server, database};

/// Both change the same rows, in opposite orders: PostgreSQL ends one as deadlocked, and it is run
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn both_come_through() {
    let server = Server::start().await;
    let names: Vec<String> = (0..40).map(|n| format!("h{n}.example")).collect();
    let tasks: Vec<_> = (0..2)
        .map(|task| {
            let (app, mut names) = (server.app.clone(), names.clone());
            if task % 2 == 1 {
                names.reverse();
            }
            tokio::spawn(async move {
                app.write(move |tx| {
                    Box::pin(async move {
                        for name in &names {
                            db::hosts::set_signature(tx, name, "cavage").await?;
                        }
                        Ok::<_, AppError>(task)
                    })
                })
                .await
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), number);
    }
    let known = server
        .app
        .read(move |c| Box::pin(async move { Ok(db::hosts::by_names(c, &names).await?) }))
        .await
        .unwrap();
    assert_eq!(known.len(), 40);
}

/// Each looks for the actor, finds nothing, and stores it: PostgreSQL takes one, and the others are
/// run again.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_second_finds_what_the_first_stored() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let sara = peer.add_actor("sara");
    local_keys::ensure_instance(&server.app)
        .await
        .expect("keys");
    let finding = (0..8).map(|_| async {
        let budget = Budget::new(fetch::LIMITS);
        fetch::actor(&server.app, &sara, &budget).await
    });
    let found = futures::future::join_all(finding).await;
    let ids: HashSet<i64> = found.into_iter().map(|found| found.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

/// A moderator suspends an account at the moment at which it is read anew: the one that comes second sees what the
/// first wrote.
#[tokio::test(flavor = "multi_thread")]
async fn reading_an_account_anew_undoes_no_suspension() {
    if !database::is_postgres() {
        // SQLite has one writer.
        return;
    }
    let (server, peer) = (Server::start().await, Peer::start().await);
    let sara = peer.add_actor("sara");
    local_keys::ensure_instance(&server.app)
        .await
        .expect("keys");
    let budget = Budget::new(fetch::LIMITS);
    let known = fetch::actor(&server.app, &sara, &budget).await.unwrap();
    let (id, now) = (known.id, server.app.clock.now_ms());
    let (suspended, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (app, told, waits) = (server.app.clone(), suspended.clone(), go_on.clone());
    let moderator = tokio::spawn(async move {
        app.write(move |tx| {
            let (told, waits) = (told.clone(), waits.clone());
            Box::pin(async move {
                db::policies::set_standing(tx, id, Some(now), None).await?;
                told.notify_one();
                waits.notified().await;
                Ok::<_, AppError>(())
            })
        })
        .await
    });
    suspended.notified().await;
    let (app, ctx) = (server.app.clone(), server.app.ctx.clone());
    let anew = RemoteActor {
        account: Account {
            display_name: "Sara anew".to_owned(),
            ..known
        },
        keys: Vec::new(),
        location: String::new(),
        status: StatusLine::default(),
        suspended: false,
    };
    let reading = tokio::spawn(async move {
        app.write(move |tx| {
            let (ctx, anew) = (ctx.clone(), anew.clone());
            Box::pin(async move { accounts::upsert_remote(tx, &ctx, anew).await })
        })
        .await
    });
    let url = server.app.config.database_url.clone();
    eventually("one waits for the other", async || {
        let sql = "SELECT count(*) AS n FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (database::count(&url, sql).await > 0).then_some(())
    })
    .await;
    go_on.notify_one();
    moderator.await.unwrap().unwrap();
    let read = reading.await.unwrap().unwrap();
    assert_eq!(read.display_name, "Sara anew");
    let stored = server
        .app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.suspended_at, Some(now));
    assert_eq!(stored.display_name, "Sara anew");
}

/// What is sent in a chat moves at the moment at which its owner describes it anew: the description does not bring
/// the old names back.
#[tokio::test(flavor = "multi_thread")]
async fn describing_a_file_undoes_no_other_change_of_it() {
    if !database::is_postgres() {
        // SQLite has one writer.
        return;
    }
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let id: i64 = picture["id"].as_str().unwrap().parse().unwrap();
    let row = async || {
        let read = server
            .app
            .read(move |c| Box::pin(async move { Ok(db::media::by_ids(c, &[id]).await?.pop()) }));
        read.await.unwrap().unwrap()
    };
    let was = row().await;
    let (renamed, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (app, told, waits) = (server.app.clone(), renamed.clone(), go_on.clone());
    let moving = tokio::spawn(async move {
        app.write(move |tx| {
            let (was, told, waits) = (was.clone(), told.clone(), waits.clone());
            Box::pin(async move {
                let moved = db::media::rename(tx, &was, "chats/a.png", "chats/b.png").await?;
                told.notify_one();
                waits.notified().await;
                Ok::<_, AppError>(moved)
            })
        })
        .await
    });
    renamed.notified().await;
    let path = format!("/api/v1/media/{id}");
    let describing = server.put(&alice, &path, json!({"description": "anew"}));
    let held_up = async {
        let url = server.app.config.database_url.clone();
        eventually("one waits for the other", async || {
            let sql = "SELECT count(*) AS n FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
            (database::count(&url, sql).await > 0).then_some(())
        })
        .await;
        go_on.notify_one();
    };
    let (described, ()) = tokio::join!(describing, held_up);
    assert_eq!(described.ok()["description"], "anew");
    assert!(moving.await.unwrap().unwrap());
    let row = row().await;
    assert_eq!((&*row.file, &*row.preview), ("chats/a.png", "chats/b.png"));
    assert_eq!(row.description, "anew");
}

/// A process that does not know whether its lease was committed gives back that one, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_leased_is_given_back() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let (url, origin) = (&server.app.config.database_url, server.app.origin);
    let until = server.app.clock.now_ms() + 90_000;
    let activity = format!(
        "INSERT INTO outgoing_activities (id, account_id, kind, payload, created_at) \
         VALUES (1, {}, 'x', '{{}}', {until})",
        alice.id()
    );
    database::change(url, &activity).await;
    for (number, host, who, until) in [
        (1, "a.example", origin, until),
        (2, "a.example", origin + 1, until),
        (3, "a.example", origin, until + 1),
        (4, "b.example", origin, until),
    ] {
        let leased = format!(
            "INSERT INTO deliveries (activity_id, inbox, host, state, attempts, next_at, leased_until, leased_by, \
             last_error) VALUES (1, 'https://{host}/{number}', '{host}', 0, 0, {until}, {until}, {who}, '')"
        );
        database::change(url, &leased).await;
    }
    let (hosts, at) = (["a.example".to_owned()], until + 60_000);
    let given = server.app.write(move |tx| {
        let hosts = hosts.clone();
        Box::pin(async move {
            db::deliveries::unlease(tx, origin, &hosts, until, at).await?;
            Ok::<_, AppError>(())
        })
    });
    given.await.unwrap();
    let sql = format!(
        "SELECT count(*) AS n FROM deliveries WHERE next_at = {at} AND leased_until = 0 \
         AND inbox = 'https://a.example/1'"
    );
    assert_eq!(database::count(url, &sql).await, 1);
    let others = format!("SELECT count(*) AS n FROM deliveries WHERE leased_until >= {until}");
    assert_eq!(database::count(url, &others).await, 3);
}
