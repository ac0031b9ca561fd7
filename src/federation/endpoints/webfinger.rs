//! `/.well-known/webfinger` (RFC 7033) and `/.well-known/host-meta` (RFC 6415).

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

use super::actor::not_gone;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::federation::render;
use crate::federation::webfinger::{INTENT, SUBSCRIBE};
use crate::text::names::parse_handle;

/// Where people are sent who are to do something with what another site shows (FEP-3b86): types of
/// activities, and the pages of `web::intents`.
const INTENTS: [(&str, &str); 5] = [
    ("Follow", "follow?object={object}"),
    ("Like", "like?object={object}"),
    ("Dislike", "dislike?object={object}"),
    ("Announce", "announce?object={object}"),
    (
        "Create",
        "create?name={name}&summary={summary}&content={content}&inReplyTo={inReplyTo}&attachment={attachment}",
    ),
];
/// What comes back to whoever sent the person here.
const WAY_BACK: &str = "&on-success={on-success}&on-cancel={on-cancel}";

pub fn routes() -> Router<App> {
    Router::new()
        .route("/.well-known/webfinger", get(webfinger))
        .route("/.well-known/host-meta", get(host_meta))
        .route("/.well-known/host-meta.json", get(host_meta_json))
}

#[derive(Deserialize)]
struct Asked {
    resource: Option<String>,
}

/// How a resource names a local account.
enum Named {
    Username(String),
    /// A profile page or an actor id.
    Url(String),
}

/// What a resource names here: `acct:user@us`, `user@us`, an actor id or a profile page.
fn named(app: &App, resource: &str) -> Option<Named> {
    if resource.starts_with("https://") || resource.starts_with("http://") {
        if !app.config.is_ours(resource) {
            return None;
        }
        let page = app.config.url("/@");
        return Some(match resource.strip_prefix(&page) {
            Some(name) => Named::Username(name.to_owned()),
            None => Named::Url(resource.to_owned()),
        });
    }
    let handle = parse_handle(resource)?;
    let domain = handle.domain?;
    app.config
        .is_our_domain(&domain)
        .then_some(Named::Username(handle.username))
}

async fn webfinger(State(app): State<App>, Query(asked): Query<Asked>) -> AppResult<Response> {
    let resource = asked
        .resource
        .filter(|r| !r.is_empty())
        .ok_or_else(|| AppError::bad_request("resource is required"))?;
    let named = named(&app, &resource).ok_or_else(AppError::not_found)?;
    let account = app
        .read(move |c| {
            Box::pin(async move {
                Ok(match named {
                    Named::Username(name) => db::accounts::by_handle(c, &name, "").await?,
                    Named::Url(uri) => db::accounts::by_uri(c, &uri).await?,
                })
            })
        })
        .await?
        .filter(|account| account.is_local())
        .ok_or_else(AppError::not_found)?;
    // One that is suspended is found: its document says so.
    let account = not_gone(account)?;
    let handle = app.config.handle(&account.username, "");
    let mut links = vec![
        json!({
            "rel": "http://webfinger.net/rel/profile-page",
            "type": "text/html",
            "href": account.url,
        }),
        json!({"rel": "self", "type": render::CONTENT_TYPE, "href": account.uri}),
        json!({
            "rel": SUBSCRIBE,
            "template": app.config.url("/authorize_interaction?uri={uri}"),
        }),
    ];
    links.extend(INTENTS.map(|(activity, page)| {
        let page = format!("/intents/{page}{WAY_BACK}");
        json!({"rel": format!("{INTENT}{activity}"), "template": app.config.url(&page)})
    }));
    let document = json!({
        "subject": format!("acct:{handle}"),
        "aliases": [account.url, account.uri],
        "links": links,
    });
    Ok((
        [(CONTENT_TYPE, "application/jrd+json; charset=utf-8")],
        document.to_string(),
    )
        .into_response())
}

fn template(app: &App) -> String {
    app.config.url("/.well-known/webfinger?resource={uri}")
}

async fn host_meta(State(app): State<App>) -> Response {
    // The template holds nothing that XML would have escaped: the public URL is checked.
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\n  \
         <Link rel=\"lrdd\" template=\"{}\"/>\n</XRD>\n",
        template(&app)
    );
    ([(CONTENT_TYPE, "application/xrd+xml; charset=utf-8")], body).into_response()
}

async fn host_meta_json(State(app): State<App>) -> Response {
    let body = json!({"links": [{"rel": "lrdd", "template": template(&app)}]});
    (
        [(CONTENT_TYPE, "application/jrd+json; charset=utf-8")],
        body.to_string(),
    )
        .into_response()
}
