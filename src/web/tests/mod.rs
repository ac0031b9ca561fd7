use super::{pages::*, view::*};

include!("sample.rs");

fn every_page() -> Vec<(&'static str, String)> {
    vec![
        ("landing", landing().render()),
        ("first run", first_run().render()),
        ("profile", profile().render()),
        ("thread", thread().render()),
        ("tag", tag().render()),
        ("sign in", sign_in().render()),
        ("second factor", second_factor().render()),
        ("consent", consent().render()),
        ("code", code().render()),
        ("error", error_page().render()),
        ("intent", intent().render()),
        ("onwards", onwards().render()),
    ]
}

/// The tags of a document in order, as (name, attributes); comments and the doctype left out.
fn tags(html: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        // `>` may stand in an attribute's value.
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|(_, character)| {
                quoted ^= *character == '"';
                *character == '>' && !quoted
            })
            .expect("every tag ends")
            .0;
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        found.push((name.to_ascii_lowercase(), attributes.to_owned()));
    }
    found
}

/// Names and values of a tag's attributes; every value in these pages is quoted.
fn pairs(attributes: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').expect("the value ends"),
            None => ("", after),
        };
        found.push((name, value));
        rest = after.trim_start();
    }
    found
}

const VOID: [&str; 6] = ["meta", "link", "img", "input", "br", "hr"];
const PHRASING_ONLY: [&str; 5] = ["p", "summary", "h1", "h2", "label"];
const BLOCKS: [&str; 14] = [
    "p",
    "div",
    "ul",
    "ol",
    "dl",
    "section",
    "article",
    "details",
    "form",
    "blockquote",
    "pre",
    "h1",
    "h2",
    "nav",
];

#[test]
fn nesting_is_valid() {
    for (page, html) in every_page() {
        let mut open: Vec<String> = Vec::new();
        for (tag, attributes) in tags(&html) {
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(closed), "{page}: {open:?}");
                continue;
            }
            if BLOCKS.contains(&tag.as_str()) {
                let outer = open.iter().find(|it| PHRASING_ONLY.contains(&it.as_str()));
                assert_eq!(outer, None, "{page}: <{tag} {attributes}> in {open:?}");
            }
            if tag == "a" {
                assert!(
                    !open.contains(&"a".to_owned()),
                    "{page}: link in link {attributes}"
                );
            }
            if !VOID.contains(&tag.as_str()) {
                open.push(tag);
            }
        }
        assert!(open.is_empty(), "{page}: {open:?}");
    }
}

#[test]
fn nothing_inline_that_the_policy_forbids() {
    for (page, html) in every_page() {
        assert!(!html.to_ascii_lowercase().contains("<script"), "{page}");
        for (tag, attributes) in tags(&html) {
            assert_ne!(tag, "style", "{page}");
            for (name, _) in pairs(&attributes) {
                assert!(
                    name != "style" && !name.starts_with("on"),
                    "{page}: {attributes}"
                );
            }
            assert!(!attributes.contains("javascript:"), "{page}: {attributes}");
        }
    }
    assert!(
        !super::STYLE.contains("http"),
        "the style sheet loads nothing"
    );
}

