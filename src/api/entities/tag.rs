//! Hashtags (`Tag`, `FeaturedTag`).

use serde::Serialize;

use crate::app::App;
use crate::clock::{DAY, iso};
use crate::config::Config;
use crate::db;
use crate::db::statuses::Tag;
use crate::db::tags::Featured;
use crate::db::trends::{Day, Kind};
use crate::domain::tags::HISTORY;
use crate::domain::trends::day_of;
use crate::error::AppResult;

/// `Tag`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    name: String,
    url: String,
    history: Vec<History>,
    #[serde(skip_serializing_if = "Option::is_none")]
    following: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    featuring: Option<bool>,
}

/// The use of a tag or link on one day.
#[derive(Debug, Serialize)]
pub struct History {
    /// Its midnight (UTC) in seconds since the epoch, as text.
    day: String,
    uses: String,
    accounts: String,
}

/// The first day whose use is told today.
pub fn first_day(today: i64) -> i64 {
    today - HISTORY + 1
}

/// The use of a subject on the last days, today first.
pub fn history(days: &[Day], subject_id: i64, today: i64) -> Vec<History> {
    (0..HISTORY)
        .map(|age| {
            let day = today - age;
            let used = days
                .iter()
                .find(|d| d.subject_id == subject_id && d.day == day);
            History {
                day: (day * (DAY / 1000)).to_string(),
                uses: used.map_or(0, |d| d.uses).to_string(),
                accounts: used.map_or(0, |d| d.accounts).to_string(),
            }
        })
        .collect()
}

/// Shows tags to a reader, in their order: three statements at most.
pub async fn render(app: &App, tags: &[Tag], reader: Option<i64>) -> AppResult<Vec<Entity>> {
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = tags.iter().map(|tag| tag.id).collect();
    let today = day_of(app.clock.now_ms());
    let (days, followed, featured) = app
        .read(move |c| {
            Box::pin(async move {
                let days = db::trends::days(c, Kind::Tag, &ids, first_day(today)).await?;
                let Some(reader) = reader else {
                    return Ok((days, Vec::new(), Vec::new()));
                };
                let followed = db::tags::followed_among(c, reader, &ids).await?;
                let featured = db::tags::featured_among(c, reader, &ids).await?;
                Ok((days, followed, featured))
            })
        })
        .await?;
    Ok(tags
        .iter()
        .map(|tag| Entity {
            id: tag.id.to_string(),
            name: tag.name.clone(),
            url: app.config.tag_url(&tag.name),
            history: history(&days, tag.id, today),
            following: reader.map(|_| followed.contains(&tag.id)),
            featuring: reader.map(|_| featured.contains(&tag.id)),
        })
        .collect())
}

/// One tag.
pub async fn render_one(app: &App, tag: &Tag, reader: Option<i64>) -> AppResult<Option<Entity>> {
    Ok(render(app, std::slice::from_ref(tag), reader).await?.pop())
}

/// `FeaturedTag`.
#[derive(Debug, Serialize)]
pub struct FeaturedEntity {
    id: String,
    name: String,
    url: String,
    statuses_count: String,
    /// A date.
    last_status_at: Option<String>,
}

/// Shows a tag that an account features.
pub fn featured(config: &Config, featured: &Featured) -> FeaturedEntity {
    let name = &featured.tag.name;
    FeaturedEntity {
        id: featured.id.to_string(),
        name: name.clone(),
        url: config.tag_url(name),
        statuses_count: featured.statuses_count.to_string(),
        last_status_at: featured
            .last_status_at
            .and_then(|at| iso(at).get(..10).map(str::to_owned)),
    }
}
