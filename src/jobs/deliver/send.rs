//! One request to one inbox, and what its answer means.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use super::host::jittered;
use super::prepare::Job;
use crate::app::App;
use crate::client::{FetchError, Refusal, Response};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::federation::signature::{Scheme, SignatureError, sign_cavage_with, sign_rfc9421_with};
use crate::federation::synchronise::HEADER;

/// How long a peer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(12);
/// How much of an answer is read: the connection can be used again, and the reason told.
const ANSWER: usize = 16 * 1024;
/// The time from one attempt to the next, to be jittered: ten attempts over about five days.
const BACKOFF: [i64; 9] = [
    MINUTE,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    DAY,
    2 * DAY,
];
/// Attempts where the peer says that the request itself is wrong.
const FEW: i64 = 3;
/// How long a host that is too busy is let be when it does not say.
const BUSY: i64 = MINUTE;
/// The longest text kept of what went wrong, in characters.
const WHY: usize = 200;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, with this HTTP status.
    Delivered { answer: u16 },
    /// To be tried again after some milliseconds.
    Retry {
        answer: Option<u16>,
        after: i64,
        error: String,
    },
    /// Not to be tried again.
    GiveUp { answer: Option<u16>, error: String },
}

impl Verdict {
    /// Its name in what is counted and traced.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Delivered { .. } => "delivered",
            Verdict::Retry { .. } => "retried",
            Verdict::GiveUp { .. } => "given_up",
        }
    }
}

/// What an attempt says of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It works, whatever it thinks of this delivery.
    Answers,
    /// It wants to be let be for some milliseconds.
    Busy(i64),
    Fails,
}

/// The outcome of an attempt.
#[derive(Debug)]
pub struct Sent {
    pub verdict: Verdict,
    pub health: Health,
    /// The signature that was accepted.
    pub accepted: Option<Scheme>,
    /// Both kinds of signature were refused.
    pub refused_both: bool,
}

/// How an attempt is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// What the host accepted before.
    pub known: Option<Scheme>,
    /// Whether to try the other kind should this one be refused.
    pub knock_twice: bool,
}

/// Signs and sends; where the signature is refused, once more with the other kind, right away.
/// `signing` bounds how many sign at a time: one for each core, so that requests of clients get
/// their turn in between.
pub async fn send(app: &App, signing: &Semaphore, job: &Job, manner: Manner) -> Sent {
    let Ok(url) = Url::parse(&job.delivery.inbox) else {
        return hopeless("the inbox is no URL");
    };
    let first = manner.known.unwrap_or(Scheme::Cavage);
    let mut scheme = first;
    let mut outcome = match attempt(app, signing, job, &url, scheme).await {
        Ok(outcome) => outcome,
        Err(_) => return hopeless("the request cannot be signed"),
    };
    let mut refused_both = false;
    if manner.knock_twice && outcome.as_ref().is_ok_and(refuses_signature) {
        scheme = match first {
            Scheme::Cavage => Scheme::Rfc9421,
            Scheme::Rfc9421 => Scheme::Cavage,
        };
        if let Ok(second) = attempt(app, signing, job, &url, scheme).await {
            match second {
                Ok(answer) if !refuses_signature(&answer) => outcome = Ok(answer),
                // The answer to the usual kind says more.
                _ => refused_both = true,
            }
        }
    }
    let now = app.clock.now_ms();
    let jitter = app.random.unit();
    let (verdict, health) = judge(&outcome, job.delivery.attempts + 1, jitter, now);
    let accepted = matches!(verdict, Verdict::Delivered { .. }).then_some(scheme);
    Sent {
        verdict,
        health,
        accepted,
        refused_both,
    }
}

fn hopeless(error: &str) -> Sent {
    Sent {
        verdict: Verdict::GiveUp {
            answer: None,
            error: error.to_owned(),
        },
        health: Health::Answers,
        accepted: None,
        refused_both: false,
    }
}

type Outcome = Result<Response, FetchError>;

