//! The time that a question about numbers is about, and what its keys are about.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{self, DAY};
use crate::domain::dashboard::{About, Period};
use crate::error::{AppError, AppResult};
use crate::http::params::{integer, text, texts};
use crate::text::names::normalize_domain;

/// Keys answered at once.
const MAX_KEYS: usize = 50;

/// What is asked.
#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "texts")]
    pub keys: Vec<String>,
    #[serde(default, deserialize_with = "text")]
    start_at: Option<String>,
    #[serde(default, deserialize_with = "text")]
    end_at: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    pub limit: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub frequency: Option<String>,
    /// What keys are about, by their names.
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

/// A number of a day, as the API writes it.
#[derive(Debug, Serialize)]
pub struct Day {
    pub date: String,
    pub value: String,
}

/// The day of a date or of a time.
fn day(name: &str, text: Option<&str>) -> AppResult<i64> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = text else {
        return Err(AppError::bad_request(format!(
            "param is missing or the value is empty: {name}"
        )));
    };
    clock::parse_day(text)
        .or_else(|| clock::parse_iso(text).map(|ms| ms.div_euclid(DAY)))
        .filter(|day| (0..=4_000_000).contains(day))
        .ok_or_else(|| AppError::invalid(format!("Validation failed: {name} is not a date")))
}

impl Body {
    /// The time asked for.
    pub fn period(&self) -> AppResult<Period> {
        Period::new(
            day("start_at", self.start_at.as_deref())?,
            day("end_at", self.end_at.as_deref())?,
        )
    }

    /// The keys, each with what it is about.
    pub fn wanted(&self) -> AppResult<Vec<(String, About)>> {
        if self.keys.is_empty() {
            return Err(AppError::bad_request(
                "param is missing or the value is empty: keys",
            ));
        }
        if self.keys.len() > MAX_KEYS {
            return Err(AppError::invalid(
                "Validation failed: There are too many keys",
            ));
        }
        let about = |key: &String| {
            let given = self.rest.get(key);
            let field = |name: &str| given.and_then(|given| given.get(name));
            let id = field("id").and_then(|id| match id {
                Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            });
            let domain = field("domain")
                .and_then(Value::as_str)
                .and_then(normalize_domain);
            About { id, domain }
        };
        Ok(self
            .keys
            .iter()
            .map(|key| (key.clone(), about(key)))
            .collect())
    }
}
