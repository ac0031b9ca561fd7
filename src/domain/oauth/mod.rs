//! OAuth 2: apps, authorisation codes (RFC 6749, RFC 7636), and what they are exchanged for.

use super::{Ctx, sign_in};
use crate::clock::MINUTE;
use crate::db::tokens::{App, OauthCode, Token};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::secret;

pub mod redirect;
pub mod scopes;

/// How long an authorisation code is good (RFC 6749 section 4.1.2 wants ten minutes at most).
const CODE_LIFE: i64 = 10 * MINUTE;
/// The client id of this server's own app.
const OWN_CLIENT: &str = "kith";
/// Longest name of an app, and longest address, in bytes.
const MAX_NAME: usize = 500;
const MAX_WEBSITE: usize = 2000;
/// Shortest and longest code verifier (RFC 7636 section 4.1).
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;
/// Length of an S256 challenge: 256 bits in base64url.
const CHALLENGE: usize = 43;

/// Registers an app. The secret is returned once, and kept as a digest.
pub async fn register_app(
    tx: &mut Conn,
    ctx: &Ctx,
    name: &str,
    website: Option<String>,
    redirect_uris: Vec<String>,
    scopes: &str,
) -> AppResult<(App, String)> {
    let invalid = |text: &str| AppError::invalid(format!("Validation failed: {text}"));
    let name = name.trim();
    if name.is_empty() {
        return Err(invalid("Name can't be blank"));
    }
    if name.len() > MAX_NAME {
        return Err(invalid("Name is too long"));
    }
    let website = website.filter(|website| !website.is_empty());
    if let Some(website) = &website {
        let web = url::Url::parse(website).is_ok_and(|u| matches!(u.scheme(), "http" | "https"));
        if !web || website.len() > MAX_WEBSITE {
            return Err(invalid("Website is invalid"));
        }
    }
    let redirect_uris = redirect::normalize(redirect_uris)
        .map_err(|text| invalid(&format!("Redirect URI {text}")))?;
    let scopes = scopes::parse(scopes)
        .map_err(|_| invalid("Scopes doesn't match configured on the server."))?;
    let scopes = if scopes.is_empty() {
        scopes::DEFAULT.to_owned()
    } else {
        scopes.join(" ")
    };
    let client_secret = ctx.random.token();
    let app = App {
        id: ctx.ids.next(),
        client_id: ctx.random.token(),
        client_secret: secret::hash(&client_secret),
        name: name.to_owned(),
        website,
        redirect_uris: redirect_uris.join("\n"),
        scopes,
        created_at: ctx.now(),
    };
    db::tokens::insert_app(tx, &app).await?;
    Ok((app, client_secret))
}

/// The app that tokens belong to which this server gives out itself: by `auth/login`, by
/// `kith token create`. Nobody knows its secret and nothing leads back to it.
pub async fn own_app(tx: &mut Conn, ctx: &Ctx) -> AppResult<i64> {
    if let Some(app) = db::tokens::app_by_client_id(tx, OWN_CLIENT).await? {
        return Ok(app.id);
    }
    let app = App {
        id: ctx.ids.next(),
        client_id: OWN_CLIENT.to_owned(),
        client_secret: secret::hash(&ctx.random.token()),
        name: "Kith".to_owned(),
        website: Some(ctx.config.public_url.to_string()),
        redirect_uris: String::new(),
        scopes: sign_in::SIGN_IN_SCOPES.to_owned(),
        created_at: ctx.now(),
    };
    Ok(db::tokens::ensure_app(tx, &app).await?)
}

/// The app of a client id and secret.
pub async fn authenticate(
    conn: &mut Conn,
    client_id: &str,
    client_secret: &str,
) -> AppResult<Option<App>> {
    let app = db::tokens::app_by_client_id(conn, client_id).await?;
    Ok(app.filter(|app| secret::same(&app.client_secret, &secret::hash(client_secret))))
}

/// What an app asks a user for.
#[derive(Debug, Clone)]
pub struct Request {
    pub redirect_uri: String,
    /// By spaces.
    pub scopes: String,
    /// S256 (RFC 7636 section 4.2).
    pub challenge: Option<String>,
}

/// Why an authorisation request is refused: OAuth's code and a text for a person.
pub type Refused = (&'static str, &'static str);

/// Checks what an app asks for. `plain` challenges are refused: they protect nothing that a
/// thief of the request could not undo.
pub fn check(
    app: &App,
    redirect_uri: Option<&str>,
    scope: Option<&str>,
    challenge: Option<&str>,
    method: Option<&str>,
) -> Result<Request, Refused> {
    let redirect_uri = redirect::choose(&app.redirect_uris, redirect_uri).ok_or((
        "invalid_redirect_uri",
        "The redirect address is not one that the app registered.",
    ))?;
    let scopes = scopes::granted(&app.scopes, scope).ok_or((
        "invalid_scope",
        "The requested scope is invalid, unknown, or malformed.",
    ))?;
    let challenge = match (challenge.filter(|text| !text.is_empty()), method) {
        (None, None | Some("")) => None,
        (None, Some(_)) => {
            return Err(("invalid_request", "The code_challenge is missing."));
        }
        (Some(challenge), Some("S256")) if well_formed(challenge, CHALLENGE..=CHALLENGE) => {
            Some(challenge.to_owned())
        }
        (Some(_), Some("S256")) => {
            return Err(("invalid_request", "The code_challenge is malformed."));
        }
        // Without a method, RFC 7636 means plain.
        (Some(_), _) => {
            return Err(("invalid_request", "The code_challenge_method must be S256."));
        }
    };
    Ok(Request {
        redirect_uri,
        scopes,
        challenge,
    })
}

