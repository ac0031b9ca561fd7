//! What stands in front of the server: whether it passes WebSockets on, and says whom it answers.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::outside::Asking;
use super::{Check, Patient};
use crate::api::streaming::HEALTH;
use crate::client;
use crate::config::Secrets;
use crate::http::client_ip::{X_FORWARDED_FOR, parse};
use crate::http::seen::{PATH, PROOF, Seen, proof};

/// The name of the check of `X-Forwarded-For`.
pub const CLIENT: &str = "client_address";
/// The name of the check of WebSockets.
pub const SOCKET: &str = "websocket";

/// An address that nobody has (RFC 5737), told for one's own.
const FORGED: &str = "192.0.2.77";

/// Asks for a WebSocket by the public URL, as an app does. Its health is shown to everyone, and a socket
/// that asks for it ends at once.
pub async fn websocket(patient: &Patient<'_>, asking: &Asking) -> Check {
    const HINT: &str = "The proxy in front must pass the headers Upgrade and Connection on, with HTTP/1.1: \
                        without it apps do not hear of anything at once (contrib/ shows how)";
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
        // Any 16 bytes: nothing is said over it.
        (header::SEC_WEBSOCKET_KEY, "a2l0aCBkb2N0b3Iga2V5IQ=="),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let answer = asking.ask(&patient.config.url(HEALTH), headers).await;
    match answer.map(|answer| answer.status) {
        Ok(StatusCode::SWITCHING_PROTOCOLS) => Check::ok(SOCKET, "they are passed on"),
        Ok(StatusCode::OK) => Check::fail(
            SOCKET,
            "a WebSocket is asked for, and the request for it does not arrive as one",
            HINT,
        ),
        Ok(status) => Check::fail(
            SOCKET,
            format!(
                "a WebSocket is asked for, and {} is answered",
                status.as_u16()
            ),
            HINT,
        ),
        Err(error) => Check::fail(SOCKET, error.to_string(), HINT),
    }
}

/// Asks the server by the public URL whom it takes the doctor for, with a forged `X-Forwarded-For`.
pub async fn client_address(patient: &Patient<'_>, asking: &Asking) -> Check {
    let path = patient.config.data_dir.join("secrets.toml");
    let secrets = std::fs::read_to_string(path);
    let Some(secrets) = secrets.ok().and_then(|text| Secrets::parse(&text).ok()) else {
        return Check::skipped(CLIENT, "the secrets to ask the server with cannot be read");
    };
    let mut headers = HeaderMap::new();
    let shown = proof(&secrets.token_key, patient.clock.now_ms());
    if let Ok(shown) = HeaderValue::from_str(&shown) {
        headers.insert(PROOF, shown);
    }
    headers.insert(X_FORWARDED_FOR, HeaderValue::from_static(FORGED));
    let answer = match asking.ask(&patient.config.url(PATH), headers).await {
        Ok(answer) => answer,
        Err(error) => return Check::skipped(CLIENT, error.to_string()),
    };
    if answer.status != StatusCode::OK {
        let status = answer.status.as_u16();
        return Check::skipped(
            CLIENT,
            format!(
                "{PATH} answers {status}: the server there is another version, or has other secrets"
            ),
        );
    }
    match serde_json::from_slice(&answer.body) {
        Ok(seen) => judge(&seen, answer.local),
        Err(error) => Check::skipped(CLIENT, format!("{PATH} is no JSON: {error}")),
    }
}

