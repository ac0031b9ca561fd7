//! Whether a request wants ActivityPub or a page.

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether the `Accept` header asks for an ActivityPub document rather than for HTML
/// (ActivityPub, section 3.2). `*/*` alone asks for the page.
pub fn wants_activity(headers: &HeaderMap) -> bool {
    let (mut activity, mut html) = (0.0, 0.0);
    for line in headers.get_all(ACCEPT) {
        let Ok(line) = line.to_str() else { continue };
        for range in line.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality: f32 = parts
                .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
                .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            match media.as_str() {
                "application/activity+json" | "application/ld+json" | "application/json" => {
                    activity = quality.max(activity);
                }
                "text/html" | "application/xhtml+xml" => html = quality.max(html),
                _ => {}
            }
        }
    }
    activity > 0.0 && activity >= html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        wants_activity(&headers)
    }

    #[test]
    fn servers_get_documents_and_browsers_pages() {
        assert!(wants("application/activity+json"));
        assert!(wants(
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\""
        ));
        assert!(wants(
            "application/activity+json, application/ld+json, text/html;q=0.1"
        ));
        assert!(wants("Application/Activity+JSON;q=0.9, */*;q=0.1"));
        assert!(!wants(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        assert!(!wants("text/html, application/json;q=0.5"));
        assert!(!wants("*/*"));
        assert!(!wants("application/activity+json;q=0"));
        assert!(!wants_activity(&HeaderMap::new()));
    }
}
