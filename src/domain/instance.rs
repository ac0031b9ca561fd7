//! What this server says of itself, as its admins set it: texts, switches, rules and terms.

use super::{Ctx, notifications};
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::instance::{Rule, RuleTranslation, Terms};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::language;
use crate::text::names::{parse_handle, valid_email};

/// Milliseconds of a week.
pub const WEEK: i64 = 7 * DAY;

/// Who may see a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    All,
    /// Signed-in users.
    Users,
    Disabled,
}

impl Shown {
    /// Of a setting's value.
    pub fn parse(text: &str) -> Option<Shown> {
        Some(match text {
            "all" => Shown::All,
            "users" => Shown::Users,
            "disabled" => Shown::Disabled,
            _ => return None,
        })
    }
}

/// How long a setting's text may be, in characters.
fn limit(name: &str) -> usize {
    match name {
        "title" => 100,
        "description" | "registration-message" => 2_000,
        "extended-description" | "privacy-policy" | "terms" => 100_000,
        _ => 320,
    }
}

/// The settings, with what each is.
pub const SETTINGS: [(&str, &str); 14] = [
    ("title", "The server's name"),
    ("description", "What it is, in a sentence or two"),
    ("extended-description", "More about it, in Markdown"),
    ("privacy-policy", "The privacy policy, in Markdown"),
    ("terms", "The terms of service, in Markdown"),
    ("contact-email", "Whom to write to"),
    ("contact-account", "Whom to mention: a local username"),
    (
        "registration-message",
        "What those read who cannot register, in Markdown",
    ),
    (
        "domain-blocks-shown",
        "Who sees which servers are blocked: all, users or disabled",
    ),
    (
        "domain-block-comments-shown",
        "Who sees why: all, users or disabled",
    ),
    (
        "peers-shown",
        "Whether anyone sees which servers are known: all or disabled",
    ),
    (
        "trendable-by-default",
        "Whether what no moderator has looked at trends: true or false",
    ),
    (
        "hold-unknown-senders",
        "For how many days mentions with links by senders nobody here follows are held: 0 to 365, 7 unset",
    ),
    (
        "activity-shown",
        "Whether anyone sees the weekly numbers: all or disabled",
    ),
];

/// The name of a setting's row.
pub fn row_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Sets one of [`SETTINGS`] but for the terms, which [`set_terms`] sets; an empty value unsets.
pub async fn set(tx: &mut Conn, ctx: &Ctx, name: &str, value: &str) -> AppResult<()> {
    if name == "terms" || SETTINGS.iter().all(|(known, _)| *known != name) {
        return Err(AppError::invalid(format!("there is no setting {name:?}")));
    }
    let value = value.trim();
    check_length(name, value)?;
    let row = row_name(name);
    let changed_at = format!("{row}_updated_at");
    if value.is_empty() {
        db::policies::unset(tx, &row).await?;
        db::policies::unset(tx, &changed_at).await?;
    } else {
        check(tx, name, value).await?;
        let value = match name {
            "contact-account" => value.trim_start_matches('@'),
            _ => value,
        };
        db::policies::set_setting(tx, &row, value).await?;
        db::policies::set_setting(tx, &changed_at, &ctx.now().to_string()).await?;
    }
    tx.emit(Event::of(Kind::SettingsChanged, 0));
    Ok(())
}

fn check_length(name: &str, value: &str) -> AppResult<()> {
    let limit = limit(name);
    if value.chars().count() > limit {
        return Err(AppError::invalid(format!(
            "{name} is longer than {limit} characters"
        )));
    }
    Ok(())
}

async fn check(tx: &mut Conn, name: &str, value: &str) -> AppResult<()> {
    let fine = match name {
        "contact-email" => valid_email(value),
        "contact-account" => contact(tx, value).await?.is_some(),
        "domain-blocks-shown" | "domain-block-comments-shown" => Shown::parse(value).is_some(),
        "hold-unknown-senders" => notifications::parse_unknown_days(value).is_some(),
        "trendable-by-default" => matches!(value, "true" | "false"),
        "peers-shown" | "activity-shown" => matches!(value, "all" | "disabled"),
        _ => true,
    };
    if fine {
        Ok(())
    } else {
        Err(AppError::invalid(format!("{name} cannot be {value:?}")))
    }
}

/// The local account of a name, `@` before it or not.
pub async fn contact(tx: &mut Conn, name: &str) -> AppResult<Option<Account>> {
    let Some(handle) = parse_handle(name.trim_start_matches('@')) else {
        return Ok(None);
    };
    if handle.domain.is_some() {
        return Ok(None);
    }
    let account = db::accounts::by_handle(tx, &handle.username, "").await?;
    Ok(account.filter(|account| account.is_active()))
}

/// A day as `YYYY-MM-DD`.
pub fn day(ms: i64) -> String {
    let mut text = crate::clock::iso_seconds(ms);
    text.truncate(10);
    text
}