#[test]
fn pages_are_accessible() {
    for (page, html) in every_page() {
        let tags = tags(&html);
        let count = |name: &str| tags.iter().filter(|(tag, _)| tag == name).count();
        assert_eq!(
            (count("main"), count("h1"), count("title")),
            (1, 1, 1),
            "{page}"
        );
        assert!(html.contains("<html lang=\"en\">") && html.contains("href=\"#content\""));
        let mut ids = Vec::new();
        for (tag, attributes) in &tags {
            if tag == "img" {
                assert!(attributes.contains("alt=\""), "{page}: {attributes}");
            }
            if let Some((_, rest)) = attributes.split_once("id=\"") {
                ids.push(rest.split('"').next().unwrap());
            }
        }
        for (tag, attributes) in &tags {
            if tag == "input" && !attributes.contains("type=\"hidden\"") {
                let id = ids
                    .iter()
                    .find(|id| attributes.contains(&format!("id=\"{id}\"")));
                let label = format!("<label for=\"{}\">", id.unwrap());
                assert!(html.contains(&label), "{page}: {attributes}");
            }
            if let Some((_, rest)) = attributes.split_once("labelledby=\"") {
                assert!(
                    ids.contains(&rest.split('"').next().unwrap()),
                    "{page}: {attributes}"
                );
            }
        }
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{page}: {ids:?}");
    }
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    let evil = "\"><script>alert('x')</script><img src=x onerror=y>";
    let mallory = Account {
        display_name: evil.into(),
        handle: format!("mallory{evil}@evil.example"),
        url: format!("javascript:alert(1)//{evil}"),
        avatar: format!("data:text/html,{evil}"),
        bot: true,
        emojis: vec![Emoji {
            shortcode: "x".into(),
            url: format!("https://e.example/{evil}"),
        }],
    };
    let bad = Post {
        boosted_by: Some(mallory.clone()),
        spoiler_text: format!("{evil} :x:"),
        language: Some(evil.into()),
        in_reply_to: Some(evil.into()),
        url: format!("https://evil.example/{evil}"),
        media: vec![
            Media {
                kind: MediaKind::Video,
                ..picture(evil, evil)
            },
            Media {
                kind: MediaKind::Audio,
                ..picture(evil, evil)
            },
            Media {
                kind: MediaKind::Unknown,
                ..picture(evil, evil)
            },
            picture(evil, evil),
        ],
        poll: Some(Poll {
            options: vec![PollOption {
                title: evil.into(),
                votes: Some(u64::MAX),
            }],
            multiple: false,
            total: 1,
            expires_at: Some(i64::MIN),
            expired: false,
        }),
        card: Some(Card {
            url: format!("JavaScript:alert(1)//{evil}"),
            title: evil.into(),
            description: evil.into(),
            provider: evil.into(),
            image: Some(evil.into()),
        }),
        quote: Some(Quote {
            account: mallory.clone(),
            url: evil.into(),
            content: Html::default(),
            spoiler_text: evil.into(),
        }),
        emojis: mallory.emojis.clone(),
        ..post(mallory.clone(), "<p>ok</p>")
    };
    let field = Field {
        name: evil.into(),
        value: Html::default(),
        verified: true,
    };
    let pages = [
        Landing {
            rules: vec![evil.into()],
            contact: Some(mallory.clone()),
            recent: vec![bad.clone()],
            site: Site {
                title: evil.into(),
                domain: evil.into(),
                version: evil.into(),
                ..site()
            },
            ..landing()
        }
        .render(),
        Profile {
            account: mallory.clone(),
            header: Some(evil.into()),
            fields: vec![field],
            moved_to: Some(mallory.clone()),
            pinned: vec![bad.clone()],
            older: Some(format!("/?{evil}")),
            actor_id: evil.into(),
            feed: Some(evil.into()),
            ..profile()
        }
        .render(),
        Thread {
            ancestors: vec![bad.clone()],
            replies: vec![Reply {
                post: bad.clone(),
                depth: 200,
            }],
            post: bad,
            object_id: evil.into(),
            oembed: Some(evil.into()),
            ..thread()
        }
        .render(),
        Tag {
            name: evil.into(),
            url: format!("/tags/{evil}"),
            ..tag()
        }
        .render(),
        SignIn {
            login: evil.into(),
            error: Some(evil.into()),
            csrf: evil.into(),
            action: evil.into(),
            app_name: Some(evil.into()),
            hidden: vec![(evil.into(), evil.into())],
            ..sign_in()
        }
        .render(),
        SecondFactor {
            error: Some(evil.into()),
            csrf: evil.into(),
            action: evil.into(),
            app_name: Some(evil.into()),
            hidden: vec![(evil.into(), evil.into())],
            ..second_factor()
        }
        .render(),
        Consent {
            account: mallory,
            app_name: evil.into(),
            app_website: Some("javascript:alert(1)".into()),
            scopes: vec![evil.into()],
            destination: Some(evil.into()),
            parameters: vec![(evil.into(), evil.into())],
            ..consent()
        }
        .render(),
        Code {
            app_name: evil.into(),
            code: evil.into(),
            ..code()
        }
        .render(),
        ErrorPage {
            message: Some(evil.into()),
            request_id: Some(evil.into()),
            ..error_page()
        }
        .render(),
    ];
    for html in pages {
        assert!(!html.contains("<script"), "{html}");
        for (tag, attributes) in tags(&html) {
            for (name, value) in pairs(&attributes) {
                assert!(
                    !name.starts_with("on") && !name.contains('<'),
                    "<{tag} {attributes}>"
                );
                if ["href", "src", "poster", "cite"].contains(&name) {
                    let value = value.to_ascii_lowercase();
                    assert_ne!(value, "x", "<{tag} {attributes}>");
                    assert!(!value.starts_with("javascript:"), "<{tag} {attributes}>");
                    assert!(!value.starts_with("data:"), "<{tag} {attributes}>");
                }
            }
        }
    }
}

#[test]
fn emoji_are_shown_in_text_and_left_alone_in_tags() {
    let emojis = [Emoji {
        shortcode: "cat".into(),
        url: "/cat.png".into(),
    }];
    let html = html_with_emoji("<a href=\"/:cat:\">:cat: :dog: 10:30 :cat</a>", &emojis).0;
    assert_eq!(html.matches("<img").count(), 1);
    assert!(
        html.starts_with("<a href=\"/:cat:\"><img class=\"emoji\" src=\"/cat.png\" alt=\":cat:\"")
    );
    assert!(html.ends_with(" :dog: 10:30 :cat</a>"));
    assert_eq!(text_with_emoji("a <b> :cat", &emojis).0, "a &lt;b&gt; :cat");
    assert!(profile().render().contains("She/her <img class=\"emoji\""));
}

