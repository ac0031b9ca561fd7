//! The server's texts as pages: about, privacy policy, terms of service.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};

use super::pages::Head;
use super::routes::{html, shown};
use super::site;
use super::view::{Html, Site};
use crate::api::entities::instance::{about, terms_at};
use crate::api::entities::instance::{html as markdown, privacy_policy};
use crate::app::App;
use crate::domain::instance::day;
use crate::error::{AppError, AppResult};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/about", get(about_page))
        .route("/privacy-policy", get(privacy_page))
        .route("/terms-of-service", get(terms_page))
        .route("/terms-of-service/{date}", get(terms_of_page))
}

/// A text of the server's.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "text.html")]
pub struct TextPage {
    /// The server.
    pub site: Site,
    /// What it is.
    pub heading: String,
    /// Clean HTML.
    pub content: Html,
    /// Since when it holds.
    pub since: Option<String>,
}

impl TextPage {
    fn head(&self) -> Head {
        Head {
            title: self.heading.clone(),
            kind: "website",
            ..Head::default()
        }
    }

    /// The whole document.
    pub fn render(&self) -> String {
        Template::render(self).expect("writing to a string cannot fail")
    }
}

async fn page(
    app: &App,
    heading: &str,
    text: String,
    since: Option<String>,
) -> AppResult<Response> {
    let page = TextPage {
        site: site(app).await?,
        heading: heading.to_owned(),
        content: Html(text),
        since,
    };
    Ok(html(StatusCode::OK, page.render()))
}

async fn about_page(State(app): State<App>, headers: HeaderMap) -> Response {
    let outcome = async {
        let about = about(&app).await?;
        let text = about
            .html("extended_description")
            .ok_or_else(AppError::not_found)?;
        page(&app, &format!("About {}", about.title()), text, None).await
    };
    shown(&app, &headers, outcome.await).await
}

async fn privacy_page(State(app): State<App>, headers: HeaderMap) -> Response {
    let outcome = async {
        let about = about(&app).await?;
        let since = day(about.changed_at("privacy_policy"));
        let text = privacy_policy(&app, &about);
        page(&app, "Privacy policy", text, Some(format!("As of {since}"))).await
    };
    shown(&app, &headers, outcome.await).await
}

async fn terms(app: &App, date: Option<&str>) -> AppResult<Response> {
    let about = about(app).await?;
    let terms = match date {
        Some(date) => about.terms.iter().find(|t| t.effective_date == date),
        None => terms_at(&about, app.clock.now_ms()),
    };
    let terms = terms.ok_or_else(AppError::not_found)?;
    let since = format!("In force from {} on", terms.effective_date);
    page(app, "Terms of service", markdown(&terms.body), Some(since)).await
}

async fn terms_page(State(app): State<App>, headers: HeaderMap) -> Response {
    let outcome = terms(&app, None).await;
    shown(&app, &headers, outcome).await
}

async fn terms_of_page(
    State(app): State<App>,
    Path(date): Path<String>,
    headers: HeaderMap,
) -> Response {
    let outcome = terms(&app, Some(&date)).await;
    shown(&app, &headers, outcome).await
}
