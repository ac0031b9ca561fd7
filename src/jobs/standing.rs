//! Has the accounts that changed policies are about stand as the policies say, some at a time, and
//! tells people here which of their follows that cut off.

use std::collections::HashSet;

use super::{JobError, sever_domain};
use crate::app::App;
use crate::db;
use crate::domain::policies::{BLOCK, Policies};
use crate::domain::severances::{self, Cause};
use crate::domain::standing::{self, Known, Place};
use crate::error::AppResult;

/// All of them: domains, each with when its policy was made. Done twice, it changes nothing.
pub async fn run(app: &App, changed: &[(String, i64)]) -> Result<(), JobError> {
    for (domain, stamp) in changed {
        // For each anew: what is lifted meanwhile is not to be put upon anybody.
        let (policies, known) = app
            .read(move |c| {
                Box::pin(async move { Ok((Policies::load(c).await?, Known::load(c).await?)) })
            })
            .await
            .map_err(JobError::retry)?;
        let places = known.under(domain);
        for place in &places {
            settle(app, &policies, place, *stamp)
                .await
                .map_err(JobError::retry)?;
        }
        let blocks = policies.all().any(|policy| {
            policy.domain == *domain && policy.created_at == *stamp && policy.severity == BLOCK
        });
        if blocks {
            sever(app, &policies, &places, domain, *stamp)
                .await
                .map_err(JobError::retry)?;
        }
    }
    Ok(())
}

async fn settle(app: &App, policies: &Policies, place: &Place, stamp: i64) -> AppResult<()> {
    let mut above = Some(0);
    while let Some(last) = above {
        let (ctx, policies, place) = (app.ctx.clone(), policies.clone(), place.clone());
        above = app
            .write(move |tx| {
                Box::pin(
                    async move { standing::settle(tx, &ctx, &policies, &place, last, stamp).await },
                )
            })
            .await?;
    }
    Ok(())
}

/// Notes what follows a block cut off, then tells those who had them.
async fn sever(
    app: &App,
    policies: &Policies,
    places: &[Place],
    domain: &str,
    stamp: i64,
) -> AppResult<()> {
    let cause = Cause {
        kind: severances::DOMAIN_BLOCK,
        target_name: domain.to_owned(),
        stamp,
    };
    let mut events = HashSet::new();
    for place in places {
        let mut above = Some(0);
        while let Some(last) = above {
            let wanted = place.clone();
            let accounts = app
                .read(move |c| Box::pin(async move { standing::accounts(c, &wanted, last).await }))
                .await?;
            above = accounts
                .last()
                .map(|account| account.id)
                .filter(|_| accounts.len() as i64 >= standing::BATCH);
            let blocked = accounts.iter().filter(|account| {
                policies
                    .of_account(account)
                    .is_some_and(|policy| policy.severity == BLOCK)
            });
            let ids: Vec<i64> = blocked.map(|account| account.id).collect();
            let (ctx, cause) = (app.ctx.clone(), cause.clone());
            let event = app
                .write(move |tx| {
                    Box::pin(async move { severances::note(tx, &ctx, &cause, &ids).await })
                })
                .await?;
            events.extend(event);
        }
    }
    for event in events {
        tell(app, event).await?;
    }
    Ok(())
}

/// Tells all who lost follows to an event.
async fn tell(app: &App, event: i64) -> AppResult<()> {
    let mut above = Some(0);
    while let Some(last) = above {
        let ctx = app.ctx.clone();
        above = app
            .write(move |tx| Box::pin(async move { severances::tell(tx, &ctx, event, last).await }))
            .await?;
    }
    Ok(())
}

/// Notes and tells what follows an account's suspension cut off. Done twice, it changes nothing.
pub async fn suspended(app: &App, job: i64, account_id: i64) -> Result<(), JobError> {
    let ctx = app.ctx.clone();
    let event = app
        .write(move |tx| {
            Box::pin(async move {
                // Another suspension from here on is a job of its own, with the same key.
                db::jobs::release_key(tx, job).await?;
                severances::note_suspension(tx, &ctx, account_id).await
            })
        })
        .await
        .map_err(JobError::retry)?;
    if let Some(event) = event {
        tell(app, event).await.map_err(JobError::retry)?;
    }
    // What was cut off is noted now, and can be ended.
    sever_domain::suspended(app, account_id).await
}
