//! The addresses of the public pages. What is not for everyone is not here.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::gather::{self, Posts};
use super::pages::{ErrorPage, Landing, Profile, Registration, Reply, Tag, Thread};
use super::view::Site;
use super::{CONTENT_SECURITY_POLICY, STYLE, site};
use crate::api::entities::account::picture;
use crate::api::entities::instance::about;
use crate::app::App;
use crate::config;
use crate::db::accounts::Account;
use crate::db::relations::Page;
use crate::db::timelines::{AccountFilter, PublicFilter};
use crate::db::{self};
use crate::domain::moves;
use crate::domain::pins::MAX_PINS;
use crate::error::{AppError, AppResult};
use crate::http::middleware::REQUEST_ID;
use crate::media::storage::FOR_EVER;
use crate::text::plain::normalize_tag;
use crate::text::sanitize;

/// Posts on a page.
const POSTS: i64 = 20;
/// Posts on the front page.
const RECENT: i64 = 10;
/// Posts before and after one in its thread.
const ANCESTORS: usize = 40;
const REPLIES: usize = 60;
const A_DAY: &str = "public, max-age=86400";

pub fn routes() -> Router<App> {
    Router::new()
        .merge(super::collection::routes())
        .merge(super::embed::routes())
        .merge(super::intents::routes())
        .merge(super::remote::routes())
        .route("/", get(landing))
        .route("/@{name}", get(profile))
        .route("/@{name}/{id}", get(thread))
        .route("/tags/{name}", get(tag))
        .merge(super::texts::routes())
        .route(
            "/static/kith.css",
            get(async || file("text/css; charset=utf-8", FOR_EVER, STYLE.as_bytes())),
        )
        .route(
            "/static/avatar.png",
            get(async || file("image/png", A_DAY, include_bytes!("static/avatar.png"))),
        )
        .route(
            "/static/header.png",
            get(async || file("image/png", A_DAY, include_bytes!("static/header.png"))),
        )
}

fn file(kind: &'static str, cache: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
}

/// A page with what browsers are to be told besides.
pub fn html(status: StatusCode, page: String) -> Response {
    let mut response = (status, Html(page)).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "max-age=0, must-revalidate"),
        (header::VARY, "accept"),
    ] {
        let name: HeaderName = name;
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// An error as a page.
pub async fn error_page(app: &App, headers: &HeaderMap, error: AppError) -> Response {
    if error.status.is_server_error() {
        tracing::error!(status = error.status.as_u16(), %error, "a page failed");
    }
    let Ok(site) = site(app).await else {
        return error.into_response();
    };
    let page = ErrorPage {
        site,
        status: error.status.as_u16(),
        message: None,
        request_id: headers
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .filter(|_| error.status.is_server_error())
            .map(str::to_owned),
    };
    html(error.status, page.render())
}

/// Whether a browser asks, rather than a program.
pub fn wants_html(headers: &HeaderMap) -> bool {
    accept(headers).any(|kind| kind == "text/html")
}

/// Whether an ActivityPub server asks.
fn wants_activity(headers: &HeaderMap) -> bool {
    // Whoever takes HTML as well gets the page, as browsers with odd extensions do.
    !wants_html(headers)
        && accept(headers).any(|kind| {
            matches!(
                kind.as_str(),
                "application/activity+json" | "application/ld+json" | "application/json"
            )
        })
}

fn accept(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default())
        .map(|kind| kind.trim().to_ascii_lowercase())
}

/// A page, or its error as one; whoever wants no HTML gets the error as JSON.
pub async fn shown(app: &App, headers: &HeaderMap, outcome: AppResult<Response>) -> Response {
    match outcome {
        Ok(response) => response,
        Err(error) if wants_activity(headers) => error.into_response(),
        Err(error) => error_page(app, headers, error).await,
    }
}

async fn landing(State(app): State<App>, headers: HeaderMap) -> Response {
    let outcome = landing_page(&app).await;
    shown(&app, &headers, outcome).await
}

