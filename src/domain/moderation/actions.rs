//! What moderators do to accounts, and how it is taken back.
//!
//! An account elsewhere is suspended, limited or its files marked for this server alone. What the
//! doors make of `suspended_at` and the like is theirs: nothing is deleted here, so that taking a
//! deed back restores what was.

use super::audit::{self, Target};
use super::{Actor, Permission, denied};
use crate::db::account_warnings::AccountWarning;
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::domain::deletion::{self, is_leaving};
use crate::domain::jobs::{self, Job};
use crate::domain::mail::{self, Letter};
use crate::domain::notifications::{self, Subject, Type};
use crate::domain::outgoing::{self, Audience, Outgoing};
use crate::domain::{Ctx, accounts, follows, severances, sign_in, standing, users};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::secret;

/// Longest text of a warning, in characters.
const MAX_TEXT: usize = 5000;
/// Follows ended in one transaction: nobody is to wait long behind it.
const BATCH: i64 = 50;

/// What is done to an account. The names are the Mastodon API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Its owner is warned, no more.
    None,
    /// Its files are shown as sensitive.
    Sensitive,
    /// Its user cannot sign in; what they posted stays.
    Disable,
    /// It is shown to its followers alone (limited).
    Silence,
    /// It is as good as gone.
    Suspend,
}

impl Deed {
    const ALL: [Deed; 5] = [
        Deed::None,
        Deed::Sensitive,
        Deed::Disable,
        Deed::Silence,
        Deed::Suspend,
    ];

    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Deed::None => "none",
            Deed::Sensitive => "sensitive",
            Deed::Disable => "disable",
            Deed::Silence => "silence",
            Deed::Suspend => "suspend",
        }
    }

    /// Reads [`Deed::as_str`].
    pub fn parse(text: &str) -> Option<Deed> {
        Deed::ALL.into_iter().find(|deed| deed.as_str() == text)
    }
}

/// A deed with what is said of it.
#[derive(Debug, Clone)]
pub struct Sanction {
    pub deed: Deed,
    /// For the owner of the account.
    pub text: String,
    pub report_id: Option<i64>,
    /// Whether the owner gets a letter.
    pub letter: bool,
}

/// What takes a deed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lift {
    Unsensitive,
    Enable,
    Unsilence,
    Unsuspend,
}

impl Lift {
    fn as_str(self) -> &'static str {
        match self {
            Lift::Unsensitive => "unsensitive",
            Lift::Enable => "enable",
            Lift::Unsilence => "unsilence",
            Lift::Unsuspend => "unsuspend",
        }
    }

    /// What takes back a deed; a mere warning did nothing.
    pub(super) fn of(deed: Deed) -> Option<Lift> {
        Some(match deed {
            Deed::None => return None,
            Deed::Sensitive => Lift::Unsensitive,
            Deed::Disable => Lift::Enable,
            Deed::Silence => Lift::Unsilence,
            Deed::Suspend => Lift::Unsuspend,
        })
    }
}

/// Acts on an account. Its owner, where it lives here, gets a strike, a notification and a letter;
/// reports about it are resolved (after a mere warning, the one that led to it alone).
pub async fn act(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    id: i64,
    sanction: Sanction,
) -> AppResult<Option<AccountWarning>> {
    actor.must(Permission::ManageUsers)?;
    if sanction.text.chars().count() > MAX_TEXT {
        return Err(AppError::invalid(format!(
            "Validation failed: Text is too long (maximum is {MAX_TEXT} characters)"
        )));
    }
    let (account, user) = actor.target(tx, id).await?;
    if let Some(report) = sanction.report_id {
        let report = db::reports::by_id(tx, report).await?;
        if report.is_none_or(|report| report.target_id != account.id) {
            return Err(AppError::invalid(
                "Validation failed: Report is not about the account",
            ));
        }
    }
    match sanction.deed {
        Deed::None => {}
        Deed::Sensitive => set_sensitized(tx, &account, Some(ctx.now())).await?,
        Deed::Disable => {
            let user = user.as_ref().ok_or_else(only_here)?;
            users::set_disabled(tx, ctx, user.account_id, true).await?;
        }
        Deed::Silence => silence(tx, ctx, &account, Some(ctx.now())).await?,
        Deed::Suspend => suspend(tx, ctx, &account, user.as_ref()).await?,
    }
    let strike = match &user {
        Some(user) => Some(strike(tx, ctx, actor, (&account, user), &sanction).await?),
        None => None,
    };
    let resolved = resolve(tx, ctx, actor, &account, &sanction).await?;
    let resolved = match resolved {
        0 => String::new(),
        number => number.to_string(),
    };
    let details = [
        ("text", sanction.text.as_str()),
        ("reports_resolved", resolved.as_str()),
    ];
    let action = match sanction.deed {
        Deed::None => "warn",
        deed => deed.as_str(),
    };
    audit::record(tx, ctx, actor, action, Target::Account(&account), &details).await?;
    Ok(strike)
}

