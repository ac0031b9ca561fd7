//! Why something has not arrived: for those who ask by a post's address, an account or a host.

use http::StatusCode;
use serde_json::{Value, json};

use super::find::{self, Found};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::accounts::Account;
use crate::db::deliveries::Standing;
use crate::db::hosts::Host;
use crate::domain::deliveries::{self, Reached, Sent};
use crate::error::{AppError, AppResult};

/// What became of what was asked about.
#[derive(Debug, Clone)]
pub enum Explanation {
    /// Activities of a local account, newest first: all, or those about one thing.
    Sent {
        /// Its name.
        author: String,
        /// The id of that thing.
        about: Option<String>,
        sent: Vec<Sent>,
    },
    /// What went to a remote account's inbox, or to a host.
    Reached(Reached),
}

/// What is asked about.
enum Subject {
    /// Something of a local account's, by its id; or all it sent.
    Of(Account, Option<String>),
    Remote(Account),
    Host(String),
}

/// Explains a post (also one that is gone) by its address, an account by its handle or address,
/// or a host. 404 with a text where nothing of that name is known.
pub async fn explain(app: &App, text: &str) -> AppResult<Explanation> {
    Ok(match subject(app, text).await? {
        Subject::Of(author, about) => {
            let (id, wanted) = (author.id, about.clone());
            let sent = app
                .read(move |c| {
                    Box::pin(async move { deliveries::sent(c, id, wanted.as_deref()).await })
                })
                .await?;
            Explanation::Sent {
                author: author.username,
                about,
                sent,
            }
        }
        Subject::Remote(account) => Explanation::Reached(
            app.read(move |c| Box::pin(async move { deliveries::reached_of(c, &account).await }))
                .await?,
        ),
        Subject::Host(host) => Explanation::Reached(
            app.read(move |c| Box::pin(async move { deliveries::reached(c, &host, None).await }))
                .await?,
        ),
    })
}

fn unknown(text: impl Into<String>) -> AppError {
    AppError::new(StatusCode::NOT_FOUND, text.into())
}

async fn subject(app: &App, text: &str) -> AppResult<Subject> {
    let gone = || unknown(format!("{text} is gone"));
    let account = |id: i64| async move {
        let account = app
            .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
            .await?;
        account.ok_or_else(gone)
    };
    match find::known(app, text).await? {
        Some(Found::Account(id)) => {
            let account = account(id).await?;
            Ok(match account.is_local() {
                true => Subject::Of(account, None),
                false => Subject::Remote(account),
            })
        }
        Some(Found::Status(id)) => {
            let status = app
                .read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, id).await?) }))
                .await?
                .ok_or_else(gone)?;
            let author = account(status.account_id).await?;
            if !author.is_local() {
                return Err(unknown(format!(
                    "{text} is not from here: {} sent it, if anybody",
                    author.domain
                )));
            }
            Ok(Subject::Of(author, Some(status.uri)))
        }
        // Something that is gone was sent nevertheless, its Delete too.
        None if app.config.is_ours(text) => {
            let nothing = || unknown(format!("nothing is known of {text}"));
            let rest = text.split_once("/users/").or_else(|| text.split_once("/@"));
            let parts: Vec<&str> = rest.map_or("", |(_, rest)| rest).split('/').collect();
            // Its id, or its page.
            let ([name, "statuses", id] | [name, id]) = parts[..] else {
                return Err(nothing());
            };
            let uri = app.config.actor_uri(name);
            let about = format!("{uri}/statuses/{id}");
            let author = app
                .read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &uri).await?) }))
                .await?
                .ok_or_else(nothing)?;
            Ok(Subject::Of(author, Some(about)))
        }
        None if !text.contains('/') && !text.contains('@') => {
            Ok(Subject::Host(text.to_lowercase()))
        }
        None => Err(unknown(format!("nothing is known of {text}"))),
    }
}

impl Explanation {
    /// As JSON: a list of activities, or a host. `now` is in milliseconds since the epoch.
    pub fn json(&self, now: i64) -> Value {
        let list = |list: &[Standing]| -> Vec<Value> {
            list.iter()
                .map(|one| deliveries::standing(one, now))
                .collect()
        };
        match self {
            Explanation::Sent { sent, .. } => sent
                .iter()
                .map(|sent| {
                    json!({
                        "id": sent.activity.id.to_string(),
                        "type": sent.activity.kind,
                        "created_at": iso(sent.activity.created_at),
                        "delivered": sent.delivered,
                        "waiting": sent.waiting,
                        "given_up": sent.given_up,
                        "deliveries": list(&sent.deliveries),
                    })
                })
                .collect(),
            Explanation::Reached(reached) => json!({
                "host": reached.host,
                "health": health_json(reached.health.as_ref()),
                "waiting": list(&reached.waiting),
                "finished": list(&reached.finished),
            }),
        }
    }
}

/// A host that something waits for.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub host: String,
    /// How many deliveries.
    pub deliveries: i64,
    /// As the last process wrote it down; nothing of a host that never was in trouble.
    pub health: Option<Host>,
}

impl Waiting {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "host": self.host,
            "waiting": self.deliveries,
            "health": health_json(self.health.as_ref()),
        })
    }
}

/// The hosts that something waits for, those with the most first, at most `limit`.
pub async fn waiting(app: &App, limit: i64) -> AppResult<Vec<Waiting>> {
    app.read(move |c| {
        Box::pin(async move {
            let backlog = db::deliveries::backlog(c, limit).await?;
            let names: Vec<String> = backlog.iter().map(|(host, _)| host.clone()).collect();
            let known = db::hosts::by_names(c, &names).await?;
            Ok(backlog
                .into_iter()
                .map(|(host, deliveries)| Waiting {
                    health: known.iter().find(|known| known.host == host).cloned(),
                    host,
                    deliveries,
                })
                .collect())
        })
    })
    .await
}

fn health_json(host: Option<&Host>) -> Value {
    host.map_or(Value::Null, |host| {
        json!({
            "failures": host.failures,
            "failing_since": host.failing_since.map(iso),
            "retry_at": host.retry_at.map(iso),
            "last_success_at": host.last_success_at.map(iso),
            "signature": host.signature,
            "error": host.last_error,
        })
    })
}