async fn attempt(
    app: &App,
    signing: &Semaphore,
    job: &Job,
    url: &Url,
    scheme: Scheme,
) -> Result<Outcome, SignatureError> {
    let prepared = &job.prepared;
    let headers = {
        // The semaphore is never closed; should it be, signing is unbounded and still right.
        let _turn = signing.acquire().await;
        let sign = match scheme {
            Scheme::Cavage => sign_cavage_with,
            Scheme::Rfc9421 => sign_rfc9421_with,
        };
        sign(
            &prepared.keys.request.key,
            &prepared.keys.request.key_id,
            &Method::POST,
            url,
            Some(&prepared.digest),
            app.clock.now_ms(),
            job.followers.as_ref().map(|value| (HEADER, value)),
        )?
    };
    let body = prepared.body.clone();
    Ok(app.client.post(url, headers, body, TIMEOUT, ANSWER).await)
}

/// Answers that may mean the signature was not understood.
fn refuses_signature(answer: &Response) -> bool {
    matches!(answer.status.as_u16(), 400 | 401 | 403)
}

/// What an outcome means for the delivery, of which this was attempt number `attempts`, and for
/// its host.
fn judge(outcome: &Outcome, attempts: i64, jitter: f64, now: i64) -> (Verdict, Health) {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(FetchError::Refused(refusal)) if *refusal != Refusal::Address => {
            let error = refusal.to_string();
            let verdict = Verdict::GiveUp {
                answer: None,
                error,
            };
            return (verdict, Health::Answers);
        }
        Err(error) => {
            return (
                again(attempts, None, short(&error.to_string()), None, jitter),
                Health::Fails,
            );
        }
    };
    let status = answer.status;
    let code = status.as_u16();
    let why = || explain(status, &answer.body);
    let wish = retry_after(&answer.headers, now);
    match code {
        200..=299 => (Verdict::Delivered { answer: code }, Health::Answers),
        404 | 410 => (
            Verdict::GiveUp {
                answer: Some(code),
                error: why(),
            },
            Health::Answers,
        ),
        429 => {
            let wish = wish.unwrap_or(BUSY);
            (
                again(attempts, Some(code), why(), Some(wish), jitter),
                Health::Busy(wish),
            )
        }
        500..=599 => {
            let health = wish.map_or(Health::Fails, Health::Busy);
            (again(attempts, Some(code), why(), wish, jitter), health)
        }
        401 | 403 | 408 => (
            again(attempts, Some(code), why(), None, jitter),
            Health::Answers,
        ),
        _ if attempts >= FEW => (
            Verdict::GiveUp {
                answer: Some(code),
                error: why(),
            },
            Health::Answers,
        ),
        _ => (
            again(attempts, Some(code), why(), None, jitter),
            Health::Answers,
        ),
    }
}

/// Another attempt later, at the earliest when the peer wishes; or none after the last.
fn again(
    attempts: i64,
    answer: Option<u16>,
    error: String,
    wish: Option<i64>,
    jitter: f64,
) -> Verdict {
    let index = usize::try_from(attempts - 1).unwrap_or(0);
    match BACKOFF.get(index) {
        Some(span) => Verdict::Retry {
            answer,
            after: jittered(*span, jitter).max(wish.unwrap_or(0)),
            error,
        },
        None => Verdict::GiveUp { answer, error },
    }
}

/// `Retry-After` in milliseconds from now (RFC 9110, 10.2.3), at most a day.
fn retry_after(headers: &HeaderMap, now: i64) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<i64>() {
        Ok(seconds) => seconds.saturating_mul(SECOND),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_millis()).ok()? - now
        }
    };
    (wait > 0).then_some(wait.min(DAY))
}

