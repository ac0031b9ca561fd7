//! Which app calls: by id and secret, in the body or as HTTP Basic (RFC 6749 section 2.3.1).

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use http::request::Parts;

use super::invalid_client;
use crate::app::App;
use crate::db::tokens;
use crate::domain::oauth;
use crate::error::AppResult;

/// Id and secret from the `Authorization` header, where they came that way.
pub struct Basic(pub Option<(String, String)>);

impl FromRequestParts<App> for Basic {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Basic, Self::Rejection> {
        let pair = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, text)| STANDARD.decode(text.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| {
                let (id, secret) = text.split_once(':')?;
                Some((unescape(id), unescape(secret)))
            });
        Ok(Basic(pair))
    }
}

/// Both halves are form-encoded before they are joined. Ours need no escapes, so a client that
/// leaves them out does no harm.
fn unescape(text: &str) -> String {
    form_urlencoded::parse(format!("x={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The app; 401 `invalid_client` where id and secret are not one's.
pub async fn authenticate(
    app: &App,
    basic: Basic,
    client_id: Option<String>,
    client_secret: Option<String>,
) -> AppResult<tokens::App> {
    let (id, secret) = basic
        .0
        .or_else(|| Some((client_id?, client_secret?)))
        .ok_or_else(invalid_client)?;
    app.read(move |c| Box::pin(async move { oauth::authenticate(c, &id, &secret).await }))
        .await?
        .ok_or_else(invalid_client)
}
