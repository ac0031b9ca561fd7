//! Relays, as they are found, and what they may cost.

use std::sync::Mutex;

use http::StatusCode;

use super::fetch::{self, Error};
use super::{local_keys, value};
use crate::app::App;
use crate::caches::Expiring;
use crate::client::{Budget, Limits};
use crate::clock::{MINUTE, SECOND};
use crate::domain::relays::{Kind, Wanted};
use crate::error::{AppError, AppResult};

/// What finding out about one thing that a relay brings may cost: the object, its author, and who
/// vouches for the author's name.
pub const LIMITS: Limits = Limits {
    requests: 6,
    bytes: 2 * 1024 * 1024,
    depth: 3,
    time: std::time::Duration::from_secs(15),
};

/// Things that a relay may bring in a row, and the time after which one is forgiven.
const BURST: i64 = 600;
const EACH: i64 = SECOND / 10;
/// What is not to be had where the relay says counts as so many.
const LIE: i64 = 20;
/// How long a relay is not listened to at most.
const WORST: i64 = 10 * MINUTE;

/// What relays have brought lately: for each, when all is forgiven.
pub struct Loads {
    forgiven_at: Mutex<Expiring<String, i64>>,
}

impl Default for Loads {
    fn default() -> Loads {
        Loads {
            forgiven_at: Mutex::new(Expiring::new(200, std::time::Duration::from_secs(600))),
        }
    }
}

impl Loads {
    /// Counts a thing that a relay brings; 429 where it is too much.
    pub fn take(&self, relay: &str, now: i64) -> AppResult<()> {
        let Ok(kept) = self.forgiven_at.lock() else {
            return Ok(());
        };
        let at = kept.get(relay).unwrap_or(now).max(now) + EACH;
        if at > now + BURST * EACH {
            let error = AppError::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            return Err(error.describe("the relay brings more than is taken"));
        }
        kept.insert(relay.to_owned(), at);
        Ok(())
    }

    /// Counts a thing that was not there.
    pub fn lied(&self, relay: &str, now: i64) {
        if let Ok(kept) = self.forgiven_at.lock() {
            let at = kept.get(relay).unwrap_or(now).max(now) + LIE * EACH;
            kept.insert(relay.to_owned(), at.min(now + WORST));
        }
    }
}

/// What a URL stands for: an inbox that ends so is a relay of Mastodon's kind, any other is the
/// actor of one of LitePub's.
pub async fn find(app: &App, url: &str, kind: Option<Kind>) -> AppResult<Wanted> {
    if value::uri(url).is_none() || app.config.is_ours(url) {
        return Err(AppError::invalid(format!(
            "{url:.200}: neither the inbox nor the actor of a relay"
        )));
    }
    if fetch::is_blocked(app, url).await? {
        return Err(AppError::invalid(format!("{url}: the domain is blocked")));
    }
    let usual = if url.ends_with("/inbox") {
        Kind::Mastodon
    } else {
        Kind::Litepub
    };
    local_keys::ensure_instance(app).await?;
    match kind.unwrap_or(usual) {
        Kind::Mastodon => Ok(Wanted {
            kind: Kind::Mastodon,
            inbox_url: url.to_owned(),
            actor_uri: String::new(),
        }),
        Kind::Litepub => {
            let actor = fetch::actor(app, url, &Budget::new(fetch::LIMITS))
                .await
                .map_err(|error: Error| AppError::invalid(error.to_string()))?;
            Ok(Wanted {
                kind: Kind::Litepub,
                inbox_url: actor.inbox_url,
                actor_uri: actor.uri,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_what_a_relay_brings_is_counted_and_lies_count_more() {
        let loads = Loads::default();
        let (honest, liar) = ("https://a.example/actor", "https://b.example/actor");
        for _ in 0..BURST {
            loads.take(honest, 0).unwrap();
        }
        assert!(loads.take(honest, 0).is_err());
        assert!(loads.take(honest, EACH).is_ok(), "one is forgiven");
        assert!(loads.take(honest, EACH).is_err());
        let mut brought = 0;
        while loads.take(liar, 0).is_ok() {
            loads.lied(liar, 0);
            brought += 1;
        }
        assert!(brought <= BURST / LIE, "{brought}");
        assert!(
            loads.take(liar, EACH * BURST).is_ok(),
            "none is shut out for ever"
        );
    }
}
