//! Lists of policies, in the form that Mastodon exports: taken in, and written out.

use std::collections::{HashMap, HashSet};

use super::Ctx;
use super::moderation::{Actor, audit};
use super::policies::{self, ALLOW, BLOCK, LIMIT, NOOP, Terms, lets_in, weight_of};
use crate::db::policies::DomainPolicy;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::csv;

/// Entries of a list that are taken.
pub const MOST: usize = 50_000;
/// Policies written in one transaction.
pub const BATCH: usize = 100;
/// Longest comment that is taken from a list, in characters.
const MAX_COMMENT: usize = 1000;
/// The first line of a list.
const HEADER: [&str; 6] = [
    "#domain",
    "#severity",
    "#reject_media",
    "#reject_reports",
    "#public_comment",
    "#obfuscate",
];

/// A list as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// By domain, each once.
    pub entries: Vec<(String, Terms)>,
    /// Lines that are no entry, as they stand.
    pub invalid: Vec<String>,
}

/// Mastodon's name of a severity.
pub fn severity_name(severity: &str) -> &'static str {
    match severity {
        BLOCK => "suspend",
        LIMIT => "silence",
        _ => "noop",
    }
}

/// The severity of one of Mastodon's names, or of our own.
pub fn parse_severity(text: &str) -> Option<&'static str> {
    match text {
        "suspend" | BLOCK => Some(BLOCK),
        "silence" | LIMIT => Some(LIMIT),
        NOOP => Some(NOOP),
        _ => None,
    }
}

/// Reads a list: a table with a line of headings, or one domain a line, which is blocked.
pub fn parse(ctx: &Ctx, text: &str) -> AppResult<List> {
    let mut records = csv::rows(text, MOST)
        .ok_or_else(|| AppError::invalid(format!("the list has more than {MOST} lines")))?;
    let heading = |name: &str| name.trim().trim_start_matches('#').to_lowercase();
    let names: Vec<String> = match records.first() {
        Some(first) if first.iter().any(|name| heading(name) == "domain") => {
            let names = first.iter().map(|name| heading(name)).collect();
            records.remove(0);
            names
        }
        _ => vec!["domain".to_owned()],
    };
    let at = |name: &str| names.iter().position(|other| other == name);
    let columns = ["domain", "severity", "reject_media", "reject_reports"].map(at);
    let (comment, obfuscate) = (at("public_comment"), at("obfuscate"));
    let mut list = List::default();
    let mut seen = HashSet::new();
    for record in records {
        let field = |column: Option<usize>| {
            column
                .and_then(|n| record.get(n))
                .map_or("", |text| text.trim())
        };
        let flag = |column| matches!(field(column).to_lowercase().as_str(), "true" | "1" | "t");
        let name = field(columns[0]);
        if name.starts_with('#') {
            continue;
        }
        let severity = match field(columns[1]) {
            "" => Some(BLOCK),
            text => parse_severity(&text.to_lowercase()),
        };
        let domain = policies::proper(ctx, name.trim_start_matches("*.")).ok();
        // A name with stars in it is one that its list does not tell.
        let (Some(domain), Some(severity), false) = (domain, severity, name.contains('*')) else {
            list.invalid.push(record.join(","));
            continue;
        };
        if !seen.insert(domain.clone()) {
            continue;
        }
        let terms = Terms {
            severity: severity.to_owned(),
            reject_media: flag(columns[2]),
            reject_reports: flag(columns[3]),
            public_comment: field(comment).chars().take(MAX_COMMENT).collect(),
            private_comment: String::new(),
            obfuscate: flag(obfuscate),
        };
        list.entries.push((domain, terms));
    }
    Ok(list)
}

/// Writes policies as a list. What is allowed has no place in it.
pub fn export(policies: &[DomainPolicy]) -> String {
    let mut out = String::new();
    csv::write_row(&mut out, HEADER);
    let word = |flag: bool| if flag { "true" } else { "false" };
    for policy in policies.iter().filter(|policy| policy.severity != ALLOW) {
        let row = [
            &policy.domain,
            severity_name(&policy.severity),
            word(policy.reject_media),
            word(policy.reject_reports),
            &policy.public_comment,
            word(policy.obfuscate),
        ];
        csv::write_row(&mut out, row);
    }
    out
}

/// What taking a list in comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// New policies.
    pub add: Vec<(String, Terms)>,
    /// Policies that keep out more than before, or, where the list replaces, something else.
    pub change: Vec<(String, Terms)>,
    /// Domains whose policies stay, for they keep out as much or more, or allow the domain.
    pub keep: Vec<String>,
}

