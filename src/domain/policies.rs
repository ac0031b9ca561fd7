//! What this server wants of other servers.

use std::collections::HashMap;

use super::Ctx;
use crate::db::policies::DomainPolicy;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::names::normalize_domain;

/// The policies in force, kept in memory and read anew when they change.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    by_domain: HashMap<String, DomainPolicy>,
}

impl Policies {
    /// Reads them all.
    pub async fn load(conn: &mut Conn) -> AppResult<Policies> {
        let rows = db::policies::all(conn).await?;
        Ok(Policies {
            by_domain: rows.into_iter().map(|p| (p.domain.clone(), p)).collect(),
        })
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &DomainPolicy> {
        self.by_domain.values()
    }

    /// The policy for a host or domain: its own, or that of a domain above it. A port is
    /// passed over unless the policy names it, and a dot at the end is.
    pub fn of(&self, host: &str) -> Option<&DomainPolicy> {
        if self.by_domain.is_empty() {
            return None;
        }
        let host = host.to_lowercase().replacen(".:", ":", 1);
        if let Some(policy) = self.by_domain.get(&host) {
            return Some(policy);
        }
        let mut name = host.rsplit_once(':').map_or(host.as_str(), |(name, port)| {
            if port.bytes().all(|b| b.is_ascii_digit()) {
                name
            } else {
                &host
            }
        });
        name = name.strip_suffix('.').unwrap_or(name);
        loop {
            if let Some(policy) = self.by_domain.get(name) {
                return Some(policy);
            }
            name = name.split_once('.')?.1;
        }
    }

    /// Whether nothing is exchanged with a host.
    pub fn blocks(&self, host: &str) -> bool {
        self.of(host).is_some_and(|p| p.severity == "block")
    }

    /// Whether no files are taken from a host, nor any of its people's.
    pub fn rejects_media(&self, host: &str) -> bool {
        self.of(host)
            .is_some_and(|p| p.reject_media || p.severity == "block")
    }
}

/// Blocks or limits a domain (and those under it), or changes how.
pub async fn set(
    tx: &mut Conn,
    ctx: &Ctx,
    domain: &str,
    severity: &str,
    public_comment: &str,
    private_comment: &str,
) -> AppResult<DomainPolicy> {
    let domain = normalize_domain(domain)
        .ok_or_else(|| AppError::invalid(format!("{domain:?} is no domain")))?;
    if ctx.config.is_our_domain(&domain) {
        return Err(AppError::invalid("This is our own domain"));
    }
    let row = DomainPolicy {
        domain,
        severity: severity.to_owned(),
        reject_media: false,
        public_comment: public_comment.to_owned(),
        private_comment: private_comment.to_owned(),
        created_at: ctx.now(),
    };
    db::policies::set(tx, &row).await?;
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    Ok(row)
}

/// Says that no files are to be taken from a domain that has a policy, or that they are again;
/// 404 where it has none.
pub async fn reject_media(tx: &mut Conn, domain: &str, reject: bool) -> AppResult<DomainPolicy> {
    let policy = db::policies::all(tx)
        .await?
        .into_iter()
        .find(|policy| policy.domain == domain)
        .ok_or_else(AppError::not_found)?;
    let row = DomainPolicy {
        reject_media: reject,
        ..policy
    };
    db::policies::set(tx, &row).await?;
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    Ok(row)
}

/// Lifts a domain's policy; false when there was none.
pub async fn lift(tx: &mut Conn, domain: &str) -> AppResult<bool> {
    let domain = normalize_domain(domain)
        .ok_or_else(|| AppError::invalid(format!("{domain:?} is no domain")))?;
    let lifted = db::policies::remove(tx, &domain).await?;
    if lifted {
        tx.emit(Event::of(Kind::PolicyChanged, 0));
    }
    Ok(lifted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s16_a_policy_holds_for_every_spelling_of_a_host() {
        let policy = |domain: &str| DomainPolicy {
            domain: domain.to_owned(),
            severity: "block".to_owned(),
            reject_media: false,
            public_comment: String::new(),
            private_comment: String::new(),
            created_at: 1,
        };
        let rows = ["bad.example", "odd.example:8080", "xn--bcher-kva.example"].map(policy);
        let policies = Policies {
            by_domain: rows.into_iter().map(|p| (p.domain.clone(), p)).collect(),
        };
        for host in [
            "bad.example",
            "BAD.example",
            "bad.example.",
            "bad.example:8443",
            "bad.example.:8443",
            "a.b.bad.example",
            "a.bad.example.:1",
            "odd.example:8080",
            "odd.example.:8080",
            "a.xn--bcher-kva.example",
        ] {
            assert!(policies.blocks(host), "{host}");
        }
        for host in [
            "example",
            "verybad.example",
            "bad.example.org",
            "odd.example",
            "odd.example:8081",
            "a.odd.example:8080",
            "",
            ".",
            "[::1]:8080",
        ] {
            assert!(!policies.blocks(host), "{host}");
        }
    }
}