/// Sets the terms that hold from a day on (`YYYY-MM-DD`; `None`: today); an empty text removes
/// those of that day. The day.
pub async fn set_terms(
    tx: &mut Conn,
    ctx: &Ctx,
    body: &str,
    effective_date: Option<&str>,
) -> AppResult<String> {
    let date = effective_date.map_or_else(|| day(ctx.now()), str::to_owned);
    if date.len() != 10 || crate::clock::parse_iso(&format!("{date}T00:00:00Z")).is_none() {
        return Err(AppError::invalid(format!(
            "{date:?} is no day of the form YYYY-MM-DD"
        )));
    }
    check_length("terms", body)?;
    if body.trim().is_empty() {
        if !db::instance::remove_terms(tx, &date).await? {
            return Err(AppError::invalid(format!("there are no terms of {date}")));
        }
    } else {
        let row = Terms {
            effective_date: date.clone(),
            body: body.trim().to_owned(),
            created_at: ctx.now(),
        };
        db::instance::set_terms(tx, &row).await?;
    }
    tx.emit(Event::of(Kind::SettingsChanged, 0));
    Ok(date)
}

/// Longest text of a rule and of its hint, in characters.
const MAX_RULE: usize = 500;
const MAX_HINT: usize = 2_000;

fn check_rule(body: &str, hint: &str) -> AppResult<()> {
    if body.trim().is_empty() {
        return Err(AppError::invalid("the rule's text is empty"));
    }
    if body.chars().count() > MAX_RULE || hint.chars().count() > MAX_HINT {
        return Err(AppError::invalid(format!(
            "a rule has {MAX_RULE} characters at most, its hint {MAX_HINT}"
        )));
    }
    Ok(())
}

/// Adds a rule, at a place among the others (`None`: the last).
pub async fn add_rule(
    tx: &mut Conn,
    ctx: &Ctx,
    body: &str,
    hint: &str,
    position: Option<i64>,
) -> AppResult<Rule> {
    check_rule(body, hint)?;
    let now = ctx.now();
    let last = db::instance::rules(tx).await?;
    let row = Rule {
        id: ctx.ids.next(),
        position: position.unwrap_or_else(|| last.last().map_or(1, |rule| rule.position + 1)),
        body: body.trim().to_owned(),
        hint: hint.trim().to_owned(),
        created_at: now,
        updated_at: now,
        removed_at: None,
    };
    db::instance::insert_rule(tx, &row).await?;
    tx.emit(Event::of(Kind::SettingsChanged, 0));
    Ok(row)
}

/// What to change of a rule.
#[derive(Debug, Clone, Default)]
pub struct RuleChange {
    pub body: Option<String>,
    pub hint: Option<String>,
    pub position: Option<i64>,
    /// Change the translation into this language, not the rule itself.
    pub locale: Option<String>,
}

/// Changes a rule or one of its translations.
pub async fn edit_rule(tx: &mut Conn, ctx: &Ctx, id: i64, change: RuleChange) -> AppResult<()> {
    let mut rule = db::instance::rule(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if let Some(locale) = change.locale {
        let locale = language::normalize(&locale)
            .ok_or_else(|| AppError::invalid(format!("{locale:?} is no language")))?;
        let known = db::instance::rule_translations(tx).await?;
        let known = known
            .into_iter()
            .find(|t| t.rule_id == id && t.locale == locale);
        let mut row = known.unwrap_or(RuleTranslation {
            rule_id: id,
            locale,
            body: String::new(),
            hint: String::new(),
        });
        row.body = change.body.unwrap_or(row.body);
        row.hint = change.hint.unwrap_or(row.hint);
        check_rule(&row.body, &row.hint)?;
        db::instance::set_rule_translation(tx, &row).await?;
    } else {
        rule.body = change.body.unwrap_or(rule.body);
        rule.hint = change.hint.unwrap_or(rule.hint);
        rule.position = change.position.unwrap_or(rule.position);
        rule.updated_at = ctx.now();
        check_rule(&rule.body, &rule.hint)?;
        db::instance::update_rule(tx, &rule).await?;
    }
    tx.emit(Event::of(Kind::SettingsChanged, 0));
    Ok(())
}

/// Removes a rule; reports that name it keep it.
pub async fn remove_rule(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<()> {
    let mut rule = db::instance::rule(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    rule.removed_at = Some(ctx.now());
    db::instance::update_rule(tx, &rule).await?;
    tx.emit(Event::of(Kind::SettingsChanged, 0));
    Ok(())
}

/// The beginning of the week (Monday, UTC) that a moment is in.
pub fn week_of(ms: i64) -> i64 {
    // The epoch was a Thursday.
    (ms + 3 * DAY).div_euclid(WEEK) * WEEK - 3 * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        let at = |text: &str| crate::clock::parse_iso(text).unwrap();
        let monday = at("2026-11-16T00:00:00Z");
        assert_eq!(week_of(monday), monday);
        assert_eq!(week_of(at("2026-11-22T23:59:59Z")), monday);
        assert_eq!(week_of(at("2026-11-23T00:00:00Z")), monday + WEEK);
        assert_eq!(day(monday), "2026-11-16");
    }
}
