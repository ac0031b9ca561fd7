//! The page of a featured collection.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};

use super::gather;
use super::pages::Head;
use super::routes::{html, shown};
use super::site;
use super::view::{Account, Html, Site};
use super::words;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::pagination::path_id;

pub fn routes() -> Router<App> {
    Router::new().route("/@{name}/collections/{id}", get(show))
}

/// `/@{name}/collections/{id}`: people whom somebody recommends.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "collection.html")]
pub struct CollectionPage {
    /// The server.
    pub site: Site,
    pub name: String,
    /// Clean HTML.
    pub description: Html,
    /// The hashtag it is about, without `#`.
    pub tag: Option<String>,
    pub sensitive: bool,
    /// Whose it is.
    pub owner: Account,
    /// Who is in it.
    pub people: Vec<Account>,
    /// Its path.
    pub url: String,
    /// Its ActivityPub object.
    pub activity: String,
    /// Search engines are asked to stay away.
    pub noindex: bool,
}

impl CollectionPage {
    fn head(&self) -> Head {
        Head {
            title: self.name.clone(),
            description: words::excerpt(&words::plain(&self.description.0), 200),
            canonical: Some(self.site.absolute(&self.url)),
            kind: "website",
            activity: Some(self.activity.clone()),
            creator: Some(self.owner.handle.clone()),
            noindex: self.noindex,
            ..Head::default()
        }
    }

    /// The whole document.
    pub fn render(&self) -> String {
        Template::render(self).expect("writing to a string cannot fail")
    }
}

async fn show(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let outcome = page(&app, &name, &id).await;
    shown(&app, &headers, outcome).await
}

async fn page(app: &App, name: &str, id: &str) -> AppResult<Response> {
    let (name, id) = (name.to_owned(), path_id(id)?);
    let (owner, row, members) = app
        .read(move |c| {
            Box::pin(async move {
                let owner = db::accounts::by_handle(c, &name, "")
                    .await?
                    .ok_or_else(AppError::not_found)?;
                let row = db::collections::by_id(c, id)
                    .await?
                    .filter(|row| row.local && row.account_id == owner.id)
                    .ok_or_else(AppError::not_found)?;
                let members = db::collections::members(c, &[id]).await?;
                Ok((owner, row, members))
            })
        })
        .await?;
    let page = CollectionPage {
        site: site(app).await?,
        url: format!("/@{}/collections/{}", owner.username, row.id),
        owner: gather::account(&app.config, &owner),
        people: members
            .iter()
            .map(|(_, account)| gather::account(&app.config, account))
            .collect(),
        name: row.name,
        description: Html(row.description),
        tag: Some(row.tag).filter(|tag| !tag.is_empty()),
        sensitive: row.sensitive,
        activity: row.uri,
        noindex: !row.discoverable || !owner.indexable,
    };
    Ok(html(StatusCode::OK, page.render()))
}
