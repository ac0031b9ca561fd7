//! Numbers about the server for its moderators, by the keys that Mastodon's admin API gives them.

use super::tags::HISTORY;
use crate::clock::DAY;
use crate::db::dashboard::{self, Count, Ours, Theirs};
use crate::db::trends::Kind;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::ids::Ids;

/// Days that may be asked for at once.
pub const MAX_DAYS: i64 = 400;

/// Days, both included, since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub first: i64,
    pub last: i64,
}

impl Period {
    /// 422 for one that is none, or too long.
    pub fn new(first: i64, last: i64) -> AppResult<Period> {
        if first > last || last - first >= MAX_DAYS {
            return Err(AppError::invalid(format!(
                "Validation failed: End at must be up to {MAX_DAYS} days after start at"
            )));
        }
        Ok(Period { first, last })
    }

    fn days(self) -> i64 {
        self.last - self.first + 1
    }

    /// As many days before it.
    fn before(self) -> Period {
        Period {
            first: self.first - self.days(),
            last: self.first - 1,
        }
    }

    /// From (included) and to (not) as milliseconds, and as ids.
    fn times(self) -> (i64, i64) {
        (self.first * DAY, (self.last + 1) * DAY)
    }

    fn ids(self) -> (i64, i64) {
        let (from, to) = self.times();
        (Ids::floor(from), Ids::floor(to))
    }
}

/// What a key needs besides.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// A tag.
    pub id: Option<i64>,
    /// Another server.
    pub domain: Option<String>,
}

/// A number by day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measure {
    pub total: i64,
    /// That of as many days before; none for what is told of all times.
    pub previous: Option<i64>,
    /// For each day, in their order.
    pub days: Vec<(i64, i64)>,
}

/// Reckons what a key stands for; `None` for one that is not known, or lacks what it is about.
pub async fn measure(
    conn: &mut Conn,
    key: &str,
    about: &About,
    period: Period,
) -> AppResult<Option<Measure>> {
    let ours = match key {
        "active_users" => Some(Ours::Active),
        "interactions" => Some(Ours::Interactions),
        "new_users" => Some(Ours::Users),
        "opened_reports" => Some(Ours::Opened),
        "resolved_reports" => Some(Ours::Resolved),
        _ => None,
    };
    if let Some(what) = ours {
        let days = count_ours(conn, what, period).await?;
        let (total, previous) = if what == Ours::Active {
            let once = Ours::ActiveOnce;
            let now = count_ours(conn, once, period).await?;
            (
                sum(&now),
                sum(&count_ours(conn, once, period.before()).await?),
            )
        } else {
            let before = count_ours(conn, what, period.before()).await?;
            (sum(&days), sum(&before))
        };
        return Ok(Some(Measure {
            total,
            previous: Some(previous),
            days: each_day(&days, period),
        }));
    }
    match key {
        "tag_accounts" | "tag_uses" | "tag_servers" => match about.id {
            Some(tag) => of_tag(conn, key, tag, period).await.map(Some),
            None => Ok(None),
        },
        _ => {
            let what = match key {
                "instance_accounts" => Theirs::Accounts,
                "instance_statuses" => Theirs::Statuses,
                "instance_reports" => Theirs::Reports,
                "instance_follows" => Theirs::Follows,
                "instance_followers" => Theirs::Followers,
                _ => return Ok(None),
            };
            let Some(domain) = &about.domain else {
                return Ok(None);
            };
            let (from, to) = period.ids();
            let days = dashboard::theirs(conn, what, domain, from, to).await?;
            Ok(Some(Measure {
                total: dashboard::theirs_altogether(conn, what, domain).await?,
                previous: None,
                days: each_day(&days, period),
            }))
        }
    }
}

async fn count_ours(conn: &mut Conn, what: Ours, period: Period) -> AppResult<Vec<Count>> {
    let (from, to) = match what {
        Ours::Active | Ours::ActiveOnce | Ours::Interactions => (period.first, period.last + 1),
        Ours::Users | Ours::Resolved => period.times(),
        Ours::Opened => period.ids(),
    };
    Ok(dashboard::ours(conn, what, from, to).await?)
}

/// Uses of tags are known of the last days alone, which is when they may trend.
async fn of_tag(conn: &mut Conn, key: &str, tag: i64, period: Period) -> AppResult<Measure> {
    if key == "tag_servers" {
        let ((from, to), (earlier, until)) = (period.ids(), period.before().ids());
        let found = dashboard::tag_servers(conn, tag, from, to).await?;
        let once = |rows: &[Count]| rows.iter().find(|row| row.day == 0).map_or(0, |r| r.number);
        let before = dashboard::tag_servers(conn, tag, earlier, until).await?;
        return Ok(Measure {
            total: once(&found),
            previous: Some(once(&before)),
            days: each_day(&found, period),
        });
    }
    let used = db::trends::days(conn, Kind::Tag, &[tag], period.before().first).await?;
    let counts: Vec<Count> = used
        .iter()
        .map(|day| Count {
            day: day.day,
            number: if key == "tag_uses" {
                day.uses
            } else {
                day.accounts
            },
        })
        .collect();
    let within = |period: Period| {
        let days = each_day(&counts, period);
        days.iter().map(|(_, number)| number).sum::<i64>()
    };
    Ok(Measure {
        total: within(period),
        // What went before is known where it is within the same days.
        previous: (period.days() * 2 <= HISTORY).then(|| within(period.before())),
        days: each_day(&counts, period),
    })
}

