//! Who calls, by address: the peer, or whom a trusted proxy names.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::server::Peer;
use crate::app::App;
use crate::config::IpNet;
use crate::domain::sign_in::Origin;
use crate::error::AppResult;
use crate::limits::{Deed, Who};

pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Longest user agent that is kept, in bytes.
const MAX_USER_AGENT: usize = 300;

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Caller {
    pub ip: IpAddr,
    pub user_agent: String,
}

impl Caller {
    /// As sessions keep it.
    pub fn origin(&self) -> Origin {
        Origin {
            ip: self.ip.to_string(),
            user_agent: self.user_agent.clone(),
        }
    }

    /// Counts a deed of this address; 429 when it is one too many.
    pub fn count(&self, app: &App, deed: Deed) -> AppResult<()> {
        let now = app.clock.now_ms();
        app.limits.count(deed, Who::address(self.ip), now)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<Peer>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.0.ip());
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .unwrap_or_default();
        let end = user_agent.floor_char_boundary(MAX_USER_AGENT);
        Ok(Caller {
            ip: client_ip(peer, &parts.headers, &app.config.live.now().trusted_proxies),
            user_agent: user_agent[..end].to_owned(),
        })
    }
}

/// The address of whoever called. Each trusted proxy wrote, at the right end of
/// `X-Forwarded-For`, whom it answered; what stands left of the first that is not trusted is
/// hearsay.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let trusts = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let mut client = peer.to_canonical();
    let named: Vec<&str> = forwarded_for(headers).collect();
    for text in named.iter().rev() {
        if !trusts(client) {
            break;
        }
        match parse(text) {
            Some(address) => client = address,
            // A trusted proxy that writes no address: what it said before cannot be told apart.
            None => break,
        }
    }
    client
}

/// What `X-Forwarded-For` names, in its order.
pub fn forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(X_FORWARDED_FOR).iter();
    values.flat_map(|value| value.to_str().unwrap_or_default().split(','))
}

/// An address as proxies write it, with or without a port; `None` where it is none.
pub fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<std::net::SocketAddr>().map(|a| a.ip()))
        .or_else(|_| {
            text.trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
        });
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn ip(peer: &str, forwarded: &[&str]) -> String {
        let config = Config::load(
            [(
                "trusted_proxies".to_owned(),
                "loopback,10.0.0.0/8".to_owned(),
            )]
            .into(),
            std::iter::empty(),
            None,
        )
        .unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        client_ip(
            peer.parse().unwrap(),
            &headers,
            &config.live.now().trusted_proxies,
        )
        .to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(ip("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(ip("127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(ip("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn a_forged_header_in_front_of_the_proxys_is_ignored() {
        assert_eq!(ip("127.0.0.1", &["1.2.3.4, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(ip("127.0.0.1", &["1.2.3.4", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            ip("127.0.0.1", &["1.2.3.4, 203.0.113.9, 10.1.1.1"]),
            "203.0.113.9"
        );
        assert_eq!(ip("127.0.0.1", &["1.2.3.4, nonsense"]), "127.0.0.1");
    }

    #[test]
    fn addresses_come_with_ports_and_brackets() {
        assert_eq!(ip("127.0.0.1", &["203.0.113.9:443"]), "203.0.113.9");
        assert_eq!(ip("127.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(ip("::ffff:127.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }
}
