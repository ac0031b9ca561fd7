//! `POST /api/v1/admin/dimensions`: what there is most of.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::Serialize;

use super::period::Body;
use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::dashboard;
use crate::error::AppResult;
use crate::http::auth::scope;
use crate::http::params::Params;
use crate::http::staff::{Permitted, may};
use crate::text::languages::LANGUAGES;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/admin/dimensions", post(ask))
}

/// `Admin::Dimension`.
#[derive(Debug, Serialize)]
struct Entity {
    key: String,
    data: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    key: String,
    human_key: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    human_value: Option<String>,
}

/// Keys that nobody knows are passed over.
async fn ask(
    State(app): State<App>,
    _staff: Permitted<may::ViewDashboard, scope::AdminRead>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (wanted, period) = (body.wanted()?, body.period()?);
    let limit = body.limit.unwrap_or(10).clamp(1, 100);
    let mut entities = Vec::with_capacity(wanted.len());
    for (key, about) in wanted {
        let data = match key.as_str() {
            "space_usage" => Some(space(&app).await?),
            "software_versions" => Some(versions(&app).await?),
            _ => {
                let name = key.clone();
                let found = app
                    .read(move |c| {
                        Box::pin(async move {
                            dashboard::dimension(c, &name, &about, period, limit).await
                        })
                    })
                    .await?;
                found.map(|rows| rows.into_iter().map(|row| item(&app, &key, row)).collect())
            }
        };
        entities.extend(data.map(|data| Entity { key, data }));
    }
    json(&entities)
}

fn item(app: &App, dimension: &str, (name, number): (String, i64)) -> Item {
    let (key, human_key) = match dimension {
        "languages" | "tag_languages" | "instance_languages" => language(name),
        "servers" | "tag_servers" if name.is_empty() => {
            let ours = &app.config.account_domain;
            (ours.clone(), ours.clone())
        }
        "sources" if name.is_empty() => ("web".to_owned(), "Website".to_owned()),
        _ => (name.clone(), name),
    };
    Item {
        key,
        human_key,
        value: number.to_string(),
        unit: None,
        human_value: None,
    }
}

fn language(code: String) -> (String, String) {
    if code.is_empty() {
        return ("und".to_owned(), "Unknown".to_owned());
    }
    let base = code.split('-').next().unwrap_or_default();
    let known = LANGUAGES
        .iter()
        .find(|(other, _)| *other == code || *other == base);
    let name = known.map_or_else(|| code.clone(), |(_, name)| (*name).to_owned());
    (code, name)
}

async fn space(app: &App) -> AppResult<Vec<Item>> {
    let (database, media) = app
        .read(|c| Box::pin(async move { Ok(db::dashboard::space(c).await?) }))
        .await?;
    let (key, human_key) = database_name(app);
    let item = |key: &str, human_key: &str, bytes: i64| Item {
        key: key.to_owned(),
        human_key: human_key.to_owned(),
        value: bytes.to_string(),
        unit: Some("bytes"),
        human_value: Some(human_bytes(bytes)),
    };
    Ok(vec![
        item(key, human_key, database),
        item("media", "Remote media", media),
    ])
}

fn database_name(app: &App) -> (&'static str, &'static str) {
    if app.db.is_postgres() {
        ("postgresql", "PostgreSQL")
    } else {
        ("sqlite", "SQLite")
    }
}

/// `1.5 MB`
fn human_bytes(bytes: i64) -> String {
    let mut size = bytes as f64;
    for unit in ["Bytes", "KB", "MB", "GB"] {
        if size < 1024.0 {
            return if unit == "Bytes" {
                format!("{bytes} {unit}")
            } else {
                format!("{size:.1} {unit}")
            };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TB")
}

async fn versions(app: &App) -> AppResult<Vec<Item>> {
    let database = app
        .read(|c| Box::pin(async move { Ok(db::dashboard::database_version(c).await?) }))
        .await?;
    let (key, human_key) = database_name(app);
    let item = |key: &str, human_key: &str, version: &str| Item {
        key: key.to_owned(),
        human_key: human_key.to_owned(),
        value: version.to_owned(),
        unit: None,
        human_value: Some(version.to_owned()),
    };
    Ok(vec![
        item("kith", "Kith", env!("CARGO_PKG_VERSION")),
        item(key, human_key, &database),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_languages_are_for_people_to_read() {
        assert_eq!(human_bytes(0), "0 Bytes");
        assert_eq!(human_bytes(1536), "1.5 KB");
        assert_eq!(human_bytes(i64::MAX), "8388608.0 TB");
        assert_eq!(language(String::new()).1, "Unknown");
        assert_eq!(
            language("de-AT".to_owned()),
            ("de-AT".into(), "German".into())
        );
        assert_eq!(language("qq".to_owned()).1, "qq");
    }
}