async fn landing_page(app: &App) -> AppResult<Response> {
    let site = site(app).await?;
    let about = about(app).await?;
    let contact = match about.contact {
        Some(id) => app.account(id).await?,
        None => None,
    };
    let (config, now) = (app.config.clone(), app.clock.now_ms());
    let (description, users, posts, peers, recent) = app
        .read(move |c| {
            Box::pin(async move {
                let settings = db::policies::settings(c).await?;
                let description = settings
                    .into_iter()
                    .find(|(name, _)| name == "description")
                    .map(|(_, text)| text)
                    .unwrap_or_default();
                let users = db::accounts::count_local(c).await?;
                let posts = db::statuses::count_local(c).await?;
                let peers = db::accounts::count_domains(c).await?;
                let filter = PublicFilter {
                    local: true,
                    ..PublicFilter::default()
                };
                let page = Page {
                    limit: RECENT,
                    ..Page::default()
                };
                let ids = db::timelines::public(c, filter, page).await?;
                let recent = Posts::read(c, config, &ids, now).await?.all(&ids);
                Ok((description, users, posts, peers, recent))
            })
        })
        .await?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let page = Landing {
        site,
        description: super::view::Html(sanitize::clean_account_html(&description)),
        users: count(users),
        posts: count(posts),
        peers: count(peers),
        registration: match app.registration().await? {
            config::Registration::Open => Registration::Open,
            config::Registration::Approval => Registration::Approval,
            config::Registration::Invite => Registration::Invite,
            config::Registration::Closed => Registration::Closed,
        },
        empty: users == 0,
        rules: about.rules.iter().map(|rule| rule.text.clone()).collect(),
        contact: contact.map(|contact| gather::account(&app.config, &contact)),
        recent,
    };
    Ok(html(StatusCode::OK, page.render()))
}

/// Where in a list.
#[derive(Debug, Default, Deserialize)]
struct Where {
    max_id: Option<String>,
    min_id: Option<String>,
}

impl Where {
    /// One more than is shown, which tells whether there is another page.
    fn page(&self) -> Page {
        let id = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        Page {
            max_id: id(&self.max_id),
            min_id: id(&self.min_id),
            limit: POSTS + 1,
            ..Page::default()
        }
    }

    /// Whether it is the newest page.
    fn is_first(&self) -> bool {
        self.max_id.is_none() && self.min_id.is_none()
    }

    /// Of the ids that were read, those to show, and the addresses of older and newer posts.
    fn turn(&self, mut ids: Vec<i64>, path: &str) -> (Vec<i64>, Option<String>, Option<String>) {
        let page = self.page();
        let more = ids.len() > POSTS as usize;
        let backwards = page.min_id.is_some();
        if more && backwards {
            ids.remove(0);
        } else {
            ids.truncate(POSTS as usize);
        }
        let older = (more || backwards)
            .then(|| ids.last().map(|id| format!("{path}?max_id={id}")))
            .flatten();
        let newer = (page.max_id.is_some() || (backwards && more))
            .then(|| ids.first().map(|id| format!("{path}?min_id={id}")))
            .flatten();
        (ids, older, newer)
    }
}

/// An account that a page may be of; a redirect for those who live elsewhere.
enum Found {
    Here(Account),
    Elsewhere(Account),
}

async fn find(app: &App, name: &str) -> AppResult<Found> {
    let (name, domain) = match name.split_once('@') {
        Some((name, domain)) if app.config.is_our_domain(domain) => (name, ""),
        Some((name, domain)) => (name, domain),
        None => (name, ""),
    };
    let (name, domain) = (name.to_owned(), domain.to_owned());
    let account = app
        .read(move |c| {
            Box::pin(async move { Ok(db::accounts::by_handle(c, &name, &domain).await?) })
        })
        .await?
        .ok_or_else(AppError::not_found)?;
    if account.deleted_at.is_some() {
        return Err(AppError::gone());
    }
    if !account.is_active() {
        return Err(AppError::not_found());
    }
    Ok(if account.is_local() {
        Found::Here(account)
    } else {
        Found::Elsewhere(account)
    })
}

/// 302 to a page of another server; only ever to the web.
fn elsewhere(url: &str) -> AppResult<Response> {
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(found(url))
    } else {
        Err(AppError::not_found())
    }
}

