//! The browser's side of signing in: cookies, proof that a form came from here, and the pages.
//!
//! Two cookies: one of the form (before anyone is signed in) and one of the session. The proof in
//! a form is keyed to the cookie it was shown with, so neither is of use without the other.

use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::sign_in::WEB_LIFE;
use crate::error::{AppError, AppResult};
use crate::secret;
use crate::web;
use crate::web::pages::ErrorPage;

const SESSION: &str = "kith_session";
const FORM: &str = "kith_form";
/// Longest cookie that is looked at: ours have 43 bytes.
const MAX_COOKIE: usize = 128;

/// What a browser brought along.
#[derive(Debug, Clone, Default)]
pub struct Cookies {
    pub session: Option<String>,
    pub form: Option<String>,
}

impl FromRequestParts<App> for Cookies {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Cookies, Self::Rejection> {
        let find = |name: &str| {
            let name = full_name(app, name);
            parts
                .headers
                .get_all(header::COOKIE)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(';'))
                .filter_map(|pair| pair.trim().split_once('='))
                .find(|(key, value)| *key == name && (1..=MAX_COOKIE).contains(&value.len()))
                .map(|(_, value)| value.to_owned())
        };
        Ok(Cookies {
            session: find(SESSION),
            form: find(FORM),
        })
    }
}

fn is_https(app: &App) -> bool {
    app.config.public_url.scheme() == "https"
}

/// Browsers take a cookie of the `__Host-` prefix from this very host and over https alone.
fn full_name(app: &App, name: &str) -> String {
    if is_https(app) {
        format!("__Host-{name}")
    } else {
        name.to_owned()
    }
}

fn set_cookie(app: &App, name: &str, value: &str, seconds: Option<i64>) -> HeaderValue {
    let name = full_name(app, name);
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let secure = if is_https(app) { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"
    ))
    .expect("names and values are ours and ASCII")
}

/// Opens a browser session for an account.
pub async fn open_session(app: &App, account_id: i64) -> AppResult<HeaderValue> {
    let value = app.random.token();
    let hash = secret::hash(&value);
    let now = app.clock.now_ms();
    app.write(move |tx| {
        Box::pin(async move {
            let until = now + WEB_LIFE;
            Ok(db::tokens::insert_web_session(tx, &hash, account_id, now, until).await?)
        })
    })
    .await?;
    Ok(set_cookie(app, SESSION, &value, Some(WEB_LIFE / 1000)))
}

/// The account whose browser this is, if its user is in good standing.
pub async fn signed_in(app: &App, cookies: &Cookies) -> AppResult<Option<Account>> {
    let Some(value) = &cookies.session else {
        return Ok(None);
    };
    let hash = secret::hash(value);
    let now = app.clock.now_ms();
    app.read(move |c| {
        Box::pin(async move {
            let Some(id) = db::tokens::web_session(c, &hash, now).await? else {
                return Ok(None);
            };
            let Some(user) = db::users::by_account(c, id).await? else {
                return Ok(None);
            };
            let good = user.disabled_at.is_none()
                && user.confirmed_at.is_some()
                && user.approved_at.is_some();
            let account = db::accounts::by_id(c, id).await?;
            Ok(account.filter(|account| good && account.is_active()))
        })
    })
    .await
}

/// The form cookie: the one there is, or a new one to be set.
pub fn form_cookie(app: &App, cookies: &Cookies) -> (String, Option<HeaderValue>) {
    match &cookies.form {
        Some(value) => (value.clone(), None),
        None => {
            let value = app.random.token();
            let header = set_cookie(app, FORM, &value, None);
            (value, Some(header))
        }
    }
}

/// Proof that a form was shown to the browser that holds a cookie.
pub fn proof(app: &App, cookie: &str) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &app.secrets.token_key);
    let tag = hmac::sign(&key, format!("form {cookie}").as_bytes());
    URL_SAFE_NO_PAD.encode(tag.as_ref())
}

/// Whether a form's proof is that of the cookie.
pub fn proven(app: &App, cookie: Option<&String>, given: Option<&str>) -> bool {
    match (cookie, given) {
        (Some(cookie), Some(given)) => secret::same(&proof(app, cookie), given),
        _ => false,
    }
}

/// A page, with the headers every page of this area has.
pub fn page(status: StatusCode, html: String, cookies: Vec<HeaderValue>) -> Response {
    let mut response = (status, Html(html)).into_response();
    dress(&mut response, cookies);
    response
}

/// On to another address, with GET.
pub fn redirect(to: &str, cookies: Vec<HeaderValue>) -> AppResult<Response> {
    let location = HeaderValue::from_str(to).map_err(AppError::internal)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    dress(&mut response, cookies);
    Ok(response)
}

fn dress(response: &mut Response, cookies: Vec<HeaderValue>) {
    let headers = response.headers_mut();
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            web::CONTENT_SECURITY_POLICY,
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// A page that says what is wrong.
pub async fn error_page(app: &App, status: StatusCode, message: &str) -> AppResult<Response> {
    let html = ErrorPage {
        site: web::site(app).await?,
        status: status.as_u16(),
        message: Some(message.to_owned()),
        request_id: None,
    }
    .render();
    Ok(page(status, html, Vec::new()))
}
