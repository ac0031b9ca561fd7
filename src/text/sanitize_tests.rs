use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const LINK: &str = "rel=\"nofollow noopener noreferrer\" target=\"_blank\"";

fn check(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        assert_eq!(&normalise(&clean_status_html(input)), expected, "{input}");
    }
}

/// Puts the attributes ammonia adds into a fixed order.
fn normalise(html: &str) -> String {
    html.replace(
        "target=\"_blank\" rel=\"nofollow noopener noreferrer\"",
        LINK,
    )
}

/// Panics unless `html` is made of the allowed subset alone.
fn assert_clean(html: &str, source: &str) {
    for token in Tokens::new(html) {
        match token {
            Token::Text(text) => assert!(!text.contains('<'), "{source:?} -> {html:?}"),
            Token::End { name } => assert!(ELEMENTS.contains(&name), "{source:?} -> {html:?}"),
            Token::Start {
                name, attributes, ..
            } => {
                assert!(ELEMENTS.contains(&name), "{source:?} -> {html:?}");
                for (key, value) in &attributes {
                    let fine = match *key {
                        "rel" => name == "a" && *value == LINK_REL,
                        "target" => name == "a" && *value == "_blank",
                        "href" => {
                            let scheme = value.split(':').next().unwrap_or_default();
                            name == "a"
                                && SCHEMES.contains(&scheme.trim().to_ascii_lowercase().as_str())
                        }
                        "class" => value.split(' ').all(is_kept_class),
                        "translate" => *value == "no",
                        "start" | "value" => value.parse::<i32>().is_ok(),
                        "reversed" => name == "ol",
                        "lang" => true,
                        _ => false,
                    };
                    assert!(fine, "{key}={value} in {source:?} -> {html:?}");
                }
                if name == "a" {
                    for key in ["href", "rel", "target"] {
                        assert!(
                            attribute(&attributes, key).is_some(),
                            "{source:?} -> {html:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn keeps_what_mastodon_keeps() {
    for html in [
        "<p>hello</p>",
        "<p>a<br>b</p>",
        "<blockquote><p>q</p></blockquote>",
        "<pre><code>x\n y</code></pre>",
        "<p><b>b</b><strong>s</strong><u>u</u><i>i</i><em>e</em><del>d</del><s>s</s></p>",
        "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>",
        "<ol start=\"3\"><li value=\"7\">a</li></ol>",
        "<ol reversed=\"\"><li>a</li></ol>",
        "<p><ruby>明<rp>(</rp><rt>Ming</rt><rp>)</rp></ruby></p>",
        "<p lang=\"de-AT\">servus</p>",
        "<p class=\"quote-inline\">RE: x</p>",
        "<p>1 &lt; 2 &amp; 3</p>",
        "",
    ] {
        assert_eq!(clean_status_html(html), html);
    }
}

#[test]
fn keeps_mentions_hashtags_and_shortened_links() {
    let mention = concat!(
        "<span class=\"h-card\" translate=\"no\"><a href=\"https://a.example/@b\" ",
        "class=\"u-url mention\">@<span>b</span></a></span>"
    );
    let html = normalise(&clean_status_html(mention));
    assert!(
        html.starts_with("<span class=\"h-card\" translate=\"no\"><a "),
        "{html}"
    );
    assert!(
        html.contains("class=\"u-url mention\"") && html.contains(LINK),
        "{html}"
    );
    let link = "<a href=\"https://a.example/x\"><span class=\"invisible\">https://</span>\
                <span class=\"ellipsis big\">a.example</span></a>";
    let html = clean_status_html(link);
    assert!(html.contains("<span class=\"ellipsis\">"), "{html}");
}

#[test]
fn drops_foreign_classes_translate_and_ids() {
    check(&[
        (
            "<p class=\"status__content\" id=\"x\" style=\"color:red\">a</p>",
            "<p>a</p>",
        ),
        (
            "<span class=\"big h-card evil\" translate=\"yes\">a</span>",
            "<span class=\"h-card\">a</span>",
        ),
        ("<p dir=rtl data-x=1 lang='\"><x'>a</p>", "<p>a</p>"),
    ]);
}

#[test]
fn headings_become_bold_paragraphs() {
    check(&[
        (
            "<h1>T</h1><h6>U</h6>",
            "<p><strong>T</strong></p><p><strong>U</strong></p>",
        ),
        ("<p>a<h2>b</h2>c", "<p>a</p><p><strong>b</strong></p>c"),
        ("<h1>a<p>b", "<p><strong>a</strong></p><p>b</p>"),
    ]);
}

#[test]
fn unknown_elements_leave_their_words_apart() {
    check(&[
        ("<div>a</div><div>b</div>", "a b "),
        ("<table><tr><td>a<td>b</table>", "a b "),
        ("<article>x<img src=y>z</article>", "xz "),
    ]);
}

#[test]
fn s9_scripts_styles_and_frames_go_with_their_content() {
    check(&[
        ("a<script>alert(1)</script>b", "ab"),
        ("a<SCRIPT\n>alert('</p>')</sCript >b", "ab"),
        ("a<script>alert(1)", "a"),
        ("a<style>p{background:url(javascript:x)}</style>b", "ab"),
        ("a<iframe src=x>c</iframe>b", "ab"),
        (
            "a<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">b",
            "a\"&gt;b",
        ),
        ("<textarea><script></textarea>b", "b"),
        ("<object data=x><p>c</p></object><embed src=x>b", "b"),
        ("<template><script>x</script></template>b", "b"),
        ("<scr<script>x</script>ipt>b", "xipt&gt;b"),
    ]);
}

#[test]
fn s9_links_with_other_schemes_become_text() {
    check(&[
        ("<a href=\"javascript:alert(1)\">x</a>", "x"),
        ("<a href=\" JaVa\tScRiPt:alert(1)\">x</a>", "x"),
        ("<a href=\"java&#10;script:alert(1)\">x</a>", "x"),
        ("<a href=\"&#x6A;avascript&colon;alert(1)\">x</a>", "x"),
        ("<a href=\"\u{1}javascript:alert(1)\">x</a>", "x"),
        (
            "<a href=\"data:text/html,<script>x</script>\">x <b>y</b></a>z",
            "x <b>y</b>z",
        ),
        ("<a href=\"vbscript:x\">x</a>", "x"),
        ("<a href=\"file:///etc/passwd\">x</a>", "x"),
        ("<a href=\"//evil.example/\">x</a>", "x"),
        ("<a href=\"/relative\">x</a>", "x"),
        ("<a>x</a>", "x"),
        ("<a name=x>x</a>", "x"),
    ]);
}

#[test]
fn links_keep_their_target_and_lose_their_own_rel() {
    for scheme in [
        "https://a.example/",
        "gemini://a.example/",
        "magnet:?xt=1",
        "xmpp:a@b.example",
    ] {
        let html = clean_status_html(&format!(
            "<a href=\"{scheme}\" rel=\"me opener\" target=\"_self\" onclick=x>x</a>"
        ));
        assert_eq!(
            normalise(&html),
            format!("<a href=\"{scheme}\" {LINK}>x</a>")
        );
    }
}

#[test]
fn s9_event_handlers_never_survive() {
    for html in [
        "<p onclick=alert(1)>a</p>",
        "<p/onmouseover=alert(1)>a",
        "<img src=x onerror=alert(1)>",
        "<a href='https://a.example' onfocus=alert(1) autofocus>a</a>",
        "<b/x=\"'\"onclick=alert(1)>a</b>",
        "<svg onload=alert(1)>a</svg>",
        "<body onload=alert(1)>a",
        "<p title=\"><img src=x onerror=alert(1)>\">a",
        "<p title='a\"onclick=\"x'>a",
    ] {
        let cleaned = clean_status_html(html);
        assert!(!cleaned.contains("on"), "{html} -> {cleaned}");
        assert_clean(&cleaned, html);
    }
}

#[test]
fn s9_mutation_xss_stays_dead() {
    for html in [
        "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title=\"</style><img src onerror='alert(1)'>\"></style></h1>",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><style></noscript><img src=x onerror=alert(1)>",
        "<svg><foreignObject><p><style></style></p><img src=x onerror=alert(1)>",
        "<select><template><style><!--</style><a rel=\"--></style></template></select><img id=x src=x onerror=alert(1)>\">",
        "<!--><img src=x onerror=alert(1)>-->",
        "<![CDATA[><img src=x onerror=alert(1)>]]>",
        "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\">",
        "<plaintext><img src=x onerror=alert(1)>",
    ] {
        let cleaned = clean_status_html(html);
        assert_clean(&cleaned, html);
        assert_clean(&clean_status_html(&cleaned), html);
        assert!(!cleaned.contains("<img"), "{html} -> {cleaned}");
    }
}

#[test]
fn s9_entities_do_not_become_tags() {
    check(&[
        (
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
        ("&amp;lt;b&amp;gt;", "&amp;lt;b&amp;gt;"),
        ("&l<x>t;b&gt;", "&lt;b&gt;"),
        ("&#60;b&#x3e;", "&lt;b&gt;"),
        ("I <3 you", "I &lt;3 you"),
    ]);
}

#[test]
fn unclosed_and_crossed_tags_are_balanced() {
    check(&[
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b>c"),
        ("a</p></b></div>b", "a b"),
        ("<ul><li>a<li>b</ul>c", "<ul><li>a</li><li>b</li></ul>c"),
        (
            "<a href='https://a.example/'>x<a href='https://b.example/'>y",
            &format!(
                "<a href=\"https://a.example/\" {LINK}>x</a><a href=\"https://b.example/\" {LINK}>y</a>"
            ),
        ),
        (
            "<p>a<blockquote>b</p>c",
            "<p>a</p><blockquote>bc</blockquote>",
        ),
        ("<b><p>x</b>y</p>", "<b><p>x</p></b>y"),
        ("a<b", "a"),
    ]);
}

#[test]
fn line_breaks_are_as_the_next_parser_reads_them() {
    check(&[
        ("<pre>\n\nx\n</pre>", "<pre>x\n</pre>"),
        (
            "<pre lang=de>\n<!-- -->\n<a>\n&#10;x</a></pre>",
            "<pre lang=\"de\">x</pre>",
        ),
        ("<pre><code>\nx</code></pre>", "<pre><code>\nx</code></pre>"),
        ("a&#13;b&#13;&#10;c\r\nd", "a\nb\nc\nd"),
    ]);
}

#[test]
fn formulas_show_their_annotation() {
    check(&[
        (
            "<math><semantics><mrow><mi>x</mi></mrow><annotation encoding=\"application/x-tex\">x^2 &lt; 1</annotation></semantics></math>.",
            "$x^2 &lt; 1$.",
        ),
        (
            "<math display=\"block\"><semantics><annotation encoding=\"application/x-tex\">x</annotation></semantics></math>",
            "$$x$$",
        ),
        (
            "<math><semantics><annotation encoding=\"text/plain\">x squared</annotation></semantics></math>",
            "x squared",
        ),
        ("<math><mi>x</mi></math>", ""),
    ]);
}

#[test]
fn s8_nesting_and_length_are_bounded() {
    let mut cases: Vec<String> = [
        "<div>",
        "<blockquote>",
        "<b>",
        "<p>",
        "<a href='https://a.b'>",
        "<ul><li>",
        "<svg>",
        "<math>",
        "<font>",
        "<table>",
        "<b><i></b>",
        "<b><div></b>",
        "<ruby><rt>",
        "<h1>",
        "<span class='",
        "<!--",
        "</",
        "</p>",
        "<",
        "&",
        "&lt",
        "&amp;&amp;&amp;",
        "<script>",
        "<a href=\"x:\">",
        "<p x=1 ",
        "<br>",
    ]
    .iter()
    .map(|open| open.repeat(100_000))
    .collect();
    cases.push(format!(
        "{}x{}",
        "<blockquote>".repeat(100_000),
        "</blockquote>".repeat(100_000)
    ));
    cases.push(format!("<p {}>x", "a=1 ".repeat(200_000)));
    cases.push(format!("{}{}", "<b>".repeat(90), "</i>".repeat(250_000)));
    for html in &cases {
        let started = Instant::now();
        let cleaned = clean_status_html(html);
        let took = started.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "{took:?} for {}",
            &html[..40]
        );
        assert_clean(&cleaned, &html[..40]);
        let depth = Tokens::new(&cleaned).scan(0_usize, |depth, token| {
            match token {
                Token::Start { name, .. } if name != "br" => *depth += 1,
                Token::End { .. } => *depth -= 1,
                _ => {}
            }
            Some(*depth)
        });
        assert!(depth.max().unwrap_or(0) <= MAX_DEPTH + 1);
    }
}

#[test]
fn text_beyond_the_nesting_limit_survives_its_tags() {
    let html = format!(
        "{}x{}y",
        "<blockquote>".repeat(300),
        "</blockquote>".repeat(300)
    );
    let cleaned = clean_status_html(&html);
    assert!(cleaned.contains('x'));
    assert!(cleaned.ends_with("</blockquote>y"), "{cleaned}");
}

#[test]
fn bios_are_cut_at_their_own_limit() {
    let html = "é".repeat(MAX_ACCOUNT_HTML);
    assert_eq!(clean_account_html(&html).len(), MAX_ACCOUNT_HTML);
    assert_eq!(clean_account_html("<p onclick=x>bio</p>"), "<p>bio</p>");
}

#[test]
fn inline_text_is_one_plain_line() {
    for (input, expected) in [
        ("  Alice\n\tB.  ", "Alice B."),
        ("<b>Bob</b>", "Bob"),
        ("I <3 U", "I <3 U"),
        ("a < b > c", "a < b > c"),
        ("<script>x</script>Eve", "Eve"),
        ("<<b>script>x", "script>x"),
        ("<img src=x onerror=alert(1)", ""),
        ("<\u{202e}script>x", "script>x"),
        ("abc\u{202e}fed\u{0}\u{7}", "abcfed"),
        ("Tom &amp; Jerry", "Tom &amp; Jerry"),
        (":blobcat: 👩‍👩‍👧‍👦", ":blobcat: 👩‍👩‍👧‍👦"),
        ("\u{202e}", ""),
    ] {
        assert_eq!(clean_inline(input, 100), expected, "{input}");
    }
    assert_eq!(clean_inline("abcdef", 3), "abc");
    assert_eq!(clean_inline("👍🏽👍🏽", 1), "👍🏽");
    assert_eq!(clean_inline("abc", 0), "");
}

fn markup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z<>/\"'=& ;#!-]{0,6}",
        Just("<".to_owned()),
        Just("javascript:".to_owned()),
        Just("&#106;avascript&colon;x".to_owned()),
        Just("<!--".to_owned()),
        Just("-->".to_owned()),
        prop::sample::select(vec![
            "p",
            "a",
            "b",
            "svg",
            "math",
            "style",
            "script",
            "table",
            "td",
            "form",
            "img",
            "h1",
            "ul",
            "li",
            "select",
            "mtext",
            "mglyph",
            "annotation",
            "template",
            "noscript",
            "ruby",
            "rt",
            "blockquote",
            "div",
        ])
        .prop_flat_map(|name| {
            prop::sample::select(vec![
                "",
                " href=",
                " onclick=x",
                " class='h-card x'",
                " href='https://a.b/'",
                "/",
                " lang=\"x",
            ])
            .prop_flat_map(move |attribute| {
                prop::sample::select(vec![
                    format!("<{name}{attribute}>"),
                    format!("</{name}>"),
                    format!("<{name}{attribute}"),
                ])
            })
        }),
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn only_the_subset_comes_out(html in markup()) {
        let cleaned = clean_status_html(&html);
        assert_clean(&cleaned, &html);
        // What a reader's parser makes of it is the subset as well.
        assert_clean(&clean_status_html(&cleaned), &html);
        let inline = clean_inline(&html, 50);
        for (at, _) in inline.match_indices('<') {
            let next = inline[at + 1..].chars().next();
            prop_assert!(!next.is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c)), "{inline}");
        }
    }

    #[test]
    fn any_text_is_survived(html in any::<String>(), limit in 0..20_usize) {
        assert_clean(&clean_status_html(&html), &html);
        prop_assert!(grapheme::count(&clean_inline(&html, limit)) <= limit);
    }
}
