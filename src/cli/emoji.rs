//! `kith emoji …`: custom emoji.

mod pack;

use std::path::Path;

use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::emojis::CustomEmoji;
use crate::domain::emojis::{self, MAX_BYTES, Picture};
use crate::domain::moderation::audit;
use crate::error::AppError;
use crate::progress::Progress;

pub fn command() -> Command {
    let options = |command: Command| {
        command
            .arg(
                Arg::new("category")
                    .long("category")
                    .value_name("NAME")
                    .default_value("")
                    .hide_default_value(true)
                    .help("Where pickers show it"),
            )
            .arg(
                Arg::new("unlisted")
                    .long("unlisted")
                    .action(ArgAction::SetTrue)
                    .help("Leave it out of pickers; it can still be typed"),
            )
            .arg(
                Arg::new("overwrite")
                    .long("overwrite")
                    .action(ArgAction::SetTrue)
                    .help("Replace those that are there already"),
            )
    };
    let name = || {
        Arg::new("name")
            .value_name("SHORTCODE")
            .required(true)
            .help("What people type between colons")
    };
    let path = |help: &'static str| {
        Arg::new("path")
            .value_name("FILE")
            .required(true)
            .help(help)
    };
    let affix = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("TEXT")
            .default_value("")
            .hide_default_value(true)
            .help(help)
    };
    Command::new("emoji")
        .about("Custom emoji")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            options(Command::new("add").about("Add an emoji: PNG, GIF, WebP or JPEG"))
                .arg(name())
                .arg(path("The picture")),
        )
        .subcommand(
            options(
                Command::new("import").about(
                    "Add every picture of a .tar.gz, .zip or directory, under its file name",
                ),
            )
            .arg(path("A pack, or a directory"))
            .arg(affix("prefix", "Put before every name"))
            .arg(affix("suffix", "Put after every name"))
            .arg(json_flag()),
        )
        .subcommand(
            Command::new("export")
                .about("Write this server's emoji into a .tar.gz that import takes")
                .arg(path("Where to; a file that is there is not written over"))
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("list")
                .about("List this server's emoji")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("remove")
                .about("Remove an emoji; posts that used it show its name")
                .arg(name()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "add" => add(&app, args).await,
        "import" => import(&app, args).await,
        "export" => export(&app, args).await,
        "list" => list(&app, args).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command emoji {other}")),
    }
}

