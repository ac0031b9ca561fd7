//! Sessions: access tokens, the refresh tokens they come with, and their end.
//!
//! A sign-in makes a family: an access token of half an hour, and a refresh token of a week that
//! is spent by asking for the next pair. Whoever brings a spent one has a copy, and so has
//! somebody else: the whole family ends, its access tokens at once (RFC 9700 section 4.14.2).

use super::deletion::is_leaving;
use super::{Ctx, oauth};
use crate::clock::{DAY, MINUTE};
use crate::db::accounts::Account;
use crate::db::tokens::{RefreshToken, Token};
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};
use crate::secret;

/// How long a sign-in's access token is good.
pub const ACCESS_LIFE: i64 = 30 * MINUTE;
/// How long its refresh token is.
pub const REFRESH_LIFE: i64 = 7 * DAY;
/// How long a browser session is.
pub const WEB_LIFE: i64 = 30 * DAY;
/// What a sign-in with Kith's own API may do: everything a user can.
pub const SIGN_IN_SCOPES: &str = "read write follow push profile";

/// Where a session was opened from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub ip: String,
    pub user_agent: String,
}

/// A session's tokens; the access token goes out as a JWT with the row's id.
#[derive(Debug, Clone)]
pub struct Grant {
    pub token: Token,
    pub refresh_token: Option<String>,
}

/// The user who signs in by this name or e-mail address.
pub async fn find(conn: &mut Conn, login: &str) -> AppResult<Option<(User, Account)>> {
    let login = login.trim();
    let user = match login.strip_prefix('@').unwrap_or(login) {
        // An address first: no username holds an @.
        address if address.contains('@') => db::users::by_email(conn, address).await?,
        name => match db::accounts::by_handle(conn, name, "").await? {
            Some(account) => db::users::by_account(conn, account.id).await?,
            None => None,
        },
    };
    let Some(user) = user else { return Ok(None) };
    let account = db::accounts::by_id(conn, user.account_id).await?;
    Ok(account
        .filter(|account| account.deleted_at.is_none())
        .map(|account| (user, account)))
}

/// Makes an access token: an app's own without an account, a user's with one. Without an app it
/// is this server's own ([`oauth::own_app`]).
pub async fn open(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: Option<i64>,
    app_id: Option<i64>,
    scopes: &str,
    name: &str,
    origin: &Origin,
) -> AppResult<Token> {
    if let Some(account_id) = account_id {
        db::users::signed_in(tx, account_id, ctx.now()).await?;
    }
    issue(tx, ctx, account_id, app_id, scopes, name, origin).await
}

/// [`open`] without anyone signing in.
pub async fn issue(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: Option<i64>,
    app_id: Option<i64>,
    scopes: &str,
    name: &str,
    origin: &Origin,
) -> AppResult<Token> {
    let app_id = match app_id {
        Some(app_id) => app_id,
        None => oauth::own_app(tx, ctx).await?,
    };
    let token = row(ctx, account_id, app_id, scopes, name, origin);
    db::tokens::insert(tx, &token).await?;
    Ok(token)
}

fn row(
    ctx: &Ctx,
    account_id: Option<i64>,
    app_id: i64,
    scopes: &str,
    name: &str,
    origin: &Origin,
) -> Token {
    Token {
        id: ctx.ids.next(),
        account_id,
        app_id: Some(app_id),
        family_id: None,
        scopes: scopes.to_owned(),
        name: name.to_owned(),
        created_at: ctx.now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        ip: origin.ip.clone(),
        user_agent: origin.user_agent.clone(),
    }
}

/// Opens a session that lives by refresh tokens.
pub async fn open_family(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    origin: &Origin,
) -> AppResult<Grant> {
    db::users::signed_in(tx, account_id, ctx.now()).await?;
    let family_id = ctx.ids.next();
    next_of_family(tx, ctx, account_id, family_id, SIGN_IN_SCOPES, origin).await
}

async fn next_of_family(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    family_id: i64,
    scopes: &str,
    origin: &Origin,
) -> AppResult<Grant> {
    let now = ctx.now();
    let app_id = oauth::own_app(tx, ctx).await?;
    let mut token = row(ctx, Some(account_id), app_id, scopes, "", origin);
    token.family_id = Some(family_id);
    token.expires_at = Some(token.created_at + ACCESS_LIFE);
    db::tokens::insert(tx, &token).await?;
    let refresh_token = ctx.random.token();
    let refresh = RefreshToken {
        token_hash: secret::hash(&refresh_token),
        account_id,
        family_id,
        created_at: now,
        expires_at: now + REFRESH_LIFE,
        spent_at: None,
    };
    db::tokens::insert_refresh(tx, &refresh).await?;
    Ok(Grant {
        token,
        refresh_token: Some(refresh_token),
    })
}

