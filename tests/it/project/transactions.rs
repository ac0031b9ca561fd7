//! Transactions that get into each other's way.

use std::collections::HashSet;

use kith::client::Budget;
use kith::db;
use kith::error::AppError;
use kith::federation::{fetch, local_keys};

use crate::support::Server;
use crate::support::peer::Peer;

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
