//! `POST /oauth/sign_in`: name and password, then, where it is asked for, a one-time password.
//!
//! Between the two a ticket says that the password was right: keyed to the form's cookie and to
//! the password, and good for a few minutes.

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, StatusCode};

use super::authorize::{Asked, check};
use super::browser::{self, Cookies};
use crate::api::kith::auth::credentials::{self, Second};
use crate::app::App;
use crate::clock::MINUTE;
use crate::db;
use crate::db::users::User;
use crate::error::{AppError, AppResult};
use crate::http::client_ip::Caller;
use crate::http::params::Params;
use crate::limits::Deed;
use crate::secret;
use crate::web::pages::{SecondFactor, SignIn};
use crate::web::{self, intents};

/// How long one may look for the code.
const TICKET_LIFE: i64 = 10 * MINUTE;

/// The page to sign in on.
pub async fn sign_in_page(
    app: &App,
    cookies: &Cookies,
    app_name: Option<String>,
    asked: Asked,
    error: Option<String>,
) -> AppResult<Response> {
    let (cookie, set) = browser::form_cookie(app, cookies);
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let hidden = asked.parameters();
    let html = SignIn {
        site: web::site(app).await?,
        action: "/oauth/sign_in".to_owned(),
        csrf: browser::proof(app, &cookie),
        app_name,
        login: asked.login.unwrap_or_default(),
        error,
        hidden,
    }
    .render();
    Ok(browser::page(status, html, set.into_iter().collect()))
}

async fn second_page(
    app: &App,
    cookies: &Cookies,
    app_name: Option<String>,
    asked: &Asked,
    ticket: String,
    error: Option<String>,
) -> AppResult<Response> {
    let (cookie, set) = browser::form_cookie(app, cookies);
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let mut hidden = asked.parameters();
    hidden.push(("ticket".to_owned(), ticket));
    let html = SecondFactor {
        site: web::site(app).await?,
        action: "/oauth/sign_in".to_owned(),
        csrf: browser::proof(app, &cookie),
        app_name,
        error,
        hidden,
    }
    .render();
    Ok(browser::page(status, html, set.into_iter().collect()))
}

/// The name of the app that one signs in for, if one does, or the page that says what is wrong.
async fn purpose(app: &App, asked: &Asked) -> AppResult<Result<Option<String>, Response>> {
    let Some(next) = &asked.next else {
        return Ok(check(app, asked)
            .await?
            .map(|(client, _)| Some(client.name)));
    };
    if intents::is_page(next) {
        return Ok(Ok(None));
    }
    let text = "The page that sent you here is not one of this server.";
    let page = browser::error_page(app, StatusCode::BAD_REQUEST, text).await?;
    Ok(Err(page))
}

/// Opens a browser session, and on to the consent page, or where one was before.
pub async fn sign_in(
    State(app): State<App>,
    caller: Caller,
    cookies: Cookies,
    Params(mut asked): Params<Asked>,
) -> AppResult<Response> {
    let app_name = match purpose(&app, &asked).await? {
        Ok(name) => name,
        Err(page) => return Ok(page),
    };
    let again = async |asked: Asked, text: String| {
        sign_in_page(&app, &cookies, app_name.clone(), asked, Some(text)).await
    };
    let form = cookies.form.as_ref();
    let (Some(form), true) = (form, browser::proven(&app, form, asked.csrf.as_deref())) else {
        return again(asked, "The form had expired. Please try again.".to_owned()).await;
    };
    let account_id = match asked.ticket.take() {
        Some(ticket) => {
            caller.count(&app, Deed::SignIn)?;
            match holder(&app, form, &ticket).await? {
                Some(id) => id,
                None => {
                    let text = "That took too long. Please sign in again.";
                    return again(asked, text.to_owned()).await;
                }
            }
        }
        None => {
            let password = asked.password.take().unwrap_or_default();
            let login = asked.login.clone().unwrap_or_default();
            match credentials::check(&app, &caller, &login, password).await {
                Ok(Some(account)) => account.id,
                Ok(None) => {
                    let text = "The name, the e-mail address or the password is wrong.";
                    return again(asked, text.to_owned()).await;
                }
                Err(error) if error.status.is_client_error() => {
                    return again(asked, told(&error)).await;
                }
                Err(error) => return Err(error),
            }
        }
    };
    let problem = match credentials::second(&app, account_id, asked.totp.take()).await {
        Ok(Second::Passed) => return passed(&app, account_id, &asked).await,
        Ok(Second::Missing) => None,
        Ok(Second::Wrong) => Some("The code is wrong.".to_owned()),
        Err(error) if error.status.is_client_error() => Some(told(&error)),
        Err(error) => return Err(error),
    };
    let Some(ticket) = ticket(&app, form, account_id).await? else {
        return Err(AppError::unauthorized());
    };
    second_page(&app, &cookies, app_name, &asked, ticket, problem).await
}

async fn passed(app: &App, account_id: i64, asked: &Asked) -> AppResult<Response> {
    let cookie: HeaderValue = browser::open_session(app, account_id).await?;
    if let Some(next) = &asked.next {
        return browser::redirect(next, vec![cookie]);
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(asked.parameters())
        .finish();
    browser::redirect(&format!("/oauth/authorize?{query}"), vec![cookie])
}

fn told(error: &AppError) -> String {
    match error.retry_after {
        Some(seconds) => format!(
            "Too many attempts. Please wait {} min.",
            seconds.div_ceil(60)
        ),
        None => format!("{}.", error.error),
    }
}

async fn user(app: &App, account_id: i64) -> AppResult<Option<User>> {
    app.read(move |c| Box::pin(async move { Ok(db::users::by_account(c, account_id).await?) }))
        .await
}

fn sign(app: &App, form: &str, user: &User, until: i64) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &app.secrets.token_key);
    let (id, hash) = (user.account_id, &user.password_hash);
    let tag = hmac::sign(
        &key,
        format!("ticket {form} {id} {until} {hash}").as_bytes(),
    );
    format!("{id}.{until}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// Says that somebody gave an account's password with a form.
async fn ticket(app: &App, form: &str, account_id: i64) -> AppResult<Option<String>> {
    let until = app.clock.now_ms() + TICKET_LIFE;
    let user = user(app, account_id).await?;
    Ok(user.map(|user| sign(app, form, &user, until)))
}

/// Whose ticket it is, while it is good and its user may sign in.
async fn holder(app: &App, form: &str, ticket: &str) -> AppResult<Option<i64>> {
    let mut parts = ticket.split('.').map(str::parse::<i64>);
    let (Some(Ok(id)), Some(Ok(until))) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let Some(user) = user(app, id).await? else {
        return Ok(None);
    };
    let account = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
        .await?
        .filter(|account| account.deleted_at.is_none());
    let good = until > app.clock.now_ms()
        && secret::same(&sign(app, form, &user, until), ticket)
        && account.is_some_and(|account| credentials::standing(&user, &account).is_none());
    Ok(good.then_some(id))
}
