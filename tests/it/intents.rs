//! Activity intents (FEP-3b86): from a page of one server to one's own, and what is done there.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::oauth::{self, Browser, PASSWORD, hidden};
use crate::support::peer::eventually;
use crate::support::{Answer, Person, Server};

/// Alice, who has a password, at home on one server, bob with a post on another.
struct Away {
    home: Server,
    away: Server,
    alice: Person,
    bob: Person,
    post: Value,
}

fn query(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// The first address on a page that begins so.
fn link(page: &str, start: &str) -> String {
    let links = page.split("href=\"").skip(1);
    links
        .filter_map(|rest| rest.split('"').next())
        .map(|link| link.replace("&#38;", "&"))
        .find(|link| link.starts_with(start))
        .unwrap_or_else(|| panic!("no link to {start}: {page}"))
}

impl Away {
    async fn start() -> Away {
        let (home, away) = (Server::start().await, Server::start().await);
        let alice = oauth::user(&home, "alice").await;
        let bob = away.person("bob").await;
        let post = json!({"status": "worth an answer"});
        let post = away.post(&bob, "/api/v1/statuses", post).await.ok();
        Away {
            home,
            away,
            alice,
            bob,
            post,
        }
    }

    /// The page of bob's server that says where alice goes on.
    async fn interact(&self, uri: &str, handle: &str) -> Answer {
        let query = query(&[("uri", uri), ("handle", handle)]);
        self.away.get_public(&format!("/interact?{query}")).await
    }

    /// Alice's browser, signed in for a page of her server; that page.
    async fn signed_in(&self, path: &str) -> (Browser<'_>, Answer) {
        let mut browser = Browser::new(&self.home);
        let page = browser.send(Method::GET, path, None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let mut fields = hidden(&page.text);
        fields.push(("login".into(), "alice".into()));
        fields.push(("password".into(), PASSWORD.into()));
        let answer = browser.post("/oauth/sign_in", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let onwards = answer.headers["location"].to_str().unwrap().to_owned();
        assert_eq!(onwards, path);
        let page = browser.send(Method::GET, &onwards, None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        (browser, page)
    }

    async fn post_counts(&self, name: &str, number: i64) {
        let path = format!("/api/v1/statuses/{}", self.post["id"].as_str().unwrap());
        eventually(name, async || {
            let post = self.away.get(&self.bob, &path).await.ok();
            (post[name] == number).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_follows_from_a_page_elsewhere() {
    let there = Away::start().await;
    let profile = there.away.get_public("/@bob").await;
    assert!(profile.text.contains("action=\"/interact\""));
    let handle = format!("@alice@{}", there.home.domain());
    let page = there.interact(&there.bob.account.uri, &handle).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let target = link(&page.text, &format!("{}/intents/follow", there.home.url));
    let path = target.strip_prefix(&there.home.url).unwrap();
    let (mut browser, page) = there.signed_in(path).await;
    assert!(page.text.contains(&format!("bob@{}", there.away.domain())));
    let followers = format!("/api/v1/accounts/{}/followers", there.bob.account.id);
    // Nothing is done before alice says so, and not by a form of another site.
    let mut forged = hidden(&page.text);
    for field in &mut forged {
        if field.0 == "csrf" {
            field.1 = "x".into();
        }
    }
    let refused = browser.post("/intents/follow", &forged).await;
    assert_eq!(refused.status, 403);
    let none = there.away.get(&there.bob, &followers).await.ok();
    assert_eq!(none, json!([]));
    let done = browser.post("/intents/follow", &hidden(&page.text)).await;
    assert_eq!(done.status, 200, "{}", done.text);
    eventually("alice follows", async || {
        let followers = there.away.get(&there.bob, &followers).await.ok();
        (followers[0]["username"] == "alice").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_likes_boosts_and_answers_from_a_page_elsewhere() {
    let there = Away::start().await;
    let uri = there.post["uri"].as_str().unwrap().to_owned();
    let handle = format!("alice@{}", there.home.domain());
    let page = there.interact(&uri, &handle).await;
    let target = link(
        &page.text,
        &format!("{}/authorize_interaction", there.home.url),
    );
    let path = target.strip_prefix(&there.home.url).unwrap();
    let (mut browser, page) = there.signed_in(path).await;
    assert!(page.text.contains("worth an answer"));
    for (verb, count) in [("like", "favourites_count"), ("announce", "reblogs_count")] {
        let action = format!("/intents/{verb}");
        assert!(page.text.contains(&format!("formaction=\"{action}\"")));
        let done = browser.post(&action, &hidden(&page.text)).await;
        assert_eq!(done.status, 200, "{}", done.text);
        there.post_counts(count, 1).await;
    }
    assert!(
        page.text
            .contains(&format!("@bob@{} ", there.away.domain()))
    );
    let mut fields = hidden(&page.text);
    fields.push(("text".into(), "  ".into()));
    let empty = browser.post("/intents/create", &fields).await;
    assert_eq!(empty.status, 422, "an answer without a word");
    assert!(empty.text.contains("role=\"alert\""));
    fields.last_mut().unwrap().1 = format!("@bob@{} this", there.away.domain());
    fields.push(("visibility".into(), "unlisted".into()));
    for _ in 0..2 {
        let done = browser.post("/intents/create", &fields).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }
    there.post_counts("replies_count", 1).await;
    // Sent twice, it was posted once.
    let own = format!(
        "/api/v1/accounts/{}/statuses?exclude_reblogs=true",
        there.alice.account.id
    );
    let own = there.home.get(&there.alice, &own).await.entities("Status");
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["visibility"], "unlisted");
    // A dislike takes the like's place.
    let path = format!("/intents/dislike?{}", query(&[("object", &uri)]));
    let page = browser.send(Method::GET, &path, None).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let done = browser.post("/intents/dislike", &hidden(&page.text)).await;
    assert_eq!(done.status, 200, "{}", done.text);
    there.post_counts("favourites_count", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_can_be_proposed_and_one_goes_back_by_hand() {
    let there = Away::start().await;
    let path = format!(
        "/intents/create?{}",
        query(&[
            ("name", "A title"),
            ("content", "<b>words</b>"),
            ("attachment", "https://shop.example/thing"),
            ("summary", "shopping"),
            ("on-success", "https://shop.example/thanks?a=1"),
            ("on-cancel", "javascript:alert(1)"),
        ])
    );
    let (mut browser, page) = there.signed_in(&path).await;
    assert!(
        page.text
            .contains("A title\n&#60;b&#62;words&#60;/b&#62;\nhttps://shop.example/thing")
    );
    assert!(page.text.contains("value=\"shopping\""));
    assert!(!page.text.contains("href=\"javascript"));
    let mut fields = hidden(&page.text);
    fields.push(("text".into(), "words".into()));
    fields.push(("spoiler_text".into(), "shopping".into()));
    let done = browser.post("/intents/create", &fields).await;
    assert_eq!(done.status, 200, "nobody is sent away: {}", done.text);
    link(&done.text, "https://shop.example/thanks?a=1");
    let share = browser.send(Method::GET, "/share?text=hello", None).await;
    assert!(share.text.contains("\nhello</textarea>"), "{}", share.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let there = Away::start().await;
    let (bob, uri) = (&there.bob.account.uri, there.post["uri"].as_str().unwrap());
    let (mut browser, _) = there.signed_in("/share?text=a").await;
    for (verb, object) in [("like", bob.as_str()), ("follow", uri), ("eat", uri)] {
        let path = format!("/intents/{verb}?{}", query(&[("object", object)]));
        let page = browser.send(Method::GET, &path, None).await;
        assert_eq!(page.status, 404, "{path}");
    }
    let page = browser.send(Method::GET, "/intents/like", None).await;
    assert_eq!(page.status, 404, "there is nothing to like");
    // One signs in for a page of this server alone.
    let mut stranger = Browser::new(&there.home);
    let page = stranger.send(Method::GET, "/share?text=a", None).await;
    let mut fields = hidden(&page.text);
    for field in &mut fields {
        if field.0 == "next" {
            field.1 = "https://evil.example/".into();
        }
    }
    fields.push(("login".into(), "alice".into()));
    fields.push(("password".into(), PASSWORD.into()));
    let refused = stranger.post("/oauth/sign_in", &fields).await;
    assert_eq!(refused.status, 400);
    assert!(refused.headers.get("set-cookie").is_none());
    // The way home: not a handle, nobody's, what is not here, what not everyone may see.
    let closed = json!({"status": "for followers", "visibility": "private"});
    let closed = there
        .away
        .post(&there.bob, "/api/v1/statuses", closed)
        .await
        .ok();
    let nobody = format!("nobody@{}", there.home.domain());
    let alice = format!("alice@{}", there.home.domain());
    for (uri, handle, status) in [
        (uri, "alice", 422),
        (uri, nobody.as_str(), 422),
        (there.alice.account.uri.as_str(), alice.as_str(), 404),
        (closed["uri"].as_str().unwrap(), alice.as_str(), 404),
        ("", alice.as_str(), 404),
    ] {
        let page = there.interact(uri, handle).await;
        assert_eq!(page.status, status, "{uri} {handle}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_moved_does_nothing_here_any_more() {
    let there = Away::start().await;
    let uri = there.post["uri"].as_str().unwrap();
    let path = format!("/intents/like?{}", query(&[("object", uri)]));
    let (mut browser, page) = there.signed_in(&path).await;
    let (id, target) = (there.alice.account.id, there.bob.account.uri.clone());
    there
        .home
        .app
        .write(move |tx| {
            let target = target.clone();
            Box::pin(async move {
                let mut account = kith::db::accounts::by_id(tx, id).await?.unwrap();
                account.moved_to = target;
                Ok(kith::db::accounts::update(tx, &account).await?)
            })
        })
        .await
        .unwrap();
    let refused = browser.post("/intents/like", &hidden(&page.text)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let path = format!("/api/v1/statuses/{}", there.post["id"].as_str().unwrap());
    let post = there.away.get(&there.bob, &path).await.ok();
    assert_eq!(post["favourites_count"], 0);
}