/// The next pair for a refresh token; `None` where it is no good. A spent one ends its family,
/// so the transaction is to be kept either way.
pub async fn refresh(
    tx: &mut Conn,
    ctx: &Ctx,
    refresh_token: &str,
    origin: &Origin,
) -> AppResult<Option<Grant>> {
    let now = ctx.now();
    let hash = secret::hash(refresh_token);
    let Some(known) = db::tokens::refresh(tx, &hash).await? else {
        return Ok(None);
    };
    if known.expires_at <= now {
        return Ok(None);
    }
    if !db::tokens::spend_refresh(tx, &hash, now).await? {
        end_family(tx, ctx, known.family_id).await?;
        return Ok(None);
    }
    let user = db::users::by_account(tx, known.account_id).await?;
    let account = db::accounts::by_id(tx, known.account_id).await?;
    let welcome = user.zip(account).is_some_and(|(user, account)| {
        let leaving = is_leaving(user.leaving_at, account.suspended_at);
        user.disabled_at.is_none()
            && account.deleted_at.is_none()
            && (account.suspended_at.is_none() || leaving)
    });
    if !welcome {
        end_family(tx, ctx, known.family_id).await?;
        return Ok(None);
    }
    let grant = next_of_family(
        tx,
        ctx,
        known.account_id,
        known.family_id,
        SIGN_IN_SCOPES,
        origin,
    )
    .await?;
    Ok(Some(grant))
}

/// Ends the session of a token: the token, or all of its family.
pub async fn end(tx: &mut Conn, ctx: &Ctx, token: &Token) -> AppResult<()> {
    match token.family_id {
        Some(family_id) => end_family(tx, ctx, family_id).await,
        None => revoke(tx, ctx, token.id).await,
    }
}

async fn end_family(tx: &mut Conn, ctx: &Ctx, family_id: i64) -> AppResult<()> {
    db::tokens::spend_family(tx, family_id, ctx.now()).await?;
    for token in db::tokens::of_family(tx, family_id).await? {
        revoke(tx, ctx, token.id).await?;
    }
    Ok(())
}

/// Revokes one access token; every process hears of it.
pub async fn revoke(tx: &mut Conn, ctx: &Ctx, token_id: i64) -> AppResult<()> {
    if db::tokens::revoke(tx, token_id, ctx.now()).await? {
        tx.emit(Event::of(Kind::TokenRevoked, token_id));
    }
    Ok(())
}

/// Ends every session of an account, in browsers and codes on their way too, but for the one
/// that a token is of.
pub async fn end_all(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    but_token: Option<i64>,
) -> AppResult<()> {
    let now = ctx.now();
    let tokens = db::tokens::all_of_account(tx, account_id).await?;
    let but_family = tokens
        .iter()
        .find(|token| Some(token.id) == but_token)
        .and_then(|token| token.family_id);
    for token in &tokens {
        let stays =
            Some(token.id) == but_token || (but_family.is_some() && token.family_id == but_family);
        if !stays {
            revoke(tx, ctx, token.id).await?;
        }
    }
    db::tokens::spend_all_refresh(tx, account_id, but_family, now).await?;
    db::tokens::spend_all_codes(tx, account_id, now).await?;
    db::tokens::end_web_sessions(tx, None, account_id).await?;
    Ok(())
}

/// A session, as its owner sees it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Names the session for as long as it lives.
    pub id: i64,
    /// The newest access token.
    pub token: Token,
    /// When the session was opened.
    pub created_at: i64,
    /// The app's name, where it is an app's.
    pub app: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The sessions of an account that are alive, newest first.
pub async fn sessions(
    conn: &mut Conn,
    account_id: i64,
    current: i64,
    now: i64,
) -> AppResult<Vec<Listed>> {
    let alive = db::tokens::live_refresh_families(conn, account_id, now).await?;
    let tokens = db::tokens::all_of_account(conn, account_id).await?;
    let app_ids: Vec<i64> = tokens.iter().filter_map(|token| token.app_id).collect();
    let apps = db::tokens::apps_by_ids(conn, &app_ids).await?;
    let mut listed: Vec<Listed> = Vec::new();
    for token in tokens {
        let expired = token.expires_at.is_some_and(|at| at <= now);
        let renewable = token
            .family_id
            .is_some_and(|family| alive.contains(&family));
        if expired && !renewable {
            continue;
        }
        let id = token.family_id.unwrap_or(token.id);
        // Newest first: what comes later of a family is older.
        if let Some(known) = listed.iter_mut().find(|known| known.id == id) {
            known.created_at = token.created_at;
            known.current |= token.id == current;
            continue;
        }
        listed.push(Listed {
            id,
            created_at: token.created_at,
            app: apps
                .iter()
                .find(|app| Some(app.id) == token.app_id)
                .map(|app| app.name.clone()),
            current: token.id == current,
            token,
        });
    }
    Ok(listed)
}

/// Ends one of an account's own sessions; false when it has none of that id.
pub async fn end_session(tx: &mut Conn, ctx: &Ctx, account_id: i64, id: i64) -> AppResult<bool> {
    let tokens = db::tokens::all_of_account(tx, account_id).await?;
    let Some(token) = tokens
        .iter()
        .find(|token| token.family_id.unwrap_or(token.id) == id)
    else {
        return Ok(false);
    };
    end(tx, ctx, token).await?;
    Ok(true)
}
