//! Has the accounts that a changed policy is about stand as the policies say, some at a time.

use super::JobError;
use crate::app::App;
use crate::domain::policies::Policies;
use crate::domain::standing;

/// All of them. Done twice, it changes nothing.
pub async fn run(app: &App, domain: &str, stamp: i64) -> Result<(), JobError> {
    let wanted = domain.to_owned();
    let (policies, places) = app
        .read(move |c| {
            Box::pin(async move {
                let places = standing::places(c, &wanted).await?;
                Ok((Policies::load(c).await?, places))
            })
        })
        .await
        .map_err(JobError::retry)?;
    for place in places {
        let mut above = Some(0);
        while let Some(last) = above {
            let (ctx, policies, place) = (app.ctx.clone(), policies.clone(), place.clone());
            above = app
                .write(move |tx| {
                    Box::pin(async move {
                        standing::settle(tx, &ctx, &policies, &place, last, stamp).await
                    })
                })
                .await
                .map_err(JobError::retry)?;
        }
    }
    Ok(())
}
