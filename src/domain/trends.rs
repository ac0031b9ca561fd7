//! What trends: reckoned from time to time from what people do, newer deeds weighing more.

use std::collections::{HashMap, HashSet};

use super::Ctx;
use super::trend_reviews::Reviews;
use crate::clock::{DAY, HOUR};
use crate::db::trends::{Day, Kind};
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::ids::Ids;

/// Subjects of a kind that trend at most.
const MOST: usize = 100;
/// Subjects of a kind that are looked at.
const CANDIDATES: i64 = 1000;
/// Favourites, reblogs and quotes that are looked at, of each.
const DEEDS: i64 = 20_000;
/// How far back they are looked at.
const SPAN: i64 = 3 * DAY;
/// A deed counts half after this time.
const HALF_LIFE: i64 = 8 * HOUR;
/// A day's use of a tag or link counts half on the next.
const DAYS: i64 = 7;
/// Different accounts that it takes to trend.
const ACCOUNTS: i64 = 2;

/// The day of a moment: days since the epoch, UTC.
pub fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY)
}

/// Counts a use of a tag or link, today.
pub(super) async fn used(
    tx: &mut Conn,
    ctx: &Ctx,
    kind: Kind,
    subject_id: i64,
    account_id: i64,
) -> AppResult<()> {
    Ok(db::trends::record(tx, kind, subject_id, day_of(ctx.now()), account_id).await?)
}

/// Reckons anew what trends: subjects with their scores in thousandths, best first.
pub async fn reckon(conn: &mut Conn, now: i64) -> AppResult<Vec<(Kind, Vec<(i64, i64)>)>> {
    let mut lists = Vec::new();
    for kind in [Kind::Tag, Kind::Link] {
        let mut subjects = db::trends::most_used(conn, kind, day_of(now), CANDIDATES).await?;
        subjects.extend(db::trends::most_used(conn, kind, day_of(now) - 1, CANDIDATES).await?);
        subjects.sort_unstable();
        subjects.dedup();
        if kind == Kind::Link {
            subjects = db::trends::ready_cards(conn, &subjects).await?;
        }
        let days = db::trends::days(conn, kind, &subjects, day_of(now) - DAYS).await?;
        lists.push((kind, by_days(&days, now)));
    }
    let deeds = db::trends::deeds(conn, Ids::floor(now - SPAN), DEEDS).await?;
    let mut scored = by_deeds(&deeds, now);
    scored.truncate(CANDIDATES as usize);
    let ids: Vec<i64> = scored.iter().map(|(id, _)| *id).collect();
    let fine = db::trends::presentable(conn, &ids).await?;
    scored.retain(|(id, _)| fine.contains(id));
    scored.truncate(MOST);
    lists.push((Kind::Status, scored));
    Ok(lists)
}

/// Writes down what trends.
pub async fn put(tx: &mut Conn, lists: Vec<(Kind, Vec<(i64, i64)>)>) -> AppResult<()> {
    for (kind, list) in lists {
        let ids: Vec<i64> = list.iter().map(|(id, _)| *id).collect();
        let reviews = Reviews::load(tx, kind, &ids).await?;
        let list: Vec<(i64, i64, bool)> = list
            .into_iter()
            .map(|(id, score)| (id, score, reviews.shown(id)))
            .collect();
        db::trends::replace(tx, kind, &list).await?;
    }
    Ok(())
}

/// Scores by the accounts of the last days. What is used as much every day scores half of what
/// was not used before: news, not habits.
fn by_days(days: &[Day], now: i64) -> Vec<(i64, i64)> {
    let today = day_of(now);
    // The part of today that is still to come belongs to yesterday.
    let part = (now.rem_euclid(DAY)) as f64 / DAY as f64;
    let mut subjects: HashMap<i64, (f64, f64, i64)> = HashMap::new();
    for day in days {
        let age = today - day.day;
        let (recent, before, accounts) = subjects.entry(day.subject_id).or_default();
        let number = day.accounts as f64;
        let elapsed = if age == 0 {
            0.0
        } else {
            age as f64 - 1.0 + part
        };
        *recent += number * 0.5f64.powf(elapsed);
        if age >= 2 {
            *before += number / (DAYS - 1) as f64;
        } else {
            *accounts += day.accounts;
        }
    }
    let scored = subjects
        .into_iter()
        .filter(|(_, (_, _, accounts))| *accounts >= ACCOUNTS)
        .map(|(id, (recent, before, _))| (id, thousandths(recent * recent / (recent + before))));
    best(scored.collect())
}

/// Scores by deeds (the status, who did it, and the deed's id): each counts half as much after
/// [`HALF_LIFE`].
fn by_deeds(deeds: &[(i64, i64, i64)], now: i64) -> Vec<(i64, i64)> {
    let mut statuses: HashMap<i64, (f64, HashSet<i64>)> = HashMap::new();
    for (status, account, deed) in deeds {
        let age = (now - Ids::time_of(*deed)).max(0) as f64;
        let (score, accounts) = statuses.entry(*status).or_default();
        *score += 0.5f64.powf(age / HALF_LIFE as f64);
        accounts.insert(*account);
    }
    let scored = statuses
        .into_iter()
        .filter(|(_, (_, accounts))| accounts.len() >= ACCOUNTS as usize)
        .map(|(id, (score, _))| (id, thousandths(score)));
    let mut all: Vec<(i64, i64)> = scored.filter(|(_, score)| *score > 0).collect();
    all.sort_by_key(|(id, score)| (-score, -id));
    all
}

fn best(mut scored: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    scored.retain(|(_, score)| *score > 0);
    scored.sort_by_key(|(id, score)| (-score, -id));
    scored.truncate(MOST);
    scored
}

fn thousandths(score: f64) -> i64 {
    if score.is_finite() {
        (score * 1000.0) as i64
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 20_000 * DAY + DAY / 2;

    fn used(subject_id: i64, ages: &[(i64, i64)]) -> Vec<Day> {
        ages.iter()
            .map(|(age, accounts)| Day {
                subject_id,
                day: 20_000 - age,
                uses: *accounts,
                accounts: *accounts,
            })
            .collect()
    }

    #[test]
    fn news_beat_habits_and_what_is_past() {
        let mut days = used(1, &[(0, 10)]);
        days.extend(used(
            2,
            &[
                (0, 10),
                (1, 10),
                (2, 10),
                (3, 10),
                (4, 10),
                (5, 10),
                (6, 10),
            ],
        ));
        days.extend(used(3, &[(1, 10)]));
        days.extend(used(4, &[(0, 1)]));
        let order: Vec<i64> = by_days(&days, NOON).into_iter().map(|(id, _)| id).collect();
        assert_eq!(order, [2, 1, 3], "one account alone is no trend");
        let score = |id: i64| {
            by_days(&days, NOON)
                .iter()
                .find(|(i, _)| *i == id)
                .unwrap()
                .1
        };
        assert!(score(2) < 2 * score(1), "ten a day count less than twice");
        assert!(score(3) < score(1));
    }

    #[test]
    fn deeds_decay() {
        let deed = |hours: i64| Ids::floor(NOON - hours * HOUR);
        let deeds = [
            (1, 7, deed(0)),
            (1, 8, deed(1)),
            (2, 7, deed(24)),
            (2, 8, deed(24)),
            (2, 9, deed(25)),
            // One account alone is no trend.
            (3, 7, deed(0)),
            (3, 7, deed(1)),
        ];
        let order: Vec<i64> = by_deeds(&deeds, NOON)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(order, [1, 2]);
    }
}
