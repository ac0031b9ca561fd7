//! Which e-mail addresses nobody may register with.

use super::policies::names;
use super::trends;
use super::{Ctx, users::Problem};
use crate::db::sign_up_rules::{CanonicalEmailBlock, EmailDomainBlock};
use crate::db::trends::Kind as Counted;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::secret;
use crate::text::names::normalize_domain;

/// What an address comes to: in lower case, without the dots of its first part and what follows a
/// plus sign there. `None` for what is no address.
fn canonical(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    let (name, domain) = email.split_once('@')?;
    let name = name.replace('.', "");
    let name = name.split('+').next().unwrap_or_default();
    Some(format!("{name}@{domain}"))
}

/// The hash that a canonical address is kept by.
pub fn canonical_hash(email: &str) -> Option<String> {
    canonical(email).map(|address| secret::hash(&address))
}

fn domain_of(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// The block of an address's domain, or of one above it.
async fn of_domain(conn: &mut Conn, email: &str) -> AppResult<Option<EmailDomainBlock>> {
    let Some(domain) = normalize_domain(domain_of(email.trim())) else {
        return Ok(None);
    };
    let rows = db::sign_up_rules::email_domains_among(conn, &names(&domain)).await?;
    Ok(rows.into_iter().next())
}

/// The block of an address that comes to the same.
pub async fn of_address(conn: &mut Conn, email: &str) -> AppResult<Option<CanonicalEmailBlock>> {
    match canonical_hash(email) {
        Some(hash) => Ok(db::sign_up_rules::canonical_email_by_hash(conn, &hash).await?),
        None => Ok(None),
    }
}

/// What is wrong with an address that somebody wants to use, as Mastodon says it. Tries with a
/// blocked domain are counted, by whence they came.
pub async fn problem(
    tx: &mut Conn,
    ctx: &Ctx,
    email: &str,
    ip: &str,
) -> AppResult<Option<Problem>> {
    if let Some(block) = of_domain(tx, email).await? {
        trends::used(tx, ctx, Counted::EmailDomain, block.id, number(ip)).await?;
        return Ok(Some(Problem {
            field: "email",
            code: "ERR_BLOCKED",
            text: "contains a disallowed e-mail provider",
        }));
    }
    let block = of_address(tx, email).await?;
    Ok(block.map(|_| Problem {
        field: "email",
        code: "ERR_TAKEN",
        text: "has already been taken",
    }))
}

/// A number in the place of an address, which need not be kept to be counted once.
fn number(ip: &str) -> i64 {
    let hash = secret::hash(ip);
    i64::from_str_radix(&hash[..15], 16).unwrap_or_default()
}

/// Blocks a domain of addresses.
pub async fn add_domain(tx: &mut Conn, ctx: &Ctx, domain: &str) -> AppResult<EmailDomainBlock> {
    let domain = domain.trim().trim_start_matches('@');
    if domain.is_empty() {
        return Err(AppError::invalid(
            "Validation failed: Domain can't be blank",
        ));
    }
    let row = EmailDomainBlock {
        id: ctx.ids.next(),
        domain: normalize_domain(domain)
            .filter(|domain| !domain.contains(':'))
            .ok_or_else(|| {
                AppError::invalid("Validation failed: Domain is not a valid domain name")
            })?,
        created_at: ctx.now(),
    };
    if !db::sign_up_rules::add_email_domain(tx, &row).await? {
        return Err(AppError::invalid(
            "Validation failed: Domain has already been taken",
        ));
    }
    Ok(row)
}

/// Blocks an address and all that come to the same, by one of them or by its hash.
pub async fn add_address(
    tx: &mut Conn,
    ctx: &Ctx,
    email: Option<&str>,
    hash: Option<&str>,
) -> AppResult<CanonicalEmailBlock> {
    let hex = |text: &&str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = match (email, hash) {
        (Some(email), _) => canonical_hash(email)
            .ok_or_else(|| AppError::invalid("Validation failed: E-mail is invalid"))?,
        (None, Some(hash)) => Some(hash)
            .filter(hex)
            .map(str::to_lowercase)
            .ok_or_else(|| {
                AppError::invalid("Validation failed: Canonical email hash is invalid")
            })?,
        (None, None) => {
            return Err(AppError::invalid(
                "Validation failed: Canonical email hash can't be blank",
            ));
        }
    };
    let row = CanonicalEmailBlock {
        id: ctx.ids.next(),
        canonical_email_hash: hash,
        created_at: ctx.now(),
    };
    if db::sign_up_rules::add_canonical_email(tx, &row).await? {
        return Ok(row);
    }
    // Once more is no error: whoever asks wants it to be blocked.
    let hash = &row.canonical_email_hash;
    let known = db::sign_up_rules::canonical_email_by_hash(tx, hash).await?;
    Ok(known.unwrap_or(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_reach_the_same_mailbox_are_one() {
        for email in [
            "foo@bar.com",
            "F.oo@BAR.com",
            "foo+spam@bar.com",
            "f.o.o+a+b@bar.com",
        ] {
            assert_eq!(canonical(email).as_deref(), Some("foo@bar.com"), "{email}");
        }
        assert_eq!(canonical("nothing"), None);
        assert_eq!(
            canonical_hash("foo@bar.com").as_deref(),
            Some("0c7e6a405862e402eb76a70f8a26fc732d07c32931e9fae9ab1582911d2e8a3b")
        );
        assert!(number("192.0.2.1") > 0 && number("") > 0);
    }
}