/// `403 Forbidden: the beginning of the answer`.
fn explain(status: StatusCode, body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&body[..body.len().min(4 * WHY)])
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if text.is_empty() || text.starts_with('<') {
        status.to_string()
    } else {
        short(&format!("{status}: {text}"))
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WHY).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(code: u16, headers: &[(&'static str, &str)], body: &'static str) -> Outcome {
        Ok(Response {
            url: Url::parse("https://peer.example/inbox").unwrap(),
            status: StatusCode::from_u16(code).unwrap(),
            headers: headers
                .iter()
                .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
                .collect::<HeaderMap>(),
            body: Bytes::from_static(body.as_bytes()),
        })
    }

    fn after(outcome: &Outcome, attempts: i64) -> Option<i64> {
        match judge(outcome, attempts, 0.5, 0).0 {
            Verdict::Retry { after, .. } => Some(after),
            _ => None,
        }
    }

    #[test]
    fn success_is_any_2xx() {
        for code in [200, 201, 202, 204] {
            let (verdict, health) = judge(&answer(code, &[], ""), 1, 0.5, 0);
            assert_eq!(verdict, Verdict::Delivered { answer: code });
            assert_eq!(health, Health::Answers);
        }
    }

    #[test]
    fn what_is_gone_is_given_up_at_once() {
        for code in [404, 410] {
            let (verdict, health) = judge(&answer(code, &[], "no such\n inbox"), 1, 0.5, 0);
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(
                verdict,
                Verdict::GiveUp {
                    answer: Some(code),
                    error: format!("{status}: no such inbox"),
                }
            );
            assert_eq!(health, Health::Answers);
        }
    }

    #[test]
    fn failing_servers_are_tried_ten_times_over_about_five_days() {
        for outcome in [
            answer(500, &[], "<html>oops</html>"),
            answer(401, &[], ""),
            Err(FetchError::Timeout),
            Err(FetchError::Connect("refused".into())),
            Err(FetchError::Refused(Refusal::Address)),
        ] {
            let waits: Vec<i64> = (1..=10).map_while(|n| after(&outcome, n)).collect();
            assert_eq!(waits.len(), 9);
            let days = waits.iter().sum::<i64>() as f64 / DAY as f64;
            assert!((4.0..6.0).contains(&days), "{days}");
            assert!(matches!(
                judge(&outcome, 10, 0.5, 0).0,
                Verdict::GiveUp { .. }
            ));
        }
        assert_eq!(judge(&answer(502, &[], ""), 1, 0.5, 0).1, Health::Fails);
        assert_eq!(judge(&answer(403, &[], ""), 1, 0.5, 0).1, Health::Answers);
        assert_eq!(judge(&Err(FetchError::Timeout), 1, 0.5, 0).1, Health::Fails);
    }

    #[test]
    fn a_wrong_request_is_given_up_after_three() {
        for code in [400, 405, 413, 422, 308] {
            let outcome = answer(code, &[], "");
            assert!(after(&outcome, 1).is_some() && after(&outcome, 2).is_some());
            assert!(after(&outcome, 3).is_none());
        }
        let refused = Err(FetchError::Refused(Refusal::Scheme));
        assert!(matches!(
            judge(&refused, 1, 0.5, 0).0,
            Verdict::GiveUp { .. }
        ));
    }

    #[test]
    fn retry_after_is_honoured_in_seconds_and_as_a_date() {
        let outcome = answer(429, &[("retry-after", "3600")], "");
        assert_eq!(after(&outcome, 1), Some(HOUR));
        assert_eq!(judge(&outcome, 1, 0.5, 0).1, Health::Busy(HOUR));
        let now = 1_700_000_000_000;
        let date = httpdate::fmt_http_date(
            SystemTime::UNIX_EPOCH + Duration::from_millis(now as u64 + 7_200_000),
        );
        let outcome = answer(503, &[("retry-after", &date)], "");
        assert_eq!(judge(&outcome, 1, 0.5, now).1, Health::Busy(2 * HOUR));
        // Nonsense and the far future do no harm.
        for value in ["-5", "soon", "99999999999999999999"] {
            let outcome = answer(503, &[("retry-after", value)], "");
            assert_eq!(judge(&outcome, 1, 0.5, now).1, Health::Fails, "{value}");
        }
        let outcome = answer(503, &[("retry-after", "9999999999")], "");
        assert_eq!(judge(&outcome, 1, 0.5, now).1, Health::Busy(DAY));
    }
}
