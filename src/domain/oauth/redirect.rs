//! Redirect addresses: registered once, matched exactly (RFC 9700 section 4.1.3).

use url::Url;

/// Shows the code for copying instead of redirecting.
pub const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";
/// Most addresses of an app, and the longest.
const MOST: usize = 50;
const LONGEST: usize = 2000;
/// Schemes that run, read or show something instead of leading to an app.
const REFUSED: &[&str] = &[
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
    "ws",
    "wss",
    "mailto",
];

/// The addresses of a registration, each once: entries may hold several, by white space.
/// The error completes "Redirect URI …".
pub fn normalize(given: Vec<String>) -> Result<Vec<String>, &'static str> {
    let mut uris: Vec<String> = Vec::new();
    for uri in given.iter().flat_map(|entry| entry.split_whitespace()) {
        if !valid(uri) {
            return Err("must be an absolute URI.");
        }
        if !uris.iter().any(|known| known == uri) {
            uris.push(uri.to_owned());
        }
    }
    if uris.is_empty() {
        return Err("can't be blank");
    }
    if uris.len() > MOST {
        return Err("has too many entries");
    }
    Ok(uris)
}

fn valid(uri: &str) -> bool {
    if uri == OOB {
        return true;
    }
    if uri.len() > LONGEST || uri.contains('#') || uri.chars().any(char::is_control) {
        return false;
    }
    let Ok(url) = Url::parse(uri) else {
        return false;
    };
    let web = matches!(url.scheme(), "http" | "https");
    !REFUSED.contains(&url.scheme())
        && url.username().is_empty()
        && url.password().is_none()
        && (!web || url.host().is_some_and(|host| !host.to_string().is_empty()))
}

/// The address that a request means: one of the registered, letter by letter; without any, the
/// only one there is.
pub fn choose(registered: &str, asked: Option<&str>) -> Option<String> {
    match asked.filter(|uri| !uri.is_empty()) {
        Some(asked) => registered
            .lines()
            .find(|uri| *uri == asked)
            .map(str::to_owned),
        None => {
            let mut lines = registered.lines();
            let only = lines.next()?;
            lines.next().is_none().then(|| only.to_owned())
        }
    }
}

/// The address with parameters added to its query, fit for a `Location` header.
pub fn with(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    // As the app wrote it, for it may compare; a URL parser's spelling only where it must be.
    let uri = if uri.is_ascii() {
        uri.to_owned()
    } else {
        Url::parse(uri).map_or_else(|_| uri.to_owned(), String::from)
    };
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, rest)) if rest.is_empty() || rest.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{joint}{query}")
}

/// How the consent page names the place: a host, or an app's scheme; `None` for [`OOB`].
pub fn place(uri: &str) -> Option<String> {
    if uri == OOB {
        return None;
    }
    let url = Url::parse(uri).ok()?;
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(host)) => Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }),
        (scheme, _) => Some(format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_no_app_is_refused() {
        for uri in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "/relative",
            "//evil.example/",
            "app.example/back",
            "https://app.example/back#fragment",
            "https://user:word@app.example/",
            "https://",
        ] {
            assert!(normalize(vec![uri.into()]).is_err(), "{uri}");
        }
        for uri in [
            OOB,
            "https://app.example/back?x=1",
            "http://localhost:1234/",
            "com.example.app://oauth",
            "example-app:/back",
            "icecubesapp://",
        ] {
            assert_eq!(normalize(vec![uri.into()]).unwrap(), [uri]);
        }
    }

    #[test]
    fn several_in_one_are_several() {
        let uris = normalize(vec![
            "https://a.example/\nhttps://b.example/".into(),
            "https://a.example/".into(),
        ]);
        assert_eq!(uris.unwrap(), ["https://a.example/", "https://b.example/"]);
        assert!(normalize(vec![" ".into()]).is_err());
        assert!(normalize(Vec::new()).is_err());
    }

    #[test]
    fn matching_is_exact() {
        let one = "https://a.example/back";
        let two = "https://a.example/back\nhttps://b.example/";
        assert_eq!(choose(two, Some(one)).unwrap(), one);
        for other in [
            "https://a.example/back/",
            "https://a.example/back?x",
            "https://a.example/bac",
            "https://A.example/back",
            "https://a.example/back\nhttps://b.example/",
            "https://evil.example/",
        ] {
            assert!(choose(two, Some(other)).is_none(), "{other}");
        }
        assert!(choose(two, None).is_none());
        assert_eq!(choose(one, None).unwrap(), one);
    }

    #[test]
    fn parameters_join_what_is_there() {
        let add = |uri| with(uri, &[("code", "x y"), ("state", "a&b")]);
        assert_eq!(
            add("https://a.example/back"),
            "https://a.example/back?code=x+y&state=a%26b"
        );
        assert_eq!(
            add("https://a.example/?x=1"),
            "https://a.example/?x=1&code=x+y&state=a%26b"
        );
        assert_eq!(add("app:/b?"), "app:/b?code=x+y&state=a%26b");
        assert!(add("https://ä.example/").is_ascii());
    }

    #[test]
    fn places_are_named() {
        assert_eq!(place(OOB), None);
        assert_eq!(place("https://a.example/x").unwrap(), "a.example");
        assert_eq!(place("http://localhost:8/x").unwrap(), "localhost:8");
        assert_eq!(place("com.app://x").unwrap(), "com.app:");
    }
}
