//! `/@{name}/{id}/embed`: a post alone, to be shown in a frame of another site; and
//! `GET /api/oembed`, which tells other sites of it (oembed.com).

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::gather::Posts;
use super::pages::Embed;
use super::routes::{error_page, html};
use super::site;
use super::view::Post;
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::federation::{Found, find};
use crate::text;

/// Width of the frame where nobody says, in pixels.
const WIDTH: i64 = 400;
/// How long an answer may be kept, in seconds.
const CACHE_AGE: i64 = 86_400;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/@{name}/{id}/embed", get(page))
        .route("/api/oembed", get(oembed))
}

/// A local post that everyone may see.
async fn local_post(app: &App, id: i64) -> AppResult<Post> {
    let config = app.config.clone();
    let (local, now) = (app.config.url("/"), app.clock.now_ms());
    app.read(move |c| {
        Box::pin(async move {
            let posts = Posts::read(c, config, &[id], now).await?;
            let post = posts.one(id).filter(|post| post.boosted_by.is_none());
            // What is at home elsewhere is embedded from there.
            post.filter(|post| post.url.starts_with('/') || post.url.starts_with(&local))
                .ok_or_else(AppError::not_found)
        })
    })
    .await
}

async fn page(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match shown(&app, &name, &id).await {
        Ok(response) => response,
        Err(error) => error_page(&app, &headers, error).await,
    }
}

async fn shown(app: &App, name: &str, id: &str) -> AppResult<Response> {
    let id = id.parse().map_err(|_| AppError::not_found())?;
    let post = local_post(app, id).await?;
    if post.url != format!("/@{name}/{id}") {
        return Err(AppError::not_found());
    }
    let page = Embed {
        site: site(app).await?,
        post,
    };
    let mut response = html(StatusCode::OK, page.render());
    // Made to be framed, by anyone.
    let headers = response.headers_mut();
    headers.remove(header::X_FRAME_OPTIONS);
    let policy = super::CONTENT_SECURITY_POLICY
        .replace("frame-ancestors 'none'", "frame-ancestors *")
        .replace("base-uri 'none'", "base-uri 'self'");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Asked {
    url: Option<String>,
    maxwidth: Option<String>,
    maxheight: Option<String>,
    format: Option<String>,
}

/// An oEmbed answer of type `rich`.
#[derive(Debug, Serialize)]
struct OEmbed {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    title: String,
    author_name: String,
    author_url: String,
    provider_name: String,
    provider_url: String,
    cache_age: i64,
    html: String,
    width: i64,
    height: Option<i64>,
}

/// 404 for what is no local post that everyone may see; 501 for another format than JSON, as the
/// specification wants.
async fn oembed(State(app): State<App>, Query(asked): Query<Asked>) -> AppResult<Response> {
    if asked
        .format
        .as_deref()
        .is_some_and(|format| format != "json")
    {
        return Err(AppError::new(
            StatusCode::NOT_IMPLEMENTED,
            "Only JSON is offered",
        ));
    }
    let url = asked.url.unwrap_or_default();
    if !app.config.is_ours(&url) {
        return Err(AppError::not_found());
    }
    let Some(Found::Status(id)) = find(&app, &url, false).await? else {
        return Err(AppError::not_found());
    };
    let post = local_post(&app, id).await?;
    let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let width = number(asked.maxwidth).unwrap_or(WIDTH).clamp(100, 2000);
    let height: Option<i64> = number(asked.maxheight).map(|height: i64| height.clamp(100, 4000));
    let frame = text::escape(&app.config.url(&format!("{}/embed", post.url)));
    let tall = height.map_or_else(String::new, |height| format!(" height=\"{height}\""));
    let answer = OEmbed {
        kind: "rich",
        version: "1.0",
        title: format!("New post by {}", post.account.name()),
        author_name: post.account.name().to_owned(),
        author_url: app.config.url(&post.account.url),
        provider_name: app.config.account_domain.clone(),
        provider_url: app.config.url("/"),
        cache_age: CACHE_AGE,
        html: format!(
            "<iframe src=\"{frame}\" class=\"kith-embed\" style=\"max-width: 100%; border: 0\" \
             width=\"{width}\"{tall} allowfullscreen=\"allowfullscreen\"></iframe>"
        ),
        width,
        height,
    };
    Ok(crate::api::list::json(&answer)?.into_response())
}
