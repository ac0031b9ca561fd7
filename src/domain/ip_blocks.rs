//! Rules about IP addresses: who has to wait for approval, who may not register, and who may not
//! come in at all.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Ctx;
use crate::config::IpNet;
use crate::db::sign_up_rules::IpBlock;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Rules that are kept in memory, and so the most there may be.
const MOST: usize = 10_000;
/// Longest comment, in characters.
const MAX_COMMENT: usize = 2000;
/// Longest time that a rule may be limited to, in seconds.
const MAX_SECONDS: i64 = 100 * 365 * 24 * 3600;

/// What is kept from an address, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Registrations wait for approval.
    SignUpRequiresApproval,
    /// Nobody registers.
    SignUpBlock,
    /// Nothing is answered.
    NoAccess,
}

impl Severity {
    const ALL: [Severity; 3] = [
        Severity::SignUpRequiresApproval,
        Severity::SignUpBlock,
        Severity::NoAccess,
    ];

    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::SignUpRequiresApproval => "sign_up_requires_approval",
            Severity::SignUpBlock => "sign_up_block",
            Severity::NoAccess => "no_access",
        }
    }

    /// Reads [`Severity::as_str`].
    pub fn parse(text: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

/// Rules by the first address of their range, each with until when it holds.
type Ranges = HashMap<IpAddr, (Severity, i64)>;

/// The rules in force, kept in memory and read anew when they change.
#[derive(Debug, Clone, Default)]
pub struct IpRules {
    /// By the length of the range.
    lengths: Vec<(u8, Ranges)>,
}

impl IpRules {
    /// Reads them all.
    pub async fn load(conn: &mut Conn, now: i64) -> AppResult<IpRules> {
        Ok(IpRules::of(&db::sign_up_rules::all_ips(conn, now).await?))
    }

    fn of(rows: &[IpBlock]) -> IpRules {
        let mut rules = IpRules::default();
        for row in rows {
            let (Some(range), Some(severity)) =
                (IpNet::parse(&row.ip), Severity::parse(&row.severity))
            else {
                continue;
            };
            let until = row.expires_at.unwrap_or(i64::MAX);
            let length = range.prefix();
            let at = match rules.lengths.iter().position(|(other, _)| *other == length) {
                Some(at) => at,
                None => {
                    rules.lengths.push((length, HashMap::new()));
                    rules.lengths.len() - 1
                }
            };
            rules.lengths[at].1.insert(range.first(), (severity, until));
        }
        rules
    }

    /// The severest rule for an address.
    pub fn of_address(&self, address: IpAddr, now: i64) -> Option<Severity> {
        let address = address.to_canonical();
        self.lengths
            .iter()
            .filter_map(|(length, ranges)| {
                let first = IpNet::new(address, *length)?.first();
                ranges.get(&first)
            })
            .filter(|(_, until)| *until > now)
            .map(|(severity, _)| *severity)
            .max()
    }
}

/// A rule as an admin wants it; `None` leaves what was.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// An address or range.
    pub ip: Option<String>,
    pub severity: Option<String>,
    pub comment: Option<String>,
    /// Seconds from now; 0: for ever.
    pub expires_in: Option<i64>,
}

/// A range as it is written usually.
pub fn parse_range(text: &str) -> AppResult<String> {
    let plain = |range: IpNet| match (range.first().to_canonical(), range.first()) {
        // IPv4 mapped into IPv6 is what addresses are compared as.
        (v4 @ IpAddr::V4(_), IpAddr::V6(_)) if range.prefix() >= 96 => {
            IpNet::new(v4, range.prefix() - 96).unwrap_or(range)
        }
        _ => range,
    };
    IpNet::parse(text.trim())
        .map(|range| plain(range).to_string())
        .ok_or_else(|| AppError::invalid("Validation failed: Ip is not a valid IP address"))
}

fn apply(ctx: &Ctx, row: &mut IpBlock, change: Change) -> AppResult<()> {
    if let Some(ip) = change.ip {
        row.ip = parse_range(&ip)?;
    }
    if let Some(severity) = change.severity {
        row.severity = Severity::parse(&severity)
            .ok_or_else(|| {
                AppError::invalid("Validation failed: Severity is not included in the list")
            })?
            .as_str()
            .to_owned();
    }
    if let Some(comment) = change.comment {
        if comment.chars().count() > MAX_COMMENT {
            return Err(AppError::invalid(format!(
                "Validation failed: Comment is too long (maximum is {MAX_COMMENT} characters)"
            )));
        }
        row.comment = comment;
    }
    match change.expires_in {
        None => {}
        Some(0) => row.expires_at = None,
        Some(seconds) if (1..=MAX_SECONDS).contains(&seconds) => {
            row.expires_at = Some(ctx.now() + seconds * 1000);
        }
        Some(_) => {
            return Err(AppError::invalid(
                "Validation failed: Expires in must be greater than 0",
            ));
        }
    }
    Ok(())
}

