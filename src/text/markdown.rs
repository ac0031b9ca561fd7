//! Markdown to HTML.

use pulldown_cmark::{
    CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html,
};

use super::html::escape_into;
use super::plain::{self, Entity, Link, link_into, scan};
use super::sanitize::clean_status_html;

/// Longer sources are taken as plain text.
pub const MAX_SOURCE: usize = 1 << 17;
/// The same for sources that open more quotes or lists on one line than this.
const MAX_LINE_NESTING: usize = 100;

/// Renders CommonMark with `~~strikethrough~~` to the HTML subset of
/// [`clean_status_html`]. HTML in the source is cleaned along with the rest;
/// images become links. Mentions, hashtags and bare URLs are linked outside
/// code and links; `resolve` is asked as in [`plain::compose`].
pub fn render(source: &str, resolve: &dyn Fn(&Entity) -> Option<Link>) -> String {
    if source.len() > MAX_SOURCE || source.lines().any(nests_too_deep) {
        return plain::compose(source, &scan(source), resolve);
    }
    let mut linker = Linker {
        resolve,
        code: false,
        links: Vec::new(),
        raw: Vec::new(),
    };
    let parser = Parser::new_ext(source, Options::ENABLE_STRIKETHROUGH);
    let events = TextMergeStream::new(parser).filter_map(|event| linker.event(event));
    let mut out = String::with_capacity(source.len() * 2);
    html::push_html(&mut out, events);
    clean_status_html(&out).trim_end().to_owned()
}

fn nests_too_deep(line: &str) -> bool {
    line.chars()
        .take_while(|c| c.is_whitespace() || c.is_ascii_digit() || matches!(c, '>' | '-' | '*' | '+' | '.' | ')'))
        .filter(|c| matches!(c, '>' | '-' | '*' | '+' | '.' | ')'))
        .nth(MAX_LINE_NESTING)
        .is_some()
        // A long rule (`-----`) nests nothing.
        && line.contains(|c: char| !matches!(c, '-' | '*' | ' '))
}

struct Linker<'a> {
    resolve: &'a dyn Fn(&Entity) -> Option<Link>,
    code: bool,
    /// Open links and images, with whether a tag was written for each.
    links: Vec<bool>,
    /// Open inline HTML elements inside which nothing is linked.
    raw: Vec<&'static str>,
}

