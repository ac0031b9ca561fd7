//! Kith's own fields of a status, which sit under its one key `kith`.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::interaction_policy;
use crate::app::App;
use crate::config::Config;
use crate::db;
use crate::db::emoji_reactions::Count;
use crate::db::interactions::PolicyRow;
use crate::db::statuses::{Status, StatusStats};
use crate::domain::interactions::Policies;
use crate::domain::visibility::{PENDING, REFUSED, Visibility, wanted};
use crate::error::AppResult;

/// What they say to everyone; what depends on the reader is added on every read.
pub struct Extra {
    visibility: &'static str,
    title: String,
    dislikes: i64,
    views: i64,
    reactions: Vec<Reaction>,
    policies: Option<interaction_policy::Entity>,
    approval: Option<&'static str>,
}

struct Reaction {
    name: String,
    domain: String,
    count: i64,
    url: Option<String>,
    static_url: Option<String>,
}

/// The emoji that a reader gave to a status, as name and domain.
pub type Given = Vec<(String, String)>;

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub struct Eyes<'a> {
    pub disliked: bool,
    pub given: Option<&'a [(String, String)]>,
    /// Whether it is the author.
    pub author: bool,
}

#[derive(Serialize)]
struct Entity<'a> {
    /// The truth about the visibility.
    visibility: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    dislikes_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    disliked: Option<bool>,
    /// Told to the author alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    views_count: Option<i64>,
    reactions: Vec<Shown<'a>>,
    /// Who may like, answer and boost it, where that is not everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction_policy: Option<&'a interaction_policy::Entity>,
    /// Of a reply that needs leave: `pending`, or `rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'static str>,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: std::borrow::Cow<'a, str>,
    count: i64,
    me: bool,
    url: Option<&'a str>,
    static_url: Option<&'a str>,
}

impl Extra {
    /// From a status's rows.
    pub fn of(
        config: &Config,
        status: &Status,
        stats: &StatusStats,
        policies: &[PolicyRow],
        reactions: Option<&Vec<Count>>,
    ) -> Extra {
        let picture = |kind, url: &str| (!url.is_empty()).then(|| config.shown_url(kind, url));
        Extra {
            visibility: match wanted(status.visibility) {
                _ if status.local_only => "local",
                Visibility::Mutuals => "mutuals",
                other => other.as_api(),
            },
            policies: Some(Policies::from_rows(policies.iter()))
                .filter(|policies| !policies.is_open())
                .map(interaction_policy::entity),
            approval: match status.visibility {
                waiting if waiting >= REFUSED => Some("rejected"),
                waiting if waiting >= PENDING => Some("pending"),
                _ => None,
            },
            title: status.title.clone(),
            dislikes: stats.dislikes_count.max(0),
            views: stats.views_count.max(0),
            reactions: reactions
                .into_iter()
                .flatten()
                .map(|count| Reaction {
                    name: count.name.clone(),
                    domain: count.domain.clone(),
                    count: count.total,
                    url: picture("emoji", &count.url),
                    static_url: picture("emoji-static", &count.static_url),
                })
                .collect(),
        }
    }

    /// Whether anybody reacted.
    pub fn has_reactions(&self) -> bool {
        !self.reactions.is_empty()
    }

    /// Writes them for a reader (`None`: anyone).
    pub fn write(&self, out: &mut String, eyes: Option<Eyes<'_>>) {
        let gave = |reaction: &Reaction| {
            eyes.and_then(|eyes| eyes.given).is_some_and(|given| {
                given
                    .iter()
                    .any(|(name, domain)| *name == reaction.name && *domain == reaction.domain)
            })
        };
        let entity = Entity {
            visibility: self.visibility,
            title: &self.title,
            interaction_policy: self.policies.as_ref(),
            approval: self.approval,
            dislikes_count: self.dislikes,
            disliked: eyes.map(|eyes| eyes.disliked),
            views_count: eyes.filter(|eyes| eyes.author).map(|_| self.views),
            reactions: self
                .reactions
                .iter()
                .map(|reaction| Shown {
                    name: match reaction.domain.as_str() {
                        "" => reaction.name.as_str().into(),
                        domain => format!("{}@{domain}", reaction.name).into(),
                    },
                    count: reaction.count,
                    me: gave(reaction),
                    url: reaction.url.as_deref(),
                    static_url: reaction.static_url.as_deref(),
                })
                .collect(),
        };
        // Plain values: this does not fail.
        let json = serde_json::to_string(&entity);
        out.push_str(json.as_deref().unwrap_or("null"));
    }
}

/// What a reader gave to statuses that have reactions: from memory, the rest in one statement.
pub async fn given(app: &App, reader: i64, ids: &[i64]) -> AppResult<HashMap<i64, Arc<Given>>> {
    let cache = &app.caches.reactions;
    let mut found = HashMap::with_capacity(ids.len());
    let mut missing = Vec::new();
    for id in ids {
        match cache.get(&(reader, *id)) {
            Some(given) => {
                found.insert(*id, given);
            }
            None => missing.push(*id),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let ticket = cache.ticket();
    let (missing, rows) = app
        .read(move |c| {
            Box::pin(async move {
                let rows = db::emoji_reactions::given_to(c, reader, &missing).await?;
                Ok((missing, rows))
            })
        })
        .await?;
    let mut given: HashMap<i64, Given> = HashMap::new();
    for (status, name, domain) in rows {
        given.entry(status).or_default().push((name, domain));
    }
    for id in missing {
        let list = Arc::new(given.remove(&id).unwrap_or_default());
        cache.put(ticket, (reader, id), list.clone());
        found.insert(id, list);
    }
    Ok(found)
}
