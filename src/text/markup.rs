//! A forgiving HTML tokeniser: one pass, no tree, no recursion.
//!
//! It follows the tokenisation stage of the HTML standard closely enough to
//! read what servers send. Nothing depends on it agreeing with a browser in
//! every corner: what is shown is written anew from its tokens.

/// Attributes kept of one tag; the rest of a longer list is skipped.
const MAX_ATTRIBUTES: usize = 32;

/// One piece of markup. Comments, doctypes and processing instructions yield
/// nothing. Names are as written, in any case.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// Character data with its entities not decoded. May hold a literal `<`.
    Text(&'a str),
    Start {
        name: &'a str,
        attributes: Vec<(&'a str, &'a str)>,
        self_closing: bool,
    },
    End {
        name: &'a str,
    },
}

/// Splits HTML into tokens.
pub(super) struct Tokens<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// Skips the content of a raw text element (`script`, `style`, …) whose
    /// start tag was just read, its end tag included, or everything when the
    /// element is never closed.
    pub(super) fn skip_raw_text(&mut self, name: &str) {
        let bytes = self.source.as_bytes();
        while let Some(offset) = self.source[self.at..].find("</") {
            self.at += offset + 2;
            let end = self.at + name.len();
            let closes = bytes
                .get(self.at..end)
                .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
                && bytes
                    .get(end)
                    .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'));
            if closes {
                self.tag_rest(end);
                return;
            }
        }
        self.at = self.source.len();
    }

    /// Skips the content of an element whose start tag was just read, its end
    /// tag and elements of the same name inside it included.
    pub(super) fn skip_element(&mut self, name: &str) {
        let mut depth = 1_usize;
        while let Some(token) = self.next() {
            match token {
                Token::Start {
                    name: inner,
                    self_closing,
                    ..
                } => {
                    if is_raw_text(inner) {
                        self.skip_raw_text(inner);
                    } else if inner.eq_ignore_ascii_case(name) && !self_closing {
                        depth += 1;
                    }
                }
                Token::End { name: inner } if inner.eq_ignore_ascii_case(name) => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                Token::End { .. } | Token::Text(_) => {}
            }
        }
    }

    /// Moves past the next occurrence of `until`, or to the end.
    fn skip_past(&mut self, from: usize, until: &str) {
        self.at = self.source[from..]
            .find(until)
            .map_or(self.source.len(), |offset| from + offset + until.len());
    }

    /// Skips a comment that starts at `self.at` (`<!--`).
    fn skip_comment(&mut self) {
        let body = self.at + 4;
        let rest = &self.source[body..];
        if rest.starts_with('>') {
            self.at = body + 1;
        } else if rest.starts_with("->") {
            self.at = body + 2;
        } else {
            self.skip_past(body, "-->");
        }
    }

    /// Reads attributes from `at` to the closing `>`. Leaves the tokeniser
    /// after it; `None` when the tag never ends.
    fn tag_rest(&mut self, mut at: usize) -> Option<(Vec<(&'a str, &'a str)>, bool)> {
        let source = self.source;
        let bytes = source.as_bytes();
        let mut attributes = Vec::new();
        let mut self_closing = false;
        // Whatever ends the loop early is the end of the input.
        self.at = bytes.len();
        loop {
            match *bytes.get(at)? {
                b'>' => {
                    self.at = at + 1;
                    return Some((attributes, self_closing));
                }
                b'/' => {
                    self_closing = true;
                    at += 1;
                }
                b if b.is_ascii_whitespace() => at += 1,
                _ => {
                    self_closing = false;
                    let name_start = at;
                    // A leading `=` belongs to the name.
                    at += 1;
                    at += run(&bytes[at..], |b| {
                        !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>' | b'=')
                    });
                    let name = source.get(name_start..at)?;
                    let after = at + run(&bytes[at..], |b| b.is_ascii_whitespace());
                    let mut value = "";
                    if bytes.get(after) == Some(&b'=') {
                        at = after + 1;
                        at += run(&bytes[at..], |b| b.is_ascii_whitespace());
                        match *bytes.get(at)? {
                            quote @ (b'"' | b'\'') => {
                                let start = at + 1;
                                let length = bytes[start..].iter().position(|b| *b == quote)?;
                                value = source.get(start..start + length)?;
                                at = start + length + 1;
                            }
                            _ => {
                                let start = at;
                                at += run(&bytes[at..], |b| !b.is_ascii_whitespace() && b != b'>');
                                value = source.get(start..at)?;
                            }
                        }
                    }
                    if attributes.len() < MAX_ATTRIBUTES {
                        attributes.push((name, value));
                    }
                }
            }
        }
    }
}

