//! Who calls, by the access token: extractors that name the right a handler needs.
//!
//! `User<scope::WriteStatuses>` admits a signed-in user whose token has that scope (or the wider
//! one it is part of); `MaybeUser` admits anyone, but refuses a token that is no good.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::caches::{Refusal, Session};
use crate::clock::MINUTE;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::analytics::day_of;
use crate::domain::deletion::is_leaving;
use crate::domain::instance::week_of;
use crate::domain::moderation::{self, Actor, Permission};
use crate::domain::moves;
use crate::domain::users::Role;
use crate::error::{AppError, AppResult};

/// How closely a session's last use is known.
const NOTED_EVERY: i64 = 10 * MINUTE;

/// What an access token says of itself. Everything else is looked up by its id.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    jti: String,
    /// Seconds since the epoch.
    iat: i64,
}

/// Writes the access token of a row of `tokens`.
pub fn write_token(app: &App, token_id: i64) -> AppResult<String> {
    let claims = Claims {
        jti: token_id.to_string(),
        iat: app.clock.now_ms() / 1000,
    };
    let key = EncodingKey::from_secret(&app.secrets.token_key);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(AppError::internal)
}

/// The id of a token that carries our signature.
pub fn read_token(app: &App, token: &str) -> Option<i64> {
    if let Some(id) = app.caches.tokens.get(token) {
        return Some(id);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // Expiry is kept in the database, where it is checked with the rest.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(&app.secrets.token_key);
    let data = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?;
    let id = data.claims.jti.parse().ok()?;
    app.caches.tokens.insert(token.to_owned(), id);
    Some(id)
}

/// The session of a token: 401 where it is forged, revoked or expired.
pub async fn session(app: &App, token: &str) -> AppResult<Arc<Session>> {
    let id = read_token(app, token).ok_or_else(AppError::unauthorized)?;
    current(app, id).await
}

/// The same of a token by its id, as it stands now.
pub async fn current(app: &App, id: i64) -> AppResult<Arc<Session>> {
    let now = app.clock.now_ms();
    let session = match app.caches.sessions.get(&id) {
        Some(session) => session,
        None => {
            let ticket = app.caches.sessions.ticket();
            let state = app
                .db
                .read(move |c| Box::pin(async move { db::tokens::state(c, id).await }))
                .await
                .map_err(|e: db::Error| AppError::internal(e))?
                .filter(|state| state.token.revoked_at.is_none())
                .ok_or_else(AppError::unauthorized)?;
            let session = Arc::new(session_of(state)?);
            app.caches.sessions.put(ticket, id, session.clone());
            session
        }
    };
    if session.expires_at.is_some_and(|at| at <= now) {
        return Err(AppError::unauthorized());
    }
    if let Some(account) = session.account_id
        && session.refused.is_none()
    {
        was_here(app, account, now);
        was_used(app, &session, now);
    }
    Ok(session)
}

/// Counts a user among those of the day and of the week, once a day and beside the request.
fn was_here(app: &App, account: i64, now: i64) {
    let (week, day) = (week_of(now), day_of(now));
    // The first of a week is the first of its day.
    if !app.caches.active_today.is_first(day, account) {
        return;
    }
    let first = app.caches.active.is_first(week, account);
    let app = app.clone();
    tokio::spawn(async move {
        let written: Result<(), db::Error> = app
            .db
            .write(move |tx| {
                Box::pin(async move {
                    db::dashboard::was_active(tx, day, account).await?;
                    if first {
                        db::instance::was_active(tx, week, account).await?;
                    }
                    Ok(())
                })
            })
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "cannot note who was here");
        }
    });
}

/// Writes down that a session is used, now and then and beside the request.
fn was_used(app: &App, session: &Session, now: i64) {
    let noted = session.noted_at.load(Ordering::Relaxed);
    let first = |noted| {
        session
            .noted_at
            .compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    };
    if now - noted < NOTED_EVERY || !first(noted) {
        return;
    }
    let (app, id) = (app.clone(), session.token_id);
    tokio::spawn(async move {
        let written: Result<(), db::Error> = app
            .db
            .write(move |tx| Box::pin(async move { db::tokens::used(tx, id, now).await }))
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "cannot note when a session was used");
        }
    });
}

