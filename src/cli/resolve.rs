//! `kith resolve`: what a handle or an address is known as here.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_fields, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::domain::visibility::wanted;
use crate::error::AppError;
use crate::federation::fetch;
use crate::federation::find::{self, Found};
use crate::text;

pub fn command() -> Command {
    Command::new("resolve")
        .about("Look an account or a post up, elsewhere where need be, and tell what it is here")
        .long_about(
            "Look an account or a post up, elsewhere where it is not known yet, and tell what it is \
             here. What is found is stored, as when somebody searches for it.",
        )
        .arg(
            Arg::new("subject")
                .value_name("ACCT-OR-URL")
                .required(true)
                .help("name@domain, or the address of a profile or a post"),
        )
        .arg(
            Arg::new("refresh")
                .long("refresh")
                .action(ArgAction::SetTrue)
                .help("Read an account again that is known already"),
        )
        .arg(json_flag())
}

pub async fn run(config: Config, args: &ArgMatches) -> Outcome {
    let app = open(config).await?;
    let subject = required(args, "subject")?;
    let known = find::known(&app, subject)
        .await
        .map_err(|e| e.to_string())?;
    let found = match known {
        None if !app.config.is_ours(subject) => find::look_up(&app, subject)
            .await
            .map_err(|e| e.to_string())?,
        known => known,
    };
    let told = match found.ok_or_else(|| format!("{subject} leads to nothing"))? {
        Found::Account(id) => {
            let mut account = account(&app, id).await?;
            if args.get_flag("refresh") {
                account = fetch::refresh_now(&app, &account.uri)
                    .await
                    .map_err(|e| e.to_string())?;
            }
            account_told(&app, &account)
        }
        Found::Status(id) => {
            let status = status(&app, id).await?;
            let author = account(&app, status.account_id).await?;
            status_told(&app, &status, &author)
        }
    };
    if args.get_flag("json") {
        return print_json(&told);
    }
    print_fields(&told);
    Ok(())
}

async fn account(app: &App, id: i64) -> Result<Account, String> {
    let found = app.account(id).await.map_err(|e| e.to_string())?;
    found
        .map(|account| (*account).clone())
        .ok_or_else(|| "the account went meanwhile".to_owned())
}

async fn status(app: &App, id: i64) -> Result<Status, String> {
    app.read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, id).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?
        .ok_or_else(|| "the post went meanwhile".to_owned())
}

fn account_told(app: &App, account: &Account) -> Value {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "is": "account",
        "id": account.id.to_string(),
        "account": app.config.handle(&account.username, &account.domain),
        "kind": account.kind,
        "display_name": some(&account.display_name),
        "uri": account.uri,
        "url": some(&account.url),
        "inbox": some(&account.inbox_url),
        "delivered_to": some(&account.delivery_url),
        "fetched_at": (account.fetched_at > 0).then(|| iso(account.fetched_at)),
        "suspended_at": account.suspended_at.map(iso),
        "silenced_at": account.silenced_at.map(iso),
        "deleted_at": account.deleted_at.map(iso),
    })
}

fn status_told(app: &App, status: &Status, author: &Account) -> Value {
    json!({
        "is": "post",
        "id": status.id.to_string(),
        "account": app.config.handle(&author.username, &author.domain),
        "kind": status.kind,
        "uri": status.uri,
        "url": Some(&status.url).filter(|url| !url.is_empty()),
        "visibility": wanted(status.visibility).as_api(),
        "created_at": iso(status.created_at),
        "edited_at": status.edited_at.map(iso),
        "fetched_at": status.fetched_at.map(iso),
        "in_reply_to_id": status.in_reply_to_id.map(|id| id.to_string()),
        "text": text::to_plain(&status.content),
    })
}