/// Works out what taking a list in by hand comes to. No rule gets weaker, and what is allowed stays
/// so, unless the list is to `replace` what is there.
pub fn plan(list: &[(String, Terms)], known: &[DomainPolicy], replace: bool) -> Plan {
    let known: HashMap<&str, &DomainPolicy> =
        known.iter().map(|row| (row.domain.as_str(), row)).collect();
    let mut plan = Plan::default();
    for (domain, terms) in list {
        let Some(before) = known.get(domain.as_str()) else {
            // A rule for a part of what is kept out would be a hole.
            if !replace && lets_in(domain, terms, |name| known.get(name).copied()) {
                plan.keep.push(domain.clone());
                continue;
            }
            plan.add.push((domain.clone(), terms.clone()));
            continue;
        };
        let old = Terms::of(before);
        let new = if replace {
            Terms {
                private_comment: old.private_comment.clone(),
                ..terms.clone()
            }
        } else {
            stricter(&old, terms)
        };
        // What comes with a list that is followed becomes the admin's own.
        if new == old && (before.subscription_id.is_none() || !replace) {
            plan.keep.push(domain.clone());
        } else {
            plan.change.push((domain.clone(), new));
        }
    }
    plan
}

/// A policy made stricter by another's terms; what is allowed by a decision stays.
fn stricter(old: &Terms, new: &Terms) -> Terms {
    if old.severity == ALLOW {
        return old.clone();
    }
    let severer = weight_of(&new.severity) > weight_of(&old.severity);
    Terms {
        severity: if severer {
            &new.severity
        } else {
            &old.severity
        }
        .clone(),
        reject_media: old.reject_media || new.reject_media,
        reject_reports: old.reject_reports || new.reject_reports,
        public_comment: if old.public_comment.is_empty() {
            new.public_comment.clone()
        } else {
            old.public_comment.clone()
        },
        private_comment: old.private_comment.clone(),
        obfuscate: old.obfuscate,
    }
}

/// Writes some entries of a plan, [`BATCH`] at most, and who did it.
pub async fn put(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    some: Vec<(String, Terms)>,
) -> AppResult<()> {
    let domains: Vec<String> = some.iter().map(|(domain, _)| domain.clone()).collect();
    let known = db::policies::among(tx, &domains).await?;
    let known: HashSet<&str> = known.iter().map(|row| row.domain.as_str()).collect();
    for row in policies::put_some(tx, ctx, some, None).await? {
        let action = match known.contains(row.domain.as_str()) {
            true => "update",
            false => "create",
        };
        audit::domain_policy(tx, ctx, actor, action, &row).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(severity: &str) -> Terms {
        Terms {
            severity: severity.to_owned(),
            ..Terms::default()
        }
    }

    fn row(domain: &str, severity: &str, subscription_id: Option<i64>) -> DomainPolicy {
        DomainPolicy {
            domain: domain.to_owned(),
            severity: severity.to_owned(),
            reject_media: false,
            reject_reports: false,
            public_comment: String::new(),
            private_comment: String::new(),
            created_at: 1,
            id: 1,
            obfuscate: false,
            subscription_id,
        }
    }

    #[test]
    fn an_import_weakens_nothing_unless_it_replaces() {
        let known = [
            row("blocked.example", BLOCK, None),
            row("limited.example", LIMIT, None),
            row("good.example", ALLOW, None),
        ];
        let list: Vec<(String, Terms)> = [
            ("blocked.example", LIMIT),
            ("limited.example", BLOCK),
            ("good.example", BLOCK),
            ("new.example", LIMIT),
        ]
        .map(|(domain, severity)| (domain.to_owned(), terms(severity)))
        .into();
        let names = |list: &[(String, Terms)]| -> Vec<String> {
            list.iter()
                .map(|(d, t)| format!("{d} {}", t.severity))
                .collect()
        };
        let careful = plan(&list, &known, false);
        assert_eq!(names(&careful.add), ["new.example limit"]);
        assert_eq!(names(&careful.change), ["limited.example block"]);
        assert_eq!(careful.keep, ["blocked.example", "good.example"]);
        let replaced = plan(&list, &known, true);
        assert_eq!(
            names(&replaced.change),
            [
                "blocked.example limit",
                "limited.example block",
                "good.example block"
            ]
        );
        let mut media = terms(LIMIT);
        media.reject_media = true;
        let both = plan(&[("blocked.example".to_owned(), media)], &known, false);
        assert_eq!(both.change[0].1.severity, BLOCK);
        assert!(both.change[0].1.reject_media);
    }
}