#[test]
fn posts_show_what_they_have() {
    let html = thread().render();
    assert!(html.contains("<time datetime=\"2026-11-21T07:36:44Z\">21 Nov 2026, 07:36 UTC</time>"));
    assert!(html.contains("edited <time datetime=\"2026-11-21T08:33:20Z\">"));
    assert!(
        html.contains("alt=\"Fishing boats in the harbour at dawn\" width=\"640\" height=\"360\"")
    );
    assert!(html.contains("<li>3 replies</li>") && html.contains("<li>1,204 favourites</li>"));
    assert!(html.contains("class=\"content\" lang=\"en\" dir=\"auto\""));
    assert!(html.contains("<div class=\"depth-2\">"));

    let html = tag().render();
    let warning = html.split("<details class=\"warning\">").nth(1).unwrap();
    let (summary, hidden) = warning.split_once("</summary>").unwrap();
    assert!(summary.contains("Food, and a long recipe") && !summary.contains("onions"));
    assert!(
        hidden
            .split("</details>")
            .next()
            .unwrap()
            .contains("onions")
    );
    let sensitive = html.split("<details class=\"sensitive\">").nth(1).unwrap();
    let (summary, hidden) = sensitive.split_once("</summary>").unwrap();
    assert!(!summary.contains("A stranded whale"));
    assert!(hidden.contains("alt=\"A stranded whale\""));
    assert!(html.contains("value=\"66\"") && html.contains("47 votes"));
    assert!(html.contains("Boosted by") && html.contains("In reply to @bob@elsewhere.example"));
    assert!(html.contains("lang=\"ar\""));
    assert!(
        html.contains("<bdi>carol</bdi>"),
        "the handle stands in for an empty name"
    );
}

#[test]
fn previews_elsewhere_know_the_page() {
    let html = thread().render();
    for line in [
        "<meta property=\"og:type\" content=\"article\">",
        "<meta property=\"og:url\" content=\"https://kith.example/@alice/110\">",
        "<meta property=\"og:image\" content=\"https://kith.example/media/harbour-small.png\">",
        "<meta name=\"fediverse:creator\" content=\"@alice@kith.example\">",
        "<link rel=\"alternate\" type=\"application/activity+json\" href=\"https://kith.example/users/alice/statuses/110\">",
        "type=\"application/json+oembed\"",
    ] {
        assert!(html.contains(line), "{line}");
    }
    let mut hidden = thread();
    hidden.post.sensitive = true;
    hidden.noindex = true;
    let html = hidden.render();
    assert!(!html.contains("og:image\" content=\"https://kith.example/media/harbour"));
    assert!(html.contains("content=\"noindex, noarchive\""));
    let mut warned = thread();
    warned.post.spoiler_text = "Weather".into();
    let head = warned.render();
    let head = head.split("</head>").next().unwrap();
    assert!(head.contains("Weather") && !head.contains("Fog over"));
    let html = profile().render();
    assert!(html.contains("href=\"https://kith.example/users/alice\""));
    assert!(html.contains("type=\"application/rss+xml\""));
}

#[test]
fn forms_carry_their_fields() {
    let html = sign_in().render();
    for field in [
        "<form method=\"post\" action=\"/oauth/authorize/sign_in\">",
        "type=\"hidden\" name=\"csrf\" value=\"csrf-token\"",
        "name=\"login\" type=\"text\" value=\"alice\"",
        "name=\"password\" type=\"password\"",
        "role=\"alert\">The name or the password is wrong.",
    ] {
        assert!(html.contains(field), "{field}");
    }
    let html = consent().render();
    for field in [
        "<form method=\"post\" action=\"/oauth/authorize\">",
        "name=\"csrf\" value=\"csrf-token\"",
        "name=\"redirect_uri\" value=\"https://tusk.example/cb?a=1&#38;b=2\"",
        "name=\"decision\" value=\"allow\"",
        "name=\"decision\" value=\"deny\"",
        "Publish, edit and delete posts",
        "Use “x:new”",
    ] {
        assert!(html.contains(field), "{field}");
    }
    assert!(code().render().contains("<code>kQ3v-9xTz-Wm2b</code>"));
    let html = intent().render();
    for field in [
        "<form method=\"post\" action=\"/intents/like\">",
        "name=\"csrf\" value=\"csrf-token\"",
        "formaction=\"/intents/announce\"",
        "&#60;/textarea&#62;&#60;script&#62;",
        "<option value=\"unlisted\" selected>",
        "back to <b>shop.example</b>",
    ] {
        assert!(html.contains(field), "{field}");
    }
}

#[test]
fn the_first_visit_says_how_to_begin() {
    assert!(first_run().render().contains("kith user create"));
    assert!(!landing().render().contains("kith user create"));
    assert!(landing().render().contains("a moderator will look at it"));
}

#[test]
fn errors_say_what_happened() {
    let text = |status| {
        ErrorPage {
            status,
            ..error_page()
        }
        .render()
    };
    assert!(text(404).contains("There is nothing here"));
    assert!(text(410).contains("has been deleted"));
    assert!(text(500).contains("The fault is ours"));
    assert!(text(502).contains("The fault is ours"));
    assert!(text(418).contains("That did not work"));
}

#[test]
fn the_style_sheet_is_named_by_its_content() {
    assert!(super::style_path().starts_with("/static/kith.css?v="));
    assert!(landing().render().contains(super::style_path()));
}
