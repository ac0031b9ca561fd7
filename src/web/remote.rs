//! The way from a page of ours to one's own server: whoever reads a profile or post here says who
//! they are at home, and is shown where to go on there (FEP-3b86, OStatus's subscribe address).

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::pages::Onwards;
use super::routes::{error_page, html};
use super::site;
use crate::app::App;
use crate::client::{Budget, Limits};
use crate::db;
use crate::domain::visibility::Visibility;
use crate::error::{AppError, AppResult};
use crate::federation::find::{self, Found};
use crate::federation::webfinger::{self, Answer, INTENT, SUBSCRIBE};
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text};
use crate::limits::Deed;
use crate::text::names::{Handle, parse_handle};

/// What asking another server may cost.
const LIMITS: Limits = Limits {
    requests: 4,
    bytes: 256 * 1024,
    depth: 1,
    time: Duration::from_secs(8),
};

pub fn routes() -> Router<App> {
    Router::new().route("/interact", get(onwards))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    #[serde(deserialize_with = "text")]
    uri: Option<String>,
    #[serde(deserialize_with = "text")]
    handle: Option<String>,
}

async fn onwards(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(asked): Params<Asked>,
) -> Response {
    match page(&app, &caller, asked).await {
        Ok(response) => response,
        Err(error) => error_page(&app, &headers, error).await,
    }
}

/// What a page of ours is about.
struct Subject {
    uri: String,
    url: String,
    /// The type of activity that is likeliest meant.
    intent: &'static str,
}

/// Somebody here, or an open post of theirs.
async fn subject(app: &App, uri: &str) -> AppResult<Subject> {
    if !app.config.is_ours(uri) {
        return Err(AppError::not_found());
    }
    match find::known(app, uri)
        .await?
        .ok_or_else(AppError::not_found)?
    {
        Found::Account(id) => {
            let account = app.account(id).await?.ok_or_else(AppError::not_found)?;
            if !account.is_local() || !account.is_active() {
                return Err(AppError::not_found());
            }
            Ok(Subject {
                uri: account.uri.clone(),
                url: account.url.clone(),
                intent: "Follow",
            })
        }
        Found::Status(id) => {
            let status = app
                .read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, id).await?) }))
                .await?
                .filter(|status| {
                    Visibility::from_db(status.visibility).is_open() && !status.local_only
                })
                .ok_or_else(AppError::not_found)?;
            Ok(Subject {
                uri: status.uri,
                url: status.url,
                intent: "Like",
            })
        }
    }
}

async fn page(app: &App, caller: &Caller, asked: Asked) -> AppResult<Response> {
    let subject = subject(app, asked.uri.as_deref().unwrap_or_default().trim()).await?;
    let typed = asked.handle.unwrap_or_default();
    let typed = typed.trim().trim_start_matches('@').to_owned();
    let (target, error) = match parse_handle(&typed) {
        Some(Handle {
            username,
            domain: Some(domain),
        }) => {
            caller.count(app, Deed::LookUp)?;
            match at_home(app, &username, &domain, &subject).await? {
                Some(target) => (Some(target), None),
                None => {
                    let text = format!("{domain:.100} does not say where to go on.");
                    (None, Some(text))
                }
            }
        }
        _ => {
            let text = "That is no handle: it looks like you@your.server.";
            (None, Some(text.to_owned()))
        }
    };
    let status = match error {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = Onwards {
        site: site(app).await?,
        uri: subject.uri,
        url: subject.url,
        handle: typed,
        target,
        error,
    };
    Ok(html(status, page.render()))
}

/// Where somebody goes on at home, if their server says so.
async fn at_home(
    app: &App,
    username: &str,
    domain: &str,
    subject: &Subject,
) -> AppResult<Option<String>> {
    if app.config.is_our_domain(domain) {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("uri", &subject.uri)
            .finish();
        let page = format!("/authorize_interaction?{query}");
        return Ok(Some(app.config.url(&page)));
    }
    match webfinger::answer(app, username, domain, &Budget::new(LIMITS)).await {
        Ok(answer) => Ok(address(&answer, subject)),
        Err(error) => {
            tracing::debug!(%error, "nobody's own server could be asked");
            Ok(None)
        }
    }
}

/// The address of the likeliest intent with the subject in it, else OStatus's; an address on the
/// web alone.
fn address(answer: &Answer, subject: &Subject) -> Option<String> {
    let wanted = format!("{INTENT}{}", subject.intent);
    let any = [SUBSCRIBE, wanted.as_str()];
    // OStatus's page takes whatever it is given; that of an intent does one thing.
    let order = match subject.intent {
        "Follow" => [any[1], any[0]],
        _ => any,
    };
    let template = order.iter().find_map(|rel| {
        let of_rel = answer.intents.iter().find(|(known, _)| known == rel);
        of_rel.map(|(_, template)| template)
    })?;
    let filled = fill(template, &subject.uri);
    let url = Url::parse(&filled).ok()?;
    (matches!(url.scheme(), "https" | "http") && url.host_str().is_some()).then(|| url.into())
}

/// A template with an object's id where one is asked for, and nothing where anything else is.
fn fill(template: &str, object: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(object.as_bytes()).collect();
    let mut filled = String::with_capacity(template.len() + encoded.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        if matches!(name, "uri" | "object") {
            filled.push_str(&encoded);
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(intents: &[(&str, &str)]) -> Answer {
        Answer {
            subject: None,
            actors: Vec::new(),
            intents: intents
                .iter()
                .map(|(rel, template)| ((*rel).to_owned(), (*template).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn one_goes_on_where_the_own_server_says() {
        let person = Subject {
            uri: "https://kith.example/users/alice".to_owned(),
            url: String::new(),
            intent: "Follow",
        };
        let encoded = "https%3A%2F%2Fkith.example%2Fusers%2Falice";
        let follow = format!("{INTENT}Follow");
        let both = [
            (
                SUBSCRIBE,
                "https://a.example/authorize_interaction?uri={uri}",
            ),
            (&follow, "https://a.example/f?o={object}&b={on-success}"),
        ];
        assert_eq!(
            address(&answer(&both), &person),
            Some(format!("https://a.example/f?o={encoded}&b="))
        );
        assert_eq!(
            address(&answer(&both[..1]), &person),
            Some(format!(
                "https://a.example/authorize_interaction?uri={encoded}"
            ))
        );
        let post = Subject {
            intent: "Like",
            ..person
        };
        assert_eq!(
            address(&answer(&both[1..]), &post),
            None,
            "following is not meant"
        );
        for bad in [
            "javascript:alert(1)//{uri}",
            "{uri}",
            "/a?b={uri}",
            "https://",
        ] {
            assert_eq!(address(&answer(&[(SUBSCRIBE, bad)]), &post), None, "{bad}");
        }
    }
}