impl Linker<'_> {
    fn event<'e>(&mut self, event: Event<'e>) -> Option<Event<'e>> {
        match event {
            Event::Start(Tag::CodeBlock(_)) => self.code = true,
            Event::End(TagEnd::CodeBlock) => self.code = false,
            Event::Start(Tag::Link { .. }) => self.links.push(true),
            Event::Start(Tag::Image {
                dest_url,
                title,
                id,
                ..
            }) => {
                // A link cannot hold another: there, only the text remains.
                let written = self.links.is_empty();
                self.links.push(written);
                return written.then_some(Event::Start(Tag::Link {
                    link_type: LinkType::Inline,
                    dest_url,
                    title,
                    id,
                }));
            }
            Event::End(TagEnd::Image | TagEnd::Link) => {
                return self
                    .links
                    .pop()
                    .unwrap_or(false)
                    .then_some(Event::End(TagEnd::Link));
            }
            Event::InlineHtml(ref tag) => self.inline_html(tag),
            // Inline elements end with the paragraph they are in.
            Event::End(TagEnd::Paragraph) => self.raw.clear(),
            Event::Text(text) => return Some(self.text(text)),
            _ => {}
        }
        Some(event)
    }

    fn inline_html(&mut self, tag: &str) {
        let (closes, rest) = match tag.strip_prefix("</") {
            Some(rest) => (true, rest),
            None => (false, tag.strip_prefix('<').unwrap_or(tag)),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        let Some(name) = ["a", "code", "pre"].into_iter().find(|n| *n == name) else {
            return;
        };
        if !closes {
            self.raw.push(name);
        } else if let Some(at) = self.raw.iter().rposition(|open| *open == name) {
            self.raw.truncate(at);
        }
    }

    fn text<'e>(&self, text: CowStr<'e>) -> Event<'e> {
        if self.code || !self.links.is_empty() || !self.raw.is_empty() {
            return Event::Text(text);
        }
        let entities = scan(&text);
        if entities.is_empty() {
            return Event::Text(text);
        }
        let mut out = String::with_capacity(text.len() * 2);
        let mut done = 0;
        for entity in &entities {
            escape_into(&mut out, &text[done..entity.range.start]);
            link_into(&mut out, &text[entity.range.clone()], entity, self.resolve);
            done = entity.range.end;
        }
        escape_into(&mut out, &text[done..]);
        Event::InlineHtml(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::plain::Kind;
    use crate::text::to_plain;
    use proptest::prelude::*;

    fn md(source: &str) -> String {
        render(source, &|entity| match &entity.kind {
            Kind::Mention { username, .. } => Some(Link {
                href: format!("https://k.example/@{username}"),
                label: None,
            }),
            Kind::Hashtag(tag) => Some(Link {
                href: format!("https://k.example/tags/{tag}"),
                label: None,
            }),
            Kind::Url(_) => None,
        })
    }

    #[test]
    fn renders_the_subset() {
        for (source, expected) in [
            ("hello", "<p>hello</p>"),
            (
                "*a* **b** ~~c~~ `d`",
                "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>",
            ),
            ("# T", "<p><strong>T</strong></p>"),
            ("> q", "<blockquote>\n<p>q</p>\n</blockquote>"),
            ("a  \nb", "<p>a<br>\nb</p>"),
            ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
            ("3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>"),
            ("```rust\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
            ("", ""),
        ] {
            assert_eq!(md(source), expected, "{source}");
        }
    }

    #[test]
    fn links_outside_code_and_links_only() {
        let html = md("@alice likes #rust at https://x.example/a_b_c");
        for part in [
            "<span class=\"h-card\" translate=\"no\"><a href=\"https://k.example/@alice\"",
            "href=\"https://k.example/tags/rust\"",
            "href=\"https://x.example/a_b_c\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        for source in [
            "`@alice #rust https://x.example`",
            "```\n@alice\n```",
            "    @alice",
            "<code>@alice</code>",
            "\\# alice",
        ] {
            assert!(!md(source).contains("<a "), "{source}");
        }
        for source in [
            "[@alice](https://x.example)",
            "<a href=\"https://x.example\">@alice</a>",
            "<https://x.example>",
            "![@alice](https://x.example)",
            "[![@alice](https://y.example)](https://x.example)",
        ] {
            let html = md(source);
            assert_eq!(html.matches("<a ").count(), 1, "{source}: {html}");
            assert!(
                html.contains("href=\"https://x.example\""),
                "{source}: {html}"
            );
        }
        assert!(md("**@bob_the_builder**").contains("@<span>bob_the_builder</span>"));
    }

    #[test]
    fn s9_html_in_the_source_is_cleaned() {
        for source in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](<java\nscript:alert(1)>)",
            "[x](data:text/html;base64,x)",
            "![x](javascript:alert(1))",
            "<a href='javascript:alert(1)'>x</a>",
            "<svg><script>alert(1)</script></svg>",
            "[x]: javascript:alert(1)\n[x]",
            "<p onclick=alert(1)>",
        ] {
            let html = md(source);
            assert!(
                !["<script", "onerror", "onclick", "href", "<img", "<svg"]
                    .iter()
                    .any(|bad| html.contains(bad)),
                "{source}: {html}"
            );
        }
    }

    #[test]
    fn s8_nesting_takes_no_time() {
        for piece in [
            ">", "> ", "- ", "1. ", "[", "![", "*", "**a ", "_a", "`", "``a", "<", "~~", "[a](",
            "](", "<!--", "a\n>", "&", "\\", "<a>", "[a]: b\n", "*_", "> - ", "<b>", "\n\n", "-",
            "&#",
        ] {
            let source = piece.repeat(MAX_SOURCE / piece.len());
            let started = std::time::Instant::now();
            md(&source);
            let took = started.elapsed();
            assert!(took.as_secs() < 10, "{piece:?} took {took:?}");
        }
        let staircase: String = (0..500)
            .map(|n| format!("{}- a\n", "  ".repeat(n / 4)))
            .collect();
        md(&staircase);
    }

    proptest! {
        #[test]
        fn nothing_panics(source in any::<String>()) {
            md(&source);
        }

        #[test]
        fn only_the_subset_comes_out(source in "([*_`~>#\\[\\]()!<>&\"' \n-]|[a-z]{1,4}|@[a-z]{1,3}|<[a-z]{1,6}>|https://[a-z.]{1,6}){0,60}") {
            let html = md(&source);
            prop_assert_eq!(to_plain(&clean_status_html(&html)), to_plain(&html));
        }
    }
}
