//! Filters, and how they are applied to a page of statuses.

use std::collections::HashMap;

use serde::Serialize;

use super::status::{Prepared, Reader};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::filters::{Filter, FilteredStatus, Keyword};
use crate::domain::filters::{Contexts, Match};
use crate::error::AppResult;

/// `Filter`. In a `FilterResult` it comes without keywords and statuses.
#[derive(Debug, Serialize)]
pub struct Entity<'a> {
    id: String,
    title: &'a str,
    context: Vec<&'static str>,
    expires_at: Option<String>,
    filter_action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<Vec<KeywordEntity>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statuses: Option<Vec<StatusEntity>>,
}

/// `FilterKeyword`
#[derive(Debug, Serialize)]
pub struct KeywordEntity {
    id: String,
    keyword: String,
    whole_word: bool,
}

impl From<Keyword> for KeywordEntity {
    fn from(row: Keyword) -> KeywordEntity {
        KeywordEntity {
            id: row.id.to_string(),
            keyword: row.keyword,
            whole_word: row.whole_word,
        }
    }
}

/// `FilterStatus`
#[derive(Debug, Serialize)]
pub struct StatusEntity {
    id: String,
    status_id: String,
}

impl From<FilteredStatus> for StatusEntity {
    fn from(row: FilteredStatus) -> StatusEntity {
        StatusEntity {
            id: row.id.to_string(),
            status_id: row.status_id.to_string(),
        }
    }
}

/// `V1::Filter`: a keyword with what its filter says.
#[derive(Debug, Serialize)]
pub struct LegacyEntity<'a> {
    id: String,
    phrase: &'a str,
    context: Vec<&'static str>,
    expires_at: Option<String>,
    irreversible: bool,
    whole_word: bool,
}

/// Shows a keyword as a filter of the first generation.
pub fn legacy<'a>(keyword: &'a Keyword, filter: &Filter) -> LegacyEntity<'a> {
    LegacyEntity {
        id: keyword.id.to_string(),
        phrase: &keyword.keyword,
        context: Contexts::from_db(&filter.context).names().collect(),
        expires_at: filter.expires_at.map(iso),
        irreversible: filter.action == "hide",
        whole_word: keyword.whole_word,
    }
}

/// Shows filters with what they hold: two statements.
pub async fn render<'a>(app: &App, rows: &'a [Filter]) -> AppResult<Vec<Entity<'a>>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let (keywords, statuses) = app
        .read(move |c| {
            Box::pin(async move {
                Ok((
                    db::filters::keywords_of(c, &ids).await?,
                    db::filters::statuses_of(c, &ids).await?,
                ))
            })
        })
        .await?;
    let mut by_filter: HashMap<i64, (Vec<KeywordEntity>, Vec<StatusEntity>)> = HashMap::new();
    for row in keywords {
        let (keywords, _) = by_filter.entry(row.filter_id).or_default();
        keywords.push(row.into());
    }
    for row in statuses {
        let (_, statuses) = by_filter.entry(row.filter_id).or_default();
        statuses.push(row.into());
    }
    Ok(rows
        .iter()
        .map(|row| {
            let (keywords, statuses) = by_filter.remove(&row.id).unwrap_or_default();
            Entity {
                id: row.id.to_string(),
                title: &row.title,
                context: Contexts::from_db(&row.context).names().collect(),
                expires_at: row.expires_at.map(iso),
                filter_action: &row.action,
                keywords: Some(keywords),
                statuses: Some(statuses),
            }
        })
        .collect())
}

/// `FilterResult`
#[derive(Debug, Serialize)]
struct ResultEntity<'a> {
    filter: Entity<'a>,
    keyword_matches: Option<Vec<&'a str>>,
    status_matches: Option<Vec<String>>,
}

/// What matched, as the JSON of `Status.filtered`.
fn results(matches: Vec<Match<'_>>) -> AppResult<String> {
    let entities: Vec<ResultEntity<'_>> = matches
        .into_iter()
        .map(|found| ResultEntity {
            filter: Entity {
                id: found.group.id.to_string(),
                title: &found.group.title,
                context: found.group.contexts.names().collect(),
                expires_at: found.group.expires_at.map(iso),
                filter_action: found.group.action.as_str(),
                keywords: None,
                statuses: None,
            },
            keyword_matches: Some(found.keywords).filter(|list| !list.is_empty()),
            status_matches: Some(found.statuses)
                .filter(|list| !list.is_empty())
                .map(|list| list.iter().map(i64::to_string).collect()),
        })
        .collect();
    Ok(serde_json::to_string(&entities)?)
}

/// Applies a reader's filters to statuses. Every filter that matches is told, whatever its
/// contexts: clients keep statuses, and show the same one in several places. One that hides in
/// the context at hand keeps the status out.
pub struct Sieve<'a> {
    reader: &'a Reader,
    now: i64,
    /// `filtered` of the statuses that matched, by their ids.
    pub found: HashMap<i64, Box<str>>,
}

impl<'a> Sieve<'a> {
    /// For a reader who has filters; `None` for all others.
    pub fn of(reader: Option<&'a Reader>, now: i64) -> Option<Sieve<'a>> {
        let reader = reader?;
        (!reader.relations.filters.is_empty()).then(|| Sieve {
            reader,
            now,
            found: HashMap::new(),
        })
    }

    /// Applies the filters to a status (or the reblog `outer` of it); true when it is to be left
    /// out. Nobody is kept from their own words.
    pub fn hides(&mut self, outer: &Prepared, subject: &Prepared) -> AppResult<bool> {
        if subject.status.account_id == self.reader.account_id {
            return Ok(false);
        }
        let ids = [subject.status.id, outer.status.id];
        let ids = if ids[0] == ids[1] {
            &ids[..1]
        } else {
            &ids[..]
        };
        let matches = self
            .reader
            .relations
            .filters
            .matches(subject.words(), ids, self.now);
        if matches.is_empty() {
            return Ok(false);
        }
        if let Some(context) = self.reader.context
            && matches.iter().any(|found| found.group.hides_in(context))
        {
            return Ok(true);
        }
        let results: Box<str> = results(matches)?.into();
        for id in ids {
            self.found.insert(*id, results.clone());
        }
        Ok(false)
    }
}
