//! `GET /oauth/authorize`: a person signs in and decides what an app may do.
//!
//! What an app asks for wrongly is shown to the person and not sent to the app: an address that
//! anyone could register must not be reached through this server before a person agreed to it.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::browser::{self, Cookies};
use super::sign_in::sign_in_page;
use crate::api::entities::account::picture;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::oauth::{self, Request, redirect};
use crate::error::AppResult;
use crate::http::params::{Params, flag, text};
use crate::web::pages::{Code, Consent};
use crate::web::{self, view};

/// An authorisation request (RFC 6749 section 4.1.1, RFC 7636 section 4.3), and what the forms
/// add to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    #[serde(deserialize_with = "text")]
    response_type: Option<String>,
    #[serde(deserialize_with = "text")]
    client_id: Option<String>,
    #[serde(deserialize_with = "text")]
    redirect_uri: Option<String>,
    #[serde(deserialize_with = "text")]
    scope: Option<String>,
    #[serde(deserialize_with = "text")]
    state: Option<String>,
    #[serde(deserialize_with = "text")]
    code_challenge: Option<String>,
    #[serde(deserialize_with = "text")]
    code_challenge_method: Option<String>,
    #[serde(deserialize_with = "flag")]
    force_login: Option<bool>,
    /// The page of this server to go to then, where no app asks.
    #[serde(deserialize_with = "text")]
    pub(super) next: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) csrf: Option<String>,
    #[serde(deserialize_with = "text")]
    decision: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) login: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) password: Option<String>,
    /// Says that the password was right.
    #[serde(deserialize_with = "text")]
    pub(super) ticket: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) totp: Option<String>,
}

impl Asked {
    /// To go to a page of this server once one has signed in.
    pub fn on_to(next: String) -> Asked {
        Asked {
            next: Some(next),
            ..Asked::default()
        }
    }

    /// What is carried from page to page. A sign-in that was forced has happened by then.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        [
            ("response_type", &self.response_type),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", &self.state),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
            ("next", &self.next),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
        .collect()
    }
}

/// The app and what it asks for, or the page that says what is wrong with it.
pub(super) async fn check(
    app: &App,
    asked: &Asked,
) -> AppResult<Result<(db::tokens::App, Request), Response>> {
    let bad = async |message: &str| {
        Ok(Err(browser::error_page(
            app,
            StatusCode::BAD_REQUEST,
            message,
        )
        .await?))
    };
    let client_id = asked.client_id.clone().unwrap_or_default();
    let found = app
        .read(move |c| {
            Box::pin(async move { Ok(db::tokens::app_by_client_id(c, &client_id).await?) })
        })
        .await?;
    let Some(client) = found else {
        return bad("The app that sent you here is not known to this server.").await;
    };
    if asked.response_type.as_deref() != Some("code") {
        return bad("The app asks for something this server does not give (response_type).").await;
    }
    let request = oauth::check(
        &client,
        asked.redirect_uri.as_deref(),
        asked.scope.as_deref(),
        asked.code_challenge.as_deref(),
        asked.code_challenge_method.as_deref(),
    );
    match request {
        Ok(request) => Ok(Ok((client, request))),
        Err((_, text)) => bad(text).await,
    }
}

/// The page to sign in on, or to consent on.
pub async fn show(
    State(app): State<App>,
    cookies: Cookies,
    Params(asked): Params<Asked>,
) -> AppResult<Response> {
    let (client, request) = match check(&app, &asked).await? {
        Ok(checked) => checked,
        Err(page) => return Ok(page),
    };
    if asked.force_login != Some(true)
        && let Some(account) = browser::signed_in(&app, &cookies).await?
        && let Some(session) = &cookies.session
    {
        let html = Consent {
            site: web::site(&app).await?,
            action: "/oauth/authorize".to_owned(),
            csrf: browser::proof(&app, session),
            account: shown(&app, &account),
            app_name: client.name,
            app_website: client.website,
            scopes: request
                .scopes
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            destination: redirect::place(&request.redirect_uri),
            parameters: asked.parameters(),
        }
        .render();
        return Ok(browser::page(StatusCode::OK, html, Vec::new()));
    }
    sign_in_page(&app, &cookies, Some(client.name), asked, None).await
}

fn shown(app: &App, account: &Account) -> view::Account {
    view::Account {
        display_name: account.display_name.clone(),
        handle: app.config.handle(&account.username, ""),
        url: account.url.clone(),
        avatar: picture(&app.config, &account.avatar, "/static/avatar.png"),
        bot: account.kind != "Person",
        emojis: Vec::new(),
    }
}

/// `POST /oauth/authorize`: the person has decided.
pub async fn decide(
    State(app): State<App>,
    cookies: Cookies,
    Params(asked): Params<Asked>,
) -> AppResult<Response> {
    let (client, request) = match check(&app, &asked).await? {
        Ok(checked) => checked,
        Err(page) => return Ok(page),
    };
    let Some(account) = browser::signed_in(&app, &cookies).await? else {
        let text = "Your session has ended. Please sign in again.";
        let (name, text) = (Some(client.name), Some(text.to_owned()));
        return sign_in_page(&app, &cookies, name, asked, text).await;
    };
    if !browser::proven(&app, cookies.session.as_ref(), asked.csrf.as_deref()) {
        let text = "The form did not come from this server, or has expired. Please go back to the app and try again.";
        return browser::error_page(&app, StatusCode::FORBIDDEN, text).await;
    }
    let state = asked.state.as_deref();
    if asked.decision.as_deref() != Some("allow") {
        return denied(&app, &request, state).await;
    }
    let ctx = app.ctx.clone();
    let (redirect_uri, name) = (request.redirect_uri.clone(), client.name.clone());
    let code = app
        .write(move |tx| {
            Box::pin(
                async move { oauth::issue_code(tx, &ctx, &client, account.id, &request).await },
            )
        })
        .await?;
    if redirect_uri == redirect::OOB {
        let html = Code {
            site: web::site(&app).await?,
            app_name: name,
            code,
        }
        .render();
        return Ok(browser::page(StatusCode::OK, html, Vec::new()));
    }
    let mut parameters = vec![("code", code.as_str())];
    parameters.extend(state.map(|state| ("state", state)));
    browser::redirect(&redirect::with(&redirect_uri, &parameters), Vec::new())
}

async fn denied(app: &App, request: &Request, state: Option<&str>) -> AppResult<Response> {
    if request.redirect_uri == redirect::OOB {
        let text = "You did not let the app use your account. You can close this page.";
        return browser::error_page(app, StatusCode::FORBIDDEN, text).await;
    }
    let mut parameters = vec![
        ("error", "access_denied"),
        (
            "error_description",
            "The resource owner or authorization server denied the request.",
        ),
    ];
    parameters.extend(state.map(|state| ("state", state)));
    browser::redirect(
        &redirect::with(&request.redirect_uri, &parameters),
        Vec::new(),
    )
}