fn sum(counts: &[Count]) -> i64 {
    counts.iter().map(|count| count.number).sum()
}

fn each_day(counts: &[Count], period: Period) -> Vec<(i64, i64)> {
    let of: std::collections::HashMap<i64, i64> = counts
        .iter()
        .map(|count| (count.day, count.number))
        .collect();
    (period.first..=period.last)
        .map(|day| (day, of.get(&day).copied().unwrap_or(0)))
        .collect()
}

/// What there is most of, most first: names (empty: ours, or none) and numbers.
pub async fn dimension(
    conn: &mut Conn,
    key: &str,
    about: &About,
    period: Period,
    limit: i64,
) -> AppResult<Option<Vec<(String, i64)>>> {
    let ((times, until), (from, to)) = (period.times(), period.ids());
    let found = match (key, about.id, &about.domain) {
        ("languages", ..) => {
            dashboard::languages(conn, period.first, period.last + 1, limit).await?
        }
        ("sources", ..) => dashboard::sources(conn, times, until, limit).await?,
        ("servers", ..) => dashboard::servers(conn, from, to, limit).await?,
        ("tag_servers" | "tag_languages", Some(tag), _) => {
            let languages = key == "tag_languages";
            dashboard::most_of_tag(conn, tag, languages, from, to, limit).await?
        }
        ("instance_accounts", _, Some(domain)) => {
            dashboard::most_of_domain(conn, domain, None, limit).await?
        }
        ("instance_languages", _, Some(domain)) => {
            dashboard::most_of_domain(conn, domain, Some((from, to)), limit).await?
        }
        _ => return Ok(None),
    };
    let found = found.into_iter();
    Ok(Some(found.map(|row| (row.name, row.number)).collect()))
}

/// How those who registered in a time stayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// The day it begins with.
    pub first: i64,
    /// For its own and each later period: the day it begins with, how many were here then or later,
    /// and their part of all.
    pub data: Vec<(i64, i64, f64)>,
}

/// Reckons how many of those who registered in each day or month were here later on.
pub async fn retention(conn: &mut Conn, period: Period, monthly: bool) -> AppResult<Vec<Cohort>> {
    let starts = starts(period, monthly);
    let first = starts.first().copied().unwrap_or(period.first);
    let (_, until) = period.times();
    let stays = dashboard::stays(conn, first * DAY, until).await?;
    let mut cohorts = Vec::with_capacity(starts.len());
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(period.last + 1);
        let ours: Vec<_> = stays
            .iter()
            .filter(|stay| (*start..end).contains(&stay.registered))
            .collect();
        let all: i64 = ours.iter().map(|stay| stay.number).sum();
        let data = starts[n..]
            .iter()
            .map(|later| {
                // Whoever registers is here at that time.
                let here = |s: &&&dashboard::Stay| later == start || s.last >= *later;
                let here: i64 = ours.iter().filter(here).map(|stay| stay.number).sum();
                let rate = if all == 0 {
                    0.0
                } else {
                    here as f64 / all as f64
                };
                (*later, here, rate)
            })
            .collect();
        cohorts.push(Cohort {
            first: *start,
            data,
        });
    }
    Ok(cohorts)
}

/// The days, or the first days of the months, of a period.
fn starts(period: Period, monthly: bool) -> Vec<i64> {
    if !monthly {
        return (period.first..=period.last).collect();
    }
    let of_month = |day: i64| {
        let mut text = crate::clock::day(day);
        text.replace_range(8.., "01");
        crate::clock::parse_day(&text).unwrap_or(day)
    };
    let mut starts: Vec<i64> = (period.first..=period.last).map(of_month).collect();
    starts.dedup();
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_days_and_months() {
        let day = |text| crate::clock::parse_day(text).unwrap();
        let period = Period::new(day("2026-01-30"), day("2026-03-02")).unwrap();
        assert_eq!(period.days(), 32);
        assert_eq!(period.before().last, day("2026-01-29"));
        assert_eq!(period.before().days(), 32);
        assert_eq!(
            starts(period, true),
            [day("2026-01-01"), day("2026-02-01"), day("2026-03-01")]
        );
        assert!(Period::new(5, 4).is_err());
        assert!(Period::new(0, MAX_DAYS).is_err());
        assert_eq!(starts(Period::new(4, 6).unwrap(), false), [4, 5, 6]);
    }
}
