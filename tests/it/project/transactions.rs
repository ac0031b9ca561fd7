//! Transactions that get into each other's way.

use std::collections::HashSet;
use std::sync::Arc;

use http::StatusCode;
use kith::client::Budget;
use kith::db;
use kith::db::accounts::Account;
use kith::db::statuses::Status;
use kith::db::users::User;
use kith::domain::accounts::{self, RemoteActor};
use kith::domain::moves;
use kith::domain::profiles::{self, Changes, StatusLine};
use kith::domain::search;
use kith::domain::users;
use kith::error::AppError;
use kith::federation::{fetch, local_keys};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::api::auth;
use crate::api::media::{png, upload};
use crate::support::mail::letters;
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
    let (moderator, go_on) = suspending(&server, id, now).await;
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
    wait_for_locks(&server, 1).await;
    go_on.notify_one();
    moderator.await.unwrap().unwrap();
    let read = reading.await.unwrap().unwrap();
    assert_eq!(read.display_name, "Sara anew");
    let stored = stored(&server, id).await;
    assert_eq!(stored.suspended_at, Some(now));
    assert_eq!(stored.display_name, "Sara anew");
}

/// The same for who shows that an address is theirs while their user is being disabled.
#[tokio::test(flavor = "multi_thread")]
async fn verifying_an_address_undoes_no_disabling() {
    if !database::is_postgres() {
        // SQLite has one writer.
        return;
    }
    let server = Server::start().await;
    let registered = auth::register(&server, "sara", "sara@mail.example").await;
    let code = letters(&server, 1).await.pop().unwrap().code();
    let id = registered["account"]["id"].as_str().unwrap();
    let (id, now) = (id.parse().unwrap(), server.app.clock.now_ms());
    let (moderator, go_on) = suspending(&server, id, now).await;
    let (app, ctx) = (server.app.clone(), server.app.ctx.clone());
    let verifying = tokio::spawn(async move {
        app.write(move |tx| {
            let (ctx, code) = (ctx.clone(), code.clone());
            Box::pin(async move { users::verify_email(tx, &ctx, "sara@mail.example", &code).await })
        })
        .await
    });
    wait_for_locks(&server, 1).await;
    go_on.notify_one();
    moderator.await.unwrap().unwrap();
    assert!(verifying.await.unwrap().unwrap());
    let user: Option<User> = server
        .app
        .read(move |c| {
            Box::pin(async move { Ok::<_, AppError>(db::users::by_account(c, id).await?) })
        })
        .await
        .unwrap();
    let user = user.unwrap();
    assert_eq!(user.disabled_at, Some(now));
    assert!(user.confirmed_at.is_some());
}

/// A moderator in the midst of suspending an account and disabling its user, and what lets them go on.
async fn suspending(
    server: &Server,
    id: i64,
    now: i64,
) -> (JoinHandle<Result<(), AppError>>, Arc<Notify>) {
    let (suspended, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (app, told, waits) = (server.app.clone(), suspended.clone(), go_on.clone());
    let moderator = tokio::spawn(async move {
        app.write(move |tx| {
            let (told, waits) = (told.clone(), waits.clone());
            Box::pin(async move {
                db::relations::lock_pair(tx, id, id).await?;
                db::policies::set_standing(tx, id, Some(now), None).await?;
                if let Some(user) = db::users::by_account(tx, id).await? {
                    let disabled = User {
                        disabled_at: Some(now),
                        ..user
                    };
                    db::users::update(tx, &disabled).await?;
                }
                told.notify_one();
                waits.notified().await;
                Ok(())
            })
        })
        .await
    });
    suspended.notified().await;
    (moderator, go_on)
}

async fn wait_for_locks(server: &Server, number: i64) {
    let url = server.app.config.database_url.clone();
    eventually("others wait for the moderator", async || {
        let sql = "SELECT count(*) AS n FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (database::count(&url, sql).await >= number).then_some(())
    })
    .await;
}

async fn stored(server: &Server, id: i64) -> Account {
    let read = server
        .app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
        .await;
    let read: Option<Account> = read.map_err(|e: AppError| e.to_string()).unwrap();
    read.unwrap()
}

/// Whoever changes their profile at the moment at which they are suspended stays so, and disabled.
#[tokio::test(flavor = "multi_thread")]
async fn changing_a_profile_undoes_no_suspension() {
    if !database::is_postgres() {
        // SQLite has one writer.
        return;
    }
    let server = Server::start().await;
    let (sara, other) = (server.person("sara").await, server.person("other").await);
    let id: i64 = sara.id().parse().unwrap();
    let now = server.app.clock.now_ms();
    let other = stored(&server, other.id().parse().unwrap()).await;
    let (moderator, go_on) = suspending(&server, id, now).await;
    let (app, ctx) = (server.app.clone(), server.app.ctx.clone());
    let changing = tokio::spawn(async move {
        let changes = Changes {
            display_name: Some("Sara anew".to_owned()),
            sensitive: Some(true),
            ..Changes::default()
        };
        app.write(move |tx| {
            let (ctx, changes) = (ctx.clone(), changes.clone());
            Box::pin(async move { profiles::change(tx, &ctx, id, changes).await })
        })
        .await
    });
    let (app, ctx) = (server.app.clone(), server.app.ctx.clone());
    let verifying = tokio::spawn(async move {
        app.write(move |tx| {
            let ctx = ctx.clone();
            Box::pin(async move { profiles::verified(tx, &ctx, id, &[]).await })
        })
        .await
    });
    let (app, ctx) = (server.app.clone(), server.app.ctx.clone());
    let naming = tokio::spawn(async move {
        app.write(move |tx| {
            let (ctx, other) = (ctx.clone(), other.clone());
            Box::pin(async move { moves::add_alias(tx, &ctx, id, &other).await })
        })
        .await
    });
    wait_for_locks(&server, 3).await;
    go_on.notify_one();
    moderator.await.unwrap().unwrap();
    changing.await.unwrap().unwrap();
    verifying.await.unwrap().unwrap();
    let refused = naming.await.unwrap().unwrap_err();
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let account = stored(&server, id).await;
    assert_eq!(account.suspended_at, Some(now));
    assert_eq!(account.display_name, "Sara anew");
    let user = server
        .app
        .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())
        .unwrap()
        .unwrap();
    assert_eq!(user.disabled_at, Some(now));
    assert!(user.settings.contains("sensitive"), "{}", user.settings);
}

