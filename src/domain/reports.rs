//! Reporting accounts to the moderators, here and on their own server.

use super::Ctx;
use super::accounts::INSTANCE_ACTOR;
use super::moderation;
use super::outgoing::{self, Audience, Outgoing};
use super::visibility::may_see;
use crate::db::accounts::Account;
use crate::db::reports::Report;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::names::normalize_domain;

/// Longest comment of a report filed here, in characters.
const MAX_COMMENT: usize = 1000;
/// Characters kept of one that came from elsewhere.
const MAX_REMOTE_COMMENT: usize = 5000;
/// Statuses in one report.
const MAX_STATUSES: usize = 100;

/// A report to file.
#[derive(Debug, Clone, Default)]
pub struct Filing {
    pub status_ids: Vec<i64>,
    pub comment: String,
    pub category: Option<String>,
    pub rule_ids: Vec<i64>,
    /// Tell the server of who is reported too.
    pub forward: bool,
    /// Which servers that may be: that one, and those of whom the statuses answer. Empty: that one.
    pub forward_to_domains: Vec<String>,
}

/// `account` reports `target`. Its statuses in the report must be ones that `account` may see.
pub async fn file(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    target: &Account,
    filing: Filing,
) -> AppResult<Report> {
    if filing.comment.chars().count() > MAX_COMMENT {
        return Err(AppError::invalid(format!(
            "Validation failed: Comment is too long (maximum is {MAX_COMMENT} characters)"
        )));
    }
    let category = category(&filing)?;
    if category == "violation" {
        check_rules(tx, &filing.rule_ids).await?;
    }
    if filing.status_ids.len() > MAX_STATUSES {
        return Err(AppError::invalid(format!(
            "Validation failed: At most {MAX_STATUSES} posts"
        )));
    }
    let mut uris = Vec::with_capacity(filing.status_ids.len());
    let mut answered = Vec::new();
    for id in &filing.status_ids {
        let status = db::statuses::by_id(tx, *id)
            .await?
            .filter(|status| status.account_id == target.id)
            .ok_or_else(AppError::not_found)?;
        if !may_see(tx, &status, Some(account)).await? {
            return Err(AppError::not_found());
        }
        answered.extend(status.in_reply_to_account_id);
        uris.push(status.uri);
    }
    let now = ctx.now();
    let id = ctx.ids.next();
    let representative = db::accounts::by_handle(tx, INSTANCE_ACTOR, "").await?;
    let told = if filing.forward && !target.is_local() {
        told(tx, target, &answered, &filing.forward_to_domains).await?
    } else {
        Vec::new()
    };
    // As Mastodon has it: whether the server of who is reported knows.
    let forwarded = told.contains(&target.id) && representative.is_some();
    let row = Report {
        id,
        uri: ctx.config.url(&format!("/reports/{id}")),
        account_id: account.id,
        target_id: target.id,
        category: category.to_owned(),
        comment: filing.comment,
        status_ids: serde_json::to_string(&filing.status_ids)?,
        rule_ids: serde_json::to_string(&filing.rule_ids)?,
        forwarded,
        created_at: now,
        updated_at: now,
        assigned_account_id: None,
        action_taken_at: None,
        action_taken_by_id: None,
    };
    db::reports::insert(tx, &row).await?;
    moderation::reported(tx, ctx, account, &row).await?;
    if let Some(representative) = representative.filter(|_| !told.is_empty()) {
        // The server itself speaks: who reported stays unknown there.
        let activity = Outgoing::Flag {
            uri: row.uri.clone(),
            object: std::iter::once(target.uri.clone()).chain(uris).collect(),
            content: row.comment.clone(),
            to: target.uri.clone(),
        };
        let audience = Audience {
            followers: false,
            accounts: told,
        };
        outgoing::send(tx, ctx, &representative, &activity, audience).await?;
    }
    Ok(row)
}

/// Accounts whose servers are to be told: `target`, and those whom its statuses answer, as far as
/// they are of the named domains.
async fn told(
    tx: &mut Conn,
    target: &Account,
    answered: &[i64],
    domains: &[String],
) -> AppResult<Vec<i64>> {
    if domains.is_empty() {
        return Ok(vec![target.id]);
    }
    let named = |account: &Account| {
        !account.is_local()
            && domains
                .iter()
                .any(|domain| normalize_domain(domain).as_ref() == Some(&account.domain))
    };
    let mut all = db::accounts::by_ids(tx, answered).await?;
    all.retain(|account| account.id != target.id && account.is_active());
    all.push(target.clone());
    Ok(all.iter().filter(|a| named(a)).map(|a| a.id).collect())
}