/// What it means, what the server saw of a request from `local` that named [`FORGED`].
fn judge(seen: &Seen, local: Option<SocketAddr>) -> Check {
    const TRUST: &str = "Add the proxy's address to KITH_TRUSTED_PROXIES";
    const SET: &str = "The proxy in front must set X-Forwarded-For, and not pass on what clients say \
                       (contrib/ shows how)";
    let peer = seen.peer.ip().to_canonical();
    let same =
        |local: &SocketAddr| (local.ip().to_canonical(), local.port()) == (peer, seen.peer.port());
    if local.as_ref().is_some_and(same) {
        return Check::ok(
            CLIENT,
            "there is no proxy in front: clients are known by their connection",
        );
    }
    let named: Vec<&str> = seen.forwarded_for.iter().map(String::as_str).collect();
    let forged = seen.client.to_string() == FORGED;
    // The outermost proxy adds whom it answers to what came, or writes it in the place of that.
    let came = named.iter().position(|name| *name == FORGED);
    let answered = named.get(came.map_or(0, |at| at + 1));
    match &named[..] {
        [] => Check::fail(
            CLIENT,
            format!("X-Forwarded-For does not arrive: everyone counts as {peer}"),
            SET,
        ),
        [only] if *only == FORGED && forged => Check::fail(
            CLIENT,
            "X-Forwarded-For arrives as a client sends it: anyone can pass for anyone",
            SET,
        ),
        [only] if *only == FORGED => Check::warn(
            CLIENT,
            format!("X-Forwarded-For arrives as a client sends it, and everyone counts as {peer}"),
            "Where there is a proxy in front, it must set X-Forwarded-For, and KITH_TRUSTED_PROXIES hold \
             its address",
        ),
        _ if !seen.peer_trusted => Check::fail(
            CLIENT,
            format!("the proxy at {peer} is not trusted: everyone counts as {peer}"),
            TRUST,
        ),
        _ => match answered.map(|name| (name, parse(name))) {
            Some((_, Some(address))) if forged && client::is_public(address) => Check::fail(
                CLIENT,
                format!("{address}, which is this doctor, is trusted: it can pass for anyone"),
                "KITH_TRUSTED_PROXIES may hold proxies alone",
            ),
            Some((name, _)) if forged => Check::skipped(
                CLIENT,
                format!("{name}, from where this doctor asks, is trusted: ask from elsewhere"),
            ),
            Some((_, Some(address))) if address == seen.client => Check::ok(
                CLIENT,
                format!("the proxy says whom it answers: {}", seen.client),
            ),
            Some((_, Some(address))) if seen.client != peer => Check::fail(
                CLIENT,
                format!(
                    "{0}, the proxy in front of others, is not trusted: everyone counts as {0}, and not as {address}",
                    seen.client
                ),
                "Add the address of every proxy on the way to KITH_TRUSTED_PROXIES",
            ),
            _ => Check::fail(
                CLIENT,
                format!(
                    "X-Forwarded-For does not say whom the proxy answers: everyone counts as {}",
                    seen.client
                ),
                SET,
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn state(peer: &str, trusted: bool, client: &str, named: &[&str]) -> State {
        let seen = Seen {
            peer: peer.parse().unwrap(),
            peer_trusted: trusted,
            client: client.parse().unwrap(),
            forwarded_for: named.iter().map(|&name| name.to_owned()).collect(),
        };
        judge(&seen, Some("198.51.100.5:40000".parse().unwrap())).state
    }

    #[test]
    fn what_the_server_saw_tells_what_the_proxy_does() {
        let own = "198.51.100.5";
        // The proxy adds whom it answers, or writes it in the place of what came.
        assert_eq!(state("127.0.0.1:9", true, own, &[FORGED, own]), State::Ok);
        assert_eq!(state("127.0.0.1:9", true, own, &[own]), State::Ok);
        // No proxy at all, by IPv4 and as IPv6 has it.
        for peer in ["198.51.100.5:40000", "[::ffff:198.51.100.5]:40000"] {
            assert_eq!(state(peer, false, own, &[FORGED]), State::Ok);
        }
        // It leaves the header out, or as it is.
        assert_eq!(state("127.0.0.1:9", true, "127.0.0.1", &[]), State::Fail);
        assert_eq!(state("127.0.0.1:9", true, FORGED, &[FORGED]), State::Fail);
        assert_eq!(
            state("10.0.0.2:9", false, "10.0.0.2", &[FORGED]),
            State::Warn
        );
        // Nobody trusts it, or everybody is trusted.
        let named = [FORGED, own];
        assert_eq!(state("10.0.0.2:9", false, "10.0.0.2", &named), State::Fail);
        let named = [FORGED, "8.8.8.8"];
        assert_eq!(state("10.0.0.2:9", true, FORGED, &named), State::Fail);
        // Asked from this machine, by its proxy.
        for local in ["127.0.0.1", "127.0.0.1:40000"] {
            let named = [FORGED, local];
            assert_eq!(state("127.0.0.1:9", true, FORGED, &named), State::Skipped);
        }
    }

    #[test]
    fn one_proxy_behind_another_is_not_enough_to_trust() {
        let (own, outer, inner) = ("198.51.100.5", "172.31.250.1", "172.31.250.10:9");
        // Both are trusted; the outer adds to what came, or writes over it; some write ports.
        for named in [
            &[FORGED, own, outer][..],
            &[own, outer],
            &[FORGED, "198.51.100.5:40000", "172.31.250.1:40001"],
        ] {
            assert_eq!(state(inner, true, own, named), State::Ok, "{named:?}");
        }
        // The inner one alone.
        for named in [&[FORGED, own, outer][..], &[own, outer]] {
            assert_eq!(state(inner, true, outer, named), State::Fail, "{named:?}");
        }
        // Three, of which the outermost is not trusted.
        let named = [FORGED, own, "10.0.0.1", outer];
        assert_eq!(state(inner, true, "10.0.0.1", &named), State::Fail);
        // It names nobody.
        let named = [FORGED, "unknown", outer];
        assert_eq!(state(inner, true, outer, &named), State::Fail);
        let named = [own, "unknown"];
        assert_eq!(state(inner, true, "172.31.250.10", &named), State::Fail);
        // The doctor is trusted as well: it is the name after the forged one, not the last.
        let named = [FORGED, "8.8.8.8", outer];
        assert_eq!(state(inner, true, FORGED, &named), State::Fail);
    }
}