fn well_formed(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// Makes the code that a user's consent gives an app.
pub async fn issue_code(
    tx: &mut Conn,
    ctx: &Ctx,
    app: &App,
    account_id: i64,
    request: &Request,
) -> AppResult<String> {
    let now = ctx.now();
    let code = ctx.random.token();
    let row = OauthCode {
        code_hash: secret::hash(&code),
        app_id: app.id,
        account_id,
        redirect_uri: request.redirect_uri.clone(),
        scopes: request.scopes.clone(),
        challenge: request.challenge.clone(),
        challenge_method: request.challenge.as_ref().map(|_| "S256".to_owned()),
        created_at: now,
        expires_at: now + CODE_LIFE,
        used_at: None,
        token_id: None,
    };
    db::tokens::insert_code(tx, &row).await?;
    Ok(code)
}

/// Exchanges a code for a token; `None` where it is no good. A code that comes again ends what it
/// gave the first time (RFC 6749 section 4.1.2), so the transaction is to be kept either way.
pub async fn exchange(
    tx: &mut Conn,
    ctx: &Ctx,
    app: &App,
    code: &str,
    redirect_uri: &str,
    verifier: Option<&str>,
    origin: &sign_in::Origin,
) -> AppResult<Option<Token>> {
    let now = ctx.now();
    let hash = secret::hash(code);
    let Some(known) = db::tokens::code(tx, &hash).await? else {
        return Ok(None);
    };
    if known.app_id != app.id {
        return Ok(None);
    }
    if known.used_at.is_some() {
        if let Some(token_id) = known.token_id {
            sign_in::revoke(tx, ctx, token_id).await?;
        }
        return Ok(None);
    }
    if known.expires_at <= now
        || known.redirect_uri != redirect_uri
        || !proves(known.challenge.as_deref(), verifier)
    {
        return Ok(None);
    }
    let token = sign_in::open(
        tx,
        ctx,
        Some(known.account_id),
        Some(app.id),
        &known.scopes,
        &app.name,
        origin,
    )
    .await?;
    // Two that come at once: one of them was later.
    if !db::tokens::spend_code(tx, &hash, token.id, now).await? {
        sign_in::revoke(tx, ctx, token.id).await?;
        return Ok(None);
    }
    Ok(Some(token))
}

/// Whether the verifier is the challenge's. One without a challenge is refused too: somebody
/// took the challenge off the request on its way (RFC 9700 section 4.8.2).
fn proves(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    match (challenge, verifier.filter(|text| !text.is_empty())) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
            well_formed(verifier, VERIFIER)
                && secret::same(challenge, &URL_SAFE_NO_PAD.encode(digest.as_ref()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App {
            id: 1,
            client_id: String::new(),
            client_secret: String::new(),
            name: String::new(),
            website: None,
            redirect_uris: "https://app.example/back".into(),
            scopes: "read write:statuses".into(),
            created_at: 0,
        }
    }

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_verifier_proves_its_challenge_alone() {
        assert!(proves(Some(CHALLENGE), Some(VERIFIER)));
        assert!(!proves(Some(CHALLENGE), Some(&VERIFIER.replace('d', "e"))));
        assert!(!proves(Some(CHALLENGE), None));
        assert!(!proves(Some(CHALLENGE), Some("")));
        assert!(!proves(None, Some(VERIFIER)));
        assert!(proves(None, None));
    }

    #[test]
    fn plain_challenges_and_methods_without_one_are_refused() {
        let uri = Some("https://app.example/back");
        let with = |challenge, method| check(&app(), uri, Some("read"), challenge, method);
        assert_eq!(
            with(Some(CHALLENGE), Some("S256")).unwrap().challenge,
            Some(CHALLENGE.into())
        );
        assert!(with(None, None).unwrap().challenge.is_none());
        for (challenge, method) in [
            (Some(CHALLENGE), Some("plain")),
            (Some(CHALLENGE), None),
            (Some("short"), Some("S256")),
            (None, Some("S256")),
        ] {
            assert_eq!(with(challenge, method).unwrap_err().0, "invalid_request");
        }
    }

    #[test]
    fn an_app_gets_no_more_than_it_registered_for() {
        let uri = Some("https://app.example/back");
        let ask = |scope| check(&app(), uri, scope, None, None);
        assert_eq!(ask(Some("read:accounts")).unwrap().scopes, "read:accounts");
        assert_eq!(ask(None).unwrap().scopes, "read");
        assert_eq!(ask(Some("write")).unwrap_err().0, "invalid_scope");
        assert_eq!(ask(Some("read nonsense")).unwrap_err().0, "invalid_scope");
        let elsewhere = check(&app(), Some("https://evil.example/"), None, None, None);
        assert_eq!(elsewhere.unwrap_err().0, "invalid_redirect_uri");
    }
}