fn taken() -> AppError {
    AppError::invalid("Validation failed: Ip has already been taken")
}

/// Adds a rule. One that is over makes room for another of the same range.
pub async fn add(tx: &mut Conn, ctx: &Ctx, wanted: Change) -> AppResult<IpBlock> {
    if wanted.ip.is_none() {
        return Err(AppError::invalid("Validation failed: Ip can't be blank"));
    }
    if wanted.severity.is_none() {
        return Err(AppError::invalid(
            "Validation failed: Severity can't be blank",
        ));
    }
    let now = ctx.now();
    let mut row = IpBlock {
        id: ctx.ids.next(),
        ip: String::new(),
        severity: String::new(),
        comment: String::new(),
        created_at: now,
        expires_at: None,
    };
    apply(ctx, &mut row, wanted)?;
    if let Some(old) = db::sign_up_rules::ip_by_range(tx, &row.ip).await? {
        if old.expires_at.is_none_or(|at| at > now) {
            return Err(taken());
        }
        db::sign_up_rules::remove_ip(tx, old.id).await?;
    }
    if db::sign_up_rules::all_ips(tx, now).await?.len() >= MOST {
        return Err(AppError::invalid("Validation failed: There are too many"));
    }
    if !db::sign_up_rules::add_ip(tx, &row).await? {
        return Err(taken());
    }
    tx.emit(Event::of(Kind::IpRulesChanged, 0));
    Ok(row)
}

/// Changes a rule; 404 where it is not there.
pub async fn change(tx: &mut Conn, ctx: &Ctx, id: i64, wanted: Change) -> AppResult<IpBlock> {
    let mut row = db::sign_up_rules::ip(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    apply(ctx, &mut row, wanted)?;
    let holder = db::sign_up_rules::ip_by_range(tx, &row.ip).await?;
    if holder.is_some_and(|holder| holder.id != id) {
        return Err(taken());
    }
    db::sign_up_rules::update_ip(tx, &row).await?;
    tx.emit(Event::of(Kind::IpRulesChanged, 0));
    Ok(row)
}

/// Removes a rule; 404 where it is not there.
pub async fn remove(tx: &mut Conn, id: i64) -> AppResult<IpBlock> {
    let row = db::sign_up_rules::ip(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    db::sign_up_rules::remove_ip(tx, id).await?;
    tx.emit(Event::of(Kind::IpRulesChanged, 0));
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_severest_rule_that_holds_counts() {
        let row = |ip: &str, severity: Severity, expires_at| IpBlock {
            id: 1,
            ip: parse_range(ip).unwrap(),
            severity: severity.as_str().to_owned(),
            comment: String::new(),
            created_at: 0,
            expires_at,
        };
        let rules = IpRules::of(&[
            row("192.0.2.77/24", Severity::SignUpBlock, None),
            row("192.0.2.9", Severity::NoAccess, Some(100)),
            row("2001:db8::/32", Severity::SignUpRequiresApproval, None),
            row("::/0", Severity::SignUpBlock, Some(100)),
        ]);
        let of = |text: &str, now| rules.of_address(text.parse().unwrap(), now);
        assert_eq!(of("192.0.2.9", 99), Some(Severity::NoAccess));
        assert_eq!(of("192.0.2.9", 100), Some(Severity::SignUpBlock));
        assert_eq!(of("::ffff:192.0.2.1", 0), Some(Severity::SignUpBlock));
        assert_eq!(of("192.0.3.1", 0), None, "a range of IPv6 is of that alone");
        assert_eq!(
            of("2001:db8:1::1", 100),
            Some(Severity::SignUpRequiresApproval)
        );
        assert_eq!(of("2001:db9::1", 100), None);
        for text in ["", "x", "192.0.2.1/33", "192.0.2", "1.2.3.4/-1", "::/129"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
        assert_eq!(parse_range("192.0.2.77").unwrap(), "192.0.2.77/32");
        assert_eq!(parse_range("192.0.2.77/24").unwrap(), "192.0.2.0/24");
        let mapped = parse_range("::ffff:192.0.2.77/120").unwrap();
        assert_eq!(mapped, "192.0.2.0/24");
    }
}
