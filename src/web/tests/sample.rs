// Sample pages. The names come from the including module.

fn site() -> Site {
    Site {
        title: "Harbour".into(),
        domain: "kith.example".into(),
        public_url: "https://kith.example".into(),
        language: "en".into(),
        version: "0.1.0".into(),
        source_url: Some("https://kith.example/kith".into()),
    }
}

fn account(name: &str, handle: &str) -> Account {
    Account {
        display_name: name.into(),
        handle: handle.into(),
        url: format!("/@{}", handle.trim_end_matches("@kith.example")),
        avatar: format!("/media/{}.png", handle.split('@').next().unwrap()),
        bot: false,
        emojis: vec![Emoji {
            shortcode: "wave".into(),
            url: "/media/wave.png".into(),
        }],
    }
}

fn alice() -> Account {
    account("Alice Liddell :wave:", "alice@kith.example")
}

fn post(account: Account, content: &str) -> Post {
    Post {
        url: format!("{}/110", account.url),
        account,
        boosted_by: None,
        content: Html(content.into()),
        spoiler_text: String::new(),
        sensitive: false,
        language: Some("en".into()),
        created_at: 1_795_246_604_000,
        edited_at: None,
        in_reply_to: None,
        pinned: false,
        media: Vec::new(),
        poll: None,
        card: None,
        quote: None,
        emojis: Vec::new(),
        replies: 0,
        boosts: 0,
        favourites: 0,
    }
}

fn picture(name: &str, alt: &str) -> Media {
    Media {
        kind: MediaKind::Image,
        url: format!("/media/{name}.png"),
        preview_url: Some(format!("/media/{name}-small.png")),
        description: Some(alt.into()).filter(|alt: &String| !alt.is_empty()),
        size: Some((640, 360)),
    }
}

fn many_posts() -> Vec<Post> {
    let bob = account("Bob", "bob@elsewhere.example");
    vec![
        Post {
            media: vec![picture("harbour", "Fishing boats in the harbour at dawn")],
            boosts: 4,
            favourites: 1_204,
            replies: 1,
            edited_at: Some(1_795_250_000_000),
            ..post(alice(), "<p>Fog over the water this morning, and not a sound but the gulls. <a href=\"https://kith.example/tags/dawn\">#dawn</a></p>")
        },
        Post {
            spoiler_text: "Food, and a long recipe".into(),
            boosted_by: Some(alice()),
            favourites: 12,
            ..post(bob.clone(), "<p>Take six onions…</p>")
        },
        Post {
            sensitive: true,
            media: vec![picture("boat", "A stranded whale"), picture("harbour", "")],
            ..post(alice(), "<p>Found on the beach after the storm.</p>")
        },
        Post {
            poll: Some(Poll {
                options: vec![
                    PollOption { title: "Tea".into(), votes: Some(31) },
                    PollOption { title: "Coffee".into(), votes: Some(12) },
                    PollOption { title: "Something stronger".into(), votes: Some(4) },
                ],
                multiple: false,
                total: 47,
                expires_at: Some(1_795_333_004_000),
                expired: false,
            }),
            ..post(account("", "carol@kith.example"), "<p>What keeps you warm?</p>")
        },
        Post {
            card: Some(Card {
                url: "https://news.example/tides".into(),
                title: "The tides, explained with a bathtub".into(),
                description: "Why there are two a day, and why they are never on time. With drawings that a child understands.".into(),
                provider: "The Daily Gull".into(),
                image: Some("/media/boat.png".into()),
            }),
            quote: Some(Quote {
                account: bob,
                url: "https://elsewhere.example/@bob/7".into(),
                content: Html("<p>I still do not understand the tides.</p>".into()),
                spoiler_text: String::new(),
            }),
            in_reply_to: Some("bob@elsewhere.example".into()),
            ..post(alice(), "<p>This helped me:</p><blockquote><p>Think of a bathtub.</p></blockquote>")
        },
        Post {
            media: vec![
                picture("harbour", "One"), picture("boat", "Two"), picture("harbour", "Three"),
            ],
            language: Some("ar".into()),
            ..post(alice(), "<p>صباح الخير من الميناء</p>")
        },
    ]
}

fn landing() -> Landing {
    Landing {
        site: site(),
        description: Html("<p>A small server for people who live by the sea, and for those who wish they did.</p>".into()),
        users: 128,
        posts: 45_210,
        peers: 3_874,
        registration: Registration::Approval,
        empty: false,
        rules: vec!["Be kind.".into(), "No advertising, no scraping.".into()],
        contact: Some(alice()),
        recent: many_posts(),
    }
}

fn first_run() -> Landing {
    Landing {
        users: 0,
        posts: 0,
        peers: 0,
        empty: true,
        rules: Vec::new(),
        contact: None,
        recent: Vec::new(),
        registration: Registration::Open,
        ..landing()
    }
}

