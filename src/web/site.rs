//! The server, as its pages show it.

use super::view::Site;
use crate::app::App;
use crate::db;
use crate::error::AppResult;

/// What every page says of the server.
pub async fn site(app: &App) -> AppResult<Site> {
    let settings = app
        .read(|c| Box::pin(async move { Ok(db::policies::settings(c).await?) }))
        .await?;
    let get = |name: &str| {
        settings
            .iter()
            .find(|(n, value)| n == name && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    Ok(Site {
        title: get("title").unwrap_or_else(|| "Kith".to_owned()),
        domain: app.config.account_domain.clone(),
        public_url: app.config.url(""),
        language: "en".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source_url: get("source_url"),
    })
}
