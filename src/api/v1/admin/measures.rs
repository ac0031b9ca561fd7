//! `POST /api/v1/admin/measures`: numbers by day.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::Serialize;

use super::period::{Body, Day};
use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::clock::{DAY, iso};
use crate::domain::dashboard;
use crate::error::AppResult;
use crate::http::auth::scope;
use crate::http::params::Params;
use crate::http::staff::{Permitted, may};

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/admin/measures", post(ask))
}

/// `Admin::Measure`.
#[derive(Debug, Serialize)]
struct Entity {
    key: String,
    unit: Option<&'static str>,
    total: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_total: Option<String>,
    data: Vec<Day>,
}

/// Keys that nobody knows are passed over.
async fn ask(
    State(app): State<App>,
    _staff: Permitted<may::ViewDashboard, scope::AdminRead>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (wanted, period) = (body.wanted()?, body.period()?);
    let mut entities = Vec::with_capacity(wanted.len());
    for (key, about) in wanted {
        // One read for each, so that none holds a connection for all of them.
        let name = key.clone();
        let found = app
            .read(move |c| {
                Box::pin(async move { dashboard::measure(c, &name, &about, period).await })
            })
            .await?;
        entities.extend(found.map(|measure| {
            Entity {
                key,
                unit: None,
                total: measure.total.to_string(),
                previous_total: measure.previous.map(|total| total.to_string()),
                data: measure
                    .days
                    .iter()
                    .map(|(day, number)| Day {
                        date: iso(day * DAY),
                        value: number.to_string(),
                    })
                    .collect(),
            }
        }));
    }
    json(&entities)
}
