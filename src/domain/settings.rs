//! What a user chose for themselves: `users.settings`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::interactions::Policies;
use super::visibility::Visibility;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// A profile field as its owner typed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceField {
    pub name: String,
    pub value: String,
    /// ISO 8601: when the page it leads to was found to link back.
    #[serde(default)]
    pub verified_at: Option<String>,
}

/// A user's settings. What is not chosen is absent, so that a change of what is usual reaches
/// those who did not choose; what this version does not know is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The bio as typed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<SourceField>,
    /// Of posts that do not say; Kith's own `mutuals` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy: Option<String>,
    /// Whether media are marked as sensitive where a post does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
    /// Language of posts that do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Who may quote posts that do not say: `public`, `followers` or `nobody`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote_policy: Option<String>,
    /// Who may like, answer and boost posts that do not say, by their visibility.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub interaction_policies: BTreeMap<String, Policies>,
    /// `default`, `show_all` or `hide_all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand_media: Option<String>,
    /// Whether what is behind warnings is shown at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand_spoilers: Option<bool>,
    /// Whether animations move by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoplay_gifs: Option<bool>,
    /// How often what is unread is sent by mail: `daily` or `weekly`; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_digest: Option<String>,
    /// When the next digest is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_at: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Settings {
    /// A user's settings.
    pub fn of(user: &User) -> Settings {
        serde_json::from_str(&user.settings).unwrap_or_default()
    }

    /// Those of an account; the usual ones for who is no user here.
    pub async fn load(conn: &mut Conn, account_id: i64) -> AppResult<Settings> {
        let user = db::users::by_account(conn, account_id).await?;
        Ok(user.as_ref().map(Settings::of).unwrap_or_default())
    }

    /// As the database keeps them.
    pub fn to_db(&self) -> AppResult<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// How far posts reach that do not say.
    pub fn visibility(&self) -> Visibility {
        self.privacy
            .as_deref()
            .and_then(Visibility::parse)
            .unwrap_or(Visibility::Public)
    }

    /// Who may like, answer and boost posts of a visibility that do not say. Posts for mutuals go
    /// by what is for followers.
    pub fn policies(&self, visibility: Visibility) -> Policies {
        let policies = self.interaction_policies.get(visibility.as_api());
        policies.copied().unwrap_or_default()
    }

    /// Who may quote posts that do not say.
    pub fn quote_policy(&self) -> &str {
        self.quote_policy.as_deref().unwrap_or("public")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_kept() {
        let text = r#"{"note":"hi","privacy":"unlisted","theme":"dark"}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.visibility(), Visibility::Unlisted);
        assert_eq!(settings.to_db().unwrap(), text);
        let none: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(none.visibility(), Visibility::Public);
        assert_eq!(none.to_db().unwrap(), "{}");
    }
}
