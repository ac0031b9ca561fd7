//! A user's filters, made ready once and kept with what else decides on what they see.

use std::collections::{HashMap, HashSet};

use regex::Regex;

use super::{Action, Context, Contexts};
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::text::matching::{contains, fold};

/// Filters of one user at most; there are no more, see [`super::change`].
const MOST: i64 = 1000;

/// Bytes of keywords that are looked for at once.
const MAX_TOGETHER: usize = 16 << 10;

/// The filters of a user that hold anything.
#[derive(Debug, Default)]
pub struct Filters {
    groups: Vec<Group>,
}

/// One filter.
#[derive(Debug)]
pub struct Group {
    pub id: i64,
    pub title: String,
    pub contexts: Contexts,
    pub action: Action,
    pub expires_at: Option<i64>,
    keywords: Vec<Keyword>,
    /// Finds any of the keywords, as parts of words: most texts hold none, and need no other
    /// look. `None` where it would become too large.
    any: Option<Regex>,
    statuses: HashSet<i64>,
}

#[derive(Debug)]
struct Keyword {
    /// As typed.
    shown: String,
    folded: String,
    whole: bool,
}

/// A filter that a status matches, and by what.
#[derive(Debug)]
pub struct Match<'a> {
    pub group: &'a Group,
    /// Keywords, as typed.
    pub keywords: Vec<&'a str>,
    /// Ids of statuses.
    pub statuses: Vec<i64>,
}

impl Filters {
    /// Reads a user's filters: one statement where there are none, three where there are.
    pub async fn load(conn: &mut Conn, account_id: i64) -> AppResult<Filters> {
        let rows = db::filters::of_account(conn, account_id, MOST).await?;
        if rows.is_empty() {
            return Ok(Filters::default());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut keywords: HashMap<i64, Vec<Keyword>> = HashMap::new();
        for row in db::filters::keywords_of(conn, &ids).await? {
            keywords.entry(row.filter_id).or_default().push(Keyword {
                folded: fold(&row.keyword),
                shown: row.keyword,
                whole: row.whole_word,
            });
        }
        let mut statuses: HashMap<i64, HashSet<i64>> = HashMap::new();
        for row in db::filters::statuses_of(conn, &ids).await? {
            statuses
                .entry(row.filter_id)
                .or_default()
                .insert(row.status_id);
        }
        let groups = rows.into_iter().filter_map(|row| {
            let keywords = keywords.remove(&row.id).unwrap_or_default();
            let statuses = statuses.remove(&row.id).unwrap_or_default();
            if keywords.is_empty() && statuses.is_empty() {
                return None;
            }
            Some(Group {
                id: row.id,
                contexts: Contexts::from_db(&row.context),
                action: Action::parse(&row.action).unwrap_or_default(),
                title: row.title,
                expires_at: row.expires_at,
                any: any_of(&keywords),
                keywords,
                statuses,
            })
        });
        Ok(Filters {
            groups: groups.collect(),
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The filters that a status matches at a time. `text` is its text, folded; `ids` are its
    /// own, and that of what it reblogs.
    pub fn matches(&self, text: &str, ids: &[i64], now: i64) -> Vec<Match<'_>> {
        self.groups
            .iter()
            .filter(|group| group.is_active(now))
            .filter_map(|group| {
                let keywords = group.keywords_in(text);
                let statuses: Vec<i64> = ids
                    .iter()
                    .copied()
                    .filter(|id| group.statuses.contains(id))
                    .collect();
                let matched = !keywords.is_empty() || !statuses.is_empty();
                matched.then_some(Match {
                    group,
                    keywords,
                    statuses,
                })
            })
            .collect()
    }
}

impl Group {
    fn is_active(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    /// Whether what matches it is left out of a context.
    pub fn hides_in(&self, context: Context) -> bool {
        self.action == Action::Hide && self.contexts.holds(context)
    }

    fn keywords_in(&self, text: &str) -> Vec<&str> {
        if self.any.as_ref().is_some_and(|any| !any.is_match(text)) {
            return Vec::new();
        }
        self.keywords
            .iter()
            .filter(|keyword| contains(text, &keyword.folded, keyword.whole))
            .map(|keyword| keyword.shown.as_str())
            .collect()
    }
}

fn any_of(keywords: &[Keyword]) -> Option<Regex> {
    let bytes: usize = keywords.iter().map(|keyword| keyword.folded.len()).sum();
    if bytes > MAX_TOGETHER {
        return None;
    }
    let escaped: Vec<String> = keywords
        .iter()
        .map(|keyword| regex::escape(&keyword.folded))
        .collect();
    Regex::new(&escaped.join("|")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(keywords: &[(&str, bool)], statuses: &[i64], expires_at: Option<i64>) -> Filters {
        let keywords: Vec<Keyword> = keywords
            .iter()
            .map(|(shown, whole)| Keyword {
                shown: (*shown).to_owned(),
                folded: fold(shown),
                whole: *whole,
            })
            .collect();
        Filters {
            groups: vec![Group {
                id: 1,
                title: String::new(),
                contexts: Contexts::from_db("home,public"),
                action: Action::Hide,
                expires_at,
                any: any_of(&keywords),
                keywords,
                statuses: statuses.iter().copied().collect(),
            }],
        }
    }

    #[test]
    fn what_matched_is_named() {
        let filters = filters(&[("Cat", true), ("dog.", false), ("cow", true)], &[7], None);
        let text = fold("My CAT chased the dog. Cows watched");
        let found = filters.matches(&text, &[6, 7], 0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].keywords, ["Cat", "dog."]);
        assert_eq!(found[0].statuses, [7]);
        assert!(found[0].group.hides_in(Context::Public));
        assert!(!found[0].group.hides_in(Context::Thread));
        assert!(filters.matches("nothing", &[6], 0).is_empty());
    }

    #[test]
    fn a_filter_ends_when_it_expires() {
        let filters = filters(&[("x", false)], &[], Some(100));
        assert_eq!(filters.matches("x", &[], 99).len(), 1);
        assert!(filters.matches("x", &[], 100).is_empty());
    }

    #[test]
    fn a_filter_without_keywords_matches_no_text() {
        let filters = filters(&[], &[7], None);
        assert!(filters.matches("anything", &[1], 0).is_empty());
        assert_eq!(filters.matches("", &[7], 0).len(), 1);
    }
}