fn found(url: &str) -> Response {
    let mut response = Redirect::to(url).into_response();
    *response.status_mut() = StatusCode::FOUND;
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

async fn profile(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(place): Query<Where>,
    headers: HeaderMap,
) -> Response {
    let outcome = profile_page(&app, &name, &place, &headers).await;
    shown(&app, &headers, outcome).await
}

async fn profile_page(
    app: &App,
    name: &str,
    place: &Where,
    headers: &HeaderMap,
) -> AppResult<Response> {
    let account = match find(app, name).await? {
        Found::Here(account) => account,
        Found::Elsewhere(account) => return elsewhere(&account.url),
    };
    if wants_activity(headers) {
        return Ok(found(&account.uri));
    }
    let site = site(app).await?;
    let config = app.config.clone();
    let path = format!("/@{}", account.username);
    let (id, asked) = (account.id, place.page());
    let shown = account.clone();
    let first = place.is_first();
    let (stats, moved_to, ids, pinned) = app
        .read(move |c| {
            Box::pin(async move {
                let stats = db::accounts::stats_of(c, &[id]).await?.pop();
                let moved_to = moves::target_of(c, &shown).await?;
                let filter = AccountFilter {
                    exclude_replies: true,
                    deepest: 1,
                    ..AccountFilter::default()
                };
                let ids = db::timelines::account(c, id, filter, asked).await?;
                // They stand above the newest page alone.
                let pinned = if first {
                    let all = Page {
                        limit: MAX_PINS,
                        ..Page::default()
                    };
                    db::pins::page(c, id, all).await?
                } else {
                    Vec::new()
                };
                let pinned: Vec<i64> = pinned.into_iter().map(|(_, status)| status).collect();
                Ok((stats.unwrap_or_default(), moved_to, ids, pinned))
            })
        })
        .await?;
    let (ids, older, newer) = place.turn(ids, &path);
    let recent = posts(app, ids).await?;
    let mut pinned = posts(app, pinned).await?;
    pinned.iter_mut().for_each(|post| post.pinned = true);
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let counted = |number: i64| (!account.hide_collections).then(|| count(number));
    let page = Profile {
        site,
        account: gather::account(&config, &account),
        header: (!account.header.is_empty()).then(|| picture(&config, &account.header, "")),
        bio: super::view::Html(account.note.clone()),
        fields: gather::fields(&account.fields),
        posts_count: count(stats.statuses_count),
        following: counted(stats.following_count),
        followers: counted(stats.followers_count),
        joined: account.created_at,
        locked: account.locked,
        moved_to: moved_to.map(|moved| gather::account(&config, &moved)),
        pinned,
        posts: recent,
        older,
        newer,
        actor_id: account.uri.clone(),
        feed: None,
        noindex: !account.indexable,
    };
    Ok(html(StatusCode::OK, page.render()))
}

/// Posts in order, without those that not everyone may see.
pub(super) async fn posts(app: &App, ids: Vec<i64>) -> AppResult<Vec<super::view::Post>> {
    let (config, now) = (app.config.clone(), app.clock.now_ms());
    app.read(move |c| {
        Box::pin(async move { Ok(Posts::read(c, config, &ids, now).await?.all(&ids)) })
    })
    .await
}

async fn thread(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let outcome = thread_page(&app, &name, &id, &headers).await;
    shown(&app, &headers, outcome).await
}

async fn thread_page(app: &App, name: &str, id: &str, headers: &HeaderMap) -> AppResult<Response> {
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    let author = match find(app, name).await? {
        Found::Here(author) => author,
        Found::Elsewhere(author) => return remote_post(app, author, id).await,
    };
    let uri = app.config.status_uri(&author.username, id);
    if wants_activity(headers) {
        // Whether there is such a post, and for whom, is answered there.
        return Ok(found(&uri));
    }
    let (config, now) = (app.config.clone(), app.clock.now_ms());
    let author_id = author.id;
    let tree = app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_id(c, id).await?;
                let Some(status) = status.filter(|s| s.account_id == author_id) else {
                    return Err(match db::statuses::buried(c, &uri).await? {
                        Some(_) => AppError::gone(),
                        None => AppError::not_found(),
                    });
                };
                // A boost has no page: it leads to what it is of.
                let Some(above) = (match status.reblog_of_id {
                    Some(_) => None,
                    None => Some(db::statuses::ancestors(c, &status, ANCESTORS).await?),
                }) else {
                    let posts = Posts::read(c, config, &[id], now).await?;
                    return Ok(Err(posts.one(id).map(|post| post.url)));
                };
                let below = db::statuses::descendants(c, &status, REPLIES + 1, usize::MAX).await?;
                let mut ids = vec![id];
                ids.extend(above.iter().chain(&below).map(|s| s.id));
                let removed = db::groups::removed(c, &ids).await?;
                let posts = Posts::read(c, config, &ids, now).await?;
                let post = posts.one(id).ok_or_else(AppError::not_found)?;
                let mut depths: HashMap<i64, u8> = HashMap::from([(id, 0)]);
                let mut replies = Vec::new();
                for reply in below.iter().take(REPLIES) {
                    // The depth below the page's post, which itself stands at 0.
                    let depth = reply
                        .in_reply_to_id
                        .and_then(|parent| depths.get(&parent).copied())
                        .unwrap_or_default();
                    depths.insert(reply.id, depth.saturating_add(1));
                    if let Some(post) = posts.one(reply.id)
                        && !removed.contains(&reply.id)
                    {
                        replies.push(Reply { post, depth });
                    }
                }
                // Read nearest first, shown from the start.
                let ancestors = above
                    .iter()
                    .rev()
                    .filter(|s| !removed.contains(&s.id))
                    .filter_map(|s| posts.one(s.id));
                let ancestors: Vec<_> = ancestors.collect();
                Ok(Ok((
                    status,
                    post,
                    ancestors,
                    replies,
                    below.len() > REPLIES,
                )))
            })
        })
        .await?;
    let (status, post, ancestors, replies, more_replies) = match tree {
        Ok(tree) => tree,
        Err(Some(url)) if url.starts_with('/') => return Ok(found(&url)),
        Err(Some(url)) => return elsewhere(&url),
        Err(None) => return Err(AppError::not_found()),
    };
    let page = Thread {
        site: site(app).await?,
        ancestors,
        post,
        replies,
        more_replies,
        object_id: status.uri.clone(),
        oembed: Some(app.config.url(&format!(
            "/api/oembed?url={}",
            form_urlencoded::byte_serialize(status.url.as_bytes()).collect::<String>()
        ))),
        noindex: !author.indexable || status.visibility != 0,
    };
    Ok(html(StatusCode::OK, page.render()))
}