fn session_of(state: db::tokens::TokenState) -> AppResult<Session> {
    let leaving = is_leaving(state.leaving_at, state.suspended_at);
    let refused = match state.token.account_id {
        None => None,
        // The account is gone, and its tokens with it.
        Some(_) if state.user.is_none() || state.deleted_at.is_some() => {
            return Err(AppError::unauthorized());
        }
        Some(_) if state.suspended_at.is_some() && !leaving => Some(Refusal::Suspended),
        Some(_) if state.disabled_at.is_some() => Some(Refusal::Disabled),
        Some(_) if state.confirmed_at.is_none() => Some(Refusal::Unverified),
        Some(_) if state.approved_at.is_none() => Some(Refusal::Unapproved),
        Some(_) if leaving => Some(Refusal::Leaving),
        Some(_) => None,
    };
    Ok(Session {
        token_id: state.token.id,
        app_id: state.token.app_id,
        scopes: state.token.scopes.into(),
        account_id: state.token.account_id,
        expires_at: state.token.expires_at,
        refused,
        noted_at: Arc::new(AtomicI64::new(state.token.last_used_at.unwrap_or(0))),
    })
}

impl Session {
    /// Whether the token's scopes cover one: `read` covers `read:statuses`, `follow` the
    /// relations of both kinds.
    pub fn allows(&self, scope: &str) -> bool {
        covers(&self.scopes, scope)
    }

    /// 403 with the API's texts for a user who may not do anything now.
    pub fn admit(&self) -> AppResult<()> {
        match self.refused {
            None => Ok(()),
            Some(refused) => Err(refusal(refused)),
        }
    }
}

/// 403 with the API's text.
pub fn refusal(refused: Refusal) -> AppError {
    AppError::forbidden(match refused {
        Refusal::Unverified => "Your login is missing a confirmed e-mail address",
        Refusal::Unapproved => "Your login is currently pending approval",
        Refusal::Disabled => "Your login is currently disabled",
        Refusal::Suspended => "Your account is suspended",
        Refusal::Leaving => {
            return AppError::forbidden("Your account is about to be deleted")
                .describe("POST /api/kith/v1/account/delete/cancel takes that back");
        }
    })
}

/// Whether granted scopes (by spaces) cover a wanted one.
pub fn covers(granted: &str, wanted: &str) -> bool {
    let within = |scope: &str| {
        wanted
            .strip_prefix(scope)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let relation = matches!(
        wanted,
        "read:blocks"
            | "read:mutes"
            | "read:follows"
            | "write:blocks"
            | "write:mutes"
            | "write:follows"
    );
    granted
        .split_ascii_whitespace()
        .any(|scope| within(scope) || (scope == "follow" && relation))
}

/// The bearer token of a request: header, then `access_token` in the query.
pub fn bearer(parts: &Parts) -> Option<String> {
    token_of(&parts.headers, parts.uri.query())
}

/// The same of a request that is not taken apart.
pub fn token_of(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned());
    header.or_else(|| {
        form_urlencoded::parse(query?.as_bytes())
            .find(|(name, _)| name == "access_token")
            .map(|(_, token)| token.into_owned())
    })
}

/// A scope, as a type.
pub trait Scope: Send + Sync + 'static {
    /// As tokens carry it.
    const NAME: &'static str;
    /// Another that will do.
    const OR: Option<&'static str> = None;
}

/// The scopes that handlers name.
pub mod scope {
    use super::Scope;

    macro_rules! scopes {
        ($($name:ident = $text:literal,)*) => {$(
            #[doc = concat!("`", $text, "`")]
            pub struct $name;

            impl Scope for $name {
                const NAME: &'static str = $text;
            }
        )*};
    }