fn only_here() -> AppError {
    AppError::invalid("Validation failed: Type is for accounts of this server")
}

/// Writes a strike down and tells the owner.
async fn strike(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    (account, user): (&Account, &User),
    sanction: &Sanction,
) -> AppResult<AccountWarning> {
    // Who cannot sign in appeals by what is in the letter.
    let locked_out = matches!(sanction.deed, Deed::Disable | Deed::Suspend);
    let appeal_secret = (sanction.letter && locked_out).then(|| ctx.random.token());
    let status_ids = match sanction.report_id {
        Some(id) => db::reports::by_id(tx, id)
            .await?
            .map(|report| report.status_ids),
        None => None,
    };
    let row = AccountWarning {
        id: ctx.ids.next(),
        target_id: account.id,
        account_id: actor.id(),
        report_id: sanction.report_id,
        action: sanction.deed.as_str().to_owned(),
        text: sanction.text.clone(),
        status_ids: status_ids.unwrap_or_else(|| "[]".to_owned()),
        appeal_hash: appeal_secret
            .as_deref()
            .map(secret::hash)
            .unwrap_or_default(),
        created_at: ctx.now(),
        overruled_at: None,
    };
    db::account_warnings::insert(tx, &row).await?;
    // As the account was before: who is suspended finds it once they are back.
    let (kind, subject) = (Type::ModerationWarning, Subject::Other(row.id));
    notifications::notify(tx, ctx, account, account, kind, subject).await?;
    if sanction.letter && user.confirmed_at.is_some() {
        let letter = Letter::Strike {
            username: &account.username,
            action: sanction.deed.as_str(),
            text: &sanction.text,
            appeal_secret: appeal_secret.as_deref(),
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    Ok(row)
}

/// Resolves the reports that a deed answers; says how many.
async fn resolve(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    account: &Account,
    sanction: &Sanction,
) -> AppResult<usize> {
    let only = match (sanction.deed, sanction.report_id) {
        // Others may tell of more.
        (Deed::None, None) => return Ok(0),
        (Deed::None, Some(report)) => Some(report),
        _ => None,
    };
    let now = ctx.now();
    Ok(db::reports::resolve_about(tx, account.id, only, actor.id(), now).await?)
}

async fn set_sensitized(tx: &mut Conn, account: &Account, at: Option<i64>) -> AppResult<()> {
    if account.sensitized_at.is_some() == at.is_some() {
        return Ok(());
    }
    db::moderation::set_sensitized(tx, account.id, at).await?;
    tx.emit(Event::of(Kind::AccountChanged, account.id));
    tx.emit(Event::of(Kind::AccountSensitized, account.id));
    Ok(())
}

async fn silence(tx: &mut Conn, ctx: &Ctx, account: &Account, at: Option<i64>) -> AppResult<()> {
    let after = Account {
        silenced_at: at,
        ..account.clone()
    };
    stand(tx, ctx, account, after).await
}

/// Suspends an account. One of this server is signed out everywhere, and other servers are told
/// that it is; who is suspended elsewhere follows nobody here any more.
async fn suspend(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    user: Option<&User>,
) -> AppResult<()> {
    // Whoever is suspended already is not cut off a second time. Who is hidden for they are leaving
    // is suspended all the same: they could come back.
    let leaving = user.is_some_and(|user| is_leaving(user.leaving_at, account.suspended_at));
    if account.is_local() && account.suspended_at.is_some() && !leaving {
        return Ok(());
    }
    let after = Account {
        suspended_at: Some(ctx.now()),
        ..account.clone()
    };
    stand(tx, ctx, account, after).await?;
    severances::suspended(tx, ctx, account).await?;
    if account.is_local() {
        sign_in::end_all(tx, ctx, account.id, None).await?;
        tx.emit(Event::of(Kind::UserChanged, account.id));
        tell_followers(tx, ctx, account).await?;
    }
    Ok(())
}

async fn unsuspend(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    // What its owner wants stays so: an account that is to be deleted is hidden until it is. So does
    // what its own server says of one elsewhere.
    let suspended_at = match account.is_local() {
        true => db::users::by_account(tx, account.id)
            .await?
            .and_then(|user| user.leaving_at),
        false => standing::suspended_by_origin(tx, account).await?,
    };
    let after = Account {
        suspended_at,
        ..account.clone()
    };
    if account.is_local() && after.suspended_at == account.suspended_at {
        return Ok(());
    }
    let shown = after.suspended_at.is_none();
    stand(tx, ctx, account, after).await?;
    severances::unsuspended(tx, account).await?;
    if account.is_local() && shown {
        tx.emit(Event::of(Kind::UserChanged, account.id));
        tell_followers(tx, ctx, account).await?;
    }
    Ok(())
}

/// Writes how an account stands. What a policy for its domain wants holds besides.
async fn stand(tx: &mut Conn, ctx: &Ctx, before: &Account, mut after: Account) -> AppResult<()> {
    if !after.is_local() {
        standing::begin(tx, &mut after).await?;
    }
    if (after.suspended_at, after.silenced_at) == (before.suspended_at, before.silenced_at) {
        return Ok(());
    }
    let (suspended, silenced) = (after.suspended_at, after.silenced_at);
    db::policies::set_standing(tx, after.id, suspended, silenced).await?;
    tx.emit(Event::of(Kind::AccountChanged, after.id));
    let job = Job::Reindex {
        account_id: after.id,
        below: i64::MAX,
    };
    jobs::enqueue(tx, ctx, &job).await
}

/// Other servers read how a local account is now: its document says whether it is suspended.
async fn tell_followers(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    let activity = Outgoing::UpdateActor {
        uri: outgoing::activity_uri(ctx, account, "updates"),
    };
    let audience = Audience {
        followers: true,
        accounts: Vec::new(),
    };
    outgoing::send(tx, ctx, account, &activity, audience).await
}

/// Ends some of the follows by which a suspended account elsewhere would go on reading what is
/// posted here, and leaves the rest to a job. Its server is told, as it goes on living there; this
/// cannot be taken back.
pub async fn sever_followers(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<()> {
    let Some(account) = db::accounts::by_id(tx, id).await? else {
        return Ok(());
    };
    if account.is_local() || account.is_active() {
        return Ok(());
    }
    let targets = db::moderation::followed_here(tx, id, BATCH).await?;
    for target in &targets {
        let request = db::relations::request(tx, id, target.id).await?;
        let follow = db::relations::follow(tx, id, target.id).await?;
        let Some(row) = request.or(follow) else {
            continue;
        };
        follows::cut(tx, ctx, row, &account, target).await?;
    }
    if targets.len() as i64 >= BATCH {
        jobs::enqueue(tx, ctx, &Job::SeverSuspended { account_id: id }).await?;
    }
    Ok(())
}

/// Takes a deed back. What is not so is no error.
pub async fn lift(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    id: i64,
    what: Lift,
    reason: &str,
) -> AppResult<()> {
    actor.must(Permission::ManageUsers)?;
    let (account, user) = actor.target(tx, id).await?;
    restore(tx, ctx, (&account, user.as_ref()), what).await?;
    let details = [("text", reason)];
    audit::record(
        tx,
        ctx,
        actor,
        what.as_str(),
        Target::Account(&account),
        &details,
    )
    .await
}

/// [`lift`] for those who asked before whether it may be.
pub(super) async fn restore(
    tx: &mut Conn,
    ctx: &Ctx,
    (account, user): (&Account, Option<&User>),
    what: Lift,
) -> AppResult<()> {
    match what {
        Lift::Unsensitive => set_sensitized(tx, account, None).await,
        Lift::Enable => {
            let user = user.ok_or_else(only_here)?;
            users::set_disabled(tx, ctx, user.account_id, false).await
        }
        Lift::Unsilence => silence(tx, ctx, account, None).await,
        Lift::Unsuspend => unsuspend(tx, ctx, account).await,
    }
}

/// Deletes for good what an account that was suspended here has here; 403 for any other, and for one that its own
/// server alone has suspended.
pub async fn erase(tx: &mut Conn, ctx: &Ctx, actor: &Actor, id: i64) -> AppResult<()> {
    actor.must(Permission::DeleteUserData)?;
    let (account, user) = actor.target(tx, id).await?;
    let leaving = user.is_some_and(|user| is_leaving(user.leaving_at, account.suspended_at));
    let by_origin = standing::suspended_by_origin(tx, &account).await?;
    if account.suspended_at == by_origin || leaving {
        return Err(denied().describe("The account has to be suspended first"));
    }
    if account.is_local() {
        deletion::begin(tx, ctx, id, ctx.now()).await?;
    } else {
        accounts::remove(tx, ctx, &account).await?;
    }
    audit::record(tx, ctx, actor, "delete", Target::Account(&account), &[]).await
}

/// What suspending an account would cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preview {
    /// Posts that nobody sees any more.
    pub posts: i64,
    pub followers: i64,
    pub following: i64,
    /// Sessions that end.
    pub sessions: i64,
    /// Reports about it that are open.
    pub reports: i64,
}

/// Tells what suspending an account would cut, and does nothing.
pub async fn preview(conn: &mut Conn, account: &Account) -> AppResult<Preview> {
    let stats = db::accounts::stats_of(conn, &[account.id]).await?.pop();
    let stats = stats.unwrap_or_default();
    let reports = db::reports::open_about(conn, account.id, 1000).await?;
    Ok(Preview {
        posts: stats.statuses_count,
        followers: stats.followers_count,
        following: stats.following_count,
        sessions: db::tokens::count_of_account(conn, account.id).await?,
        reports: reports.len() as i64,
    })
}
