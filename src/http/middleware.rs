//! What happens to every request before it is routed, and to every answer after.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::auth;
use super::client_ip::client_ip;
use super::server::Peer;
use crate::app::App;
use crate::clock::iso;
use crate::domain::ip_blocks::Severity;
use crate::limits::{Deed, Standing, Who};
use crate::metrics::Surface;
use crate::traces::span;

/// Names the request in the log, in answers and on error pages.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request its id, evens out its path, counts it, and sees to the answer's headers.
pub async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = hex(app.random.bytes::<8>());
    if let Ok(value) = HeaderValue::from_str(&id) {
        // In the place of whatever the caller sent: it goes into pages.
        request.headers_mut().insert(REQUEST_ID, value);
    }
    without_slash(request.uri_mut());
    let path = request.uri().path();
    let api = path.starts_with("/api/");
    let private = api || path.starts_with("/oauth/");
    let (surface, began) = (Surface::of(path), Instant::now());
    // Whether the process lives is told without a look into the database.
    let health = path == "/health" || path.starts_with("/health/");
    let method = method_name(request.method());
    let traced = match health {
        true => Span::none(),
        false => traced(method, &id),
    };
    // What the log calls the request is part of it: what happens in it is found to be so.
    let span =
        traced.in_scope(|| tracing::info_span!("request", id, method = %request.method(), path));
    if !health && is_shut_out(&app, address_of(&app, &request)).await {
        let mut response =
            crate::error::AppError::forbidden("This action is not allowed").into_response();
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        answered(&traced, method, &response);
        return response;
    }
    let standing = if api && app.limits.on() && request.method() != Method::OPTIONS {
        count(&app, &request)
    } else {
        None
    };
    let mut response = match &standing {
        Some(Standing {
            wait: Some(seconds),
            ..
        }) => crate::error::AppError::too_many(*seconds).into_response(),
        _ => {
            let answering = next.run(request).instrument(span);
            answering.instrument(traced.clone()).await
        }
    };
    answered(&traced, method, &response);
    let took = began.elapsed();
    app.metrics
        .answered(surface, response.status().as_u16(), took);
    tracing::debug!(
        id,
        status = response.status().as_u16(),
        ms = took.as_secs_f64() * 1000.0,
        "answered"
    );
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    if private {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("private, no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
    if let Some(standing) = standing {
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("x-ratelimit-limit", &standing.limit.to_string());
        set("x-ratelimit-remaining", &standing.remaining.to_string());
        set("x-ratelimit-reset", &iso(standing.reset_at));
    }
    response
}

/// The route that a request was matched to, in its answer.
#[derive(Debug, Clone)]
struct Route(MatchedPath);

/// Notes in the answer which route the request was matched to: from around the router that cannot be
/// seen.
pub async fn note_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(Route(matched));
    }
    response
}

/// A method as traces have it: anyone can make one up.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// A request in a trace.
fn traced(method: &'static str, id: &str) -> Span {
    span!(
        "request",
        otel.kind = "server",
        otel.name = method,
        http.request.method = method,
        kith.request.id = id,
        http.route = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    )
}

/// What is known of it once it is answered.
fn answered(span: &Span, method: &str, response: &Response) {
    if span.is_disabled() {
        return;
    }
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if let Some(Route(route)) = response.extensions().get() {
        span.record("http.route", route.as_str());
        span.record("otel.name", format!("{method} {}", route.as_str()));
    }
}

/// Whose request it is, by address: the peer, or whom a trusted proxy names.
fn address_of(app: &App, request: &Request) -> IpAddr {
    let peer = request
        .extensions()
        .get::<ConnectInfo<Peer>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.0.ip());
    client_ip(
        peer,
        request.headers(),
        &app.config.live.now().trusted_proxies,
    )
}

/// Whether nothing is answered to an address.
async fn is_shut_out(app: &App, address: IpAddr) -> bool {
    match app.ip_rules().await {
        Ok(rules) => rules.of_address(address, app.clock.now_ms()) == Some(Severity::NoAccess),
        Err(error) => {
            // What the request is about needs the database, too, and says so.
            tracing::warn!(%error, "the rules about addresses cannot be read");
            false
        }
    }
}

/// Counts a call of the API: by its token where that carries our signature, else by address.
fn count(app: &App, request: &Request) -> Option<Standing> {
    let now = app.clock.now_ms();
    let token = auth::token_of(request.headers(), request.uri().query())
        .and_then(|token| auth::read_token(app, &token));
    let who = match token {
        Some(token) => Who::Token(token),
        None => Who::address(address_of(app, request)),
    };
    let upload = request.method() == Method::POST
        && matches!(request.uri().path(), "/api/v1/media" | "/api/v2/media");
    let deed = if upload { Deed::Upload } else { Deed::Call };
    app.limits.take(deed, who, now)
}

/// `/api/v1/apps/` means `/api/v1/apps`.
fn without_slash(uri: &mut Uri) {
    let path = uri.path();
    if !(path.ends_with('/') && (path.starts_with("/api/") || path.starts_with("/oauth/"))) {
        return;
    }
    let path = path.trim_end_matches('/');
    let changed = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(changed) = changed.parse::<PathAndQuery>() {
        parts.path_and_query = Some(changed);
        if let Ok(changed) = Uri::from_parts(parts) {
            *uri = changed;
        }
    }
}

fn hex(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_of_api_paths_do_not_matter() {
        for (given, meant) in [
            ("/api/v1/streaming/", "/api/v1/streaming"),
            (
                "/api/v1/streaming/?stream=user",
                "/api/v1/streaming?stream=user",
            ),
            ("/api/v1/x//", "/api/v1/x"),
            ("/oauth/token/", "/oauth/token"),
            ("/api/v1/apps", "/api/v1/apps"),
            ("/users/a/", "/users/a/"),
            ("/", "/"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            without_slash(&mut uri);
            assert_eq!(uri.to_string(), meant);
        }
    }
}
