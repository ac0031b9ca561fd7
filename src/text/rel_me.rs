//! Links by which a page says that it is somebody's (`rel="me"`, microformats.org/wiki/rel-me).

use super::html::decode_entities;
use super::markup::{Token, Tokens, is_raw_text};

/// Links of one page that are looked at.
const MAX_LINKS: usize = 500;

/// Where the `a` and `link` elements of a page that bear `rel="me"` lead, as written.
pub fn rel_me_links(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut tokens = Tokens::new(html);
    while let Some(token) = tokens.next() {
        let Token::Start {
            name, attributes, ..
        } = token
        else {
            continue;
        };
        if is_raw_text(name) {
            tokens.skip_raw_text(name);
            continue;
        }
        if !name.eq_ignore_ascii_case("a") && !name.eq_ignore_ascii_case("link") {
            continue;
        }
        let value = |wanted: &str| {
            attributes
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| *value)
        };
        let mine = value("rel").is_some_and(|rel| {
            rel.split_ascii_whitespace()
                .any(|word| word.eq_ignore_ascii_case("me"))
        });
        if let Some(href) = value("href").filter(|_| mine) {
            links.push(decode_entities(href.trim()));
            if links.len() == MAX_LINKS {
                break;
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_say_me_are_found() {
        let page = r##"<!doctype html><head><LINK REL='nofollow Me' HREF="https://a.example/@x">
            <script>"<a rel=me href=https://evil.example>"</script>
            <!-- <a rel="me" href="https://hidden.example/"> -->
            <body><a href="https://b.example/?a=1&amp;b=2" rel="noopener me">me</a>
            <a rel="menu" href="https://c.example/">no</a><a rel=me>none</a>"##;
        assert_eq!(
            rel_me_links(page),
            ["https://a.example/@x", "https://b.example/?a=1&b=2"]
        );
    }
}
