//! HTML to readable text, and text to HTML.

use std::sync::LazyLock;

use super::grapheme;
use super::markup::{Token, Tokens, is_dropped, is_raw_text, is_separator};

/// Escapes text for HTML content and quoted attribute values.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    escape_into(&mut out, text);
    out
}

pub(super) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters mean nothing in HTML and break XML feeds.
            c if c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t') => {}
            c => out.push(c),
        }
    }
}

/// Turns HTML into readable plain text: paragraphs are separated by a blank
/// line, `<br>` is a line break, list items get a marker, entities are
/// decoded. The result is text, to be escaped wherever it meets HTML again.
pub fn to_plain(html: &str) -> String {
    let mut writer = Writer::default();
    let mut tokens = Tokens::new(html);
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Start {
                name, self_closing, ..
            } => {
                if is_raw_text(name) {
                    tokens.skip_raw_text(name);
                } else if is_dropped(name) {
                    if !self_closing {
                        tokens.skip_element(name);
                    }
                } else {
                    writer.start(&name.to_ascii_lowercase());
                }
            }
            Token::End { name } => writer.end(&name.to_ascii_lowercase()),
        }
    }
    // A space that must not break is one like any other in plain text.
    let text = decode_entities(&writer.out).replace('\u{a0}', " ");
    text.trim().to_owned()
}

/// The beginning of `html` as one line of plain text: at most `chars`
/// user-perceived characters, cut between words where possible, a final `…`
/// (counted) showing that something was left out.
pub fn excerpt(html: &str, chars: usize) -> String {
    let plain = to_plain(html);
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if grapheme::truncate(&line, chars).len() == line.len() {
        return line;
    }
    let Some(room) = chars.checked_sub(1) else {
        return String::new();
    };
    let cut = grapheme::truncate(&line, room);
    // Do not lose more than half of it to keep one long word whole.
    let at_word = match cut.rfind(' ') {
        Some(space) if !line[cut.len()..].starts_with(' ') && space * 2 > cut.len() => {
            &cut[..space]
        }
        _ => cut,
    };
    format!("{}…", at_word.trim_end())
}

/// Entities looked up in the parser's table for one text; what comes after them stays as it is.
const RARE_ENTITIES: usize = 1000;

/// Decodes HTML entities in character data.
pub(super) fn decode_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut looked_up = 0;
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '#')
            .map_or(rest, |end| &rest[..=end]);
        let closed = rest[name.len()..].starts_with(';');
        let entity = &rest[..name.len() + usize::from(closed)];
        match decode_common(name).filter(|_| closed) {
            Some(c) => out.push(c),
            None if name.len() > 1 && looked_up < RARE_ENTITIES => {
                looked_up += 1;
                out.push_str(&decode_rare(entity));
            }
            None => out.push_str(entity),
        }
        rest = &rest[entity.len()..];
    }
    out.push_str(rest);
    out
}

/// The entities that make up nearly all there are, by their name with the ampersand.
fn decode_common(name: &str) -> Option<char> {
    Some(match name {
        "&amp" => '&',
        "&lt" => '<',
        "&gt" => '>',
        "&quot" => '"',
        "&apos" => '\'',
        "&nbsp" => '\u{a0}',
        _ => {
            let digits = name.strip_prefix("&#")?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            // What is below means something else in HTML, and is looked up.
            char::from_u32(number).filter(|c| *c >= '\u{a0}' || (' '..='~').contains(c))?
        }
    })
}

