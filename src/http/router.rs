//! Every route, in one list.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::{chat_files, files, middleware, operation, proxy, seen, unread};
use crate::api;
use crate::app::App;
use crate::error::AppError;
use crate::federation;
use crate::web;

/// Every route there is.
pub fn routes() -> Router<App> {
    let mut router = Router::new();
    for routes in [
        api::routes(),
        federation::endpoints::routes(),
        federation::inbox::routes(),
        files::routes(),
        chat_files::routes(),
        proxy::routes(),
        web::routes::routes(),
        operation::routes(),
        seen::routes(),
    ] {
        router = router.merge(routes);
    }
    router
}

/// The whole server.
pub fn router(app: App) -> Router {
    let mut routes = routes();
    if app.traces.is_some() {
        routes = routes.route_layer(from_fn(middleware::note_route));
    }
    let router = routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(async || {
            AppError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(api::streaming::socketio::layer(&app))
        .with_state(app.clone());
    // Around it, where paths can still be changed before they are matched.
    Router::new()
        .fallback_service(router)
        .layer(from_fn_with_state(app.clone(), middleware::around))
        .layer(cors(&app))
        .layer(from_fn(unread::read_on))
        .layer(CatchPanicLayer::custom(
            |panic: Box<dyn std::any::Any + Send>| {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                AppError::internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
            },
        ))
}

/// 404: a page for browsers, JSON for everyone else and for the API.
pub(super) async fn nothing_here(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let error = AppError::new(StatusCode::NOT_FOUND, "Not found");
    if !uri.path().starts_with("/api/") && web::routes::wants_html(&headers) {
        return web::routes::error_page(&app, &headers, error).await;
    }
    error.into_response()
}

/// Any origin that the settings allow, never with credentials.
fn cors(app: &App) -> CorsLayer {
    let origins = match &app.config.cors_origins {
        None => AllowOrigin::any(),
        Some(list) => AllowOrigin::list(list.iter().filter_map(|origin| origin.parse().ok())),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_headers(Any)
        .expose_headers([
            header::LINK,
            header::ETAG,
            header::RETRY_AFTER,
            header::ACCEPT_RANGES,
            header::CONTENT_RANGE,
            header::CONTENT_LENGTH,
            header::HeaderName::from_static("x-ratelimit-reset"),
            header::HeaderName::from_static("x-ratelimit-limit"),
            header::HeaderName::from_static("x-ratelimit-remaining"),
            header::HeaderName::from_static("x-request-id"),
            header::HeaderName::from_static("mastodon-async-refresh"),
        ])
        .max_age(std::time::Duration::from_secs(3600))
}
