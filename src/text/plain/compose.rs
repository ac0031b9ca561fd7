//! Plain text to HTML, as Mastodon's `TextFormatter` writes it.

use super::scan::{Entity, Kind};
use crate::text::html::escape_into;

/// Characters of a link that are shown.
const SHOWN_URL_CHARS: usize = 30;

/// Where a mention or hashtag leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The URL for readers.
    pub href: String,
    /// What to show after the `@` or `#` instead of the username or tag.
    pub label: Option<String>,
}

/// Writes plain text as HTML: paragraphs at blank lines, `<br />` at line
/// breaks, the `entities` (from [`super::scan`]) linked, everything else
/// escaped. `resolve` is asked for the target of mentions and hashtags; one
/// without stays text. Blank text gives an empty string.
pub fn compose(
    text: &str,
    entities: &[Entity],
    resolve: &dyn Fn(&Entity) -> Option<Link>,
) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let mut done = 0;
    for entity in entities {
        let Some(written) = text.get(entity.range.clone()) else {
            continue;
        };
        // Also keeps out entities that overlap the one before.
        let Some(before) = text.get(done..entity.range.start) else {
            continue;
        };
        escape_into(&mut html, before);
        link_into(&mut html, written, entity, resolve);
        done = entity.range.end;
    }
    escape_into(&mut html, &text[done..]);
    paragraphs(&html)
}

/// Writes one entity as HTML.
pub(in crate::text) fn link_into(
    html: &mut String,
    written: &str,
    entity: &Entity,
    resolve: &dyn Fn(&Entity) -> Option<Link>,
) {
    let (before, sign, after, shown) = match &entity.kind {
        Kind::Url(url) => return url_into(html, url),
        Kind::Mention { username, .. } => (
            "<span class=\"h-card\" translate=\"no\"><a href=\"",
            "\" class=\"u-url mention\">@<span>",
            "</span></a></span>",
            username,
        ),
        Kind::Hashtag(tag) => (
            "<a href=\"",
            "\" class=\"mention hashtag\" rel=\"tag\">#<span>",
            "</span></a>",
            tag,
        ),
    };
    let Some(link) = resolve(entity) else {
        escape_into(html, written);
        return;
    };
    html.push_str(before);
    // No line break may reach the paragraphs' splitting from inside a tag.
    escape_into(html, &link.href.replace(['\n', '\r'], ""));
    html.push_str(sign);
    escape_into(
        html,
        &link
            .label
            .as_ref()
            .unwrap_or(shown)
            .replace(['\n', '\r'], " "),
    );
    html.push_str(after);
}

fn url_into(html: &mut String, url: &str) {
    let prefix = prefix_length(url);
    let rest = &url[prefix..];
    let cut = rest
        .char_indices()
        .nth(SHOWN_URL_CHARS)
        .map_or(rest.len(), |(at, _)| at);
    html.push_str("<a href=\"");
    escape_into(html, url);
    html.push_str("\" target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\"><span class=\"invisible\">");
    escape_into(html, &url[..prefix]);
    html.push_str("</span><span class=\"");
    html.push_str(if cut < rest.len() { "ellipsis" } else { "" });
    html.push_str("\">");
    escape_into(html, &rest[..cut]);
    html.push_str("</span><span class=\"invisible\">");
    escape_into(html, &rest[cut..]);
    html.push_str("</span></a>");
}

/// The length of `https://` or `https://www.`.
fn prefix_length(url: &str) -> usize {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    match url.get(scheme..scheme + 4) {
        Some(www) if www.eq_ignore_ascii_case("www.") => scheme + 4,
        _ => scheme,
    }
}

