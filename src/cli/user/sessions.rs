//! `kith user sessions`: where a user is signed in.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::find;
use crate::app::App;
use crate::cli::{Outcome, json_flag, print_json, required};
use crate::clock::iso;
use crate::domain::sign_in::{self, Listed};

/// The command.
pub fn command() -> Command {
    Command::new("sessions")
        .about("List where a user is signed in, newest first")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .help("User name"),
        )
        .arg(json_flag())
}

fn used(session: &Listed) -> String {
    iso(session
        .token
        .last_used_at
        .unwrap_or(session.token.created_at))
}

/// Lists them.
pub async fn run(app: &App, args: &ArgMatches) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let (id, now) = (account.id, app.clock.now_ms());
    let sessions = app
        .read(move |c| Box::pin(async move { sign_in::sessions(c, id, 0, now).await }))
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        let all = sessions.iter().map(|session| {
            json!({
                "id": session.id.to_string(),
                "app": session.app,
                "scopes": session.token.scopes,
                "ip": session.token.ip,
                "user_agent": session.token.user_agent,
                "created_at": iso(session.created_at),
                "last_used_at": used(session),
            })
        });
        return print_json(&Value::Array(all.collect()));
    }
    for session in &sessions {
        println!(
            "{} {} {:<15} {} ({}) {}",
            session.id,
            used(session),
            session.token.ip,
            session.app.as_deref().unwrap_or("-"),
            session.token.scopes,
            session.token.user_agent
        );
    }
    Ok(())
}
