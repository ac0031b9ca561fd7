//! `kith user suspend|unsuspend|silence|unsilence|role`: what moderators do, from here.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{find, shown};
use crate::app::App;
use crate::cli::{Outcome, json_flag, print_json, required};
use crate::clock::iso;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::moderation::{self, Actor, Deed, Lift, Preview, Sanction};
use crate::domain::users::Role;
use crate::error::AppError;

/// Commands that act on accounts of here and of elsewhere.
pub const VERBS: [&str; 4] = ["suspend", "unsuspend", "silence", "unsilence"];

/// The commands.
pub fn commands() -> [Command; 5] {
    let acct = || {
        Arg::new("acct")
            .value_name("NAME")
            .required(true)
            .help("User name, or name@domain for an account elsewhere")
    };
    let reason = |help: &'static str| {
        Arg::new("reason")
            .long("reason")
            .value_name("TEXT")
            .default_value("")
            .hide_default_value(true)
            .help(help)
    };
    let quiet = || {
        Arg::new("no-letter")
            .long("no-letter")
            .action(ArgAction::SetTrue)
            .help("Send the user no letter")
    };
    let dry = || {
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Tell what it would do, and do nothing")
    };
    [
        Command::new("suspend")
            .about("Hide an account and all it posted, and end its sessions; elsewhere, its follows of people here")
            .arg(acct())
            .arg(reason("Why, for the user to read"))
            .arg(quiet())
            .arg(dry())
            .arg(json_flag()),
        Command::new("unsuspend")
            .about("Let a suspended account back in, with all it had")
            .arg(acct())
            .arg(reason("Why, for the audit log"))
            .arg(json_flag()),
        Command::new("silence")
            .about("Show an account to its followers alone")
            .arg(acct())
            .arg(reason("Why, for the user to read"))
            .arg(quiet())
            .arg(dry())
            .arg(json_flag()),
        Command::new("unsilence")
            .about("Show a silenced account to everyone again")
            .arg(acct())
            .arg(reason("Why, for the audit log"))
            .arg(json_flag()),
        Command::new("role")
            .about("Give a user another role")
            .arg(Arg::new("name").value_name("NAME").required(true).help("User name"))
            .arg(
                Arg::new("role")
                    .value_name("ROLE")
                    .required(true)
                    .value_parser(["user", "moderator", "admin"])
                    .help("What the user may do from now on"),
            )
            .arg(json_flag()),
    ]
}

/// The account of a name, or of name@domain.
pub async fn account(app: &App, acct: &str) -> Result<Account, String> {
    let handle = acct.strip_prefix('@').unwrap_or(acct);
    let (name, domain) = match handle.split_once('@') {
        Some((name, domain)) if app.config.is_our_domain(domain) => (name, ""),
        Some((name, domain)) => (name, domain),
        None => (handle, ""),
    };
    let (name, domain) = (name.to_owned(), domain.to_owned());
    app.read(move |c| {
        Box::pin(async move { Ok(db::accounts::by_handle(c, &name, &domain).await?) })
    })
    .await
    .map_err(|e: AppError| e.to_string())?
    .filter(|account| account.deleted_at.is_none())
    .ok_or_else(|| format!("there is no account {acct}"))
}

/// Runs one of [`VERBS`].
pub async fn run(app: &App, args: &ArgMatches, verb: &str) -> Outcome {
    let acct = required(args, "acct")?;
    let before = account(app, acct).await?;
    let reason = required(args, "reason")?.clone();
    let deed = match verb {
        "suspend" => Some(Deed::Suspend),
        "silence" => Some(Deed::Silence),
        _ => None,
    };
    if deed.is_some() && args.get_flag("dry-run") {
        return tell(app, args, verb, before).await;
    }
    let (ctx, actor, id) = (
        app.ctx.clone(),
        Actor::command(&format!("kith user {verb}")),
        before.id,
    );
    match deed {
        Some(deed) => {
            let sanction = Sanction {
                deed,
                text: reason,
                report_id: None,
                letter: !args.get_flag("no-letter"),
            };
            app.write(move |tx| {
                Box::pin(async move {
                    moderation::act(tx, &ctx, &actor, id, sanction)
                        .await
                        .map(|_| ())
                })
            })
            .await
        }
        None => {
            let what = match verb {
                "unsuspend" => Lift::Unsuspend,
                _ => Lift::Unsilence,
            };
            app.write(move |tx| {
                Box::pin(async move { moderation::lift(tx, &ctx, &actor, id, what, &reason).await })
            })
            .await
        }
    }
    .map_err(|e| e.to_string())?;
    let after = account(app, acct).await?;
    if args.get_flag("json") {
        return print_json(&json!({
            "id": after.id.to_string(),
            "account": app.config.handle(&after.username, &after.domain),
            "suspended_at": after.suspended_at.map(iso),
            "silenced_at": after.silenced_at.map(iso),
        }));
    }
    let still = match verb {
        "unsuspend" => after.suspended_at.is_some(),
        "unsilence" => after.silenced_at.is_some(),
        _ => false,
    };
    if still {
        return Err(format!("a policy for its domain still holds for {acct}"));
    }
    println!(
        "{acct} is {verb}{}",
        if verb.ends_with("silence") { "d" } else { "ed" }
    );
    Ok(())
}

/// What a deed would do.
async fn tell(app: &App, args: &ArgMatches, verb: &str, account: Account) -> Outcome {
    let of = account.clone();
    let Preview {
        posts,
        followers,
        following,
        sessions,
        reports,
    } = app
        .read(move |c| Box::pin(async move { moderation::preview(c, &of).await }))
        .await
        .map_err(|e| e.to_string())?;
    let suspends = verb == "suspend";
    if args.get_flag("json") {
        return print_json(&json!({
            "account": app.config.handle(&account.username, &account.domain),
            "posts": posts,
            "followers": followers,
            "following": following,
            "sessions": if suspends { sessions } else { 0 },
            "reports": reports,
        }));
    }
    println!(
        "would {verb} {}:",
        app.config.handle(&account.username, &account.domain)
    );
    if suspends {
        println!("  {posts} posts nobody would see, {sessions} sessions would end");
        match account.is_local() {
            true => println!(
                "  {followers} followers and {following} it follows would stay, and see nothing of it"
            ),
            false => println!(
                "  {following} people here would lose it as a follower; this cannot be taken back"
            ),
        }
    } else {
        println!("  {posts} posts only its {followers} followers here would be shown");
    }
    println!("  {reports} open reports would be resolved");
    Ok(())
}

/// `kith user role`
pub async fn role(app: &App, args: &ArgMatches) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let role = Role::parse(required(args, "role")?).ok_or("unknown role")?;
    let (ctx, id) = (app.ctx.clone(), account.id);
    let actor = Actor::command("kith user role");
    let user = app
        .write(move |tx| {
            Box::pin(async move { moderation::set_role(tx, &ctx, &actor, id, role).await })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&user, &account));
    }
    println!("{} is {} now", account.username, role.as_str());
    Ok(())
}
