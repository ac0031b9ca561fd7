//! Webfinger as a client (RFC 7033; FEP-2c59 and Mastodon's documentation tell how handles and
//! actors go together).

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::fetch::{Error, check_status, is_activity_json, over};
use super::value::{host, many, text, uri};
use crate::app::App;
use crate::client::{Budget, FetchError, GetOptions};
use crate::text::names::{Handle, normalize_domain, parse_handle};

/// What one lookup may cost.
const MAX_BYTES: u64 = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The relation of OStatus's address to follow at, which most servers have.
pub const SUBSCRIBE: &str = "http://ostatus.org/schema/1.0/subscribe";
/// What relations of activity intents begin with, before the activity's type (FEP-3b86).
pub const INTENT: &str = "https://w3id.org/fep/3b86/";
/// Longest template of an address.
const MAX_TEMPLATE: usize = 2048;

/// What a host says of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub subject: Option<Handle>,
    /// Actors it links to as `self`.
    pub actors: Vec<String>,
    /// Addresses to send the person to who is to follow, like or answer something: relation and
    /// template (FEP-3b86, and OStatus's before it).
    pub intents: Vec<(String, String)>,
}

/// The domain of an actor's handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub domain: String,
    /// Whether a webfinger said so, or merely none said otherwise.
    pub confirmed: bool,
}

/// Reads a JRD.
pub fn read(document: &Value) -> Answer {
    let is_self = |link: &&Value| {
        text(link, "rel") == Some("self") && text(link, "type").is_some_and(is_activity_json)
    };
    Answer {
        subject: text(document, "subject")
            .filter(|subject| subject.starts_with("acct:"))
            .and_then(parse_handle)
            .filter(|handle| handle.domain.is_some()),
        actors: many(document, "links")
            .iter()
            .filter(is_self)
            .filter_map(|link| text(link, "href"))
            .filter(|href| uri(href).is_some())
            .map(str::to_owned)
            .take(10)
            .collect(),
        intents: many(document, "links")
            .iter()
            .filter_map(|link| Some((text(link, "rel")?, text(link, "template")?)))
            .filter(|(rel, template)| {
                (*rel == SUBSCRIBE || rel.starts_with(INTENT)) && template.len() <= MAX_TEMPLATE
            })
            .map(|(rel, template)| (rel.to_owned(), template.to_owned()))
            .take(30)
            .collect(),
    }
}

/// Asks a host about `username@domain`.
async fn ask(
    app: &App,
    scheme: &str,
    at: &str,
    username: &str,
    domain: &str,
    budget: &Budget,
) -> Result<Answer, Error> {
    let unusable = || Error::Hopeless(format!("{at:.200}: not a usable host"));
    let policies = app.policies().await?;
    if policies.blocks(at) {
        return Err(Error::Hopeless(format!("{at}: the domain is blocked")));
    }
    let mut url =
        Url::parse(&format!("{scheme}://{at}/.well-known/webfinger")).map_err(|_| unusable())?;
    url.query_pairs_mut()
        .append_pair("resource", &format!("acct:{username}@{domain}"));
    let options = GetOptions {
        accept: "application/jrd+json, application/json",
        max_bytes: MAX_BYTES,
        timeout: TIMEOUT,
        admits: Some(&|url| !policies.blocks(&host(url))),
        ..GetOptions::default()
    };
    let response = app
        .client
        .get(&url, &options, budget)
        .await
        .map_err(|error| match error {
            FetchError::OverBudget(exceeded) => over(url.as_str(), exceeded),
            FetchError::Refused(_) | FetchError::TooLarge(_) | FetchError::TooManyRedirects => {
                Error::Hopeless(format!("{url}: {error}"))
            }
            _ => Error::Later(format!("{url}: {error}")),
        })?;
    check_status(&url, response.status)?;
    let document = super::value::parse(&response.body)
        .map_err(|error| Error::Hopeless(format!("{url}: unreadable JSON: {error}")))?;
    Ok(read(&document))
}

