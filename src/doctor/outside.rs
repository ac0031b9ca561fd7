//! What other servers see: asked for by the public URL, through the guarded client that every
//! fetch goes through.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::database::Known;
use super::{Check, Patient, front};
use crate::client::{self, Budget, Client, FetchError, GetOptions, Limits, Response};
use crate::clock::SECOND;
use crate::config::is_loopback;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far clocks may be apart, in milliseconds; signatures are void at an hour.
const APART: i64 = 5 * SECOND;
const FAR_APART: i64 = 300 * SECOND;

/// The names of all checks here, for those that cannot be made.
const NAMES: [&str; 7] = [
    "dns",
    "https",
    "webfinger",
    "nodeinfo",
    "actor",
    front::SOCKET,
    front::CLIENT,
];

/// Looks from outside.
pub async fn checks(patient: &Patient<'_>, known: &Known, checks: &mut Vec<Check>) {
    let config = patient.config;
    let client = Client::new(&client::Options {
        allow_private: config.federation_allow_private,
        user_agent: format!("Kith/{} (doctor)", env!("CARGO_PKG_VERSION")),
        http1_only: true,
        ..client::Options::default()
    });
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            checks.push(Check::fail(
                "https",
                format!("the HTTP client cannot be set up: {error}"),
                "Install the root certificates (ca-certificates)",
            ));
            return;
        }
    };
    let asking = Asking { client };
    if is_loopback(&config.public_url) && !patient.wanted.outside {
        for name in NAMES {
            checks.push(Check::skipped(name, "the public URL is this machine alone"));
        }
        clock(patient, &asking, known, None, checks).await;
        return;
    }
    checks.push(dns(patient).await);
    let front = asking.get(&config.url("/health"), "*/*").await;
    let date = front.as_ref().ok().and_then(|answer| date(&answer.headers));
    checks.push(https(patient, &front));
    if front.is_err() {
        for name in &NAMES[2..] {
            checks.push(Check::skipped(name, "the public URL does not answer"));
        }
    } else {
        checks.push(webfinger(patient, &asking, known).await);
        checks.push(nodeinfo(patient, &asking).await);
        checks.push(actor(&asking, known).await);
        checks.push(front::websocket(patient, &asking).await);
        checks.push(front::client_address(patient, &asking).await);
    }
    clock(patient, &asking, known, date, checks).await;
}

/// Asks by the public URL.
pub(super) struct Asking {
    client: Client,
}

/// An answer to what was asked with headers of the caller's.
pub(super) struct Told {
    pub status: StatusCode,
    /// Where this end of the connection is.
    pub local: Option<SocketAddr>,
    pub body: Bytes,
}

impl Asking {
    /// Asks once, with some headers, and follows no redirect.
    pub async fn ask(&self, url: &str, headers: HeaderMap) -> Result<Told, FetchError> {
        let sign = |_: &Url| headers.clone();
        let options = GetOptions {
            timeout: PATIENCE,
            max_redirects: 0,
            sign: Some(&sign),
            ..GetOptions::default()
        };
        let url = Url::parse(url).map_err(|e| FetchError::Protocol(e.to_string()))?;
        let mut answer = self.client.get_stream(&url, &options, &budget()).await?;
        let (status, local) = (answer.status, answer.local_addr());
        let mut body = BytesMut::new();
        // What follows other protocols is no body.
        while status != StatusCode::SWITCHING_PROTOCOLS
            && let Some(chunk) = answer.chunk().await?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Told {
            status,
            local,
            body: body.freeze(),
        })
    }

    async fn get(&self, url: &str, accept: &str) -> Result<Response, FetchError> {
        let options = GetOptions {
            accept,
            max_bytes: 1 << 20,
            timeout: PATIENCE,
            max_redirects: 3,
            sign: None,
            admits: None,
        };
        let url = Url::parse(url).map_err(|e| FetchError::Protocol(e.to_string()))?;
        self.client.get(&url, &options, &budget()).await
    }

    /// A JSON document, or what there is instead.
    async fn json(&self, url: &str, accept: &str) -> Result<Value, String> {
        let answer = self.get(url, accept).await;
        let answer = answer.map_err(|e| format!("{url}: {e}"))?;
        if !answer.status.is_success() {
            return Err(format!("{url} answers {}", answer.status.as_u16()));
        }
        serde_json::from_slice(&answer.body).map_err(|e| format!("{url} is no JSON: {e}"))
    }
}

/// What one answer may cost.
fn budget() -> Budget {
    Budget::new(Limits {
        requests: 5,
        bytes: 1 << 20,
        depth: 1,
        time: PATIENCE,
    })
}

async fn dns(patient: &Patient<'_>) -> Check {
    let url = &patient.config.public_url;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
    const HINT: &str = "Point an A or AAAA record of the domain at this server";
    match found {
        Ok(Ok(addresses)) => {
            let mut addresses: Vec<std::net::IpAddr> = addresses.map(|a| a.ip()).collect();
            addresses.sort();
            addresses.dedup();
            let told: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let told = format!("{host} is {}", told.join(", "));
            let public = addresses.iter().all(|address| client::is_public(*address));
            match addresses.is_empty() {
                true => Check::fail("dns", format!("{host} has no address"), HINT),
                false if public || patient.config.federation_allow_private => {
                    Check::ok("dns", told)
                }
                false => Check::warn(
                    "dns",
                    format!("{told}, as seen from here: no address that others reach"),
                    HINT,
                ),
            }
        }
        Ok(Err(error)) => Check::fail("dns", format!("{host}: {error}"), HINT),
        Err(_) => Check::fail("dns", format!("{host}: no answer"), HINT),
    }
}

