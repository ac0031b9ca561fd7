//! Whom this server takes a caller for, told to `kith doctor` alone: behind a proxy, only the server
//! knows.
//!
//! The doctor asks by the public URL and shows that it has the server's secrets, by a signature of the
//! time. Whoever gets hold of one learns for a minute what the server makes of their own requests.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, Uri};
use serde::{Deserialize, Serialize};

use super::client_ip::{client_ip, forwarded_for};
use super::router::nothing_here;
use super::server::Peer;
use crate::app::App;
use crate::clock::MINUTE;

/// Where the server tells.
pub const PATH: &str = "/health/client";
/// Carries what [`proof`] makes.
pub const PROOF: HeaderName = HeaderName::from_static("kith-doctor");

/// How far the doctor's clock and the server's may be apart, in milliseconds.
const FRESH: i64 = MINUTE;

/// What the server sees of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Who is connected: the caller, or the last proxy. A Unix socket has the port 0.
    pub peer: SocketAddr,
    /// Whether `KITH_TRUSTED_PROXIES` holds that address.
    pub peer_trusted: bool,
    /// Whom the request counts for.
    pub client: IpAddr,
    /// What `X-Forwarded-For` names, as it came.
    pub forwarded_for: Vec<String>,
}

pub fn routes() -> Router<App> {
    Router::new().route(PATH, get(tell))
}

async fn tell(
    State(app): State<App>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let proof = headers.get(PROOF).and_then(|value| value.to_str().ok());
    let now = app.clock.now_ms();
    if !proof.is_some_and(|proof| holds(&app.secrets.token_key, proof, now)) {
        return nothing_here(State(app), uri, headers).await;
    }
    let live = app.config.live.now();
    let trusted = &live.trusted_proxies;
    let seen = Seen {
        peer,
        peer_trusted: trusted.iter().any(|range| range.contains(peer.ip())),
        client: client_ip(peer.ip(), &headers, trusted),
        forwarded_for: forwarded_for(&headers)
            .map(|named| named.trim().to_owned())
            .collect(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(seen)).into_response()
}

/// Derived, so that nothing it signs can be taken for anything else.
fn key(secret: &[u8]) -> hmac::Key {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let derived = hmac::sign(&secret, b"questions of the doctor");
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

/// Shows that whoever asks has the server's secrets.
pub fn proof(secret: &[u8], now: i64) -> String {
    let signature = hmac::sign(&key(secret), now.to_string().as_bytes());
    let hex: String = signature
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{now}.{hex}")
}

fn holds(secret: &[u8], given: &str, now: i64) -> bool {
    let time = given.split('.').next().unwrap_or_default();
    let Ok(time) = time.parse::<i64>() else {
        return false;
    };
    now.abs_diff(time) <= FRESH.unsigned_abs() && crate::secret::same(&proof(secret, time), given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_its_secret_and_its_minute() {
        let now = 1_700_000_000_000;
        let given = proof(b"secret", now);
        for (secret, given, now, good) in [
            (&b"secret"[..], given.as_str(), now, true),
            (b"secret", &given, now + MINUTE, true),
            (b"secret", &given, now - MINUTE, true),
            (b"secret", &given, now + MINUTE + 1, false),
            (b"other", &given, now, false),
            (b"secret", &given.replace("170", "171"), now, false),
            (b"secret", &given[..given.len() - 1], now, false),
            (b"secret", "1700000000000", now, false),
            (b"secret", "-9223372036854775808.x", now, false),
            (b"secret", "", now, false),
        ] {
            assert_eq!(holds(secret, given, now), good, "{given} at {now}");
        }
    }
}
