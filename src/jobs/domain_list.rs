//! Reads a list of policies that others keep, and does what it says with its own entries.

use std::time::Duration;

use url::Url;

use super::JobError;
use crate::app::App;
use crate::client::{Budget, GetOptions, Limits};
use crate::db;
use crate::db::domain_subscriptions::Subscription;
use crate::domain::policy_lists::{self, BATCH};
use crate::domain::policy_subscriptions;
use crate::error::AppResult;

/// What reading a list may cost.
const LIMITS: Limits = Limits {
    requests: 4,
    bytes: 8 * 1024 * 1024,
    depth: 1,
    time: Duration::from_secs(60),
};

/// Reads it once, and has it read again a day later, or sooner where that failed. What came with a
/// list that is followed no more is withdrawn.
pub async fn run(app: &App, job: i64, subscription_id: i64) -> Result<(), JobError> {
    let found = app
        .write(move |tx| {
            Box::pin(async move {
                // The next reading is a job of its own, with the same key.
                db::jobs::release_key(tx, job).await?;
                Ok(db::domain_subscriptions::by_id(tx, subscription_id).await?)
            })
        })
        .await
        .map_err(JobError::retry)?;
    let Some(subscription) = found else {
        return withdraw(app, subscription_id)
            .await
            .map_err(JobError::retry);
    };
    let outcome = match fetch(app, &subscription).await {
        Ok(text) => apply(app, &subscription, text).await,
        Err(error) => Ok(Err(error)),
    };
    let outcome = outcome.map_err(JobError::retry)?;
    if let Err(error) = &outcome {
        tracing::warn!(
            url = subscription.url,
            error,
            "a list of policies was not read"
        );
    }
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            policy_subscriptions::was_read(tx, &ctx, subscription_id, outcome.clone()).await
        })
    })
    .await
    .map_err(JobError::retry)
}

/// Withdraws all entries of a list that is followed no more.
async fn withdraw(app: &App, subscription_id: i64) -> AppResult<()> {
    let mut more = true;
    while more {
        let ctx = app.ctx.clone();
        more = app
            .write(move |tx| {
                Box::pin(
                    async move { policy_subscriptions::withdraw(tx, &ctx, subscription_id).await },
                )
            })
            .await?;
    }
    Ok(())
}

async fn fetch(app: &App, subscription: &Subscription) -> Result<String, String> {
    let url = Url::parse(&subscription.url).map_err(|e| e.to_string())?;
    let options = GetOptions {
        accept: "text/csv, text/plain;q=0.9, */*;q=0.1",
        max_bytes: LIMITS.bytes,
        timeout: LIMITS.time,
        ..GetOptions::default()
    };
    let answer = app
        .client
        .get(&url, &options, &Budget::new(LIMITS))
        .await
        .map_err(|e| e.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("answered {}", answer.status.as_u16()));
    }
    String::from_utf8(answer.body.to_vec()).map_err(|_| "the answer is not UTF-8".to_owned())
}

/// Does what a list says; how many of its entries are in force then, or why it is not believed.
async fn apply(
    app: &App,
    subscription: &Subscription,
    text: String,
) -> AppResult<Result<i64, String>> {
    let list = match policy_lists::parse(&app.ctx, &text) {
        Ok(list) => list,
        Err(error) => return Ok(Err(error.to_string())),
    };
    // An error page, or a file that was cut off, is no reason to lift everything.
    if list.entries.is_empty() && (subscription.entries > 0 || !list.invalid.is_empty()) {
        return Ok(Err("the answer is no list of domains".to_owned()));
    }
    let known = app
        .read(|c| Box::pin(async move { Ok(db::policies::all(c).await?) }))
        .await?;
    let update = policy_subscriptions::update(subscription, &list, &known);
    let id = subscription.id;
    for some in update.put.chunks(BATCH) {
        let (ctx, some) = (app.ctx.clone(), some.to_vec());
        let followed = app
            .write(move |tx| {
                Box::pin(async move { policy_subscriptions::put_of(tx, &ctx, id, some).await })
            })
            .await?;
        if !followed {
            return Ok(Ok(0));
        }
    }
    for some in update.withdraw.chunks(BATCH) {
        let (ctx, some) = (app.ctx.clone(), some.to_vec());
        app.write(move |tx| {
            Box::pin(async move { policy_subscriptions::withdraw_some(tx, &ctx, id, &some).await })
        })
        .await?;
    }
    Ok(Ok(update.entries))
}
