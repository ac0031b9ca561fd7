//! Who reads a document, by the signature of the request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::error::{AppError, AppResult};
use crate::federation::fetch;
use crate::federation::keys;
use crate::federation::signature::{self, PublicKey, SignatureError};
use crate::federation::value::same_origin;

/// The reader of a document: the actor that signed the request, or anyone.
pub struct Reader {
    /// Who signed; `None` for who did not, or not well enough to be believed.
    pub account: Option<Arc<Account>>,
    refused: Option<SignatureError>,
    required: bool,
}

impl Reader {
    /// 401 where a signature is demanded (`KITH_AUTHORIZED_FETCH`, or an allow-list) and none
    /// convinced.
    pub fn admit(&self) -> AppResult<()> {
        if self.account.is_some() || !self.required {
            return Ok(());
        }
        let why = self
            .refused
            .as_ref()
            .map_or_else(|| SignatureError::Missing.to_string(), ToString::to_string);
        Err(AppError::new(StatusCode::UNAUTHORIZED, "Request not signed").describe(why))
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Reader> {
        let policies = app.policies().await?;
        let mut reader = Reader {
            account: None,
            refused: None,
            required: app.config.live.now().authorized_fetch || policies.is_allow_list(),
        };
        let signed = parts.headers.contains_key("signature")
            || parts
                .headers
                .get(AUTHORIZATION)
                .is_some_and(|v| v.as_bytes().starts_with(b"Signature "));
        if !signed {
            return Ok(reader);
        }
        match signer(app, parts).await? {
            Ok(account) => {
                // A blocked server reads no more than a stranger, whichever domain its handles
                // are of.
                let by_handle = policies.blocks(&account.domain);
                if !by_handle && !fetch::is_blocked(app, &account.uri).await? {
                    reader.account = Some(account);
                }
            }
            Err(why) => reader.refused = Some(why),
        }
        Ok(reader)
    }
}

/// The active account whose key signed a request without body.
async fn signer(app: &App, parts: &Parts) -> AppResult<Result<Arc<Account>, SignatureError>> {
    let authority = app.config.authority();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let request = signature::Parts {
        method: &parts.method,
        target,
        authority: &authority,
        scheme: app.config.public_url.scheme(),
        headers: &parts.headers,
        body: None,
    };
    let now = app.clock.now_ms();
    let candidate = match signature::parse(&request) {
        Ok(candidate) => candidate,
        Err(why) => return Ok(Err(why)),
    };
    if let Err(why) = candidate.check(&request, now) {
        return Ok(Err(why));
    }
    let key_id = candidate.key_id().to_owned();
    let known = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::key_by_id(c, &key_id).await?) }))
        .await?;
    let Some(key) = known else {
        return Ok(Err(SignatureError::Invalid));
    };
    let public =
        PublicKey::from_pem(&key.public_key).or_else(|_| PublicKey::from_multikey(&key.public_key));
    let verified = public
        .map_err(|_| SignatureError::Invalid)
        .and_then(|public| candidate.verify(&public, &request, now));
    if let Err(why) = verified {
        return Ok(Err(why));
    }
    Ok(match app.account(key.account_id).await? {
        Some(account) if account.is_active() => Ok(account),
        _ => Err(SignatureError::Invalid),
    })
}

/// The actor that signed a request without body, of whom nothing need be known here: its key is
/// fetched. 401 where there is none.
pub async fn signing_actor(app: &App, parts: &Parts) -> AppResult<String> {
    let unsigned = |why: &dyn std::fmt::Display| {
        AppError::new(StatusCode::UNAUTHORIZED, "Request not signed").describe(why.to_string())
    };
    let authority = app.config.authority();
    let request = signature::Parts {
        method: &parts.method,
        target: parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str),
        authority: &authority,
        scheme: app.config.public_url.scheme(),
        headers: &parts.headers,
        body: None,
    };
    let now = app.clock.now_ms();
    let candidate = signature::parse(&request).map_err(|why| unsigned(&why))?;
    candidate
        .check(&request, now)
        .map_err(|why| unsigned(&why))?;
    let key_id = candidate.key_id();
    if fetch::is_blocked(app, key_id).await? || app.config.is_ours(key_id) {
        return Err(unsigned(&"nobody is known by that key"));
    }
    let known = keys::public_key(app, key_id, "")
        .await
        .map_err(|why| unsigned(&why))?;
    if let Err(why) = candidate.verify(&known.key, &request, now) {
        // It may have a new key under the old id.
        let changed = keys::changed_key(app, key_id, &known).await.ok().flatten();
        let verified = changed.is_some_and(|new| {
            new.owner == known.owner && candidate.verify(&new.key, &request, now).is_ok()
        });
        if !verified {
            return Err(unsigned(&why));
        }
    }
    if !same_origin(key_id, &known.owner) {
        return Err(unsigned(&"the key is not on its owner's host"));
    }
    Ok(known.owner.clone())
}
