//! Which addresses and URLs may be reached on behalf of strangers (threat S5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use url::{Host, Url};

/// The most name lookups at a time: each holds a blocking thread for as long as the system's
/// resolver likes, and a name server run by a stranger may be slow on purpose.
const MAX_LOOKUPS: usize = 64;

/// Why a URL is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither `https` nor, where allowed, `http`.
    #[error("the URL's scheme is not allowed")]
    Scheme,
    /// No host.
    #[error("the URL has no host")]
    Host,
    /// `https://user:password@…`.
    #[error("the URL contains credentials")]
    Credentials,
    /// A port of another protocol.
    #[error("the URL's port is not allowed")]
    Port,
    /// Private, loopback or otherwise not on the public internet.
    #[error("the address is not public")]
    Address,
    /// Whoever asked wants nothing of this host.
    #[error("a policy keeps the host out")]
    Policy,
}

/// Whether an address belongs to the public unicast internet. IPv4 embedded in IPv6 (NAT64,
/// 6to4, Teredo, ISATAP) is judged by itself. Sources: the special-purpose address registries
/// (RFC 6890 and updates).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, d] = ip.octets();
    !matches!(
        (a, b, c, d),
        (0 | 10 | 127, ..)                  // this network, private, loopback
            | (100, 64..=127, ..)           // carrier-grade NAT
            | (168, 63, 129, 16)            // Azure's internal services
            | (169, 254, ..)                // link-local, cloud metadata
            | (172, 16..=31, ..)            // private
            | (192, 0, 0 | 2, _)            // protocol assignments, documentation
            | (192, 88, 99, _)              // 6to4 relays
            | (192, 168, ..)                // private
            | (198, 18 | 19, ..)            // benchmarks
            | (198, 51, 100, _)             // documentation
            | (203, 0, 113, _)              // documentation
            | (224..=255, ..) // multicast, reserved, broadcast
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // Teredo: the server, and the client with its bits inverted.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            embedded(server_high, server_low) && embedded(!high, !low)
        }
        // Protocol assignments (2001::/23), documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // ISATAP.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, high, low] => embedded(high, low),
        // Global unicast. All else is loopback, unspecified, IPv4-mapped or -compatible,
        // link-local, site-local, unique-local, multicast, discard-only or unassigned.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// What may be reached: the public internet over https, or anything.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow_private: bool,
    /// Servers of a test that stand for public ones.
    #[cfg(test)]
    pub(super) exempt: Vec<SocketAddr>,
}

impl Guard {
    /// With `allow_private`, also http, any port, and private addresses.
    pub fn new(allow_private: bool) -> Self {
        Self {
            allow_private,
            #[cfg(test)]
            exempt: Vec::new(),
        }
    }

    /// Checks all of a URL but the addresses its name resolves to, which are filtered when
    /// connecting.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refusal::Scheme);
        }
        let host = url.host().ok_or(Refusal::Host)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Refusal::Port)?;
        if self.allow_private {
            return if port == 0 {
                Err(Refusal::Port)
            } else {
                Ok(())
            };
        }
        let ip = match host {
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
            Host::Domain(_) => None,
        };
        #[cfg(test)]
        if ip.is_some_and(|ip| self.exempt.contains(&SocketAddr::new(ip, port))) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(Refusal::Scheme);
        }
        // Below 1024 live mail, remote shells and the like.
        if port != 443 && port < 1024 {
            return Err(Refusal::Port);
        }
        if ip.is_some_and(|ip| !is_public(ip)) {
            return Err(Refusal::Address);
        }
        Ok(())
    }

    fn allows(&self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }
}

/// Resolves names to allowed addresses only. The connection is made to exactly what it returns,
/// so a name that resolves differently the next time gains nothing.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    guard: Guard,
    lookups: Arc<Semaphore>,
}

