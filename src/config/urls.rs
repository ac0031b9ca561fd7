//! The public URL and everything that is built from it.

use url::{Host, Url};

use super::Config;

/// Parses a public URL: http or https, a host, nothing after it.
pub fn parse_public(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("{text:?}: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{text:?} is no http or https URL"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} must end after the host and port"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(format!(
            "{text:?} must be https: plain http is for loopback only"
        ));
    }
    Ok(url)
}

/// Parses the address of a collector of traces. One without a path is a collector's, which takes them at
/// OTLP's own; any other is taken as it is. It may hold a password: the error does not repeat it.
pub fn parse_collector(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let mut url = url
        .filter(fits)
        .ok_or("it is no http or https URL".to_owned())?;
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

/// Whether a URL's host is this machine by name or address.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Host, with the port when it is not the scheme's default.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

impl Config {
    /// The public URL with a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        format!("{base}{path}")
    }

    /// Host and port of the public URL.
    pub fn authority(&self) -> String {
        authority(&self.public_url)
    }

    /// Whether a URL or URI is one of ours.
    pub fn is_ours(&self, uri: &str) -> bool {
        let base = self.public_url.as_str().trim_end_matches('/');
        uri.strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }

    /// Whether `domain` in `@user@domain` means this server.
    pub fn is_our_domain(&self, domain: &str) -> bool {
        domain.is_empty()
            || domain.eq_ignore_ascii_case(&self.account_domain)
            || domain.eq_ignore_ascii_case(&self.authority())
    }

    /// Id of a local actor.
    pub fn actor_uri(&self, username: &str) -> String {
        self.url(&format!("/users/{username}"))
    }

    /// Id of a local actor's status.
    pub fn status_uri(&self, username: &str, id: i64) -> String {
        self.url(&format!("/users/{username}/statuses/{id}"))
    }

    /// The page of a tag.
    pub fn tag_url(&self, name: &str) -> String {
        self.url(&format!("/tags/{name}"))
    }

    /// `user@domain` of a local account, `user@their.domain` of another.
    pub fn handle(&self, username: &str, domain: &str) -> String {
        if domain.is_empty() {
            format!("{username}@{}", self.account_domain)
        } else {
            format!("{username}@{domain}")
        }
    }
}