    /// `profile` or `read:accounts`
    pub struct ProfileOrReadAccounts;

    impl Scope for ProfileOrReadAccounts {
        const NAME: &'static str = "read:accounts";
        const OR: Option<&'static str> = Some("profile");
    }

    scopes! {
        Read = "read",
        ReadAccounts = "read:accounts",
        ReadBlocks = "read:blocks",
        ReadBookmarks = "read:bookmarks",
        ReadCollections = "read:collections",
        ReadFavourites = "read:favourites",
        ReadFilters = "read:filters",
        ReadFollows = "read:follows",
        ReadLists = "read:lists",
        ReadMutes = "read:mutes",
        ReadNotifications = "read:notifications",
        ReadSearch = "read:search",
        ReadStatuses = "read:statuses",
        Write = "write",
        WriteAccounts = "write:accounts",
        WriteBlocks = "write:blocks",
        WriteBookmarks = "write:bookmarks",
        WriteCollections = "write:collections",
        WriteConversations = "write:conversations",
        WriteFavourites = "write:favourites",
        WriteFilters = "write:filters",
        WriteFollows = "write:follows",
        WriteLists = "write:lists",
        WriteMedia = "write:media",
        WriteMutes = "write:mutes",
        WriteNotifications = "write:notifications",
        WriteReports = "write:reports",
        WriteStatuses = "write:statuses",
        Push = "push",
        Profile = "profile",
        AdminRead = "admin:read",
        AdminReadAccounts = "admin:read:accounts",
        AdminReadReports = "admin:read:reports",
        AdminWrite = "admin:write",
        AdminWriteAccounts = "admin:write:accounts",
        AdminWriteReports = "admin:write:reports",
        AdminReadDomainAllows = "admin:read:domain_allows",
        AdminReadDomainBlocks = "admin:read:domain_blocks",
        AdminReadIpBlocks = "admin:read:ip_blocks",
        AdminReadEmailDomainBlocks = "admin:read:email_domain_blocks",
        AdminReadCanonicalEmailBlocks = "admin:read:canonical_email_blocks",
        AdminWriteDomainAllows = "admin:write:domain_allows",
        AdminWriteDomainBlocks = "admin:write:domain_blocks",
        AdminWriteIpBlocks = "admin:write:ip_blocks",
        AdminWriteEmailDomainBlocks = "admin:write:email_domain_blocks",
        AdminWriteCanonicalEmailBlocks = "admin:write:canonical_email_blocks",
    }
}

/// A signed-in user in good standing whose token has scope `S`.
pub struct User<S> {
    pub account: Arc<Account>,
    pub session: Arc<Session>,
    scope: PhantomData<S>,
}

impl<S: Scope> FromRequestParts<App> for User<S> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let EvenMoved { user } = EvenMoved::from_request_parts(parts, app).await?;
        if !parts.method.is_safe() {
            moves::may_act(&user.account)?;
        }
        Ok(user)
    }
}

/// The same, also for what a user may do whose account has moved away: to them, all other routes
/// that write are closed.
pub struct EvenMoved<S> {
    pub user: User<S>,
}

impl<S: Scope> FromRequestParts<App> for EvenMoved<S> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let (account, session) = any_user(parts, app).await?;
        session.admit()?;
        if !session.allows(S::NAME) && !S::OR.is_some_and(|other| session.allows(other)) {
            return Err(outside_scope());
        }
        let scope = PhantomData;
        Ok(EvenMoved {
            user: User {
                account,
                session,
                scope,
            },
        })
    }
}

/// A signed-in admin whose token has scope `S`.
pub struct Admin<S> {
    pub user: User<S>,
}

impl<S: Scope> FromRequestParts<App> for Admin<S> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let user = User::from_request_parts(parts, app).await?;
        let id = user.account.id;
        let role = app
            .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
            .await?
            .and_then(|row| Role::parse(&row.role));
        match role {
            Some(Role::Admin) => Ok(Admin { user }),
            _ => Err(AppError::forbidden("This action is not allowed")),
        }
    }
}