/// Adds one; `false` when it is there already and is to stay.
async fn put(app: &App, name: &str, bytes: Bytes, args: &ArgMatches) -> Result<bool, String> {
    emojis::check_name(name).map_err(|e| e.to_string())?;
    let wanted = name.to_owned();
    let known = app
        .read(move |c| Box::pin(async move { emojis::by_name(c, &wanted).await }))
        .await
        .map_err(|e| e.to_string())?;
    if known.is_some() && !args.get_flag("overwrite") {
        return Ok(false);
    }
    let stored = app
        .intake
        .emoji(name, bytes, MAX_BYTES)
        .await
        .map_err(|e| format!("{name}: {e}"))?;
    let picture = Picture {
        image: stored.image.to_string(),
        static_image: stored.static_image.to_string(),
        mime: stored.mime.to_owned(),
    };
    let (name, ctx) = (name.to_owned(), app.ctx.clone());
    let category = required(args, "category")?.clone();
    let listed = !args.get_flag("unlisted");
    let before = app
        .write(move |tx| {
            Box::pin(async move {
                audit::command(tx, &ctx, "kith emoji add", "emoji", &name).await?;
                emojis::add(tx, &ctx, &name, picture, &category, listed).await
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if let Some(before) = before {
        delete_files(app, &before).await?;
    }
    Ok(true)
}

async fn delete_files(app: &App, emoji: &CustomEmoji) -> Outcome {
    for key in [&emoji.image, &emoji.static_image] {
        if let Ok(key) = key.parse() {
            app.storage.delete(&key).await.map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

async fn add(app: &App, args: &ArgMatches) -> Outcome {
    let name = required(args, "name")?;
    let name = name.trim_matches(':');
    let path = required(args, "path")?;
    let bytes = pack::read_file(Path::new(path))?;
    if !put(app, name, bytes, args).await? {
        return Err(format!(
            "there is an emoji {name} already; --overwrite replaces it"
        ));
    }
    println!("added :{name}:");
    Ok(())
}

async fn import(app: &App, args: &ArgMatches) -> Outcome {
    let path = required(args, "path")?;
    let (prefix, suffix) = (required(args, "prefix")?, required(args, "suffix")?);
    let pictures = pack::read(Path::new(path))?;
    let progress = Progress::of("adding emoji", pictures.len() as u64);
    let (mut added, mut known, mut refused) = (0, 0, 0);
    for (stem, bytes) in pictures {
        let name = format!("{prefix}{}{suffix}", stem.replace(['-', ' ', '.'], "_"));
        match put(app, &name, bytes, args).await {
            Ok(true) => added += 1,
            Ok(false) => known += 1,
            Err(reason) => {
                refused += 1;
                progress.say(&format!("left out: {reason}"));
            }
        }
        progress.add(1);
    }
    drop(progress);
    if added == 0 && known == 0 {
        return Err(match refused {
            0 => format!("{path}: there are no pictures in it"),
            _ => format!("{path}: none of the {refused} pictures in it will do"),
        });
    }
    if args.get_flag("json") {
        return print_json(&json!({"added": added, "known": known, "refused": refused}));
    }
    println!("added {added}, {known} were there already, {refused} left out");
    Ok(())
}

async fn export(app: &App, args: &ArgMatches) -> Outcome {
    let path = Path::new(required(args, "path")?);
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let rows = app
        .read(|c| Box::pin(async move { Ok(db::emojis::local(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    let pack = pack::Writer::create(path).map_err(failed)?;
    let written = write_all(app, pack, &rows).await;
    let (written, missing) = match written {
        Ok(written) => written,
        Err(reason) => {
            // The first error counts.
            let _ = std::fs::remove_file(path);
            return Err(format!("{}: {reason}", path.display()));
        }
    };
    if args.get_flag("json") {
        return print_json(&json!({"written": written, "missing": missing}));
    }
    println!("{written} emoji are in {}", path.display());
    Ok(())
}

/// Writes the pictures of emoji; how many, and how many files were missing.
async fn write_all(
    app: &App,
    mut pack: pack::Writer,
    rows: &[CustomEmoji],
) -> Result<(u64, u64), String> {
    let progress = Progress::of("writing emoji", rows.len() as u64);
    let (mut written, mut missing) = (0, 0);
    for emoji in rows {
        let picture = match emoji.image.parse() {
            Ok(key) => app.storage.get(&key).await.map_err(|e| e.to_string())?,
            Err(_) => None,
        };
        match picture {
            Some(bytes) => {
                let kind = emoji.mime.rsplit('/').next().unwrap_or_default();
                let name = format!("{}.{kind}", emoji.shortcode);
                pack.add(&name, &bytes).map_err(|e| e.to_string())?;
                written += 1;
            }
            None => {
                missing += 1;
                progress.say(&format!(
                    "left out: the file of {} is missing",
                    emoji.shortcode
                ));
            }
        }
        progress.add(1);
    }
    pack.finish().map_err(|e| e.to_string())?;
    Ok((written, missing))
}

fn shown(app: &App, emoji: &CustomEmoji) -> Value {
    json!({
        "shortcode": emoji.shortcode,
        "category": emoji.category,
        "visible_in_picker": emoji.visible_in_picker,
        "url": app.config.media_url(&emoji.image),
        "static_url": app.config.media_url(&emoji.static_image),
        "updated_at": iso(emoji.updated_at),
    })
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let rows = app
        .read(|c| Box::pin(async move { Ok(db::emojis::local(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&rows.iter().map(|emoji| shown(app, emoji)).collect());
    }
    for emoji in &rows {
        let unlisted = if emoji.visible_in_picker {
            ""
        } else {
            " (unlisted)"
        };
        println!(":{}: {}{unlisted}", emoji.shortcode, emoji.category);
    }
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let name = required(args, "name")?.trim_matches(':').to_owned();
    let (ctx, wanted) = (app.ctx.clone(), name.clone());
    let gone = app
        .write(move |tx| {
            Box::pin(async move {
                audit::command(tx, &ctx, "kith emoji remove", "emoji", &wanted).await?;
                emojis::remove(tx, &wanted).await
            })
        })
        .await
        .map_err(|_| format!("there is no emoji {name}"))?;
    delete_files(app, &gone).await?;
    println!("removed :{name}:");
    Ok(())
}
