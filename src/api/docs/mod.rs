//! The API's documentation: the OpenAPI document, and two pages that show it. Everything they
//! need is served from here.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, HeaderValue, header};

use crate::app::App;
use crate::error::{AppError, AppResult};

mod document;
mod notation;
mod table;

/// The pages' policy. Redoc writes style sheets of its own into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const A_DAY: &str = "public, max-age=86400";

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/api/docs", get(swagger))
        .route("/api/redoc", get(redoc))
        .route("/api/docs/{file}", get(file))
}

async fn openapi(State(app): State<App>) -> Response {
    let address = app.config.url("");
    (
        [
            (header::CONTENT_TYPE, "application/json; charset=utf-8"),
            (header::CACHE_CONTROL, "public, max-age=300"),
        ],
        document::json(&address),
    )
        .into_response()
}

async fn swagger() -> Response {
    page(
        "swagger-ui.css",
        &["swagger-ui-bundle.js", "init-swagger.js"],
    )
}

async fn redoc() -> Response {
    page("", &["redoc.standalone.js", "init-redoc.js"])
}

fn page(style: &str, scripts: &[&str]) -> Response {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Kith API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\">",
    );
    if !style.is_empty() {
        html.push_str(&format!(
            "<link rel=\"stylesheet\" href=\"/api/docs/{style}\">"
        ));
    }
    html.push_str("</head><body><div id=\"docs\"></div>");
    for script in scripts {
        html.push_str(&format!("<script src=\"/api/docs/{script}\"></script>"));
    }
    html.push_str("</body></html>");
    guarded(Html(html).into_response())
}

fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ] {
        let name: HeaderName = name;
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The pages' files, those that others wrote compressed. What they are taken from, and under what
/// licences, is told in `vendor`.
async fn file(Path(name): Path<String>) -> AppResult<Response> {
    macro_rules! packed {
        ($name:literal, $kind:expr) => {
            (
                $kind,
                &include_bytes!(concat!("vendor/", $name, ".gz"))[..],
                true,
            )
        };
    }
    let (kind, bytes, packed): (&str, &'static [u8], bool) = match name.as_str() {
        "swagger-ui-bundle.js" => packed!("swagger-ui-bundle.js", SCRIPT),
        "swagger-ui.css" => packed!("swagger-ui.css", "text/css; charset=utf-8"),
        "redoc.standalone.js" => packed!("redoc.standalone.js", SCRIPT),
        "init-swagger.js" => (SCRIPT, include_bytes!("init-swagger.js"), false),
        "init-redoc.js" => (SCRIPT, include_bytes!("init-redoc.js"), false),
        "oauth2-redirect.js" => (SCRIPT, include_bytes!("oauth2-redirect.js"), false),
        // Where signing in from the page comes back to.
        "oauth2-redirect" => return Ok(page("", &["oauth2-redirect.js"])),
        _ => return Err(AppError::not_found()),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, A_DAY)];
    let mut response = (headers, bytes).into_response();
    if packed {
        let gzip = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, gzip);
    }
    Ok(response)
}