fn paragraphs(html: &str) -> String {
    let html = html.replace("\r\n", "\n").replace('\r', "\n");
    let html = html.trim();
    let mut out = String::with_capacity(html.len() + 64);
    for paragraph in html.split("\n\n") {
        // More blank lines than one leave line breaks at the edges.
        let paragraph = paragraph.trim_matches('\n');
        if paragraph.is_empty() {
            continue;
        }
        out.push_str("<p>");
        out.push_str(&paragraph.replace('\n', "<br />"));
        out.push_str("</p>");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;
    use crate::text::to_plain;
    use proptest::prelude::*;

    fn html(text: &str) -> String {
        compose(text, &scan(text), &|entity| match &entity.kind {
            Kind::Mention { username, .. } if username == "nobody" => None,
            Kind::Mention { username, domain } => Some(Link {
                href: format!(
                    "https://{}/@{username}",
                    domain.as_deref().unwrap_or("kith.example")
                ),
                label: None,
            }),
            Kind::Hashtag(tag) => Some(Link {
                href: format!("https://kith.example/tags/{}", tag.to_lowercase()),
                label: None,
            }),
            Kind::Url(_) => None,
        })
    }

    #[test]
    fn paragraphs_and_line_breaks() {
        for (text, expected) in [
            ("hello", "<p>hello</p>"),
            ("a\nb", "<p>a<br />b</p>"),
            ("a\r\nb\rc", "<p>a<br />b<br />c</p>"),
            ("a\n\nb", "<p>a</p><p>b</p>"),
            ("a\n\n\n\n\nb\nc", "<p>a</p><p>b<br />c</p>"),
            ("\n\n a \n", "<p>a</p>"),
            ("a\n \nb", "<p>a<br /> <br />b</p>"),
            ("", ""),
            (" \n\t", ""),
            ("<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#39;</p>"),
            ("a\u{0}b\u{8}", "<p>ab</p>"),
        ] {
            assert_eq!(html(text), expected, "{text:?}");
        }
    }

    #[test]
    fn links_are_written_as_mastodon_writes_them() {
        assert_eq!(
            html("@alice hi"),
            "<p><span class=\"h-card\" translate=\"no\"><a href=\"https://kith.example/@alice\" \
             class=\"u-url mention\">@<span>alice</span></a></span> hi</p>"
        );
        assert_eq!(
            html("#Rust"),
            "<p><a href=\"https://kith.example/tags/rust\" class=\"mention hashtag\" rel=\"tag\">#<span>Rust</span></a></p>"
        );
        assert_eq!(
            html("https://www.example.com/a/path/that/is/rather/long?x=1&y=2"),
            "<p><a href=\"https://www.example.com/a/path/that/is/rather/long?x=1&amp;y=2\" target=\"_blank\" \
             rel=\"nofollow noopener\" translate=\"no\"><span class=\"invisible\">https://www.</span>\
             <span class=\"ellipsis\">example.com/a/path/that/is/rat</span>\
             <span class=\"invisible\">her/long?x=1&amp;y=2</span></a></p>"
        );
        assert_eq!(
            html("http://a.example/"),
            "<p><a href=\"http://a.example/\" target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\">\
             <span class=\"invisible\">http://</span><span class=\"\">a.example/</span>\
             <span class=\"invisible\"></span></a></p>"
        );
    }

    #[test]
    fn what_has_no_target_stays_text() {
        assert_eq!(html("@nobody@x.example <"), "<p>@nobody@x.example &lt;</p>");
    }

    #[test]
    fn s9_targets_and_labels_are_escaped() {
        let text = "@a";
        let out = compose(text, &scan(text), &|_| {
            Some(Link {
                href: "https://x/\"><script>\n\n".to_owned(),
                label: Some("<b>\n\n".to_owned()),
            })
        });
        assert_eq!(
            out,
            "<p><span class=\"h-card\" translate=\"no\"><a href=\"https://x/&quot;&gt;&lt;script&gt;\" \
             class=\"u-url mention\">@<span>&lt;b&gt;  </span></a></span></p>"
        );
    }

    #[test]
    fn entities_of_another_text_are_survived() {
        let entities = scan("é @alice @bob #tag");
        assert_eq!(compose("aé", &entities, &|_| None), "<p>aé</p>");
        let twice = [entities[0].clone(), entities[0].clone()];
        assert_eq!(compose("é @alice", &twice, &|_| None), "<p>é @alice</p>");
    }

    proptest! {
        #[test]
        fn everything_is_escaped(text in "(\\PC|[<>\"'&@#]|https://[a-z.<>\"']{1,9}|\n){0,60}") {
            let cleaned = crate::text::sanitize::clean_status_html(&html(&text));
            // Had anything come through unescaped, cleaning would lose it.
            prop_assert_eq!(to_plain(&cleaned), to_plain(&html(&text)));
            let unlinked = compose(&text, &[], &|_| None);
            let bare = unlinked.replace("<p>", "").replace("</p>", "").replace("<br />", "");
            prop_assert!(!bare.contains(['<', '>', '"', '\'']));
        }

        #[test]
        fn plain_text_comes_back_with_its_words(
            text in "([a-zäß<>&\"' \n]|@[a-z]{1,4}|#[a-z]{1,4}|https://[a-z]{1,4}\\.[a-z]{2,9}/[a-z]{0,40} ){0,40}"
        ) {
            // Mentions are shown with their domain, so that nothing is left out.
            let plain = to_plain(&compose(&text, &scan(&text), &|entity| Some(Link {
                href: "https://kith.example/".to_owned(),
                label: Some(text[entity.range.clone()][1..].to_owned()),
            })));
            prop_assert_eq!(
                plain.split_whitespace().collect::<Vec<_>>(),
                text.split_whitespace().collect::<Vec<_>>()
            );
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            html(&text);
        }
    }
}