fn category(filing: &Filing) -> AppResult<&'static str> {
    if !filing.rule_ids.is_empty() {
        return Ok("violation");
    }
    known_category(filing.category.as_deref().unwrap_or_default())
}

fn known_category(text: &str) -> AppResult<&'static str> {
    Ok(match text {
        "" | "other" => "other",
        "spam" => "spam",
        "legal" => "legal",
        "violation" => "violation",
        _ => {
            return Err(AppError::invalid(
                "Validation failed: Category is not included in the list",
            ));
        }
    })
}

/// The category of a report with the rules that it names: a violation names some that are there,
/// and nothing else names any.
pub(super) async fn checked_category(
    conn: &mut Conn,
    text: &str,
    rule_ids: Vec<i64>,
) -> AppResult<(&'static str, Vec<i64>)> {
    let category = known_category(text)?;
    if category != "violation" {
        return Ok((category, Vec::new()));
    }
    check_rules(conn, &rule_ids).await?;
    Ok((category, rule_ids))
}

/// The rules that a report names must be there, and a violation names one.
async fn check_rules(conn: &mut Conn, ids: &[i64]) -> AppResult<()> {
    let rules = db::instance::rules(conn).await?;
    // More than there are would name some twice; a long list is not gone through here.
    let known = |id: &i64| rules.iter().any(|rule| rule.id == *id);
    if ids.is_empty() || ids.len() > rules.len() || !ids.iter().all(known) {
        return Err(AppError::invalid(
            "Validation failed: Rule ids does not reference valid rules",
        ));
    }
    Ok(())
}

/// Whether a status answers somebody who lives here.
async fn answers_here(tx: &mut Conn, status: &Status) -> AppResult<bool> {
    match status.in_reply_to_account_id {
        Some(id) => Ok(db::accounts::by_id(tx, id)
            .await?
            .is_some_and(|account| account.is_local())),
        None => Ok(false),
    }
}

/// Takes in a report from elsewhere: one for each account here that it names or whose statuses
/// it names, and for those elsewhere that it names with an answer to someone here. False when it
/// concerns nobody here. What is not known here is passed over.
pub async fn receive(
    tx: &mut Conn,
    ctx: &Ctx,
    reporter: &Account,
    uri: &str,
    objects: &[String],
    comment: &str,
) -> AppResult<bool> {
    let named = db::accounts::by_uris(tx, objects).await?;
    let mut accounts: Vec<Account> = named
        .iter()
        .filter(|account| account.is_local() && account.is_active())
        .cloned()
        .collect();
    let mut statuses = Vec::new();
    for uri in objects {
        let Some(status) = db::statuses::by_uri(tx, uri).await? else {
            continue;
        };
        let known = accounts.iter().any(|a| a.id == status.account_id);
        if status.local {
            if !known && let Some(author) = db::accounts::by_id(tx, status.account_id).await? {
                accounts.push(author);
            }
        } else {
            let author = named.iter().find(|a| a.id == status.account_id);
            let Some(author) = author.filter(|author| author.is_active()) else {
                continue;
            };
            if !answers_here(tx, &status).await? {
                continue;
            }
            if !known {
                accounts.push(author.clone());
            }
        }
        // Only what the reporter's server may know of.
        if may_see(tx, &status, Some(reporter)).await? {
            statuses.push((status.account_id, status.id));
        }
    }
    let comment: String = comment.chars().take(MAX_REMOTE_COMMENT).collect();
    let now = ctx.now();
    for (n, target) in accounts.iter().enumerate() {
        let status_ids: Vec<i64> = statuses
            .iter()
            .filter(|(author, _)| *author == target.id)
            .map(|(_, id)| *id)
            .collect();
        let row = Report {
            id: ctx.ids.next(),
            // One activity may make several reports.
            uri: if n == 0 {
                uri.to_owned()
            } else {
                format!("{uri}#{}", target.id)
            },
            account_id: reporter.id,
            target_id: target.id,
            category: "other".to_owned(),
            comment: comment.clone(),
            status_ids: serde_json::to_string(&status_ids)?,
            rule_ids: "[]".to_owned(),
            forwarded: false,
            created_at: now,
            updated_at: now,
            assigned_account_id: None,
            action_taken_at: None,
            action_taken_by_id: None,
        };
        if db::reports::insert(tx, &row).await? {
            moderation::reported(tx, ctx, reporter, &row).await?;
        }
    }
    Ok(!accounts.is_empty())
}