/// A moderator or admin whose token has scope `S`. The role is read at each call, so that a token
/// is worth no more than its user's role is now.
pub struct Staff<S> {
    pub user: User<S>,
    pub role: Role,
}

impl<S: Scope> FromRequestParts<App> for Staff<S> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let user = User::from_request_parts(parts, app).await?;
        let id = user.account.id;
        let role = app
            .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
            .await?
            .map_or(Role::User, |row| moderation::role_of(&row));
        if role.permissions() == 0 {
            return Err(moderation::denied());
        }
        Ok(Staff { user, role })
    }
}

impl<S> Staff<S> {
    /// Who acts.
    pub fn actor(&self) -> Actor {
        Actor::staff((*self.user.account).clone(), self.role)
    }

    /// 403 unless their role holds a permission.
    pub fn must(&self, permission: Permission) -> AppResult<()> {
        self.actor().must(permission)
    }
}

/// The user of a token, in whatever standing.
pub async fn any_user(parts: &Parts, app: &App) -> AppResult<(Arc<Account>, Arc<Session>)> {
    let token = bearer(parts).ok_or_else(AppError::unauthorized)?;
    let session = session(app, &token).await?;
    let Some(id) = session.account_id else {
        return Err(AppError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This method requires an authenticated user",
        ));
    };
    let account = app.account(id).await?.ok_or_else(AppError::unauthorized)?;
    Ok((account, session))
}

/// The user of a good token in whatever standing, for what even the unverified may do.
pub struct AnyUser {
    pub account: Arc<Account>,
    pub session: Arc<Session>,
}

impl FromRequestParts<App> for AnyUser {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let (account, session) = any_user(parts, app).await?;
        Ok(AnyUser { account, session })
    }
}

/// A good token, an app's own or that of a user in good standing, whatever its scopes.
pub struct AnyToken {
    pub session: Arc<Session>,
}

impl FromRequestParts<App> for AnyToken {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let token = bearer(parts).ok_or_else(AppError::unauthorized)?;
        let session = session(app, &token).await?;
        session.admit()?;
        Ok(AnyToken { session })
    }
}

/// 403 for a token that lacks the scope.
pub fn outside_scope() -> AppError {
    AppError::forbidden("This action is outside the authorized scopes")
}

/// Whoever calls: a user where a good user's token came along, nobody where none came or it is
/// an app's own. A token that is no good is refused.
pub struct MaybeUser {
    pub account: Option<Arc<Account>>,
    pub session: Option<Arc<Session>>,
}

impl FromRequestParts<App> for MaybeUser {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let Some(token) = bearer(parts) else {
            return Ok(MaybeUser {
                account: None,
                session: None,
            });
        };
        let session = session(app, &token).await?;
        session.admit()?;
        let account = match session.account_id {
            Some(id) => Some(app.account(id).await?.ok_or_else(AppError::unauthorized)?),
            None => None,
        };
        Ok(MaybeUser {
            account,
            session: Some(session),
        })
    }
}

impl MaybeUser {
    /// The user when the token has a scope; 403 when there is a user but no scope.
    pub fn with(&self, scope: &str) -> AppResult<Option<&Arc<Account>>> {
        match (&self.account, &self.session) {
            (Some(account), Some(session)) if session.allows(scope) => Ok(Some(account)),
            (Some(_), _) => Err(outside_scope()),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn scopes_cover_what_they_contain() {
        assert!(covers("read", "read:statuses"));
        assert!(covers("write:statuses read", "read"));
        assert!(covers("follow", "write:blocks"));
        assert!(!covers("read:statuses", "read"));
        assert!(!covers("read", "write:statuses"));
        assert!(!covers("follow", "write:statuses"));
        assert!(covers("admin:read", "admin:read:accounts"));
        assert!(!covers("admin:read:accounts", "admin:read"));
        assert!(!covers("read", "admin:read"));
        assert!(!covers("", "read"));
        assert!(!covers("rea", "read"));
    }
}