fn profile() -> Profile {
    let mut pinned = post(alice(), "<p>Hello! I draw boats. Ask me about knots.</p>");
    pinned.pinned = true;
    Profile {
        site: site(),
        account: alice(),
        header: Some("/media/harbour.png".into()),
        bio: Html("<p>Boats, knots, tides. She/her :wave:</p>".into()),
        fields: vec![
            Field { name: "Home page".into(), value: Html("<a href=\"https://alice.example\" rel=\"me nofollow noopener\">alice.example</a>".into()), verified: true },
            Field { name: "Boat".into(), value: Html("An old Folkboat".into()), verified: false },
        ],
        posts_count: 1_412,
        following: Some(208),
        followers: Some(1),
        joined: 1_795_246_604_000,
        locked: true,
        moved_to: None,
        pinned: vec![pinned],
        posts: many_posts(),
        older: Some("/@alice?max_id=99".into()),
        newer: None,
        actor_id: "https://kith.example/users/alice".into(),
        feed: Some("/@alice.rss".into()),
        noindex: false,
    }
}

fn thread() -> Thread {
    let bob = account("Bob", "bob@elsewhere.example");
    let mut main = many_posts().remove(0);
    main.replies = 3;
    Thread {
        site: site(),
        ancestors: vec![post(
            bob.clone(),
            "<p>How is the weather at your place?</p>",
        )],
        post: main,
        replies: vec![
            Reply {
                post: post(bob.clone(), "<p>Lovely.</p>"),
                depth: 0,
            },
            Reply {
                post: post(alice(), "<p>It was gone by nine.</p>"),
                depth: 1,
            },
            Reply {
                post: post(bob.clone(), "<p>It always is.</p>"),
                depth: 2,
            },
            Reply {
                post: post(
                    account("", "carol@kith.example"),
                    "<p>Which harbour is this?</p>",
                ),
                depth: 0,
            },
        ],
        more_replies: true,
        object_id: "https://kith.example/users/alice/statuses/110".into(),
        oembed: Some(
            "https://kith.example/api/oembed?url=https%3A%2F%2Fkith.example%2F%40alice%2F110"
                .into(),
        ),
        noindex: false,
    }
}

fn tag() -> Tag {
    Tag {
        site: site(),
        name: "dawn".into(),
        url: "/tags/dawn".into(),
        posts: many_posts(),
        older: Some("/tags/dawn?max_id=9".into()),
        newer: Some("/tags/dawn?min_id=99".into()),
        feed: None,
    }
}

fn sign_in() -> SignIn {
    SignIn {
        site: site(),
        action: "/oauth/authorize/sign_in".into(),
        csrf: "csrf-token".into(),
        app_name: Some("Tusk".into()),
        login: "alice".into(),
        error: Some("The name or the password is wrong.".into()),
        hidden: vec![("client_id".into(), "abc\"><script>".into())],
    }
}

fn second_factor() -> SecondFactor {
    SecondFactor {
        site: site(),
        action: "/oauth/sign_in".into(),
        csrf: "csrf-token".into(),
        app_name: Some("Tusk".into()),
        error: Some("The code is wrong.".into()),
        hidden: vec![("ticket".into(), "abc\"><script>".into())],
    }
}

fn consent() -> Consent {
    Consent {
        site: site(),
        action: "/oauth/authorize".into(),
        csrf: "csrf-token".into(),
        account: alice(),
        app_name: "Tusk".into(),
        app_website: Some("https://tusk.example".into()),
        scopes: [
            "read",
            "write:statuses",
            "push",
            "admin:read:accounts",
            "x:new",
        ]
        .map(String::from)
        .into(),
        destination: Some("tusk.example".into()),
        parameters: vec![
            ("client_id".into(), "abc".into()),
            (
                "redirect_uri".into(),
                "https://tusk.example/cb?a=1&b=2".into(),
            ),
            ("state".into(), "\"'<>".into()),
        ],
    }
}

fn code() -> Code {
    Code {
        site: site(),
        app_name: "Tusk".into(),
        code: "kQ3v-9xTz-Wm2b".into(),
    }
}

fn error_page() -> ErrorPage {
    ErrorPage {
        site: site(),
        status: 404,
        message: None,
        request_id: Some("01JD3".into()),
    }
}

fn intent() -> Intent {
    Intent {
        site: site(),
        csrf: "csrf-token".into(),
        account: alice(),
        person: Some(alice()),
        post: Some(thread().post),
        choices: vec![
            ("/intents/like".into(), "Like"),
            ("/intents/announce".into(), "Boost"),
        ],
        compose: Some(Compose {
            spoiler_text: "\"><script>".into(),
            text: "</textarea><script>alert(1)</script>".into(),
            visibility: "unlisted".into(),
        }),
        hidden: vec![("object".into(), "https://a.example/1?a=1&b=\"<>".into())],
        done: None,
        error: Some("The text is too long".into()),
        back: Some("https://shop.example/thing?a=1&b=2".into()),
    }
}

fn onwards() -> Onwards {
    Onwards {
        site: site(),
        uri: "https://kith.example/users/alice".into(),
        url: "https://kith.example/@alice".into(),
        handle: "\"><script>@a.example".into(),
        target: Some("https://a.example/authorize_interaction?uri=1".into()),
        error: Some("a.example does not say where to go on.".into()),
    }
}