/// A post from elsewhere is read where it is at home; of those that not everyone may see, we
/// say nothing.
async fn remote_post(app: &App, author: Account, id: i64) -> AppResult<Response> {
    let posts = posts(app, vec![id]).await?;
    let post = posts.first().ok_or_else(AppError::not_found)?;
    let handle = app.config.handle(&author.username, &author.domain);
    if post.account.handle != handle {
        return Err(AppError::not_found());
    }
    elsewhere(&post.url)
}

async fn tag(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(place): Query<Where>,
    headers: HeaderMap,
) -> Response {
    let outcome = tag_page(&app, &name, &place).await;
    shown(&app, &headers, outcome).await
}

async fn tag_page(app: &App, name: &str, place: &Where) -> AppResult<Response> {
    let name = normalize_tag(name);
    if name.is_empty() {
        return Err(AppError::not_found());
    }
    let site: Site = site(app).await?;
    let (wanted, asked) = (name.clone(), place.page());
    let (shown, ids) = app
        .read(move |c| {
            Box::pin(async move {
                let Some(tag) = db::statuses::tag_by_name(c, &wanted).await? else {
                    return Ok((wanted, Vec::new()));
                };
                let filter = PublicFilter::default();
                let ids = db::timelines::tag(c, tag.id, filter, asked).await?;
                Ok((tag.display_name, ids))
            })
        })
        .await?;
    let url = format!("/tags/{}", percent(&name));
    let (ids, older, newer) = place.turn(ids, &url);
    let page = Tag {
        site,
        name: shown,
        url,
        posts: posts(app, ids).await?,
        older,
        newer,
        feed: None,
    };
    Ok(html(StatusCode::OK, page.render()))
}

/// A path segment.
fn percent(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_turned_both_ways() {
        let all: Vec<i64> = (1..=21).rev().collect();
        let first = Where::default();
        let (ids, older, newer) = first.turn(all.clone(), "/@a");
        assert_eq!((ids.len(), ids[0], ids[19]), (20, 21, 2));
        assert_eq!(older.as_deref(), Some("/@a?max_id=2"));
        assert_eq!(newer, None);
        let last = Where {
            max_id: Some("2".to_owned()),
            min_id: None,
        };
        let (ids, older, newer) = last.turn(vec![1], "/@a");
        assert_eq!((ids, older), (vec![1], None));
        assert_eq!(newer.as_deref(), Some("/@a?min_id=1"));
        let back = Where {
            max_id: None,
            min_id: Some("1".to_owned()),
        };
        let (ids, older, newer) = back.turn(all, "/@a");
        assert_eq!((ids.len(), ids[0]), (20, 20));
        assert_eq!(older.as_deref(), Some("/@a?max_id=1"));
        assert_eq!(newer.as_deref(), Some("/@a?min_id=20"));
    }

    #[test]
    fn browsers_get_pages_and_servers_objects() {
        let headers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            headers
        };
        assert!(wants_html(&headers(
            "text/html,application/xhtml+xml;q=0.9"
        )));
        assert!(!wants_activity(&headers("*/*")));
        assert!(wants_activity(&headers(
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\""
        )));
        assert!(wants_activity(&headers("application/activity+json")));
        assert!(!wants_activity(&headers(
            "text/html, application/activity+json"
        )));
    }
}
