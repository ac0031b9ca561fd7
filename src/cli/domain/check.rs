//! `kith domain check`, and `block --dry-run`: what a block would cut off.

use clap::ArgMatches;

use crate::api::entities::account::acct;
use crate::api::kith::admin::domain_blocks::shown;
use crate::app::App;
use crate::cli::{Outcome, print_json, required};
use crate::domain::dry_run;

pub(super) async fn run(app: &App, args: &ArgMatches) -> Outcome {
    let (ctx, domain) = (app.ctx.clone(), required(args, "domain")?.clone());
    let cut = app
        .read(move |c| Box::pin(async move { dry_run::of(c, &ctx, &domain).await }))
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&cut));
    }
    let least = if cut.complete { "" } else { " at least" };
    println!("Blocking {} would cut off{least}", cut.domain);
    for (number, what) in [
        (cut.accounts, "accounts that are known here"),
        (cut.statuses, "of their posts"),
        (cut.following, "follows of them by people here"),
        (cut.followers, "follows of people here by them"),
        (cut.people, "people here who would lose any of those"),
    ] {
        println!("{number:>9} {what}");
    }
    if !cut.sample.is_empty() {
        println!("Among them, with the number of those follows:");
    }
    for (account, follows) in &cut.sample {
        println!("{follows:>9} {}", acct(account));
    }
    Ok(())
}