/// The schemes a bare domain may be asked by, in order.
fn schemes(app: &App) -> &'static [&'static str] {
    if app.config.federation_allow_private {
        &["http", "https"]
    } else {
        &["https"]
    }
}

/// What the host of `username@domain` says of it.
pub async fn answer(
    app: &App,
    username: &str,
    domain: &str,
    budget: &Budget,
) -> Result<Answer, Error> {
    let domain = normalize_domain(domain)
        .ok_or_else(|| Error::Hopeless(format!("{domain:.200}: not a domain")))?;
    let mut outcome = Err(Error::Hopeless("nothing to ask".to_owned()));
    for scheme in schemes(app) {
        outcome = ask(app, scheme, &domain, username, &domain, budget).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The actor that `username@domain` names.
pub async fn resolve(
    app: &App,
    username: &str,
    domain: &str,
    budget: &Budget,
) -> Result<String, Error> {
    answer(app, username, domain, budget)
        .await?
        .actors
        .into_iter()
        .next()
        .ok_or_else(|| Error::Gone(format!("{username}@{domain}")))
}

/// The domain of an actor's handle. Its own host has to know the actor under its name; where
/// that names another domain in the subject, the other domain has to agree, else the handle is
/// on the actor's host. A host without webfinger vouches for its names by serving the actors.
pub async fn verify(
    app: &App,
    username: &str,
    actor: &str,
    budget: &Budget,
) -> Result<Verified, Error> {
    let url = uri(actor).ok_or_else(|| Error::Hopeless(format!("{actor:.200}: no usable id")))?;
    let own = normalize_domain(&host(&url))
        .ok_or_else(|| Error::Hopeless(format!("{actor:.200}: no usable host")))?;
    let unconfirmed = Verified {
        domain: own.clone(),
        confirmed: false,
    };
    let answer = match ask(app, url.scheme(), &own, username, &own, budget).await {
        Ok(answer) => answer,
        Err(Error::Gone(_) | Error::Hopeless(_)) => return Ok(unconfirmed),
        Err(later) => return Err(later),
    };
    if answer.actors.is_empty() {
        return Ok(unconfirmed);
    }
    if answer.actors.iter().all(|known| known != actor) {
        return Err(Error::Hopeless(format!(
            "{actor}: {own} knows {username} as another actor"
        )));
    }
    let confirmed = Verified {
        domain: own.clone(),
        confirmed: true,
    };
    let Some(Handle {
        username: name,
        domain: Some(domain),
    }) = answer.subject
    else {
        return Ok(confirmed);
    };
    if domain == own || !name.eq_ignore_ascii_case(username) || app.config.is_our_domain(&domain) {
        return Ok(confirmed);
    }
    for scheme in schemes(app) {
        match ask(app, scheme, &domain, &name, &domain, budget).await {
            Ok(other) if other.actors.iter().any(|known| known == actor) => {
                return Ok(Verified {
                    domain,
                    confirmed: true,
                });
            }
            _ => {}
        }
    }
    Ok(confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers() {
        let answer = read(&json!({
            "subject": "acct:Sara@social.example",
            "aliases": ["https://a.example/@sara"],
            "links": [
                {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": "https://a.example/@sara"},
                {"rel": "self", "type": "application/activity+json", "href": "https://a.example/users/sara"},
                {"rel": "self", "type": "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"", "href": "https://a.example/users/sara"},
                {"rel": "self", "type": "text/html", "href": "https://evil.example/"},
                {"rel": "self", "type": "application/activity+json", "href": 7},
                "nonsense"
            ]
        }));
        assert_eq!(answer.subject.as_ref().unwrap().username, "Sara");
        assert_eq!(
            answer.subject.unwrap().domain.as_deref(),
            Some("social.example")
        );
        assert_eq!(answer.actors, vec!["https://a.example/users/sara"; 2]);
        for odd in [
            json!({}),
            json!({"subject": 1, "links": {}}),
            json!({"links": null}),
        ] {
            assert_eq!(read(&odd).actors.len(), 0);
        }
        assert_eq!(
            read(&json!({"subject": "https://a.example/users/sara"})).subject,
            None
        );
    }
}
