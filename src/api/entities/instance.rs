//! What the server says of itself: read once, and again when an admin changed it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::account;
use crate::app::App;
use crate::clock::MINUTE;
use crate::db;
use crate::db::instance::Terms;
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::domain::instance::{Shown, WEEK, contact, day, week_of};
use crate::error::AppResult;
use crate::ids::Ids;
use crate::text::markdown;

/// Weeks of numbers that are shown.
const WEEKS: i64 = 12;
/// How long numbers are good, in milliseconds.
const COUNTED_FOR: i64 = MINUTE;

/// `Rule`.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    id: String,
    pub text: String,
    hint: String,
    translations: HashMap<String, Translation>,
}

impl Rule {
    /// Whether it is the one of an id.
    pub fn is(&self, id: i64) -> bool {
        self.id == id.to_string()
    }
}

#[derive(Debug, Clone, Serialize)]
struct Translation {
    text: String,
    hint: String,
}

/// Everything that an admin sets.
#[derive(Debug)]
pub struct About {
    settings: HashMap<String, String>,
    /// The account to turn to.
    pub contact: Option<i64>,
    pub rules: Vec<Rule>,
    /// Latest first.
    pub terms: Vec<Terms>,
    /// When the server was set up.
    pub since: i64,
}

impl About {
    /// A setting by its row's name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// A setting as text; empty where it is not set.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The server's name.
    pub fn title(&self) -> &str {
        self.get("title").unwrap_or("Kith")
    }

    /// Who may see a list; everyone, where an admin said nothing.
    pub fn shown(&self, name: &str) -> Shown {
        self.get(name).and_then(Shown::parse).unwrap_or(Shown::All)
    }

    /// When a text was last changed.
    pub fn changed_at(&self, name: &str) -> i64 {
        let at = self.get(&format!("{name}_updated_at"));
        at.and_then(|at| at.parse().ok()).unwrap_or(self.since)
    }

    /// A Markdown setting as HTML.
    pub fn html(&self, name: &str) -> Option<String> {
        Some(html(self.get(name)?))
    }
}

/// Markdown of an admin's as HTML.
pub fn html(source: &str) -> String {
    markdown::render(source, &|_| None)
}

/// What is true of every server, where its admin has written nothing.
const PRIVACY_POLICY: &str = include_str!("privacy_policy.md");

/// The privacy policy as HTML.
pub fn privacy_policy(app: &App, about: &About) -> String {
    let usual = || html(&PRIVACY_POLICY.replace("{domain}", &app.config.account_domain));
    about.html("privacy_policy").unwrap_or_else(usual)
}

/// The terms in force at a time; where there are none yet, those to come.
pub fn terms_at(about: &About, now: i64) -> Option<&Terms> {
    let today = day(now);
    let current = about.terms.iter().find(|t| t.effective_date <= today);
    current.or(about.terms.last())
}

/// What an admin set: from memory, or in five statements.
pub async fn about(app: &App) -> AppResult<Arc<About>> {
    if let Some(about) = app.caches.about.get() {
        return Ok(about);
    }
    let ticket = app.caches.about.ticket();
    let about = app
        .read(|c| {
            Box::pin(async move {
                let settings = db::policies::settings(c).await?;
                let mut settings: HashMap<String, String> = settings.into_iter().collect();
                // Nobody's business.
                settings.remove("vapid_key");
                let contact = match settings.get("contact_account") {
                    Some(name) => contact(c, name).await?.map(|account| account.id),
                    None => None,
                };
                let mut translations: HashMap<i64, HashMap<String, Translation>> = HashMap::new();
                for row in db::instance::rule_translations(c).await? {
                    let translation = Translation {
                        text: row.body,
                        hint: row.hint,
                    };
                    translations
                        .entry(row.rule_id)
                        .or_default()
                        .insert(row.locale, translation);
                }
                let rules = db::instance::rules(c)
                    .await?
                    .into_iter()
                    .map(|rule| Rule {
                        id: rule.id.to_string(),
                        text: rule.body,
                        hint: rule.hint,
                        translations: translations.remove(&rule.id).unwrap_or_default(),
                    })
                    .collect();
                let actor = db::accounts::by_handle(c, INSTANCE_ACTOR, "").await?;
                Ok(About {
                    settings,
                    contact,
                    rules,
                    terms: db::instance::terms(c).await?,
                    since: actor.map_or(0, |actor| actor.created_at),
                })
            })
        })
        .await?;
    let about = Arc::new(about);
    app.caches.about.put(ticket, about.clone());
    Ok(about)
}

/// The account to turn to, as JSON.
pub async fn contact_json(app: &App, about: &About) -> AppResult<Value> {
    let Some(id) = about.contact else {
        return Ok(Value::Null);
    };
    match account::render_one(app, id).await? {
        Some(json) => Ok(serde_json::from_str(json.get())?),
        None => Ok(Value::Null),
    }
}

/// What was counted.
#[derive(Debug)]
pub struct Numbers {
    at: i64,
    pub users: i64,
    pub statuses: i64,
    /// Users who were here within four weeks.
    pub active: i64,
    /// Domains of known accounts, sorted.
    pub domains: Vec<String>,
    /// By weeks, this one first: beginning, statuses, active users, registrations.
    pub weeks: Vec<(i64, [i64; 3])>,
}

impl Numbers {
    /// The weeks as the API lists them.
    pub fn activity(&self) -> Value {
        let week = |(week, [statuses, logins, registrations]): &(i64, [i64; 3])| {
            json!({
                "week": (week / 1000).to_string(),
                "statuses": statuses.to_string(),
                "logins": logins.to_string(),
                "registrations": registrations.to_string(),
            })
        };
        self.weeks.iter().map(week).collect()
    }
}

/// The server's numbers, counted once a minute at most.
pub async fn numbers(app: &App) -> AppResult<Arc<Numbers>> {
    let now = app.clock.now_ms();
    if let Some(numbers) = app.caches.numbers.get()
        && numbers.at > now - COUNTED_FOR
    {
        return Ok(numbers);
    }
    let ticket = app.caches.numbers.ticket();
    let numbers = app
        .read(move |c| {
            Box::pin(async move {
                let this = week_of(now);
                let mut weeks = Vec::with_capacity(WEEKS as usize);
                for ago in 0..WEEKS {
                    let begin = this - ago * WEEK;
                    let end = begin + WEEK;
                    let ids = (Ids::floor(begin), Ids::floor(end));
                    weeks.push((begin, db::instance::week(c, begin, ids, end).await?));
                }
                Ok(Numbers {
                    at: now,
                    users: db::accounts::count_local(c).await?,
                    statuses: db::statuses::count_local(c).await?,
                    active: db::instance::count_active(c, this - 3 * WEEK).await?,
                    domains: db::instance::domains(c).await?,
                    weeks,
                })
            })
        })
        .await?;
    let numbers = Arc::new(numbers);
    app.caches.numbers.put(ticket, numbers.clone());
    Ok(numbers)
}