impl GuardedResolver {
    pub(super) fn new(guard: Guard) -> Self {
        let lookups = Arc::new(Semaphore::new(MAX_LOOKUPS));
        Self { guard, lookups }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        let lookups = Arc::clone(&self.lookups);
        Box::pin(async move {
            let permit = lookups.acquire_owned().await?;
            let found = tokio::task::spawn_blocking(move || {
                // Held until the system answers, even when nobody waits any more.
                let _permit = permit;
                (name.as_str(), 0).to_socket_addrs()
            })
            .await??;
            let allowed = filter(&guard, found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn filter(
    guard: &Guard,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Refusal> {
    let allowed: Vec<_> = found.filter(|a| guard.allows(a.ip())).collect();
    if allowed.is_empty() {
        return Err(Refusal::Address);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for ip in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:200::1",
            "2a00:1450::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "2001:0:101:101:0:0:fefe:fefe",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_that_are_not_public() {
        for (what, list) in [
            ("this network", &["0.0.0.0", "0.1.2.3"] as &[&str]),
            ("loopback", &["127.0.0.1", "127.255.255.254", "::1"]),
            (
                "private",
                &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
            ),
            ("link-local", &["169.254.169.254", "fe80::1", "febf::1"]),
            ("carrier-grade NAT", &["100.64.0.1", "100.127.255.255"]),
            ("multicast", &["224.0.0.1", "239.255.255.255", "ff02::1"]),
            ("broadcast", &["255.255.255.255"]),
            ("reserved", &["240.0.0.1"]),
            (
                "documentation",
                &[
                    "192.0.2.1",
                    "198.51.100.1",
                    "203.0.113.1",
                    "2001:db8::1",
                    "3fff::1",
                    "3fff:fff::1",
                ],
            ),
            ("benchmarks", &["198.18.0.1", "198.19.255.255", "2001:2::1"]),
            (
                "protocols",
                &["192.0.0.192", "192.88.99.1", "2001:10::1", "2001:20::1"],
            ),
            ("Azure", &["168.63.129.16"]),
            (
                "IPv4-mapped",
                &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:1.1.1.1"],
            ),
            ("IPv4-compatible", &["::127.0.0.1", "::1.1.1.1", "::"]),
            (
                "NAT64",
                &[
                    "64:ff9b::7f00:1",
                    "64:ff9b::a00:1",
                    "64:ff9b::a9fe:a9fe",
                    "64:ff9b:1::101:101",
                ],
            ),
            ("6to4", &["2002:7f00:1::1", "2002:a00:1::1"]),
            (
                "Teredo",
                &[
                    "2001:0:7f00:1:0:0:fefe:fefe",
                    "2001:0:101:101:0:0:80ff:fffe",
                ],
            ),
            (
                "ISATAP",
                &["2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1"],
            ),
            ("unique-local", &["fc00::1", "fd12:3456::1"]),
            ("site-local", &["fec0::1"]),
            ("discard", &["100::1"]),
            ("segment routing", &["5f00::1"]),
            ("unassigned", &["4000::1"]),
        ] {
            for ip in list {
                assert!(!is_public(ip.parse().unwrap()), "{what}: {ip}");
            }
        }
    }

    fn check(guard: &Guard, url: &str) -> Result<(), Refusal> {
        guard.check(&Url::parse(url).unwrap())
    }

    #[test]
    fn urls() {
        let guard = Guard::new(false);
        for (url, expected) in [
            ("https://a.example/", Ok(())),
            ("https://a.example:8443/", Ok(())),
            ("https://1.1.1.1/", Ok(())),
            ("http://a.example/", Err(Refusal::Scheme)),
            ("ftp://a.example/", Err(Refusal::Scheme)),
            ("file:///etc/passwd", Err(Refusal::Scheme)),
            ("data:,x", Err(Refusal::Scheme)),
            ("https://u@a.example/", Err(Refusal::Credentials)),
            ("https://:p@a.example/", Err(Refusal::Credentials)),
            ("https://a.example:22/", Err(Refusal::Port)),
            ("https://a.example:80/", Err(Refusal::Port)),
            ("https://a.example:0/", Err(Refusal::Port)),
            ("https://127.0.0.1/", Err(Refusal::Address)),
            ("https://2130706433/", Err(Refusal::Address)),
            ("https://0x7f.1/", Err(Refusal::Address)),
            ("https://0177.0.0.1/", Err(Refusal::Address)),
            ("https://0/", Err(Refusal::Address)),
            ("https://[::1]/", Err(Refusal::Address)),
            ("https://[::ffff:127.0.0.1]/", Err(Refusal::Address)),
            ("https://169.254.169.254/latest/", Err(Refusal::Address)),
            ("https://１２７.0.0.1/", Err(Refusal::Address)),
        ] {
            assert_eq!(check(&guard, url), expected, "{url}");
        }
        let guard = Guard::new(true);
        for (url, expected) in [
            ("http://127.0.0.1:8701/", Ok(())),
            ("https://[::1]:22/", Ok(())),
            ("ftp://127.0.0.1/", Err(Refusal::Scheme)),
            ("http://u@127.0.0.1/", Err(Refusal::Credentials)),
            ("http://127.0.0.1:0/", Err(Refusal::Port)),
        ] {
            assert_eq!(check(&guard, url), expected, "{url}");
        }
    }

    #[test]
    fn names_keep_only_their_public_addresses() {
        let found = ["127.0.0.1:0", "1.1.1.1:0", "[fd00::1]:0"].map(|a| a.parse().unwrap());
        let strict = Guard::new(false);
        let public = filter(&strict, found.into_iter());
        assert_eq!(public, Ok(vec!["1.1.1.1:0".parse().unwrap()]));
        let none = filter(&strict, found.into_iter().take(1));
        assert_eq!(none, Err(Refusal::Address));
        let all = filter(&Guard::new(true), found.into_iter());
        assert_eq!(all.map(|a| a.len()), Ok(3));
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_loopback_is_refused() {
        let name = || "localhost".parse().unwrap();
        let strict = GuardedResolver::new(Guard::new(false));
        let error = strict.resolve(name()).await.err().unwrap();
        assert_eq!(error.downcast_ref(), Some(&Refusal::Address));
        let loose = GuardedResolver::new(Guard::new(true));
        assert!(loose.resolve(name()).await.is_ok());
    }
}
