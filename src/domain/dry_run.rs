//! What blocking a domain would cut off, before it is done.

use std::collections::HashSet;

use super::Ctx;
use super::policies;
use super::standing::{Known, Place};
use crate::db::accounts::Account;
use crate::db::policy_effects;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// Places (the domain, those under it, their hosts) that are looked at.
const PLACES: usize = 200;
/// Accounts named as a sample.
const SAMPLE: usize = 10;

/// What is known here of a domain and those under it.
#[derive(Debug, Clone, Default)]
pub struct Cut {
    /// As it is written usually.
    pub domain: String,
    /// Domains and hosts under it whose accounts are known, itself included.
    pub places: i64,
    pub accounts: i64,
    pub statuses: i64,
    /// Follows of its people by people here.
    pub following: i64,
    /// Follows of people here by its people.
    pub followers: i64,
    /// People here who would lose any of those.
    pub people: i64,
    /// Accounts that most people here have to do with, and the number of those follows.
    pub sample: Vec<(Account, i64)>,
    /// Whether everything was counted; else the numbers are lower bounds.
    pub complete: bool,
}

/// Counts it. Nothing is changed.
pub async fn of(conn: &mut Conn, ctx: &Ctx, domain: &str) -> AppResult<Cut> {
    let domain = policies::proper(ctx, domain)?;
    let mut places = Known::load(conn).await?.under(&domain);
    let mut cut = Cut {
        places: places.len() as i64,
        complete: places.len() <= PLACES,
        ..Cut::default()
    };
    places.truncate(PLACES);
    let (mut people, mut sample) = (HashSet::new(), Vec::new());
    for place in &places {
        let (by_host, name) = match place {
            Place::Domain(name) => (false, name),
            Place::Host(name) => (true, name),
        };
        let known = policy_effects::known(conn, by_host, name, &domain).await?;
        cut.accounts += known.accounts;
        cut.statuses += known.statuses;
        cut.following += known.following;
        cut.followers += known.followers;
        cut.complete &= known.accounts < policy_effects::ACCOUNTS;
        if known.accounts == 0 {
            continue;
        }
        let limit = SAMPLE as i64;
        sample.extend(policy_effects::sample(conn, by_host, name, &domain, limit).await?);
        if known.following + known.followers > 0 {
            people.extend(policy_effects::people(conn, by_host, name, &domain).await?);
        }
    }
    cut.people = people.len() as i64;
    sample.sort_by_key(|(id, follows)| (-follows, *id));
    sample.truncate(SAMPLE);
    let ids: Vec<i64> = sample.iter().map(|(id, _)| *id).collect();
    let accounts = db::accounts::by_ids(conn, &ids).await?;
    cut.sample = sample
        .into_iter()
        .filter_map(|(id, follows)| {
            let account = accounts.iter().find(|account| account.id == id)?;
            Some((account.clone(), follows))
        })
        .collect();
    cut.domain = domain;
    Ok(cut)
}
