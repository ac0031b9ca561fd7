//! Activity intents (FEP-3b86): another site sends a person here to follow, like, boost, answer or
//! post with the account that is at home here. Nothing is done before the person has said so on
//! a page of ours, and nobody is sent away from here: whoever wants to go back follows a link that
//! says where to.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use super::gather;
use super::pages::{Compose, Intent};
use super::routes::{error_page, posts};
use super::site;
use super::view::Post;
use crate::api::oauth::authorize::Asked;
use crate::api::oauth::browser::{self, Cookies};
use crate::api::oauth::sign_in::sign_in_page;
use crate::app::App;
use crate::db::accounts::Account;
use crate::domain::reactions;
use crate::domain::statuses::{self, Draft};
use crate::domain::visibility::Visibility;
use crate::domain::{follows, interactions, moves, votes};
use crate::error::{AppError, AppResult};
use crate::federation::{self, Found};
use crate::http::params::{Params, text};
use crate::limits::{Deed, Who};

/// Longest address that is carried along.
const MAX_URL: usize = 2048;
/// Longest address of a page of ours with what it was given.
const MAX_PAGE: usize = 16 * 1024;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/authorize_interaction", get(any))
        .route("/share", get(share))
        .route("/intents/{verb}", get(show).post(act))
}

/// Whether an address is that of a page here that one may sign in for.
pub fn is_page(path: &str) -> bool {
    ["/intents/", "/authorize_interaction?", "/share?"]
        .iter()
        .any(|start| path.starts_with(start))
        && path.len() <= MAX_PAGE
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// What a person is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Follow,
    Like,
    Dislike,
    Announce,
    Create,
}

impl Verb {
    fn parse(name: &str) -> Option<Verb> {
        Some(match name {
            "follow" => Verb::Follow,
            "like" => Verb::Like,
            "dislike" => Verb::Dislike,
            "announce" => Verb::Announce,
            "create" => Verb::Create,
            _ => return None,
        })
    }

    /// The button: where it sends the form, and what it says.
    fn button(self) -> (String, &'static str) {
        let (name, label) = match self {
            Verb::Follow => ("follow", "Follow"),
            Verb::Like => ("like", "Like"),
            Verb::Dislike => ("dislike", "Dislike"),
            Verb::Announce => ("announce", "Boost"),
            Verb::Create => ("create", "Post"),
        };
        (format!("/intents/{name}"), label)
    }

    fn done(self) -> &'static str {
        match self {
            Verb::Follow => "Followed, or asked to",
            Verb::Like => "Liked",
            Verb::Dislike => "Disliked",
            Verb::Announce => "Boosted",
            Verb::Create => "Posted",
        }
    }
}

/// What a page is asked for: parameters of intents, of OStatus's `authorize_interaction`, of
/// Mastodon's `share`, and what our forms add.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    #[serde(deserialize_with = "text")]
    object: Option<String>,
    #[serde(deserialize_with = "text")]
    uri: Option<String>,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    summary: Option<String>,
    #[serde(deserialize_with = "text")]
    content: Option<String>,
    #[serde(rename = "inReplyTo", deserialize_with = "text")]
    in_reply_to: Option<String>,
    #[serde(deserialize_with = "text")]
    attachment: Option<String>,
    #[serde(deserialize_with = "text")]
    text: Option<String>,
    #[serde(deserialize_with = "text")]
    title: Option<String>,
    #[serde(deserialize_with = "text")]
    url: Option<String>,
    #[serde(rename = "on-success", deserialize_with = "text")]
    on_success: Option<String>,
    #[serde(rename = "on-cancel", deserialize_with = "text")]
    on_cancel: Option<String>,
    #[serde(deserialize_with = "text")]
    spoiler_text: Option<String>,
    #[serde(deserialize_with = "text")]
    visibility: Option<String>,
    /// Makes one post of a form that is sent twice.
    #[serde(deserialize_with = "text")]
    key: Option<String>,
    #[serde(deserialize_with = "text")]
    csrf: Option<String>,
}

