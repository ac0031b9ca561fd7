//! What becomes of reports.

use super::audit::{self, Target};
use super::{Actor, Permission, denied};
use crate::db::reports::Report;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::reports::checked_category;
use crate::error::{AppError, AppResult};

/// What is done with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triage {
    /// It is looked into by an account.
    Assign(i64),
    Unassign,
    Resolve,
    Reopen,
}

impl Triage {
    /// As the audit log names it.
    fn as_str(self) -> &'static str {
        match self {
            Triage::Assign(_) => "assign",
            Triage::Unassign => "unassign",
            Triage::Resolve => "resolve",
            Triage::Reopen => "reopen",
        }
    }
}

/// What a moderator changes of a report; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub category: Option<String>,
    pub rule_ids: Option<Vec<i64>>,
}

/// A report that somebody is about to decide on: nobody does on one about themself.
async fn find(tx: &mut Conn, actor: &Actor, id: i64) -> AppResult<Report> {
    actor.must(Permission::ManageReports)?;
    let report = db::reports::by_id(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if actor.id() == Some(report.target_id) {
        return Err(denied().describe("The report is about you"));
    }
    Ok(report)
}

/// Assigns, resolves or opens a report again. What is so already is no error.
pub async fn triage(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    id: i64,
    what: Triage,
) -> AppResult<Report> {
    let mut report = find(tx, actor, id).await?;
    let before = report.clone();
    match what {
        Triage::Assign(account) => report.assigned_account_id = Some(account),
        Triage::Unassign => report.assigned_account_id = None,
        Triage::Resolve if report.action_taken_at.is_none() => {
            report.action_taken_at = Some(ctx.now());
            report.action_taken_by_id = actor.id();
        }
        Triage::Resolve => {}
        Triage::Reopen => {
            report.action_taken_at = None;
            report.action_taken_by_id = None;
        }
    }
    if report != before {
        report.updated_at = ctx.now();
        db::reports::update(tx, &report).await?;
        audit::record(tx, ctx, actor, what.as_str(), Target::Report(id), &[]).await?;
    }
    Ok(report)
}

/// Changes what a report is about. One of a violation names rules; another names none.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    id: i64,
    change: Change,
) -> AppResult<Report> {
    let mut report = find(tx, actor, id).await?;
    let before = report.clone();
    if let Some(category) = change.category {
        report.category = category;
    }
    let rule_ids: Vec<i64> = match change.rule_ids {
        Some(ids) => ids,
        None => serde_json::from_str(&report.rule_ids).unwrap_or_default(),
    };
    let (category, rule_ids) = checked_category(tx, &report.category, rule_ids).await?;
    report.category = category.to_owned();
    report.rule_ids = serde_json::to_string(&rule_ids)?;
    if report != before {
        report.updated_at = ctx.now();
        db::reports::update(tx, &report).await?;
        let details = [("category", report.category.as_str())];
        audit::record(tx, ctx, actor, "update", Target::Report(id), &details).await?;
    }
    Ok(report)
}