fn run(bytes: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|b| !matches(*b))
        .unwrap_or(bytes.len())
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let source = self.source;
        let bytes = source.as_bytes();
        while self.at < bytes.len() {
            let start = self.at;
            let mut text_from = start;
            if bytes[start] == b'<' {
                match bytes.get(start + 1) {
                    Some(b) if b.is_ascii_alphabetic() => {
                        let name = start + 1;
                        let end = name + run(&bytes[name..], in_tag_name);
                        let (attributes, self_closing) = self.tag_rest(end)?;
                        return Some(Token::Start {
                            name: &source[name..end],
                            attributes,
                            self_closing,
                        });
                    }
                    Some(b'/') => {
                        let name = start + 2;
                        if bytes.get(name).is_some_and(u8::is_ascii_alphabetic) {
                            let end = name + run(&bytes[name..], in_tag_name);
                            self.tag_rest(end)?;
                            return Some(Token::End {
                                name: &source[name..end],
                            });
                        }
                        self.skip_past(start, ">");
                        continue;
                    }
                    Some(b'!') if source[start..].starts_with("<!--") => {
                        self.skip_comment();
                        continue;
                    }
                    Some(b'!' | b'?') => {
                        self.skip_past(start, ">");
                        continue;
                    }
                    _ => text_from = start + 1,
                }
            }
            self.at = source[text_from..]
                .find('<')
                .map_or(source.len(), |offset| text_from + offset);
            return Some(Token::Text(&source[start..self.at]));
        }
        None
    }
}

fn in_tag_name(b: u8) -> bool {
    !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>')
}

/// Elements whose content is not markup, and never shown.
pub(super) fn is_raw_text(name: &str) -> bool {
    is_one_of(
        name,
        &[
            "script", "style", "iframe", "noembed", "noframes", "noscript", "textarea", "title",
            "xmp",
        ],
    )
}

/// Elements that are removed together with their content.
pub(super) fn is_dropped(name: &str) -> bool {
    is_one_of(
        name,
        &[
            "svg", "math", "object", "applet", "template", "select", "canvas", "audio", "video",
            "frameset",
        ],
    )
}

/// Elements that are not kept, but whose edges separate words.
pub(super) fn is_separator(name: &str) -> bool {
    is_one_of(
        name,
        &[
            "address",
            "article",
            "aside",
            "body",
            "caption",
            "center",
            "dd",
            "details",
            "div",
            "dl",
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "header",
            "hgroup",
            "hr",
            "html",
            "legend",
            "main",
            "nav",
            "section",
            "summary",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "tr",
        ],
    )
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|n| name.eq_ignore_ascii_case(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<Token<'_>> {
        Tokens::new(source).collect()
    }

    fn start<'a>(name: &'a str, attributes: &[(&'a str, &'a str)]) -> Token<'a> {
        Token::Start {
            name,
            attributes: attributes.to_vec(),
            self_closing: false,
        }
    }

    #[test]
    fn splits_tags_text_and_comments() {
        assert_eq!(
            tokens("a<P class=x y='<b>' z = \"1>2\">b</p ><!-- <i> --><!doctype x><?php ?></ z>c"),
            [
                Token::Text("a"),
                start("P", &[("class", "x"), ("y", "<b>"), ("z", "1>2")]),
                Token::Text("b"),
                Token::End { name: "p" },
                Token::Text("c"),
            ]
        );
    }

    #[test]
    fn a_lone_angle_bracket_is_text() {
        assert_eq!(
            tokens("I <3 U < 5"),
            [Token::Text("I "), Token::Text("<3 U "), Token::Text("< 5")]
        );
        assert_eq!(tokens("<"), [Token::Text("<")]);
    }

    #[test]
    fn unfinished_tags_end_the_input() {
        assert_eq!(tokens("a<b href=\"x"), [Token::Text("a")]);
        assert_eq!(tokens("a<!-- b"), [Token::Text("a")]);
        assert_eq!(tokens("a</b"), [Token::Text("a")]);
        assert_eq!(tokens("<!-->a"), [Token::Text("a")]);
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag_only() {
        let mut tokens = Tokens::new("<script>a</scripty></b></SCRIPT x>b");
        tokens.next();
        tokens.skip_raw_text("script");
        assert_eq!(tokens.next(), Some(Token::Text("b")));
    }

    #[test]
    fn dropped_elements_nest() {
        let mut tokens = Tokens::new("<svg><svg></svg><svg/><style></svg></style></svg>b");
        tokens.next();
        tokens.skip_element("svg");
        assert_eq!(tokens.next(), Some(Token::Text("b")));
    }
}
