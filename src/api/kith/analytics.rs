//! `GET /api/kith/v1/analytics`

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::clock;
use crate::db::analytics::Totals;
use crate::domain::analytics::{self, Range};
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new().route("/api/kith/v1/analytics", get(of_account))
}

/// The days that are asked for.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default, deserialize_with = "params::text")]
    pub from: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    pub to: Option<String>,
}

/// Every day of a range, those without numbers too.
pub fn each_day<T: Copy + Default, D>(
    range: Range,
    known: &[(i64, T)],
    make: impl Fn(String, T) -> D,
) -> Vec<D> {
    let mut known = known
        .iter()
        .skip_while(|(day, _)| *day < range.from)
        .peekable();
    (range.from..=range.to)
        .map(|day| {
            let numbers = known.next_if(|(of, _)| *of == day);
            make(
                clock::day(day),
                numbers.map(|(_, n)| *n).unwrap_or_default(),
            )
        })
        .collect()
}

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
    likes_given: i64,
    dislikes_given: i64,
}

impl Numbers {
    fn sum<'a>(days: impl Iterator<Item = &'a Totals>) -> Numbers {
        let mut sum = Numbers::default();
        for day in days {
            sum.views += day.received.views;
            sum.likes += day.received.likes;
            sum.dislikes += day.received.dislikes;
            sum.comments += day.received.comments;
            sum.shares += day.received.shares;
            sum.likes_given += day.likes_given;
            sum.dislikes_given += day.dislikes_given;
        }
        sum
    }
}

async fn of_account(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Params(asked): Params<Asked>,
) -> AppResult<Json> {
    let range = Range::parse(&app.ctx, asked.from.as_deref(), asked.to.as_deref())?;
    let id = user.account.id;
    crate::views::flush(&app).await?;
    let days = app
        .read(move |c| Box::pin(async move { analytics::of_account(c, id, range).await }))
        .await?;
    json(&Entity {
        totals: Numbers::sum(days.iter().map(|(_, totals)| totals)),
        days: each_day(range, &days, |date, totals| Day {
            date,
            numbers: Numbers::sum(std::iter::once(&totals)),
        }),
    })
}