impl Given {
    /// Whom or what it is about.
    fn target(&self) -> Option<&str> {
        [&self.object, &self.uri, &self.in_reply_to]
            .into_iter()
            .flatten()
            .map(|uri| uri.trim())
            .find(|uri| !uri.is_empty())
    }

    /// The post that is proposed.
    fn compose(&self, reply_to: Option<&str>) -> Compose {
        let plain = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        let lines = [
            reply_to
                .map(|handle| format!("@{handle} "))
                .unwrap_or_default(),
            plain(&self.name),
            plain(&self.title),
            plain(&self.content),
            plain(&self.text),
            plain(&self.attachment),
            plain(&self.url),
        ];
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        Compose {
            spoiler_text: plain(&self.summary),
            text: lines.join("\n"),
            visibility: String::new(),
        }
    }

    /// A place on the web to go back to.
    fn back(to: &Option<String>) -> Option<String> {
        let to = to.as_deref()?.trim();
        let web = to.starts_with("https://") || to.starts_with("http://");
        (web && to.len() <= MAX_URL && url::Url::parse(to).is_ok()).then(|| to.to_owned())
    }

    /// What the form brings along again.
    fn hidden(&self, app: &App) -> Vec<(String, String)> {
        let target = self.target().map(str::to_owned);
        let key = self.key.clone().unwrap_or_else(|| app.random.token());
        [
            ("object", target),
            ("on-success", self.on_success.clone()),
            ("on-cancel", self.on_cancel.clone()),
            ("key", Some(key)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

/// What a page is about.
enum Target {
    Nothing,
    Person(Box<Account>),
    Post(i64, Box<Post>),
}

/// Looks up what a page is about, here or elsewhere.
async fn target(app: &App, given: &Given) -> AppResult<Target> {
    let Some(uri) = given.target() else {
        return Ok(Target::Nothing);
    };
    let found = match uri.len() <= MAX_URL {
        true => federation::find(app, uri.trim_start_matches("acct:"), true).await?,
        false => None,
    };
    match found.ok_or_else(AppError::not_found)? {
        Found::Account(id) => {
            let account = app.account(id).await?.filter(|account| account.is_active());
            let account = account.ok_or_else(AppError::not_found)?;
            Ok(Target::Person(Box::new((*account).clone())))
        }
        Found::Status(id) => {
            let post = posts(app, vec![id]).await?.pop();
            let post = post.ok_or_else(AppError::not_found)?;
            Ok(Target::Post(id, Box::new(post)))
        }
    }
}

async fn any(
    State(app): State<App>,
    cookies: Cookies,
    uri: http::Uri,
    headers: HeaderMap,
    Params(given): Params<Given>,
) -> Response {
    let outcome = page(&app, &cookies, &uri, None, given).await;
    shown(&app, &headers, outcome).await
}

async fn share(
    State(app): State<App>,
    cookies: Cookies,
    uri: http::Uri,
    headers: HeaderMap,
    Params(given): Params<Given>,
) -> Response {
    let outcome = page(&app, &cookies, &uri, Some(Verb::Create), given).await;
    shown(&app, &headers, outcome).await
}

async fn show(
    State(app): State<App>,
    cookies: Cookies,
    Path(verb): Path<String>,
    uri: http::Uri,
    headers: HeaderMap,
    Params(given): Params<Given>,
) -> Response {
    let outcome = match Verb::parse(&verb) {
        Some(verb) => page(&app, &cookies, &uri, Some(verb), given).await,
        None => Err(AppError::not_found()),
    };
    shown(&app, &headers, outcome).await
}

async fn shown(app: &App, headers: &HeaderMap, outcome: AppResult<Response>) -> Response {
    match outcome {
        Ok(response) => response,
        Err(error) => error_page(app, headers, error).await,
    }
}

/// The page that asks, or the one to sign in on first.
async fn page(
    app: &App,
    cookies: &Cookies,
    uri: &http::Uri,
    verb: Option<Verb>,
    given: Given,
) -> AppResult<Response> {
    let Some(account) = browser::signed_in(app, cookies).await? else {
        let next = uri.path_and_query().map(ToString::to_string);
        let next = next.filter(|next| is_page(next));
        let next = next.ok_or_else(|| AppError::bad_request("Bad request"))?;
        return sign_in_page(app, cookies, None, Asked::on_to(next), None).await;
    };
    app.limits
        .count(Deed::LookUp, Who::Account(account.id), app.clock.now_ms())?;
    // The key is the form's, not that of whoever made the link.
    let given = Given { key: None, ..given };
    let target = target(app, &given).await?;
    let choices = choices(verb, &target)?;
    let compose = match &target {
        Target::Post(_, post) if matches!(verb, None | Some(Verb::Create)) => {
            let own = app.config.handle(&account.username, "");
            let author = Some(post.account.handle.as_str()).filter(|author| **author != own);
            Some(given.compose(author))
        }
        Target::Nothing => Some(given.compose(None)),
        _ => None,
    };
    ask(
        app, cookies, &account, given, target, choices, compose, None,
    )
    .await
}

/// What can be done with a target, of what was asked for. 404: nothing.
fn choices(verb: Option<Verb>, target: &Target) -> AppResult<Vec<Verb>> {
    let possible: &[Verb] = match target {
        Target::Nothing => &[],
        Target::Person(_) => &[Verb::Follow],
        Target::Post(..) => &[Verb::Like, Verb::Announce, Verb::Dislike],
    };
    Ok(match verb {
        None if matches!(target, Target::Nothing) => return Err(AppError::not_found()),
        None => possible[..possible.len().min(2)].to_vec(),
        Some(Verb::Create) if !matches!(target, Target::Person(_)) => Vec::new(),
        Some(verb) if possible.contains(&verb) => vec![verb],
        Some(_) => return Err(AppError::not_found()),
    })
}

#[expect(clippy::too_many_arguments, reason = "the parts of one page")]
async fn ask(
    app: &App,
    cookies: &Cookies,
    account: &Account,
    given: Given,
    target: Target,
    choices: Vec<Verb>,
    compose: Option<Compose>,
    error: Option<String>,
) -> AppResult<Response> {
    let session = cookies.session.as_deref().unwrap_or_default();
    let (person, post) = parts(app, target);
    let status = match error {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let html = Intent {
        site: site(app).await?,
        csrf: browser::proof(app, session),
        account: gather::account(&app.config, account),
        person,
        post,
        choices: choices.into_iter().map(Verb::button).collect(),
        compose,
        hidden: given.hidden(app),
        done: None,
        error,
        back: Given::back(&given.on_cancel),
    }
    .render();
    Ok(browser::page(status, html, Vec::new()))
}

fn parts(app: &App, target: Target) -> (Option<super::view::Account>, Option<Post>) {
    match target {
        Target::Nothing => (None, None),
        Target::Person(account) => (Some(gather::account(&app.config, &account)), None),
        Target::Post(_, post) => (None, Some(*post)),
    }
}

/// The person has said yes.
async fn act(
    State(app): State<App>,
    cookies: Cookies,
    Path(verb): Path<String>,
    headers: HeaderMap,
    Params(given): Params<Given>,
) -> Response {
    let outcome = match Verb::parse(&verb) {
        Some(verb) => acted(&app, &cookies, verb, given).await,
        None => Err(AppError::not_found()),
    };
    shown(&app, &headers, outcome).await
}

async fn acted(app: &App, cookies: &Cookies, verb: Verb, given: Given) -> AppResult<Response> {
    let Some(account) = browser::signed_in(app, cookies).await? else {
        let object = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(given.target().map(|target| ("object", target)))
            .finish();
        let next = Asked::on_to(format!("{}?{object}", verb.button().0));
        let text = "Your session has ended. Please sign in again.".to_owned();
        return sign_in_page(app, cookies, None, next, Some(text)).await;
    };
    if !browser::proven(app, cookies.session.as_ref(), given.csrf.as_deref()) {
        let text =
            "The form did not come from this server, or has expired. Please go back and try again.";
        return browser::error_page(app, StatusCode::FORBIDDEN, text).await;
    }
    moves::may_act(&account)?;
    app.limits
        .count(Deed::LookUp, Who::Account(account.id), app.clock.now_ms())?;
    let target = target(app, &given).await?;
    choices(Some(verb), &target)?;
    match done(app, &account, verb, &given, &target).await {
        Ok(()) => {}
        // What is wrong with it can be mended on the page.
        Err(error) if error.status.is_client_error() => {
            let text = error
                .description
                .clone()
                .unwrap_or_else(|| error.error.to_string());
            let compose = (verb == Verb::Create).then(|| Compose {
                spoiler_text: given.spoiler_text.clone().unwrap_or_default(),
                text: given.text.clone().unwrap_or_default(),
                visibility: given.visibility.clone().unwrap_or_default(),
            });
            let choices = choices(Some(verb), &target)?;
            let error = Some(text);
            return ask(
                app, cookies, &account, given, target, choices, compose, error,
            )
            .await;
        }
        Err(error) => return Err(error),
    }
    let (person, post) = parts(app, target);
    let html = Intent {
        site: site(app).await?,
        csrf: String::new(),
        account: gather::account(&app.config, &account),
        person,
        post,
        choices: Vec::new(),
        compose: None,
        hidden: Vec::new(),
        done: Some(verb.done()),
        error: None,
        back: Given::back(&given.on_success),
    }
    .render();
    Ok(browser::page(StatusCode::OK, html, Vec::new()))
}

/// Does it, in one transaction.
async fn done(
    app: &App,
    account: &Account,
    verb: Verb,
    given: &Given,
    target: &Target,
) -> AppResult<()> {
    let (ctx, account) = (app.ctx.clone(), account.clone());
    match (verb, target) {
        (Verb::Follow, Target::Person(person)) => {
            let person = person.clone();
            let options = follows::Options::default();
            app.write(move |tx| {
                Box::pin(async move { follows::follow(tx, &ctx, &account, &person, options).await })
            })
            .await
        }
        (Verb::Create, Target::Nothing | Target::Post(..)) => {
            let visibility = match given.visibility.as_deref().filter(|name| !name.is_empty()) {
                Some(name) => Some(
                    Visibility::parse(name)
                        .ok_or_else(|| AppError::invalid("There is no such visibility"))?,
                ),
                None => None,
            };
            let draft = Draft {
                text: given.text.clone().unwrap_or_default(),
                spoiler_text: given.spoiler_text.clone().unwrap_or_default(),
                visibility,
                in_reply_to_id: match target {
                    Target::Post(id, _) => Some(*id),
                    _ => None,
                },
                idempotency_key: given.key.clone().filter(|key| key.len() <= 100),
                ..Draft::default()
            };
            federation::resolve_mentions(app, &draft.text).await;
            app.write(move |tx| {
                Box::pin(async move {
                    statuses::post(tx, &ctx, &account, draft).await?;
                    Ok(())
                })
            })
            .await
        }
        (_, Target::Post(id, _)) => {
            let id = *id;
            app.write(move |tx| {
                Box::pin(async move {
                    let status = reactions::subject(tx, &account, id).await?;
                    match verb {
                        Verb::Like => {
                            let done =
                                interactions::favourite(tx, &ctx, &account, &status, None).await?;
                            done.allowed(interactions::Verb::Like)
                        }
                        Verb::Dislike => votes::dislike(tx, &ctx, &account, &status, None).await,
                        _ => {
                            let (done, _) =
                                interactions::reblog(tx, &ctx, &account, &status, None, None)
                                    .await?;
                            done.allowed(interactions::Verb::Announce)
                        }
                    }
                })
            })
            .await
        }
        _ => Err(AppError::not_found()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_page;

    #[test]
    fn one_signs_in_for_pages_of_ours_alone() {
        for ours in [
            "/intents/follow?object=https%3A%2F%2Fa.example%2Fu",
            "/authorize_interaction?uri=acct:a@b.example",
            "/share?text=hello",
        ] {
            assert!(is_page(ours), "{ours}");
        }
        for other in [
            "",
            "/",
            "//evil.example/intents/follow",
            "https://evil.example/intents/",
            "/oauth/authorize?client_id=1",
            "/intents/\\evil.example",
            "/intents/follow?object=a b",
            "/share?\r\nset-cookie: a=b",
        ] {
            assert!(!is_page(other), "{other}");
        }
    }
}
