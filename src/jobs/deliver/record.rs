//! Writes down what became of deliveries, many in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::App;
use crate::db;
use crate::db::Conn;
use crate::db::hosts::Host;
use crate::domain::{Ctx, chats};
use crate::error::AppResult;

/// How long outcomes are gathered.
const GATHER: Duration = Duration::from_millis(10);
/// Outcomes in one transaction.
const BATCH: usize = 512;
/// How often a failing transaction is tried; then the leases end and the deliveries are made
/// again, which receivers recognise by the activity's id.
const TRIES: u32 = 5;
/// Deliveries made due when their host answers again.
const HASTENED: i64 = 1000;

/// Something to write down.
#[derive(Debug, Clone)]
pub enum Record {
    Delivered {
        id: i64,
        answer: u16,
        at: i64,
    },
    Retry {
        id: i64,
        next_at: i64,
        answer: Option<u16>,
        error: String,
    },
    GivenUp {
        id: i64,
        answer: Option<u16>,
        error: String,
        at: i64,
    },
    /// Leased but not sent: due again at a time.
    Released {
        ids: Vec<i64>,
        next_at: i64,
    },
    /// How a host fares.
    Health(Host),
    /// The signature a host wants.
    Signature {
        host: Arc<str>,
        name: &'static str,
    },
    /// A host answers again: what waits for it need not wait.
    Hastened {
        host: Arc<str>,
        at: i64,
    },
}

/// Writes until the sender is gone.
pub async fn run(app: App, mut records: mpsc::UnboundedReceiver<Record>) {
    loop {
        let mut batch = Vec::new();
        if records.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        tokio::time::sleep(GATHER).await;
        while batch.len() < BATCH
            && let Ok(record) = records.try_recv()
        {
            batch.push(record);
        }
        for record in &batch {
            match record {
                Record::Delivered { .. } => app.metrics.delivery("delivered"),
                Record::Retry { .. } => app.metrics.delivery("retried"),
                Record::GivenUp { .. } => app.metrics.delivery("given_up"),
                _ => {}
            }
        }
        let batch = Arc::new(batch);
        for attempt in 1..=TRIES {
            let (written, ctx) = (batch.clone(), app.ctx.clone());
            match app
                .write(move |tx| Box::pin(async move { write(tx, &ctx, &written).await }))
                .await
            {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%error, attempt, "cannot record deliveries");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn write(tx: &mut Conn, ctx: &Ctx, batch: &[Record]) -> AppResult<()> {
    let mut delivered: BTreeMap<(u16, i64), Vec<i64>> = BTreeMap::new();
    for record in batch {
        if let Record::Delivered { id, answer, at } = record {
            // To the second is exact enough, and leaves few statements.
            let second = at - at.rem_euclid(1000);
            delivered.entry((*answer, second)).or_default().push(*id);
        }
    }
    for ((answer, at), ids) in delivered {
        db::deliveries::delivered(tx, &ids, i64::from(answer), at).await?;
        if (200..300).contains(&answer) {
            // A chat message has reached its partner's server.
            let messages = db::chat_messages::carried_by(tx, &ids).await?;
            if !messages.is_empty() {
                chats::arrived(tx, ctx, &messages).await?;
            }
        }
    }
    for record in batch {
        match record {
            Record::Delivered { .. } => {}
            Record::Retry {
                id,
                next_at,
                answer,
                error,
            } => {
                db::deliveries::retry(tx, *id, *next_at, answer.map(i64::from), error).await?;
            }
            Record::GivenUp {
                id,
                answer,
                error,
                at,
            } => db::deliveries::give_up(tx, *id, answer.map(i64::from), error, *at).await?,
            Record::Released { ids, next_at } => {
                db::deliveries::release(tx, ids, *next_at).await?;
            }
            Record::Health(host) => db::hosts::set_health(tx, host).await?,
            Record::Signature { host, name } => db::hosts::set_signature(tx, host, name).await?,
            Record::Hastened { host, at } => {
                db::deliveries::hasten(tx, host, *at, HASTENED).await?;
            }
        }
    }
    Ok(())
}
