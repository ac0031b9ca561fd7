//! `/.well-known/nodeinfo` and the documents it points to (NodeInfo 2.0 and 2.1).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::{DAY, MINUTE};
use crate::config::Registration;
use crate::db;
use crate::error::AppResult;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/.well-known/nodeinfo", get(index))
        .route("/nodeinfo/2.0", get(async |app| show(app, "2.0").await))
        .route("/nodeinfo/2.1", get(async |app| show(app, "2.1").await))
}

/// Numbers of this server, counted once a minute at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub users: i64,
    pub active_month: i64,
    pub active_half_year: i64,
    pub posts: i64,
    /// As an admin named it.
    pub title: Option<String>,
    pub description: Option<String>,
}

async fn index(State(app): State<App>) -> Response {
    let link = |version: &str| {
        json!({
            "rel": format!("http://nodeinfo.diaspora.software/ns/schema/{version}"),
            "href": app.config.url(&format!("/nodeinfo/{version}")),
        })
    };
    let body = json!({"links": [link("2.1"), link("2.0")]});
    (
        [(CONTENT_TYPE, "application/json; charset=utf-8")],
        body.to_string(),
    )
        .into_response()
}

async fn show(State(app): State<App>, version: &'static str) -> AppResult<Response> {
    let usage = usage(&app).await?;
    let open = matches!(
        app.registration().await?,
        Registration::Open | Registration::Approval
    );
    let body = document(version, &usage, open, env!("CARGO_PKG_REPOSITORY"));
    let content_type = format!(
        "application/json; profile=\"http://nodeinfo.diaspora.software/ns/schema/{version}#\"; charset=utf-8"
    );
    Ok(([(CONTENT_TYPE, content_type)], body.to_string()).into_response())
}

fn document(version: &str, usage: &Usage, open: bool, repository: &str) -> Value {
    let mut software = json!({"name": "kith", "version": env!("CARGO_PKG_VERSION")});
    // Only 2.1 knows of it.
    if version == "2.1" {
        software["repository"] = json!(repository);
    }
    json!({
        "version": version,
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": open,
        "usage": {
            "users": {
                "total": usage.users,
                "activeMonth": usage.active_month,
                "activeHalfyear": usage.active_half_year,
            },
            "localPosts": usage.posts,
        },
        "metadata": {
            "nodeName": usage.title.as_deref().unwrap_or("Kith"),
            "nodeDescription": usage.description.as_deref().unwrap_or_default(),
            // Whose client API and federation it follows, for clients that go by it.
            "upstream": {"name": "mastodon"},
        },
    })
}

async fn usage(app: &App) -> AppResult<Arc<Usage>> {
    let now = app.clock.now_ms();
    if let Some(usage) = app.caches.usage(now - MINUTE) {
        return Ok(usage);
    }
    let usage = app
        .read(move |c| {
            Box::pin(async move {
                let texts = db::policies::settings(c).await?;
                let text = |name: &str| {
                    let (_, value) = texts.iter().find(|(n, _)| n == name)?;
                    Some(value.clone())
                };
                Ok(Usage {
                    users: db::accounts::count_local(c).await?,
                    active_month: db::accounts::count_active_local(c, now - 30 * DAY).await?,
                    active_half_year: db::accounts::count_active_local(c, now - 180 * DAY).await?,
                    posts: db::statuses::count_local(c).await?,
                    title: text("title"),
                    description: text("description"),
                })
            })
        })
        .await?;
    let usage = Arc::new(usage);
    app.caches.set_usage(now, usage.clone());
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_what_their_schemas_ask_for() {
        let usage = Usage {
            users: 3,
            active_month: 2,
            active_half_year: 3,
            posts: 10,
            ..Usage::default()
        };
        let new = document("2.1", &usage, true, "https://kith.example/kith");
        assert_eq!(new["software"]["repository"], "https://kith.example/kith");
        assert_eq!(new["usage"]["users"]["activeHalfyear"], 3);
        assert_eq!(new["metadata"]["upstream"]["name"], "mastodon");
        assert_eq!(new["metadata"]["nodeName"], "Kith");
        let old = document("2.0", &usage, false, "https://kith.example/kith");
        assert_eq!(old["version"], "2.0");
        assert_eq!(old["openRegistrations"], false);
        assert!(old["software"].get("repository").is_none());
    }
}