/// Any entity, closed or not.
fn decode_rare(entity: &str) -> String {
    // The sanitiser's parser knows all the named entities; with no element
    // allowed, its output escapes these few and nothing else.
    static DECODER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(ammonia::Builder::empty);
    DECODER
        .clean(entity)
        .to_string()
        .replace("&nbsp;", "\u{a0}")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Collects text with the line structure of the elements around it.
#[derive(Default)]
struct Writer {
    out: String,
    /// Line breaks owed before the next text.
    breaks: usize,
    /// A space owed before the next text, if it is on the same line.
    space: bool,
    pre: usize,
    /// Open lists; an ordered one with its next number.
    lists: Vec<Option<u32>>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if self.pre > 0 {
            self.flush();
            self.out.push_str(text);
            return;
        }
        let mut rest = text;
        loop {
            let word_start = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            self.space |= word_start.len() < rest.len();
            if word_start.is_empty() {
                return;
            }
            let end = word_start
                .find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(word_start.len());
            self.flush();
            self.out.push_str(&word_start[..end]);
            rest = &word_start[end..];
        }
    }

    fn flush(&mut self) {
        if self.breaks > 0 && !self.out.is_empty() {
            self.out.extend(std::iter::repeat_n('\n', self.breaks));
        } else if self.space && !self.out.is_empty() && !self.out.ends_with(['\n', ' ']) {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
    }

    fn block(&mut self, breaks: usize) {
        self.breaks = self.breaks.max(breaks);
    }

    fn start(&mut self, name: &str) {
        match name {
            "br" => self.breaks += 1,
            "pre" => {
                self.block(2);
                self.pre += 1;
            }
            "ul" | "ol" => {
                self.block(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push((name == "ol").then_some(1));
            }
            "li" => {
                self.block(1);
                self.flush();
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.out.push_str(&format!("{number}. "));
                        *number = number.saturating_add(1);
                    }
                    _ => self.out.push_str("- "),
                }
            }
            _ => self.edge(name),
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                self.block(2);
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.block(if self.lists.is_empty() { 2 } else { 1 });
            }
            "li" => self.block(1),
            _ => self.edge(name),
        }
    }

    fn edge(&mut self, name: &str) {
        match name {
            // A paragraph that opens an item continues its line.
            "p" if self.out.ends_with("- ") || self.out.ends_with(". ") => {}
            "p" | "blockquote" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.block(2),
            "td" | "th" => self.space = true,
            name if is_separator(name) => self.block(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_the_shape_of_the_text() {
        for (html, expected) in [
            ("<p>hello</p>", "hello"),
            ("<p>a</p><p>b</p>", "a\n\nb"),
            ("<p>a<br>b<br/>c</p>", "a\nb\nc"),
            ("<p>a<br><br>b</p>", "a\n\nb"),
            ("<p>a\n  b</p>\n\n<p>c</p>", "a b\n\nc"),
            ("a<div>b</div>c", "a\nb\nc"),
            ("<ul><li>a</li><li><p>b</p></li></ul>c", "- a\n- b\n\nc"),
            ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
            ("<pre><code>x\n  y</code></pre>z", "x\n  y\n\nz"),
            ("<b>bo</b>ld <i>x</i>", "bold x"),
            (
                "&lt;b&gt; &amp;amp; &eacute;&#39;&#x1F600;&nbsp;x",
                "<b> &amp; é'😀 x",
            ),
            ("1 < 2 &lt 3", "1 < 2 < 3"),
            ("a\u{a0}b&#160;c&#xa0;d", "a b c d"),
            (
                "&hearts;&notin; &nosuchthing; &#128; &#0;&; & &amp",
                "♥∉ &nosuchthing; € \u{fffd}&; & &",
            ),
            (
                "<script>alert(1)</script>a<style>b</style><svg><p>c</svg>",
                "a",
            ),
            (
                "<a href=\"x\"><span class=\"invisible\">https://</span><span>a.b/c</span></a>",
                "https://a.b/c",
            ),
            ("", ""),
        ] {
            assert_eq!(to_plain(html), expected, "{html}");
        }
    }

    #[test]
    fn excerpts_end_between_words() {
        assert_eq!(
            excerpt("<p>hello world</p><p>again</p>", 100),
            "hello world again"
        );
        assert_eq!(excerpt("<p>hello world again</p>", 13), "hello world…");
        assert_eq!(excerpt("<p>hello world again</p>", 12), "hello world…");
        assert_eq!(excerpt("<p>hello</p>", 5), "hello");
        assert_eq!(excerpt("abcdefghij", 4), "abc…");
        assert_eq!(excerpt("abc", 1), "…");
        assert_eq!(excerpt("abc", 0), "");
    }

    #[test]
    fn s8_nesting_is_linear_and_needs_no_stack() {
        for open in [
            "<div>",
            "<blockquote>",
            "<ul><li>",
            "<svg>",
            "<b x='",
            "&amp;",
            "<!--",
        ] {
            let html = open.repeat(1_000_000 / open.len());
            let started = std::time::Instant::now();
            to_plain(&html);
            assert!(started.elapsed().as_secs() < 10, "{open}");
        }
    }

    #[test]
    fn rare_entities_are_looked_up_so_often_and_no_more() {
        let plain = to_plain(&"&hearts;".repeat(RARE_ENTITIES + 1));
        assert_eq!(plain.matches('♥').count(), RARE_ENTITIES);
        assert!(plain.ends_with("&hearts;"));
    }

    proptest! {
        #[test]
        fn never_panics(html in "\\PC*", chars in 0..50_usize) {
            to_plain(&html);
            prop_assert!(grapheme::count(&excerpt(&html, chars)) <= chars);
        }

        #[test]
        fn escaped_text_comes_back(text in "[ -~é€😀]*") {
            let words: Vec<_> = text.split_whitespace().collect();
            let plain = to_plain(&escape(&text));
            prop_assert_eq!(plain.split_whitespace().collect::<Vec<_>>(), words);
        }
    }
}
