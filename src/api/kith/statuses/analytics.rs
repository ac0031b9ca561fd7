//! `GET /api/kith/v1/statuses/:id/analytics`, for the author alone

use axum::extract::{Path, State};
use serde::Serialize;

use super::own;
use crate::api::entities::Json;
use crate::api::kith::analytics::{Asked, each_day};
use crate::api::list::json;
use crate::app::App;
use crate::db::analytics::Counts;
use crate::domain::analytics::{self, Range};
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::Params;

#[derive(Serialize)]
struct Entity {
    #[serde(flatten)]
    totals: Numbers,
    days: Vec<Day>,
}

#[derive(Serialize)]
struct Day {
    date: String,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Serialize, Default)]
struct Numbers {
    views: i64,
    likes: i64,
    dislikes: i64,
    comments: i64,
    shares: i64,
    reactions: i64,
}

impl Numbers {
    fn sum<'a>(days: impl Iterator<Item = &'a Counts>) -> Numbers {
        let mut sum = Numbers::default();
        for day in days {
            sum.views += day.views;
            sum.likes += day.likes;
            sum.dislikes += day.dislikes;
            sum.comments += day.comments;
            sum.shares += day.shares;
            sum.reactions += day.reactions;
        }
        sum
    }
}

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
    Params(asked): Params<Asked>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let range = Range::parse(&app.ctx, asked.from.as_deref(), asked.to.as_deref());
    let account = user.account.clone();
    crate::views::flush(&app).await?;
    let (range, days) = app
        .read(move |c| {
            Box::pin(async move {
                let status = own(c, &account, id).await?;
                let range = range?;
                Ok((range, analytics::of_status(c, &status, range).await?))
            })
        })
        .await?;
    json(&Entity {
        totals: Numbers::sum(days.iter().map(|(_, counts)| counts)),
        days: each_day(range, &days, |date, counts| Day {
            date,
            numbers: Numbers::sum(std::iter::once(&counts)),
        }),
    })
}