/// A panic is a fault of ours, not a database that is away: it is not to be tried again until that is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_no_database_that_is_away() {
    let server = Server::start().await;
    let read = server
        .app
        .read(|_| Box::pin(async { panic!("on purpose, in a test") }))
        .await;
    let written = server
        .app
        .write(|_| Box::pin(async { panic!("on purpose, in a test") }))
        .await;
    let outcomes: [Result<(), AppError>; 2] = [read, written];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR, "{error}");
        assert!(!error.is_database_gone(), "{error}");
    }
    // It goes on.
    let sara = server.person("sara").await;
    assert_eq!(
        server.status(&sara, "still here").await["content"],
        "<p>still here</p>"
    );
}

/// A post is edited, and indexed, at the moment at which all posts of its author are indexed anew: the words of before
/// are not put back.
#[tokio::test(flavor = "multi_thread")]
async fn indexing_anew_puts_no_old_words_back() {
    if !database::is_postgres() {
        // SQLite has one writer.
        return;
    }
    let server = Server::start().await;
    let sara = server.person("sara").await;
    let author: i64 = sara.id().parse().unwrap();
    let status = server.status(&sara, "former").await;
    let id: i64 = status["id"].as_str().unwrap().parse().unwrap();
    let url = server.app.config.database_url.clone();
    let found = async |word: &str| {
        let sql = format!(
            "SELECT count(*) AS n FROM search_text WHERE body @@ to_tsquery('simple', '{word}')"
        );
        database::count(&url, &sql).await
    };
    eventually("it is indexed", async || {
        (found("former").await == 1).then_some(())
    })
    .await;
    let (edited, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (app, told, waits) = (server.app.clone(), edited.clone(), go_on.clone());
    let editing = tokio::spawn(async move {
        app.write(move |tx| {
            let (told, waits) = (told.clone(), waits.clone());
            Box::pin(async move {
                db::search::hold_progress(tx).await?;
                let status = db::statuses::by_id(tx, id).await?.unwrap();
                let status = Status {
                    content: "<p>latter</p>".to_owned(),
                    ..status
                };
                db::statuses::update(tx, &status).await?;
                let entries = search::entries(tx, &[id]).await?;
                search::put(tx, &entries).await?;
                told.notify_one();
                waits.notified().await;
                Ok::<_, AppError>(())
            })
        })
        .await
    });
    edited.notified().await;
    let app = server.app.clone();
    let indexing =
        tokio::spawn(async move { kith::jobs::search::reindex(&app, author, i64::MAX).await });
    wait_for_locks(&server, 1).await;
    go_on.notify_one();
    editing.await.unwrap().unwrap();
    assert!(indexing.await.unwrap().is_ok());
    assert_eq!((found("former").await, found("latter").await), (0, 1));
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
