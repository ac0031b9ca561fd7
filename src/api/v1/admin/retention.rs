//! `POST /api/v1/admin/retention`: how many of those who registered stayed.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::Serialize;

use super::period::Body;
use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::clock::{DAY, iso};
use crate::domain::dashboard::{self, Cohort};
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::params::Params;
use crate::http::staff::{Permitted, may};

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/admin/retention", post(ask))
}

/// `Admin::Cohort`.
#[derive(Debug, Serialize)]
struct Entity {
    period: String,
    frequency: &'static str,
    data: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    date: String,
    rate: f64,
    value: String,
}

impl Entity {
    fn of(cohort: &Cohort, frequency: &'static str) -> Entity {
        let item = |(day, here, rate): &(i64, i64, f64)| Item {
            date: iso(day * DAY),
            rate: *rate,
            value: here.to_string(),
        };
        Entity {
            period: iso(cohort.first * DAY),
            frequency,
            data: cohort.data.iter().map(item).collect(),
        }
    }
}

async fn ask(
    State(app): State<App>,
    _staff: Permitted<may::ViewDashboard, scope::AdminRead>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let period = body.period()?;
    let frequency = match body.frequency.as_deref() {
        Some("month") => "month",
        Some("day") => "day",
        None | Some("") => {
            return Err(AppError::bad_request(
                "param is missing or the value is empty: frequency",
            ));
        }
        Some(_) => {
            return Err(AppError::invalid(
                "Validation failed: Frequency is not included in the list",
            ));
        }
    };
    let cohorts = app
        .read(move |c| {
            Box::pin(async move { dashboard::retention(c, period, frequency == "month").await })
        })
        .await?;
    let entities: Vec<Entity> = cohorts
        .iter()
        .map(|cohort| Entity::of(cohort, frequency))
        .collect();
    json(&entities)
}