fn https(patient: &Patient<'_>, front: &Result<Response, FetchError>) -> Check {
    let url = &patient.config.public_url;
    match front {
        Ok(answer) if answer.status.is_success() => Check::ok("https", format!("{url} answers")),
        Ok(answer) => Check::fail(
            "https",
            format!("{url}health answers {}", answer.status.as_u16()),
            "The proxy in front must pass every path on to KITH_LISTEN",
        ),
        Err(error) => Check::fail(
            "https",
            format!("{url}: {error}"),
            "See that the proxy runs, that the port is open, and that the certificate is good for the name",
        ),
    }
}

async fn webfinger(patient: &Patient<'_>, asking: &Asking, known: &Known) -> Check {
    let Some(actor) = &known.actor else {
        return Check::skipped("webfinger", "there is no actor to ask for yet");
    };
    let config = patient.config;
    let handle = format!("{}@{}", actor.username, config.account_domain);
    // Others ask the domain of the handle, which may be another than that of the server.
    let url = format!(
        "{}://{}/.well-known/webfinger?resource=acct:{handle}",
        config.public_url.scheme(),
        config.account_domain
    );
    const HINT: &str = "Where KITH_ACCOUNT_DOMAIN is another host, that host must redirect \
                        /.well-known/webfinger to this server";
    match asking.json(&url, "application/jrd+json").await {
        Ok(found) => {
            let links = found["links"].as_array().map(Vec::as_slice);
            let named = links.unwrap_or_default().iter().any(|link| {
                link["rel"] == "self" && link["href"].as_str() == Some(actor.uri.as_str())
            });
            match named {
                true => Check::ok("webfinger", format!("{handle} is found")),
                false => Check::fail(
                    "webfinger",
                    format!("{handle} is found, but is another actor"),
                    "KITH_PUBLIC_URL and KITH_ACCOUNT_DOMAIN must be what they were at first",
                ),
            }
        }
        Err(error) => Check::fail("webfinger", error, HINT),
    }
}

async fn nodeinfo(patient: &Patient<'_>, asking: &Asking) -> Check {
    let found = async {
        let index = asking
            .json(
                &patient.config.url("/.well-known/nodeinfo"),
                "application/json",
            )
            .await?;
        let href = index["links"][0]["href"].as_str();
        let href = href.ok_or("/.well-known/nodeinfo names no document")?;
        asking.json(href, "application/json").await
    };
    const HINT: &str = "The proxy in front must pass /.well-known/nodeinfo and /nodeinfo on";
    match found.await {
        Ok(info) if info["software"]["name"] == "kith" => Check::ok("nodeinfo", "it is Kith"),
        Ok(info) => {
            let name = &info["software"]["name"];
            Check::fail("nodeinfo", format!("it is of {name}"), HINT)
        }
        Err(error) => Check::fail("nodeinfo", error, HINT),
    }
}

async fn actor(asking: &Asking, known: &Known) -> Check {
    let Some(actor) = &known.actor else {
        return Check::skipped("actor", "there is no actor to ask for yet");
    };
    const HINT: &str = "The proxy in front must pass the Accept header on, and cache by it";
    match asking.json(&actor.uri, "application/activity+json").await {
        Ok(found) if found["id"].as_str() == Some(actor.uri.as_str()) => {
            Check::ok("actor", format!("{} is served", actor.uri))
        }
        Ok(_) => Check::fail("actor", format!("{} says another id", actor.uri), HINT),
        Err(error) => Check::fail("actor", error, HINT),
    }
}

/// Milliseconds since the epoch of an answer's `Date`.
fn date(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    let time = httpdate::parse_http_date(date).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Holds the clock against those of other servers, or of what stands in front of this one.
async fn clock(
    patient: &Patient<'_>,
    asking: &Asking,
    known: &Known,
    own: Option<i64>,
    checks: &mut Vec<Check>,
) {
    let mut told = None;
    for host in &known.peers {
        let schemes: &[&str] = match patient.config.federation_allow_private {
            true => &["https", "http"],
            false => &["https"],
        };
        for scheme in schemes {
            let url = format!("{scheme}://{host}/.well-known/nodeinfo");
            if told.is_none()
                && let Ok(answer) = asking.get(&url, "application/json").await
            {
                told = date(&answer.headers).map(|date| (host.as_str(), date));
            }
        }
    }
    let Some((host, date)) = told.or(own.map(|date| ("the public URL", date))) else {
        checks.push(Check::skipped("clock", "there is no other server to ask"));
        return;
    };
    // A date is of whole seconds.
    let apart = (patient.clock.now_ms() - date).abs();
    let told = format!("{} s from that of {host}", apart / SECOND);
    const HINT: &str = "Set the clock by NTP; signatures are refused when it is an hour off";
    checks.push(if apart > FAR_APART {
        Check::fail("clock", told, HINT)
    } else if apart > APART {
        Check::warn("clock", told, HINT)
    } else {
        Check::ok("clock", told)
    });
}
